//! The timeline of one entity: tiles in order of time, each with what its events add and what all
//! events up to it add up to.
//!
//! A tile costs 8 bytes, and 64 more for each lane; lanes stand side by side in one list per entity.

use crate::Window;
use crate::view::{Lane, LaneKind};

/// Fixed-point one of a weighted mean's weights.
const ONE: i128 = 1 << 40;

/// A 128-bit sum that asks for no more than the alignment of its halves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wide([u64; 2]);

impl Wide {
    fn new(value: i128) -> Wide {
        Wide([value as u64, (value >> 64) as u64])
    }

    fn get(self) -> i128 {
        i128::from(self.0[1] as i64) << 64 | i128::from(self.0[0])
    }
}

/// What a lane's events in one tile are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Gathered {
    /// Events that pass the filter.
    passed: u32,
    /// Events that do not.
    failed: u32,
    /// The sum of the values of those that pass.
    sum: Wide,
}

/// What all tiles up to one make of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Total {
    /// Count and sum of the events that pass, and the latest tile with one.
    Sum { count: u32, sum: Wide, last: Option<Index> },
    /// Numerator and denominator of the weighted mean, in 2^-40.
    Weighted { above: Wide, below: Wide },
    /// The run of events that pass.
    Streak(u32),
}

/// A tile's number, never zero, so that an `Option` of it costs no more.
type Index = std::num::NonZeroI64;

/// The tiles of one entity.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    /// The numbers of the tiles, in order.
    tiles: Vec<i64>,
    /// For each tile, one entry per lane.
    gathered: Vec<Gathered>,
    totals: Vec<Total>,
    lanes: usize,
}

impl Timeline {
    /// Adds one event: for each lane whether it passes, and its value.
    pub(crate) fn add(&mut self, index: i64, lanes: &[Lane], passes: &[(bool, i64)]) {
        self.lanes = lanes.len();
        let place = match self.tiles.binary_search(&index) {
            Ok(place) => place,
            Err(place) => {
                self.make_room();
                self.tiles.insert(place, index);
                let at = place * self.lanes;
                self.gathered.splice(at..at, std::iter::repeat_n(Gathered::default(), self.lanes));
                self.totals.splice(at..at, lanes.iter().map(|lane| blank(&lane.kind)));
                place
            }
        };
        let at = place * self.lanes;
        for (gathered, (passed, value)) in self.gathered[at..at + self.lanes].iter_mut().zip(passes) {
            if *passed {
                gathered.passed = gathered.passed.saturating_add(1);
                gathered.sum = Wide::new(gathered.sum.get() + i128::from(*value));
            } else {
                gathered.failed = gathered.failed.saturating_add(1);
            }
        }
        self.add_up(place, lanes);
    }

    /// Lists grow by an eighth at a time: most of a state is timelines, and doubling wastes half.
    fn make_room(&mut self) {
        if self.totals.len() + self.lanes > self.totals.capacity() {
            let more = (self.tiles.len() / 8 + 1) * self.lanes;
            self.gathered.reserve_exact(more);
            self.totals.reserve_exact(more);
        }
    }

    /// Recomputes the totals from tile `from` on; one tile, unless the event is late.
    fn add_up(&mut self, from: usize, lanes: &[Lane]) {
        for place in from..self.tiles.len() {
            for (lane, rule) in lanes.iter().enumerate() {
                let at = place * self.lanes + lane;
                let before = if place == 0 { blank(&rule.kind) } else { self.totals[at - self.lanes] };
                self.totals[at] = add(before, self.gathered[at], self.tiles[place], &rule.kind);
            }
        }
    }

    /// What the tiles before tile `end` make of a lane; none if there are none.
    fn total(&self, lane: usize, end: i64) -> Option<Total> {
        let closed = self.tiles.partition_point(|tile| *tile < end);
        let last = closed.checked_sub(1)?;
        self.totals.get(last * self.lanes + lane).copied()
    }

    fn sum(&self, lane: usize, end: i64) -> (i64, i128, Option<i64>) {
        match self.total(lane, end) {
            Some(Total::Sum { count, sum, last }) => (i64::from(count), sum.get(), last.map(decode)),
            _ => (0, 0, None),
        }
    }

    /// Count and sum over a window that ends before tile `end`.
    pub(crate) fn window(&self, lane: usize, window: Window, tile_ms: i64, end: i64) -> (i64, i128) {
        let now = self.sum(lane, end);
        let before = match window {
            Window::Lifetime => (0, 0, None),
            Window::Sliding(length) => self.sum(lane, end.saturating_sub(length / tile_ms)),
        };
        (now.0 - before.0, now.1 - before.1)
    }

    /// Numerator and denominator of the weighted mean before tile `end`.
    pub(crate) fn weighted(&self, lane: usize, end: i64) -> (i128, i128) {
        match self.total(lane, end) {
            Some(Total::Weighted { above, below }) => (above.get(), below.get()),
            _ => (0, 0),
        }
    }

    /// The current run before tile `end`.
    pub(crate) fn streak(&self, lane: usize, end: i64) -> i64 {
        match self.total(lane, end) {
            Some(Total::Streak(run)) => i64::from(run),
            _ => 0,
        }
    }

    /// The latest tile before `end` with an event that passes.
    pub(crate) fn last(&self, lane: usize, end: i64) -> Option<i64> {
        self.sum(lane, end).2
    }
}

/// Shifts numbers from zero up by one, so that none of them is zero.
fn encode(index: i64) -> Option<Index> {
    Index::new(if index >= 0 { index.saturating_add(1) } else { index })
}

fn decode(index: Index) -> i64 {
    if index.get() > 0 { index.get() - 1 } else { index.get() }
}

fn blank(kind: &LaneKind) -> Total {
    match kind {
        LaneKind::Sum => Total::Sum { count: 0, sum: Wide::default(), last: None },
        LaneKind::Weighted(_) => Total::Weighted { above: Wide::default(), below: Wide::default() },
        LaneKind::Streak => Total::Streak(0),
    }
}

fn add(before: Total, gathered: Gathered, index: i64, kind: &LaneKind) -> Total {
    match (before, kind) {
        (Total::Sum { count, sum, last }, _) => Total::Sum {
            count: count.saturating_add(gathered.passed),
            sum: Wide::new(sum.get() + gathered.sum.get()),
            last: if gathered.passed > 0 { encode(index) } else { last },
        },
        (Total::Streak(_), _) if gathered.failed > 0 => Total::Streak(0),
        (Total::Streak(run), _) => Total::Streak(run.saturating_add(gathered.passed)),
        (Total::Weighted { above, below }, LaneKind::Weighted(decay)) => {
            let (mut above, mut below) = (above.get(), below.get());
            // The events of one tile have no order: each enters as the tile's mean.
            for _ in 0..gathered.passed {
                let keep = |weight: i128| weight * i128::from(*decay) / 1000;
                above = keep(above) + gathered.sum.get() * ONE / i128::from(gathered.passed);
                below = keep(below) + ONE;
            }
            Total::Weighted { above: Wide::new(above), below: Wide::new(below) }
        }
        (before, _) => before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_stated() {
        assert_eq!((size_of::<Gathered>(), size_of::<Total>()), (24, 40));
    }

    #[test]
    fn wide_and_index_round_trip() {
        for value in [0, 1, -1, i128::from(i64::MAX) + 5, i128::from(i64::MIN) - 5, i128::MAX, i128::MIN] {
            assert_eq!(Wide::new(value).get(), value);
        }
        for index in [0, 1, -1, i64::MIN, i64::MAX - 1] {
            assert_eq!(encode(index).map(decode), Some(index));
        }
    }
}
