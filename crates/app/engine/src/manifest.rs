use std::collections::BTreeMap;

use enliven_content::{KuboConfig, PinningConfig};
use enliven_features::{Aggregate, FeatureConfig, FeatureSet, FeaturesConfig};
use enliven_metadata::MetadataConfig;
use enliven_models::ModelConfig;
use enliven_oracle::OracleConfig;
use enliven_policy::{PolicyConfig, TraitConfig};
use enliven_sources::SourceConfig;
use enliven_types::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One living collection: `enliven.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// When epochs close.
    pub epochs: EpochsConfig,
    /// Where events come from, by name.
    pub sources: BTreeMap<String, SourceConfig>,
    /// What is known of each entity.
    pub features: FeaturesConfig,
    /// What scores it.
    pub model: ModelConfig,
    /// What a token shows.
    pub traits: Vec<TraitConfig>,
    /// When a change is allowed.
    #[serde(default)]
    pub policy: PolicyConfig,
    /// How traits become JSON and a card.
    pub metadata: MetadataConfig,
    /// Who signs.
    #[serde(default)]
    pub oracle: OracleConfig,
    /// Which chain. Not part of what is signed: the same collection may live on another chain.
    #[serde(default)]
    pub chain: ChainConfig,
    /// Where else content is kept. Not part of what is signed.
    #[serde(default, skip_serializing_if = "ContentConfig::is_default")]
    pub content: ContentConfig,
}

/// When epochs close.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EpochsConfig {
    /// The length of an epoch: `month`, `year`, or a length such as `7d`.
    pub period: Period,
    /// The first epoch sees all events before the period that contains this day.
    pub start: String,
}

/// The chain that tokens live on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChainConfig {
    /// The JSON-RPC endpoint; without it the embedded dev chain is used. Keys come from the
    /// environment: `ENLIVEN_CHAIN_KEY` pays, `ENLIVEN_ORACLE_KEYS` sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpc: Option<String>,
    /// The royalty of a sale.
    #[serde(default)]
    pub royalty: RoyaltyConfig,
}

/// Where the content of epochs is kept besides the data directory. An epoch is posted when it is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ContentConfig {
    /// A Kubo node, which makes it part of the IPFS network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubo: Option<KuboConfig>,
    /// A pinning service, which fetches the epochs from the network; it comes after the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinning: Option<PinningConfig>,
    /// How long a place that cannot be reached is waited for, such as `10m`; then `enliven run` ends, and the next one
    /// goes on.
    pub patience: Period,
}

impl Default for ContentConfig {
    fn default() -> ContentConfig {
        ContentConfig { kubo: None, pinning: None, patience: Period::Fixed(10 * 60 * 1000) }
    }
}

impl ContentConfig {
    /// Whether nothing is configured.
    pub fn is_default(&self) -> bool {
        *self == ContentConfig::default()
    }
}

/// The royalty of a sale (ERC-2981).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoyaltyConfig {
    /// Hundredths of a percent of the price.
    #[serde(default)]
    pub bps: u16,
}

impl Manifest {
    /// The name of a token's feature with a Glicko-2 rating, if there is one.
    pub fn rating_feature(&self, features: &FeatureSet) -> Option<&str> {
        let is_rating = |feature: &&FeatureConfig| matches!(feature.aggregate, Aggregate::Glicko2(_));
        let known = |feature: &&FeatureConfig| features.schema().position(&feature.name).is_some();
        let mut all = self.features.views.values().flat_map(|view| &view.define).filter(is_rating);
        all.find(known).map(|feature| feature.name.as_str())
    }
}
