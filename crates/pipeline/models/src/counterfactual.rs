//! The smallest change of one or two features that would have changed a decision.

use enliven_types::FeatureVector;

/// How many values of each feature are tried in pairs.
const IN_PAIRS: usize = 12;
/// How many values of a feature are tried.
const ALONE: usize = 64;
/// How many features are tried in pairs.
const PAIRED: usize = 24;

/// A change of features: their places in the vector, and the values that they would have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Place and value, one or two, in the order of places.
    pub values: Vec<(usize, i64)>,
    /// Its size: how much of what the features take lies between the value that is and the value that
    /// would be, in millionths, summed over the features.
    pub size: u64,
}

/// The smallest change of one or two of the features at `places` after which `decides` says yes.
///
/// `taken` are, for each of `places`, the values that the feature really takes among entities: only
/// they are tried, so a change stays within their range. A change is the smaller, the fewer of these
/// values lie between. The search is exact over single features with at most 64 distinct values, and
/// over evenly spread ones of more; pairs are tried over 12 values of the first 24 features, and only
/// where they are smaller than the best single change.
pub fn smallest_change(
    vector: &FeatureVector,
    places: &[usize],
    taken: &[Vec<i64>],
    decides: &dyn Fn(&FeatureVector) -> bool,
) -> Option<Change> {
    let mut best: Option<Change> = None;
    let mut tried = vector.clone();
    let steps: Vec<Vec<(u64, i64)>> =
        places.iter().zip(taken).map(|(place, taken)| steps(vector.0[*place], taken)).collect();
    for (place, steps) in places.iter().zip(&steps) {
        for (size, value) in spread(steps, vector.0[*place], ALONE) {
            if best.as_ref().is_some_and(|best| best.size <= size) {
                break;
            }
            tried.0[*place] = value;
            if decides(&tried) {
                best = Some(Change { values: vec![(*place, value)], size });
            }
        }
        tried.0[*place] = vector.0[*place];
    }
    let paired = places.len().min(PAIRED);
    let few: Vec<Vec<(u64, i64)>> =
        places.iter().zip(&steps).map(|(place, steps)| spread(steps, vector.0[*place], IN_PAIRS)).collect();
    for first in 0..paired {
        for second in first + 1..paired {
            for (one, value) in few[first].iter().copied() {
                for (two, other) in few[second].iter().copied() {
                    if best.as_ref().is_some_and(|best| best.size <= one + two) {
                        break;
                    }
                    (tried.0[places[first]], tried.0[places[second]]) = (value, other);
                    if decides(&tried) {
                        let values = vec![(places[first], value), (places[second], other)];
                        best = Some(Change { values, size: one + two });
                    }
                }
            }
            (tried.0[places[first]], tried.0[places[second]]) = (vector.0[places[first]], vector.0[places[second]]);
        }
    }
    if let Some(change) = &mut best {
        change.values.sort_unstable();
    }
    best
}

/// The other values with their distance from `now` in millionths of all values, the nearest first.
fn steps(now: i64, taken: &[i64]) -> Vec<(u64, i64)> {
    let mut sorted = taken.to_vec();
    sorted.sort_unstable();
    let rank = |value: i64| {
        let below = sorted.partition_point(|other| *other < value);
        let upto = sorted.partition_point(|other| *other <= value);
        (below + upto) as u64
    };
    let here = rank(now);
    let mut found: Vec<(u64, i64)> = Vec::new();
    for value in &sorted {
        if *value != now && found.last().is_none_or(|last| last.1 != *value) {
            found.push((rank(*value).abs_diff(here).max(1) * 500_000 / sorted.len() as u64, *value));
        }
    }
    found.sort_unstable();
    found
}

/// At most `count` of them, evenly spread on each side of `now`, with the nearest of both; the nearest first.
fn spread(steps: &[(u64, i64)], now: i64, count: usize) -> Vec<(u64, i64)> {
    let (below, above): (Vec<_>, Vec<_>) = steps.iter().copied().partition(|(_, value)| *value < now);
    let mut found = Vec::with_capacity(count);
    for side in [below, above] {
        let stride = side.len().div_ceil(count / 2).max(1);
        found.extend(side.into_iter().step_by(stride));
    }
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_change_is_found_within_what_is_taken() {
        let vector = FeatureVector(vec![10, 5, 0]);
        let taken = vec![(0..=20).collect(), (0..=50).collect(), vec![0, 1]];
        let places = [0, 1, 2];
        let one = smallest_change(&vector, &places, &taken, &|vector| vector.0[0] >= 13 || vector.0[1] >= 30);
        assert_eq!(one.unwrap_or_else(|| panic!("there is one")).values, [(0, 13)]);
        let never = smallest_change(&vector, &places, &taken, &|vector| vector.0[0] > 20);
        assert_eq!(never, None);
        let both = smallest_change(&vector, &places, &taken, &|vector| vector.0[0] > 10 && vector.0[2] == 1);
        assert_eq!(both.unwrap_or_else(|| panic!("there is one")).values, [(0, 11), (2, 1)]);
    }
}
