use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use enliven_database::open_or_create;
use enliven_types::{Block, Cid};
use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase, ReadableTable, StorageError, TableDefinition,
    TableHandle,
};

use serde::Serialize;

use crate::store::check_hash;
use crate::{BlockStore, ContentError};

const BLOCKS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("blocks");
const META: TableDefinition<&str, &str> = TableDefinition::new("meta");
const FORMAT_KEY: &str = "format";
const FORMAT: &str = "enliven-blocks/1";

// Blocks are read once and hashed; what a reader asks for twice is cached above this crate.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// What a sweep came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Blocks that are kept.
    pub kept: u64,
    /// Blocks that are gone.
    pub deleted: u64,
    /// Their bytes.
    pub deleted_bytes: u64,
}

/// Blocks in one file of this machine, keyed by the bytes of the CID.
///
/// Every [`put_all`](BlockStore::put_all) is one transaction, on disk when it returns; a process that is killed leaves
/// the file as the last finished transaction left it.
#[derive(Debug)]
pub struct EmbeddedBlocks {
    path: PathBuf,
    database: Database,
}

impl EmbeddedBlocks {
    /// Opens the store at `path`, or makes one where no file or an empty file stands.
    pub fn open(path: impl AsRef<Path>) -> Result<EmbeddedBlocks, ContentError> {
        let path = path.as_ref().to_path_buf();
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let database = match open_or_create(&builder, &path) {
            Ok(database) => database,
            Err(error) => return Err(open_error(path, error)),
        };
        let store = EmbeddedBlocks { path, database };
        store.check_format()?;
        Ok(store)
    }

    /// Reads every block and checks its hash; the number of blocks, or an error that names the first corrupt one.
    pub fn verify(&self) -> Result<u64, ContentError> {
        let read = self.begin_read("verify")?;
        let table = read.open_table(BLOCKS).map_err(|error| self.failed("verify", error))?;
        let mut count = 0;
        for entry in table.iter().map_err(|error| self.failed("verify", error))? {
            let (key, bytes) = entry.map_err(|error| self.failed("verify", error))?;
            let Ok(cid) = Cid::try_from(key.value()) else {
                return Err(ContentError::NotAStore {
                    path: self.path.clone(),
                    reason: "a key in it is not a CID".to_string(),
                });
            };
            check_hash(&cid, bytes.value(), || self.place())?;
            count += 1;
        }
        Ok(count)
    }

    /// Deletes every block that `keep` does not have, in one transaction, and makes the file smaller.
    pub fn sweep(&mut self, keep: &BTreeSet<Cid>) -> Result<Swept, ContentError> {
        let mut swept = Swept::default();
        self.retain(keep, &mut swept).map_err(|error| self.storage("sweep", error))?;
        // Moves pages towards the start of the file; after it there may be more to move.
        while self.database.compact().map_err(|error| self.failed("compact", error))? {}
        Ok(swept)
    }

    fn retain(&self, keep: &BTreeSet<Cid>, swept: &mut Swept) -> Result<(), redb::Error> {
        let write = self.database.begin_write()?;
        let mut table = write.open_table(BLOCKS)?;
        table.retain(|key, bytes| {
            // A key that is no CID is not ours to delete: `verify` names it.
            let kept = Cid::try_from(key).is_ok_and(|cid| keep.contains(&cid)) || Cid::try_from(key).is_err();
            let (blocks, size) = match kept {
                true => (&mut swept.kept, None),
                false => (&mut swept.deleted, Some(&mut swept.deleted_bytes)),
            };
            *blocks += 1;
            if let Some(size) = size {
                *size += bytes.len() as u64;
            }
            kept
        })?;
        drop(table);
        write.commit()?;
        Ok(())
    }

    /// Writes the format's name into a new file; refuses a file that holds something else.
    fn check_format(&self) -> Result<(), ContentError> {
        let read = self.begin_read("open")?;
        let names: Vec<String> = read
            .list_tables()
            .map_err(|error| self.failed("open", error))?
            .map(|table| table.name().to_string())
            .collect();
        if names.is_empty() {
            drop(read);
            return self.initialise().map_err(|error| self.storage("initialise", error));
        }
        let found = match names.iter().any(|name| name == META.name()) {
            true => self.format_name(&read),
            false => None,
        };
        match found.as_deref() {
            Some(FORMAT) => Ok(()),
            Some(other) => Err(self.not_a_store(format!("its format is `{other}`, not `{FORMAT}`"))),
            None => Err(self.not_a_store("it is a database of another kind".to_string())),
        }
    }

    fn format_name(&self, read: &ReadTransaction) -> Option<String> {
        let table = read.open_table(META).ok()?;
        let value = table.get(FORMAT_KEY).ok()??;
        Some(value.value().to_string())
    }

    fn initialise(&self) -> Result<(), redb::Error> {
        let write = self.database.begin_write()?;
        write.open_table(BLOCKS)?;
        write.open_table(META)?.insert(FORMAT_KEY, FORMAT)?;
        write.commit()?;
        Ok(())
    }

    fn insert_all(&self, blocks: &[Block]) -> Result<(), redb::Error> {
        let write = self.database.begin_write()?;
        let mut table = write.open_table(BLOCKS)?;
        // In the order of the keys, so that each page of the tree is visited once.
        let mut sorted: Vec<(Vec<u8>, &[u8])> =
            blocks.iter().map(|block| (block.cid.to_bytes(), block.bytes.as_slice())).collect();
        sorted.sort();
        for (key, bytes) in sorted {
            table.insert(key.as_slice(), bytes)?;
        }
        drop(table);
        write.commit()?;
        Ok(())
    }

    fn begin_read(&self, action: &'static str) -> Result<ReadTransaction, ContentError> {
        self.database.begin_read().map_err(|error| self.failed(action, error))
    }

    fn failed(&self, action: &'static str, error: impl Into<redb::Error>) -> ContentError {
        self.storage(action, error.into())
    }

    fn storage(&self, action: &'static str, source: redb::Error) -> ContentError {
        ContentError::Storage { path: self.path.clone(), action, source: Box::new(source) }
    }

    fn not_a_store(&self, reason: String) -> ContentError {
        ContentError::NotAStore { path: self.path.clone(), reason }
    }

    fn place(&self) -> String {
        format!("block store `{}`", self.path.display())
    }
}

impl BlockStore for EmbeddedBlocks {
    fn get(&self, cid: &Cid) -> Result<Option<Vec<u8>>, ContentError> {
        let read = self.begin_read("read a block")?;
        let table = read.open_table(BLOCKS).map_err(|error| self.failed("read a block", error))?;
        let found = table.get(cid.to_bytes().as_slice()).map_err(|error| self.failed("read a block", error))?;
        let Some(found) = found else { return Ok(None) };
        let bytes = found.value().to_vec();
        check_hash(cid, &bytes, || self.place())?;
        Ok(Some(bytes))
    }

    fn put_all(&self, blocks: &[Block]) -> Result<(), ContentError> {
        if blocks.is_empty() {
            return Ok(());
        }
        for block in blocks {
            check_hash(&block.cid, &block.bytes, || "the caller".to_string())?;
        }
        self.insert_all(blocks).map_err(|error| self.storage("store blocks", error))
    }

    fn has(&self, cid: &Cid) -> Result<bool, ContentError> {
        let read = self.begin_read("look for a block")?;
        let table = read.open_table(BLOCKS).map_err(|error| self.failed("look for a block", error))?;
        let found = table.get(cid.to_bytes().as_slice()).map_err(|error| self.failed("look for a block", error))?;
        Ok(found.is_some())
    }
}

fn open_error(path: PathBuf, error: DatabaseError) -> ContentError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => ContentError::Locked { path },
        DatabaseError::UpgradeRequired(version) => {
            ContentError::NotAStore { path, reason: format!("its file format is the old version {version}") }
        }
        DatabaseError::Storage(StorageError::Corrupted(reason)) => ContentError::NotAStore { path, reason },
        DatabaseError::Storage(StorageError::Io(error))
            if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            ContentError::NotAStore { path, reason: error.to_string() }
        }
        other => ContentError::Storage { path, action: "open", source: Box::new(other.into()) },
    }
}

#[cfg(test)]
mod tests {
    use enliven_types::Codec;

    use super::*;

    fn sample(count: usize) -> Vec<Block> {
        (0..count).map(|index| Block::new(Codec::Raw, format!("block {index}").into_bytes())).collect()
    }

    #[test]
    fn what_was_put_is_there_after_a_drop_and_a_reopen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blocks.redb");
        let blocks = sample(100);
        EmbeddedBlocks::open(&path).unwrap().put_all(&blocks).unwrap();

        let store = EmbeddedBlocks::open(&path).unwrap();
        for block in &blocks {
            assert!(store.has(&block.cid).unwrap());
            assert_eq!(store.get(&block.cid).unwrap().as_ref(), Some(&block.bytes));
        }
        assert_eq!(store.verify().unwrap(), 100);
        let absent = Block::new(Codec::Raw, b"absent".to_vec());
        assert!(!store.has(&absent.cid).unwrap());
        assert_eq!(store.get(&absent.cid).unwrap(), None);
    }

    #[test]
    fn a_flipped_byte_is_an_error_that_names_the_block() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blocks.redb");
        let blocks = sample(3);
        EmbeddedBlocks::open(&path).unwrap().put_all(&blocks).unwrap();

        let raw = Database::open(&path).unwrap();
        let write = raw.begin_write().unwrap();
        let mut bytes = blocks[1].bytes.clone();
        bytes[0] ^= 1;
        write.open_table(BLOCKS).unwrap().insert(blocks[1].cid.to_bytes().as_slice(), bytes.as_slice()).unwrap();
        write.commit().unwrap();
        drop(raw);

        let store = EmbeddedBlocks::open(&path).unwrap();
        assert!(store.get(&blocks[0].cid).unwrap().is_some());
        for error in [store.get(&blocks[1].cid).unwrap_err(), store.verify().unwrap_err()] {
            assert!(matches!(&error, ContentError::Corrupt { cid, .. } if **cid == blocks[1].cid), "{error}");
            let text = error.to_string();
            assert!(text.contains(&blocks[1].cid.to_string()) && text.contains("blocks.redb"), "{text}");
        }
        store.put_all(&blocks).unwrap();
        assert_eq!(store.verify().unwrap(), 3, "putting the block again heals the store");
    }

    #[test]
    fn a_second_opening_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blocks.redb");
        let _first = EmbeddedBlocks::open(&path).unwrap();
        let error = EmbeddedBlocks::open(&path).unwrap_err();
        assert!(matches!(error, ContentError::Locked { .. }), "{error}");
    }

    #[test]
    fn a_file_that_is_no_store_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let long = "a text that is longer than a database's first page\n".repeat(200);
        for (name, text) in [("short.txt", "text"), ("long.txt", long.as_str())] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let error = EmbeddedBlocks::open(&path).unwrap_err();
            assert!(matches!(error, ContentError::NotAStore { .. }), "{name}: {error:?}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_database_of_another_kind_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.redb");
        let other = Database::create(&path).unwrap();
        let write = other.begin_write().unwrap();
        write.open_table(TableDefinition::<u64, u64>::new("events")).unwrap();
        write.commit().unwrap();
        drop(other);
        let error = EmbeddedBlocks::open(&path).unwrap_err();
        assert!(matches!(error, ContentError::NotAStore { .. }), "{error}");

        let error = EmbeddedBlocks::open(folder.path().join("absent/blocks.redb")).unwrap_err();
        assert!(matches!(error, ContentError::Storage { .. }), "{error}");
    }
}
