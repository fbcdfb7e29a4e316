//! A view as Flink SQL that computes tiles: what the events of an entity in a stretch of time add up
//! to, kept current by an updating `GROUP BY`; and the way back, from tiles to the values of windows.
//!
//! What SQL cannot say is in [`FlinkJob::left_out`], with the reason, and at the head of the script.
//! `docs/flink.md` says how the tiles compare with what [`crate::FeatureState`] adds up.

mod changelog;
mod error;
mod events;
mod history;
mod kernel;
mod merge;
mod reader;
mod sightings;
mod tiles;

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

pub use changelog::MAX_TILE_LINE;
pub use error::TileError;
pub use history::{TileHistory, Told, Unknown};
pub use kernel::Tile;
pub use reader::TileReader;

use crate::expr::sql_text;
use crate::output::Output;
use crate::view::Parts;
use crate::{FeatureView, Kind};

/// The source of a view, as Flink must read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlinkSource {
    /// The declared columns: our name, and how the rows have it.
    pub columns: BTreeMap<String, FlinkColumn>,
    /// The column with the event's time.
    pub time: String,
    /// The columns that together make the id.
    pub id: Vec<String>,
    /// The columns that name entities, and may not be blank.
    pub subjects: Vec<String>,
    /// An event may be so many milliseconds older than the latest one before it.
    pub lateness_ms: i64,
    /// An event further ahead of Flink's clock is left out.
    pub max_future_ms: i64,
    /// Where the rows are.
    pub input: FlinkInput,
    /// Where the tiles go.
    pub output: FlinkOutput,
}

/// A declared column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlinkColumn {
    /// Its name in the rows.
    pub name: String,
    /// The kind of its data.
    pub kind: Kind,
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlinkInput {
    /// A file of comma-separated values; Flink reads columns by their place, so all are needed.
    Csv {
        /// The path or URI.
        path: String,
        /// The names in the first line.
        header: Vec<String>,
    },
    /// A file with one JSON object a line.
    Json {
        /// The path or URI.
        path: String,
    },
    /// A topic of JSON objects with one partition.
    Kafka {
        /// `host:port`, several joined with commas.
        brokers: String,
        /// The topic.
        topic: String,
    },
}

/// Where tiles go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlinkOutput {
    /// Into files: a changelog (Debezium JSON), of which the last entry of a key counts.
    Files {
        /// The folder, with a folder for each table in it.
        folder: String,
    },
    /// Into compacted topics, one for each table, by upserts.
    Kafka {
        /// `host:port`, several joined with commas.
        brokers: String,
    },
}

/// A compiled view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlinkJob {
    /// The script: settings, tables, views, and one statement set.
    pub sql: String,
    /// The tables of tiles.
    pub tables: Vec<TileTable>,
    /// The features that SQL cannot say.
    pub left_out: Vec<LeftOut>,
}

/// A table of tiles, with the key (entity, tile).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TileTable {
    /// The name in the script.
    pub name: String,
    /// How long a tile is: `5m`, `1h`, `1d`, another period, or `lifetime`. Tiles are numbered from
    /// the one that begins in 1970.
    pub tile: String,
    /// What a tile holds.
    pub columns: Vec<TileColumn>,
    /// The features that are read from it.
    pub features: Vec<String>,
}

/// One number of a tile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TileColumn {
    /// The name.
    pub name: String,
    /// Its type in SQL.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What it is of the events of the tile.
    pub holds: String,
}

/// A feature that is not among the tiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The feature.
    pub feature: String,
    /// Why.
    pub reason: &'static str,
}

impl FeatureView {
    /// The view as Flink SQL over its source; none for a view that joins others, tables or owners as
    /// of an event's time: this SQL sees one event at a time.
    pub fn to_flink(&self, source: &FlinkSource) -> Option<FlinkJob> {
        let parts = self.parts()?;
        let names = Names { source: self.source() };
        let sight = sightings::sight(&parts, source);
        let (tables, left_out) = self.tile_tables(&parts, &sight);
        let mut sql = head(self, &left_out);
        sql.push_str(&events::statements(&parts, source, &names));
        sql.push_str(&sight.statement(&names));
        sql.push_str(&tables.statements(source, &names));
        Some(FlinkJob { sql, tables: tables.describe(&names), left_out })
    }

    fn tile_tables(&self, parts: &Parts<'_>, sight: &sightings::Sight) -> (tiles::Tables, Vec<LeftOut>) {
        let mut tables = tiles::Tables::default();
        let mut left_out = Vec::new();
        for (output, description) in self.outputs.iter().zip(&self.descriptions) {
            let feature = &description.name;
            let added = match output {
                Output::Slot { slot, .. } => tables.add(feature, *slot, parts, sight),
                Output::Rating { .. } | Output::RatingDeviation { .. } => {
                    Err("a rating depends on the ratings of the others before it")
                }
            };
            if let Err(reason) = added {
                left_out.push(LeftOut { feature: feature.clone(), reason });
            }
        }
        tables.add_totals(parts, sight);
        (tables, left_out)
    }
}

/// The names of tables and views.
struct Names<'a> {
    source: &'a str,
}

impl Names<'_> {
    fn plain(&self, what: &str) -> String {
        format!("{}_{what}", self.source.replace('-', "_"))
    }

    fn quoted(&self, what: &str) -> String {
        quoted(&self.plain(what))
    }
}

fn head(view: &FeatureView, left_out: &[LeftOut]) -> String {
    let mut sql = String::new();
    let _ = writeln!(sql, "-- Tiles of the definition {}", view.digest());
    let _ =
        writeln!(sql, "-- for Apache Flink 2.3. Numbers are whole, in units of the last decimal place of a column.");
    for one in left_out {
        let _ = writeln!(sql, "-- Left out: {} ({}).", one.feature, one.reason);
    }
    let _ = writeln!(
        sql,
        "
SET 'execution.runtime-mode' = 'streaming';
SET 'table.local-time-zone' = 'UTC';
SET 'table.exec.mini-batch.enabled' = 'true';
SET 'table.exec.mini-batch.allow-latency' = '2 s';
SET 'table.exec.mini-batch.size' = '20000';"
    );
    sql
}

/// An identifier.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// The options of a table.
fn options(pairs: &[(&str, &str)]) -> String {
    let lines: Vec<String> = pairs.iter().map(|(key, value)| format!("    '{key}' = {}", sql_text(value))).collect();
    format!("WITH (\n{}\n)", lines.join(",\n"))
}
