// DAG-CBOR (https://ipld.io/specs/codecs/dag-cbor/spec/), in its one canonical form: shortest numbers, map keys sorted
// by length and then by bytes and none twice, nothing behind the end. So what is read encodes to the same bytes again.
// Booleans and floats are refused: no record has any.

import { Fault, big, bytesOf, compare, utf8, words } from "./bytes.ts";
import { Cid } from "./cid.ts";

export type Value = bigint | string | Uint8Array | null | Cid | Value[] | Map<string, Value>;

/** Records are not nearly as deep. */
const MAX_DEPTH = 32;
const KIND = { number: 0, negative: 1, bytes: 2, text: 3, list: 4, map: 5, tag: 6 };
const NULL = 0xf6;
const LINK = 42n;

export function decode(bytes: Uint8Array): Value {
  let at = 0;
  const wrong = (reason: string): never => {
    throw new Fault(`${reason} (byte ${at})`);
  };
  const take = (length: bigint): Uint8Array => {
    if (length > BigInt(bytes.length - at)) wrong("it is cut off");
    at += Number(length);
    return bytes.subarray(at - Number(length), at);
  };
  /** The kind of the next value, and its number: what it is, or how long. */
  const head = (): [number, bigint] => {
    const first = take(1n)[0]!;
    const [kind, short] = [first >> 5, first & 31];
    if (short < 24) return [kind, BigInt(short)];
    if (short > 27) return wrong("a length is missing");
    const width = 1 << (short - 24);
    const number = big(take(BigInt(width)));
    const least = width === 1 ? 24n : 1n << BigInt(4 * width);
    if (number < least) wrong("a number is written in more bytes than it needs");
    return [kind, number];
  };
  const text = (length: bigint): string => {
    try {
      return utf8(take(length));
    } catch (error) {
      return error instanceof Fault ? wrong(error.message) : wrong("a text is not UTF-8");
    }
  };
  const value = (depth: number): Value => {
    if (depth > MAX_DEPTH) wrong("it is too deep");
    if (bytes[at] === NULL) {
      at += 1;
      return null;
    }
    const [kind, number] = head();
    switch (kind) {
      case KIND.number:
        return number;
      case KIND.negative:
        return -1n - number;
      case KIND.bytes:
        return take(number);
      case KIND.text:
        return text(number);
      case KIND.list: {
        const list: Value[] = [];
        for (let left = number; left > 0n; left--) list.push(value(depth + 1));
        return list;
      }
      case KIND.map:
        return map(number, depth);
      case KIND.tag:
        return number === LINK ? link() : wrong(`a tag ${number}, which is no link`);
      default:
        return wrong("a value of a kind that no record has");
    }
  };
  const map = (length: bigint, depth: number): Map<string, Value> => {
    const entries = new Map<string, Value>();
    let last: Uint8Array | null = null;
    for (let left = length; left > 0n; left--) {
      const [kind, length] = head();
      if (kind !== KIND.text) wrong("a key of a map is no text");
      const start = at;
      const key = text(length);
      const raw = bytes.subarray(start, at);
      if (last !== null && (raw.length - last.length || compare(raw, last)) <= 0) {
        wrong(`the key \`${key}\` is repeated or out of order`);
      }
      last = raw;
      entries.set(key, value(depth + 1));
    }
    return entries;
  };
  const link = (): Cid => {
    const [kind, length] = head();
    const raw = kind === KIND.bytes ? take(length) : wrong("a link is no bytes");
    if (raw[0] !== 0) wrong("a link does not start with a zero");
    try {
      return Cid.of(bytesOf(raw, 1, raw.length - 1));
    } catch (error) {
      return wrong(`a link is no CID: ${words(error)}`);
    }
  };
  const found = value(0);
  if (at !== bytes.length) wrong("it has bytes behind its end");
  return found;
}
