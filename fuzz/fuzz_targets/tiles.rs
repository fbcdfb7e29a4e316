//! Any lines as tiles, of files and of topics: an error, or vectors and a state.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use enliven_features::{
    Column, FeatureSet, FeatureState, FeaturesConfig, FlinkColumn, FlinkInput, FlinkOutput, FlinkSource, Kind,
    SourceShape, Tables,
};
use enliven_types::{Privacy, Timestamp};

const KINDS: [(&str, Kind); 3] = [("a", Kind::Text), ("n", Kind::Number(0)), ("t", Kind::Text)];

static SET: LazyLock<FeatureSet> = LazyLock::new(|| {
    let config = r#"{"views": {"main": {"source": "s", "sides": [{"entity": "a", "fields": {"n": "n", "t": "t"}}], "define": [
        {"name": "sum", "aggregate": {"sum": "n"}, "windows": ["1h", "tumbling month", "lifetime"]},
        {"name": "spread", "aggregate": {"standard_deviation": "n"}, "where": "n > 3", "windows": ["1h"]},
        {"name": "first", "aggregate": {"first": "n"}, "windows": ["1h", "tumbling month"]},
        {"name": "fading", "aggregate": {"weighted_mean": {"of": "n", "half_life": "1d"}}},
        {"name": "idle", "aggregate": {"time_since": "1d"}},
        {"name": "top", "aggregate": {"top": {"of": "t", "categories": ["x", "y"]}}}
    ]}}}"#;
    let columns = KINDS.map(|(name, kind)| (name.to_string(), Column { kind, privacy: Privacy::Public }));
    let shape = SourceShape { columns: columns.into(), partitions: 1, lateness_ms: 1000, order: None };
    let config: FeaturesConfig = serde_json::from_str(config).unwrap();
    FeatureSet::new(&config, &[("s".to_string(), shape)].into(), &Tables::new()).unwrap()
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let column = |(name, kind): (&str, Kind)| (name.to_string(), FlinkColumn { name: name.to_string(), kind });
    let source = FlinkSource {
        columns: KINDS.into_iter().map(column).collect::<BTreeMap<_, _>>(),
        time: "time".into(),
        id: vec!["a".into()],
        subjects: vec!["a".into()],
        lateness_ms: 1000,
        max_future_ms: 1000,
        input: FlinkInput::Json { path: String::new() },
        output: FlinkOutput::Files { folder: String::new() },
    };
    let mut reader = SET.tile_reader("main", &source).unwrap();
    let tables: Vec<String> = reader.tables().map(str::to_string).collect();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some((first, line)) = line.split_first() else { continue };
        let table = &tables[*first as usize % tables.len()];
        let _ = if first & 64 == 0 { reader.add_change(table, 0, line) } else { reader.add_record(table, line) };
    }
    let Ok(history) = reader.finish(None) else { return };
    for time in [0, 86_400_000, history.end().map_or(7, |end| end.0), i64::MAX] {
        let _ = history.backfill(&[Timestamp(time)]);
        if let Ok(mut state) = FeatureState::from_tiles(&SET, std::slice::from_ref(&history), Timestamp(time)) {
            state.advance(&SET, Timestamp(time));
            let _ = state.vector_at(&SET, "x", Timestamp(time));
        }
    }
});
