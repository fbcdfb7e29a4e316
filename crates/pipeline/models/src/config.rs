use std::collections::BTreeMap;

use enliven_types::{Digest, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The model that gives entities their scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// The artifact's file, relative to the manifest; `enliven train` writes it.
    pub artifact: String,
    /// The sha2-256 that the artifact must have; without it any artifact is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub digest: Option<Digest>,
    /// What a margin counts, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// What the model looks at, if it is trained here; an imported one says it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<InputsConfig>,
    /// How it is trained, if it is trained here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<TrainConfig>,
}

impl ModelConfig {
    /// What training needs; none for a model that comes from elsewhere.
    pub fn training(&self) -> Option<(&InputsConfig, &TrainConfig)> {
        self.inputs.as_ref().zip(self.train.as_ref())
    }
}

/// The inputs of a pair model, in this order: own, opponent, difference, context.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputsConfig {
    /// Features of the entity itself.
    #[serde(default)]
    pub own: Vec<String>,
    /// Features of its opponent.
    #[serde(default)]
    pub opponent: Vec<String>,
    /// Features of the entity less those of its opponent.
    #[serde(default)]
    pub difference: Vec<String>,
    /// Numbers of the event that are known before it happens, with the value that they have when an
    /// entity is scored: column = value.
    #[serde(default)]
    pub context: BTreeMap<String, i64>,
}

/// How a pair model is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Events from this day on are used.
    pub from: String,
    /// Events before this day are used; those from it on are held back for the evaluation.
    pub until: String,
    /// What is predicted.
    pub target: TargetConfig,
    /// How many trees.
    #[serde(default = "trees")]
    pub trees: u32,
    /// How deep a tree is, at most 8.
    #[serde(default = "depth")]
    pub depth: u32,
    /// How much of each tree's correction is taken, in thousandths.
    #[serde(default = "learning_rate")]
    pub learning_rate_permille: u32,
    /// The least number of rows in a leaf.
    #[serde(default = "min_rows")]
    pub min_leaf_rows: u32,
    /// The L2 penalty on leaf values, in rows.
    #[serde(default = "l2")]
    pub l2: u32,
    /// The share of rows that each tree sees, in thousandths.
    #[serde(default = "rows")]
    pub rows_permille: u32,
    /// The share of inputs that each tree sees, in thousandths.
    #[serde(default = "columns")]
    pub inputs_permille: u32,
    /// The seed of the sampling.
    #[serde(default)]
    pub seed: u64,
    /// Entities with at least this many lifetime events may join the reference field.
    #[serde(default = "min_events")]
    pub reference_min_events: i64,
}

/// The margin of an event: one column less another, cut off at a limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetConfig {
    /// The column that counts for the first side.
    pub plus: String,
    /// The column that counts against it.
    pub minus: String,
    /// Larger margins count as this one.
    pub limit: i64,
}

impl TrainConfig {
    /// The first instant and the first instant after the training time.
    pub fn span(&self) -> Result<(Timestamp, Timestamp), enliven_types::TypeError> {
        Ok((Timestamp::parse(&self.from)?, Timestamp::parse(&self.until)?))
    }
}

fn trees() -> u32 {
    120
}
fn depth() -> u32 {
    4
}
fn learning_rate() -> u32 {
    60
}
fn min_rows() -> u32 {
    150
}
fn l2() -> u32 {
    5
}
fn rows() -> u32 {
    700
}
fn columns() -> u32 {
    500
}
fn min_events() -> i64 {
    30
}
