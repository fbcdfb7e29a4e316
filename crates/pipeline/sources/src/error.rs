use thiserror::Error;

/// What stops a source as a whole. A bad row does not; see [`BadRow`](crate::BadRow).
#[derive(Debug, Error)]
pub enum SourceError {
    /// The file cannot be read.
    #[error("source `{name}`: cannot read {path}: {reason}")]
    Read {
        /// The source's name.
        name: String,
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// The file lacks a column.
    #[error(
        "source `{name}`: {path} has no column `{column}` (it has: {available})\nhint: correct `columns`, or name the file's column under `rename`"
    )]
    MissingColumn {
        /// The source's name.
        name: String,
        /// The file.
        path: String,
        /// The column that was looked for.
        column: String,
        /// The columns of the file.
        available: String,
    },
    /// A word of the configuration names a column that is not declared.
    #[error(
        "source `{name}`: `{field}` names the column `{column}`, which is not under `columns` (available: {available})"
    )]
    UnknownColumn {
        /// The source's name.
        name: String,
        /// The field of the configuration.
        field: &'static str,
        /// The column named.
        column: String,
        /// The declared columns.
        available: String,
    },
    /// A list that needs an entry has none.
    #[error("source `{name}`: `{field}` must have at least one entry")]
    Empty {
        /// The source's name.
        name: String,
        /// The field of the configuration.
        field: &'static str,
    },
    /// A decimal column with too many places.
    #[error("source `{name}`: column `{column}` has {places} decimal places, at most 12 are kept")]
    Scale {
        /// The source's name.
        name: String,
        /// The column.
        column: String,
        /// The places asked for.
        places: u8,
    },
    /// A length that is a month or a year.
    #[error("source `{name}`: `{field}` is a fixed length, such as `1d`")]
    Length {
        /// The source's name.
        name: String,
        /// The field of the configuration.
        field: &'static str,
    },
    /// Events are ordered by something that is no whole number.
    #[error("source `{name}`: `order` names the column `{column}`, which is not of the type `integer`")]
    Order {
        /// The source's name.
        name: String,
        /// The column.
        column: String,
    },
    /// A table of facts cannot be read as a whole.
    #[error("table `{name}`: {path}{at}: {reason}")]
    Table {
        /// The table's name.
        name: String,
        /// The file.
        path: String,
        /// Which row and column, where there is one to blame.
        at: String,
        /// What is wrong.
        reason: String,
    },
}
