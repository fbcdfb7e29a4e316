//! The laws over views that join each other, a table, and who holds a token, from two sources with three
//! partitions; and what a definition with joins may not say.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::*;
use enliven_features::{Column, FeatureSet, FeatureState, FeaturesConfig, Kind, SourceShape, Stuck, Tables};
use enliven_types::{Event, FeatureVector, Privacy, Timestamp};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

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
    let text = |event: &Event, column: &str| event.data.get(column).unwrap().text().unwrap().to_string();
    let order = |event: &&Event| (event.time, fnv1a(&event.id) as i64);
    let mut sorted: Vec<&Event> = events.iter().filter(|event| event.time.0 < cut).collect();
    sorted.sort_by_key(order);
    let count = |who: &str, before: i64| {
        let seen = |event: &&&Event| {
            event.source == "t" && event.time.0 < before && event.subjects.iter().any(|one| one == who)
        };
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
            *found.get_mut("owned_sum").unwrap() += event.data.get("amount").unwrap().number().unwrap();
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

fn rows(max_rows: usize) -> FeatureState {
    FeatureState::with_max_rows(max_rows)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn joined_views_agree_live_in_batch_and_with_a_plain_reading(events in mixed(), cuts in cuts()) {
        let set = joined();
        let batch = batch(&set, &events, &cuts);
        for state in states() {
            prop_assert_eq!(&live(&set, &events, &cuts, state), &batch);
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
            for (which, mut state) in states().into_iter().enumerate() {
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
                prop_assert_eq!(&found, &wanted, "state {}", which);
            }
        }
    }

    #[test]
    fn the_order_in_which_logs_are_read_changes_nothing(events in mixed(), cuts in cuts(), seed in any::<u64>()) {
        let set = joined();
        let mut other = events.clone();
        let jitter = |event: &Event| (event.id.parse::<u64>().unwrap() + 1).wrapping_mul(seed | 1) % LATENESS as u64;
        other.sort_by_key(|event| event.time.0 + jitter(event) as i64);
        prop_assert_eq!(live(&set, &other, &cuts, rows(3)), live(&set, &events, &cuts, rows(3)));
        // One log after the other, as files are read.
        let cut = [cuts[cuts.len() - 1].max(40 * DAY)];
        other.sort_by_key(|event| event.source == "s");
        prop_assert_eq!(live(&set, &other, &cut, rows(3)), live(&set, &events, &cut, rows(3)));
        other.sort_by_key(|event| event.source == "t");
        prop_assert_eq!(live(&set, &other, &cut, rows(3)), live(&set, &events, &cut, rows(3)));
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
        let logged: Vec<(u32, Event)> = events.iter().map(|event| (partition(event), event.clone())).collect();
        if state.clone().retract(&set, gone) == Err(Stuck::Sealed) {
            prop_assert_eq!(state.retract_from(&set, gone, &logged), Err(Stuck::Sealed), "others have joined it");
        }
        if state.retract(&set, gone).is_ok() {
            let without: Vec<Event> = events.iter().filter(|event| event.id != gone.id).cloned().collect();
            let cut = Timestamp(40 * DAY);
            state.advance(&set, cut);
            let wanted = live(&set, &without, &[cut.0], rows(5));
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
        let spilling = FeatureState::default().spilling(spill_to(500));
        let mut pieces = Vec::new();
        state.snapshot_pieces(&set, |piece| pieces.push(piece));
        prop_assert_eq!(&spilling.restore_pieces(&set, pieces).unwrap().snapshot(&set), &bytes);
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
