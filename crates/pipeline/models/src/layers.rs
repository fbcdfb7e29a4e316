use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::artifact::{Network, invalid};
use crate::tree::{MAX_SUM, MISSING};

const MAX_WEIGHTS: usize = 1 << 16;
const MAX_LAYERS: usize = 16;
/// No sum of a layer can pass this.
const BUDGET: i128 = 1 << 62;

/// One dense layer: `(weights x + bias) / 2^shift`, rounded half up, and cut off below zero if `relu`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// For each output its weights, one per input of the layer.
    pub weights: Vec<Vec<i64>>,
    /// For each output what is added.
    pub bias: Vec<i64>,
    /// How many binary places are cut off, at most 48.
    pub shift: u8,
    /// Whether what is below zero becomes zero.
    pub relu: bool,
}

/// Checked layers.
#[derive(Clone, Debug)]
pub(crate) struct Layers {
    network: Network,
}

impl Layers {
    /// Checks layers over `inputs` inputs with `outputs` outputs: no sum can overflow, whatever the row.
    pub(crate) fn new(network: &Network, inputs: usize, outputs: usize) -> Result<Layers, ModelError> {
        if network.range.len() != inputs || network.absent.len() != inputs {
            return Err(invalid("layers", format!("`range` and `absent` have one entry for each of {inputs} inputs")));
        }
        for (input, ((low, high), absent)) in network.range.iter().zip(&network.absent).enumerate() {
            if low > high || *low == MISSING || !(low..=high).contains(&absent) {
                let reason = format!("the range {low} to {high} is empty or does not hold {absent}");
                return Err(invalid(&format!("range {input}"), reason));
            }
        }
        let count = network.layers.len();
        if count == 0 || count > MAX_LAYERS {
            return Err(invalid("layers", format!("{count} layers, 1 to {MAX_LAYERS} are allowed")));
        }
        let mut bounds: Vec<i128> =
            network.range.iter().map(|(low, high)| i128::from(*low).abs().max(i128::from(*high).abs())).collect();
        let mut weights = 0;
        for (number, layer) in network.layers.iter().enumerate() {
            let place = format!("layer {number}");
            let wide = layer.weights.len();
            if wide == 0 || layer.bias.len() != wide || layer.shift > 48 {
                let reason = "it has outputs, a bias for each, and a shift of at most 48";
                return Err(invalid(&place, reason.into()));
            }
            let mut next = Vec::with_capacity(wide);
            for (output, (row, bias)) in layer.weights.iter().zip(&layer.bias).enumerate() {
                if row.len() != bounds.len() {
                    let reason = format!("output {output}: {} weights for {} inputs", row.len(), bounds.len());
                    return Err(invalid(&place, reason));
                }
                weights += row.len();
                let mut bound = i128::from(*bias).abs() + (1 << layer.shift);
                for (weight, input) in row.iter().zip(&bounds) {
                    bound = bound.saturating_add(i128::from(*weight).abs().saturating_mul(*input));
                }
                if bound > BUDGET {
                    return Err(invalid(&place, format!("output {output} could pass 2^62")));
                }
                next.push((bound >> layer.shift) + 1);
            }
            bounds = next;
        }
        if weights > MAX_WEIGHTS {
            return Err(invalid("layers", format!("{weights} weights, at most {MAX_WEIGHTS} are allowed")));
        }
        if bounds.len() != outputs {
            return Err(invalid("layers", format!("the last has {} outputs of {outputs}", bounds.len())));
        }
        if bounds.iter().any(|bound| *bound > MAX_SUM) {
            return Err(invalid("layers", "a margin could be more than 2^52".into()));
        }
        Ok(Layers { network: network.clone() })
    }

    /// The margins of one row.
    pub(crate) fn margins(&self, row: &[i64], margins: &mut [i64]) {
        let network = &self.network;
        let mut values: Vec<i64> = Vec::with_capacity(row.len());
        for ((value, (low, high)), absent) in row.iter().zip(&network.range).zip(&network.absent) {
            values.push(if *value == MISSING { *absent } else { *value.clamp(low, high) });
        }
        for layer in &network.layers {
            let half = if layer.shift == 0 { 0 } else { 1i64 << (layer.shift - 1) };
            let mut next = Vec::with_capacity(layer.bias.len());
            for (weights, bias) in layer.weights.iter().zip(&layer.bias) {
                let mut sum = *bias + half;
                for (weight, value) in weights.iter().zip(&values) {
                    sum += weight * value;
                }
                let sum = sum >> layer.shift;
                next.push(if layer.relu { sum.max(0) } else { sum });
            }
            values = next;
        }
        margins.copy_from_slice(&values);
    }

    /// Of a single layer without ReLU what each input adds to an output, before the shift.
    pub(crate) fn linear_terms(&self, row: &[i64], output: usize) -> Option<(Vec<i64>, u8)> {
        let [layer] = &self.network.layers[..] else { return None };
        if layer.relu {
            return None;
        }
        let network = &self.network;
        let mut terms = Vec::with_capacity(row.len());
        for (place, value) in row.iter().enumerate() {
            let (low, high) = network.range[place];
            let value = if *value == MISSING { network.absent[place] } else { (*value).clamp(low, high) };
            terms.push(layer.weights[output][place] * value);
        }
        Some((terms, layer.shift))
    }
}
