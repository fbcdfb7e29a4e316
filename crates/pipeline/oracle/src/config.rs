use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The oracle committee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OracleConfig {
    /// How many nodes run in this process.
    #[serde(default = "nodes")]
    pub nodes: usize,
    /// How long after its cut a report may be posted, in seconds.
    #[serde(default = "validity")]
    pub validity_s: u64,
}

impl Default for OracleConfig {
    fn default() -> OracleConfig {
        OracleConfig { nodes: nodes(), validity_s: validity() }
    }
}

fn nodes() -> usize {
    4
}

fn validity() -> u64 {
    30 * 86_400
}
