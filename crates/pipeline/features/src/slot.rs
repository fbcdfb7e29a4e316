//! Accumulators over time: since ever, by tiles, by period, by session.
//!
//! A slot is fed in the total order of events. What it gives for a window does not depend on whether
//! an event is still a row or has been folded in: both count from the same tile border on.

use enliven_types::Period;

use crate::accumulate::{Acc, Rule, Sample};
use crate::rows::Rows;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The tile of a sliding window, by its length (the rule of Chronon's temporal accuracy): five
/// minutes below twelve hours, an hour below twelve days, else a day.
pub(crate) fn tile_of(window_ms: i64) -> i64 {
    if window_ms < 12 * HOUR_MS {
        5 * MINUTE_MS
    } else if window_ms < 12 * DAY_MS {
        HOUR_MS
    } else {
        DAY_MS
    }
}

/// Which stretch of time a lane is added up over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// Everything.
    Lifetime,
    /// Tiles, kept for the longest window that reads them.
    Tiles { tile_ms: i64, keep_ms: i64 },
    /// The last period that has ended.
    Tumbling(Period),
    /// The events since the last gap of this length, until such a gap has passed.
    Session(i64),
}

/// A lane added up over a span: which filter an event must pass, and which value it brings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slot {
    pub(crate) rule: Rule,
    pub(crate) filter: Option<u8>,
    pub(crate) value: Option<usize>,
    pub(crate) span: Span,
}

/// What was folded into a slot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Folded {
    Lifetime(Acc),
    /// By tile, in order. Of an invertible rule each entry is the total up to the end of its tile.
    Tiles(Vec<(i64, Acc)>),
    /// The two latest periods with events, the later one last.
    Tumbling([Option<(i64, Acc)>; 2]),
    /// The time of the latest event, and its session.
    Session(Option<(i64, Acc)>),
}

/// Where a sliding window begins: with a tile, and with the first row in that tile or after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    tile: i64,
    row: usize,
}

impl Edge {
    /// Of a window of a length that ends at `time`.
    pub(crate) fn new(tile_ms: i64, window_ms: i64, time: i64, rows: Rows<'_>) -> Edge {
        let tile = time.saturating_sub(window_ms).div_euclid(tile_ms);
        Edge { tile, row: rows.first_at(tile.saturating_mul(tile_ms)) }
    }
}

impl Slot {
    pub(crate) fn empty(&self) -> Folded {
        match self.span {
            Span::Lifetime => Folded::Lifetime(self.rule.empty()),
            Span::Tiles { .. } => Folded::Tiles(Vec::new()),
            Span::Tumbling(_) => Folded::Tumbling([None, None]),
            Span::Session(_) => Folded::Session(None),
        }
    }

    /// Whether a row passes the filter.
    pub(crate) fn passes(&self, bits: u64) -> bool {
        self.filter.is_none_or(|bit| bits >> bit & 1 == 1)
    }

    fn sample(&self, rows: Rows<'_>, place: usize) -> Sample {
        let value = self.value.map_or(0, |index| rows.value(place, index));
        Sample { time: rows.time(place), value }
    }

    /// Adds the row at `place`, which comes after all that was folded before.
    pub(crate) fn fold(&self, folded: &mut Folded, rows: Rows<'_>, place: usize) {
        if !self.passes(rows.bits(place)) {
            if let Folded::Lifetime(acc) = folded {
                self.rule.fail(acc);
            }
            return;
        }
        let sample = self.sample(rows, place);
        match (folded, self.span) {
            (Folded::Lifetime(acc), _) => self.rule.add(acc, sample),
            (Folded::Tiles(tiles), Span::Tiles { tile_ms, keep_ms }) => {
                let tile = sample.time.div_euclid(tile_ms);
                match tiles.last_mut() {
                    Some((last, acc)) if *last == tile => return self.rule.add(acc, sample),
                    _ => {}
                }
                let before = tiles.last().filter(|_| self.rule.is_invertible());
                let mut acc = before.map_or_else(|| self.rule.empty(), |(_, total)| total.clone());
                self.rule.add(&mut acc, sample);
                drop_stale(tiles, tile, keep_ms.div_euclid(tile_ms));
                tiles.push((tile, acc));
            }
            (Folded::Tumbling([earlier, later]), Span::Tumbling(period)) => {
                let number = period.index(enliven_types::Timestamp(sample.time));
                if later.as_ref().is_none_or(|(last, _)| *last != number) {
                    *earlier = later.take();
                }
                let (_, acc) = later.get_or_insert_with(|| (number, self.rule.empty()));
                self.rule.add(acc, sample);
            }
            (Folded::Session(session), Span::Session(gap_ms)) => {
                if session.as_ref().is_some_and(|(last, _)| sample.time.saturating_sub(*last) >= gap_ms) {
                    *session = None;
                }
                let (last, acc) = session.get_or_insert_with(|| (sample.time, self.rule.empty()));
                *last = sample.time;
                self.rule.add(acc, sample);
            }
            _ => {}
        }
    }

    /// What the events of a sliding window add up to: those that were folded, and the rows before `end`.
    #[inline]
    pub(crate) fn slide(&self, folded: Option<&Folded>, rows: Rows<'_>, end: usize, edge: Edge) -> Acc {
        let mut acc = match folded {
            Some(Folded::Tiles(tiles)) => self.since(tiles, edge.tile),
            _ => self.rule.empty(),
        };
        let passing = (edge.row..end).filter(|place| self.passes(rows.bits(*place)));
        self.rule.add_all(&mut acc, passing.map(|place| self.sample(rows, place)));
        acc
    }

    /// What the events before `time` add up to over a span that does not slide. None where it holds
    /// nothing by definition (no closed period, no open session).
    pub(crate) fn read(&self, folded: Option<&Folded>, rows: Rows<'_>, end: usize, time: i64) -> Option<Acc> {
        let mut now = folded.cloned().unwrap_or_else(|| self.empty());
        for place in 0..end {
            self.fold(&mut now, rows, place);
        }
        match (now, self.span) {
            (Folded::Lifetime(acc), _) => Some(acc),
            (Folded::Tumbling(periods), Span::Tumbling(period)) => {
                let closed = period.index(enliven_types::Timestamp(time)) - 1;
                periods.into_iter().flatten().find(|(number, _)| *number == closed).map(|(_, acc)| acc)
            }
            (Folded::Session(Some((last, acc))), Span::Session(gap_ms)) => {
                (time.saturating_sub(last) < gap_ms).then_some(acc)
            }
            _ => None,
        }
    }

    /// What the tiles from `tail` on add up to.
    fn since(&self, tiles: &[(i64, Acc)], tail: i64) -> Acc {
        let first = tiles.partition_point(|(tile, _)| *tile < tail);
        if self.rule.is_invertible() {
            let Some((_, total)) = tiles.last().filter(|_| first < tiles.len()) else { return self.rule.empty() };
            let mut acc = total.clone();
            if let Some((_, before)) = first.checked_sub(1).map(|place| &tiles[place]) {
                self.rule.without(&mut acc, before);
            }
            return acc;
        }
        let mut acc = self.rule.empty();
        for (_, later) in &tiles[first..] {
            self.rule.merge(&mut acc, later);
        }
        acc
    }
}

/// Whole tiles and periods that were added up elsewhere.
impl Slot {
    /// Adds what the passing events of a tile or period add up to, which come after all that was folded
    /// before: the same as folding these events.
    pub(crate) fn append(&self, folded: &mut Folded, number: i64, tile: &Acc) {
        match (folded, self.span) {
            (Folded::Lifetime(acc), _) => self.rule.merge(acc, tile),
            (Folded::Tiles(tiles), Span::Tiles { tile_ms, keep_ms }) => {
                let before = tiles.last().filter(|_| self.rule.is_invertible());
                let mut acc = before.map_or_else(|| self.rule.empty(), |(_, total)| total.clone());
                self.rule.merge(&mut acc, tile);
                drop_stale(tiles, number, keep_ms.div_euclid(tile_ms));
                tiles.push((number, acc));
            }
            (Folded::Tumbling([earlier, later]), Span::Tumbling(_)) => {
                *earlier = later.take();
                *later = Some((number, tile.clone()));
            }
            _ => {}
        }
    }
}

/// Forgets tiles that no window can read any more. One tile before the oldest window stays: of a
/// running total it is what has to be taken off.
fn drop_stale(tiles: &mut Vec<(i64, Acc)>, newest: i64, keep: i64) {
    // A window that is read at or after the newest tile reaches back `keep` tiles and a part.
    let stale = tiles.partition_point(|(tile, _)| *tile < newest.saturating_sub(keep + 1));
    // Moving the rest costs as much as was forgotten, so that folding stays cheap on average.
    if stale > 1 && stale > tiles.len() / 2 {
        tiles.drain(..stale - 1);
    }
}
