//! The latest events of entities, as rows of whole numbers in their total order.
//!
//! Most of a state is rows, so all entities of a view share one list of words: no allocation for each
//! of a million short lists, and an entity costs eight bytes beside its rows.

/// What a row holds: time, tie, one word of bits if there are filters, values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    filtered: bool,
    stride: usize,
}

impl Layout {
    pub(crate) fn new(filtered: bool, values: usize) -> Layout {
        Layout { filtered, stride: 2 + usize::from(filtered) + values }
    }

    /// The bytes of so many rows.
    pub(crate) fn bytes(self, rows: usize) -> usize {
        rows * self.stride * size_of::<i64>()
    }
}

/// The rows of one entity, in the order of (time, tie).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    words: &'a [i64],
    len: usize,
    layout: Layout,
}

impl<'a> Rows<'a> {
    /// Rows that lie side by side in a list of words.
    pub(crate) fn new(words: &'a [i64], layout: Layout) -> Rows<'a> {
        Rows { words, len: words.len() / layout.stride, layout }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn time(&self, place: usize) -> i64 {
        self.words[place * self.layout.stride]
    }

    pub(crate) fn tie(&self, place: usize) -> i64 {
        self.words[place * self.layout.stride + 1]
    }

    /// One bit for each filter that the event passes.
    pub(crate) fn bits(&self, place: usize) -> u64 {
        if self.layout.filtered { self.words[place * self.layout.stride + 2] as u64 } else { 0 }
    }

    pub(crate) fn value(&self, place: usize, index: usize) -> i64 {
        self.words[place * self.layout.stride + 2 + usize::from(self.layout.filtered) + index]
    }

    /// The first row at or after `time`.
    #[inline]
    pub(crate) fn first_at(&self, time: i64) -> usize {
        let (mut low, mut high) = (0, self.len);
        if high == 0 || self.time(high - 1) < time {
            return high;
        }
        while low < high {
            let middle = low.midpoint(high);
            if self.time(middle) < time { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The place of the row with this time and tie.
    pub(crate) fn find(&self, time: i64, tie: i64) -> Option<usize> {
        (self.first_at(time)..self.len()).find(|place| (self.time(*place), self.tie(*place)) == (time, tie))
    }

    /// The place at which a row belongs: after those that are equal to it.
    fn place_of(&self, time: i64, tie: i64) -> usize {
        let mut place = self.len();
        while place > 0 && (self.time(place - 1), self.tie(place - 1)) > (time, tie) {
            place -= 1;
        }
        place
    }

    /// Whether the words are whole rows, in order.
    fn is_sound(&self) -> bool {
        let key = |place: usize| (self.time(place), self.tie(place));
        self.words.len().is_multiple_of(self.layout.stride) && (1..self.len()).all(|place| key(place - 1) <= key(place))
    }

    /// All words, for a snapshot or a copy.
    pub(crate) fn words(&self) -> &'a [i64] {
        self.words
    }
}

/// One event as a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) time: i64,
    pub(crate) tie: i64,
    pub(crate) bits: u64,
    pub(crate) values: &'a [i64],
}

impl Row<'_> {
    /// Writes the row over the words of its place.
    fn write(&self, words: &mut [i64], layout: Layout) {
        (words[0], words[1]) = (self.time, self.tie);
        if layout.filtered {
            words[2] = self.bits as i64;
        }
        words[2 + usize::from(layout.filtered)..].copy_from_slice(self.values);
    }

    /// Adds the row at its place to rows in a list of their own.
    pub(crate) fn insert_into(&self, words: &mut Vec<i64>, layout: Layout) {
        let at = Rows::new(words, layout).place_of(self.time, self.tie) * layout.stride;
        words.resize(words.len() + layout.stride, 0);
        let end = words.len() - layout.stride;
        words.copy_within(at..end, at + layout.stride);
        self.write(&mut words[at..at + layout.stride], layout);
    }
}

/// Where an entity's rows lie, in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Span {
    at: u32,
    len: u32,
}

/// Set in the length of a span whose rows are not in the arena.
const AWAY: u32 = 1 << 31;

impl Span {
    /// Of rows that were spilled to a place.
    pub(crate) fn away(place: u64) -> Span {
        Span { at: place as u32, len: (place >> 32) as u32 | AWAY }
    }

    /// Where the rows were spilled to; none if they are here.
    pub(crate) fn place(self) -> Option<u64> {
        (self.len & AWAY != 0).then(|| u64::from(self.len & !AWAY) << 32 | u64::from(self.at))
    }

    /// Whether one more row would need a larger room.
    pub(crate) fn is_full(self) -> bool {
        self.len == room(self.len)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.len == 0
    }

    pub(crate) fn len(self) -> usize {
        self.len as usize
    }
}

/// The rows of all entities. A span has room for as many rows as [`room`] says of its length.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arena {
    words: Vec<i64>,
    /// Places that are free again, by the class of their room.
    free: Vec<Vec<u32>>,
    /// Rows that there is room for, where it is taken.
    taken: usize,
}

/// For how many rows there is room where `len` lie: 3, 6, 12, 24 and so on. Doubling leaves the rooms
/// that entities grow out of behind; few and small ones, because most entities have few rows.
fn room(len: u32) -> u32 {
    if len == 0 { 0 } else { 3 * len.div_ceil(3).next_power_of_two() }
}

/// A number for each room but the empty one.
fn class(room: u32) -> usize {
    (room / 3).ilog2() as usize
}

impl Arena {
    pub(crate) fn rows(&self, span: Span, layout: Layout) -> Rows<'_> {
        let start = span.at as usize * layout.stride;
        Rows { words: &self.words[start..start + span.len() * layout.stride], len: span.len(), layout }
    }

    /// The bytes of the rooms that are taken.
    pub(crate) fn bytes(&self, layout: Layout) -> usize {
        layout.bytes(self.taken)
    }

    /// Forgets all rows of a span.
    pub(crate) fn clear(&mut self, span: &mut Span) {
        self.give_back(span.at, room(span.len));
        *span = Span::default();
    }

    /// Whether much room is free that entities with other numbers of rows left behind.
    pub(crate) fn is_sparse(&self) -> bool {
        let free: usize = self.free.iter().enumerate().map(|(class, places)| places.len() * (3 << class)).sum();
        free > self.taken / 4
    }

    /// Moves rows together, so that no room is free; `spans` are all that there are.
    pub(crate) fn compact<'s>(&mut self, spans: impl Iterator<Item = &'s mut Span>, layout: Layout) {
        let mut spans: Vec<&mut Span> = spans.filter(|span| !span.is_empty() && span.place().is_none()).collect();
        spans.sort_unstable_by_key(|span| span.at);
        let mut next = 0;
        for span in spans {
            let from = span.at as usize * layout.stride;
            self.words.copy_within(from..from + span.len() * layout.stride, next as usize * layout.stride);
            span.at = next;
            next += room(span.len);
        }
        self.words.truncate(next as usize * layout.stride);
        self.words.shrink_to_fit();
        self.free.clear();
        self.taken = next as usize;
    }

    fn take(&mut self, room: u32, layout: Layout) -> u32 {
        self.taken += room as usize;
        if let Some(at) = self.free.get_mut(class(room)).and_then(Vec::pop) {
            return at;
        }
        let at = self.words.len() / layout.stride;
        self.words.resize(self.words.len() + room as usize * layout.stride, 0);
        at as u32
    }

    fn give_back(&mut self, at: u32, room: u32) {
        if room == 0 {
            return;
        }
        self.taken -= room as usize;
        let class = class(room);
        if self.free.len() <= class {
            self.free.resize_with(class + 1, Vec::new);
        }
        self.free[class].push(at);
    }

    /// Moves `count` rows from `from` on to where there is room for `len`.
    fn move_to(&mut self, span: &mut Span, from: u32, count: u32, len: u32, layout: Layout) {
        let (old, new) = (room(span.len), room(len));
        let source = (span.at + from) as usize * layout.stride;
        let source = source..source + count as usize * layout.stride;
        if old == new {
            self.words.copy_within(source, span.at as usize * layout.stride);
            return;
        }
        let at = if new == 0 { 0 } else { self.take(new, layout) };
        self.words.copy_within(source, at as usize * layout.stride);
        self.give_back(span.at, old);
        span.at = at;
    }

    /// Adds a row at its place; of equal rows the new one comes last.
    pub(crate) fn insert(&mut self, span: &mut Span, row: Row<'_>, layout: Layout) {
        let place = self.rows(*span, layout).place_of(row.time, row.tie);
        let len = span.len + 1;
        if room(span.len) < len {
            self.move_to(span, 0, span.len, len, layout);
        }
        let start = span.at as usize * layout.stride;
        let (at, end) = (start + place * layout.stride, start + span.len() * layout.stride);
        if at < end {
            self.words.copy_within(at..end, at + layout.stride);
        }
        row.write(&mut self.words[at..at + layout.stride], layout);
        span.len = len;
    }

    /// Takes out the row at `place`.
    pub(crate) fn remove(&mut self, span: &mut Span, place: usize, layout: Layout) {
        let start = span.at as usize * layout.stride;
        let at = start + place * layout.stride;
        self.words.copy_within(at + layout.stride..start + span.len() * layout.stride, at);
        let len = span.len - 1;
        self.shrink(span, 0, len, layout);
    }

    /// Forgets the first rows.
    pub(crate) fn drop_first(&mut self, span: &mut Span, count: usize, layout: Layout) {
        let len = span.len - count as u32;
        self.shrink(span, count as u32, len, layout);
    }

    fn shrink(&mut self, span: &mut Span, from: u32, len: u32, layout: Layout) {
        self.move_to(span, from, len, len, layout);
        span.len = len;
    }

    /// Takes in the words of [`Rows::words`]; none if they are cut off or out of order.
    pub(crate) fn put(&mut self, words: &[i64], layout: Layout) -> Option<Span> {
        let rows = Rows::new(words, layout);
        if !rows.is_sound() {
            return None;
        }
        let len = u32::try_from(rows.len()).ok()?;
        if len == 0 {
            return Some(Span::default());
        }
        let at = self.take(room(len), layout);
        let start = at as usize * layout.stride;
        self.words[start..start + words.len()].copy_from_slice(words);
        Some(Span { at, len })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rooms_are_of_different_classes() {
        let rooms: Vec<u32> = (0..200).map(room).collect();
        assert!(rooms.iter().zip(0..).all(|(room, len)| *room >= len && *room <= 2 * len + 2));
        let mut different = rooms.clone();
        different.dedup();
        let classes: Vec<usize> = different[1..].iter().map(|room| class(*room)).collect();
        assert_eq!(classes, (0..classes.len()).collect::<Vec<_>>());
    }

    proptest! {
        /// Any mix of changes to many entities leaves what sorted lists of their own would hold.
        #[test]
        fn an_arena_is_many_lists(steps in prop::collection::vec((0usize..5, 0u8..5, 0i64..20, 0i64..3), 0..300)) {
            let layout = Layout::new(true, 1);
            let mut arena = Arena::default();
            let mut spans = [Span::default(); 5];
            let mut lists: [Vec<[i64; 4]>; 5] = Default::default();
            for (number, (who, what, time, tie)) in steps.into_iter().enumerate() {
                let list = &mut lists[who];
                if what == 4 {
                    arena.compact(spans.iter_mut(), layout);
                    prop_assert!(!arena.is_sparse());
                }
                let span = &mut spans[who];
                match what {
                    4 => {}
                    0 if !list.is_empty() => {
                        let count = time as usize % (list.len() + 1);
                        arena.drop_first(span, count, layout);
                        list.drain(..count);
                    }
                    1 => {
                        let found = arena.rows(*span, layout).find(time, tie);
                        prop_assert_eq!(found, list.iter().position(|row| row[..2] == [time, tie]));
                        if let Some(place) = found {
                            arena.remove(span, place, layout);
                            list.remove(place);
                        }
                    }
                    _ => {
                        let row = [time, tie, number as i64, -time];
                        arena.insert(span, Row { time, tie, bits: number as u64, values: &[-time] }, layout);
                        let place = list.partition_point(|other| other[..2] <= row[..2]);
                        list.insert(place, row);
                    }
                }
                for (span, list) in spans.iter().zip(&lists) {
                    prop_assert_eq!(arena.rows(*span, layout).words(), list.concat());
                }
            }
            // Nothing is lost: what is not held is free.
            let held: u32 = spans.iter().map(|span| room(span.len)).sum();
            let total = (arena.words.len() / layout.stride) as u32;
            prop_assert!(held <= total);
            prop_assert_eq!(held as usize, arena.taken);
        }
    }
}
