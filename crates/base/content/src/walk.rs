//! All that a root leads to.

use std::collections::BTreeSet;

use enliven_types::{Block, Cid, Codec, cbor_links};

use crate::store::fetch;
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

/// Visits every block that the roots lead to, each once, a block before what it links to and depth first.
///
/// `visit` is given each block and says whether its links are followed. The first error ends the walk.
pub fn walk<E: From<ContentError>>(
    blocks: &dyn BlockStore,
    roots: &[Cid],
    mut visit: impl FnMut(&Block) -> Result<bool, E>,
) -> Result<(), E> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<Cid> = roots.iter().rev().copied().collect();
    while let Some(cid) = next.pop() {
        if !seen.insert(cid) {
            continue;
        }
        let block = Block { cid, bytes: fetch(blocks, &cid)? };
        if visit(&block)? {
            next.extend(links(&block)?.into_iter().rev());
        }
    }
    Ok(())
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
            Ok::<bool, ContentError>(true)
        })
        .unwrap();
        // The directory, the file's node, and its three chunks of the same bytes.
        assert_eq!(met.len(), 3);
        assert_eq!(met[..2], [root.cid, link.cid]);
        let mut met = 0;
        walk(&store, &[root.cid], |_| {
            met += 1;
            Ok::<bool, ContentError>(false)
        })
        .unwrap();
        assert_eq!(met, 1);
    }

    #[test]
    fn a_block_that_is_missing_or_no_node_is_named() {
        let record = Block::new(Codec::DagCbor, vec![0xff]);
        let node = Block::new(Codec::DagPb, vec![0xff]);
        for block in [&record, &node] {
            let store = MemoryBlocks::new();
            let error = walk(&store, &[block.cid], |_| Ok::<bool, ContentError>(true)).unwrap_err();
            assert!(matches!(&error, ContentError::Missing { cid } if **cid == block.cid), "{error}");
            store.put_all(std::slice::from_ref(block)).unwrap();
            let error = walk(&store, &[block.cid], |_| Ok::<bool, ContentError>(true)).unwrap_err();
            assert!(matches!(&error, ContentError::Malformed { cid, .. } if **cid == block.cid), "{error}");
        }
    }
}
