//! Which ids a source has had: a set that grows by sorted runs.
//!
//! Ids come in any order, so one entry per id would make each batch rewrite thousands of places of a
//! tree. A batch adds one *run* instead: the sorted hashes of its ids, in chunks, and a Bloom filter.
//! Sixteen runs of a level become one of the next, up to a million ids. An id's hash is the first half
//! of its SHA-256: two ids with equal hashes would take 2^64 tries, and whoever finds them has only
//! made an event of their own a duplicate.
//!
//! In memory are the filters and where chunks begin, about two bytes an id. In the table, after the
//! source's name and a zero byte, are
//!
//! * `0` -> the state: how many changes, runs and ids there are, 8 bytes each,
//! * `1, level, run` -> how many ids a run has, then per chunk the first 8 bytes of its first hash,
//!   then the filter,
//! * `2, level, run, chunk` -> the hashes of a chunk, 16 bytes each.

use enliven_types::Digest;

use crate::{Batch, Store, StoreError, Table};

/// Hashes of one chunk: a block of 16 KiB less what the database adds.
const CHUNK: usize = 1000;
/// So many runs of a level are merged.
const FAN: usize = 16;
/// Larger runs stay as they are: a merge is held in memory.
const LARGEST: usize = 1 << 20;
/// Bytes of a block of the filter, one line of the processor's cache.
const BLOCK: usize = 64;
/// Ids per block: 16 bits an id, with seven probes one in a thousand strangers passes.
const PER_BLOCK: usize = BLOCK * 8 / 16;
const PROBES: u32 = 7;

/// The hash of an id.
pub(crate) fn hash(id: &str) -> u128 {
    Digest::sha256(id.as_bytes()).0.first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes))
}

struct Run {
    level: u8,
    number: u64,
    ids: usize,
    /// The first half of each chunk's first hash.
    fences: Vec<u64>,
    filter: Vec<u8>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct State {
    changes: u64,
    runs: u64,
    ids: u64,
}

/// The set as it was when it was last read or changed.
pub(crate) struct Ids {
    prefix: Vec<u8>,
    state: State,
    runs: Vec<Run>,
}

impl Ids {
    /// An error if there are fewer ids than a log of the source has events: then part of the set is lost.
    pub fn check_count(&self, events: u64) -> Result<(), StoreError> {
        if self.state.ids < events {
            return Err(StoreError::damaged(Table::EventIds, &[self.prefix.as_slice(), &[0]].concat()));
        }
        Ok(())
    }

    /// Reads the filters of a source, unless `known` still holds.
    pub fn load(store: &dyn Store, source: &str, known: Option<Ids>) -> Result<Ids, StoreError> {
        let mut prefix = source.as_bytes().to_vec();
        prefix.push(0);
        let key = [prefix.as_slice(), &[0]].concat();
        let state = match store.get(Table::EventIds, &key)? {
            Some(bytes) => read_state(&bytes).ok_or_else(|| StoreError::damaged(Table::EventIds, &key))?,
            None => State::default(),
        };
        if let Some(known) = known.filter(|known| known.state == state) {
            return Ok(known);
        }
        let (from, to) = ([prefix.as_slice(), &[1]].concat(), [prefix.as_slice(), &[2]].concat());
        let mut runs = Vec::new();
        for (key, value) in store.range(Table::EventIds, &from, &to, usize::MAX)? {
            runs.push(read_run(&key[from.len()..], &value).ok_or_else(|| StoreError::damaged(Table::EventIds, &key))?);
        }
        let ids: usize = runs.iter().map(|run| run.ids).sum();
        if (runs.len() as u64, ids as u64) != (state.runs, state.ids) {
            return Err(StoreError::damaged(Table::EventIds, &from));
        }
        Ok(Ids { prefix, state, runs })
    }

    /// Calls `found` with the place of each of the sorted hashes that is in the set.
    pub fn find(&self, store: &dyn Store, sorted: &[u128], mut found: impl FnMut(usize)) -> Result<(), StoreError> {
        for run in &self.runs {
            let mut held: Option<(usize, Vec<u8>)> = None;
            for (place, hash) in sorted.iter().enumerate() {
                if !passes(&run.filter, *hash) {
                    continue;
                }
                // Equal fences on both sides of a hash are possible, if hardly: both chunks are looked at.
                let half = (*hash >> 64) as u64;
                let last = run.fences.partition_point(|fence| *fence <= half);
                let first = run.fences.partition_point(|fence| *fence < half).saturating_sub(1);
                for chunk in first..last {
                    let bytes = match &held {
                        Some((number, bytes)) if *number == chunk => bytes,
                        _ => &held.insert((chunk, self.chunk(store, run, chunk)?)).1,
                    };
                    if contains(bytes, *hash) {
                        found(place);
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds sorted hashes that are not in the set.
    pub fn add(&mut self, store: &dyn Store, sorted: Vec<u128>, batch: &mut Batch) -> Result<(), StoreError> {
        if sorted.is_empty() {
            return Ok(());
        }
        self.state.changes += 1;
        self.state.ids += sorted.len() as u64;
        let (mut level, mut hashes) = (0, sorted);
        // The runs of a level are merged before the sixteenth is written, not after.
        loop {
            let same = |run: &&Run| run.level == level;
            let together = self.runs.iter().filter(same).map(|run| run.ids).sum::<usize>() + hashes.len();
            if self.runs.iter().filter(same).count() + 1 < FAN || together > LARGEST || level == u8::MAX {
                break;
            }
            let (merged, rest) = std::mem::take(&mut self.runs).into_iter().partition(|run| run.level == level);
            self.runs = rest;
            for run in merged as Vec<Run> {
                for chunk in 0..run.fences.len() {
                    let bytes = self.chunk(store, &run, chunk)?;
                    hashes.extend(bytes.as_chunks().0.iter().map(|bytes| u128::from_be_bytes(*bytes)));
                    batch.delete(Table::EventIds, self.key(&run, Some(chunk)));
                }
                batch.delete(Table::EventIds, self.key(&run, None));
            }
            // A stable sort takes runs that are sorted already as they are.
            hashes.sort();
            level += 1;
        }
        let mut run = Run {
            level,
            number: self.state.changes,
            ids: hashes.len(),
            fences: hashes.chunks(CHUNK).map(|chunk| (chunk[0] >> 64) as u64).collect(),
            filter: vec![0; hashes.len().div_ceil(PER_BLOCK) * BLOCK],
        };
        for hash in &hashes {
            let block = block_of(run.filter.len(), *hash);
            for bit in bits(*hash) {
                run.filter[block + bit / 8] |= 1 << (bit % 8);
            }
        }
        for (number, chunk) in hashes.chunks(CHUNK).enumerate() {
            let mut bytes = Vec::with_capacity(chunk.len() * 16);
            for hash in chunk {
                bytes.extend_from_slice(&hash.to_be_bytes());
            }
            batch.put(Table::EventIds, self.key(&run, Some(number)), bytes);
        }
        batch.put(Table::EventIds, self.key(&run, None), write_run(&run));
        self.runs.push(run);
        self.state.runs = self.runs.len() as u64;
        let State { changes, runs, ids } = self.state;
        let state = [changes.to_be_bytes(), runs.to_be_bytes(), ids.to_be_bytes()].concat();
        batch.put(Table::EventIds, [self.prefix.as_slice(), &[0]].concat(), state);
        Ok(())
    }

    fn chunk(&self, store: &dyn Store, run: &Run, chunk: usize) -> Result<Vec<u8>, StoreError> {
        let key = self.key(run, Some(chunk));
        let expected = CHUNK.min(run.ids - chunk * CHUNK) * 16;
        match store.get(Table::EventIds, &key)? {
            Some(bytes) if bytes.len() == expected => Ok(bytes),
            _ => Err(StoreError::damaged(Table::EventIds, &key)),
        }
    }

    fn key(&self, run: &Run, chunk: Option<usize>) -> Vec<u8> {
        let mut key = self.prefix.clone();
        key.push(if chunk.is_some() { 2 } else { 1 });
        key.push(run.level);
        key.extend_from_slice(&run.number.to_be_bytes());
        if let Some(chunk) = chunk {
            key.extend_from_slice(&(chunk as u32).to_be_bytes());
        }
        key
    }
}

fn read_state(bytes: &[u8]) -> Option<State> {
    let ([changes, runs, ids], []) = bytes.as_chunks::<8>() else { return None };
    let number = |bytes: &[u8; 8]| u64::from_be_bytes(*bytes);
    Some(State { changes: number(changes), runs: number(runs), ids: number(ids) })
}

fn write_run(run: &Run) -> Vec<u8> {
    let mut bytes = (run.ids as u64).to_be_bytes().to_vec();
    for fence in &run.fences {
        bytes.extend_from_slice(&fence.to_be_bytes());
    }
    bytes.extend_from_slice(&run.filter);
    bytes
}

fn read_run(key: &[u8], value: &[u8]) -> Option<Run> {
    let (level, number) = key.split_first()?;
    let number = u64::from_be_bytes(number.try_into().ok()?);
    let (ids, rest) = value.split_first_chunk()?;
    let ids = usize::try_from(u64::from_be_bytes(*ids)).ok().filter(|ids| *ids > 0)?;
    let (fences, filter) = rest.split_at_checked(ids.div_ceil(CHUNK).checked_mul(8)?)?;
    if filter.len() != ids.div_ceil(PER_BLOCK) * BLOCK {
        return None;
    }
    let fences = fences.as_chunks().0.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect();
    Some(Run { level: *level, number, ids, fences, filter: filter.to_vec() })
}

/// Where the block of a hash begins: in the order of hashes, so that sorted hashes walk the filter.
fn block_of(filter: usize, hash: u128) -> usize {
    let blocks = (filter / BLOCK) as u128;
    (((hash >> 64) * blocks) >> 64) as usize * BLOCK
}

/// The bits of a hash within its block, from the half that does not choose the block.
fn bits(hash: u128) -> impl Iterator<Item = usize> {
    (0..PROBES).map(move |probe| (hash >> (9 * probe)) as usize % (BLOCK * 8))
}

fn passes(filter: &[u8], hash: u128) -> bool {
    let block = block_of(filter.len(), hash);
    bits(hash).all(|bit| filter[block + bit / 8] & (1 << (bit % 8)) != 0)
}

fn contains(chunk: &[u8], hash: u128) -> bool {
    chunk.as_chunks::<16>().0.binary_search(&hash.to_be_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use enliven_types::{Data, Event, Timestamp};

    use crate::{EventLog, MemoryStore};

    fn found(ids: &Ids, store: &MemoryStore, sorted: &[u128]) -> Vec<u128> {
        let mut found = BTreeSet::new();
        ids.find(store, sorted, |place| assert!(found.insert(sorted[place]))).unwrap();
        found.into_iter().collect()
    }

    /// Batches of all sizes through three levels, with one set in memory and one that is read again.
    #[test]
    fn a_set_of_runs_is_a_set() {
        let store = MemoryStore::default();
        let mut warm = Ids::load(&store, "s", None).unwrap();
        let (mut all, mut next) = (BTreeSet::new(), 0_u32);
        for batch_number in 0..300_usize {
            let size = [1, 7, 1000, 1001, 40][batch_number % 5];
            let new: BTreeSet<u128> = (0..size)
                .map(|_| {
                    next += 1;
                    hash(&next.to_string())
                })
                .collect();
            let new: Vec<u128> = new.into_iter().collect();
            assert!(found(&warm, &store, &new).is_empty());
            let mut batch = Batch::default();
            warm.add(&store, new.clone(), &mut batch).unwrap();
            store.commit(batch).unwrap();
            all.extend(new);
            if batch_number % 20 == 19 {
                let cold = Ids::load(&store, "s", None).unwrap();
                assert!(cold.runs.len() < 2 * FAN, "{} runs", cold.runs.len());
                let sorted: Vec<u128> = all.iter().copied().collect();
                assert_eq!(found(&warm, &store, &sorted), sorted);
                assert_eq!(found(&cold, &store, &sorted), sorted);
                let strangers: BTreeSet<u128> = (0..5000).map(|number| hash(&format!("not {number}"))).collect();
                let strangers: Vec<u128> = strangers.into_iter().collect();
                assert!(found(&cold, &store, &strangers).is_empty());
            }
        }
        assert!(warm.runs.iter().any(|run| run.level == 2));
        assert!(Ids::load(&store, "other", None).unwrap().runs.is_empty());
    }

    #[test]
    fn a_run_that_is_missing_is_noticed() {
        let store = MemoryStore::default();
        let mut ids = Ids::load(&store, "s", None).unwrap();
        let mut batch = Batch::default();
        ids.add(&store, vec![1, 2], &mut batch).unwrap();
        store.commit(batch).unwrap();
        let mut batch = Batch::default();
        batch.delete(Table::EventIds, ids.key(&ids.runs[0], Some(0)));
        store.commit(batch).unwrap();
        let error = ids.find(&store, &[2], |_| panic!("nothing is there")).unwrap_err();
        assert!(error.to_string().contains("event_ids"), "{error}");
        let mut batch = Batch::default();
        batch.delete(Table::EventIds, ids.key(&ids.runs[0], None));
        store.commit(batch).unwrap();
        assert!(Ids::load(&store, "s", None).is_err());
    }

    /// A page from before everything was written is as good as any to a database that compares no checksum.
    #[test]
    fn a_set_that_is_gone_is_noticed() {
        let store = MemoryStore::default();
        let event = |id: &str| Event {
            id: id.into(),
            source: "s".into(),
            kind: "t".into(),
            subjects: vec!["a".into()].into(),
            time: Timestamp(0),
            data: Data::default(),
        };
        EventLog::new(&store, "s", 0).append(&[event("1"), event("2")]).unwrap();
        let mut batch = Batch::default();
        for (key, _) in store.range(Table::EventIds, &[], &[0xff], usize::MAX).unwrap() {
            batch.delete(Table::EventIds, key);
        }
        store.commit(batch).unwrap();
        let error = EventLog::new(&store, "s", 0).append(&[event("1")]).unwrap_err();
        assert!(matches!(&error, StoreError::Damaged { .. }), "{error}");
        // Another source has a set of its own.
        assert_eq!(EventLog::new(&store, "other", 0).append(&[event("1")]).unwrap().new, 1);
    }

    #[test]
    fn filters_turn_strangers_away() {
        let hashes: Vec<u128> = (0..20_000).map(|number| hash(&number.to_string())).collect();
        let mut filter = vec![0; hashes.len().div_ceil(PER_BLOCK) * BLOCK];
        for hash in &hashes {
            let block = block_of(filter.len(), *hash);
            for bit in bits(*hash) {
                filter[block + bit / 8] |= 1 << (bit % 8);
            }
        }
        assert!(hashes.iter().all(|hash| passes(&filter, *hash)));
        let passed = (0..100_000).filter(|number| passes(&filter, hash(&format!("not {number}")))).count();
        assert!(passed < 300, "{passed} of 100000 strangers pass");
    }
}
