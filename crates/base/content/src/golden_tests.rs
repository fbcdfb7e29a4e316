//! The golden CIDs that the npm package `ipfs-unixfs-importer` computes (`tests/peer/golden.js`).

use enliven_types::{Block, Codec};
use serde::Deserialize;

use crate::file::file_in;
use crate::{BlockStore, Directory, Link, MemoryBlocks, file, list_directory, read_file, resolve};

#[derive(Deserialize)]
struct Golden {
    directories: Vec<DirectoryCase>,
    files: Vec<FileCase>,
}

#[derive(Deserialize)]
struct DirectoryCase {
    case: String,
    entries: usize,
    #[serde(default)]
    digits: usize,
    suffix: Option<String>,
    last: Option<String>,
    below: Option<usize>,
    cid: String,
    size: u64,
}

#[derive(Deserialize)]
struct FileCase {
    case: String,
    bytes: usize,
    chunk_bytes: Option<usize>,
    width: Option<usize>,
    cid: String,
    size: u64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../tests/golden/unixfs.json")).unwrap()
}

fn file_bytes(length: usize) -> Vec<u8> {
    (0..length).map(|index| ((index * 31 + 7) % 251) as u8).collect()
}

fn entry(index: usize) -> Block {
    Block::new(Codec::Raw, format!("entry {index}").into_bytes())
}

fn plain_directory(entries: usize) -> Directory {
    let mut directory = Directory::new();
    for index in 0..entries {
        directory.insert(&format!("{index}.json"), Link::to_leaf(&entry(index))).unwrap();
    }
    directory
}

#[test]
fn directories_are_those_of_the_peer() {
    for case in golden().directories {
        let store = MemoryBlocks::new();
        let mut directory = Directory::new();
        for index in 0..case.entries {
            let suffix = case.suffix.as_deref().unwrap_or(".json");
            let mut name = format!("{index:0width$}{suffix}", width = case.digits);
            if let (Some(last), true) = (&case.last, index + 1 == case.entries) {
                name.clone_from(last);
            }
            let block = entry(index);
            directory.insert(&name, Link::to_leaf(&block)).unwrap();
            if case.entries < 100 {
                store.put_all(&[block]).unwrap();
            }
        }
        if let Some(entries) = case.below {
            let (sub, blocks) = plain_directory(entries).commit();
            store.put_all(&blocks).unwrap();
            directory.insert("sub", sub).unwrap();
            let (big, blocks) = file(&file_bytes(1024 * 1024 + 1));
            store.put_all(&blocks).unwrap();
            directory.insert("big.bin", big).unwrap();
        }
        let (link, blocks) = directory.commit();
        assert_eq!(link.cid.to_string(), case.cid, "{}", case.case);
        assert_eq!(link.size, case.size, "{}", case.case);

        store.put_all(&blocks).unwrap();
        let listed = list_directory(&store, &link.cid, 1_000_000).unwrap();
        assert!(listed.iter().map(|(name, link)| (name.as_str(), link)).eq(directory.entries()), "{}", case.case);
        if let Some(entries) = case.below {
            let path = format!("/sub/{}.json/", entries - 1);
            assert_eq!(resolve(&store, &link.cid, &path).unwrap(), entry(entries - 1).cid);
            let big = resolve(&store, &link.cid, "big.bin").unwrap();
            assert_eq!(read_file(&store, &big, 2_000_000).unwrap(), file_bytes(1024 * 1024 + 1));
        }
    }
}

#[test]
fn files_are_those_of_the_peer() {
    for case in golden().files {
        let bytes = file_bytes(case.bytes);
        let (link, blocks) = match (case.chunk_bytes, case.width) {
            (Some(chunk_bytes), Some(width)) => file_in(&bytes, chunk_bytes, width),
            _ => file(&bytes),
        };
        assert_eq!(link.cid.to_string(), case.cid, "{}", case.case);
        assert_eq!(link.size, case.size, "{}", case.case);
        let store = MemoryBlocks::new();
        store.put_all(&blocks).unwrap();
        assert_eq!(read_file(&store, &link.cid, case.bytes).unwrap(), bytes, "{}", case.case);
    }
}
