//! A receipt in words and numbers that an owner understands. Every figure comes from the receipt.

use std::collections::BTreeMap;

use enliven_types::{ChangeReason, Cid, Fixed, Receipt};
use serde::Serialize;

use crate::Plan;
use crate::rows::is_context;

/// What one feature did to the score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contribution {
    /// The feature, or `opponents` for what the reference field's own features contribute.
    pub feature: String,
    /// Its part of the margin, as a decimal.
    pub part: String,
    /// The same, in units of the score.
    pub units: i64,
    /// The feature's value, as a decimal.
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
    /// The expected margin against the reference field, as a decimal; base and parts sum to it.
    pub margin: String,
    /// What the model expects before it knows anything.
    pub base: String,
    /// By feature, the largest first.
    pub contributions: Vec<Contribution>,
}

/// Explains a receipt, beside the one before it.
pub fn explain(plan: &Plan, cid: &Cid, receipt: &Receipt, before: Option<&Receipt>) -> Explanation {
    let scale = receipt.score.scale;
    let shown = |units: i64| signed(Fixed { units, scale });
    let contributions = contributions(plan, receipt, before);
    let mut sentences: Vec<String> = receipt.reasons.iter().map(|reason| sentence(reason, receipt)).collect();
    let drivers = drivers(receipt, before, plan);
    if !drivers.is_empty() {
        sentences.push(format!("What moved the score most: {}.", drivers.join("; ")));
    }
    Explanation {
        token_id: receipt.state.token_id,
        subject: receipt.state.subject.clone(),
        sequence: receipt.state.sequence,
        epoch: receipt.epoch,
        at: receipt.state.changed_at.to_string(),
        receipt: cid.to_string(),
        sentences,
        margin: shown(receipt.score.units),
        base: shown(receipt.attribution.base),
        contributions,
    }
}

fn sentence(reason: &ChangeReason, receipt: &Receipt) -> String {
    match reason {
        ChangeReason::Mint => format!("{} was minted.", receipt.state.subject),
        ChangeReason::Moved { name, from, to, threshold } => {
            let verb = if to > from { "rose" } else { "fell" };
            format!("{} {verb} from {from} to {to}; a change of {threshold} is worth writing.", capital(name))
        }
        ChangeReason::Changed { name, from, to } => format!("{} changed from {from} to {to}.", capital(name)),
        ChangeReason::StepLimited { name, wanted, allowed } => {
            format!("{} would be {wanted}, but may move to {allowed} at once.", capital(name))
        }
    }
}

/// The parts by feature: an own value and a difference speak of the same feature.
fn parts(plan: &Plan, receipt: &Receipt) -> BTreeMap<String, i64> {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for (input, part) in plan.model.inputs().iter().zip(&receipt.attribution.parts) {
        let name = match input {
            enliven_models::Input::Opponent(_) => "opponents".to_string(),
            input if is_context(input) => format!("context {}", input.name()),
            input => input.name().to_string(),
        };
        *sums.entry(name).or_default() += part;
    }
    sums
}

fn contributions(plan: &Plan, receipt: &Receipt, before: Option<&Receipt>) -> Vec<Contribution> {
    let schema = plan.features.schema();
    let value = |receipt: &Receipt, name: &str| {
        let place = schema.position(name)?;
        let units = *receipt.features.0.get(place)?;
        Some(Fixed { units, scale: schema.features[place].scale }.to_string())
    };
    let mut found: Vec<Contribution> = parts(plan, receipt)
        .into_iter()
        .map(|(feature, units)| Contribution {
            part: signed(Fixed { units, scale: receipt.score.scale }),
            units,
            value: value(receipt, &feature),
            before: before.and_then(|before| value(before, &feature)),
            unit: schema.position(&feature).map_or_else(String::new, |place| schema.features[place].unit.clone()),
            feature,
        })
        .collect();
    found.sort_by(|left, right| (right.units.abs(), &left.feature).cmp(&(left.units.abs(), &right.feature)));
    found
}

/// The three features whose parts moved most since the change before.
fn drivers(receipt: &Receipt, before: Option<&Receipt>, plan: &Plan) -> Vec<String> {
    let Some(before) = before else { return Vec::new() };
    let earlier = parts(plan, before);
    let schema = plan.features.schema();
    let mut moves: Vec<(i64, String)> = parts(plan, receipt)
        .into_iter()
        .map(|(name, now)| (now - earlier.get(&name).copied().unwrap_or(0), name))
        .filter(|(moved, name)| *moved != 0 && schema.position(name).is_some())
        .collect();
    moves.sort_by(|left, right| (right.0.abs(), &left.1).cmp(&(left.0.abs(), &right.1)));
    moves.truncate(3);
    let describe = |(moved, name): &(i64, String)| {
        let place = schema.position(name)?;
        let read = |receipt: &Receipt| {
            let units = receipt.features.0.get(place).copied().unwrap_or(0);
            Fixed { units: round(units, schema.features[place].scale), scale: 2.min(schema.features[place].scale) }
        };
        let part = signed(Fixed { units: round(*moved, receipt.score.scale), scale: 2 });
        let unit = &plan.manifest.model.train.target.unit;
        let name = name.replace('_', " ");
        Some(format!("{name} from {} to {} ({part} {unit})", read(before), read(receipt)).replace(" )", ")"))
    };
    moves.iter().filter_map(describe).collect()
}

/// At most two decimal places.
fn round(units: i64, scale: u8) -> i64 {
    enliven_types::rescale(units, scale, 2.min(scale))
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
