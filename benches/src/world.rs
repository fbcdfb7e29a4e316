//! The football example as a collection in a temporary folder, at once, ten or a hundred times its
//! size.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use enliven_chain::{Address, Client, Clock, DeployConfig, DevChain, DevChainConfig, Key, Publisher, Rpc};
use enliven_content::{BlockStore, EmbeddedBlocks};
use enliven_engine::{Assets, Engine, Manifest, Plan, RunSummary, ingest};
use enliven_features::{Column, FeatureSet, FeaturesConfig, Kind, SourceShape, Tables};
use enliven_oracle::{Committee, NodeKey};
use enliven_store::{EmbeddedStore, Store};
use enliven_types::Privacy;
use tempfile::TempDir;

/// What a run came to.
pub struct Run {
    pub summary: RunSummary,
    pub ingest_s: f64,
    pub replay_s: f64,
    pub events: u64,
    pub peak_mib: f64,
    pub rpc: Arc<dyn Rpc>,
    pub token: Address,
    pub blocks: Arc<dyn BlockStore>,
    /// Where all of it is, for as long as this lives.
    _folder: TempDir,
}

fn example() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/football")
}

/// Runs the example with `multiple` copies of every team and match, from `start`, for at most
/// `epochs` epochs, with a committee of `nodes`.
///
/// # Panics
///
/// Where anything fails: a benchmark of a broken run would say nothing.
pub fn run(multiple: usize, start: &str, epochs: u64, nodes: usize) -> Run {
    let text = std::fs::read_to_string(example().join("enliven.toml")).expect("the example is there");
    let mut manifest: Manifest = toml::from_str(&text).expect("the example parses");
    manifest.epochs.start = start.to_string();
    manifest.oracle.nodes = nodes;
    let assets = Assets {
        template: std::fs::read_to_string(example().join("card.svg.jinja")).expect("the template is there"),
        model: std::fs::read(example().join("model.cbor")).expect("the model is there"),
        tables: Default::default(),
    };
    let plan = Arc::new(Plan::new(&manifest, &assets).expect("the example is valid"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let csv = std::fs::read_to_string(example().join("results.csv")).expect("the results are there");
    std::fs::write(folder.path().join("results.csv"), multiply(&csv, multiple)).expect("room on disk");

    let store: Arc<dyn Store> =
        Arc::new(EmbeddedStore::open(&folder.path().join("state.redb")).expect("a new store opens"));
    let blocks: Arc<dyn BlockStore> =
        Arc::new(EmbeddedBlocks::open(folder.path().join("blocks.redb")).expect("a new store opens"));
    let begin = Instant::now();
    let ingested = ingest(&plan, &*store, folder.path(), |_| {}).expect("the results are read");
    let ingest_s = begin.elapsed().as_secs_f64();
    let config = DevChainConfig { clock: Clock::Manual, ..DevChainConfig::default() };
    let chain = Arc::new(DevChain::open(&folder.path().join("chain.redb"), config).expect("a new chain opens"));
    let keys = (0..manifest.oracle.nodes).map(NodeKey::development).collect();
    let committee = Committee::new(keys).expect("the committee has a size");
    let client = Client::new(chain.clone(), Key::dev(0).expect("dev keys are keys")).expect("the chain answers");
    let deploy = DeployConfig {
        name: "Bench".into(),
        symbol: "BENCH".into(),
        owner: None,
        guardian: None,
        royalty_receiver: None,
        royalty_bps: 0,
        signers: committee.addresses().into_iter().map(Into::into).collect(),
        threshold: u8::try_from(committee.quorum()).unwrap_or(u8::MAX),
    };
    let publisher = Publisher::deploy(client, &deploy).expect("the contracts deploy");
    let (rpc, token, kept) = (chain.clone(), publisher.deployment().token, blocks.clone());
    let begin = Instant::now();
    let mut engine =
        Engine::open(plan, store, blocks, publisher, Some(chain), committee, false).expect("a new collection opens");
    let summary = engine.run(epochs, |_| {}).expect("the epochs run");
    let replay_s = begin.elapsed().as_secs_f64();
    let (events, peak_mib) = (ingested.new, peak_mib());
    Run { summary, ingest_s, replay_s, events, peak_mib, rpc, token, blocks: kept, _folder: folder }
}

/// Every match once per copy, each copy between teams of its own.
fn multiply(csv: &str, multiple: usize) -> String {
    let mut lines = csv.lines();
    let header = lines.next().unwrap_or_default();
    let mut text = format!("{header}\n");
    for line in lines {
        let cells: Vec<&str> = line.splitn(4, ',').collect();
        for copy in 0..multiple {
            if copy == 0 {
                let _ = writeln!(text, "{line}");
            } else {
                let _ = writeln!(text, "{},{} {copy},{} {copy},{}", cells[0], cells[1], cells[2], cells[3]);
            }
        }
    }
    text
}

/// The largest resident size of this process so far.
fn peak_mib() -> f64 {
    resident_mib("VmHWM:")
}

/// A resident size of this process, in MiB: `VmHWM:` the largest, `VmRSS:` the present one.
pub fn resident_mib(which: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(which));
    let kib: Option<f64> = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}

/// A definition of one view over the source `s` with the columns `key` and `amount`, the latter with so
/// many decimal places.
///
/// # Panics
///
/// If the definition is not sound.
pub fn definition(define: &[String], scale: u8, lateness_ms: i64) -> FeatureSet {
    let text = format!(
        r#"{{"views": {{"main": {{"source": "s", "sides": [{{"entity": "key", "fields": {{"amount": "amount"}}}}], "define": [{}]}}}}}}"#,
        define.join(",")
    );
    let config: FeaturesConfig = serde_json::from_str(&text).expect("the definition parses");
    let column = |kind| Column { kind, privacy: Privacy::Public };
    let columns = [("key".to_string(), column(Kind::Text)), ("amount".to_string(), column(Kind::Number(scale)))];
    let shape = SourceShape { columns: columns.into(), partitions: 1, lateness_ms, order: None };
    FeatureSet::new(&config, &[("s".to_string(), shape)].into(), &Tables::new()).expect("the definition is sound")
}

/// One feature of a definition.
pub fn feature(name: &str, aggregate: &str, windows: &str) -> String {
    format!(r#"{{"name": "{name}", "aggregate": {aggregate}, "windows": {windows}}}"#)
}
