//! What an epoch costs on chain, beside budgets and the naive designs, all really executed on the embedded
//! chain. Everything that is sent is the same in every run but the group's signatures, which move a few bytes of
//! calldata between zero and another value.

use std::collections::BTreeMap;
use std::sync::Arc;

use enliven_chain::contracts::LivingToken;
use enliven_chain::{
    B256, Client, Clock, ContractSettings, DeployConfig, DevChain, DevChainConfig, Key, Publisher, U256, hot_traits,
    naive_gas, naive_trait_gas,
};
use enliven_oracle::group::rand_core::OsRng;
use enliven_oracle::group::{Group, GroupNode, generate};
use enliven_oracle::{Committee, NodeKey, Round};
use enliven_store::MemoryStore;
use enliven_types::{Digest, Report, SignedReport, keccak};

use crate::Row;

const TOKENS: u64 = 10_000;
const NODES: usize = 7;
/// Tokens with a hot trait, and those of the naive designs: as many as one transaction can hold.
const SOME: u64 = 1000;

/// The levels of a state tree of 10,000 and of 1,000,000 tokens.
const LEVELS: usize = 14;
const MILLION_LEVELS: usize = 20;

/// One collection of 10,000 tokens, and who signs for it.
struct World {
    publisher: Publisher,
    committee: Committee,
    group: Group,
    nodes: Vec<GroupNode>,
    stores: Vec<MemoryStore>,
    root: Digest,
    epoch: u64,
}

/// The gas of posts and of reading on chain.
pub fn gas() -> Vec<Row> {
    let mut world = World::new();
    world.post();
    let ecdsa = world.post() as f64;
    let group = world.post_by_group() as f64;
    let per_token = |gas: f64| gas / TOKENS as f64;

    world.post_hot(1);
    let plain = world.post() as f64;
    let hot = (world.post_hot(2) as f64 - plain) / SOME as f64;
    world.materialise(1, LEVELS);
    let materialise = world.materialise(2, LEVELS) as f64;
    let materialise_million = world.materialise(3, MILLION_LEVELS) as f64;

    let uri = |id: u64, round: u64| {
        format!("ipfs://bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi/{round}/{id}.json")
    };
    let rounds = |count: u64| {
        let epochs = (1..=count).map(|round| (round, (1..=SOME).map(|id| (id, uri(id, round))).collect()));
        naive_gas(epochs).expect("the naive design runs").total_gas
    };
    let naive_uri = (rounds(2) - rounds(1)) as f64 / SOME as f64;
    let naive_trait = naive_trait_gas(SOME).expect("the naive design runs");

    vec![
        Row::at_most("gas.epoch.5_of_7", "gas", ecdsa, 75_000.0, "budget", 1.0),
        Row::at_most("gas.epoch.group_key", "gas", group, 55_000.0, "budget", 1.0),
        Row::at_most("gas.token.5_of_7", "gas", per_token(ecdsa), naive_uri, "a URI in storage per token", 0.001),
        Row::at_most("gas.token.group_key", "gas", per_token(group), naive_uri, "a URI in storage per token", 0.001),
        Row::at_most("gas.token.trait", "gas", per_token(ecdsa), naive_trait, "a trait in storage per token", 0.0015),
        Row::at_most("gas.hot_trait.1000", "gas", hot, 750.0, "budget, beyond the post", 1.0),
        Row::at_most("gas.hot_trait.naive", "gas", hot, naive_trait, "a trait in storage per token", 0.15),
        Row::at_most("gas.materialise.update", "gas", materialise, 50_000.0, "budget, one trait of 10000 tokens", 1.0),
        Row::at_most(
            "gas.materialise.update.1000000",
            "gas",
            materialise_million,
            50_000.0,
            "budget, one trait of 1000000 tokens",
            1.0,
        ),
    ]
}

impl World {
    fn new() -> World {
        let config =
            DevChainConfig { clock: Clock::Manual, genesis_time_s: 1_700_000_000, ..DevChainConfig::default() };
        let client = Client::new(Arc::new(DevChain::memory(config)), Key::dev(0).expect("a key")).expect("a client");
        let committee = Committee::new((0..NODES).map(NodeKey::development).collect()).expect("a committee");
        let (group, nodes) = generate(NODES as u16, &mut OsRng).expect("a group");
        let config = DeployConfig {
            name: "Living".to_string(),
            symbol: "LIVE".to_string(),
            owner: None,
            guardian: None,
            royalty_receiver: None,
            royalty_bps: 250,
            signers: committee.addresses().into_iter().map(Into::into).collect(),
            threshold: committee.quorum() as u8,
        };
        let settings = ContractSettings {
            group_key: Some(group.key().expect("a key")),
            definitions: vec![(word("model"), word("manifest"))],
            ..ContractSettings::default()
        };
        let publisher = Publisher::deploy_with(client, &config, &settings).expect("contracts");
        let client = publisher.client();
        publisher.mint(TOKENS, client.address()).expect("tokens");
        let traits = LivingToken::setTraitsCall {
            keys: (0..7).map(|place| word(&format!("trait {place}"))).collect(),
            hotKey: word("points"),
            uri: String::new(),
        };
        client.send("setting traits", publisher.deployment().token, &traits).expect("traits");
        let stores = (0..NODES).map(|_| MemoryStore::default()).collect();
        World { publisher, committee, group, nodes, stores, root: Digest::ZERO, epoch: 0 }
    }

    /// The next report, with this state root.
    fn report(&mut self, state_root: Digest) -> Report {
        self.epoch += 1;
        let digest = |what: &str| keccak(format!("{what} {}", self.epoch).as_bytes());
        let report = Report {
            epoch: self.epoch,
            config_count: 1,
            valid_until: 1_800_000_000,
            previous_root: self.root,
            state_root,
            directory: digest("directory"),
            receipts_root: digest("receipts"),
            model: keccak(b"model"),
            manifest: keccak(b"manifest"),
            cut: digest("cut"),
        };
        self.root = state_root;
        report
    }

    fn next(&mut self) -> Report {
        self.report(keccak(format!("state {}", self.epoch).as_bytes()))
    }

    fn domain(&self) -> alloy_sol_types::Eip712Domain {
        let deployment = self.publisher.deployment();
        Report::domain(deployment.chain_id, deployment.oracle.into_array())
    }

    fn signed(&self, report: Report, digest: Digest) -> SignedReport {
        let votes = self.committee.sign(&MemoryStore::default(), Round::of(&report), &[digest; NODES]).expect("votes");
        enliven_oracle::aggregate(&report, digest, &votes, self.committee.quorum()).expect("a quorum")
    }

    fn post_report(&self, report: Report) -> u64 {
        let digest = report.signing_digest(&self.domain());
        self.publisher.post(&self.signed(report, digest)).expect("a post").gas_used
    }

    fn post(&mut self) -> u64 {
        let report = self.next();
        self.post_report(report)
    }

    fn post_by_group(&mut self) -> u64 {
        let report = self.next();
        let digest = report.signing_digest(&self.domain());
        let (mut nonces, mut commitments) = (BTreeMap::new(), BTreeMap::new());
        for node in 0..self.committee.quorum() as u16 {
            let (kept, sent) = self.nodes[usize::from(node)].commit(&mut OsRng);
            nonces.insert(node, kept);
            commitments.insert(node, sent);
        }
        let package = self.group.package(digest, commitments).expect("a package");
        let share = |(node, kept)| {
            let place = usize::from(node);
            let share = self.nodes[place].sign(&self.stores[place], Round::of(&report), digest, &package, kept);
            (node, share.expect("a share"))
        };
        let shares = nonces.into_iter().map(share).collect();
        let signature = self.group.aggregate(&package, shares).expect("a signature");
        self.publisher.post_by_group(&report, &signature).expect("a post").gas_used
    }

    /// Hot traits of all 32 bits: small numbers would cost less calldata.
    fn post_hot(&mut self, round: u64) -> u64 {
        let value = |token: u64| {
            let hash = keccak(format!("{round} {token}").as_bytes()).0;
            u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
        };
        let hot = hot_traits(1..=SOME, value);
        let report = self.next();
        let digest = report.hot_signing_digest(&self.domain(), keccak(&hot));
        self.publisher.post_hot(&self.signed(report, digest), &hot).expect("a post").gas_used
    }

    /// One trait of seven, of one token in a tree of so many levels.
    fn materialise(&mut self, value: u64, levels: usize) -> u64 {
        let traits: Vec<B256> = (0..7).map(|place| B256::from(U256::from(value + 50 + place))).collect();
        let proof: Vec<B256> = (0..levels).map(|level| word(&format!("sibling {level}"))).collect();
        let leaf = (U256::from(1), value, word("metadata"), word("receipt"), traits.clone());
        let encoded = alloy_sol_types::SolValue::abi_encode_params(&leaf);
        let root = proof.iter().fold(keccak(&keccak(&encoded).0), |node, sibling| {
            let (first, second) = if node.0 < sibling.0 { (node.0, sibling.0) } else { (sibling.0, node.0) };
            keccak(&[first, second].concat())
        });
        let report = self.report(root);
        self.post_report(report);
        let call = LivingToken::materialiseCall {
            tokenId: U256::from(1),
            sequence: value,
            metadata: word("metadata"),
            receipt: word("receipt"),
            traits,
            proof,
            which: U256::from(1),
        };
        self.publisher
            .client()
            .send("copying a trait", self.publisher.deployment().token, &call)
            .expect("a copy")
            .gas_used
    }
}

fn word(text: &str) -> B256 {
    B256::from(keccak(text.as_bytes()).0)
}
