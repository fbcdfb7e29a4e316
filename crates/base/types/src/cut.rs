use serde::{Deserialize, Serialize};

use crate::{Block, Cid, Codec, Timestamp, to_cbor};

/// How far one partition of one source is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutPartition {
    /// The source's name in the manifest.
    pub source: String,
    /// The partition's number within the source.
    pub partition: u32,
    /// Events with offsets below this one are seen.
    pub offset: u64,
}

/// Exactly which events an epoch sees: those below the offsets whose time is before the watermark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// The version of this record: 2.
    pub version: u32,
    /// The epoch's number; the first is 1.
    pub epoch: u64,
    /// Events before this instant are seen, in milliseconds since 1970.
    pub watermark: Timestamp,
    /// One entry per source partition, in the order of (source, partition).
    pub partitions: Vec<CutPartition>,
    /// The cut of the epoch before.
    pub previous: Option<Cid>,
    /// [`Segment`](crate::Segment)s: the events between the previous cut and this one, in log order.
    pub segments: Vec<Cid>,
}

impl Cut {
    /// The version that is written and read. In version 1 segments were lines of JSON.
    pub const VERSION: u32 = 2;

    /// The DAG-CBOR block of this record.
    pub fn to_block(&self) -> Block {
        Block::new(Codec::DagCbor, to_cbor(self))
    }

    /// The offset up to which a partition is seen; 0 for an unknown one.
    pub fn offset(&self, source: &str, partition: u32) -> u64 {
        self.partitions
            .iter()
            .find(|entry| entry.source == source && entry.partition == partition)
            .map_or(0, |entry| entry.offset)
    }
}
