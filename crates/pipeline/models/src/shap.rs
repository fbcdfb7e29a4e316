//! Exact Shapley attributions of trees, in integers.
//!
//! At one leaf only the inputs on its path matter, and of a row only *which* of them let it pass: a
//! bit mask (Yang, "Fast TreeSHAP", 2021). So what a leaf adds to each input's attribution is a
//! function of that mask. It is computed in doubles, in one order, and rounded to whole units so that
//! the parts of a leaf sum to what it contributes exactly; a row's attributions are sums of such
//! integers. The functions of most leaves are tabulated when the model is loaded; of leaves side by side
//! the sum is, as a function of the mask above them and of the answers of the splits between them.
//!
//! * Path-dependent (Lundberg, Erion and Lee, "Consistent Individualized Feature Attribution for Tree
//!   Ensembles", 2018): an unknown input passes a split with the share of training rows that did. The
//!   leaf's game is a product, and its Shapley values are integrals of a polynomial of the path's
//!   length (Owen, "Multilinear Extensions of Games", 1972), which Gauss-Legendre quadrature gives
//!   without an error of its own.
//! * Interventional (Lundberg et al., "From local explanations to global understanding with
//!   explainable AI for trees", 2020): an unknown input is that of a background row. Beside one
//!   background row a leaf's Shapley values depend on how many inputs only the row, and how many only
//!   the background row lets pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use pulp::{Arch, Simd, WithSimd};

use crate::artifact::Ensemble;
use crate::ranks::{LANES, Lanes, Ranks, Test};
use crate::tree::{MAX_DEPTH, Tree};

/// Fewer rows than this walk one by one, not together.
const FEW: usize = 4;
/// Leaves are tabulated together below at most so many splits. (With three, four leaves at the end of
/// paths of six inputs have one table of 2^7 entries instead of four of 2^6, and one is read for four.)
const MAX_SPLITS: usize = 3;
/// Larger tables, by the bits that choose an entry, are not made.
const MAX_TABLE_BITS: usize = 10;
/// The most numbers in all tables together.
const MAX_ENTRIES: usize = 1 << 23;

/// What explains an ensemble.
#[derive(Clone, Debug)]
pub(crate) struct Explainer {
    ranks: Arc<Ranks>,
    trees: Vec<Walk>,
    rules: Vec<Rule>,
    /// What each output expects, times `weight`.
    base: Vec<i64>,
    weight: i64,
    arch: Arch,
}

/// A tree as a list of steps in depth-first order.
#[derive(Clone, Debug)]
struct Walk {
    output: u32,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    /// Which rows go left at a split.
    Ask { depth: usize, test: Test },
    /// Down to a child.
    Enter { depth: usize, left: bool, bit: usize, fresh: bool },
    /// Leaves that are tabulated together.
    Arrive { depth: usize, group: Box<Group> },
    /// A leaf whose parts are computed for each row.
    Compute { depth: usize, inputs: Vec<u32>, game: Box<Game> },
}

/// The leaves below a node.
#[derive(Clone, Debug)]
struct Group {
    /// The inputs on the paths to them, first those on the path to the node: their bits come first in
    /// the number of an entry.
    inputs: Vec<u32>,
    above: usize,
    /// The splits below the node: the next bits, set if a row goes left.
    tests: Vec<Test>,
    /// `inputs.len()` parts for each entry.
    table: Vec<i64>,
}

/// A leaf while its group is made.
struct Leaf {
    inputs: Vec<u32>,
    game: Game,
    /// The way down from the group's node.
    way: Vec<Way>,
}

/// From a split to a child.
#[derive(Clone, Copy)]
struct Way {
    split: usize,
    left: bool,
    bit: usize,
    fresh: bool,
}

#[derive(Clone, Debug)]
struct Game {
    value: i64,
    /// Path-dependent: what the leaf adds to the base, and the share of training rows that passes each
    /// input's splits.
    base: i64,
    shares: Vec<f64>,
    /// Interventional: the masks of the background rows, and how many have each.
    background: Vec<(u64, i64)>,
}

/// Points and weights of a Gauss-Legendre rule on 0..1.
#[derive(Clone, Debug)]
struct Rule(Vec<(f64, f64)>);

impl Explainer {
    /// Path-dependent attributions of a checked ensemble, whose ranks are `ranks`.
    pub(crate) fn path(ensemble: &Ensemble, ranks: Arc<Ranks>) -> Explainer {
        Explainer::new(ensemble, &[], ranks)
    }

    /// Interventional attributions beside `background`, rows of inputs.
    pub(crate) fn background(ensemble: &Ensemble, background: &[Vec<i64>], ranks: Arc<Ranks>) -> Explainer {
        Explainer::new(ensemble, background, ranks)
    }

    fn new(ensemble: &Ensemble, background: &[Vec<i64>], ranks: Arc<Ranks>) -> Explainer {
        let mut explainer = Explainer {
            ranks,
            trees: Vec::with_capacity(ensemble.trees.len()),
            rules: (0..=MAX_DEPTH.div_ceil(2)).map(Rule::new).collect(),
            base: ensemble.base.clone(),
            weight: background.len().max(1) as i64,
            arch: Arch::new(),
        };
        explainer.base.iter_mut().for_each(|base| *base *= explainer.weight);
        let mut entries = 0;
        for tree in &ensemble.trees {
            let mut walk = Walk { output: tree.output, steps: Vec::new() };
            let mut path = Path::new(tree, background);
            explainer.visit(0, &mut path, &mut walk.steps, &mut entries);
            for row in background {
                explainer.base[tree.output as usize] += tree.value[tree.leaf_of(row)];
            }
            explainer.trees.push(walk);
        }
        explainer
    }

    fn visit(&mut self, node: usize, path: &mut Path<'_>, steps: &mut Vec<Step>, entries: &mut usize) {
        let tree = path.tree;
        let depth = path.masks.len() - 1;
        if path.splits[node] <= MAX_SPLITS && path.inputs.len() + path.splits[node] <= MAX_TABLE_BITS {
            let mut leaves = Vec::new();
            let mut splits = Vec::new();
            self.gather(node, path, &mut splits, &mut Vec::new(), &mut leaves);
            let above = path.inputs.len();
            let mut inputs = path.inputs.clone();
            for input in leaves.iter().flat_map(|leaf| &leaf.inputs) {
                if !inputs.contains(input) {
                    inputs.push(*input);
                }
            }
            let size = inputs.len() << (above + splits.len());
            if *entries + size <= MAX_ENTRIES {
                *entries += size;
                self.expect(tree, &leaves);
                if !inputs.is_empty() {
                    let tests = splits.iter().map(|split| self.ranks.test(tree, *split)).collect();
                    let mut group = Group { inputs, above, tests, table: vec![0; size] };
                    group.fill(&leaves, &self.rules);
                    steps.push(Step::Arrive { depth, group: Box::new(group) });
                }
                return;
            }
        }
        if tree.is_leaf(node) {
            let leaf = path.leaf(node, Vec::new());
            self.expect(tree, std::slice::from_ref(&leaf));
            if !leaf.inputs.is_empty() {
                steps.push(Step::Compute { depth, inputs: leaf.inputs, game: Box::new(leaf.game) });
            }
            return;
        }
        steps.push(Step::Ask { depth, test: self.ranks.test(tree, node) });
        for left in [true, false] {
            let (child, entered) = path.enter(node, left);
            steps.push(Step::Enter { depth, left, bit: entered.bit, fresh: entered.fresh });
            self.visit(child, path, steps, entries);
            path.leave(entered);
        }
    }

    /// The leaves below a node, and the splits on the way.
    fn gather(
        &self,
        node: usize,
        path: &mut Path<'_>,
        splits: &mut Vec<usize>,
        way: &mut Vec<Way>,
        leaves: &mut Vec<Leaf>,
    ) {
        if path.tree.is_leaf(node) {
            leaves.push(path.leaf(node, way.clone()));
            return;
        }
        let split = splits.len();
        splits.push(node);
        for left in [true, false] {
            let (child, entered) = path.enter(node, left);
            way.push(Way { split, left, bit: entered.bit, fresh: entered.fresh });
            self.gather(child, path, splits, way, leaves);
            way.pop();
            path.leave(entered);
        }
    }

    /// Adds to what is expected, if that does not come from a background.
    fn expect(&mut self, tree: &Tree, leaves: &[Leaf]) {
        for leaf in leaves.iter().filter(|leaf| leaf.game.background.is_empty()) {
            self.base[tree.output as usize] += leaf.game.base;
        }
    }

    /// What an output expects before it knows any input, times [`Explainer::weight`].
    pub(crate) fn base(&self, output: usize) -> i64 {
        self.base[output]
    }

    /// How many background rows the parts are sums over; 1 where there are none.
    pub(crate) fn weight(&self) -> i64 {
        self.weight
    }

    /// The attributions of rows of `width` inputs for one output, times [`Explainer::weight`]: as many
    /// per row as there are inputs.
    pub(crate) fn parts(&self, rows: &[i64], width: usize, output: usize) -> Vec<i64> {
        let mut parts = vec![0; rows.len()];
        let mut columns = vec![Lanes([0; LANES]); rows.len().div_ceil(LANES * width) * self.ranks.columns()];
        let job = Job { explainer: self, rows, width, output, columns: &mut columns, parts: &mut parts };
        self.arch.dispatch(job);
        parts
    }

    /// The attributions by one tree of at most `N` rows. (Inlined, or it would not be compiled for the
    /// vector instructions that were found.)
    #[inline(always)]
    fn walk<const N: usize>(
        &self,
        walk: &Walk,
        columns: &[Lanes],
        scratch: &mut Scratch<N>,
        parts: &mut [i64],
        width: usize,
    ) {
        for step in &walk.steps {
            match step {
                Step::Ask { depth, test } => {
                    scratch.lefts[*depth] = test.lefts(columns);
                }
                Step::Enter { depth, left, bit, fresh } => {
                    let (flip, from, lefts) = (u64::from(!*left), &scratch.masks[*depth], &scratch.lefts[*depth]);
                    let mut into = [0; N];
                    for lane in 0..N {
                        into[lane] = enter(from[lane], lefts[lane] ^ flip, *bit, *fresh);
                    }
                    scratch.masks[*depth + 1] = into;
                }
                Step::Arrive { depth, group } => group.add(columns, &scratch.masks[*depth], parts, width),
                Step::Compute { depth, inputs, game } => {
                    let mut computed = [0i64; MAX_DEPTH];
                    let computed = &mut computed[..inputs.len()];
                    for (parts, mask) in parts.chunks_exact_mut(width).zip(&scratch.masks[*depth]) {
                        game.parts(*mask, &self.rules, computed);
                        for (input, part) in inputs.iter().zip(&*computed) {
                            parts[*input as usize] += part;
                        }
                    }
                }
            }
        }
    }
}

/// Explains rows with whatever vector instructions there are.
struct Job<'a> {
    explainer: &'a Explainer,
    rows: &'a [i64],
    width: usize,
    output: usize,
    /// Room for the ranks of all rows.
    columns: &'a mut [Lanes],
    parts: &'a mut [i64],
}

impl WithSimd for Job<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Job { explainer, rows, width, output, columns, parts } = self;
        let wide = explainer.ranks.columns();
        for (rows, columns) in rows.chunks(LANES * width).zip(columns.chunks_mut(wide)) {
            explainer.ranks.block(rows, width, columns);
        }
        let walks = explainer.trees.iter().filter(|walk| walk.output as usize == output);
        if parts.len() < FEW * width {
            let mut scratch = Scratch::<1>::new();
            for (row, parts) in parts.chunks_mut(width).enumerate() {
                // The row's ranks, as the first of a block.
                let one: Vec<Lanes> = columns.iter().map(|ranks| Lanes([ranks.0[row]; LANES])).collect();
                for walk in walks.clone() {
                    explainer.walk(walk, &one, &mut scratch, parts, width);
                }
            }
            return;
        }
        let mut scratch = Scratch::<LANES>::new();
        // Tree by tree over many rows, so that a tree's tables stay in the cache.
        for walk in walks {
            for (columns, parts) in columns.chunks(wide).zip(parts.chunks_mut(LANES * width)) {
                explainer.walk(walk, columns, &mut scratch, parts, width);
            }
        }
    }
}

/// For each depth of a walk, where the rows go and which inputs have let them pass.
struct Scratch<const N: usize> {
    lefts: Vec<[u64; N]>,
    masks: Vec<[u64; N]>,
}

impl<const N: usize> Scratch<N> {
    fn new() -> Scratch<N> {
        Scratch { lefts: vec![[0; N]; MAX_DEPTH + 1], masks: vec![[0; N]; MAX_DEPTH + 1] }
    }
}

impl Test {
    /// 1 for rows that go left.
    #[inline(always)]
    fn lefts<const N: usize>(self, columns: &[Lanes]) -> [u64; N] {
        let ranks = &columns[usize::from(self.column)].0;
        let mut lefts = [0; N];
        for lane in 0..N {
            lefts[lane] = u64::from(ranks[lane] < self.rank);
        }
        lefts
    }
}

impl Group {
    fn fill(&mut self, leaves: &[Leaf], rules: &[Rule]) {
        let count = self.inputs.len();
        for leaf in leaves {
            let own = leaf.inputs.len();
            let mut parts = vec![0; own << own];
            for (mask, parts) in parts.chunks_exact_mut(own.max(1)).enumerate() {
                leaf.game.parts(mask as u64, rules, parts);
            }
            let place = |input: &u32| self.inputs.iter().position(|known| known == input).unwrap_or(0);
            let places: Vec<usize> = leaf.inputs.iter().map(place).collect();
            for (entry, sums) in self.table.chunks_exact_mut(count).enumerate() {
                let mut mask = entry as u64 & ((1 << self.above) - 1);
                for way in &leaf.way {
                    let went = (entry >> (self.above + way.split) & 1 == 1) == way.left;
                    mask = enter(mask, went.into(), way.bit, way.fresh);
                }
                for (place, part) in places.iter().zip(&parts[mask as usize * own..]) {
                    sums[*place] += part;
                }
            }
        }
    }

    #[inline(always)]
    fn add<const N: usize>(&self, columns: &[Lanes], masks: &[u64; N], parts: &mut [i64], width: usize) {
        let mut entries = *masks;
        for (place, test) in self.tests.iter().enumerate() {
            let lefts: [u64; N] = test.lefts(columns);
            for (entry, left) in entries.iter_mut().zip(lefts) {
                *entry |= left << (self.above + place);
            }
        }
        // With a fixed number of parts the loop over them is none.
        match self.inputs.len() {
            1 => self.read::<1>(&entries, parts, width),
            2 => self.read::<2>(&entries, parts, width),
            3 => self.read::<3>(&entries, parts, width),
            4 => self.read::<4>(&entries, parts, width),
            5 => self.read::<5>(&entries, parts, width),
            6 => self.read::<6>(&entries, parts, width),
            7 => self.read::<7>(&entries, parts, width),
            8 => self.read::<8>(&entries, parts, width),
            count => {
                for (parts, entry) in parts.chunks_exact_mut(width).zip(&entries) {
                    for (input, part) in self.inputs.iter().zip(&self.table[*entry as usize * count..]) {
                        parts[*input as usize] += part;
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn read<const K: usize>(&self, entries: &[u64], parts: &mut [i64], width: usize) {
        let inputs: [usize; K] = std::array::from_fn(|place| self.inputs[place] as usize);
        let table = self.table.as_chunks::<K>().0;
        for (parts, entry) in parts.chunks_exact_mut(width).zip(entries) {
            let found = &table[*entry as usize];
            for place in 0..K {
                parts[inputs[place]] += found[place];
            }
        }
    }
}

/// The path to a node while the tables are made.
struct Path<'a> {
    tree: &'a Tree,
    /// How many splits there are at and below each node.
    splits: Vec<usize>,
    inputs: Vec<u32>,
    /// The share of training rows that passes each input's splits.
    shares: Vec<f64>,
    background: &'a [Vec<i64>],
    /// For each depth the masks of the background rows.
    masks: Vec<Vec<u64>>,
}

/// A step on a path, as it has to be known to go back.
#[derive(Clone, Copy)]
struct Entered {
    bit: usize,
    fresh: bool,
    before: f64,
}

impl<'a> Path<'a> {
    fn new(tree: &'a Tree, background: &'a [Vec<i64>]) -> Path<'a> {
        let mut splits = vec![0; tree.input.len()];
        for node in (0..splits.len()).rev().filter(|node| !tree.is_leaf(*node)) {
            splits[node] = 1 + splits[tree.left[node] as usize] + splits[tree.right[node] as usize];
        }
        let masks = vec![vec![0; background.len()]];
        Path { tree, splits, inputs: Vec::new(), shares: Vec::new(), background, masks }
    }

    /// Goes to a child.
    fn enter(&mut self, node: usize, left: bool) -> (usize, Entered) {
        let tree = self.tree;
        let child = (if left { tree.left[node] } else { tree.right[node] }) as usize;
        let input = tree.input[node] as u32;
        let found = self.inputs.iter().position(|known| *known == input);
        let (bit, fresh) = (found.unwrap_or(self.inputs.len()), found.is_none());
        let before = self.shares.get(bit).copied().unwrap_or(1.0);
        let share = before * tree.share(node, child);
        if fresh {
            self.inputs.push(input);
            self.shares.push(share);
        } else {
            self.shares[bit] = share;
        }
        let step = |(row, mask): (&Vec<i64>, &u64)| {
            let passes = tree.goes_left(node, row[input as usize]) == left;
            enter(*mask, passes.into(), bit, fresh)
        };
        let masks = self.masks.last().into_iter().flatten();
        let masks = self.background.iter().zip(masks).map(step).collect();
        self.masks.push(masks);
        (child, Entered { bit, fresh, before })
    }

    fn leave(&mut self, entered: Entered) {
        self.masks.pop();
        if entered.fresh {
            self.inputs.pop();
            self.shares.pop();
        } else {
            self.shares[entered.bit] = entered.before;
        }
    }

    /// The leaf at the end of the path.
    fn leaf(&self, node: usize, way: Vec<Way>) -> Leaf {
        let value = self.tree.value[node];
        let mut expected = value as f64;
        for share in &self.shares {
            expected *= share;
        }
        let mut counts: BTreeMap<u64, i64> = BTreeMap::new();
        for mask in self.masks.last().into_iter().flatten() {
            *counts.entry(*mask).or_default() += 1;
        }
        let game = Game {
            value,
            base: libm::round(expected) as i64,
            shares: self.shares.clone(),
            background: counts.into_iter().collect(),
        };
        Leaf { inputs: self.inputs.clone(), game, way }
    }
}

/// The mask at a child: the bit of its input is set if all splits on it let the row pass.
#[inline(always)]
fn enter(mask: u64, passes: u64, bit: usize, fresh: bool) -> u64 {
    if fresh { mask | passes << bit } else { mask & !((passes ^ 1) << bit) }
}

impl Game {
    /// The leaf's part of each input's attribution, for a row that passes the inputs in `mask`.
    fn parts(&self, mask: u64, rules: &[Rule], parts: &mut [i64]) {
        if self.background.is_empty() {
            self.path_parts(mask, rules, parts);
        } else {
            self.background_parts(mask, parts);
        }
    }

    fn path_parts(&self, mask: u64, rules: &[Rule], parts: &mut [i64]) {
        let count = parts.len();
        let known = |place: usize| (mask >> place & 1) as f64;
        let mut sums = [0.0; MAX_DEPTH];
        let mut before = [0.0; MAX_DEPTH];
        // The integrand has degree count - 1: this many points are exact.
        for (point, weight) in &rules[count.div_ceil(2)].0 {
            let factor = |place: usize| self.shares[place] * (1.0 - point) + known(place) * point;
            let mut product = *weight;
            for (place, before) in before[..count].iter_mut().enumerate() {
                *before = product;
                product *= factor(place);
            }
            let mut after = 1.0;
            for place in (0..count).rev() {
                sums[place] += before[place] * after;
                after *= factor(place);
            }
        }
        for place in 0..count {
            let part = (known(place) - self.shares[place]) * sums[place] * self.value as f64;
            parts[place] = libm::round(part) as i64;
        }
        let full = u64::MAX >> (64 - count);
        settle(parts, if mask == full { self.value } else { 0 } - self.base);
    }

    fn background_parts(&self, mask: u64, parts: &mut [i64]) {
        let full = u64::MAX >> (64 - parts.len());
        parts.fill(0);
        let mut one = [0i64; MAX_DEPTH];
        for (other, rows) in &self.background {
            if mask | other != full {
                continue;
            }
            let (only_row, only_other) = (mask & !other, other & !mask);
            let (a, b) = (only_row.count_ones() as usize, only_other.count_ones() as usize);
            let mut total = 0;
            for (place, one) in one[..parts.len()].iter_mut().enumerate() {
                let part = if only_row >> place & 1 == 1 {
                    self.value as f64 * weight(a - 1, a + b)
                } else if only_other >> place & 1 == 1 {
                    -(self.value as f64) * weight(a, a + b)
                } else {
                    0.0
                };
                *one = libm::round(part) as i64;
                total += *one;
            }
            let wanted = if mask == full { self.value } else { 0 } - if *other == full { self.value } else { 0 };
            if let Some(first) = (0..parts.len()).find(|place| (only_row | only_other) >> place & 1 == 1) {
                one[first] += wanted - total;
            }
            for (part, one) in parts.iter_mut().zip(&one) {
                *part += one * rows;
            }
        }
    }
}

/// Rounding leaves a few units over; the largest part takes them, the first of equal ones, so that
/// the parts sum to `wanted`.
pub(crate) fn settle(parts: &mut [i64], wanted: i64) {
    let left_over = wanted - parts.iter().sum::<i64>();
    let mut largest = 0;
    for place in 0..parts.len() {
        if parts[place].abs() > parts[largest].abs() {
            largest = place;
        }
    }
    if let Some(part) = parts.get_mut(largest) {
        *part += left_over;
    }
}

/// size! (count - size - 1)! / count!
fn weight(size: usize, count: usize) -> f64 {
    let mut binomial = 1.0;
    for step in 0..size {
        binomial = binomial * (count - 1 - step) as f64 / (step + 1) as f64;
    }
    1.0 / (count as f64 * binomial)
}

impl Rule {
    /// The rule with `count` points, by Newton's method on the Legendre polynomial.
    fn new(count: usize) -> Rule {
        let mut points = Vec::with_capacity(count);
        for number in 0..count {
            let mut x = libm::cos(std::f64::consts::PI * (number as f64 + 0.75) / (count as f64 + 0.5));
            let mut slope = 1.0;
            for _ in 0..8 {
                let (mut before, mut here) = (0.0, 1.0);
                for degree in 0..count {
                    let next = ((2 * degree + 1) as f64 * x * here - degree as f64 * before) / (degree + 1) as f64;
                    (before, here) = (here, next);
                }
                slope = count as f64 * (x * here - before) / (x * x - 1.0);
                x -= here / slope;
            }
            points.push(((x + 1.0) / 2.0, 1.0 / ((1.0 - x * x) * slope * slope)));
        }
        Rule(points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_integrate_polynomials_exactly() {
        for count in 1..=MAX_DEPTH.div_ceil(2) {
            let rule = Rule::new(count);
            for degree in 0..2 * count {
                let power = |x: f64| (0..degree).fold(1.0, |product, _| product * x);
                let sum: f64 = rule.0.iter().map(|(x, w)| w * power(*x)).sum();
                assert!((sum - 1.0 / (degree + 1) as f64).abs() < 1e-13, "{count} points, degree {degree}: {sum}");
            }
        }
    }
}
