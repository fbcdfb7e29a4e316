use std::sync::{Mutex, PoisonError};

use enliven_types::Event;

use crate::ids::{self, Ids};
use crate::page;
use crate::{Batch, Store, StoreError, Table};

/// Pages that are fetched at once, so that a read of the whole log holds little of it.
const PAGES: usize = 64;

/// What an append did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Events that are new in the log.
    pub new: u64,
    /// Events that the log had already.
    pub duplicates: u64,
}

/// The event log of one source partition. One writer at a time appends to the logs of a source.
///
/// The events of a batch are packed into pages of up to 64 KiB, each one value under the offset of
/// its first event. Which ids were seen is kept apart from the events and outlives them.
pub struct EventLog<'a> {
    store: &'a dyn Store,
    source: String,
    partition: u32,
    /// What is known of the ids, from the first append on.
    ids: Mutex<Option<Ids>>,
}

/// What a log holds: offsets from `first` up to, not including, `next`.
#[derive(Clone, Copy, Default)]
struct Head {
    first: u64,
    next: u64,
}

impl<'a> EventLog<'a> {
    /// The log of `source`/`partition` in `store`.
    pub fn new(store: &'a dyn Store, source: &str, partition: u32) -> EventLog<'a> {
        EventLog { store, source: source.to_string(), partition, ids: Mutex::new(None) }
    }

    /// Appends events that the log does not have yet, in the given order, in one commit.
    pub fn append(&self, events: &[Event]) -> Result<Appended, StoreError> {
        self.append_with(events, Batch::default())
    }

    /// Like [`EventLog::append`], with further changes in the same commit.
    pub fn append_with(&self, events: &[Event], mut batch: Batch) -> Result<Appended, StoreError> {
        if events.is_empty() {
            self.store.commit(batch)?;
            return Ok(Appended::default());
        }
        let mut known = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ids = Ids::load(self.store, &self.source, known.take())?;
        let mut head = self.head()?;
        ids.check_count(head.next)?;

        let mut hashes: Vec<(u128, usize)> =
            events.iter().enumerate().map(|(index, event)| (ids::hash(&event.id), index)).collect();
        hashes.sort_unstable();
        // Of equal ids in one batch the first counts.
        let mut is_new = vec![false; events.len()];
        hashes.dedup_by_key(|(hash, _)| *hash);
        let (mut sorted, indices): (Vec<u128>, Vec<usize>) = hashes.into_iter().unzip();
        for index in &indices {
            is_new[*index] = true;
        }
        ids.find(self.store, &sorted, |place| is_new[indices[place]] = false)?;
        let mut place = 0;
        sorted.retain(|_| {
            place += 1;
            is_new[indices[place - 1]]
        });

        let appended = Appended { new: sorted.len() as u64, duplicates: (events.len() - sorted.len()) as u64 };
        if appended.new > 0 {
            self.write(events, &is_new, head.next, &mut batch)?;
            ids.add(self.store, sorted, &mut batch)?;
            head.next = head.next.checked_add(appended.new).ok_or_else(|| self.gap(u64::MAX))?;
            self.write_head(head, &mut batch);
        }
        self.store.commit(batch)?;
        *known = Some(ids);
        Ok(appended)
    }

    /// The offset that the next event will have.
    pub fn next_offset(&self) -> Result<u64, StoreError> {
        Ok(self.head()?.next)
    }

    /// The offset of the first event that is kept: what lies before was given up by [`EventLog::trim`].
    pub fn first_offset(&self) -> Result<u64, StoreError> {
        Ok(self.head()?.first)
    }

    /// At most `limit` events from offset `from` on, in order, with their canonical bytes.
    pub fn read(&self, from: u64, limit: usize) -> Result<Vec<(Event, Vec<u8>)>, StoreError> {
        let head = self.head()?;
        let wanted = usize::try_from(head.next.saturating_sub(from)).unwrap_or(usize::MAX).min(limit);
        if wanted == 0 {
            return Ok(Vec::new());
        }
        if from < head.first {
            let (source_name, partition, first) = (self.source.clone(), self.partition, head.first);
            return Err(StoreError::Trimmed { source_name, partition, offset: from, first });
        }
        let mut events = Vec::with_capacity(wanted);
        let mut pages: Vec<_> = self.page_of(from)?.into_iter().collect();
        while events.len() < wanted {
            let mut per_page = 1;
            for (key, bytes) in &pages {
                if events.len() == wanted {
                    break;
                }
                let next = from + events.len() as u64;
                let page = page::unpack(bytes).ok_or_else(|| StoreError::damaged(Table::Events, key))?;
                let skipped = next.checked_sub(page.first).filter(|_| offset_of(key) == page.first);
                let skipped = skipped.and_then(|skipped| usize::try_from(skipped).ok());
                let rest = skipped.and_then(|skipped| page.events.get(skipped..)).filter(|rest| !rest.is_empty());
                for bytes in rest.ok_or_else(|| self.gap(next))?.iter().take(wanted - events.len()) {
                    let offset = from + events.len() as u64;
                    events.push((self.decode(offset, bytes)?, bytes.to_vec()));
                }
                per_page = page.events.len();
            }
            let next = from + events.len() as u64;
            if pages.is_empty() {
                return Err(self.gap(next));
            }
            if events.len() < wanted {
                let count = ((wanted - events.len()) / per_page + 1).min(PAGES);
                pages = self.store.range(Table::Events, &self.event_key(next), &self.event_key(u64::MAX), count)?;
            }
        }
        Ok(events)
    }

    /// Forgets the events before an offset, which a snapshot has made unnecessary, and gives the
    /// offset of the first event that is kept: events are forgotten by whole pages. Their ids stay
    /// known, so that they are still duplicates when they come again.
    pub fn trim(&self, before: u64) -> Result<u64, StoreError> {
        let mut head = self.head()?;
        if before <= head.first {
            return Ok(head.first);
        }
        let first = if before >= head.next {
            head.next
        } else {
            let (key, _) = self.page_of(before)?.ok_or_else(|| self.gap(before))?;
            offset_of(&key)
        };
        // The head moves first: should the process die between two batches, what is left behind is
        // below it and goes with the next trim.
        let (from, to) = (self.event_key(0), self.event_key(first));
        head.first = first;
        let mut batch = Batch::default();
        self.write_head(head, &mut batch);
        loop {
            let pages = self.store.range(Table::Events, &from, &to, PAGES)?;
            for (key, _) in &pages {
                batch.delete(Table::Events, key.as_slice());
            }
            self.store.commit(std::mem::take(&mut batch))?;
            if pages.len() < PAGES {
                return Ok(first);
            }
        }
    }

    /// Puts the events that are new into the batch, as pages from offset `first` on.
    fn write(&self, events: &[Event], is_new: &[bool], first: u64, batch: &mut Batch) -> Result<(), StoreError> {
        let (mut bytes, mut lengths) = (Vec::with_capacity(events.len() * 400), Vec::with_capacity(events.len()));
        for (event, is_new) in events.iter().zip(is_new) {
            if !is_new {
                continue;
            }
            let before = bytes.len();
            event.write_to(&mut bytes);
            lengths.push(u32::try_from(bytes.len() - before).map_err(|_| StoreError::Io {
                action: "write",
                reason: format!("event `{}` is larger than 4 GiB", event.id),
            })?);
        }
        let (mut offset, mut lengths, mut bytes) = (first, lengths.as_slice(), bytes.as_slice());
        while !lengths.is_empty() {
            let key = self.event_key(offset);
            let (now, later) = lengths.split_at(page::fill(lengths, key.len()));
            let (packed, rest) = bytes.split_at(now.iter().map(|length| *length as usize).sum());
            batch.put(Table::Events, key, page::pack(offset, now, packed));
            offset = offset.checked_add(now.len() as u64).ok_or_else(|| self.gap(u64::MAX))?;
            (lengths, bytes) = (later, rest);
        }
        Ok(())
    }

    /// The page that should hold an offset.
    fn page_of(&self, offset: u64) -> Result<Option<crate::Entry>, StoreError> {
        self.store.last(Table::Events, &self.event_key(0), &self.event_key(offset.saturating_add(1)))
    }

    fn decode(&self, offset: u64, bytes: &[u8]) -> Result<Event, StoreError> {
        Event::from_bytes(bytes).map_err(|reason| StoreError::Event {
            source_name: self.source.clone(),
            partition: self.partition,
            offset,
            reason,
        })
    }

    fn gap(&self, offset: u64) -> StoreError {
        StoreError::Gap { source_name: self.source.clone(), partition: self.partition, offset }
    }

    fn head(&self) -> Result<Head, StoreError> {
        let key = self.head_key();
        match self.store.get(Table::Logs, &key)? {
            Some(bytes) => read_head(&key, &bytes),
            // Pages without a head are a head that was lost, not an empty log.
            None if self.page_of(u64::MAX)?.is_some() => Err(StoreError::damaged(Table::Logs, &key)),
            None => Ok(Head::default()),
        }
    }

    fn write_head(&self, head: Head, batch: &mut Batch) {
        batch.put(Table::Logs, self.head_key(), [head.first.to_be_bytes(), head.next.to_be_bytes()].concat());
    }

    fn head_key(&self) -> Vec<u8> {
        let mut key = self.event_key(0);
        key.truncate(key.len() - 8);
        key
    }

    fn event_key(&self, offset: u64) -> Vec<u8> {
        event_key(&self.source, self.partition, offset)
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

/// How many events all logs of a store hold.
pub(crate) fn count(store: &dyn Store) -> Result<u64, StoreError> {
    let mut events = 0_u64;
    for (key, bytes) in store.range(Table::Logs, &[], &[0xff], usize::MAX)? {
        let head = read_head(&key, &bytes)?;
        events = events.saturating_add(head.next - head.first);
    }
    Ok(events)
}

fn read_head(key: &[u8], bytes: &[u8]) -> Result<Head, StoreError> {
    let ([first, next], []) = bytes.as_chunks::<8>() else {
        return Err(StoreError::damaged(Table::Logs, key));
    };
    let head = Head { first: u64::from_be_bytes(*first), next: u64::from_be_bytes(*next) };
    if head.first > head.next {
        return Err(StoreError::damaged(Table::Logs, key));
    }
    Ok(head)
}

fn offset_of(key: &[u8]) -> u64 {
    key.last_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
