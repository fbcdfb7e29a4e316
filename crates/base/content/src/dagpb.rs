//! DAG-PB: the node format below UnixFS (a list of links and some bytes).

use enliven_types::Cid;

use crate::Link;
use crate::proto::{Reader, bytes_len, put_bytes, put_number, put_varint, varint_len};

const NODE_DATA: u64 = 1;
const NODE_LINKS: u64 = 2;
const LINK_HASH: u64 = 1;
const LINK_NAME: u64 = 2;
const LINK_TSIZE: u64 = 3;

/// A link that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedLink {
    /// The name; empty in file nodes.
    pub(crate) name: String,
    /// The target.
    pub(crate) link: Link,
}

/// A node that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// The links, in the order of the block.
    pub(crate) links: Vec<NamedLink>,
    /// The bytes, which in UnixFS are a message of their own.
    pub(crate) data: Vec<u8>,
}

/// Writes a node link by link.
///
/// The caller gives the links in the order of their names' bytes, as DAG-PB requires.
#[derive(Debug, Default)]
pub(crate) struct NodeWriter {
    bytes: Vec<u8>,
    below: u64,
}

impl NodeWriter {
    /// Appends a link.
    pub(crate) fn link(&mut self, name: &str, link: &Link) {
        let cid_len = link.cid.encoded_len();
        put_varint(&mut self.bytes, NODE_LINKS << 3 | 2);
        put_varint(&mut self.bytes, link_body_len(name.len(), cid_len, link.size) as u64);
        put_varint(&mut self.bytes, LINK_HASH << 3 | 2);
        put_varint(&mut self.bytes, cid_len as u64);
        link.cid.write_bytes(&mut self.bytes).expect("writing to memory does not fail");
        put_bytes(&mut self.bytes, LINK_NAME, name.as_bytes());
        put_number(&mut self.bytes, LINK_TSIZE, link.size);
        self.below = self.below.saturating_add(link.size);
    }

    /// The block's bytes, and the cumulative size of a link to it.
    pub(crate) fn finish(mut self, data: &[u8]) -> (Vec<u8>, u64) {
        put_bytes(&mut self.bytes, NODE_DATA, data);
        let size = self.below.saturating_add(self.bytes.len() as u64);
        (self.bytes, size)
    }
}

/// The bytes that a link takes in its node.
pub(crate) fn link_len(name: &str, link: &Link) -> usize {
    bytes_len(link_body_len(name.len(), link.cid.encoded_len(), link.size))
}

/// The bytes that the data take in their node.
pub(crate) fn data_len(data: &[u8]) -> usize {
    bytes_len(data.len())
}

/// Reads a node; the reason if the bytes are not one.
///
/// As strict as the reference decoders: only known fields, each at most once, links together, no trailing bytes. Both
/// orders of links and data are read, because old writers put the data first.
pub(crate) fn decode(bytes: &[u8]) -> Result<Node, &'static str> {
    let mut links = Vec::new();
    let mut data: Option<Vec<u8>> = None;
    let mut links_are_closed = false;
    let mut reader = Reader::new(bytes);
    while let Some((field, value)) = reader.field()? {
        match field {
            NODE_DATA if data.is_some() => return Err("a node has data twice"),
            NODE_DATA => {
                data = Some(value.bytes()?.to_vec());
                links_are_closed = !links.is_empty();
            }
            NODE_LINKS if links_are_closed => return Err("a node's links are not together"),
            NODE_LINKS => links.push(decode_link(value.bytes()?)?),
            _ => return Err("a node has an unknown field"),
        }
    }
    Ok(Node { links, data: data.unwrap_or_default() })
}

fn decode_link(bytes: &[u8]) -> Result<NamedLink, &'static str> {
    let mut cid = None;
    let mut name = None;
    let mut size = None;
    let mut last = 0;
    let mut reader = Reader::new(bytes);
    while let Some((field, value)) = reader.field()? {
        if field <= last {
            return Err("a link's fields are repeated or out of order");
        }
        last = field;
        match field {
            LINK_HASH => cid = Some(decode_cid(value.bytes()?)?),
            LINK_NAME => name = Some(std::str::from_utf8(value.bytes()?).map_err(|_| "a link's name is not UTF-8")?),
            LINK_TSIZE => size = Some(value.number()?),
            _ => return Err("a link has an unknown field"),
        }
    }
    let cid = cid.ok_or("a link has no CID")?;
    Ok(NamedLink { name: name.unwrap_or_default().to_string(), link: Link { cid, size: size.unwrap_or_default() } })
}

fn decode_cid(bytes: &[u8]) -> Result<Cid, &'static str> {
    let mut rest = bytes;
    let cid = Cid::read_bytes(&mut rest).map_err(|_| "a link's CID is not readable")?;
    if !rest.is_empty() {
        return Err("a link's CID has bytes behind it");
    }
    Ok(cid)
}

fn link_body_len(name: usize, cid: usize, size: u64) -> usize {
    bytes_len(cid) + bytes_len(name) + 1 + varint_len(size)
}

#[cfg(test)]
mod tests {
    use enliven_types::{Codec, cid_of};
    use proptest::prelude::*;

    use super::*;

    fn sample() -> (NodeWriter, Vec<NamedLink>) {
        let mut writer = NodeWriter::default();
        let mut links = Vec::new();
        for (name, size) in [("", 0u64), ("a", 127), ("ab", 128), ("b", u64::MAX)] {
            let link = Link { cid: cid_of(Codec::Raw, name.as_bytes()), size };
            writer.link(name, &link);
            links.push(NamedLink { name: name.to_string(), link });
        }
        (writer, links)
    }

    #[test]
    fn a_node_reads_back_and_its_length_is_the_sum_of_its_parts() {
        let (writer, links) = sample();
        let (bytes, size) = writer.finish(b"data");
        assert_eq!(size, u64::MAX, "the sum saturates");
        let parts: usize = links.iter().map(|named| link_len(&named.name, &named.link)).sum();
        assert_eq!(bytes.len(), parts + data_len(b"data"));
        assert_eq!(decode(&bytes).unwrap(), Node { links, data: b"data".to_vec() });
    }

    #[test]
    fn every_cut_and_every_doubled_node_is_refused_or_shorter() {
        let (bytes, _) = sample().0.finish(b"data");
        let whole = decode(&bytes).unwrap();
        for end in 0..bytes.len() {
            if let Ok(node) = decode(&bytes[..end]) {
                assert_ne!(node, whole);
            }
        }
        assert!(decode(&[bytes.as_slice(), bytes.as_slice()].concat()).is_err());
    }

    #[test]
    fn old_blocks_with_the_data_first_are_read() {
        let (bytes, _) = sample().0.finish(b"data");
        let split = bytes.len() - data_len(b"data");
        let swapped = [&bytes[split..], &bytes[..split]].concat();
        assert_eq!(decode(&swapped).unwrap(), decode(&bytes).unwrap());
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn changed_bytes_never_panic(at in 0usize..200, to in any::<u8>()) {
            let (mut bytes, _) = sample().0.finish(b"data");
            let at = at % bytes.len();
            bytes[at] = to;
            let _ = decode(&bytes);
        }
    }
}
