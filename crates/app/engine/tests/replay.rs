//! The whole flow in memory: golden digests, restarts, recovery at every step, late events.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use common::World;
use enliven_chain::{ChainReader, ContractSettings};
use enliven_engine::{View, spill_to, trim_logs};
use enliven_features::{Spill, SpillTo};
use enliven_oracle::NodeKey;
use enliven_store::{Batch, EventLog, Table};
use enliven_types::{Digest, Event, Report, Timestamp};
use serde_json::json;

/// The same digests in debug and release, with any number of threads, on every machine. A change of
/// this file is a change of what is signed.
#[test]
fn golden_digests() {
    let mut world = World::new(common::plan());
    let summary = world.run(u64::MAX);
    let view = View::new(world.plan.clone(), world.store.clone(), world.blocks.clone());
    let records = view.epochs().unwrap();
    let mut reports = Vec::new();
    for record in &records {
        reports.extend_from_slice(&record.signing_digest.0);
    }
    let found = json!({
        "definition": world.plan.definition,
        "model": world.plan.model_digest,
        "epochs": summary.epochs,
        "updates": summary.updates,
        "first_report": records[0].signing_digest,
        "last_report": records[records.len() - 1].signing_digest,
        "all_reports": Digest::sha256(&reports),
        "state_root": summary.root,
        "directory": records[records.len() - 1].directory.to_string(),
    });
    let found = serde_json::to_string_pretty(&found).unwrap() + "\n";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/south-america.json");
    if std::env::var_os("ENLIVEN_BLESS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, golden, "to accept the new digests, run with ENLIVEN_BLESS=1 and say why in the changelog");
}

#[test]
fn restarts_change_nothing() {
    let mut whole = World::new(common::plan());
    let whole = whole.run(40);
    let mut parts = World::new(common::plan());
    for step in [1, 7, 2, 20, 10] {
        parts.run(step);
        parts.reopen();
    }
    let parts = parts.run(0);
    assert_eq!((parts.epochs, parts.root, parts.updates), (whole.epochs, whole.root, whole.updates));
}

#[test]
fn a_bound_of_memory_changes_nothing() {
    let mut whole = World::new(common::plan());
    let whole = whole.run(40);
    let folder = tempfile::tempdir().unwrap();
    // Some rows of one team; past the snapshot of epoch 32.
    let to = spill_to(folder.path(), 2000).unwrap();
    let calls = [Arc::default(), Arc::default()];
    let spill = Arc::new(Counted(to.spill, calls.clone()));
    let mut parts = World::new(common::plan().spilling(SpillTo { spill, ..to }));
    for step in [5, 29, 6] {
        parts.run(step);
        parts.reopen();
    }
    let parts = parts.run(0);
    assert_eq!((parts.epochs, parts.root, parts.updates), (whole.epochs, whole.root, whole.updates));
    assert!(calls.iter().all(|calls| calls.load(Ordering::Relaxed) > 500), "{calls:?}");
}

/// A place to spill to that counts what is put there and what is taken back.
#[derive(Debug)]
struct Counted(Arc<dyn Spill>, [Arc<AtomicU32>; 2]);

impl Spill for Counted {
    fn put(&self, bytes: &[u8]) -> Result<u64, String> {
        self.1[0].fetch_add(1, Ordering::Relaxed);
        self.0.put(bytes)
    }

    fn get(&self, place: u64) -> Result<Vec<u8>, String> {
        self.1[1].fetch_add(1, Ordering::Relaxed);
        self.0.get(place)
    }

    fn fresh(&self) -> Result<Arc<dyn Spill>, String> {
        Ok(Arc::new(Counted(self.0.fresh()?, self.1.clone())))
    }
}

/// A place to spill to that fails for good after so many calls.
#[derive(Debug)]
struct Broken(Arc<AtomicU32>);

impl Broken {
    fn works(&self) -> Result<(), String> {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map(|_| ()).map_err(|_| "the disk is gone".into())
    }
}

impl Spill for Broken {
    fn put(&self, _: &[u8]) -> Result<u64, String> {
        self.works().map(|()| 0)
    }

    fn get(&self, _: u64) -> Result<Vec<u8>, String> {
        Err("the disk is gone".into())
    }

    fn fresh(&self) -> Result<Arc<dyn Spill>, String> {
        self.works()?;
        Ok(Arc::new(Broken(self.0.clone())))
    }
}

/// Nothing is signed that was computed from features that could not be read back.
#[test]
fn what_cannot_spill_ends_the_run_before_it_is_signed() {
    let mut whole = World::new(common::plan());
    let whole = whole.run(8);
    for good in [0, 1, 4, 9, 30, 60] {
        let spill: Arc<dyn Spill> = Arc::new(Broken(Arc::new(good.into())));
        let mut world = World::new(common::plan().spilling(SpillTo { spill, memory: 1500 }));
        let error = world.engine.run(8, |_| {}).unwrap_err().to_string();
        assert!(error.contains("the disk is gone"), "{error}");
        world.plan = Arc::new(common::plan());
        world.reopen();
        world.run(8);
        let view = View::new(world.plan.clone(), world.store.clone(), world.blocks.clone());
        let eighth = view.epochs().unwrap()[7].report.state_root;
        assert_eq!(eighth, whole.root, "after {good} calls");
    }
}

/// Evidence of two signatures for one epoch silences a node; the others go on without it, and it is no obstacle to
/// verifying what it signed.
#[test]
fn an_ejected_node_is_not_counted() {
    let mut world = World::new(common::plan());
    let before = world.run(3);
    let deployment = world.publisher.deployment().clone();
    let view = View::new(world.plan.clone(), world.store.clone(), world.blocks.clone());
    let report = view.epochs().unwrap()[2].report.clone();
    let other = Report { state_root: Digest([9; 32]), ..report.clone() };
    let domain = Report::domain(deployment.chain_id, deployment.oracle.into_array());
    let sign = |report: &Report| NodeKey::development(1).sign(report.signing_digest(&domain));
    world.publisher.eject((&report, &sign(&report)), (&other, &sign(&other))).unwrap();
    assert_eq!(world.publisher.ejected().unwrap(), 0b10);
    world.reopen();
    let after = world.run(2);
    assert_eq!((before.epochs, after.epochs), (3, 5));
    let reader = ChainReader::open(world.rpc(), deployment.token).unwrap();
    let signers: Vec<u64> = reader.reports().unwrap().iter().map(|posted| posted.signed.signers).collect();
    assert_eq!(signers, [0b111, 0b111, 0b111, 0b101, 0b101]);
}

/// An epoch that one committee signed and that its oracle may not post any more is signed for the next one.
#[test]
fn an_epoch_is_signed_again_for_the_next_oracle() {
    let mut whole = World::new(common::plan());
    let whole = whole.run(5);
    let mut world = World::new(common::plan());
    world.run(3);
    let quorum = world.publisher.quorum().unwrap();
    let oracle = world.publisher.create_oracle(&quorum, &ContractSettings::default()).unwrap();
    world.publisher.propose(oracle).unwrap();
    let next = world.publisher.clone().take_on(oracle).unwrap();
    let error = world.engine.run(1, |_| {}).unwrap_err().to_string();
    assert!(error.contains("CallerNotOracle"), "{error}");
    assert_eq!(world.store.count(Table::Signed).unwrap(), 4 * 4, "four nodes signed the fourth epoch");
    world.publisher = next;
    world.reopen();
    let after = world.run(2);
    assert_eq!((after.epochs, after.root), (5, whole.root));
    let reader = ChainReader::open(world.rpc(), world.publisher.deployment().token).unwrap();
    let counts: Vec<u64> = reader.reports().unwrap().iter().map(|posted| posted.signed.report.config_count).collect();
    assert_eq!(counts, [1, 1, 1, 2, 2]);
}

/// The process may die after the report is posted and before the checkpoint is written.
#[test]
fn an_epoch_without_checkpoint_is_found_on_chain() {
    let mut world = World::new(common::plan());
    world.run(5);
    let view = View::new(world.plan.clone(), world.store.clone(), world.blocks.clone());
    let (before, gas) = (view.epoch(5).unwrap(), world.chain.block_number());
    let mut batch = Batch::default();
    batch.delete(Table::Epochs, 5u64.to_be_bytes());
    world.store.commit(batch).unwrap();
    // An event that has come since waits: nodes have signed the epoch without it.
    let log = EventLog::new(&*world.store, "results", 0);
    let (mut late, _): (Event, _) = log.read(0, 1).unwrap().remove(0);
    (late.id, late.time) = ("late".into(), Timestamp::parse("2015-02-03").unwrap());
    log.append(&[late]).unwrap();
    let mut other = common::manifest();
    other.policy.cooldown_s += 1;
    let other = enliven_engine::Plan::new(&other, &common::assets()).unwrap();
    let refused = enliven_engine::check_definition(&other, &*world.store, &*world.blocks, true).unwrap_err();
    assert!(refused.to_string().contains("was begun under the definition before"), "{refused}");
    world.reopen();
    world.run(1);
    let after = view.epoch(5).unwrap();
    assert_eq!((before.report, before.transaction), (after.report, after.transaction));
    assert_eq!(world.chain.block_number(), gas, "nothing was posted twice");
}

#[test]
fn another_definition_is_refused_for_the_same_store() {
    let mut world = World::new(common::plan());
    world.run(1);
    let mut manifest = common::manifest();
    manifest.policy.cooldown_s += 1;
    let other = Arc::new(enliven_engine::Plan::new(&manifest, &common::assets()).unwrap());
    let error = enliven_engine::Engine::open(
        other,
        world.store.clone(),
        world.blocks.clone(),
        world.publisher.clone(),
        None,
        common::committee(4),
        false,
    )
    .err()
    .unwrap();
    assert!(error.to_string().contains("another definition"), "{error}");
}

/// An event that comes after its epoch is posted counts from the next epoch on, on every node.
#[test]
fn late_events_enter_the_next_epoch() {
    let mut world = World::new(common::plan());
    world.run(10);
    let log = EventLog::new(&*world.store, "results", 0);
    let (mut late, _): (Event, _) = log.read(0, 1).unwrap().remove(0);
    late.id = "late".into();
    late.time = Timestamp::parse("2015-02-03").unwrap();
    log.append(&[late]).unwrap();
    world.run(2);
    let view = View::new(world.plan.clone(), world.store.clone(), world.blocks.clone());
    let count = EventLog::new(&*world.store, "results", 0).next_offset().unwrap();
    assert!(view.epoch(10).unwrap().partitions[0].offset < count);
    assert_eq!(view.epoch(11).unwrap().partitions[0].offset, count, "the cut reads on to the straggler");
}

/// Late, straggling and plain events alike, without a snapshot and with one.
#[test]
fn what_the_log_has_given_up_is_read_from_what_was_published() {
    let run = |trims: bool| {
        let mut world = World::new(common::plan());
        let log = |world: &World| EventLog::new(&*world.store, "results", 0).first_offset().unwrap();
        let (sample, _): (Event, _) = EventLog::new(&*world.store, "results", 0).read(0, 1).unwrap().remove(0);
        for (number, step) in [10, 2, 25, 3].into_iter().enumerate() {
            let source = EventLog::new(&*world.store, "results", 0);
            let time = Timestamp::parse("2015-02-03").unwrap();
            source.append(&[Event { id: format!("early {number}").into(), time, ..sample.clone() }]).unwrap();
            world.run(step);
            if trims {
                let before = log(&world);
                assert_eq!(trim_logs(&*world.store).unwrap(), log(&world));
                assert!(number != 0 || log(&world) > before, "whole pages can go");
            }
            world.reopen();
        }
        let view = View::new(world.plan.clone(), world.store.clone(), world.blocks.clone());
        (world.run(0).root, view.late_events().unwrap(), view.events().unwrap())
    };
    let (root, late, events) = run(false);
    assert!(!late.is_empty() && events > 0);
    assert_eq!(run(true), (root, late, events));
}

#[test]
fn explanations_sum_up() {
    let mut world = World::new(common::plan());
    world.run(30);
    let view = View::new(world.plan.clone(), world.store.clone(), world.blocks.clone());
    let brazil = view.find("brazil").unwrap();
    let explanation = view.explain(brazil, None).unwrap();
    assert_eq!(explanation.subject, "Brazil");
    let (_, receipt) = view.receipts(brazil, None).unwrap().pop().unwrap();
    let parts: i64 = explanation.contributions.iter().map(|part| part.units).sum();
    assert_eq!(receipt.attribution.base + parts, receipt.score.units);
    assert!(!explanation.sentences.is_empty());
    assert!(view.find("Atlantis").is_err());
}
