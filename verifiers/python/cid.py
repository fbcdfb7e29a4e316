"""Content identifiers: version 1, sha2-256, of the three codecs that Enliven uses."""

import base64
from typing import NamedTuple

RAW, DAG_PB, DAG_CBOR = 0x55, 0x70, 0x71
CODEC_NAMES = {RAW: "raw", DAG_PB: "dag-pb", DAG_CBOR: "dag-cbor"}
SIZE = 36  # version, codec, hash function, size of the hash, hash


class Cid(NamedTuple):
    """A codec and a sha2-256 digest."""

    codec: int
    digest: bytes

    @property
    def binary(self):
        """The 36 bytes."""
        return bytes([1, self.codec, 0x12, 0x20]) + self.digest

    def __str__(self):
        return "b" + base64.b32encode(self.binary).decode().lower().rstrip("=")


def from_bytes(data):
    """The identifier in exactly these bytes."""
    if len(data) != SIZE or data[0] != 1 or data[1] not in CODEC_NAMES or data[2:4] != b"\x12\x20":
        raise ValueError("not a CID of version 1 with sha2-256 and the codec raw, dag-pb or dag-cbor")
    return Cid(data[1], bytes(data[4:]))


def from_text(text):
    """The identifier in this text: base32 in lower case, without padding."""
    try:
        if not text.startswith("b") or text != text.lower():
            raise ValueError
        body = text[1:].upper()
        cid = from_bytes(base64.b32decode(body + "=" * (-len(body) % 8)))
    except ValueError:
        raise ValueError(f"not a CID in base32: {text[:80]!r}") from None
    if str(cid) != text:
        raise ValueError(f"not the shortest spelling of a CID: {text[:80]!r}")
    return cid
