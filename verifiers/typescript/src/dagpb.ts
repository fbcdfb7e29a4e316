// DAG-PB nodes and the UnixFS message inside of them, both protocol buffers.

import { Fault, utf8, varint, words } from "./bytes.ts";
import { Cid } from "./cid.ts";

/** A field's value: a number or bytes. */
type Value = bigint | Uint8Array;

export interface Link {
  name: string;
  cid: Cid;
}

export interface Node {
  links: Link[];
  message: Message;
}

/** A UnixFS message. */
export interface Message {
  /** 0 raw, 1 directory, 2 file, 3 metadata, 4 symbolic link, 5 HAMT shard. */
  kind: bigint;
  /** A file's first bytes, or a shard's bit field. */
  data: Uint8Array;
  fileSize: bigint | null;
  /** The file bytes below each link. */
  blockSizes: bigint[];
  hashType: bigint | null;
  fanout: bigint | null;
}

function* fields(bytes: Uint8Array): Generator<[bigint, Value]> {
  for (let at = 0; at < bytes.length; ) {
    let key: bigint;
    let value: bigint;
    [key, at] = varint(bytes, at);
    [value, at] = varint(bytes, at);
    const kind = key & 7n;
    if (kind === 0n) {
      yield [key >> 3n, value];
    } else if (kind === 2n) {
      if (value > BigInt(bytes.length - at)) throw new Fault("it ends inside a field");
      at += Number(value);
      yield [key >> 3n, bytes.subarray(at - Number(value), at)];
    } else {
      throw new Fault("a field has an unknown wire type");
    }
  }
}

function asNumber(value: Value): bigint {
  if (typeof value !== "bigint") throw new Fault("a field that must be a number is not one");
  return value;
}

function asBytes(value: Value): Uint8Array {
  if (typeof value === "bigint") throw new Fault("a field that must be bytes is a number");
  return value;
}

/** Reads a node: known fields only, each once, links together, no bytes behind. Old writers put the data first, so
 * both orders are read. */
export function readNode(bytes: Uint8Array): Node {
  const links: Link[] = [];
  let data: Uint8Array | null = null;
  let closed = false;
  for (const [field, value] of fields(bytes)) {
    if (field === 1n) {
      if (data !== null) throw new Fault("it has data twice");
      data = asBytes(value);
      closed = links.length > 0;
    } else if (field === 2n) {
      if (closed) throw new Fault("its links are not together");
      links.push(readLink(asBytes(value)));
    } else {
      throw new Fault("it has an unknown field");
    }
  }
  return { links, message: readMessage(data ?? new Uint8Array()) };
}

function readLink(bytes: Uint8Array): Link {
  let cid: Cid | null = null;
  let name = "";
  let last = 0n;
  for (const [field, value] of fields(bytes)) {
    if (field <= last) throw new Fault("a link's fields are repeated or out of order");
    last = field;
    if (field === 1n) {
      try {
        cid = Cid.of(asBytes(value));
      } catch (error) {
        throw new Fault(`a link's CID is not readable: ${words(error)}`);
      }
    } else if (field === 2n) {
      try {
        name = utf8(asBytes(value));
      } catch {
        throw new Fault("a link's name is not UTF-8");
      }
    } else if (field === 3n) {
      asNumber(value);
    } else {
      throw new Fault("a link has an unknown field");
    }
  }
  if (cid === null) throw new Fault("a link has no CID");
  return { name, cid };
}

/** Reads a UnixFS message. Modes and times are passed over. */
function readMessage(bytes: Uint8Array): Message {
  const found = new Map<bigint, Value>();
  const blockSizes: bigint[] = [];
  for (const [field, value] of fields(bytes)) {
    if (field !== 4n) {
      if (field <= 6n && found.has(field)) throw new Fault("a UnixFS field stands twice");
      found.set(field, value);
    } else if (typeof value === "bigint") {
      blockSizes.push(value);
    } else {
      for (let at = 0; at < value.length; ) {
        let size: bigint;
        [size, at] = varint(value, at);
        blockSizes.push(size);
      }
    }
  }
  const number = (field: bigint): bigint | null => (found.has(field) ? asNumber(found.get(field)!) : null);
  const kind = number(1n);
  if (kind === null || kind > 5n) throw new Fault("its UnixFS kind is absent or unknown");
  return {
    kind,
    data: asBytes(found.get(2n) ?? new Uint8Array()),
    fileSize: number(3n),
    blockSizes,
    hashType: number(5n),
    fanout: number(6n),
  };
}
