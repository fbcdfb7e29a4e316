//! The laws of tiles that come back, over generated definitions, events and instants:
//!
//! * a vector from tiles has the bits of the vector from the log, or is said to be unknown;
//! * a state that goes on from tiles gives every later vector of the state of all events;
//! * the order in which tiles come changes nothing;
//! * no bytes and no numbers make it panic.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use common::*;
use enliven_features::{
    Added, FeatureSet, FeatureState, FlinkColumn, FlinkInput, FlinkOutput, FlinkSource, Kind, Tile, TileError,
    TileHistory, TileReader, Told, Unknown,
};
use enliven_types::{Event, Timestamp};
use proptest::prelude::*;
use serde_json::json;

fn source() -> FlinkSource {
    let kinds = [("left", Kind::Text), ("right", Kind::Text), ("amount", Kind::Number(1)), ("colour", Kind::Text)];
    let column = |(name, kind): (&str, Kind)| (name.to_string(), FlinkColumn { name: name.to_string(), kind });
    FlinkSource {
        columns: kinds.into_iter().map(column).collect(),
        time: "time".into(),
        id: vec!["left".into()],
        subjects: vec!["left".into()],
        lateness_ms: LATENESS,
        max_future_ms: DAY,
        input: FlinkInput::Json { path: String::new() },
        output: FlinkOutput::Files { folder: String::new() },
    }
}

fn reader(set: &FeatureSet) -> TileReader<'_> {
    set.tile_reader("main", &source()).unwrap()
}

fn tiles(set: &FeatureSet, events: &[Event]) -> Vec<Tile> {
    let logged: Vec<(u32, Event)> = events.iter().map(|event| (0, event.clone())).collect();
    set.tiles("main", &source(), &logged).unwrap()
}

/// The history of the tiles, which come in an order that depends on `seed`, some of them twice.
fn history<'a>(set: &'a FeatureSet, tiles: &[Tile], seed: u64, until: Option<i64>) -> TileHistory<'a> {
    let mut mixed: Vec<&Tile> = tiles.iter().collect();
    mixed.sort_by_key(|tile| fnv1a(&format!("{seed} {} {} {}", tile.table, tile.entity, tile.tile)));
    let mut reader = reader(set);
    for (number, tile) in mixed.into_iter().enumerate() {
        if number % 3 == 0 {
            let mut other = tile.clone();
            other.values.iter_mut().for_each(|(_, value)| *value = value.map(|value| value.min(0)));
            // Whatever was there before, refused or taken, the later entry counts.
            let _ = reader.set(0, other);
        }
        if number % 5 == 0 {
            reader.remove(0, &tile.table, &tile.entity, tile.tile).unwrap();
        }
        reader.set(0, tile.clone()).unwrap();
    }
    reader.finish(until.map(Timestamp)).unwrap()
}

/// A tile as Flink writes it into a file.
fn line(tile: &Tile) -> String {
    let mut row = format!("\"entity\":{},\"tile\":{}", json!(tile.entity), tile.tile);
    for (name, value) in &tile.values {
        let value = value.map_or_else(|| "null".to_string(), |value| value.to_string());
        row += &format!(",\"{name}\":{value}");
    }
    format!("{{\"before\":null,\"after\":{{{row}}},\"op\":\"c\"}}")
}

/// A definition all of whose features can be said in tiles.
fn sayable() -> impl Strategy<Value = FeatureSet> {
    let aggregate = prop::sample::select(vec![
        json!("count"),
        json!({"sum": "amount"}),
        json!({"mean": "amount"}),
        json!({"standard_deviation": "amount"}),
        json!({"min": "amount"}),
        json!({"max": "amount"}),
        json!({"first": "amount"}),
        json!({"last": "amount"}),
        json!({"top": {"of": "colour", "ranks": 2, "categories": CATEGORIES}}),
    ]);
    let window = prop::sample::select(vec![
        "lifetime",
        "30m",
        "7h",
        "1d",
        "36h",
        "20d",
        "400d",
        "tumbling 3h",
        "tumbling 2d",
        "tumbling month",
    ]);
    let windowed = (aggregate, prop::collection::btree_set(window, 1..4))
        .prop_map(|(aggregate, windows)| json!({"aggregate": aggregate, "windows": windows}));
    let lasting = prop::sample::select(vec![
        json!({"aggregate": {"time_since": "1h"}, "default": 9999}),
        json!({"aggregate": {"weighted_mean": {"of": "amount", "half_life": "3d"}}}),
        json!({"aggregate": {"rate": "1d"}, "windows": ["36h", "tumbling 2d"]}),
    ]);
    let filter = prop::option::of(prop::sample::select(vec!["amount > 3", "colour == \"red\" || amount < 0"]));
    let feature = (prop_oneof![4 => windowed, 1 => lasting], filter).prop_map(|(mut feature, filter)| {
        if let Some(filter) = filter {
            feature["where"] = json!(filter);
        }
        feature
    });
    prop::collection::vec(feature, 1..6).prop_map(|mut features| {
        for (number, feature) in features.iter_mut().enumerate() {
            feature["name"] = json!(format!("f{number}"));
        }
        view(json!(features))
    })
}

/// Compares a vector with the log's; returns what the tiles do not say.
fn compare(set: &FeatureSet, told: &[Told], wanted: &[i64]) -> Result<BTreeSet<Unknown>, TestCaseError> {
    let mut unknown = BTreeSet::new();
    prop_assert_eq!(told.len(), wanted.len());
    for ((told, wanted), feature) in told.iter().zip(wanted).zip(set.describe()) {
        match told {
            Ok(number) => prop_assert_eq!(number, wanted, "{}", feature.name),
            Err(why) => {
                unknown.insert(*why);
            }
        }
    }
    Ok(unknown)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn tiles_say_what_the_log_says(
        set in prop_oneof![definition(), sayable()],
        events in events(),
        instants in prop::collection::vec(prop_oneof![(0i64..26).prop_map(|day| day * DAY), (0i64..600).prop_map(|hour| hour * HOUR), (0i64..30_000).prop_map(|minute| minute * MINUTE)], 1..6),
        after in 0i64..40 * DAY,
        seed in any::<u64>(),
    ) {
        let history = history(&set, &tiles(&set, &events), seed, None);
        let mut instants: Vec<Timestamp> = instants.into_iter().map(Timestamp).collect();
        // At the end of the stream and later any instant will do.
        if let Some(end) = history.end() {
            instants.extend([end, Timestamp(end.0 + after)]);
        }
        let left_out: BTreeSet<&str> = history.left_out().iter().map(|one| one.feature.as_str()).collect();
        // Beside a sliding window every total is known.
        let slides = set.describe().iter().any(|one| {
            one.window.starts_with("the last ") && one.window.contains("tile") && !left_out.contains(one.name.as_str())
        });
        let mut good = Vec::new();
        for time in instants {
            match history.check(time) {
                Ok(()) => good.push(time),
                Err(TileError::Border { at, earlier, .. }) => {
                    prop_assert!(earlier < at && at == time);
                    prop_assert_eq!(history.check(earlier), Ok(()));
                    good.push(earlier);
                }
                // Nothing but totals.
                Err(TileError::Total { .. }) => prop_assert!(history.end().is_none()),
                Err(other) => panic!("{other}"),
            }
        }
        good.sort_unstable();
        let cuts: Vec<i64> = good.iter().map(|time| time.0).collect();
        let batch = batch(&set, &events, &cuts);
        let logged: Vec<(u32, Event)> = events.iter().map(|event| (0, event.clone())).collect();
        let wanted = enliven_features::backfill(&set, &logged, &good);
        let found = history.backfill(&good).unwrap();
        // The same entities are known, in the same order.
        let keys = |(name, time, _): &(String, Timestamp, Vec<Told>)| (name.clone(), *time);
        prop_assert_eq!(found.iter().map(keys).collect::<Vec<_>>(), wanted.iter().map(|(name, time, _)| (name.clone(), *time)).collect::<Vec<_>>());
        for ((_, _, told), (_, _, wanted)) in found.iter().zip(&wanted) {
            compare(&set, told, &wanted.0)?;
        }
        for ((time, number), wanted) in good.iter().flat_map(|time| (0..4).map(move |number| (*time, number))).zip(&batch) {
            let told = history.vector_at(&name(number), time).unwrap();
            let unknown = compare(&set, &told, &wanted.0)?;
            prop_assert!(!unknown.contains(&Unknown::Tied));
            prop_assert!(!unknown.contains(&Unknown::Total) || history.end().is_none_or(|end| time < end) && !slides);
            for (told, feature) in told.iter().zip(set.describe()) {
                prop_assert_eq!(*told == Err(Unknown::LeftOut), left_out.contains(feature.name.as_str()), "{}", feature.name);
            }
        }
    }

    #[test]
    fn a_state_goes_on_from_tiles(
        set in sayable(),
        events in events(),
        border in prop_oneof![(0i64..12).prop_map(|day| 2 * day * DAY), Just(31 * DAY), (0i64..30_000).prop_map(|minute| minute * MINUTE)],
        whole in any::<bool>(),
        cuts in cuts(),
        seed in any::<u64>(),
    ) {
        // The tiles of all events, or of a job that ended where the state begins.
        let before: Vec<Event> = events.iter().filter(|event| event.time.0 < border).cloned().collect();
        let history = match whole {
            true => history(&set, &tiles(&set, &events), seed, None),
            false => history(&set, &tiles(&set, &before), seed, Some(border)),
        };
        let mut state = match FeatureState::from_tiles(&set, std::slice::from_ref(&history), Timestamp(border)) {
            Ok(state) => state,
            Err(error) => {
                prop_assert!(whole, "{error}");
                prop_assert!(matches!(error, TileError::Border { .. } | TileError::Total { .. }), "{error}");
                if let TileError::Border { earlier, .. } = error {
                    let again = FeatureState::from_tiles(&set, std::slice::from_ref(&history), earlier);
                    prop_assert!(!matches!(again, Err(TileError::Border { .. })), "{earlier}");
                }
                return Ok(());
            }
        };
        // Those from before are late, and so counted once.
        for event in &events {
            let added = state.add(&set, 0, event);
            prop_assert_eq!(added == Added::Late, event.time.0 < border);
        }
        let mut restored = FeatureState::restore(&set, &state.snapshot(&set)).unwrap();
        let mut all = FeatureState::default();
        events.iter().for_each(|event| { all.add(&set, 0, event); });
        let mut cuts: Vec<i64> = cuts.iter().map(|cut| cut + border).collect();
        cuts.push(border);
        cuts.sort_unstable();
        let batch = batch(&set, &events, &cuts);
        let mut wanted = batch.iter();
        for cut in cuts {
            let cut = Timestamp(cut);
            state.advance(&set, cut);
            restored.advance(&set, cut);
            all.advance(&set, cut);
            for number in 0..4 {
                let wanted = wanted.next().unwrap();
                prop_assert_eq!(&state.vector_at(&set, &name(number), cut), wanted);
                prop_assert_eq!(&restored.vector_at(&set, &name(number), cut), wanted);
            }
            let names = |state: &FeatureState| -> BTreeSet<String> {
                state.entities_before(&set, cut).into_iter().map(|(_, name)| name).collect()
            };
            prop_assert_eq!(names(&state), names(&all));
        }
    }

    #[test]
    fn lines_are_read_and_no_bytes_make_it_panic(
        set in sayable(),
        events in events(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..8),
        noise in prop::collection::vec(any::<u8>(), 0..60),
        time in any::<i64>(),
        clean in any::<bool>(),
    ) {
        let tiles = tiles(&set, &events);
        let mut lines: Vec<(&str, Vec<u8>)> = tiles.iter().map(|tile| (tile.table.as_str(), line(tile).into_bytes())).collect();
        if !clean && !lines.is_empty() {
            for (place, at, byte) in flips {
                let place = place.index(lines.len());
                let line = &mut lines[place].1;
                let at = at.index(line.len());
                // Often a digit for a digit, so that the line is still one.
                line[at] = if line[at].is_ascii_digit() { b'0' + byte % 10 } else { byte };
            }
        }
        let mut read = reader(&set);
        for (table, line) in &lines {
            let added = read.add_change(table, 0, line);
            prop_assert!(!clean || added.is_ok(), "{:?}", added);
        }
        let names: Vec<String> = read.tables().map(str::to_string).collect();
        prop_assert!(read.add_change(&names[0], 0, &noise).is_err());
        prop_assert!(read.add_record(&names[0], &noise).is_err());
        if clean {
            let found = read.finish(None).unwrap();
            prop_assert_eq!(found.digest(), history(&set, &tiles, 5, None).digest());
            return Ok(());
        }
        use_all(&set, read, time);
    }

    #[test]
    fn no_numbers_make_it_panic(
        set in sayable(),
        rows in prop::collection::vec((any::<prop::sample::Index>(), 0u8..2, number(), prop::collection::vec(prop::option::of(number()), 40)), 1..20),
        until in prop::option::of(any::<i64>()),
        time in number(),
    ) {
        let mut read = reader(&set);
        let names: Vec<String> = read.tables().map(str::to_string).collect();
        let sample = tiles(&set, &[event(0, &Seen { minute: 5, left: 0, right: 1, amount: 40, colour: 0, jitter: 0 })]);
        for (table, entity, tile, numbers) in rows {
            let table = table.get(&names);
            let columns = &sample.iter().find(|tile| tile.table == *table).unwrap().values;
            let values = columns.iter().zip(numbers).map(|((name, _), number)| (name.clone(), number)).collect();
            let _ = read.set(0, Tile { table: table.clone(), entity: name(entity), tile: tile as i64, values });
        }
        if let Ok(history) = read.clone().finish(until.map(Timestamp)) {
            let _ = history.backfill(&[Timestamp(time as i64)]);
        }
        use_all(&set, read, time as i64);
    }
}

/// Numbers of all sizes.
fn number() -> impl Strategy<Value = i128> {
    prop_oneof![
        4 => 0i128..4,
        1 => -3i128..60,
        1 => (any::<i128>(), 0u32..128).prop_map(|(number, shift)| number >> shift),
        1 => prop::sample::select(vec![i128::from(i64::MAX), i128::from(i64::MIN), i128::MAX, i128::MIN, 1 << 53]),
    ]
}

/// Reads everything there is; only that it ends matters.
fn use_all(set: &FeatureSet, read: TileReader<'_>, time: i64) {
    let Ok(history) = read.finish(None) else { return };
    let end = history.end().unwrap_or(Timestamp(0));
    for time in [time, end.0, 0, DAY, i64::MAX, i64::MIN] {
        let _ = history.vector_at(&name(0), Timestamp(time));
        let _ = history.backfill(&[Timestamp(time)]);
        if let Ok(state) = FeatureState::from_tiles(set, std::slice::from_ref(&history), Timestamp(time)) {
            let _ = state.vector_at(set, &name(0), Timestamp(time));
        }
    }
}

fn at(minute: i64, amount: i64) -> Event {
    event(minute as usize, &Seen { minute, left: 0, right: 1, amount, colour: 0, jitter: 0 })
}

#[test]
fn ties_that_sql_cannot_break_are_unknown_where_they_decide() {
    let set = view(json!([
        { "name": "last", "aggregate": { "last": "amount" }, "windows": ["20d", "lifetime"] },
        { "name": "first", "aggregate": { "first": "amount" }, "windows": ["20d"] },
        { "name": "n", "aggregate": "count", "windows": ["20d"] },
    ]));
    let mut found = tiles(&set, &[at(10, 5), at(2000, 7), at(5000, 7)]);
    for tile in found.iter_mut().filter(|tile| tile.tile == 1 || tile.table.ends_with("lifetime")) {
        for (name, value) in &mut tile.values {
            if name == "last_v0_high" || name == "first_v0_high" {
                *value = Some(8);
            }
        }
    }
    let history = history(&set, &found, 1, None);
    let told = |day: i64| history.vector_at(&name(0), Timestamp(day * DAY)).unwrap();
    let tied = Err(Unknown::Tied);
    assert_eq!(told(1), [Ok(5), Ok(5), Ok(5), Ok(1)]);
    assert_eq!(told(2), [tied, tied, Ok(5), Ok(2)]);
    // A later event that is alone in its instant decides.
    assert_eq!(told(4), [Ok(7), Ok(7), Ok(5), Ok(3)]);
    // The first value in the window is the one of the tie.
    assert_eq!(told(21), [Ok(7), Ok(7), tied, Ok(2)]);
    let state = |day: i64| FeatureState::from_tiles(&set, std::slice::from_ref(&history), Timestamp(day * DAY));
    assert!(state(1).is_ok());
    assert!(matches!(state(2), Err(TileError::Tied { feature, .. }) if feature == "last_20d"));
    assert!(matches!(state(21), Err(TileError::Tied { feature, .. }) if feature == "first"));
    assert!(state(30).is_ok());
}

#[test]
fn totals_are_known_at_the_end_or_from_tiles_that_add_up_to_them() {
    let set = view(json!([
        { "name": "n", "aggregate": "count", "windows": ["tumbling 1d", "lifetime"] },
        { "name": "most", "aggregate": { "max": "amount" } },
    ]));
    let history = history(&set, &tiles(&set, &[at(10, 5), at(2000, 7)]), 1, None);
    assert_eq!(history.end(), Some(Timestamp(2 * DAY)));
    let told = |day: i64| history.vector_at(&name(0), Timestamp(day * DAY)).unwrap();
    assert_eq!(told(1), [Ok(1), Err(Unknown::Total), Err(Unknown::Total)]);
    assert_eq!(told(2), [Ok(1), Ok(2), Ok(7)]);
    // Of an entity without events everything is known.
    assert_eq!(history.vector_at("nobody", Timestamp(DAY)).unwrap(), [Ok(0), Ok(0), Ok(0)]);
    let state = |day: i64| FeatureState::from_tiles(&set, std::slice::from_ref(&history), Timestamp(day * DAY));
    assert_eq!(
        state(1).unwrap_err().to_string(),
        "of `n_lifetime`, `most` there are only totals as of the end of the stream (1970-01-03T00:00:00Z), not as of 1970-01-02T00:00:00Z"
    );
    assert!(state(2).is_ok());

    // Beside a sliding window they are in its tiles, too.
    let set = view(json!([
        { "name": "n", "aggregate": "count", "windows": ["20d"] },
        { "name": "most", "aggregate": { "max": "amount" } },
        { "name": "idle", "aggregate": { "time_since": "1d" }, "default": 99 },
    ]));
    let history = crate::history(&set, &tiles(&set, &[at(10, 5), at(2000, 7)]), 1, None);
    let told = |day: i64| history.vector_at(&name(0), Timestamp(day * DAY)).unwrap();
    assert_eq!(told(0), [Ok(0), Ok(0), Ok(99)]);
    assert_eq!(told(1), [Ok(1), Ok(5), Ok(0)]);
    assert_eq!(told(2), [Ok(2), Ok(7), Ok(0)]);
    assert!(FeatureState::from_tiles(&set, &[history], Timestamp(DAY)).is_ok());
}

/// Views over two sources, one of them with two partitions.
#[test]
fn several_views_go_on_from_tiles() {
    let define = |name: &str| {
        json!([
            { "name": name, "aggregate": { "sum": "amount" }, "windows": ["20d", "lifetime"] },
            { "name": format!("{name}_last"), "aggregate": { "last": "amount" }, "windows": ["7h"] },
        ])
    };
    let side = json!([{ "entity": "left", "fields": { "amount": "amount" } }]);
    let views = json!({
        "one": { "source": "s", "sides": side.clone(), "define": define("a") },
        "two": { "source": "t", "sides": side, "define": define("b") },
    });
    let set = set(json!({ "views": views, "tokens": ["one", "two"] }), enliven_types::Privacy::Public);
    let logged: Vec<(u32, Event)> = (0..400)
        .map(|number| {
            let minute = number * 37;
            let mut event = event(
                number as usize,
                &Seen { minute, left: (number % 3) as u8, right: 1, amount: number % 11, colour: 0, jitter: 0 },
            );
            event.source = if number % 5 < 2 { "s" } else { "t" }.into();
            (partition(&event), event)
        })
        .collect();
    let border = Timestamp(4 * DAY);
    let histories: Vec<TileHistory<'_>> = ["one", "two"]
        .into_iter()
        .map(|view| {
            let mut reader = set.tile_reader(view, &source()).unwrap();
            for tile in set.tiles(view, &source(), &logged).unwrap() {
                reader.set(0, tile).unwrap();
            }
            reader.finish(None).unwrap()
        })
        .collect();
    assert!(matches!(FeatureState::from_tiles(&set, &histories[..1], border), Err(TileError::View { .. })));
    let mut state = FeatureState::from_tiles(&set, &histories, border).unwrap();
    for (partition, event) in &logged {
        assert_eq!(state.add(&set, *partition, event) == Added::Late, event.time < border);
    }
    for minute in [0, 5, 61, 3000, 9000, 40_000] {
        let time = Timestamp(border.0 + minute * MINUTE);
        state.advance(&set, time);
        let labels: Vec<(String, Timestamp)> = (0..4).map(|number| (name(number), time)).collect();
        let wanted = enliven_features::point_in_time(&set, &logged, &labels);
        let found: Vec<_> = labels.iter().map(|(name, _)| state.vector_at(&set, name, time)).collect();
        assert_eq!(found, wanted);
    }
}

#[test]
fn only_totals_need_an_end() {
    let set = view(json!([{ "name": "n", "aggregate": "count" }]));
    let tiles = tiles(&set, &[at(10, 5)]);
    let without = history(&set, &tiles, 1, None);
    assert!(matches!(without.vector_at(&name(0), Timestamp(DAY)), Err(TileError::Total { end: None, .. })));
    let with = history(&set, &tiles, 1, Some(11 * MINUTE));
    assert_eq!(with.vector_at(&name(0), Timestamp(11 * MINUTE)).unwrap(), [Ok(1)]);
    assert!(with.vector_at(&name(0), Timestamp(0)).is_err());
}

#[test]
fn what_is_wrong_is_named() {
    let set = view(json!([
        { "name": "n", "aggregate": "count", "where": "amount > 3", "windows": ["1h", "20d"] },
        { "name": "sum", "aggregate": { "sum": "amount" }, "windows": ["20d"] },
        { "name": "spread", "aggregate": { "standard_deviation": "amount" }, "windows": ["1h"] },
        { "name": "last", "aggregate": { "last": "amount" }, "windows": ["20d"] },
        { "name": "idle", "aggregate": { "time_since": "1d" } },
    ]));
    let good = tiles(&set, &[at(10, 50)]);
    let mut told = String::new();
    let mut say = |what: &str, table: &str, change: &dyn Fn(&mut Tile)| {
        let mut tile = good.iter().find(|tile| tile.table.ends_with(table)).unwrap().clone();
        change(&mut tile);
        let error = reader(&set).set(0, tile).unwrap_err();
        told += &format!("{what}: {error}\n");
    };
    let put = |name: &'static str, value: Option<i128>| {
        move |tile: &mut Tile| tile.values.iter_mut().find(|(other, _)| other == name).unwrap().1 = value
    };
    say("another table", "1d", &|tile| tile.table = "t".into());
    say("a tile out of range", "1d", &|tile| tile.tile = i64::MAX);
    say("a total with a number", "lifetime", &|tile| tile.tile = 1);
    say("an unknown column", "1d", &|tile| tile.values.push(("x".into(), None)));
    say("a column twice", "1d", &|tile| tile.values.push(tile.values[0].clone()));
    say("a missing column", "1d", &|tile| tile.values.truncate(2));
    say("a negative count", "1d", &put("count_w0", Some(-1)));
    say("a count that is null", "1d", &put("count", None));
    say("a count beyond 63 bits", "1d", &put("count", Some(1 << 63)));
    say("a sum without events", "1d", &put("count", Some(0)));
    say("events without a sum", "1d", &put("sum_v0", None));
    say("a sum that is too large", "1d", &put("sum_v0", Some(1 << 64)));
    say("negative squares", "5m", &put("squares_v0", Some(-1)));
    say("ends the wrong way round", "1d", &put("last_v0_low", Some(51)));
    say("an end that is null", "1d", &put("last_v0_low", None));
    say("a value beyond 64 bits", "1d", &put("last_v0_high", Some(1 << 64)));
    say("a time out of range", "lifetime", &put("last_time", Some(i128::from(i64::MAX))));
    let mut two = reader(&set);
    two.set(0, good[0].clone()).unwrap();
    told += &format!("two writers: {}\n", two.set(1, good[0].clone()).unwrap_err());
    let mut short = reader(&set);
    for tile in &good {
        let tile = Tile { tile: if tile.table.ends_with("1d") { 7 } else { tile.tile }, ..tile.clone() };
        short.set(0, tile).unwrap();
    }
    told += &format!("a table that lags behind: {}\n", short.finish(None).unwrap_err());
    let mut less = reader(&set);
    for tile in &good {
        let mut tile = tile.clone();
        if tile.table.ends_with("1d") {
            put("count_w0", Some(0))(&mut tile);
        }
        less.set(0, tile).unwrap();
    }
    let less = less.finish(None).unwrap();
    told += &format!("tables that do not agree: {}\n", less.vector_at(&name(0), Timestamp(DAY)).unwrap_err());
    let history = history(&set, &good, 1, None);
    told += &format!("within a tile: {}\n", history.vector_at(&name(0), Timestamp(-3 * HOUR)).unwrap_err());
    let streak = view(json!([
        { "name": "n", "aggregate": "count" }, { "name": "run", "aggregate": "streak" },
    ]));
    let empty = [reader(&streak).finish(None).unwrap()];
    told += &format!("left out: {}\n", FeatureState::from_tiles(&streak, &empty, Timestamp(0)).unwrap_err());
    told += &format!("another view: {}\n", FeatureState::from_tiles(&set, &empty, Timestamp(0)).unwrap_err());
    told += &format!("no tiles: {}\n", FeatureState::from_tiles(&set, &[], Timestamp(0)).unwrap_err());
    insta::assert_snapshot!(told);
}
