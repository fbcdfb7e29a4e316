// RLP (the Yellow Paper, appendix B), in its one canonical form.

import { Fault, concat, shortest } from "./bytes.ts";

export interface Item {
  list: boolean;
  /** What is in it. */
  payload: Uint8Array;
  /** The item with its header. */
  raw: Uint8Array;
}

/** The item that starts at `at`. */
export function itemAt(bytes: Uint8Array, at: number): Item {
  const first = bytes[at];
  if (first === undefined) throw new Fault("RLP ends before an item");
  let start = at;
  let length = 1;
  if (first >= 0x80) {
    const short = first >= 0xc0 ? 0xc0 : 0x80;
    start += 1;
    length = first - short;
    if (length > 55) {
      const digits = bytes.subarray(start, start + length - 55);
      start += length - 55;
      if (digits.length !== length - 55) throw new Fault("RLP ends inside a length");
      length = digits.reduce((sum, digit) => sum * 256 + digit, 0);
      if (digits[0] === 0 || length < 56) throw new Fault("a length in RLP has more bytes than it needs");
    } else if (short === 0x80 && length === 1 && (bytes[start] ?? 0x80) < 0x80) {
      throw new Fault("a byte in RLP has a length that it does not need");
    }
  }
  if (length > bytes.length - start) throw new Fault("RLP ends inside an item");
  return {
    list: first >= 0xc0,
    payload: bytes.subarray(start, start + length),
    raw: bytes.subarray(at, start + length),
  };
}

/** The first `most` items of a list that takes all of the bytes. */
export function itemsOf(bytes: Uint8Array, most = Infinity): Item[] {
  const whole = itemAt(bytes, 0);
  if (!whole.list) throw new Fault("RLP that should be a list is none");
  if (whole.raw.length !== bytes.length) throw new Fault("RLP has bytes behind its end");
  const items: Item[] = [];
  for (let at = 0; at < whole.payload.length && items.length < most; ) {
    const item = itemAt(whole.payload, at);
    items.push(item);
    at += item.raw.length;
  }
  return items;
}

export function encodeText(bytes: Uint8Array): Uint8Array {
  return bytes.length === 1 && bytes[0]! < 0x80 ? bytes : concat(head(0x80, bytes.length), bytes);
}

/** A list of items that are encoded already. */
export function encodeList(...items: Uint8Array[]): Uint8Array {
  const payload = concat(...items);
  return concat(head(0xc0, payload.length), payload);
}

function head(short: number, length: number): Uint8Array {
  if (length < 56) return Uint8Array.of(short + length);
  const digits = shortest(BigInt(length));
  return concat(Uint8Array.of(short + 55 + digits.length), digits);
}
