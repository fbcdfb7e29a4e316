//! Quantiles of whole numbers, from a log-linear histogram (as HdrHistogram by G. Tene), purely in
//! integers.

use crate::distinct::Few;

/// A value keeps this many bits after its leading one.
const KEPT_BITS: u32 = 7;
/// The bucket of `i64::MIN`, whose magnitude is the largest there is.
const MIN_BUCKET: i32 = bucket_of(i64::MIN);
const MAX_BUCKET: i32 = bucket_of(i64::MAX);

/// A histogram that answers for quantiles.
///
/// Values of a magnitude below 256 are kept exactly; a larger one keeps its leading one and the 7
/// bits after it, and is answered with the middle of the values it shares these with. An answer
/// therefore differs from the exact quantile by at most 1/256 of the exact one's magnitude, over the
/// whole range of `i64`. Negative values mirror positive ones.
///
/// The state is a function of the multiset of values alone: neither their order nor how histograms
/// were merged leaves a trace. A bucket's count stops at `u32::MAX`.
///
/// Size: 8 bytes a bucket in use, of which there are at most 14 592.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// Bucket and count, with ascending buckets and without empty ones.
    buckets: Few<(i32, u32)>,
}

impl Quantiles {
    /// Adds a value.
    pub fn add(&mut self, value: i64) {
        let bucket = bucket_of(value);
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(place) => self.buckets[place].1 = self.buckets[place].1.saturating_add(1),
            Err(place) => self.buckets.insert(place, (bucket, 1)),
        }
    }

    /// About how many bytes it takes, with what it has allocated.
    pub(crate) fn bytes(&self) -> usize {
        let list = if self.buckets.spilled() { self.buckets.len() * size_of::<(i32, u32)>() } else { 0 };
        size_of::<Quantiles>() + list
    }

    /// Adds the values of `other`.
    pub fn merge(&mut self, other: &Quantiles) {
        let mut merged = Few::with_capacity(self.buckets.len().max(other.buckets.len()));
        let mut theirs = other.buckets.iter().copied().peekable();
        for (bucket, mut count) in self.buckets.iter().copied() {
            while let Some(before) = theirs.next_if(|(their, _)| *their < bucket) {
                merged.push(before);
            }
            if let Some((_, more)) = theirs.next_if(|(their, _)| *their == bucket) {
                count = count.saturating_add(more);
            }
            merged.push((bucket, count));
        }
        merged.extend(theirs);
        self.buckets = merged;
    }

    /// The number of values.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// The value at `permille` thousandths, by nearest rank: of n values in order, number
    /// ceil(permille / 1000 * n), counted from 1 and at least 1. 500 is the lower median, 0 the
    /// smallest value, 1000 and more the largest. Off by at most 1/256 of its magnitude; none
    /// without values.
    pub fn quantile(&self, permille: u32) -> Option<i64> {
        // There are fewer than 2^14 buckets of fewer than 2^32 values, so the product fits.
        let rank = (u64::from(permille.min(1000)) * self.count()).div_ceil(1000).max(1);
        let mut passed = 0;
        for (bucket, count) in &self.buckets {
            passed += u64::from(*count);
            if passed >= rank {
                return Some(middle(*bucket));
            }
        }
        None
    }

    /// Appends the state: the number of buckets in two bytes, then for each the bucket and its count
    /// in four bytes each, least significant byte first.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.buckets.len() as u16).to_le_bytes());
        for (bucket, count) in &self.buckets {
            out.extend_from_slice(&bucket.to_le_bytes());
            out.extend_from_slice(&count.to_le_bytes());
        }
    }

    /// Reads a state from the front of `bytes` and moves past it. None, with `bytes` as they were,
    /// unless they begin with what [`Self::encode`] writes for some values.
    pub fn decode(bytes: &mut &[u8]) -> Option<Quantiles> {
        let (length, mut rest) = bytes.split_first_chunk()?;
        let length = usize::from(u16::from_le_bytes(*length));
        // Before anything is set aside for them.
        if rest.len() < length * 8 {
            return None;
        }
        let mut buckets: Few<(i32, u32)> = Few::with_capacity(length);
        for _ in 0..length {
            let (bucket, after) = rest.split_first_chunk()?;
            let (count, after) = after.split_first_chunk()?;
            let (bucket, count) = (i32::from_le_bytes(*bucket), u32::from_le_bytes(*count));
            let ascends = buckets.last().is_none_or(|(last, _)| *last < bucket);
            if !ascends || count == 0 || !(MIN_BUCKET..=MAX_BUCKET).contains(&bucket) {
                return None;
            }
            buckets.push((bucket, count));
            rest = after;
        }
        *bytes = rest;
        Some(Quantiles { buckets })
    }
}

/// The bucket of a value. Buckets are in the order of their values.
const fn bucket_of(value: i64) -> i32 {
    let magnitude = value.unsigned_abs();
    // How many of the lowest bits are dropped. The kept bits with their leading one run from 128 to
    // 255, so each shift takes up where the one before ends; without one, bucket and value agree.
    let shift = (u64::BITS - magnitude.leading_zeros()).saturating_sub(KEPT_BITS + 1);
    let number = ((shift as i32) << KEPT_BITS) + (magnitude >> shift) as i32;
    if value < 0 { -number } else { number }
}

/// The middle value of a bucket, of two the one nearer to zero.
fn middle(bucket: i32) -> i64 {
    let number = u64::from(bucket.unsigned_abs());
    let shift = (number >> KEPT_BITS).saturating_sub(1);
    let lowest = (number - (shift << KEPT_BITS)) << shift;
    let magnitude = i128::from(lowest + ((1 << shift) - 1) / 2);
    // Of the values that `i64::MIN` would share its bucket with, `i64` has no other.
    let value = if bucket < 0 { -magnitude } else { magnitude };
    value.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[i64]) -> Quantiles {
        let mut histogram = Quantiles::default();
        for value in values {
            histogram.add(*value);
        }
        histogram
    }

    fn bytes_of(histogram: &Quantiles) -> Vec<u8> {
        let mut out = Vec::new();
        histogram.encode(&mut out);
        out
    }

    /// The nearest-rank quantile of the values themselves.
    fn exact(values: &[i64], permille: u32) -> i64 {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let rank = (permille as usize * sorted.len()).div_ceil(1000).max(1);
        sorted[rank - 1]
    }

    fn is_near(answer: i64, truth: i64) -> bool {
        (i128::from(answer) - i128::from(truth)).abs() * 256 <= i128::from(truth).abs()
    }

    /// Values of all magnitudes.
    fn value() -> impl Strategy<Value = i64> {
        (any::<i64>(), 0u32..64).prop_map(|(value, shift)| value >> shift)
    }

    #[test]
    fn small_values_are_exact() {
        for value in -255..=255 {
            assert_eq!(of(&[value]).quantile(500), Some(value));
        }
    }

    #[test]
    fn extremes() {
        assert_eq!((MIN_BUCKET, MAX_BUCKET), (-7296, 7295));
        assert_eq!(of(&[i64::MIN]).quantile(500), Some(i64::MIN));
        assert!(is_near(of(&[i64::MAX]).quantile(500).unwrap(), i64::MAX));
        assert_eq!(Quantiles::default().quantile(500), None);
    }

    /// At every bucket: its ends and its middle lie in it, and the next value does not.
    #[test]
    fn buckets_adjoin_and_are_narrow() {
        let mut worst = 0.0f64;
        for bucket in 256..=MAX_BUCKET {
            let shift = (bucket >> 7) - 1;
            let lowest = i64::from(bucket - (shift << 7)) << shift;
            let highest = lowest + ((1 << shift) - 1);
            assert_eq!((bucket_of(lowest), bucket_of(highest), bucket_of(lowest - 1)), (bucket, bucket, bucket - 1));
            assert_eq!((bucket_of(-lowest), bucket_of(-highest)), (-bucket, -bucket));
            let answer = middle(bucket);
            assert_eq!((bucket_of(answer), middle(-bucket)), (bucket, -answer));
            for end in [lowest, highest] {
                assert!(is_near(answer, end));
                worst = worst.max((answer - end).abs() as f64 / end as f64);
            }
        }
        println!("worst relative error {worst:.7} (1/256 = {:.7})", 1.0 / 256.0);
    }

    #[test]
    fn ranks() {
        let histogram = of(&[10, 20, 30, 40]);
        let at = |permille| histogram.quantile(permille).unwrap();
        assert_eq!([at(0), at(250), at(251), at(500), at(750), at(751)], [10, 10, 20, 20, 30, 40]);
        assert_eq!([at(1000), at(1001), at(u32::MAX)], [40, 40, 40]);
    }

    #[test]
    fn counts_stop_at_the_largest() {
        let full = Quantiles { buckets: Few::from_slice(&[(3, u32::MAX)]) };
        let mut more = full.clone();
        more.add(3);
        more.merge(&full);
        assert_eq!(more, full);
        assert_eq!(full.count(), u64::from(u32::MAX));
        let all = Quantiles { buckets: (MIN_BUCKET..=MAX_BUCKET).map(|bucket| (bucket, u32::MAX)).collect() };
        assert_eq!(all.buckets.len(), 14_592);
        assert_eq!(all.quantile(0), Some(i64::MIN));
        assert_eq!(all.quantile(1000), Some(middle(MAX_BUCKET)));
        assert_eq!(Quantiles::decode(&mut bytes_of(&all).as_slice()), Some(all));
    }

    #[test]
    fn decode_takes_canonical_forms_only() {
        let decode = |bytes: &[u8]| {
            let mut rest = bytes;
            let histogram = Quantiles::decode(&mut rest);
            assert!(histogram.is_some() || rest == bytes);
            histogram
        };
        let encoded = |buckets: &[(i32, u32)]| bytes_of(&Quantiles { buckets: buckets.into() });
        assert!(decode(&encoded(&[(-1, 1), (1, 1)])).is_some());
        assert!(decode(&encoded(&[(1, 1), (-1, 1)])).is_none());
        assert!(decode(&encoded(&[(1, 1), (1, 1)])).is_none());
        assert!(decode(&encoded(&[(1, 0)])).is_none());
        assert!(decode(&encoded(&[(MIN_BUCKET, 1), (MAX_BUCKET, 1)])).is_some());
        assert!(decode(&encoded(&[(MIN_BUCKET - 1, 1)])).is_none());
        assert!(decode(&encoded(&[(MAX_BUCKET + 1, 1)])).is_none());
        let whole = encoded(&[(-1, 1), (1, 1)]);
        for length in 0..whole.len() {
            assert!(decode(&whole[..length]).is_none());
        }
    }

    proptest! {
        #[test]
        fn quantiles_are_near(values in prop::collection::vec(value(), 1..200), permille in 0u32..=1000) {
            let answer = of(&values).quantile(permille).unwrap();
            let truth = exact(&values, permille);
            prop_assert!(is_near(answer, truth), "{answer} for {truth}");
        }

        #[test]
        fn order_of_values_is_that_of_buckets(one in value(), other in value()) {
            prop_assert!(one > other || bucket_of(one) <= bucket_of(other));
        }

        #[test]
        fn neither_order_nor_grouping_matters(
            parts in prop::collection::vec(prop::collection::vec(value(), 0..40), 0..6),
        ) {
            let all: Vec<i64> = parts.iter().flatten().copied().collect();
            let whole = of(&all);
            prop_assert_eq!(whole.count(), all.len() as u64);
            let backwards: Vec<i64> = all.iter().rev().copied().collect();
            prop_assert_eq!(&of(&backwards), &whole);
            let (mut from_left, mut from_right) = (Quantiles::default(), Quantiles::default());
            for part in &parts {
                from_left.merge(&of(part));
            }
            for part in parts.iter().rev() {
                let mut merged = of(part);
                merged.merge(&from_right);
                from_right = merged;
            }
            prop_assert_eq!(&from_left, &whole);
            prop_assert_eq!(&from_right, &whole);
        }

        #[test]
        fn encoding_round_trips(values in prop::collection::vec(value(), 0..100), tail in any::<[u8; 3]>()) {
            let histogram = of(&values);
            let mut bytes = bytes_of(&histogram);
            bytes.extend_from_slice(&tail);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(Quantiles::decode(&mut rest), Some(histogram));
            prop_assert_eq!(rest, tail);
        }

        #[test]
        fn what_decodes_encodes_to_the_same_bytes(bytes in prop::collection::vec(0u8..3, 0..40)) {
            let mut rest = bytes.as_slice();
            if let Some(histogram) = Quantiles::decode(&mut rest) {
                let read = bytes.len() - rest.len();
                prop_assert_eq!(bytes_of(&histogram), &bytes[..read]);
            }
        }
    }
}
