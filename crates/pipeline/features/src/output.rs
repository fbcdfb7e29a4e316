//! From an accumulator to one number of the vector.

use crate::accumulate::{Acc, Rule, Sample, Summary, clamp, deviation, mean};
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
    /// Slots that do not slide.
    lasting: Vec<(usize, Numbers)>,
}

/// Which numbers of the vector are made of a sum: place, last step, and the value without events.
type Numbers = Vec<(usize, Finish, i64)>;

/// What the same values add up to over several windows: each begins before the last one and ends with
/// it, so that a row is looked at once.
#[derive(Clone, Debug)]
struct Chain {
    filter: Option<u8>,
    value: Option<usize>,
    /// The rule, if its accumulators do not fit into words.
    large: Option<Rule>,
    /// In the order of the windows.
    links: Vec<Link>,
}

#[derive(Clone, Debug)]
struct Link {
    window: usize,
    slot: usize,
    rule: Rule,
    numbers: Numbers,
}

impl Chain {
    /// Whether the slot can be read here: of the same filter and value, or where no value matters.
    fn takes(&self, slot: &Slot) -> bool {
        let counts = |rule: Rule, value: Option<usize>| rule == Rule::Count || value.is_none();
        self.filter == slot.filter
            && self.large == large(slot.rule)
            && (self.value == slot.value || self.large.is_none() && counts(slot.rule, self.value))
    }
}

fn large(rule: Rule) -> Option<Rule> {
    Some(rule).filter(|rule| rule.width().is_none())
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
                    reading.link(slot, &slots[slot], window, number);
                }
                None => match reading.lasting.iter_mut().find(|(other, _)| *other == slot) {
                    Some((_, numbers)) => numbers.push(number),
                    None => reading.lasting.push((slot, vec![number])),
                },
            }
        }
        reading
    }

    fn link(&mut self, place: usize, slot: &Slot, window: usize, number: (usize, Finish, i64)) {
        let Slot { rule, filter, value, .. } = *slot;
        let link = Link { window, slot: place, rule, numbers: vec![number] };
        let Some(chain) = self.chains.iter_mut().find(|chain| chain.takes(slot)) else {
            return self.chains.push(Chain { filter, value, large: large(rule), links: vec![link] });
        };
        chain.value = chain.value.or(value);
        match chain.links.iter_mut().find(|link| (link.window, link.slot) == (window, place)) {
            Some(link) => link.numbers.push(number),
            None => {
                let after = chain.links.partition_point(|link| link.window <= window);
                chain.links.insert(after, link);
            }
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
        for chain in &self.chains {
            let (mut summary, mut large) = (Summary::default(), chain.large.map(Rule::empty));
            let mut from = end;
            for Link { window, slot, rule, numbers } in &chain.links {
                let edge = edges[*window];
                while from > edge.row {
                    from -= 1;
                    if chain.filter.is_none_or(|bit| rows.bits(from) >> bit & 1 == 1) {
                        let value = chain.value.map_or(0, |index| rows.value(from, index));
                        let sample = Sample { time: rows.time(from), value };
                        match &mut large {
                            None => summary.prepend(sample),
                            // No order decides what these add up to.
                            Some(acc) => rule.add(acc, sample),
                        }
                    }
                }
                let tiles = folded.and_then(|folded| folded.since(folding, *slot, edge.tile));
                match (tiles, &large) {
                    (None, None) => fill(vector, numbers, Some(&summary.acc(*rule)), time),
                    (None, Some(acc)) => fill(vector, numbers, Some(acc), time),
                    (Some(mut sum), large) => {
                        match large {
                            None => rule.merge(&mut sum, &summary.acc(*rule)),
                            Some(acc) => rule.merge(&mut sum, acc),
                        }
                        fill(vector, numbers, Some(&sum), time);
                    }
                }
            }
        }
        for (slot, numbers) in &self.lasting {
            let (lasting, lasted) = folded.map_or((None, 0), |folded| (folded.lasting(folding, *slot), folded.lasted));
            let acc = slots[*slot].read(lasting, rows, lasted.min(end)..end, time);
            fill(vector, numbers, acc.as_ref(), time);
        }
    }
}

/// Writes the numbers that are made of a sum.
#[inline]
fn fill(vector: &mut [i64], numbers: &Numbers, acc: Option<&Acc>, time: i64) {
    for (place, finish, empty) in numbers {
        vector[*place] = acc.and_then(|acc| finish.number(acc, time)).unwrap_or(*empty);
    }
}

impl Finish {
    /// The number; none without events.
    #[inline]
    pub(crate) fn number(self, acc: &Acc, time: i64) -> Option<i64> {
        match (self, acc) {
            (Finish::Count, Acc::Count(count)) => (*count > 0).then(|| whole(*count)),
            (Finish::Value, Acc::One(one)) => one.map(|(_, value)| value),
            (Finish::Sum, Acc::Sum { count, sum }) => (*count > 0).then(|| clamp(sum.get())),
            (Finish::Mean { scale }, Acc::Sum { count, sum }) => mean(sum.get(), i128::from(*count), scale, PLACES),
            _ => self.other_number(acc, time),
        }
    }

    /// The number of a less simple step.
    #[inline(never)]
    fn other_number(self, acc: &Acc, time: i64) -> Option<i64> {
        match (self, acc) {
            (Finish::Count, Acc::Streak(run)) => (*run > 0).then(|| whole(*run)),
            (Finish::Rate { per_ms, window_ms }, Acc::Count(count)) if *count > 0 => {
                let times = i128::from(*count) * i128::from(per_ms);
                mean(times, i128::from(window_ms), 0, PLACES)
            }
            (Finish::Deviation { scale }, Acc::Squares { count, sum, squares }) => {
                deviation(*count, sum.get(), squares.get(), scale, PLACES)
            }
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
