use enliven_types::{
    ChangeReason, Decision, FeatureSchema, FeatureVector, HoldReason, Score, Timestamp, TokenState, Trait, TraitValue,
};

use crate::traits::{Rule, Source, class_name, rules, tier_name};
use crate::{PolicyConfig, PolicyError, TraitConfig};

/// What a decision is made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The entity's features.
    pub features: &'a FeatureVector,
    /// The model's scores, in the order of their names.
    pub scores: &'a [Score],
}

/// Checked traits and rules.
#[derive(Clone, Debug)]
pub struct Policy {
    rules: Vec<Rule>,
    cooldown_ms: i64,
}

impl Policy {
    /// Checks traits against the features and the names of the model's scores.
    pub fn new(
        traits: &[TraitConfig],
        policy: &PolicyConfig,
        schema: &FeatureSchema,
        scores: &[String],
    ) -> Result<Policy, PolicyError> {
        let cooldown_ms = i64::try_from(policy.cooldown_s).unwrap_or(i64::MAX).saturating_mul(1000);
        Ok(Policy { rules: rules(traits, schema, Some(scores))?, cooldown_ms })
    }

    /// Checks what can be checked without a model.
    pub fn check(traits: &[TraitConfig], schema: &FeatureSchema) -> Result<(), PolicyError> {
        rules(traits, schema, None).map(|_| ())
    }

    /// Hold or update, with the reasons; `last` is none for a token that is to be minted.
    pub fn decide(&self, inputs: &Inputs<'_>, last: Option<&TokenState>, now: Timestamp) -> Decision {
        let (after, limits) = self.values(inputs, last);
        let Some(last) = last else {
            return Decision::Update { reasons: vec![ChangeReason::Mint], before: Vec::new(), after };
        };
        let before: Vec<TraitValue> = last.traits.iter().map(|entry| entry.value.clone()).collect();
        let mut reasons = Vec::new();
        let mut nearest: Option<(i64, i64, &Rule)> = None;
        for (number, rule) in self.rules.iter().enumerate() {
            match (trait_of(last, number, rule), &after[number].value) {
                (Some(TraitValue::Number(from)), TraitValue::Number(to)) => {
                    let Some(threshold) = rule.min_change else { continue };
                    let moved = (to - from).abs();
                    if moved >= threshold {
                        let name = rule.name.clone();
                        reasons.push(ChangeReason::Moved { name, from: *from, to: *to, threshold });
                        continue;
                    }
                    // Nearest is the largest share of its threshold: moved / threshold, compared exactly.
                    let nearer = |(best, best_threshold, _): (i64, i64, &Rule)| {
                        i128::from(moved) * i128::from(best_threshold) > i128::from(best) * i128::from(threshold)
                    };
                    if moved > 0 && nearest.is_none_or(nearer) {
                        nearest = Some((moved, threshold, rule));
                    }
                }
                (Some(TraitValue::Text(from)), TraitValue::Text(to))
                    if from != to && matches!(rule.source, Source::Class { .. } | Source::Tier { .. }) =>
                {
                    let (name, from, to) = (rule.name.clone(), from.clone(), to.clone());
                    reasons.push(ChangeReason::Changed { name, from, to });
                }
                _ => {}
            }
        }
        if reasons.is_empty() {
            return Decision::Hold(match nearest {
                Some((moved, threshold, rule)) => {
                    HoldReason::BelowThreshold { name: rule.name.clone(), moved, threshold }
                }
                None => HoldReason::Unchanged,
            });
        }
        let until = Timestamp(last.changed_at.0.saturating_add(self.cooldown_ms));
        if now < until {
            return Decision::Hold(HoldReason::Cooldown { until });
        }
        reasons.extend(limits);
        Decision::Update { reasons, before, after }
    }

    /// The values that the traits would have, and which of them were held back by their step.
    fn values(&self, inputs: &Inputs<'_>, last: Option<&TokenState>) -> (Vec<Trait>, Vec<ChangeReason>) {
        let mut values: Vec<Trait> = Vec::with_capacity(self.rules.len());
        let mut limits = Vec::new();
        for (number, rule) in self.rules.iter().enumerate() {
            let before = last.and_then(|last| trait_of(last, number, rule));
            let value = match (rule.target(inputs), &rule.source) {
                (Some(TraitValue::Number(wanted)), _) => {
                    let allowed = step(wanted, before, rule.max_step);
                    if allowed != wanted {
                        limits.push(ChangeReason::StepLimited { name: rule.name.clone(), wanted, allowed });
                    }
                    TraitValue::Number(allowed)
                }
                (Some(text), _) => text,
                (None, Source::Tier { of, tier }) => {
                    let value = match &values[*of].value {
                        TraitValue::Number(value) => *value,
                        TraitValue::Text(_) => 0,
                    };
                    TraitValue::Text(tier_name(tier, value, before))
                }
                (None, Source::Class { classes, lead }) => {
                    TraitValue::Text(class_name(classes, *lead, inputs.scores, before))
                }
                (None, _) => TraitValue::Number(0),
            };
            values.push(Trait { name: rule.name.clone(), value });
        }
        (values, limits)
    }
}

/// The value that a trait had. It mostly stands at its place; under another definition it may not.
fn trait_of<'a>(last: &'a TokenState, number: usize, rule: &Rule) -> Option<&'a TraitValue> {
    let named = |entry: &&Trait| entry.name == rule.name;
    let found = last.traits.get(number).filter(named).or_else(|| last.traits.iter().find(named));
    found.map(|entry| &entry.value)
}

fn step(wanted: i64, before: Option<&TraitValue>, max_step: Option<i64>) -> i64 {
    match (before, max_step) {
        (Some(TraitValue::Number(before)), Some(most)) => {
            wanted.clamp(before.saturating_sub(most), before.saturating_add(most))
        }
        _ => wanted,
    }
}
