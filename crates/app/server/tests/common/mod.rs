//! A small living collection in memory, made the way the program makes one.

#![allow(dead_code, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use enliven_chain::{Client, Clock, DeployConfig, DevChain, DevChainConfig, Key, Publisher};
use enliven_content::MemoryBlocks;
use enliven_engine::{Assets, Engine, Manifest, Plan, View, ingest};
use enliven_models::{Artifact, Ensemble, Form, Import, Input, Link, Method, Origin, Tree};
use enliven_oracle::{Committee, NodeKey};
use enliven_server::State;
use enliven_store::{MemoryStore, Store};
use enliven_types::{Digest, FeatureSchema, FeatureVector, Period};

/// How large a collection to make.
pub struct Size {
    /// Matches, from the first of 1872.
    pub matches: usize,
    /// The day in whose period the first epoch ends.
    pub start: &'static str,
    /// The length of an epoch.
    pub period: Period,
    /// Whether to use the model of the example, if it is there and fits.
    pub trained: bool,
}

/// A few teams and epochs: enough for the tests of HTTP.
pub const SMALL: Size = Size { matches: 600, start: "1890-01-01", period: Period::Year, trained: false };

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../examples/football")
}

/// Runs the football example over its first matches.
pub fn collection(size: &Size) -> State {
    let manifest = manifest(size);
    let plan = Arc::new(plan(&manifest, size.trained));
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let folder = tempfile::tempdir().unwrap();
    first_rows(&folder.path().join("results.csv"), size.matches);
    ingest(&plan, &*store, folder.path(), |_| {}).unwrap();

    let blocks = Arc::new(MemoryBlocks::new());
    let config = DevChainConfig { clock: Clock::Manual, test_methods: false, ..DevChainConfig::default() };
    let chain = Arc::new(DevChain::memory(config));
    let committee = Committee::new((0..4).map(NodeKey::development).collect()).unwrap();
    let deploy = DeployConfig {
        name: manifest.metadata.collection.name.clone(),
        symbol: "NATION".into(),
        owner: None,
        guardian: None,
        royalty_receiver: None,
        royalty_bps: 0,
        signers: committee.addresses().into_iter().map(Into::into).collect(),
        threshold: committee.quorum() as u8,
    };
    let client = Client::new(chain.clone(), Key::dev(0).unwrap()).unwrap();
    let publisher = Publisher::deploy(client, &deploy).unwrap();
    let deployment = publisher.deployment().clone();
    let (stores, kept) = (store.clone(), blocks.clone());
    let mut engine =
        Engine::open(plan.clone(), stores, kept, publisher, Some(chain.clone()), committee, false).unwrap();
    engine.run(u64::MAX, |_| {}).unwrap();
    State { view: View::new(plan, store, blocks), rpc: chain.clone(), chain: Some(chain), deployment }
}

/// A collection before its first epoch, on a chain elsewhere.
pub fn empty() -> State {
    let plan = Arc::new(plan(&manifest(&SMALL), false));
    let zero = enliven_chain::Address::ZERO;
    let deployment = enliven_chain::Deployment { chain_id: 1, token: zero, oracle: zero, block: 0 };
    let view = View::new(plan, Arc::new(MemoryStore::default()), Arc::new(MemoryBlocks::new()));
    let nowhere = enliven_chain::HttpRpc::new("http://127.0.0.1:1").unwrap();
    State { view, chain: None, rpc: Arc::new(nowhere), deployment }
}

fn manifest(size: &Size) -> Manifest {
    let text = std::fs::read_to_string(example().join("enliven.toml")).unwrap();
    let mut manifest: Manifest = toml::from_str(&text).unwrap();
    manifest.epochs.period = size.period;
    manifest.epochs.start = size.start.into();
    manifest.model.digest = None;
    manifest
}

fn plan(manifest: &Manifest, trained: bool) -> Plan {
    let template = std::fs::read_to_string(example().join("card.svg.jinja")).unwrap();
    if trained && let Ok(model) = std::fs::read(example().join("model.cbor")) {
        if let Ok(plan) = Plan::new(manifest, &Assets { template: template.clone(), model, tables: Default::default() })
        {
            return plan;
        }
        eprintln!("model.cbor does not fit the manifest; a small hand-made model is used");
    }
    let schema = Plan::check_features(manifest, &Default::default()).unwrap().schema().clone();
    let model = artifact(&schema).to_block().bytes;
    Plan::new(manifest, &Assets { template, model, tables: Default::default() }).unwrap()
}

fn first_rows(path: &Path, matches: usize) {
    let source = std::fs::File::open(example().join("results.csv")).unwrap();
    let mut target = std::fs::File::create(path).unwrap();
    for line in BufReader::new(source).lines().take(matches + 1) {
        writeln!(target, "{}", line.unwrap()).unwrap();
    }
    // Two rows that are refused, so that there is something to count.
    writeln!(target, "1890-02-30,Nowhere,Elsewhere,1,0,Friendly,X,Y,FALSE\nnot a row").unwrap();
}

/// Stumps over what a rating, form and a run without defeat say, in place of a trained model.
fn artifact(schema: &FeatureSchema) -> Artifact {
    let inputs = vec![
        Input::Difference("rating".into()),
        Input::Difference("form".into()),
        Input::Own("unbeaten".into()),
        Input::Own("goals_for_1461d".into()),
        Input::Opponent("rating".into()),
    ];
    let unit = |name: &str| 10i64.pow(u32::from(schema.features[schema.position(name).unwrap()].scale));
    let mut trees = Vec::new();
    for (input, name, first, step, count, leaf) in [
        (0, "rating", -300, 40, 16, 130_000),
        (1, "form", -2, 1, 5, 70_000),
        (2, "unbeaten", 2, 3, 4, 60_000),
        (3, "goals_for_1461d", 5, 8, 5, 50_000),
        (4, "rating", 1400, 80, 4, -40_000),
    ] {
        for number in 0..count {
            trees.push(stump(input, (first + step * number) * unit(name), leaf));
        }
    }
    let rating = schema.position("rating").unwrap();
    let reference = (0..10).map(|place: i64| {
        let mut vector = vec![0; schema.features.len()];
        vector[rating] = (1340 + 45 * place) * unit("rating");
        FeatureVector(vector)
    });
    Artifact {
        version: 2,
        schema: schema.digest(),
        inputs,
        missing: Vec::new(),
        outputs: vec!["margin".into()],
        explained: 0,
        scale: 6,
        form: Form::Trees(Ensemble { base: vec![-150_000], trees }),
        link: Link::Ordered { slope: 900_000, lower: -500_000, upper: 500_000 },
        attributions: Method::Path,
        background: Vec::new(),
        reference: reference.collect(),
        origin: Origin::Imported(Import { format: "by hand".into(), objective: String::new(), file: Digest::ZERO }),
    }
}

fn stump(input: u32, threshold: i64, leaf: i64) -> Tree {
    let mut tree = Tree::default();
    let split = tree.split(input, threshold);
    let (left, right) = (tree.leaf(-leaf, 10), tree.leaf(leaf, 10));
    tree.join(split, left, right);
    tree
}
