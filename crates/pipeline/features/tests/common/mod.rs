//! Generated definitions, events and cuts, and the ways to compute what they give.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use enliven_features::{
    Column, FeatureSet, FeatureState, FeaturesConfig, Kind, SourceShape, Spill, SpillTo, Tables, point_in_time,
};
use enliven_types::{Data, Event, FeatureVector, Privacy, Timestamp, Value};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;
pub const LATENESS: i64 = 2 * DAY;
pub const CATEGORIES: [&str; 3] = ["red", "green", "blue"];

/// One feature of a generated definition, in the manifest's form.
pub type Defined = Json;

pub fn defined() -> impl Strategy<Value = Defined> {
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

pub fn definition() -> impl Strategy<Value = FeatureSet> {
    prop::collection::vec(defined(), 1..7).prop_map(|mut features| {
        for (number, feature) in features.iter_mut().enumerate() {
            feature["name"] = json!(format!("f{number}"));
        }
        view(json!(features))
    })
}

pub fn view(define: Json) -> FeatureSet {
    let side = |entity: &str, opponent: &str| json!({"entity": entity, "opponent": opponent, "fields": {"amount": "amount", "colour": "colour"}});
    let view = json!({"source": "s", "sides": [side("left", "right"), side("right", "left")], "define": define});
    set(json!({"views": {"main": view}}), Privacy::Public)
}

/// Two sources of the same columns: `s` with one partition, `t` with two.
pub fn set(config: Json, privacy: Privacy) -> FeatureSet {
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
pub struct Seen {
    pub minute: i64,
    pub left: u8,
    pub right: u8,
    /// In tenths.
    pub amount: i64,
    pub colour: u8,
    /// How late it comes, in minutes.
    pub jitter: i64,
}

pub fn events() -> impl Strategy<Value = Vec<Event>> {
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

pub fn name(number: u8) -> String {
    format!("entity {number}")
}

pub fn event(number: usize, seen: &Seen) -> Event {
    let colour =
        CATEGORIES.get(seen.colour as usize).copied().unwrap_or(if seen.colour == 3 { "pink" } else { "teal" });
    Event {
        id: number.to_string().into(),
        source: "s".into(),
        kind: "t".into(),
        subjects: vec![name(seen.left).into(), name(seen.right).into()].into(),
        time: Timestamp(seen.minute * MINUTE),
        data: Data::from([
            ("left".to_string(), Value::Text(name(seen.left).into())),
            ("right".to_string(), Value::Text(name(seen.right).into())),
            ("amount".to_string(), Value::Int(seen.amount)),
            ("colour".to_string(), Value::Text(colour.into())),
        ]),
    }
}

/// A place to spill to that is memory after all.
#[derive(Debug, Default)]
pub struct Place {
    kept: Mutex<Vec<Vec<u8>>>,
    /// How often something was put here, or to a fresh place.
    pub puts: Arc<AtomicU32>,
    /// So many calls go well.
    good: Option<Arc<AtomicU32>>,
}

impl Place {
    fn works(&self) -> Result<(), String> {
        let down = |left: u32| left.checked_sub(1);
        match &self.good {
            Some(good) if good.fetch_update(Relaxed, Relaxed, down).is_err() => Err("the disk is gone".into()),
            _ => Ok(()),
        }
    }
}

impl Spill for Place {
    fn put(&self, bytes: &[u8]) -> Result<u64, String> {
        self.works()?;
        self.puts.fetch_add(1, Relaxed);
        let mut kept = self.kept.lock().unwrap();
        kept.push(bytes.to_vec());
        // Large numbers are places, too.
        Ok((kept.len() as u64 - 1) * ((1 << 40) + 1))
    }

    fn get(&self, place: u64) -> Result<Vec<u8>, String> {
        self.works()?;
        Ok(self.kept.lock().unwrap()[(place & 0xffff_ffff) as usize].clone())
    }

    fn fresh(&self) -> Result<Arc<dyn Spill>, String> {
        self.works()?;
        Ok(Arc::new(Place { kept: Mutex::default(), puts: self.puts.clone(), good: self.good.clone() }))
    }
}

/// A bound of memory that is broken at once, or soon.
pub fn spill_to(memory: usize) -> SpillTo {
    SpillTo { spill: Arc::new(Place::default()), memory }
}

/// The same to a place that fails after so many calls.
pub fn failing(good: u32) -> SpillTo {
    SpillTo { spill: Arc::new(Place { good: Some(Arc::new(good.into())), ..Place::default() }), memory: 0 }
}

/// States that differ in what they cost alone.
pub fn states() -> Vec<FeatureState> {
    let rows = [0, 3, 16, 1000].map(FeatureState::with_max_rows);
    let spilling = [0, 700, 3000].map(|memory| FeatureState::default().spilling(spill_to(memory)));
    let both = [0, 2].map(|max_rows| FeatureState::with_max_rows(max_rows).spilling(spill_to(1000)));
    rows.into_iter().chain(spilling).chain(both).collect()
}

/// Every entity at every cut, from a state that lives through the log. Each cut is read after all
/// events before it have come.
pub fn live(view: &FeatureSet, events: &[Event], cuts: &[i64], mut state: FeatureState) -> Vec<FeatureVector> {
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
    assert_eq!(state.fault(), None);
    found
}

pub fn batch(view: &FeatureSet, events: &[Event], cuts: &[i64]) -> Vec<FeatureVector> {
    let labels: Vec<_> = cuts.iter().flat_map(|cut| (0..4).map(|number| (name(number), Timestamp(*cut)))).collect();
    let logged: Vec<(u32, Event)> = events.iter().map(|event| (partition(event), event.clone())).collect();
    point_in_time(view, &logged, &labels)
}

/// Source `t` has two partitions, of the odd and of the even ids.
pub fn partition(event: &Event) -> u32 {
    if event.source == "t" { event.id.parse::<u32>().unwrap() % 2 } else { 0 }
}

pub fn cuts() -> impl Strategy<Value = Vec<i64>> {
    let cut =
        prop_oneof![(0i64..700).prop_map(|m| m * MINUTE), (0i64..24).prop_map(|d| d * DAY), 0i64..30_000 * MINUTE];
    prop::collection::vec(cut, 1..6).prop_map(|mut cuts| {
        cuts.sort_unstable();
        cuts
    })
}

pub fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(192)
}

pub fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
