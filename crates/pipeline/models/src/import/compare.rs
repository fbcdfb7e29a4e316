use enliven_types::{FeatureSchema, FeatureVector};

use super::Foreign;
use crate::fixed::ONE;
use crate::tree::MISSING;
use crate::{Link, Model};

/// How far a quantised model is from the original on some rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// How many rows.
    pub rows: usize,
    /// Of the margins.
    pub margin: Difference,
    /// Of the link's values: chances, counts.
    pub value: Difference,
    /// How many rows are decided otherwise: another likeliest class, or another side of one half for
    /// a single chance; none for regressions.
    pub decisions_changed: usize,
}

/// Absolute differences.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Difference {
    /// The largest.
    pub largest: f64,
    /// The mean.
    pub mean: f64,
}

impl Difference {
    fn add(&mut self, difference: f64) {
        // What is not a number is as far as can be.
        let difference = if difference.is_nan() { f64::INFINITY } else { difference.abs() };
        self.largest = self.largest.max(difference);
        self.mean += difference;
    }
}

/// The double nearest to `units` of 10^-`scale`: what another library reads for it.
pub fn real(units: i64, scale: u8) -> f64 {
    units as f64 / power(scale)
}

/// 10^scale, exact up to 22.
pub(crate) fn power(scale: u8) -> f64 {
    let mut power = 1.0;
    for _ in 0..scale {
        power *= 10.0;
    }
    power
}

/// Compares a model with the original that it was made of, on rows of features.
pub fn compare(foreign: &Foreign, model: &Model, schema: &FeatureSchema, rows: &[FeatureVector]) -> Comparison {
    let mut comparison = Comparison { rows: rows.len(), ..Comparison::default() };
    let place = |name: &str| schema.position(name).map_or(0, |at| schema.features[at].scale);
    let scales: Vec<u8> = model.inputs().iter().map(|input| place(input.name())).collect();
    let mut count = 0;
    for vector in rows {
        let row = model.row(vector, vector, &[]);
        let reals: Vec<f64> = row.iter().zip(&scales).map(|(units, scale)| known(*units, *scale)).collect();
        let (original, ours) = (foreign.predict(&reals), model.margins(&row));
        for (original, ours) in original.iter().zip(&ours) {
            comparison.margin.add(original - real(*ours, model.scale()));
        }
        let values = model.link().values(&ours, model.scale());
        let scale = model.link().scale(model.scale());
        for (original, ours) in values_of(model.link(), &original).iter().zip(values) {
            comparison.value.add(original - real(ours, scale));
        }
        let classes = !foreign.classes.is_empty() || matches!(model.link(), Link::Logistic | Link::Softmax);
        let decided = decision(classes, ours.len(), |output| ours[output] as f64);
        let wanted = decision(classes, ours.len(), |output| original[output]);
        comparison.decisions_changed += usize::from(decided != wanted);
        count += ours.len();
    }
    comparison.margin.mean /= count.max(1) as f64;
    comparison.value.mean /= count.max(1) as f64;
    comparison
}

fn known(units: i64, scale: u8) -> f64 {
    if units == MISSING { f64::NAN } else { real(units, scale) }
}

/// The link's values in doubles.
fn values_of(link: &Link, margins: &[f64]) -> Vec<f64> {
    match link {
        Link::Identity => margins.to_vec(),
        Link::Logistic => margins.iter().map(|margin| 1.0 / (1.0 + libm::exp(-margin))).collect(),
        Link::Softmax => {
            let largest = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let parts: Vec<f64> = margins.iter().map(|margin| libm::exp(margin - largest)).collect();
            let mut sum = 0.0;
            for part in &parts {
                sum += part;
            }
            parts.iter().map(|part| part / sum).collect()
        }
        // As the fixed-point routine, it ends where 64 bits do.
        Link::Exp => margins.iter().map(|margin| libm::exp(*margin).min(i64::MAX as f64 / ONE as f64)).collect(),
        Link::Ordered { .. } => Vec::new(),
    }
}

/// The likeliest class, or whether one chance is above one half.
fn decision(classes: bool, outputs: usize, margin: impl Fn(usize) -> f64) -> usize {
    if !classes {
        return 0;
    }
    if outputs == 1 {
        return usize::from(margin(0) > 0.0);
    }
    let mut best = 0;
    for output in 1..outputs {
        if margin(output) > margin(best) {
            best = output;
        }
    }
    best
}
