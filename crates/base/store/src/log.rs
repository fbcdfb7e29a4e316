use std::collections::BTreeSet;

use enliven_types::Event;

use crate::{Batch, Store, StoreError, Table};

/// What an append did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Events that are new in the log.
    pub new: u64,
    /// Events that the log had already.
    pub duplicates: u64,
}

/// The event log of one source partition.
pub struct EventLog<'a> {
    store: &'a dyn Store,
    source: String,
    partition: u32,
}

impl<'a> EventLog<'a> {
    /// The log of `source`/`partition` in `store`.
    pub fn new(store: &'a dyn Store, source: &str, partition: u32) -> EventLog<'a> {
        EventLog { store, source: source.to_string(), partition }
    }

    /// Appends events that the log does not have yet, in the given order, in one commit.
    pub fn append(&self, events: &[Event]) -> Result<Appended, StoreError> {
        self.append_with(events, Batch::default())
    }

    /// Like [`EventLog::append`], with further changes in the same commit.
    pub fn append_with(&self, events: &[Event], mut batch: Batch) -> Result<Appended, StoreError> {
        let mut next = self.next_offset()?;
        let mut appended = Appended::default();
        let mut seen = BTreeSet::new();
        for event in events {
            let id = self.id_key(&event.id);
            if self.store.get(Table::EventIds, &id)?.is_some() || !seen.insert(id.clone()) {
                appended.duplicates += 1;
                continue;
            }
            batch.put(Table::Events, self.event_key(next), event.to_bytes());
            batch.put(Table::EventIds, id, next.to_be_bytes());
            next += 1;
            appended.new += 1;
        }
        self.store.commit(batch)?;
        Ok(appended)
    }

    /// The offset that the next event will have.
    pub fn next_offset(&self) -> Result<u64, StoreError> {
        let last = self.store.last(Table::Events, &self.event_key(0), &self.event_key(u64::MAX))?;
        Ok(match last {
            Some((key, _)) => offset_of(&key).saturating_add(1),
            None => 0,
        })
    }

    /// At most `limit` events from offset `from` on, in order, with their canonical bytes.
    pub fn read(&self, from: u64, limit: usize) -> Result<Vec<(Event, Vec<u8>)>, StoreError> {
        let entries = self.store.range(Table::Events, &self.event_key(from), &self.event_key(u64::MAX), limit)?;
        let mut events = Vec::with_capacity(entries.len());
        for (index, (key, bytes)) in entries.into_iter().enumerate() {
            let offset = from + index as u64;
            let (source_name, partition) = (self.source.clone(), self.partition);
            if offset_of(&key) != offset {
                return Err(StoreError::Gap { source_name, partition, offset });
            }
            let event = Event::from_bytes(&bytes).map_err(|reason| StoreError::Event {
                source_name,
                partition,
                offset,
                reason,
            })?;
            events.push((event, bytes));
        }
        Ok(events)
    }

    fn event_key(&self, offset: u64) -> Vec<u8> {
        event_key(&self.source, self.partition, offset)
    }

    fn id_key(&self, id: &str) -> Vec<u8> {
        // Deduplication is per source, not per partition.
        let mut key = self.source.as_bytes().to_vec();
        key.push(0);
        key.extend_from_slice(id.as_bytes());
        key
    }
}

/// The key of an event in the tables that are ordered by offset.
pub fn event_key(source: &str, partition: u32, offset: u64) -> Vec<u8> {
    // Names of sources have no zero byte, so no name's keys mix with another's.
    let mut key = source.as_bytes().to_vec();
    key.push(0);
    key.extend_from_slice(&partition.to_be_bytes());
    key.extend_from_slice(&offset.to_be_bytes());
    key
}

/// Undoes [`event_key`]: source, partition, offset.
pub fn split_event_key(key: &[u8]) -> Option<(String, u32, u64)> {
    let (rest, offset) = key.split_last_chunk::<8>()?;
    let (rest, partition) = rest.split_last_chunk::<4>()?;
    let source = String::from_utf8(rest.strip_suffix(&[0])?.to_vec()).ok()?;
    Some((source, u32::from_be_bytes(*partition), u64::from_be_bytes(*offset)))
}

fn offset_of(key: &[u8]) -> u64 {
    key.last_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
