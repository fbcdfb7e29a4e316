//! Groups make keys and sign reports; the contract takes the signatures, on the embedded chain and on anvil.

#![allow(clippy::unwrap_used)] // A test helper that fails should fail loudly.

use std::collections::BTreeMap;
use std::sync::Arc;

use enliven_chain::{
    ChainReader, Client, Clock, ContractSettings, DEV_ADDRESSES, DeployConfig, DevChain, DevChainConfig, HttpRpc, Key,
    Publisher, Rpc,
};
use enliven_oracle::group::{Group, GroupNode, SigningCommitments, SigningNonces, deal, generate};
use enliven_oracle::{GroupSignature, OracleError, Round, check_group_signature};
use enliven_store::{MemoryStore, Store};
use enliven_testkit::Anvil;
use enliven_types::{Digest, Report};
use frost_secp256k1_evm::rand_core::OsRng;

const NODES: u16 = 7;

/// The signature of a digest by these nodes, both rounds; each keeps its own notes.
fn sign(
    group: &Group,
    nodes: &[GroupNode],
    who: &[u16],
    stores: &[MemoryStore],
    epoch: u64,
    digest: Digest,
) -> Result<GroupSignature, OracleError> {
    let mut nonces: BTreeMap<u16, SigningNonces> = BTreeMap::new();
    let mut commitments: BTreeMap<u16, SigningCommitments> = BTreeMap::new();
    for node in who {
        let (kept, sent) = nodes[usize::from(*node)].commit(&mut OsRng);
        nonces.insert(*node, kept);
        commitments.insert(*node, sent);
    }
    let package = group.package(digest, commitments)?;
    let mut shares = BTreeMap::new();
    for (node, kept) in nonces {
        let store: &dyn Store = &stores[usize::from(node)];
        shares.insert(
            node,
            nodes[usize::from(node)].sign(store, Round { config_count: 1, epoch }, digest, &package, kept)?,
        );
    }
    group.aggregate(&package, shares)
}

fn stores() -> Vec<MemoryStore> {
    (0..NODES).map(|_| MemoryStore::default()).collect()
}

#[test]
fn a_quorum_signs_and_fewer_cannot() {
    for (group, nodes) in [deal(NODES, &mut OsRng).unwrap(), generate(NODES, &mut OsRng).unwrap()] {
        let digest = Digest([7; 32]);
        let key = group.key().unwrap();
        for who in [vec![0, 1, 2, 3, 4], vec![2, 3, 4, 5, 6], (0..NODES).collect()] {
            let signature = sign(&group, &nodes, &who, &stores(), 1, digest).unwrap();
            check_group_signature(&key, digest, &signature).unwrap();
            assert!(check_group_signature(&key, Digest([8; 32]), &signature).is_err());
            for byte in [0, 31, 32, 63, 64, 95] {
                let mut wrong = signature;
                wrong[byte] ^= 1;
                assert!(check_group_signature(&key, digest, &wrong).is_err(), "byte {byte}");
            }
        }
        let error = sign(&group, &nodes, &[0, 1, 2, 3], &stores(), 1, digest).unwrap_err();
        assert!(matches!(error, OracleError::Group { .. }), "{error}");
    }
}

#[test]
fn a_share_of_another_digest_is_found_out() {
    let (group, nodes) = deal(NODES, &mut OsRng).unwrap();
    let stores = stores();
    let digest = Digest([7; 32]);
    sign(&group, &nodes, &[0, 1, 2, 3, 4], &stores, 9, digest).unwrap();
    // A node signs no second digest of an epoch, nor one that it did not compute.
    let error = sign(&group, &nodes, &[4, 5, 6, 2, 3], &stores, 9, Digest([8; 32])).unwrap_err();
    assert!(matches!(error, OracleError::Equivocation { epoch: 9, .. }), "{error}");
    let (kept, sent) = nodes[5].commit(&mut OsRng);
    let package = group.package(Digest([1; 32]), BTreeMap::from([(5, sent)])).unwrap();
    let error =
        nodes[5].sign(&stores[5], Round { config_count: 1, epoch: 10 }, Digest([2; 32]), &package, kept).unwrap_err();
    assert!(matches!(error, OracleError::Malformed { .. }), "{error}");
}

#[test]
fn shares_are_stored_and_never_printed() {
    let (group, nodes) = deal(4, &mut OsRng).unwrap();
    let again: Vec<GroupNode> =
        nodes.iter().map(|node| GroupNode::from_bytes(&node.to_bytes().unwrap()).unwrap()).collect();
    let digest = Digest([3; 32]);
    let signature = sign(&group, &again, &[1, 2, 3], &stores(), 1, digest).unwrap();
    check_group_signature(&group.key().unwrap(), digest, &signature).unwrap();
    assert_eq!(format!("{:?}", nodes[0]), "GroupNode(secret)");
    assert!(GroupNode::from_bytes(&[0; 10]).is_err());
    assert!(deal(1, &mut OsRng).is_err() && deal(65, &mut OsRng).is_err());
}

/// A group posts three epochs; what was posted can be checked by anybody.
fn a_group_posts(rpc: Arc<dyn Rpc>, valid_until: u64) {
    let (group, nodes) = generate(NODES, &mut OsRng).unwrap();
    let stores = stores();
    let client = Client::new(rpc.clone(), Key::dev(0).unwrap()).unwrap();
    let config = DeployConfig {
        name: "Living".to_string(),
        symbol: "LIVE".to_string(),
        owner: None,
        guardian: None,
        royalty_receiver: None,
        royalty_bps: 0,
        signers: DEV_ADDRESSES[1..5].to_vec(),
        threshold: 3,
    };
    let settings = ContractSettings { group_key: Some(group.key().unwrap()), ..ContractSettings::default() };
    let publisher = Publisher::deploy_with(client, &config, &settings).unwrap();
    let deployment = publisher.deployment();
    let domain = Report::domain(deployment.chain_id, deployment.oracle.into_array());
    let mut previous_root = Digest::ZERO;
    for epoch in 1..=3 {
        let report = Report {
            epoch,
            config_count: 1,
            valid_until,
            previous_root,
            state_root: Digest([epoch as u8; 32]),
            directory: Digest([epoch as u8 + 10; 32]),
            receipts_root: Digest::ZERO,
            model: Digest([4; 32]),
            manifest: Digest([5; 32]),
            cut: Digest([6; 32]),
        };
        let digest = report.signing_digest(&domain);
        let signature = sign(&group, &nodes, &[0, 2, 3, 5, 6], &stores, epoch, digest).unwrap();
        let mut wrong = signature;
        wrong[95] ^= 1;
        let error = publisher.post_by_group(&report, &wrong).unwrap_err().to_string();
        assert!(error.contains("GroupSignatureInvalid"), "{error}");
        let posted = publisher.post_by_group(&report, &signature).unwrap();
        println!("epoch {epoch} by the group: {} gas", posted.gas_used);
        assert!(publisher.post_by_group(&report, &signature).unwrap().already);
        previous_root = report.state_root;
    }
    let reader = ChainReader::open(rpc, deployment.token).unwrap().from_block(deployment.block);
    let key = reader.configs().unwrap()[0].group_key.unwrap();
    let reports = reader.reports().unwrap();
    assert_eq!(reports.len(), 3);
    for posted in reports {
        let digest = posted.signed.report.signing_digest(&domain);
        check_group_signature(&key, digest, &posted.group_signature.unwrap()).unwrap();
    }
}

#[test]
fn the_contract_takes_it_on_the_embedded_chain() {
    let config = DevChainConfig { clock: Clock::Manual, genesis_time_s: 631_000_000, ..DevChainConfig::default() };
    a_group_posts(Arc::new(DevChain::memory(config)), 4_000_000_000);
}

/// `cargo test -p enliven-oracle --features frost --test group -- --ignored`, after `npm ci` in `contracts`.
#[test]
#[ignore = "needs anvil from contracts/node_modules"]
fn the_contract_takes_it_on_anvil() {
    let anvil = Anvil::start();
    a_group_posts(Arc::new(HttpRpc::new(&anvil.url).unwrap()), 4_000_000_000);
}
