// The light check: what a token is, from a file and the hash of one block. Nothing is recomputed and nobody is asked.
//
// A block's hash proves the header, the header the contracts' storage, the storage the state root and the directory,
// the state root the token's leaf, the leaf the latest receipt, the receipt its history and the metadata.

import { Fault, fromHex, hex, plural, same, words } from "./bytes.ts";
import { type Blocks, readCar } from "./car.ts";
import { CODEC, Cid, SHA2_256 } from "./cid.ts";
import { UnixFs } from "./directory.ts";
import { type Evidence, type TokenProof, evidence as evidenceReader } from "./evidence.ts";
import { readJson, namedFiles } from "./json.ts";
import { checkQuorum } from "./quorum.ts";
import { type Receipt, checkHistory, checkProof } from "./receipts.ts";
import { readRecord } from "./record.ts";
import { type ProvenState, checkState, readHeader } from "./state.ts";

/** What is checked, in this order. */
export const STEPS = ["evidence", "anchor", "state", "quorum", "proof", "receipts", "content"] as const;

/** How one step went. */
export interface Check {
  step: string;
  /** Null if the step was not reached. */
  passed: boolean | null;
  /** What was checked, or the first difference. */
  detail: string;
}

/** A whole number: a bigint beyond 2^53 - 1. */
export type Whole = number | bigint;

/** A token as the accepted state has it. */
export interface ProvenToken {
  tokenId: Whole;
  /** The entity that it follows. */
  subject: string;
  /** How many times it has changed. */
  sequence: Whole;
  /** The epoch of the latest change. */
  epoch: Whole;
  traits: { name: string; value: Whole | string }[];
  /** The metadata JSON, as text of its CID. */
  metadata: string;
  /** The metadata JSON that its holder keeps it at; empty if it was held before the first epoch and shows nothing;
   * null if it is not held. */
  heldAt: string | null;
  /** The receipt of the latest change, as text of its CID. */
  receipt: string;
}

/** How the check went. */
export interface Verdict {
  /** Whether every step passed. */
  passed: boolean;
  /** The number of the block that all is proven by, if its header could be read. */
  block?: Whole;
  /** The hash of that block. It is that of the header in the file, and known to be right if the anchor passed. */
  blockHash?: string;
  /** The last accepted epoch, if it is proven. */
  epoch?: number;
  /** The tokens that are proven; none unless every step passed. */
  tokens: ProvenToken[];
  /** Step by step, all of them. */
  checks: Check[];
}

/** Where the hash of the block is known from: it is this one, or somebody who is trusted says which hash the block of
 * a number has, null if there is no such block. */
export type Anchor = { hash: string } | ((block: number) => Promise<string | null>);

/** Checks the tokens of a file of `enliven export`, which must be about the collection of the contract `token`.
 *
 * It does not throw: whatever is wrong is a check that failed. */
export async function verifyCar(car: Uint8Array, token: string, anchor: Anchor): Promise<Verdict> {
  const verdict: Verdict = { passed: false, tokens: [], checks: [] };
  const pass = (detail: string): void => {
    verdict.checks.push({ step: STEPS[verdict.checks.length]!, passed: true, detail });
  };
  const tokens: ProvenToken[] = [];
  try {
    const { record, blocks } = openEvidence(car);
    pass(`chain ${record.chain_id}, ${plural(record.tokens.length, "token")}`);

    const header = readHeader(record.state.header);
    verdict.block = small(header.number);
    verdict.blockHash = hex(header.hash);
    await checkAnchor(header.number, verdict.blockHash, anchor);
    pass(`block ${header.number}, ${verdict.blockHash}`);

    const contract = fromHex(token, 20);
    if (contract === null) throw new Fault("the token contract's address is not 0x and 40 hexadecimal digits");
    const state = checkState(record.state, contract, record.tokens.map((proof) => proof.token_id));
    verdict.epoch = Number(state.epoch);
    const signers = plural(state.signers.length, "signer");
    pass(`${plural(state.minted, "token")} of ${hex(contract)}, epoch ${state.epoch}, ${signers}`);

    const who = checkQuorum(record, state);
    const since = same(state.believed, state.oracle) ? "" : "; the token has another oracle by now";
    pass(`epoch ${state.epoch} signed by ${who}${since}`);

    if (record.tokens.length === 0) throw new Fault("the record is about no token");
    const latest = record.tokens.map((proof) => of(proof, () => checkProof(blocks, proof, state.stateRoot)));
    pass(`${plural(latest.length, "token")} under the state root ${hex(state.stateRoot)}`);

    let receipts = 0;
    record.tokens.forEach((proof, place) => {
      receipts += of(proof, () => checkHistory(blocks, proof, latest[place]!, state.epoch));
    });
    pass(`${plural(receipts, "receipt")}, back to the mint`);

    const files = new UnixFs(blocks);
    let count = 0;
    record.tokens.forEach((proof, place) => {
      const found = of(proof, () => checkContent(files, proof, latest[place]!, state));
      tokens.push(found.token);
      count += found.files;
    });
    pass(`${plural(count, "file")} of metadata, as the directory names them`);
    verdict.passed = true;
    verdict.tokens = tokens;
  } catch (error) {
    verdict.checks.push({ step: STEPS[verdict.checks.length]!, passed: false, detail: words(error) || "it cannot be read" });
  }
  for (const step of STEPS.slice(verdict.checks.length)) {
    verdict.checks.push({ step, passed: null, detail: "not reached" });
  }
  return verdict;
}

/** The record of evidence, which is the root of the file. */
function openEvidence(car: unknown): { record: Evidence; blocks: Blocks } {
  if (!ArrayBuffer.isView(car)) throw new Fault("the file is not given as bytes");
  const { root, blocks } = readCar(new Uint8Array(car.buffer, car.byteOffset, car.byteLength));
  if (root.codec !== CODEC.dagCbor) throw new Fault(`the file's root ${root} is no record of evidence`);
  const record = readRecord("record of evidence", blocks.get("record of evidence", root), evidenceReader);
  if (record.version !== 1n) throw new Fault(`version ${record.version} is not known`);
  record.tokens.forEach((proof, place) => {
    const before = record.tokens[place - 1];
    if (before !== undefined && before.token_id >= proof.token_id) {
      throw new Fault(`its tokens are repeated or out of order: ${proof.token_id} after ${before.token_id}`);
    }
  });
  if (record.tokens.length > 0 && record.earlier.length > 0) {
    throw new Fault("it has tokens and earlier epochs; a record has one of them");
  }
  const oracles = new Set<string>();
  for (const { oracle } of record.committees) {
    if (oracles.has(hex(oracle))) throw new Fault(`the committee of ${hex(oracle)} is there twice`);
    oracles.add(hex(oracle));
  }
  return { record, blocks };
}

async function checkAnchor(number: bigint, found: string, anchor: Anchor): Promise<void> {
  let known: unknown;
  if (typeof anchor === "function") {
    if (number > Number.MAX_SAFE_INTEGER) throw new Fault(`no chain has a block ${number}`);
    try {
      known = await anchor(Number(number));
    } catch (error) {
      throw new Fault(`the hash of block ${number} was not to be had: ${words(error)}`);
    }
    if (known === null || known === undefined) throw new Fault(`the chain has no block ${number}`);
  } else {
    known = anchor?.hash;
  }
  if (fromHex(known, 32) === null) throw new Fault("the hash that is known is not 0x and 64 hexadecimal digits");
  const wanted = (known as string).toLowerCase();
  if (found !== wanted) throw new Fault(`the header of block ${number} has the hash ${found}, not ${wanted}`);
}

/** Checks what a token shows. */
function checkContent(
  files: UnixFs,
  { token_id: id, receipt }: TokenProof,
  latest: Receipt,
  state: ProvenState,
): { token: ProvenToken; files: number } {
  const { metadata } = latest.state;
  const directory = directoryOf(state.directory);
  for (const [path, wanted] of [[`${id}.json`, metadata], [`receipts/${id}`, receipt]] as const) {
    const found = files.resolve(directory, path);
    if (!found.equals(wanted)) throw new Fault(`the directory names ${found} as ${path}, the receipt ${wanted}`);
  }
  let count = checkFiles(files, metadata);
  let heldAt: string | null = null;
  const held = state.heldDirectory(id);
  if (held !== null) {
    heldAt = "";
    if (held.some((byte) => byte !== 0)) {
      const shown = files.resolve(directoryOf(held), `${id}.json`);
      count += checkFiles(files, shown);
      heldAt = shown.toString();
    }
  }
  const token: ProvenToken = {
    tokenId: small(id),
    subject: latest.state.subject,
    sequence: small(latest.state.sequence),
    epoch: small(latest.epoch),
    traits: latest.state.traits.map(({ name, value }) => ({
      name,
      value: typeof value === "string" ? value : small(value),
    })),
    metadata: metadata.toString(),
    heldAt,
    receipt: receipt.toString(),
  };
  return { token, files: count };
}

/** Reads a JSON and sees to it that the files are there that it names; how many there are. */
function checkFiles(files: UnixFs, metadata: Cid): number {
  if (metadata.codec !== CODEC.raw) throw new Fault(`the JSON ${metadata} is not a raw block`);
  const json = readJson(`the JSON ${metadata}`, files.read(metadata));
  const links = new Map<string, Cid>();
  for (const text of namedFiles(json)) {
    // What is not as a whole the CID of a file names none.
    const cid = text.startsWith("ipfs://") ? Cid.parse(text.slice(7)) : null;
    if (cid?.hash === SHA2_256 && (cid.codec === CODEC.raw || cid.codec === CODEC.dagPb)) links.set(cid.toString(), cid);
  }
  for (const link of links.values()) files.check(link);
  return 1 + links.size;
}

function directoryOf(digest: Uint8Array): Cid {
  return Cid.from(CODEC.dagPb, digest);
}

function small(number: bigint): Whole {
  return Number.isSafeInteger(Number(number)) ? Number(number) : number;
}

/** Says which token an error is about. */
function of<T>({ token_id }: TokenProof, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw new Fault(`token ${token_id}: ${words(error)}`);
  }
}
