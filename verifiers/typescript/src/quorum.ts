// Who signed an epoch: the digest (EIP-712), signatures of committee members, the signature of a group.

import { hash_to_field } from "@noble/curves/abstract/hash-to-curve.js";
import { weierstrass } from "@noble/curves/abstract/weierstrass.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { Fault, big, bitCount, concat, hex, keccak, plural, same, toUtf8, word } from "./bytes.ts";
import type { AcceptedEpoch, Committee, Evidence } from "./evidence.ts";
import type { ProvenState } from "./state.ts";

/** secp256k1 (SEC 2, section 2.4.1). */
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const Point = weierstrass({
  p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn,
  n: ORDER,
  h: 1n,
  a: 0n,
  b: 7n,
  Gx: 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n,
  Gy: 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n,
});

const named = (text: string): Uint8Array => keccak(toUtf8(text));

const REPORT =
  "Report(uint64 epoch,uint64 configCount,uint64 validUntil,bytes32 previousRoot,bytes32 stateRoot," +
  "bytes32 directory,bytes32 receiptsRoot,bytes32 model,bytes32 manifest,bytes32 cut)";
const REPORT_TYPE = named(REPORT);
const HOT_REPORT_TYPE = named(`HotReport(Report report,bytes32 hot)${REPORT}`);
const DOMAIN_TYPE = named("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
const DOMAIN_NAME = named("Enliven EpochOracle");
const DOMAIN_VERSION = named("1");

/** The digest that is signed for an epoch. */
export function signingDigest(chainId: bigint, { oracle, report, hot }: AcceptedEpoch): Uint8Array {
  const domain = keccak(DOMAIN_TYPE, DOMAIN_NAME, DOMAIN_VERSION, word(chainId), word(big(oracle)));
  let signed = keccak(
    REPORT_TYPE,
    word(report.epoch),
    word(report.config_count),
    word(report.valid_until),
    report.previous_root,
    report.state_root,
    report.directory,
    report.receipts_root,
    report.model,
    report.manifest,
    report.cut,
  );
  if (hot !== undefined) signed = keccak(HOT_REPORT_TYPE, signed, hot);
  return keccak(Uint8Array.of(0x19, 0x01), domain, signed);
}

/** The last epoch must be what the contracts hold, and signed by a quorum of the committee that is proven; says who
 * signed it. */
export function checkQuorum(evidence: Evidence, state: ProvenState): string {
  const { last } = evidence;
  const { report } = last;
  const pairs: [string, string, string][] = [
    ["epoch", String(report.epoch), String(state.epoch)],
    ["state root", hex(report.state_root), hex(state.stateRoot)],
    ["directory", hex(report.directory), hex(state.directory)],
    ["oracle", hex(last.oracle), hex(state.oracle)],
  ];
  for (const [what, signed, held] of pairs) {
    if (signed !== held) throw new Fault(`the ${what} that was signed is ${signed}, the contracts hold ${held}`);
  }
  const committee = evidence.committees.find(
    (one) => same(one.oracle, last.oracle) && one.config_count === report.config_count,
  );
  if (committee === undefined) throw new Fault(`the committee of epoch ${report.epoch} is left out`);
  const { signers } = committee;
  if (signers.length !== state.signers.length || !signers.every((one, place) => same(one, state.signers[place]!))) {
    throw new Fault(`the record names ${plural(signers.length, "signer")}, the oracle's list has others`);
  }
  if (committee.ejected !== state.ejected) {
    const [proven, told] = [state.ejected.toString(2), committee.ejected.toString(2)];
    throw new Fault(`signers ${proven} were ejected (as bits), the record says ${told}`);
  }
  const digest = signingDigest(evidence.chain_id, last);
  const { group, committee: signed } = last.signed;
  if (group !== undefined) {
    const key = committee.group_key;
    if (key === undefined) throw new Fault("a group signed, but its oracle has none");
    if (state.oracleCode === null || !contains(state.oracleCode, key.subarray(0, 32))) {
      throw new Fault("the group's key is not that of the oracle");
    }
    checkGroupSignature(key, digest, group);
    return "its group";
  }
  if (signed === undefined) throw new Fault("nobody signed");
  checkSignatures(committee, digest, signed.signers, signed.signatures);
  return `${bitCount(signed.signers)} of ${plural(signers.length, "signer")}`;
}

/** Whether bytes hold others anywhere. */
function contains(bytes: Uint8Array, part: Uint8Array): boolean {
  for (let at = 0; at + part.length <= bytes.length; at++) {
    if (same(bytes.subarray(at, at + part.length), part)) return true;
  }
  return false;
}

/** floor((n + f) / 2) + 1 of n signers, f = floor((n - 1) / 3): two reports that contradict each other cannot both
 * reach it. */
function leastThreshold(count: number): number {
  return Math.floor((count + Math.floor(Math.max(count - 1, 0) / 3)) / 2) + 1;
}

/** How many must have signed. Each who was ejected since lowers it, as a smaller committee needs fewer. */
function needed({ signers, threshold, ejected }: Committee): number {
  const full = Number(threshold);
  const least = leastThreshold(signers.length);
  if (full < least || full > signers.length) {
    throw new Fault(`a threshold of ${full}; ${plural(signers.length, "signer")} need ${least} or more`);
  }
  const gone = bitCount(ejected);
  const left = signers.length - gone;
  return gone === 0 || left <= 0 ? full : Math.max(leastThreshold(left), full - gone);
}

/** Bit i of `bits` is set if signer i signed; there is one signature for each set bit, from the lowest up. */
export function checkSignatures(
  committee: Committee,
  digest: Uint8Array,
  bits: bigint,
  signatures: Uint8Array[],
): void {
  const least = needed(committee);
  const listed = Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => (bits >> BigInt(bit)) & 1n);
  if (listed.length !== signatures.length) {
    throw new Fault(`${plural(listed.length, "signer")} and ${plural(signatures.length, "signature")}`);
  }
  if (listed.length < least) throw new Fault(`${plural(listed.length, "signature")}, ${least} are needed`);
  listed.forEach((signer, place) => {
    const address = committee.signers[signer];
    if (address === undefined) throw new Fault(`signer ${signer} of ${committee.signers.length} is none`);
    const found = recover(digest, signatures[place]!);
    if (found === null || !same(found, address)) {
      throw new Fault(`signature ${place} is not by signer ${signer} (${hex(address)})`);
    }
  });
}

/** The address of who signed (r, s, v), from r K = s R - digest G (SEC 1, section 4.1.6); null if nobody can have
 * signed so, or if s is in the upper half of the order. */
function recover(digest: Uint8Array, signature: Uint8Array): Uint8Array | null {
  const [x, s, v] = [signature.subarray(0, 32), big(signature.subarray(32, 64)), signature[64]];
  const r = big(x);
  if (r === 0n || r >= ORDER || s === 0n || s > ORDER / 2n || (v !== 27 && v !== 28)) return null;
  try {
    const commitment = Point.fromBytes(concat(Uint8Array.of(v - 25), x));
    const { Fn } = Point;
    const inverse = Fn.inv(r);
    const [ofPoint, ofBase] = [Fn.mul(s, inverse), Fn.mul(Fn.create(-big(digest)), inverse)];
    const key = commitment.multiplyUnsafe(ofPoint).add(Point.BASE.multiplyUnsafe(ofBase));
    return keccak(key.toBytes(false).subarray(1)).subarray(12);
  } catch {
    // No point of the curve has this x, or the key is the point at infinity.
    return null;
  }
}

/** z G = R + c K (RFC 9591, FROST-secp256k1-KECCAK256-v1): the key is K's x and y, the signature R's x and y and z. */
export function checkGroupSignature(key: Uint8Array, digest: Uint8Array, signature: Uint8Array): void {
  const group = point("the group's key", key);
  const commitment = point("the group's commitment", signature.subarray(0, 64));
  const response = big(signature.subarray(64));
  if (response >= ORDER) throw new Fault("the group's response is not below the order");
  const message = concat(commitment.toBytes(true), group.toBytes(true), digest);
  const tag = toUtf8("FROST-secp256k1-KECCAK256-v1chal");
  const options = { DST: tag, p: ORDER, m: 1, k: 128, expand: "xmd", hash: keccak_256 } as const;
  const challenge = hash_to_field(message, 1, options)[0]![0]!;
  const expected = commitment.add(group.multiplyUnsafe(challenge));
  if (!Point.BASE.multiplyUnsafe(response).equals(expected)) throw new Fault("the group did not sign this");
}

function point(what: string, coordinates: Uint8Array) {
  try {
    const found = Point.fromAffine({ x: big(coordinates.subarray(0, 32)), y: big(coordinates.subarray(32)) });
    found.assertValidity();
    return found;
  } catch {
    throw new Fault(`${what} is not a point of the curve`);
  }
}
