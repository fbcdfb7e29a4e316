//! Trees laid out for speed. The definition is [`Tree::leaf_of`]; this gives the same integers.
//!
//! The values of an input matter only by which thresholds they pass, so each row is first turned into
//! *ranks*: how many of the ensemble's thresholds on an input are not above its value, as a byte. A
//! split is then one comparison of bytes. Everything special becomes a column of ranks: a missing
//! value has the lowest or the highest rank, by where a split sends it; a set of categories is a column
//! of zeros and ones; an input with too many thresholds is spread over several columns.
//!
//! Small trees are evaluated for [`LANES`] rows at once, all their splits from the leaves up: that is
//! straight code without a branch or an indirection, which the compiler turns into vector
//! instructions; with bytes, one of AVX-512 takes all the rows. Large trees, and single rows, walk down
//! several trees or rows at a time.

use std::collections::BTreeMap;
use std::hint::select_unpredictable;

use pulp::{Arch, Simd, WithSimd};

use crate::ModelError;
use crate::artifact::{Ensemble, invalid};
use crate::tree::{MISSING, Question, Tree};

/// Rows that are evaluated at once.
const LANES: usize = 64;
/// Trees with at most so many leaves are evaluated as a whole.
const SMALL: usize = 64;
/// The most thresholds of one column: ranks are below the rank of a value that is missing.
const CUTS: usize = u8::MAX as usize - 1;
/// Fewer rows are walked one by one: a block costs as much as so many.
const FEW: usize = 12;
/// Walks that are on their way at the same time.
const WALKS: usize = 8;

/// A byte for each row, aligned so that a vector never lies across two cache lines.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Lanes([u8; LANES]);

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
    small: Option<Box<Small>>,
}

/// A tree of at most `SMALL` leaves.
#[derive(Clone, Debug)]
struct Small {
    /// From the leaves up: the last one gives the leaf that a row reaches.
    units: Vec<Unit>,
    leaves: [i64; SMALL],
}

/// A split and the two below it, as one step: two thirds fewer results are written and read than by
/// single splits. Where a child is a leaf, a split that always goes right stands in for it.
#[derive(Clone, Copy, Debug)]
struct Unit {
    splits: [(u16, u8); 3],
    /// What the four grandchildren give: a leaf, or `SMALL` and the number of an earlier unit.
    from: [u8; 4],
}

/// A leaf has rank 0 and itself as its right child: a walk that has arrived stays.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    column: u16,
    rank: u8,
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
        let mut sorted: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
        for (input, (mut cuts, both)) in cuts {
            cuts.sort_unstable();
            cuts.dedup();
            let column = Column::new(input, &cuts, columns, both);
            columns += if both { 2 * column.cuts.len() } else { column.cuts.len() };
            inputs.push(column);
            sorted.insert(input, cuts);
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
            forest.add(tree, missing, &sorted, &sets);
        }
        for ((input, left, missing_left), _) in sets {
            forest.sets.push(SetColumn { input, left, missing_left });
        }
        Ok(forest)
    }

    fn add(
        &mut self,
        tree: &Tree,
        missing: &[bool],
        cuts: &BTreeMap<usize, Vec<i64>>,
        sets: &BTreeMap<(usize, Vec<i64>, bool), usize>,
    ) {
        let count = tree.input.len();
        let test = |node: usize| {
            let input = tree.input[node] as usize;
            let left = tree.missing_goes_left(node);
            match tree.question(node) {
                Question::Among(values) => (sets[&(input, values.to_vec(), left)], 1),
                Question::Less(threshold) => {
                    let at = self.inputs.partition_point(|column| column.input < input);
                    let column = &self.inputs[at];
                    let rank = cuts[&input].partition_point(|cut| *cut < threshold);
                    let copy = if column.both && missing[input] && !left { column.cuts.len() } else { 0 };
                    (column.first + copy + rank / CUTS, (rank % CUTS) as u8 + 1)
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
        let small = (leaves.len() <= SMALL).then(|| Box::new(Small::new(tree, &leaves, test)));
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
            let start = margins.len();
            let count = chunk.len() / width;
            for _ in 0..count {
                margins.extend_from_slice(&self.base);
            }
            let margins = &mut margins[start..];
            if count < FEW {
                for (row, margins) in chunk.chunks(width).zip(margins.chunks_exact_mut(outputs)) {
                    self.one(row, margins, &mut scratch);
                }
                continue;
            }
            self.arch.dispatch(Block { forest: self, rows: chunk, width, margins, scratch: &mut scratch });
        }
        margins
    }

    /// A single row: several trees at a time, so that one's loads do not wait for another's.
    fn one(&self, row: &[i64], margins: &mut [i64], scratch: &mut Scratch) {
        scratch.single.clear();
        scratch.single.resize(self.columns.max(1), 0);
        let ranks = &mut scratch.single;
        for column in &self.inputs {
            column.rank(&[row[column.input]], |place, rank: [u8; 1]| ranks[place] = rank[0]);
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

    /// At most `LANES` rows. (Everything down from here is inlined, or it would not be compiled for the
    /// vector instructions that were found.)
    #[inline(always)]
    fn block(&self, rows: &[i64], width: usize, margins: &mut [i64], scratch: &mut Scratch) {
        scratch.columns.resize(self.columns.max(1), Lanes([0; LANES]));
        self.rank_block(rows, width, &mut scratch.columns);
        let columns = &scratch.columns;
        let outputs = self.base.len();
        let count = margins.len() / outputs;
        let mut sums = [0i64; LANES];
        let mut results = [Lanes([0; LANES]); 2 * SMALL];
        for (leaf, result) in results[..SMALL].iter_mut().enumerate() {
            *result = Lanes([leaf as u8; LANES]);
        }
        let last = self.trees.len().wrapping_sub(1);
        for (number, tree) in self.trees.iter().enumerate() {
            match &tree.small {
                Some(small) => small.add(columns, &mut results, &mut sums),
                None => self.walk_block(tree, columns, &mut sums[..count]),
            }
            // The sums of an output are written when the next tree is for another one.
            if number == last || self.trees[number + 1].output != tree.output {
                for (margin, sum) in margins.iter_mut().skip(tree.output).step_by(outputs).zip(&sums) {
                    *margin += *sum;
                }
                sums = [0; LANES];
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
            column.rank(&values, |place, ranks| columns[place] = Lanes(ranks));
        }
        let first = self.columns - self.sets.len();
        for (place, set) in self.sets.iter().enumerate() {
            for (lane, row) in rows.chunks_exact(width).enumerate() {
                columns[first + place].0[lane] = set.rank(row[set.input]);
            }
        }
    }

    /// A large tree, row by row, several at a time.
    #[inline(always)]
    fn walk_block(&self, tree: &Compiled, columns: &[Lanes], sums: &mut [i64]) {
        let mut walks = [tree.root; LANES];
        let walks = &mut walks[..sums.len()];
        for _ in 0..tree.depth {
            for (lane, walk) in walks.iter_mut().enumerate() {
                let node = self.nodes[*walk as usize];
                *walk = node.left.wrapping_add(u32::from(columns[usize::from(node.column)].0[lane] >= node.rank));
            }
        }
        for (sum, walk) in sums.iter_mut().zip(walks) {
            *sum += self.values[*walk as usize];
        }
    }
}

/// [`Forest::block`] for whatever vector instructions there are. (A closure would be a function of its
/// own, compiled without them.)
struct Block<'a> {
    forest: &'a Forest,
    rows: &'a [i64],
    width: usize,
    margins: &'a mut [i64],
    scratch: &'a mut Scratch,
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.forest.block(self.rows, self.width, self.margins, self.scratch);
    }
}

impl Small {
    /// `leaves` are the nodes that are leaves; `test` gives the column and the rank of a split.
    fn new(tree: &Tree, leaves: &[usize], test: impl Fn(usize) -> (usize, u8)) -> Small {
        let children = |node: usize| [tree.left[node] as usize, tree.right[node] as usize];
        // The splits that head a unit, parents first.
        let mut heads: Vec<usize> = (0..1).filter(|root| !tree.is_leaf(*root)).collect();
        let mut at = 0;
        while at < heads.len() {
            for child in children(heads[at]).into_iter().filter(|child| !tree.is_leaf(*child)) {
                heads.extend(children(child).into_iter().filter(|node| !tree.is_leaf(*node)));
            }
            at += 1;
        }
        // Units in the opposite order: those below a head are there before it.
        let result = |node: usize| match leaves.binary_search(&node) {
            Ok(leaf) => leaf as u8,
            Err(_) => (SMALL + heads.len() - 1 - heads.iter().position(|head| *head == node).unwrap_or(0)) as u8,
        };
        let mut small = Small { units: Vec::with_capacity(heads.len()), leaves: [0; SMALL] };
        let split = |node: usize| {
            let (column, rank) = test(node);
            (column as u16, rank)
        };
        for head in heads.iter().rev() {
            let mut unit = Unit { splits: [split(*head), (0, 0), (0, 0)], from: [0; 4] };
            for (side, child) in children(*head).into_iter().enumerate() {
                let below = if tree.is_leaf(child) { [child; 2] } else { children(child) };
                if !tree.is_leaf(child) {
                    unit.splits[1 + side] = split(child);
                }
                unit.from[2 * side] = result(below[0]);
                unit.from[2 * side + 1] = result(below[1]);
            }
            small.units.push(unit);
        }
        for (place, leaf) in leaves.iter().enumerate() {
            small.leaves[place] = tree.value[*leaf];
        }
        small
    }

    #[inline(always)]
    fn add(&self, columns: &[Lanes], results: &mut [Lanes; 2 * SMALL], sums: &mut [i64; LANES]) {
        let mut root = Lanes([0; LANES]);
        for (number, unit) in self.units.iter().enumerate() {
            root = unit.choose(columns, results);
            results[SMALL + number % SMALL] = root;
        }
        for (sum, leaf) in sums.iter_mut().zip(&root.0) {
            *sum += self.leaves[usize::from(*leaf) % SMALL];
        }
    }
}

impl Unit {
    #[inline(always)]
    fn choose(&self, columns: &[Lanes], results: &[Lanes; 2 * SMALL]) -> Lanes {
        let [(a, above), (b, left), (c, right)] = self.splits;
        let [a, b, c] = [a, b, c].map(|column| &columns[usize::from(column)].0);
        let [p, q, r, s] = self.from.map(|from| &results[usize::from(from) % (2 * SMALL)].0);
        let mut found = [0; LANES];
        for lane in 0..LANES {
            // With `if` the compiler chooses what to read, an indirection that no vector does.
            let lefts = select_unpredictable(b[lane] < left, p[lane], q[lane]);
            let rights = select_unpredictable(c[lane] < right, r[lane], s[lane]);
            found[lane] = select_unpredictable(a[lane] < above, lefts, rights);
        }
        Lanes(found)
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

/// Memory that is used again.
#[derive(Default)]
struct Scratch {
    single: Vec<u8>,
    columns: Vec<Lanes>,
}
