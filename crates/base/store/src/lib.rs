//! The durable event log and keyed state.
//!
//! [`Store`] is small on purpose: read one value, read a range, and commit one atomic batch. When
//! [`Store::commit`] returns, the batch is on disk; when the process dies before, nothing of it is.
//! Every value carries a CRC-32 of itself and its place, so a flipped bit is an error that names
//! table and key.
//!
//! [`EventLog`] lives on top of any store: append-only per source partition, deduplicated on
//! (source, id), offsets without gaps, forgetful of old events where a snapshot covers them.

mod embedded;
mod error;
mod ids;
mod log;
mod memory;
mod page;
mod spill;

pub use embedded::EmbeddedStore;
pub use error::StoreError;
pub use log::{Appended, EventLog, event_key, split_event_key};
pub use memory::MemoryStore;
pub use spill::SpillFile;

/// The tables of a store. One word of the product each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// (source, partition) -> the first offset that is kept and the next one.
    Logs,
    /// (source, partition, first offset) -> a page of canonical events.
    Events,
    /// source -> the hashes of the ids that were seen, in sorted runs.
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
    /// (epoch, number) -> a piece of the feature state after it.
    Snapshots,
    /// Named single values: manifest digest, deployment.
    Meta,
}

impl Table {
    /// Every table, in order.
    pub const ALL: [Table; 10] = [
        Table::Logs,
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
            Table::Logs => "logs",
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

    /// How many entries a table has; of [`Table::Events`], how many events.
    fn count(&self, table: Table) -> Result<u64, StoreError>;

    /// Applies a batch atomically; it is on disk when this returns.
    fn commit(&self, batch: Batch) -> Result<(), StoreError>;
}

/// The CRC-32 of a value and its place, which stands in front of the value: neither a changed value
/// nor a value under another key is taken for what was stored.
pub(crate) fn seal(table: Table, key: &[u8], value: &[u8]) -> [u8; 4] {
    let mut crc = crc32fast::Hasher::new();
    crc.update(table.name().as_bytes());
    crc.update(&(key.len() as u64).to_be_bytes());
    crc.update(key);
    crc.update(value);
    crc.finalize().to_be_bytes()
}

/// The value behind its [`seal`], or the place that is damaged.
pub(crate) fn open(table: Table, key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
    match sealed.split_first_chunk::<4>() {
        Some((crc, value)) if seal(table, key, value) == *crc => Ok(value.to_vec()),
        _ => Err(StoreError::damaged(table, key)),
    }
}
