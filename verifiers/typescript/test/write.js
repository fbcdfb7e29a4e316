// Writers for tests: CAR files, UnixFS files and directories, RLP, tries. They share with src nothing but the hash that
// places names in a HAMT; what they write is held against what others wrote.

import { decode, encode } from "@ipld/dag-cbor";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { CID } from "multiformats/cid";
import { create } from "multiformats/hashes/digest";
import { inside } from "./inside.js";

export const RAW = 0x55;
export const DAG_PB = 0x70;
export const DAG_CBOR = 0x71;

export const utf8 = (text) => new TextEncoder().encode(text);
export const concat = (...parts) => new Uint8Array(Buffer.concat(parts.map((part) => Uint8Array.from(part))));
export const hex = (bytes) => Buffer.from(bytes).toString("hex");
export const keccak = (...parts) => keccak_256(concat(...parts));
export const word = (number) => Buffer.from(BigInt.asUintN(256, BigInt(number)).toString(16).padStart(64, "0"), "hex");
export const digestText = (bytes) => `0x${hex(bytes)}`;

export function cidOf(codec, bytes) {
  return CID.createV1(codec, create(0x12, sha256(bytes)));
}

/** Blocks by the text of their CID. */
export class Store extends Map {
  put(codec, bytes) {
    const cid = cidOf(codec, bytes);
    this.set(cid.toString(), { cid, bytes });
    return cid;
  }

  record(value) {
    return this.put(DAG_CBOR, encode(value));
  }
}

export function varint(number) {
  const bytes = [];
  for (let rest = BigInt(number); ; rest >>= 7n) {
    if (rest < 128n) return Uint8Array.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}

/** A CAR file; `blocks` are [CID, bytes]. */
export function carOf(roots, blocks, header = encode({ roots, version: 1 })) {
  const parts = [varint(header.length), header];
  for (const [cid, bytes] of blocks) parts.push(varint(cid.bytes.length + bytes.length), cid.bytes, bytes);
  return concat(...parts);
}

// --- UnixFS ---

export const number = (field, value) => concat(varint(field << 3), varint(value));
export const bytes = (field, value) => concat(varint((field << 3) | 2), varint(value.length), value);

export function node(links, data) {
  const written = links.map(({ name, cid, size }) =>
    bytes(2, concat(bytes(1, cid.bytes), bytes(2, utf8(name)), number(3, size))),
  );
  return concat(...written, bytes(1, data));
}

function putNode(store, links, data) {
  const block = node(links, data);
  const size = links.reduce((sum, link) => sum + link.size, block.length);
  return { cid: store.put(DAG_PB, block), size };
}

/** A file, as the profile unixfs-v1-2025 lays it out. */
export function file(store, content, chunk = 1 << 20, width = 1024) {
  let level = [];
  for (let at = 0; at < content.length || at === 0; at += chunk) {
    const part = content.subarray(at, at + chunk);
    level.push({ name: "", cid: store.put(RAW, part), size: part.length, content: part.length });
  }
  while (level.length > 1) {
    const above = [];
    for (let at = 0; at < level.length; at += width) {
      const links = level.slice(at, at + width);
      const sizes = links.map((link) => link.content);
      const total = sizes.reduce((sum, size) => sum + size, 0);
      const data = concat(number(1, 2), number(3, total), ...sizes.map((size) => number(4, size)));
      above.push({ name: "", ...putNode(store, links, data), content: total });
    }
    level = above;
  }
  return { cid: level[0].cid, size: level[0].size };
}

/** A directory of [name, {cid, size}]; flat if its block has at most `flat` bytes. */
export function directory(store, entries, flat = 256 << 10) {
  const links = entries.map(([name, link]) => ({ name, ...link }));
  links.sort((one, other) => Buffer.compare(utf8(one.name), utf8(other.name)));
  if (node(links, Uint8Array.of(8, 1)).length <= flat) return putNode(store, links, Uint8Array.of(8, 1));
  return shard(store, links.map((link) => ({ ...link, hash: inside.murmur3.murmur3(utf8(link.name)) })), 0);
}

function shard(store, leaves, level) {
  const slots = Map.groupBy ? Map.groupBy(leaves, (leaf) => leaf.hash[level]) : grouped(leaves, level);
  const links = [];
  let bits = 0n;
  for (const slot of [...slots.keys()].sort((one, other) => one - other)) {
    const digits = slot.toString(16).toUpperCase().padStart(2, "0");
    const [leaf, ...more] = slots.get(slot);
    bits |= 1n << BigInt(slot);
    if (more.length === 0) links.push({ ...leaf, name: `${digits}${leaf.name}` });
    else links.push({ ...shard(store, [leaf, ...more], level + 1), name: digits });
  }
  const text = bits.toString(16);
  const field = Buffer.from(text.length % 2 ? `0${text}` : text, "hex");
  return putNode(store, links, concat(number(1, 5), bytes(2, field), number(5, 0x22), number(6, 256)));
}

function grouped(leaves, level) {
  const slots = new Map();
  for (const leaf of leaves) slots.set(leaf.hash[level], [...(slots.get(leaf.hash[level]) ?? []), leaf]);
  return slots;
}

// --- RLP and tries ---

function head(short, length) {
  if (length < 56) return Uint8Array.of(short + length);
  const digits = shortest(length);
  return concat(Uint8Array.of(short + 55 + digits.length), digits);
}

export function shortest(value) {
  const text = BigInt(value) === 0n ? "" : BigInt(value).toString(16);
  return Buffer.from(text.length % 2 ? `0${text}` : text, "hex");
}

export const rlpText = (value) => (value.length === 1 && value[0] < 128 ? value : concat(head(128, value.length), value));
export const rlpList = (...items) => concat(head(192, concat(...items).length), ...items);

/** A trie of [key, value], keys of one length. */
export class Trie {
  #top;

  constructor(entries) {
    this.#top = entries.length === 0 ? null : build(entries.map(([key, value]) => [hex(key), value]), 0);
  }

  get root() {
    return keccak(this.#top?.raw ?? Uint8Array.of(128));
  }

  prove(key) {
    const nodes = [];
    let rest = hex(key);
    for (let at = this.#top; at; ) {
      if (at === this.#top || at.raw.length >= 32) nodes.push(at.raw);
      if (at.children) {
        at = at.children.get(rest[0]);
        rest = rest.slice(1);
      } else if (at.below && rest.startsWith(at.path)) {
        rest = rest.slice(at.path.length);
        at = at.below;
      } else {
        break;
      }
    }
    return nodes;
  }
}

function build(entries, at) {
  const [first] = entries;
  if (entries.length === 1) return { raw: rlpList(path(first[0].slice(at), 2), rlpText(first[1])) };
  let end = at;
  while (entries.every(([key]) => key[end] === first[0][end])) end++;
  if (end > at) {
    const below = build(entries, end);
    const shared = first[0].slice(at, end);
    return { raw: rlpList(path(shared, 0), named(below)), path: shared, below };
  }
  const children = new Map();
  for (const digit of "0123456789abcdef") {
    const those = entries.filter(([key]) => key[at] === digit);
    if (those.length > 0) children.set(digit, build(those, at + 1));
  }
  const slots = [..."0123456789abcdef"].map((digit) => (children.has(digit) ? named(children.get(digit)) : rlpText([])));
  return { raw: rlpList(...slots, rlpText([])), children };
}

function path(nibbles, flag) {
  const digits = nibbles.length % 2 ? `${flag + 1}${nibbles}` : `${flag}0${nibbles}`;
  return rlpText(Buffer.from(digits, "hex"));
}

function named({ raw }) {
  return raw.length < 32 ? raw : rlpText(keccak(raw));
}

/** The blocks of a CAR file by the text of their CID, and its first root. */
export function readCar(file) {
  const car = new Uint8Array(file);
  let at = 0;
  const length = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      value += (car[at] & 127) * 2 ** shift;
      if (car[at++] < 128) return value;
    }
  };
  const take = (size) => car.subarray(at, (at += size));
  const { roots } = decode(take(length()));
  const store = new Store();
  while (at < car.length) {
    const [cid, block] = CID.decodeFirst(take(length()));
    store.set(cid.toString(), { cid, bytes: block });
  }
  return { root: roots[0], store };
}

export function carWith(root, store) {
  return carOf([root], [...store.values()].map(({ cid, bytes }) => [cid, bytes]));
}
