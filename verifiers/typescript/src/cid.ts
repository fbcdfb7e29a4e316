// CIDs: which hash a block has and how its bytes are encoded (https://github.com/multiformats/cid).

import { Fault, big, bytesOf, same, shortest, varint } from "./bytes.ts";

/** How the bytes of a block are encoded. */
export const CODEC = { raw: 0x55n, dagPb: 0x70n, dagCbor: 0x71n };
export const SHA2_256 = 0x12n;

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/** A CID of ours has 59 letters; no longer text is taken for one. */
const MAX_TEXT = 200;

export class Cid {
  readonly version: 0 | 1;
  readonly codec: bigint;
  /** The hash function. */
  readonly hash: bigint;
  readonly digest: Uint8Array;
  readonly bytes: Uint8Array;
  #text: string | null = null;

  private constructor(version: 0 | 1, codec: bigint, hash: bigint, digest: Uint8Array, bytes: Uint8Array) {
    this.version = version;
    this.codec = codec;
    this.hash = hash;
    this.digest = digest;
    this.bytes = bytes;
  }

  /** The CID at the start of bytes. */
  static first(bytes: Uint8Array): Cid {
    // Version 0 is the bare sha2-256 of a dag-pb block.
    if (bytes[0] === 0x12 && bytes[1] === 0x20) {
      const whole = bytesOf(bytes, 0, 34);
      return new Cid(0, CODEC.dagPb, SHA2_256, whole.subarray(2), whole);
    }
    let at = 0;
    const number = (): bigint => {
      let value: bigint;
      [value, at] = varint(bytes, at);
      return value;
    };
    const version = number();
    if (version !== 1n) throw new Fault(`a CID of version ${version}`);
    const [codec, hash, length] = [number(), number(), number()];
    if (length > 64n) throw new Fault(`a CID with a hash of ${length} bytes`);
    const digest = bytesOf(bytes, at, Number(length));
    return new Cid(1, codec, hash, digest, bytes.subarray(0, at + digest.length));
  }

  /** The CID that takes all of the bytes. */
  static of(bytes: Uint8Array): Cid {
    const cid = Cid.first(bytes);
    if (cid.bytes.length !== bytes.length) throw new Fault("a CID with bytes behind it");
    return cid;
  }

  /** A CID of version 1 with sha2-256. */
  static from(codec: bigint, digest: Uint8Array): Cid {
    return Cid.of(Uint8Array.of(1, Number(codec), Number(SHA2_256), digest.length, ...digest));
  }

  /** A CID of version 1 as text in lower-case base 32; null if the text is none. */
  static parse(text: string): Cid | null {
    if (text.length > MAX_TEXT || text[0] !== "b") return null;
    try {
      const bytes = fromBase32(text.slice(1));
      const cid = bytes && Cid.of(bytes);
      return cid?.toString() === text ? cid : null;
    } catch {
      return null;
    }
  }

  equals(other: Cid): boolean {
    return same(this.bytes, other.bytes);
  }

  /** Base 32 with its prefix, or base 58 for version 0. */
  toString(): string {
    this.#text ??= this.version === 0 ? inBase58(this.bytes) : `b${inBase32(this.bytes)}`;
    return this.#text;
  }
}

/** Each digit is five bits, from the first byte on; the bits that are left over are zero. */
function fromBase32(digits: string): Uint8Array | null {
  let number = 0n;
  for (const digit of digits) {
    const value = BASE32.indexOf(digit);
    if (value < 0) return null;
    number = (number << 5n) | BigInt(value);
  }
  const over = BigInt((digits.length * 5) % 8);
  return BigInt.asUintN(Number(over), number) === 0n ? shortest(number >> over) : null;
}

function inBase32(bytes: Uint8Array): string {
  let [text, bits, count] = ["", 0, 0];
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xfff;
    for (count += 8; count >= 5; count -= 5) text += BASE32[(bits >> (count - 5)) & 31];
  }
  return count === 0 ? text : text + BASE32[(bits << (5 - count)) & 31];
}

function inBase58(bytes: Uint8Array): string {
  let text = "";
  for (let rest = big(bytes); rest > 0n; rest /= 58n) text = BASE58[Number(rest % 58n)] + text;
  return text;
}
