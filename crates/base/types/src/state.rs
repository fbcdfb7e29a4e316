use alloy_primitives::{B256, I256, U256};
use alloy_sol_types::SolValue;
use serde::{Deserialize, Serialize};

use crate::{Cid, Digest, TypeError, keccak};

/// The value of one trait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TraitValue {
    /// A whole number.
    Number(i64),
    /// A word, such as a tier.
    Text(String),
}

impl TraitValue {
    /// The 32 bytes of this value on chain: a number as `int256`; a text of at most 31 bytes left
    /// aligned and padded with zeros; a longer text as its keccak-256.
    pub fn to_word(&self) -> B256 {
        match self {
            TraitValue::Number(number) => B256::from(I256::try_from(*number).unwrap_or_default()),
            TraitValue::Text(text) if text.len() < 32 => B256::right_padding_from(text.as_bytes()),
            TraitValue::Text(text) => B256::from(keccak(text.as_bytes()).0),
        }
    }
}

impl std::fmt::Display for TraitValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TraitValue::Number(number) => write!(f, "{number}"),
            TraitValue::Text(text) => write!(f, "{text}"),
        }
    }
}

/// A named trait of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trait {
    /// The name in the manifest.
    pub name: String,
    /// The value.
    pub value: TraitValue,
}

/// What a token is after its latest change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenState {
    /// The ERC-721 token id; ids start at 1.
    pub token_id: u64,
    /// The entity that the token follows.
    pub subject: String,
    /// How many times the token has changed; the mint is 1.
    pub sequence: u64,
    /// The epoch of the latest change.
    pub epoch: u64,
    /// The watermark of that epoch, in milliseconds since 1970.
    pub changed_at: crate::Timestamp,
    /// In the order of the manifest.
    pub traits: Vec<Trait>,
    /// The metadata JSON.
    pub metadata: Cid,
}

/// The leaf of a token in the state tree: keccak-256 twice over
/// `abi.encode(uint256 tokenId, uint64 sequence, bytes32 metadata, bytes32 receipt, bytes32[] traits)`.
///
/// Hashing twice keeps a leaf from being taken for an inner node (the convention of OpenZeppelin's
/// `StandardMerkleTree`).
pub fn leaf_hash(state: &TokenState, receipt: &Cid) -> Result<Digest, TypeError> {
    let traits: Vec<B256> = state.traits.iter().map(|entry| entry.value.to_word()).collect();
    let encoded = (
        U256::from(state.token_id),
        state.sequence,
        B256::from(Digest::of_cid(&state.metadata)?.0),
        B256::from(Digest::of_cid(receipt)?.0),
        traits,
    )
        .abi_encode_params();
    Ok(keccak(&keccak(&encoded).0))
}
