//! Pages: several events of a batch in one value.
//!
//! The database keeps a large value in a block of its own whose size is a power of two, so pages are
//! filled to just under one, and the rest of a batch goes into smaller and smaller ones. A page is
//! `format: u8, first offset: u64, count: u32, length: u32 each, the events`, numbers big-endian.

const FORMAT: u8 = 1;
const HEAD: usize = 1 + 8 + 4;
const LARGEST: usize = 64 << 10;
const SMALLEST: usize = 4 << 10;
/// What the database and the checksum add to a key and its value, at most.
const OVERHEAD: usize = 32;

/// How many of the next events go into one page, given their lengths and the length of its key.
pub(crate) fn fill(lengths: &[u32], key: usize) -> usize {
    let cost = |length: &u32| *length as usize + 4;
    let around = HEAD + OVERHEAD + key;
    let mut block = LARGEST;
    let rest: usize = lengths.iter().take(LARGEST / 4).map(cost).sum::<usize>() + around;
    while block > rest && block > SMALLEST {
        block /= 2;
    }
    let (mut count, mut size) = (0, around);
    for length in lengths {
        size += cost(length);
        if size > block && (count > 0) {
            break;
        }
        count += 1;
    }
    count
}

/// The page of events that stand one after the other in `bytes`.
pub(crate) fn pack(first: u64, lengths: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut page = Vec::with_capacity(HEAD + 4 * lengths.len() + bytes.len());
    page.push(FORMAT);
    page.extend_from_slice(&first.to_be_bytes());
    page.extend_from_slice(&(lengths.len() as u32).to_be_bytes());
    for length in lengths {
        page.extend_from_slice(&length.to_be_bytes());
    }
    page.extend_from_slice(bytes);
    page
}

/// A page that was read back.
pub(crate) struct Page<'a> {
    /// The offset of its first event.
    pub first: u64,
    /// Its events, at least one.
    pub events: Vec<&'a [u8]>,
}

/// Undoes [`pack`]; none if the bytes are no page.
pub(crate) fn unpack(page: &[u8]) -> Option<Page<'_>> {
    let (head, rest) = page.split_first_chunk::<HEAD>()?;
    let first = u64::from_be_bytes(*head[1..].first_chunk()?);
    let count = u32::from_be_bytes(*head[9..].first_chunk()?) as usize;
    if head[0] != FORMAT || count == 0 || rest.len() / 4 < count {
        return None;
    }
    let (lengths, mut bytes) = rest.split_at(count * 4);
    let mut events = Vec::with_capacity(count);
    for length in lengths.chunks_exact(4) {
        let length = u32::from_be_bytes(*length.first_chunk()?) as usize;
        let (event, after) = bytes.split_at_checked(length)?;
        events.push(event);
        bytes = after;
    }
    bytes.is_empty().then_some(Page { first, events })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bytes_of_a_page_are_fixed() {
        let page = pack(258, &[2, 0, 1], b"abc");
        let golden = b"\x01\0\0\0\0\0\0\x01\x02\0\0\0\x03\0\0\0\x02\0\0\0\0\0\0\0\x01abc";
        assert_eq!(page, golden);
        let page = unpack(&page).unwrap();
        assert_eq!((page.first, page.events), (258, vec![b"ab".as_slice(), b"", b"c"]));
    }

    #[test]
    fn pages_fill_blocks_that_get_smaller() {
        let lengths = [396; 300];
        let mut counts = Vec::new();
        let mut done = 0;
        while done < lengths.len() {
            counts.push(fill(&lengths[done..], 24));
            done += counts.last().unwrap();
        }
        assert_eq!(counts, [163, 81, 40, 10, 6]);
        assert_eq!(fill(&[1 << 20, 1], 24), 1, "an event that is larger than any block has a page of its own");
        assert_eq!(fill(&[1], 24), 1);
    }

    proptest! {
        #[test]
        fn foreign_bytes_are_no_page(bytes in prop::collection::vec(any::<u8>(), 0..64), first in any::<u64>()) {
            let _ = unpack(&bytes);
            let mut page = pack(first, &[bytes.len() as u32], &bytes);
            prop_assert_eq!(&unpack(&page).unwrap().events, &vec![bytes.as_slice()]);
            page.push(0);
            prop_assert!(unpack(&page).is_none());
        }
    }
}
