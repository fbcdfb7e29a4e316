//! All that a root leads to.

use std::collections::BTreeSet;

use enliven_types::{Block, Cid, Codec, cbor_links};

use crate::store::fetch;
use crate::unixfs::{self, Kind};
use crate::{BlockStore, ContentError, MAX_BLOCK_BYTES, dagpb};

/// The CIDs that a block links to, in the order of its links; those of a record in the order of their bytes.
///
/// Blocks of other codecs than `dag-pb` and `dag-cbor` link to nothing.
pub fn links(block: &Block) -> Result<Vec<Cid>, ContentError> {
    let malformed = |reason| ContentError::Malformed { cid: Box::new(block.cid), reason };
    if block.bytes.len() > MAX_BLOCK_BYTES {
        return Err(malformed("it is larger than 2 MiB"));
    }
    if block.cid.codec() == Codec::DagPb.code() {
        let node = dagpb::decode(&block.bytes).map_err(malformed)?;
        return Ok(node.links.into_iter().map(|named| named.link.cid).collect());
    }
    if block.cid.codec() == Codec::DagCbor.code() {
        let found = cbor_links(&block.bytes).map_err(|_| malformed("it is not DAG-CBOR"))?;
        return Ok(found.into_iter().collect());
    }
    Ok(Vec::new())
}

/// Which links of a block are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// None.
    Nothing,
    /// Those to other blocks of the same file or of the same listing; not those to a directory's entries.
    Entity,
    /// All.
    All,
}

/// Visits every block that the roots lead to, each once, a block before what it links to and depth first.
///
/// `visit` is given each block and says which of its links are followed. The first error ends the walk.
pub fn walk<E: From<ContentError>>(
    blocks: &dyn BlockStore,
    roots: &[Cid],
    mut visit: impl FnMut(&Block) -> Result<Follow, E>,
) -> Result<(), E> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<Cid> = roots.iter().rev().copied().collect();
    while let Some(cid) = next.pop() {
        if !seen.insert(cid) {
            continue;
        }
        let block = Block { cid, bytes: fetch(blocks, &cid)? };
        let found = match visit(&block)? {
            Follow::Nothing => Vec::new(),
            Follow::Entity => entity_links(&block)?,
            Follow::All => links(&block)?,
        };
        next.extend(found.into_iter().rev());
    }
    Ok(())
}

/// The links of a block to others of the same file or listing.
fn entity_links(block: &Block) -> Result<Vec<Cid>, ContentError> {
    if block.cid.codec() != Codec::DagPb.code() {
        return Ok(Vec::new());
    }
    let malformed = |reason| ContentError::Malformed { cid: Box::new(block.cid), reason };
    let node = dagpb::decode(&block.bytes).map_err(malformed)?;
    let kind = unixfs::decode(&node.data).map_err(malformed)?.kind;
    // A link of a shard is named by its slot, in two digits, and by the entry's name if it leads to one.
    let same = |name: &str| match kind {
        Kind::File | Kind::Raw => true,
        Kind::Shard => name.len() == 2,
        Kind::Directory | Kind::Other => false,
    };
    Ok(node.links.into_iter().filter(|named| same(&named.name)).map(|named| named.link.cid).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Directory, MemoryBlocks, file};

    #[test]
    fn a_walk_meets_each_block_once_and_its_root_first() {
        let store = MemoryBlocks::new();
        let mut directory = Directory::new();
        let (link, blocks) = file(&vec![7; 3 << 20]);
        store.put_all(&blocks).unwrap();
        for name in ["a", "b"] {
            directory.insert(name, link).unwrap();
        }
        let (root, blocks) = directory.commit();
        store.put_all(&blocks).unwrap();
        let mut met = Vec::new();
        walk(&store, &[root.cid, root.cid], |block| {
            met.push(block.cid);
            Ok::<_, ContentError>(Follow::All)
        })
        .unwrap();
        // The directory, the file's node, and its three chunks of the same bytes.
        assert_eq!(met.len(), 3);
        assert_eq!(met[..2], [root.cid, link.cid]);
        let mut met = 0;
        walk(&store, &[root.cid], |_| {
            met += 1;
            Ok::<_, ContentError>(Follow::Nothing)
        })
        .unwrap();
        assert_eq!(met, 1);
    }

    #[test]
    fn an_entity_is_a_file_or_a_listing_without_its_entries() {
        let store = MemoryBlocks::new();
        let mut directory = Directory::new();
        let (link, blocks) = file(&vec![7; (1 << 20) + 1]);
        store.put_all(&blocks).unwrap();
        for number in 0..6_000 {
            directory.insert(&format!("{number}.json"), link).unwrap();
        }
        let (root, shards) = directory.commit();
        store.put_all(&shards).unwrap();
        let count = |cid| {
            let mut met = 0;
            let visit = |_: &Block| {
                met += 1;
                Ok::<_, ContentError>(Follow::Entity)
            };
            walk(&store, &[cid], visit).unwrap();
            met
        };
        assert!(shards.len() > 1);
        assert_eq!((count(root.cid), count(link.cid)), (shards.len(), blocks.len()));
    }

    #[test]
    fn a_block_that_is_missing_or_no_node_is_named() {
        let record = Block::new(Codec::DagCbor, vec![0xff]);
        let node = Block::new(Codec::DagPb, vec![0xff]);
        for block in [&record, &node] {
            let store = MemoryBlocks::new();
            let error = walk(&store, &[block.cid], |_| Ok::<_, ContentError>(Follow::All)).unwrap_err();
            assert!(matches!(&error, ContentError::Missing { cid } if **cid == block.cid), "{error}");
            store.put_all(std::slice::from_ref(block)).unwrap();
            let error = walk(&store, &[block.cid], |_| Ok::<_, ContentError>(Follow::All)).unwrap_err();
            assert!(matches!(&error, ContentError::Malformed { cid, .. } if **cid == block.cid), "{error}");
        }
    }
}
