// Schnorr signatures as a FROST group makes them (FROST-secp256k1-KECCAK256-v1), with hash_to_field of another
// library: a second implementation of what the contract checks. One key stands for the group here; groups of the Rust
// implementation sign in crates/pipeline/oracle/tests/group.rs.

import { hash_to_field } from '@noble/curves/abstract/hash-to-curve';
import { secp256k1 } from '@noble/curves/secp256k1';
import { keccak_256 } from '@noble/hashes/sha3';
import { concat, getBytes, id, toBeHex } from 'ethers';

const { ProjectivePoint: Point, CURVE } = secp256k1;

const TAG = new TextEncoder().encode('FROST-secp256k1-KECCAK256-v1chal');

/** The same key in every run. */
export function groupKey(seed = 'enliven test group') {
  const secret = BigInt(id(seed)) % CURVE.n;
  const { x, y } = Point.BASE.multiply(secret).toAffine();
  return { secret, x, y };
}

/** A signature of a digest: the commitment's coordinates and the response. */
export function groupSign({ secret, x, y }, digest, nonceSeed = 'enliven test nonce') {
  const nonce = BigInt(id(`${nonceSeed} ${digest}`)) % CURVE.n;
  const commitment = Point.BASE.multiply(nonce).toAffine();
  const c = challenge({ x, y }, digest, commitment);
  return { rx: commitment.x, ry: commitment.y, z: (nonce + c * secret) % CURVE.n };
}

function challenge(key, digest, commitment) {
  const message = getBytes(concat([compressed(commitment), compressed(key), digest]));
  const options = { DST: TAG, p: CURVE.n, m: 1, k: 128, expand: 'xmd', hash: keccak_256 };
  return hash_to_field(message, 1, options)[0][0];
}

function compressed({ x, y }) {
  return concat([toBeHex(2n + (y & 1n), 1), toBeHex(x, 32)]);
}
