// What a block's header proves of a collection's contracts: account and storage proofs (EIP-1186).

import { Fault, big, compare, hex, keccak, same, shortest, word, words } from "./bytes.ts";
import type { AccountProof, StateProof } from "./evidence.ts";
import { type Item, encodeList, encodeText, itemsOf } from "./rlp.ts";
import { lookUp } from "./trie.ts";

/** The list of signers is a zero byte and 20 bytes for each of at most this many. */
const MAX_SIGNERS = 64;
const SLOT = { head: 12n, stateRoot: 13n, directory: 14n, held: 23n, heldDirectory: 25n, ejected: 2n };

/** What a state proof proves. */
export interface ProvenState {
  /** The oracle that the token believes. */
  believed: Uint8Array;
  /** The last accepted epoch. */
  epoch: bigint;
  /** How many tokens there are. */
  minted: bigint;
  stateRoot: Uint8Array;
  directory: Uint8Array;
  /** The oracle that the other proofs are about. */
  oracle: Uint8Array;
  /** Its signers, in the order of the bits. */
  signers: Uint8Array[];
  /** Those who were ejected, as bits. */
  ejected: bigint;
  /** The oracle's code, if it is there. */
  oracleCode: Uint8Array | null;
  /** The digest of the directory that a token is kept at, if its holder keeps it as it is. */
  heldDirectory(tokenId: bigint): Uint8Array | null;
}

export interface Header {
  number: bigint;
  hash: Uint8Array;
  stateRoot: Uint8Array;
}

/** Reads the state root (the 4th field), the number (the 9th) and the time (the 12th). What comes later differs
 * between chains and forks, and is passed over. */
export function readHeader(header: Uint8Array): Header {
  const wrong = (reason: string): never => {
    throw new Fault(`the block's header: ${reason}`);
  };
  let fields: Item[];
  try {
    fields = itemsOf(header, 12);
  } catch (error) {
    return wrong(words(error));
  }
  if (fields.some((field) => field.list)) wrong("one of its first 12 fields is a list");
  const number = (bytes: Uint8Array): bigint => {
    if (bytes[0] === 0) wrong("a number in it starts with a zero");
    if (bytes.length > 8) wrong("a number in it has more than 64 bits");
    return big(bytes);
  };
  const [stateRoot, height, time] = [3, 8, 11].map((place) => fields[place]?.payload);
  if (stateRoot === undefined || height === undefined || time === undefined) return wrong("it has less than 12 fields");
  if (stateRoot.length !== 32) wrong("its state root is not 32 bytes");
  number(time);
  return { number: number(height), hash: keccak(header), stateRoot };
}

/** Checks every proof against the header. There must be what the token contract and these tokens take, and nothing
 * else. The header itself is proven by nothing: its hash must be known from elsewhere. */
export function checkState(proof: StateProof, token: Uint8Array, tokenIds: bigint[]): ProvenState {
  const { stateRoot } = readHeader(proof.header);
  if (proof.token.code !== undefined) throw new Fault("proof of the token: its code is not wanted");
  if (!same(proof.token.address, token)) {
    throw new Fault(`proof of the token: it is of ${hex(proof.token.address)}, not of ${hex(token)}`);
  }
  const slots = checkAccount("token", proof.token, stateRoot, wantedSlots(tokenIds));
  const slot = (place: Uint8Array): Uint8Array => {
    const value = slots.get(hex(place));
    if (value === undefined) throw new Fault(`proof of the token: slot ${hex(place)} is not proven`);
    return value;
  };

  const ejected = word(SLOT.ejected);
  const ofOracle = checkAccount("oracle", proof.oracle, stateRoot, [ejected]);

  const head = slot(word(SLOT.head));
  return {
    believed: head.subarray(12),
    epoch: big(head.subarray(8, 12)),
    minted: big(head.subarray(1, 4)),
    stateRoot: slot(word(SLOT.stateRoot)),
    directory: slot(word(SLOT.directory)),
    oracle: proof.oracle.address,
    signers: checkSigners(proof.signers, proof.oracle.address, stateRoot),
    ejected: big(ofOracle.get(hex(ejected))!.subarray(24)),
    oracleCode: proof.oracle.code ?? null,
    heldDirectory: (id) => {
      const bits = big(slot(mapped(id >> 8n, SLOT.held)));
      return ((bits >> (id & 255n)) & 1n) === 0n ? null : slot(mapped(id, SLOT.heldDirectory));
    },
  };
}

/** The list is the first contract that the oracle created, in its constructor. */
function checkSigners(proof: AccountProof, oracle: Uint8Array, stateRoot: Uint8Array): Uint8Array[] {
  const place = keccak(encodeList(encodeText(oracle), encodeText(Uint8Array.of(1)))).subarray(12);
  if (!same(proof.address, place)) {
    throw new Fault(`proof of the signers: it is of ${hex(proof.address)}, the oracle's list is ${hex(place)}`);
  }
  checkAccount("signers", proof, stateRoot, []);
  const code = proof.code;
  if (code === undefined) throw new Fault("proof of the signers: its code is left out");
  const count = (code.length - 1) / 20;
  if (code[0] !== 0 || !Number.isInteger(count) || count > MAX_SIGNERS) {
    throw new Fault("proof of the signers: its code is no list of signers");
  }
  return Array.from({ length: count }, (_, place) => code.subarray(1 + 20 * place, 21 + 20 * place));
}

/** The slots of the token contract that a proof about these tokens holds, in their order, each once. */
function wantedSlots(tokenIds: bigint[]): Uint8Array[] {
  const slots = [SLOT.head, SLOT.stateRoot, SLOT.directory].map(word);
  for (const id of tokenIds) slots.push(mapped(id >> 8n, SLOT.held), mapped(id, SLOT.heldDirectory));
  slots.sort(compare);
  return slots.filter((slot, place) => place === 0 || !same(slot, slots[place - 1]!));
}

/** Where Solidity keeps the value of a key of a mapping. */
function mapped(key: bigint, mapping: bigint): Uint8Array {
  return keccak(word(key), word(mapping));
}

/** Checks an account and its slots, which must be those that are wanted; what they hold, by their hex digits. */
function checkAccount(
  what: string,
  proof: AccountProof,
  stateRoot: Uint8Array,
  wanted: Uint8Array[],
): Map<string, Uint8Array> {
  const wrong = (reason: string): never => {
    throw new Fault(`proof of the ${what}: ${reason}`);
  };
  const account = encodeList(
    encodeText(shortest(proof.nonce)),
    encodeText(shortest(big(proof.balance))),
    encodeText(proof.storage_root),
    encodeText(proof.code_hash),
  );
  const held = (root: Uint8Array, key: Uint8Array, expected: Uint8Array | null, nodes: Uint8Array[], name: string) => {
    let found: Uint8Array | null;
    try {
      found = lookUp(root, keccak(key), nodes);
    } catch (error) {
      return wrong(`${name}: ${words(error)}`);
    }
    const equal = found === null || expected === null ? found === expected : same(found, expected);
    if (!equal) wrong(name);
  };
  const name = `the account ${hex(proof.address)} is not so in the block's state`;
  held(stateRoot, proof.address, account, proof.proof, name);
  if (proof.code !== undefined && !same(keccak(proof.code), proof.code_hash)) {
    wrong("its code is not that of the account");
  }
  const asWanted = proof.slots.length === wanted.length && wanted.every((slot, place) => same(slot, proof.slots[place]!.slot));
  if (!asWanted) wrong(`its slots are not the ${wanted.length} that are wanted`);
  const slots = new Map<string, Uint8Array>();
  for (const { slot, value, proof: nodes } of proof.slots) {
    const number = big(value);
    // A slot that holds zero is not in the trie.
    const expected = number === 0n ? null : encodeText(shortest(number));
    held(proof.storage_root, slot, expected, nodes, `slot ${hex(slot)} does not hold ${hex(value)}`);
    slots.set(hex(slot), value);
  }
  return slots;
}
