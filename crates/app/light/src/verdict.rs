use enliven_types::{Cid, Digest, Trait};
use serde::Serialize;

/// What is checked, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LightStep {
    /// The record of evidence is there and is about this collection.
    Evidence,
    /// The block's header has the hash that is known from elsewhere.
    Anchor,
    /// The token, its oracle and the list of signers hold in that block what the record says.
    State,
    /// The last accepted epoch is signed by a quorum, and it is what the token holds.
    Quorum,
    /// Each token is a leaf of the state root.
    Proof,
    /// The receipts lead back to the mint.
    Receipts,
    /// The directory names the metadata, and the files are there.
    Content,
}

impl LightStep {
    /// Every step, in order.
    pub const ALL: [LightStep; 7] = [
        LightStep::Evidence,
        LightStep::Anchor,
        LightStep::State,
        LightStep::Quorum,
        LightStep::Proof,
        LightStep::Receipts,
        LightStep::Content,
    ];
}

/// How one step went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LightCheck {
    /// The step.
    pub step: LightStep,
    /// Whether the step passed; none if it was not reached.
    pub passed: Option<bool>,
    /// What was checked, or the first difference.
    pub detail: String,
}

/// A token as the accepted state has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProvenToken {
    /// The token's id.
    pub token_id: u64,
    /// The entity that it follows.
    pub subject: String,
    /// How many times it has changed.
    pub sequence: u64,
    /// The epoch of the latest change.
    pub epoch: u64,
    /// Its traits.
    pub traits: Vec<Trait>,
    /// The metadata JSON, as text of its CID.
    pub metadata: String,
    /// The metadata JSON that its holder keeps it at, if the holder does.
    pub held_at: Option<String>,
    /// The receipt of the latest change.
    #[serde(skip)]
    pub receipt: Cid,
}

/// How the check went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LightVerdict {
    /// Whether every step passed.
    pub passed: bool,
    /// The number of the block that all is proven by, as far as its header could be read.
    pub block: Option<u64>,
    /// The hash of that block.
    pub block_hash: Option<Digest>,
    /// The time of that block, in seconds since 1970, if it is proven: what is proven was so then.
    pub time: Option<u64>,
    /// The last accepted epoch, if it is proven.
    pub epoch: Option<u64>,
    /// The tokens that are proven.
    pub tokens: Vec<ProvenToken>,
    /// Step by step.
    pub checks: Vec<LightCheck>,
}
