//! One changed byte, or one dishonest committee, and verification fails at the right step.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::{Arc, LazyLock, Mutex};

use common::World;
use enliven_chain::{ChainError, Rpc};
use enliven_content::{BlockStore, ContentError};
use enliven_engine::{Assets, Plan, Published, Scope, Step, Verdict, Verifier, View};
use enliven_models::{Artifact, Form, Model};
use enliven_types::{Block, Cid, Codec};
use serde_json::Value;

const EPOCHS: u64 = 20;

/// One honest world for all tests; none of them changes it.
static HONEST: LazyLock<Mutex<World>> = LazyLock::new(|| {
    let mut world = World::new(common::plan());
    world.run(EPOCHS);
    Mutex::new(world)
});

fn verify(rpc: Arc<dyn Rpc>, world: &World, blocks: &dyn BlockStore, scope: Scope) -> Verdict {
    Verifier::new(rpc, world.publisher.deployment().token, blocks).run(scope, |_, _| {})
}

fn failed_at(verdict: &Verdict) -> (Step, String) {
    assert!(!verdict.passed);
    let check = verdict.checks.iter().find(|check| check.passed == Some(false)).unwrap();
    (check.step, check.detail.clone())
}

#[test]
fn an_honest_collection_verifies_whole_and_by_epoch() {
    let world = HONEST.lock().unwrap();
    let root = world.engine.replica().root();
    for scope in [Scope::All, Scope::Last, Scope::One(1), Scope::One(2), Scope::One(13)] {
        let verdict = verify(world.rpc(), &world, &*world.blocks, scope.clone());
        assert!(verdict.passed, "{scope:?}: {verdict:#?}");
        if scope != Scope::One(1) && scope != Scope::One(2) && scope != Scope::One(13) {
            assert_eq!(verdict.root, Some(root));
        }
    }
    let verdict = verify(world.rpc(), &world, &*world.blocks, Scope::One(EPOCHS + 1));
    assert_eq!(failed_at(&verdict).0, Step::Reports);
}

#[test]
fn a_check_goes_on_where_it_ended() {
    let world = HONEST.lock().unwrap();
    let root = world.engine.replica().root();
    let mut reports = Vec::new();
    let token = world.publisher.deployment().token;
    let whole = Verifier::new(world.rpc(), token, &*world.blocks);
    assert!(whole.run(Scope::All, |report, last| reports.push((report.clone(), last))).passed);
    assert_eq!((reports.len() as u64, reports[4].0.epoch, reports[4].1), (EPOCHS, 5, EPOCHS));
    for place in [0, 11, reports.len() - 1] {
        let scope = Scope::After(Box::new(reports[place].0.clone()));
        let verdict = verify(world.rpc(), &world, &*world.blocks, scope);
        assert!(verdict.passed, "{verdict:#?}");
        assert_eq!((verdict.from, verdict.to, verdict.root), (place as u64 + 2, EPOCHS, Some(root)));
    }
    let mut other = reports[11].0.clone();
    other.directory.0[0] ^= 1;
    let mut none = reports[0].0.clone();
    none.epoch = 0;
    let mut beyond = reports[0].0.clone();
    beyond.epoch = u64::MAX;
    for report in [other, none, beyond] {
        let verdict = verify(world.rpc(), &world, &*world.blocks, Scope::After(Box::new(report)));
        assert_eq!(failed_at(&verdict).0, Step::Reports);
    }
}

/// A content source that lies about one block.
struct Lying<'a> {
    blocks: &'a dyn BlockStore,
    about: Cid,
    byte: usize,
}

impl BlockStore for Lying<'_> {
    fn get(&self, cid: &Cid) -> Result<Option<Vec<u8>>, ContentError> {
        let mut found = self.blocks.get(cid)?;
        if let Some(bytes) = found.as_mut().filter(|_| *cid == self.about) {
            let place = self.byte % bytes.len();
            bytes[place] ^= 1;
        }
        Ok(found)
    }

    fn put_all(&self, _: &[Block]) -> Result<(), ContentError> {
        unreachable!("a verifier writes nothing")
    }

    fn has(&self, cid: &Cid) -> Result<bool, ContentError> {
        self.blocks.has(cid)
    }
}

#[test]
fn every_kind_of_block_is_checked() {
    let world = HONEST.lock().unwrap();
    let view = View::new(world.plan.clone(), world.store.clone(), world.blocks.clone());
    let published = Published::new(&*world.blocks);
    let record = view.epoch(EPOCHS).unwrap();
    let cut = published.cut(record.report.cut).unwrap();
    let first = view.epoch(1).unwrap();
    let (token, receipt, metadata) = first.changed[3];
    let json: Value = serde_json::from_slice(&published.block("metadata", &metadata).unwrap()).unwrap();
    let image: Cid = json["image"].as_str().unwrap().strip_prefix("ipfs://").unwrap().try_into().unwrap();
    let first_cut = published.cut(first.report.cut).unwrap();
    let definition = &world.plan.blocks;
    let cases = [
        ("manifest", definition[0].cid, Step::Manifest),
        ("template", definition[1].cid, Step::Manifest),
        ("fonts", definition[2].cid, Step::Manifest),
        ("model", definition[3].cid, Step::Model),
        ("cut", cut.to_block().cid, Step::Events),
        ("events", first_cut.segments[0], Step::Events),
        ("receipt", receipt, Step::Receipts),
        ("directory", first.directory, Step::Receipts),
        ("metadata", metadata, Step::Metadata),
        ("image", image, Step::Metadata),
    ];
    for (what, about, step) in cases {
        for byte in [0, 7, 1_000_003] {
            let lying = Lying { blocks: &*world.blocks, about, byte };
            let verdict = verify(world.rpc(), &world, &lying, Scope::All);
            let (failed, detail) = failed_at(&verdict);
            assert_eq!(failed, step, "{what} of token {token}: {detail}");
        }
    }
}

/// An endpoint that changes one answer.
struct LyingRpc {
    rpc: Arc<dyn Rpc>,
    change: fn(&str, &mut Value),
}

impl Rpc for LyingRpc {
    fn request(&self, method: &str, params: Value) -> Result<Value, ChainError> {
        let mut answer = self.rpc.request(method, params)?;
        (self.change)(method, &mut answer);
        Ok(answer)
    }
}

/// Changes the hexadecimal digit at `place` from the end of a text.
fn flip(text: &mut Value, place: usize) {
    let mut digits: Vec<u8> = text.as_str().unwrap().bytes().collect();
    let at = digits.len() - 1 - place;
    digits[at] = if digits[at] == b'1' { b'2' } else { b'1' };
    *text = Value::String(String::from_utf8(digits).unwrap());
}

#[test]
fn a_lying_endpoint_is_found() {
    let world = HONEST.lock().unwrap();
    type Change = fn(&str, &mut Value);
    let cases: [(&str, Change, &[Step]); 3] = [
        (
            "a signature in the transaction",
            |method, answer| {
                if method == "eth_getTransactionByHash" {
                    // The call data ends with the last signature, padded to whole words.
                    flip(&mut answer["input"], 2 * 31 + 2 * 40);
                }
            },
            &[Step::Signatures],
        ),
        (
            "a root in a log",
            |method, answer| {
                if method == "eth_getLogs" {
                    for log in answer.as_array_mut().unwrap() {
                        // The report without its epoch, which is a topic, and its config count.
                        if log["data"].as_str().unwrap().len() == 2 + 64 * 8 {
                            flip(&mut log["data"], 64 + 5);
                        }
                    }
                }
            },
            &[Step::Reports, Step::Signatures],
        ),
        (
            "a report left out",
            |method, answer| {
                if method == "eth_getLogs" {
                    let logs = answer.as_array_mut().unwrap();
                    if logs.len() > 10 {
                        logs.remove(7);
                    }
                }
            },
            &[Step::Reports],
        ),
    ];
    for (what, change, steps) in cases {
        let rpc = Arc::new(LyingRpc { rpc: world.rpc(), change });
        let (failed, detail) = failed_at(&verify(rpc, &world, &*world.blocks, Scope::All));
        assert!(steps.contains(&failed), "{what}: {failed:?}: {detail}");
    }
}

/// A committee that signs in unison what the manifest does not say: every hash and signature is
/// right, and only recomputing finds it.
#[test]
fn a_dishonest_committee_is_found() {
    type Forge = fn(&mut Plan);
    let cases: [(&str, Forge, Step); 5] = [
        (
            "wins are counted otherwise",
            |plan| {
                let mut manifest = common::manifest();
                manifest.features.views.get_mut("team").unwrap().define[1].filter =
                    Some("goals_for >= goals_against".into());
                plan.features = Plan::check_features(&manifest, &Default::default()).unwrap();
            },
            Step::Features,
        ),
        (
            "one leaf of the model is raised",
            |plan| {
                let mut artifact = Artifact::from_bytes(&common::assets().model).unwrap();
                let Form::Trees(ensemble) = &mut artifact.form else { panic!("trees") };
                let tree = &mut ensemble.trees[0];
                for (input, value) in tree.input.iter().zip(&mut tree.value) {
                    *value += i64::from(*input < 0);
                }
                plan.model = Model::new(&artifact, plan.features.schema()).unwrap();
            },
            Step::Scores,
        ),
        (
            "a threshold is lowered",
            |plan| {
                let mut manifest = common::manifest();
                manifest.traits[0].min_change = Some(1);
                plan.policy = Plan::new(&manifest, &common::assets()).unwrap().policy;
            },
            Step::Policy,
        ),
        (
            "a trait is scaled otherwise",
            |plan| {
                let mut manifest = common::manifest();
                manifest.traits[0].scale.as_mut().unwrap().high = 2.0;
                plan.policy = Plan::new(&manifest, &common::assets()).unwrap().policy;
            },
            Step::Policy,
        ),
        (
            "cards are drawn otherwise",
            |plan| {
                let assets = common::assets();
                let template =
                    assets.template.replace("</svg>", "<rect width=\"1\" height=\"1\" fill=\"#fff\"/></svg>");
                let other = Plan::new(&common::manifest(), &Assets { template, ..assets }).unwrap();
                plan.renderer = other.renderer;
            },
            Step::Cards,
        ),
    ];
    for (what, forge, step) in cases {
        let mut plan = common::plan();
        forge(&mut plan);
        let mut world = World::new(plan);
        world.run(12);
        let verdict = verify(world.rpc(), &world, &*world.blocks, Scope::All);
        let (failed, detail) = failed_at(&verdict);
        assert_eq!(failed, step, "{what}: {detail}");
    }
}

/// The same bytes in another encoding are not the same record.
#[test]
fn receipts_have_one_encoding() {
    let world = HONEST.lock().unwrap();
    let view = View::new(world.plan.clone(), world.store.clone(), world.blocks.clone());
    let (cid, _) = view.receipts(1, None).unwrap().remove(0);
    let bytes = world.blocks.get(&cid).unwrap().unwrap();
    let canonical: enliven_types::Receipt = enliven_types::from_cbor("receipt", &bytes).unwrap();
    assert_eq!(canonical.to_block(), Block::new(Codec::DagCbor, bytes.clone()));
    let mut longer = bytes;
    longer.push(0);
    assert!(enliven_types::from_cbor::<enliven_types::Receipt>("receipt", &longer).is_err());
}
