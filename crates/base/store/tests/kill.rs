//! A process that appends is killed at random moments. Whatever it was told is stored is there
//! afterwards, in whole batches, without gaps.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod common;

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Dice, check, commit, end_of, events};
use enliven_store::{EmbeddedStore, EventLog};

const SEED: u64 = 0x0DD5_EED5;
const KILLS: u64 = 500;
const KILLS_PER_STORE: u64 = 25;
/// Longer than it takes to start and open, so that most runs die while they append.
const LONGEST_US: u64 = 60_000;
const SIGKILL: i32 = 9;
const KEPT: u64 = 3000;

/// The process that is killed: it appends without end and says what is stored.
#[test]
#[ignore = "run by the other test"]
fn child() {
    let Ok(path) = std::env::var("ENLIVEN_STORE_KILLED") else { return };
    let mut store = EmbeddedStore::open(Path::new(&path)).unwrap();
    let next = EventLog::new(&store, "s", 0).next_offset().unwrap();
    println!("\nopened {next}");
    if next % 5 == 1 {
        store.compact().unwrap();
    }
    let log = EventLog::new(&store, "s", 0);
    let mut next = next;
    loop {
        next = commit(&log, next, 20).unwrap();
        println!("stored {next}");
        if next.is_multiple_of(7) {
            println!("trimmed {}", log.trim(next.saturating_sub(KEPT)).unwrap());
        }
    }
}

#[test]
fn killed_five_hundred_times_nothing_acknowledged_is_lost() {
    println!("seed {SEED:#x}; {KILLS} kills after 0 to {LONGEST_US} us");
    let begin = Instant::now();
    let mut dice = Dice(SEED);
    let (mut kills, mut appending, mut batches, mut unacknowledged) = (0, 0, 0_u64, 0);
    let mut folder = tempfile::tempdir().unwrap();
    let (mut stored, mut trimmed) = (0, 0);
    while kills < KILLS {
        let path = folder.path().join("store");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .env("ENLIVEN_STORE_KILLED", &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(dice.below(LONGEST_US)));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(status.signal(), Some(SIGKILL), "after {kills} kills the child ends by itself: {said}");
        kills += 1;

        let before = stored;
        // A line that was cut off says nothing.
        let whole = said.rfind('\n').map_or("", |end| &said[..end]);
        for line in whole.lines() {
            match line.split_once(' ') {
                Some(("stored", offset)) => {
                    stored = offset.parse().unwrap();
                    batches += 1;
                }
                Some(("trimmed", offset)) => trimmed = offset.parse().unwrap(),
                _ => {}
            }
        }
        appending += u64::from(stored > before);
        let store = EmbeddedStore::open(&path).unwrap();
        let last_of_store = kills % KILLS_PER_STORE == 0;
        // What was read after the kill before is read again when the store is done with.
        let next = check(&store, if last_of_store { 0 } else { before }).unwrap();
        // One batch may have been stored just before its line was written.
        assert!(
            next == stored || next == end_of(stored),
            "seed {SEED:#x}, kill {kills}: {stored} acknowledged, {next} stored"
        );
        unacknowledged += u64::from(next != stored);
        let log = EventLog::new(&store, "s", 0);
        assert!(log.first_offset().unwrap() >= trimmed);
        // Duplicates are still known, the trimmed ones too.
        let known = dice.below(next + 1);
        let again = events(known, next.min(known + 20));
        assert_eq!(log.append(&again).unwrap().duplicates, again.len() as u64);
        stored = next;
        if last_of_store {
            drop(store);
            folder = tempfile::tempdir().unwrap();
            (stored, trimmed) = (0, 0);
        }
    }
    println!(
        "{kills} kills, {appending} of them of a process that had appended, {batches} batches acknowledged, \
         {unacknowledged} stored without a word; {:.1?}",
        begin.elapsed()
    );
    assert!(appending > KILLS / 4, "only {appending} of {kills} kills met a process that appends");
}
