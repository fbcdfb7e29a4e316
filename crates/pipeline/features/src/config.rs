use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use enliven_types::{Period, TypeError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The features of one kind of entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeaturesConfig {
    /// The source whose events are used.
    pub source: String,
    /// The length of a tile; windows are whole numbers of it.
    #[serde(default = "day")]
    pub tile: Period,
    /// Each event is seen once from each side.
    pub sides: Vec<Side>,
    /// Fields computed from a side's fields: name = expression.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub derive: BTreeMap<String, String>,
    /// The features, in the order of the vector.
    pub define: Vec<FeatureConfig>,
}

fn day() -> Period {
    Period::Fixed(86_400_000)
}

/// How an event looks to one of its entities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// The column with the entity's name.
    pub entity: String,
    /// The column with the name of the entity on the other side, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opponent: Option<String>,
    /// The fields that features use: field = "column".
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
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
    /// The windows: a length such as `365d`, or `lifetime`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// What it counts, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

/// What is computed from the events of an entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// How many events.
    Count,
    /// The sum of a field.
    Sum(String),
    /// The mean of a field, with six decimal places; zero without events.
    Mean(String),
    /// The exponentially weighted mean of a field, with six decimal places; zero without events.
    WeightedMean(WeightedConfig),
    /// How many of the latest events in a row satisfy `where`.
    Streak,
    /// Days since the latest event; 9999 without events.
    DaysSince,
    /// A Glicko-2 rating and its deviation: two features, `<name>` and `<name>_deviation`.
    Glicko2(RatingConfig),
}

/// An exponentially weighted mean over events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedConfig {
    /// The field.
    pub of: String,
    /// What is left of an event's weight after one more event, in thousandths (850 is 0.85).
    pub decay_permille: u32,
}

/// Glicko-2 (Glickman, "Example of the Glicko-2 system", 2022).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RatingConfig {
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

/// How far back a feature looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// This many milliseconds.
    Sliding(i64),
    /// Everything.
    Lifetime,
}

impl FromStr for Window {
    type Err = TypeError;

    fn from_str(text: &str) -> Result<Window, TypeError> {
        if text == "lifetime" {
            return Ok(Window::Lifetime);
        }
        match text.parse() {
            Ok(Period::Fixed(length)) => Ok(Window::Sliding(length)),
            _ => Err(TypeError::Time {
                text: text.chars().take(64).collect(),
                expected: "`lifetime`, or a whole number with `s`, `m`, `h` or `d` (such as `365d`)",
            }),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Window::Sliding(length) => write!(f, "{}", Period::Fixed(*length)),
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
            "pattern": "^(lifetime|[1-9][0-9]*[smhd])$",
            "description": "`lifetime`, or a whole number with `s`, `m`, `h` or `d`."
        })
    }
}
