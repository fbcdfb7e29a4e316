//! A full disk: the limit on the size of a file stands in for it. What was acknowledged stays, the
//! error says what happened, and the same open store goes on when there is room again.
#![allow(clippy::unwrap_used)]
#![cfg(target_os = "linux")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{check, commit};
use enliven_store::{Batch, EmbeddedStore, EventLog, Store, Table};

/// The process whose file may not grow: it appends until that fails, waits for a line, and goes on.
#[test]
#[ignore = "run by the other test"]
fn child() {
    let Ok(path) = std::env::var("ENLIVEN_STORE_FULL") else { return };
    let store = EmbeddedStore::open(Path::new(&path)).unwrap();
    println!("\nopened 0");
    let log = EventLog::new(&store, "s", 0);
    let mut next = log.next_offset().unwrap();
    let error = loop {
        match commit(&log, next, 20) {
            Ok(end) => next = end,
            Err(error) => break error,
        }
        println!("stored {next}");
    };
    println!("failed {}", error.to_string().replace('\n', " "));
    // Still full: a smaller commit may fit, or fail again. Nothing may panic.
    let mut small = Batch::default();
    small.put(Table::Meta, "small", "1");
    if let Err(error) = store.commit(small) {
        println!("again {}", error.to_string().replace('\n', " "));
    }
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let next = check(&store, 0).unwrap();
    println!("resumed {next}");
    let next = (0..20).fold(next, |next, _| commit(&log, next, 20).unwrap());
    assert_eq!(check(&store, 0).unwrap(), next);
    println!("stored {next}");
}

/// After `commits` commits no write reaches beyond `permille` of the file as it is then. A thousand
/// and more fails where the file has to grow, less in the middle of a commit's writes.
fn full_at(commits: u64, permille: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    // The signal that a file is too large would end the process; ignored, the write fails instead.
    let mut child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env("ENLIVEN_STORE_FULL", &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let id = child.id().to_string();
    let limit = |bytes: &str| {
        let status = Command::new("prlimit").args(["--pid", &id, &format!("--fsize={bytes}:")]).status().unwrap();
        assert!(status.success(), "prlimit sets the limit");
    };
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut stored, mut count) = (0, 0);
    let failed = loop {
        let line = lines.next().expect("the child says that it failed").unwrap();
        match line.split_once(' ') {
            Some(("stored", offset)) => {
                stored = offset.parse().unwrap();
                count += 1;
                if count == commits {
                    limit(&(std::fs::metadata(&path).unwrap().len() * permille / 1000).to_string());
                }
            }
            Some(("failed", error)) => break error.to_string(),
            _ => {}
        }
    };
    assert!(failed.contains("too large") && failed.contains("store"), "{failed}");
    limit("unlimited");
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let (mut resumed, mut last) = (None, 0);
    for line in lines {
        match line.unwrap().split_once(' ') {
            Some(("resumed", offset)) => resumed = Some(offset.parse().unwrap()),
            Some(("stored", offset)) => last = offset.parse().unwrap(),
            _ => {}
        }
    }
    let case = format!("full after {count} commits at {permille} permille: {failed}");
    assert!(child.wait().unwrap().success(), "{case}: the store goes on once there is room");
    let resumed: u64 = resumed.unwrap();
    println!("{case}; {stored} acknowledged, {resumed} there when the disk has room");
    assert!(resumed == stored || resumed == common::end_of(stored), "{case}: {stored} acknowledged, {resumed} there");
    let store = EmbeddedStore::open(&path).unwrap();
    assert_eq!(check(&store, 0).unwrap(), last, "{case}");
}

#[test]
fn on_a_full_disk_nothing_is_lost_and_the_store_goes_on() {
    for commits in 1..=4 {
        for permille in [30, 150, 300, 450, 600, 900, 1000, 1200] {
            full_at(commits * 5, permille);
        }
    }
}
