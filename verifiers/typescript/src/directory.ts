// UnixFS files and directories (profile unixfs-v1-2025).

import { Fault, big, concat, toUtf8, words } from "./bytes.ts";
import type { Blocks } from "./car.ts";
import { CODEC, type Cid } from "./cid.ts";
import { type Node, readNode } from "./dagpb.ts";
import { murmur3 } from "./murmur3.ts";

/** No larger file is read. */
const MAX_FILE_BYTES = 32 << 20;
/** A file has no more levels of nodes. */
const MAX_DEPTH = 16;

const KIND = { raw: 0n, directory: 1n, file: 2n, shard: 5n };
const FANOUT = 256n;
const MURMUR3 = 0x22n;

/** What stands in a directory's block: entries by name, or the taken slots of a shard of a HAMT. */
type Directory = { entries: Map<string, Cid> } | { slots: Map<number, Slot> };

/** An entry if it has a name, else a shard below. */
interface Slot {
  name: string;
  cid: Cid;
}

function malformed(cid: Cid, reason: string): never {
  throw new Fault(`block ${cid} is malformed: ${reason}`);
}

/** Finds entries of directories, and reads files. */
export class UnixFs {
  readonly #blocks: Blocks;
  readonly #directories = new Map<string, Directory>();

  constructor(blocks: Blocks) {
    this.#blocks = blocks;
  }

  /** The CID that a path of names, separated by `/`, leads to. */
  resolve(root: Cid, path: string): Cid {
    return path.split("/").reduce((at, name) => this.#lookUp(at, name), root);
  }

  #lookUp(directory: Cid, name: string): Cid {
    const missing = (): never => {
      throw new Fault(`directory ${directory} has no entry \`${name}\``);
    };
    let at = directory;
    // Each level of a HAMT uses one byte of the name's hash.
    const hash = murmur3(toUtf8(name));
    for (const [level, number] of hash.entries()) {
      const found = this.#directory(at);
      if ("entries" in found) {
        if (level > 0) malformed(at, "it is a flat directory below a HAMT");
        return found.entries.get(name) ?? missing();
      }
      const slot = found.slots.get(number) ?? missing();
      if (slot.name === name) return slot.cid;
      if (slot.name !== "") missing();
      at = slot.cid;
    }
    return malformed(directory, "its HAMT has more than eight levels");
  }

  #directory(cid: Cid): Directory {
    const known = this.#directories.get(cid.toString());
    if (known !== undefined) return known;
    const node = cid.codec === CODEC.dagPb ? this.#node(cid) : null;
    const kind = node?.message.kind;
    if (node === null || (kind !== KIND.directory && kind !== KIND.shard)) {
      throw new Fault(`${cid} is not a UnixFS directory`);
    }
    const read = kind === KIND.directory ? flat(node) : { slots: slotsOf(cid, node) };
    this.#directories.set(cid.toString(), read);
    return read;
  }

  #node(cid: Cid): Node {
    const bytes = this.#blocks.get("block", cid);
    try {
      return readNode(bytes);
    } catch (error) {
      return malformed(cid, words(error));
    }
  }

  /** The bytes of a file. */
  read(root: Cid): Uint8Array {
    const parts: Uint8Array[] = [];
    this.check(root, (part) => parts.push(part));
    return concat(...parts);
  }

  /** Sees to it that a file is there, and whole; `take` is given its bytes from front to back.
   *
   * Raw blocks and files of any layout are read, and every size that a node declares is checked. Every link leads to
   * at least one byte, so that the limit on bytes is one on blocks too. */
  check(root: Cid, take: (part: Uint8Array) => void = () => {}): void {
    let left = MAX_FILE_BYTES;
    /** There are this many more bytes. */
    const fits = (total: bigint): void => {
      if (total > BigInt(left)) throw new Fault(`file ${root} is larger than the limit of ${MAX_FILE_BYTES} bytes`);
    };
    const append = (bytes: Uint8Array): void => {
      fits(BigInt(bytes.length));
      left -= bytes.length;
      take(bytes);
    };
    const walk = (cid: Cid, expected: bigint | null, depth: number): void => {
      if (depth > MAX_DEPTH) malformed(cid, `it lies more than ${MAX_DEPTH} levels below the file's root`);
      const compare = (found: bigint, declared: bigint | null): void => {
        if (declared !== null && found !== declared) malformed(cid, `it has ${found} bytes, not the declared ${declared}`);
      };
      if (cid.codec === CODEC.raw) {
        const bytes = this.#blocks.get("block", cid);
        compare(BigInt(bytes.length), expected);
        append(bytes);
        return;
      }
      const node = cid.codec === CODEC.dagPb ? this.#node(cid) : null;
      const kind = node?.message.kind;
      if (node === null || (kind !== KIND.file && kind !== KIND.raw)) throw new Fault(`${cid} is not a UnixFS file`);
      const { data, fileSize, blockSizes } = node.message;
      if (blockSizes.length !== node.links.length) malformed(cid, "its links and their sizes differ in number");
      if (blockSizes.includes(0n)) malformed(cid, "one of its links leads to no bytes");
      const total = blockSizes.reduce((sum, size) => sum + size, BigInt(data.length));
      compare(total, fileSize);
      compare(total, expected);
      fits(total);
      append(data);
      node.links.forEach((link, place) => walk(link.cid, blockSizes[place]!, depth + 1));
    };
    walk(root, null, 0);
  }
}

function flat(node: Node): Directory {
  const entries = new Map<string, Cid>();
  // Of two entries with one name the first counts.
  for (const { name, cid } of node.links) if (!entries.has(name)) entries.set(name, cid);
  return { entries };
}

/** A link of a shard is named by two digits for its slot, and the name of the entry that is there. */
function slotsOf(cid: Cid, { links, message }: Node): Map<number, Slot> {
  if (message.fanout !== FANOUT || message.hashType !== MURMUR3) {
    malformed(cid, "it is a HAMT whose fanout is not 256 or whose hash is not murmur3-x64-64");
  }
  const slots = new Map<number, Slot>();
  let last = -1;
  let bits = 0n;
  for (const link of links) {
    if (!/^[0-9A-F]{2}/.test(link.name)) malformed(cid, "a link of the HAMT has no slot number");
    const number = parseInt(link.name.slice(0, 2), 16);
    if (number <= last) malformed(cid, "the HAMT's slots are repeated or out of order");
    slots.set(number, { name: link.name.slice(2), cid: link.cid });
    last = number;
    bits |= 1n << BigInt(number);
  }
  if (big(message.data) !== bits) malformed(cid, "the HAMT's bit field does not agree with its links");
  return slots;
}
