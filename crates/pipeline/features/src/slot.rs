//! Accumulators over time: since ever, by tiles, by period, by session.
//!
//! A slot is fed in the total order of events. What it gives for a window does not depend on whether
//! an event is still a row or has been folded in: both count from the same tile border on.

use enliven_types::{Period, Timestamp};

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

/// What was folded into a slot that does not slide.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Lasting {
    Lifetime(Acc),
    /// The two latest periods with events, the later one last.
    Tumbling(Box<[Option<(i64, Acc)>; 2]>),
    /// The time of the latest event, and its session.
    Session(Option<(i64, Acc)>),
}

impl Lasting {
    /// About how many bytes it takes, with what it has allocated.
    pub(crate) fn bytes(&self) -> usize {
        let of = |entry: &(i64, Acc)| size_of::<i64>() + entry.1.bytes();
        size_of::<Lasting>()
            + match self {
                Lasting::Lifetime(acc) => acc.bytes(),
                Lasting::Tumbling(periods) => periods.iter().flatten().map(of).sum(),
                Lasting::Session(session) => session.iter().map(of).sum(),
            }
    }
}

/// Where a sliding window begins: with a tile, and with the first row in that tile or after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) tile: i64,
    pub(crate) row: usize,
}

impl Edge {
    /// Of a window of a length that ends at `time`.
    pub(crate) fn new(tile_ms: i64, window_ms: i64, time: i64, rows: Rows<'_>) -> Edge {
        let tile = time.saturating_sub(window_ms).div_euclid(tile_ms);
        Edge { tile, row: rows.first_at(tile.saturating_mul(tile_ms)) }
    }
}

impl Slot {
    /// Of no events; of a slot that does not slide.
    pub(crate) fn empty(&self) -> Lasting {
        match self.span {
            Span::Lifetime | Span::Tiles { .. } => Lasting::Lifetime(self.rule.empty()),
            Span::Tumbling(_) => Lasting::Tumbling(Box::new([None, None])),
            Span::Session(_) => Lasting::Session(None),
        }
    }

    /// Whether the slot folds such a thing.
    pub(crate) fn makes(&self, lasting: &Lasting) -> bool {
        let same = |entry: &(i64, Acc)| self.rule.makes(&entry.1);
        match (lasting, self.span) {
            (Lasting::Lifetime(acc), Span::Lifetime) => self.rule.makes(acc),
            (Lasting::Tumbling(periods), Span::Tumbling(_)) => periods.iter().flatten().all(same),
            (Lasting::Session(session), Span::Session(_)) => session.iter().all(same),
            _ => false,
        }
    }

    /// Whether a row passes the filter.
    pub(crate) fn passes(&self, bits: u64) -> bool {
        self.filter.is_none_or(|bit| bits >> bit & 1 == 1)
    }

    #[inline]
    pub(crate) fn sample(&self, rows: Rows<'_>, place: usize) -> Sample {
        let value = self.value.map_or(0, |index| rows.value(place, index));
        Sample { time: rows.time(place), value }
    }

    /// Adds the row at `place`, which comes after all that was folded before.
    pub(crate) fn fold(&self, lasting: &mut Lasting, rows: Rows<'_>, place: usize) {
        if !self.passes(rows.bits(place)) {
            if let Lasting::Lifetime(acc) = lasting {
                self.rule.fail(acc);
            }
            return;
        }
        let sample = self.sample(rows, place);
        match (lasting, self.span) {
            (Lasting::Lifetime(acc), _) => self.rule.add(acc, sample),
            (Lasting::Tumbling(periods), Span::Tumbling(period)) => {
                let [earlier, later] = &mut **periods;
                let number = period.index(Timestamp(sample.time));
                if later.as_ref().is_none_or(|(last, _)| *last != number) {
                    *earlier = later.take();
                }
                let (_, acc) = later.get_or_insert_with(|| (number, self.rule.empty()));
                self.rule.add(acc, sample);
            }
            (Lasting::Session(session), Span::Session(gap_ms)) => {
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

    /// What the events before `time` add up to over a span that does not slide: what was folded and
    /// the given rows. None where it holds nothing by definition (no closed period, no open session).
    pub(crate) fn read(
        &self,
        lasting: Option<&Lasting>,
        rows: Rows<'_>,
        places: std::ops::Range<usize>,
        time: i64,
    ) -> Option<Acc> {
        let mut now = lasting.cloned().unwrap_or_else(|| self.empty());
        for place in places {
            self.fold(&mut now, rows, place);
        }
        match (now, self.span) {
            (Lasting::Lifetime(acc), _) => Some(acc),
            (Lasting::Tumbling(periods), Span::Tumbling(period)) => {
                let closed = period.index(Timestamp(time)) - 1;
                periods.into_iter().flatten().find(|(number, _)| *number == closed).map(|(_, acc)| acc)
            }
            (Lasting::Session(Some((last, acc))), Span::Session(gap_ms)) => {
                (time.saturating_sub(last) < gap_ms).then_some(acc)
            }
            _ => None,
        }
    }

    /// Adds what the passing events of a tile or period add up to, which come after all that was folded
    /// before: the same as folding these events.
    pub(crate) fn append(&self, lasting: &mut Lasting, number: i64, sum: &Acc) {
        match lasting {
            Lasting::Lifetime(acc) => self.rule.merge(acc, sum),
            Lasting::Tumbling(periods) => {
                let [earlier, later] = &mut **periods;
                *earlier = later.take();
                *later = Some((number, sum.clone()));
            }
            Lasting::Session(_) => {}
        }
    }
}
