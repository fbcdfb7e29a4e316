//! A collection's data directory: the event log and state, the blocks, the embedded chain.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use enliven_chain::{Client, Clock, DeployConfig, Deployment, DevChain, DevChainConfig, HttpRpc, Key, Publisher, Rpc};
use enliven_content::{BlockStore, EmbeddedBlocks};
use enliven_engine::{Engine, Plan, View};
use enliven_oracle::{Committee, NodeKey};
use enliven_store::{Batch, EmbeddedStore, Store, Table};

use crate::cli::Place;
use crate::error::CliError;

const DEPLOYMENT: &[u8] = b"deployment";

/// An open data directory.
pub struct Data {
    /// The event log and state.
    pub store: Arc<dyn Store>,
    /// The blocks.
    pub blocks: Arc<dyn BlockStore>,
    /// The folder.
    pub folder: PathBuf,
}

/// The chain of a collection.
pub struct Chain {
    /// Posts and mints.
    pub publisher: Publisher,
    /// The embedded chain, if that is the one.
    pub devchain: Option<Arc<DevChain>>,
}

impl Place {
    /// The data directory.
    pub fn folder(&self) -> PathBuf {
        match &self.data {
            Some(folder) => folder.clone(),
            None => self.manifest.parent().unwrap_or(Path::new("")).join(".enliven"),
        }
    }
}

impl Data {
    /// Opens a folder, making it if need be.
    pub fn create(folder: &Path) -> Result<Data, CliError> {
        std::fs::create_dir_all(folder).map_err(|error| CliError::file("make the folder", folder, &error))?;
        Data::open(folder)
    }

    /// Opens a folder that is there.
    pub fn existing(folder: &Path) -> Result<Data, CliError> {
        if !folder.join("state.redb").exists() {
            let error = std::io::Error::new(std::io::ErrorKind::NotFound, "it holds no collection");
            return Err(CliError::file("open", folder, &error).hint("`enliven run` makes it; --data DIR names another"));
        }
        Data::open(folder)
    }

    fn open(folder: &Path) -> Result<Data, CliError> {
        let store = EmbeddedStore::open(&folder.join("state.redb"))?;
        let blocks = EmbeddedBlocks::open(folder.join("blocks.redb"))?;
        Ok(Data { store: Arc::new(store), blocks: Arc::new(blocks), folder: folder.to_path_buf() })
    }

    /// What the server and the reading commands use.
    pub fn view(&self, plan: Arc<Plan>) -> View {
        View::new(plan, self.store.clone(), self.blocks.clone())
    }

    /// The deployment that was written down, if there is one.
    pub fn deployment(&self) -> Result<Option<Deployment>, CliError> {
        match self.store.get(Table::Meta, DEPLOYMENT)? {
            None => Ok(None),
            Some(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| CliError::Usage(format!("the stored deployment cannot be read: {error}"))),
        }
    }

    /// Opens the embedded chain; outside callers may not set its clock.
    pub fn devchain(&self) -> Result<Arc<DevChain>, CliError> {
        let config = DevChainConfig { clock: Clock::Manual, test_methods: false, ..DevChainConfig::default() };
        Ok(Arc::new(DevChain::open(&self.folder.join("chain.redb"), config)?))
    }

    /// Opens the collection's chain and deploys the contracts if that was not done yet.
    pub fn chain(&self, plan: &Plan, committee: &Committee) -> Result<Chain, CliError> {
        let (rpc, devchain, key): (Arc<dyn Rpc>, _, _) = match &plan.manifest.chain.rpc {
            None => {
                let chain = self.devchain()?;
                (chain.clone(), Some(chain), Key::dev(0)?)
            }
            Some(url) => {
                let key = secret("ENLIVEN_CHAIN_KEY", "the key that pays for transactions")?;
                (Arc::new(HttpRpc::new(url)?), None, Key::from_hex(&key)?)
            }
        };
        let client = Client::new(rpc, key)?;
        if let Some(deployment) = self.deployment()? {
            return Ok(Chain { publisher: Publisher::attach(client, deployment)?, devchain });
        }
        let collection = &plan.manifest.metadata.collection;
        let config = DeployConfig {
            name: collection.name.clone(),
            symbol: collection.symbol.clone().unwrap_or_default(),
            owner: None,
            guardian: None,
            royalty_receiver: None,
            royalty_bps: plan.manifest.chain.royalty.bps,
            signers: committee.addresses().into_iter().map(Into::into).collect(),
            threshold: u8::try_from(committee.quorum()).unwrap_or(u8::MAX),
        };
        let publisher = Publisher::deploy(client, &config)?;
        let mut batch = Batch::default();
        let bytes = serde_json::to_vec(publisher.deployment())
            .map_err(|error| CliError::Usage(format!("the deployment cannot be written: {error}")))?;
        batch.put(Table::Meta, DEPLOYMENT, bytes);
        self.store.commit(batch)?;
        Ok(Chain { publisher, devchain })
    }

    /// The engine of a collection, recovered.
    pub fn engine(&self, plan: &Arc<Plan>, adopt: bool) -> Result<(Engine, Chain), CliError> {
        let committee = committee(plan)?;
        let chain = self.chain(plan, &committee)?;
        let engine = Engine::open(
            plan.clone(),
            self.store.clone(),
            self.blocks.clone(),
            chain.publisher.clone(),
            chain.devchain.clone(),
            committee,
            adopt,
        )?;
        Ok((engine, chain))
    }
}

/// The committee's keys: well-known ones on the embedded chain, secret ones anywhere else.
fn committee(plan: &Plan) -> Result<Committee, CliError> {
    let nodes = plan.manifest.oracle.nodes;
    let keys = if plan.manifest.chain.rpc.is_none() {
        (0..nodes).map(NodeKey::development).collect()
    } else {
        let listed = secret("ENLIVEN_ORACLE_KEYS", "one key per node of the committee, separated by commas")?;
        let mut keys = Vec::new();
        for (node, text) in listed.split(',').enumerate() {
            keys.push(NodeKey::from_hex(text).ok_or(enliven_oracle::OracleError::Key { node })?);
        }
        if keys.len() != nodes {
            return Err(CliError::Usage(format!(
                "ENLIVEN_ORACLE_KEYS has {} keys, the manifest's committee has {nodes} nodes",
                keys.len()
            )));
        }
        keys
    };
    Ok(Committee::new(keys)?)
}

fn secret(name: &str, what: &str) -> Result<String, CliError> {
    std::env::var(name).map_err(|_| {
        CliError::Usage(format!(
            "the environment variable {name} is not set: {what}\nhint: on a chain other than the embedded one, keys are given in the environment and never stored"
        ))
    })
}
