//! Attributions of linear models and networks, in integers: Shapley values where unknown inputs are
//! those of a background row, averaged over the background.

use crate::artifact::{Artifact, Method};
use crate::layers::Layers;
use crate::shap::settle;

/// The parts of one output's margin beside background rows; they sum to `margin - base` exactly.
pub(crate) fn layer_parts(
    layers: &Layers,
    method: Method,
    background: &[Vec<i64>],
    row: &[i64],
    output: usize,
    outputs: usize,
    wanted: i64,
) -> Vec<i64> {
    let (totals, over) = if let Some(found) = linear(layers, background, row, output) {
        found
    } else {
        let mut margins = vec![0; outputs];
        let mut margin = |row: &[i64]| {
            layers.margins(row, &mut margins);
            margins[output]
        };
        match method {
            Method::Sampled(orders) => sampled(&mut margin, background, row, orders),
            Method::Path | Method::Background => exact(&mut margin, background, row),
        }
    };
    divide(&totals, over, wanted)
}

/// Whole parts of sums over `over` cases, that sum to `wanted`.
pub(crate) fn divide(totals: &[i128], over: i128, wanted: i64) -> Vec<i64> {
    let round = |total: &i128| ((total.abs() + over / 2) / over * total.signum()) as i64;
    let mut parts: Vec<i64> = totals.iter().map(round).collect();
    settle(&mut parts, wanted);
    parts
}

/// A linear model's attribution is weight times (value less the background's mean).
fn linear(layers: &Layers, background: &[Vec<i64>], row: &[i64], output: usize) -> Option<(Vec<i128>, i128)> {
    let (terms, shift) = layers.linear_terms(row, output)?;
    let mut totals = vec![0i128; row.len()];
    for other in background {
        let (others, _) = layers.linear_terms(other, output)?;
        for ((total, term), other) in totals.iter_mut().zip(&terms).zip(&others) {
            *total += i128::from(*term) - i128::from(*other);
        }
    }
    Some((totals, (background.len() as i128) << shift))
}

/// Over all sets of inputs.
fn exact(margin: &mut dyn FnMut(&[i64]) -> i64, background: &[Vec<i64>], row: &[i64]) -> (Vec<i128>, i128) {
    let count = row.len().min(Artifact::MAX_EXACT);
    let factorial = |number: usize| (1..=number as i128).product::<i128>();
    let mut totals = vec![0i128; row.len()];
    let mut mixed = row.to_vec();
    for other in background {
        let mut values = Vec::with_capacity(1 << count);
        for known in 0..1usize << count {
            for place in 0..count {
                mixed[place] = if known >> place & 1 == 1 { row[place] } else { other[place] };
            }
            values.push(margin(&mixed));
        }
        for (place, total) in totals.iter_mut().enumerate() {
            for known in (0..1usize << count).filter(|known| known >> place & 1 == 0) {
                let size = known.count_ones() as usize;
                let weight = factorial(size) * factorial(count - size - 1);
                *total += weight * (i128::from(values[known | 1 << place]) - i128::from(values[known]));
            }
        }
    }
    (totals, factorial(count) * background.len() as i128)
}

/// Over `orders` pseudo-random orders of the inputs, each forwards and backwards.
fn sampled(
    margin: &mut dyn FnMut(&[i64]) -> i64,
    background: &[Vec<i64>],
    row: &[i64],
    orders: u32,
) -> (Vec<i128>, i128) {
    let mut totals = vec![0i128; row.len()];
    let mut state = 0u64;
    for number in 0..orders {
        let mut order: Vec<usize> = (0..row.len()).collect();
        // Fisher and Yates, with SplitMix64 from a fixed seed.
        for last in (1..order.len()).rev() {
            order.swap(last, (next(&mut state) % (last as u64 + 1)) as usize);
        }
        let other = &background[number as usize % background.len()];
        for backwards in [false, true] {
            let mut mixed = other.clone();
            let mut before = margin(&mixed);
            for step in 0..order.len() {
                let place = order[if backwards { order.len() - 1 - step } else { step }];
                mixed[place] = row[place];
                let here = margin(&mixed);
                totals[place] += i128::from(here) - i128::from(before);
                before = here;
            }
        }
    }
    (totals, 2 * i128::from(orders))
}

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
