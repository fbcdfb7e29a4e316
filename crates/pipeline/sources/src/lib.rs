//! Events in.
//!
//! A source turns foreign rows into [`Event`](enliven_types::Event)s as its configuration says. A
//! row that cannot be read becomes a [`BadRow`] with its place and its reason; the next row is read
//! all the same.

mod config;
mod error;
mod file;
mod lines;
mod row;
mod scan;
mod table;

pub use config::{FileConfig, Format, Paths, SourceConfig, SourceKind};
pub use error::SourceError;
pub use file::FileSource;
pub use row::{BadRow, RowReader};
pub use table::{MAX_TABLE_ROWS, TableRow, read_table};
