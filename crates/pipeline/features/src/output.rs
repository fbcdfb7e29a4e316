//! From an accumulator to one number of the vector.

use crate::accumulate::{Acc, clamp, deviation, mean};
use crate::rows::Rows;
use crate::slot::{Edge, Folded, Slot, Span};
use crate::view::position_or_push;
use smallvec::SmallVec;

/// Decimal places of means, deviations, rates and shares.
pub(crate) const PLACES: u8 = 6;
/// Decimal places of a rating.
pub(crate) const RATING_PLACES: u8 = 2;

/// How one number of the vector is read from the state.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// From a slot; a sliding window has a length. `empty` is the value where there are no events.
    Slot {
        slot: usize,
        window_ms: i64,
        finish: Finish,
        empty: i64,
    },
    Rating {
        league: usize,
    },
    RatingDeviation {
        league: usize,
    },
}

/// The last step from an accumulator to a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Finish {
    Count,
    Rate {
        per_ms: i64,
        window_ms: i64,
    },
    Sum,
    Mean {
        scale: u8,
    },
    Deviation {
        scale: u8,
    },
    Value,
    Distinct,
    Quantile {
        permille: u32,
    },
    /// The place of the category of a rank, from 1 on; 0 for none.
    Category {
        rank: usize,
    },
    /// Its share of all events.
    Share {
        rank: usize,
    },
    Weighted {
        scale: u8,
    },
    Since {
        unit_ms: i64,
    },
}

/// In which order a vector is read: what several features make use of is added up once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// Different sliding windows: tile and length.
    windows: Vec<(i64, i64)>,
    sums: Vec<Sum>,
}

/// What a slot adds up to over a window.
#[derive(Clone, Debug)]
struct Sum {
    slot: usize,
    /// None if it is no sliding window.
    window: Option<usize>,
    /// Which numbers of the vector are made of it: place, last step, and the value without events.
    numbers: Vec<(usize, Finish, i64)>,
}

impl Reading {
    pub(crate) fn new(slots: &[Slot], outputs: &[Output]) -> Reading {
        let mut reading = Reading::default();
        for (place, output) in outputs.iter().enumerate() {
            let Output::Slot { slot, window_ms, finish, empty } = *output else { continue };
            let window = match slots[slot].span {
                Span::Tiles { tile_ms, .. } => Some(position_or_push(&mut reading.windows, &(tile_ms, window_ms))),
                _ => None,
            };
            let number = (place, finish, empty);
            match reading.sums.iter_mut().find(|sum| (sum.slot, sum.window) == (slot, window)) {
                Some(sum) => sum.numbers.push(number),
                None => reading.sums.push(Sum { slot, window, numbers: vec![number] }),
            }
        }
        reading
    }

    /// Fills in all numbers that come from slots, as of `time`.
    pub(crate) fn read(&self, slots: &[Slot], folded: &[Folded], rows: Rows<'_>, time: i64, vector: &mut [i64]) {
        let end = rows.first_at(time);
        let edge = |(tile_ms, window_ms): &(i64, i64)| Edge::new(*tile_ms, *window_ms, time, rows);
        let edges: SmallVec<[Edge; 8]> = self.windows.iter().map(edge).collect();
        for Sum { slot, window, numbers } in &self.sums {
            let (slot, folded) = (&slots[*slot], folded.get(*slot));
            let acc = match window {
                Some(window) => Some(slot.slide(folded, rows, end, edges[*window])),
                None => slot.read(folded, rows, end, time),
            };
            for (place, finish, empty) in numbers {
                vector[*place] = acc.as_ref().and_then(|acc| finish.number(acc, time)).unwrap_or(*empty);
            }
        }
    }
}

impl Finish {
    /// The number; none without events.
    pub(crate) fn number(self, acc: &Acc, time: i64) -> Option<i64> {
        match (self, acc) {
            (Finish::Count, Acc::Count(0) | Acc::Streak(0)) => None,
            (Finish::Count, Acc::Count(count) | Acc::Streak(count)) => Some(whole(*count)),
            (Finish::Rate { per_ms, window_ms }, Acc::Count(count)) if *count > 0 => {
                let times = i128::from(*count) * i128::from(per_ms);
                mean(times, i128::from(window_ms), 0, PLACES)
            }
            (Finish::Sum, Acc::Sum { count, sum }) if *count > 0 => Some(clamp(sum.get())),
            (Finish::Mean { scale }, Acc::Sum { count, sum }) => mean(sum.get(), i128::from(*count), scale, PLACES),
            (Finish::Deviation { scale }, Acc::Squares { count, sum, squares }) => {
                deviation(*count, sum.get(), squares.get(), scale, PLACES)
            }
            (Finish::Value, Acc::One(one)) => one.map(|(_, value)| value),
            (Finish::Distinct, Acc::Distinct(distinct)) => Some(whole(distinct.estimate())).filter(|count| *count > 0),
            (Finish::Quantile { permille }, Acc::Quantiles(quantiles)) => quantiles.quantile(permille),
            (Finish::Category { rank }, Acc::Top(counts)) => ranked(counts, rank).map(|place| place as i64 + 1),
            (Finish::Share { rank }, Acc::Top(counts)) => {
                let all = counts.iter().map(|count| i128::from(*count)).sum();
                mean(i128::from(counts[ranked(counts, rank)?]), all, 0, PLACES)
            }
            (Finish::Weighted { scale }, Acc::Weighted { above, below, .. }) => {
                mean(above.get(), below.get(), scale, PLACES)
            }
            (Finish::Since { unit_ms }, Acc::One(one)) => {
                one.map(|(last, _)| (time.saturating_sub(last) / unit_ms).max(0))
            }
            _ => None,
        }
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The declared category with so many before it: more frequent ones, and of equally frequent ones
/// those declared earlier. The last count is of all other categories, and has no rank.
fn ranked(counts: &[u32], rank: usize) -> Option<usize> {
    let mut order: Vec<usize> = (0..counts.len() - 1).filter(|place| counts[*place] > 0).collect();
    order.sort_by_key(|place| (std::cmp::Reverse(counts[*place]), *place));
    order.get(rank).copied()
}
