// The parts, held against other implementations: @ipld/dag-cbor, multiformats, @noble/curves, and what
// ipfs-unixfs-importer made (crates/base/content/tests/golden).

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { decode, encode } from "@ipld/dag-cbor";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { base16, base16upper } from "multiformats/bases/base16";
import { base32, base32upper } from "multiformats/bases/base32";
import { base36, base36upper } from "multiformats/bases/base36";
import { base58btc } from "multiformats/bases/base58";
import { CID } from "multiformats/cid";
import { create } from "multiformats/hashes/digest";
import { inside } from "./inside.js";
import { newGroup, newSigner } from "./world.js";
import { RAW, Store, Trie, bytes, carWith, cidOf, concat, directory, file, hex, keccak, node, number, readCar, utf8, varint, word } from "./write.js";

const { Cid } = inside.cid;
const golden = (path) => readFile(new URL(`../../../crates/${path}`, import.meta.url));
const unixfs = JSON.parse(await golden("base/content/tests/golden/unixfs.json"));

/** Numbers that look random and are the same in every run. */
function* numbers(seed) {
  for (let at = 0; ; at++) yield new DataView(keccak(utf8(`${seed} ${at}`)).buffer).getUint32(0);
}

/** What @ipld/dag-cbor says of bytes; undefined if they are not the one encoding of a value without floats and
 * booleans. */
function peerDecode(block) {
  const plain = (value) => {
    if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
    if (typeof value === "number" || typeof value === "boolean") throw new Error("a kind that no record has");
    if (Array.isArray(value)) return value.map(plain);
    if (CID.asCID(value)) return String(value);
    if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
    return Object.entries(value).map(([name, item]) => [name, plain(item)]);
  };
  try {
    const value = decode(block);
    return hex(encode(value)) === hex(block) ? plain(value) : undefined;
  } catch {
    return undefined;
  }
}

function ownDecode(block) {
  const plain = (value) => {
    if (Array.isArray(value)) return value.map(plain);
    if (value instanceof Map) return [...value].map(([name, item]) => [name, plain(item)]);
    if (value instanceof Cid) return String(value);
    return value;
  };
  try {
    return plain(inside.cbor.decode(block));
  } catch (error) {
    assert.ok(error instanceof inside.bytes.Fault, error);
    return undefined;
  }
}

test("DAG-CBOR is read as the peer reads it, however it is changed", async () => {
  const random = numbers("cbor");
  const next = (below) => random.next().value % below;
  const { store } = readCar(await golden("app/light/tests/golden/token.car"));
  const blocks = [...store.values()].filter(({ cid }) => cid.code === 0x71).map((one) => one.bytes);
  const edges = [0, 23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, 2n ** 53n, 2n ** 64n - 1n].flatMap((one) => [one, -1n - BigInt(one)]);
  blocks.push(encode({ edges, "": "é\ufeff", b: new Uint8Array(300), aa: null, __proto__: 1, link: cidOf(RAW, utf8("x")) }));
  let accepted = 0;
  for (const block of blocks) {
    assert.deepEqual(ownDecode(block), peerDecode(block));
    assert.notEqual(ownDecode(block), undefined);
    for (let round = 0; round < 1500; round++) {
      const changed = block.slice(0, next(8) === 0 ? next(block.length) : block.length);
      for (let count = 1 + next(2); count > 0 && changed.length > 0; count--) changed[next(Math.min(changed.length, 1200))] = next(256);
      const [own, peer] = [ownDecode(changed), peerDecode(changed)];
      // A CID that is written in more bytes than it needs, or of a hash of more than 64 bytes, is taken by the peer only.
      if (own === undefined && peer !== undefined && JSON.stringify(peer, (_, one) => String(one)).length > 0 && oddLink(changed)) continue;
      assert.deepEqual(own, peer, hex(changed));
      accepted += own === undefined ? 0 : 1;
    }
  }
  assert.ok(accepted > 1000, `${accepted}`);
  for (const wrong of ["", "1800", "190001", "1a00000001", "1b0000000000000001", "5f4100ff", "9fff", "f4", "f97e00", "fb3ff8000000000000", "c100", "d82a40", "a2616100616100", "a2616200616100", "61ff", "6180", "00f6", `${"81".repeat(40)}00`, "9b7fffffffffffffff", "ff", "1c"]) {
    assert.equal(ownDecode(Buffer.from(wrong, "hex")), undefined, wrong);
  }
});

/** Whether one of the links of a block is a CID that only the peer takes. */
function oddLink(block) {
  const odd = (value) => {
    const cid = CID.asCID(value);
    if (cid) {
      const again = cid.version === 1 ? concat(varint(1), varint(cid.code), varint(cid.multihash.code), varint(cid.multihash.size), cid.multihash.digest) : cid.bytes;
      return hex(again) !== hex(cid.bytes) || cid.multihash.size > 64;
    }
    if (value instanceof Uint8Array || typeof value !== "object" || value === null) return false;
    return Object.values(value).some(odd);
  };
  return odd(decode(block));
}

test("CIDs are those of the peer; their text is in base 32", () => {
  for (let place = 0; place < 50; place++) {
    const digest = keccak(word(place));
    for (const cid of [CID.createV0(create(0x12, digest)), ...[0x55, 0x70, 0x71, 0x0129].map((codec) => CID.createV1(codec, create(0x12, digest))), CID.createV1(0x55, create(0x13, concat(digest, digest)))]) {
      const own = Cid.of(cid.bytes);
      assert.equal(String(own), String(cid));
      assert.deepEqual([own.version, own.codec, own.hash, hex(own.digest)], [cid.version, BigInt(cid.code), BigInt(cid.multihash.code), hex(cid.multihash.digest)]);
      if (cid.version === 0) {
        assert.equal(Cid.parse(String(cid)), null);
        continue;
      }
      assert.ok(Cid.parse(String(cid)).equals(own));
      for (const base of [base16, base16upper, base32upper, base36, base36upper, base58btc]) {
        assert.equal(Cid.parse(cid.toString(base)), null, cid.toString(base));
      }
    }
  }
  const text = String(cidOf(RAW, utf8("x")));
  for (const wrong of ["", "b", "Qm", text.slice(1), `b${text.slice(1).toUpperCase()}`, `${text}a`, text.slice(0, -1), `${text}/1`, `${text} `, ` ${text}`, `${text.slice(0, -1)}b`, `f00${"00".repeat(40)}`, `b${"a".repeat(10000)}`]) {
    assert.equal(Cid.parse(wrong), null, wrong);
  }
});

test("murmur3 has known values", () => {
  const { murmur3 } = inside.murmur3;
  assert.equal(hex(murmur3(utf8(""))), "0000000000000000");
  assert.equal(hex(murmur3(utf8("hello"))), "cbd8a7b341bd9b02");
  assert.equal(hex(murmur3(utf8("The quick brown fox jumps over the lazy dog"))), "e34bbc7bbc071b6c");
});

const filled = (length) => Uint8Array.from({ length }, (_, index) => (index * 31 + 7) % 251);

/** The reader of files and directories, over the blocks of a store. */
function reader(store, root) {
  const { blocks } = inside.car.readCar(carWith(root, store));
  const files = new inside.directory.UnixFs(blocks);
  return {
    read: (cid) => files.read(Cid.of(cid.bytes)),
    resolve: (cid, path) => String(files.resolve(Cid.of(cid.bytes), path)),
  };
}

test("directories are those of the importer, and every entry is found", () => {
  const entry = (index) => utf8(`entry ${index}`);
  const plain = (store, entries) => directory(store, Array.from({ length: entries }, (_, index) => {
    const cid = store.put(RAW, entry(index));
    return [`${index}.json`, { cid, size: entry(index).length }];
  }));
  for (const { case: name, entries, digits = 0, suffix = ".json", last, below, cid, size } of unixfs.directories) {
    if (entries > 10000) continue;
    const store = new Store();
    const named = [];
    for (let index = 0; index < entries; index++) {
      const text = last && index + 1 === entries ? last : `${String(index).padStart(digits, "0")}${suffix}`;
      named.push([text, { cid: store.put(RAW, entry(index)), size: entry(index).length }]);
    }
    if (below) named.push(["sub", plain(store, below)], ["big.bin", file(store, filled((1 << 20) + 1))]);
    const made = directory(store, named);
    assert.deepEqual([String(made.cid), made.size], [cid, size], name);
    const files = reader(store, made.cid);
    for (const [text, link] of named) assert.equal(files.resolve(made.cid, text), String(link.cid), `${name}: ${text}`);
    assert.throws(() => files.resolve(made.cid, "none"), /has no entry `none`/);
    if (below) {
      assert.equal(files.resolve(made.cid, `sub/${below - 1}.json`), String(cidOf(RAW, entry(below - 1))));
      assert.throws(() => files.resolve(made.cid, "0.json/x"), /is not a UnixFS directory/);
    }
  }
});

test("files are those of the importer, and are read whole", () => {
  for (const { case: name, bytes: length, chunk_bytes, width, cid, size } of unixfs.files) {
    const store = new Store();
    const made = file(store, filled(length), chunk_bytes, width);
    assert.deepEqual([String(made.cid), made.size], [cid, size], name);
    assert.equal(Buffer.compare(reader(store, made.cid).read(made.cid), filled(length)), 0, name);
  }
});

test("shards that are not as they should be are refused", () => {
  const target = cidOf(RAW, utf8("x"));
  const slot = hex(inside.murmur3.murmur3(utf8("name"))).slice(0, 2).toUpperCase();
  const field = (at) => Buffer.from((1n << BigInt(parseInt(at, 16))).toString(16).padStart(64, "0"), "hex");
  const shard = (names, bits, hash = 0x22, fanout = 256) =>
    node(names.map((name) => ({ name, cid: target, size: 1 })), concat(number(1, 5), bytes(2, bits), number(5, hash), number(6, fanout)));
  const look = (block) => {
    const store = new Store();
    const cid = store.put(0x70, block);
    return reader(store, cid).resolve(cid, "name");
  };
  assert.equal(look(shard([`${slot}name`], field(slot))), String(target));
  for (const [block, words] of [
    [shard([`${slot}name`], field("00")), /bit field/],
    [shard([`${slot}name`], field(slot), 0x12), /fanout is not 256/],
    [shard([`${slot}name`], field(slot), 0x22, 16), /fanout is not 256/],
    [shard([`${slot.toLowerCase()}name`, "zz"], field(slot)), /no slot number/],
    [shard([`${slot}name`, `${slot}other`], field(slot)), /repeated or out of order/],
    [shard([`${slot}other`], field(slot)), /has no entry/],
    [shard([slot], field(slot)), /is not a UnixFS directory/],
    [node([], concat(number(1, 9))), /kind/],
    [node([], new Uint8Array()), /kind/],
    [concat(node([], Uint8Array.of(8, 1)), [0x18, 1]), /unknown field/],
    [concat(node([], Uint8Array.of(8, 1)), bytes(1, new Uint8Array())), /data twice/],
    [node([], Uint8Array.of(8, 0x81, 0)), /more bytes than it needs/],
    [node([], Uint8Array.of(8, 1, 8, 1)), /stands twice/],
  ]) {
    assert.throws(() => look(block), words);
  }
});

test("tries prove what they hold and what they do not", () => {
  const random = numbers("trie");
  const next = (below) => random.next().value % below;
  const { lookUp } = inside.trie;
  for (let round = 0; round < 60; round++) {
    // Keys that share long beginnings, so that some nodes are so short that they stand inside of others.
    const keys = new Map();
    for (let count = next(40); count > 0; count--) {
      const key = new Uint8Array(32).fill(round);
      if (next(3) > 0) key.set(keccak(word(next(1000))).subarray(0, 3));
      for (let at = 29; at < 32; at++) key[at] = next(3) === 0 ? next(256) : 0;
      keys.set(hex(key), [key, keccak(word(next(1000))).subarray(0, 1 + next(33))]);
    }
    const trie = new Trie([...keys.values()]);
    const absent = Array.from({ length: 10 }, () => keccak(word(next(10000))));
    for (const [key, value] of keys.values()) {
      const near = key.slice();
      near[next(32)] ^= 1;
      if (!keys.has(hex(near))) absent.push(near);
      const proof = trie.prove(key);
      assert.deepEqual(Buffer.from(lookUp(trie.root, key, proof)), Buffer.from(value));
      assert.throws(() => lookUp(trie.root, key, proof.slice(0, -1)));
      assert.throws(() => lookUp(trie.root, key, [...proof, proof[0]]));
      assert.throws(() => lookUp(keccak(trie.root), key, proof));
      const place = next(proof.length);
      const changed = proof.map((one) => one.slice());
      changed[place][next(changed[place].length)] ^= 1 << next(8);
      assert.throws(() => lookUp(trie.root, key, changed));
    }
    for (const key of absent) {
      const proof = trie.prove(key);
      assert.equal(lookUp(trie.root, key, proof), null);
      if (proof.length > 0) assert.throws(() => lookUp(trie.root, key, proof.slice(0, -1)));
    }
  }
});

test("signatures are by whom the peer says", () => {
  const { checkSignatures } = inside.quorum;
  const signer = newSigner("one");
  const committee = { signers: [signer.address], threshold: 1n, ejected: 0n };
  for (let round = 0; round < 20; round++) {
    const digest = keccak(word(round));
    const signature = signer.sign(digest);
    checkSignatures(committee, digest, 1n, [signature]);
    const high = signature.slice();
    high.set(word(secp256k1.Point.Fn.ORDER - BigInt(`0x${hex(signature.subarray(32, 64))}`)), 32);
    high[64] ^= 7;
    for (const [at, to] of [[0, 1], [40, 1], [64, 3], [64, 27]]) {
      const changed = signature.slice();
      changed[at] ^= to;
      assert.throws(() => checkSignatures(committee, digest, 1n, [changed]), /signature 0 is not by signer 0/);
    }
    for (const bad of [high, concat(new Uint8Array(32), signature.subarray(32)), concat(signature.subarray(0, 32), new Uint8Array(32), [27]), new Uint8Array(65).fill(255)]) {
      assert.throws(() => checkSignatures(committee, digest, 1n, [bad]), /signature 0 is not by signer 0/);
    }
  }
});

test("a group's signature is one of FROST, and no other", () => {
  const { checkGroupSignature } = inside.quorum;
  for (let round = 0; round < 4; round++) {
    const group = newGroup();
    const digest = keccak(word(round));
    const signature = group.sign(digest);
    checkGroupSignature(group.key, digest, signature);
    assert.throws(() => checkGroupSignature(group.key, keccak(digest), signature), /did not sign/);
    assert.throws(() => checkGroupSignature(newGroup().key, digest, signature), /did not sign/);
    for (const at of [0, 40, 70, 95]) {
      const changed = signature.slice();
      changed[at] ^= 1;
      assert.throws(() => checkGroupSignature(group.key, digest, changed), /did not sign|not a point/);
    }
  }
  assert.throws(() => checkGroupSignature(new Uint8Array(64), keccak(), new Uint8Array(96)), /key is not a point/);
});
