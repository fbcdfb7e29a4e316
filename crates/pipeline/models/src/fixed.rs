//! Exponential, logarithm, logistic function and softmax on whole numbers.
//!
//! One routine stands behind all of them: `exp(-x)` for `x >= 0` as a number of 62 binary places. The
//! argument is reduced by multiples of ln 2 and the rest goes through the Taylor series to its 20th
//! term (what is left out is below 2^-71); every step is truncated, and the steps' errors shrink on
//! the way, so that the result is off by less than 2^-55. All results have nine decimal places and are
//! within 10^-9 of the exact value of the function at the given argument (tested); [`exp`] above zero
//! is within 10^-9 or a relative 10^-15, whichever is larger.

/// One, with nine decimal places.
pub const ONE: i64 = 1_000_000_000;
const ONE_62: u128 = 1 << 62;
/// ln 2 with 62 binary places.
const LN2_62: u128 = 3_196_577_161_300_663_915;

/// `exp(-x)` with 62 binary places, for `x >= 0` in 62 binary places.
fn exp_neg(x: u128) -> u128 {
    let (halvings, rest) = (x / LN2_62, x % LN2_62);
    if halvings > 62 {
        return 0;
    }
    let mut sum = ONE_62;
    for term in (1..=20).rev() {
        sum = ONE_62 - ((rest * sum) >> 62) / term;
    }
    sum >> halvings
}

/// A size in units of 10^-scale as 62 binary places; very large ones are cut off, as their
/// exponentials are zero.
fn to_62(size: u64, scale: u8) -> u128 {
    let power = 10u128.pow(u32::from(scale));
    let size = u128::from(size).min(64 * power);
    (size << 62) / power
}

/// `exp(x)` with nine decimal places, at most 9,223,372,036.
pub fn exp(x: i64, scale: u8) -> i64 {
    let size = to_62(x.unsigned_abs(), scale);
    if x <= 0 {
        return ((exp_neg(size) * ONE as u128 + ONE_62 / 2) >> 62) as i64;
    }
    // exp(x) = 2^k exp(-(k ln 2 - x)), with 0 < k ln 2 - x <= ln 2.
    let doublings = size / LN2_62 + 1;
    if doublings > 34 {
        return i64::MAX;
    }
    let part = exp_neg(doublings * LN2_62 - size) * ONE as u128;
    let value = ((part << doublings) + ONE_62 / 2) >> 62;
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The natural logarithm, with nine decimal places, of `x > 0` with nine decimal places.
pub fn ln(x: i64) -> i64 {
    let x = x.max(1) as u128;
    // x = mantissa 2^exponent with a mantissa from 1 up to 2, in 62 binary places.
    let top = 127 - x.leading_zeros() as i32;
    let mut mantissa = (x << 62) >> top;
    // The binary digits of log2, one per squaring.
    let mut places = 0i128;
    for _ in 0..56 {
        mantissa = (mantissa * mantissa) >> 62;
        places <<= 1;
        if mantissa >= 2 * ONE_62 {
            mantissa >>= 1;
            places += 1;
        }
    }
    // ln x = (exponent + places / 2^56) ln 2 - 9 ln 10.
    let log2 = (i128::from(top) << 56) + places;
    let product = (log2 * LN2_62 as i128) >> 56;
    // 9 ln 10 with 62 binary places.
    const NINE_LN_10: i128 = 95_569_195_316_399_705_294;
    let units = (product - NINE_LN_10) * i128::from(ONE);
    ((units + (1 << 61)) >> 62) as i64
}

/// `1 / (1 + exp(-x))` with nine decimal places. The values of `x` and `-x` sum to one exactly.
pub fn logistic(x: i64, scale: u8) -> i64 {
    let small = exp_neg(to_62(x.unsigned_abs(), scale));
    let whole = ONE_62 + small;
    let upper = ((ONE as u128 * ONE_62 + whole / 2) / whole) as i64;
    if x >= 0 { upper } else { ONE - upper }
}

/// The chances `exp(x_i) / sum exp(x_j)` with nine decimal places; they sum to one exactly: what
/// rounding down leaves over goes to the largest remainders, the first of equal ones.
pub fn softmax(margins: &[i64], scale: u8) -> Vec<i64> {
    let Some(largest) = margins.iter().max() else { return Vec::new() };
    let parts: Vec<u128> =
        margins.iter().map(|margin| exp_neg(to_62(largest.saturating_sub(*margin).unsigned_abs(), scale))).collect();
    let sum: u128 = parts.iter().sum();
    let mut chances: Vec<i64> = parts.iter().map(|part| (part * ONE as u128 / sum) as i64).collect();
    let left = ONE - chances.iter().sum::<i64>();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|place| std::cmp::Reverse(parts[*place] * ONE as u128 % sum));
    for place in order.iter().cycle().take(left as usize) {
        chances[*place] += 1;
    }
    chances
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Within one unit of the last decimal place of what doubles say.
    fn near(found: i64, exact: f64, what: &str) {
        let wanted = exact * ONE as f64;
        // A double holds the argument of a large exponential to some 4e-15 only.
        assert!((found as f64 - wanted).abs() <= 1.0 + wanted.abs() * 1e-14, "{what}: {found} and {wanted}");
    }

    #[test]
    fn all_are_within_a_unit_of_the_exact_value() {
        let mut x = 1u64;
        for step in 0..200_000 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // From 1e-9 to 60, both signs, all sizes.
            let size = ((x >> 8) % 60_000_000_000) >> (step % 40);
            let argument = if x & 1 == 0 { size as i64 } else { -(size as i64) };
            let real = argument as f64 / 1e9;
            near(logistic(argument, 9), 1.0 / (1.0 + libm::exp(-real)), "logistic");
            if real < 22.0 {
                near(exp(argument, 9), libm::exp(real), "exp");
            }
            let positive = (x >> 2).max(1) as i64 >> (step % 60);
            near(ln(positive.max(1)), libm::log(positive.max(1) as f64 / 1e9), "ln");
        }
    }

    #[test]
    fn ends_and_symmetry() {
        assert_eq!((logistic(0, 6), logistic(i64::MAX, 0), logistic(i64::MIN, 9)), (ONE / 2, ONE, 0));
        assert_eq!((exp(0, 9), exp(i64::MIN, 9), exp(i64::MAX, 0), ln(ONE)), (ONE, 0, i64::MAX, 0));
        assert_eq!(exp(23_000_000_000, 9), i64::MAX);
        for x in [1, 77, 1_000_000_000, 35_000_000_001] {
            assert_eq!(logistic(x, 9) + logistic(-x, 9), ONE);
        }
    }

    #[test]
    fn chances_sum_to_one() {
        for margins in [&[0i64][..], &[0, 0, 0], &[i64::MIN, i64::MAX], &[1_500_000, -300_000, 20, 0, 7, 7]] {
            let chances = softmax(margins, 6);
            assert_eq!(chances.iter().sum::<i64>(), ONE);
            let sum: f64 = margins.iter().map(|x| libm::exp((*x as f64 - margins[0] as f64) / 1e6)).sum();
            if sum.is_finite() {
                near(chances[0], 1.0 / sum, "softmax");
            }
        }
        assert_eq!(softmax(&[0, 0, 0], 0), [333_333_334, 333_333_333, 333_333_333]);
    }
}
