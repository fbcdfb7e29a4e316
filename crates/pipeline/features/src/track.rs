//! The tiles of one entity: all slots with one length of tile share a list of words.

use crate::accumulate::{Acc, Rule};
use crate::rows::Rows;
use crate::slot::{Slot, Span};

/// Bytes of a large accumulator: of a sketch of a few values, with what it has allocated.
const LARGE: usize = 128;

/// What a tile holds of the slots with its length.
#[derive(Clone, Debug)]
pub(crate) struct TrackRule {
    tile_ms: i64,
    /// The longest window that reads them.
    keep_ms: i64,
    members: Vec<Member>,
    /// Words of a tile: its number, and what fits into words of each slot.
    stride: usize,
    /// Accumulators of a tile that do not.
    large: usize,
}

/// One slot's part of a tile.
#[derive(Clone, Copy, Debug)]
struct Member {
    slot: usize,
    rule: Rule,
    at: At,
}

/// Where it lies in a tile.
#[derive(Clone, Copy, Debug)]
enum At {
    /// From this word on.
    Words(usize),
    /// Among the large accumulators.
    Large(usize),
}

/// Tiles in the order of their numbers. Of an invertible rule each holds the total up to its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Track {
    pub(crate) words: Vec<i64>,
    pub(crate) large: Vec<Acc>,
}

impl TrackRule {
    pub(crate) fn new(tile_ms: i64) -> TrackRule {
        TrackRule { tile_ms, keep_ms: 0, members: Vec::new(), stride: 1, large: 0 }
    }

    pub(crate) fn tile_ms(&self) -> i64 {
        self.tile_ms
    }

    /// Takes a slot in; gives its place among the members.
    pub(crate) fn add(&mut self, place: usize, slot: &Slot) -> usize {
        if let Span::Tiles { keep_ms, .. } = slot.span {
            self.keep_ms = self.keep_ms.max(keep_ms);
        }
        let at = match slot.rule.width() {
            Some(width) => {
                self.stride += width;
                At::Words(self.stride - width)
            }
            None => {
                self.large += 1;
                At::Large(self.large - 1)
            }
        };
        self.members.push(Member { slot: place, rule: slot.rule, at });
        self.members.len() - 1
    }

    /// What is before this is read by no window that ends at `time` or later.
    pub(crate) fn reach(&self, time: i64) -> i64 {
        time.saturating_sub(self.keep_ms).div_euclid(self.tile_ms).saturating_mul(self.tile_ms)
    }

    /// In how many tiles rows lie.
    pub(crate) fn tiles_of(&self, rows: Rows<'_>, places: std::ops::Range<usize>) -> usize {
        let (mut tiles, mut last) = (0, None);
        for place in places {
            let tile = rows.time(place).div_euclid(self.tile_ms);
            tiles += usize::from(last != Some(tile));
            last = Some(tile);
        }
        tiles
    }

    /// About how many bytes a tile takes.
    pub(crate) fn tile_bytes(&self) -> usize {
        self.stride * size_of::<i64>() + self.large * LARGE
    }

    /// Whether a track can be one of these tiles.
    pub(crate) fn fits(&self, track: &Track) -> bool {
        let tiles = track.words.len() / self.stride;
        let numbers = track.words.iter().step_by(self.stride);
        let rules: Vec<Rule> =
            self.members.iter().filter(|one| matches!(one.at, At::Large(_))).map(|one| one.rule).collect();
        track.words.len().is_multiple_of(self.stride)
            && track.large.len() == tiles * self.large
            && numbers.is_sorted_by(|one, other| one < other)
            && track.large.iter().zip(rules.iter().cycle()).all(|(acc, rule)| rule.makes(acc))
    }
}

impl Track {
    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        let large: usize = self.large.iter().map(Acc::bytes).sum();
        size_of::<Track>() + self.words.len() * size_of::<i64>() + large
    }

    fn len(&self, rule: &TrackRule) -> usize {
        self.words.len() / rule.stride
    }

    fn number(&self, rule: &TrackRule, place: usize) -> i64 {
        self.words[place * rule.stride]
    }

    /// The first tile with this number or a later one.
    fn first_at(&self, rule: &TrackRule, number: i64) -> usize {
        let (mut low, mut high) = (0, self.len(rule));
        while low < high {
            let middle = low.midpoint(high);
            if self.number(rule, middle) < number { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn get(&self, rule: &TrackRule, member: Member, place: usize) -> Acc {
        match member.at {
            At::Words(at) => member.rule.acc_of(&self.words[place * rule.stride + at..]),
            At::Large(at) => self.large[place * rule.large + at].clone(),
        }
    }

    /// Adds rows, which come after all that was added before.
    pub(crate) fn add(&mut self, rule: &TrackRule, slots: &[Slot], rows: Rows<'_>, places: std::ops::Range<usize>) {
        for place in places {
            let number = rows.time(place).div_euclid(rule.tile_ms);
            if self.len(rule).checked_sub(1).is_none_or(|last| self.number(rule, last) != number) {
                self.push(rule, number);
            }
            let last = self.len(rule) - 1;
            for member in &rule.members {
                let slot = &slots[member.slot];
                if !slot.passes(rows.bits(place)) {
                    continue;
                }
                let sample = slot.sample(rows, place);
                self.change(rule, *member, last, |acc| member.rule.add(acc, sample));
            }
        }
    }

    /// Adds what the passing events of the latest tile or a later one add up to, for the member at `place`.
    pub(crate) fn append(&mut self, rule: &TrackRule, place: usize, number: i64, sum: &Acc) {
        if self.len(rule).checked_sub(1).is_none_or(|last| self.number(rule, last) != number) {
            self.push(rule, number);
        }
        let (member, last) = (rule.members[place], self.len(rule) - 1);
        self.change(rule, member, last, |acc| member.rule.merge(acc, sum));
    }

    /// Changes what a tile holds of a member.
    fn change(&mut self, rule: &TrackRule, member: Member, place: usize, change: impl FnOnce(&mut Acc)) {
        match member.at {
            At::Words(at) => {
                let words = &mut self.words[place * rule.stride + at..];
                let mut acc = member.rule.acc_of(words);
                change(&mut acc);
                member.rule.to_words(&acc, words);
            }
            At::Large(at) => change(&mut self.large[place * rule.large + at]),
        }
    }

    /// The tiles from a number on that hold something of the member at `place`; totals if it is invertible.
    pub(crate) fn tiles_from(&self, rule: &TrackRule, place: usize, number: i64) -> Vec<(i64, Acc)> {
        let member = rule.members[place];
        let tiles = self.first_at(rule, number)..self.len(rule);
        let tiles = tiles.map(|tile| (self.number(rule, tile), self.get(rule, member, tile)));
        tiles.filter(|(_, acc)| *acc != member.rule.empty()).collect()
    }

    /// Begins a tile.
    fn push(&mut self, rule: &TrackRule, number: i64) {
        self.drop_stale(rule, number);
        let before = self.len(rule).checked_sub(1);
        let start = self.words.len();
        if self.words.capacity() < start + rule.stride {
            // Doubling would leave half of it empty for as long as an entity has so many tiles.
            self.words.reserve_exact((start / 4).max(rule.stride));
        }
        self.words.resize(start + rule.stride, 0);
        self.words[start] = number;
        for member in &rule.members {
            let running = before.filter(|_| member.rule.is_invertible());
            let acc = running.map_or_else(|| member.rule.empty(), |before| self.get(rule, *member, before));
            match member.at {
                At::Words(at) => member.rule.to_words(&acc, &mut self.words[start + at..]),
                At::Large(_) => self.large.push(acc),
            }
        }
    }

    /// Forgets tiles that no window can read any more. One tile before the oldest window stays: of a
    /// running total it is what has to be taken off.
    fn drop_stale(&mut self, rule: &TrackRule, newest: i64) {
        // A window that is read at or after the newest tile reaches back `keep` tiles and a part.
        let keep = rule.keep_ms.div_euclid(rule.tile_ms);
        let stale = self.first_at(rule, newest.saturating_sub(keep + 1));
        // Moving the rest costs a few times what was forgotten, so that folding stays cheap on average.
        if stale > 1 && stale > self.len(rule) / 4 {
            self.words.drain(..(stale - 1) * rule.stride);
            self.large.drain(..(stale - 1) * rule.large);
        }
    }

    /// What the tiles from a number on add up to, of the member at `place`.
    pub(crate) fn since(&self, rule: &TrackRule, place: usize, number: i64) -> Acc {
        let member = rule.members[place];
        let (first, tiles) = (self.first_at(rule, number), self.len(rule));
        if first == tiles {
            return member.rule.empty();
        }
        if member.rule.is_invertible() {
            let mut acc = self.get(rule, member, tiles - 1);
            if let Some(before) = first.checked_sub(1) {
                member.rule.without(&mut acc, &self.get(rule, member, before));
            }
            return acc;
        }
        let mut acc = self.get(rule, member, first);
        for tile in first + 1..tiles {
            match member.at {
                At::Words(_) => member.rule.merge(&mut acc, &self.get(rule, member, tile)),
                At::Large(at) => member.rule.merge(&mut acc, &self.large[tile * rule.large + at]),
            }
        }
        acc
    }
}
