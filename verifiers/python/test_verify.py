#!/usr/bin/env python3
"""Tests of the verifier: python3 test_verify.py [VARIANTS.jsonl...]

Known answers of each building block, the golden files, and every variant of the files that are named: a line of JSON with
`name`, `root` (CID), `blocks` (CID to hexadecimal bytes, or null for a block that is left out) and `fails_at`, the step
at which the check must fail, or null. The blocks replace those of the golden file; with `token` and `block_hash` they
are all that there is.
"""

import functools
import hashlib
import io
import json
import os
import random
import sys
import tempfile
import time
from contextlib import redirect_stdout

import canonical_json
import car
import cid
import dagcbor
import digests
import enliven_verify
import keccak
import records
import rlp_trie
import secp256k1
import unixfs
from cid import Cid

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "..", "crates", "app", "light", "tests", "golden")
LEAST_VARIANTS = 60


def refused(function, *arguments):
    """Whether a call raises ValueError."""
    try:
        function(*arguments)
    except ValueError:
        return True
    return False


# Building blocks


def test_keccak():
    """Known answers, and lengths around the end of a block."""
    known = {
        b"": "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
        b"abc": "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
        b"The quick brown fox jumps over the lazy dog":
            "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15",
    }
    for data, expected in known.items():
        assert keccak.keccak256(data).hex() == expected
    # The same permutation under the padding of SHA3-256 must agree with the standard library.
    for size in (0, 1, 134, 135, 136, 137, 271, 272, 273, 1000):
        data = bytes(range(256)) * 4
        assert sha3_256(data[:size]) == hashlib.sha3_256(data[:size]).digest()


def sha3_256(data):
    """SHA3-256 from the verifier's permutation."""
    padded = bytearray(data) + bytes(keccak.RATE - len(data) % keccak.RATE)
    padded[len(data)] ^= 0x06
    padded[-1] ^= 0x80
    state = [0] * 25
    for start in range(0, len(padded), keccak.RATE):
        for lane in range(keccak.RATE // 8):
            state[lane] ^= int.from_bytes(padded[start + 8 * lane:start + 8 * lane + 8], "little")
        state = list(keccak.permute(state))
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])


def test_secp256k1():
    """Addresses of well-known keys, and signatures made here."""
    known = {
        1: "7e5f4552091a69125d5dfcb7b8c2659029395bdf",
        2: "2b5ad5c4795c026514f8317c7a215e218dccd6cf",
        0xAC0974BEC39A17E36BA4A6B4D238FF944BACB478CBED5EFCAE784D7BF4F2FF80:
            "f39fd6e51aad88f6f4ce6ab8827279cfffb92266",
    }
    for secret, address in known.items():
        assert secp256k1.address_of(times(secret, secp256k1.GENERATOR)).hex() == address
        for nonce in (2, 3, 0x1234567890ABCDEF):
            digest = keccak.keccak256(nonce.to_bytes(8, "big"))
            signature = sign(secret, digest, nonce)
            assert secp256k1.recover_address(digest, signature).hex() == address
            s = int.from_bytes(signature[32:64], "big")
            high = signature[:32] + (secp256k1.N - s).to_bytes(32, "big") + bytes([55 - signature[64]])
            assert refused(secp256k1.recover_address, digest, high)
            for v in (0, 1, 26, 29):
                assert refused(secp256k1.recover_address, digest, signature[:64] + bytes([v]))
            assert refused(secp256k1.recover_address, digest, bytes(64) + b"\x1b")
    assert times(secp256k1.N - 1, secp256k1.GENERATOR)[0] == secp256k1.GENERATOR[0]
    assert times(secp256k1.N, secp256k1.GENERATOR) is None


def times(secret, point):
    """A multiple of a point."""
    return secp256k1.combine(secret, point, 0, point)


def sign(secret, digest, nonce):
    """An ECDSA signature of 65 bytes."""
    x, y = times(nonce, secp256k1.GENERATOR)
    s = pow(nonce, -1, secp256k1.N) * (int.from_bytes(digest, "big") + x * secret) % secp256k1.N
    odd = y & 1
    if s > secp256k1.N // 2:
        s, odd = secp256k1.N - s, 1 - odd
    return x.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + odd])


def test_group_signature():
    """A known answer of the ciphersuite, and a signature made here."""
    key = (0x4F6340CFDD930A6F54E730188E3071D150877FA664945FB6F120C18B56CE1C09,
           0x802A5E67C00A70D85B9A088EAC7CF5B9FB46AC5C0B2BD7D1E189FAC210F6B7EF)
    signature = bytes.fromhex(
        "df70c2d9d0bc0711bd338f95527a4545f8bb3530b3a90e07b34df5b0f298ded1"
        "a84975b1488e6ea60530a3bdb74b2e7c9f0217769cbf0f2565744a353b919554"
        "b164ec237af7ea1af309ebdb6aa9588fcb821fb1e3ad32315a95d59a7f0a4600")
    secp256k1.check_group_signature(key, b"\x41" * 32, signature)
    assert refused(secp256k1.check_group_signature, key, b"\x42" * 32, signature)
    for at in (0, 40, 70):
        other = bytearray(signature)
        other[at] ^= 1
        assert refused(secp256k1.check_group_signature, key, b"\x41" * 32, bytes(other))
    mine = times(7, secp256k1.GENERATOR)
    secp256k1.check_group_signature(mine, b"\x43" * 32, sign_as_group(7, b"\x43" * 32, 11))


def sign_as_group(secret, digest, nonce):
    """A group's signature of 96 bytes, made with the whole secret."""
    key, commitment = times(secret, secp256k1.GENERATOR), times(nonce, secp256k1.GENERATOR)
    response = (nonce + secp256k1.group_challenge(commitment, key, digest) * secret) % secp256k1.N
    return b"".join(part.to_bytes(32, "big") for part in (*commitment, response))


def test_rlp():
    """Examples of the specification, and spellings that are not the shortest."""
    examples = {
        b"dog": "83646f67", b"": "80", b"\x0f": "0f", b"\x04\x00": "820400", b"\x80": "8180",
        b"Lorem ipsum dolor sit amet, consectetur adipisicing elit":
            "b8384c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e7365637465747572206164697069736963696e67"
            "20656c6974",
    }
    for item, encoded in examples.items():
        assert rlp_trie.encode(item).hex() == encoded and rlp_trie.decode(bytes.fromhex(encoded)) == item
    nested = [[], [[]], [[], [[]]]]
    assert rlp_trie.encode(nested).hex() == "c7c0c1c0c3c0c1c0"
    assert rlp_trie.decode(rlp_trie.encode(nested)) == nested
    for wrong in ("", "8101", "b800", "b80161", "b90000", "83646f", "c783646f67", "8080", "f800", "c1"):
        assert refused(rlp_trie.decode, bytes.fromhex(wrong)), wrong
    assert refused(rlp_trie.decode, b"\xc1" * 100 + b"\xc0")


class Trie:
    """A trie over keys of 32 bytes, built for the tests only."""

    def __init__(self, entries):
        self.nodes = {}
        pairs = [([n for byte in key for n in (byte >> 4, byte & 15)], value) for key, value in entries.items()]
        self.root_node = self._build(pairs, 0) if pairs else None
        self.root = keccak.keccak256(rlp_trie.encode(self.root_node)) if pairs else rlp_trie.EMPTY_ROOT

    def _build(self, pairs, depth):
        if len(pairs) == 1:
            return [self._pack(pairs[0][0][depth:], True), pairs[0][1]]
        shared = os.path.commonprefix([key[depth:] for key, _ in pairs])
        if shared:
            return [self._pack(shared, False), self._reference(pairs, depth + len(shared))]
        branch = [b""] * 17
        for nibble in range(16):
            below = [pair for pair in pairs if pair[0][depth] == nibble]
            if below:
                branch[nibble] = self._reference(below, depth + 1)
        return branch

    def _reference(self, pairs, depth):
        node = self._build(pairs, depth)
        raw = rlp_trie.encode(node)
        if len(raw) < 32:
            return node
        self.nodes[keccak.keccak256(raw)] = node
        return keccak.keccak256(raw)

    @staticmethod
    def _pack(path, is_leaf):
        flag = 2 * is_leaf + len(path) % 2
        nibbles = ([flag] if len(path) % 2 else [flag, 0]) + path
        return bytes(a << 4 | b for a, b in zip(nibbles[::2], nibbles[1::2]))

    def proof(self, key):
        """The nodes on the way to a key."""
        rest = [n for byte in key for n in (byte >> 4, byte & 15)]
        node, found = self.root_node, []
        if node is None:
            return found
        found.append(rlp_trie.encode(node))
        while True:
            if len(node) == 17:
                reference, rest = node[rest[0]], rest[1:]
            else:
                path = [n for byte in node[0] for n in (byte >> 4, byte & 15)]
                is_leaf, path = path[0] >= 2, path[1 if path[0] & 1 else 2:]
                if is_leaf or rest[:len(path)] != path:
                    return found
                reference, rest = node[1], rest[len(path):]
            if reference == b"":
                return found
            if isinstance(reference, list):
                node = reference
            else:
                node = self.nodes[reference]
                found.append(rlp_trie.encode(node))


def test_trie():
    """Proofs of what is there and of what is not, with short nodes inside their parents."""
    chance = random.Random(1)
    embedded = 0
    for _ in range(25):
        stem = chance.randbytes(32)
        entries = {}
        for _ in range(chance.randrange(0, 12)):
            key = bytearray(stem)
            for _ in range(chance.randrange(1, 3)):
                key[chance.choice((0, 1, 30, 31, 31))] = chance.choice((0, 1, 2, 16, 17, 255))
            entries[bytes(key)] = rlp_trie.encode(bytes([chance.randrange(1, 256)]) * chance.choice((1, 1, 2, 32)))
        trie = Trie(entries)
        probes = set(entries)
        for _ in range(8):
            key = bytearray(stem)
            key[chance.choice((0, 15, 30, 31))] ^= 1 << chance.randrange(8)
            probes.add(bytes(key))
        for key in probes:
            proof = trie.proof(key)
            assert rlp_trie.prove(trie.root, key, proof) == entries.get(key)
            assert refused(rlp_trie.prove, trie.root, key, proof + [proof[-1] if proof else b"\x80"])
            for at in range(len(proof)):
                assert refused(rlp_trie.prove, trie.root, key, proof[:at] + proof[at + 1:])
                changed = bytearray(proof[at])
                changed[chance.randrange(len(changed))] ^= 1
                assert refused(rlp_trie.prove, trie.root, key, proof[:at] + [bytes(changed)] + proof[at + 1:])
        embedded += sum(isinstance(part, list) for node in trie.nodes.values() for part in node)
    assert embedded > 10, embedded


def test_dagcbor():
    """Values that survive, and spellings that are refused."""
    link = Cid(cid.RAW, bytes(32))
    values = [0, 23, 24, 255, 256, 65535, 65536, 2**32, 2**64 - 1, -1, -24, -25, -2**64, b"", b"x" * 300, "", "ä",
              [], [1, [2]], {}, {"b": 1, "aa": 2, "ab": 3}, True, False, None, link, {"a": [link]}]
    for value in values:
        assert dagcbor.decode(dagcbor.encode(value)) == value
    wrong = [
        "", "1800", "190001", "1a00000001", "1b0000000000000001", "3800", "5800", "9f00ff", "bf6161 01ff", "5f4100ff",
        "7f6161ff", "f97e00", "fa00000000", "fb0000000000000000", "f7", "f800", "e0", "c100", "d82a4100", "d82a00",
        "a2616101616102", "a2616201616102", "a262616101616202", "a10101", "61ff", "63eda080", "0000", "8201",
        "9b7fffffffffffffff", "bb7fffffffffffffff", "7bffffffffffffffff", "1c", "d82b4100", "81" * 100 + "00",
        "d82a5825000155122000" + "00" * 31 + "00", "d82a58250001561220" + "00" * 32, "d82a582300" + "1220" + "00" * 32,
    ]
    for data in wrong:
        assert refused(dagcbor.decode, bytes.fromhex(data.replace(" ", ""))), data


def test_cid():
    """Texts and bytes, and other spellings."""
    text = "bafkreicpc2z3gfn57hkmrfwmgx7d7ma7uyv4aqlnwtkptv733fnrqswtoy"
    key = cid.from_text(text)
    assert key.codec == cid.RAW and str(key) == text and cid.from_bytes(key.binary) == key
    last = text[:-1] + "z"  # bits behind the last byte
    for wrong in ("", "b", text.upper(), "B" + text[1:], text[1:], text + "=", text + "a", text[:-1], last,
                  "b" + "ä" * 58, "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", "bafkqaaa"):
        assert refused(cid.from_text, wrong), wrong


def test_json():
    """The canonical spelling and others, numbers above all."""
    numbers = ["0", "1", "-1", "4.5", "0.002", "1e-27", "1e+30", "1e+21", "100000000000000000000", "0.000001", "1e-7",
               "1.5e-7", "5e-324", "1.7976931348623157e+308", "333333333.3333333", "9007199254740992", "0.1"]
    for text in [*numbers, '"a\\n\\u001f\\"\\\\/€"', '{"a":[true,false,null],"b":{}}', '{"\U0001f600":1,"\ufb33":2}']:
        canonical_json.parse(text.encode("utf-8"))
    for text in ["1.0", "-0", "1e3", "1E+30", "01", "9007199254740993", "1e999", "NaN", "Infinity", '{"b":1,"a":2}',
                 '{"a":1,"a":1}', '{"a": 1}', " 1", "1\n", '"\\u20ac"', '"\\/"', '"\\ud800"', "", "[", "[" * 100000,
                 '{"\ufb33":2,"\U0001f600":1}']:
        try:
            canonical_json.parse(text.encode("utf-8"))
        except (ValueError, RecursionError):
            continue
        raise AssertionError(text[:40])
    named = {"image": "a", "name": "b", "animation_url": 1, "properties": {"image_svg": "c", "subject": "d"}}
    assert enliven_verify._named(named) == ["a", "c"] and enliven_verify._named(["x"]) == []


class Store(dict):
    """Blocks in memory, made as they are needed."""

    def put(self, codec, data):
        """Keeps a block and gives its CID."""
        key = Cid(codec, hashlib.sha256(data).digest())
        self[key] = data
        return key

    def node(self, message, links=()):
        """Keeps a DAG-PB node with its UnixFS data and (name, CID) links."""
        block = b"".join(field(2, field(1, key.binary) + field(2, name) + b"\x18\x00") for name, key in links)
        return self.put(cid.DAG_PB, block + field(1, message))


def varint(number):
    """An unsigned LEB128 number."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number, data):
    """A field of a protobuf that holds bytes."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def test_murmur3():
    """Known answers."""
    known = {b"": "0" * 16, b"hello": "cbd8a7b341bd9b02", b"hello, world": "342fac623a5ebc8e",
             b"19 Jan 2038 at 3:14:07 AM": "b89e5988b737affc",
             b"The quick brown fox jumps over the lazy dog.": "cd99481f9ee902c9"}
    for data, expected in known.items():
        assert unixfs.murmur3_x64_64(data).hex() == expected


def test_directories():
    """Flat directories and HAMTs of several levels."""
    store = Store()
    entries = {f"{number}.json": store.put(cid.RAW, str(number).encode()) for number in range(1500)}
    flat = store.node(b"\x08\x01", sorted((name.encode(), key) for name, key in entries.items()))

    def shard(names, level):
        slots = {}
        for name in names:
            slots.setdefault(unixfs.murmur3_x64_64(name.encode())[level], []).append(name)
        links, bits = [], 0
        for slot in sorted(slots):
            bits |= 1 << slot
            prefix = b"%02X" % slot
            below = slots[slot]
            links.append((prefix + below[0].encode(), entries[below[0]]) if len(below) == 1
                         else (prefix, shard(below, level + 1)))
        bitfield = bits.to_bytes((bits.bit_length() + 7) // 8, "big")
        return store.node(b"\x08\x05" + field(2, bitfield) + b"\x28\x22\x30" + varint(256), links)

    reader = unixfs.Reader(store)
    for directory in (flat, shard(list(entries), 0)):
        for name, key in entries.items():
            assert reader.find(directory, name) == key
        for name in ("", "1500.json", "1.jso", "1.json "):
            assert refused(reader.find, directory, name)
    first = next(iter(entries.values()))
    assert refused(reader.find, first, "0.json")
    twice = store.node(b"\x08\x01", [(b"a", first), (b"a", first)])
    assert refused(reader.find, twice, "a")
    unsorted = store.node(b"\x08\x01", [(b"b", first), (b"a", first)])
    assert refused(reader.find, unsorted, "a")
    for message in (b"\x08\x05" + field(2, b"\x01") + b"\x28\x22\x30\x10",
                    b"\x08\x05" + field(2, b"\x01") + b"\x30\x80\x02",
                    b"\x08\x05" + field(2, b"\x02") + b"\x28\x22\x30\x80\x02", b"\x08\x02", b"\x0a\x00", b""):
        assert refused(reader.find, store.node(message, [(b"00a", first)]), "a")


def test_files():
    """Files in one block and in several, and what is wrong with others."""
    store = Store()
    reader = unixfs.Reader(store)

    def file(parts, sizes, total):
        message = b"\x08\x02\x18" + varint(total) + b"".join(b"\x20" + varint(size) for size in sizes)
        return store.node(message, [(b"", part) for part in parts])

    leaf = store.put(cid.RAW, b"x" * 1000)
    assert reader.file_size(leaf) == 1000
    inline = store.node(b"\x08\x02" + field(2, b"abc") + b"\x18\x03")
    assert reader.file_size(inline) == 3
    level = file([leaf, inline], [1000, 3], 1003)
    assert reader.file_size(file([level, level], [1003, 1003], 2006)) == 2006
    for wrong in (file([leaf], [999], 999), file([leaf], [1000], 999), file([leaf, leaf], [1000], 1000),
                  store.node(b"\x08\x01"), store.put(cid.DAG_CBOR, b"\x00"), Cid(cid.RAW, bytes(32)),
                  store.put(cid.RAW, bytes(car.MAX_BLOCK + 1))):
        assert refused(reader.file_size, wrong)
    # Far too many bytes from few blocks, and no bytes from far too many links, must not take long.
    part, size = leaf, 1000
    for _ in range(10):
        part, size = file([part] * 16, [size] * 16, 16 * size), 16 * size
    assert refused(reader.file_size, part)
    part = store.put(cid.RAW, b"")
    for _ in range(10):
        part = file([part] * 16, [0] * 16, 0)
    assert reader.file_size(part) == 0
    for _ in range(10):
        part = file([part], [0], 0)
    assert refused(unixfs.Reader(store).file_size, part)


def test_quorum():
    """The bounds of the threshold, and ejected signers."""
    for signers, least in ((1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (10, 7)):
        assert enliven_verify._quorum(signers, least, 0) == least
        assert refused(enliven_verify._quorum, signers, least - 1, 0)
        assert refused(enliven_verify._quorum, signers, signers + 1, 0)
    assert enliven_verify._quorum(4, 3, 0b0100) == 2
    assert enliven_verify._quorum(7, 7, 0b1000001) == 5
    assert enliven_verify._quorum(6, 4, 0b1) == 4
    assert enliven_verify._quorum(4, 3, 0b10000) == 2
    assert enliven_verify._quorum(4, 3, 0b1111) == 3


def test_leaf():
    """How the values of traits are encoded."""
    assert digests.trait_word(-1) == b"\xff" * 32
    assert digests.trait_word("Gold") == b"Gold" + bytes(28)
    assert digests.trait_word("x" * 31) == b"x" * 31 + b"\0"
    assert digests.trait_word("x" * 32) == keccak.keccak256(b"x" * 32)
    assert digests.merkle_root(b"\2" * 32, [b"\1" * 32]) == keccak.keccak256(b"\1" * 32 + b"\2" * 32)


# The golden file


class Overlay:
    """The golden file's blocks, some of them replaced or left out."""

    def __init__(self, golden, blocks=None):
        self.golden = golden
        self.blocks = blocks or {}

    def get(self, key):
        """The bytes of a block, or None."""
        return self.blocks[key] if key in self.blocks else self.golden.get(key)


def load_golden(name="token"):
    """A golden file's root and blocks, and what is known of it."""
    path = os.path.join(GOLDEN, name)
    with open(path + ".json", encoding="utf-8") as file:
        known = json.load(file)
    source = car.CarFile(path + ".car")
    blocks = {key: source.get(key) for key in source._places}
    source.close()
    return source.root, blocks, bytes.fromhex(known["token"][2:]), bytes.fromhex(known["block_hash"][2:])


def test_golden():
    """The golden file passes; with another token or block it does not."""
    root, blocks, token, block_hash = load_golden()
    outcome = enliven_verify.verify(Overlay(blocks), root, token, block_hash)
    assert outcome["valid"] and [one["subject"] for one in outcome["tokens"]] == ["Argentina", "Uruguay"], outcome
    assert outcome["tokens"][0]["kept_at"] is None and outcome["tokens"][1]["kept_at"].startswith("bafybei")
    assert enliven_verify.verify(Overlay(blocks), root, bytes(20), block_hash)["failed_at"] == "state"
    assert enliven_verify.verify(Overlay(blocks), root, token, bytes(32))["failed_at"] == "anchor"


def test_golden_of_a_group():
    """A group signed this one, its directories are sharded, and one of its tokens has changed twice."""
    root, blocks, token, block_hash = load_golden("group")
    outcome = enliven_verify.verify(Overlay(blocks), root, token, block_hash)
    assert outcome["valid"], outcome
    assert [one["sequence"] for one in outcome["tokens"]] == [1, 3, 1], outcome


def test_command_line():
    """The program on the golden file, and on files that are damaged: a message with the step, never a traceback."""
    _, _, token, block_hash = load_golden()
    known = ["--token", "0x" + token.hex(), "--block", "0x" + block_hash.hex()]

    def run(path, *more):
        printed = io.StringIO()
        with redirect_stdout(printed):
            code = enliven_verify.main([path, *known, *more])
        return code, printed.getvalue()

    code, printed = run(os.path.join(GOLDEN, "token.car"))
    assert code == 0 and "valid: epoch 20" in printed
    code, printed = run(os.path.join(GOLDEN, "token.car"), "--json")
    assert code == 0 and json.loads(printed)["valid"]
    code, printed = run(os.path.join(HERE, "no such file"))
    assert code == 1 and "not valid: evidence: cannot read" in printed
    with open(os.path.join(GOLDEN, "token.car"), "rb") as file:
        whole = file.read()
    header = whole[:1 + whole[0]]
    damaged = [b"", b"\0", b"\xff" * 20, whole[:-1], whole[:30], header, whole + b"\x24", whole + b"\x80",
               whole.replace(b"gversion\x01", b"gversion\x02", 1), whole + b"\x80\x00", whole + b"\0"]
    with tempfile.TemporaryDirectory() as folder:
        for at, data in enumerate(damaged):
            path = os.path.join(folder, f"{at}.car")
            with open(path, "wb") as file:
                file.write(data)
            code, printed = run(path)
            assert code == 1 and "not valid: evidence: " in printed, (at, printed)
            code, printed = run(path, "--json")
            assert code == 1 and json.loads(printed)["failed_at"] == "evidence"
    # A block of more than 2 MiB that nobody needs is skipped.
    extra = bytes(car.MAX_BLOCK + 1)
    key = Cid(cid.RAW, hashlib.sha256(extra).digest()).binary
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "extra.car")
        with open(path, "wb") as file:
            file.write(whole + varint(len(key + extra)) + key + extra)
        assert run(path)[0] == 0


def test_group_path():
    """The golden record as if a group had signed it: the step quorum, past the steps before it."""
    root, blocks, token, block_hash = load_golden()
    secret = 12345
    key = b"".join(part.to_bytes(32, "big") for part in times(secret, secp256k1.GENERATOR))
    check = enliven_verify.LightCheck(Overlay(blocks), root, token, block_hash)
    for step in ("evidence", "anchor", "state"):
        getattr(check, step)()
    last, committee = check.record.last, check.record.committees[0]
    digest = digests.report_digest(check.record.chain_id, last.oracle, last.report, None)
    last.signed = ("group", sign_as_group(secret, digest, 999))
    assert refused(check.quorum)
    committee.group_key = key
    assert refused(check.quorum)
    check.record.state.oracle.code = b"\x60\x01" + key[:32] + b"\x50"
    assert "group" in check.quorum()
    check.record.state.oracle.code = b"\x60\x01" + key[1:32] + b"\x50"
    assert refused(check.quorum)
    check.record.state.oracle.code = key
    last.hot = bytes(32)
    assert refused(check.quorum)
    hot = digests.report_digest(check.record.chain_id, last.oracle, last.report, last.hot)
    last.signed = ("group", sign_as_group(secret, hot, 1000))
    assert "group" in check.quorum()


def test_receipts():
    """Receipts that do not follow one another, past the steps before; the chain could not be signed again here."""
    root, blocks, token, block_hash = load_golden()
    check = enliven_verify.LightCheck(Overlay(blocks), root, token, block_hash)
    for step in ("evidence", "anchor", "state", "quorum", "proof"):
        getattr(check, step)()
    check.receipts()
    latest = check.receipts_of[1]
    before = records.parse_receipt(blocks[latest.previous])

    def rules():
        enliven_verify._check_receipt(latest)
        enliven_verify._check_receipt(before)
        enliven_verify._check_follows(latest, before)

    rules()
    changes = [
        (latest, "version", 2), (latest.score, "units", 0), (latest.attribution, "base", 0), (latest.state, "epoch", 9),
        (latest.state, "token_id", 3), (latest.state, "subject", "Chile"), (latest.state, "sequence", 3),
        (latest, "epoch", 1), (latest, "before", latest.before[1:]), (before.state, "sequence", 2),
        (before, "before", [1]), (before.attribution, "parts", []), (before, "version", 0),
        (before.state, "traits", before.state.traits[::-1]),
    ]
    for place, name, value in changes:
        kept = getattr(place, name)
        setattr(place, name, value)
        assert refused(rules), name
        setattr(place, name, kept)
    rules()
    latest.epoch = check.last_epoch + 1
    assert refused(check.receipts)


def test_strange_records():
    """Random changes of the kinds of values in a record that is sealed again: a step fails, nothing else happens."""
    root, blocks, token, block_hash = load_golden()
    chance = random.Random(2)
    strange = [None, True, -1, 0, 2**64 - 1, -2**64, "", "0x", "x" * 40, b"", b"\0" * 20, b"\0" * 32, b"\xc0", b"\xf8",
               [], {}, [[]], {"committee": {}}, {"group": b"\0" * 96},
               Cid(cid.RAW, bytes(32)), Cid(cid.DAG_PB, bytes(32))]
    for _ in range(300):
        record = dagcbor.decode(blocks[root])
        place = record
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = chance.choice(keys)
            if isinstance(place[key], (dict, list)) and place[key] and chance.random() < 0.9:
                place = place[key]
                continue
            place[key] = chance.choice(strange)
            break
        data = dagcbor.encode(record)
        sealed = Cid(cid.DAG_CBOR, hashlib.sha256(data).digest())
        if sealed == root:
            continue
        outcome = enliven_verify.verify(Overlay(blocks, {sealed: data}), sealed, token, block_hash)
        assert not outcome["valid"], (key, place[key])
        assert outcome["error"] and outcome["failed_at"] in enliven_verify.STEPS


# The tampered variants


def check_variants(path):
    """How many variants there are, and those at which the verifier does not fail where it should."""
    root, golden, token, block_hash = load_golden()
    count, wrong = 0, []
    with open(path, encoding="utf-8") as file:
        for line in file:
            variant = json.loads(line)
            blocks = {cid.from_text(key): None if data is None else bytes.fromhex(data)
                      for key, data in variant["blocks"].items()}
            whole, known = (golden, (token, block_hash)) if "token" not in variant else ({}, (
                bytes.fromhex(variant["token"][2:]), bytes.fromhex(variant["block_hash"][2:])))
            outcome = enliven_verify.verify(Overlay(whole, blocks), cid.from_text(variant["root"]), *known)
            count += 1
            if outcome["failed_at"] != variant["fails_at"]:
                wrong.append(f"{variant['name']}: fails at {outcome['failed_at']} ({outcome['error']}), "
                             f"not at {variant['fails_at']}")
    return count, wrong


def remember():
    """Keeps hashes and recovered addresses, since the variants have nearly everything in common."""
    kept_hash = functools.lru_cache(maxsize=20_000)(keccak.keccak256)
    kept_address = functools.lru_cache(maxsize=20_000)(secp256k1.recover_address)
    for module in (enliven_verify, digests, rlp_trie, secp256k1):
        module.keccak256 = kept_hash
    secp256k1.recover_address = kept_address


def main(arguments):
    """Runs every test, and prints one line for each disagreement and one for all."""
    started = time.monotonic()
    tests = [(name, test) for name, test in sorted(globals().items()) if name.startswith("test_")]
    failures = []
    for name, test in tests:
        try:
            test()
        except Exception as error:  # a test that breaks is a failure, whatever breaks it
            failures.append(f"{name}: {type(error).__name__} {error} (line {_line(error)})")
    variants, wrong = 0, []
    if arguments:
        remember()
    for path in arguments:
        count, disagreeing = check_variants(path)
        variants, wrong = variants + count, wrong + disagreeing
        if count < LEAST_VARIANTS:
            failures.append(f"{path} has {count} variants, fewer than {LEAST_VARIANTS}")
    for line in failures + wrong:
        print(line)
    seconds = time.monotonic() - started
    print(f"{len(tests) - sum(line.startswith('test_') for line in failures)} of {len(tests)} tests passed, "
          f"{variants - len(wrong)} of {variants} variants fail at their step, {seconds:.1f} s")
    return 1 if failures or wrong else 0


def _line(error):
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_lineno


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
