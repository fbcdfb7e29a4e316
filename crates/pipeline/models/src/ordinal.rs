//! Fitting an ordered logit (McCullagh, "Regression Models for Ordinal Data", 1980), in doubles: for
//! training and for baselines. What is run later is [`crate::Link::Ordered`], in integers.

use libm::exp;

/// Chances from the distances to the two bounds.
pub(crate) fn chances(lower: f64, upper: f64) -> [f64; 3] {
    let logistic = |x: f64| 1.0 / (1.0 + exp(-x));
    let (below, not_above) = (logistic(lower), logistic(upper));
    [below, not_above - below, 1.0 - not_above]
}

/// Fits `slope . covariates` and two bounds by maximum likelihood (Newton's method with halved
/// steps). Returns the slopes, then lower and upper.
#[cfg_attr(not(feature = "train"), allow(dead_code))]
pub(crate) fn fit(rows: &[Vec<f64>], results: &[usize]) -> Vec<f64> {
    let slopes = rows.first().map_or(0, Vec::len);
    // The gap between the bounds is kept positive by fitting its logarithm.
    let mut theta = vec![0.0; slopes];
    theta.extend([-0.5, 0.0]);
    let mut at = loss(&theta, rows, results);
    for _ in 0..50 {
        let gradient = gradient(&theta, rows, results);
        let hessian = hessian(&theta, rows, results);
        let step = solve(hessian, &gradient);
        let mut scale = 1.0;
        let mut improved = false;
        for _ in 0..30 {
            let tried: Vec<f64> = theta.iter().zip(&step).map(|(value, step)| value - scale * step).collect();
            let there = loss(&tried, rows, results);
            if there < at {
                improved = at - there > 1e-12;
                (theta, at) = (tried, there);
                break;
            }
            scale /= 2.0;
        }
        if !improved {
            break;
        }
    }
    let upper = theta[slopes] + exp(theta[slopes + 1]);
    theta[slopes + 1] = upper;
    theta
}

fn bounds(theta: &[f64], row: &[f64]) -> (f64, f64, f64) {
    let slopes = row.len();
    let mut shift = 0.0;
    for (slope, value) in theta.iter().zip(row) {
        shift += slope * value;
    }
    let gap = exp(theta[slopes + 1]);
    (theta[slopes] - shift, theta[slopes] + gap - shift, gap)
}

fn loss(theta: &[f64], rows: &[Vec<f64>], results: &[usize]) -> f64 {
    let mut sum = 0.0;
    for (row, result) in rows.iter().zip(results) {
        let (lower, upper, _) = bounds(theta, row);
        sum -= libm::log(chances(lower, upper)[*result].max(1e-15));
    }
    sum / rows.len().max(1) as f64
}

fn gradient(theta: &[f64], rows: &[Vec<f64>], results: &[usize]) -> Vec<f64> {
    let mut sum = vec![0.0; theta.len()];
    for (row, result) in rows.iter().zip(results) {
        let (lower, upper, gap) = bounds(theta, row);
        let chance = chances(lower, upper);
        let (below, above) = (chance[0], chance[2]);
        let (at_lower, at_upper) = (below * (1.0 - below), above * (1.0 - above));
        // d(-log p) by the lower and by the upper distance.
        let (by_lower, by_upper) = match result {
            0 => (-(1.0 - below), 0.0),
            1 => (at_lower / chance[1].max(1e-15), -at_upper / chance[1].max(1e-15)),
            _ => (0.0, 1.0 - above),
        };
        for (place, value) in row.iter().enumerate() {
            sum[place] -= (by_lower + by_upper) * value;
        }
        sum[row.len()] += by_lower + by_upper;
        sum[row.len() + 1] += by_upper * gap;
    }
    sum.iter().map(|value| value / rows.len().max(1) as f64).collect()
}

fn hessian(theta: &[f64], rows: &[Vec<f64>], results: &[usize]) -> Vec<Vec<f64>> {
    const STEP: f64 = 1e-5;
    let mut columns = Vec::new();
    for place in 0..theta.len() {
        let (mut low, mut high) = (theta.to_vec(), theta.to_vec());
        low[place] -= STEP;
        high[place] += STEP;
        let (low, high) = (gradient(&low, rows, results), gradient(&high, rows, results));
        columns.push(high.iter().zip(&low).map(|(high, low)| (high - low) / (2.0 * STEP)).collect());
    }
    columns
}

/// Gaussian elimination with partial pivoting; a ridge keeps a singular system solvable.
fn solve(mut matrix: Vec<Vec<f64>>, right: &[f64]) -> Vec<f64> {
    let count = right.len();
    let mut right = right.to_vec();
    for (place, row) in matrix.iter_mut().enumerate() {
        row[place] += 1e-9;
    }
    for column in 0..count {
        let pivot = (column..count).max_by(|a, b| matrix[*a][column].abs().total_cmp(&matrix[*b][column].abs()));
        let pivot = pivot.unwrap_or(column);
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        for row in column + 1..count {
            let factor = matrix[row][column] / matrix[column][column];
            let pivot_row = matrix[column].clone();
            for (value, above) in matrix[row].iter_mut().zip(&pivot_row).skip(column) {
                *value -= factor * above;
            }
            right[row] -= factor * right[column];
        }
    }
    for row in (0..count).rev() {
        for place in row + 1..count {
            right[row] -= matrix[row][place] * right[place];
        }
        right[row] /= matrix[row][row];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fit_finds_the_parameters_that_made_the_data() {
        let link = crate::Link::Ordered { slope: 800_000, lower: -700_000, upper: 300_000 };
        let (mut rows, mut results) = (Vec::new(), Vec::new());
        for step in -40i64..=40 {
            let margin = step * 50_000;
            for (result, chance) in link.chances(&[margin], 6).iter().enumerate() {
                for _ in 0..(chance / 1_000_000) as usize {
                    rows.push(vec![margin as f64 / 1e6]);
                    results.push(result);
                }
            }
        }
        let theta = fit(&rows, &results);
        for (found, want) in theta.iter().zip([0.8, -0.7, 0.3]) {
            assert!((found - want).abs() < 0.01, "{theta:?}");
        }
    }
}
