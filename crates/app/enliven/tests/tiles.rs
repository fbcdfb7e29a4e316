//! Features from the files and records that Flink writes. `crates/pipeline/features/tests/peer/flink.py`
//! does the same with Flink's own files.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use common::{both, edit, enliven, json, starter};
use serde_json::json;
use tempfile::TempDir;

const DAYS: &str = "tiles/results_tiles_1d";
const RUN: &str = "part-0f8fad5b-d9cb-469f-a165-70867728950e";

/// A starter collection with the lines of its tiles: table, entity, and the row as JSON.
struct League {
    _temp: TempDir,
    folder: PathBuf,
    rows: Vec<(String, String, String)>,
}

impl League {
    fn new() -> League {
        let temp = tempfile::tempdir().unwrap();
        starter(temp.path(), "2020-01-01");
        let folder = temp.path().join("league");
        json(&folder, &["features", "tiles", "tiles.csv"], true);
        let mut tiles: BTreeMap<(String, String, String), String> = BTreeMap::new();
        for line in fs::read_to_string(folder.join("tiles.csv")).unwrap().lines().skip(1) {
            let [table, entity, tile, column, value] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
            let (entity, value) = (entity.trim_matches('"'), if value.is_empty() { "null" } else { value });
            let row = tiles.entry((table.into(), entity.into(), tile.into())).or_default();
            let _ = write!(row, ",\"{column}\":{value}");
        }
        let row = |((table, entity, tile), columns): ((String, String, String), String)| {
            (table, entity.clone(), format!("{{\"entity\":{},\"tile\":{tile}{columns}}}", json!(entity)))
        };
        League { folder, rows: tiles.into_iter().map(row).collect(), _temp: temp }
    }

    /// Writes the tiles as two tasks do it, each into several files, most keys with an earlier row.
    fn write_files(&self) {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for (number, (table, entity, row)) in self.rows.iter().enumerate() {
            let task = entity.len() % 2;
            let mut put = |file: usize, line: String| {
                let file = files.entry(format!("tiles/{table}/{RUN}-{task}-{file}")).or_default();
                let _ = writeln!(file, "{line}");
            };
            // File 10 comes after file 9, though not in the order of the alphabet.
            let earlier = row.replace("\"count\":", "\"count\":1");
            put(number % 9, format!("{{\"before\":null,\"after\":{earlier},\"op\":\"c\"}}"));
            put(9, format!("{{\"before\":{earlier},\"after\":null,\"op\":\"d\"}}"));
            put(10, format!("{{\"before\":null,\"after\":{row},\"op\":\"c\"}}"));
        }
        for (name, text) in files {
            self.put(&name, &text);
        }
        self.put(&format!("{DAYS}/.{RUN}-0-11.inprogress.5"), "{\"before\"");
        self.put(&format!("{DAYS}/_SUCCESS"), "");
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn table(&self, arguments: &[&str]) -> BTreeMap<String, BTreeMap<String, String>> {
        json(&self.folder, arguments, true);
        let text = fs::read_to_string(self.folder.join(arguments[2])).unwrap();
        let mut lines = text.lines().filter(|line| !line.starts_with("# "));
        let head: Vec<&str> = lines.next().unwrap().split(',').collect();
        let row = |line: &str| {
            let cells: Vec<&str> = line.split(',').collect();
            let cells = head.iter().zip(cells).map(|(name, cell)| (name.to_string(), cell.to_string()));
            cells.collect::<BTreeMap<_, _>>()
        };
        lines.map(row).map(|row| (format!("{} {}", row["as_of"], row["entity"]), row)).collect()
    }

    /// The features from the tiles are those from the log.
    fn compare(&self) {
        let log = self.table(&["features", "backfill", "log.csv"]);
        let tiles = self.table(&["features", "backfill", "found.csv", "--tiles", "tiles"]);
        assert!(log.len() > 1000);
        assert_eq!(log.keys().collect::<Vec<_>>(), tiles.keys().collect::<Vec<_>>());
        for (key, row) in &tiles {
            assert_eq!(row.len(), 2 + 18 + 1);
            for (name, cell) in row {
                assert_eq!(cell, &log[key][name], "{key} {name}");
            }
        }
    }
}

#[test]
fn features_from_files_are_those_from_the_log() {
    let league = League::new();
    league.write_files();
    // The events are not read.
    league.compare();
    fs::rename(league.folder.join("results.csv"), league.folder.join("elsewhere.csv")).unwrap();
    json(&league.folder, &["features", "backfill", "found.parquet", "--tiles", "tiles"], true);
    let shown = json(&league.folder, &["features", "show", "AMBER", "--tiles", "tiles"], true);
    assert_eq!(shown["entity"], "Amber");
    let one = |name: &str| {
        shown["features"].as_array().unwrap().iter().find(|one| one["name"] == name).map(|one| one["value"].clone())
    };
    // As of the end of the last tile: the midnight after the last match.
    assert_eq!(one("days_idle"), Some(json!("1")));
    assert_eq!(one("rating"), None);
    assert_eq!(shown["left_out"][0]["feature"], "form");
}

#[test]
fn features_from_topics_are_those_from_the_log() {
    let league = League::new();
    let mut topics: BTreeMap<&str, String> = BTreeMap::new();
    for (table, entity, row) in &league.rows {
        let tile = row.split("\"tile\":").nth(1).unwrap().split([',', '}']).next().unwrap();
        let key = format!("{{\"entity\":{},\"tile\":{tile}}}", json!(entity));
        let earlier = row.replace("\"count\":", "\"count\":1");
        let topic = topics.entry(table).or_default();
        let _ = write!(topic, "{key}\t{earlier}\n{key}\tnull\n{key}\t{row}\n");
    }
    for (table, text) in topics {
        league.put(&format!("tiles/{table}.topic"), &text);
    }
    league.compare();
}

#[test]
fn mistakes_in_tiles() {
    let league = League::new();
    let mut document = String::new();
    let mut say = |what: &str, arguments: &[&str]| {
        let output = enliven(&league.folder, arguments).output().unwrap();
        let code = output.status.code().unwrap();
        // How long it took differs from run to run.
        let told: Vec<String> =
            both(&output).lines().filter(|line| !line.contains("rows (")).map(String::from).collect();
        let _ = writeln!(document, "# {what}\n$ enliven {} [{code}]\n{}\n", arguments.join(" "), told.join("\n"));
    };
    let backfill = ["features", "backfill", "found.csv", "--tiles", "tiles"];
    let show = ["features", "show", "Amber", "--tiles", "tiles"];
    say("no tiles", &backfill);
    league.write_files();
    say("an instant within a tile", &[&show[..], &["--at", "2021-05-05T12:00:00Z"]].concat());
    say("an entity without events", &[&show[..2], &["Nobody"], &show[3..]].concat());
    say("no entity", &["features", "show", "--tiles", "tiles"]);
    say("a view that is not known", &[&show[..], &["--view", "teams"]].concat());
    say("a view without tiles", &["features", "show", "Amber", "--view", "team"]);
    say("an end before the last tile", &[&show[..], &["--end", "2021-01-01"]].concat());
    // One mistake in one file at a time.
    let file = league.folder.join(format!("{DAYS}/{RUN}-1-10"));
    let good = fs::read_to_string(&file).unwrap();
    let first = good.lines().next().unwrap();
    for (what, from, to) in [
        ("a line that ends early", first, &first[..40]),
        ("a column that is missing", "\"count_w0\":", "\"count_w7\":"),
        ("a negative count", "\"count_w0\":", "\"count_w0\":-1"),
        ("a number of another kind", "\"count_w0\":", "\"count_w0\":0.5,\"x\":"),
        ("a sum that does not add up", "\"count_w1\":", "\"count_w1\":1"),
        ("another operation", "\"op\":\"c\"", "\"op\":\"x\""),
    ] {
        assert!(good.contains(from), "{from}");
        fs::write(&file, good.replacen(from, to, 1)).unwrap();
        say(what, &backfill);
    }
    fs::write(&file, "x".repeat((1 << 20) + 1)).unwrap();
    say("a line that is too long", &backfill);
    fs::write(&file, &good).unwrap();
    let other = league.folder.join(format!("{DAYS}/part-00000000-d9cb-469f-a165-70867728950e-0-0"));
    fs::write(&other, &good).unwrap();
    say("files of two runs", &backfill);
    fs::rename(&other, league.folder.join(format!("{DAYS}/tiles.json"))).unwrap();
    say("a file of another name", &backfill);
    fs::remove_file(league.folder.join(format!("{DAYS}/tiles.json"))).unwrap();
    fs::remove_file(&file).unwrap();
    say("a file that is missing", &backfill);
    fs::write(&file, &good).unwrap();
    edit(&league.folder, "period = \"month\"", "period = \"7h\"");
    say("epochs within tiles", &backfill);
    insta::assert_snapshot!(document);
}

#[test]
fn totals_alone_need_an_end() {
    let league = League::new();
    let all = r#"[features]
tokens = ["team"]

[features.views.all]
source = "results"
sides = [{ entity = "home_team" }, { entity = "away_team" }]
define = [{ name = "n", aggregate = "count" }]

[features.views.team]"#;
    edit(&league.folder, "[features.views.team]", all);
    let row = "{\"entity\":\"Amber\",\"tile\":0,\"count\":7}";
    league.put(
        &format!("tiles/results_tiles_lifetime/{RUN}-0-0"),
        &format!("{{\"before\":null,\"after\":{row},\"op\":\"c\"}}\n"),
    );
    let show = ["features", "show", "Amber", "--tiles", "tiles", "--view", "all"];
    let told = json(&league.folder, &show, false);
    assert_eq!(told["error"], "the tiles hold only totals, and do not say when the stream ended");
    assert_eq!(told["hint"], "--end TIME says it");
    let told = json(&league.folder, &[&show[..], &["--end", "2022-01-01"]].concat(), true);
    assert_eq!(told["features"], json!([{ "name": "n", "value": "7", "unit": "" }]));
    let early = [&show[..], &["--end", "2022-01-01", "--at", "2021-01-01"]].concat();
    assert_eq!(
        json(&league.folder, &early, false)["error"],
        "of `n` there are only totals as of the end of the stream (2022-01-01T00:00:00Z), not as of 2021-01-01T00:00:00Z"
    );
}
