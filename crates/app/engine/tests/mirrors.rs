//! Epochs are stored where the manifest says before they are posted. The tests with a real Kubo are ignored; `./test`
//! builds it and runs them: `cargo test -p enliven-engine --test mirrors -- --ignored`.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::World;
use enliven_chain::ChainReader;
use enliven_content::{BlockStore, ContentError, Directory, Kubo, KuboConfig, Link, MemoryBlocks, Mirror};
use enliven_engine::{EngineError, ExportScope, Mirrors, Scope, Verifier, export, kept_at, named_blocks, note_sweep};
use enliven_testkit::KuboNode;
use enliven_types::{Block, Cid, Codec, Digest};

const NONE: Duration = Duration::ZERO;
const SOME: Duration = Duration::from_secs(120);

/// What a run without a mirror comes to.
fn plain(epochs: u64) -> Digest {
    let mut world = World::new(common::plan());
    world.run(epochs).root
}

fn with_mirrors(world: World, list: Vec<Arc<dyn Mirror>>, patience: Duration) -> World {
    World { engine: world.engine.with_mirrors(Mirrors::new(list, patience, |_| {})), ..world }
}

/// A mirror in memory that refuses now and then, and remembers what the chain had when it took an epoch.
struct Shaky {
    taken: Mutex<Vec<String>>,
    kept: MemoryBlocks,
    calls: AtomicUsize,
    refuse_below: AtomicUsize,
}

impl Shaky {
    fn new(refuse_below: usize) -> Arc<Shaky> {
        Arc::new(Shaky {
            taken: Mutex::default(),
            kept: MemoryBlocks::new(),
            calls: AtomicUsize::new(0),
            refuse_below: AtomicUsize::new(refuse_below),
        })
    }
}

impl Mirror for Shaky {
    fn place(&self) -> String {
        "shaky".into()
    }

    fn keep(
        &self,
        root: &Cid,
        name: &str,
        _: Option<&Cid>,
        blocks: &dyn BlockStore,
        new: &[Cid],
    ) -> Result<(), ContentError> {
        if self.calls.fetch_add(1, Ordering::SeqCst) < self.refuse_below.load(Ordering::SeqCst) {
            return Err(ContentError::Mirror { place: self.place(), reason: "not today".into() });
        }
        for cid in new {
            self.kept.put_all(&[Block { cid: *cid, bytes: blocks.get(cid)?.unwrap() }])?;
        }
        // All that the root leads to must be there by now: a pin would look.
        enliven_content::walk(&self.kept, &[*root], |_| Ok::<_, ContentError>(enliven_content::Follow::All))?;
        self.taken.lock().unwrap().push(name.to_string());
        Ok(())
    }

    fn has_root(&self, root: &Cid) -> Result<bool, ContentError> {
        self.kept.has(root)
    }

    fn announce(&self, _: &Cid) -> Result<Option<String>, ContentError> {
        Ok(None)
    }

    fn check(&self) -> Result<String, ContentError> {
        Ok("here".into())
    }
}

#[test]
fn an_epoch_waits_for_its_mirror_and_nothing_is_lost() {
    let shaky = Shaky::new(2);
    let mut world = with_mirrors(World::new(common::plan()), vec![shaky.clone()], NONE);
    for _ in 0..2 {
        let error = world.engine.run(3, |_| {}).unwrap_err();
        assert!(matches!(&error, EngineError::Mirror { epoch: 1, tries: 1, .. }), "{error}");
        assert!(error.to_string().contains("nothing is lost"), "{error}");
        assert_eq!(world.publisher.last_epoch().unwrap().epoch, 0, "nothing is posted that is not stored");
        // As a run does that starts anew.
        world.reopen();
        world = with_mirrors(world, vec![shaky.clone()], NONE);
    }
    let root = world.engine.run(3, |_| {}).unwrap().root;
    assert_eq!(root, plain(3));
    assert_eq!(*shaky.taken.lock().unwrap(), ["epoch 1", "epoch 2", "epoch 3"]);
    assert_eq!(kept_at(&*world.store, "shaky").unwrap().map(|(epoch, _)| epoch), Some(3));

    // With some patience it goes on by itself.
    shaky.refuse_below.store(usize::MAX, Ordering::SeqCst);
    let told = Arc::new(AtomicU64::new(0));
    let (count, mirror) = (told.clone(), shaky.clone());
    let mirrors = Mirrors::new(vec![shaky.clone()], SOME, move |waiting| {
        assert_eq!((waiting.epoch, waiting.epochs, waiting.place), (4, 1, "shaky"));
        assert!(waiting.reason.contains("not today"), "{waiting:?}");
        if count.fetch_add(1, Ordering::SeqCst) == 1 {
            mirror.refuse_below.store(0, Ordering::SeqCst);
        }
    });
    world.engine = world.engine.with_mirrors(mirrors);
    world.engine.run(1, |_| {}).unwrap();
    assert_eq!((told.load(Ordering::SeqCst), world.publisher.last_epoch().unwrap().epoch), (2, 4));
}

#[test]
fn a_mirror_that_comes_later_gets_the_epochs_before() {
    let shaky = Shaky::new(0);
    let mut world = World::new(common::plan());
    world.run(5);
    let mut world = with_mirrors(world, vec![shaky.clone()], NONE);
    world.run(2);
    let names: Vec<String> = (1..=7).map(|epoch| format!("epoch {epoch}")).collect();
    assert_eq!(*shaky.taken.lock().unwrap(), names);
    // What it has is all that there is to check.
    let token = world.publisher.deployment().token;
    let verdict = Verifier::new(world.rpc(), token, &shaky.kept).run(Scope::All, |_, _| {});
    assert!(verdict.passed, "{verdict:#?}");

    // One that has lost everything gets everything again.
    let empty = Shaky::new(0);
    let mut world = with_mirrors(world, vec![empty.clone()], NONE);
    world.run(1);
    assert_eq!(empty.taken.lock().unwrap().len(), 8);
}

/// After a sweep the epochs that are still whole are brought, the first of them with what every token shows.
#[test]
fn a_mirror_that_comes_after_a_sweep_gets_what_is_left() {
    let mut world = World::new(common::plan());
    world.run(12);
    let kept: BTreeSet<Cid> =
        named_blocks(&world.plan, &*world.store, &*world.blocks, Some(3), &BTreeSet::new()).unwrap();
    note_sweep(&*world.store, 3).unwrap();
    let left = MemoryBlocks::new();
    for cid in &kept {
        // Without a mirror no epoch index has been made.
        if let Some(bytes) = world.blocks.get(cid).unwrap() {
            left.put_all(&[Block { cid: *cid, bytes }]).unwrap();
        }
    }
    assert!(!left.has(&world.directory_of(1)).unwrap() && left.has(&world.directory_of(10)).unwrap());
    world.blocks = Arc::new(left);
    world.reopen();
    let shaky = Shaky::new(0);
    let mut world = with_mirrors(world, vec![shaky.clone()], NONE);
    world.run(2);
    assert_eq!(*shaky.taken.lock().unwrap(), ["epoch 10", "epoch 11", "epoch 12", "epoch 13", "epoch 14"]);
    // It has all that each token shows.
    let reader = ChainReader::open(world.rpc(), world.publisher.deployment().token).unwrap();
    let scope = ExportScope::Tokens { ids: (1..=10).collect(), history: false };
    export(&reader, &shaky.kept, &scope, std::io::sink(), |_| {}).unwrap();
    // A second sweep keeps what the first kept and is still recent.
    let kept = named_blocks(&world.plan, &*world.store, &*world.blocks, None, &BTreeSet::new()).unwrap();
    assert!(kept.contains(&world.directory_of(10)) && !kept.contains(&world.directory_of(1)));
}

fn kubo(node: &KuboNode) -> Kubo {
    let config = KuboConfig { name_key: Some("living".into()), ..KuboConfig::new(&node.url) };
    Kubo::new(&config, None).unwrap()
}

#[test]
#[ignore = "needs Kubo"]
fn kubo_keeps_what_epochs_publish_and_others_can_verify_it() {
    let node = KuboNode::started();
    let world = World::new(common::plan());
    let mut world = with_mirrors(world, vec![Arc::new(kubo(&node))], NONE);
    let summary = world.run(6);
    assert_eq!(summary.root, plain(6));

    // Its garbage collection takes nothing that an epoch needs.
    node.ipfs(&["repo", "gc", "--quiet"]);
    let store = kubo(&node);
    let token = world.publisher.deployment().token;
    let verdict = Verifier::new(world.rpc(), token, &store).run(Scope::All, |_, _| {});
    assert!(verdict.passed, "{verdict:#?}");
    // One root for each epoch; DAG-CBOR, as nothing else is pinned here.
    let pins = node.ipfs(&["pin", "ls", "--type=recursive", "--quiet"]);
    assert_eq!(pins.lines().filter(|cid| cid.starts_with("bafyrei")).count(), 6, "{pins}");

    // The latest directory has a name.
    let directory = Digest(world.publisher.last_epoch().unwrap().directory.0).to_cid(Codec::DagPb);
    let name = node.ipfs(&["key", "list", "-l"]);
    let name = name.lines().find(|line| line.ends_with("living")).unwrap().split(' ').next().unwrap();
    assert_eq!(node.ipfs(&["name", "resolve", "--offline", name]), format!("/ipfs/{directory}"));
    assert!(node.ipfs(&["ls", &directory.to_string()]).contains("1.json"));

    // Again, as after a crash between the pin and the note of it.
    let (_, root) = kept_at(&*world.store, &store.place()).unwrap().unwrap();
    let older = pins.lines().find(|cid| cid.starts_with("bafyrei") && **cid != root.to_string()).unwrap();
    store.keep(&root, "epoch 6", Some(&Cid::try_from(older).unwrap()), &*world.blocks, &[root]).unwrap();

    let absent = enliven_types::cid_of(Codec::Raw, b"absent");
    assert_eq!((store.get(&absent).unwrap(), store.has(&absent).unwrap()), (None, false));
    assert!(store.has(&directory).unwrap() && !store.is_pinned(&directory).unwrap());
}

#[test]
#[ignore = "needs Kubo"]
fn an_outage_of_kubo_delays_and_loses_nothing() {
    let mut node = KuboNode::new();
    let world = World::new(common::plan());
    let mut world = with_mirrors(world, vec![Arc::new(kubo(&node))], NONE);
    let error = world.engine.run(3, |_| {}).unwrap_err();
    assert!(matches!(&error, EngineError::Mirror { epoch: 1, .. }), "{error}");
    assert_eq!(world.publisher.last_epoch().unwrap().epoch, 0);

    node.start();
    world.reopen();
    world = with_mirrors(world, vec![Arc::new(kubo(&node))], NONE);
    world.run(2);
    assert_eq!(world.publisher.last_epoch().unwrap().epoch, 2);

    // It dies, and comes back while the engine waits.
    node.kill();
    let node = Mutex::new(node);
    let told = Arc::new(AtomicU64::new(0));
    let client = Arc::new(kubo(&node.lock().unwrap()));
    let count = told.clone();
    world.engine = world.engine.with_mirrors(Mirrors::new(vec![client], SOME, move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    }));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while told.load(Ordering::SeqCst) < 2 {
                std::thread::sleep(Duration::from_millis(20));
            }
            node.lock().unwrap().start();
        });
        world.engine.run(3, |_| {}).unwrap();
    });
    assert!(told.load(Ordering::SeqCst) >= 2);
    assert_eq!(world.publisher.last_epoch().unwrap().epoch, 5);
    assert_eq!(world.engine.replica().root(), plain(5));
    let node = node.into_inner().unwrap();
    let verdict =
        Verifier::new(world.rpc(), world.publisher.deployment().token, &kubo(&node)).run(Scope::All, |_, _| {});
    assert!(verdict.passed, "{verdict:#?}");
}

#[test]
#[ignore = "needs Kubo"]
fn cids_are_those_that_kubo_gives() {
    let node = KuboNode::new();
    let folder = tempfile::tempdir().unwrap();
    for (entries, what) in [(3u64, "flat"), (6_000, "sharded")] {
        let path = folder.path().join(what);
        std::fs::create_dir(&path).unwrap();
        let mut directory = Directory::new();
        for number in 0..entries {
            let bytes = format!("entry {number}").into_bytes();
            std::fs::write(path.join(format!("{number}.json")), &bytes).unwrap();
            directory.insert(&format!("{number}.json"), Link::to_leaf(&Block::new(Codec::Raw, bytes))).unwrap();
        }
        let big = vec![7; 3_000_000];
        std::fs::write(path.join("big.bin"), &big).unwrap();
        directory.insert("big.bin", enliven_content::file(&big).0).unwrap();
        let cid = node.ipfs(&["add", "--recursive", "--quieter", "--offline", path.to_str().unwrap()]);
        assert_eq!(cid, directory.commit().0.cid.to_string(), "{what}");
        assert_eq!(directory.is_sharded(), what == "sharded");
    }
}
