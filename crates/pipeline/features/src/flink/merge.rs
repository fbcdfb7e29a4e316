//! From tiles to the kernel's accumulators, and from these to vectors.

use std::collections::btree_map;
use std::iter::Peekable;
use std::ops::RangeInclusive;

use enliven_types::{Period, Timestamp};

use super::error::TileError;
use super::history::{TileHistory, Told, Unknown};
use super::reader::{Entry, TileReader};
use super::tiles::Part;
use crate::accumulate::{Acc, MAX_SQUARED, ONE, Rule, Wide};
use crate::folded::Folded;
use crate::output::Output;
use crate::rows::Rows;
use crate::slot::{Lasting, Slot, Span};

/// The numbers of the tiles of the years 1 to 9999.
pub(super) fn tiles_of(period: Period) -> RangeInclusive<i64> {
    let (first, last) = Timestamp::RANGE;
    let (before, after) = (1 - 1970, 9999 - 1970);
    match period {
        Period::Fixed(_) => period.index(first)..=period.index(last),
        Period::Month => before * 12..=after * 12 + 11,
        Period::Year => before..=after,
    }
}

/// The first instant after a tile.
pub(super) fn end_of(period: Period, tile: i64) -> i64 {
    if tile < *tiles_of(period).end() { period.start(tile + 1).0 } else { Timestamp::RANGE.1.0.saturating_add(1) }
}

/// The latest border at `time` or before it.
pub(super) fn border_before(period: Period, time: Timestamp) -> Timestamp {
    period.start(period.index(time))
}

pub(super) fn is_border(period: Period, time: Timestamp) -> bool {
    border_before(period, time) == time
}

/// The numbers of a slot in a table.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) table: usize,
    pub(super) numbers: Vec<(Part, usize)>,
}

/// Which end of a first or last value is taken where there are several events of its instant.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum End {
    Low,
    High,
}

/// What the passing events of a tile add up to; none if there are none. An error names the column.
pub(super) fn sum_of(
    slot: &Slot,
    place: &Place,
    values: &[Option<i128>],
    tile: i64,
    start: i64,
    end: End,
) -> Result<Option<Acc>, (usize, String)> {
    let number = |at: usize| values.get(at).copied().flatten();
    let column = |at: usize| place.numbers.get(at).map_or(0, |(_, at)| *at);
    let of = |at: usize| number(column(at));
    let word = |at: usize| -> Result<Option<i64>, (usize, String)> {
        let Some(value) = of(at) else { return Ok(None) };
        let wrong = || (column(at), format!("{value} is beyond 64 bits"));
        i64::try_from(value).map(Some).map_err(|_| wrong())
    };
    let count = |at: usize, most: i64| -> Result<u64, (usize, String)> {
        let value = of(at).ok_or_else(|| (column(at), "a count is not null".to_string()))?;
        let wrong = || (column(at), format!("{value} is no count from 0 to {most}"));
        u64::try_from(value).ok().filter(|value| *value <= most as u64).ok_or_else(wrong)
    };
    // A sum of so many values of at most this size; null without values.
    let sum = |at: usize, count: u64, most: i128| -> Result<i128, (usize, String)> {
        let most = i128::from(count).saturating_mul(most);
        match of(at) {
            None if count == 0 => Ok(0),
            Some(_) if count == 0 => Err((column(at), "a sum without events: their count is 0".into())),
            None => Err((column(at), format!("no sum of {count} events"))),
            Some(value) if (-most..=most).contains(&value) => Ok(value),
            Some(value) => Err((column(at), format!("{value} is no sum of {count} events"))),
        }
    };
    let size = 1 << 63;
    Ok(match slot.rule {
        Rule::Count => match count(0, i64::MAX)? {
            0 => None,
            count => Some(Acc::Count(count)),
        },
        Rule::Sum | Rule::PerTile { .. } => {
            let count = count(0, i64::MAX)?;
            let sum = sum(1, count, size)?;
            match slot.rule {
                _ if count == 0 => None,
                Rule::Sum => Some(Acc::Sum { count, sum: Wide::new(sum) }),
                _ => {
                    let (above, below) = (sum.saturating_mul(ONE), i128::from(count).saturating_mul(ONE));
                    Some(Acc::Weighted { above: Wide::new(above), below: Wide::new(below), tile })
                }
            }
        }
        Rule::Squares => {
            let count = count(0, i64::MAX)?;
            let most = i128::from(MAX_SQUARED);
            let (total, squares) = (sum(1, count, most)?, sum(2, count, most * most)?);
            if squares < 0 {
                return Err((column(2), format!("{squares} is no sum of squares")));
            }
            (count > 0).then(|| Acc::Squares { count, sum: Wide::new(total), squares: Wide::new(squares) })
        }
        Rule::Min | Rule::Max => word(0)?.map(|value| Acc::One(Some((start, value)))),
        Rule::First | Rule::Last if slot.value.is_none() => {
            let (first, last) = Timestamp::RANGE;
            match word(0)? {
                Some(time) if !(first.0..=last.0).contains(&time) => {
                    return Err((column(0), format!("the time {time} is outside of the years 1 to 9999")));
                }
                time => time.map(|time| Acc::One(Some((time, 0)))),
            }
        }
        Rule::First | Rule::Last => match (word(0)?, word(1)?) {
            (Some(low), Some(high)) if low <= high => {
                Some(Acc::One(Some((start, if end == End::Low { low } else { high }))))
            }
            (None, None) => None,
            (Some(low), Some(high)) => {
                return Err((column(0), format!("the lowest value {low} is above the highest {high}")));
            }
            (low, _) => {
                return Err((column(usize::from(low.is_some())), "one end is null and the other is not".into()));
            }
        },
        Rule::Top { categories } => {
            let mut counts = vec![0; categories + 1].into_boxed_slice();
            for (at, (part, _)) in place.numbers.iter().enumerate() {
                if let Part::Category(category) = part
                    && let Some(slot) = counts.get_mut(*category)
                {
                    *slot = count(at, i64::from(u32::MAX))? as u32;
                }
            }
            counts.iter().any(|count| *count > 0).then_some(Acc::Top(counts))
        }
        Rule::Distinct | Rule::Quantiles | Rule::PerEvent { .. } | Rule::Streak => None,
    })
}

/// One entity's tiles, taken in the order of time.
pub(super) struct Cursor<'h, 'a> {
    pub(super) history: &'h TileHistory<'a>,
    pub(super) entity: &'h str,
    /// What is left of each table.
    pub(super) left: Vec<Peekable<btree_map::Iter<'h, i64, Entry>>>,
    /// What was taken, as the kernel has it: with the low ends of first and last values, and with the
    /// high ones if any differ.
    pub(super) low: Folded,
    pub(super) high: Option<Folded>,
    /// The sums of each table's columns.
    pub(super) sums: Vec<Vec<i128>>,
    /// When the first tile of each table began.
    pub(super) first: Vec<Option<i64>>,
}

impl<'h, 'a> Cursor<'h, 'a> {
    pub(super) fn new(history: &'h TileHistory<'a>, entity: &'h str) -> Cursor<'h, 'a> {
        let tables = history.tiles.entities.get(entity);
        Cursor {
            history,
            entity,
            left: tables.into_iter().flatten().map(|tiles| tiles.iter().peekable()).collect(),
            low: history.tiles.view.folding.empty(&history.tiles.view.slots),
            high: None,
            sums: history.tiles.tables.iter().map(|rule| vec![0; rule.columns.len()]).collect(),
            first: vec![None; history.tiles.tables.len()],
        }
    }

    /// Whether there was any event.
    pub(super) fn seen(&self) -> bool {
        self.first.iter().any(Option::is_some)
    }

    /// Takes the tiles that end by `time`.
    pub(super) fn advance(&mut self, time: Timestamp) -> Result<(), TileError> {
        let history = self.history;
        for table in 0..self.left.len() {
            let period = history.tiles.tables[table].period;
            let over = |tile: i64| time.0 >= history.end || period.is_some_and(|period| end_of(period, tile) <= time.0);
            while let Some((tile, entry)) = self.left[table].next_if(|(tile, _)| over(**tile)) {
                self.take(table, *tile, entry.values.as_deref().unwrap_or_default())?;
            }
        }
        self.agree(time)
    }

    fn take(&mut self, table: usize, tile: i64, values: &[Option<i128>]) -> Result<(), TileError> {
        let TileReader { tables, view, read, .. } = &self.history.tiles;
        let rule = &tables[table];
        let start = rule.period.map_or(Timestamp::RANGE.0, |period| period.start(tile)).0;
        self.first[table].get_or_insert(start);
        for (sum, value) in self.sums[table].iter_mut().zip(values) {
            *sum = sum.wrapping_add(value.unwrap_or(0));
        }
        for number in &rule.read {
            let (slot, Some(place)) = (&view.slots[*number], &read[*number]) else { continue };
            let sum = |end: End| {
                sum_of(slot, place, values, tile, start, end).map_err(|(at, reason)| TileError::Column {
                    table: rule.name.clone(),
                    entity: self.entity.to_string(),
                    tile,
                    column: rule.columns.get(at).cloned().unwrap_or_default(),
                    reason,
                })
            };
            let low = sum(End::Low)?;
            let high = match slot.rule {
                Rule::First | Rule::Last => sum(End::High)?,
                _ => low.clone(),
            };
            if low != high && self.high.is_none() {
                self.high = Some(self.low.clone());
            }
            if let Some(low) = &low {
                self.low.append(&view.folding, &view.slots, *number, tile, low);
            }
            if let (Some(all), Some(high)) = (&mut self.high, &high) {
                all.append(&view.folding, &view.slots, *number, tile, high);
            }
        }
        Ok(())
    }

    /// Compares the sums over tables that count the same events before `time`.
    fn agree(&self, time: Timestamp) -> Result<(), TileError> {
        let tables = &self.history.tiles.tables;
        let counts_all = |table: usize| {
            time.0 >= self.history.end || tables[table].period.is_some_and(|period| is_border(period, time))
        };
        for (column, places) in &self.history.shared {
            let mut sums = places
                .iter()
                .filter(|(table, _)| counts_all(*table))
                .map(|(table, column)| (*table, self.sums[*table][*column]));
            let Some((left, left_sum)) = sums.next() else { continue };
            if let Some((right, right_sum)) = sums.find(|(_, sum)| *sum != left_sum) {
                return Err(TileError::Disagree {
                    left: tables[left].name.clone(),
                    right: tables[right].name.clone(),
                    column: column.clone(),
                    entity: self.entity.to_string(),
                    at: time,
                    sums: Box::new((left_sum, right_sum)),
                });
            }
        }
        Ok(())
    }

    /// The numbers as of `time`, to which the tiles were taken.
    pub(super) fn vector(&self, time: Timestamp) -> Vec<Told> {
        let view = self.history.tiles.view;
        let read = |folded: &Folded| {
            let mut vector = vec![0; view.outputs.len()];
            let rows = Rows::new(&[], view.layout());
            view.reading.read(&view.slots, &view.folding, Some(folded), rows, time.0, &mut vector);
            vector
        };
        let low = read(&self.low);
        let high = self.high.as_ref().map(read);
        let told = |(place, (output, number)): (usize, (&Output, &i64))| {
            let Output::Slot { slot, .. } = output else { return Err(Unknown::LeftOut) };
            if self.history.tiles.read[*slot].is_none() {
                return Err(Unknown::LeftOut);
            }
            if self.seen() && time.0 < self.history.end && self.history.is_total(*slot) {
                return Err(Unknown::Total);
            }
            // The ends select the same tile: if they give the same, it was not tied.
            let tied = high.as_ref().is_some_and(|high| high[place] != *number);
            if tied { Err(Unknown::Tied) } else { Ok(*number) }
        };
        view.outputs.iter().zip(&low).enumerate().map(told).collect()
    }

    /// The slot whose first or last value may still be read at `time` or later, and is not known.
    pub(super) fn tied(&self, time: i64) -> Option<usize> {
        let (high, view) = (self.high.as_ref()?, self.history.tiles.view);
        let differ = |(number, slot): (usize, &Slot)| match slot.span {
            Span::Tiles { tile_ms, keep_ms } => {
                let from = time.saturating_sub(keep_ms).div_euclid(tile_ms);
                let [low, high] = [&self.low, high].map(|folded| folded.tiles_from(&view.folding, number, from));
                match slot.rule {
                    // Of the last values the latest alone is read.
                    Rule::Last => low.last() != high.last(),
                    _ => low != high,
                }
            }
            span => match [&self.low, high].map(|folded| folded.lasting(&view.folding, number)) {
                [Some(Lasting::Tumbling(low)), Some(Lasting::Tumbling(high))] => {
                    let Span::Tumbling(period) = span else { return false };
                    let closed = period.index(Timestamp(time)) - 1;
                    let ends = low.iter().zip(&**high);
                    ends.filter(|(low, high)| low != high)
                        .any(|(low, _)| low.as_ref().is_some_and(|one| one.0 >= closed))
                }
                [low, high] => low != high,
            },
        };
        view.slots.iter().enumerate().position(|(number, slot)| differ((number, slot)))
    }
}
