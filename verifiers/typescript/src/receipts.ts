// Receipts: the record of each change of a token, its place below the state root, and the way back to the mint.

import { Fault, compare, concat, hex, keccak, same, toUtf8, word } from "./bytes.ts";
import type { Blocks } from "./car.ts";
import { CODEC, type Cid } from "./cid.ts";
import type { TokenProof } from "./evidence.ts";
import { type Reader, digest, i64, link, list, nullable, oneOf, readRecord, record, text, u32, u64, u8 } from "./record.ts";

/** A token with more changes is refused. */
const MAX_RECEIPTS = 1_000_000;

export type TraitValue = bigint | string;

const traitValue: Reader<TraitValue> = (value, at) => (typeof value === "string" ? value : i64(value, at));

const change = oneOf({
  moved: record({ name: text, from: i64, to: i64, threshold: i64 }),
  changed: record({ name: text, from: text, to: text }),
  step_limited: record({ name: text, wanted: i64, allowed: i64 }),
});

const receipt = record({
  version: u32,
  epoch: u64,
  previous: nullable(link),
  cut: link,
  manifest: digest,
  model: digest,
  schema: digest,
  features: list(i64),
  score: record({ units: i64, scale: u8 }),
  attribution: record({ base: i64, parts: list(i64) }),
  reasons: list((value, at) => (value === "mint" ? value : change(value, at))),
  before: list(traitValue),
  state: record({
    token_id: u64,
    subject: text,
    sequence: u64,
    epoch: u64,
    changed_at: i64,
    traits: list(record({ name: text, value: traitValue })),
    metadata: link,
  }),
});

export type Receipt = ReturnType<typeof receipt>;

export function readReceipt(blocks: Blocks, cid: Cid): Receipt {
  return readRecord(`receipt ${cid}`, blocks.get("receipt", cid), receipt);
}

/** The latest receipt of a token, whose leaf must be below the state root. */
export function checkProof(blocks: Blocks, proof: TokenProof, stateRoot: Uint8Array): Receipt {
  const latest = readReceipt(blocks, proof.receipt);
  if (latest.state.token_id !== proof.token_id) throw new Fault(`its receipt is of token ${latest.state.token_id}`);
  const leaf = leafOf(latest, proof.receipt);
  if (!same(proof.proof.reduce(parent, leaf), stateRoot)) {
    throw new Fault(`its leaf ${hex(leaf)} is not below the state root ${hex(stateRoot)}`);
  }
  return latest;
}

/** keccak-256, twice, of `abi.encode(uint256 tokenId, uint64 sequence, bytes32 metadata, bytes32 receipt,
 * bytes32[] traits)`. */
function leafOf({ state }: Receipt, cid: Cid): Uint8Array {
  const traits = state.traits.map((trait) => wordOf(trait.value));
  const encoded = concat(
    word(state.token_id),
    word(state.sequence),
    state.metadata.digest,
    cid.digest,
    // Where the list starts, and how long it is.
    word(160n),
    word(BigInt(traits.length)),
    ...traits,
  );
  return keccak(keccak(encoded));
}

/** A number as int256; a text of less than 32 bytes on the left, a longer one as its keccak-256. */
function wordOf(value: TraitValue): Uint8Array {
  if (typeof value === "bigint") return word(value);
  const bytes = toUtf8(value);
  return bytes.length < 32 ? concat(bytes, new Uint8Array(32 - bytes.length)) : keccak(bytes);
}

/** The node above two others, the lower one first. */
function parent(one: Uint8Array, other: Uint8Array): Uint8Array {
  return compare(one, other) <= 0 ? keccak(one, other) : keccak(other, one);
}

/** Checks the receipts from the latest back to the mint; how many there are. */
export function checkHistory(blocks: Blocks, proof: TokenProof, latest: Receipt, epoch: bigint): number {
  if (latest.epoch > epoch) {
    throw new Fault(`receipt ${proof.receipt} is of epoch ${latest.epoch}, which is not accepted`);
  }
  let [cid, later] = [proof.receipt, latest];
  for (let count = 1; ; count++) {
    const reason = ownFault(later);
    if (reason !== null) throw new Fault(`receipt ${cid}: ${reason}`);
    if (later.previous === null) return count;
    if (count === MAX_RECEIPTS) throw new Fault(`there are more than ${MAX_RECEIPTS} receipts`);
    const before = readReceipt(blocks, later.previous);
    const broken = linkFault(later, before);
    if (broken !== null) throw new Fault(`receipt ${cid}: ${broken}`);
    [cid, later] = [later.previous, before];
  }
}

/** What is wrong with a receipt by itself; null if nothing is. */
function ownFault({ version, epoch, previous, cut, score, attribution, before, state }: Receipt): string | null {
  if (version !== 1n) return `version ${version} is not known`;
  const sum = attribution.parts.reduce((sum, part) => sum + part, attribution.base);
  if (sum !== score.units) return `the attributions sum to ${sum}, the score is ${score.units}`;
  if (cut.codec !== CODEC.dagCbor) return `its cut ${cut} is a CID of another kind`;
  if (state.metadata.codec !== CODEC.raw) return `its metadata ${state.metadata} is a CID of another kind`;
  if (state.epoch !== epoch) return `its state is of epoch ${state.epoch}, the receipt of epoch ${epoch}`;
  if (previous === null && (state.sequence !== 1n || before.length !== 0)) {
    return "a mint has sequence 1 and no traits before";
  }
  return null;
}

/** Why a receipt does not follow the one before it; null if it does. */
function linkFault(later: Receipt, before: Receipt): string | null {
  const [now, then] = [later.state, before.state];
  if (now.token_id !== then.token_id || now.subject !== then.subject) {
    return "it is about another token than the receipt before it";
  }
  if (now.sequence !== then.sequence + 1n) return `sequence ${now.sequence} after ${then.sequence}`;
  if (later.epoch <= before.epoch) return `epoch ${later.epoch} after ${before.epoch}`;
  const held = then.traits.map((trait) => trait.value);
  if (later.before.length !== held.length || !later.before.every((value, place) => value === held[place])) {
    return "its traits before are not those that the receipt before it left";
  }
  return null;
}
