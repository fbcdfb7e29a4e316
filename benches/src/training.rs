//! A point-in-time training set: ten million events, a million labels, eight features over windows of
//! days, beside the same as one SQL query in DuckDB, each on one core. Both start from tables in
//! memory; the sums of all columns must be equal.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use enliven_features::{FeatureSet, point_in_time};
use enliven_types::{Event, SmolStr, Timestamp, Value};

use crate::world::{definition, feature};
use crate::{Row, peers};

const DAY_MS: i64 = 86_400_000;
const DAYS: u64 = 2000;

fn view() -> FeatureSet {
    let (three, long) = (r#"["20d", "60d", "200d"]"#, r#"["200d"]"#);
    let define = [
        feature("count", r#""count""#, three),
        feature("sum", r#"{"sum": "amount"}"#, three),
        feature("least", r#"{"min": "amount"}"#, long),
        feature("most", r#"{"max": "amount"}"#, long),
    ];
    definition(&define, 0, 7 * DAY_MS)
}

/// Scatters numbers (the finaliser of SplitMix64).
pub(crate) fn scatter(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Rows at 1x, 10x and 100x of a hundred thousand events; the goal is for the last.
pub fn training() -> Vec<Row> {
    let mut rows = Vec::new();
    for (events, name) in [(100_000, "1x"), (1_000_000, "10x"), (10_000_000, "100x")] {
        let (ours, peer, version) = measure(events);
        let peer_name = format!("DuckDB {version}, window query");
        let id = format!("training.{name}");
        rows.push(Row::at_most(&id, "s", ours, peer, &peer_name, 1.0));
    }
    rows
}

fn measure(count: u64) -> (f64, f64, String) {
    let (keys, labels) = (count / 50, count / 10);
    // In the order of time, a day's events scattered over the keys.
    let key = |number: u64| scatter(number) % keys;
    let day = |number: u64, of: u64| number * DAYS / of;
    let amount = |number: u64| (scatter(number) >> 40) as i64 % 1000 - 300;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (events_csv, labels_csv) = (folder.path().join("events.csv"), folder.path().join("labels.csv"));
    write(
        &events_csv,
        "key,day,amount",
        (0..count).map(|number| format!("{},{},{}", key(number), day(number, count), amount(number))),
    );
    let label = |number: u64| (scatter(!number) % keys, scatter(number ^ 0x5555) % DAYS);
    write(&labels_csv, "key,day", (0..labels).map(|number| format!("{},{}", label(number).0, label(number).1)));
    // The peer first: its process is gone before our tables take the memory.
    let found = peers::run("training.py", &["duckdb==2.0.1"], &[&events_csv, &labels_csv]);

    let set = view();
    let time = |day: u64| Timestamp(day as i64 * DAY_MS);
    let events: Vec<(u32, Event)> = (0..count)
        .map(|number| {
            let name: SmolStr = key(number).to_string().into();
            let event = Event {
                id: number.to_string().into(),
                source: "s".into(),
                kind: "t".into(),
                subjects: vec![name.clone()].into(),
                time: time(day(number, count)),
                data: [("amount".to_string(), Value::Int(amount(number))), ("key".to_string(), Value::Text(name))]
                    .into(),
            };
            (0, event)
        })
        .collect();
    let labels: Vec<(String, Timestamp)> =
        (0..labels).map(|number| (label(number).0.to_string(), time(label(number).1))).collect();
    let begin = Instant::now();
    let vectors = point_in_time(&set, &events, &labels);
    let ours = begin.elapsed().as_secs_f64();
    let mut sums = [0i64; 8];
    for vector in &vectors {
        for (sum, value) in sums.iter_mut().zip(&vector.0) {
            *sum += value;
        }
    }
    let theirs: Vec<i64> = found["sums"].as_array().expect("sums").iter().filter_map(|sum| sum.as_i64()).collect();
    assert_eq!(sums.as_slice(), theirs, "both compute the same training set");
    (ours, found["seconds"].as_f64().unwrap_or(f64::NAN), found["version"].as_str().unwrap_or("?").to_string())
}

pub(crate) fn write(path: &Path, header: &str, lines: impl Iterator<Item = String>) {
    let mut file = BufWriter::new(std::fs::File::create(path).expect("room on disk"));
    writeln!(file, "{header}").expect("room on disk");
    lines.for_each(|line| writeln!(file, "{line}").expect("room on disk"));
    file.flush().expect("room on disk");
}
