"""Strict DAG-CBOR: bytes, texts, whole numbers, true, false, null, lists, maps and links, in one spelling only."""

import cid
from cid import Cid

MAX_DEPTH = 64


def decode(data):
    """The value in `data`; whatever does not encode to the same bytes again is refused."""
    value, end = _decode(data, 0, 0)
    if end != len(data):
        raise ValueError("bytes follow the DAG-CBOR")
    if encode(value) != data:
        raise ValueError("the DAG-CBOR is not canonical")
    return value


def _decode(data, at, depth):
    if depth > MAX_DEPTH:
        raise ValueError("DAG-CBOR is nested too deeply")
    if at >= len(data):
        raise ValueError("DAG-CBOR is cut off")
    kind, info = data[at] >> 5, data[at] & 31
    at += 1
    if kind == 7:
        if info in (20, 21, 22):
            return (False, True, None)[info - 20], at
        raise ValueError("DAG-CBOR with a float or an unknown simple value")
    if info < 24:
        argument = info
    elif info < 28:
        size = 1 << info - 24
        if at + size > len(data):
            raise ValueError("DAG-CBOR is cut off")
        argument = int.from_bytes(data[at:at + size], "big")
        at += size
    else:
        raise ValueError("DAG-CBOR with an indefinite length")
    if kind == 0:
        return argument, at
    if kind == 1:
        return -1 - argument, at
    if kind == 6:
        if argument != 42:
            raise ValueError(f"DAG-CBOR with the tag {argument}")
        link, at = _decode(data, at, depth + 1)
        if not isinstance(link, bytes) or link[:1] != b"\0":
            raise ValueError("a link in DAG-CBOR is malformed")
        return cid.from_bytes(link[1:]), at
    # Each byte, entry or pair needs at least one byte of input, which bounds the memory that a length can claim.
    if argument > len(data) - at:
        raise ValueError("DAG-CBOR is cut off")
    if kind == 2:
        return data[at:at + argument], at + argument
    if kind == 3:
        try:
            return data[at:at + argument].decode("utf-8"), at + argument
        except UnicodeDecodeError:
            raise ValueError("a text in DAG-CBOR is not UTF-8") from None
    if kind == 4:
        items = []
        for _ in range(argument):
            item, at = _decode(data, at, depth + 1)
            items.append(item)
        return items, at
    entries = {}
    for _ in range(argument):
        key, at = _decode(data, at, depth + 1)
        if not isinstance(key, str):
            raise ValueError("a key of a map in DAG-CBOR is not a text")
        if key in entries:
            raise ValueError("a key stands twice in a map in DAG-CBOR")
        entries[key], at = _decode(data, at, depth + 1)
    return entries, at


def encode(value):
    """The bytes of a value: shortest numbers, keys of maps by length and then by bytes."""
    if value is None:
        return b"\xf6"
    if value is True:
        return b"\xf5"
    if value is False:
        return b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode("utf-8")
        return _head(3, len(text)) + text
    if isinstance(value, Cid):
        return b"\xd8\x2a" + encode(b"\0" + value.binary)
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(encode(item) for item in value)
    keys = sorted((key.encode("utf-8") for key in value), key=lambda key: (len(key), key))
    return _head(5, len(value)) + b"".join(
        _head(3, len(key)) + key + encode(value[key.decode("utf-8")]) for key in keys)


def _head(kind, argument):
    if argument < 24:
        return bytes([kind << 5 | argument])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << 8 * size:
            return bytes([kind << 5 | info]) + argument.to_bytes(size, "big")
    raise ValueError("a number is too large for DAG-CBOR")
