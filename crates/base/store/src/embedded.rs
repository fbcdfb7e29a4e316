use std::path::Path;

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTableMetadata, TableDefinition};

use crate::{Batch, Entry, Store, StoreError, Table, open, seal};

const CACHE_BYTES: usize = 32 << 20;

/// A store in one file, on `redb`: copy-on-write B-trees, one fsync per commit.
pub struct EmbeddedStore {
    database: Database,
}

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

fn definition(table: Table) -> Definition {
    TableDefinition::new(table.name())
}

fn io<E: std::fmt::Display>(action: &'static str) -> impl Fn(E) -> StoreError {
    move |error| StoreError::Io { action, reason: error.to_string() }
}

impl EmbeddedStore {
    /// Opens the store in `path`, creating it if there is none.
    pub fn open(path: &Path) -> Result<EmbeddedStore, StoreError> {
        let shown = path.display().to_string();
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => StoreError::Locked { path: shown.clone() },
            other => StoreError::Open { path: shown.clone(), reason: other.to_string() },
        })?;
        let create = database.begin_write().map_err(io("begin a write"))?;
        for table in Table::ALL {
            create.open_table(definition(table)).map_err(io("open a table"))?;
        }
        create.commit().map_err(io("commit"))?;
        Ok(EmbeddedStore { database })
    }

    fn read<T>(
        &self,
        table: Table,
        read: impl FnOnce(redb::ReadOnlyTable<&'static [u8], &'static [u8]>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = self.database.begin_read().map_err(io("begin a read"))?;
        read(transaction.open_table(definition(table)).map_err(io("open a table"))?)
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
        self.read(table, |entries| entries.len().map_err(io("count")))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let transaction = self.database.begin_write().map_err(io("begin a write"))?;
        for table in Table::ALL {
            if !batch.writes.iter().any(|(written, _, _)| *written == table) {
                continue;
            }
            let mut entries = transaction.open_table(definition(table)).map_err(io("open a table"))?;
            for (written, key, value) in &batch.writes {
                if *written != table {
                    continue;
                }
                match value {
                    Some(value) => entries.insert(key.as_slice(), seal(value).as_slice()).map_err(io("write"))?,
                    None => entries.remove(key.as_slice()).map_err(io("delete"))?,
                };
            }
        }
        transaction.commit().map_err(io("commit"))
    }
}
