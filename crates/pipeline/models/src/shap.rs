//! Exact Shapley attributions of trees, in integers.
//!
//! At one leaf only the inputs on its path matter, and of a row only *which* of them let it pass: a
//! bit mask (Yang, "Fast TreeSHAP", 2021). So what a leaf adds to each input's attribution is a
//! function of that mask. It is computed in doubles, in one order, and rounded to whole units so that
//! the parts of a leaf sum to what it contributes exactly; a row's attributions are sums of such
//! integers. The functions of most leaves are tabulated when the model is loaded.
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

use pulp::Arch;

use crate::artifact::Ensemble;
use crate::tree::{MAX_DEPTH, Tree};

/// Rows that walk together.
const LANES: usize = 16;
/// Leaves with more inputs on their path are not tabulated.
const MAX_TABLE_BITS: usize = 10;
/// The most entries of all tables together.
const MAX_ENTRIES: usize = 1 << 23;

/// What explains an ensemble.
#[derive(Clone, Debug)]
pub(crate) struct Explainer {
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
    tree: Tree,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    /// Which rows go left at a split.
    Ask { depth: usize, node: usize },
    /// Down to a child.
    Enter { depth: usize, left: bool, bit: usize, fresh: bool },
    /// A leaf.
    Arrive { depth: usize, leaf: Box<Leaf> },
}

#[derive(Clone, Debug)]
struct Leaf {
    /// The inputs of the path.
    inputs: Vec<u32>,
    game: Game,
    /// `inputs.len()` parts for each mask; empty if they are computed for each row.
    table: Vec<i64>,
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
    /// Path-dependent attributions of a checked ensemble.
    pub(crate) fn path(ensemble: &Ensemble) -> Explainer {
        Explainer::new(ensemble, &[])
    }

    /// Interventional attributions beside `background`, rows of inputs.
    pub(crate) fn background(ensemble: &Ensemble, background: &[Vec<i64>]) -> Explainer {
        Explainer::new(ensemble, background)
    }

    fn new(ensemble: &Ensemble, background: &[Vec<i64>]) -> Explainer {
        let mut explainer = Explainer {
            trees: Vec::with_capacity(ensemble.trees.len()),
            rules: (0..=MAX_DEPTH.div_ceil(2)).map(Rule::new).collect(),
            base: ensemble.base.clone(),
            weight: background.len().max(1) as i64,
            arch: Arch::new(),
        };
        explainer.base.iter_mut().for_each(|base| *base *= explainer.weight);
        let mut entries = 0;
        for tree in &ensemble.trees {
            let mut walk = Walk { output: tree.output, tree: tree.clone(), steps: Vec::new() };
            let mut path = Path { background, ..Path::default() };
            path.masks.push(vec![0; background.len()]);
            explainer.visit(tree, 0, &mut path, &mut walk.steps, &mut entries);
            for row in background {
                explainer.base[tree.output as usize] += tree.value[tree.leaf_of(row)];
            }
            explainer.trees.push(walk);
        }
        explainer
    }

    fn visit(&mut self, tree: &Tree, node: usize, path: &mut Path<'_>, steps: &mut Vec<Step>, entries: &mut usize) {
        let depth = path.masks.len() - 1;
        if tree.is_leaf(node) {
            let game = self.game(tree.value[node], path);
            if path.background.is_empty() {
                self.base[tree.output as usize] += game.base;
            }
            let count = path.inputs.len();
            if count > 0 {
                let mut leaf = Leaf { inputs: path.inputs.clone(), game, table: Vec::new() };
                let size = count << count.min(MAX_TABLE_BITS + 1);
                if count <= MAX_TABLE_BITS && *entries + size <= MAX_ENTRIES {
                    *entries += size;
                    leaf.table = vec![0; size];
                    for (mask, parts) in leaf.table.chunks_exact_mut(count).enumerate() {
                        leaf.game.parts(mask as u64, &self.rules, parts);
                    }
                }
                steps.push(Step::Arrive { depth, leaf: Box::new(leaf) });
            }
            return;
        }
        let input = tree.input[node] as u32;
        steps.push(Step::Ask { depth, node });
        for (left, child) in [(true, tree.left[node] as usize), (false, tree.right[node] as usize)] {
            let found = path.inputs.iter().position(|known| *known == input);
            let bit = found.unwrap_or(path.inputs.len());
            let before = path.shares.get(bit).copied().unwrap_or(1.0);
            let share = before * tree.share(node, child);
            if found.is_none() {
                path.inputs.push(input);
                path.shares.push(share);
            } else {
                path.shares[bit] = share;
            }
            let above = &path.masks[depth];
            let step = |(row, mask): (&Vec<i64>, &u64)| {
                let passes = tree.goes_left(node, row[input as usize]) == left;
                enter(*mask, passes.into(), bit, found.is_none())
            };
            let masks = path.background.iter().zip(above).map(step).collect();
            path.masks.push(masks);
            steps.push(Step::Enter { depth, left, bit, fresh: found.is_none() });
            self.visit(tree, child, path, steps, entries);
            path.masks.pop();
            if found.is_none() {
                path.inputs.pop();
                path.shares.pop();
            } else {
                path.shares[bit] = before;
            }
        }
    }

    fn game(&self, value: i64, path: &Path<'_>) -> Game {
        let mut expected = value as f64;
        for share in &path.shares {
            expected *= share;
        }
        let mut counts: BTreeMap<u64, i64> = BTreeMap::new();
        for mask in path.masks.last().into_iter().flatten() {
            *counts.entry(*mask).or_default() += 1;
        }
        Game {
            value,
            base: libm::round(expected) as i64,
            shares: path.shares.clone(),
            background: counts.into_iter().collect(),
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
        // Tree by tree over many rows, so that a tree's tables stay in the cache.
        for walk in self.trees.iter().filter(|walk| walk.output as usize == output) {
            for (rows, parts) in rows.chunks(LANES * width).zip(parts.chunks_mut(LANES * width)) {
                self.arch.dispatch(|| self.walk(walk, rows, parts, width));
            }
        }
        parts
    }

    #[inline(always)]
    fn walk(&self, walk: &Walk, rows: &[i64], parts: &mut [i64], width: usize) {
        let mut lefts = [[0u64; LANES]; MAX_DEPTH + 1];
        let mut masks = [[0u64; LANES]; MAX_DEPTH + 1];
        let mut computed = [0i64; MAX_DEPTH];
        for step in &walk.steps {
            match step {
                Step::Ask { depth, node } => {
                    let input = walk.tree.input[*node] as usize;
                    for (left, row) in lefts[*depth].iter_mut().zip(rows.chunks_exact(width)) {
                        *left = u64::from(walk.tree.goes_left(*node, row[input]));
                    }
                }
                Step::Enter { depth, left, bit, fresh } => {
                    let flip = u64::from(!*left);
                    for lane in 0..LANES {
                        masks[*depth + 1][lane] = enter(masks[*depth][lane], lefts[*depth][lane] ^ flip, *bit, *fresh);
                    }
                }
                Step::Arrive { depth, leaf } => {
                    let count = leaf.inputs.len();
                    for (parts, mask) in parts.chunks_exact_mut(width).zip(&masks[*depth]) {
                        let found = if leaf.table.is_empty() {
                            leaf.game.parts(*mask, &self.rules, &mut computed[..count]);
                            &computed[..count]
                        } else {
                            &leaf.table[*mask as usize * count..][..count]
                        };
                        for (input, part) in leaf.inputs.iter().zip(found) {
                            parts[*input as usize] += part;
                        }
                    }
                }
            }
        }
    }
}

/// The path to a node while the tables are made.
#[derive(Default)]
struct Path<'a> {
    inputs: Vec<u32>,
    shares: Vec<f64>,
    background: &'a [Vec<i64>],
    /// For each depth the masks of the background rows.
    masks: Vec<Vec<u64>>,
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
            for place in 0..count {
                before[place] = product;
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
            for place in 0..parts.len() {
                let part = if only_row >> place & 1 == 1 {
                    self.value as f64 * weight(a - 1, a + b)
                } else if only_other >> place & 1 == 1 {
                    -(self.value as f64) * weight(a, a + b)
                } else {
                    0.0
                };
                one[place] = libm::round(part) as i64;
                total += one[place];
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
