// Proofs of a Merkle Patricia trie (the Yellow Paper, appendix D), with keys of 32 bytes.

import { Fault, hex, keccak, same } from "./bytes.ts";
import { type Item, itemsOf } from "./rlp.ts";

const EMPTY_ROOT = keccak(Uint8Array.of(0x80));

/** What the trie with this root holds under a key; null if it holds nothing. The proof is the nodes on the way from
 * the root, those that are part of another node left out. */
export function lookUp(root: Uint8Array, key: Uint8Array, proof: Uint8Array[]): Uint8Array | null {
  if (same(root, EMPTY_ROOT)) {
    if (proof.length > 0) throw new Fault("its proof has nodes of an empty trie");
    return null;
  }
  let used = 0;
  const take = (wanted: Uint8Array): Item[] => {
    const node = proof[used++];
    if (node === undefined) throw new Fault("its proof ends on the way");
    if (!same(keccak(node), wanted)) throw new Fault(`node ${used - 1} of its proof does not have the hash that is wanted`);
    return itemsOf(node);
  };
  const follow = (child: Item): Item[] => {
    if (!child.list && child.payload.length === 32) return take(child.payload);
    // A node of less than 32 bytes stands in the place of its hash.
    if (child.list && child.raw.length < 32) return itemsOf(child.raw);
    throw new Fault(`what node ${used - 1} of its proof leads to is no node`);
  };
  const nothingIf = <T>(value: T | null): T | null => {
    if (used !== proof.length) throw new Fault("its proof has nodes behind its end");
    return value;
  };

  let rest = hex(key).slice(2);
  let node = take(root);
  for (;;) {
    if (node.length === 17) {
      if (rest === "" || node[16]!.raw[0] !== 0x80) throw new Fault(`node ${used - 1} of its proof holds a value in a branch`);
      const child = node[parseInt(rest[0]!, 16)]!;
      if (!child.list && child.payload.length === 0) return nothingIf(null);
      rest = rest.slice(1);
      node = follow(child);
      continue;
    }
    const [path, content] = node;
    if (path === undefined || content === undefined || node.length !== 2 || path.list) {
      throw new Fault(`node ${used - 1} of its proof is no node of a trie`);
    }
    const { leaf, nibbles } = readPath(path.payload);
    if (leaf) {
      if (content.list) throw new Fault(`node ${used - 1} of its proof has a list for a value`);
      return nothingIf(nibbles === rest ? content.payload : null);
    }
    if (!rest.startsWith(nibbles)) return nothingIf(null);
    rest = rest.slice(nibbles.length);
    node = follow(content);
  }
}

/** The first half byte says whether the node is a leaf, and whether the path starts in the second. */
function readPath(path: Uint8Array): { leaf: boolean; nibbles: string } {
  const digits = hex(path).slice(2);
  const flag = parseInt(digits[0] ?? "f", 16);
  if (flag > 3 || (flag % 2 === 0 && digits[1] !== "0")) throw new Fault("a node's path does not start as it should");
  return { leaf: flag >= 2, nibbles: digits.slice(flag % 2 === 0 ? 2 : 1) };
}
