use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use enliven_types::{ColumnType, Period, Privacy, TypeError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known of entities, and what it is computed from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeaturesConfig {
    /// The feature views, by name.
    pub views: BTreeMap<String, ViewConfig>,
    /// The views whose features make up a token's vector, in this order; the entities of the first
    /// are the tokens. May be left out where there is one view.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<String>,
    /// Who holds which token, from the transfers of a source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ownership: Option<OwnershipConfig>,
    /// Facts that do not change, by name, for joins.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, TableConfig>,
}

/// Transfers of tokens: each event gives one token to one owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnershipConfig {
    /// The source of the transfers.
    pub source: String,
    /// The column with the token, as views name it.
    pub token: String,
    /// The column with its new owner.
    pub owner: String,
}

/// Facts by key that do not change: a file of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableConfig {
    /// The file, relative to the manifest: `.csv`, `.jsonl` or `.parquet`.
    pub path: String,
    /// The columns that name a row together; no two rows have the same.
    pub key: Key,
    /// The columns that joins read, with their types.
    pub columns: BTreeMap<String, ColumnType>,
    /// Columns that not everybody may see; the others are public.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub privacy: BTreeMap<String, Privacy>,
}

/// One feature view: the features of one kind of entity from the events of one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewConfig {
    /// The source whose events are used.
    pub source: String,
    /// Only events for which this expression over the source's columns (and `time`) is true.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Each event is seen once from each side.
    pub sides: Vec<Side>,
    /// Fields computed from a side's fields: name = expression.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub derive: BTreeMap<String, String>,
    /// The features, in the order of the vector.
    pub define: Vec<FeatureConfig>,
}

/// How an event looks to one of its entities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// The column with the entity's name, or several that make it together, joined with `/`; or
    /// `{ owned_by = "column" }`: every token that the owner in this column holds at the event's time.
    pub entity: EntityKey,
    /// The same of the entity on the other side, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opponent: Option<Key>,
    /// The fields that features use: field = "column".
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// Further fields, as they stood just before the event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joins: Vec<JoinConfig>,
}

/// Fields from elsewhere, as they stood just before the event: of a view's entity, of a table's row,
/// or who holds a token. One of `view`, `table` and `owner_of` is needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinConfig {
    /// Another view: the features of the entity named by `key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
    /// A table: the row named by `key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The column with a token: its one field is `owner`, who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_of: Option<Key>,
    /// The column that names the entity or the row; several are joined with `/`. A text field of an
    /// earlier join of the side serves as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// The fields: field = "feature" of a view, "column" of a table, or "owner".
    pub fields: BTreeMap<String, String>,
}

/// Which entities an event concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum EntityKey {
    /// The one that columns name.
    Named(Key),
    /// Every token that somebody holds.
    Owned(OwnedBy),
}

/// Every token that the owner in a column holds at the event's time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnedBy {
    /// The column with the owner.
    pub owned_by: Key,
}

/// The column or columns that name an entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Key {
    /// One column.
    One(String),
    /// Several columns; their values are joined with `/`.
    Several(Vec<String>),
}

impl Key {
    /// The columns, in order.
    pub fn columns(&self) -> &[String] {
        match self {
            Key::One(column) => std::slice::from_ref(column),
            Key::Several(columns) => columns,
        }
    }
}

/// One feature, for one or several windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureConfig {
    /// The name; with several windows, `_<window>` is added.
    pub name: String,
    /// What is computed.
    pub aggregate: Aggregate,
    /// Only events for which this expression is true.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The windows: a length such as `365d` (sliding), `lifetime`, `tumbling month` (the last month
    /// that has ended), or `session 30m` (events with gaps below 30 minutes).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// The value where there are no events; zero if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<f64>,
    /// What it counts, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

/// What is computed from the events of an entity. A field stands for any expression over fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// How many events.
    Count,
    /// How many events per so much time, such as `1d`, with six decimal places.
    Rate(Period),
    /// The sum of a field.
    Sum(String),
    /// The mean of a field, with six decimal places.
    Mean(String),
    /// The standard deviation of a field over all its events, with six decimal places.
    StandardDeviation(String),
    /// The smallest value of a field.
    Min(String),
    /// The largest value of a field.
    Max(String),
    /// The earliest value of a field.
    First(String),
    /// The latest value of a field.
    Last(String),
    /// How many different values a field has: exact up to 256, then with a standard error of 1.6 %.
    Distinct(String),
    /// A quantile of a field, with a relative error of at most 1/256.
    Quantile(QuantileConfig),
    /// The most frequent of the declared categories: for each rank the features `<name>_<rank>` (the
    /// category's place in the list from 1 on, 0 for none) and `<name>_<rank>_share` of all events.
    Top(TopConfig),
    /// The exponentially weighted mean of a field, with six decimal places.
    WeightedMean(WeightedConfig),
    /// How many of the latest events in a row satisfy `where`.
    Streak,
    /// The time since the latest event, in whole units such as `1d`.
    TimeSince(Period),
    /// A Glicko-2 rating and its deviation: two features, `<name>` and `<name>_deviation`.
    Glicko2(Glicko2Config),
    /// An Elo rating.
    Elo(EloConfig),
    /// A Weng-Lin (Bradley-Terry) rating and its deviation: `<name>` and `<name>_deviation`.
    WengLin(WengLinConfig),
}

/// A quantile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuantileConfig {
    /// The field.
    pub of: String,
    /// Which: 500 is the median.
    pub permille: u32,
}

/// The most frequent categories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TopConfig {
    /// The field, a text.
    pub of: String,
    /// How many ranks.
    #[serde(default = "one")]
    pub ranks: u32,
    /// The categories that count; events with any other count in the shares alone.
    pub categories: Vec<String>,
}

fn one() -> u32 {
    1
}

/// An exponentially weighted mean: over events, or over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedConfig {
    /// The field.
    pub of: String,
    /// What is left of an event's weight after one more event, in thousandths (850 is 0.85).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decay_permille: Option<u32>,
    /// The time after which half of an event's weight is left. Weights fall from tile to tile (five
    /// minutes, an hour or a day, as for a window of this length).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_life: Option<Period>,
}

/// How a meeting of two entities ended, and how often ratings are renewed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Glicko2Config {
    /// True when this side won.
    pub won: String,
    /// True when nobody won.
    pub drawn: String,
    /// The rating period.
    pub period: Period,
    /// The constraint on how volatility changes over time, in thousandths (500 is 0.5).
    #[serde(default = "tau")]
    pub tau_permille: u32,
    /// The volatility of a new entity, in millionths (60000 is 0.06).
    #[serde(default = "volatility")]
    pub volatility_ppm: u32,
}

fn tau() -> u32 {
    500
}

fn volatility() -> u32 {
    60_000
}

/// An Elo rating.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EloConfig {
    /// True when this side won.
    pub won: String,
    /// True when nobody won.
    pub drawn: String,
    /// The rating period.
    pub period: Period,
    /// The largest change by one game.
    #[serde(default = "k")]
    pub k: u32,
}

fn k() -> u32 {
    32
}

/// A Weng-Lin rating.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WengLinConfig {
    /// True when this side won.
    pub won: String,
    /// True when nobody won.
    pub drawn: String,
    /// The rating period.
    pub period: Period,
}

/// How far back a feature looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// This many milliseconds back from the instant asked for.
    Sliding(i64),
    /// The last period that has ended.
    Tumbling(Period),
    /// The latest events with gaps below this many milliseconds.
    Session(i64),
    /// Everything.
    Lifetime,
}

impl FromStr for Window {
    type Err = TypeError;

    fn from_str(text: &str) -> Result<Window, TypeError> {
        let wrong = || TypeError::Time {
            text: text.chars().take(64).collect(),
            expected: "`lifetime`, a length such as `365d`, `tumbling month`, or `session 30m`",
        };
        if text == "lifetime" {
            return Ok(Window::Lifetime);
        }
        let (kind, period) = text.split_once(' ').unwrap_or(("sliding", text));
        match (kind, period.parse().map_err(|_| wrong())?) {
            ("sliding", Period::Fixed(length)) => Ok(Window::Sliding(length)),
            ("session", Period::Fixed(length)) => Ok(Window::Session(length)),
            ("tumbling", period) => Ok(Window::Tumbling(period)),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Window::Sliding(length) => write!(f, "{}", Period::Fixed(*length)),
            Window::Tumbling(period) => write!(f, "tumbling {period}"),
            Window::Session(length) => write!(f, "session {}", Period::Fixed(*length)),
            Window::Lifetime => write!(f, "lifetime"),
        }
    }
}

impl Serialize for Window {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Window, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Window {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Window".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^(lifetime|[1-9][0-9]*[smhd]|session [1-9][0-9]*[smhd]|tumbling ([1-9][0-9]*[smhd]|month|year))$",
            "description": "`lifetime`, a length such as `365d`, `tumbling month`, or `session 30m`."
        })
    }
}
