//! The durable event log and keyed state.
//!
//! [`Store`] is small on purpose: read one value, read a range, and commit one atomic batch. When
//! [`Store::commit`] returns, the batch is on disk; when the process dies before, nothing of it is.
//! Every value carries a CRC-32, so a flipped bit is an error that names table and key.
//!
//! [`EventLog`] lives on top of any store: append-only per source partition, deduplicated on
//! (source, id), offsets without gaps.

mod embedded;
mod error;
mod log;
mod memory;

pub use embedded::EmbeddedStore;
pub use error::StoreError;
pub use log::{Appended, EventLog, event_key, split_event_key};
pub use memory::MemoryStore;

/// The tables of a store. One word of the product each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// (source, partition, offset) -> canonical event.
    Events,
    /// (source, id) -> (partition, offset).
    EventIds,
    /// (source, partition, line) -> why a row was refused.
    BadRows,
    /// (source, partition, offset) -> the epoch to which an event came too late.
    LateEvents,
    /// epoch -> what was decided, signed and posted.
    Epochs,
    /// (node, epoch) -> the digest that the node has signed.
    Signed,
    /// (token, sequence) -> the receipt's CID.
    History,
    /// epoch -> the feature state after it, with how far the log was read.
    Snapshots,
    /// Named single values: manifest digest, deployment.
    Meta,
}

impl Table {
    /// Every table, in order.
    pub const ALL: [Table; 9] = [
        Table::Events,
        Table::EventIds,
        Table::BadRows,
        Table::LateEvents,
        Table::Epochs,
        Table::Signed,
        Table::History,
        Table::Snapshots,
        Table::Meta,
    ];

    /// The name on disk.
    pub fn name(self) -> &'static str {
        match self {
            Table::Events => "events",
            Table::EventIds => "event_ids",
            Table::BadRows => "bad_rows",
            Table::LateEvents => "late_events",
            Table::Epochs => "epochs",
            Table::Signed => "signed",
            Table::History => "history",
            Table::Snapshots => "snapshots",
            Table::Meta => "meta",
        }
    }
}

/// Changes that happen together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(crate) writes: Vec<(Table, Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    /// Sets a value.
    pub fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.writes.push((table, key.into(), Some(value.into())));
    }

    /// Removes a value; removing what is not there is no error.
    pub fn delete(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.writes.push((table, key.into(), None));
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Durable keyed state.
pub trait Store: Send + Sync {
    /// The value at `key`.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// At most `limit` entries with `from <= key < to`, in the order of their keys.
    fn range(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// The entry with the largest key in `from <= key < to`.
    fn last(&self, table: Table, from: &[u8], to: &[u8]) -> Result<Option<Entry>, StoreError>;

    /// How many entries a table has.
    fn count(&self, table: Table) -> Result<u64, StoreError>;

    /// Applies a batch atomically; it is on disk when this returns.
    fn commit(&self, batch: Batch) -> Result<(), StoreError>;
}

/// A value with its CRC-32 in front.
pub(crate) fn seal(value: &[u8]) -> Vec<u8> {
    let mut sealed = crc32fast::hash(value).to_be_bytes().to_vec();
    sealed.extend_from_slice(value);
    sealed
}

/// Undoes [`seal`], or names the place that is damaged.
pub(crate) fn open(table: Table, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
    match sealed.split_first_chunk::<4>() {
        Some((crc, value)) if crc32fast::hash(value).to_be_bytes() == *crc => Ok(value.to_vec()),
        _ => Err(StoreError::Damaged { table: table.name(), key: String::from_utf8_lossy(key).into_owned() }),
    }
}
