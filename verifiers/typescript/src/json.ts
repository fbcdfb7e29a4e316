// Canonical JSON (RFC 8785).

import { Fault, utf8, words } from "./bytes.ts";

/** No more lists and maps stand in each other. */
const MAX_DEPTH = 127;

/** What canonical JSON says; any other spelling of the same is refused. */
export function readJson(what: string, bytes: Uint8Array): unknown {
  let text: string;
  let value: unknown;
  try {
    text = utf8(bytes);
    value = JSON.parse(text);
  } catch (error) {
    throw new Fault(`${what} is no JSON: ${words(error)}`);
  }
  if (canonical(what, value, 0) !== text) throw new Fault(`${what} is not in canonical form`);
  return value;
}

/** Names in the order of their UTF-16 units, no spaces, numbers and texts as JSON.stringify writes them. */
function canonical(what: string, value: unknown, depth: number): string {
  if (typeof value === "string") return textOf(what, value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (depth === MAX_DEPTH) throw new Fault(`${what} is more than ${MAX_DEPTH} levels deep`);
  if (Array.isArray(value)) return `[${value.map((item) => canonical(what, item, depth + 1)).join(",")}]`;
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.map(([name, item]) => `${textOf(what, name)}:${canonical(what, item, depth + 1)}`).join(",")}}`;
}

function textOf(what: string, text: string): string {
  if (/\p{Surrogate}/u.test(text)) throw new Fault(`${what} has half of a character`);
  return JSON.stringify(text);
}

/** The texts in a token's JSON that can name a file. */
export function namedFiles(value: unknown): string[] {
  const field = (of: unknown, name: string): unknown =>
    typeof of === "object" && of !== null && Object.hasOwn(of, name) ? (of as Record<string, unknown>)[name] : undefined;
  const found = [field(value, "image"), field(value, "animation_url"), field(field(value, "properties"), "image_svg")];
  return found.filter((text) => typeof text === "string");
}
