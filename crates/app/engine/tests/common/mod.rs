//! A small real collection: the ten national teams of South America, from the football example.

#![allow(dead_code, clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Arc;

use enliven_chain::{ChainReader, Client, Clock, DeployConfig, DevChain, DevChainConfig, Key, Publisher, Rpc};
use enliven_content::{BlockStore, MemoryBlocks};
use enliven_engine::{Assets, Engine, Manifest, Plan, RunSummary, ingest};
use enliven_oracle::{Committee, NodeKey};
use enliven_store::{MemoryStore, Store};
use enliven_types::{Cid, Codec};

const TEAMS: [&str; 10] =
    ["Argentina", "Bolivia", "Brazil", "Chile", "Colombia", "Ecuador", "Paraguay", "Peru", "Uruguay", "Venezuela"];

pub fn example() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../examples/football")
}

/// The example's manifest, over fewer teams and years.
pub fn manifest() -> Manifest {
    let text = std::fs::read_to_string(example().join("enliven.toml")).unwrap();
    let mut manifest: Manifest = toml::from_str(&text).unwrap();
    manifest.epochs.start = "2015-01-01".into();
    manifest
}

pub fn assets() -> Assets {
    Assets {
        template: std::fs::read_to_string(example().join("card.svg.jinja")).unwrap(),
        model: std::fs::read(example().join("model.cbor")).unwrap(),
        tables: Default::default(),
    }
}

pub fn plan() -> Plan {
    Plan::new(&manifest(), &assets()).unwrap()
}

/// A collection that lives in memory.
pub struct World {
    pub plan: Arc<Plan>,
    pub store: Arc<dyn Store>,
    pub blocks: Arc<dyn BlockStore>,
    pub chain: Arc<DevChain>,
    pub engine: Engine,
    pub publisher: Publisher,
}

impl World {
    /// With the matches of South America in its log, before the first epoch.
    pub fn new(plan: Plan) -> World {
        World::over(plan, &[("results.csv", south_america())])
    }

    /// With the events of these files in its log, before the first epoch.
    pub fn over(plan: Plan, files: &[(&str, String)]) -> World {
        let plan = Arc::new(plan);
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let blocks: Arc<dyn BlockStore> = Arc::new(MemoryBlocks::new());
        read(&plan, &*store, files);
        let config = DevChainConfig { clock: Clock::Manual, ..DevChainConfig::default() };
        let chain = Arc::new(DevChain::memory(config));
        let committee = committee(plan.manifest.oracle.nodes);
        let client = Client::new(chain.clone(), Key::dev(0).unwrap()).unwrap();
        let config = DeployConfig {
            name: "Test".into(),
            symbol: "TEST".into(),
            owner: None,
            guardian: None,
            royalty_receiver: None,
            royalty_bps: 0,
            signers: committee.addresses().into_iter().map(Into::into).collect(),
            threshold: committee.quorum() as u8,
        };
        let publisher = Publisher::deploy(client, &config).unwrap();
        let engine = open(&plan, &store, &blocks, &chain, &publisher);
        World { plan, store, blocks, chain, engine, publisher }
    }

    /// As after a restart of the process.
    pub fn reopen(&mut self) {
        self.engine = open(&self.plan, &self.store, &self.blocks, &self.chain, &self.publisher);
    }

    /// Goes on with another plan, with the events of these files too.
    pub fn adopt(&mut self, plan: Plan, files: &[(&str, String)]) {
        self.plan = Arc::new(plan);
        read(&self.plan, &*self.store, files);
        let (chain, committee) = (Some(self.chain.clone()), committee(self.plan.manifest.oracle.nodes));
        let (store, blocks, publisher) = (self.store.clone(), self.blocks.clone(), self.publisher.clone());
        self.engine = Engine::open(self.plan.clone(), store, blocks, publisher, chain, committee, true).unwrap();
    }

    pub fn run(&mut self, epochs: u64) -> RunSummary {
        self.engine.run(epochs, |_| {}).unwrap()
    }

    /// The directory of an epoch that was posted.
    pub fn directory_of(&self, epoch: u64) -> Cid {
        let reader = ChainReader::open(self.rpc(), self.publisher.deployment().token).unwrap();
        reader.report(epoch).unwrap().unwrap().signed.report.directory.to_cid(Codec::DagPb)
    }

    pub fn rpc(&self) -> Arc<dyn Rpc> {
        self.chain.clone()
    }
}

fn read(plan: &Plan, store: &dyn Store, files: &[(&str, String)]) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    ingest(plan, store, folder.path(), |_| {}).unwrap();
}

pub fn committee(nodes: usize) -> Committee {
    Committee::new((0..nodes).map(NodeKey::development).collect()).unwrap()
}

fn open(
    plan: &Arc<Plan>,
    store: &Arc<dyn Store>,
    blocks: &Arc<dyn BlockStore>,
    chain: &Arc<DevChain>,
    publisher: &Publisher,
) -> Engine {
    let committee = committee(plan.manifest.oracle.nodes);
    Engine::open(plan.clone(), store.clone(), blocks.clone(), publisher.clone(), Some(chain.clone()), committee, false)
        .unwrap()
}

/// The header and the matches between two of the ten teams.
pub fn south_america() -> String {
    let all = std::fs::read_to_string(example().join("results.csv")).unwrap();
    let mut lines = all.lines();
    let mut kept = vec![lines.next().unwrap()];
    for line in lines {
        let mut cells = line.split(',').skip(1);
        let (home, away) = (cells.next().unwrap(), cells.next().unwrap());
        if TEAMS.contains(&home) && TEAMS.contains(&away) {
            kept.push(line);
        }
    }
    kept.join("\n")
}
