"""RLP, and proofs of a Merkle Patricia trie of Ethereum."""

from functools import lru_cache

from keccak import keccak256

EMPTY_ROOT = keccak256(b"\x80")  # of a trie without entries
MAX_DEPTH = 16  # lists within lists; a header or a node needs three


@lru_cache(maxsize=1024)
def _hash(node):
    """The hash of a node; the upper nodes of a trie come back in one proof after another."""
    return keccak256(node)


def encode(item):
    """The RLP of bytes, or of a list of items."""
    if isinstance(item, (bytes, bytearray)):
        if len(item) == 1 and item[0] < 0x80:
            return bytes(item)
        return _length(len(item), 0x80) + bytes(item)
    body = b"".join(encode(part) for part in item)
    return _length(len(body), 0xC0) + body


def encode_number(number):
    """A whole number as RLP wants it: big-endian bytes without leading zeros."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _length(length, base):
    if length < 56:
        return bytes([base + length])
    size = encode_number(length)
    return bytes([base + 55 + len(size)]) + size


def decode(data):
    """The one item that `data` holds; anything but the shortest spelling is refused."""
    item, end = _decode(data, 0, len(data), 0)
    if end != len(data):
        raise ValueError("bytes follow an RLP item")
    return item


def _decode(data, at, limit, depth):
    if depth > MAX_DEPTH:
        raise ValueError("RLP is nested too deeply")
    if at >= limit:
        raise ValueError("RLP is cut off")
    first = data[at]
    if first < 0x80:
        return data[at:at + 1], at + 1
    is_list = first >= 0xC0
    short = first - (0xC0 if is_list else 0x80)
    start = at + 1
    length = short
    if short > 55:
        size = short - 55
        start += size
        if start > limit:
            raise ValueError("RLP is cut off")
        length = int.from_bytes(data[at + 1:start], "big")
        if data[at + 1] == 0 or length < 56:
            raise ValueError("a length in RLP is not in its shortest form")
    end = start + length
    if end > limit:
        raise ValueError("RLP is cut off")
    if not is_list:
        if length == 1 and data[start] < 0x80:
            raise ValueError("a byte in RLP is not in its shortest form")
        return data[start:end], end
    items = []
    at = start
    while at < end:
        item, at = _decode(data, at, end, depth + 1)
        items.append(item)
    return items, end


def number(item, what):
    """A whole number from a decoded RLP string."""
    if not isinstance(item, bytes) or len(item) > 32 or item[:1] == b"\0":
        raise ValueError(f"{what} is not a number")
    return int.from_bytes(item, "big")


def _nibbles(data):
    return [nibble for byte in data for nibble in (byte >> 4, byte & 15)]


def _path(packed):
    """The nibbles of a leaf's or an extension's path, and whether it is a leaf."""
    if not isinstance(packed, bytes) or not packed:
        raise ValueError("a node has no path")
    nibbles = _nibbles(packed)
    flag = nibbles[0]
    if flag > 3 or (flag in (0, 2) and nibbles[1] != 0):
        raise ValueError("the path of a node is malformed")
    return nibbles[1 if flag & 1 else 2:], flag >= 2


def prove(root, key, nodes):
    """What the trie with the hash `root` holds at `key`: bytes, or None if the nodes prove that there is nothing.

    `nodes` must be exactly those from the root down to where the path of `key` ends. A node of less than 32
    bytes stands inside its parent and is not listed. A trie without entries has no nodes.
    """
    if root == EMPTY_ROOT:
        if nodes:
            raise ValueError("a proof has nodes of an empty trie")
        return None
    rest = _nibbles(key)
    used = 0
    reference = root  # of the next node: its hash, or the node itself if it stands inside its parent
    found = None
    while True:
        if isinstance(reference, list):
            node = reference
        else:
            if used == len(nodes):
                raise ValueError("a node is missing from a proof")
            raw = nodes[used]
            if _hash(raw) != reference:
                raise ValueError(f"node {used} of a proof does not have the hash that leads to it")
            used += 1
            node = decode(raw)
        if not isinstance(node, list) or len(node) not in (2, 17):
            raise ValueError("a node of a proof is neither a branch, an extension nor a leaf")
        if len(node) == 17:
            if not rest:
                if not isinstance(node[16], bytes):
                    raise ValueError("the value of a branch is malformed")
                found = node[16] or None
                break
            reference, rest = node[rest[0]], rest[1:]
            if reference == b"":
                break
        else:
            path, is_leaf = _path(node[0])
            if is_leaf:
                if path == rest:
                    if not isinstance(node[1], bytes) or not node[1]:
                        raise ValueError("the value of a leaf is malformed")
                    found = node[1]
                break
            if not path:
                raise ValueError("an extension has an empty path")
            if rest[:len(path)] != path:
                break
            reference, rest = node[1], rest[len(path):]
        if isinstance(reference, list):
            if len(encode(reference)) >= 32:
                raise ValueError("a node of 32 bytes or more stands inside its parent")
        elif len(reference) != 32:
            raise ValueError("a node refers to another in neither of the two ways")
    if used != len(nodes):
        raise ValueError("a proof has more nodes than the path needs")
    return found
