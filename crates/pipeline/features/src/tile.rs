//! The timeline of one entity: tiles in order of time, each with what its events add and what all
//! events up to it add up to.

use crate::Window;
use crate::view::{Lane, LaneKind};

/// Fixed-point one of a weighted mean's weights.
const ONE: i128 = 1 << 40;

/// What a lane's events in one tile are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Gathered {
    /// Events that pass the filter.
    passed: i64,
    /// Events that do not.
    failed: i64,
    /// The sum of the values of those that pass.
    sum: i128,
}

/// What all tiles up to one make of a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Total {
    count: i64,
    sum: i128,
    /// Numerator and denominator of the weighted mean, in 2^-40.
    weighted: (i128, i128),
    streak: i64,
    /// The index of the latest tile with an event that passes.
    last: Option<i64>,
}

#[derive(Clone, Debug)]
struct Tile {
    index: i64,
    gathered: Vec<Gathered>,
    totals: Vec<Total>,
}

/// The tiles of one entity.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    tiles: Vec<Tile>,
}

impl Timeline {
    /// Adds one event: for each lane whether it passes, and its value.
    pub(crate) fn add(&mut self, index: i64, lanes: &[Lane], passes: &[(bool, i64)]) {
        let place = match self.tiles.binary_search_by_key(&index, |tile| tile.index) {
            Ok(place) => place,
            Err(place) => {
                let blank = Tile {
                    index,
                    gathered: vec![Gathered::default(); lanes.len()],
                    totals: vec![Total::default(); lanes.len()],
                };
                self.tiles.insert(place, blank);
                place
            }
        };
        for (gathered, (passed, value)) in self.tiles[place].gathered.iter_mut().zip(passes) {
            if *passed {
                gathered.passed += 1;
                gathered.sum += i128::from(*value);
            } else {
                gathered.failed += 1;
            }
        }
        self.add_up(place, lanes);
    }

    /// Recomputes the totals from tile `from` on; one tile, unless the event is late.
    fn add_up(&mut self, from: usize, lanes: &[Lane]) {
        for place in from..self.tiles.len() {
            for (lane, rule) in lanes.iter().enumerate() {
                let before = if place == 0 { Total::default() } else { self.tiles[place - 1].totals[lane] };
                let tile = &mut self.tiles[place];
                tile.totals[lane] = add(before, tile.gathered[lane], tile.index, &rule.kind);
            }
        }
    }

    /// How many tiles are closed before tile `end`.
    fn closed(&self, end: i64) -> usize {
        self.tiles.partition_point(|tile| tile.index < end)
    }

    fn total(&self, lane: usize, end: i64) -> Total {
        match self.closed(end) {
            0 => Total::default(),
            count => self.tiles[count - 1].totals[lane],
        }
    }

    /// Count and sum over a window that ends before tile `end`.
    pub(crate) fn window(&self, lane: usize, window: Window, tile_ms: i64, end: i64) -> (i64, i128) {
        let now = self.total(lane, end);
        let before = match window {
            Window::Lifetime => Total::default(),
            Window::Sliding(length) => self.total(lane, end.saturating_sub(length / tile_ms)),
        };
        (now.count - before.count, now.sum - before.sum)
    }

    /// Numerator and denominator of the weighted mean before tile `end`.
    pub(crate) fn weighted(&self, lane: usize, end: i64) -> (i128, i128) {
        self.total(lane, end).weighted
    }

    /// The current run before tile `end`.
    pub(crate) fn streak(&self, lane: usize, end: i64) -> i64 {
        self.total(lane, end).streak
    }

    /// The latest tile before `end` with an event that passes.
    pub(crate) fn last(&self, lane: usize, end: i64) -> Option<i64> {
        self.total(lane, end).last
    }
}

fn add(before: Total, gathered: Gathered, index: i64, kind: &LaneKind) -> Total {
    let mut total = before;
    total.count += gathered.passed;
    total.sum += gathered.sum;
    if gathered.passed > 0 {
        total.last = Some(index);
    }
    match kind {
        LaneKind::Sum => {}
        LaneKind::Streak if gathered.failed > 0 => total.streak = 0,
        LaneKind::Streak => total.streak += gathered.passed,
        LaneKind::Weighted(decay) => {
            // The events of one tile have no order: each enters as the tile's mean.
            for _ in 0..gathered.passed {
                let mean = gathered.sum * ONE / i128::from(gathered.passed);
                let keep = |weight: i128| weight * i128::from(*decay) / 1000;
                total.weighted = (keep(total.weighted.0) + mean, keep(total.weighted.1) + ONE);
            }
        }
    }
    total
}
