//! Any text as an expression, any bytes as a snapshot of a state: an error, or something that works.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use enliven_features::{Column, Datum, Dialect, Expr, FeatureSet, FeatureState, FeaturesConfig, Kind, SourceShape, SqlField, Tables};
use enliven_types::{Privacy, Timestamp};

static SET: LazyLock<FeatureSet> = LazyLock::new(|| {
    let config = r#"{"views": {"main": {"source": "s", "sides": [
        {"entity": "a", "opponent": "b", "fields": {"n": "n", "t": "t"}},
        {"entity": "b", "opponent": "a", "fields": {"n": "n", "t": "t"}}
    ], "define": [
        {"name": "sum", "aggregate": {"sum": "n"}, "windows": ["1h", "tumbling month", "session 1d", "lifetime"]},
        {"name": "distinct", "aggregate": {"distinct": "t"}, "windows": ["7d"]},
        {"name": "median", "aggregate": {"quantile": {"of": "n", "permille": 500}}},
        {"name": "top", "aggregate": {"top": {"of": "t", "categories": ["x", "y"]}}},
        {"name": "rating", "aggregate": {"glicko2": {"won": "n > 1", "drawn": "n == 1", "period": "1d"}}}
    ]}, "joined": {"source": "s", "sides": [
        {"entity": {"owned_by": "a"}, "joins": [
            {"view": "main", "key": "b", "fields": {"sum": "sum_lifetime"}}, {"owner_of": "b", "fields": {"owner": "owner"}}
        ]}
    ], "define": [{"name": "last", "aggregate": {"last": "sum"}}, {"name": "owners", "aggregate": {"distinct": "owner"}}]}},
    "tokens": ["main", "joined"], "ownership": {"source": "s", "token": "b", "owner": "a"}}"#;
    let kinds = [("a", Kind::Text), ("b", Kind::Text), ("n", Kind::Number(0)), ("t", Kind::Text)];
    let columns = kinds.map(|(name, kind)| (name.to_string(), Column { kind, privacy: Privacy::Public }));
    let shape = SourceShape { columns: columns.into(), partitions: 2, lateness_ms: 1000, order: None };
    let config: FeaturesConfig = serde_json::from_str(config).unwrap();
    FeatureSet::new(&config, &[("s".to_string(), shape)].into(), &Tables::new()).unwrap()
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let fields = [("a", Kind::Number(2)), ("b", Kind::Bool), ("t", Kind::Text), ("w", Kind::Time)];
        let fields: BTreeMap<_, _> =
            fields.into_iter().enumerate().map(|(place, (name, kind))| (name.to_string(), (place, kind))).collect();
        let column = |name: &str| SqlField { column: name.to_string(), bound: 1 << 53 };
        let columns = ["a", "b", "t", "w"].map(column);
        if let Ok(expr) = Expr::parse(text, &fields) {
            let row = [Datum::Number(i64::MIN), Datum::Number(1), Datum::Text("é"), Datum::Number(-1)];
            let _ = (expr.number(&row), expr.text(&row), expr.to_sql(Dialect::DuckDb, &columns));
        }
    }
    // The digest of the definition stands in front, so that the fuzzer need not guess it; the first byte says
    // how long the head is.
    let Some((length, bytes)) = bytes.split_first() else { return };
    let (head, piece) = bytes.split_at((usize::from(*length) * 2).min(bytes.len()));
    let head = [&[3], &SET.digest().0[..], head].concat();
    let pieces = [&head[..], piece];
    let count = if piece.is_empty() { 1 } else { 2 };
    if let Some(mut state) = FeatureState::default().restore_pieces(&SET, &pieces[..count]) {
        let snapshot = state.snapshot(&SET);
        let again = FeatureState::restore(&SET, &snapshot).expect("what was restored is whole");
        assert_eq!(again.snapshot(&SET), snapshot);
        state.advance(&SET, Timestamp(0));
        let _ = state.vector_at(&SET, "x", Timestamp(0));
    }
});
