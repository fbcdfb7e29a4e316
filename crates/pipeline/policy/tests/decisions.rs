//! Thresholds, hysteresis, cooldown and steps, case by case and as laws.

#![allow(clippy::unwrap_used)]

use enliven_policy::{Inputs, Policy, PolicyConfig, TraitConfig};
use enliven_types::{
    ChangeReason, Decision, FeatureDef, FeatureSchema, FeatureVector, HoldReason, Privacy, Score, Timestamp,
    TokenState, Trait, TraitValue, cid_of,
};
use proptest::prelude::*;

const TRAITS: &str = r#"[
    {"name": "strength", "from": {"score": "points"}, "scale": {"low": 0, "high": 2, "to": 100}, "min_change": 3, "max_step": 10},
    {"name": "attack", "from": {"ratio": {"of": "goals", "per": "matches", "default": 0.5}}, "scale": {"low": 0, "high": 4, "to": 100}},
    {"name": "tier", "from": {"tier": {"of": "strength", "hysteresis": 2,
        "levels": [{"name": "low", "at": 0}, {"name": "mid", "at": 40}, {"name": "high", "at": 60}]}}},
    {"name": "record", "from": {"join": ["matches", "goals"]}}
]"#;

fn schema() -> FeatureSchema {
    let define = |name: &str| FeatureDef { name: name.into(), scale: 0, unit: String::new(), privacy: Privacy::Public };
    FeatureSchema { features: vec![define("matches"), define("goals")] }
}

fn scores() -> Vec<String> {
    ["margin", "points"].map(String::from).to_vec()
}

fn policy(cooldown_s: u64) -> Policy {
    let traits: Vec<TraitConfig> = serde_json::from_str(TRAITS).unwrap();
    Policy::new(&traits, &PolicyConfig { cooldown_s }, &schema(), &scores()).unwrap()
}

fn decide(policy: &Policy, percent: i64, last: Option<&TokenState>, now: i64) -> Decision {
    let features = FeatureVector(vec![4, 6]);
    let points = Score { units: percent * 200_000, scale: 7 };
    policy.decide(&Inputs { features: &features, scores: &[points, points] }, last, Timestamp(now))
}

fn state(decision: Decision, now: i64) -> TokenState {
    let Decision::Update { after, .. } = decision else { panic!("{decision:?}") };
    TokenState {
        token_id: 1,
        subject: "A".into(),
        sequence: 1,
        epoch: 1,
        changed_at: Timestamp(now),
        traits: after,
        metadata: cid_of(enliven_types::Codec::Raw, b""),
    }
}

fn shown(traits: &[Trait]) -> String {
    traits.iter().map(|entry| entry.value.to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_mint_takes_the_values_as_they_are() {
    let minted = state(decide(&policy(0), 59, None, 0), 0);
    assert_eq!(shown(&minted.traits), "59 38 mid 4-6");
}

#[test]
fn small_moves_hold_and_say_how_small() {
    let policy = policy(0);
    let minted = state(decide(&policy, 50, None, 0), 0);
    assert_eq!(decide(&policy, 50, Some(&minted), 9), Decision::Hold(HoldReason::Unchanged));
    let want = HoldReason::BelowThreshold { name: "strength".into(), moved: 2, threshold: 3 };
    assert_eq!(decide(&policy, 52, Some(&minted), 9), Decision::Hold(want));
    let Decision::Update { reasons, .. } = decide(&policy, 53, Some(&minted), 9) else { panic!() };
    assert_eq!(reasons, [ChangeReason::Moved { name: "strength".into(), from: 50, to: 53, threshold: 3 }]);
}

#[test]
fn steps_are_limited_and_say_so() {
    let policy = policy(0);
    let minted = state(decide(&policy, 50, None, 0), 0);
    let decision = decide(&policy, 90, Some(&minted), 9);
    let Decision::Update { reasons, .. } = &decision else { panic!() };
    assert!(reasons.contains(&ChangeReason::StepLimited { name: "strength".into(), wanted: 90, allowed: 60 }));
    // 60 reaches the border of `high`, not the border and the hysteresis.
    assert_eq!(shown(&state(decision, 9).traits), "60 38 mid 4-6");
}

#[test]
fn tiers_change_past_the_border_only() {
    let policy = policy(0);
    for (start, then, want) in
        [(59, 61, "mid"), (59, 62, "high"), (61, 58, "high"), (61, 57, "mid"), (61, 51, "mid"), (45, 37, "low")]
    {
        let minted = state(decide(&policy, start, None, 0), 0);
        let tier = match decide(&policy, then, Some(&minted), 9) {
            Decision::Update { after, .. } => after[2].value.to_string(),
            Decision::Hold(_) => minted.traits[2].value.to_string(),
        };
        assert_eq!(tier, want, "{start} -> {then}");
    }
}

#[test]
fn cooldown_holds_until_its_end() {
    let policy = policy(10);
    let minted = state(decide(&policy, 50, None, 5_000), 5_000);
    let want = Decision::Hold(HoldReason::Cooldown { until: Timestamp(15_000) });
    assert_eq!(decide(&policy, 70, Some(&minted), 14_999), want);
    assert!(matches!(decide(&policy, 70, Some(&minted), 15_000), Decision::Update { .. }));
}

#[test]
fn wrong_traits_are_placed() {
    for (from, to, want) in [
        ("\"goals\", \"per\"", "\"goal\", \"per\"", "1.from: unknown feature `goal` (available: matches, goals)"),
        ("\"of\": \"strength\"", "\"of\": \"power\"", "2.from: unknown trait before this one `power`"),
        ("\"at\": 60", "\"at\": 40", "2.from: levels must rise"),
        ("\"high\": 2,", "\"high\": 0,", "0.scale: `low` and `high` must differ"),
        ("\"min_change\": 3", "\"min_change\": 0", "0.min_change: must be at least 1"),
        ("\"name\": \"record\"", "\"name\": \"tier\"", "3.name: `tier` is empty or used twice"),
    ] {
        let traits: Vec<TraitConfig> = serde_json::from_str(&TRAITS.replace(from, to)).unwrap();
        let error = Policy::new(&traits, &PolicyConfig::default(), &schema(), &scores()).unwrap_err();
        assert!(error.to_string().starts_with(want), "{error}");
    }
}

proptest! {
    /// An update moves some trait by its threshold or changes a tier; no step is exceeded; a hold
    /// leaves every trait inside its threshold or is a cooldown.
    #[test]
    fn laws(path in prop::collection::vec((0i64..=100, 1i64..20_000), 1..40)) {
        let policy = policy(10);
        let mut now = 0;
        let mut last = state(decide(&policy, 50, None, 0), 0);
        for (percent, passed) in path {
            now += passed;
            match decide(&policy, percent, Some(&last), now) {
                Decision::Update { after, reasons, .. } => {
                    prop_assert!(now - last.changed_at.0 >= 10_000);
                    let (TraitValue::Number(from), TraitValue::Number(to)) = (&last.traits[0].value, &after[0].value) else { panic!() };
                    prop_assert!((to - from).abs() <= 10);
                    prop_assert!((to - from).abs() >= 3 || last.traits[2] != after[2]);
                    prop_assert!(!reasons.is_empty());
                    last.traits = after;
                    last.changed_at = Timestamp(now);
                }
                Decision::Hold(HoldReason::Cooldown { until }) => prop_assert!(now < until.0),
                Decision::Hold(_) => {
                    let TraitValue::Number(from) = &last.traits[0].value else { panic!() };
                    prop_assert!((percent - from).abs() < 3);
                }
            }
        }
    }
}

#[test]
fn a_class_holds_until_another_is_ahead_by_the_lead() {
    let traits: Vec<TraitConfig> =
        serde_json::from_str(r#"[{"name": "kind", "from": {"class": {"lead": 0.1}}}]"#).unwrap();
    let names: Vec<String> = ["margin", "chance.calm", "chance.wild", "chance.odd"].map(String::from).to_vec();
    let policy = Policy::new(&traits, &PolicyConfig::default(), &schema(), &names).unwrap();
    let decide = |calm: i64, wild: i64, last: Option<&TokenState>| {
        let score = |units| Score { units, scale: 2 };
        let scores = [score(0), score(calm), score(wild), score(100 - calm - wild)];
        let features = FeatureVector(vec![4, 6]);
        policy.decide(&Inputs { features: &features, scores: &scores }, last, Timestamp(9))
    };
    let minted = state(decide(45, 45, None), 0);
    assert_eq!(shown(&minted.traits), "calm");
    assert_eq!(decide(40, 49, Some(&minted)), Decision::Hold(HoldReason::Unchanged));
    let Decision::Update { reasons, after, .. } = decide(40, 50, Some(&minted)) else { panic!("held") };
    assert_eq!(shown(&after), "wild");
    assert_eq!(reasons, [ChangeReason::Changed { name: "kind".into(), from: "calm".into(), to: "wild".into() }]);
    let error = Policy::new(&traits, &PolicyConfig::default(), &schema(), &scores()).unwrap_err().to_string();
    assert_eq!(error, "0.from: this model has no classes; use `score` and a `tier` of it");
}
