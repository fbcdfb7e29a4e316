//! Prints how long a directory takes to commit after all, or one in a hundred, of its entries have changed, next to the
//! floor: hashing the same blocks again.
//!
//! `cargo run --release -p enliven-content --example directory_commit`

use std::time::Instant;

use enliven_content::{BlockStore, ContentError, Directory, EmbeddedBlocks, Link};
use enliven_types::{Block, Codec, cid_of};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let store = EmbeddedBlocks::open(folder.path().join("blocks.redb"))?;
    println!("entries   changed  insert ms  commit ms  hash ms  commit/hash  store ms   blocks       bytes");
    for entries in [1_000, 100_000] {
        let mut directory = Directory::new();
        for (round, step) in [(0, 1), (1, 100), (2, 1)] {
            measure(&mut directory, &store, entries, round, step)?;
        }
    }
    Ok(())
}

fn measure(
    directory: &mut Directory,
    store: &dyn BlockStore,
    entries: usize,
    round: usize,
    step: usize,
) -> Result<(), ContentError> {
    let changes: Vec<(String, Link)> = (0..entries)
        .step_by(step)
        .map(|index| {
            let block = Block::new(Codec::Raw, format!("token {index} in round {round}").into_bytes());
            (format!("{index}.json"), Link::to_leaf(&block))
        })
        .collect();

    let start = Instant::now();
    for (name, link) in &changes {
        directory.insert(name, *link)?;
    }
    let insert = start.elapsed().as_secs_f64() * 1e3;

    let start = Instant::now();
    let (_, blocks) = directory.commit();
    let commit = start.elapsed().as_secs_f64() * 1e3;

    let start = Instant::now();
    for block in &blocks {
        assert_eq!(cid_of(Codec::DagPb, &block.bytes), block.cid);
    }
    let hash = start.elapsed().as_secs_f64() * 1e3;

    let start = Instant::now();
    store.put_all(&blocks)?;
    let stored = start.elapsed().as_secs_f64() * 1e3;

    let bytes: usize = blocks.iter().map(|block| block.bytes.len()).sum();
    println!(
        "{entries:>7}  {:>8}  {insert:>9.2}  {commit:>9.2}  {hash:>7.2}  {:>11.2}  {stored:>8.2}  {:>7}  {bytes:>10}",
        changes.len(),
        commit / hash,
        blocks.len(),
    );
    Ok(())
}
