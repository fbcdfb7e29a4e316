//! Every message that a user commonly meets, word for word.
//!
//! The snapshots are documents of many messages, so that they can be read from top to bottom.
//! `INSTA_UPDATE=always cargo test -p enliven --test messages` writes them anew.
#![allow(clippy::unwrap_used)]

mod common;

use std::fmt::Write;
use std::path::Path;

use common::{both, edit, enliven, json, starter};
use tempfile::TempDir;

/// What was done to the starter manifest, and what it was before and after.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("a text that does not end", "period = \"month\"", "period = \"month"),
    ("a field that is not known", "nodes = 4", "nodez = 4"),
    ("a value of another type", "nodes = 4", "nodes = \"four\""),
    ("a period that is none", "period = \"month\"", "period = \"moon\""),
    ("a start that is no date", "start = \"2020-01-01\"", "start = \"2020-13-01\""),
    ("a committee too large", "nodes = 4", "nodes = 65"),
    ("a source that is not known", "source = \"results\"", "source = \"scores\""),
    (
        "a subject that is no column",
        "subjects = [\"home_team\", \"away_team\"]",
        "subjects = [\"home_team\", \"guest\"]",
    ),
    ("a time that is no column", "time = \"date\"", "time = \"when\""),
    ("a side that is no column", "entity = \"away_team\"", "entity = \"guest\""),
    ("a column that is not known in `where`", "where = \"goals_for <", "where = \"goals_fro <"),
    ("an expression that ends early", "where = \"goals_for < goals_against\"", "where = \"goals_for < \""),
    ("a column that is not known in `derive`", "points = \"goals_for >", "points = \"goals_fro >"),
    ("a column that is not known in a sum", "sum = \"goals_for\"", "sum = \"goals_fro\""),
    ("a column that is not known in a rating", "won = \"goals_for", "won = \"goals_fro"),
    ("a feature twice", "name = \"wins\"", "name = \"matches\""),
    ("a model input that is not known", "opponent = [\"rating\"", "opponent = [\"ratings\""),
    ("a context that is no column", "neutral = 1", "neutrall = 1"),
    ("a target that is no column", "plus = \"home_score\"", "plus = \"home_scores\""),
    ("a training end that is no date", "until = \"2020-01-01\"", "until = \"2020-13-01\""),
    ("a feature that is not known in a trait", "feature = \"unbeaten\"", "feature = \"unbeeten\""),
    ("a feature that is not known in a ratio", "of = \"goals_for_1461d\"", "of = \"goals_1461d\""),
    ("a feature that is not known in a join", "\"draws_lifetime\", \"l", "\"drawz_lifetime\", \"l"),
    ("a tier of a trait that is not known", "of = \"strength\"", "of = \"strong\""),
    ("a scale of nothing", "low = 0.3, high = 2.4", "low = 2.4, high = 2.4"),
    ("a display of a trait that is not known", "streak = { label", "streek = { label"),
    ("no symbol", "symbol = \"LEAGUE\"\n", ""),
];

#[test]
fn mistakes_in_a_manifest() {
    let mut document = String::new();
    for (what, from, to) in MISTAKES {
        let temp = collection();
        let league = temp.path().join("league");
        edit(&league, from, to);
        say(&mut document, what, &league, &["validate"]);
    }
    insta::assert_snapshot!("manifest", document);
}

#[test]
fn mistakes_on_the_command_line() {
    let temp = collection();
    let league = temp.path().join("league");
    let mut document = String::new();
    say(&mut document, "no manifest", temp.path(), &["validate"]);
    say(&mut document, "a folder that is not empty", temp.path(), &["new", "league"]);
    say(&mut document, "no model", &league, &["run"]);
    say(&mut document, "no data directory", &league, &["doctor"]);
    let address = format!("0x{}", "5".repeat(40));
    let verify = ["verify", "--rpc", "http://127.0.0.1:1", "--content"];
    say(&mut document, "a bad address", &league, &[&verify[..], &["x", "--token", "0x12"]].concat());
    say(&mut document, "a bad content source", &league, &[&verify[..], &["nowhere", "--token", &address]].concat());
    let unreachable = [&verify[..], &["enliven.toml", "--token", &address]].concat();
    say(&mut document, "a content source that is no block store", &league, &unreachable);

    assert!(enliven(&league, &["train"]).output().unwrap().status.success());
    say(&mut document, "no data yet", &league, &["explain", "Amber"]);
    say(&mut document, "a data directory that is not there", &league, &["history", "Amber", "--data", "elsewhere"]);
    assert!(enliven(&league, &["run", "--epochs", "1"]).output().unwrap().status.success());
    say(&mut document, "a token that is not known", &league, &["explain", "Nobody"]);
    say(&mut document, "a token id that is not known", &league, &["history", "17"]);
    edit(&league, "cooldown_s = 2160000", "cooldown_s = 1");
    let other = both(&enliven(&league, &["run"]).output().unwrap());
    assert!(other.contains("another definition") && other.contains("\nhint: `enliven run --adopt`"), "{other}");
    edit(&league, "path = \"results.csv\"", "path = \"missing.csv\"");
    say(&mut document, "no file of results", &league, &["train"]);
    insta::assert_snapshot!("commands", document);
}

#[test]
fn a_failure_is_a_document_on_stdout() {
    let temp = collection();
    let league = temp.path().join("league");
    let mut document = String::new();
    for (folder, arguments) in
        [(temp.path(), &["validate"][..]), (temp.path(), &["new", "league"]), (&league, &["run"])]
    {
        let failure = json(folder, arguments, false);
        let _ = writeln!(document, "{failure:#}\n");
    }
    edit(&league, "source = \"results\"", "source = \"scores\"");
    let _ = writeln!(document, "{:#}", json(&league, &["validate"], false));
    insta::assert_snapshot!("json", document);
}

/// An untrained starter collection in a folder of its own.
fn collection() -> TempDir {
    let temp = tempfile::tempdir().unwrap();
    starter(temp.path(), "2020-01-01");
    temp
}

/// Adds what a command says on stderr, and on stdout before it.
fn say(document: &mut String, what: &str, folder: &Path, arguments: &[&str]) {
    let output = enliven(folder, arguments).output().unwrap();
    let code = output.status.code().unwrap();
    let _ = writeln!(document, "# {what}\n$ enliven {} [{code}]\n{}", arguments.join(" "), both(&output));
}
