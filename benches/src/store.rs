//! The store: appends of micro-batches with an fsync each, beside the same writes on the bare
//! database, on an LSM tree, and as records in one file, which is the floor. All on the disk of the
//! temporary folder; the rate of an append is of the whole call, from events to the fsync.
//!
//! Disks are not equal from one second to the next, so the four take turns: a batch each.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use enliven_store::{Batch, EmbeddedStore, EventLog, Store, Table};
use enliven_types::{Event, Timestamp, Value};
use fjall::{KeyspaceCreateOptions, PersistMode};
use redb::{ReadableDatabase, TableDefinition};

use crate::Row;
use crate::world::resident_mib;

const BATCH: usize = 4096;
const BATCHES: usize = 64;
/// Entries of the keyed state, and how many of them one commit changes.
const KEYS: u64 = 1_000_000;
const UPSERTS: usize = 4096;
const GOAL: f64 = 600_000.0;
/// The cache of every database here, and how much larger the state that must not fit into it is.
const CACHE: usize = 32 << 20;
const LARGER: usize = 8;

const TABLE: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("entries");
const IDS: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("ids");

/// A reading of a sensor, about 400 bytes of JSON, under an id without order.
fn event(number: u64) -> Event {
    let dice = scatter(number);
    let text = |text: String| Value::Text(text.into());
    Event {
        id: format!("{dice:016x}-{number:08x}").into(),
        source: "sensors".into(),
        kind: "reading".into(),
        subjects: vec![format!("device {}", dice % 100_000).into()].into(),
        time: Timestamp(1_700_000_000_000 + number as i64 * 20),
        data: [
            ("alarm".to_string(), Value::Bool(dice.is_multiple_of(3))),
            ("device".to_string(), text(format!("device {}", dice % 100_000))),
            ("firmware".to_string(), text("2026.3.1".into())),
            ("humidity".to_string(), Value::Int((dice >> 20) as i64 % 1000)),
            ("note".to_string(), text("calibrated by the night shift, no objections were raised".into())),
            ("pressure".to_string(), Value::Int((dice >> 30) as i64 % 110_000)),
            ("site".to_string(), text(format!("hall {} of the north plant, row {}", dice % 7, dice % 31))),
            ("temperature".to_string(), Value::Int(dice as i64 % 5000)),
        ]
        .into(),
    }
}

/// A bijection that puts numbers out of order (the finaliser of SplitMix64).
fn scatter(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Every row of `./bench store`.
pub fn store() -> Vec<Row> {
    // First, before the allocator holds what others have used.
    let mut rows = vec![larger_than_memory()];
    rows.extend(appends());
    rows.extend(keyed());
    rows
}

type WriteBatch = dyn FnMut(u64, &[Event], &[Vec<u8>]);
type Put<'a> = &'a dyn Fn(&[u64], u64);

/// What a database of the comparison does with one batch of events, which it gets encoded.
struct Peer {
    spent: Duration,
    write: Box<WriteBatch>,
}

impl Peer {
    fn new(write: impl FnMut(u64, &[Event], &[Vec<u8>]) + 'static) -> Peer {
        Peer { spent: Duration::ZERO, write: Box::new(write) }
    }

    fn turn(&mut self, first: u64, events: &[Event], encoded: &[Vec<u8>]) {
        let begin = Instant::now();
        (self.write)(first, events, encoded);
        self.spent += begin.elapsed();
    }

    fn rate(&self) -> f64 {
        (BATCH * BATCHES) as f64 / self.spent.as_secs_f64()
    }
}

fn appends() -> Vec<Row> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ours = EmbeddedStore::open(&folder.path().join("ours")).expect("a new store opens");
    let log = EventLog::new(&ours, "sensors", 0);
    let mut spent = Duration::ZERO;
    let mut redb = redb_peer(&folder.path().join("redb"));
    let mut fjall = fjall_peer(&folder.path().join("fjall"));
    let mut segment = segment_peer(&folder.path().join("segment"));
    let mut json = 0;
    for batch in 0..BATCHES as u64 {
        let first = batch * BATCH as u64;
        let events: Vec<Event> = (first..first + BATCH as u64).map(event).collect();
        let encoded: Vec<Vec<u8>> = events.iter().map(Event::to_bytes).collect();
        json += encoded.iter().map(Vec::len).sum::<usize>();
        segment.turn(first, &events, &encoded);
        redb.turn(first, &events, &encoded);
        fjall.turn(first, &events, &encoded);
        let begin = Instant::now();
        let appended = log.append(&events).expect("there is room");
        spent += begin.elapsed();
        assert_eq!(appended.new, BATCH as u64);
    }
    let total = BATCH * BATCHES;
    let rate = total as f64 / spent.as_secs_f64();
    let mut rows = vec![
        Row::at_least("store.append", "events/s", rate, GOAL, "goal", 1.0),
        Row::at_least("store.append.redb", "events/s", rate, redb.rate(), "redb, two entries an event", 1.0),
        Row::at_least("store.append.fjall", "events/s", rate, fjall.rate(), "fjall, two entries an event", 1.0),
        Row::at_least("store.append.floor", "events/s", rate, segment.rate(), "CRC-32 records in one file", 0.5),
    ];

    let again: Vec<Vec<Event>> =
        (0..16).map(|batch| (batch * BATCH as u64..).take(BATCH).map(event).collect()).collect();
    let begin = Instant::now();
    for events in &again {
        assert_eq!(log.append(events).expect("nothing to write").duplicates, BATCH as u64);
    }
    let known = (16 * BATCH) as f64 / begin.elapsed().as_secs_f64();
    rows.push(Row::at_least("store.append.known", "events/s", known, GOAL, "goal", 1.0));

    // Up to a million events, then what they take and how long a start takes.
    for batch in BATCHES as u64.. {
        let first = batch * BATCH as u64;
        if first >= 1_000_000 {
            break;
        }
        let events: Vec<Event> = (first..1_000_000.min(first + BATCH as u64)).map(event).collect();
        log.append(&events).expect("there is room");
    }
    drop(ours);
    let path = folder.path().join("ours");
    let per_event = std::fs::metadata(&path).expect("it is there").len() as f64 / 1e6;
    rows.push(Row::at_most("store.disk", "B/event", per_event, json as f64 / total as f64, "the canonical JSON", 1.3));
    let begin = Instant::now();
    let ours = EmbeddedStore::open(&path).expect("it opens");
    let log = EventLog::new(&ours, "sensors", 0);
    assert_eq!(log.next_offset().expect("it has a head"), 1_000_000);
    assert_eq!(log.append(&[event(7)]).expect("it is known").duplicates, 1);
    rows.push(Row::at_most("store.open", "s", begin.elapsed().as_secs_f64(), 1.0, "budget, a million events", 1.0));
    drop(ours);
    let begin = Instant::now();
    drop(EmbeddedStore::open_verified(&path).expect("it is whole"));
    rows.push(Row::at_most(
        "store.open.verified",
        "s",
        begin.elapsed().as_secs_f64(),
        2.0,
        "budget, a million events",
        1.0,
    ));
    rows
}

fn redb_peer(path: &Path) -> Peer {
    let database = redb::Database::builder().set_cache_size(CACHE).create(path).expect("a new database opens");
    Peer::new(move |first, events, encoded| {
        let transaction = database.begin_write().expect("no other writes");
        {
            let mut table = transaction.open_table(TABLE).expect("it opens");
            let mut ids = transaction.open_table(IDS).expect("it opens");
            for (index, (event, bytes)) in events.iter().zip(encoded).enumerate() {
                let offset = (first + index as u64).to_be_bytes();
                table.insert(offset.as_slice(), bytes.as_slice()).expect("there is room");
                ids.insert(event.id.as_bytes(), offset.as_slice()).expect("there is room");
            }
        }
        transaction.commit().expect("there is room");
    })
}

fn fjall_peer(path: &Path) -> Peer {
    let database = fjall::Database::builder(path).cache_size(CACHE as u64).open().expect("a new database opens");
    let table = database.keyspace("entries", KeyspaceCreateOptions::default).expect("it opens");
    let ids = database.keyspace("ids", KeyspaceCreateOptions::default).expect("it opens");
    Peer::new(move |first, events, encoded| {
        let mut batch = database.batch().durability(Some(PersistMode::SyncAll));
        for (index, (event, bytes)) in events.iter().zip(encoded).enumerate() {
            let offset = (first + index as u64).to_be_bytes();
            batch.insert(&table, offset, bytes.as_slice());
            batch.insert(&ids, event.id.as_bytes(), offset);
        }
        batch.commit().expect("there is room");
    })
}

/// No index and no deduplication: what the disk and the checksum alone cost.
fn segment_peer(path: &Path) -> Peer {
    let mut file = File::create_new(path).expect("a new file");
    Peer::new(move |_, _, encoded| {
        let mut records = Vec::with_capacity(encoded.iter().map(|bytes| bytes.len() + 8).sum());
        for bytes in encoded {
            records.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
            records.extend_from_slice(&crc32fast::hash(bytes).to_be_bytes());
            records.extend_from_slice(bytes);
        }
        file.write_all(&records).expect("there is room");
        file.sync_data().expect("the disk answers");
    })
}

/// A million entries of 64 bytes under scattered keys: changes in batches, and reads one by one.
fn keyed() -> Vec<Row> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ours = EmbeddedStore::open(&folder.path().join("ours")).expect("a new store opens");
    let redb = redb::Database::builder().set_cache_size(CACHE).create(folder.path().join("redb")).expect("it opens");
    let fjall =
        fjall::Database::builder(folder.path().join("fjall")).cache_size(CACHE as u64).open().expect("it opens");
    let keyspace = fjall.keyspace("entries", KeyspaceCreateOptions::default).expect("it opens");
    let entry =
        |number: u64, round: u64| (scatter(number).to_be_bytes(), [scatter(number ^ round).to_be_bytes(); 8].concat());
    let put_ours = |numbers: &[u64], round| {
        let mut batch = Batch::default();
        for number in numbers {
            let (key, value) = entry(*number, round);
            batch.put(Table::Meta, key, value);
        }
        ours.commit(batch).expect("there is room");
    };
    let put_redb = |numbers: &[u64], round| {
        let transaction = redb.begin_write().expect("no other writes");
        let mut table = transaction.open_table(TABLE).expect("it opens");
        for number in numbers {
            let (key, value) = entry(*number, round);
            table.insert(key.as_slice(), value.as_slice()).expect("there is room");
        }
        drop(table);
        transaction.commit().expect("there is room");
    };
    let put_fjall = |numbers: &[u64], round| {
        let mut batch = fjall.batch().durability(Some(PersistMode::SyncAll));
        for number in numbers {
            let (key, value) = entry(*number, round);
            batch.insert(&keyspace, key, value);
        }
        batch.commit().expect("there is room");
    };
    let all: Vec<u64> = (0..KEYS).collect();
    for numbers in all.chunks(100_000) {
        put_ours(numbers, 0);
        put_redb(numbers, 0);
        put_fjall(numbers, 0);
    }
    let mut spent = [Duration::ZERO; 3];
    let rounds = 16;
    for round in 1..=rounds {
        let numbers: Vec<u64> = (0..UPSERTS as u64).map(|n| scatter(n ^ (round << 40)) % KEYS).collect();
        let puts: [Put<'_>; 3] = [&put_ours, &put_redb, &put_fjall];
        for turn in 0..3 {
            let which = (turn + round as usize) % 3;
            let begin = Instant::now();
            puts[which](&numbers, round);
            spent[which] += begin.elapsed();
        }
    }
    let [ours_s, redb_s, fjall_s] = spent.map(|spent| spent.as_secs_f64());
    let upserts = |seconds: f64| (UPSERTS as u64 * rounds) as f64 / seconds;
    let mut rows = vec![
        Row::at_least("store.upsert.redb", "keys/s", upserts(ours_s), upserts(redb_s), "redb, in the order given", 1.0),
        Row::at_least("store.upsert.fjall", "keys/s", upserts(ours_s), upserts(fjall_s), "fjall", 1.0),
    ];

    let reads: Vec<[u8; 8]> = (0..200_000).map(|n| scatter(scatter(n) % KEYS).to_be_bytes()).collect();
    let rate = |read: &dyn Fn(&[u8])| {
        let begin = Instant::now();
        reads.iter().for_each(|key| read(key));
        reads.len() as f64 / begin.elapsed().as_secs_f64()
    };
    let ours_rate = rate(&|key| assert!(ours.get(Table::Meta, key).expect("it reads").is_some()));
    let redb_rate = rate(&|key| {
        let transaction = redb.begin_read().expect("it opens");
        let table = transaction.open_table(TABLE).expect("it opens");
        assert!(table.get(key).expect("it reads").map(|value| value.value().to_vec()).is_some());
    });
    let fjall_rate = rate(&|key| assert!(keyspace.get(key).expect("it reads").is_some()));
    rows.push(Row::at_least("store.get.redb", "gets/s", ours_rate, redb_rate, "redb, without checksums", 0.8));
    rows.push(Row::at_least("store.get.fjall", "gets/s", ours_rate, fjall_rate, "fjall", 1.0));
    rows
}

/// A log several times larger than the cache, written and read back: how much the process grows.
fn larger_than_memory() -> Row {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("ours");
    let before = resident_mib("VmRSS:");
    let store = EmbeddedStore::open(&path).expect("a new store opens");
    let log = EventLog::new(&store, "sensors", 0);
    let (mut written, mut next, mut most) = (0, 0, 0.0_f64);
    while written < CACHE * LARGER {
        let events: Vec<Event> = (next..next + BATCH as u64).map(event).collect();
        written += events.iter().take(1).map(|event| event.to_bytes().len()).sum::<usize>() * BATCH;
        next += log.append(&events).expect("there is room").new;
        most = most.max(resident_mib("VmRSS:"));
    }
    let mut read = 0;
    while read < next {
        for (found, _) in log.read(read, BATCH).expect("it reads") {
            assert_eq!(found.id, event(read).id);
            read += 1;
        }
        most = most.max(resident_mib("VmRSS:"));
    }
    let state = std::fs::metadata(&path).expect("it is there").len() as f64 / f64::from(1 << 20);
    Row::at_most("store.memory", "MiB", (most - before).max(0.0), state, "what is stored, read and written", 0.3)
}
