//! Every field of every record in the golden file is changed, and lists are cut, repeated and swapped: each variant
//! fails, at the right step. `ENLIVEN_TAMPERED=FILE` writes the variants for other implementations to agree on.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use enliven_content::{BlockStore, CarReader, ContentError, MemoryBlocks};
use enliven_light::{Anchor, LightStep, LightVerifier};
use enliven_types::{Address, Block, Cid, Codec, Digest, Evidence, cid_of, from_cbor};
use ipld_core::ipld::Ipld;
use serde::Deserialize;

const GOLDEN: &[u8] = include_bytes!("golden/token.car");

#[derive(Deserialize)]
struct Known {
    token: Address,
    block_hash: Digest,
}

fn known() -> Known {
    serde_json::from_str(include_str!("golden/token.json")).unwrap()
}

/// A copy of the golden file with some blocks changed, whatever their CIDs say.
struct Variant {
    name: String,
    root: Cid,
    blocks: BTreeMap<Cid, Option<Vec<u8>>>,
    steps: Vec<LightStep>,
}

struct Store<'a> {
    golden: &'a MemoryBlocks,
    variant: &'a Variant,
}

impl BlockStore for Store<'_> {
    fn get(&self, cid: &Cid) -> Result<Option<Vec<u8>>, ContentError> {
        match self.variant.blocks.get(cid) {
            Some(changed) => Ok(changed.clone()),
            None => self.golden.get(cid),
        }
    }

    fn put_all(&self, _: &[Block]) -> Result<(), ContentError> {
        unreachable!("a verifier writes nothing")
    }

    fn has(&self, cid: &Cid) -> Result<bool, ContentError> {
        Ok(self.get(cid)?.is_some())
    }
}

fn golden() -> (Cid, Vec<Block>, MemoryBlocks) {
    let reader = CarReader::new(GOLDEN, "token.car").unwrap();
    let root = reader.roots()[0];
    let blocks: Vec<Block> = reader.collect::<Result<_, _>>().unwrap();
    let store = MemoryBlocks::new();
    store.put_all(&blocks).unwrap();
    (root, blocks, store)
}

/// Where the check of a variant fails, and why; none if it passes.
fn failed(golden: &MemoryBlocks, variant: &Variant) -> Option<(LightStep, String)> {
    let Known { token, block_hash } = known();
    let store = Store { golden, variant };
    let verdict = LightVerifier::new(&store).run(&variant.root, token, &Anchor::Hash(block_hash));
    let check = verdict.checks.into_iter().find(|check| check.passed == Some(false));
    assert_eq!(verdict.passed, check.is_none());
    check.map(|check| (check.step, check.detail))
}

fn encode(value: &Ipld) -> Vec<u8> {
    serde_ipld_dagcbor::to_vec(value).unwrap()
}

fn decode(bytes: &[u8]) -> Ipld {
    serde_ipld_dagcbor::from_slice(bytes).unwrap()
}

/// Another value of the same kind and length.
fn flipped(value: &Ipld) -> Option<Ipld> {
    Some(match value {
        Ipld::Integer(number) => Ipld::Integer(number ^ 1),
        Ipld::Bytes(bytes) if bytes.is_empty() => Ipld::Bytes(vec![1]),
        Ipld::Bytes(bytes) => {
            let mut bytes = bytes.clone();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            Ipld::Bytes(bytes)
        }
        Ipld::String(text) => {
            let last = text.chars().last().map_or('a', |last| if last == '0' { '1' } else { '0' });
            let mut text = text.clone();
            text.pop();
            text.push(last);
            Ipld::String(text)
        }
        Ipld::Link(cid) => {
            let codec =
                [Codec::Raw, Codec::DagPb, Codec::DagCbor].into_iter().find(|codec| codec.code() == cid.codec());
            Ipld::Link(cid_of(codec.unwrap(), b"another block"))
        }
        Ipld::Null => Ipld::Link(cid_of(Codec::DagCbor, b"another block")),
        Ipld::Bool(_) | Ipld::Float(_) | Ipld::List(_) | Ipld::Map(_) => return None,
    })
}

/// Every copy of a value with one thing changed: where, how, whether the record keeps its shape, and the copy.
fn changes(value: &Ipld, at: &str, found: &mut Vec<(String, bool, Ipld)>) {
    if let Some(other) = flipped(value) {
        found.push((format!("{at} flipped"), true, other));
    }
    match value {
        Ipld::List(list) => {
            for (place, item) in list.iter().enumerate() {
                let mut copy = |what: &str, change: &dyn Fn(&mut Vec<Ipld>)| {
                    let mut other = list.clone();
                    change(&mut other);
                    if other != *list {
                        found.push((format!("{at}/{place} {what}"), false, Ipld::List(other)));
                    }
                };
                copy("dropped", &|list| drop(list.remove(place)));
                copy("repeated", &|list| list.insert(place, item.clone()));
                if place > 0 {
                    copy("swapped with the one before", &|list| list.swap(place - 1, place));
                }
                let mut below = Vec::new();
                changes(item, &format!("{at}/{place}"), &mut below);
                for (name, same_shape, item) in below {
                    let mut other = list.clone();
                    other[place] = item;
                    found.push((name, same_shape, Ipld::List(other)));
                }
            }
        }
        Ipld::Map(map) => {
            let mut more = map.clone();
            more.insert("more".into(), Ipld::Integer(1));
            found.push((format!("{at} with another field"), false, Ipld::Map(more)));
            for (name, item) in map {
                let mut fewer = map.clone();
                fewer.remove(name);
                found.push((format!("{at}/{name} left out"), false, Ipld::Map(fewer)));
                let mut below = Vec::new();
                changes(item, &format!("{at}/{name}"), &mut below);
                for (what, same_shape, item) in below {
                    let mut other = map.clone();
                    other.insert(name.clone(), item);
                    found.push((what, same_shape, Ipld::Map(other)));
                }
            }
        }
        _ => {}
    }
}

/// The step that looks at a field of the record of evidence first.
fn step_of(field: &str) -> LightStep {
    let below = |start: &str| field.starts_with(start);
    match field {
        _ if below("/state/header") => LightStep::Anchor,
        _ if below("/state") => LightStep::State,
        _ if below("/last") || below("/committees") || below("/chain_id") => LightStep::Quorum,
        _ if below("/tokens") => LightStep::Proof,
        _ => LightStep::Evidence,
    }
}

/// The record of evidence with one thing changed, under its own new CID.
fn evidence_variants(record: &Ipld, variants: &mut Vec<Variant>) {
    let mut found = Vec::new();
    changes(record, "", &mut found);
    for (what, same_shape, value) in found {
        let mut steps = vec![step_of(&what)];
        if !same_shape {
            steps.push(LightStep::Evidence);
        }
        // The ids and the number of tokens decide which slots must be proven.
        if what.starts_with("/tokens") && (!same_shape || what.contains("token_id")) {
            steps.extend([LightStep::State, LightStep::Evidence]);
        }
        let bytes = encode(&value);
        let root = cid_of(Codec::DagCbor, &bytes);
        variants.push(Variant { name: format!("evidence: {what}"), root, blocks: [(root, Some(bytes))].into(), steps });
    }
}

/// The receipts of a token with one thing changed in one of them, and every CID up to the root made anew.
fn receipt_variants(record: &Ipld, token: usize, blocks: &MemoryBlocks, variants: &mut Vec<Variant>) {
    let field = |value: &Ipld, name: &str| match value {
        Ipld::Map(map) => map[name].clone(),
        _ => panic!("a map"),
    };
    let Ipld::List(tokens) = field(record, "tokens") else { panic!("a list") };
    let mut chain = Vec::new();
    let mut next = field(&tokens[token], "receipt");
    while let Ipld::Link(cid) = next {
        let receipt = decode(&blocks.get(&cid).unwrap().unwrap());
        next = field(&receipt, "previous");
        chain.push(receipt);
    }
    for place in 0..chain.len() {
        let mut found = Vec::new();
        changes(&chain[place], "", &mut found);
        for (what, _, value) in found {
            let mut changed = BTreeMap::new();
            let mut below = seal(value, &mut changed);
            for receipt in chain[..place].iter().rev() {
                below = seal(with(receipt, "previous", Ipld::Link(below)), &mut changed);
            }
            let mut tokens = tokens.clone();
            tokens[token] = with(&tokens[token], "receipt", Ipld::Link(below));
            let root = seal(with(record, "tokens", Ipld::List(tokens)), &mut changed);
            variants.push(Variant {
                name: format!("token {token}, receipt {place} from the latest, sealed again: {what}"),
                root,
                blocks: changed,
                steps: vec![LightStep::Proof],
            });
        }
    }
}

fn with(value: &Ipld, name: &str, other: Ipld) -> Ipld {
    let Ipld::Map(mut map) = value.clone() else { panic!("a map") };
    map.insert(name.into(), other);
    Ipld::Map(map)
}

fn seal(value: Ipld, changed: &mut BTreeMap<Cid, Option<Vec<u8>>>) -> Cid {
    let bytes = encode(&value);
    let cid = cid_of(Codec::DagCbor, &bytes);
    changed.insert(cid, Some(bytes));
    cid
}

/// A block with other bytes under its old CID.
fn block_variants(root: &Cid, blocks: &[Block], evidence: &Evidence, variants: &mut Vec<Variant>) {
    for (number, block) in blocks.iter().enumerate() {
        let cid = block.cid;
        let steps = match () {
            _ if cid == *root => vec![LightStep::Evidence],
            _ if evidence.tokens.iter().any(|token| token.receipt == cid) => vec![LightStep::Proof],
            _ if cid.codec() == Codec::DagCbor.code() => vec![LightStep::Receipts],
            _ => vec![LightStep::Content],
        };
        let mut add = |what: String, bytes: Option<Vec<u8>>| {
            if bytes.as_ref() != Some(&block.bytes) {
                let name = format!("block {number} {what}");
                variants.push(Variant { name, root: *root, blocks: [(cid, bytes)].into(), steps: steps.clone() });
            }
        };
        add("left out".into(), None);
        add("empty".into(), Some(Vec::new()));
        add("with a byte behind it".into(), Some([block.bytes.as_slice(), &[0]].concat()));
        add("of another place".into(), Some(blocks[(number + 1) % blocks.len()].bytes.clone()));
        for part in 0..16 {
            let at = block.bytes.len() * part / 16;
            let mut bytes = block.bytes.clone();
            bytes[at] ^= 1 << (part % 8);
            add(format!("flipped at byte {at}"), Some(bytes));
            add(format!("cut off at byte {at}"), Some(block.bytes[..at].to_vec()));
        }
    }
}

fn variants() -> (MemoryBlocks, Vec<Variant>) {
    let (root, blocks, store) = golden();
    let bytes = store.get(&root).unwrap().unwrap();
    let evidence: Evidence = from_cbor("record of evidence", &bytes).unwrap();
    let record = decode(&bytes);
    let mut variants = Vec::new();
    evidence_variants(&record, &mut variants);
    receipt_variants(&record, 0, &store, &mut variants);
    receipt_variants(&record, 1, &store, &mut variants);
    block_variants(&root, &blocks, &evidence, &mut variants);
    (store, variants)
}

#[test]
fn every_variant_fails_at_its_step() {
    let (golden, variants) = variants();
    let mut wrong = Vec::new();
    let mut lines = String::new();
    for variant in &variants {
        let found = failed(&golden, variant);
        match &found {
            Some((step, detail)) if variant.steps.contains(step) && !detail.is_empty() => {}
            found => wrong.push(format!("{}: wanted {:?}, found {found:?}", variant.name, variant.steps)),
        }
        let hex = |bytes: &Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let blocks: BTreeMap<String, Option<String>> =
            variant.blocks.iter().map(|(cid, bytes)| (cid.to_string(), bytes.as_ref().map(hex))).collect();
        let step = found.map(|(step, _)| step);
        let line = serde_json::json!({
            "name": variant.name, "root": variant.root.to_string(), "blocks": blocks, "fails_at": step,
        });
        lines.push_str(&format!("{line}\n"));
    }
    if let Some(path) = std::env::var_os("ENLIVEN_TAMPERED") {
        std::fs::write(path, lines).unwrap();
    }
    assert!(wrong.is_empty(), "{} of {} variants:\n{}", wrong.len(), variants.len(), wrong.join("\n"));
    assert!(variants.len() > 1_000, "{}", variants.len());
}

#[test]
fn the_words_say_what_is_wrong() {
    let (golden, variants) = variants();
    for (name, words) in [
        ("evidence: /state/header flipped", "the header of block "),
        ("evidence: /state/token/slots/3/value flipped", "proof of the token: slot 0x"),
        ("evidence: /state/token/balance flipped", "is not so in the block's state"),
        ("evidence: /state/signers/code flipped", "its code is not that of the account"),
        ("evidence: /last/report/state_root flipped", "the state root that was signed is "),
        ("evidence: /last/report/valid_until flipped", "signature 0 is not by signer 0"),
        ("evidence: /committees/0/threshold flipped", "a threshold of 2; 4 signers need 3 or more"),
        ("evidence: /tokens/0/proof/0 flipped", "token 1: its leaf 0x"),
        ("evidence: /version flipped", "version 0 is not known"),
        ("evidence: /chain_id left out", "missing field `chain_id`"),
    ] {
        let variant = variants.iter().find(|variant| variant.name == name).unwrap_or_else(|| panic!("{name}"));
        let (_, detail) = failed(&golden, variant).unwrap();
        assert!(detail.contains(words), "{name}: {detail}");
    }
}

/// A group signed for it, its directories are sharded, and one of its tokens has changed twice.
#[test]
fn the_golden_file_of_a_group_passes() {
    let known: Known = serde_json::from_str(include_str!("golden/group.json")).unwrap();
    let reader = CarReader::new(&include_bytes!("golden/group.car")[..], "group.car").unwrap();
    let root = reader.roots()[0];
    let store = MemoryBlocks::new();
    store.put_all(&reader.collect::<Result<Vec<Block>, _>>().unwrap()).unwrap();
    let verdict = LightVerifier::new(&store).run(&root, known.token, &Anchor::Hash(known.block_hash));
    assert!(verdict.passed, "{verdict:#?}");
    assert_eq!(verdict.tokens.iter().map(|token| token.sequence).collect::<Vec<_>>(), [1, 3, 1]);
}
