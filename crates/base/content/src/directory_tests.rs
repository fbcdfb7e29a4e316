use std::collections::BTreeSet;
use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;
use crate::{MemoryBlocks, resolve};

fn link(seed: usize) -> Link {
    Link::to_leaf(&Block::new(Codec::Raw, format!("content {seed}").into_bytes()))
}

fn filled(flat_limit: usize, entries: usize) -> Directory {
    let mut directory = Directory::with_flat_limit(flat_limit);
    for index in 0..entries {
        directory.insert(&format!("{index}.json"), link(index)).unwrap();
    }
    directory
}

/// Names whose hashes share their first byte, the first of them also the second and third with another one, so that
/// small directories grow deep HAMTs.
fn crowded_names() -> &'static [String] {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let hashed = (0..300_000).map(|index| format!("n{index}")).map(|name| (murmur3_x64_64(name.as_bytes()), name));
        let mut crowded: Vec<_> = hashed.filter(|(hash, _)| hash[0] == 0).collect();
        crowded.sort();
        let together = |pair: &[([u8; 8], String)]| pair[0].0[..3] == pair[1].0[..3];
        let close: Vec<_> = crowded.windows(2).filter(|pair| together(pair)).flatten().cloned().collect();
        assert!(close.len() >= 8, "{} names share three bytes", close.len());
        let mut names: Vec<String> = close[..8].iter().chain(&crowded[..192]).map(|(_, name)| name.clone()).collect();
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    })
}

#[test]
fn the_empty_directory_has_its_well_known_cid() {
    let (link, blocks) = Directory::new().commit();
    assert_eq!(link.cid.to_string(), "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354");
    assert_eq!((link.size, blocks.len()), (4, 1));
}

#[test]
fn a_commit_returns_only_the_blocks_on_the_way_to_a_change() {
    let mut directory = filled(FLAT_BYTES, 40_000);
    let (first, all) = directory.commit();
    assert!(all.len() > 256);
    assert_eq!(directory.commit(), (first, Vec::new()));

    directory.insert("7.json", link(7)).unwrap();
    assert_eq!(directory.commit(), (first, Vec::new()), "the same link is no change");

    directory.insert("7.json", link(1_000_000)).unwrap();
    let (second, changed) = directory.commit();
    assert_ne!(first, second);
    assert!(changed.len() <= 4, "{} blocks", changed.len());
    assert_eq!(changed.last().map(|block| block.cid), Some(second.cid));

    directory.insert("7.json", link(7)).unwrap();
    assert_eq!(directory.commit().0, first);
    directory.insert("more", link(0)).unwrap();
    assert!(directory.remove("more"));
    assert_eq!(directory.commit(), (first, Vec::new()), "there and back again writes nothing");
    directory.forget_commits();
    let (link, again) = directory.commit();
    assert_eq!((link, again.len()), (first, all.len()));
}

#[test]
fn it_shards_above_256_kib_and_no_block_is_large() {
    let mut directory = Directory::new();
    let name = |index: usize| format!("{index:0>255}");
    let mut index = 0;
    while !directory.is_sharded() {
        directory.insert(&name(index), link(index)).unwrap();
        index += 1;
    }
    for block in directory.commit().1 {
        assert!(block.bytes.len() <= FLAT_BYTES);
    }
    directory.remove(&name(0));
    assert!(!directory.is_sharded());
    let (_, blocks) = directory.commit();
    assert_eq!(blocks.len(), 1);
    assert!(blocks[0].bytes.len() <= FLAT_BYTES);
}

#[test]
fn a_loaded_directory_goes_on_where_the_saved_one_stopped() {
    for entries in [0, 10, 6_000] {
        let store = MemoryBlocks::new();
        let mut saved = filled(FLAT_BYTES, entries);
        let (root, blocks) = saved.commit();
        store.put_all(&blocks).unwrap();

        let mut loaded = Directory::load(&store, &root.cid, entries).unwrap();
        assert_eq!(loaded.len(), entries);
        assert_eq!(loaded.commit(), (root, Vec::new()));
        for directory in [&mut saved, &mut loaded] {
            directory.insert("new", link(5)).unwrap();
        }
        assert_eq!(saved.commit(), loaded.commit());
    }
}

#[test]
fn a_directory_of_another_profile_is_loaded_and_written_anew() {
    let store = MemoryBlocks::new();
    let (foreign, blocks) = filled(4, 10).commit();
    store.put_all(&blocks).unwrap();
    let mut loaded = Directory::load(&store, &foreign.cid, 10).unwrap();
    let (link, blocks) = loaded.commit();
    assert_eq!(link, filled(FLAT_BYTES, 10).commit().0);
    assert_eq!(blocks.len(), 1);
}

#[test]
fn bad_names_are_refused() {
    let long = "x".repeat(256);
    for name in ["", ".", "..", "a/b", "a\0b", &long] {
        let error = Directory::new().insert(name, link(0)).unwrap_err();
        assert!(matches!(error, ContentError::Name { .. }), "{error}");
    }
    assert!(Directory::new().insert(&long[..255], link(0)).is_ok());
}

#[test]
fn two_names_with_one_hash_are_refused_and_change_nothing() {
    // No such pair of names is at hand, so the trie is asked directly.
    let mut root = Shard::default();
    let leaf = |name: &str, hash| Leaf { name: name.into(), hash, link: link(0) };
    root.insert(leaf("a", [1; 8]), 0).unwrap();
    root.insert(leaf("b", [1, 1, 1, 1, 1, 1, 1, 2]), 0).unwrap();
    let before = root.write(&mut Vec::new());
    let error = root.insert(leaf("c", [1; 8]), 0).unwrap_err();
    assert!(matches!(error, ContentError::NameCollision { .. }), "{error}");
    assert_eq!(root.write(&mut Vec::new()), before);
    assert_eq!(root.get("b", &[1, 1, 1, 1, 1, 1, 1, 2]), Some(&link(0)));
    assert!(root.remove("b", &[1, 1, 1, 1, 1, 1, 1, 2], 0).is_some());
    let mut alone = Shard::default();
    alone.insert(leaf("a", [1; 8]), 0).unwrap();
    assert_eq!(root.write(&mut Vec::new()), alone.write(&mut Vec::new()), "eight levels collapse into one");
}

#[test]
fn listing_and_lookup_keep_their_limits() {
    let store = MemoryBlocks::new();
    for flat_limit in [4, FLAT_BYTES] {
        let (root, blocks) = filled(flat_limit, 300).commit();
        store.put_all(&blocks).unwrap();
        assert_eq!(list_directory(&store, &root.cid, 300).unwrap().len(), 300);
        let error = list_directory(&store, &root.cid, 299).unwrap_err();
        assert!(matches!(error, ContentError::TooLarge { limit: 299, .. }), "{error}");
        let error = resolve(&store, &root.cid, "absent.json").unwrap_err();
        assert!(matches!(error, ContentError::NotFound { .. }), "{error}");
        let error = resolve(&store, &root.cid, "1.json/deeper").unwrap_err();
        assert!(matches!(error, ContentError::NotADirectory { .. }), "{error}");
        assert_eq!(resolve(&store, &root.cid, "//").unwrap(), root.cid);
    }
}

#[test]
fn malicious_shards_are_refused() {
    let hash = murmur3_x64_64(b"a");
    let label = format!("{:02X}a", hash[0]);
    let wrong = format!("{:02X}a", hash[0] ^ 1);
    let shard = |links: &[(&str, Link)], slots: &[u8]| {
        let mut writer = NodeWriter::default();
        for (name, link) in links {
            writer.link(name, link);
        }
        Block::new(Codec::DagPb, writer.finish(&unixfs::encode_shard(slots.iter().copied())).0)
    };
    let to = |block: &Block| Link { cid: block.cid, size: 0 };
    let empty = shard(&[], &[]);
    let (flat, _) = NodeWriter::default().finish(&unixfs::DIRECTORY);
    let flat = Block::new(Codec::DagPb, flat);
    let mut deep = shard(&[(&label, link(0))], &[hash[0]]);
    let mut chain = vec![deep.clone()];
    for byte in hash.iter().rev() {
        deep = shard(&[(&format!("{byte:02X}"), to(&deep))], &[*byte]);
        chain.push(deep.clone());
    }
    let cases = [
        shard(&[(&wrong, link(0))], &[hash[0] ^ 1]),
        shard(&[(&label, link(0))], &[]),
        shard(&[(&label, link(0)), (&label, link(0))], &[hash[0]]),
        shard(&[("00", to(&empty))], &[0]),
        shard(&[("00", to(&flat))], &[0]),
        shard(&[("0", link(0))], &[0]),
        shard(&[("0a", link(0))], &[10]),
        deep,
    ];
    let store = MemoryBlocks::new();
    store.put_all(&[empty, flat]).unwrap();
    store.put_all(&chain).unwrap();
    store.put_all(&cases).unwrap();
    for (number, case) in cases.iter().enumerate() {
        let error = list_directory(&store, &case.cid, 10).unwrap_err();
        assert!(matches!(error, ContentError::Malformed { .. }), "case {number}: {error}");
        assert!(resolve(&store, &case.cid, "a").is_err(), "case {number}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(usize, usize),
    Remove(usize),
    Commit,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (any::<prop::sample::Index>(), 0usize..3).prop_map(|(name, seed)| Step::Insert(name.index(NAMES), seed)),
        4 => any::<prop::sample::Index>().prop_map(|name| Step::Remove(name.index(NAMES))),
        1 => Just(Step::Commit),
    ];
    prop::collection::vec(step, 0..80)
}

const NAMES: usize = 10;

proptest! {
    /// Whatever the way to a set of entries: the CID is that of the set, the handed-out blocks are enough to read it, and
    /// the limit of 500 bytes makes directories cross from flat to sharded and back.
    #[test]
    fn only_the_entries_count(steps in steps(), flat_limit in prop::sample::select(vec![4usize, 500, FLAT_BYTES])) {
        let names = &crowded_names()[..NAMES];
        let store = MemoryBlocks::new();
        let mut directory = Directory::with_flat_limit(flat_limit);
        let mut model = BTreeMap::new();
        for step in steps {
            match step {
                Step::Insert(name, seed) => {
                    directory.insert(&names[name], link(seed)).unwrap();
                    model.insert(names[name].clone(), link(seed));
                }
                Step::Remove(name) => {
                    prop_assert_eq!(directory.remove(&names[name]), model.remove(&names[name]).is_some());
                }
                Step::Commit => store.put_all(&directory.commit().1).unwrap(),
            }
            prop_assert_eq!(directory.len(), model.len());
        }
        let (root, blocks) = directory.commit();
        store.put_all(&blocks).unwrap();

        let mut anew = Directory::with_flat_limit(flat_limit);
        for (name, link) in model.iter().rev() {
            anew.insert(name, *link).unwrap();
        }
        prop_assert_eq!(root, anew.commit().0);
        prop_assert_eq!(list_directory(&store, &root.cid, NAMES).unwrap(), model.clone());
        for name in names {
            prop_assert_eq!(directory.get(name), model.get(name));
            prop_assert_eq!(resolve(&store, &root.cid, name).ok(), model.get(name).map(|link| link.cid));
        }
    }

    #[test]
    fn the_order_of_insertion_does_not_show(seed in any::<u64>(), removed in 0usize..180) {
        let names = crowded_names();
        let mut shuffled = names.to_vec();
        shuffled.sort_by_key(|name| murmur3_x64_64(format!("{seed}{name}").as_bytes()));
        let gone: BTreeSet<_> = shuffled.iter().rev().take(removed).collect();

        let mut one = Directory::with_flat_limit(1000);
        for name in shuffled.iter() {
            one.insert(name, link(0)).unwrap();
        }
        for name in &gone {
            prop_assert!(one.remove(name));
        }
        let mut other = Directory::with_flat_limit(1000);
        for name in names.iter().filter(|name| !gone.contains(name)) {
            other.insert(name, link(0)).unwrap();
        }
        prop_assert_eq!(one.commit().0, other.commit().0);
    }

    #[test]
    fn foreign_directories_never_panic(
        data in prop::collection::vec(any::<u8>(), 0..40),
        at in any::<prop::sample::Index>(),
        to in any::<u8>(),
    ) {
        let store = MemoryBlocks::new();
        let (_, mut blocks) = filled(4, 20).commit();
        store.put_all(&blocks).unwrap();
        let mut changed = blocks.pop().unwrap().bytes;
        let at = at.index(changed.len());
        changed[at] = to;
        for bytes in [data, changed] {
            let root = Block::new(Codec::DagPb, bytes);
            store.put_all(std::slice::from_ref(&root)).unwrap();
            let _ = list_directory(&store, &root.cid, 100);
            let _ = resolve(&store, &root.cid, "7.json");
        }
    }
}
