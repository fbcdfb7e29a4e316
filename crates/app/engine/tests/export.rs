//! A token in a file, and a collection in a file: checked without a connection, and refused when anything is changed.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::sync::{LazyLock, Mutex};
use std::time::Instant;

use common::World;
use enliven_chain::contracts::LivingToken;
use enliven_chain::{ChainReader, Client, Key, U256, block_hash};
use enliven_content::{BlockStore, CarBlocks, CarReader, MemoryBlocks};
use enliven_engine::{ExportScope, Exported, Scope, Step, Verifier, export};
use enliven_light::{Anchor, LightStep, LightVerdict, LightVerifier};
use enliven_types::{Block, Cid, Digest};

const EPOCHS: u64 = 20;

/// One honest world for all tests; token 2 is held since the fifth epoch. None of the tests changes it.
static HONEST: LazyLock<Mutex<World>> = LazyLock::new(|| {
    let mut world = World::new(common::plan());
    world.run(5);
    // The dev keys' first account minted the tokens to itself.
    let client = Client::new(world.chain.clone(), Key::dev(0).unwrap()).unwrap();
    let token = world.publisher.deployment().token;
    client.send("freezing", token, &LivingToken::freezeCall { tokenId: U256::from(2) }).unwrap();
    world.run(EPOCHS - 5);
    Mutex::new(world)
});

fn written(world: &World, scope: &ExportScope) -> (Vec<u8>, Exported) {
    let reader = ChainReader::open(world.rpc(), world.publisher.deployment().token).unwrap();
    let mut car = Vec::new();
    let exported = export(&reader, &*world.blocks, scope, &mut car, |_| {}).unwrap();
    (car, exported)
}

fn tokens(ids: &[u64], history: bool) -> ExportScope {
    ExportScope::Tokens { ids: ids.to_vec(), history }
}

fn read(car: &[u8]) -> (Cid, MemoryBlocks) {
    let reader = CarReader::new(car, "test.car").unwrap();
    let root = reader.roots()[0];
    let store = MemoryBlocks::new();
    store.put_all(&reader.collect::<Result<Vec<Block>, _>>().unwrap()).unwrap();
    (root, store)
}

fn light(world: &World, root: &Cid, blocks: &dyn BlockStore, hash: Digest) -> LightVerdict {
    LightVerifier::new(blocks).run(root, world.publisher.deployment().token, &Anchor::Hash(hash))
}

#[test]
fn a_token_is_checked_from_its_file_alone() {
    let world = HONEST.lock().unwrap();
    let (car, exported) = written(&world, &tokens(&[2, 1], false));
    let hash = exported.block_hash.unwrap();
    assert_eq!(block_hash(&*world.rpc(), exported.block.unwrap()).unwrap(), Some(hash));
    let (root, blocks) = read(&car);
    assert_eq!((root.to_string(), blocks.len() as u64), (exported.root.clone(), exported.blocks));
    let started = Instant::now();
    let verdict = light(&world, &root, &blocks, hash);
    eprintln!("checked {} blocks of {} bytes in {:?}", exported.blocks, exported.bytes, started.elapsed());
    assert!(verdict.passed, "{verdict:#?}");
    assert_eq!(verdict.epoch, Some(EPOCHS));
    assert_eq!(verdict.tokens.iter().map(|token| token.token_id).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(verdict.tokens[0].held_at, None);
    // Its holder keeps it as it was in the fifth epoch; it has changed since.
    assert!(verdict.tokens[1].held_at.as_ref().is_some_and(|held| *held != verdict.tokens[1].metadata));

    // Earlier metadata only adds to it.
    let all: Vec<u64> = (1..=10).collect();
    let (longer, _) = written(&world, &tokens(&all, true));
    assert!(longer.len() > written(&world, &tokens(&all, false)).0.len());
    let (root, blocks) = read(&longer);
    assert!(light(&world, &root, &blocks, hash).passed);

    let other = Digest::sha256(b"another block");
    let failed = light(&world, &root, &blocks, other);
    let check = failed.checks.iter().find(|check| check.passed == Some(false)).unwrap();
    assert_eq!(check.step, LightStep::Anchor);
    assert!(failed.tokens.is_empty(), "nothing counts that is not anchored");
}

#[test]
fn a_token_that_is_not_there_and_an_epoch_that_is_not_there_are_named() {
    let world = HONEST.lock().unwrap();
    let reader = ChainReader::open(world.rpc(), world.publisher.deployment().token).unwrap();
    for (scope, words) in [
        (tokens(&[11], false), "there is no token `11`"),
        (tokens(&[0], false), "there is no token `0`"),
        (ExportScope::Epoch(0), "there is no epoch 0"),
        (ExportScope::Epoch(EPOCHS + 1), "epochs run from 1 to 20"),
    ] {
        let error = export(&reader, &*world.blocks, &scope, Vec::new(), |_| {}).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_collection_is_recomputed_from_its_file_alone() {
    let world = HONEST.lock().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.car");
    let (car, exported) = written(&world, &ExportScope::All);
    std::fs::write(&path, &car).unwrap();
    let blocks = CarBlocks::open(&path).unwrap();
    let token = world.publisher.deployment().token;
    let anchor = || Anchor::Hash(exported.block_hash.unwrap());
    let verdict = Verifier::offline(blocks.roots()[0], token, anchor(), &blocks).run(Scope::All, |_, _| {});
    assert!(verdict.passed, "{verdict:#?}");
    assert_eq!((verdict.from, verdict.to), (1, EPOCHS));
    assert_eq!(verdict.root, Some(world.engine.replica().root()));

    let other = Anchor::Hash(Digest::ZERO);
    let verdict = Verifier::offline(blocks.roots()[0], token, other, &blocks).run(Scope::All, |_, _| {});
    let check = verdict.checks.iter().find(|check| check.passed == Some(false)).unwrap();
    assert_eq!(check.step, Step::Reports);

    // A file of one epoch is content; the chain says the rest.
    let (car, exported) = written(&world, &ExportScope::Epoch(1));
    assert_eq!(exported.block_hash, None);
    let (_, blocks) = read(&car);
    assert!(Verifier::new(world.rpc(), token, &blocks).run(Scope::One(1), |_, _| {}).passed);
    assert!(!Verifier::new(world.rpc(), token, &blocks).run(Scope::One(2), |_, _| {}).passed);
}

/// What the file of a token holds is decided by the same inputs as the token; `ENLIVEN_BLESS=1` writes it anew.
#[test]
fn the_golden_file_is_what_is_written() {
    let world = HONEST.lock().unwrap();
    let (car, exported) = written(&world, &tokens(&[1, 2], false));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../light/tests/golden");
    let expected = serde_json::json!({
        "chain_id": 31337,
        "token": world.publisher.deployment().token,
        "block": exported.block,
        "block_hash": exported.block_hash,
    });
    if std::env::var_os("ENLIVEN_BLESS").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("token.car"), &car).unwrap();
        std::fs::write(folder.join("token.json"), format!("{expected:#}\n")).unwrap();
    }
    assert!(std::fs::read(folder.join("token.car")).unwrap() == car, "token.car is stale (ENLIVEN_BLESS=1 renews it)");
    let stored: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("token.json")).unwrap()).unwrap();
    assert_eq!(stored, expected);
}
