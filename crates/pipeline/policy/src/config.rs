use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One trait of every token: where its value comes from and when a new value is worth writing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TraitConfig {
    /// The name in metadata, templates and proofs.
    pub name: String,
    /// Where the value comes from.
    pub from: TraitSource,
    /// Maps the value to a whole number from 0 to `to`; without it the value is rounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<ScaleConfig>,
    /// The token changes when this trait moved by at least so much; without it the trait follows
    /// other changes and causes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_change: Option<i64>,
    /// The most that one change may move it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_step: Option<i64>,
}

/// Where a trait's value comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TraitSource {
    /// A score of the model, by its name: `margin`, which attributions explain, and by the kind of model
    /// `value`, `chance` or `points`; with classes `value.CLASS` or `chance.CLASS`.
    Score(String),
    /// The model's likeliest class, as a word; a change of the word always changes the token.
    Class(ClassConfig),
    /// A feature.
    Feature(String),
    /// One feature divided by another.
    Ratio(Ratio),
    /// Several features, joined with `-`; causes no change by itself.
    Join(Vec<String>),
    /// A word for the value of another trait; a change of the word always changes the token.
    Tier(Tier),
}

/// The likeliest class of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassConfig {
    /// How far another class must be ahead of the one that holds before the word changes, such as 0.1.
    #[serde(default)]
    pub lead: f64,
}

/// One feature divided by another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// The feature above the line.
    pub of: String,
    /// The feature below it; the ratio is `default` where it is zero.
    pub per: String,
    /// The value without any events.
    #[serde(default)]
    pub default: f64,
}

/// A linear map from `low`..`high` to 0..`to`, cut off at the ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleConfig {
    /// What becomes 0.
    pub low: f64,
    /// What becomes `to`; it may be less than `low`, where less is better.
    pub high: f64,
    /// The largest value of the trait.
    pub to: i64,
}

/// Words for the values of another trait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The trait, which stands before this one.
    pub of: String,
    /// The words, from the lowest.
    pub levels: Vec<Level>,
    /// How far the value must pass a border before the word changes.
    #[serde(default)]
    pub hysteresis: i64,
}

/// A word and the value from which it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// The word.
    pub name: String,
    /// The least value; that of the lowest level is ignored.
    pub at: i64,
}

/// When changes are allowed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    /// Seconds between two changes of one token, in event time.
    #[serde(default)]
    pub cooldown_s: u64,
}
