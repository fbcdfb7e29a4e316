use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Batch, Entry, Store, StoreError, Table, log};

type Entries = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// A store that forgets, for tests and measurements.
#[derive(Default)]
pub struct MemoryStore {
    entries: Mutex<Entries>,
}

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().get(&(table, key.to_vec())).cloned())
    }

    fn range(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Entry>, StoreError> {
        let entries = self.lock();
        if from >= to {
            return Ok(Vec::new());
        }
        let found = entries.range((table, from.to_vec())..(table, to.to_vec()));
        Ok(found.take(limit).map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }

    fn last(&self, table: Table, from: &[u8], to: &[u8]) -> Result<Option<Entry>, StoreError> {
        let entries = self.lock();
        if from >= to {
            return Ok(None);
        }
        let found = entries.range((table, from.to_vec())..(table, to.to_vec())).next_back();
        Ok(found.map(|((_, key), value)| (key.clone(), value.clone())))
    }

    fn count(&self, table: Table) -> Result<u64, StoreError> {
        if table == Table::Events {
            return log::count(self);
        }
        Ok(self.lock().keys().filter(|(stored, _)| *stored == table).count() as u64)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut entries = self.lock();
        for (table, key, value) in batch.writes {
            match value {
                Some(value) => entries.insert((table, key), value),
                None => entries.remove(&(table, key)),
            };
        }
        Ok(())
    }
}
