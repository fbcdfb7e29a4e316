//! Directories that change a little, files that carry blocks, and checking what is in them.

use std::io::Write;
use std::time::Instant;

use enliven_chain::ChainReader;
use enliven_content::{BlockStore, CarReader, CarWriter, Directory, Link, MemoryBlocks};
use enliven_engine::{ExportScope, Scope, Verifier, export};
use enliven_light::{Anchor, LightVerifier};
use enliven_types::{Block, Codec, Digest};

use crate::Row;
use crate::world::run;

/// Directories, CAR files, and the light and the full check.
pub fn content() -> Vec<Row> {
    let mut rows = Vec::new();
    for entries in [1_000, 100_000, 1_000_000] {
        rows.extend(directory(entries));
    }
    rows.extend(car());
    rows.extend(verify());
    rows
}

fn link(number: u64) -> Link {
    Link { cid: Digest::sha256(&number.to_be_bytes()).to_cid(Codec::Raw), size: 700 }
}

/// Changes one, one in a hundred and all entries of a directory. The floor is what no HAMT of fanout 256 can do
/// without: the nodes between the root and each changed entry, at most all of them.
fn directory(entries: u64) -> Vec<Row> {
    let mut directory = Directory::new();
    let name = |number: u64| format!("{number}.json");
    for number in 0..entries {
        directory.insert(&name(number), link(number)).expect("the name is good");
    }
    let (_, all) = directory.commit();
    let all = all.len() as f64;
    let levels = (entries as f64).log(256.0).ceil() + 1.0;
    let mut rows = Vec::new();
    let mut version = entries;
    let mut rebuilt_s = 0.0;
    for (what, changed) in [("all", entries), ("1_percent", entries / 100), ("1", 1)] {
        let begin = Instant::now();
        for place in 0..changed {
            version += 1;
            let number = (place * (entries / changed.max(1))) % entries;
            directory.insert(&name(number), link(version)).expect("the name is good");
        }
        let (_, blocks) = directory.commit();
        let took_s = begin.elapsed().as_secs_f64();
        let id = format!("content.directory.{entries}.{what}");
        let bound = all.min(changed as f64 * levels);
        rows.push(Row::at_most(
            &format!("{id}.blocks"),
            "blocks",
            blocks.len() as f64,
            bound,
            "paths to the root",
            1.0,
        ));
        match what {
            "all" => rebuilt_s = took_s,
            // A flat directory is one block whatever changes.
            _ if directory.is_sharded() => {
                let goal = if what == "1" { 0.01 } else { 0.5 };
                rows.push(Row::at_most(&format!("{id}.time"), "s", took_s, rebuilt_s, "all entries", goal));
            }
            _ => {}
        }
    }
    rows
}

/// A file of 256 MiB in blocks of 64 KiB, beside the bare bytes: writing them, and hashing them.
fn car() -> Vec<Row> {
    let blocks: Vec<Block> =
        (0..4096u64).map(|number| Block::new(Codec::Raw, number.to_be_bytes().repeat(8192))).collect();
    let mib = blocks.iter().map(|block| block.bytes.len()).sum::<usize>() as f64 / (1 << 20) as f64;
    let per_s = |begin: Instant| mib / begin.elapsed().as_secs_f64();
    let room = 300 << 20;

    let begin = Instant::now();
    let mut bare = Vec::with_capacity(room);
    blocks.iter().for_each(|block| bare.write_all(&block.bytes).expect("memory takes it"));
    let bare = per_s(begin);
    let begin = Instant::now();
    let mut writer = CarWriter::new(Vec::with_capacity(room), &[blocks[0].cid]).expect("memory takes it");
    blocks.iter().for_each(|block| writer.put(block).expect("memory takes it"));
    let file = writer.finish().expect("memory takes it");
    let written = per_s(begin);

    let begin = Instant::now();
    let hashed = blocks.iter().filter(|block| block.is_intact()).count();
    let floor = per_s(begin);
    let begin = Instant::now();
    let read = CarReader::new(file.as_slice(), "memory").expect("it has a header").filter(Result::is_ok).count();
    let checked = per_s(begin);
    assert_eq!((hashed, read), (blocks.len(), blocks.len()));
    vec![
        Row::at_least("content.car.write", "MiB/s", written, bare, "copying the bytes", 0.5),
        Row::at_least("content.car.read", "MiB/s", checked, floor, "sha2-256 of the bytes", 0.8),
    ]
}

/// The football example since 2024: one token's file, and the whole collection recomputed from a file.
fn verify() -> Vec<Row> {
    let found = run(1, "2024-01-01", u64::MAX, 4);
    let reader = ChainReader::open(found.rpc.clone(), found.token).expect("the token is there");
    let write = |scope: &ExportScope| {
        let mut car = Vec::new();
        let exported = export(&reader, &*found.blocks, scope, &mut car, |_| {}).expect("it is all there");
        (car, exported.block_hash.expect("it has evidence"))
    };
    let read = |car: &[u8]| {
        let reader = CarReader::new(car, "memory").expect("it has a header");
        let root = reader.roots()[0];
        let store = MemoryBlocks::new();
        store.put_all(&reader.map(|block| block.expect("it is whole")).collect::<Vec<_>>()).expect("memory takes it");
        (root, store)
    };
    let begin = Instant::now();
    let (car, hash) = write(&ExportScope::Tokens { ids: vec![1], history: true });
    let exported_ms = begin.elapsed().as_secs_f64() * 1e3;
    let begin = Instant::now();
    let (root, store) = read(&car);
    let verdict = LightVerifier::new(&store).run(&root, found.token, &Anchor::Hash(hash));
    let light_ms = begin.elapsed().as_secs_f64() * 1e3;
    assert!(verdict.passed, "{verdict:?}");

    let (car, hash) = write(&ExportScope::All);
    let (root, store) = read(&car);
    let begin = Instant::now();
    let verdict = Verifier::offline(root, found.token, Anchor::Hash(hash), &store).run(Scope::All, |_, _| {});
    let full_s = begin.elapsed().as_secs_f64();
    assert!(verdict.passed, "{verdict:?}");
    // An epoch is a month.
    let real_s = verdict.to as f64 * 30.0 * 86_400.0;
    vec![
        Row::at_most("verify.light.token", "ms", light_ms, 1_000.0, "budget", 1.0),
        Row::at_most("verify.light.export", "ms", exported_ms, 1_000.0, "budget", 1.0),
        Row::at_most(
            "verify.full.epoch",
            "s",
            full_s / verdict.to as f64,
            real_s / verdict.to as f64,
            "real time",
            0.001,
        ),
        Row::at_most("verify.full", "s", full_s, found.replay_s, "making it (4 nodes)", 1.0),
    ]
}
