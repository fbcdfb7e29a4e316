//! The feature kernel alone: 20 sliding features over an hour, a day and a week, about five events a
//! key, at 10 thousand, 100 thousand and a million keys. Goals in the peer column are budgets; the
//! floor is one hash-map counter per key, fed in the same run.

use std::fmt::Write;
use std::io::Cursor;
use std::time::{Duration, Instant};

use enliven_features::{Datum, Expr, FeatureSet, FeatureState, Kind, point_in_time};
use enliven_sources::{FileSource, SourceConfig};
use enliven_store::{EmbeddedStore, EventLog};
use enliven_types::{Data, Event, Timestamp, Value};
use indexmap::IndexMap;

use crate::Row;
use crate::world::{definition, feature, resident_mib};

const PER_KEY: usize = 5;
const WEEK_MS: i64 = 7 * 86_400_000;
/// Events are made in pages outside of the clock: all at once would not fit the memory.
const PAGE: usize = 100_000;

/// The definition; with `sketches` it has a distinct count and a quantile over each window as well.
fn view(sketches: bool) -> FeatureSet {
    let three = |name: &str, aggregate: &str| feature(name, aggregate, r#"["1h", "1d", "7d"]"#);
    let mut define = vec![
        three("count", r#""count""#),
        three("sum", r#"{"sum": "amount"}"#),
        three("mean", r#"{"mean": "amount"}"#),
        three("least", r#"{"min": "amount"}"#),
        three("most", r#"{"max": "amount"}"#),
        three("last", r#"{"last": "amount"}"#),
        feature("spread", r#"{"standard_deviation": "amount"}"#, r#"["1d", "7d"]"#),
    ];
    if sketches {
        define.push(three("different", r#"{"distinct": "amount"}"#));
        define.push(three("median", r#"{"quantile": {"of": "amount", "permille": 500}}"#));
    }
    definition(&define, 2, 3_600_000)
}

/// The event with a number, of `keys * PER_KEY` in each week; keys come in a scattered order.
fn event(number: usize, keys: usize) -> Event {
    let key = (number * 7_919) % keys;
    let time = (number as i64) * WEEK_MS / (keys * PER_KEY) as i64;
    Event {
        id: number.to_string().into(),
        source: "s".into(),
        kind: "t".into(),
        subjects: vec![format!("key {key}").into()].into(),
        time: Timestamp(time),
        data: Data::from([
            ("amount".to_string(), Value::Int((number as i64 * 31) % 10_000)),
            ("key".to_string(), Value::Text(format!("key {key}").into())),
        ]),
    }
}

/// What all of a bounded state but names may take.
const BOUND: usize = 32 << 20;
/// What names take, and where they are.
const NAME_BYTES: usize = 100;

fn bounded() -> (FeatureState, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spill_to = enliven_engine::spill_to(folder.path(), BOUND).expect("a temporary file");
    (FeatureState::default().spilling(spill_to), folder)
}

/// What a process grows by when its state takes in so many weeks, in bytes: at most, for a bounded state.
fn resident(keys: usize, weeks: usize, is_bounded: bool) -> f64 {
    /// Events that are there at once, which are no part of the state.
    const FEW: usize = 100;
    let view = view(false);
    let (mut state, folder) = bounded();
    if !is_bounded {
        state = FeatureState::default();
    }
    let before = resident_mib("VmRSS:");
    let mut most = 0.0_f64;
    for start in (0..keys * PER_KEY * weeks).step_by(FEW) {
        for number in start..start + FEW {
            state.add(&view, 0, &event(number, keys));
        }
        state.advance(&view, event(start + FEW - 1, keys).time);
        if is_bounded && start.is_multiple_of(1000 * FEW) {
            most = most.max(resident_mib("VmRSS:"));
        }
    }
    assert_eq!(state.fault(), None);
    drop(folder);
    (most.max(resident_mib("VmRSS:")) - before) * f64::from(1 << 20)
}

/// The same in a process of its own: what others have given back would be used again.
fn resident_alone(keys: usize, weeks: usize, is_bounded: bool) -> f64 {
    let this = std::env::current_exe().expect("this program has a file");
    let arguments = ["--resident".to_string(), keys.to_string(), weeks.to_string(), is_bounded.to_string()];
    let output = std::process::Command::new(this).args(arguments).output().expect("this program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number of bytes")
}

/// What the process of [`resident_alone`] does; none if the arguments ask for something else.
pub fn resident_here(arguments: &[String]) -> Option<f64> {
    let [flag, keys, weeks, is_bounded] = arguments else { return None };
    let sizes = (keys.parse().ok()?, weeks.parse().ok()?, is_bounded.parse().ok()?);
    (flag == "--resident").then(|| resident(sizes.0, sizes.1, sizes.2))
}

/// A state within a bound of memory, beside one without: the same events, most of whose keys have been
/// spilled when they come again.
fn spilling(view: &FeatureSet, add_ns: f64) -> [Row; 2] {
    const KEYS: usize = 1_000_000;
    let most = resident_alone(KEYS, 1, true) / f64::from(1 << 20);
    let budget = (BOUND + NAME_BYTES * KEYS) as f64 / f64::from(1 << 20);
    let (state, _folder) = bounded();
    let (_, add) = add_all(view, state, KEYS);
    [
        Row::at_most("features.spill.memory", "MiB", most, budget, "32 MiB, and 100 bytes a name", 1.0),
        Row::at_most("features.spill.add", "ns", add, add_ns, "all in memory", 10.0),
    ]
}

/// Adds a week; returns the state, and what an event took.
fn add_all(view: &FeatureSet, mut state: FeatureState, keys: usize) -> (FeatureState, f64) {
    let total = keys * PER_KEY;
    let mut add = Duration::ZERO;
    for start in (0..total).step_by(PAGE) {
        let page: Vec<Event> = (start..total.min(start + PAGE)).map(|number| event(number, keys)).collect();
        let begin = Instant::now();
        for event in &page {
            state.add(view, 0, event);
        }
        state.advance(view, page[page.len() - 1].time);
        add += begin.elapsed();
    }
    assert_eq!(state.fault(), None);
    (state, add.as_nanos() as f64 / total as f64)
}

struct Measured {
    add_ns: f64,
    floor_ns: f64,
    read_ns: f64,
    bytes_per_key: f64,
    restore_s: f64,
}

fn measure(view: &FeatureSet, keys: usize) -> Measured {
    let total = keys * PER_KEY;
    let mut counters: IndexMap<String, u64> = IndexMap::new();
    let mut floor = Duration::ZERO;
    for start in (0..total).step_by(PAGE) {
        let page: Vec<Event> = (start..total.min(start + PAGE)).map(|number| event(number, keys)).collect();
        let begin = Instant::now();
        for event in &page {
            let name = event.data.get("key").and_then(Value::text).unwrap_or_default();
            match counters.get_mut(name) {
                Some(counter) => *counter += 1,
                None => {
                    counters.insert(name.to_string(), 1);
                }
            }
        }
        floor += begin.elapsed();
    }
    drop(counters);

    let (state, add_ns) = add_all(view, FeatureState::default(), keys);
    let names: Vec<String> = (0..keys.min(100_000)).map(|key| format!("key {}", (key * 31) % keys)).collect();
    let begin = Instant::now();
    let mut sum = 0i64;
    for name in &names {
        sum = sum.wrapping_add(state.vector_at(view, name, Timestamp(WEEK_MS)).0.iter().sum());
    }
    let read = begin.elapsed();
    std::hint::black_box(sum);
    let snapshot = state.snapshot(view);
    drop(state);
    let begin = Instant::now();
    let restored = FeatureState::restore(view, &snapshot);
    let restore_s = begin.elapsed().as_secs_f64();
    assert!(restored.is_some(), "a snapshot restores");
    Measured {
        add_ns,
        floor_ns: floor.as_nanos() as f64 / total as f64,
        read_ns: read.as_nanos() as f64 / names.len() as f64,
        bytes_per_key: resident_alone(keys, 1, false) / keys as f64,
        restore_s,
    }
}

/// Adding, reading, memory, restart, growth, and training rows.
pub fn features() -> Vec<Row> {
    let view = view(false);
    let mut rows = Vec::new();
    let mut base = None;
    let (mut at_100_000, mut in_memory) = (0.0, 0.0);
    for (keys, name) in [(10_000, "1x"), (100_000, "10x"), (1_000_000, "100x")] {
        let found = measure(&view, keys);
        let (add_base, read_base, memory_base) =
            *base.get_or_insert((found.add_ns, found.read_ns, found.bytes_per_key));
        let id = |what: &str| format!("features.{what}.{name}");
        rows.push(Row::at_most(&id("add.growth"), "ns", found.add_ns, add_base, "1x", 3.0));
        rows.push(Row::at_most(&id("read.growth"), "ns", found.read_ns, read_base, "1x", 3.0));
        rows.push(Row::at_most(&id("memory.growth"), "B/key", found.bytes_per_key, memory_base, "1x", 1.2));
        if keys == 100_000 {
            at_100_000 = found.bytes_per_key;
        }
        if keys == 1_000_000 {
            in_memory = found.add_ns;
            rows.push(Row::at_most("features.add", "ns", found.add_ns, 1e9 / 3e6, "budget: 3 million a second", 1.0));
            rows.push(Row::at_most(
                "features.add.floor",
                "ns",
                found.add_ns,
                found.floor_ns,
                "one counter per key",
                4.0,
            ));
            rows.push(Row::at_most("features.memory", "B/key", found.bytes_per_key, 330.0, "budget", 1.0));
            rows.push(Row::at_most("features.restart", "s", found.restore_s, 3.0, "budget", 1.0));
        }
    }
    // What windows have left behind is gone: after twenty weeks of as many events there is no more than after one.
    let long = resident_alone(100_000, 20, false) / 100_000.0;
    rows.push(Row::at_most("features.memory.weeks", "B/key", long, at_100_000, "one week of twenty", 1.2));
    rows.extend(spilling(&view, in_memory));
    rows.push(training(&view));
    rows.extend(from_json(&view));
    rows.push(expression());
    rows
}

/// One evaluation of a usual expression; the budget is what was measured of such a compiler before.
fn expression() -> Row {
    const TIMES: i64 = 10_000_000;
    let fields = [("own", (0, Kind::Number(0))), ("other", (1, Kind::Number(0)))];
    let fields = fields.into_iter().map(|(name, field)| (name.to_string(), field)).collect();
    let expr = Expr::parse("own > other ? 3 : own == other ? 1 : 0", &fields).expect("the expression is sound");
    let begin = Instant::now();
    let mut sum = 0;
    for number in 0..TIMES {
        let row = std::hint::black_box([Datum::Number(number % 4), Datum::Number(number % 3)]);
        sum += expr.number(&row);
    }
    std::hint::black_box(sum);
    let ns = begin.elapsed().as_nanos() as f64 / TIMES as f64;
    Row::at_most("features.expression", "ns", ns, 8.0, "budget", 1.0)
}

/// From bytes to a vector: lines of JSON of about 400 bytes become events, are added, and the features
/// of each event's entity are read; with sketches; and with the log on disk, an fsync per 4,096 events.
fn from_json(plain: &FeatureSet) -> [Row; 3] {
    let sketched = view(true);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = EmbeddedStore::open(&folder.path().join("log.redb")).expect("a new store opens");
    let rates = [(plain, false), (&sketched, false), (plain, true)].map(|(view, logged)| {
        let log = logged.then(|| EventLog::new(&store, "s", 0));
        1e9 / line_ns(view, log.as_ref())
    });
    let row =
        |id: &str, rate: f64, goal: f64| Row::at_least(&format!("features.json.{id}"), "/s", rate, goal, "budget", 1.0);
    [row("memory", rates[0], 2_200_000.0), row("sketches", rates[1], 1_400_000.0), row("logged", rates[2], 600_000.0)]
}

fn line_ns(view: &FeatureSet, log: Option<&EventLog<'_>>) -> f64 {
    const KEYS: usize = 100_000;
    const LINES: usize = 4096;
    let config: SourceConfig = serde_json::from_value(serde_json::json!({
        "from": {"file": {"path": "lines.jsonl", "format": "json_lines"}}, "event_type": "t", "time": "time",
        "id": ["id"], "subjects": ["key"],
        "columns": {"id": "text", "time": "text", "key": "text", "amount": {"decimal": 2}},
    }))
    .expect("the source is sound");
    let mut state = FeatureState::default();
    let (mut spent, mut count, mut sum) = (Duration::ZERO, 0, 0i64);
    let note = "calibrated by the night shift, no objections were raised; the next round is due in a week".repeat(2);
    for start in (0..KEYS * PER_KEY).step_by(LINES) {
        let mut lines = String::new();
        for number in start..(start + LINES).min(KEYS * PER_KEY) {
            let event = event(number, KEYS);
            let (key, amount) = (&event.subjects[0], event.data.get("amount").and_then(Value::number).unwrap_or(0));
            let (whole, part) = (amount / 100, amount % 100);
            let _ = writeln!(
                lines,
                r#"{{"id":"{number:020}","time":"{}","key":"{key}","amount":{whole}.{part:02},"site":"hall 7 of the north plant","alarm":false,"note":"{note}"}}"#,
                event.time
            );
        }
        let begin = Instant::now();
        let source = FileSource::from_reader("s", &config, 0, Box::new(Cursor::new(lines.into_bytes())));
        let mut events = Vec::with_capacity(LINES);
        for row in source.expect("the source opens") {
            events.push(row.expect("memory can be read").expect("every row is sound"));
        }
        if let Some(log) = log {
            log.append(&events).expect("the log takes them");
        }
        for event in &events {
            state.add(view, 0, event);
            sum = sum.wrapping_add(state.vector_at(view, &event.subjects[0], event.time).0[0]);
        }
        if let Some(last) = events.last() {
            state.advance(view, last.time);
        }
        spent += begin.elapsed();
        count += events.len();
    }
    std::hint::black_box(sum);
    spent.as_nanos() as f64 / count as f64
}

/// A million events and 100 thousand labels, beside adding the same events without reading any.
fn training(view: &FeatureSet) -> Row {
    let keys = 200_000;
    let events: Vec<(u32, Event)> = (0..keys * PER_KEY).map(|number| (0, event(number, keys))).collect();
    let labels: Vec<(String, Timestamp)> =
        events.iter().step_by(10).map(|(_, event)| (event.subjects[0].to_string(), event.time)).collect();
    let begin = Instant::now();
    std::hint::black_box(point_in_time(view, &events, &labels));
    let ours = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let mut state = FeatureState::default();
    for (_, event) in &events {
        state.add(view, 0, event);
    }
    let floor = begin.elapsed().as_secs_f64();
    Row::at_most("features.training", "s", ours, floor, "adding the events alone", 2.0)
}
