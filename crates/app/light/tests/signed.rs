//! What a quorum signed although it is not so: the proof holds, and the receipts or the content do not.
//! `ENLIVEN_SIGNED=FILE` writes the files for other implementations to agree on.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use enliven_chain::{ChainReader, Client, Clock, DeployConfig, DevChain, DevChainConfig, Key, Publisher};
use enliven_content::{BlockStore, Directory, Link, MemoryBlocks, file};
use enliven_light::{Anchor, LightStep, LightVerifier};
use enliven_oracle::{Committee, NodeKey, Round, aggregate};
use enliven_provenance::MerkleTree;
use enliven_store::MemoryStore;
use enliven_types::{
    Address, Attribution, Block, ChangeReason, Cid, Codec, Digest, Evidence, FeatureVector, Receipt, Report, Score,
    Timestamp, TokenProof, TokenState, Trait, TraitValue, cid_of, leaf_hash, to_jcs,
};

const CHANGES: u64 = 3;

/// A collection of two tokens, of which the first has changed twice, before it is signed.
struct Draft {
    blocks: BTreeMap<Cid, Vec<u8>>,
    /// The receipts of token 1, and the one of token 2.
    history: Vec<(Cid, Receipt)>,
    other: (Cid, Receipt),
    /// What the directory names, and what `receipts` in it names.
    files: BTreeMap<String, Cid>,
    receipts: BTreeMap<String, Cid>,
}

impl Draft {
    /// `receipt` changes the receipts of token 1 before they are sealed; the second argument is the receipt of token 2.
    fn new(json: &[u8], receipt: &dyn Fn(&mut Receipt, &Cid)) -> Draft {
        let mut draft = Draft {
            blocks: BTreeMap::new(),
            history: Vec::new(),
            other: (cid_of(Codec::Raw, b""), honest(2, 1, cid_of(Codec::Raw, b""), None)),
            files: BTreeMap::new(),
            receipts: BTreeMap::new(),
        };
        let metadata = draft.put(Codec::Raw, br#"{"name":"2"}"#.to_vec());
        let other = honest(2, 1, metadata, None);
        draft.other = (draft.put(Codec::DagCbor, other.to_block().bytes), other);
        let metadata = draft.put(Codec::Raw, json.to_vec());
        for number in 1..=CHANGES {
            let mut next = honest(1, number, metadata, draft.history.last());
            receipt(&mut next, &draft.other.0);
            let cid = draft.put(Codec::DagCbor, next.to_block().bytes);
            draft.history.push((cid, next));
        }
        let (latest, last) = &draft.history[draft.history.len() - 1];
        draft.files = [("1.json".into(), last.state.metadata), ("2.json".into(), draft.other.1.state.metadata)].into();
        draft.receipts = [("1".into(), *latest), ("2".into(), draft.other.0)].into();
        draft
    }

    fn put(&mut self, codec: Codec, bytes: Vec<u8>) -> Cid {
        let cid = cid_of(codec, &bytes);
        self.blocks.insert(cid, bytes);
        cid
    }

    fn directory(&mut self, entries: &BTreeMap<String, Cid>) -> Link {
        let mut directory = Directory::new();
        for (name, cid) in entries {
            let size = self.blocks.get(cid).map_or(0, |bytes| bytes.len() as u64);
            directory.insert(name, Link { cid: *cid, size }).unwrap();
        }
        let (link, blocks) = directory.commit();
        self.blocks.extend(blocks.into_iter().map(|block| (block.cid, block.bytes)));
        link
    }

    /// Has a quorum sign it and the contract accept it.
    fn sign(mut self) -> Signed {
        if !self.files.contains_key("receipts") {
            let receipts = self.receipts.clone();
            let link = self.directory(&receipts);
            self.files.insert("receipts".into(), link.cid);
        }
        let files = self.files.clone();
        let directory = self.directory(&files);
        let latest = [self.history[self.history.len() - 1].clone(), self.other.clone()];
        let leaves: Vec<Digest> = latest.iter().map(|(cid, last)| leaf_hash(&last.state, cid).unwrap()).collect();
        let tree = MerkleTree::new(&leaves);

        let chain = Arc::new(DevChain::memory(DevChainConfig { clock: Clock::Manual, ..DevChainConfig::default() }));
        let client = Client::new(chain.clone(), Key::dev(0).unwrap()).unwrap();
        let committee = Committee::new((0..4).map(NodeKey::development).collect()).unwrap();
        let config = DeployConfig {
            name: "Signed".into(),
            symbol: "SIGNED".into(),
            owner: None,
            guardian: None,
            royalty_receiver: None,
            royalty_bps: 0,
            signers: committee.addresses().into_iter().map(Address::from).collect(),
            threshold: 3,
        };
        let publisher = Publisher::deploy(client, &config).unwrap();
        let deployment = publisher.deployment().clone();
        let domain = Report::domain(deployment.chain_id, deployment.oracle.into_array());
        let store = MemoryStore::default();
        let mut previous_root = Digest::ZERO;
        for epoch in 1..=CHANGES {
            let last = epoch == CHANGES;
            let report = Report {
                epoch,
                config_count: 1,
                valid_until: 4_000_000_000,
                previous_root,
                state_root: if last { tree.root() } else { Digest([epoch as u8; 32]) },
                directory: if last { Digest::of_cid(&directory.cid).unwrap() } else { Digest([epoch as u8; 32]) },
                receipts_root: Digest::ZERO,
                model: Digest::sha256(b"model"),
                manifest: Digest::sha256(b"manifest"),
                cut: Digest::sha256(b"cut"),
            };
            let digest = report.signing_digest(&domain);
            let votes = committee.sign(&store, Round::of(&report), &[digest; 4]).unwrap();
            publisher.post(&aggregate(&report, digest, &votes, 3).unwrap()).unwrap();
            previous_root = report.state_root;
        }

        let reader = ChainReader::open(chain, deployment.token).unwrap();
        let tokens = latest.iter().enumerate().map(|(place, (cid, last))| TokenProof {
            token_id: last.state.token_id,
            receipt: *cid,
            proof: tree.proof(place).unwrap(),
        });
        let evidence = Evidence {
            version: Evidence::VERSION,
            chain_id: deployment.chain_id,
            state: reader.state_proof(deployment.oracle, false, &[1, 2]).unwrap(),
            last: reader.report(CHANGES).unwrap().unwrap().accepted().unwrap(),
            earlier: Vec::new(),
            committees: reader.configs().unwrap(),
            tokens: tokens.collect(),
        };
        let (_, block_hash) = enliven_provenance::block_of(&evidence.state.header).unwrap();
        let root = evidence.to_block();
        self.blocks.insert(root.cid, root.bytes);
        Signed { root: root.cid, blocks: self.blocks, token: deployment.token, block_hash }
    }
}

/// What the light check is given.
struct Signed {
    root: Cid,
    blocks: BTreeMap<Cid, Vec<u8>>,
    token: Address,
    block_hash: Digest,
}

/// A change of a token; `number` is also its sequence and its epoch.
fn honest(token_id: u64, number: u64, metadata: Cid, before: Option<&(Cid, Receipt)>) -> Receipt {
    let traits = vec![Trait { name: "level".into(), value: TraitValue::Number(number as i64) }];
    Receipt {
        version: 1,
        epoch: number,
        previous: before.map(|(cid, _)| *cid),
        cut: cid_of(Codec::DagCbor, b"cut"),
        manifest: Digest::sha256(b"manifest"),
        model: Digest::sha256(b"model"),
        schema: Digest::sha256(b"schema"),
        features: FeatureVector(vec![1]),
        score: Score { units: 7, scale: 2 },
        attribution: Attribution { base: 2, parts: vec![5] },
        reasons: vec![match number {
            1 => ChangeReason::Mint,
            _ => ChangeReason::Changed { name: "level".into(), from: "a".into(), to: "b".into() },
        }],
        before: before.map_or(Vec::new(), |(_, last)| last.state.traits.iter().map(|one| one.value.clone()).collect()),
        state: TokenState {
            token_id,
            subject: format!("subject {token_id}"),
            sequence: number,
            epoch: number,
            changed_at: Timestamp(1_000 * number as i64),
            traits,
            metadata,
        },
    }
}

/// Changes a receipt; the second argument is another token's.
type ChangeReceipt = fn(&mut Receipt, &Cid);

/// The receipt of token 1 with this number is changed; what the check says of it.
const RECEIPTS: [(&str, u64, ChangeReceipt, &str); 25] = [
    ("the latest does not sum", 3, |one, _| one.attribution.base += 1, "sum"),
    ("an earlier one does not sum", 2, |one, _| one.score.units -= 1, "sum"),
    ("the mint does not sum", 1, |one, _| one.attribution.parts.push(1), "sum"),
    (
        "a sum that is right modulo 2^64",
        3,
        |one, _| one.attribution = Attribution { base: i64::MAX, parts: vec![i64::MAX, 9] },
        "sum",
    ),
    ("the latest is of version 0", 3, |one, _| one.version = 0, "version"),
    ("an earlier one is of version 2", 2, |one, _| one.version = 2, "version"),
    ("the mint is of version 2", 1, |one, _| one.version = 2, "version"),
    ("a cut that is a raw block", 3, |one, _| one.cut = cid_of(Codec::Raw, b"cut"), "cut"),
    ("an earlier cut that is a directory", 2, |one, _| one.cut = cid_of(Codec::DagPb, b"cut"), "cut"),
    ("metadata that is a record", 2, |one, _| one.state.metadata = cid_of(Codec::DagCbor, b"a"), "metadata"),
    ("metadata that is a UnixFS file", 3, |one, _| one.state.metadata = cid_of(Codec::DagPb, b"a"), "metadata"),
    ("a state of another epoch", 3, |one, _| one.state.epoch -= 1, "epoch"),
    ("the mint's state of another epoch", 1, |one, _| one.state.epoch = 0, "epoch"),
    ("an epoch that is not accepted", 3, |one, _| (one.epoch, one.state.epoch) = (4, 4), "not accepted"),
    ("two of one epoch", 2, |one, _| (one.epoch, one.state.epoch) = (1, 1), "epoch"),
    ("another subject", 2, |one, _| one.state.subject = "subject 2".into(), "another token"),
    ("a sequence that jumps", 3, |one, _| one.state.sequence = 4, "sequence"),
    ("a sequence that stands", 3, |one, _| one.state.sequence = 2, "sequence"),
    ("the mint is the second", 1, |one, _| one.state.sequence = 2, "sequence"),
    ("it follows another token's receipt", 2, |one, other| one.previous = Some(*other), ""),
    ("it follows nothing", 3, |one, _| one.previous = None, ""),
    ("it follows what is not there", 2, |one, _| one.previous = Some(cid_of(Codec::DagCbor, b"?")), "not there"),
    ("it follows a raw block", 2, |one, _| one.previous = Some(one.state.metadata), ""),
    ("other traits before", 2, |one, _| one.before = vec![TraitValue::Number(9)], "before"),
    ("the mint has traits before", 1, |one, _| one.before = vec![TraitValue::Number(9)], "before"),
];

/// Changes what is named, or takes something away.
type ChangeFiles = fn(&mut Draft);

const FILES: [(&str, Option<LightStep>, ChangeFiles, &str); 12] = [
    ("nothing is changed", None, |_| {}, ""),
    (
        "the directory names another JSON",
        Some(LightStep::Content),
        |draft| {
            draft.files.insert("1.json".into(), draft.other.1.state.metadata);
        },
        "names",
    ),
    (
        "the directory has no JSON",
        Some(LightStep::Content),
        |draft| assert!(draft.files.remove("1.json").is_some()),
        "1.json",
    ),
    (
        "the directory has no receipt",
        Some(LightStep::Content),
        |draft| assert!(draft.receipts.remove("1").is_some()),
        "receipts/1",
    ),
    (
        "the directory names an earlier receipt",
        Some(LightStep::Content),
        |draft| {
            draft.receipts.insert("1".into(), draft.history[0].0);
        },
        "names",
    ),
    (
        "the receipts are a file",
        Some(LightStep::Content),
        |draft| {
            let cid = draft.put(Codec::Raw, b"receipts".to_vec());
            draft.files.insert("receipts".into(), cid);
        },
        "receipts",
    ),
    (
        "the receipts are a record",
        Some(LightStep::Content),
        |draft| {
            draft.files.insert("receipts".into(), draft.other.0);
        },
        "receipts",
    ),
    (
        "the receipts are not there",
        Some(LightStep::Content),
        |draft| {
            draft.files.insert("receipts".into(), cid_of(Codec::DagPb, b"nowhere"));
        },
        "receipts",
    ),
    (
        "the receipts are no UnixFS",
        Some(LightStep::Content),
        |draft| {
            let cid = draft.put(Codec::DagPb, b"no protobuf".to_vec());
            draft.files.insert("receipts".into(), cid);
        },
        "receipts",
    ),
    (
        "the JSON is not there",
        Some(LightStep::Content),
        |draft| {
            let metadata = draft.history[0].1.state.metadata;
            draft.blocks.remove(&metadata);
        },
        "not in the store",
    ),
    (
        "another token's receipt is not there",
        Some(LightStep::Proof),
        |draft| {
            let other = draft.other.0;
            draft.blocks.remove(&other);
        },
        "not there",
    ),
    (
        "the mint is not there",
        Some(LightStep::Receipts),
        |draft| {
            let mint = draft.history[0].0;
            draft.blocks.remove(&mint);
        },
        "not there",
    ),
];

/// The JSON of token 1, with the blocks that it names; where the check fails, and what it says.
type Json = (&'static str, Vec<u8>, Vec<Block>, Option<LightStep>, &'static str);

fn jsons() -> Vec<Json> {
    let content = Some(LightStep::Content);
    let text = |text: &str| text.as_bytes().to_vec();
    let raw = Block::new(Codec::Raw, b"a picture".to_vec());
    let naming = |place: &str, cid: &Cid| {
        let uri = format!("ipfs://{cid}");
        to_jcs(&match place {
            "image_svg" => serde_json::json!({ "properties": { place: uri } }),
            _ => serde_json::json!({ place: uri }),
        })
    };
    let large: Vec<u8> = (0..2_500_000u32).map(|number| (number >> 8) as u8).collect();
    let (link, parts) = file(&large);
    let without_last = parts.iter().filter(|part| part.cid.codec() == Codec::DagPb.code()).cloned().collect::<Vec<_>>();
    let mut shorter = parts.clone();
    let node = shorter.iter_mut().find(|part| part.cid == link.cid).unwrap();
    // The last byte is the low part of a size.
    let mut bytes = node.bytes.clone();
    *bytes.last_mut().unwrap() ^= 1;
    *node = Block::new(Codec::DagPb, bytes);
    let shorter_root = shorter.iter().find(|part| part.cid.codec() == Codec::DagPb.code()).unwrap().cid;
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth)).into_bytes();
    vec![
        ("it names a picture", naming("image", &raw.cid), vec![raw.clone()], None, ""),
        ("it names a picture of several blocks", naming("animation_url", &link.cid), parts.clone(), None, ""),
        ("it names a picture that is not there", naming("image", &raw.cid), vec![], content, "not in the store"),
        (
            "it names an animation that is not there",
            naming("animation_url", &raw.cid),
            vec![],
            content,
            "not in the store",
        ),
        ("it names a drawing that is not there", naming("image_svg", &raw.cid), vec![], content, "not in the store"),
        ("a part of a picture is not there", naming("image", &link.cid), without_last, content, "not in the store"),
        ("a size in a picture is wrong", naming("image", &shorter_root), shorter, content, ""),
        ("a text elsewhere names nothing", naming("description", &raw.cid), vec![], None, ""),
        ("a space", text(r#"{"a": 1}"#), vec![], content, ""),
        ("a line break", text("{\"a\":1}\n"), vec![], content, ""),
        ("keys out of order", text(r#"{"b":1,"a":2}"#), vec![], content, ""),
        ("a key twice", text(r#"{"a":1,"a":1}"#), vec![], content, ""),
        ("keys in the order of UTF-16", text("{\"\u{10000}\":1,\"\u{e000}\":2}"), vec![], None, ""),
        ("keys in the order of UTF-8", text("{\"\u{e000}\":1,\"\u{10000}\":2}"), vec![], content, ""),
        ("a number with a point", text(r#"{"a":1.0}"#), vec![], content, ""),
        ("a number with an exponent", text(r#"{"a":1e2}"#), vec![], content, ""),
        ("minus zero", text(r#"{"a":-0}"#), vec![], content, ""),
        ("a number as RFC 8785 has it", text(r#"{"a":1e+21,"b":0.1}"#), vec![], None, ""),
        ("an escape that is not needed", text(r#"{"a":"\u0061"}"#), vec![], content, ""),
        ("an escape in capitals", text(r#"{"a":"\u000B"}"#), vec![], content, ""),
        ("an escape that is needed", text(r#"{"a":"\u000b\n"}"#), vec![], None, ""),
        ("half of a surrogate pair", text(r#"{"a":"\ud800"}"#), vec![], content, ""),
        ("no UTF-8", b"{\"a\":\"\xff\"}".to_vec(), vec![], content, ""),
        ("a mark of the order of bytes", text("\u{feff}{}"), vec![], content, ""),
        ("something behind it", text("{}{}"), vec![], content, ""),
        ("nothing", vec![], vec![], content, ""),
        ("lists 127 deep", deep(127), vec![], None, ""),
        ("lists 128 deep", deep(128), vec![], content, ""),
        ("no object", text("7"), vec![], None, ""),
    ]
}

fn cases() -> Vec<(String, Signed, Option<LightStep>, &'static str)> {
    let mut cases = Vec::new();
    for (name, number, change, words) in RECEIPTS {
        let changed = |receipt: &mut Receipt, other: &Cid| {
            if receipt.state.sequence == number {
                change(receipt, other);
            }
        };
        let draft = Draft::new(br#"{"name":"1"}"#, &changed);
        cases.push((format!("receipts: {name}"), draft.sign(), Some(LightStep::Receipts), words));
    }
    for (name, step, change, words) in FILES {
        let mut draft = Draft::new(br#"{"name":"1"}"#, &|_, _| {});
        change(&mut draft);
        cases.push((format!("files: {name}"), draft.sign(), step, words));
    }
    for (name, json, blocks, step, words) in jsons() {
        let mut draft = Draft::new(&json, &|_, _| {});
        draft.blocks.extend(blocks.into_iter().map(|block| (block.cid, block.bytes)));
        cases.push((format!("JSON: {name}"), draft.sign(), step, words));
    }
    cases
}

#[test]
fn what_a_quorum_signed_wrongly_fails_at_its_step() {
    let (mut wrong, mut lines) = (Vec::new(), String::new());
    let cases = cases();
    for (name, signed, step, words) in &cases {
        let store = MemoryBlocks::new();
        let blocks = signed.blocks.iter().map(|(cid, bytes)| Block { cid: *cid, bytes: bytes.clone() });
        store.put_all(&blocks.collect::<Vec<_>>()).unwrap();
        let verdict = LightVerifier::new(&store).run(&signed.root, signed.token, &Anchor::Hash(signed.block_hash));
        let failed = verdict.checks.iter().find(|check| check.passed == Some(false));
        let found = failed.map(|check| check.step);
        if found != *step || failed.is_some_and(|check| !check.detail.contains(words)) {
            wrong.push(format!("{name}: wanted {step:?} with `{words}`, found {failed:?}"));
        }
        let hex = |bytes: &Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let blocks: BTreeMap<String, String> =
            signed.blocks.iter().map(|(cid, bytes)| (cid.to_string(), hex(bytes))).collect();
        let line = serde_json::json!({
            "name": name, "token": signed.token, "block_hash": signed.block_hash, "root": signed.root.to_string(),
            "blocks": blocks, "fails_at": found,
        });
        lines.push_str(&format!("{line}\n"));
    }
    if let Some(path) = std::env::var_os("ENLIVEN_SIGNED") {
        std::fs::write(path, lines).unwrap();
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
