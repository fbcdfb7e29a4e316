//! The latest events of one entity, as rows of whole numbers in their total order.

/// Words before the values of a row: time, tie, bits.
const FIXED: usize = 3;

/// Rows in the order of (time, tie); side by side in one list, because most of a state is rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rows {
    words: Vec<i64>,
    stride: usize,
}

impl Rows {
    pub(crate) fn new(values: usize) -> Rows {
        Rows { words: Vec::new(), stride: FIXED + values }
    }

    pub(crate) fn len(&self) -> usize {
        self.words.len().checked_div(self.stride).unwrap_or(0)
    }

    pub(crate) fn time(&self, place: usize) -> i64 {
        self.words[place * self.stride]
    }

    pub(crate) fn tie(&self, place: usize) -> i64 {
        self.words[place * self.stride + 1]
    }

    /// One bit for each filter that the event passes.
    pub(crate) fn bits(&self, place: usize) -> u64 {
        self.words[place * self.stride + 2] as u64
    }

    pub(crate) fn value(&self, place: usize, index: usize) -> i64 {
        self.words[place * self.stride + FIXED + index]
    }

    /// The first row at or after `time`.
    pub(crate) fn first_at(&self, time: i64) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.time(middle) < time { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Adds a row at its place; of equal rows the new one comes last.
    pub(crate) fn insert(&mut self, time: i64, tie: i64, bits: u64, values: &[i64]) {
        let mut place = self.len();
        while place > 0 && (self.time(place - 1), self.tie(place - 1)) > (time, tie) {
            place -= 1;
        }
        if self.words.len() + self.stride > self.words.capacity() {
            // Doubling would waste up to half of a state that is mostly short lists.
            self.words.reserve_exact((self.len() / 8 + 1) * self.stride);
        }
        let at = place * self.stride;
        if at == self.words.len() {
            self.words.extend_from_slice(&[time, tie, bits as i64]);
            self.words.extend_from_slice(values);
        } else {
            let row = [time, tie, bits as i64].into_iter().chain(values.iter().copied());
            self.words.splice(at..at, row);
        }
    }

    /// Whether there is a row with this time and tie.
    pub(crate) fn contains(&self, time: i64, tie: i64) -> bool {
        self.find(time, tie).is_some()
    }

    /// Takes out the row with this time and tie.
    pub(crate) fn remove(&mut self, time: i64, tie: i64) {
        if let Some(place) = self.find(time, tie) {
            self.words.drain(place * self.stride..(place + 1) * self.stride);
        }
    }

    fn find(&self, time: i64, tie: i64) -> Option<usize> {
        (self.first_at(time)..self.len()).find(|place| (self.time(*place), self.tie(*place)) == (time, tie))
    }

    /// Forgets the first rows.
    pub(crate) fn drop_first(&mut self, count: usize) {
        self.words.drain(..count * self.stride);
    }

    /// All words, for a snapshot.
    pub(crate) fn words(&self) -> &[i64] {
        &self.words
    }

    /// Undoes [`Rows::words`]; none if the rows are cut off or out of order.
    pub(crate) fn from_words(words: Vec<i64>, values: usize) -> Option<Rows> {
        let rows = Rows { words, stride: FIXED + values };
        let whole = rows.words.len().is_multiple_of(rows.stride);
        let key = |place: usize| (rows.time(place), rows.tie(place));
        (whole && (1..rows.len()).all(|place| key(place - 1) <= key(place))).then_some(rows)
    }
}
