//! What was folded in of one entity: lasting accumulators, and tiles.

use crate::accumulate::Acc;
use crate::rows::Rows;
use crate::slot::{Lasting, Slot, Span};
use crate::track::{Track, TrackRule};

/// How the slots of a view are folded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folding {
    /// The slots that do not slide.
    lasting: Vec<usize>,
    tracks: Vec<TrackRule>,
    /// Where each slot is.
    held: Vec<Held>,
}

#[derive(Clone, Copy, Debug)]
enum Held {
    Lasting(usize),
    Tiles { track: usize, member: usize },
}

/// What was folded in of an entity.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Folded {
    pub(crate) lasting: Box<[Lasting]>,
    /// So many of the rows are in the lasting accumulators, and are kept for sliding windows alone.
    pub(crate) lasted: usize,
    pub(crate) tracks: Box<[Track]>,
}

impl Folding {
    pub(crate) fn new(slots: &[Slot]) -> Folding {
        let mut folding = Folding::default();
        for (place, slot) in slots.iter().enumerate() {
            let held = if let Span::Tiles { tile_ms, .. } = slot.span {
                let found = folding.tracks.iter().position(|track| track.tile_ms() == tile_ms);
                let track = found.unwrap_or_else(|| {
                    folding.tracks.push(TrackRule::new(tile_ms));
                    folding.tracks.len() - 1
                });
                Held::Tiles { track, member: folding.tracks[track].add(place, slot) }
            } else {
                folding.lasting.push(place);
                Held::Lasting(folding.lasting.len() - 1)
            };
            folding.held.push(held);
        }
        folding
    }

    /// Whether any slot does not slide.
    pub(crate) fn has_lasting(&self) -> bool {
        !self.lasting.is_empty()
    }

    /// Whether any slot slides.
    pub(crate) fn has_tiles(&self) -> bool {
        !self.tracks.is_empty()
    }

    /// Of no events.
    pub(crate) fn empty(&self, slots: &[Slot]) -> Folded {
        Folded {
            lasting: self.lasting.iter().map(|slot| slots[*slot].empty()).collect(),
            lasted: 0,
            tracks: vec![Track::default(); self.tracks.len()].into_boxed_slice(),
        }
    }

    /// What is before this is read by no sliding window that ends at `time` or later.
    pub(crate) fn reach(&self, time: i64) -> i64 {
        self.tracks.iter().map(|track| track.reach(time)).min().unwrap_or(i64::MAX)
    }

    /// Whether the tiles of the first rows would take fewer bytes than these do, for windows that end at
    /// `time` or later.
    pub(crate) fn tiles_are_smaller(&self, rows: Rows<'_>, count: usize, bytes: usize, time: i64) -> bool {
        let all = |tiles: &dyn Fn(&TrackRule) -> usize| {
            let track = |track: &TrackRule| size_of::<Track>() + tiles(track) * track.tile_bytes();
            size_of::<Folded>() + self.tracks.iter().map(track).sum::<usize>()
        };
        // Looking at each row is not worth while where even one tile is too large.
        all(&|_| 1) < bytes
            && all(&|track| track.tiles_of(rows, rows.first_at(track.reach(time)).min(count)..count)) < bytes
    }

    /// Whether what was folded is of the kinds that the slots fold.
    pub(crate) fn fits(&self, slots: &[Slot], folded: &Folded, rows: usize) -> bool {
        folded.lasted <= rows
            && folded.lasting.len() == self.lasting.len()
            && self.lasting.iter().zip(&folded.lasting).all(|(slot, lasting)| slots[*slot].makes(lasting))
            && folded.tracks.len() == self.tracks.len()
            && self.tracks.iter().zip(&folded.tracks).all(|(rule, track)| rule.fits(track))
    }
}

impl Folded {
    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        let lasting: usize = self.lasting.iter().map(Lasting::bytes).sum();
        size_of::<Folded>() + lasting + self.tracks.iter().map(Track::bytes).sum::<usize>()
    }

    /// Adds the rows up to `end` to the lasting accumulators.
    pub(crate) fn last(&mut self, folding: &Folding, slots: &[Slot], rows: Rows<'_>, end: usize) {
        for (slot, lasting) in folding.lasting.iter().zip(&mut self.lasting) {
            for place in self.lasted..end {
                slots[*slot].fold(lasting, rows, place);
            }
        }
        self.lasted = self.lasted.max(end);
    }

    /// Adds the first rows to the tiles, as far as windows that end at `time` or later read them.
    pub(crate) fn tile(&mut self, folding: &Folding, slots: &[Slot], rows: Rows<'_>, count: usize, time: i64) {
        for (rule, track) in folding.tracks.iter().zip(&mut self.tracks) {
            let first = rows.first_at(rule.reach(time));
            track.add(rule, slots, rows, first.min(count)..count);
        }
    }

    /// Adds what the passing events of a tile or period add up to, for one slot: the same as adding these
    /// events, which come after all before.
    pub(crate) fn append(&mut self, folding: &Folding, slots: &[Slot], slot: usize, number: i64, sum: &Acc) {
        match folding.held[slot] {
            Held::Lasting(place) => slots[slot].append(&mut self.lasting[place], number, sum),
            Held::Tiles { track, member } => {
                self.tracks[track].append(&folding.tracks[track], member, number, sum);
            }
        }
    }

    /// The tiles of a slot, if it slides, from a number on.
    pub(crate) fn tiles_from(&self, folding: &Folding, slot: usize, number: i64) -> Vec<(i64, Acc)> {
        match folding.held[slot] {
            Held::Lasting(_) => Vec::new(),
            Held::Tiles { track, member } => self.tracks[track].tiles_from(&folding.tracks[track], member, number),
        }
    }

    /// A slot's lasting accumulator.
    pub(crate) fn lasting(&self, folding: &Folding, slot: usize) -> Option<&Lasting> {
        match folding.held[slot] {
            Held::Lasting(place) => self.lasting.get(place),
            Held::Tiles { .. } => None,
        }
    }

    /// What the tiles of a slot from a number on add up to.
    pub(crate) fn since(&self, folding: &Folding, slot: usize, tile: i64) -> Option<Acc> {
        match folding.held[slot] {
            Held::Lasting(_) => None,
            Held::Tiles { track, member } => Some(self.tracks[track].since(&folding.tracks[track], member, tile)),
        }
    }
}
