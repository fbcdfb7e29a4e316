use std::fs;

use enliven_types::{Codec, Digest};
use proptest::prelude::*;

use super::*;
use crate::{Directory, Follow, file, list_directory, walk};

fn car(roots: &[Cid], blocks: &[Block]) -> Vec<u8> {
    let mut writer = CarWriter::new(Vec::new(), roots).unwrap();
    for block in blocks {
        writer.put(block).unwrap();
    }
    writer.finish().unwrap()
}

fn read(bytes: &[u8]) -> Result<(Vec<Cid>, Vec<Block>), ContentError> {
    let reader = CarReader::new(bytes, "test.car")?;
    let roots = reader.roots().to_vec();
    Ok((roots, reader.collect::<Result<_, _>>()?))
}

fn raw(text: &str) -> Block {
    Block::new(Codec::Raw, text.as_bytes().to_vec())
}

#[test]
fn the_bytes_are_those_of_the_specification() {
    let block = raw("hi");
    let mut expected = vec![0x3a, 0xa2, 0x65];
    expected.extend(b"roots");
    expected.extend([0x81, 0xd8, 0x2a, 0x58, 0x25, 0x00]);
    expected.extend(block.cid.to_bytes());
    expected.push(0x67);
    expected.extend(b"version");
    expected.push(0x01);
    assert_eq!(expected.len(), 1 + 0x3a);
    expected.push(38);
    expected.extend(block.cid.to_bytes());
    expected.extend(b"hi");
    assert_eq!(car(&[block.cid], std::slice::from_ref(&block)), expected);
}

/// `tests/golden/directory.car` was written by `@ipld/car` (`tests/peer/golden.js`) from what the npm importer made.
#[test]
fn a_file_of_the_peer_is_read_and_written_again() {
    let theirs = include_bytes!("../tests/golden/directory.car");
    let (roots, blocks) = read(theirs).unwrap();
    assert_eq!(car(&roots, &blocks), theirs);
    let store = crate::MemoryBlocks::new();
    store.put_all(&blocks).unwrap();
    let listed = list_directory(&store, &roots[0], 100).unwrap();
    assert_eq!(listed.len(), 5);
    let mut walked = Vec::new();
    walk(&store, &roots, |block| {
        walked.push(block.clone());
        Ok::<_, ContentError>(Follow::All)
    })
    .unwrap();
    assert_eq!(walked, blocks, "the peer writes them in the order of a walk");
}

#[test]
fn what_is_no_car_is_refused_with_the_place() {
    let whole = car(&[], &[raw("one"), raw("two")]);
    let header = car(&[], &[]).len() as u64;
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let version_2 = {
        let mut bytes = car(&[], &[]);
        *bytes.last_mut().unwrap() = 2;
        bytes
    };
    let long = [car(&[], &[]), vec![0xff, 0xff, 0xff, 0x7f]].concat();
    let padded = [car(&[], &[]), vec![0x80, 0x00]].concat();
    for (bytes, words) in [
        (&[][..], "byte 0: it is empty".to_string()),
        (&[0x00], "byte 0: a header of 0 bytes".into()),
        (&[0xff, 0xff, 0xff, 0x7f], "byte 0: a header of 268435455 bytes".into()),
        (&[0x05, 0xa0], "byte 1: it is cut off".into()),
        (&[0x01, 0xa0], "byte 1: header is not readable: missing field `roots`".into()),
        (&version_2, "byte 1: version 2; only version 1 is read".into()),
        (&whole[..whole.len() - 1], format!("byte {}: it is cut off", header + 40)),
        (&flipped, format!("byte {} does not hash to its CID", header + 40)),
        (&long, format!("byte {header}: a block of 268435455 bytes")),
        (&padded, format!("byte {header}: a number is written in more bytes than it needs")),
        (&[&whole[..], &[2, 1, 2]].concat(), format!("byte {}: its CID is not readable", header + 80)),
    ] {
        let error = read(bytes).unwrap_err().to_string();
        assert!(error.contains(&words) && error.contains("test.car"), "{error}\nwanted: {words}");
    }
}

#[test]
fn a_block_that_no_reader_takes_is_not_written() {
    let mut writer = CarWriter::new(Vec::new(), &[]).unwrap();
    writer.put(&Block::new(Codec::Raw, vec![0; MAX_BLOCK_BYTES])).unwrap();
    let error = writer.put(&Block::new(Codec::Raw, vec![0; MAX_BLOCK_BYTES + 1])).unwrap_err();
    assert!(error.to_string().contains("is larger than 2097152 bytes"), "{error}");
    assert_eq!(read(&writer.finish().unwrap()).unwrap().1.len(), 1);
}

#[test]
fn other_hashes_are_refused() {
    // The identity multihash (code 0) of two bytes.
    let mut bytes = car(&[], &[]);
    bytes.extend([8, 0x01, 0x55, 0x00, 0x02, b'h', b'i', b'h', b'i']);
    assert!(matches!(read(&bytes).unwrap_err(), ContentError::UnsupportedHash { code: 0, .. }));
}

#[test]
fn a_file_serves_its_blocks_and_notices_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.car");
    let mut directory = Directory::new();
    let (link, mut blocks) = file(b"hello");
    directory.insert("a", link).unwrap();
    let (root, more) = directory.commit();
    blocks.extend(more);
    let bytes = car(&[root.cid], &blocks);
    fs::write(&path, &bytes).unwrap();
    let store = CarBlocks::open(&path).unwrap();
    assert_eq!(store.roots(), [root.cid]);
    assert_eq!(crate::read_file(&store, &crate::resolve(&store, &root.cid, "a").unwrap(), 10).unwrap(), b"hello");
    assert_eq!(store.get(&Digest::ZERO.to_cid(Codec::Raw)).unwrap(), None);
    assert!(matches!(store.put_all(&blocks).unwrap_err(), ContentError::ReadOnly { .. }));
    fs::write(&path, vec![0; bytes.len()]).unwrap();
    assert!(matches!(store.get(&root.cid).unwrap_err(), ContentError::Corrupt { .. }));
    fs::write(&path, []).unwrap();
    assert!(matches!(store.get(&root.cid).unwrap_err(), ContentError::Car { .. }));
    let error = CarBlocks::open(folder.path().join("none.car")).unwrap_err().to_string();
    assert!(error.contains("none.car"), "{error}");
}

proptest! {
    #[test]
    fn blocks_come_back(texts in prop::collection::vec(".{0,300}", 0..20), roots in 0usize..5) {
        let blocks: Vec<Block> = texts.iter().map(|text| raw(text)).collect();
        let roots: Vec<Cid> = blocks.iter().take(roots).map(|block| block.cid).collect();
        prop_assert_eq!(read(&car(&roots, &blocks)).unwrap(), (roots, blocks));
    }

    #[test]
    fn every_cut_is_an_error_or_ends_between_two_blocks(at in 0usize..200) {
        let blocks = [raw("one"), raw("two"), raw("three")];
        let whole = car(&[blocks[0].cid], &blocks);
        if let Ok((_, found)) = read(&whole[..at.min(whole.len())]) {
            prop_assert_eq!(&found, &blocks[..found.len()]);
        }
    }

    #[test]
    fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        let _ = read(&[car(&[], &[]), bytes].concat());
    }
}
