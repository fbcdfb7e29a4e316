//! The HAMT: a trie over the bytes of the names' hashes.

use enliven_types::{Block, Codec};

use crate::dagpb::NodeWriter;
use crate::{ContentError, Link, unixfs};

/// The levels that 64 bits of hash allow.
pub(crate) const MAX_LEVELS: usize = 8;

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// One directory entry, with its name's hash.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    /// The name.
    pub(crate) name: Box<str>,
    /// The hash of the name.
    pub(crate) hash: [u8; 8],
    /// The target.
    pub(crate) link: Link,
}

/// One node of the trie. Below the root every shard holds at least two leaves, counted through all levels, so that the
/// shape depends on the names alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shard {
    /// The taken slots in rising order.
    slots: Vec<(u8, Child)>,
    /// The link to the block that was last written for this node.
    written: Option<Link>,
    /// Whether the node has changed since then.
    changed: bool,
}

#[derive(Clone, Debug)]
enum Child {
    Leaf(Box<Leaf>),
    Shard(Box<Shard>),
}

impl Shard {
    /// Adds the leaf, or replaces the link of the leaf with that name; the link that stood there before.
    pub(crate) fn insert(&mut self, leaf: Leaf, level: usize) -> Result<Option<Link>, ContentError> {
        let slot = leaf.hash[level];
        let index = match self.slots.binary_search_by_key(&slot, |(slot, _)| *slot) {
            Ok(index) => index,
            Err(index) => {
                self.slots.insert(index, (slot, Child::Leaf(Box::new(leaf))));
                self.changed = true;
                return Ok(None);
            }
        };
        let child = &mut self.slots[index].1;
        let before = match child {
            Child::Shard(below) => below.insert(leaf, level + 1)?,
            Child::Leaf(there) if there.name == leaf.name => Some(std::mem::replace(&mut there.link, leaf.link)),
            Child::Leaf(there) if there.hash == leaf.hash => {
                return Err(ContentError::NameCollision { name: leaf.name.into(), other: there.name.to_string() });
            }
            Child::Leaf(there) => {
                // The hashes differ, so the two part on one of the levels below.
                let slot = there.hash[level + 1];
                let there = std::mem::replace(child, Child::Shard(Box::default()));
                if let Child::Shard(below) = child {
                    below.slots.push((slot, there));
                    below.insert(leaf, level + 1)?;
                }
                None
            }
        };
        self.changed = true;
        Ok(before)
    }

    /// Removes the leaf with that name; its link.
    pub(crate) fn remove(&mut self, name: &str, hash: &[u8; 8], level: usize) -> Option<Link> {
        let index = self.slots.binary_search_by_key(&hash[level], |(slot, _)| *slot).ok()?;
        let child = &mut self.slots[index].1;
        let removed = match child {
            Child::Leaf(leaf) if *leaf.name == *name => {
                let link = leaf.link;
                self.slots.remove(index);
                link
            }
            Child::Leaf(_) => return None,
            Child::Shard(below) => {
                let link = below.remove(name, hash, level + 1)?;
                if let Some(last) = below.take_only_leaf() {
                    *child = Child::Leaf(last);
                }
                link
            }
        };
        self.changed = true;
        Some(removed)
    }

    /// The link of the leaf with that name.
    pub(crate) fn get(&self, name: &str, hash: &[u8; 8]) -> Option<&Link> {
        let mut shard = self;
        for slot in hash {
            let index = shard.slots.binary_search_by_key(slot, |(slot, _)| *slot).ok()?;
            match &shard.slots[index].1 {
                Child::Leaf(leaf) if *leaf.name == *name => return Some(&leaf.link),
                Child::Leaf(_) => return None,
                Child::Shard(below) => shard = below,
            }
        }
        None
    }

    /// Appends all leaves, in the order of their hashes.
    pub(crate) fn leaves<'a>(&'a self, out: &mut Vec<&'a Leaf>) {
        for (_, child) in &self.slots {
            match child {
                Child::Leaf(leaf) => out.push(leaf),
                Child::Shard(below) => below.leaves(out),
            }
        }
    }

    /// The link to this node; appends the blocks of those nodes whose bytes are not the ones last written.
    pub(crate) fn write(&mut self, blocks: &mut Vec<Block>) -> Link {
        if let (Some(link), false) = (self.written, self.changed) {
            return link;
        }
        let mut writer = NodeWriter::default();
        // Two upper-case digits and the name: as all digits differ, this is also the order of the names' bytes.
        let mut label = String::new();
        for (slot, child) in &mut self.slots {
            label.clear();
            label.push(char::from(DIGITS[usize::from(*slot >> 4)]));
            label.push(char::from(DIGITS[usize::from(*slot & 15)]));
            match child {
                Child::Leaf(leaf) => {
                    label.push_str(&leaf.name);
                    writer.link(&label, &leaf.link);
                }
                Child::Shard(below) => writer.link(&label, &below.write(blocks)),
            }
        }
        let (bytes, size) = writer.finish(&unixfs::encode_shard(self.slots.iter().map(|(slot, _)| *slot)));
        let block = Block::new(Codec::DagPb, bytes);
        let link = Link { cid: block.cid, size };
        if self.written != Some(link) {
            blocks.push(block);
        }
        self.written = Some(link);
        self.changed = false;
        link
    }

    /// Lets the next [`write`](Shard::write) append the block of every node.
    pub(crate) fn forget_written(&mut self) {
        self.written = None;
        for (_, child) in &mut self.slots {
            if let Child::Shard(below) = child {
                below.forget_written();
            }
        }
    }

    /// The leaf, if it is all that is left of this node.
    fn take_only_leaf(&mut self) -> Option<Box<Leaf>> {
        if self.slots.len() != 1 {
            return None;
        }
        match self.slots.pop()? {
            (_, Child::Leaf(leaf)) => Some(leaf),
            shard => {
                self.slots.push(shard);
                None
            }
        }
    }
}
