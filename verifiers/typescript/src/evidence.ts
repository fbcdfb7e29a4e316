// The record of evidence: what the chain knows of a collection, with its proofs.

import { address, bytes, digest, hash, link, list, oneOf, record, u32, u64, u8 } from "./record.ts";

const nodes = list(bytes());

const accountProof = record(
  {
    address,
    nonce: u64,
    balance: hash,
    storage_root: hash,
    code_hash: hash,
    proof: nodes,
    slots: list(record({ slot: hash, value: hash, proof: nodes })),
  },
  { code: bytes() },
);

const report = record({
  epoch: u64,
  config_count: u64,
  valid_until: u64,
  previous_root: digest,
  state_root: digest,
  directory: digest,
  receipts_root: digest,
  model: digest,
  manifest: digest,
  cut: digest,
});

const acceptedEpoch = record(
  {
    oracle: address,
    report,
    signed: oneOf({
      committee: record({ signers: u64, signatures: list(bytes(65)) }),
      group: bytes(96),
    }),
  },
  { hot: digest },
);

const committee = record(
  { oracle: address, config_count: u64, signers: list(address), threshold: u8, ejected: u64 },
  { group_key: bytes(64) },
);

export const evidence = record({
  version: u32,
  chain_id: u64,
  state: record({ header: bytes(), token: accountProof, oracle: accountProof, signers: accountProof }),
  last: acceptedEpoch,
  earlier: list(link),
  committees: list(committee),
  tokens: list(record({ token_id: u64, receipt: link, proof: list(digest) })),
});

export type AccountProof = ReturnType<typeof accountProof>;
export type Report = ReturnType<typeof report>;
export type AcceptedEpoch = ReturnType<typeof acceptedEpoch>;
export type Committee = ReturnType<typeof committee>;
export type Evidence = ReturnType<typeof evidence>;
export type StateProof = Evidence["state"];
export type TokenProof = Evidence["tokens"][number];
