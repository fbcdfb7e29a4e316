//! A receipt in words and numbers that an owner understands. Every figure comes from the receipt, and
//! every sentence from one of the forms in this file.

use std::collections::BTreeMap;

use enliven_models::{Input, Method};
use enliven_policy::TraitSource;
use enliven_types::{ChangeReason, Cid, FeatureSchema, Fixed, Privacy, Receipt};
use serde::Serialize;

use crate::{Manifest, Plan};

/// How many features a sentence names.
const NAMED: usize = 2;

/// What one feature did to the score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contribution {
    /// The feature; `opponents` for what the reference field's own features contribute; `personal data`
    /// for all that must not be named.
    pub feature: String,
    /// Its part of the margin, as a decimal.
    pub part: String,
    /// The same, in units of the score.
    pub units: i64,
    /// The feature's value, as a decimal, if it is public.
    pub value: Option<String>,
    /// Its value at the change before.
    pub before: Option<String>,
    /// What it counts.
    pub unit: String,
}

/// Why a token changed.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The token's id.
    pub token_id: u64,
    /// The entity that it follows.
    pub subject: String,
    /// The number of the change.
    pub sequence: u64,
    /// The epoch.
    pub epoch: u64,
    /// The epoch's watermark.
    pub at: String,
    /// The receipt.
    pub receipt: String,
    /// Why, a sentence each.
    pub sentences: Vec<String>,
    /// The model's margin, as a decimal; base and parts sum to it.
    pub margin: String,
    /// What the model expects before it knows anything.
    pub base: String,
    /// How the parts are defined.
    pub method: String,
    /// By feature, the largest first.
    pub contributions: Vec<Contribution>,
    /// What would have left the token as it was, if that was asked for and found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
}

/// Explains a receipt, beside the one before it.
pub fn explain(plan: &Plan, cid: &Cid, receipt: &Receipt, before: Option<&Receipt>) -> Explanation {
    let scale = receipt.score.scale;
    let shown = |units: i64| signed(Fixed { units, scale });
    let words = Words {
        manifest: &plan.manifest,
        schema: plan.features.schema(),
        inputs: plan.model.inputs(),
        receipt,
        before,
    };
    Explanation {
        token_id: receipt.state.token_id,
        subject: receipt.state.subject.clone(),
        sequence: receipt.state.sequence,
        epoch: receipt.epoch,
        at: receipt.state.changed_at.to_string(),
        receipt: cid.to_string(),
        sentences: receipt.reasons.iter().map(|reason| words.sentence(reason)).collect(),
        margin: shown(receipt.score.units),
        base: shown(receipt.attribution.base),
        method: method(plan.model.method()),
        contributions: words.contributions(),
        otherwise: None,
    }
}

fn method(method: Method) -> String {
    match method {
        Method::Path => "exact Shapley values; unknown features as in training".into(),
        Method::Background => "exact Shapley values beside background rows".into(),
        Method::Sampled(orders) => {
            format!("approximate Shapley values beside background rows, {orders} orders and their reverses")
        }
    }
}

struct Words<'a> {
    manifest: &'a Manifest,
    schema: &'a FeatureSchema,
    inputs: &'a [Input],
    receipt: &'a Receipt,
    before: Option<&'a Receipt>,
}

impl Words<'_> {
    fn sentence(&self, reason: &ChangeReason) -> String {
        match reason {
            ChangeReason::Mint => format!("{} was minted.", self.receipt.state.subject),
            ChangeReason::Moved { name, from, to, .. } => {
                let verb = if to > from { "rose" } else { "fell" };
                format!("{} {verb} from {from} to {to}{}.", self.trait_label(name), self.because(name))
            }
            ChangeReason::Changed { name, from, to } => {
                format!("{} changed from {from} to {to}{}.", self.trait_label(name), self.because(name))
            }
            ChangeReason::StepLimited { name, wanted, allowed } => {
                format!("{} would be {wanted}, but may move to {allowed} at once.", self.trait_label(name))
            }
        }
    }

    /// `, because ...`, or nothing where there is nothing to compare with.
    fn because(&self, name: &str) -> String {
        let traits = &self.manifest.traits;
        let Some(config) = traits.iter().find(|config| config.name == name) else { return String::new() };
        match &config.from {
            TraitSource::Tier(tier) if tier.of != name => self.because(&tier.of),
            TraitSource::Feature(feature) => match self.went(feature) {
                Some(went) => format!(", because {went}"),
                None => String::new(),
            },
            TraitSource::Ratio(ratio) => {
                let public = [&ratio.of, &ratio.per].iter().all(|name| self.privacy(name) == Privacy::Public);
                let value = |receipt: &Receipt| {
                    let (of, per) = (self.number(receipt, &ratio.of)?, self.number(receipt, &ratio.per)?);
                    Some(if per == 0.0 { ratio.default } else { of / per })
                };
                let Some((before, now)) = self.before.and_then(value).zip(value(self.receipt)) else {
                    return String::new();
                };
                let label = self.manifest.metadata.words.get(name).cloned();
                let label =
                    label.unwrap_or_else(|| per_text(&self.feature_label(&ratio.of), &self.feature_label(&ratio.per)));
                match public {
                    true => format!(", because {label} went from {before:.2} to {now:.2}"),
                    false => String::new(),
                }
            }
            TraitSource::Score(_) | TraitSource::Class(_) => {
                let drivers = self.drivers();
                if drivers.is_empty() { String::new() } else { format!(", mainly because {}", drivers.join(" and ")) }
            }
            TraitSource::Join(_) | TraitSource::Tier(_) => String::new(),
        }
    }

    /// The features whose parts moved most in the direction in which the margin went.
    fn drivers(&self) -> Vec<String> {
        let Some(before) = self.before else { return Vec::new() };
        let direction = (self.receipt.score.units - before.score.units).signum();
        let earlier = self.parts(before);
        let mut moves: Vec<(i64, String)> = self
            .parts(self.receipt)
            .into_iter()
            .map(|(name, now)| (now - earlier.get(&name).copied().unwrap_or(0), name))
            .filter(|(moved, _)| *moved != 0 && (direction == 0 || moved.signum() == direction))
            .collect();
        moves.sort_by(|left, right| (right.0.abs(), &left.1).cmp(&(left.0.abs(), &right.1)));
        moves.iter().filter_map(|(_, name)| self.went(name)).take(NAMED).collect()
    }

    /// `form went from 1.2 to 2.1`, as far as the feature's class allows.
    fn went(&self, name: &str) -> Option<String> {
        if name == PERSONAL {
            return Some("personal data changed".into());
        }
        let schema = self.schema;
        let place = schema.position(name)?;
        let label = self.feature_label(name);
        match schema.features[place].privacy {
            Privacy::Personal => return Some("personal data changed".into()),
            Privacy::Private => return Some(format!("{label} changed")),
            Privacy::Public => {}
        }
        let scale = schema.features[place].scale;
        let read = |receipt: &Receipt| {
            let units = receipt.features.0.get(place).copied().unwrap_or(0);
            Fixed { units: enliven_types::rescale(units, scale, 2.min(scale)), scale: 2.min(scale) }
        };
        let (before, now) = (read(self.before?), read(self.receipt));
        (before != now).then(|| format!("{label} went from {before} to {now}"))
    }

    /// The parts by feature: an own value and a difference speak of the same feature.
    fn parts(&self, receipt: &Receipt) -> BTreeMap<String, i64> {
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for (input, part) in self.inputs.iter().zip(&receipt.attribution.parts) {
            let name = match input {
                Input::Opponent(_) => "opponents".to_string(),
                Input::Context(..) => format!("context {}", input.name()),
                input if self.privacy(input.name()) == Privacy::Personal => PERSONAL.to_string(),
                input => input.name().to_string(),
            };
            *sums.entry(name).or_default() += part;
        }
        sums
    }

    fn contributions(&self) -> Vec<Contribution> {
        let schema = self.schema;
        let value = |receipt: &Receipt, name: &str| {
            let place = schema.position(name).filter(|_| self.privacy(name) == Privacy::Public)?;
            let units = *receipt.features.0.get(place)?;
            Some(Fixed { units, scale: schema.features[place].scale }.to_string())
        };
        let mut found: Vec<Contribution> = self
            .parts(self.receipt)
            .into_iter()
            .map(|(feature, units)| Contribution {
                part: signed(Fixed { units, scale: self.receipt.score.scale }),
                units,
                value: value(self.receipt, &feature),
                before: self.before.and_then(|before| value(before, &feature)),
                unit: schema.position(&feature).map_or_else(String::new, |place| schema.features[place].unit.clone()),
                feature,
            })
            .collect();
        found.sort_by(|left, right| (right.units.abs(), &left.feature).cmp(&(left.units.abs(), &right.feature)));
        found
    }

    fn privacy(&self, feature: &str) -> Privacy {
        let schema = self.schema;
        schema.position(feature).map_or(Privacy::Public, |place| schema.features[place].privacy)
    }

    fn number(&self, receipt: &Receipt, feature: &str) -> Option<f64> {
        let schema = self.schema;
        let place = schema.position(feature)?;
        Some(*receipt.features.0.get(place)? as f64 / 10u64.pow(u32::from(schema.features[place].scale.min(18))) as f64)
    }

    fn trait_label(&self, name: &str) -> String {
        let label = self.manifest.metadata.display.get(name).and_then(|display| display.label.clone());
        label.unwrap_or_else(|| capital(name))
    }

    fn feature_label(&self, name: &str) -> String {
        feature_label(self.manifest, name)
    }
}

const PERSONAL: &str = "personal data";

/// What a feature is called: the manifest's word for it, or its name with the window spelled out.
pub(crate) fn feature_label(manifest: &Manifest, name: &str) -> String {
    if let Some(word) = manifest.metadata.words.get(name) {
        return word.clone();
    }
    let plain = |name: &str| name.replace('_', " ");
    match name.rsplit_once('_') {
        Some((of, "lifetime")) => format!("{} in all", plain(of)),
        Some((of, window)) => match window_text(window) {
            Some(text) => format!("{} over {text}", plain(of)),
            None => plain(name),
        },
        None => plain(name),
    }
}

/// `the last year` for `365d`; none for what is no length.
fn window_text(window: &str) -> Option<String> {
    let (count, unit) = window.split_at_checked(window.len().checked_sub(1)?)?;
    let count: u64 = count.parse().ok()?;
    let unit = match unit {
        "s" => "second",
        "m" => "minute",
        "h" => "hour",
        "d" if count == 365 || count == 366 => return Some("the last year".into()),
        "d" if count >= 730 && (count % 365) <= count / 365 => return Some(format!("the last {} years", count / 365)),
        "d" => "day",
        _ => return None,
    };
    Some(if count == 1 { format!("the last {unit}") } else { format!("the last {count} {unit}s") })
}

/// `goals for per matches over the last year`, naming a common window once.
fn per_text(of: &str, per: &str) -> String {
    match (of.split_once(" over "), per.split_once(" over ")) {
        (Some((of, window)), Some((per, other))) if window == other => format!("{of} per {per} over {window}"),
        _ => format!("{of} per {per}"),
    }
}

fn signed(value: Fixed) -> String {
    if value.units > 0 { format!("+{value}") } else { value.to_string() }
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect::<String>().replace('_', " "),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use enliven_types::{
        Attribution, Codec, Digest, FeatureDef, FeatureVector, Score, Timestamp, TokenState, TraitValue, cid_of,
    };

    use super::*;

    fn receipt(features: [i64; 3], parts: [i64; 3]) -> Receipt {
        let cid = cid_of(Codec::Raw, b"");
        Receipt {
            version: 1,
            epoch: 2,
            previous: None,
            cut: cid,
            manifest: Digest::ZERO,
            model: Digest::ZERO,
            schema: Digest::ZERO,
            features: FeatureVector(features.to_vec()),
            score: Score { units: parts.iter().sum(), scale: 2 },
            attribution: Attribution { base: 0, parts: parts.to_vec() },
            reasons: vec![ChangeReason::Moved { name: "strength".into(), from: 40, to: 52, threshold: 5 }],
            before: vec![TraitValue::Number(40)],
            state: TokenState {
                token_id: 1,
                subject: "A".into(),
                sequence: 2,
                epoch: 2,
                changed_at: Timestamp(0),
                traits: Vec::new(),
                metadata: cid,
            },
        }
    }

    /// The sentence and the contributions, with the third feature in each class.
    fn said(privacy: Privacy) -> (String, Vec<Contribution>) {
        let text = include_str!("../../../../examples/football/enliven.toml");
        let mut manifest: Manifest = toml::from_str(text).unwrap_or_else(|error| panic!("{error}"));
        manifest.metadata.display.clear();
        let define = |name: &str, privacy| FeatureDef { name: name.into(), scale: 1, unit: String::new(), privacy };
        let schema = FeatureSchema {
            features: vec![
                define("goals_for_365d", Privacy::Public),
                define("wins_1461d", Privacy::Public),
                define("heart_rate_7d", privacy),
            ],
        };
        let inputs: Vec<Input> = schema.features.iter().map(|feature| Input::Own(feature.name.clone())).collect();
        let (receipt, before) = (receipt([24, 50, 715], [30, -4, 50]), receipt([16, 50, 620], [10, 2, 5]));
        let words =
            Words { manifest: &manifest, schema: &schema, inputs: &inputs, receipt: &receipt, before: Some(&before) };
        (words.sentence(&receipt.reasons[0]), words.contributions())
    }

    #[test]
    fn features_are_named_as_far_as_their_class_allows() {
        let rose = "Strength rose from 40 to 52, mainly because";
        let other = "goals for over the last year went from 1.6 to 2.4";
        let (public, contributions) = said(Privacy::Public);
        assert_eq!(public, format!("{rose} heart rate over the last 7 days went from 62 to 71.5 and {other}."));
        assert_eq!(contributions[0].value.as_deref(), Some("71.5"));

        let (private, contributions) = said(Privacy::Private);
        assert_eq!(private, format!("{rose} heart rate over the last 7 days changed and {other}."));
        assert_eq!((contributions[0].feature.as_str(), &contributions[0].value), ("heart_rate_7d", &None));

        let (personal, contributions) = said(Privacy::Personal);
        assert_eq!(personal, format!("{rose} personal data changed and {other}."));
        let shown = serde_json::to_string(&contributions).unwrap_or_default();
        assert!(!personal.contains("heart") && !shown.contains("heart") && !shown.contains("71"), "{shown}");
    }

    #[test]
    fn windows_are_spelled_out() {
        for (window, want) in [
            ("365d", Some("the last year")),
            ("1461d", Some("the last 4 years")),
            ("1d", Some("the last day")),
            ("90d", Some("the last 90 days")),
            ("12h", Some("the last 12 hours")),
            ("deviation", None),
            ("\u{e9}", None),
        ] {
            assert_eq!(window_text(window).as_deref(), want, "{window}");
        }
    }
}
