use enliven_store::{Batch, EventLog, Store, StoreError, Table};
use enliven_types::{Event, Timestamp, Value};

/// What every [`Store`] does. The store must be empty.
pub fn store(store: &dyn Store) {
    keys_and_ranges(store);
    batches_are_atomic_and_ordered(store);
    the_log_deduplicates(store);
    the_log_reads_from_anywhere(store);
    the_log_forgets_events_and_keeps_ids(store);
}

fn keys_and_ranges(store: &dyn Store) {
    assert_eq!(store.get(Table::Meta, b"a").unwrap(), None);
    let mut batch = Batch::default();
    for key in [b"b".as_slice(), b"a", b"ab", b""] {
        batch.put(Table::Meta, key, [key, b"!"].concat());
    }
    store.commit(batch).unwrap();
    assert_eq!(store.get(Table::Meta, b"ab").unwrap(), Some(b"ab!".to_vec()));
    assert_eq!(store.get(Table::Epochs, b"ab").unwrap(), None, "tables are apart");
    let keys = |from: &[u8], to: &[u8], limit| -> Vec<Vec<u8>> {
        store.range(Table::Meta, from, to, limit).unwrap().into_iter().map(|(key, _)| key).collect()
    };
    assert_eq!(keys(b"", b"z", 9), [b"".to_vec(), b"a".to_vec(), b"ab".to_vec(), b"b".to_vec()]);
    assert_eq!(keys(b"a", b"b", 9), [b"a".to_vec(), b"ab".to_vec()], "the end is not in the range");
    assert_eq!(keys(b"a", b"z", 1), [b"a".to_vec()]);
    assert!(keys(b"b", b"a", 9).is_empty(), "an empty range is no error");
    assert_eq!(store.last(Table::Meta, b"", b"b").unwrap().unwrap().0, b"ab");
    assert!(store.last(Table::Meta, b"c", b"z").unwrap().is_none());
    assert_eq!(store.count(Table::Meta).unwrap(), 4);
}

fn batches_are_atomic_and_ordered(store: &dyn Store) {
    let mut batch = Batch::default();
    batch.put(Table::Meta, b"x".as_slice(), b"1".as_slice());
    batch.delete(Table::Meta, b"x".as_slice());
    batch.put(Table::Meta, b"y".as_slice(), b"1".as_slice());
    batch.put(Table::Meta, b"y".as_slice(), b"2".as_slice());
    batch.delete(Table::Meta, b"never there".as_slice());
    store.commit(batch).unwrap();
    assert_eq!(store.get(Table::Meta, b"x").unwrap(), None, "the later write of a batch wins");
    assert_eq!(store.get(Table::Meta, b"y").unwrap(), Some(b"2".to_vec()));
}

fn event(source: &str, id: u64) -> Event {
    Event {
        id: id.to_string().into(),
        source: source.into(),
        kind: "test".into(),
        subjects: vec!["A".into()].into(),
        time: Timestamp(id as i64),
        data: [("n".to_string(), Value::Int(id as i64))].into(),
    }
}

fn the_log_deduplicates(store: &dyn Store) {
    let log = EventLog::new(store, "one", 0);
    let first: Vec<Event> = (0..10).map(|id| event("one", id)).collect();
    let appended = log.append(&first).unwrap();
    assert_eq!((appended.new, appended.duplicates), (10, 0));
    let mut again = vec![event("one", 3), event("one", 10), event("one", 10)];
    let appended = log.append(&again).unwrap();
    assert_eq!((appended.new, appended.duplicates), (1, 2), "also within one batch");
    again.truncate(0);
    assert_eq!(log.append(&again).unwrap().new, 0);
    assert_eq!(log.next_offset().unwrap(), 11);
    let read: Vec<String> = log.read(8, 2).unwrap().into_iter().map(|(event, _)| event.id.to_string()).collect();
    assert_eq!(read, ["8", "9"]);
    assert_eq!(log.read(11, 5).unwrap().len(), 0);
    // A name that begins with another's has a log of its own.
    let other = EventLog::new(store, "one-more", 0);
    assert_eq!(other.next_offset().unwrap(), 0);
    assert_eq!(other.append(&[event("one-more", 3)]).unwrap().new, 1);
    assert_eq!(log.next_offset().unwrap(), 11);
}

/// Batches of one event and of thousands, read back across their ends.
fn the_log_reads_from_anywhere(store: &dyn Store) {
    let log = EventLog::new(store, "many", 3);
    let before = store.count(Table::Events).unwrap();
    let mut next = 0;
    for size in [1, 1, 1, 2500, 1, 70, 999, 1] {
        let events: Vec<Event> = (next..next + size).map(|id| event("many", id)).collect();
        assert_eq!(log.append(&events).unwrap().new, size);
        next += size;
    }
    assert_eq!(log.next_offset().unwrap(), next);
    assert_eq!(store.count(Table::Events).unwrap() - before, next, "events are counted, however they are stored");
    for (from, limit) in
        [(0, 1), (0, 3), (2, 1), (2, 2), (3, 2500), (1000, 1500), (2499, 70), (0, usize::MAX), (3573, 9)]
    {
        let expected = (next - from).min(limit as u64);
        let read = log.read(from, limit).unwrap();
        assert_eq!(read.len() as u64, expected, "{limit} from {from}");
        for (offset, (found, bytes)) in (from..).zip(&read) {
            assert_eq!(*found, event("many", offset));
            assert_eq!(*bytes, found.to_bytes());
        }
    }
    assert!(log.read(0, 0).unwrap().is_empty());
    // Another partition has offsets of its own, but the ids are the source's.
    let other = EventLog::new(store, "many", 4);
    assert_eq!(other.next_offset().unwrap(), 0);
    let appended = other.append(&[event("many", 5), event("many", next)]).unwrap();
    assert_eq!((appended.new, appended.duplicates), (1, 1));
    // What one log has appended the other knows, though it had looked before.
    assert_eq!(log.append(&[event("many", next)]).unwrap().duplicates, 1);
}

fn the_log_forgets_events_and_keeps_ids(store: &dyn Store) {
    let log = EventLog::new(store, "old", 0);
    for batch in 0..10 {
        let events: Vec<Event> = (batch * 100..(batch + 1) * 100).map(|id| event("old", id)).collect();
        log.append(&events).unwrap();
    }
    assert_eq!(log.trim(0).unwrap(), 0);
    let first = log.trim(450).unwrap();
    assert!(first > 300 && first <= 450, "{first}");
    assert_eq!(log.trim(100).unwrap(), first, "what is gone does not come back");
    assert_eq!((log.first_offset().unwrap(), log.next_offset().unwrap()), (first, 1000));
    assert_eq!(log.read(first, 1000).unwrap().len() as u64, 1000 - first);
    match log.read(first - 1, 1) {
        Err(StoreError::Trimmed { offset, first: named, .. }) => assert_eq!((offset, named), (first - 1, first)),
        other => panic!("{other:?}"),
    }
    assert_eq!(log.append(&[event("old", 3)]).unwrap().duplicates, 1);
    // All of it: the next event has the next offset all the same.
    assert_eq!(log.trim(u64::MAX).unwrap(), 1000);
    assert!(log.read(1000, 1).unwrap().is_empty());
    assert_eq!(log.append(&[event("old", 999), event("old", 1000)]).unwrap().new, 1);
    assert_eq!(log.read(1000, 9).unwrap()[0].0, event("old", 1000));
    assert_eq!(log.next_offset().unwrap(), 1001);
}
