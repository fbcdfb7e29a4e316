use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{Eip712Domain, SolStruct};
use serde::{Deserialize, Serialize};

use crate::Digest;

mod sol {
    #![allow(missing_docs)]
    alloy_sol_types::sol! {
        #[derive(Debug, PartialEq, Eq)]
        struct Report {
            uint64 epoch;
            uint64 configCount;
            uint64 validUntil;
            bytes32 previousRoot;
            bytes32 stateRoot;
            bytes32 directory;
            bytes32 receiptsRoot;
            bytes32 model;
            bytes32 manifest;
            bytes32 cut;
        }

        #[derive(Debug, PartialEq, Eq)]
        struct HotReport {
            Report report;
            bytes32 hot;
        }
    }
}

pub use sol::Report as SolReport;

/// What the committee signs for an epoch, as EIP-712 typed data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The epoch's number; the first is 1.
    pub epoch: u64,
    /// The generation of the committee that may sign.
    pub config_count: u64,
    /// The last second (since 1970) at which the report may be posted.
    pub valid_until: u64,
    /// The state root of the epoch before; zero for the first.
    pub previous_root: Digest,
    /// The root of the state tree.
    pub state_root: Digest,
    /// The digest in the CID (dag-pb) of the collection's directory.
    pub directory: Digest,
    /// The root over the digests of this epoch's receipts, in the order of token ids; zero if none.
    pub receipts_root: Digest,
    /// The digest of the model artifact.
    pub model: Digest,
    /// The digest of the canonical manifest.
    pub manifest: Digest,
    /// The digest of the cut record.
    pub cut: Digest,
}

impl Report {
    /// The EIP-712 domain of an oracle contract.
    pub fn domain(chain_id: u64, oracle: [u8; 20]) -> Eip712Domain {
        Eip712Domain::new(
            Some("Enliven EpochOracle".into()),
            Some("1".into()),
            Some(U256::from(chain_id)),
            Some(Address::from(oracle)),
            None,
        )
    }

    /// The digest that is signed: keccak-256 of 0x1901, the domain separator and the struct hash.
    pub fn signing_digest(&self, domain: &Eip712Domain) -> Digest {
        Digest(self.to_sol().eip712_signing_hash(domain).0)
    }

    /// The digest that is signed for a report that brings hot traits; `hot` is their keccak-256.
    pub fn hot_signing_digest(&self, domain: &Eip712Domain, hot: Digest) -> Digest {
        let report = sol::HotReport { report: self.to_sol(), hot: B256::from(hot.0) };
        Digest(report.eip712_signing_hash(domain).0)
    }

    /// The Solidity struct.
    pub fn to_sol(&self) -> SolReport {
        let word = |digest: Digest| B256::from(digest.0);
        SolReport {
            epoch: self.epoch,
            configCount: self.config_count,
            validUntil: self.valid_until,
            previousRoot: word(self.previous_root),
            stateRoot: word(self.state_root),
            directory: word(self.directory),
            receiptsRoot: word(self.receipts_root),
            model: word(self.model),
            manifest: word(self.manifest),
            cut: word(self.cut),
        }
    }

    /// From the Solidity struct.
    pub fn from_sol(sol: &SolReport) -> Report {
        Report {
            epoch: sol.epoch,
            config_count: sol.configCount,
            valid_until: sol.validUntil,
            previous_root: Digest(sol.previousRoot.0),
            state_root: Digest(sol.stateRoot.0),
            directory: Digest(sol.directory.0),
            receipts_root: Digest(sol.receiptsRoot.0),
            model: Digest(sol.model.0),
            manifest: Digest(sol.manifest.0),
            cut: Digest(sol.cut.0),
        }
    }
}

/// A report with the signatures of a quorum, ready to post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedReport {
    /// What was signed.
    pub report: Report,
    /// Bit i is set if signer i signed.
    pub signers: u64,
    /// One 65-byte signature (r, s, v with v 27 or 28) per set bit, from the lowest bit up.
    pub signatures: Vec<[u8; 65]>,
}
