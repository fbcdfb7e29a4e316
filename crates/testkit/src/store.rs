use enliven_store::{Batch, EventLog, Store, Table};
use enliven_types::{Event, Timestamp, Value};

/// What every [`Store`] does. The store must be empty.
pub fn store(store: &dyn Store) {
    keys_and_ranges(store);
    batches_are_atomic_and_ordered(store);
    the_log_deduplicates(store);
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
        id: id.to_string(),
        source: source.into(),
        kind: "test".into(),
        subjects: vec!["A".into()],
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
    let read: Vec<String> = log.read(8, 2).unwrap().into_iter().map(|(event, _)| event.id).collect();
    assert_eq!(read, ["8", "9"]);
    assert_eq!(log.read(11, 5).unwrap().len(), 0);
    // A name that begins with another's has a log of its own.
    let other = EventLog::new(store, "one-more", 0);
    assert_eq!(other.next_offset().unwrap(), 0);
    assert_eq!(other.append(&[event("one-more", 3)]).unwrap().new, 1);
    assert_eq!(log.next_offset().unwrap(), 11);
}
