//! Of a row, all that matters to trees is which thresholds its values pass. So each row is first turned
//! into *ranks*: how many of the ensemble's thresholds on an input are not above its value, as a byte. A
//! split is then one comparison of bytes, and one AVX-512 instruction takes 64 rows. Everything special
//! becomes a column of ranks: a missing value has the lowest or the highest rank, by where a split sends
//! it; a set of categories is a column of zeros and ones; an input with too many thresholds is spread
//! over several columns.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::select_unpredictable;

use crate::ModelError;
use crate::artifact::{Ensemble, invalid};
use crate::tree::{MISSING, Question, Tree};

/// Rows that are ranked at once.
pub(crate) const LANES: usize = 64;
/// The most thresholds of one column: ranks are below the rank of a value that is missing.
const CUTS: usize = u8::MAX as usize - 1;

/// A byte for each row, aligned so that a vector never lies across two cache lines.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Lanes(pub(crate) [u8; LANES]);

/// A split: a row goes left if its rank in the column is less.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Test {
    pub(crate) column: u16,
    pub(crate) rank: u8,
}

/// All thresholds and sets of an ensemble.
#[derive(Clone, Debug)]
pub(crate) struct Ranks {
    inputs: Vec<Column>,
    /// After the columns of thresholds, in order.
    sets: Vec<SetColumn>,
    columns: usize,
}

/// The ranks of one input.
#[derive(Clone, Debug)]
struct Column {
    input: usize,
    /// The first threshold of each column but the first, in rising order.
    starts: Vec<i64>,
    /// The thresholds, `CUTS` to a column.
    cuts: Vec<Cuts>,
    /// The first column.
    first: usize,
    /// Whether there is a second copy, in which a missing value has the highest rank.
    both: bool,
}

/// The thresholds of a column, in rising order and filled up with the largest number. (With so many
/// places no index is out of bounds.)
#[derive(Clone, Debug)]
struct Cuts {
    values: [i64; CUTS + 2],
    count: u8,
    /// The first step of a search: a power of two, and more than half of `count`.
    step: u32,
}

/// Whether an input is none of a set: a rank of 0 or 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SetColumn {
    input: usize,
    left: Vec<i64>,
    missing_left: bool,
}

impl Ranks {
    /// Of checked trees; `missing` says which inputs can be missing, in others no row may have
    /// [`MISSING`].
    pub(crate) fn new(ensemble: &Ensemble, missing: &[bool]) -> Result<Ranks, ModelError> {
        let mut cuts: BTreeMap<usize, (Vec<i64>, bool)> = BTreeMap::new();
        let mut sets = BTreeSet::new();
        for tree in &ensemble.trees {
            for node in (0..tree.input.len()).filter(|node| !tree.is_leaf(*node)) {
                let input = tree.input[node] as usize;
                let missing_left = tree.missing_goes_left(node);
                match tree.question(node) {
                    Question::Less(threshold) => {
                        let entry = cuts.entry(input).or_default();
                        entry.0.push(threshold);
                        entry.1 |= missing[input] && !missing_left;
                    }
                    Question::Among(values) => {
                        sets.insert(SetColumn { input, left: values.to_vec(), missing_left });
                    }
                }
            }
        }
        let mut ranks = Ranks { inputs: Vec::new(), sets: sets.into_iter().collect(), columns: 0 };
        for (input, (mut cuts, both)) in cuts {
            cuts.sort_unstable();
            cuts.dedup();
            let column = Column::new(input, &cuts, ranks.columns, both);
            ranks.columns += if both { 2 * column.cuts.len() } else { column.cuts.len() };
            ranks.inputs.push(column);
        }
        ranks.columns += ranks.sets.len();
        if ranks.columns > usize::from(u16::MAX) {
            let reason = format!("{} columns of thresholds and sets, at most {} are allowed", ranks.columns, u16::MAX);
            return Err(invalid("trees", reason));
        }
        Ok(ranks)
    }

    /// How many columns there are, at least one.
    pub(crate) fn columns(&self) -> usize {
        self.columns.max(1)
    }

    /// The test of a split.
    pub(crate) fn test(&self, tree: &Tree, node: usize) -> Test {
        let input = tree.input[node] as usize;
        let missing_left = tree.missing_goes_left(node);
        match tree.question(node) {
            Question::Among(values) => {
                let wanted = (input, values, missing_left);
                let at = self.sets.partition_point(|set| (set.input, &set.left[..], set.missing_left) < wanted);
                Test { column: (self.columns - self.sets.len() + at) as u16, rank: 1 }
            }
            Question::Less(threshold) => {
                let column = &self.inputs[self.inputs.partition_point(|column| column.input < input)];
                let place = column.starts.partition_point(|start| *start <= threshold);
                let cuts = &column.cuts[place];
                let below = cuts.values[..usize::from(cuts.count)].partition_point(|cut| *cut < threshold);
                // Where no value can be missing, either copy would do.
                let copy = if column.both && !missing_left { column.cuts.len() } else { 0 };
                Test { column: (column.first + copy + place) as u16, rank: below as u8 + 1 }
            }
        }
    }

    /// The ranks of one row.
    pub(crate) fn one(&self, row: &[i64], ranks: &mut [u8]) {
        for column in &self.inputs {
            column.rank(&[row[column.input]], |place, rank: [u8; 1]| ranks[place] = rank[0]);
        }
        let first = self.columns - self.sets.len();
        for (rank, set) in ranks[first..].iter_mut().zip(&self.sets) {
            *rank = set.rank(row[set.input]);
        }
    }

    /// The ranks of at most `LANES` rows of `width` inputs.
    #[inline(always)]
    pub(crate) fn block(&self, rows: &[i64], width: usize, columns: &mut [Lanes]) {
        for column in &self.inputs {
            let mut values = [0i64; LANES];
            for (value, row) in values.iter_mut().zip(rows.chunks_exact(width)) {
                *value = row[column.input];
            }
            column.rank(&values, |place, ranks| columns[place] = Lanes(ranks));
        }
        let first = self.columns - self.sets.len();
        for (ranks, set) in columns[first..].iter_mut().zip(&self.sets) {
            for (rank, row) in ranks.0.iter_mut().zip(rows.chunks_exact(width)) {
                *rank = set.rank(row[set.input]);
            }
        }
    }
}

impl Column {
    fn new(input: usize, cuts: &[i64], first: usize, both: bool) -> Column {
        let fill = |cuts: &[i64]| {
            let mut values = [i64::MAX; CUTS + 2];
            values[..cuts.len()].copy_from_slice(cuts);
            let step = (cuts.len() + 1).next_power_of_two() as u32 / 2;
            Cuts { values, count: cuts.len() as u8, step }
        };
        let starts = cuts.chunks(CUTS).skip(1).map(|cuts| cuts[0]).collect();
        Column { input, starts, cuts: cuts.chunks(CUTS).map(fill).collect(), first, both }
    }

    /// Hands over each column with the ranks of the values in it. [`MISSING`] is below every threshold:
    /// its rank is 0 where it does not have to be the highest.
    #[inline(always)]
    fn rank<const N: usize>(&self, values: &[i64; N], mut put: impl FnMut(usize, [u8; N])) {
        let wide = self.cuts.len();
        for (place, cuts) in self.cuts.iter().enumerate() {
            let mut ranks = if place == 0 || values.iter().any(|value| self.starts[place - 1] <= *value) {
                cuts.rank(values)
            } else {
                [0; N]
            };
            put(self.first + place, ranks);
            if self.both {
                for (rank, value) in ranks.iter_mut().zip(values) {
                    *rank = if *value == MISSING { u8::MAX } else { *rank };
                }
                put(self.first + wide + place, ranks);
            }
        }
    }
}

impl Cuts {
    /// How many thresholds are not above each value: a binary search for all values in step.
    #[inline(always)]
    fn rank<const N: usize>(&self, values: &[i64; N]) -> [u8; N] {
        let mut low = [0u32; N];
        let mut step = self.step;
        while step > 0 {
            for lane in 0..N {
                // Steps are powers of two that become smaller, the sum is below twice the first.
                let passed = self.values[(low[lane] + step - 1) as usize % (CUTS + 2)] <= values[lane];
                low[lane] += select_unpredictable(passed, step, 0);
            }
            step /= 2;
        }
        // The largest number passes those that fill up.
        low.map(|low| (low as u8).min(self.count))
    }
}

impl SetColumn {
    #[inline(always)]
    fn rank(&self, value: i64) -> u8 {
        let left = if value == MISSING { self.missing_left } else { self.left.binary_search(&value).is_ok() };
        u8::from(!left)
    }
}
