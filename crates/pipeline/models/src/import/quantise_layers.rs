//! Layers in floats become layers in whole numbers.

use super::ImportError;
use super::compare::power;
use super::foreign::{Dense, Foreign, ForeignLayers, Prepare};
use super::quantise::Feature;
use crate::artifact::Network;
use crate::tree::{MAX_SUM, MISSING};
use crate::{Artifact, Layer};

/// Without rows an input is taken to lie within a million, in its own unit.
const RANGE: f64 = 1e6;
/// Or, where a scaler gives its mean and deviation, so many deviations around the mean.
const DEVIATIONS: f64 = 100.0;
/// Hidden values are at most 2^31 units, which leaves as many bits for the weights.
const HIDDEN_BITS: i32 = 31;
/// As the checked budget of layers, less some room for roundings.
const BUDGET: f64 = (1u64 << 62) as f64 * 0.999;

impl Foreign {
    /// The layers, and the decimal places of their margins.
    ///
    /// The range of an input is that of the given rows, widened by its own length on both sides.
    /// Scalers are folded into the first layer. Of each layer the weights get as many binary places as
    /// the budget for its sums allows.
    pub(crate) fn quantise_layers(
        &self,
        layers: &ForeignLayers,
        features: &[Feature],
        rows: &[Vec<i64>],
    ) -> Result<(Network, u8), ImportError> {
        let mut network = Network::default();
        for (input, feature) in features.iter().enumerate() {
            if feature.missing.is_some() && !layers.absent_zero {
                let reason = format!("the model needs every input, also `{}`", feature.name);
                return Err(ImportError::Option { option: "missing", reason });
            }
            let (mut low, mut high) = self.range(input, feature, rows);
            if layers.absent_zero {
                (low, high) = (low.min(0), high.max(0));
            }
            network.range.push((low, high));
            network.absent.push(0i64.clamp(low, high));
        }
        let mut layers = layers.layers.clone();
        if let Some(first) = layers.first_mut() {
            self.fold(first, features);
        }
        // The bounds of a layer's inputs, in reals.
        let mut bounds: Vec<f64> = network.range.iter().map(|(low, high)| size(*low).max(size(*high))).collect();
        // How many reals a unit of its inputs is; the features' scales are folded in already.
        let mut unit = 1.0;
        let mut scale = 0;
        let last = layers.len() - 1;
        for (number, layer) in layers.iter().enumerate() {
            let mut next: Vec<f64> = Vec::with_capacity(layer.bias.len());
            for (weights, bias) in layer.weights.iter().zip(&layer.bias) {
                let mut bound = bias.abs();
                for (weight, input) in weights.iter().zip(&bounds) {
                    bound += weight.abs() * input;
                }
                next.push(bound);
            }
            let most = next.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
            let units = if number == last {
                // Some room for what rounding adds on the way.
                let fits = |scale: &u8| most * 1.01 * power(*scale) + 2.0 <= MAX_SUM as f64;
                let found = (0..=Artifact::MAX_SCALE).rev().find(fits);
                scale = found.ok_or_else(|| too_large(number))?;
                power(scale)
            } else {
                libm::ldexp(1.0, (HIDDEN_BITS - libm::frexp(most).1).min(HIDDEN_BITS + 16))
            };
            network.layers.push(whole(layer, &bounds, unit, units).ok_or_else(|| too_large(number))?);
            unit = 1.0 / units;
            bounds = next;
        }
        Ok((network, scale))
    }

    fn range(&self, input: usize, feature: &Feature, rows: &[Vec<i64>]) -> (i64, i64) {
        let known = || rows.iter().map(|row| row[input]).filter(|value| *value != MISSING);
        if let (Some(low), Some(high)) = (known().min(), known().max()) {
            let length = i64::try_from(high.abs_diff(low)).unwrap_or(i64::MAX).max(1);
            return (low.saturating_sub(length).max(-i64::MAX), high.saturating_add(length));
        }
        let (low, high) = match self.prepare.first() {
            Some(Prepare { subtract, scale, divide, .. }) => {
                let deviation = if *divide { scale[input] } else { 1.0 / scale[input] };
                (subtract[input] - DEVIATIONS * deviation, subtract[input] + DEVIATIONS * deviation)
            }
            None => (-RANGE, RANGE),
        };
        let most = (1i64 << 60) as f64;
        let units = |real: f64| libm::round((real * power(feature.scale)).clamp(-most, most)) as i64;
        (units(low), units(high))
    }

    /// Folds the scalers and the features' scales into the first layer.
    fn fold(&self, layer: &mut Dense, features: &[Feature]) {
        for (weights, bias) in layer.weights.iter_mut().zip(&mut layer.bias) {
            for (input, weight) in weights.iter_mut().enumerate() {
                let (mut slope, mut offset) = (1.0, 0.0);
                for step in &self.prepare {
                    let scale = if step.divide { 1.0 / step.scale[input] } else { step.scale[input] };
                    slope *= scale;
                    offset = (offset - step.subtract[input]) * scale;
                }
                *bias += *weight * offset;
                *weight *= slope / power(features[input].scale);
            }
        }
    }
}

fn size(units: i64) -> f64 {
    units.unsigned_abs() as f64
}

fn too_large(layer: usize) -> ImportError {
    ImportError::Unsupported {
        what: format!("a network whose layer {layer} could pass 64 bits"),
        instead: "give rows of inputs, from which their ranges are taken, or scale the inputs".into(),
    }
}

/// A layer whose inputs are in units of `unit` and whose outputs are in `units` to the real, with as
/// many binary places as fit.
fn whole(layer: &Dense, bounds: &[f64], unit: f64, units: f64) -> Option<Layer> {
    for shift in (0..=48u8).rev() {
        let power = libm::ldexp(units, i32::from(shift));
        let mut found = Layer { shift, relu: layer.relu, ..Layer::default() };
        let mut fits = true;
        for (weights, bias) in layer.weights.iter().zip(&layer.bias) {
            let mut bound = (bias * power).abs() + 1.0 + libm::ldexp(1.0, i32::from(shift));
            for (weight, input) in weights.iter().zip(bounds) {
                // In units, inputs are bounded by `input / unit`; a unit more for what was rounded.
                bound += (libm::round(weight * unit * power)).abs() * (input / unit * 1.001 + 2.0);
            }
            if bound.is_nan() || bound > BUDGET {
                fits = false;
                break;
            }
            found.weights.push(weights.iter().map(|weight| libm::round(weight * unit * power) as i64).collect());
            found.bias.push(libm::round(bias * power) as i64);
        }
        if fits {
            return Some(found);
        }
    }
    None
}
