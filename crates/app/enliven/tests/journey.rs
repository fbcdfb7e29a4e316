//! The whole way that a user goes, command after command.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Stdio};

use common::{enliven, json, starter};
use serde_json::{Value, json};

const ROWS: u64 = 4160;

/// A server that ends with the test.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn start(folder: &Path) -> Serving {
        let mut child = enliven(folder, &["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let address = line.strip_prefix("serving http://").and_then(|rest| rest.strip_suffix(" until Ctrl-C"));
        let address = address.unwrap_or_else(|| panic!("`{line}`")).to_string();
        Serving { child, address }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn from_new_to_verified() {
    let temp = tempfile::tempdir().unwrap();
    starter(temp.path(), "2025-01-01");
    let league = &temp.path().join("league");

    let valid = json(league, &["validate"], true);
    assert_eq!((&valid["valid"], &valid["model"]), (&Value::Bool(true), &Value::Null));
    let trained = json(league, &["train"], true);
    assert_eq!(trained["same_as_before"], Value::Null);
    let again = json(league, &["train"], true);
    assert_eq!((&again["same_as_before"], &again["digest"]), (&Value::Bool(true), &trained["digest"]));
    assert_eq!(json(league, &["validate"], true)["model"], trained["digest"]);

    // In two parts, then once more with nothing to do.
    let first = json(league, &["run", "--epochs", "3"], true);
    assert_eq!((number(&first, "/ingested/new"), number(&first, "/ingested/duplicates")), (ROWS, 0));
    assert_eq!((number(&first, "/run/epochs_now"), number(&first, "/run/epochs")), (3, 3));
    assert_eq!(number(&first, "/run/tokens"), 16);
    let rest = json(league, &["run"], true);
    assert_eq!((number(&rest, "/ingested/new"), number(&rest, "/ingested/duplicates")), (0, ROWS));
    assert_eq!((number(&rest, "/run/epochs_now"), number(&rest, "/run/epochs")), (10, 13));
    assert_ne!(rest["run"]["root"], first["run"]["root"]);
    let idle = json(league, &["run"], true);
    assert_eq!((number(&idle, "/ingested/new"), number(&idle, "/ingested/duplicates")), (0, ROWS));
    assert_eq!((number(&idle, "/run/epochs_now"), number(&idle, "/run/epochs")), (0, 13));
    for field in ["root", "updates", "holds", "report_gas", "mint_gas"] {
        assert_eq!(idle["run"][field], rest["run"][field], "{field}");
    }
    let whole = json(league, &["run", "--data", "whole"], true);
    assert_eq!(whole["run"]["root"], rest["run"]["root"], "in one go and in parts");

    let history = json(league, &["history", "Amber"], true);
    let history = history.as_array().unwrap();
    assert!(history.len() > 1, "{history:?}");
    let explained = json(league, &["explain", "Amber"], true);
    assert_eq!(explained["subject"], "Amber");
    assert!(!explained["sentences"].as_array().unwrap().is_empty(), "{explained}");
    assert!(history.iter().any(|change| change["epoch"] == explained["epoch"]), "{explained}");
    assert_eq!(json(league, &["explain", explained["token_id"].to_string().as_str()], true), explained);
    let findings = json(league, &["doctor"], true);
    assert!(findings.as_array().unwrap().iter().all(|finding| finding["ok"] == true), "{findings}");

    let token = rest["deployment"]["token"].as_str().unwrap();
    let serving = Serving::start(league);
    let content = format!("http://{}", serving.address);
    let rpc = format!("{content}/rpc");
    let verify = ["verify", "--rpc", &rpc, "--content", &content, "--token", token];
    let verdict = json(league, &[&verify[..], &["--all"]].concat(), true);
    assert_eq!((&verdict["passed"], &verdict["root"]), (&Value::Bool(true), &rest["run"]["root"]));
    assert_eq!((number(&verdict, "/from"), number(&verdict, "/to")), (1, 13));
    let one = json(league, &[&verify[..], &["--epoch", "5"]].concat(), true);
    assert_eq!(one["passed"], true, "{one}");

    // Another contract is not this collection.
    let other = rest["deployment"]["oracle"].as_str().unwrap();
    let wrong = ["verify", "--rpc", &rpc, "--content", &content, "--token", other];
    assert_eq!(json(league, &wrong, false)["passed"], false);

    // The data directory has one owner at a time.
    let busy = json(league, &["run"], false);
    assert!(busy["error"].as_str().unwrap().contains("in use"), "{busy}");
}

#[test]
fn a_collection_is_deployed_and_its_committee_replaced() {
    let temp = tempfile::tempdir().unwrap();
    starter(temp.path(), "2025-01-01");
    let league = &temp.path().join("league");
    let trained = json(league, &["train"], true);
    let guardian = "0xa0ee7a142d267c1f36714e4a8f75612f20a79720";
    let deployed = json(league, &["deploy", "--guardian", guardian, "--delay", "20d", "--definition", TWO], true);
    assert_eq!((&deployed["guardian"], &deployed["delay_s"]), (&json!(guardian), &json!(1_728_000)));
    assert_eq!(deployed["definitions"].as_array().unwrap().len(), 2);
    assert_eq!(deployed["definitions"][0]["model"], trained["digest"]);
    let file = |name: &str| std::fs::read_to_string(league.join(".enliven").join(name)).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&file("deployment.json")).unwrap(), deployed);
    let input: Value = serde_json::from_str(&file("standard-input.json")).unwrap();
    for contract in ["token", "oracle"] {
        let source = deployed[contract]["contract"].as_str().unwrap().split(':').next().unwrap();
        assert!(input["sources"][source]["content"].is_string(), "{source}");
    }
    // Again: the same contracts, not others.
    assert_eq!(json(league, &["deploy"], true), deployed);
    let error = json(league, &["deploy", "--delay", "2h"], false);
    assert!(error["error"].as_str().unwrap().contains("has its contracts already"), "{error}");

    let first = json(league, &["run", "--epochs", "3"], true);
    assert_eq!(first["deployment"]["token"], deployed["token"]["address"]);

    // A committee of five, and with it another manifest.
    let manifest = league.join("enliven.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let five = text.replace("nodes = 4", "nodes = 5");
    assert_ne!(five, text);
    std::fs::write(&manifest, five).unwrap();
    let early = json(league, &["run", "--adopt"], false);
    assert!(early["error"].as_str().unwrap().contains("listens to 3 of"), "{early}");
    let proposed = json(league, &["oracle", "propose"], true);
    let shown = json(league, &["oracle", "show"], true);
    assert_eq!(shown["proposals"][0]["oracle"], proposed["oracle"]);
    assert_eq!(shown["deployed"]["oracle"], deployed["oracle"]);
    let soon = json(league, &["oracle", "take-on"], false);
    assert!(soon["error"].as_str().unwrap().contains("NotReady"), "{soon}");
    // The clock of this chain is that of the epochs: the next is a month later.
    std::fs::write(&manifest, &text).unwrap();
    json(league, &["run", "--epochs", "1"], true);
    std::fs::write(&manifest, text.replace("nodes = 4", "nodes = 5")).unwrap();
    let taken = json(league, &["oracle", "take-on"], true);
    assert_eq!((&taken["oracle"]["address"], &taken["committee"]["config_count"]), (&proposed["oracle"], &json!(2)));
    assert_eq!((&taken["committee"]["threshold"], taken["token"] == deployed["token"]), (&json!(4), true));
    let rest = json(league, &["run", "--adopt"], true);
    assert_eq!(number(&rest, "/run/epochs"), 13);
    assert_eq!(rest["deployment"]["oracle"], proposed["oracle"]);

    let serving = Serving::start(league);
    let content = format!("http://{}", serving.address);
    let rpc = format!("{content}/rpc");
    let token = deployed["token"]["address"].as_str().unwrap();
    let verdict = json(league, &["verify", "--rpc", &rpc, "--content", &content, "--token", token, "--all"], true);
    assert_eq!((&verdict["passed"], &verdict["root"]), (&Value::Bool(true), &rest["run"]["root"]));
    drop(serving);

    // Who signs changes nothing of what is signed.
    std::fs::write(&manifest, &text).unwrap();
    let plain = json(league, &["run", "--data", "plain"], true);
    assert_eq!(plain["run"]["updates"], rest["run"]["updates"]);
}

#[test]
fn a_token_and_a_collection_leave_in_files_that_are_checked_offline() {
    let temp = tempfile::tempdir().unwrap();
    starter(temp.path(), "2025-04-01");
    let league = &temp.path().join("league");
    json(league, &["train"], true);
    let run = json(league, &["run"], true);
    let token = run["deployment"]["token"].as_str().unwrap();
    let last = number(&run, "/run/epochs");

    let exported = json(league, &["export", "Amber", "2", "--out", "two.car"], true);
    let latest = json(league, &["export", "Amber", "2", "--latest", "--out", "latest.car"], true);
    assert!(number(&latest, "/blocks") < number(&exported, "/blocks"), "{latest}");
    assert!(!league.join("two.car.part").exists());
    let hash = exported["block_hash"].as_str().unwrap();
    let check = |file: &str, hash: &str, succeeds: bool| {
        json(temp.path(), &["verify", "--car", file, "--token", token, "--block", hash], succeeds)
    };
    for file in ["league/two.car", "league/latest.car"] {
        let verdict = check(file, hash, true);
        assert_eq!((&verdict["passed"], number(&verdict, "/epoch")), (&Value::Bool(true), last));
        let subjects: Vec<&Value> = verdict["tokens"].as_array().unwrap().iter().map(|one| &one["subject"]).collect();
        assert_eq!(subjects.len(), 2, "{verdict}");
        assert!(subjects.contains(&&json!("Amber")), "{verdict}");
    }
    let failed = check("league/two.car", &hash.replace(&hash[2..6], "0000"), false);
    assert_eq!(failed["checks"][1]["passed"], false, "{failed}");

    let all = json(league, &["export", "--all", "--out", "all.car"], true);
    let arguments = [
        "verify",
        "--car",
        "league/all.car",
        "--token",
        token,
        "--block",
        all["block_hash"].as_str().unwrap(),
        "--all",
    ];
    let verdict = json(temp.path(), &arguments, true);
    assert_eq!((&verdict["passed"], &verdict["root"]), (&Value::Bool(true), &run["run"]["root"]));
    let nothing = json(temp.path(), &["verify", "--car", "league/all.car", "--token", token, "--block", hash], false);
    assert!(nothing.to_string().contains("is about no token"), "{nothing}");

    // The committee's word on an epoch, for tools that know no chain.
    let attested = json(league, &["oracle", "attest", "--epoch", "3", "--out", "3.json"], true);
    assert_eq!((number(&attested, "/epoch"), number(&attested, "/nodes")), (3, 4));
    let newest = json(league, &["oracle", "attest"], true);
    assert_eq!(newest["payloadType"], "application/vnd.in-toto+json");
    let keys = json(league, &["oracle", "keys"], true);
    assert!(keys[3]["pem"].as_str().unwrap().starts_with("-----BEGIN PUBLIC KEY-----"), "{keys}");
    let envelope = std::fs::read_to_string(league.join("3.json")).unwrap();
    let mut other: Value = serde_json::from_str(&envelope).unwrap();
    other["payload"] = newest["payload"].clone();
    std::fs::write(league.join("other.json"), other.to_string()).unwrap();

    // From outside, with a node and a gateway; the node is asked for the hash too.
    json(league, &["export", "--epoch", "3", "--out", "3.car"], true);
    let serving = Serving::start(league);
    let url = format!("http://{}", serving.address);
    let (content, rpc) = (&url, format!("{url}/rpc"));
    let outside = ["export", "1", "--out", "1.car", "--rpc", &rpc, "--token", token, "--content", content];
    let outside = json(temp.path(), &outside, true);
    assert_eq!(outside["block_hash"], exported["block_hash"]);
    let verdict = json(temp.path(), &["verify", "--car", "1.car", "--token", token, "--rpc", &rpc], true);
    assert_eq!(verdict["tokens"][0]["token_id"], 1, "{verdict}");
    // Of an epoch's file the chain says what it should hold.
    let content = ["verify", "--rpc", &rpc, "--token", token, "--content", "league/3.car", "--epoch", "3"];
    assert_eq!(json(temp.path(), &content, true)["passed"], true);
    let attestation = |file: &str, succeeds: bool| {
        json(temp.path(), &["verify", "--attestation", file, "--rpc", &rpc, "--token", token], succeeds)
    };
    let held = attestation("league/3.json", true);
    assert_eq!((number(&held, "/epoch"), held["signers"].as_array().unwrap().len()), (3, 4));
    // All that a cut leads to, from a gateway.
    let cut = held["cut"].as_str().unwrap();
    let fetched = json(temp.path(), &["import", &format!("{url}/ipfs/{cut}"), "--data", "fetched"], true);
    assert_eq!((&fetched["roots"][0], number(&fetched, "/new") >= 6), (&json!(cut), true), "{fetched}");
    let absent = format!("{url}/ipfs/bafkreigvqogxxjn3kqqlmvvamwutcab6v36srogva4ejto45fvrra27afu");
    let absent = json(temp.path(), &["import", &absent, "--data", "fetched"], false);
    assert!(absent["error"].as_str().unwrap().contains("no such block"), "{absent}");
    let moved = attestation("league/other.json", false);
    assert!(moved["error"].as_str().unwrap().contains("0 signers of the committee"), "{moved}");
    let none = attestation("league/3.car", false);
    assert!(none["error"].as_str().unwrap().contains("3.car"), "{none}");
    drop(serving);

    // The blocks find their way into another data directory.
    let first = json(league, &["import", "3.car", "--data", "other"], true);
    assert_eq!((number(&first, "/new"), number(&first, "/blocks") > 10), (number(&first, "/blocks"), true));
    let second = json(league, &["import", "all.car", "--data", "other"], true);
    assert!(number(&second, "/new") < number(&second, "/blocks"), "{second}");
    let again = json(league, &["import", "all.car", "--data", "other"], true);
    assert_eq!(number(&again, "/new"), 0);

    // What nothing names goes; what only old epochs show goes if it is told so, and tokens stay whole.
    json(league, &["import", "all.car"], true);
    let swept = json(league, &["gc"], true);
    // The record of evidence, with or without lists of epochs.
    assert!((1..=2).contains(&number(&swept, "/deleted")), "{swept}");
    assert_eq!(number(&json(league, &["gc"], true), "/deleted"), 0);
    let kept = json(league, &["gc", "--keep", "2"], true);
    assert!(number(&kept, "/deleted") > 10, "{kept}");
    assert!(json(league, &["doctor"], true).as_array().unwrap().iter().all(|finding| finding["ok"] == true));
    json(league, &["export", "Amber", "2", "--latest", "--out", "after.car"], true);
    assert_eq!(check("league/after.car", hash, true)["passed"], true);
    assert!(json(league, &["history", "Amber"], true).as_array().is_some_and(|history| !history.is_empty()));
    let idle = json(league, &["run"], true);
    assert_eq!(idle["run"]["root"], run["run"]["root"]);

    // A file that was cut off says so, and what is whole in it is kept.
    let bytes = std::fs::read(league.join("3.car")).unwrap();
    std::fs::write(league.join("cut.car"), &bytes[..bytes.len() - 1]).unwrap();
    let cut = json(league, &["import", "cut.car", "--data", "third"], false);
    assert!(cut["error"].as_str().unwrap().contains("it is cut off"), "{cut}");
}

/// A model and a manifest that nothing is made with.
const TWO: &str = "0x0101010101010101010101010101010101010101010101010101010101010101:\
                   0x0202020202020202020202020202020202020202020202020202020202020202";

#[test]
fn bad_rows_are_counted_and_named_and_nothing_else_is_lost() {
    let temp = tempfile::tempdir().unwrap();
    starter(temp.path(), "2025-10-01");
    let league = &temp.path().join("league");
    json(league, &["train"], true);
    let before = json(league, &["run"], true);
    assert_eq!(number(&before, "/ingested/bad_rows"), 0);

    let mut file = OpenOptions::new().append(true).open(league.join("results.csv")).unwrap();
    let rows = "2026-01-03,Amber,Birch,two,1,false\n\
                03/01/2026,Cobalt,Dune,2,1,false\n\
                2026-01-03,Ember,Fjord,2\n\
                2026-01-03,Garnet,Harbour,2,1,false\n";
    file.write_all(rows.as_bytes()).unwrap();
    drop(file);

    let after = json(league, &["run"], true);
    assert_eq!((number(&after, "/ingested/new"), number(&after, "/ingested/duplicates")), (1, ROWS));
    assert_eq!(number(&after, "/ingested/bad_rows"), 3);
    assert_eq!(number(&after, "/run/epochs_now"), 1);
    assert_eq!(number(&after, "/run/epochs"), number(&before, "/run/epochs") + 1);
    let shown: Vec<&str> =
        after["ingested"]["shown"].as_array().unwrap().iter().map(|row| row.as_str().unwrap()).collect();
    assert_eq!(shown, SHOWN);

    // People see the same rows.
    let output = enliven(league, &["run"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for row in SHOWN {
        assert!(text.contains(row), "{text}");
    }
}

/// File, line, column of the table, reason.
const SHOWN: [&str; 3] = [
    "results.csv:4162: column `home_score`: `two` is not a whole number",
    "results.csv:4163: column `date`: `03/01/2026` is not a date (YYYY-MM-DD) or an RFC 3339 date and time",
    "results.csv:4164: has 4 columns, the header has 6",
];

#[test]
fn features_are_shown_explained_compared_and_written() {
    let temp = tempfile::tempdir().unwrap();
    starter(temp.path(), "2025-10-01");
    let league = &temp.path().join("league");
    let listed = json(league, &["features", "show"], true);
    let features = listed["views"][0]["features"].as_array().unwrap().len();
    let amber = json(league, &["features", "show", "amber"], true);
    assert_eq!(amber["features"].as_array().unwrap().len(), features);
    assert_eq!(amber["definition"], listed["definition"]);
    let before = json(league, &["features", "show", "Amber", "--at", "2016-01-03"], true);
    assert_eq!(before["features"][0]["value"], "1", "one match was played");
    let before = json(league, &["features", "show", "Amber", "--at", "1990-01-01"], false);
    assert!(before["error"].as_str().unwrap().contains("with an event before 1990-01-01T00:00:00Z"), "{before}");
    let explained = json(league, &["features", "explain", "form"], true);
    assert_eq!(explained["window"], "all events");
    let unknown = json(league, &["features", "explain", "from"], false);
    assert!(unknown["error"].as_str().unwrap().contains("unknown feature `from` (available: "), "{unknown}");

    // Another definition: one feature less, one otherwise.
    let text = std::fs::read_to_string(league.join("enliven.toml")).unwrap();
    let other = text
        .replace("decay_permille = 850", "decay_permille = 900")
        .replace("name = \"unbeaten\"", "name = \"not_beaten\"");
    let other = other.replace("\"unbeaten\"", "\"not_beaten\"");
    std::fs::write(league.join("other.toml"), other).unwrap();
    let differs = json(league, &["features", "diff", "other.toml"], true);
    assert_eq!(differs["changed"], serde_json::json!(["form"]));
    assert_eq!(
        (&differs["added"], &differs["removed"]),
        (&serde_json::json!(["not_beaten"]), &serde_json::json!(["unbeaten"]))
    );
    assert_eq!(number(&differs, "/same"), features as u64 - 2);

    for (command, file) in [("backfill", "values.csv"), ("export", "training.csv"), ("export", "training.parquet")] {
        let written = json(league, &["features", command, file], true);
        assert!(number(&written, "/rows") > 0);
        assert_eq!(written["definition"], listed["definition"]);
    }
    let text = std::fs::read_to_string(league.join("training.csv")).unwrap();
    assert!(text.starts_with("# enliven.definition = 0x"), "{}", &text[..60]);
    assert!(std::fs::read(league.join("training.parquet")).unwrap().starts_with(b"PAR1"));
    let compiled = json(league, &["features", "compile", "--to", "flink", "--out", "tiles.sql"], true);
    let told =
        |list: &str, of: &dyn Fn(&Value) -> usize| -> usize { compiled[list].as_array().unwrap().iter().map(of).sum() };
    let read = told("tables", &|table| table["features"].as_array().unwrap().len());
    assert_eq!(read + told("left_out", &|_| 1), features, "{compiled}");
    let sql = std::fs::read_to_string(league.join("tiles.sql")).unwrap();
    assert!(sql.contains("'connector' = 'filesystem'") && sql.trim_end().ends_with("END;"), "{sql}");
    let shown = json(league, &["features", "compile", "--to", "flink", "--kafka", "one:9092"], true);
    assert!(shown["sql"].as_str().unwrap().contains("'connector' = 'upsert-kafka'"), "{shown}");
    let wrong = json(league, &["features", "export", "training.txt"], false);
    assert!(wrong["error"].as_str().unwrap().contains("neither in .parquet nor in .csv"), "{wrong}");
}

#[test]
fn columns_that_are_not_public_are_shown_but_never_posted() {
    let temp = tempfile::tempdir().unwrap();
    starter(temp.path(), "2025-10-01");
    let league = &temp.path().join("league");
    json(league, &["train"], true);
    let path = league.join("enliven.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let columns = text.lines().find(|line| line.starts_with("[sources.") && line.ends_with(".columns]")).unwrap();
    let privacy = columns.replace("columns", "privacy");
    std::fs::write(&path, text.replace(columns, &format!("{privacy}\nhome_score = \"personal\"\n\n{columns}")))
        .unwrap();
    let explained = json(league, &["features", "explain", "form"], true);
    assert_eq!(explained["privacy"], "personal");
    let refused = json(league, &["run"], false);
    assert!(refused["error"].as_str().unwrap().contains("`home_score` is not public"), "{refused}");
}

#[test]
fn late_and_future_events_are_told_and_change_nothing() {
    let temp = tempfile::tempdir().unwrap();
    starter(temp.path(), "2025-10-01");
    let league = &temp.path().join("league");
    json(league, &["train"], true);
    let before = json(league, &["run"], true);
    let mut file = OpenOptions::new().append(true).open(league.join("results.csv")).unwrap();
    // Long before the latest, far in the future, and one that closes another epoch.
    let rows =
        "2025-01-01,Amber,Birch,9,0,false\n2999-01-01,Amber,Birch,9,0,false\n2026-01-03,Garnet,Harbour,2,1,false\n";
    file.write_all(rows.as_bytes()).unwrap();
    drop(file);
    let after = json(league, &["run"], true);
    assert_eq!(number(&before, "/run/late"), 0);
    assert_eq!(number(&after, "/run/late"), 1);
    assert_eq!(number(&after, "/ingested/bad_rows"), 1);
    assert!(after["ingested"]["shown"][0].as_str().unwrap().contains("is more than 1d in the future"), "{after}");
    let late = json(league, &["features", "late"], true);
    assert_eq!(late[0]["time"], "2025-01-01T00:00:00Z");
    assert_eq!(late.as_array().unwrap().len(), 1);
}

#[test]
fn the_schema_is_the_one_in_the_docs() {
    let printed = json(Path::new("."), &["schema"], true);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/enliven.schema.json");
    let documented: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert!(printed == documented, "docs/enliven.schema.json is old: `enliven schema > docs/enliven.schema.json`");
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let output = enliven(Path::new("."), &["completions", shell]).output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        for command in
            ["new", "validate", "train", "features", "run", "demo", "verify", "explain", "history", "serve", "doctor"]
        {
            assert!(text.contains(command), "{shell}: {command}");
        }
    }
}

fn number(document: &Value, pointer: &str) -> u64 {
    document.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer}: {document}"))
}

#[test]
fn a_changed_manifest_is_adopted_only_when_asked() {
    let temp = tempfile::tempdir().unwrap();
    starter(temp.path(), "2025-10-01");
    let league = &temp.path().join("league");
    json(league, &["train"], true);
    let before = json(league, &["run", "--epochs", "2"], true);
    let path = league.join("enliven.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let trait_of = "\n[[traits]]\nname = \"played\"\nfrom = { feature = \"matches_lifetime\" }\n\n[policy]";
    std::fs::write(&path, text.replacen("\n[policy]", trait_of, 1)).unwrap();
    let refused = json(league, &["run"], false);
    assert!(refused["error"].as_str().unwrap().contains("another definition"), "{refused}");
    let after = json(league, &["run", "--adopt"], true);
    assert_eq!(number(&after, "/run/epochs"), number(&before, "/run/epochs") + number(&after, "/run/epochs_now"));
    assert!(number(&after, "/run/epochs_now") > 0);
    let again = json(league, &["run"], true);
    assert_eq!(again["run"]["root"], after["run"]["root"]);
    let findings = json(league, &["doctor"], true);
    assert!(findings.as_array().unwrap().iter().all(|finding| finding["ok"] == true), "{findings}");
}
