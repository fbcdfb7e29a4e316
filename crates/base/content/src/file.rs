use enliven_types::{Block, Cid, Codec};

use crate::dagpb::{self, NodeWriter};
use crate::store::fetch;
use crate::unixfs::{self, Kind};
use crate::{BlockStore, ContentError, Link, MAX_BLOCK_BYTES};

const CHUNK_BYTES: usize = 1024 * 1024;
const WIDTH: usize = 1024;

// Sixteen levels of two links each already hold more leaves than any file that fits in memory needs.
const MAX_DEPTH: usize = 16;

/// The blocks of a file, its root last, and the link to the root.
///
/// Up to 1 MiB the file is one raw block, so that the digest in its CID is the sha2-256 of its bytes. Above, its chunks
/// of 1 MiB are raw leaves below nodes of at most 1,024 links, every leaf at the same depth.
pub fn file(bytes: &[u8]) -> (Link, Vec<Block>) {
    file_in(bytes, CHUNK_BYTES, WIDTH)
}

/// The bytes of a file that takes at most `limit` of them.
///
/// Reads raw blocks and UnixFS files of any layout, and checks every size that the file's nodes declare.
pub fn read_file(blocks: &dyn BlockStore, root: &Cid, limit: usize) -> Result<Vec<u8>, ContentError> {
    let mut reading = Reading { blocks, root, limit, out: Vec::new() };
    reading.append(root, None, 0)?;
    Ok(reading.out)
}

/// [`file`] with another chunk size and width, for tests of the layout.
pub(crate) fn file_in(bytes: &[u8], chunk_bytes: usize, width: usize) -> (Link, Vec<Block>) {
    let mut blocks = Vec::new();
    let mut level = Vec::new();
    if bytes.is_empty() {
        level.push(add_leaf(&mut blocks, bytes));
    }
    for chunk in bytes.chunks(chunk_bytes) {
        level.push(add_leaf(&mut blocks, chunk));
    }
    while level.len() > 1 {
        level = level.chunks(width).map(|group| add_node(&mut blocks, group)).collect();
    }
    (level[0].link, blocks)
}

/// A part of a file: its link and how many of the file's bytes lie below it.
struct Part {
    link: Link,
    file_bytes: u64,
}

fn add_leaf(blocks: &mut Vec<Block>, chunk: &[u8]) -> Part {
    let block = Block::new(Codec::Raw, chunk.to_vec());
    let link = Link::to_leaf(&block);
    blocks.push(block);
    Part { link, file_bytes: chunk.len() as u64 }
}

fn add_node(blocks: &mut Vec<Block>, parts: &[Part]) -> Part {
    let mut writer = NodeWriter::default();
    let mut sizes = Vec::with_capacity(parts.len());
    for part in parts {
        writer.link("", &part.link);
        sizes.push(part.file_bytes);
    }
    let (bytes, size) = writer.finish(&unixfs::encode_file(&sizes));
    let block = Block::new(Codec::DagPb, bytes);
    let link = Link { cid: block.cid, size };
    blocks.push(block);
    Part { link, file_bytes: sizes.iter().sum() }
}

struct Reading<'a> {
    blocks: &'a dyn BlockStore,
    root: &'a Cid,
    limit: usize,
    out: Vec<u8>,
}

impl Reading<'_> {
    /// Appends the file bytes below `cid`. Every link below a node must lead to at least one byte, so the limit on
    /// bytes also bounds the blocks that a malicious file can make us read.
    fn append(&mut self, cid: &Cid, expected: Option<u64>, depth: usize) -> Result<(), ContentError> {
        let malformed = |reason| ContentError::Malformed { cid: Box::new(*cid), reason };
        if depth > MAX_DEPTH {
            return Err(malformed("it lies more than 16 levels below the file's root"));
        }
        let is_raw = cid.codec() == Codec::Raw.code();
        if !is_raw && cid.codec() != Codec::DagPb.code() {
            return Err(ContentError::NotAFile { cid: Box::new(*cid) });
        }
        let bytes = fetch(self.blocks, cid)?;
        if is_raw {
            check_size(expected, bytes.len() as u64).map_err(malformed)?;
            return self.take(&bytes);
        }
        if bytes.len() > MAX_BLOCK_BYTES {
            return Err(malformed("it is larger than 2 MiB"));
        }
        let node = dagpb::decode(&bytes).map_err(malformed)?;
        drop(bytes);
        let message = unixfs::decode(&node.data).map_err(malformed)?;
        if !matches!(message.kind, Kind::File | Kind::Raw) {
            return Err(ContentError::NotAFile { cid: Box::new(*cid) });
        }
        if message.block_sizes.len() != node.links.len() {
            return Err(malformed("its links and their sizes differ in number"));
        }
        if message.block_sizes.contains(&0) {
            return Err(malformed("one of its links leads to no bytes"));
        }
        let below = message.block_sizes.iter().fold(0u64, |sum, size| sum.saturating_add(*size));
        let total = below.saturating_add(message.data.len() as u64);
        check_size(message.file_size, total).map_err(malformed)?;
        check_size(expected, total).map_err(malformed)?;
        if total > (self.limit - self.out.len()) as u64 {
            return Err(self.too_large());
        }
        self.take(&message.data)?;
        for (named, size) in node.links.iter().zip(&message.block_sizes) {
            self.append(&named.link.cid, Some(*size), depth + 1)?;
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), ContentError> {
        if bytes.len() > self.limit - self.out.len() {
            return Err(self.too_large());
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn too_large(&self) -> ContentError {
        ContentError::TooLarge { what: "file", cid: Box::new(*self.root), limit: self.limit, unit: "bytes" }
    }
}

fn check_size(declared: Option<u64>, found: u64) -> Result<(), &'static str> {
    match declared {
        Some(declared) if declared != found => Err("its size is not the one that is declared for it"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::MemoryBlocks;

    fn stored(blocks: &[Block]) -> MemoryBlocks {
        let store = MemoryBlocks::new();
        store.put_all(blocks).unwrap();
        store
    }

    #[test]
    fn a_small_file_is_one_raw_block_and_its_cid_is_its_digest() {
        let (link, blocks) = file(b"hello world");
        assert_eq!(link.cid.to_string(), "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
        assert_eq!((link.size, blocks.len()), (11, 1));
        let (_, blocks) = file(&vec![0; CHUNK_BYTES]);
        assert_eq!(blocks.len(), 1);
        let (_, blocks) = file(&vec![0; CHUNK_BYTES + 1]);
        assert_eq!(blocks.len(), 3);
    }

    #[test]
    fn limits_hold_at_the_exact_byte() {
        let bytes: Vec<u8> = (0..100).collect();
        let (link, blocks) = file_in(&bytes, 7, 3);
        let store = stored(&blocks);
        assert_eq!(read_file(&store, &link.cid, 100).unwrap(), bytes);
        let error = read_file(&store, &link.cid, 99).unwrap_err();
        assert!(matches!(error, ContentError::TooLarge { limit: 99, .. }), "{error}");
        let (link, blocks) = file(&bytes);
        let store = stored(&blocks);
        assert!(read_file(&store, &link.cid, 100).is_ok());
        assert!(matches!(read_file(&store, &link.cid, 99), Err(ContentError::TooLarge { .. })));
    }

    #[test]
    fn a_missing_leaf_is_named() {
        let (link, blocks) = file_in(b"0123456789", 4, 2);
        let store = stored(&blocks[1..]);
        let error = read_file(&store, &link.cid, 100).unwrap_err();
        assert!(matches!(&error, ContentError::Missing { cid } if **cid == blocks[0].cid), "{error}");
    }

    #[test]
    fn a_node_that_lies_about_sizes_is_refused() {
        let leaf = Block::new(Codec::Raw, b"leaf".to_vec());
        for sizes in [&[5u64][..], &[0], &[], &[4, 4], &[u64::MAX / 2]] {
            let mut writer = NodeWriter::default();
            writer.link("", &Link::to_leaf(&leaf));
            let (bytes, _) = writer.finish(&unixfs::encode_file(sizes));
            let root = Block::new(Codec::DagPb, bytes);
            let store = stored(&[leaf.clone(), root.clone()]);
            let error = read_file(&store, &root.cid, 1000).unwrap_err();
            assert!(matches!(error, ContentError::Malformed { .. } | ContentError::TooLarge { .. }), "{error}");
        }
    }

    #[test]
    fn a_chain_that_is_too_deep_is_refused() {
        let leaf = Block::new(Codec::Raw, b"leaf".to_vec());
        let mut blocks = vec![leaf.clone()];
        let mut part = Part { link: Link::to_leaf(&leaf), file_bytes: 4 };
        for _ in 0..MAX_DEPTH {
            part = add_node(&mut blocks, &[part]);
        }
        assert_eq!(read_file(&stored(&blocks), &part.link.cid, 10).unwrap(), b"leaf");
        let part = add_node(&mut blocks, &[part]);
        let error = read_file(&stored(&blocks), &part.link.cid, 10).unwrap_err();
        assert!(matches!(error, ContentError::Malformed { .. }), "{error}");
    }

    #[test]
    fn wrapped_leaves_and_inline_data_of_other_writers_are_read() {
        // A UnixFS file with its bytes inside: kind 2, data "hi", size 2.
        let (bytes, _) = NodeWriter::default().finish(&[0x08, 0x02, 0x12, 0x02, b'h', b'i', 0x18, 0x02]);
        let block = Block::new(Codec::DagPb, bytes);
        assert_eq!(read_file(&stored(std::slice::from_ref(&block)), &block.cid, 10).unwrap(), b"hi");
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let (bytes, _) = NodeWriter::default().finish(&unixfs::DIRECTORY);
        let directory = Block::new(Codec::DagPb, bytes);
        let cbor = Block::new(Codec::DagCbor, vec![0xa0]);
        let store = stored(&[directory.clone(), cbor.clone()]);
        for cid in [directory.cid, cbor.cid] {
            assert!(matches!(read_file(&store, &cid, 10), Err(ContentError::NotAFile { .. })));
        }
    }

    proptest! {
        #[test]
        fn files_read_back(bytes in prop::collection::vec(any::<u8>(), 0..400), chunk in 1usize..40, width in 2usize..6) {
            let (link, blocks) = file_in(&bytes, chunk, width);
            let store = stored(&blocks);
            prop_assert_eq!(read_file(&store, &link.cid, bytes.len()).unwrap(), bytes);
            let size: usize = blocks.iter().map(|block| block.bytes.len()).sum();
            prop_assert_eq!(link.size, size as u64);
        }

        #[test]
        fn foreign_nodes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let block = Block::new(Codec::DagPb, bytes);
            let _ = read_file(&stored(std::slice::from_ref(&block)), &block.cid, 1000);
        }
    }
}
