use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{Builder, Database, DatabaseError, ReadableDatabase, ReadableTableMetadata, TableDefinition, TableHandle};

use crate::{Batch, Entry, Store, StoreError, Table, log, open, seal};

const CACHE_BYTES: usize = 32 << 20;
/// A change of what is stored, or how, is a change of this number.
const FORMAT: u64 = 2;
const FORMATS: TableDefinition<'static, &'static str, u64> = TableDefinition::new("format");

/// A store in one file, on `redb`: copy-on-write B-trees, one fsync per commit.
pub struct EmbeddedStore {
    /// Only [`Drop`] takes it out.
    database: Option<Database>,
}

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

fn definition(table: Table) -> Definition {
    TableDefinition::new(table.name())
}

fn io<E: std::fmt::Display>(action: &'static str) -> impl Fn(E) -> StoreError {
    move |error| StoreError::Io { action, reason: error.to_string() }
}

/// Runs a call into the database. On a file that something else has damaged the database may panic
/// where it trusts what it once wrote; that is an error about the file here, as any other.
fn contain<T>(action: &'static str, call: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        Err(StoreError::Io { action, reason: format!("the file is damaged ({})", message(&*panic)) })
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.and_then(|text| text.lines().next()).unwrap_or("no message")
}

impl EmbeddedStore {
    /// Opens the store in `path`, creating it if there is none. After a crash the last commit that
    /// was completed is what the store holds.
    pub fn open(path: &Path) -> Result<EmbeddedStore, StoreError> {
        EmbeddedStore::open_with(path, Builder::new().set_cache_size(CACHE_BYTES))
    }

    /// Like [`EmbeddedStore::open`], but reads the whole file first and compares every checksum of
    /// its trees, so that damage anywhere is found now and not when it is met.
    pub fn open_verified(path: &Path) -> Result<EmbeddedStore, StoreError> {
        EmbeddedStore::open_with(path, Builder::new().set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true))
    }

    fn open_with(path: &Path, builder: &Builder) -> Result<EmbeddedStore, StoreError> {
        let shown = path.display().to_string();
        let failed = |reason: String| StoreError::Open { path: shown.clone(), reason };
        let create = || {
            builder.create(path).map_err(|error| match error {
                DatabaseError::DatabaseAlreadyOpen => StoreError::Locked { path: shown.clone() },
                other => failed(other.to_string()),
            })
        };
        let database = contain("open", create).map_err(|error| match error {
            StoreError::Io { reason, .. } => failed(reason),
            other => other,
        })?;
        let store = EmbeddedStore { database: Some(database) };
        match contain("read the format", || store.format()).map_err(|error| failed(error.to_string()))? {
            Some(FORMAT) => {}
            Some(other) => return Err(StoreError::Format { path: shown, found: other, expected: FORMAT }),
            None => contain("create the tables", || store.create())?,
        }
        Ok(store)
    }

    /// Gives back to the file system what the file no longer needs, after much was deleted. Takes as
    /// long as moving the whole file; the store is whole at any moment.
    pub fn compact(&mut self) -> Result<(), StoreError> {
        contain("compact", || {
            while self.database.as_mut().ok_or_else(closed)?.compact().map_err(io("compact"))? {}
            Ok(())
        })
    }

    fn database(&self) -> Result<&Database, StoreError> {
        self.database.as_ref().ok_or_else(closed)
    }

    /// The format of the tables; none if there are none yet.
    fn format(&self) -> Result<Option<u64>, StoreError> {
        let transaction = self.database()?.begin_read().map_err(io("begin a read"))?;
        let tables: Vec<_> = transaction.list_tables().map_err(io("list the tables"))?.collect();
        if tables.is_empty() {
            return Ok(None);
        }
        if !tables.iter().any(|table| table.name() == FORMATS.name()) {
            return Ok(Some(1));
        }
        let formats = transaction.open_table(FORMATS).map_err(io("open a table"))?;
        Ok(Some(formats.get("store").map_err(io("read"))?.map_or(0, |format| format.value())))
    }

    fn create(&self) -> Result<(), StoreError> {
        let transaction = self.database()?.begin_write().map_err(io("begin a write"))?;
        for table in Table::ALL {
            transaction.open_table(definition(table)).map_err(io("open a table"))?;
        }
        let mut formats = transaction.open_table(FORMATS).map_err(io("open a table"))?;
        formats.insert("store", FORMAT).map_err(io("write"))?;
        drop(formats);
        transaction.commit().map_err(io("commit"))
    }

    fn read<T>(
        &self,
        table: Table,
        read: impl FnOnce(redb::ReadOnlyTable<&'static [u8], &'static [u8]>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        contain("read", || {
            let transaction = self.database()?.begin_read().map_err(io("begin a read"))?;
            read(transaction.open_table(definition(table)).map_err(io("open a table"))?)
        })
    }

    fn write(&self, mut batch: Batch) -> Result<(), StoreError> {
        // In the order of keys neighbours share their path through the tree. The sort keeps the order
        // of equal keys, so the later write still wins.
        batch.writes.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        let transaction = self.database()?.begin_write().map_err(io("begin a write"))?;
        for writes in batch.writes.chunk_by(|one, other| one.0 == other.0) {
            let table = writes[0].0;
            let mut entries = transaction.open_table(definition(table)).map_err(io("open a table"))?;
            for (_, key, value) in writes {
                match value {
                    Some(value) => {
                        let mut place = entries.insert_reserve(key.as_slice(), 4 + value.len()).map_err(io("write"))?;
                        let (crc, rest) = place.as_mut().split_at_mut(4);
                        crc.copy_from_slice(&seal(table, key, value));
                        rest.copy_from_slice(value);
                    }
                    None => {
                        entries.remove(key.as_slice()).map_err(io("delete"))?;
                    }
                }
            }
        }
        transaction.commit().map_err(io("commit"))
    }
}

fn closed() -> StoreError {
    StoreError::Io { action: "be used", reason: "it is closed".to_string() }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        let database = self.database.take();
        // Closing writes too, and may meet the same damage as any other call.
        let _ = catch_unwind(AssertUnwindSafe(move || drop(database)));
    }
}

impl Store for EmbeddedStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(table, |entries| match entries.get(key).map_err(io("read"))? {
            Some(sealed) => open(table, key, sealed.value()).map(Some),
            None => Ok(None),
        })
    }

    fn range(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.read(table, |entries| {
            let mut found = Vec::new();
            for entry in entries.range(from..to).map_err(io("read a range"))?.take(limit) {
                let (key, sealed) = entry.map_err(io("read a range"))?;
                let value = open(table, key.value(), sealed.value())?;
                found.push((key.value().to_vec(), value));
            }
            Ok(found)
        })
    }

    fn last(&self, table: Table, from: &[u8], to: &[u8]) -> Result<Option<Entry>, StoreError> {
        self.read(table, |entries| match entries.range(from..to).map_err(io("read a range"))?.next_back() {
            Some(entry) => {
                let (key, sealed) = entry.map_err(io("read a range"))?;
                let value = open(table, key.value(), sealed.value())?;
                Ok(Some((key.value().to_vec(), value)))
            }
            None => Ok(None),
        })
    }

    fn count(&self, table: Table) -> Result<u64, StoreError> {
        if table == Table::Events {
            return log::count(self);
        }
        self.read(table, |entries| entries.len().map_err(io("count")))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        contain("commit", || self.write(batch))
    }
}
