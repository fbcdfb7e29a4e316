// CAR version 1: blocks one after the other in a file (https://ipld.io/specs/transport/car/carv1/).

import { sha256 } from "@noble/hashes/sha2.js";
import { Fault, same, varint, words } from "./bytes.ts";
import { Cid, SHA2_256 } from "./cid.ts";
import { link, list, readRecord, record, u64 } from "./record.ts";

/** No larger block is read. */
const MAX_BLOCK_BYTES = 2 << 20;
/** No longer header is read: some thousand roots. */
const MAX_HEADER_BYTES = 128 << 10;
/** No longer CID is read. */
const MAX_CID_BYTES = 100;

const header = record({ roots: list(link), version: u64 });

/** The blocks of a file. Each is checked against its CID when it is first read. */
export class Blocks {
  readonly #blocks = new Map<string, Uint8Array>();
  readonly #checked = new Set<string>();

  /** Takes a block in, without a look at its hash; false if there are other bytes under its CID. */
  add(cid: Cid, bytes: Uint8Array): boolean {
    const name = cid.toString();
    const known = this.#blocks.get(name);
    if (known === undefined) this.#blocks.set(name, bytes);
    return known === undefined || same(known, bytes);
  }

  /** The bytes of a block; `what` names it in errors. */
  get(what: string, cid: Cid): Uint8Array {
    const name = cid.toString();
    const bytes = this.#blocks.get(name);
    if (bytes === undefined) throw new Fault(`the ${what} ${name} is not in the file`);
    if (!this.#checked.has(name)) {
      if (cid.hash !== SHA2_256) {
        throw new Fault(`the ${what} ${name} has the hash function 0x${cid.hash.toString(16)}; only sha2-256 can be checked`);
      }
      if (!same(sha256(bytes), cid.digest)) {
        throw new Fault(`the ${what} ${name} does not hash to its CID (hint: fetch the file again)`);
      }
      this.#checked.add(name);
    }
    return bytes;
  }
}

/** Reads the whole file; its one root and its blocks. */
export function readCar(file: Uint8Array): { root: Cid; blocks: Blocks } {
  let at = 0;
  const wrong = (start: number, reason: string): never => {
    throw new Fault(`CAR file, byte ${start}: ${reason}`);
  };
  const number = (start: number): number => {
    try {
      let value: bigint;
      [value, at] = varint(file, at);
      return Number(value);
    } catch (error) {
      return wrong(start, words(error));
    }
  };
  const take = (start: number, length: number): Uint8Array => {
    if (length > file.length - at) wrong(start, "it is cut off (hint: fetch the file again)");
    at += length;
    return file.subarray(at - length, at);
  };

  if (file.length === 0) wrong(0, "it is empty");
  const length = number(0);
  if (length === 0 || length > MAX_HEADER_BYTES) {
    wrong(0, `a header of ${length} bytes; it has 1 to ${MAX_HEADER_BYTES}`);
  }
  const start = at;
  let roots: Cid[];
  let version: bigint;
  try {
    ({ roots, version } = readRecord("header", take(start, length), header));
  } catch (error) {
    return wrong(start, `${words(error)} (hint: only CAR version 1 is read)`);
  }
  if (version !== 1n) wrong(start, `version ${version}; only version 1 is read`);
  const [root] = roots;
  if (root === undefined || roots.length !== 1) return wrong(start, `it has ${roots.length} roots, not one`);

  const blocks = new Blocks();
  while (at < file.length) {
    const start = at;
    const length = number(start);
    if (length > MAX_BLOCK_BYTES + MAX_CID_BYTES) {
      wrong(start, `a block of ${length} bytes; at most ${MAX_BLOCK_BYTES} are read`);
    }
    const section = take(start, length);
    let cid: Cid;
    try {
      cid = Cid.first(section);
    } catch (error) {
      return wrong(start, `its CID is not readable: ${words(error)}`);
    }
    const bytes = section.subarray(cid.bytes.length);
    if (bytes.length > MAX_BLOCK_BYTES) {
      wrong(start, `a block of ${bytes.length} bytes; at most ${MAX_BLOCK_BYTES} are read`);
    }
    if (!blocks.add(cid, bytes)) wrong(start, `the block ${cid} is there twice, with other bytes`);
  }
  return { root, blocks };
}
