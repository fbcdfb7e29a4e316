//! Every implementation of a trait runs the same suite.

#![allow(clippy::unwrap_used)]

use enliven_content::{EmbeddedBlocks, MemoryBlocks};
use enliven_store::{Batch, EmbeddedStore, EventLog, MemoryStore, Store, StoreError, Table};

#[test]
fn memory_store() {
    enliven_testkit::store(&MemoryStore::default());
}

#[test]
fn embedded_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let store = EmbeddedStore::open(&path).unwrap();
    enliven_testkit::store(&store);
    assert!(matches!(EmbeddedStore::open(&path), Err(StoreError::Locked { .. })));
    drop(store);
    let again = EmbeddedStore::open(&path).unwrap();
    assert_eq!(EventLog::new(&again, "one", 0).next_offset().unwrap(), 11);
}

#[test]
fn memory_blocks() {
    enliven_testkit::block_store(&MemoryBlocks::new());
}

#[test]
fn embedded_blocks() {
    let folder = tempfile::tempdir().unwrap();
    enliven_testkit::block_store(&EmbeddedBlocks::open(folder.path().join("blocks.redb")).unwrap());
}

/// A bit that flips on disk is an error that names the place, or the store does not open; never
/// another value.
#[test]
fn flipped_bits_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let value = b"a value that is easy to find in the file";
    let store = EmbeddedStore::open(&path).unwrap();
    let mut batch = Batch::default();
    batch.put(Table::Meta, b"key".as_slice(), value.as_slice());
    store.commit(batch).unwrap();
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    let places: Vec<usize> =
        (0..bytes.len() - value.len()).filter(|place| &bytes[*place..place + value.len()] == value).collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place + 5] ^= 4;
    }
    std::fs::write(&path, bytes).unwrap();
    match EmbeddedStore::open(&path) {
        Err(_) => {}
        Ok(store) => {
            let error = store.get(Table::Meta, b"key").unwrap_err().to_string();
            assert!(error.contains("the value at `key` in table meta is damaged"), "{error}");
        }
    }
}

#[test]
fn something_else_is_not_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    std::fs::write(&path, b"this is a letter, not a database, and a long one at that").unwrap();
    let error = EmbeddedStore::open(&path).err().unwrap().to_string();
    assert!(error.contains("state.redb"), "{error}");
}

/// A process that died while it created a store leaves no part of one in the way.
#[test]
fn what_was_left_of_a_creation_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    std::fs::write(folder.path().join("state.redb.new"), b"the first bytes of a store").unwrap();
    drop(EmbeddedStore::open(&path).unwrap());
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["state.redb"]);
    EmbeddedStore::open_verified(&path).unwrap();
}
