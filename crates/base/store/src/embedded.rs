use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use enliven_database::open_or_create;
use redb::{Builder, Database, DatabaseError, ReadableDatabase, ReadableTableMetadata, TableDefinition, TableHandle};

use crate::{Batch, Entry, Store, StoreError, Table, log, open, seal};

const CACHE_BYTES: usize = 32 << 20;
/// A change of what is stored, or how, is a change of this number.
const FORMAT: u64 = 3;
const FORMATS: TableDefinition<'static, &'static str, u64> = TableDefinition::new("format");

/// A store in one file, on `redb`: copy-on-write B-trees, one fsync per commit.
///
/// A commit that fails, on a full disk say, leaves what was committed before; the next call opens the
/// file anew, so the store goes on as soon as the disk does.
pub struct EmbeddedStore {
    path: PathBuf,
    /// Whether every checksum is compared whenever the file is opened.
    verified: bool,
    /// None after a commit that failed, until the next call.
    database: RwLock<Option<Database>>,
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
        EmbeddedStore::open_with(path, false)
    }

    /// Like [`EmbeddedStore::open`], but reads the whole file first and compares every checksum of
    /// its trees, so that damage anywhere is found now and not when it is met.
    pub fn open_verified(path: &Path) -> Result<EmbeddedStore, StoreError> {
        EmbeddedStore::open_with(path, true)
    }

    fn open_with(path: &Path, verified: bool) -> Result<EmbeddedStore, StoreError> {
        let store = EmbeddedStore::open_file(path, verified)?;
        let format = store.using("read the format", format).map_err(|error| match error {
            StoreError::Io { .. } => store.cannot_open(error.to_string()),
            other => other,
        })?;
        match format {
            Some(FORMAT) => {}
            Some(found) => return Err(StoreError::Format { path: store.shown(), found, expected: FORMAT }),
            // A new file, or one of a process that was killed at this point.
            None => store.using("create the tables", create_tables)?,
        }
        Ok(store)
    }

    fn open_file(path: &Path, verified: bool) -> Result<EmbeddedStore, StoreError> {
        let mut store = EmbeddedStore { path: path.to_path_buf(), verified, database: RwLock::new(None) };
        store.database = RwLock::new(Some(store.open_database(|builder| open_or_create(builder, path))?));
        Ok(store)
    }

    /// Gives back to the file system what the file no longer needs, after much was deleted. Takes as
    /// long as moving the whole file; the store is whole at any moment.
    pub fn compact(&mut self) -> Result<(), StoreError> {
        let mut held = self.database.write().unwrap_or_else(PoisonError::into_inner);
        let database = self.opened(&mut held)?;
        contain("compact", || {
            while database.compact().map_err(io("compact"))? {}
            Ok(())
        })
    }

    /// Runs a call into the database, opening it first if a commit has failed.
    fn using<T>(
        &self,
        action: &'static str,
        call: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let named = |error| match error {
            StoreError::Io { action, reason } => {
                StoreError::Io { action, reason: format!("{reason}, in {}", self.shown()) }
            }
            other => other,
        };
        let held = self.database.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = &*held {
            return contain(action, || call(database)).map_err(named);
        }
        drop(held);
        let mut held = self.database.write().unwrap_or_else(PoisonError::into_inner);
        let database = self.opened(&mut held)?;
        contain(action, || call(database)).map_err(named)
    }

    fn opened<'h>(&self, held: &'h mut Option<Database>) -> Result<&'h mut Database, StoreError> {
        let database = match held.take() {
            Some(database) => database,
            None => self.open_database(|builder| builder.open(&self.path))?,
        };
        Ok(held.insert(database))
    }

    fn open_database(
        &self,
        open: impl FnOnce(&Builder) -> Result<Database, DatabaseError>,
    ) -> Result<Database, StoreError> {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(self.verified);
        let open = || {
            open(&builder).map_err(|error| match error {
                DatabaseError::DatabaseAlreadyOpen => StoreError::Locked { path: self.shown() },
                other => self.cannot_open(other.to_string()),
            })
        };
        contain("open", open).map_err(|error| match error {
            StoreError::Io { reason, .. } => self.cannot_open(reason),
            other => other,
        })
    }

    /// Closing writes too, and may meet the same damage as any other call.
    fn close(&self) {
        let database = self.database.write().unwrap_or_else(PoisonError::into_inner).take();
        let _ = catch_unwind(AssertUnwindSafe(move || drop(database)));
    }

    fn shown(&self) -> String {
        self.path.display().to_string()
    }

    fn cannot_open(&self, reason: String) -> StoreError {
        StoreError::Open { path: self.shown(), reason }
    }

    fn read<T>(
        &self,
        table: Table,
        read: impl FnOnce(redb::ReadOnlyTable<&'static [u8], &'static [u8]>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.using("read", |database| {
            let transaction = database.begin_read().map_err(io("begin a read"))?;
            read(transaction.open_table(definition(table)).map_err(io("open a table"))?)
        })
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.close();
    }
}

/// The format of the tables; none if there are none yet.
fn format(database: &Database) -> Result<Option<u64>, StoreError> {
    let transaction = database.begin_read().map_err(io("begin a read"))?;
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

fn create_tables(database: &Database) -> Result<(), StoreError> {
    let transaction = database.begin_write().map_err(io("begin a write"))?;
    for table in Table::ALL {
        transaction.open_table(definition(table)).map_err(io("open a table"))?;
    }
    let mut formats = transaction.open_table(FORMATS).map_err(io("open a table"))?;
    formats.insert("store", FORMAT).map_err(io("write"))?;
    drop(formats);
    transaction.commit().map_err(io("commit"))
}

fn write(database: &Database, mut batch: Batch) -> Result<(), StoreError> {
    // In the order of keys neighbours share their path through the tree. The sort keeps the order
    // of equal keys, so the later write still wins.
    batch.writes.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    let transaction = database.begin_write().map_err(io("begin a write"))?;
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
        self.using("commit", |database| write(database, batch)).inspect_err(|_| self.close())
    }
}
