"""Checks an envelope of `enliven oracle attest` with the libraries of in-toto and of its DSSE envelopes.

    python3 check_attestation.py ENVELOPE.json KEYS.json     # KEYS.json: what `enliven oracle keys --json` prints

It fails unless every key's owner signed, the statement is valid, and everything that is changed is refused.
"""

import json
import sys
from pathlib import Path

from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Message
from google.protobuf.json_format import Parse
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey



def read(text):
    """The envelope in a text of JSON."""
    return Envelope.from_dict(json.loads(text))


def refused(envelope, keys, threshold):
    """Whether an envelope does not have the signatures."""
    try:
        envelope.verify(keys, threshold)
    except VerificationError:
        return True
    return False


def main(envelope_path, keys_path):
    """Prints what the statement says."""
    text = Path(envelope_path).read_text("utf-8")
    listed = json.loads(Path(keys_path).read_text("utf-8"))
    keys = [SSlibKey(key["keyid"], "ecdsa", "ecdsa-sha2-nistp256", {"public": key["pem"]}) for key in listed]
    envelope = read(text)
    signers = envelope.verify(keys, len(keys))
    assert len(signers) == len(keys)

    statement = Statement.copy_from_pb(Parse(envelope.payload, Message()))
    statement.validate()
    subject, predicate = statement.pb.subject[0], json.loads(envelope.payload)["predicate"]
    assert subject.name == "directory" and len(subject.digest["sha256"]) == 64
    assert [resource["name"] for resource in predicate["materials"]] == ["cut", "manifest", "model"]

    changed = 0
    for place in range(len(envelope.payload)):
        other = read(text)
        other.payload = other.payload[:place] + bytes([other.payload[place] ^ 1]) + other.payload[place + 1:]
        assert refused(other, keys, 1), f"it may say something else at byte {place}"
        changed += 1
    other = read(text)
    other.payload_type += "x"
    assert refused(other, keys, 1)
    for key in keys:
        fewer = read(text)
        del fewer.signatures[key.keyid]
        assert refused(fewer, keys, len(keys))
        fewer.verify(keys, len(keys) - 1)
    print(f"epoch {predicate['epoch']}: {len(signers)} signatures of {subject.uri}; {changed} changed payloads refused")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
