//! The laws of the room, over random events: a vector equals what a plain recomputation from all
//! events gives, and the order of arrival changes nothing.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use enliven_features::{FeatureState, FeatureView, FeaturesConfig, Kind};
use enliven_types::{Event, FeatureVector, Timestamp, Value};
use proptest::prelude::*;

const DAY: i64 = 86_400_000;

fn view() -> FeatureView {
    let config: FeaturesConfig = serde_json::from_str(
        r#"{
        "source": "results",
        "sides": [
            {"entity": "home", "opponent": "away", "fields": {"gf": "hs", "ga": "as"}},
            {"entity": "away", "opponent": "home", "fields": {"gf": "as", "ga": "hs"}}
        ],
        "derive": {"points": "gf > ga ? 3 : gf == ga ? 1 : 0"},
        "define": [
            {"name": "matches", "aggregate": "count", "windows": ["30d", "lifetime"]},
            {"name": "wins", "aggregate": "count", "where": "gf > ga", "windows": ["30d", "lifetime"]},
            {"name": "goals", "aggregate": {"sum": "gf"}, "windows": ["90d"]},
            {"name": "mean", "aggregate": {"mean": "gf"}, "windows": ["30d"]},
            {"name": "form", "aggregate": {"weighted_mean": {"of": "points", "decay_permille": 850}}},
            {"name": "unbeaten", "aggregate": "streak", "where": "gf >= ga"},
            {"name": "idle", "aggregate": "days_since"},
            {"name": "rating", "aggregate": {"glicko2": {"won": "gf > ga", "drawn": "gf == ga", "period": "month"}}}
        ]
    }"#,
    )
    .unwrap();
    let columns = [("home", Kind::Text), ("away", Kind::Text), ("hs", Kind::Int), ("as", Kind::Int)];
    let columns = columns.iter().map(|(name, kind)| (name.to_string(), (*kind, 0))).collect();
    FeatureView::new(&config, &columns).unwrap()
}

#[derive(Clone, Debug)]
struct Match {
    day: i64,
    home: u8,
    away: u8,
    goals: (i64, i64),
}

fn team(number: u8) -> String {
    format!("team {number}")
}

fn event(number: usize, game: &Match) -> Event {
    Event {
        id: number.to_string(),
        source: "results".into(),
        kind: "match".into(),
        subjects: vec![team(game.home), team(game.away)],
        time: Timestamp(game.day * DAY),
        data: BTreeMap::from([
            ("home".to_string(), Value::Text(team(game.home))),
            ("away".to_string(), Value::Text(team(game.away))),
            ("hs".to_string(), Value::Int(game.goals.0)),
            ("as".to_string(), Value::Int(game.goals.1)),
        ]),
    }
}

fn matches() -> impl Strategy<Value = Vec<Match>> {
    let one = (-200i64..400, 0u8..6, 1u8..6, 0i64..5, 0i64..5).prop_map(|(day, home, step, left, right)| Match {
        day,
        home,
        away: (home + step) % 6,
        goals: (left, right),
    });
    prop::collection::vec(one, 0..60)
}

/// Everything but form and rating, from the definitions, without tiles.
fn naive(games: &[Match], name: u8, time: i64) -> Vec<i64> {
    let end = time.div_euclid(DAY);
    let mut seen: Vec<(i64, i64, i64)> = Vec::new();
    for game in games {
        if game.home == name {
            seen.push((game.day, game.goals.0, game.goals.1));
        }
        if game.away == name {
            seen.push((game.day, game.goals.1, game.goals.0));
        }
    }
    seen.retain(|(day, _, _)| *day < end);
    seen.sort();
    let within = |days: i64| seen.iter().filter(move |(day, _, _)| *day >= end - days).collect::<Vec<_>>();
    let wins = |list: &[&(i64, i64, i64)]| list.iter().filter(|(_, gf, ga)| gf > ga).count() as i64;
    let (month, all) = (within(30), within(100_000));
    let sum: i64 = month.iter().map(|(_, gf, _)| gf).sum();
    let mean = if month.is_empty() { 0 } else { (sum * 2_000_000 / month.len() as i64 + 1) / 2 };
    let lost_day = seen.iter().rev().find(|(_, gf, ga)| gf < ga).map_or(i64::MIN, |(day, _, _)| *day);
    vec![
        month.len() as i64,
        all.len() as i64,
        wins(&month),
        wins(&all),
        within(90).iter().map(|(_, gf, _)| gf).sum(),
        mean,
        seen.iter().filter(|(day, _, _)| *day > lost_day).count() as i64,
        seen.last().map_or(9999, |(day, _, _)| (time - day * DAY) / DAY),
    ]
}

fn state(view: &FeatureView, events: &[Event], asks: &[i64]) -> FeatureState {
    let mut state = FeatureState::default();
    for (number, event) in events.iter().enumerate() {
        // Asking in between must not change later answers.
        if let Some(ask) = asks.get(number % asks.len().max(1)) {
            state.advance(view, Timestamp(*ask));
        }
        state.add(view, event);
    }
    state
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_order_any_instant(
        games in matches(),
        order in any::<u64>(),
        time in -200 * DAY..400 * DAY,
        asks in prop::collection::vec(-200 * DAY..400 * DAY, 0..4),
    ) {
        let view = view();
        let events: Vec<Event> = games.iter().enumerate().map(|(number, game)| event(number, game)).collect();
        let mut shuffled = events.clone();
        shuffled.sort_by_key(|event| enliven_types::keccak(&[event.id.as_bytes(), &order.to_be_bytes()].concat()));
        let mut sorted = events.clone();
        sorted.sort_by_key(|event| event.time);
        let mut plain = state(&view, &sorted, &[]);
        let mut late = state(&view, &shuffled, &asks);
        plain.advance(&view, Timestamp(time));
        late.advance(&view, Timestamp(time));
        for name in 0..6 {
            let vector = plain.vector_at(&view, &team(name), Timestamp(time));
            prop_assert_eq!(&vector, &late.vector_at(&view, &team(name), Timestamp(time)));
            let mut part = vector.0.clone();
            part.truncate(10);
            part.remove(6);
            part.truncate(8);
            prop_assert_eq!(part, naive(&games, name, time));
        }
    }

    #[test]
    fn the_future_does_not_show(games in matches(), time in -200 * DAY..400 * DAY) {
        let view = view();
        let events: Vec<Event> = games.iter().enumerate().map(|(number, game)| event(number, game)).collect();
        let past: Vec<Event> = events.iter().filter(|event| event.time.0 < time).cloned().collect();
        let (mut all, mut known) = (state(&view, &events, &[]), state(&view, &past, &[]));
        all.advance(&view, Timestamp(400 * DAY));
        known.advance(&view, Timestamp(time));
        for name in 0..6 {
            let ask = |state: &FeatureState| state.vector_at(&view, &team(name), Timestamp(time));
            prop_assert_eq!(ask(&all), ask(&known));
        }
    }
}

#[test]
fn a_rating_rises_with_wins_and_grows_uncertain_when_idle() {
    let view = view();
    let mut state = FeatureState::default();
    for number in 0..5 {
        state.add(&view, &event(number, &Match { day: number as i64, home: 0, away: 1, goals: (2, 0) }));
    }
    state.advance(&view, Timestamp(400 * DAY));
    let read = |name: &str, day: i64| -> (i64, i64) {
        let FeatureVector(vector) = state.vector_at(&view, name, Timestamp(day * DAY));
        (vector[9], vector[10])
    };
    assert_eq!(read("team 0", 20), (150_000, 35_000), "the period is still open");
    let (winner, deviation) = read("team 0", 40);
    let (loser, _) = read("team 1", 40);
    assert!(winner > 165_000 && loser < 135_000, "{winner} {loser}");
    assert!(read("team 0", 390).1 > deviation);
    assert_eq!(read("nobody", 390), (150_000, 35_000));
}
