//! From an accumulator to one number of the vector.

use crate::accumulate::{Acc, clamp, deviation, mean};
use crate::folded::{Folded, Folding};
use crate::rows::Rows;
use crate::slot::{Edge, Slot, Span};
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
    /// Different sliding windows, tile and length, the shorter ones first. One that is longer begins in
    /// the same tile or earlier, because longer tiles are whole numbers of shorter ones.
    windows: Vec<(i64, i64)>,
    chains: Vec<Chain>,
    lasting: Vec<(usize, Numbers)>,
}

/// Which numbers of the vector are made of a sum: place, last step, and the value without events.
type Numbers = Vec<(usize, Finish, i64)>;

/// What one rule adds up to of the same values over several windows: each begins before the last one
/// and ends with it, so that a row is looked at once.
#[derive(Clone, Debug)]
struct Chain {
    links: Vec<Link>,
}

#[derive(Clone, Debug)]
struct Link {
    window: usize,
    slot: usize,
    numbers: Numbers,
}

impl Reading {
    pub(crate) fn new(slots: &[Slot], outputs: &[Output]) -> Reading {
        let mut reading = Reading::default();
        let window_of = |slot: usize, window_ms: i64| match slots[slot].span {
            Span::Tiles { tile_ms, .. } => Some((tile_ms, window_ms)),
            _ => None,
        };
        let of_slots = || {
            outputs.iter().enumerate().filter_map(|(place, output)| match *output {
                Output::Slot { slot, window_ms, finish, empty } => Some((slot, window_ms, (place, finish, empty))),
                _ => None,
            })
        };
        for window in of_slots().filter_map(|(slot, window_ms, _)| window_of(slot, window_ms)) {
            position_or_push(&mut reading.windows, &window);
        }
        reading.windows.sort_by_key(|(tile_ms, window_ms)| (*window_ms, *tile_ms));
        for (slot, window_ms, number) in of_slots() {
            match window_of(slot, window_ms) {
                Some(window) => {
                    let window = position_or_push(&mut reading.windows, &window);
                    reading.link(slots, slot, window, number);
                }
                None => match reading.lasting.iter_mut().find(|(other, _)| *other == slot) {
                    Some((_, numbers)) => numbers.push(number),
                    None => reading.lasting.push((slot, vec![number])),
                },
            }
        }
        reading
    }

    fn link(&mut self, slots: &[Slot], slot: usize, window: usize, number: (usize, Finish, i64)) {
        let what = |slot: usize| (slots[slot].rule, slots[slot].filter, slots[slot].value);
        let found = self.chains.iter_mut().find(|chain| what(chain.links[0].slot) == what(slot));
        let link = Link { window, slot, numbers: vec![number] };
        let Some(Chain { links }) = found else {
            return self.chains.push(Chain { links: vec![link] });
        };
        match links.binary_search_by_key(&window, |link| link.window) {
            Ok(place) => links[place].numbers.push(number),
            Err(place) => links.insert(place, link),
        }
    }

    /// Fills in all numbers that come from slots, as of `time`.
    pub(crate) fn read(
        &self,
        slots: &[Slot],
        folding: &Folding,
        folded: Option<&Folded>,
        rows: Rows<'_>,
        time: i64,
        vector: &mut [i64],
    ) {
        let end = rows.first_at(time);
        let edge = |(tile_ms, window_ms): &(i64, i64)| Edge::new(*tile_ms, *window_ms, time, rows);
        let edges: SmallVec<[Edge; 8]> = self.windows.iter().map(edge).collect();
        let mut fill = |numbers: &Numbers, acc: Option<&Acc>| {
            for (place, finish, empty) in numbers {
                vector[*place] = acc.and_then(|acc| finish.number(acc, time)).unwrap_or(*empty);
            }
        };
        for Chain { links } in &self.chains {
            let slot = &slots[links[0].slot];
            let (mut acc, mut from) = (slot.rule.empty(), end);
            for link in links {
                let edge = edges[link.window];
                if edge.row < from {
                    slot.prepend(&mut acc, rows, edge.row..from);
                    from = edge.row;
                }
                match folded.and_then(|folded| folded.since(folding, link.slot, edge.tile)) {
                    None => fill(&link.numbers, Some(&acc)),
                    Some(mut sum) => {
                        slot.rule.merge(&mut sum, &acc);
                        fill(&link.numbers, Some(&sum));
                    }
                }
            }
        }
        for (slot, numbers) in &self.lasting {
            let (lasting, lasted) = folded.map_or((None, 0), |folded| (folded.lasting(folding, *slot), folded.lasted));
            fill(numbers, slots[*slot].read(lasting, rows, lasted.min(end)..end, time).as_ref());
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
