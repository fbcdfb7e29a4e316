//! The rows of a table in blocks that others can fetch: lines of canonical JSON.

use enliven_types::{Block, Codec};

/// A block of lines is at most this long, below the size that every node of IPFS takes.
const MAX_BYTES: usize = 1_000_000;

/// Packs lines, in their order, into as few raw blocks as hold them.
pub(crate) fn pack(lines: impl Iterator<Item = impl AsRef<[u8]>>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open = Vec::new();
    for line in lines {
        let line = line.as_ref();
        if !open.is_empty() && open.len() + line.len() >= MAX_BYTES {
            blocks.push(Block::new(Codec::Raw, std::mem::take(&mut open)));
        }
        open.extend_from_slice(line);
        open.push(b'\n');
    }
    if !open.is_empty() {
        blocks.push(Block::new(Codec::Raw, open));
    }
    blocks
}

/// The lines of a block; none if it ends inside of one.
pub(crate) fn unpack(block: &[u8]) -> Option<Vec<&[u8]>> {
    block.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n")).collect()
}
