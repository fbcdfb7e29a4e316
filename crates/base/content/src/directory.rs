use std::collections::BTreeMap;

use enliven_types::{Block, Cid, Codec};

use crate::dagpb::{self, NodeWriter};
use crate::murmur3::murmur3_x64_64;
use crate::shard::{Leaf, Shard};
use crate::{BlockStore, ContentError, Link, list_directory, unixfs};

const FLAT_BYTES: usize = 256 * 1024;
const NAME_BYTES: usize = 255;

/// A UnixFS directory that is changed entry by entry.
///
/// Entries may be files and directories alike: whatever a [`Link`] leads to. While the flat block has at most 256 KiB
/// the directory is that block; above, it is a HAMT, and a commit writes those of its nodes that lie between the root
/// and a changed entry. The CID depends on the entries alone, not on the way to them.
///
/// The size that decides is that of the whole flat block, as the profile says (`block-bytes`, greater than). The npm
/// package `ipfs-unixfs-importer` 17 decides the same way but weighs a subdirectory that it has not yet written as
/// nothing, so it leaves a directory of many subdirectories flat where this one, following the profile, shards it.
#[derive(Clone, Debug)]
pub struct Directory {
    // The entries live in the trie even while the directory is flat: so a change costs the same in both forms, the
    // forms need no conversion, and two names that no HAMT can hold are refused before they can matter.
    root: Shard,
    len: usize,
    flat_bytes: usize,
    flat_limit: usize,
    written: Option<Link>,
    changed: bool,
}

impl Directory {
    /// An empty directory.
    pub fn new() -> Directory {
        Directory::with_flat_limit(FLAT_BYTES)
    }

    /// The directory at `root`, which has at most `limit` entries, ready to be changed.
    ///
    /// Reads every block of it once. If `root` is written under another profile, the first commit returns all blocks.
    pub fn load(blocks: &dyn BlockStore, root: &Cid, limit: usize) -> Result<Directory, ContentError> {
        let mut directory = Directory::new();
        for (name, link) in list_directory(blocks, root, limit)? {
            directory.insert(&name, link)?;
        }
        let (link, _) = directory.commit();
        if link.cid != *root {
            directory.forget_commits();
        }
        Ok(directory)
    }

    /// Adds an entry or replaces the one of that name.
    ///
    /// A name has 1 to 255 bytes without `/` and NUL and is not `.` or `..`.
    pub fn insert(&mut self, name: &str, link: Link) -> Result<(), ContentError> {
        check_name(name)?;
        let leaf = Leaf { name: name.into(), hash: murmur3_x64_64(name.as_bytes()), link };
        if self.root.get(name, &leaf.hash) == Some(&link) {
            return Ok(());
        }
        match self.root.insert(leaf, 0)? {
            Some(before) => self.flat_bytes -= dagpb::link_len(name, &before),
            None => self.len += 1,
        }
        self.flat_bytes += dagpb::link_len(name, &link);
        self.changed = true;
        Ok(())
    }

    /// Removes an entry; whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let Some(before) = self.root.remove(name, &murmur3_x64_64(name.as_bytes()), 0) else { return false };
        self.flat_bytes -= dagpb::link_len(name, &before);
        self.len -= 1;
        self.changed = true;
        true
    }

    /// What the entry of that name links to.
    pub fn get(&self, name: &str) -> Option<&Link> {
        self.root.get(name, &murmur3_x64_64(name.as_bytes()))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All entries by name.
    pub fn entries(&self) -> BTreeMap<&str, &Link> {
        let mut leaves = Vec::with_capacity(self.len);
        self.root.leaves(&mut leaves);
        leaves.into_iter().map(|leaf| (&*leaf.name, &leaf.link)).collect()
    }

    /// Whether the next commit writes a HAMT.
    pub fn is_sharded(&self) -> bool {
        self.flat_bytes > self.flat_limit
    }

    /// The link to the directory as it is now, and the blocks that no earlier commit returned; the root comes last.
    ///
    /// Blocks are handed out once, so put them in a store before the next commit; if that fails, call
    /// [`forget_commits`](Directory::forget_commits).
    pub fn commit(&mut self) -> (Link, Vec<Block>) {
        if let (Some(link), false) = (self.written, self.changed) {
            return (link, Vec::new());
        }
        let mut blocks = Vec::new();
        let link = match self.is_sharded() {
            true => self.root.write(&mut blocks),
            false => self.write_flat(&mut blocks),
        };
        self.written = Some(link);
        self.changed = false;
        (link, blocks)
    }

    /// Lets the next commit return every block of the directory.
    pub fn forget_commits(&mut self) {
        self.written = None;
        self.root.forget_written();
    }

    fn with_flat_limit(flat_limit: usize) -> Directory {
        Directory {
            root: Shard::default(),
            len: 0,
            flat_bytes: dagpb::data_len(&unixfs::DIRECTORY),
            flat_limit,
            written: None,
            changed: false,
        }
    }

    fn write_flat(&self, blocks: &mut Vec<Block>) -> Link {
        let mut writer = NodeWriter::default();
        for (name, link) in self.entries() {
            writer.link(name, link);
        }
        let (bytes, size) = writer.finish(&unixfs::DIRECTORY);
        debug_assert_eq!(bytes.len(), self.flat_bytes);
        let block = Block::new(Codec::DagPb, bytes);
        let link = Link { cid: block.cid, size };
        if self.written != Some(link) {
            blocks.push(block);
        }
        link
    }
}

impl Default for Directory {
    fn default() -> Directory {
        Directory::new()
    }
}

fn check_name(name: &str) -> Result<(), ContentError> {
    let reason = match name {
        "" => "it is empty",
        "." | ".." => "it has a meaning of its own in paths",
        _ if name.len() > NAME_BYTES => "it has more than 255 bytes",
        _ if name.contains('/') => "it has a slash",
        _ if name.contains('\0') => "it has a NUL",
        _ => return Ok(()),
    };
    Err(ContentError::Name { name: name.chars().take(80).collect(), reason })
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
