use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256, keccak256};
use serde::{Deserialize, Serialize};

use crate::{Block, Cid, Codec, Digest, Report, to_cbor};

/// What the chain knows of a collection, so that it can be checked without a connection to it.
///
/// What it says of tokens is proven by the header of one block ([`StateProof`]) and by signatures ([`AcceptedEpoch`]); so
/// who knows the hash of that block needs to trust nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The version of this record: 1.
    pub version: u32,
    /// The chain's id.
    pub chain_id: u64,
    /// What the contracts hold at one block.
    pub state: StateProof,
    /// The last epoch that the token accepted.
    pub last: AcceptedEpoch,
    /// Where the epochs before it are, if they are needed: [`EpochList`] blocks, oldest first.
    pub earlier: Vec<Cid>,
    /// The committees that signed them, oldest first.
    pub committees: Vec<CommitteeConfig>,
    /// The tokens that this is about, in the order of their ids.
    pub tokens: Vec<TokenProof>,
}

impl Evidence {
    /// The version that is written and read.
    pub const VERSION: u32 = 1;

    /// The DAG-CBOR block of this record.
    pub fn to_block(&self) -> Block {
        Block::new(Codec::DagCbor, to_cbor(self))
    }
}

/// Some epochs that were accepted one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochList {
    /// Oldest first.
    pub epochs: Vec<AcceptedEpoch>,
}

impl EpochList {
    /// With so many epochs a list stays far below the largest block.
    pub const MAX_EPOCHS: usize = 500;

    /// The DAG-CBOR block of this record.
    pub fn to_block(&self) -> Block {
        Block::new(Codec::DagCbor, to_cbor(self))
    }
}

/// What a token, its oracle and the list of its signers hold at one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateProof {
    /// The block's header, in RLP: its keccak-256 is the block's hash.
    pub header: Bytes,
    /// The token, with the slots of [`TokenSlots::wanted`].
    pub token: AccountProof,
    /// The oracle that signed the last epoch, with the slot of who was ejected; with its code if a group signed.
    pub oracle: AccountProof,
    /// The account whose code is the list of the oracle's signers, with its code and no slot.
    pub signers: AccountProof,
}

/// An account in the state of a block, as `eth_getProof` gives it (EIP-1186).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountProof {
    /// The account.
    pub address: Address,
    /// Its nonce.
    pub nonce: u64,
    /// Its balance in wei, 32 bytes big-endian.
    pub balance: B256,
    /// The root of its storage.
    pub storage_root: B256,
    /// The keccak-256 of its code.
    pub code_hash: B256,
    /// The nodes of the state trie, in RLP, from the root to the account.
    pub proof: Vec<Bytes>,
    /// Some of its slots, in their order.
    pub slots: Vec<SlotProof>,
    /// Its code, where it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Bytes>,
}

/// A slot in the storage of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotProof {
    /// The slot.
    pub slot: B256,
    /// What it holds.
    pub value: B256,
    /// The nodes of the storage trie, in RLP, from the root to the slot.
    pub proof: Vec<Bytes>,
}

/// Where the contracts keep what a proof is about.
pub struct TokenSlots;

impl TokenSlots {
    /// Of the token: from the lowest bit up the oracle (160 bits), the epoch (32), when it was accepted (32), how many
    /// tokens there are (24), two flags.
    pub const HEAD: u64 = 12;
    /// Of the token: the state root.
    pub const STATE_ROOT: u64 = 13;
    /// Of the token: the digest of the directory.
    pub const DIRECTORY: u64 = 14;
    /// Of the token, a mapping: one bit for each token that its holder keeps as it is.
    const HELD: u64 = 23;
    /// Of the token, a mapping: the directory of a held token.
    const HELD_DIRECTORY: u64 = 25;
    /// Of the oracle: the signers who were ejected, as bits.
    pub const EJECTED: u64 = 2;

    /// The slots of the token that a proof about some of its tokens holds, in their order.
    pub fn wanted(token_ids: impl IntoIterator<Item = u64>) -> Vec<B256> {
        let mut slots = vec![
            TokenSlots::plain(TokenSlots::HEAD),
            TokenSlots::plain(TokenSlots::STATE_ROOT),
            TokenSlots::plain(TokenSlots::DIRECTORY),
        ];
        slots.extend(token_ids.into_iter().flat_map(|id| [TokenSlots::held(id), TokenSlots::held_directory(id)]));
        slots.sort();
        slots.dedup();
        slots
    }

    /// A plain slot.
    pub fn plain(slot: u64) -> B256 {
        B256::from(U256::from(slot))
    }

    /// The word with the bit of a token that may be held; the bit is the lowest byte of the token's id.
    pub fn held(token_id: u64) -> B256 {
        mapped(token_id >> 8, TokenSlots::HELD)
    }

    /// Whether a token's bit is set in the word that [`held`](TokenSlots::held) names.
    pub fn is_held(word: B256, token_id: u64) -> bool {
        let bit = token_id as u8;
        word[31 - usize::from(bit / 8)] >> (bit % 8) & 1 != 0
    }

    /// The directory of a held token.
    pub fn held_directory(token_id: u64) -> B256 {
        mapped(token_id, TokenSlots::HELD_DIRECTORY)
    }
}

/// Where Solidity keeps the value of a key of a mapping.
fn mapped(key: u64, mapping: u64) -> B256 {
    keccak256([TokenSlots::plain(key).0, TokenSlots::plain(mapping).0].concat())
}

/// An epoch that an oracle accepted, with what it was accepted for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedEpoch {
    /// The oracle.
    pub oracle: Address,
    /// What was signed.
    pub report: Report,
    /// The keccak-256 of the hot traits that were signed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hot: Option<Digest>,
    /// Who signed.
    pub signed: EpochSignature,
}

impl AcceptedEpoch {
    /// The digest that was signed.
    pub fn signing_digest(&self, chain_id: u64) -> Digest {
        let domain = Report::domain(chain_id, self.oracle.into_array());
        match self.hot {
            Some(hot) => self.report.hot_signing_digest(&domain, hot),
            None => self.report.signing_digest(&domain),
        }
    }
}

/// Who signed an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum EpochSignature {
    /// Members of the committee.
    Committee {
        /// Bit i is set if signer i signed.
        signers: u64,
        /// One (r, s, v) for each set bit, from the lowest up.
        signatures: Vec<FixedBytes<65>>,
    },
    /// The group: the commitment's x and y, and the response.
    Group(FixedBytes<96>),
}

/// A committee, as its oracle announced it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitteeConfig {
    /// The oracle that set it; reports are signed for one oracle.
    pub oracle: Address,
    /// Its generation.
    pub config_count: u64,
    /// The signers, in the order of the bits.
    pub signers: Vec<Address>,
    /// How many of them a report needs.
    pub threshold: u8,
    /// The x and y of the group's key, if there is one that may sign in the signers' place; in [`Evidence`] about tokens
    /// only where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_key: Option<FixedBytes<64>>,
    /// The signers who were ejected since, as bits. What they signed before was good.
    pub ejected: u64,
}

impl CommitteeConfig {
    /// The least threshold for `count` signers, floor((n + f) / 2) + 1 with f = floor((n - 1) / 3):
    /// two reports that contradict each other cannot both reach it.
    pub fn minimum_threshold(count: usize) -> usize {
        (count + count.saturating_sub(1) / 3) / 2 + 1
    }

    /// The fewest signers of a report that the oracle accepts since the latest of them was ejected.
    pub fn needed(&self) -> usize {
        let gone = self.ejected.count_ones() as usize;
        let left = self.signers.len().saturating_sub(gone);
        let threshold = usize::from(self.threshold);
        if gone == 0 || left == 0 {
            return threshold;
        }
        CommitteeConfig::minimum_threshold(left).max(threshold.saturating_sub(gone))
    }
}

/// That the accepted state has a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenProof {
    /// The token's id.
    pub token_id: u64,
    /// The receipt of its latest change. The token's leaf follows from it.
    pub receipt: Cid,
    /// The siblings from the leaf up to the state root.
    pub proof: Vec<Digest>,
}
