// Records in canonical DAG-CBOR. A reader turns a decoded value into what a field is, or says what is wrong with it.

import { Fault, fromHex, words } from "./bytes.ts";
import { type Value, decode } from "./cbor.ts";
import { CODEC, Cid, SHA2_256 } from "./cid.ts";

/** Reads a value; `at` is where it stands in the record. */
export type Reader<T> = (value: Value, at: string) => T;

type Fields = Record<string, Reader<unknown>>;
type Must<F extends Fields> = { [K in keyof F]: ReturnType<F[K]> };
type May<F extends Fields> = { [K in keyof F]?: ReturnType<F[K]> };

/** Reads a whole block. */
export function readRecord<T>(what: string, block: Uint8Array, reader: Reader<T>): T {
  let value: Value;
  try {
    value = decode(block);
  } catch (error) {
    throw new Fault(`the ${what} is no canonical DAG-CBOR: ${words(error)}`);
  }
  return reader(value, `the ${what}`);
}

function wrong(at: string, reason: string): never {
  throw new Fault(`${at} ${reason}`);
}

/** A whole number from `least` to `most`. */
function whole(least: bigint, most: bigint): Reader<bigint> {
  return (value, at) => {
    if (typeof value !== "bigint") return wrong(at, "is no whole number");
    if (value < least || value > most) wrong(at, `is ${value}; it can be ${least} to ${most}`);
    return value;
  };
}

export const u8 = whole(0n, 2n ** 8n - 1n);
export const u32 = whole(0n, 2n ** 32n - 1n);
export const u64 = whole(0n, 2n ** 64n - 1n);
export const i64 = whole(-(2n ** 63n), 2n ** 63n - 1n);

export const text: Reader<string> = (value, at) => (typeof value === "string" ? value : wrong(at, "is no text"));

/** Bytes, of any length if none is given. */
export function bytes(length?: number): Reader<Uint8Array> {
  return (value, at) => {
    if (!(value instanceof Uint8Array)) return wrong(at, "is no byte string");
    if (length !== undefined && value.length !== length) wrong(at, `has ${value.length} bytes, not ${length}`);
    return value;
  };
}

export const address = bytes(20);
export const hash = bytes(32);

/** A digest is a text of `0x` and 64 lower-case digits. */
export const digest: Reader<Uint8Array> = (value, at) => {
  const found = fromHex(value, 32);
  if (found === null || value !== (value as string).toLowerCase()) {
    return wrong(at, "is no digest (0x and 64 lower-case hexadecimal digits)");
  }
  return found;
};

/** A CID of version 1 with sha2-256 and one of our codecs. */
export const link: Reader<Cid> = (value, at) => {
  if (!(value instanceof Cid)) return wrong(at, "is no link");
  const ours = value.version === 1 && value.hash === SHA2_256 && value.digest.length === 32;
  if (!ours || !Object.values(CODEC).includes(value.codec)) {
    wrong(at, `links to ${value}, which is no CID of version 1 with sha2-256 and a known codec`);
  }
  return value;
};

export function nullable<T>(reader: Reader<T>): Reader<T | null> {
  return (value, at) => (value === null ? null : reader(value, at));
}

export function list<T>(reader: Reader<T>): Reader<T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) return wrong(at, "is no list");
    return value.map((item, place) => reader(item, `${at}[${place}]`));
  };
}

/** A map with all of the fields of `must`, and any of those of `may`. */
export function record<F extends Fields, O extends Fields = {}>(must: F, may?: O): Reader<Must<F> & May<O>> {
  return (value, at) => {
    if (!(value instanceof Map)) return wrong(at, "is no map");
    const found: Record<string, unknown> = {};
    for (const name of Object.keys(must)) {
      if (!value.has(name)) wrong(at, `has no field \`${name}\``);
    }
    for (const [name, item] of value) {
      const reader = Object.hasOwn(must, name) ? must[name] : may && Object.hasOwn(may, name) ? may[name] : undefined;
      if (reader === undefined) return wrong(at, `has an unknown field \`${name}\``);
      found[name] = reader(item, `${at}, ${name}`);
    }
    return found as Must<F> & May<O>;
  };
}

/** A map with exactly one of the fields. */
export function oneOf<F extends Fields>(variants: F): Reader<May<F>> {
  const reader = record({}, variants);
  return (value, at) => {
    const found = reader(value, at);
    if (Object.keys(found).length !== 1) wrong(at, `does not have exactly one of ${Object.keys(variants).join(", ")}`);
    return found;
  };
}
