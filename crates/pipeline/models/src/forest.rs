//! Trees laid out for speed. The definition is [`Tree::leaf_of`]; this gives the same integers.
//!
//! The values of an input matter only by which thresholds they pass, so each row is first turned into
//! *ranks*: how many of the ensemble's thresholds on an input are not above its value, a number of 16
//! bits. A split is then one comparison of 16 bits. Everything special becomes a column of ranks: a
//! missing value has the lowest or the highest rank, by where a split sends it; a set of categories is
//! a column of zeros and ones; an input with too many thresholds is spread over several columns.
//!
//! Small trees are evaluated for [`LANES`] rows at once, all their splits from the leaves up: that is
//! straight code without a branch or an indirection, which the compiler turns into vector
//! instructions. Large trees, and single rows, walk down several trees or rows at a time.

use std::collections::BTreeMap;

use pulp::Arch;

use crate::ModelError;
use crate::artifact::{Ensemble, invalid};
use crate::tree::{MISSING, Question, Tree};

/// Rows that are evaluated at once.
const LANES: usize = 64;
/// Trees with at most so many leaves are evaluated as a whole.
const SMALL: usize = 64;
/// The most thresholds of one column: ranks are below the rank of a value that is missing.
const CUTS: usize = u16::MAX as usize - 1;
/// Walks that are on their way at the same time.
const WALKS: usize = 8;

type Lanes = [u16; LANES];

/// An ensemble, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Forest {
    base: Vec<i64>,
    inputs: Vec<Column>,
    sets: Vec<SetColumn>,
    columns: usize,
    trees: Vec<Compiled>,
    /// The nodes of all trees, each tree's in one piece, two children side by side.
    nodes: Vec<Node>,
    /// The value of each node that is a leaf.
    values: Vec<i64>,
    arch: Arch,
}

/// The ranks of one input.
#[derive(Clone, Debug)]
struct Column {
    input: usize,
    cuts: Vec<i64>,
    /// The first column; each holds `CUTS` thresholds.
    first: usize,
    /// Whether there is a second copy, in which a missing value has the highest rank.
    both: bool,
}

/// Whether an input is none of a set: a rank of 0 or 1.
#[derive(Clone, Debug)]
struct SetColumn {
    input: usize,
    left: Vec<i64>,
    missing_left: bool,
}

#[derive(Clone, Debug)]
struct Compiled {
    output: usize,
    root: u32,
    depth: u32,
    /// The splits from the leaves up, and the padded leaf values, of a small tree.
    small: Option<Small>,
}

#[derive(Clone, Debug)]
struct Small {
    splits: Vec<Split>,
    leaves: [i64; SMALL],
}

#[derive(Clone, Copy, Debug)]
struct Split {
    column: u16,
    /// A row goes left if its rank is less.
    rank: u16,
    left: Child,
    right: Child,
}

#[derive(Clone, Copy, Debug)]
enum Child {
    Leaf(u16),
    /// The result of an earlier split.
    Split(u16),
}

/// A leaf has rank 0 and itself as its right child: a walk that has arrived stays.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    column: u16,
    rank: u16,
    /// The left child; the right one is next to it.
    left: u32,
}

impl Forest {
    /// Lays out checked trees; `missing` says which inputs can be missing, in others no row may have
    /// [`MISSING`].
    pub(crate) fn new(ensemble: &Ensemble, missing: &[bool]) -> Result<Forest, ModelError> {
        let mut cuts: BTreeMap<usize, (Vec<i64>, bool)> = BTreeMap::new();
        let mut sets: BTreeMap<(usize, Vec<i64>, bool), usize> = BTreeMap::new();
        for tree in &ensemble.trees {
            for node in (0..tree.input.len()).filter(|node| !tree.is_leaf(*node)) {
                let input = tree.input[node] as usize;
                let left = tree.missing_goes_left(node);
                match tree.question(node) {
                    Question::Less(threshold) => {
                        let entry = cuts.entry(input).or_default();
                        entry.0.push(threshold);
                        entry.1 |= missing[input] && !left;
                    }
                    Question::Among(values) => {
                        sets.insert((input, values.to_vec(), left), 0);
                    }
                }
            }
        }
        let mut inputs = Vec::new();
        let mut columns = 0;
        for (input, (mut cuts, both)) in cuts {
            cuts.sort_unstable();
            cuts.dedup();
            let wide = cuts.len().div_ceil(CUTS);
            inputs.push(Column { input, cuts, first: columns, both });
            columns += if both { 2 * wide } else { wide };
        }
        for place in sets.values_mut() {
            *place = columns;
            columns += 1;
        }
        if columns > usize::from(u16::MAX) {
            let reason = format!("{columns} columns of thresholds and sets, at most {} are allowed", u16::MAX);
            return Err(invalid("trees", reason));
        }
        let mut forest = Forest {
            base: ensemble.base.clone(),
            inputs,
            sets: Vec::new(),
            columns,
            trees: Vec::new(),
            nodes: Vec::new(),
            values: Vec::new(),
            arch: Arch::new(),
        };
        for tree in &ensemble.trees {
            forest.add(tree, missing, &sets);
        }
        for ((input, left, missing_left), _) in sets {
            forest.sets.push(SetColumn { input, left, missing_left });
        }
        Ok(forest)
    }

    fn add(&mut self, tree: &Tree, missing: &[bool], sets: &BTreeMap<(usize, Vec<i64>, bool), usize>) {
        let count = tree.input.len();
        let test = |node: usize| {
            let input = tree.input[node] as usize;
            let left = tree.missing_goes_left(node);
            match tree.question(node) {
                Question::Among(values) => (sets[&(input, values.to_vec(), left)], 1),
                Question::Less(threshold) => {
                    let at = self.inputs.partition_point(|column| column.input < input);
                    let column = &self.inputs[at];
                    let rank = column.cuts.partition_point(|cut| *cut < threshold);
                    let wide = column.cuts.len().div_ceil(CUTS);
                    let copy = if column.both && missing[input] && !left { wide } else { 0 };
                    (column.first + copy + rank / CUTS, (rank % CUTS) as u16 + 1)
                }
            }
        };
        // Breadth first, children side by side.
        let root = self.nodes.len() as u32;
        let mut order = vec![0usize];
        let mut depths = vec![0u32];
        let mut nodes = Vec::with_capacity(count);
        let mut at = 0;
        while at < order.len() {
            let node = order[at];
            if tree.is_leaf(node) {
                // Its right child, `left + 1`, is the node itself.
                nodes.push(Node { column: 0, rank: 0, left: (root + at as u32).wrapping_sub(1) });
            } else {
                let (column, rank) = test(node);
                nodes.push(Node { column: column as u16, rank, left: root + order.len() as u32 });
                order.extend([tree.left[node] as usize, tree.right[node] as usize]);
                depths.extend([depths[at] + 1, depths[at] + 1]);
            }
            at += 1;
        }
        let leaves: Vec<usize> = (0..count).filter(|node| tree.is_leaf(*node)).collect();
        let small = (leaves.len() <= SMALL).then(|| {
            let place = |child: u32, splits: &[usize]| match leaves.binary_search(&(child as usize)) {
                Ok(leaf) => Child::Leaf(leaf as u16),
                // Children come after their parent: from the end on, they are there before it.
                Err(_) => Child::Split(splits.iter().position(|split| *split == child as usize).unwrap_or(0) as u16),
            };
            let mut found = Small { splits: Vec::new(), leaves: [0; SMALL] };
            let mut done = Vec::new();
            for node in (0..count).rev().filter(|node| !tree.is_leaf(*node)) {
                let (column, rank) = test(node);
                let (left, right) = (place(tree.left[node], &done), place(tree.right[node], &done));
                found.splits.push(Split { column: column as u16, rank, left, right });
                done.push(node);
            }
            for (place, leaf) in leaves.iter().enumerate() {
                found.leaves[place] = tree.value[*leaf];
            }
            found
        });
        let depth = depths.iter().copied().max().unwrap_or(0);
        self.nodes.extend(nodes);
        self.values.extend(order.iter().map(|node| tree.value[*node]));
        self.trees.push(Compiled { output: tree.output as usize, root, depth, small });
    }

    /// Adds up the margins of rows of `width` inputs: as many per row as there are outputs.
    pub(crate) fn margins(&self, rows: &[i64], width: usize) -> Vec<i64> {
        let count = rows.len() / width;
        let outputs = self.base.len();
        let mut margins: Vec<i64> = Vec::with_capacity(count * outputs);
        let mut scratch = Scratch::default();
        for chunk in rows.chunks(LANES * width) {
            if chunk.len() < LANES * width {
                for row in chunk.chunks(width) {
                    let start = margins.len();
                    margins.extend_from_slice(&self.base);
                    self.one(row, &mut margins[start..], &mut scratch);
                }
                continue;
            }
            let start = margins.len();
            for _ in 0..LANES {
                margins.extend_from_slice(&self.base);
            }
            self.arch.dispatch(|| self.block(chunk, width, &mut margins[start..], &mut scratch));
        }
        margins
    }

    /// A single row: several trees at a time, so that one's loads do not wait for another's.
    fn one(&self, row: &[i64], margins: &mut [i64], scratch: &mut Scratch) {
        scratch.single.clear();
        scratch.single.resize(self.columns.max(1), 0);
        let ranks = &mut scratch.single;
        for column in &self.inputs {
            let value = row[column.input];
            let rank = column.cuts.partition_point(|cut| *cut <= value);
            for (place, low, high) in column.places(value == MISSING, rank) {
                ranks[place] = if low { high } else { u16::MAX };
            }
        }
        let first = self.columns - self.sets.len();
        for (place, set) in self.sets.iter().enumerate() {
            ranks[first + place] = set.rank(row[set.input]);
        }
        for group in self.trees.chunks(WALKS) {
            let mut at = [0u32; WALKS];
            let mut depth = 0;
            for (walk, tree) in at.iter_mut().zip(group) {
                *walk = tree.root;
                depth = depth.max(tree.depth);
            }
            for _ in 0..depth {
                for walk in &mut at {
                    let node = self.nodes[*walk as usize];
                    *walk = node.left.wrapping_add(u32::from(ranks[usize::from(node.column)] >= node.rank));
                }
            }
            for (walk, tree) in at.iter().zip(group) {
                margins[tree.output] += self.values[*walk as usize];
            }
        }
    }

    /// Exactly `LANES` rows.
    #[inline(always)]
    fn block(&self, rows: &[i64], width: usize, margins: &mut [i64], scratch: &mut Scratch) {
        scratch.columns.resize(self.columns.max(1), [0; LANES]);
        self.rank_block(rows, width, &mut scratch.columns);
        let columns = &scratch.columns;
        let outputs = self.base.len();
        let mut sums = [0i64; LANES];
        let mut results = [[0u16; LANES]; SMALL];
        let last = self.trees.len().wrapping_sub(1);
        for (number, tree) in self.trees.iter().enumerate() {
            match &tree.small {
                Some(small) => small.add(columns, &mut results, &mut sums),
                None => self.walk_block(tree, columns, &mut sums),
            }
            // The sums of an output are written when the next tree is for another one.
            if number == last || self.trees[number + 1].output != tree.output {
                for (row, sum) in sums.iter_mut().enumerate() {
                    margins[row * outputs + tree.output] += *sum;
                    *sum = 0;
                }
            }
        }
    }

    #[inline(always)]
    fn rank_block(&self, rows: &[i64], width: usize, columns: &mut [Lanes]) {
        for column in &self.inputs {
            let mut values = [0i64; LANES];
            for (value, row) in values.iter_mut().zip(rows.chunks_exact(width)) {
                *value = row[column.input];
            }
            let ranks = ranks(&column.cuts, &values);
            for (lane, (value, rank)) in values.iter().zip(&ranks).enumerate() {
                for (place, low, rank) in column.places(*value == MISSING, *rank as usize) {
                    columns[place][lane] = if low { rank } else { u16::MAX };
                }
            }
        }
        let first = self.columns - self.sets.len();
        for (place, set) in self.sets.iter().enumerate() {
            for (lane, row) in rows.chunks_exact(width).enumerate() {
                columns[first + place][lane] = set.rank(row[set.input]);
            }
        }
    }

    /// A large tree, row by row, several at a time.
    #[inline(always)]
    fn walk_block(&self, tree: &Compiled, columns: &[Lanes], sums: &mut [i64; LANES]) {
        let mut at = [tree.root; LANES];
        for _ in 0..tree.depth {
            for (lane, walk) in at.iter_mut().enumerate() {
                let node = self.nodes[*walk as usize];
                *walk = node.left.wrapping_add(u32::from(columns[usize::from(node.column)][lane] >= node.rank));
            }
        }
        for (sum, walk) in sums.iter_mut().zip(&at) {
            *sum += self.values[*walk as usize];
        }
    }
}

impl Small {
    #[inline(always)]
    fn add(&self, columns: &[Lanes], results: &mut [Lanes; SMALL], sums: &mut [i64; LANES]) {
        let mut root: Lanes = [0; LANES];
        for (number, split) in self.splits.iter().enumerate() {
            let ranks = &columns[usize::from(split.column)];
            let found = match (split.left, split.right) {
                (Child::Leaf(left), Child::Leaf(right)) => choose(ranks, split.rank, &[left; LANES], &[right; LANES]),
                (Child::Leaf(left), Child::Split(right)) => {
                    choose(ranks, split.rank, &[left; LANES], &results[usize::from(right) % SMALL])
                }
                (Child::Split(left), Child::Leaf(right)) => {
                    choose(ranks, split.rank, &results[usize::from(left) % SMALL], &[right; LANES])
                }
                (Child::Split(left), Child::Split(right)) => {
                    let (left, right) = (&results[usize::from(left) % SMALL], &results[usize::from(right) % SMALL]);
                    choose(ranks, split.rank, left, right)
                }
            };
            results[number % SMALL] = found;
            root = found;
        }
        for (sum, leaf) in sums.iter_mut().zip(&root) {
            *sum += self.leaves[usize::from(*leaf) % SMALL];
        }
    }
}

#[inline(always)]
fn choose(ranks: &Lanes, rank: u16, left: &Lanes, right: &Lanes) -> Lanes {
    let mut found = [0; LANES];
    for lane in 0..LANES {
        found[lane] = if ranks[lane] < rank { left[lane] } else { right[lane] };
    }
    found
}

/// How many of `cuts` are not above each value: a binary search for all values in step.
#[inline(always)]
fn ranks(cuts: &[i64], values: &[i64; LANES]) -> [u32; LANES] {
    let mut low = [0u32; LANES];
    let mut size = cuts.len() as u32;
    while size > 1 {
        let half = size / 2;
        for (low, value) in low.iter_mut().zip(values) {
            *low += if cuts[(*low + half - 1) as usize] <= *value { half } else { 0 };
        }
        size -= half;
    }
    for (low, value) in low.iter_mut().zip(values) {
        *low += u32::from(cuts.get(*low as usize).is_some_and(|cut| cut <= value));
    }
    low
}

impl Column {
    /// The columns of a value with this rank: which, whether the rank counts, and the rank there.
    #[inline(always)]
    fn places(&self, missing: bool, rank: usize) -> impl Iterator<Item = (usize, bool, u16)> {
        let wide = self.cuts.len().div_ceil(CUTS);
        let copies = if self.both { 2 * wide } else { wide };
        let first = self.first;
        (0..copies).map(move |copy| {
            let within = rank.saturating_sub(copy % wide * CUTS).min(CUTS) as u16;
            // MISSING is below every threshold: its rank is 0 where it does not have to be the highest.
            (first + copy, !(missing && copy >= wide), within)
        })
    }
}

impl SetColumn {
    #[inline(always)]
    fn rank(&self, value: i64) -> u16 {
        let left = if value == MISSING { self.missing_left } else { self.left.binary_search(&value).is_ok() };
        u16::from(!left)
    }
}

/// Memory that is used again.
#[derive(Default)]
struct Scratch {
    single: Vec<u16>,
    columns: Vec<Lanes>,
}
