//! Events and commits that follow from their numbers, so that what a store holds can be compared with
//! what was written, and a generator of seeded numbers.
#![allow(dead_code)]

use enliven_store::{Batch, EmbeddedStore, EventLog, Store, StoreError, Table};
use enliven_types::{Event, Timestamp, Value};

/// Seeded numbers (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scatter(self.0) % end
    }
}

fn scatter(number: u64) -> u64 {
    let mut z = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The event at an offset.
pub fn event(offset: u64) -> Event {
    let dice = scatter(offset);
    Event {
        id: format!("{dice:016x}").into(),
        source: "s".into(),
        kind: "test".into(),
        subjects: vec![format!("subject {}", dice % 50).into()].into(),
        time: Timestamp(offset as i64 * 1000),
        data: [
            ("n".to_string(), Value::Int(offset as i64)),
            ("text".to_string(), Value::Text("x".repeat((dice % 300) as usize).into())),
        ]
        .into(),
    }
}

/// The events from one offset up to another.
pub fn events(from: u64, to: u64) -> Vec<Event> {
    (from..to).map(event).collect()
}

/// Where the commit that begins at an offset ends: commits have 1 to 200 events, now and then more.
pub fn end_of(start: u64) -> u64 {
    let dice = scatter(start ^ 0x5eed);
    start + 1 + if dice.is_multiple_of(16) { 700 } else { (dice >> 8) % 200 }
}

/// Sixteen single values that every commit writes anew beside its events.
pub fn beside(end: u64, batch: &mut Batch) {
    for place in 0..16 {
        batch.put(Table::Meta, format!("beside {place}"), format!("{end} {}", scatter(end + place)));
    }
}

/// Commits the events from `start` to [`end_of`] and the values beside them, with up to `again` events
/// from before, which are duplicates.
pub fn commit(log: &EventLog<'_>, start: u64, again: u64) -> Result<u64, StoreError> {
    let end = end_of(start);
    let from = start - again.min(start);
    let mut batch = Batch::default();
    beside(end, &mut batch);
    let appended = log.append_with(&events(from, end), batch)?;
    assert_eq!((appended.new, appended.duplicates), (end - start, start - from));
    Ok(end)
}

/// Compares everything that a store holds with what was written, and gives the offset at which its
/// last commit ended.
///
/// # Panics
///
/// Where the store holds something that no commit left.
pub fn check(store: &EmbeddedStore, read_from: u64) -> Result<u64, StoreError> {
    let log = EventLog::new(store, "s", 0);
    let next = log.next_offset()?;
    let mut boundary = 0;
    while boundary < next {
        boundary = end_of(boundary);
    }
    assert_eq!(boundary, next, "half a batch is in the log");
    let mut offset = log.first_offset()?.max(read_from);
    while offset < next {
        let page = log.read(offset, 500)?;
        assert!(!page.is_empty(), "the log ends at {offset}, not at {next}");
        // Events are read back from canonical bytes only, so equal events have equal bytes.
        for (found, _) in page {
            assert_eq!(found, event(offset), "another event at {offset}");
            offset += 1;
        }
    }
    assert_eq!(offset, next.max(read_from));
    assert!(log.read(next, 1)?.is_empty());
    if next > 0 {
        for place in 0..16 {
            let found = store.get(Table::Meta, format!("beside {place}").as_bytes())?;
            let expected = format!("{next} {}", scatter(next + place));
            assert_eq!(found, Some(expected.into_bytes()), "the value beside {place} is not of the last commit");
        }
    }
    Ok(next)
}
