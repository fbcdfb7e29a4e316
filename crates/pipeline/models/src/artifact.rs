use enliven_types::{Block, Codec, Digest, FeatureVector, Timestamp, from_cbor, to_cbor};
use serde::{Deserialize, Serialize};

use crate::pair::Input;
use crate::{Link, ModelError, Tree};

/// A larger artifact is refused.
const MAX_BYTES: usize = 16 << 20;

/// A pair model in integers: what is stored, addressed by its digest, and run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// The version of this record: 1.
    pub version: u32,
    /// The digest of the feature schema.
    pub schema: Digest,
    /// The inputs of the trees.
    pub inputs: Vec<Input>,
    /// What every prediction starts from, in millionths.
    pub base: i64,
    /// The trees, with leaf values in millionths.
    pub trees: Vec<Tree>,
    /// From margins to chances.
    pub link: Link,
    /// The features of the ten reference opponents, from the weakest to the strongest.
    pub reference: Vec<FeatureVector>,
    /// How it came to be.
    pub training: Training,
}

/// How a model came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The library and its version.
    pub trainer: String,
    /// How many rows it saw.
    pub rows: u64,
    /// Rows from this instant on were used.
    pub from: Timestamp,
    /// Rows before this instant were used.
    pub until: Timestamp,
    /// The digest over all rows.
    pub data: Digest,
    /// The names of the reference opponents.
    pub reference: Vec<String>,
}

impl Artifact {
    /// How many reference opponents there are; ten, so that a sum over them is a mean with one more
    /// decimal place.
    pub const REFERENCE: usize = 10;

    /// The DAG-CBOR block.
    pub fn to_block(&self) -> Block {
        Block::new(Codec::DagCbor, to_cbor(self))
    }

    /// Reads an artifact; anything but its canonical bytes is refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Artifact, ModelError> {
        let invalid = |place: &str, reason: String| ModelError::Invalid { place: place.to_string(), reason };
        if bytes.len() > MAX_BYTES {
            return Err(invalid("size", format!("{} bytes, at most {MAX_BYTES} are allowed", bytes.len())));
        }
        let artifact: Artifact = from_cbor("model artifact", bytes)?;
        if artifact.version != 1 {
            return Err(invalid("version", format!("{}, only 1 is known", artifact.version)));
        }
        if artifact.reference.len() != Artifact::REFERENCE {
            return Err(invalid("reference", format!("{} opponents, ten are needed", artifact.reference.len())));
        }
        Ok(artifact)
    }
}
