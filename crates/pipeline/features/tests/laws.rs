//! The laws of the room, over generated definitions, events and cuts:
//!
//! * the live value at a cut, the batch value from the log and the training row are the same bits;
//! * each equals a plain recomputation from the definition;
//! * the order of arrival within the allowed lateness changes nothing;
//! * an event that is taken back was never there;
//! * a snapshot goes on as the state would have.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use common::*;
use enliven_features::{Added, FeatureState, SpillTo, Stuck};
use enliven_types::{Event, Privacy, Timestamp, Value};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn live_batch_and_training_agree(view in definition(), events in events(), cuts in cuts()) {
        let batch = batch(&view, &events, &cuts);
        for state in states() {
            prop_assert_eq!(&live(&view, &events, &cuts, state), &batch);
        }
    }

    /// Whatever fails, and whenever: the state says so, or what it says is right.
    #[test]
    fn a_state_that_cannot_spill_says_so(view in definition(), events in events(), cut in 0i64..40 * DAY, good in 0u32..60) {
        let mut state = FeatureState::default().spilling(failing(good));
        for event in &events {
            state.add(&view, partition(event), event);
            state.advance(&view, Timestamp(event.time.0 - LATENESS));
        }
        let cut = Timestamp(events.iter().map(|event| event.time.0).max().unwrap_or(0).max(cut));
        state.advance(&view, cut);
        let found: Vec<_> = (0..4).map(|number| state.vector_at(&view, &name(number), cut)).collect();
        if state.fault().is_none() {
            prop_assert_eq!(found, batch(&view, &events, &[cut.0]));
        }
    }

    #[test]
    fn order_of_arrival_changes_nothing(view in definition(), events in events(), cuts in cuts(), seed in any::<u64>()) {
        let mut other = events.clone();
        let jitter = |event: &Event| (event.id.parse::<u64>().unwrap() + 1).wrapping_mul(seed | 1) % LATENESS as u64;
        other.sort_by_key(|event| event.time.0 + jitter(event) as i64);
        for state in states() {
            prop_assert_eq!(live(&view, &other, &cuts, state.clone()), live(&view, &events, &cuts, state));
        }
    }

    #[test]
    fn an_event_taken_back_was_never_there(view in definition(), events in events(), cut in 0i64..40 * DAY, pick in any::<prop::sample::Index>(), which in any::<prop::sample::Index>()) {
        prop_assume!(!events.is_empty());
        let place = pick.index(events.len());
        let mut without = events.clone();
        let gone = without.remove(place);
        let mut state = states()[which.index(9)].clone();
        for event in &events {
            state.add(&view, partition(event), event);
            state.advance(&view, event.time);
        }
        let latest = events.iter().map(|event| event.time.0).max().unwrap();
        let logged: Vec<(u32, Event)> = events.iter().map(|event| (partition(event), event.clone())).collect();
        if let Err(stuck) = state.retract(&view, &gone) {
            prop_assert_eq!(stuck, Stuck::Sealed);
            prop_assert!(gone.time.0 < latest - LATENESS);
            prop_assert_eq!(state.retract_from(&view, &gone, &logged[..place]), Err(Stuck::Unknown));
            prop_assert_eq!(state.retract_from(&view, &gone, &logged), Ok(()));
        } else {
            prop_assert_eq!(state.retract(&view, &gone), Err(Stuck::Unknown));
        }
        let cut = Timestamp(cut.max(latest));
        state.advance(&view, cut);
        let mut other = FeatureState::with_max_rows(5);
        without.iter().for_each(|event| { other.add(&view, partition(event), event); });
        other.advance(&view, cut);
        for number in 0..4 {
            prop_assert_eq!(state.vector_at(&view, &name(number), cut), other.vector_at(&view, &name(number), cut));
        }
        prop_assert_eq!(state.entities_before(&view, cut).len(), other.entities_before(&view, cut).len());
        prop_assert_eq!(state.fault(), None);
    }

    #[test]
    fn a_snapshot_goes_on(view in definition(), events in events(), split in any::<prop::sample::Index>(), cut in 0i64..40 * DAY, flip in any::<(prop::sample::Index, u8)>(), which in any::<prop::sample::Index>()) {
        let split = split.index(events.len() + 1);
        let mut state = states()[which.index(9)].clone();
        for event in &events[..split] {
            state.add(&view, partition(event), event);
            state.advance(&view, Timestamp(event.time.0 - LATENESS));
        }
        let bytes = state.snapshot(&view);
        let mut restored = FeatureState::restore(&view, &bytes).unwrap();
        prop_assert_eq!(&restored.snapshot(&view), &bytes);
        let mut pieces = Vec::new();
        state.snapshot_pieces(&view, |piece| pieces.push(piece));
        let spilling = FeatureState::default().spilling(spill_to(500)).restore_pieces(&view, &pieces).unwrap();
        prop_assert_eq!(&spilling.snapshot(&view), &bytes);
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
        let found = live(&view, &events, &cuts, FeatureState::with_max_rows(4));
        for (row, (cut, number)) in found.iter().zip(cuts.iter().flat_map(|cut| (0..4).map(move |number| (cut, number)))) {
            let who = name(number);
            let mut order: Vec<&Event> = events.iter().filter(|event| event.time.0 < *cut && event.subjects.iter().any(|one| *one == who)).collect();
            order.sort_by_key(|event| (event.time, fnv1a(&event.id) as i64));
            let seen: Vec<(i64, i64, &str)> = order.iter().map(|event| {
                (event.time.0, event.data.get("amount").unwrap().number().unwrap(), event.data.get("colour").unwrap().text().unwrap())
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

/// More entities than a piece of a snapshot holds, most of them spilled, moved together when they come back.
#[test]
fn many_entities_spill_and_come_back() {
    let view = view(json!([{"name": "sum", "aggregate": {"sum": "amount"}, "windows": ["1d", "lifetime"]}]));
    let mut states = [FeatureState::default(), FeatureState::default().spilling(spill_to(200_000))];
    let seen = |number: u64| {
        let (minute, amount) = (number as i64 / 100, number as i64 % 97);
        let mut event = event(number as usize, &Seen { minute, amount, left: 0, right: 0, colour: 0, jitter: 0 });
        for (side, factor) in [("left", 7_919), ("right", 31)] {
            event.data.insert(side, Value::Text(format!("entity {}", number * factor % 9_001).into()));
        }
        event
    };
    for number in 0..60_000 {
        let event = seen(number);
        states.iter_mut().for_each(|state| assert_eq!(state.add(&view, 0, &event), Added::Taken));
        if number % 5_000 == 0 {
            states.iter_mut().for_each(|state| state.advance(&view, event.time));
        }
    }
    let end = Timestamp(601 * MINUTE);
    states.iter_mut().for_each(|state| state.advance(&view, end));
    let [plain, spilled] = &states;
    for number in 0..9_001 {
        let name = format!("entity {number}");
        assert_eq!(plain.vector_at(&view, &name, end), spilled.vector_at(&view, &name, end), "{name}");
    }
    let mut pieces = Vec::new();
    spilled.snapshot_pieces(&view, |piece| pieces.push(piece));
    assert!(pieces.len() > 2, "{} pieces", pieces.len());
    assert_eq!(plain.snapshot(&view), spilled.snapshot(&view));
    let restored = FeatureState::default().spilling(spill_to(100_000)).restore_pieces(&view, &pieces).unwrap();
    assert_eq!(restored.snapshot(&view), plain.snapshot(&view));
    // A piece that is missing, doubled or of another view is noticed.
    for broken in [pieces[..pieces.len() - 1].to_vec(), [&pieces[..], &pieces[1..2]].concat()] {
        assert!(FeatureState::default().restore_pieces(&view, &broken).is_none());
    }
    assert_eq!(spilled.fault(), None);
}

/// Sketches count with what they have allocated: a bound that they do not fit is kept.
#[test]
fn sketches_count_as_memory() {
    for windows in [json!(["lifetime"]), json!(["7d"])] {
        let aggregate = json!({"distinct": "amount"});
        let view = view(json!([{"name": "different", "aggregate": aggregate, "windows": windows}]));
        let place = Arc::new(Place::default());
        let puts = place.puts.clone();
        // Forty counters of more than 256 things take 4 KiB each, and 4 bytes for each of these things at most.
        let mut state = FeatureState::with_max_rows(32).spilling(SpillTo { spill: place, memory: 100_000 });
        for number in 0..14_000i64 {
            let (minute, amount) = (number * 2, number / 40);
            let mut event = event(number as usize, &Seen { minute, amount, left: 0, right: 0, colour: 0, jitter: 0 });
            event.data.insert("left", Value::Text(format!("entity {}", number % 40).into()));
            event.data.insert("right", Value::Text("nobody".into()));
            assert_eq!(state.add(&view, 0, &event), Added::Taken);
            state.advance(&view, event.time);
        }
        assert!(puts.load(Relaxed) > 40, "{windows}: {puts:?}");
        assert_eq!(state.fault(), None);
    }
}
