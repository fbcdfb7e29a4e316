use serde::{Deserialize, Serialize};

use crate::{Block, Cid, Codec, to_cbor};

/// One root that leads to all that an epoch published, so that a pin of it keeps the epoch.
///
/// The metadata names its images as texts and the report names its definition by digests; neither is a link that a
/// node of the IPFS network follows. Here they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochIndex {
    /// The version of this record: 1.
    pub version: u32,
    /// The epoch.
    pub epoch: u64,
    /// The directory.
    pub directory: Cid,
    /// The cut.
    pub cut: Cid,
    /// The definition, its template and tables, and the model.
    pub definition: Vec<Cid>,
    /// The images that the metadata of the epoch's changed tokens names.
    pub images: Vec<Cid>,
}

impl EpochIndex {
    /// The DAG-CBOR block of this record.
    pub fn to_block(&self) -> Block {
        Block::new(Codec::DagCbor, to_cbor(self))
    }
}
