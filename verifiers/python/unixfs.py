"""UnixFS over DAG-PB: the size of a file of which every block is there, and the entries of directories."""

from typing import List, NamedTuple, Optional

import car
import cid
from cid import Cid

MAX_FILE = 32 * 1024 * 1024
MAX_FILE_DEPTH = 16  # 1,024 links to a node: three levels hold far more than the largest file

RAW_NODE, DIRECTORY, FILE, HAMT_SHARD = 0, 1, 2, 5
FANOUT = 256  # of a directory that is a HAMT
MURMUR3 = 0x22  # the code of murmur3-x64-64


class Link(NamedTuple):
    """A link of a DAG-PB node."""

    cid: Cid
    name: bytes


class Node(NamedTuple):
    """A DAG-PB node with its UnixFS data."""

    links: List[Link]
    kind: int
    data: bytes
    file_size: Optional[int]
    block_sizes: List[int]
    hash_type: Optional[int]
    fanout: Optional[int]


def _fields(data):
    """The fields of a protobuf message in order: (number, value), the value a number or bytes."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == 0:
            value, at = _varint(data, at)
        elif tag & 7 == 2:
            size, at = _varint(data, at)
            if size > len(data) - at:
                raise ValueError("a protobuf is cut off")
            value = data[at:at + size]
            at += size
        else:
            raise ValueError("a protobuf has a field of an unknown kind")
        yield tag >> 3, value


def _varint(data, at):
    number = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("a number in a protobuf is malformed")
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if (byte == 0 and shift) or number >= 1 << 64:
                raise ValueError("a number in a protobuf is malformed")
            return number, at
        shift += 7


def _link(data):
    target, name, last = None, b"", 0
    for number, value in _fields(data):
        if number <= last:
            raise ValueError("the fields of a DAG-PB link are out of order")
        last = number
        if number == 1 and isinstance(value, bytes):
            target = cid.from_bytes(value)
        elif number == 2 and isinstance(value, bytes):
            name = value
        elif number != 3 or not isinstance(value, int):  # 3 is the size of all below, which is only a hint
            raise ValueError("a DAG-PB link has an unknown field")
    if target is None:
        raise ValueError("a DAG-PB link has no CID")
    return Link(target, name)


def parse(block):
    """The node in a block of the codec dag-pb: its links first, sorted by name, then its data."""
    links, message = [], None
    for number, value in _fields(block):
        if message is not None or number not in (1, 2) or not isinstance(value, bytes):
            raise ValueError("a DAG-PB node is malformed")
        if number == 2:
            links.append(_link(value))
        else:
            message = value
    if any(one.name > two.name for one, two in zip(links, links[1:])):
        raise ValueError("the links of a DAG-PB node are not sorted by name")
    if message is None:
        raise ValueError("a DAG-PB node has no UnixFS data")
    single = {}
    block_sizes = []
    for number, value in _fields(message):
        if number == 4 and isinstance(value, bytes):  # packed
            at = 0
            while at < len(value):
                size, at = _varint(value, at)
                block_sizes.append(size)
        elif number == 4:
            block_sizes.append(value)
        elif number in single or number not in (1, 2, 3, 5, 6, 7, 8):
            raise ValueError("the UnixFS data of a node has an unknown field, or one that stands twice")
        else:
            single[number] = value
    if any(isinstance(single.get(number, 0), bytes) for number in (1, 3, 5, 6)) or isinstance(single.get(2, b""), int):
        raise ValueError("the UnixFS data of a node is malformed")
    if 1 not in single:
        raise ValueError("the UnixFS data of a node has no type")
    return Node(links, single[1], single.get(2, b""), single.get(3), block_sizes, single.get(5), single.get(6))


class Reader:
    """Files and directories from a source of blocks. What has been read is remembered, and read only once."""

    def __init__(self, source):
        self._source = source
        self._sizes = {}  # of files and of their parts
        self._directories = {}  # the entries of flat directories, and the slots of shards

    @property
    def blocks_of_files(self):
        """How many blocks the files have that were read."""
        return len(self._sizes)

    def file_size(self, key, depth=0):
        """How many bytes the file `key` has, after every block of it has been read."""
        if key in self._sizes:
            return self._sizes[key]
        if depth > MAX_FILE_DEPTH:
            raise ValueError(f"the file {key} is nested too deeply")
        if key.codec == cid.RAW:
            size = len(car.read_block(self._source, key))
        elif key.codec == cid.DAG_PB:
            size = self._size_of_parts(key, parse(car.read_block(self._source, key)), depth)
        else:
            raise ValueError(f"{key} is not a UnixFS file")
        self._sizes[key] = size
        return size

    def _size_of_parts(self, key, node, depth):
        if node.kind not in (RAW_NODE, FILE):
            raise ValueError(f"{key} is not a file")
        if len(node.block_sizes) != len(node.links):
            raise ValueError(f"the file {key} does not say the size of each part")
        size = len(node.data)
        for link, said in zip(node.links, node.block_sizes):
            size += said
            if size > MAX_FILE:
                raise ValueError(f"the file {key} is larger than {MAX_FILE} bytes")
            if self.file_size(link.cid, depth + 1) != said:
                raise ValueError(f"a part of the file {key} does not have the size that it should have")
        if node.file_size is not None and node.file_size != size:
            raise ValueError(f"the file {key} does not have the size that it says")
        return size

    def find(self, directory, name):
        """The CID that a directory, flat or a HAMT, has for a name; ValueError if it has none."""
        wanted = name.encode("utf-8")
        is_shard, entries = self._directory(directory)
        if is_shard:
            found = None
            for slot in murmur3_x64_64(wanted):  # one byte of the hash for each level
                link = entries.get(slot)
                if link is None:
                    break
                if len(link.name) > 2:
                    found = link.cid if link.name[2:] == wanted else None
                    break
                is_shard, entries = self._directory(link.cid)
                if not is_shard:
                    raise ValueError(f"{link.cid} is not a part of the directory {directory}")
        else:
            found = entries.get(wanted)
        if found is None:
            raise ValueError(f"the directory {directory} has no entry {name}")
        return found

    def _directory(self, key):
        """Whether the directory is a HAMT, and its entries by name or its links by slot."""
        if key not in self._directories:
            if key.codec != cid.DAG_PB:
                raise ValueError(f"{key} is not a directory")
            node = parse(car.read_block(self._source, key))
            if node.kind == HAMT_SHARD:
                self._directories[key] = True, _shard(node)
            elif node.kind == DIRECTORY:
                entries = {link.name: link.cid for link in node.links}
                if len(entries) != len(node.links):
                    raise ValueError(f"a name stands twice in the directory {key}")
                self._directories[key] = False, entries
            else:
                raise ValueError(f"{key} is not a directory")
        return self._directories[key]


def _shard(node):
    """The links of a HAMT's shard by their slot, after they have been compared with its bitfield."""
    if node.fanout != FANOUT or node.hash_type != MURMUR3:
        raise ValueError("a HAMT directory has another fanout or hash than 256 and murmur3-x64-64")
    if len(node.data) > FANOUT // 8:
        raise ValueError("a HAMT directory has a malformed bitfield")
    bits = int.from_bytes(node.data, "big")
    slots = [slot for slot in range(FANOUT) if bits >> slot & 1]
    if [link.name[:2] for link in node.links] != [b"%02X" % slot for slot in slots]:
        raise ValueError("the links of a HAMT directory do not follow its bitfield")
    return dict(zip(slots, node.links))


def murmur3_x64_64(data):
    """The first half of murmur3-x64-128 with the seed 0, as 8 bytes, the most significant first."""
    mask = (1 << 64) - 1
    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F

    def rotate(value, by):
        return (value << by | value >> (64 - by)) & mask

    def mix1(k):
        return rotate(k * c1 & mask, 31) * c2 & mask

    def mix2(k):
        return rotate(k * c2 & mask, 33) * c1 & mask

    def finish(k):
        k = (k ^ k >> 33) * 0xFF51AFD7ED558CCD & mask
        k = (k ^ k >> 33) * 0xC4CEB9FE1A85EC53 & mask
        return k ^ k >> 33

    h1 = h2 = 0
    whole = len(data) // 16 * 16
    for at in range(0, whole, 16):
        h1 ^= mix1(int.from_bytes(data[at:at + 8], "little"))
        h1 = ((rotate(h1, 27) + h2) * 5 + 0x52DCE729) & mask
        h2 ^= mix2(int.from_bytes(data[at + 8:at + 16], "little"))
        h2 = ((rotate(h2, 31) + h1) * 5 + 0x38495AB5) & mask
    tail = data[whole:]
    h1 ^= mix1(int.from_bytes(tail[:8], "little"))  # of an empty tail: 0, which changes nothing
    h2 ^= mix2(int.from_bytes(tail[8:], "little"))
    h1 ^= len(data)
    h2 ^= len(data)
    h1 = (h1 + h2) & mask
    h2 = (h2 + h1) & mask
    return ((finish(h1) + finish(h2)) & mask).to_bytes(8, "big")
