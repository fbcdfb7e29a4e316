use std::collections::BTreeMap;

use enliven_types::{Period, Privacy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where events come from and how a row becomes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The kind of source and where it is.
    pub from: SourceKind,
    /// The CloudEvents `type` of its events.
    pub event_type: String,
    /// The columns that an event's data keeps, with their types.
    pub columns: BTreeMap<String, ColumnType>,
    /// Columns whose name in the file differs: ours = "theirs".
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rename: BTreeMap<String, String>,
    /// The column with the event's time: a date (midnight UTC) or an RFC 3339 date and time.
    pub time: String,
    /// Columns that together make the id, joined with `/`.
    pub id: Vec<String>,
    /// Columns that name the entities which the event concerns.
    pub subjects: Vec<String>,
    /// Columns that not everybody may see; the others are public.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub privacy: BTreeMap<String, Privacy>,
    /// An event dated further in the future than this, by the clock of the machine that reads it, is
    /// refused, so that one wrong date cannot make every later event late.
    #[serde(default = "day")]
    pub max_future: Period,
}

fn day() -> Period {
    Period::Fixed(86_400_000)
}

/// The kinds of source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A file that is read from its start to its end.
    File(FileConfig),
}

/// A file of rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// The path, relative to the manifest.
    pub path: String,
    /// How rows are written.
    pub format: Format,
}

/// How rows are written. One row is one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Comma-separated values (RFC 4180, no line breaks inside quotes), the first line names the columns.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Text, at most 8 KiB.
    Text,
    /// A whole number of at most 2^53 - 1.
    Integer,
    /// `true` or `false`, in any case.
    Boolean,
    /// A decimal number; kept as a whole number of units with this many decimal places.
    Decimal(u8),
}

impl ColumnType {
    /// Decimal places of a unit.
    pub fn scale(self) -> u8 {
        match self {
            ColumnType::Decimal(scale) => scale,
            _ => 0,
        }
    }
}
