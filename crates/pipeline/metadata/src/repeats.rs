//! Finds what repeats in rows of pixels: runs, what equals the row above, and what was seen lately;
//! and takes the cheapest way through each row.

use enliven_types::deflate::{MAX_COPY, MAX_DISTANCE, MIN_COPY, Tokens, equal, extra_bits};

/// What tokens cost, in bits, before the tables are known (measured on cards).
const LITERAL_COST: u32 = 7;
const RUN_COST: u32 = 5;
const COPY_COST: u32 = 6;

/// A copy of so many pixels is taken without a look at other ways.
const LONG: usize = 4;

const HASH_BITS: u32 = 12;
/// How many bytes must be equal before a place is looked at.
const HASHED: usize = 4;

/// Finds the cheapest tokens for one row after the other.
pub(crate) struct Finder<'a> {
    bytes: &'a [u8],
    stride: usize,
    /// Bytes of a pixel.
    unit: usize,
    /// The cost of a copy from the row above.
    above_cost: u32,
    /// Where four bytes were seen last, plus one.
    seen: Vec<u32>,
    /// For each byte of the row that was reached: the cost to get there, and the step that did.
    steps: Vec<Step>,
    /// One bit for each byte that was reached and is still to be visited.
    open: Vec<u64>,
}

#[derive(Clone, Copy)]
struct Step {
    cost: u32,
    /// 0 for a literal.
    length: u32,
    distance: u32,
}

const START: Step = Step { cost: 0, length: 0, distance: 0 };

/// An interval in which each byte equals the one at a distance before it.
#[derive(Clone, Copy, Default)]
struct Same {
    start: usize,
    end: usize,
}

impl<'a> Finder<'a> {
    pub(crate) fn new(bytes: &'a [u8], stride: usize, unit: usize) -> Finder<'a> {
        Finder {
            bytes,
            stride,
            unit,
            above_cost: copy_cost(stride),
            seen: vec![0; 1 << HASH_BITS],
            steps: vec![START; stride + 1],
            open: vec![0; stride / 64 + 1],
        }
    }

    /// Adds the tokens of the row that begins at `start`.
    pub(crate) fn row(&mut self, start: usize, tokens: &mut Tokens) {
        let end = start + self.stride;
        self.steps[0] = START;
        self.open[0] = 1;
        let (mut run, mut above) = (Same::default(), Same::default());
        for word in 0..self.open.len() {
            while self.open[word] != 0 {
                let index = 64 * word + self.open[word].trailing_zeros() as usize;
                self.open[word] &= self.open[word] - 1;
                if index < self.stride {
                    (run, above) = self.visit(start, start + index, end, run, above);
                }
            }
        }
        self.take(start, end, tokens);
    }

    /// Tries all ways on from `at`; returns what is known of the runs there.
    #[inline]
    fn visit(&mut self, start: usize, at: usize, end: usize, run: Same, above: Same) -> (Same, Same) {
        let cost = self.steps[at - start].cost;
        let run = self.same(run, at, end, self.unit);
        let above = self.same(above, at, end, self.stride);
        let (run_length, above_length) = (run.end - at, above.end - at);
        if run_length >= MIN_COPY {
            self.reach(run.end - start, cost + RUN_COST * tokens_of(run_length), run_length, self.unit);
        }
        if above_length >= MIN_COPY {
            let cost = cost + self.above_cost * tokens_of(above_length);
            self.reach(above.end - start, cost, above_length, self.stride);
        }
        // Where a long copy begins, no other way can be cheaper by much.
        let longest = run_length.max(above_length);
        if longest < LONG * self.unit {
            self.reach(at + 1 - start, cost + LITERAL_COST, 0, 0);
            if longest < MIN_COPY {
                self.look_back(start, at, end, cost);
            }
        }
        (run, above)
    }

    /// The interval around `at`, if `known` is not it already.
    #[inline]
    fn same(&self, known: Same, at: usize, end: usize, distance: usize) -> Same {
        if known.start <= at && at < known.end {
            return known;
        }
        match at.checked_sub(distance) {
            Some(from) if self.bytes[from] == self.bytes[at] => {
                Same { start: at, end: at + equal(&self.bytes[at..end], &self.bytes[from..]) }
            }
            _ => Same { start: at, end: at },
        }
    }

    /// Tries the place where the next bytes were seen last.
    fn look_back(&mut self, start: usize, at: usize, end: usize, cost: u32) {
        let Some(key) = self.bytes[at..end].first_chunk::<HASHED>() else { return };
        let slot = (u32::from_le_bytes(*key).wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)) as usize;
        let place = std::mem::replace(&mut self.seen[slot], at as u32 + 1) as usize;
        if place == 0 || at + 1 - place > MAX_DISTANCE || self.bytes[place - 1..].first_chunk() != Some(key) {
            return;
        }
        let distance = at + 1 - place;
        let length = equal(&self.bytes[at..end], &self.bytes[place - 1..]);
        self.reach(at + length - start, cost + copy_cost(distance) * tokens_of(length), length, distance);
    }

    #[inline]
    fn reach(&mut self, index: usize, cost: u32, length: usize, distance: usize) {
        let (word, bit) = (index / 64, 1 << (index % 64));
        if self.open[word] & bit == 0 || cost < self.steps[index].cost {
            self.open[word] |= bit;
            self.steps[index] = Step { cost, length: length as u32, distance: distance as u32 };
        }
    }

    /// Walks the cheapest way back, and then writes it down from its beginning.
    fn take(&mut self, start: usize, end: usize, tokens: &mut Tokens) {
        let mut index = end - start;
        let mut next = START;
        // Turn the links around in place.
        while index > 0 {
            std::mem::swap(&mut self.steps[index], &mut next);
            index -= (next.length as usize).max(1);
        }
        self.steps[0] = next;
        while index < end - start {
            let step = self.steps[index];
            match step.length {
                0 => tokens.literal(self.bytes[start + index]),
                length => tokens.copy(length as usize, step.distance as usize),
            }
            index += (step.length as usize).max(1);
        }
    }
}

#[inline]
fn tokens_of(length: usize) -> u32 {
    length.div_ceil(MAX_COPY) as u32
}

#[inline]
fn copy_cost(distance: usize) -> u32 {
    COPY_COST + extra_bits(distance)
}
