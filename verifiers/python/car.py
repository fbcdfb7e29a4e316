"""CAR files of version 1, and blocks that must hash to their CID."""

import hashlib
import os

import cid
import dagcbor

MAX_BLOCK = 2 * 1024 * 1024  # larger blocks are not read
MAX_HEADER = 4096
MAX_BLOCKS = 4_000_000  # of a file


class CarFile:
    """A CAR file: its one root, and where each block stands. Blocks are read when they are asked for."""

    def __init__(self, path):
        self._file = open(path, "rb")
        self._size = os.fstat(self._file.fileno()).st_size
        self._places = {}
        header_size = self._varint()
        if header_size is None or not 0 < header_size <= MAX_HEADER:
            raise ValueError("the file has no header of a CAR file")
        header = dagcbor.decode(self._exactly(header_size))
        if not isinstance(header, dict) or set(header) != {"roots", "version"}:
            raise ValueError("the header of the CAR file has other fields than roots and version")
        if header["version"] != 1 or header["version"] is True:
            raise ValueError("the CAR file is not of version 1")
        roots = header["roots"]
        if not isinstance(roots, list) or len(roots) != 1 or not isinstance(roots[0], cid.Cid):
            raise ValueError("the CAR file does not have exactly one root")
        self.root = roots[0]
        self._index()

    def _index(self):
        while True:
            size = self._varint()
            if size is None:
                return
            at = self._file.tell()
            if size > self._size - at:
                raise ValueError("the CAR file is cut off")
            if size < cid.SIZE:
                raise ValueError("a section of the CAR file is too short for a CID")
            key = cid.from_bytes(self._exactly(cid.SIZE))
            if len(self._places) == MAX_BLOCKS:
                raise ValueError(f"the CAR file has more than {MAX_BLOCKS} blocks")
            self._places[key] = (at + cid.SIZE, size - cid.SIZE)
            self._file.seek(at + size)

    def _varint(self):
        """An unsigned LEB128 number, or None at the end of the file."""
        number = shift = 0
        while True:
            byte = self._file.read(1)
            if not byte:
                if shift == 0:
                    return None
                raise ValueError("the CAR file is cut off")
            number |= (byte[0] & 0x7F) << shift
            if byte[0] < 0x80:
                if byte[0] == 0 and shift:
                    raise ValueError("a length in the CAR file is not in its shortest form")
                return number
            shift += 7
            if shift > 56:
                raise ValueError("a length in the CAR file is too large")

    def _exactly(self, size):
        data = self._file.read(size)
        if len(data) != size:
            raise ValueError("the CAR file is cut off")
        return data

    def get(self, key):
        """The bytes that the file has for a CID, or None."""
        place = self._places.get(key)
        if place is None:
            return None
        start, size = place
        if size > MAX_BLOCK:
            raise ValueError(f"the block {key} is larger than {MAX_BLOCK} bytes")
        self._file.seek(start)
        return self._exactly(size)

    def close(self):
        """Closes the file."""
        self._file.close()


def read_block(source, key):
    """The block `key` from `source` (anything with `get`), after its size and its hash have been checked."""
    data = source.get(key)
    if data is None:
        raise ValueError(f"the block {key} is not in the file")
    if len(data) > MAX_BLOCK:
        raise ValueError(f"the block {key} is larger than {MAX_BLOCK} bytes")
    if hashlib.sha256(data).digest() != key.digest:
        raise ValueError(f"the block {key} does not hash to its CID")
    return data
