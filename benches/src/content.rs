//! Directories that change a little, files that carry blocks, and checking what is in them.

use std::io::Write;
use std::time::Instant;

use enliven_chain::ChainReader;
use enliven_content::{BlockStore, CarReader, CarWriter, Directory, Link, MemoryBlocks};
use enliven_engine::{Events, ExportScope, Published, Scope, Verifier, export};
use enliven_light::{Anchor, LightVerifier};
use enliven_types::{Block, Codec, Cut, Digest, Event, Segment};

use crate::world::{Run, run};
use crate::{Row, peers};

/// Directories, CAR files, and the light and the full check.
pub fn content() -> Vec<Row> {
    let mut rows = Vec::new();
    for entries in [1_000, 100_000, 1_000_000] {
        rows.extend(directory(entries));
    }
    rows.extend(car());
    let found = run(1, "2024-01-01", u64::MAX, 4);
    rows.extend(segments(&found));
    rows.extend(verify(&found));
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

/// The events of the first epoch, all before 2024, and of the last, a month; beside Parquet and gzip.
fn segments(found: &Run) -> Vec<Row> {
    let reader = ChainReader::open(found.rpc.clone(), found.token).expect("the token is there");
    let reports = reader.reports().expect("the chain answers");
    let published = Published::new(&*found.blocks);
    let cut = |place: usize| published.cut(reports[place].signed.report.cut).expect("it is there");
    let read = |cut: &Cut| -> (Vec<Vec<u8>>, Events) {
        let segments = cut.segments.iter().map(|cid| found.blocks.get(cid).expect("it reads").expect("it is there"));
        let segments: Vec<Vec<u8>> = segments.collect();
        let events = segments.iter().flat_map(|bytes| Segment::unpack(bytes).expect("it is a segment")).collect();
        (segments, events)
    };
    let mut rows = Vec::new();
    for (name, place) in [("all", 0), ("month", reports.len() - 2)] {
        let (segments, events) = read(&cut(place));
        let lines: Vec<u8> = events.iter().flat_map(|(_, json)| [json.as_slice(), b"\n"].concat()).collect();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("events.jsonl");
        std::fs::write(&path, &lines).expect("room on disk");
        let peer = peers::run("segments.py", &["duckdb==2.0.1"], &[&path]);
        let of_event = |bytes: f64| bytes / events.len() as f64;
        let ours = of_event(segments.iter().map(Vec::len).sum::<usize>() as f64);
        let id = format!("content.segments.{name}");
        for (what, peer_name) in [("parquet", "Parquet, zstd (DuckDB)"), ("gzip", "gzip -9 of JSON lines")] {
            let theirs = of_event(peer[what].as_f64().expect("a size"));
            rows.push(Row::at_most(&format!("{id}.{what}"), "bytes/event", ours, theirs, peer_name, 1.0));
        }
        let json = of_event(lines.len() as f64);
        rows.push(Row::at_most(&format!("{id}.json"), "bytes/event", ours, json, "JSON lines", 0.1));
        if name == "all" {
            let per_s = |begin: Instant| events.len() as f64 / begin.elapsed().as_secs_f64();
            let begin = Instant::now();
            assert_eq!(Segment::pack(&events).len(), segments.len());
            let packed = per_s(begin);
            let begin = Instant::now();
            let unpacked: usize =
                segments.iter().map(|bytes| Segment::unpack(bytes).expect("it is a segment").len()).sum();
            let unpacked = (unpacked, per_s(begin));
            let begin = Instant::now();
            let parsed = events.iter().filter(|(event, json)| Event::from_bytes(json).as_ref() == Ok(event)).count();
            let parsed = (parsed, per_s(begin));
            assert_eq!((unpacked.0, parsed.0), (events.len(), events.len()));
            rows.push(Row::at_least("content.segments.pack", "events/s", packed, parsed.1, "reading JSON lines", 1.0));
            rows.push(Row::at_least(
                "content.segments.unpack",
                "events/s",
                unpacked.1,
                parsed.1,
                "reading JSON lines",
                0.5,
            ));
        }
    }
    rows
}

/// The football example since 2024: one token's file, and the whole collection recomputed from a file.
fn verify(found: &Run) -> Vec<Row> {
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
    let full = || {
        let begin = Instant::now();
        let verdict = Verifier::offline(root, found.token, Anchor::Hash(hash), &store).run(Scope::All, |_, _| {});
        assert!(verdict.passed, "{verdict:?}");
        (verdict, begin.elapsed().as_secs_f64())
    };
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread starts");
    let (_, alone_s) = one_thread.install(full);
    let (verdict, full_s) = full();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // What one thread has to do in each epoch is a fifth at most.
    let goal = ((0.2 + 0.8 / cores as f64) * 100.0).round() / 100.0;
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
        Row::at_most("verify.full.cores", "s", full_s, alone_s, &format!("one thread of {cores}"), goal),
        Row::at_most("verify.full", "s", full_s, found.replay_s, "making it (4 nodes)", 1.0),
    ]
}
