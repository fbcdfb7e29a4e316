//! A collection's data directory: the event log and state, the blocks, the embedded chain.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use enliven_chain::{
    Address, ChainReader, Client, Clock, ContractSettings, DeployConfig, Deployment, DevChain, DevChainConfig, HttpRpc,
    Key, Publisher, Quorum, Rpc,
};
use enliven_content::{BlockStore, EmbeddedBlocks, Kubo, Mirror, PinningService};
use enliven_engine::{Engine, Mirrors, Plan, View, Waiting};
use enliven_oracle::{Committee, NodeKey};
use enliven_store::{Batch, EmbeddedStore, Store, Table};
use enliven_types::Period;

use crate::cli::Place;
use crate::error::CliError;

const DEPLOYMENT: &[u8] = b"deployment";

/// The embedded chain, if that is the one.
type Embedded = Option<Arc<DevChain>>;

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

    /// The chain that the manifest names; also as the embedded chain, if that is the one.
    pub fn rpc(&self, plan: &Plan) -> Result<(Arc<dyn Rpc>, Embedded), CliError> {
        match &plan.manifest.chain.rpc {
            None => {
                let chain = self.devchain()?;
                Ok((chain.clone(), Some(chain)))
            }
            Some(url) => Ok((Arc::new(HttpRpc::new(url)?), None)),
        }
    }

    /// The same with the key that pays on it.
    pub fn client(&self, plan: &Plan) -> Result<(Client, Embedded), CliError> {
        let (rpc, devchain) = self.rpc(plan)?;
        let key = match devchain {
            Some(_) => Key::dev(0)?,
            None => Key::from_hex(&secret("ENLIVEN_CHAIN_KEY", "the key that pays for transactions")?)?,
        };
        Ok((Client::new(rpc, key)?, devchain))
    }

    /// What anybody can read of the contracts that are there.
    pub fn reader(&self, plan: &Plan) -> Result<ChainReader, CliError> {
        let deployment = self.deployment()?.ok_or_else(no_contracts)?;
        Ok(ChainReader::open(self.rpc(plan)?.0, deployment.token)?.from_block(deployment.block))
    }

    /// Creates the contracts and writes down where they are.
    pub fn deploy(
        &self,
        client: Client,
        config: &DeployConfig,
        settings: &ContractSettings,
    ) -> Result<Publisher, CliError> {
        let publisher = Publisher::deploy_with(client, config, settings)?;
        self.keep_deployment(publisher.deployment())?;
        Ok(publisher)
    }

    /// Writes down where the contracts are.
    pub fn keep_deployment(&self, deployment: &Deployment) -> Result<(), CliError> {
        let mut batch = Batch::default();
        let bytes = serde_json::to_vec(deployment)
            .map_err(|error| CliError::Usage(format!("the deployment cannot be written: {error}")))?;
        batch.put(Table::Meta, DEPLOYMENT, bytes);
        Ok(self.store.commit(batch)?)
    }

    /// The contracts that are there, whoever signs.
    pub fn publisher(&self, plan: &Plan) -> Result<Publisher, CliError> {
        let deployment = self.deployment()?.ok_or_else(no_contracts)?;
        Ok(Publisher::follow(self.client(plan)?.0, deployment)?)
    }

    /// Opens the collection's chain. On the embedded one the contracts are created if they are not there yet.
    /// If the token's owner has replaced the oracle, its committee must be this one.
    pub fn chain(&self, plan: &Plan, committee: &Committee) -> Result<Chain, CliError> {
        let (client, devchain) = self.client(plan)?;
        let publisher = match self.deployment()? {
            Some(deployment) => {
                let publisher = Publisher::follow(client, deployment)?;
                check_committee(&publisher.quorum()?, committee)?;
                publisher
            }
            None if devchain.is_some() => {
                self.deploy(client, &deploy_config(plan, committee), &ContractSettings::default())?
            }
            None => return Err(no_contracts()),
        };
        Ok(Chain { publisher, devchain })
    }

    /// The engine of a collection, recovered. It posts nothing that the places of the manifest's `content` do not have.
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
        Ok((engine.with_mirrors(mirrors(plan)?), chain))
    }
}

/// The places beside the data directory that keep content, by the manifest.
pub fn mirror_list(plan: &Plan) -> Result<Vec<Arc<dyn Mirror>>, CliError> {
    let mut list: Vec<Arc<dyn Mirror>> = Vec::new();
    if let Some(kubo) = &plan.manifest.content.kubo {
        list.push(Arc::new(Kubo::new(kubo, std::env::var("ENLIVEN_KUBO_AUTH").ok())?));
    }
    if let Some(pinning) = &plan.manifest.content.pinning {
        let token = secret("ENLIVEN_PINNING_TOKEN", "the access token of the pinning service")?;
        list.push(Arc::new(PinningService::new(pinning, token)?));
    }
    Ok(list)
}

fn mirrors(plan: &Plan) -> Result<Mirrors, CliError> {
    let patience = match plan.manifest.content.patience {
        Period::Fixed(ms) => Duration::from_millis(u64::try_from(ms).unwrap_or(0)),
        Period::Month | Period::Year => {
            return Err(CliError::Usage("`content.patience` is a month or a year\nhint: a length such as 10m".into()));
        }
    };
    Ok(Mirrors::new(mirror_list(plan)?, patience, |waiting| {
        // Like progress, for people: the run's result says what came of it.
        let Waiting { place, epoch, epochs, tries, pause, reason } = waiting;
        if pause.is_zero() {
            eprintln!("   content {place}: {reason}");
        } else {
            let pause = pause.as_secs();
            eprintln!(
                "   content epoch {epoch} waits for {place} ({epochs} to store, try {tries}, next in {pause} s): {reason}"
            );
        }
    }))
}

fn no_contracts() -> CliError {
    CliError::Usage("the collection has no contracts on its chain yet\nhint: `enliven deploy` creates them".into())
}

/// The contracts of a collection that nobody but the paying key owns.
pub fn deploy_config(plan: &Plan, committee: &Committee) -> DeployConfig {
    let collection = &plan.manifest.metadata.collection;
    let Quorum { signers, threshold } = quorum(committee);
    DeployConfig {
        name: collection.name.clone(),
        symbol: collection.symbol.clone().unwrap_or_default(),
        owner: None,
        guardian: None,
        royalty_receiver: None,
        royalty_bps: plan.manifest.chain.royalty.bps,
        signers,
        threshold,
    }
}

/// The signers that the keys stand for.
pub fn quorum(committee: &Committee) -> Quorum {
    Quorum {
        signers: committee.addresses().into_iter().map(Into::into).collect(),
        threshold: u8::try_from(committee.quorum()).unwrap_or(u8::MAX),
    }
}

/// Before anything is computed that the oracle would refuse. Its threshold falls when signers are ejected.
fn check_committee(on_chain: &Quorum, committee: &Committee) -> Result<(), CliError> {
    let ours = quorum(committee);
    if on_chain.signers == ours.signers && on_chain.threshold <= ours.threshold {
        return Ok(());
    }
    let list = |signers: &[Address]| signers.iter().map(Address::to_string).collect::<Vec<_>>().join(", ");
    Err(CliError::Usage(format!(
        "the token's oracle listens to {} of {}, and the keys here are {} of {}\nhint: give the keys of that committee, in that order; or `enliven oracle propose` another",
        on_chain.threshold,
        list(&on_chain.signers),
        ours.threshold,
        list(&ours.signers)
    )))
}

/// The committee's keys: well-known ones on the embedded chain, secret ones anywhere else.
pub fn committee(plan: &Plan) -> Result<Committee, CliError> {
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
            "the environment variable {name} is not set: {what}\nhint: keys and tokens are given in the environment and never stored"
        ))
    })
}
