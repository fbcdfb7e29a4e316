use serde::{Deserialize, Serialize};

use crate::{
    Attribution, Block, ChangeReason, Cid, Codec, Digest, FeatureVector, Score, TokenState, TraitValue, to_cbor,
};

/// The record of one change of one token. Each names the one before, back to the mint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The version of this record: 1.
    pub version: u32,
    /// The epoch that made the change.
    pub epoch: u64,
    /// The receipt of the token's change before this one; none for the mint.
    pub previous: Option<Cid>,
    /// The events that were seen.
    pub cut: Cid,
    /// The manifest that was in force.
    pub manifest: Digest,
    /// The model that was asked.
    pub model: Digest,
    /// The definition of the features.
    pub schema: Digest,
    /// The features of the token at the cut.
    pub features: FeatureVector,
    /// What the model said.
    pub score: Score,
    /// Which inputs made it so; the parts sum to the score.
    pub attribution: Attribution,
    /// Why the token changed.
    pub reasons: Vec<ChangeReason>,
    /// The traits before; empty for a mint.
    pub before: Vec<TraitValue>,
    /// The token from now on.
    pub state: TokenState,
}

impl Receipt {
    /// The DAG-CBOR block of this record.
    pub fn to_block(&self) -> Block {
        Block::new(Codec::DagCbor, to_cbor(self))
    }
}
