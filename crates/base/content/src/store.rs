use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use enliven_types::{Block, Cid, Digest};

use crate::ContentError;

/// No block larger than this is fetched from a gateway or decoded (2 MiB, the largest that the IPFS network carries).
pub const MAX_BLOCK_BYTES: usize = 2 * 1024 * 1024;

/// A place that keeps blocks.
///
/// Implementations check hashes in both directions: bytes that do not hash to their CID are neither given out nor
/// taken in.
pub trait BlockStore: Send + Sync {
    /// The block's bytes, `None` if it is not here, an error that names the CID if the bytes do not hash to it.
    fn get(&self, cid: &Cid) -> Result<Option<Vec<u8>>, ContentError>;

    /// Stores all blocks or none; they are durable when it returns.
    fn put_all(&self, blocks: &[Block]) -> Result<(), ContentError>;

    /// Whether the block is here. Unlike [`get`](BlockStore::get) this reads no bytes and so proves nothing.
    fn has(&self, cid: &Cid) -> Result<bool, ContentError>;
}

/// What a directory entry or a file node points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The root block.
    pub cid: Cid,
    /// The bytes of the root block and of all blocks below it, each counted as often as it is linked (`Tsize`).
    pub size: u64,
}

impl Link {
    /// The link to a block that links to nothing itself, such as a raw block.
    pub fn to_leaf(block: &Block) -> Link {
        Link { cid: block.cid, size: block.bytes.len() as u64 }
    }
}

/// Blocks in memory, for tests and for short-lived work.
#[derive(Debug, Default)]
pub struct MemoryBlocks {
    blocks: Mutex<BTreeMap<Cid, Vec<u8>>>,
}

impl MemoryBlocks {
    /// An empty store.
    pub fn new() -> MemoryBlocks {
        MemoryBlocks::default()
    }

    /// How many blocks there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there is no block.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    // A thread that panicked while it held the lock left the map whole: every change is one insertion.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Cid, Vec<u8>>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlockStore for MemoryBlocks {
    fn get(&self, cid: &Cid) -> Result<Option<Vec<u8>>, ContentError> {
        let Some(bytes) = self.lock().get(cid).cloned() else { return Ok(None) };
        check_hash(cid, &bytes, || "memory".to_string())?;
        Ok(Some(bytes))
    }

    fn put_all(&self, blocks: &[Block]) -> Result<(), ContentError> {
        for block in blocks {
            check_hash(&block.cid, &block.bytes, || "the caller".to_string())?;
        }
        let mut stored = self.lock();
        for block in blocks {
            stored.insert(block.cid, block.bytes.clone());
        }
        Ok(())
    }

    fn has(&self, cid: &Cid) -> Result<bool, ContentError> {
        Ok(self.lock().contains_key(cid))
    }
}

/// A source of blocks that is not trusted: every block that it gives is hashed again.
pub struct CheckedBlocks<'a>(pub &'a dyn BlockStore);

impl BlockStore for CheckedBlocks<'_> {
    fn get(&self, cid: &Cid) -> Result<Option<Vec<u8>>, ContentError> {
        let Some(bytes) = self.0.get(cid)? else { return Ok(None) };
        check_hash(cid, &bytes, || "the content source".to_string())?;
        Ok(Some(bytes))
    }

    fn put_all(&self, blocks: &[Block]) -> Result<(), ContentError> {
        self.0.put_all(blocks)
    }

    fn has(&self, cid: &Cid) -> Result<bool, ContentError> {
        self.0.has(cid)
    }
}

const SHA2_256: u64 = 0x12;

/// An error unless the CID (of either version) is a sha2-256 one.
pub(crate) fn check_hash_kind(cid: &Cid) -> Result<(), ContentError> {
    if cid.hash().code() != SHA2_256 {
        return Err(ContentError::UnsupportedHash { cid: Box::new(*cid), code: cid.hash().code() });
    }
    Ok(())
}

/// An error that names the CID and the place unless `bytes` hash to the CID.
pub(crate) fn check_hash(cid: &Cid, bytes: &[u8], place: impl FnOnce() -> String) -> Result<(), ContentError> {
    check_hash_kind(cid)?;
    if cid.hash().digest() != Digest::sha256(bytes).0 {
        return Err(ContentError::Corrupt { cid: Box::new(*cid), place: place() });
    }
    Ok(())
}

/// The bytes of a block that must be there.
pub(crate) fn fetch(blocks: &dyn BlockStore, cid: &Cid) -> Result<Vec<u8>, ContentError> {
    blocks.get(cid)?.ok_or_else(|| ContentError::Missing { cid: Box::new(*cid) })
}

#[cfg(test)]
mod tests {
    use enliven_types::Codec;

    use super::*;

    #[test]
    fn memory_gives_back_what_was_put() {
        let store = MemoryBlocks::new();
        let block = Block::new(Codec::Raw, b"one".to_vec());
        assert!(!store.has(&block.cid).unwrap());
        assert_eq!(store.get(&block.cid).unwrap(), None);
        store.put_all(std::slice::from_ref(&block)).unwrap();
        assert!(store.has(&block.cid).unwrap());
        assert_eq!(store.get(&block.cid).unwrap(), Some(block.bytes));
    }

    #[test]
    fn a_wrong_block_is_refused_and_nothing_of_its_batch_is_kept() {
        let store = MemoryBlocks::new();
        let good = Block::new(Codec::Raw, b"one".to_vec());
        let wrong = Block { cid: good.cid, bytes: b"two".to_vec() };
        let error = store.put_all(&[good.clone(), wrong]).unwrap_err();
        assert!(error.to_string().contains(&good.cid.to_string()), "{error}");
        assert!(store.is_empty());
    }
}
