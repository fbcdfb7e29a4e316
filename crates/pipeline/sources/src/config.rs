use std::collections::BTreeMap;

use enliven_types::{ColumnType, Period, Privacy};
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
    /// An event may be so much older than the latest one before it in its partition's log; a later
    /// one is counted, kept aside and shown, and changes nothing.
    #[serde(default = "week")]
    pub allowed_lateness: Period,
    /// A whole-number column that orders events of the same time, such as the index of a log in its
    /// block; without it, and where it is equal, the hash of the id does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// An event dated further in the future than this, by the clock of the machine that reads it, is
    /// refused, so that one wrong date cannot make every later event late.
    #[serde(default = "day")]
    pub max_future: Period,
}

fn week() -> Period {
    Period::Fixed(7 * 86_400_000)
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
    /// The path, relative to the manifest; or several: each file is a partition of its own, with its
    /// own log and watermark.
    pub path: Paths,
    /// How rows are written.
    pub format: Format,
}

/// One file or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Paths {
    /// One partition.
    One(String),
    /// A partition each.
    Several(Vec<String>),
}

impl Paths {
    /// The files, in the order of their partitions.
    pub fn all(&self) -> &[String] {
        match self {
            Paths::One(path) => std::slice::from_ref(path),
            Paths::Several(paths) => paths,
        }
    }
}

impl SourceConfig {
    /// How many partitions the source has.
    pub fn partitions(&self) -> u32 {
        let SourceKind::File(file) = &self.from;
        file.path.all().len() as u32
    }
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
