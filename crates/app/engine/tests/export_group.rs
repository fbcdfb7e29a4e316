//! The light check of a collection of another shape: a group signs, the directories are sharded, a token has a history
//! with every kind of reason, and a trait is longer than a word. `ENLIVEN_BLESS=1` writes the golden file anew; the
//! group's signature is another one each time.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use enliven_chain::{
    ChainReader, Client, Clock, ContractSettings, DeployConfig, DevChain, DevChainConfig, Key, Publisher,
};
use enliven_content::{BlockStore, CarReader, Directory, Link, MemoryBlocks};
use enliven_engine::{ExportScope, export};
use enliven_light::{Anchor, LightStep, LightVerifier};
use enliven_oracle::group::rand_core::OsRng;
use enliven_oracle::group::{Group, GroupNode, generate};
use enliven_oracle::{GroupSignature, Round};
use enliven_provenance::MerkleTree;
use enliven_store::MemoryStore;
use enliven_types::{
    Attribution, Block, ChangeReason, Cid, Codec, Digest, Evidence, FeatureVector, FixedBytes, Receipt, Report, Score,
    Timestamp, TokenState, Trait, TraitValue, cid_of, from_cbor, leaf_hash, to_jcs,
};

const TOKENS: u64 = 6_000;
/// The token that has changed twice.
const CHANGED: u64 = 17;
const NODES: u16 = 4;

fn sign(group: &Group, nodes: &[GroupNode], stores: &[MemoryStore], epoch: u64, digest: Digest) -> GroupSignature {
    let (mut kept, mut sent) = (BTreeMap::new(), BTreeMap::new());
    for node in [0u16, 1, 3] {
        let (nonces, commitments) = nodes[usize::from(node)].commit(&mut OsRng);
        kept.insert(node, nonces);
        sent.insert(node, commitments);
    }
    let package = group.package(digest, sent).unwrap();
    let round = Round { config_count: 1, epoch };
    let share = |(node, nonces)| {
        let place = usize::from(node);
        (node, nodes[place].sign(&stores[place], round, digest, &package, nonces).unwrap())
    };
    group.aggregate(&package, kept.into_iter().map(share).collect()).unwrap()
}

/// A change of a token; `number` is also its sequence and its epoch.
fn receipt(token_id: u64, number: u64, before: Option<&(Cid, Receipt)>, blocks: &MemoryBlocks) -> (Cid, Receipt) {
    let level = 10 * number as i64;
    let word = "a trait whose text does not fit one word".to_string();
    let traits = vec![
        Trait { name: "level".into(), value: TraitValue::Number(-level) },
        Trait { name: "kind".into(), value: TraitValue::Text(word) },
    ];
    let json = Block::new(Codec::Raw, to_jcs(&serde_json::json!({ "name": format!("{token_id}"), "level": level })));
    let reasons = match number {
        1 => vec![ChangeReason::Mint],
        2 => vec![ChangeReason::Moved { name: "level".into(), from: -10, to: -20, threshold: 5 }],
        _ => vec![
            ChangeReason::StepLimited { name: "level".into(), wanted: -90, allowed: -30 },
            ChangeReason::Changed { name: "kind".into(), from: "a".into(), to: "b".into() },
        ],
    };
    let receipt = Receipt {
        version: 1,
        epoch: number,
        previous: before.map(|(cid, _)| *cid),
        cut: cid_of(Codec::DagCbor, b"cut"),
        manifest: Digest::sha256(b"manifest"),
        model: Digest::sha256(b"model"),
        schema: Digest::sha256(b"schema"),
        features: FeatureVector(vec![-1, 0, i64::MAX]),
        score: Score { units: -7, scale: 2 },
        attribution: Attribution { base: -10, parts: vec![5, -2] },
        reasons,
        before: before
            .map_or(Vec::new(), |(_, receipt)| receipt.state.traits.iter().map(|one| one.value.clone()).collect()),
        state: TokenState {
            token_id,
            subject: format!("subject {token_id}"),
            sequence: number,
            epoch: number,
            changed_at: Timestamp(1_000 * number as i64),
            traits,
            metadata: json.cid,
        },
    };
    let block = receipt.to_block();
    let cid = block.cid;
    blocks.put_all(&[json, block]).unwrap();
    (cid, receipt)
}

#[test]
fn a_group_signs_for_a_sharded_directory() {
    let blocks = MemoryBlocks::new();
    let (mut collection, mut receipts) = (Directory::new(), Directory::new());
    let mut leaves = Vec::new();
    for id in 1..=TOKENS {
        let mut last = receipt(id, 1, None, &blocks);
        if id == CHANGED {
            for number in 2..=3 {
                last = receipt(id, number, Some(&last), &blocks);
            }
        }
        let (cid, last) = last;
        leaves.push(leaf_hash(&last.state, &cid).unwrap());
        let size = |cid: &Cid| blocks.get(cid).unwrap().unwrap().len() as u64;
        let metadata = last.state.metadata;
        collection.insert(&format!("{id}.json"), Link { cid: metadata, size: size(&metadata) }).unwrap();
        receipts.insert(&id.to_string(), Link { cid, size: size(&cid) }).unwrap();
    }
    let (link, made) = receipts.commit();
    blocks.put_all(&made).unwrap();
    collection.insert("receipts", link).unwrap();
    assert!(collection.is_sharded() && receipts.is_sharded());
    let (directory, made) = collection.commit();
    blocks.put_all(&made).unwrap();

    let (group, nodes) = generate(NODES, &mut OsRng).unwrap();
    let stores: Vec<MemoryStore> = (0..NODES).map(|_| MemoryStore::default()).collect();
    let config = DevChainConfig { clock: Clock::Manual, ..DevChainConfig::default() };
    let chain = Arc::new(DevChain::memory(config));
    let client = Client::new(chain.clone(), Key::dev(0).unwrap()).unwrap();
    let config = DeployConfig {
        name: "Group".into(),
        symbol: "GROUP".into(),
        owner: None,
        guardian: None,
        royalty_receiver: None,
        royalty_bps: 0,
        signers: enliven_chain::DEV_ADDRESSES[1..5].to_vec(),
        threshold: 3,
    };
    let settings = ContractSettings { group_key: Some(group.key().unwrap()), ..ContractSettings::default() };
    let publisher = Publisher::deploy_with(client, &config, &settings).unwrap();
    let deployment = publisher.deployment().clone();
    let domain = Report::domain(deployment.chain_id, deployment.oracle.into_array());
    let mut previous_root = Digest::ZERO;
    for epoch in 1..=3 {
        let last = epoch == 3;
        let report = Report {
            epoch,
            config_count: 1,
            valid_until: 4_000_000_000,
            previous_root,
            state_root: if last { MerkleTree::new(&leaves).root() } else { Digest([epoch as u8; 32]) },
            directory: if last { Digest::of_cid(&directory.cid).unwrap() } else { Digest([epoch as u8 + 10; 32]) },
            receipts_root: Digest::ZERO,
            model: Digest::sha256(b"model"),
            manifest: Digest::sha256(b"manifest"),
            cut: Digest::sha256(b"cut"),
        };
        let signature = sign(&group, &nodes, &stores, epoch, report.signing_digest(&domain));
        publisher.post_by_group(&report, &signature).unwrap();
        previous_root = report.state_root;
    }

    let reader = ChainReader::open(chain, deployment.token).unwrap();
    let scope = ExportScope::Tokens { ids: vec![CHANGED, 1, TOKENS], history: false };
    let mut car = Vec::new();
    let exported = export(&reader, &blocks, &scope, &mut car, |_| {}).unwrap();
    let hash = exported.block_hash.unwrap();
    if std::env::var_os("ENLIVEN_BLESS").is_some() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../light/tests/golden");
        let known = serde_json::json!({
            "chain_id": deployment.chain_id, "token": deployment.token, "block": exported.block, "block_hash": hash,
        });
        std::fs::write(folder.join("group.car"), &car).unwrap();
        std::fs::write(folder.join("group.json"), format!("{known:#}\n")).unwrap();
    }

    let read = CarReader::new(car.as_slice(), "group.car").unwrap();
    let root = read.roots()[0];
    let store = MemoryBlocks::new();
    store.put_all(&read.collect::<Result<Vec<_>, _>>().unwrap()).unwrap();
    let verdict = LightVerifier::new(&store).run(&root, deployment.token, &Anchor::Hash(hash));
    assert!(verdict.passed, "{verdict:#?}");
    assert_eq!(verdict.tokens[1].sequence, 3);
    assert!(verdict.checks[3].detail.contains("its group"), "{verdict:#?}");

    // Another key, another signature, or the code left out.
    let evidence: Evidence = from_cbor("record of evidence", &store.get(&root).unwrap().unwrap()).unwrap();
    type Change = fn(&mut Evidence);
    let changes: [(&str, Change); 5] = [
        ("is not that of the oracle", |evidence| {
            evidence.committees[0].group_key = Some(FixedBytes::repeat_byte(7));
        }),
        ("its oracle has none", |evidence| evidence.committees[0].group_key = None),
        ("is not that of the oracle", |evidence| evidence.state.oracle.code = None),
        ("did not sign this", |evidence| {
            let enliven_types::EpochSignature::Group(signature) = &mut evidence.last.signed else { panic!("a group") };
            signature[95] ^= 1;
        }),
        ("did not sign this", |evidence| evidence.last.report.valid_until += 1),
    ];
    for (words, change) in changes {
        let mut evidence = evidence.clone();
        change(&mut evidence);
        let block = evidence.to_block();
        store.put_all(std::slice::from_ref(&block)).unwrap();
        let verdict = LightVerifier::new(&store).run(&block.cid, deployment.token, &Anchor::Hash(hash));
        let failed = verdict.checks.iter().find(|check| check.passed == Some(false)).unwrap();
        assert_eq!(failed.step, LightStep::Quorum, "{failed:?}");
        assert!(failed.detail.contains(words), "{failed:?}");
    }
}
