"""The records that the light check reads, as docs/formats.md has them: *Evidence* and *Receipt*.

A reader takes a decoded value and where it stands, and gives the value back or raises ValueError. A record comes
back as an object with a field for each of its own; optional fields that are left out are None.
"""

from types import SimpleNamespace

import dagcbor
from cid import Cid


def integer(value, where):
    """A whole number, possibly negative."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{where} is not a whole number")
    return value


def number(value, where):
    """A whole number that is not negative."""
    if integer(value, where) < 0:
        raise ValueError(f"{where} is negative")
    return value


def text(value, where):
    """A text."""
    if not isinstance(value, str):
        raise ValueError(f"{where} is not a text")
    return value


def trait_value(value, where):
    """A number or a text."""
    if isinstance(value, str):
        return value
    return integer(value, where)


def octets(size=None):
    """Bytes, of this size if one is given."""
    def read(value, where):
        if not isinstance(value, bytes):
            raise ValueError(f"{where} is not bytes")
        if size is not None and len(value) != size:
            raise ValueError(f"{where} has {len(value)} bytes, not {size}")
        return value
    return read


def digest(value, where):
    """The 32 bytes of a digest, which stands in a record as `0x` and 64 lower-case digits."""
    text(value, where)
    if len(value) != 66 or value[:2] != "0x" or any(char not in "0123456789abcdef" for char in value[2:]):
        raise ValueError(f"{where} is not a digest")
    return bytes.fromhex(value[2:])


def link(value, where):
    """A link to a block."""
    if not isinstance(value, Cid):
        raise ValueError(f"{where} is not a link")
    return value


def link_or_null(value, where):
    """A link to a block, or nothing."""
    return None if value is None else link(value, where)


def items(reader):
    """A list."""
    def read(value, where):
        if not isinstance(value, list):
            raise ValueError(f"{where} is not a list")
        return [reader(item, f"{where}/{at}") for at, item in enumerate(value)]
    return read


def record(fields, optional=None):
    """A map with exactly these fields; those in `optional` may be left out."""
    optional = optional or {}
    known = {**fields, **optional}

    def read(value, where):
        if not isinstance(value, dict):
            raise ValueError(f"{where or 'the record'} is not a map")
        for name in value:
            if name not in known:
                raise ValueError(f"{where or 'the record'} has the unknown field {name[:80]!r}")
        for name in fields:
            if name not in value:
                raise ValueError(f"{where or 'the record'} has no field {name}")
        read_fields = {name: None for name in optional}
        for name, item in value.items():
            read_fields[name] = known[name](item, f"{where}/{name}")
        return SimpleNamespace(**read_fields)
    return read


def choice(plain, variants):
    """An enum as the pair of a variant's name and its data: a text of `plain`, or a map with one key of `variants`."""
    def read(value, where):
        if isinstance(value, str) and value in plain:
            return value, None
        if isinstance(value, dict) and len(value) == 1:
            name, data = next(iter(value.items()))
            if name in variants:
                return name, variants[name](data, f"{where}/{name}")
        raise ValueError(f"{where} is none of {', '.join([*plain, *variants])}")
    return read


ADDRESS = octets(20)
WORD = octets(32)

ACCOUNT_PROOF = record({
    "address": ADDRESS,
    "nonce": number,
    "balance": WORD,
    "storage_root": WORD,
    "code_hash": WORD,
    "proof": items(octets()),
    "slots": items(record({"slot": WORD, "value": WORD, "proof": items(octets())})),
}, {"code": octets()})

STATE_PROOF = record({
    "header": octets(),
    "token": ACCOUNT_PROOF,
    "oracle": ACCOUNT_PROOF,
    "signers": ACCOUNT_PROOF,
})

REPORT = record({
    "epoch": number,
    "config_count": number,
    "valid_until": number,
    "previous_root": digest,
    "state_root": digest,
    "directory": digest,
    "receipts_root": digest,
    "model": digest,
    "manifest": digest,
    "cut": digest,
})

ACCEPTED_EPOCH = record({
    "oracle": ADDRESS,
    "report": REPORT,
    "signed": choice((), {
        "committee": record({"signers": number, "signatures": items(octets(65))}),
        "group": octets(96),
    }),
}, {"hot": digest})

COMMITTEE = record({
    "oracle": ADDRESS,
    "config_count": number,
    "signers": items(ADDRESS),
    "threshold": number,
    "ejected": number,
}, {"group_key": octets(64)})

EVIDENCE = record({
    "version": number,
    "chain_id": number,
    "state": STATE_PROOF,
    "last": ACCEPTED_EPOCH,
    "earlier": items(link),
    "committees": items(COMMITTEE),
    "tokens": items(record({"token_id": number, "receipt": link, "proof": items(digest)})),
})

RECEIPT = record({
    "version": number,
    "epoch": number,
    "previous": link_or_null,
    "cut": link,
    "manifest": digest,
    "model": digest,
    "schema": digest,
    "features": items(integer),
    "score": record({"units": integer, "scale": number}),
    "attribution": record({"base": integer, "parts": items(integer)}),
    "reasons": items(choice(("mint",), {
        "moved": record({"name": text, "from": trait_value, "to": trait_value, "threshold": integer}),
        "changed": record({"name": text, "from": trait_value, "to": trait_value}),
        "step_limited": record({"name": text, "wanted": trait_value, "allowed": trait_value}),
    })),
    "before": items(trait_value),
    "state": record({
        "token_id": number,
        "subject": text,
        "sequence": number,
        "epoch": number,
        "changed_at": integer,
        "traits": items(record({"name": text, "value": trait_value})),
        "metadata": link,
    }),
})


def parse_evidence(block):
    """The record of evidence in a block."""
    return EVIDENCE(dagcbor.decode(block), "")


def parse_receipt(block):
    """The receipt in a block."""
    return RECEIPT(dagcbor.decode(block), "")
