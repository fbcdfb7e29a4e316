use std::collections::BTreeMap;

use enliven_types::{Cid, Codec};

use crate::dagpb::{self, NamedLink};
use crate::murmur3::murmur3_x64_64;
use crate::shard::MAX_LEVELS;
use crate::store::fetch;
use crate::unixfs::{self, FANOUT, HASH_MURMUR3, Kind};
use crate::{BlockStore, ContentError, Link, MAX_BLOCK_BYTES};

/// The entries of a directory that has at most `limit` of them, flat or HAMT.
pub fn list_directory(
    blocks: &dyn BlockStore,
    root: &Cid,
    limit: usize,
) -> Result<BTreeMap<String, Link>, ContentError> {
    let mut listing = Listing { blocks, root, limit, entries: BTreeMap::new() };
    match read_node(blocks, root)? {
        DirectoryNode::Flat(links) => {
            for named in links {
                listing.add(root, named.name, named.link)?;
            }
        }
        DirectoryNode::Shard(slots) => listing.add_shard(root, slots, &mut Vec::new())?,
    }
    Ok(listing.entries)
}

/// The CID that a path of names, separated by `/`, leads to from `root`. The empty path leads to `root` itself.
///
/// In a HAMT it reads the blocks between the root and the entry and no others. Names are taken as they are: a caller
/// with a URL decodes its percent signs first.
pub fn resolve(blocks: &dyn BlockStore, root: &Cid, path: &str) -> Result<Cid, ContentError> {
    Ok(resolve_along(blocks, root, path)?.0)
}

/// The same, and the blocks that were read on the way, in their order.
pub fn resolve_along(blocks: &dyn BlockStore, root: &Cid, path: &str) -> Result<(Cid, Vec<Cid>), ContentError> {
    let (mut at, mut way) = (*root, Vec::new());
    for name in path.split('/') {
        if !name.is_empty() {
            at = lookup(blocks, &at, name, &mut way)?.cid;
        }
    }
    Ok((at, way))
}

/// The entry of that name.
fn lookup(blocks: &dyn BlockStore, directory: &Cid, name: &str, way: &mut Vec<Cid>) -> Result<Link, ContentError> {
    let not_found = || ContentError::NotFound { cid: Box::new(*directory), name: name.to_string() };
    let mut at = *directory;
    for (level, number) in murmur3_x64_64(name.as_bytes()).into_iter().enumerate() {
        way.push(at);
        let slots = match read_node(blocks, &at)? {
            DirectoryNode::Flat(links) if level == 0 => {
                let found = links.iter().find(|named| named.name == name);
                return found.map(|named| named.link).ok_or_else(not_found);
            }
            DirectoryNode::Flat(_) => return Err(malformed(&at, "it is a flat directory below a HAMT")),
            DirectoryNode::Shard(slots) => slots,
        };
        let slot = slots.into_iter().find(|slot| slot.number == number).ok_or_else(not_found)?;
        match slot.name {
            None => at = slot.link.cid,
            Some(found) if found == name => return Ok(slot.link),
            Some(_) => return Err(not_found()),
        }
    }
    Err(malformed(directory, "its HAMT has more than eight levels"))
}

struct Listing<'a> {
    blocks: &'a dyn BlockStore,
    root: &'a Cid,
    limit: usize,
    entries: BTreeMap<String, Link>,
}

impl Listing<'_> {
    /// Adds all entries of a shard that stands behind these hash bytes. Every entry must stand where its hash says, and
    /// every shard below the root must have entries, so the limit on entries also bounds the blocks that are read.
    fn add_shard(&mut self, cid: &Cid, slots: Vec<Slot>, behind: &mut Vec<u8>) -> Result<(), ContentError> {
        if slots.is_empty() && !behind.is_empty() {
            return Err(malformed(cid, "it is an empty shard"));
        }
        for slot in slots {
            behind.push(slot.number);
            match slot.name {
                Some(name) => {
                    if !murmur3_x64_64(name.as_bytes()).starts_with(behind) {
                        return Err(malformed(cid, "an entry does not stand where its hash says"));
                    }
                    self.add(cid, name, slot.link)?;
                }
                None => {
                    if behind.len() == MAX_LEVELS {
                        return Err(malformed(cid, "its HAMT has more than eight levels"));
                    }
                    let below = slot.link.cid;
                    match read_node(self.blocks, &below)? {
                        DirectoryNode::Flat(_) => {
                            return Err(malformed(&below, "it is a flat directory below a HAMT"));
                        }
                        DirectoryNode::Shard(slots) => self.add_shard(&below, slots, behind)?,
                    }
                }
            }
            behind.pop();
        }
        Ok(())
    }

    fn add(&mut self, cid: &Cid, name: String, link: Link) -> Result<(), ContentError> {
        if name.is_empty() {
            return Err(malformed(cid, "an entry has no name"));
        }
        if self.entries.len() >= self.limit {
            let cid = Box::new(*self.root);
            return Err(ContentError::TooLarge { what: "directory", cid, limit: self.limit, unit: "entries" });
        }
        if self.entries.insert(name, link).is_some() {
            return Err(malformed(cid, "two entries have the same name"));
        }
        Ok(())
    }
}

/// One block of a directory.
enum DirectoryNode {
    Flat(Vec<NamedLink>),
    Shard(Vec<Slot>),
}

/// A taken slot of a shard: an entry if it has a name, else a shard below.
struct Slot {
    number: u8,
    name: Option<String>,
    link: Link,
}

fn read_node(blocks: &dyn BlockStore, cid: &Cid) -> Result<DirectoryNode, ContentError> {
    let not_a_directory = || ContentError::NotADirectory { cid: Box::new(*cid) };
    if cid.codec() != Codec::DagPb.code() {
        return Err(not_a_directory());
    }
    let bytes = fetch(blocks, cid)?;
    if bytes.len() > MAX_BLOCK_BYTES {
        return Err(malformed(cid, "it is larger than 2 MiB"));
    }
    let node = dagpb::decode(&bytes).map_err(|reason| malformed(cid, reason))?;
    let message = unixfs::decode(&node.data).map_err(|reason| malformed(cid, reason))?;
    match message.kind {
        Kind::Directory => return Ok(DirectoryNode::Flat(node.links)),
        Kind::Shard => {}
        Kind::Raw | Kind::File | Kind::Other => return Err(not_a_directory()),
    }
    if message.fanout != Some(FANOUT) || message.hash_type != Some(HASH_MURMUR3) {
        return Err(malformed(cid, "it is a HAMT whose fanout is not 256 or whose hash is not murmur3-x64-64"));
    }
    let slots: Option<Vec<Slot>> = node.links.into_iter().map(slot_of).collect();
    let slots = slots.ok_or_else(|| malformed(cid, "a link of the HAMT has no slot number"))?;
    if slots.windows(2).any(|pair| pair[0].number >= pair[1].number) {
        return Err(malformed(cid, "the HAMT's slots are repeated or out of order"));
    }
    if !unixfs::bit_field_is(&message.data, slots.iter().map(|slot| slot.number)) {
        return Err(malformed(cid, "the HAMT's bit field does not agree with its links"));
    }
    Ok(DirectoryNode::Shard(slots))
}

fn slot_of(named: NamedLink) -> Option<Slot> {
    let (digits, name) = named.name.split_at_checked(2)?;
    if digits.bytes().any(|byte| !matches!(byte, b'0'..=b'9' | b'A'..=b'F')) {
        return None;
    }
    let number = u8::from_str_radix(digits, 16).ok()?;
    let name = if name.is_empty() { None } else { Some(name.to_string()) };
    Some(Slot { number, name, link: named.link })
}

fn malformed(cid: &Cid, reason: &'static str) -> ContentError {
    ContentError::Malformed { cid: Box::new(*cid), reason }
}
