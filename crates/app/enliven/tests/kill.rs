//! A run that is killed at any moment resumes to the state that an undisturbed run reaches.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod common;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{both, edit, enliven, json, starter};
use serde_json::Value;

const SEED: u64 = 0x0DD5_EED5;
const KILLS: u32 = 50;
const SIGKILL: i32 = 9;

#[test]
fn killed_fifty_times_the_run_ends_at_the_same_root() {
    let temp = tempfile::tempdir().unwrap();
    starter(temp.path(), "2024-07-01");
    let league = temp.path().join("league");
    json(&league, &["train"], true);

    let start = Instant::now();
    let calm = json(&league, &["run", "--data", "calm"], true);
    let undisturbed = start.elapsed();
    // Long enough to get past the start of the process, short enough that one run meets many kills.
    let longest = u64::try_from(undisturbed.as_micros()).unwrap() / 3;
    println!("seed {SEED:#x}; undisturbed {undisturbed:.1?}; killed after 0 to {longest} us");

    let mut dice = SEED;
    let (mut kills, mut folders) = (0, 1);
    while kills < KILLS {
        let data = format!("killed-{folders}");
        // Every second one has so little memory for features that nearly all of them are spilled.
        let memory = if kills % 2 == 0 { "1GiB" } else { "1KiB" };
        let mut child = enliven(&league, &["run", "--json", "--data", &data, "--feature-memory", memory])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(roll(&mut dice) % longest));
        // A process that has ended is left as it is: only a kill that was the end of one counts.
        let _ = child.kill();
        let status = child.wait().unwrap();
        if status.signal() == Some(SIGKILL) {
            kills += 1;
            continue;
        }
        assert!(status.success(), "seed {SEED:#x}: after {kills} kills the run fails: {}", again(&league, &data));
        folders += 1;
    }

    for folder in 1..=folders {
        let data = format!("killed-{folder}");
        same(&calm, &json(&league, &["run", "--data", &data], true), kills);
        let findings = json(&league, &["doctor", "--data", &data], true);
        assert!(findings.as_array().unwrap().iter().all(|finding| finding["ok"] == true), "{findings}");
        assert!(findings.as_array().unwrap().iter().any(|finding| finding["what"] == "collection"), "{findings}");
    }
    println!("{kills} kills of a running process in {folders} data directories, {:.1?} in all", start.elapsed());
}

/// Runs a command many times and kills it at random moments, sometimes after its end; how often it was killed.
fn killed(dice: &mut u64, league: &Path, arguments: &[&str], mut after: impl FnMut()) -> u32 {
    // How long it takes is not known before: what it does is done for good in some tries.
    let (mut kills, mut longest) = (0, 40_000u64);
    for _ in 0..16 {
        let mut child = enliven(league, arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(roll(dice) % longest));
        let _ = child.kill();
        let status = child.wait().unwrap();
        if status.signal() == Some(SIGKILL) {
            kills += 1;
            longest += longest / 4;
        } else {
            assert!(status.success(), "seed {SEED:#x}: after {kills} kills {arguments:?} fails");
            longest = (longest / 2).max(2_000);
        }
        after();
    }
    assert!(kills >= 4, "seed {SEED:#x}: only {kills} kills of {arguments:?}");
    kills
}

/// A run that goes on with another definition recomputes its features from all events, and may die anywhere in that.
#[test]
fn killed_while_it_adopts_another_definition_it_ends_at_the_same_root() {
    let temp = tempfile::tempdir().unwrap();
    starter(temp.path(), "2024-09-01");
    let league = &temp.path().join("league");
    json(league, &["train"], true);
    let folders: Vec<String> = (0..4).map(|number| format!("adopted-{number}")).collect();
    for folder in &folders {
        json(league, &["run", "--data", folder, "--epochs", "6"], true);
    }
    let played = "\n[[traits]]\nname = \"played\"\nfrom = { feature = \"matches_lifetime\" }\n\n[policy]";
    edit(league, "\n[policy]", played);
    let calm = json(league, &["run", "--adopt", "--data", &folders[0]], true);
    let dice = &mut SEED.clone();
    for folder in &folders[1..] {
        // The features of before come from what was published.
        let swept = json(league, &["gc", "--events", "--data", folder], true);
        assert!(swept["events_in_blocks_alone"].as_u64().unwrap() > 0, "{swept}");
        let arguments = ["run", "--adopt", "--data", folder];
        let kills = killed(dice, league, &arguments, || {});
        same(&calm, &json(league, &arguments, true), kills);
    }
}

#[test]
fn what_is_killed_while_it_exports_imports_checks_or_sweeps_goes_on() {
    let temp = tempfile::tempdir().unwrap();
    starter(temp.path(), "2025-01-01");
    let league = &temp.path().join("league");
    json(league, &["train"], true);
    let run = json(league, &["run"], true);
    let token = run["deployment"]["token"].as_str().unwrap();
    let calm = json(league, &["export", "--all", "--out", "calm.car"], true);
    let hash = calm["block_hash"].as_str().unwrap();
    let whole = std::fs::read(league.join("calm.car")).unwrap();
    let dice = &mut SEED.clone();

    killed(dice, league, &["export", "--all", "--out", "all.car"], || {
        // There is no such file, or it is whole.
        assert!(std::fs::read(league.join("all.car")).map_or(true, |bytes| bytes == whole), "seed {SEED:#x}");
    });
    json(league, &["export", "--all", "--out", "all.car"], true);

    killed(dice, league, &["import", "all.car", "--data", "other"], || {});
    let import = json(league, &["import", "all.car", "--data", "other"], true);
    let again = json(league, &["import", "all.car", "--data", "other"], true);
    assert_eq!((&again["new"], &again["blocks"]), (&Value::from(0), &import["blocks"]));

    let resume = ["verify", "--car", "all.car", "--token", token, "--block", hash, "--all", "--resume", "come.json"];
    killed(dice, league, &resume, || {
        let come = std::fs::read_to_string(league.join("come.json"));
        assert!(come.map_or(true, |text| serde_json::from_str::<Value>(&text).is_ok()), "seed {SEED:#x}");
    });
    let verdict = json(league, &resume, true);
    assert_eq!((&verdict["passed"], &verdict["root"]), (&Value::Bool(true), &run["run"]["root"]));
    let verdict = json(league, &resume, true);
    assert!(verdict["from"].as_u64() > verdict["to"].as_u64(), "nothing is new: {verdict}");
    let other = run["deployment"]["oracle"].as_str().unwrap();
    let error = json(league, &resume.map(|word| if word == token { other } else { word }), false);
    assert!(error["error"].as_str().unwrap().contains("is about the token"), "{error}");

    killed(dice, league, &["gc", "--keep", "2", "--events"], || {
        let findings = json(league, &["doctor"], true);
        assert!(findings.as_array().unwrap().iter().all(|finding| finding["ok"] == true), "{findings}");
    });
    let gone = json(league, &["gc", "--keep", "2", "--events"], true);
    assert!(gone["events_in_blocks_alone"].as_u64().unwrap() > 0, "{gone}");
    json(league, &["export", "1", "--latest", "--out", "1.car"], true);
    json(league, &["verify", "--car", "1.car", "--token", token, "--block", hash], true);
}

/// Everything that is not about one process: root, epochs, updates, holds, tokens, gas, addresses.
fn same(calm: &Value, killed: &Value, kills: u32) {
    let lasting = |document: &Value| {
        let mut run = document["run"].clone();
        let fields = run.as_object_mut().unwrap();
        fields.remove("timings");
        fields.remove("epochs_now");
        (run, document["deployment"].clone())
    };
    assert_eq!(lasting(calm), lasting(killed), "seed {SEED:#x}, after {kills} kills");
}

fn again(league: &Path, data: &str) -> String {
    both(&enliven(league, &["run", "--data", data]).output().unwrap())
}

/// A 64-bit linear congruential generator (Knuth, MMIX).
fn roll(dice: &mut u64) -> u64 {
    *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *dice >> 33
}
