//! The laws of the room, over generated definitions, events and cuts:
//!
//! * the live value at a cut, the batch value from the log and the training row are the same bits;
//! * each equals a plain recomputation from the definition;
//! * the order of arrival within the allowed lateness changes nothing;
//! * an event that is taken back was never there;
//! * a snapshot goes on as the state would have.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use enliven_features::{
    Added, Column, FeatureSet, FeatureState, FeaturesConfig, Kind, SourceShape, Stuck, Tables, point_in_time,
};
use enliven_types::{Event, FeatureVector, Privacy, Timestamp, Value};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const LATENESS: i64 = 2 * DAY;
const CATEGORIES: [&str; 3] = ["red", "green", "blue"];

/// One feature of a generated definition, in the manifest's form.
type Defined = Json;

fn defined() -> impl Strategy<Value = Defined> {
    let aggregate = prop_oneof![
        Just(json!("count")),
        Just(json!({"sum": "amount"})),
        Just(json!({"mean": "amount"})),
        Just(json!({"standard_deviation": "amount"})),
        Just(json!({"min": "amount"})),
        Just(json!({"max": "amount"})),
        Just(json!({"first": "amount"})),
        Just(json!({"last": "amount"})),
        Just(json!({"distinct": "colour"})),
        (1u32..=1000).prop_map(|permille| json!({"quantile": {"of": "amount", "permille": permille}})),
        Just(json!({"top": {"of": "colour", "ranks": 2, "categories": CATEGORIES}})),
    ];
    let window = prop_oneof![
        Just("lifetime".to_string()),
        prop::sample::select(vec!["30m", "7h", "1d", "36h", "20d", "400d"]).prop_map(str::to_string),
        prop::sample::select(vec!["3h", "2d", "month"]).prop_map(|period| format!("tumbling {period}")),
        prop::sample::select(vec!["40m", "9h"]).prop_map(|gap| format!("session {gap}")),
    ];
    let windowed = (aggregate, prop::collection::btree_set(window, 1..4))
        .prop_map(|(aggregate, windows)| json!({"aggregate": aggregate, "windows": windows}));
    let lasting = prop_oneof![
        Just(json!({"aggregate": "streak"})),
        Just(json!({"aggregate": {"time_since": "1h"}, "default": 9999})),
        Just(json!({"aggregate": {"weighted_mean": {"of": "amount", "decay_permille": 800}}})),
        Just(json!({"aggregate": {"weighted_mean": {"of": "amount", "half_life": "3d"}}})),
        Just(json!({"aggregate": {"rate": "1d"}, "windows": ["36h", "tumbling 2d"]})),
        Just(json!({"aggregate": {"glicko2": {"won": "amount > 5", "drawn": "amount == 5", "period": "1d"}}})),
        Just(json!({"aggregate": {"elo": {"won": "amount > 5", "drawn": "amount == 5", "period": "12h"}}})),
    ];
    let filter = prop::option::of(prop::sample::select(vec!["amount > 3", "colour == \"red\" || amount < 0"]));
    (prop_oneof![4 => windowed, 2 => lasting], filter).prop_map(|(mut feature, filter)| {
        let rated = feature["aggregate"].get("glicko2").is_some() || feature["aggregate"].get("elo").is_some();
        if let (Some(filter), false) = (filter, rated) {
            feature["where"] = json!(filter);
        }
        feature
    })
}

fn definition() -> impl Strategy<Value = FeatureSet> {
    prop::collection::vec(defined(), 1..7).prop_map(|mut features| {
        for (number, feature) in features.iter_mut().enumerate() {
            feature["name"] = json!(format!("f{number}"));
        }
        view(json!(features))
    })
}

fn view(define: Json) -> FeatureSet {
    let side = |entity: &str, opponent: &str| json!({"entity": entity, "opponent": opponent, "fields": {"amount": "amount", "colour": "colour"}});
    let view = json!({"source": "s", "sides": [side("left", "right"), side("right", "left")], "define": define});
    set(json!({"views": {"main": view}}), Privacy::Public)
}

/// Two sources of the same columns: `s` with one partition, `t` with two.
fn set(config: Json, privacy: Privacy) -> FeatureSet {
    let config: FeaturesConfig = serde_json::from_value(config).unwrap();
    let columns = [("left", Kind::Text), ("right", Kind::Text), ("amount", Kind::Number(1)), ("colour", Kind::Text)];
    let columns = columns.map(|(name, kind)| (name.to_string(), Column { kind, privacy }));
    let shape =
        |partitions| SourceShape { columns: columns.clone().into(), partitions, lateness_ms: LATENESS, order: None };
    let sources = [("s".to_string(), shape(1)), ("t".to_string(), shape(2))].into();
    let row = |colour: &str, weight: i64| {
        BTreeMap::from([("colour".to_string(), Value::Text(colour.into())), ("weight".to_string(), Value::Int(weight))])
    };
    let tables = Tables::from([("weights".to_string(), vec![row("red", 10), row("green", -3), row("pink", 1)])]);
    FeatureSet::new(&config, &sources, &tables).unwrap()
}

#[derive(Clone, Debug)]
struct Seen {
    minute: i64,
    left: u8,
    right: u8,
    /// In tenths.
    amount: i64,
    colour: u8,
    /// How late it comes, in minutes.
    jitter: i64,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let minute = prop_oneof![0i64..600, 0i64..30_000, Just(1440i64)];
    let one = (minute, 0u8..3, 1u8..3, -20i64..100, 0u8..5, 0i64..LATENESS / MINUTE);
    let one = one.prop_map(|(minute, left, step, amount, colour, jitter)| Seen {
        minute,
        left,
        right: (left + step) % 3,
        amount,
        colour,
        jitter,
    });
    prop::collection::vec(one, 0..60).prop_map(|mut seen| {
        // An event comes at most its jitter after its time, so none of these is late.
        seen.sort_by_key(|event| event.minute + event.jitter);
        seen.iter().enumerate().map(|(number, seen)| event(number, seen)).collect()
    })
}

fn name(number: u8) -> String {
    format!("entity {number}")
}

fn event(number: usize, seen: &Seen) -> Event {
    let colour =
        CATEGORIES.get(seen.colour as usize).copied().unwrap_or(if seen.colour == 3 { "pink" } else { "teal" });
    Event {
        id: number.to_string(),
        source: "s".into(),
        kind: "t".into(),
        subjects: vec![name(seen.left), name(seen.right)],
        time: Timestamp(seen.minute * MINUTE),
        data: BTreeMap::from([
            ("left".to_string(), Value::Text(name(seen.left))),
            ("right".to_string(), Value::Text(name(seen.right))),
            ("amount".to_string(), Value::Int(seen.amount)),
            ("colour".to_string(), Value::Text(colour.to_string())),
        ]),
    }
}

/// Every entity at every cut, from a state that lives through the log. Each cut is read after all
/// events before it have come.
fn live(view: &FeatureSet, events: &[Event], cuts: &[i64], max_rows: usize) -> Vec<FeatureVector> {
    let mut state = FeatureState::with_max_rows(max_rows);
    let (mut found, mut next) = (Vec::new(), 0);
    for cut in cuts {
        let needed = events.iter().rposition(|event| event.time.0 < *cut).map_or(0, |last| last + 1);
        while next < needed {
            state.add(view, partition(&events[next]), &events[next]);
            next += 1;
        }
        state.advance(view, Timestamp(*cut));
        found.extend((0..4).map(|number| state.vector_at(view, &name(number), Timestamp(*cut))));
    }
    found
}

fn batch(view: &FeatureSet, events: &[Event], cuts: &[i64]) -> Vec<FeatureVector> {
    let labels: Vec<_> = cuts.iter().flat_map(|cut| (0..4).map(|number| (name(number), Timestamp(*cut)))).collect();
    let logged: Vec<(u32, Event)> = events.iter().map(|event| (partition(event), event.clone())).collect();
    point_in_time(view, &logged, &labels)
}

/// Source `t` has two partitions, of the odd and of the even ids.
fn partition(event: &Event) -> u32 {
    if event.source == "t" { event.id.parse::<u32>().unwrap() % 2 } else { 0 }
}

fn cuts() -> impl Strategy<Value = Vec<i64>> {
    let cut =
        prop_oneof![(0i64..700).prop_map(|m| m * MINUTE), (0i64..24).prop_map(|d| d * DAY), 0i64..30_000 * MINUTE];
    prop::collection::vec(cut, 1..6).prop_map(|mut cuts| {
        cuts.sort_unstable();
        cuts
    })
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(192)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn live_batch_and_training_agree(view in definition(), events in events(), cuts in cuts()) {
        let batch = batch(&view, &events, &cuts);
        for max_rows in [0, 3, 16, 1000] {
            prop_assert_eq!(&live(&view, &events, &cuts, max_rows), &batch);
        }
    }

    #[test]
    fn order_of_arrival_changes_nothing(view in definition(), events in events(), cuts in cuts(), seed in any::<u64>()) {
        let mut other = events.clone();
        let jitter = |event: &Event| (event.id.parse::<u64>().unwrap() + 1).wrapping_mul(seed | 1) % LATENESS as u64;
        other.sort_by_key(|event| event.time.0 + jitter(event) as i64);
        prop_assert_eq!(live(&view, &other, &cuts, 3), live(&view, &events, &cuts, 3));
    }

    #[test]
    fn an_event_taken_back_was_never_there(view in definition(), events in events(), cut in 0i64..40 * DAY, pick in any::<prop::sample::Index>()) {
        prop_assume!(!events.is_empty());
        let place = pick.index(events.len());
        let mut without = events.clone();
        let gone = without.remove(place);
        let mut state = FeatureState::with_max_rows(2);
        for event in &events {
            state.add(&view, partition(event), event);
            state.advance(&view, event.time);
        }
        match state.retract(&view, &gone) {
            Ok(()) => {
                prop_assert_eq!(state.retract(&view, &gone), Err(Stuck::Unknown));
                let latest = events.iter().map(|event| event.time.0).max().unwrap();
                let cut = Timestamp(cut.max(latest));
                state.advance(&view, cut);
                let mut other = FeatureState::with_max_rows(5);
                without.iter().for_each(|event| { other.add(&view, partition(event), event); });
                other.advance(&view, cut);
                for number in 0..4 {
                    prop_assert_eq!(state.vector_at(&view, &name(number), cut), other.vector_at(&view, &name(number), cut));
                }
            }
            Err(stuck) => {
                let latest = events.iter().map(|event| event.time.0).max().unwrap();
                prop_assert_eq!(stuck, Stuck::Sealed);
                prop_assert!(gone.time.0 < latest - LATENESS);
            }
        }
    }

    #[test]
    fn a_snapshot_goes_on(view in definition(), events in events(), split in any::<prop::sample::Index>(), cut in 0i64..40 * DAY, flip in any::<(prop::sample::Index, u8)>()) {
        let split = split.index(events.len() + 1);
        let mut state = FeatureState::with_max_rows(4);
        for event in &events[..split] {
            state.add(&view, partition(event), event);
            state.advance(&view, Timestamp(event.time.0 - LATENESS));
        }
        let bytes = state.snapshot(&view);
        let mut restored = FeatureState::restore(&view, &bytes).unwrap();
        prop_assert_eq!(&restored.snapshot(&view), &bytes);
        for event in &events[split..] {
            prop_assert_eq!(state.add(&view, partition(event), event), restored.add(&view, partition(event), event));
        }
        let cut = Timestamp(cut);
        state.advance(&view, cut);
        restored.advance(&view, cut);
        if events.iter().all(|event| event.time.0 - LATENESS <= cut.0) {
            for number in 0..4 {
                prop_assert_eq!(state.vector_at(&view, &name(number), cut), restored.vector_at(&view, &name(number), cut));
            }
        }
        // Damage is refused, or harmless: never a panic.
        let mut damaged = bytes.clone();
        let place = flip.0.index(damaged.len());
        damaged[place] ^= flip.1 | 1;
        let _ = FeatureState::restore(&view, &damaged);
        prop_assert!(FeatureState::restore(&view, &bytes[..bytes.len() - 1]).is_none());
    }
}

/// What a plain reading of the definition gives, for one feature.
fn naive(aggregate: &Json, window: &str, filter: &str, seen: &[(i64, i64, &str)], time: i64) -> i64 {
    let passed: Vec<_> = seen.iter().filter(|(_, amount, _)| filter.is_empty() || *amount > 30).collect();
    let (kind, length) = window.split_once(' ').unwrap_or(("sliding", window));
    let millis = |text: &str| match text.parse().unwrap() {
        enliven_types::Period::Fixed(length) => length,
        _ => unreachable!(),
    };
    let inside: Vec<_> = match (kind, window) {
        (_, "lifetime") => passed,
        ("sliding", _) => {
            let length = millis(length);
            let tile = if length < 12 * HOUR {
                5 * MINUTE
            } else if length < 12 * DAY {
                HOUR
            } else {
                DAY
            };
            let from = (time - length).div_euclid(tile) * tile;
            passed.into_iter().filter(|(at, _, _)| *at >= from).collect()
        }
        ("tumbling", _) => {
            let length = millis(length);
            let last = time.div_euclid(length) - 1;
            passed.into_iter().filter(|(at, _, _)| at.div_euclid(length) == last).collect()
        }
        _ => {
            let gap = millis(length);
            let mut session: Vec<&(i64, i64, &str)> = Vec::new();
            for one in passed {
                if session.last().is_some_and(|last| one.0 - last.0 >= gap) {
                    session.clear();
                }
                session.push(one);
            }
            if session.last().is_some_and(|last| time - last.0 >= gap) { Vec::new() } else { session }
        }
    };
    let amounts: Vec<i64> = inside.iter().map(|(_, amount, _)| *amount).collect();
    let count = amounts.len() as i64;
    if count == 0 {
        return 0;
    }
    let sum: i64 = amounts.iter().sum();
    match aggregate {
        Json::String(_) => count,
        other => match other.as_object().unwrap().keys().next().unwrap().as_str() {
            "sum" => sum,
            // Tenths to millionths.
            "mean" => (sum as f64 * 100_000.0 / count as f64).round() as i64,
            "standard_deviation" => {
                let mean = sum as f64 / count as f64;
                let spread: f64 = amounts.iter().map(|amount| (*amount as f64 - mean) * (*amount as f64 - mean)).sum();
                ((spread / count as f64).sqrt() * 100_000.0).round() as i64
            }
            "min" => *amounts.iter().min().unwrap(),
            "max" => *amounts.iter().max().unwrap(),
            "first" => amounts[0],
            "last" => *amounts.last().unwrap(),
            "distinct" => inside.iter().map(|(_, _, colour)| colour).collect::<BTreeSet<_>>().len() as i64,
            _ => unreachable!(),
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn values_are_what_the_definition_says(events in events(), cuts in cuts()) {
        let aggregates = [
            json!("count"), json!({"sum": "amount"}), json!({"mean": "amount"}), json!({"standard_deviation": "amount"}),
            json!({"min": "amount"}), json!({"max": "amount"}), json!({"first": "amount"}), json!({"last": "amount"}),
            json!({"distinct": "colour"}),
        ];
        let windows = ["lifetime", "30m", "36h", "20d", "tumbling 3h", "tumbling 2d", "session 40m", "session 9h"];
        let mut define = Vec::new();
        for (number, aggregate) in aggregates.iter().enumerate() {
            for filter in ["", "amount > 3"] {
                let mut feature = json!({"name": format!("f{number}{}", filter.len()), "aggregate": aggregate, "windows": windows});
                if !filter.is_empty() {
                    feature["where"] = json!(filter);
                }
                define.push(feature);
            }
        }
        let view = view(json!(define));
        let found = live(&view, &events, &cuts, 4);
        for (row, (cut, number)) in found.iter().zip(cuts.iter().flat_map(|cut| (0..4).map(move |number| (cut, number)))) {
            let who = name(number);
            let mut order: Vec<&Event> = events.iter().filter(|event| event.time.0 < *cut && event.subjects.contains(&who)).collect();
            order.sort_by_key(|event| (event.time, fnv1a(&event.id) as i64));
            let seen: Vec<(i64, i64, &str)> = order.iter().map(|event| {
                (event.time.0, event.data["amount"].number().unwrap(), event.data["colour"].text().unwrap())
            }).collect();
            let mut place = 0;
            for aggregate in &aggregates {
                for filter in ["", "amount > 3"] {
                    for window in windows {
                        let wanted = naive(aggregate, window, filter, &seen, *cut);
                        let got = row.0[place];
                        // The naive mean and deviation are computed in floating point.
                        prop_assert!((got - wanted).abs() <= i64::from(wanted.abs() > 9), "{aggregate} {window} `{filter}` at {cut}: {got}, not {wanted}");
                        place += 1;
                    }
                }
            }
        }
    }
}

fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[test]
fn late_events_are_counted_and_change_nothing() {
    let view = view(json!([{"name": "n", "aggregate": "count"}]));
    let at = |number: usize, minute: i64| {
        event(number, &Seen { minute, left: 0, right: 1, amount: 1, colour: 0, jitter: 0 })
    };
    let mut state = FeatureState::default();
    assert_eq!(state.add(&view, 0, &at(0, 10_000)), Added::Taken);
    // Exactly as late as allowed, and a minute later.
    assert_eq!(state.add(&view, 0, &at(1, 10_000 - LATENESS / MINUTE)), Added::Taken);
    assert_eq!(state.add(&view, 0, &at(2, 10_000 - LATENESS / MINUTE - 1)), Added::Late);
    let mut foreign = at(3, 10_000);
    foreign.source = "other".into();
    assert_eq!(state.add(&view, 0, &foreign), Added::Aside);
    assert_eq!(state.late(), 1);
    state.advance(&view, Timestamp(20_000 * MINUTE));
    assert_eq!(state.vector_at(&view, &name(0), Timestamp(20_000 * MINUTE)).0, [2]);
}

#[test]
fn a_snapshot_of_another_definition_is_refused() {
    let one = view(json!([{"name": "n", "aggregate": "count"}]));
    let other = view(json!([{"name": "m", "aggregate": "count"}]));
    let bytes = FeatureState::default().snapshot(&one);
    assert!(FeatureState::restore(&one, &bytes).is_some());
    assert!(FeatureState::restore(&other, &bytes).is_none());
}

#[test]
fn a_views_own_filter_and_a_key_of_several_columns() {
    let main = json!({
        "source": "s", "where": "colour != 'red' && time.getHours() < 12",
        "sides": [{"entity": ["left", "colour"], "fields": {"amount": "amount"}}],
        "define": [{"name": "n", "aggregate": "count"}, {"name": "most", "aggregate": {"max": "amount"}, "default": -1.5}],
    });
    let view = set(json!({"views": {"main": main}}), Privacy::Private);
    let mut state = FeatureState::default();
    // Red, green in the morning, green in the evening.
    for (number, (minute, colour)) in [(10, 0), (20, 1), (13 * 60, 1)].into_iter().enumerate() {
        let seen = Seen { minute, left: 0, right: 1, amount: 7 + minute, colour, jitter: 0 };
        let added = state.add(&view, 0, &event(number, &seen));
        assert_eq!(added, if number == 1 { Added::Taken } else { Added::Aside });
    }
    let at = Timestamp(2 * DAY);
    state.advance(&view, at);
    assert_eq!(state.vector_at(&view, "entity 0/green", at).0, [1, 27]);
    assert_eq!(state.vector_at(&view, "entity 0/red", at).0, [0, -15]);
    // The number of events says nothing private, the amount does.
    let classes: Vec<Privacy> = view.schema().features.iter().map(|feature| feature.privacy).collect();
    assert_eq!(classes, [Privacy::Public, Privacy::Private]);
}

/// Views that need each other: `main` joins the table, the ratings and totals of `other`, and who
/// holds a token; `other` counts what is seen in source `t`, whose events are transfers as well.
fn joined() -> FeatureSet {
    let side =
        |entity: &str, opponent: &str| json!({"entity": entity, "opponent": opponent, "fields": {"amount": "amount"}});
    let other = json!({
        "source": "t", "sides": [side("left", "right"), side("right", "left")],
        "define": [
            {"name": "n", "aggregate": "count"},
            {"name": "recent", "aggregate": {"sum": "amount"}, "windows": ["36h"]},
            {"name": "elo", "aggregate": {"elo": {"won": "amount > 5", "drawn": "amount == 5", "period": "12h"}}},
        ],
    });
    let middle = json!({
        "source": "s", "where": "colour != 'teal'",
        "sides": [{"entity": "right", "joins": [{"view": "other", "key": "left", "fields": {"n": "n"}}]}],
        "define": [{"name": "seen", "aggregate": {"sum": "n"}}],
    });
    let main = json!({
        "source": "s", "where": "colour != 'teal'", "sides": [{
            "entity": "left", "fields": {"amount": "amount"},
            "joins": [
                {"view": "other", "key": "right", "fields": {"n": "n", "recent": "recent", "elo": "elo"}},
                {"table": "weights", "key": "colour", "fields": {"weight": "weight"}},
                {"owner_of": "right", "fields": {"holder": "owner"}},
                {"view": "other", "key": "holder", "fields": {"holder_n": "n"}},
                {"view": "middle", "key": "left", "fields": {"seen": "seen"}},
            ],
        }],
        "define": [
            {"name": "count", "aggregate": "count", "windows": ["lifetime", "7h"]},
            {"name": "total_n", "aggregate": {"sum": "n"}},
            {"name": "last_recent", "aggregate": {"last": "recent"}},
            {"name": "elo_mean", "aggregate": {"mean": "elo"}, "windows": ["20d", "tumbling 2d"]},
            {"name": "weights", "aggregate": {"sum": "weight"}},
            {"name": "holders", "aggregate": {"distinct": "holder"}},
            {"name": "held", "aggregate": "count", "where": "holder == 'entity 1'"},
            {"name": "holder_n", "aggregate": {"max": "holder_n"}},
            {"name": "middle", "aggregate": {"last": "seen"}},
            {"name": "form", "aggregate": {"weighted_mean": {"of": "amount", "decay_permille": 800}}},
            {"name": "latest", "aggregate": {"last": "amount"}, "windows": ["lifetime", "session 9h"]},
        ],
    });
    let tokens = json!({
        "source": "s", "sides": [{"entity": {"owned_by": "left"}, "fields": {"amount": "amount"}}],
        "define": [{"name": "owned", "aggregate": "count"}, {"name": "owned_sum", "aggregate": {"sum": "amount"}}],
    });
    let ownership = json!({"source": "t", "token": "right", "owner": "left"});
    let table = json!({"path": "weights.csv", "key": "colour", "columns": {"weight": "integer"}});
    set(
        json!({
            "views": {"main": main, "middle": middle, "other": other, "owned": tokens}, "tokens": ["main", "owned"],
            "ownership": ownership, "tables": {"weights": table},
        }),
        Privacy::Public,
    )
}

/// Events of both sources, none of them late.
fn mixed() -> impl Strategy<Value = Vec<Event>> {
    (events(), any::<u64>()).prop_map(|(mut events, dice)| {
        for (number, event) in events.iter_mut().enumerate() {
            if dice >> (number % 64) & 1 == 1 {
                event.source = "t".into();
            }
        }
        events
    })
}

/// What a plain reading of the definition of [`joined`] gives of `main` and `owned`, for some features.
fn naive_joined(events: &[Event], name: &str, cut: i64) -> BTreeMap<&'static str, i64> {
    let text = |event: &Event, column: &str| event.data[column].text().unwrap().to_string();
    let order = |event: &&Event| (event.time, fnv1a(&event.id) as i64);
    let mut sorted: Vec<&Event> = events.iter().filter(|event| event.time.0 < cut).collect();
    sorted.sort_by_key(order);
    let count = |who: &str, before: i64| {
        let seen =
            |event: &&&Event| event.source == "t" && event.time.0 < before && event.subjects.contains(&who.to_string());
        sorted.iter().filter(seen).count() as i64
    };
    let holder = |token: &str, before: i64| {
        let moved = |event: &&&Event| event.source == "t" && event.time.0 < before && text(event, "right") == token;
        sorted.iter().rfind(moved).map(|event| text(event, "left"))
    };
    let mut found =
        BTreeMap::from([("total_n", 0), ("weights", 0), ("held", 0), ("owned", 0), ("owned_sum", 0), ("middle", 0)]);
    for event in sorted.iter().filter(|event| event.source == "s") {
        let (time, left, right) = (event.time.0, text(event, "left"), text(event, "right"));
        if holder(name, time).as_ref() == Some(&left) {
            *found.get_mut("owned").unwrap() += 1;
            *found.get_mut("owned_sum").unwrap() += event.data["amount"].number().unwrap();
        }
        if left != name || text(event, "colour") == "teal" {
            continue;
        }
        *found.get_mut("total_n").unwrap() += count(&right, time);
        let weight = match text(event, "colour").as_str() {
            "red" => 10,
            "green" => -3,
            "pink" => 1,
            _ => 0,
        };
        *found.get_mut("weights").unwrap() += weight;
        *found.get_mut("held").unwrap() += i64::from(holder(&right, time).as_deref() == Some("entity 1"));
        let middle = sorted.iter().filter(|event| {
            let plain = text(event, "colour") != "teal";
            event.source == "s" && plain && event.time.0 < time && text(event, "right") == left
        });
        found.insert("middle", middle.map(|event| count(&text(event, "left"), event.time.0)).sum());
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn joined_views_agree_live_in_batch_and_with_a_plain_reading(events in mixed(), cuts in cuts()) {
        let set = joined();
        let batch = batch(&set, &events, &cuts);
        for max_rows in [0, 3, 1000] {
            prop_assert_eq!(&live(&set, &events, &cuts, max_rows), &batch);
        }
        let mut rows = batch.iter();
        for cut in &cuts {
            for number in 0..4 {
                let row = rows.next().unwrap();
                for (feature, wanted) in naive_joined(&events, &name(number), *cut) {
                    let place = set.schema().position(feature).unwrap();
                    prop_assert_eq!(row.0[place], wanted, "{} of {} at {}", feature, name(number), cut);
                }
            }
        }
    }

    /// A watermark may pass events that are still to come, as long as they are not late.
    #[test]
    fn when_it_is_read_changes_nothing(
        single in definition(), events in mixed(), reads in prop::collection::vec(0i64..40 * DAY, 1..60),
        seed in any::<u64>(), behind in prop::sample::select(vec![0, DAY, 5 * DAY]),
    ) {
        let mut arrived = events.clone();
        let jitter = |event: &Event| (event.id.parse::<u64>().unwrap() + 1).wrapping_mul(seed | 1) % LATENESS as u64;
        // One log may be far behind the other.
        let delay = |event: &Event| if event.source == "s" { behind } else { 0 };
        arrived.sort_by_key(|event| event.time.0 + jitter(event) as i64 + delay(event));
        let end = Timestamp(40 * DAY);
        for set in [joined(), single] {
            let wanted = batch(&set, &arrived, &[end.0]);
            for max_rows in [0, 2, 1000] {
                let mut state = FeatureState::with_max_rows(max_rows);
                for (number, event) in arrived.iter().enumerate() {
                    state.add(&set, partition(event), event);
                    let read = Timestamp(reads[number % reads.len()].min(event.time.0 + DAY));
                    state.advance(&set, read);
                    for number in 0..4 {
                        let _ = state.vector_at(&set, &name(number), read);
                    }
                }
                state.advance(&set, end);
                let found: Vec<FeatureVector> = (0..4).map(|number| state.vector_at(&set, &name(number), end)).collect();
                prop_assert_eq!(&found, &wanted, "{} rows", max_rows);
            }
        }
    }

    #[test]
    fn the_order_in_which_logs_are_read_changes_nothing(events in mixed(), cuts in cuts(), seed in any::<u64>()) {
        let set = joined();
        let mut other = events.clone();
        let jitter = |event: &Event| (event.id.parse::<u64>().unwrap() + 1).wrapping_mul(seed | 1) % LATENESS as u64;
        other.sort_by_key(|event| event.time.0 + jitter(event) as i64);
        prop_assert_eq!(live(&set, &other, &cuts, 3), live(&set, &events, &cuts, 3));
        // One log after the other, as files are read.
        let cut = [cuts[cuts.len() - 1].max(40 * DAY)];
        other.sort_by_key(|event| event.source == "s");
        prop_assert_eq!(live(&set, &other, &cut, 3), live(&set, &events, &cut, 3));
        other.sort_by_key(|event| event.source == "t");
        prop_assert_eq!(live(&set, &other, &cut, 3), live(&set, &events, &cut, 3));
    }

    #[test]
    fn a_joined_event_taken_back_was_never_there(events in mixed(), pick in any::<prop::sample::Index>()) {
        prop_assume!(!events.is_empty());
        let set = joined();
        let gone = &events[pick.index(events.len())];
        let mut state = FeatureState::with_max_rows(2);
        for event in &events {
            state.add(&set, partition(event), event);
            state.advance(&set, event.time);
        }
        if state.retract(&set, gone).is_ok() {
            let without: Vec<Event> = events.iter().filter(|event| event.id != gone.id).cloned().collect();
            let cut = Timestamp(40 * DAY);
            state.advance(&set, cut);
            let wanted = live(&set, &without, &[cut.0], 5);
            for number in 0..4u8 {
                prop_assert_eq!(&state.vector_at(&set, &name(number), cut), &wanted[usize::from(number)]);
            }
        }
    }

    #[test]
    fn a_snapshot_of_joined_views_goes_on(events in mixed(), split in any::<prop::sample::Index>()) {
        let set = joined();
        let split = split.index(events.len() + 1);
        let mut state = FeatureState::with_max_rows(4);
        for event in &events[..split] {
            state.add(&set, partition(event), event);
            state.advance(&set, Timestamp(event.time.0 - LATENESS));
        }
        let bytes = state.snapshot(&set);
        let mut restored = FeatureState::restore(&set, &bytes).unwrap();
        prop_assert_eq!(&restored.snapshot(&set), &bytes);
        for event in &events[split..] {
            prop_assert_eq!(state.add(&set, partition(event), event), restored.add(&set, partition(event), event));
        }
        let cut = Timestamp(40 * DAY);
        state.advance(&set, cut);
        restored.advance(&set, cut);
        for number in 0..4 {
            prop_assert_eq!(state.vector_at(&set, &name(number), cut), restored.vector_at(&set, &name(number), cut));
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused_at_its_place() {
    let side = |joins: Json| json!({"entity": "left", "joins": joins});
    let view =
        |joins: Json| json!({"source": "s", "sides": [side(joins)], "define": [{"name": "n", "aggregate": "count"}]});
    let one = |joins: Json| json!({"views": {"a": view(joins), "b": view(json!([]))}, "tokens": ["a"]});
    let table = json!({"path": "w.csv", "key": "colour", "columns": {"weight": "integer"}});
    let mut with_table = one(json!([{"table": "weights", "key": "colour", "fields": {"weight": "height"}}]));
    with_table["tables"] = json!({"weights": table});
    for (config, message) in [
        (
            one(json!([{"view": "c", "key": "left", "fields": {}}])),
            "views.a.sides.0.joins.0.view: unknown view `c` (available: a, b)",
        ),
        (
            one(json!([{"view": "b", "key": "left", "fields": {"x": "m"}}])),
            "views.a.sides.0.joins.0.fields.x: unknown feature `m` (available: n)",
        ),
        (
            one(json!([{"view": "b", "key": "centre", "fields": {"x": "n"}}])),
            "views.a.sides.0.joins.0.key: unknown column `centre` (available: amount, colour, left, right)",
        ),
        (
            one(json!([{"view": "b", "table": "b", "key": "left", "fields": {"x": "n"}}])),
            "views.a.sides.0.joins.0: either `view` and `key`, or `table` and `key`, or `owner_of` is needed",
        ),
        (
            one(json!([{"owner_of": "right", "fields": {"x": "owner"}}])),
            "views.a.sides.0.joins.0: `owner_of` needs `features.ownership`: a source of transfers",
        ),
        (
            one(json!([{"view": "a", "key": "left", "fields": {"x": "n"}}])),
            "views.a: views join each other in a circle: a",
        ),
        (with_table, "views.a.sides.0.joins.0.fields.weight: unknown column `height` (available: weight)"),
        (
            json!({"views": {"a": view(json!([])), "b": view(json!([]))}}),
            "tokens: with several views it must be said which make up a token's features: `tokens = [...]`",
        ),
        (
            json!({"views": {"a": view(json!([])), "b": view(json!([]))}, "tokens": ["a", "b"]}),
            "views.b.define: the feature `n` is defined twice",
        ),
        (json!({"views": {"a": view(json!([]))}, "tokens": ["c"]}), "tokens.0: unknown view `c` (available: a)"),
    ] {
        let config: FeaturesConfig = serde_json::from_value(config).unwrap();
        let columns =
            [("left", Kind::Text), ("right", Kind::Text), ("amount", Kind::Number(1)), ("colour", Kind::Text)];
        let columns = columns.map(|(name, kind)| (name.to_string(), Column { kind, privacy: Privacy::Public }));
        let shape = SourceShape { columns: columns.into(), partitions: 1, lateness_ms: LATENESS, order: None };
        let found = FeatureSet::new(&config, &BTreeMap::from([("s".to_string(), shape)]), &Tables::new());
        assert_eq!(found.unwrap_err().to_string(), message);
    }
}

/// Rows of one settling come in their order, although an earlier settling had a later one.
#[test]
fn what_settles_is_folded_behind_what_is_still_to_settle() {
    let main = json!({
        "source": "s",
        "sides": [{"entity": "left", "fields": {"amount": "amount"}, "joins": [{"owner_of": "right", "fields": {"owner": "owner"}}]}],
        "define": [{"name": "last", "aggregate": {"last": "amount"}}, {"name": "run", "aggregate": "streak", "where": "amount > 0.3"}],
    });
    let set = set(
        json!({"views": {"main": main}, "ownership": {"source": "t", "token": "right", "owner": "left"}}),
        Privacy::Public,
    );
    let at = |number: usize, source: &str, left: u8, half_days: i64, amount: i64| {
        let seen = Seen { minute: half_days * 720, left, right: 2, amount, colour: 0, jitter: 0 };
        Event { source: source.into(), ..event(number, &seen) }
    };
    // Both partitions of the transfers are far ahead.
    let mut events = vec![at(0, "t", 1, 200, 0), at(1, "t", 1, 200, 0)];
    events.extend([at(2, "s", 0, 20, 7), at(3, "s", 0, 18, 1), at(4, "s", 0, 19, 9), at(5, "s", 1, 40, 1)]);
    let mut state = FeatureState::with_max_rows(0);
    for (event, read) in events.iter().zip([0, 0, 22, 22, 22, 42]) {
        state.add(&set, partition(event), event);
        if read > 0 && event.id != "3" && event.id != "4" {
            state.advance(&set, Timestamp(read * DAY / 2));
        }
    }
    state.advance(&set, Timestamp(60 * DAY));
    assert_eq!(state.vector_at(&set, &name(0), Timestamp(60 * DAY)).0, [7, 2]);
}

/// An event that every filter leaves out moves the clock, and so lets others settle.
#[test]
fn nothing_is_counted_twice_when_a_filtered_event_lets_others_settle() {
    let side = |joins: Json| json!([{"entity": "left", "fields": {"amount": "amount"}, "joins": joins}]);
    let view = |joins: Json, define: Json| json!({"source": "s", "where": "colour != 'red'", "sides": side(joins), "define": [define]});
    let join = |view: &str| json!([{"view": view, "key": "left", "fields": {"n": "n"}}]);
    let count = || json!({"name": "n", "aggregate": "count"});
    let total = json!({"name": "total", "aggregate": {"sum": "n"}});
    let set = set(
        json!({"tokens": ["main"], "views": {
            "a": view(json!([]), count()), "b": view(join("a"), count()), "main": view(join("b"), total),
        }}),
        Privacy::Public,
    );
    let at = |number: usize, hours: i64, colour: u8| {
        event(number, &Seen { minute: hours * 60, left: 0, right: 1, amount: 1, colour, jitter: 0 })
    };
    let events = [at(0, 96, 1), at(1, 108, 1), at(2, 142, 1), at(3, 164, 0)];
    let mut state = FeatureState::default();
    for (event, read) in events.iter().zip([0, 0, 144, 168]) {
        state.add(&set, 0, event);
        if read > 0 {
            state.advance(&set, Timestamp(read * HOUR));
        }
    }
    let end = Timestamp(30 * DAY);
    state.advance(&set, end);
    assert_eq!(state.vector_at(&set, &name(0), end).0, [3], "none, one and two events were before the three");
}
