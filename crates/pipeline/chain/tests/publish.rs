//! Deploying, posting, minting, and reading it all back without a key.

#![allow(clippy::unwrap_used)] // A test helper that fails should fail loudly.

use std::sync::Arc;

use alloy_primitives::{B256, Bytes, Signature, TxKind, U256, hex, keccak256};
use alloy_sol_types::SolCall;
use enliven_chain::contracts::{Artifact, EpochOracle, LivingToken};
use enliven_chain::{
    ChainError, ChainReader, Client, Clock, ContractSettings, DEV_ADDRESSES, DeployConfig, Deployed, DevChain,
    DevChainConfig, Key, Proposal, Publisher, Quorum, Rpc, hot_traits, naive_gas,
};
use enliven_types::{Digest, Report, SignedReport};
use serde_json::json;

fn setup() -> (Arc<DevChain>, Publisher) {
    let config = DevChainConfig { clock: Clock::Manual, genesis_time_s: 631_000_000, ..DevChainConfig::default() };
    let chain = Arc::new(DevChain::memory(config));
    let client = Client::new(chain.clone(), Key::dev(0).unwrap()).unwrap();
    let publisher = Publisher::deploy(client, &deploy_config()).unwrap();
    (chain, publisher)
}

fn deploy_config() -> DeployConfig {
    DeployConfig {
        name: "Living".to_string(),
        symbol: "LIVE".to_string(),
        owner: None,
        guardian: None,
        royalty_receiver: None,
        royalty_bps: 500,
        signers: DEV_ADDRESSES[1..6].to_vec(),
        threshold: 4,
    }
}

fn report(epoch: u64, previous: Digest, directory: u8) -> Report {
    Report {
        epoch,
        config_count: 1,
        valid_until: 4_000_000_000,
        previous_root: previous,
        state_root: Digest([epoch as u8; 32]),
        directory: Digest([directory; 32]),
        receipts_root: Digest([3; 32]),
        model: Digest([4; 32]),
        manifest: Digest([5; 32]),
        cut: Digest([6; 32]),
    }
}

/// Signed by the signers with these indices (in the committee, which starts at dev account 1).
fn sign(publisher: &Publisher, report: Report, who: &[usize]) -> SignedReport {
    let deployment = publisher.deployment();
    let digest = report.signing_digest(&Report::domain(deployment.chain_id, deployment.oracle.into_array()));
    let mut signed = SignedReport { report, signers: 0, signatures: Vec::new() };
    for index in who {
        let signature = Key::dev(index + 1).unwrap().sign_hash(B256::from(digest.0)).unwrap();
        signed.signers |= 1 << index;
        signed.signatures.push(signature.as_bytes());
    }
    signed
}

#[test]
fn epochs_are_posted_once_and_read_back() {
    let (chain, publisher) = setup();
    let token = publisher.deployment().token;
    let minted = publisher.mint(1203, DEV_ADDRESSES[7]).unwrap();
    assert_eq!((minted.first_id, minted.count, minted.transactions), (1, 1203, 3));
    assert_eq!(publisher.minted().unwrap(), 1203);

    let first = sign(&publisher, report(1, Digest::ZERO, 0x11), &[0, 1, 3, 4]);
    chain.set_next_timestamp(631_152_000);
    let posted = publisher.post(&first).unwrap();
    assert!(!posted.already);
    println!("first post: {} gas", posted.gas_used);
    let again = publisher.post(&first).unwrap();
    assert!(again.already);
    assert_eq!((again.tx_hash, again.block, again.gas_used), (posted.tx_hash, posted.block, posted.gas_used));

    let second = sign(&publisher, report(2, Digest([1; 32]), 0x22), &[0, 1, 2, 3, 4]);
    let posted = publisher.post(&second).unwrap();
    println!("second post, 5 signatures: {} gas", posted.gas_used);
    // The first is found even behind the head.
    assert!(publisher.post(&first).unwrap().already);

    let last = publisher.last_epoch().unwrap();
    assert_eq!((last.epoch, last.state_root, last.directory), (2, B256::repeat_byte(2), B256::repeat_byte(0x22)));

    let reader = ChainReader::open(chain.clone(), token).unwrap();
    assert_eq!(reader.oracle(), publisher.deployment().oracle);
    assert_eq!(reader.total_minted().unwrap(), 1203);
    assert_eq!(reader.owner_of(1203).unwrap(), DEV_ADDRESSES[7]);
    let cid = second.report.directory.to_cid(enliven_types::Codec::DagPb);
    assert_eq!(reader.token_uri(7).unwrap(), format!("ipfs://{cid}/7.json"));
    assert!(reader.token_uri(1204).is_err());
    let configs = reader.configs().unwrap();
    assert_eq!(configs.len(), 1);
    assert_eq!((configs[0].config_count, configs[0].threshold), (1, 4));
    assert_eq!(configs[0].signers, DEV_ADDRESSES[1..6]);
    let reports = reader.reports().unwrap();
    assert_eq!(reports.len(), 2);
    assert_eq!((&reports[0].signed, &reports[1].signed), (&first, &second));
    assert_eq!(reports[0].block_time, Some(631_152_000));
    assert!(reports.iter().all(|report| report.unavailable.is_none()));
    assert_eq!(reader.latest_block().unwrap(), posted.block);
    // Anybody can check a signature against the committee.
    let domain = Report::domain(reader.chain_id(), reports[0].oracle.into_array());
    let digest = reports[0].signed.report.signing_digest(&domain);
    let signature = Signature::from_raw_array(&reports[0].signed.signatures[2]).unwrap();
    assert_eq!(signature.recover_address_from_prehash(&B256::from(digest.0)).unwrap(), configs[0].signers[3]);
}

#[test]
fn wrong_posts_are_refused() {
    let (_, publisher) = setup();
    let first = sign(&publisher, report(1, Digest::ZERO, 0x11), &[0, 1, 2, 3]);
    let early = sign(&publisher, report(2, Digest::ZERO, 0x11), &[0, 1, 2, 3]);
    let error = publisher.post(&early).unwrap_err();
    assert!(matches!(error, ChainError::OutOfOrder { epoch: 2, last: 0, next: 1 }), "{error}");
    let few = sign(&publisher, first.report.clone(), &[0, 1, 2]);
    let error = publisher.post(&few).unwrap_err();
    assert_eq!(error.to_string(), "posting epoch 1 reverted: QuorumNotReached(threshold: 4, given: 3)");
    let late = sign(&publisher, Report { valid_until: 5, ..first.report.clone() }, &[0, 1, 2, 3]);
    assert!(publisher.post(&late).unwrap_err().to_string().contains("ReportExpired(validUntil: 5, timestamp: 631"));
    let mut forged = first.clone();
    forged.signatures.swap(0, 1);
    assert!(publisher.post(&forged).unwrap_err().to_string().contains("SignerMismatch(signer: 0"));

    publisher.post(&first).unwrap();
    let other = Report { state_root: Digest([9; 32]), ..first.report.clone() };
    let error = publisher.post(&sign(&publisher, other, &[0, 1, 2, 3])).unwrap_err();
    assert!(matches!(error, ChainError::Conflict { epoch: 1, .. }), "{error}");
}

#[test]
fn attaching_checks_the_deployment() {
    let (chain, publisher) = setup();
    let client = publisher.client().clone();
    let deployment = publisher.deployment().clone();
    assert!(Publisher::attach(client.clone(), deployment.clone()).is_ok());
    let wrong = enliven_chain::Deployment { chain_id: 1, ..deployment.clone() };
    assert!(matches!(
        Publisher::attach(client.clone(), wrong),
        Err(ChainError::WrongChain { expected: 1, found: 31337 })
    ));
    let wrong = enliven_chain::Deployment { oracle: DEV_ADDRESSES[0], ..deployment.clone() };
    assert!(matches!(Publisher::attach(client.clone(), wrong), Err(ChainError::Contract { .. })));
    for address in [DEV_ADDRESSES[0], deployment.oracle] {
        let error = ChainReader::open(chain.clone(), address).err().unwrap();
        assert!(error.to_string().contains("is not a LivingToken"), "{error}");
    }
    let text = serde_json::to_string(&deployment).unwrap();
    assert_eq!(serde_json::from_str::<enliven_chain::Deployment>(&text).unwrap(), deployment);
}

#[test]
fn a_foreign_owner_gets_both_contracts() {
    let chain = Arc::new(DevChain::memory(DevChainConfig::default()));
    let client = Client::new(chain, Key::dev(0).unwrap()).unwrap();
    let config = DeployConfig { owner: Some(DEV_ADDRESSES[9]), ..deploy_config() };
    let publisher = Publisher::deploy(client.clone(), &config).unwrap();
    let quorum = Quorum { signers: DEV_ADDRESSES[1..4].to_vec(), threshold: 3 };
    let settings = ContractSettings::default();
    let owner = Client::new(client.rpc().clone(), Key::dev(9).unwrap()).unwrap();
    let token = publisher.deployment().token;
    owner.transact("accepting", TxKind::Call(token), hex!("79ba5097").into(), U256::ZERO).unwrap();
    let owner = Publisher::attach(owner, publisher.deployment().clone()).unwrap();
    let oracle = publisher.create_oracle(&quorum, &settings).unwrap();
    let error = publisher.propose(oracle).unwrap_err();
    assert!(error.to_string().contains("OwnableUnauthorizedAccount"), "{error}");
    owner.propose(oracle).unwrap();
    let owner = owner.take_on(oracle).unwrap();
    assert_eq!(owner.config_count().unwrap(), 2);
}

#[test]
fn the_deployment_file_says_what_the_chain_has() {
    let chain = Arc::new(DevChain::memory(DevChainConfig::default()));
    let client = Client::new(chain.clone(), Key::dev(0).unwrap()).unwrap();
    let config = DeployConfig { owner: Some(DEV_ADDRESSES[9]), guardian: Some(DEV_ADDRESSES[8]), ..deploy_config() };
    let definitions = vec![(B256::repeat_byte(4), B256::repeat_byte(5)), (B256::repeat_byte(6), B256::repeat_byte(7))];
    let settings = ContractSettings { delay_s: 1000, min_interval_s: 60, group_key: None, definitions };
    let publisher = Publisher::deploy_with(client, &config, &settings).unwrap();
    let deployed = Deployed::read(&*chain, publisher.deployment()).unwrap();
    let deployment = publisher.deployment();
    assert_eq!((deployed.token.address, deployed.oracle.address), (deployment.token, deployment.oracle));
    assert_eq!((deployed.owner, deployed.pending_owner), (DEV_ADDRESSES[0], Some(DEV_ADDRESSES[9])));
    assert_eq!((deployed.guardian, deployed.delay_s), (Some(DEV_ADDRESSES[8]), 1000));
    assert_eq!((&deployed.committee.signers, deployed.committee.threshold), (&config.signers, 4));
    assert_eq!((deployed.committee.config_count, deployed.committee.min_interval_s), (1, 60));
    let approved: Vec<_> = deployed.definitions.iter().map(|one| (one.model, one.manifest)).collect();
    assert_eq!(approved, settings.definitions);
    // Creating both again from the file alone gives the same code.
    let again = Client::new(chain.clone(), Key::dev(1).unwrap()).unwrap();
    let files = [(&deployed.token, Artifact::LivingToken), (&deployed.oracle, Artifact::EpochOracle)];
    for (contract, artifact) in files {
        let arguments = contract.constructor_arguments.as_ref().unwrap();
        let code = [artifact.bytecode().unwrap().as_ref(), arguments.as_ref()].concat();
        let created = json!({ "from": again.address(), "data": Bytes::from(code) });
        let runtime: Bytes =
            serde_json::from_value(chain.request("eth_call", json!([created, "latest"])).unwrap()).unwrap();
        // Immutables that depend on when and where it was created differ; the length does not.
        let there: Bytes =
            serde_json::from_value(chain.request("eth_getCode", json!([contract.address, "latest"])).unwrap()).unwrap();
        assert_eq!((runtime.len(), contract.code_hash), (there.len(), keccak256(&there)));
        assert_eq!(contract.compiler.as_deref(), Some("v0.8.37+commit.f401782d"));
    }
    let text = serde_json::to_string(&deployed).unwrap();
    assert_eq!(serde_json::from_str::<Deployed>(&text).unwrap(), deployed);

    // The owner's proposals are found until they are made.
    let owner = Client::new(chain.clone(), Key::dev(9).unwrap()).unwrap();
    owner.transact("accepting", TxKind::Call(deployment.token), hex!("79ba5097").into(), U256::ZERO).unwrap();
    let owner = Publisher::attach(owner, deployment.clone()).unwrap();
    assert_eq!(Proposal::pending(&*chain, deployment).unwrap(), []);
    let quorum = Quorum { signers: DEV_ADDRESSES[1..4].to_vec(), threshold: 3 };
    let oracle = publisher.create_oracle(&quorum, &settings).unwrap();
    owner.propose(oracle).unwrap();
    owner.propose(oracle).unwrap();
    let pending = Proposal::pending(&*chain, deployment).unwrap();
    assert_eq!((pending.len(), pending[0].oracle), (1, Some(oracle)));
    chain.set_next_timestamp(pending[0].ready_at);
    let owner = owner.take_on(oracle).unwrap();
    assert_eq!(Proposal::pending(&*chain, deployment).unwrap(), []);
    let next = Deployed::read(&*chain, owner.deployment()).unwrap();
    assert_eq!((next.oracle.address, next.committee.config_count), (oracle, 2));
    assert_eq!(next.token, deployed.token);
}

#[test]
fn a_committee_follows_another_after_the_delay() {
    let config = DevChainConfig { clock: Clock::Manual, genesis_time_s: 631_000_000, ..DevChainConfig::default() };
    let chain = Arc::new(DevChain::memory(config));
    let client = Client::new(chain.clone(), Key::dev(0).unwrap()).unwrap();
    let settings = ContractSettings {
        delay_s: 1000,
        min_interval_s: 60,
        group_key: None,
        definitions: vec![(B256::repeat_byte(4), B256::repeat_byte(5))],
    };
    let publisher = Publisher::deploy_with(client, &deploy_config(), &settings).unwrap();
    chain.set_next_timestamp(631_152_000);
    publisher.post(&sign(&publisher, report(1, Digest::ZERO, 0x11), &[0, 1, 2, 3])).unwrap();

    let second = report(2, Digest([1; 32]), 0x22);
    let signed = sign(&publisher, second.clone(), &[0, 1, 2, 3]);
    let error = publisher.post(&signed).unwrap_err().to_string();
    assert!(error.contains("EpochTooSoon(readyAt: 631152060"), "{error}");
    chain.set_next_timestamp(631_152_060);
    publisher.post(&signed).unwrap();
    let other = Report { model: Digest([9; 32]), ..report(3, Digest([2; 32]), 0x33) };
    chain.set_next_timestamp(631_153_000);
    let error = publisher.post(&sign(&publisher, other, &[0, 1, 2, 3])).unwrap_err().to_string();
    assert!(error.contains("DefinitionNotApproved(model: 0x0909"), "{error}");

    let quorum = Quorum { signers: DEV_ADDRESSES[3..6].to_vec(), threshold: 2 };
    let oracle = publisher.create_oracle(&quorum, &settings).unwrap();
    publisher.propose(oracle).unwrap();
    let error = publisher.clone().take_on(oracle).err().unwrap().to_string();
    assert!(error.contains("NotReady(readyAt: "), "{error}");
    chain.set_next_timestamp(631_156_000);
    let publisher = publisher.take_on(oracle).unwrap();
    let third = Report { config_count: 2, ..report(3, Digest([2; 32]), 0x33) };
    // Of the new committee: dev accounts 4 and 5.
    let digest = third.signing_digest(&Report::domain(31337, oracle.into_array()));
    let signature = |account| Key::dev(account).unwrap().sign_hash(B256::from(digest.0)).unwrap().as_bytes();
    let signed = SignedReport { report: third, signers: 0b110, signatures: vec![signature(4), signature(5)] };
    publisher.post(&signed).unwrap();

    let reader = ChainReader::open(chain, publisher.deployment().token).unwrap();
    let configs = reader.configs().unwrap();
    assert_eq!((configs[0].config_count, configs[0].signers.len(), configs[0].threshold), (1, 5, 4));
    assert_eq!((configs[1].config_count, configs[1].signers.len(), configs[1].threshold), (2, 3, 2));
    let reports = reader.reports().unwrap();
    assert_eq!(reports.iter().map(|one| one.signed.report.config_count).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(reports[2].signed, signed);
    assert!(publisher.post(&signed).unwrap().already);
}

#[test]
fn hot_traits_are_posted_with_the_report() {
    let (chain, publisher) = setup();
    let token = publisher.deployment().token;
    let client = publisher.client();
    publisher.mint(20, DEV_ADDRESSES[0]).unwrap();
    let key = keccak256("points");
    let traits = LivingToken::setTraitsCall { keys: Vec::new(), hotKey: key, uri: String::new() };
    client.send("setting traits", token, &traits).unwrap();
    let post = |epoch: u64, hot: &[u8]| {
        let previous = if epoch == 1 { Digest::ZERO } else { Digest([epoch as u8 - 1; 32]) };
        let report = report(epoch, previous, epoch as u8);
        let hash = Digest(keccak256(hot).0);
        let domain = Report::domain(31337, publisher.deployment().oracle.into_array());
        let digest = report.hot_signing_digest(&domain, hash);
        let signature = |index: usize| Key::dev(index + 1).unwrap().sign_hash(B256::from(digest.0)).unwrap().as_bytes();
        let signed = SignedReport { report, signers: 0b1111, signatures: (0..4).map(signature).collect() };
        (signed, hash)
    };
    let hot = hot_traits([1, 2, 17], |token| token as u32 * 1000);
    let (signed, hash) = post(1, &hot);
    publisher.post_hot(&signed, &hot).unwrap();
    let value = |id: u64| client.call(token, &LivingToken::hotTraitCall { tokenId: U256::from(id) }).unwrap();
    assert_eq!([1, 7, 8, 16, 17, 20].map(value), [1000, 7000, 0, 16_000, 17_000, 20_000]);

    // A frozen token keeps its value; its neighbours do not.
    client.send("freezing", token, &LivingToken::freezeCall { tokenId: U256::from(2) }).unwrap();
    let again = hot_traits([1, 2, 17], |token| token as u32 * 7);
    publisher.post_hot(&post(2, &again).0, &again).unwrap();
    assert_eq!([1, 2, 3, 17].map(value), [7, 2000, 21, 119]);

    // Other hot traits than those that were signed are refused.
    let (third, _) = post(3, &again);
    let error = publisher.post_hot(&third, &hot).unwrap_err().to_string();
    assert!(error.contains("SignerMismatch"), "{error}");
    assert!(publisher.post(&third).unwrap_err().to_string().contains("SignerMismatch"));

    let reports = ChainReader::open(chain, token).unwrap().reports().unwrap();
    assert_eq!((&reports[0].signed, reports[0].hot), (&signed, Some(hash)));
}

#[test]
fn a_post_through_another_contract_has_no_readable_signatures() {
    let (chain, publisher) = setup();
    let client = publisher.client();
    // Calls the address in the first 20 bytes with the rest of its calldata.
    let forwarder = hex!(
        "6025 80 600b 6000 39 6000 f3 6014 36 03 80 6014 6000 37 6000 6000 82 6000 6000 6000 35 6060 1c 5a f1 15 6020 57 00 5b 6000 80 fd"
    );
    let (forwarder, _) = client.deploy("forwarder", &Bytes::from(forwarder), &[]).unwrap();
    let signed = sign(&publisher, report(1, Digest::ZERO, 0x11), &[0, 1, 2, 3]);
    let sol = signed.report.to_sol();
    let call = EpochOracle::postCommitteeCall {
        report: EpochOracle::Report {
            epoch: sol.epoch,
            configCount: sol.configCount,
            validUntil: sol.validUntil,
            previousRoot: sol.previousRoot,
            stateRoot: sol.stateRoot,
            directory: sol.directory,
            receiptsRoot: sol.receiptsRoot,
            model: sol.model,
            manifest: sol.manifest,
            cut: sol.cut,
        },
        bitmap: signed.signers,
        signatures: signed.signatures.concat().into(),
    };
    let data = [publisher.deployment().oracle.as_slice(), &call.abi_encode()].concat();
    client.transact("forwarding", TxKind::Call(forwarder), data.into(), U256::ZERO).unwrap();
    assert!(publisher.post(&signed).unwrap().already);
    let reports = ChainReader::open(chain, publisher.deployment().token).unwrap().reports().unwrap();
    assert_eq!(reports[0].signed.report, signed.report);
    assert!(reports[0].signed.signatures.is_empty());
    assert_eq!(reports[0].unavailable.as_deref(), Some("the epoch was posted through another contract"));
}

#[test]
fn the_naive_design_is_really_executed() {
    let uri = |id: u64, epoch: u64| {
        format!("ipfs://bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi/{epoch}/{id}.json")
    };
    let epochs = (1..=3).map(|epoch| (epoch, (1..=700).map(|id| (id, uri(id, epoch))).collect()));
    let gas = naive_gas(epochs).unwrap();
    println!("naive: {} gas per update in {} transactions", gas.per_update(), gas.transactions);
    assert_eq!(gas.updates, 2100);
    assert!(gas.per_update() > 20_000.0 && gas.per_update() < 120_000.0);
    assert_eq!(naive_gas(std::iter::empty()).unwrap().per_update(), 0.0);
    let short = naive_gas([(1, vec![(2, "x".to_string())]), (2, Vec::new())].into_iter()).unwrap();
    assert_eq!((short.updates, short.transactions), (1, 1));
}

/// `ENLIVEN_RPC=http://127.0.0.1:8545 cargo test -p enliven-chain -- --ignored a_real_node`, with a
/// node such as anvil that funds the dev accounts.
#[test]
#[ignore = "needs a node"]
fn a_real_node_is_used_through_the_same_code() {
    let url = std::env::var("ENLIVEN_RPC").expect("ENLIVEN_RPC names the node");
    let rpc = Arc::new(enliven_chain::HttpRpc::new(&url).unwrap());
    let client = Client::new(rpc.clone(), Key::dev(0).unwrap()).unwrap();
    let publisher = Publisher::deploy(client, &deploy_config()).unwrap();
    assert_eq!(publisher.mint(600, DEV_ADDRESSES[7]).unwrap().transactions, 2);
    let first = sign(&publisher, report(1, Digest::ZERO, 0x11), &[0, 1, 3, 4]);
    assert!(!publisher.post(&first).unwrap().already);
    assert!(publisher.post(&first).unwrap().already);
    let few = sign(&publisher, report(2, Digest([1; 32]), 0x22), &[0, 1, 2]);
    let error = publisher.post(&few).unwrap_err();
    assert_eq!(error.to_string(), "posting epoch 2 reverted: QuorumNotReached(threshold: 4, given: 3)");
    let reader = ChainReader::open(rpc, publisher.deployment().token).unwrap();
    assert_eq!(reader.reports().unwrap().last().unwrap().signed, first);
    assert_eq!(reader.configs().unwrap().last().unwrap().signers, DEV_ADDRESSES[1..6]);
    let error = reader.token_uri(601).unwrap_err();
    assert_eq!(error.to_string(), "tokenURI reverted: ERC721NonexistentToken(tokenId: 601)");
}
