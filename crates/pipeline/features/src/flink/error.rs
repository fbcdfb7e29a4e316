//! What can be wrong with tiles that come back.

use enliven_types::Timestamp;
use thiserror::Error;

/// What can be wrong with tiles, or with what is asked of them.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TileError {
    /// A table that the view has not.
    #[error("unknown table of tiles `{table}` (available: {available})")]
    Table {
        /// The table.
        table: String,
        /// The tables that there are.
        available: String,
    },
    /// A line that says nothing of a tile.
    #[error("{table}: {reason}")]
    Line {
        /// The table.
        table: String,
        /// What is wrong.
        reason: String,
    },
    /// A tile with a wrong, missing or unknown column.
    #[error("{table}: entity `{entity}`, tile {tile}, column `{column}`: {reason}")]
    Column {
        /// The table.
        table: String,
        /// The entity.
        entity: String,
        /// The number of the tile.
        tile: i64,
        /// The column.
        column: String,
        /// What is wrong.
        reason: String,
    },
    /// A tile that cannot be there.
    #[error("{table}: entity `{entity}`, tile {tile}: {reason}")]
    Tile {
        /// The table.
        table: String,
        /// The entity.
        entity: String,
        /// The number of the tile.
        tile: i64,
        /// What is wrong.
        reason: &'static str,
    },
    /// Two tables give different sums of the same events.
    #[error(
        "the tables `{left}` and `{right}` do not agree: before {at}, `{column}` of entity `{entity}` is {} in one and {} in the other\nhint: the job is still running, a file is missing, or a state of the job ran out (`table.exec.state.ttl`)",
        sums.0,
        sums.1
    )]
    Disagree {
        /// A table.
        left: String,
        /// Another one.
        right: String,
        /// A column of both.
        column: String,
        /// The entity.
        entity: String,
        /// Events before this instant are counted.
        at: Timestamp,
        /// The sums over the one and the other.
        sums: Box<(i128, i128)>,
    },
    /// An instant within a tile.
    #[error(
        "{at} is within a tile of {length}: tiles say nothing of a part of them\nhint: the nearest earlier border is {earlier}"
    )]
    Border {
        /// The instant.
        at: Timestamp,
        /// The length of the tile.
        length: String,
        /// The nearest earlier instant at which tiles can be read.
        earlier: Timestamp,
    },
    /// An instant at which nothing is known: there are only totals.
    #[error(
        "of {features} there are only totals as of the end of the stream ({}), not as of {at}",
        end.map_or_else(|| "which nothing tells".to_string(), |end| end.to_string())
    )]
    Total {
        /// The features.
        features: String,
        /// The instant.
        at: Timestamp,
        /// The end of the stream.
        end: Option<Timestamp>,
    },
    /// Features that are not in the tiles.
    #[error("tiles do not hold {features}")]
    LeftOut {
        /// The features, each with the reason.
        features: String,
    },
    /// A value that depends on the order of events of one instant.
    #[error(
        "entity `{entity}`, feature `{feature}`: several events of one instant are the first or last, and SQL cannot say which of them counts"
    )]
    Tied {
        /// The entity.
        entity: String,
        /// The feature.
        feature: String,
    },
    /// A view of the definition without tiles.
    #[error("the view `{view}` {reason}")]
    View {
        /// The view.
        view: String,
        /// What is wrong.
        reason: &'static str,
    },
}
