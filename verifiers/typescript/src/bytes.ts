// Bytes, numbers and hashes.

import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, concatBytes, hexToBytes } from "@noble/hashes/utils.js";

/** What is wrong, in words for people. */
export class Fault extends Error {}

export { concatBytes as concat };

/** The keccak-256 of the parts, one after the other. */
export function keccak(...parts: Uint8Array[]): Uint8Array {
  return keccak_256(concatBytes(...parts));
}

/** `0x` and lower-case hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return `0x${bytesToHex(bytes)}`;
}

/** The bytes of `0x` and hexadecimal digits of either case; null if the text is something else. */
export function fromHex(text: unknown, length: number): Uint8Array | null {
  if (typeof text !== "string" || text.length !== 2 + 2 * length || !/^0x[0-9a-fA-F]*$/.test(text)) return null;
  return hexToBytes(text.slice(2));
}

/** A big-endian number. */
export function big(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(hex(bytes));
}

/** 32 bytes, big-endian; two's complement if the number is negative. */
export function word(number: bigint): Uint8Array {
  return hexToBytes(BigInt.asUintN(256, number).toString(16).padStart(64, "0"));
}

/** As few bytes as the number needs, big-endian; none for zero. */
export function shortest(number: bigint): Uint8Array {
  const digits = number === 0n ? "" : number.toString(16);
  return hexToBytes(digits.length % 2 === 0 ? digits : `0${digits}`);
}

/** Which comes first, byte by byte: below zero, zero or above zero. */
export function compare(one: Uint8Array, other: Uint8Array): number {
  const shared = Math.min(one.length, other.length);
  for (let at = 0; at < shared; at++) {
    if (one[at] !== other[at]) return one[at]! - other[at]!;
  }
  return one.length - other.length;
}

export function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && compare(one, other) === 0;
}

/** How many bits of a number are set. */
export function bitCount(bits: bigint): number {
  let count = 0;
  for (let rest = bits; rest !== 0n; rest >>= 1n) count += Number(rest & 1n);
  return count;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** The text of UTF-8 bytes; an error if they are not UTF-8. A byte order mark is kept. */
export function utf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

export function toUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** So many bytes from a place on; an error if there are fewer. */
export function bytesOf(bytes: Uint8Array, at: number, length: number): Uint8Array {
  if (length > bytes.length - at) throw new Fault("it is cut off");
  return bytes.subarray(at, at + length);
}

/** The number at a place, in groups of seven bits with the lowest first and as few of them as possible; and where the
 * next thing starts. */
export function varint(bytes: Uint8Array, at: number): [bigint, number] {
  let value = 0n;
  for (let index = 0; index < 10; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) throw new Fault("it ends inside a number");
    if (index === 9 && byte > 1) break;
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte >= 0x80) continue;
    if (byte === 0 && index > 0) throw new Fault("a number is written in more bytes than it needs");
    return [value, at + index + 1];
  }
  throw new Fault("a number has more than 64 bits");
}

export function plural(count: number | bigint, what: string): string {
  return `${count} ${what}${BigInt(count) === 1n ? "" : "s"}`;
}

export function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
