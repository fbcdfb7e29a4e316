//! Old events are given up, their ids are not; the file gives the room back.
#![allow(clippy::unwrap_used)]

mod common;

use common::{check, commit, events};
use enliven_store::{EmbeddedStore, EventLog, Store, StoreError, Table};

#[test]
fn trimmed_events_are_gone_their_ids_are_known_and_the_file_shrinks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let mut store = EmbeddedStore::open(&path).unwrap();
    let mut next = 0;
    while next < 20_000 {
        next = commit(&EventLog::new(&store, "s", 0), next, 0).unwrap();
    }
    let large = std::fs::metadata(&path).unwrap().len();
    let log = EventLog::new(&store, "s", 0);
    let first = log.trim(18_000).unwrap();
    assert!(first <= 18_000 && first > 17_000, "whole pages go: {first}");
    drop(log);
    store.compact().unwrap();
    let small = std::fs::metadata(&path).unwrap().len();
    println!("{large} bytes before, {small} after");
    assert!(small * 3 < large, "{large} bytes before, {small} after");
    drop(store);

    let store = EmbeddedStore::open(&path).unwrap();
    assert_eq!(check(&store, 0).unwrap(), next);
    assert_eq!(store.count(Table::Events).unwrap(), next - first);
    let log = EventLog::new(&store, "s", 0);
    let error = log.read(first - 1, 10).unwrap_err();
    assert!(matches!(error, StoreError::Trimmed { first: named, .. } if named == first));
    assert!(error.to_string().contains(&format!("its first event is at {first}")), "{error}");
    assert_eq!(log.append(&events(0, next)).unwrap().duplicates, next);
    next = commit(&log, next, 500).unwrap();
    assert_eq!(check(&store, 0).unwrap(), next);
}

#[test]
fn the_state_need_not_fit_the_cache() {
    const CACHE_MIB: f64 = 32.0;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = EmbeddedStore::open(&path).unwrap();
    let log = EventLog::new(&store, "s", 0);
    let large = |offset| {
        let mut event = common::event(offset);
        event.data.insert("body", enliven_types::Value::Text("b".repeat(4000).into()));
        event
    };
    let before = resident_mib();
    let mut most = 0.0_f64;
    for batch in 0..128 {
        let events: Vec<_> = (batch * 256..(batch + 1) * 256).map(large).collect();
        log.append(&events).unwrap();
        most = most.max(resident_mib() - before);
    }
    for batch in 0..128 {
        for (index, (event, _)) in log.read(batch * 256, 256).unwrap().into_iter().enumerate() {
            assert_eq!(event, large(batch * 256 + index as u64));
        }
        most = most.max(resident_mib() - before);
    }
    let stored = std::fs::metadata(&path).unwrap().len() >> 20;
    println!("{stored} MiB stored, {most:.0} MiB resident at most");
    assert!(stored > 4 * CACHE_MIB as u64, "{stored} MiB");
    assert!(most < 3.0 * CACHE_MIB, "{most:.0} MiB resident");
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).map_or(0.0, |kib| kib / 1024.0)
}
