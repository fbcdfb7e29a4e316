//! What the events of one lane add up to: one accumulator, fed in the total order of events.

use ruint::aliases::U256;

use crate::distinct::Distinct;
use crate::quantile::Quantiles;

/// Fixed-point one of a weighted mean's weights.
pub(crate) const ONE: i128 = 1 << 40;

/// Larger values count as this in a standard deviation, so that squares stay exact in 128 bits: the
/// largest number that an event can hold (RFC 8785).
pub(crate) const MAX_SQUARED: i64 = (1 << 53) - 1;

/// In place of a time in words, where there is none.
const NEVER: i64 = i64::MIN;

/// A 128-bit sum that asks for no more than the alignment of its halves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wide([u64; 2]);

impl Wide {
    pub(crate) fn new(value: i128) -> Wide {
        Wide([value as u64, (value >> 64) as u64])
    }

    pub(crate) fn get(self) -> i128 {
        i128::from(self.0[1] as i64) << 64 | i128::from(self.0[0])
    }

    fn plus(self, value: i128) -> Wide {
        Wide::new(self.get().wrapping_add(value))
    }
}

/// How events become an accumulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Count,
    /// Count and sum.
    Sum,
    /// Count, sum and sum of squares.
    Squares,
    Min,
    Max,
    First,
    Last,
    Distinct,
    Quantiles,
    /// A count per declared category.
    Top {
        categories: usize,
    },
    /// A weighted mean: what is left of a weight after one more event, in thousandths.
    PerEvent {
        decay_permille: u32,
    },
    /// A weighted mean: what is left of a weight after one more tile, in 2^-40.
    PerTile {
        keep: i64,
        tile_ms: i64,
    },
    /// The run of events that pass.
    Streak,
}

/// One event of an entity as its lanes see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) time: i64,
    pub(crate) value: i64,
}

/// What events added up to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Acc {
    Count(u64),
    Sum {
        count: u64,
        sum: Wide,
    },
    Squares {
        count: u64,
        sum: Wide,
        squares: Wide,
    },
    /// The smallest, largest, first or last value, with its time.
    One(Option<(i64, i64)>),
    Distinct(Box<Distinct>),
    Quantiles(Box<Quantiles>),
    Top(Box<[u32]>),
    /// Numerator and denominator in 2^-40, as of a tile.
    Weighted {
        above: Wide,
        below: Wide,
        tile: i64,
    },
    Streak(u64),
}

impl Acc {
    /// About how many bytes it takes, with what it has allocated.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Acc>()
            + match self {
                Acc::Distinct(distinct) => distinct.bytes(),
                Acc::Quantiles(quantiles) => quantiles.bytes(),
                Acc::Top(counts) => size_of_val::<[u32]>(counts),
                _ => 0,
            }
    }
}

impl Rule {
    /// Of no events.
    #[inline]
    pub(crate) fn empty(self) -> Acc {
        match self {
            Rule::Count => Acc::Count(0),
            Rule::Sum => Acc::Sum { count: 0, sum: Wide::default() },
            Rule::Squares => Acc::Squares { count: 0, sum: Wide::default(), squares: Wide::default() },
            Rule::Min | Rule::Max | Rule::First | Rule::Last => Acc::One(None),
            Rule::Distinct => Acc::Distinct(Box::default()),
            Rule::Quantiles => Acc::Quantiles(Box::default()),
            // One more for all categories that are not declared.
            Rule::Top { categories } => Acc::Top(vec![0; categories + 1].into_boxed_slice()),
            Rule::PerEvent { .. } | Rule::PerTile { .. } => {
                Acc::Weighted { above: Wide::default(), below: Wide::default(), tile: i64::MIN }
            }
            Rule::Streak => Acc::Streak(0),
        }
    }

    /// Whether the accumulator of a window is the difference of two running ones.
    pub(crate) fn is_invertible(self) -> bool {
        matches!(self, Rule::Count | Rule::Sum | Rule::Squares)
    }

    /// Adds an event that passes the filter. Events come in the order of (time, tie).
    pub(crate) fn add(self, acc: &mut Acc, sample: Sample) {
        self.add_all(acc, std::iter::once(sample));
    }

    /// Adds several; what is to be done is decided once for all of them.
    #[inline]
    pub(crate) fn add_all(self, acc: &mut Acc, samples: impl Iterator<Item = Sample>) {
        match (self, acc) {
            (_, Acc::Count(count)) => *count = count.saturating_add(samples.count() as u64),
            (_, Acc::Sum { count, sum }) => {
                for sample in samples {
                    *count = count.saturating_add(1);
                    *sum = sum.plus(i128::from(sample.value));
                }
            }
            (_, Acc::Squares { count, sum, squares }) => {
                for sample in samples {
                    let value = i128::from(sample.value.clamp(-MAX_SQUARED, MAX_SQUARED));
                    *count = count.saturating_add(1);
                    *sum = sum.plus(value);
                    *squares = squares.plus(value * value);
                }
            }
            (Rule::Min, Acc::One(one)) => keep_if(one, samples, |value, least| value < least),
            (Rule::Max, Acc::One(one)) => keep_if(one, samples, |value, most| value > most),
            (Rule::Last, Acc::One(one)) => keep_if(one, samples, |_, _| true),
            (_, Acc::One(one)) => keep_if(one, samples, |_, _| false),
            (_, Acc::Distinct(distinct)) => samples.for_each(|sample| distinct.add(sample.value as u64)),
            (_, Acc::Quantiles(quantiles)) => samples.for_each(|sample| quantiles.add(sample.value)),
            (_, Acc::Top(counts)) => {
                for sample in samples {
                    let place = usize::try_from(sample.value).unwrap_or(usize::MAX).min(counts.len() - 1);
                    counts[place] = counts[place].saturating_add(1);
                }
            }
            (Rule::PerEvent { decay_permille }, Acc::Weighted { above, below, .. }) => {
                let keep = |weight: i128| weight * i128::from(decay_permille) / 1000;
                for sample in samples {
                    *above = Wide::new(keep(above.get()).saturating_add(i128::from(sample.value) * ONE));
                    *below = Wide::new(keep(below.get()) + ONE);
                }
            }
            (Rule::PerTile { keep, tile_ms }, Acc::Weighted { above, below, tile }) => {
                for sample in samples {
                    let now = sample.time.div_euclid(tile_ms);
                    if *tile != i64::MIN {
                        let factor = power(keep, now.saturating_sub(*tile).max(0) as u64);
                        let fade = |weight: i128| scaled(weight, factor);
                        (*above, *below) = (Wide::new(fade(above.get())), Wide::new(fade(below.get())));
                    }
                    *above = Wide::new(above.get().saturating_add(i128::from(sample.value) * ONE));
                    *below = Wide::new(below.get().saturating_add(ONE));
                    *tile = now;
                }
            }
            (_, Acc::Weighted { .. }) => {}
            (_, Acc::Streak(run)) => *run = run.saturating_add(samples.count() as u64),
        }
    }

    /// How many words an accumulator takes; none if it does not lie in words.
    pub(crate) fn width(self) -> Option<usize> {
        match self {
            Rule::Count => Some(1),
            Rule::Sum => Some(3),
            Rule::Squares => Some(5),
            Rule::Min | Rule::Max | Rule::First | Rule::Last => Some(2),
            _ => None,
        }
    }

    /// Undoes [`Rule::to_words`].
    #[inline]
    pub(crate) fn acc_of(self, words: &[i64]) -> Acc {
        let wide = |at: usize| Wide([words[at] as u64, words[at + 1] as u64]);
        match self {
            Rule::Count => Acc::Count(words[0] as u64),
            Rule::Sum => Acc::Sum { count: words[0] as u64, sum: wide(1) },
            Rule::Squares => Acc::Squares { count: words[0] as u64, sum: wide(1), squares: wide(3) },
            _ => Acc::One((words[0] != NEVER).then(|| (words[0], words[1]))),
        }
    }

    /// Writes an accumulator over as many words as it takes.
    #[inline]
    pub(crate) fn to_words(self, acc: &Acc, words: &mut [i64]) {
        let wide = |value: Wide| value.0.map(|half| half as i64);
        match acc {
            Acc::Count(count) => words[0] = *count as i64,
            Acc::Sum { count, sum } => {
                words[0] = *count as i64;
                words[1..3].copy_from_slice(&wide(*sum));
            }
            Acc::Squares { count, sum, squares } => {
                words[0] = *count as i64;
                words[1..3].copy_from_slice(&wide(*sum));
                words[3..5].copy_from_slice(&wide(*squares));
            }
            Acc::One(one) => {
                let (time, value) = one.unwrap_or((NEVER, 0));
                words[..2].copy_from_slice(&[time, value]);
            }
            _ => {}
        }
    }

    /// Whether the rule makes such an accumulator.
    pub(crate) fn makes(self, acc: &Acc) -> bool {
        match (&self.empty(), acc) {
            (Acc::Top(left), Acc::Top(right)) => left.len() == right.len(),
            (empty, acc) => std::mem::discriminant(empty) == std::mem::discriminant(acc),
        }
    }

    /// Takes note of an event that does not pass the filter.
    pub(crate) fn fail(self, acc: &mut Acc) {
        if let Acc::Streak(run) = acc {
            *run = 0;
        }
    }

    /// Adds what a later stretch of time added up to.
    pub(crate) fn merge(self, acc: &mut Acc, later: &Acc) {
        match (acc, later) {
            (Acc::Count(count), Acc::Count(more)) => *count = count.saturating_add(*more),
            (Acc::Sum { count, sum }, Acc::Sum { count: more, sum: add }) => {
                *count = count.saturating_add(*more);
                *sum = sum.plus(add.get());
            }
            (Acc::Squares { count, sum, squares }, Acc::Squares { count: more, sum: add, squares: area }) => {
                *count = count.saturating_add(*more);
                *sum = sum.plus(add.get());
                *squares = squares.plus(area.get());
            }
            (acc @ Acc::One(_), Acc::One(Some((time, value)))) => {
                self.add(acc, Sample { time: *time, value: *value });
            }
            (Acc::Distinct(distinct), Acc::Distinct(more)) => distinct.merge(more),
            (Acc::Quantiles(quantiles), Acc::Quantiles(more)) => quantiles.merge(more),
            (Acc::Top(counts), Acc::Top(more)) => {
                for (count, more) in counts.iter_mut().zip(more) {
                    *count = count.saturating_add(*more);
                }
            }
            // Exact where the later stretch is one tile: within it nothing fades.
            (Acc::Weighted { above, below, tile }, Acc::Weighted { above: more, below: add, tile: now }) => {
                if let Rule::PerTile { keep, .. } = self {
                    if *tile != i64::MIN {
                        let factor = power(keep, now.saturating_sub(*tile).max(0) as u64);
                        let fade = |weight: i128| scaled(weight, factor);
                        (*above, *below) = (Wide::new(fade(above.get())), Wide::new(fade(below.get())));
                    }
                    *above = Wide::new(above.get().saturating_add(more.get()));
                    *below = Wide::new(below.get().saturating_add(add.get()));
                    *tile = *now;
                }
            }
            _ => {}
        }
    }

    /// What is left of a running accumulator without the events up to an earlier one.
    pub(crate) fn without(self, acc: &mut Acc, earlier: &Acc) {
        match (acc, earlier) {
            (Acc::Count(count), Acc::Count(less)) => *count = count.saturating_sub(*less),
            (Acc::Sum { count, sum }, Acc::Sum { count: less, sum: take }) => {
                *count = count.saturating_sub(*less);
                *sum = sum.plus(take.get().wrapping_neg());
            }
            (Acc::Squares { count, sum, squares }, Acc::Squares { count: less, sum: take, squares: area }) => {
                *count = count.saturating_sub(*less);
                *sum = sum.plus(take.get().wrapping_neg());
                *squares = squares.plus(area.get().wrapping_neg());
            }
            _ => {}
        }
    }
}

/// What events add up to by every rule that fits into words; fed from the latest event to the earliest.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Summary {
    pub(crate) count: u64,
    pub(crate) sum: i128,
    /// Of values that are cut to [`MAX_SQUARED`].
    pub(crate) cut_sum: i128,
    pub(crate) squares: i128,
    pub(crate) least: i64,
    pub(crate) most: i64,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Summary {
    /// What one accumulator says; of others there is nothing in it.
    pub(crate) fn of(acc: &Acc) -> Summary {
        let mut summary = Summary::default();
        match acc {
            Acc::Count(count) => summary.count = *count,
            Acc::Sum { count, sum } => (summary.count, summary.sum) = (*count, sum.get()),
            Acc::Squares { count, sum, squares } => {
                (summary.count, summary.cut_sum, summary.squares) = (*count, sum.get(), squares.get());
            }
            Acc::One(Some((_, value))) => {
                summary = Summary { count: 1, least: *value, most: *value, first: *value, last: *value, ..summary };
            }
            _ => {}
        }
        summary
    }

    /// Adds an event that comes before all that were added.
    #[inline]
    pub(crate) fn prepend(&mut self, value: i64) {
        if self.count == 0 {
            (self.least, self.most, self.last) = (value, value, value);
        }
        self.first = value;
        self.least = self.least.min(value);
        self.most = self.most.max(value);
        self.count += 1;
        self.sum += i128::from(value);
        let cut = value.clamp(-MAX_SQUARED, MAX_SQUARED);
        self.cut_sum += i128::from(cut);
        self.squares = self.squares.wrapping_add(i128::from(cut) * i128::from(cut));
    }

    /// The same with what comes before all that was added.
    pub(crate) fn after(mut self, before: &Summary) -> Summary {
        if before.count == 0 {
            return self;
        }
        if self.count == 0 {
            return *before;
        }
        self.count = self.count.saturating_add(before.count);
        self.sum = self.sum.wrapping_add(before.sum);
        self.cut_sum = self.cut_sum.wrapping_add(before.cut_sum);
        self.squares = self.squares.wrapping_add(before.squares);
        self.least = self.least.min(before.least);
        self.most = self.most.max(before.most);
        self.first = before.first;
        self
    }
}

/// Keeps the first sample, and each later one that `takes` prefers to the one kept.
#[inline]
fn keep_if(one: &mut Option<(i64, i64)>, samples: impl Iterator<Item = Sample>, takes: impl Fn(i64, i64) -> bool) {
    for Sample { time, value } in samples {
        if one.is_none_or(|(_, kept)| takes(value, kept)) {
            *one = Some((time, value));
        }
    }
}

/// `sum / count` with `places` decimal places, for a sum in units of 10^-scale; rounded half away
/// from zero; none without events.
pub(crate) fn mean(sum: i128, count: i128, scale: u8, places: u8) -> Option<i64> {
    if count == 0 {
        return None;
    }
    narrow_mean(sum, count, scale, places).or_else(|| Some(wide_mean(sum, count, scale, places)))
}

/// The powers of ten that 63 bits hold.
const POWERS: [u64; 19] = {
    let mut powers = [1; 19];
    let mut place = 1;
    while place < powers.len() {
        powers[place] = powers[place - 1] * 10;
        place += 1;
    }
    powers
};

/// The mean if 64 bits are enough for it, as they are with usual numbers: their division costs a tenth.
fn narrow_mean(sum: i128, count: i128, scale: u8, places: u8) -> Option<i64> {
    let above = i64::try_from(sum).ok()?.checked_mul(*POWERS.get(usize::from(places))? as i64)?;
    let below = u64::try_from(count).ok()?.checked_mul(*POWERS.get(usize::from(scale))?)?;
    let size = above.unsigned_abs().checked_add(below / 2)? / below;
    Some(i64::try_from(size).ok()? * above.signum())
}

#[cold]
fn wide_mean(sum: i128, count: i128, scale: u8, places: u8) -> i64 {
    let wide = sum.saturating_mul(10i128.pow(u32::from(places)));
    let divisor = count.saturating_mul(10i128.pow(u32::from(scale)));
    let size = (wide.unsigned_abs() + divisor.unsigned_abs() / 2) / divisor.unsigned_abs();
    clamp(size.min(i64::MAX as u128 + 1) as i128 * wide.signum())
}

/// The standard deviation of all events (not of a sample), with `places` decimal places, from exact
/// sums: sqrt(n * squares - sum^2) / n, rounded half up.
pub(crate) fn deviation(count: u64, sum: i128, squares: i128, scale: u8, places: u8) -> Option<i64> {
    if count == 0 {
        return None;
    }
    let found = slight_deviation(count, sum, squares, scale, places);
    let found = found.or_else(|| narrow_deviation(count, sum, squares, scale, places));
    found.or_else(|| Some(wide_deviation(count, sum, squares, scale, places)))
}

/// The deviation if 64 bits are enough for it, as they are for a few events: divisions of more are slow.
fn slight_deviation(count: u64, sum: i128, squares: i128, scale: u8, places: u8) -> Option<i64> {
    let sum = i64::try_from(sum).ok()?.unsigned_abs();
    let area = count.checked_mul(u64::try_from(squares).ok()?)?;
    let spread = area.saturating_sub(sum.checked_mul(sum)?);
    // Twice the result, so that its last bit says how to round.
    let power = *POWERS.get(2 * usize::from(places.checked_sub(scale)?))?;
    let above = spread.checked_mul(power)?.checked_mul(4)?;
    let root = (above / count.checked_mul(count)?).isqrt();
    Some(i64::try_from(root.div_ceil(2)).unwrap_or(i64::MAX))
}

/// The deviation if 128 bits are enough for it, as they are with usual numbers.
#[cold]
fn narrow_deviation(count: u64, sum: i128, squares: i128, scale: u8, places: u8) -> Option<i64> {
    let power = |places: u8| 10u128.checked_pow(2 * u32::from(places));
    let area = u128::from(count).checked_mul(squares.unsigned_abs())?;
    // Never negative (Cauchy-Schwarz).
    let spread = area.saturating_sub(sum.unsigned_abs().checked_mul(sum.unsigned_abs())?);
    // Twice the result, so that its last bit says how to round.
    let above = spread.checked_mul(power(places)?)?.checked_mul(4)?;
    let below = (u128::from(count) * u128::from(count)).checked_mul(power(scale)?)?;
    let square = above / below;
    let root = u64::try_from(square).map_or_else(|_| square.isqrt(), |square| u128::from(square.isqrt()));
    Some(i64::try_from(root.div_ceil(2)).unwrap_or(i64::MAX))
}

#[cold]
fn wide_deviation(count: u64, sum: i128, squares: i128, scale: u8, places: u8) -> i64 {
    let count = U256::from(count);
    let sum = U256::from(sum.unsigned_abs());
    // Both factors are below 2^128, and far below with real counts.
    let spread = count.saturating_mul(U256::from(squares.unsigned_abs())).saturating_sub(sum.saturating_mul(sum));
    let power = |places: u8| U256::from(10u64).pow(U256::from(places));
    let above = spread.saturating_mul(power(2 * places)).saturating_mul(U256::from(4));
    let below = count * count * power(2 * scale);
    let half = (square_root(above / below) + U256::from(1)) / U256::from(2);
    i64::try_from(half).unwrap_or(i64::MAX)
}

pub(crate) fn clamp(value: i128) -> i64 {
    value.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// The whole part of the square root (Newton's method from above).
fn square_root(value: U256) -> U256 {
    if value.is_zero() {
        return value;
    }
    let mut root = U256::from(1) << value.bit_len().div_ceil(2);
    loop {
        let next = (root + value / root) >> 1;
        if next >= root {
            return root;
        }
        root = next;
    }
}

/// `base`^`exponent` for a base below one, in 2^-40, each product rounded down.
fn power(base: i64, exponent: u64) -> i128 {
    let (mut result, mut square, mut left) = (ONE, i128::from(base), exponent);
    while left > 0 && result > 0 {
        if left & 1 == 1 {
            result = (result * square) >> 40;
        }
        square = (square * square) >> 40;
        left >>= 1;
    }
    result
}

/// A weight times a factor below one in 2^-40, rounded towards zero without leaving 128 bits.
fn scaled(weight: i128, factor: i128) -> i128 {
    let size = weight.unsigned_abs();
    let (high, low) = (size >> 40, size & (ONE as u128 - 1));
    let product = high * factor as u128 + ((low * factor as u128) >> 40);
    product as i128 * weight.signum()
}

/// What is left of a weight after one tile, in 2^-40, for a half-life of so many tiles: 2^(-1/tiles).
pub(crate) fn keep_of(half_life_ms: i64, tile_ms: i64) -> i64 {
    let share = tile_ms as f64 / half_life_ms as f64;
    libm::floor(libm::exp2(-share) * ONE as f64 + 0.5) as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers of all sizes.
    fn number() -> impl Strategy<Value = i128> {
        (any::<i128>(), 0u32..128).prop_map(|(number, shift)| number >> shift)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn narrow_arithmetic_gives_what_wide_arithmetic_gives(
            sum in number(),
            count in number(),
            values in prop::collection::vec(number(), 1..6),
            scale in 0u8..13,
        ) {
            let count = count.unsigned_abs().clamp(1, i128::MAX as u128) as i128;
            if let Some(narrow) = narrow_mean(sum, count, scale, 6) {
                prop_assert_eq!(narrow, wide_mean(sum, count, scale, 6));
            }
            // Of values, so that there is no negative spread; and of any sums.
            let most = i128::from(MAX_SQUARED);
            let values: Vec<i128> = values.into_iter().map(|value| (value >> 74).clamp(-most, most)).collect();
            let of_values = (values.iter().sum(), values.iter().map(|value| value * value).sum(), values.len() as u64);
            for (sum, squares, count) in [of_values, (sum, sum, count as u64)] {
                let found = [slight_deviation, narrow_deviation].map(|one| one(count.max(1), sum, squares, scale, 6));
                for found in found.into_iter().flatten() {
                    prop_assert_eq!(found, wide_deviation(count.max(1), sum, squares, scale, 6));
                }
            }
        }
    }

    #[test]
    fn usual_numbers_are_narrow() {
        assert_eq!(narrow_mean(-1_000_000_000, 30_000, 2, 6), Some(-333_333_333));
        assert_eq!(narrow_deviation(3, 600, 140_000, 2, 6), Some(816_497));
        assert_eq!(slight_deviation(3, 600, 140_000, 2, 6), Some(816_497));
    }

    #[test]
    fn wide_round_trips() {
        for value in [0, 1, -1, i128::from(i64::MAX) + 5, i128::from(i64::MIN) - 5, i128::MAX, i128::MIN] {
            assert_eq!(Wide::new(value).get(), value);
        }
    }

    #[test]
    fn deviations_are_exact_and_rounded() {
        let of = |values: &[i64], scale| {
            let sum = values.iter().map(|value| i128::from(*value)).sum();
            let squares = values.iter().map(|value| i128::from(*value) * i128::from(*value)).sum();
            deviation(values.len() as u64, sum, squares, scale, 6)
        };
        assert_eq!(of(&[], 0), None);
        assert_eq!(of(&[7], 0), Some(0));
        assert_eq!(of(&[2, 4, 4, 4, 5, 5, 7, 9], 0), Some(2_000_000));
        // sqrt(2/3) = 0.81649658...
        assert_eq!(of(&[1, 2, 3], 0), Some(816_497));
        assert_eq!(of(&[100, 200, 300], 2), Some(816_497));
        assert_eq!(of(&[MAX_SQUARED, -MAX_SQUARED], 0), Some(MAX_SQUARED.saturating_mul(1_000_000)));
    }

    #[test]
    fn half_lives_halve() {
        let keep = keep_of(10 * 3_600_000, 3_600_000);
        let half = power(keep, 10);
        assert!((half - ONE / 2).abs() < 64, "{half}");
        assert_eq!(power(keep, 0), ONE);
        assert_eq!(power(keep, u64::MAX), 0);
        assert_eq!(scaled(-ONE * 8, ONE / 2), -ONE * 4);
        assert_eq!(scaled(i128::MAX, ONE - 1).signum(), 1);
    }
}
