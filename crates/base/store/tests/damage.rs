//! Files that something else has damaged. Either the store holds what some commit left, or it says
//! what is wrong; it never panics and never gives another event.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::{Dice, check, commit};
use enliven_store::{EmbeddedStore, EventLog, StoreError};

const SEED: u64 = 0x0DA3_A6ED;
const PAGE: usize = 4096;
const COMMITS: u64 = 12;
const TORN: usize = 240;
const FLIPS: usize = 360;

/// A store with its file after each commit, as a process that dies would leave it.
struct History {
    files: Vec<Vec<u8>>,
    ends: BTreeSet<u64>,
}

fn history(commits: u64) -> History {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = EmbeddedStore::open(&path).unwrap();
    let log = EventLog::new(&store, "s", 0);
    let mut history = History { files: vec![std::fs::read(&path).unwrap()], ends: BTreeSet::from([0]) };
    let mut next = 0;
    for _ in 0..commits {
        next = commit(&log, next, 10).unwrap();
        history.ends.insert(next);
        history.files.push(std::fs::read(&path).unwrap());
    }
    history
}

/// The same store after it was closed.
fn closed(file: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    std::fs::write(&path, file).unwrap();
    drop(EmbeddedStore::open(&path).unwrap());
    std::fs::read(&path).unwrap()
}

#[derive(Debug, Default)]
struct Verdicts {
    whole: u32,
    earlier: u32,
    refused: u32,
    found_later: u32,
}

impl Verdicts {
    /// Opens a damaged file, reads everything, and goes on appending where that is possible.
    fn judge(&mut self, file: &[u8], history: &History, verified: bool, case: &str) -> Option<u64> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        std::fs::write(&path, file).unwrap();
        let open = if verified { EmbeddedStore::open_verified } else { EmbeddedStore::open };
        let last = *history.ends.last().unwrap();
        match open(&path) {
            Err(error) => {
                names_the_place(&error, &path, case);
                self.refused += 1;
                None
            }
            Ok(store) => match check(&store, 0) {
                Err(error) => {
                    names_the_place(&error, &path, case);
                    assert!(!verified, "{case}: verified, and yet {error}");
                    self.found_later += 1;
                    None
                }
                Ok(next) => {
                    assert!(history.ends.contains(&next), "{case}: no commit ended at {next}");
                    match commit(&EventLog::new(&store, "s", 0), next, 30) {
                        Ok(next) => assert_eq!(check(&store, 0).unwrap(), next, "{case}"),
                        Err(error) => names_the_place(&error, &path, case),
                    }
                    *(if next == last { &mut self.whole } else { &mut self.earlier }) += 1;
                    Some(next)
                }
            },
        }
    }

    fn count(&self) -> u32 {
        self.whole + self.earlier + self.refused + self.found_later
    }
}

fn names_the_place(error: &StoreError, path: &Path, case: &str) {
    let text = error.to_string();
    let named = match error {
        StoreError::Open { .. } | StoreError::Format { .. } => text.contains(&path.display().to_string()),
        StoreError::Damaged { .. } => text.contains("in table"),
        StoreError::Gap { .. } | StoreError::Event { .. } => text.contains("offset"),
        StoreError::Io { .. } => text.contains("failed to") && text.contains(&path.display().to_string()),
        _ => false,
    };
    assert!(named, "{case}: {text}");
}

/// The power fails during a commit: of the pages that it wrote, any may be on disk and any not. That
/// is no damage: the store must hold the commit before or the commit itself.
#[test]
fn a_commit_of_which_any_pages_are_missing() {
    println!("seed {SEED:#x}");
    let mut dice = Dice(SEED);
    let history = history(COMMITS);
    let ends: Vec<u64> = history.ends.iter().copied().collect();
    let (mut before, mut after) = (0, 0);
    for case in 0..240 {
        let commit = 1 + dice.below(COMMITS) as usize;
        let (old, new) = (&history.files[commit - 1], &history.files[commit]);
        let kept_permille = [500, 50, 950, 990, 998][case % 5];
        let mut file = old.clone();
        file.resize(new.len(), 0);
        for (place, page) in new.chunks(PAGE).enumerate() {
            if dice.below(1000) < kept_permille {
                file[place * PAGE..][..page.len()].copy_from_slice(page);
            }
        }
        let name = format!("seed {SEED:#x}, case {case}, commit {commit}");
        let mut verdicts = Verdicts::default();
        let next = verdicts.judge(&file, &history, false, &name);
        match next {
            Some(next) if next == ends[commit - 1] => before += 1,
            Some(next) if next == ends[commit] => after += 1,
            other => panic!("{name}: {other:?} {verdicts:?}"),
        }
    }
    println!("{before} times the commit before, {after} times the commit");
    assert!(before > 20 && after > 2);
}

#[test]
fn torn_and_garbled_files() {
    println!("seed {SEED:#x}");
    let history = history(COMMITS);
    let open = history.files.last().unwrap();
    let files = [open.clone(), closed(open)];
    for verified in [false, true] {
        let mut dice = Dice(SEED ^ 1);
        let mut verdicts = Verdicts::default();
        for case in 0..TORN {
            let mut file = files[case / 5 % 2].clone();
            let length = file.len() as u64;
            let page = dice.below(length / PAGE as u64) as usize * PAGE;
            let what = match case % 5 {
                0 => {
                    file.truncate(dice.below(length) as usize);
                    "the tail is gone"
                }
                1 => {
                    file[dice.below(length) as usize..].fill(0);
                    "the tail is zero"
                }
                2 => {
                    file[page..page + PAGE].fill(0);
                    "a page is zero"
                }
                3 => {
                    file[page..page + PAGE].fill_with(|| dice.below(256) as u8);
                    "a page is noise"
                }
                _ => {
                    let other = dice.below(length / PAGE as u64) as usize * PAGE;
                    file.copy_within(other..other + PAGE, page);
                    "a page is another"
                }
            };
            let name = format!("seed {SEED:#x}, case {case} ({what}), verified {verified}");
            verdicts.judge(&file, &history, verified, &name);
        }
        println!("verified {verified}: {verdicts:?}");
        assert_eq!(verdicts.count() as usize, TORN);
        assert!(verdicts.refused + verdicts.found_later > 50);
    }
}

#[test]
fn flipped_bits() {
    println!("seed {SEED:#x}");
    let history = history(COMMITS);
    let open = history.files.last().unwrap();
    let files = [open.clone(), closed(open)];
    // Places that are in use: zeros are mostly pages that hold nothing.
    let used: Vec<Vec<usize>> =
        files.iter().map(|file| (0..file.len()).filter(|place| file[*place] != 0).collect()).collect();
    for verified in [false, true] {
        let mut dice = Dice(SEED ^ 2);
        let mut verdicts = Verdicts::default();
        for case in 0..FLIPS {
            let which = case % 2;
            let mut file = files[which].clone();
            // A third of them in the first pages, which hold the header and the roots.
            let among = if case % 3 == 0 { used[which].len() / 16 } else { used[which].len() };
            let place = used[which][dice.below(among as u64) as usize];
            file[place] ^= 1 << dice.below(8);
            let name = format!("seed {SEED:#x}, case {case}, byte {place}, verified {verified}");
            verdicts.judge(&file, &history, verified, &name);
        }
        println!("verified {verified}: {verdicts:?}");
        assert_eq!(verdicts.count() as usize, FLIPS);
        assert!(verdicts.refused + verdicts.found_later > 100);
    }
}
