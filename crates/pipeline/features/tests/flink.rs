//! The Flink SQL of a definition, as text. `tests/peer/flink.py` runs such SQL and compares tiles.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use enliven_features::{
    Column, FeatureSet, FeaturesConfig, FlinkColumn, FlinkInput, FlinkJob, FlinkOutput, FlinkSource, Kind, SourceShape,
    Tables,
};
use enliven_types::{Data, Event, Privacy, Timestamp, Value};
use serde_json::json;

const DAY: i64 = 86_400_000;
const KINDS: [(&str, Kind); 5] = [
    ("at", Kind::Text),
    ("player", Kind::Text),
    ("table", Kind::Number(0)),
    ("won", Kind::Number(2)),
    ("tournament", Kind::Bool),
];

fn set(define: serde_json::Value) -> FeatureSet {
    let view = json!({
        "source": "hands",
        "where": "won != 0",
        "sides": [
            { "entity": "player", "fields": { "gain": "won", "serious": "tournament" } },
            { "entity": ["table", "player"], "fields": { "gain": "won", "serious": "tournament" } },
        ],
        "derive": { "loss": "gain < 0 ? -gain : 0.00", "square": "gain * gain" },
        "define": define,
    });
    let config: FeaturesConfig = serde_json::from_value(json!({ "views": { "hands": view } })).unwrap();
    let columns = KINDS.iter().map(|(name, kind)| (name.to_string(), Column { kind: *kind, privacy: Privacy::Public }));
    let shape = SourceShape { columns: columns.collect(), partitions: 1, lateness_ms: DAY, order: None };
    FeatureSet::new(&config, &BTreeMap::from([("hands".to_string(), shape)]), &Tables::new()).unwrap()
}

fn job(set: &FeatureSet, source: &FlinkSource) -> FlinkJob {
    set.token_view().to_flink(source).unwrap()
}

fn source(input: FlinkInput, output: FlinkOutput) -> FlinkSource {
    let columns = KINDS.iter().map(|(name, kind)| {
        let theirs = if *name == "won" { "amount `won`" } else { name };
        (name.to_string(), FlinkColumn { name: theirs.to_string(), kind: *kind })
    });
    FlinkSource {
        columns: columns.collect(),
        time: "at".into(),
        id: vec!["at".into(), "table".into()],
        subjects: vec!["player".into()],
        lateness_ms: DAY,
        max_future_ms: 3_600_000,
        input,
        output,
    }
}

fn file() -> FlinkSource {
    let header = ["at", "note", "player", "table", "note", "amount `won`", "tournament"];
    let input = FlinkInput::Csv { path: "/log/it's.csv".into(), header: header.map(String::from).to_vec() };
    source(input, FlinkOutput::Files { folder: "/tiles/".into() })
}

#[test]
fn a_definition_as_sql_over_files() {
    let set = set(json!([
        { "name": "hands", "aggregate": "count", "windows": ["1h", "30d", "tumbling month"] },
        { "name": "losses", "aggregate": { "sum": "loss" }, "where": "serious", "windows": ["30d", "lifetime"] },
        { "name": "spread", "aggregate": { "standard_deviation": "square" }, "windows": ["30d"] },
        { "name": "worst", "aggregate": { "min": "gain" }, "windows": ["30d"] },
        { "name": "latest", "aggregate": { "last": "gain" }, "windows": ["1h"] },
        { "name": "day", "aggregate": { "top": { "of": "serious ? \"it's\" : 'other'", "categories": ["it's"] } } },
        { "name": "trend", "aggregate": { "weighted_mean": { "of": "gain", "half_life": "30d" } } },
        { "name": "idle", "aggregate": { "time_since": "1d" } },
        { "name": "median", "aggregate": { "quantile": { "of": "gain", "permille": 500 } }, "windows": ["30d"] },
        { "name": "run", "aggregate": "streak", "where": "gain > 0" },
    ]));
    insta::assert_snapshot!(job(&set, &file()).sql);
}

#[test]
fn a_definition_as_sql_over_kafka() {
    let brokers = || "one:9092,two:9092".to_string();
    let input = FlinkInput::Kafka { brokers: brokers(), topic: "hands".into() };
    let set = set(json!([{ "name": "hands", "aggregate": "count", "windows": ["30d"] }]));
    insta::assert_snapshot!(job(&set, &source(input, FlinkOutput::Kafka { brokers: brokers() })).sql);
}

/// Every feature is read from a table or is left out with a reason.
#[test]
fn nothing_is_left_out_silently() {
    let set = set(json!([
        { "name": "hands", "aggregate": "count", "windows": ["1h", "1d", "30d", "lifetime", "session 1h"] },
        { "name": "different", "aggregate": { "distinct": "gain" } },
        { "name": "median", "aggregate": { "quantile": { "of": "gain", "permille": 500 } } },
        { "name": "form", "aggregate": { "weighted_mean": { "of": "gain", "decay_permille": 900 } } },
        { "name": "run", "aggregate": "streak" },
    ]));
    let job = job(&set, &file());
    let told = job.tables.iter().flat_map(|table| &table.features).chain(job.left_out.iter().map(|one| &one.feature));
    let mut told: Vec<&String> = told.collect();
    let mut all: Vec<&String> = set.describe().iter().map(|one| &one.name).collect();
    told.sort();
    all.sort();
    assert_eq!(told, all);
    let left_out: Vec<&str> = job.left_out.iter().map(|one| one.feature.as_str()).collect();
    assert_eq!(left_out, ["hands_session_1h", "different", "median", "form", "run"]);
    for one in &job.left_out {
        assert!(job.sql.contains(&format!("-- Left out: {} ({}).", one.feature, one.reason)), "{one:?}");
    }
}

#[test]
fn the_kernel_adds_up_the_same_columns() {
    let set = set(json!([
        { "name": "gain", "aggregate": { "sum": "gain" }, "where": "serious", "windows": ["30d", "tumbling month"] },
        { "name": "latest", "aggregate": { "last": "gain" }, "windows": ["30d"] },
    ]));
    let hand = |time: i64, won: i64, tournament: bool| Event {
        id: format!("{time}").into(),
        source: "hands".into(),
        kind: "hand".into(),
        subjects: vec!["Ann".into()].into(),
        time: Timestamp(time),
        data: Data::from([
            ("at".to_string(), Value::Text(time.to_string().into())),
            ("player".to_string(), Value::Text("Ann".into())),
            ("table".to_string(), Value::Int(4)),
            ("won".to_string(), Value::Int(won)),
            ("tournament".to_string(), Value::Bool(tournament)),
        ]),
    };
    // The last but one is late, and the last is left out by the view's filter.
    let hands = [
        hand(-1, 5, true),
        hand(10, 7, true),
        hand(5, 9, false),
        hand(3 * DAY, 1, true),
        hand(6, 2, true),
        hand(3 * DAY + 1, 0, true),
    ];
    let hands = hands.map(|hand| (0, hand));
    let tiles = set.tiles("hands", &file(), &hands).unwrap();
    let told: Vec<String> = tiles
        .iter()
        .filter(|tile| tile.entity == "4/Ann")
        .map(|tile| {
            let values: Vec<String> = tile.values.iter().map(|(name, value)| format!("{name} {value:?}")).collect();
            format!("{} {}: {}", tile.table, tile.tile, values.join(", "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "hands_tiles_1d -1: count_w0 Some(1), sum_v0_w0 Some(5), last_v0_low Some(5), last_v0_high Some(5)",
            "hands_tiles_1d 0: count_w0 Some(1), sum_v0_w0 Some(7), last_v0_low Some(7), last_v0_high Some(7)",
            "hands_tiles_1d 3: count_w0 Some(1), sum_v0_w0 Some(1), last_v0_low Some(1), last_v0_high Some(1)",
            "hands_tiles_month -1: count_w0 Some(1), sum_v0_w0 Some(5)",
            "hands_tiles_month 0: count_w0 Some(2), sum_v0_w0 Some(8)",
        ]
    );
}

#[test]
fn a_view_with_joins_is_no_sql() {
    let view = json!({
        "source": "hands", "sides": [{ "entity": "player" }], "define": [{ "name": "n", "aggregate": "count" }],
    });
    let joined = json!({
        "source": "hands",
        "sides": [{ "entity": "player", "joins": [{ "view": "hands", "key": "player", "fields": { "before": "n" } }] }],
        "define": [{ "name": "most", "aggregate": { "max": "before" } }],
    });
    let views = json!({ "views": { "hands": view, "past": joined }, "tokens": ["hands", "past"] });
    let config: FeaturesConfig = serde_json::from_value(views).unwrap();
    let column = Column { kind: Kind::Text, privacy: Privacy::Public };
    let columns = BTreeMap::from([("player".to_string(), column)]);
    let shape = SourceShape { columns, partitions: 1, lateness_ms: DAY, order: None };
    let set = FeatureSet::new(&config, &BTreeMap::from([("hands".to_string(), shape)]), &Tables::new()).unwrap();
    let said: Vec<bool> = set.views().map(|(_, view)| view.to_flink(&file()).is_some()).collect();
    assert_eq!(said, [true, false]);
    assert!(set.tiles("past", &file(), &[]).is_none());
}
