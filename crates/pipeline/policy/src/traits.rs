//! From features and scores to the values of traits.

use std::collections::BTreeSet;

use enliven_types::{FeatureSchema, Fixed, Score, TraitValue};

use crate::{Inputs, PolicyError, ScaleConfig, Tier, TraitConfig, TraitSource};

const MAX_TRAITS: usize = 64;
/// Rounded values stay inside what JSON readers agree on.
const MAX_VALUE: f64 = 9_007_199_254_740_991.0;

/// A trait whose names are resolved.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) source: Source,
    scale: Option<ScaleConfig>,
    pub(crate) min_change: Option<i64>,
    pub(crate) max_step: Option<i64>,
}

#[derive(Clone, Debug)]
pub(crate) enum Source {
    Score(usize),
    Class { classes: Vec<(usize, String)>, lead: f64 },
    Feature { at: usize, scale: u8 },
    Ratio { of: (usize, u8), per: (usize, u8), default: f64 },
    Join(Vec<(usize, u8)>),
    Tier { of: usize, tier: Tier },
}

impl Rule {
    /// The value that the inputs ask for; a tier's is decided later, from another trait's.
    pub(crate) fn target(&self, inputs: &Inputs<'_>) -> Option<TraitValue> {
        let feature = |at: usize, scale: u8| inputs.features.0[at] as f64 / power(scale);
        let value = match &self.source {
            Source::Score(place) => number(&inputs.scores[*place]),
            Source::Feature { at, scale } => feature(*at, *scale),
            Source::Ratio { of, per, default } => {
                let below = feature(per.0, per.1);
                if below == 0.0 { *default } else { feature(of.0, of.1) / below }
            }
            Source::Join(places) => {
                let shown =
                    |(at, scale): &(usize, u8)| Fixed { units: inputs.features.0[*at], scale: *scale }.to_string();
                let parts: Vec<String> = places.iter().map(shown).collect();
                return Some(TraitValue::Text(parts.join("-")));
            }
            Source::Class { .. } | Source::Tier { .. } => return None,
        };
        Some(TraitValue::Number(self.round(value)))
    }

    fn round(&self, value: f64) -> i64 {
        let value = match &self.scale {
            None => value,
            Some(scale) => {
                let mapped = (value - scale.low) / (scale.high - scale.low) * scale.to as f64;
                mapped.clamp(0.0, scale.to as f64)
            }
        };
        libm::floor(value.clamp(-MAX_VALUE, MAX_VALUE) + 0.5) as i64
    }
}

/// The likeliest class, the first of equal ones, if it is far enough ahead of the one that holds now. The
/// scores of classes have one scale, so they are compared as whole numbers, and `lead` in the same units.
pub(crate) fn class_name(classes: &[(usize, String)], lead: f64, scores: &[Score], now: Option<&TraitValue>) -> String {
    let Some((first, others)) = classes.split_first() else { return String::new() };
    let units = |class: &(usize, String)| scores[class.0].units;
    let mut best = first;
    for class in others {
        if units(class) > units(best) {
            best = class;
        }
    }
    let held = classes.iter().find(|(_, name)| matches!(now, Some(TraitValue::Text(text)) if text == name));
    let ahead = libm::round((lead * power(scores[first.0].scale)).min(MAX_VALUE)) as i64;
    match held {
        Some(held) if units(best).saturating_sub(units(held)) < ahead => held.1.clone(),
        _ => best.1.clone(),
    }
}

/// The word for `value`, given the word that holds now.
pub(crate) fn tier_name(tier: &Tier, value: i64, now: Option<&TraitValue>) -> String {
    let plain = tier.levels.iter().rposition(|level| value >= level.at).unwrap_or(0);
    let held = now.and_then(|now| match now {
        TraitValue::Text(text) => tier.levels.iter().position(|level| level.name == *text),
        TraitValue::Number(_) => None,
    });
    let place = match held {
        None => plain,
        Some(held) if plain > held => {
            // Up to the highest level whose border is passed by the hysteresis.
            let passed = tier.levels.iter().rposition(|level| value >= level.at.saturating_add(tier.hysteresis));
            passed.unwrap_or(0).max(held)
        }
        Some(held) if plain < held => {
            let passed = tier.levels.iter().rposition(|level| value >= level.at.saturating_sub(tier.hysteresis));
            passed.unwrap_or(0).min(held)
        }
        Some(held) => held,
    };
    tier.levels.get(place).map_or_else(String::new, |level| level.name.clone())
}

/// Resolves and checks the traits of a manifest; without a model's `scores` their names are not checked.
pub(crate) fn rules(
    traits: &[TraitConfig],
    schema: &FeatureSchema,
    scores: Option<&[String]>,
) -> Result<Vec<Rule>, PolicyError> {
    if traits.is_empty() || traits.len() > MAX_TRAITS {
        return Err(setting("", format!("{} traits, 1 to {MAX_TRAITS} are allowed", traits.len())));
    }
    let mut rules: Vec<Rule> = Vec::new();
    let mut names = BTreeSet::new();
    for (index, config) in traits.iter().enumerate() {
        if config.name.trim().is_empty() || !names.insert(&config.name) {
            return Err(setting(&format!("{index}.name"), format!("`{}` is empty or used twice", config.name)));
        }
        let source = source(index, config, schema, scores, &rules)?;
        check_numbers(index, config)?;
        rules.push(Rule {
            name: config.name.clone(),
            source,
            scale: config.scale.clone(),
            min_change: config.min_change,
            max_step: config.max_step,
        });
    }
    Ok(rules)
}

fn source(
    index: usize,
    config: &TraitConfig,
    schema: &FeatureSchema,
    scores: Option<&[String]>,
    before: &[Rule],
) -> Result<Source, PolicyError> {
    let place = format!("{index}.from");
    let feature = |name: &String| {
        let at = schema.position(name).ok_or_else(|| PolicyError::Unknown {
            place: place.clone(),
            what: "feature",
            name: name.clone(),
            available: schema.features.iter().map(|feature| feature.name.as_str()).collect::<Vec<_>>().join(", "),
        })?;
        Ok((at, schema.features[at].scale))
    };
    Ok(match &config.from {
        TraitSource::Score(name) => Source::Score(match scores {
            None => 0,
            Some(scores) => scores.iter().position(|score| score == name).ok_or_else(|| PolicyError::Unknown {
                place: place.clone(),
                what: "score of this model",
                name: name.clone(),
                available: scores.join(", "),
            })?,
        }),
        TraitSource::Class(class) => {
            if !(class.lead.is_finite() && class.lead >= 0.0) {
                return Err(setting(&place, "`lead` must not be negative".into()));
            }
            let named = |(place, name): (usize, &String)| name.split_once('.').map(|(_, class)| (place, class.into()));
            let classes: Vec<_> = scores.unwrap_or_default().iter().enumerate().filter_map(named).collect();
            if scores.is_some() && classes.is_empty() {
                return Err(setting(&place, "this model has no classes; use `score` and a `tier` of it".into()));
            }
            Source::Class { classes, lead: class.lead }
        }
        TraitSource::Feature(name) => {
            let (at, scale) = feature(name)?;
            Source::Feature { at, scale }
        }
        TraitSource::Ratio(ratio) => {
            if !ratio.default.is_finite() {
                return Err(setting(&place, "`default` is not a number".into()));
            }
            Source::Ratio { of: feature(&ratio.of)?, per: feature(&ratio.per)?, default: ratio.default }
        }
        TraitSource::Join(names) => Source::Join(names.iter().map(feature).collect::<Result<_, _>>()?),
        TraitSource::Tier(tier) => {
            let of = before.iter().position(|rule| rule.name == tier.of).ok_or_else(|| PolicyError::Unknown {
                place: place.clone(),
                what: "trait before this one",
                name: tier.of.clone(),
                available: before.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>().join(", "),
            })?;
            if matches!(before[of].source, Source::Join(_) | Source::Class { .. } | Source::Tier { .. }) {
                return Err(setting(&place, format!("the trait `{}` is not a number", tier.of)));
            }
            let rising = tier.levels.windows(2).all(|pair| pair[0].at < pair[1].at);
            if tier.levels.is_empty() || !rising || tier.hysteresis < 0 {
                return Err(setting(
                    &place,
                    "levels must rise from one to the next, and hysteresis not be negative".into(),
                ));
            }
            Source::Tier { of, tier: tier.clone() }
        }
    })
}

fn check_numbers(index: usize, config: &TraitConfig) -> Result<(), PolicyError> {
    let is_word = matches!(config.from, TraitSource::Join(_) | TraitSource::Class(_) | TraitSource::Tier(_));
    for (field, value) in [("min_change", config.min_change), ("max_step", config.max_step)] {
        if value.is_some_and(|value| value < 1) {
            return Err(setting(&format!("{index}.{field}"), "must be at least 1".into()));
        }
        if value.is_some() && is_word {
            return Err(setting(&format!("{index}.{field}"), "only numbers have it".into()));
        }
    }
    let Some(scale) = &config.scale else { return Ok(()) };
    let place = format!("{index}.scale");
    if is_word {
        return Err(setting(&place, "only numbers have it".into()));
    }
    if !scale.low.is_finite()
        || !scale.high.is_finite()
        || scale.low == scale.high
        || !(1..=1_000_000).contains(&scale.to)
    {
        return Err(setting(&place, "`low` and `high` must differ, and `to` be from 1 to 1000000".into()));
    }
    Ok(())
}

fn number(score: &Score) -> f64 {
    score.units as f64 / power(score.scale)
}

fn power(scale: u8) -> f64 {
    // Powers of ten up to 10^22 are exact in a double.
    10u64.pow(u32::from(scale.min(18))) as f64
}

fn setting(place: &str, reason: String) -> PolicyError {
    PolicyError::Setting { place: place.to_string(), reason }
}
