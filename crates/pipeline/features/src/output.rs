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

/// One number of the vector: its place, the last step, and its value without events.
#[derive(Clone, Copy, Debug)]
struct Number {
    place: usize,
    finish: Finish,
    empty: i64,
}

type Numbers = Vec<Number>;

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

/// What is read of one window.
#[derive(Clone, Debug)]
struct Link {
    window: usize,
    /// For each slot its numbers.
    slots: Vec<(usize, Rule, Numbers)>,
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
                Output::Slot { slot, window_ms, finish, empty } => {
                    Some((slot, window_ms, Number { place, finish, empty }))
                }
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

    fn link(&mut self, place: usize, slot: &Slot, window: usize, number: Number) {
        let Slot { rule, filter, value, .. } = *slot;
        let chain = match self.chains.iter().position(|chain| chain.takes(slot)) {
            Some(found) => found,
            None => {
                self.chains.push(Chain { filter, value, large: large(rule), links: Vec::new() });
                self.chains.len() - 1
            }
        };
        let chain = &mut self.chains[chain];
        chain.value = chain.value.or(value);
        let at = match chain.links.binary_search_by_key(&window, |link| link.window) {
            Ok(at) => at,
            Err(at) => {
                chain.links.insert(at, Link { window, slots: Vec::new() });
                at
            }
        };
        let slots = &mut chain.links[at].slots;
        match slots.iter_mut().find(|(other, _, _)| *other == place) {
            Some((_, _, numbers)) => numbers.push(number),
            None => slots.push((place, rule, vec![number])),
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
        // Without tiles there is nothing to ask for.
        let tiles = folded.filter(|_| folding.has_tiles());
        for chain in &self.chains {
            match chain.large {
                None => chain.read_small(folding, tiles, rows, (&edges, end), vector),
                Some(rule) => chain.read_large(rule, folding, tiles, rows, (&edges, end), time, vector),
            }
        }
        for (slot, numbers) in &self.lasting {
            let (lasting, lasted) = folded.map_or((None, 0), |folded| (folded.lasting(folding, *slot), folded.lasted));
            let acc = slots[*slot].read(lasting, rows, lasted.min(end)..end, time);
            fill(vector, numbers, acc.as_ref(), time);
        }
    }
}

impl Chain {
    fn passes(&self, rows: Rows<'_>, place: usize) -> bool {
        self.filter.is_none_or(|bit| rows.bits(place) >> bit & 1 == 1)
    }

    fn value(&self, rows: Rows<'_>, place: usize) -> i64 {
        self.value.map_or(0, |index| rows.value(place, index))
    }

    fn read_small(
        &self,
        folding: &Folding,
        tiles: Option<&Folded>,
        rows: Rows<'_>,
        (edges, mut from): (&[Edge], usize),
        vector: &mut [i64],
    ) {
        let mut summary = Summary::default();
        for Link { window, slots } in &self.links {
            let edge = edges[*window];
            while from > edge.row {
                from -= 1;
                if self.passes(rows, from) {
                    summary.prepend(self.value(rows, from));
                }
            }
            for (slot, rule, numbers) in slots {
                let tiles = tiles.and_then(|tiles| tiles.since(folding, *slot, edge.tile));
                let all = tiles.map(|tiles| summary.after(&Summary::of(&tiles)));
                let all = all.as_ref().unwrap_or(&summary);
                for Number { place, finish, empty } in numbers {
                    vector[*place] = if all.count == 0 { *empty } else { finish.of(*rule, all) };
                }
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn read_large(
        &self,
        rule: Rule,
        folding: &Folding,
        tiles: Option<&Folded>,
        rows: Rows<'_>,
        (edges, mut from): (&[Edge], usize),
        time: i64,
        vector: &mut [i64],
    ) {
        let mut acc = rule.empty();
        for Link { window, slots } in &self.links {
            let edge = edges[*window];
            while from > edge.row {
                from -= 1;
                if self.passes(rows, from) {
                    // No order decides what these add up to.
                    rule.add(&mut acc, Sample { time: rows.time(from), value: self.value(rows, from) });
                }
            }
            for (slot, _, numbers) in slots {
                match tiles.and_then(|tiles| tiles.since(folding, *slot, edge.tile)) {
                    None => fill(vector, numbers, Some(&acc), time),
                    Some(mut sum) => {
                        rule.merge(&mut sum, &acc);
                        fill(vector, numbers, Some(&sum), time);
                    }
                }
            }
        }
    }
}

/// Writes the numbers that are made of a sum.
fn fill(vector: &mut [i64], numbers: &Numbers, acc: Option<&Acc>, time: i64) {
    for Number { place, finish, empty } in numbers {
        vector[*place] = acc.and_then(|acc| finish.number(acc, time)).unwrap_or(*empty);
    }
}

impl Finish {
    /// The number that a rule gives of some events, at least one.
    #[inline]
    fn of(self, rule: Rule, all: &Summary) -> i64 {
        let Summary { count, sum, cut_sum, squares, .. } = *all;
        match self {
            Finish::Count => whole(count),
            Finish::Sum => clamp(sum),
            Finish::Mean { scale } => mean(sum, i128::from(count), scale, PLACES).unwrap_or_default(),
            Finish::Deviation { scale } => deviation(count, cut_sum, squares, scale, PLACES).unwrap_or_default(),
            Finish::Rate { per_ms, window_ms } => {
                let times = i128::from(count) * i128::from(per_ms);
                mean(times, i128::from(window_ms), 0, PLACES).unwrap_or_default()
            }
            _ => match rule {
                Rule::Min => all.least,
                Rule::Max => all.most,
                Rule::First => all.first,
                _ => all.last,
            },
        }
    }

    /// The number; none without events.
    pub(crate) fn number(self, acc: &Acc, time: i64) -> Option<i64> {
        match (self, acc) {
            (Finish::Count, Acc::Streak(run)) => (*run > 0).then(|| whole(*run)),
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
            _ => Some(Summary::of(acc)).filter(|all| all.count > 0).map(|all| self.of(Rule::Last, &all)),
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
