//! Exact path-dependent TreeSHAP in integers.
//!
//! Lundberg, Erion and Lee, "Consistent Individualized Feature Attribution for Tree Ensembles"
//! (2018) define the attribution; Yang, "Fast TreeSHAP" (2021) observes that at one leaf it depends
//! only on *which* of the path's features the row satisfies. So each leaf gets a table from that set
//! (a bit mask) to attributions, computed once when the model is loaded, rounded to the artifact's
//! integers so that each table row sums exactly to what the leaf contributes. A row's attributions
//! are then sums of integers: exact, and in any order the same.

use crate::trees::Tree;

/// The attribution tables of an ensemble.
#[derive(Clone, Debug)]
pub(crate) struct Explainer {
    leaves: Vec<Leaf>,
    base: i64,
}

#[derive(Clone, Debug)]
struct Leaf {
    /// One interval `low <= value < high` per feature of the path.
    tests: Vec<Test>,
    /// `tests.len()` parts for each mask.
    table: Vec<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Test {
    input: u32,
    low: i64,
    high: i64,
    /// The share of training rows at the path's splits on this feature that go the path's way.
    share: f64,
}

impl Explainer {
    /// Builds the tables of checked trees.
    pub(crate) fn new(base: i64, trees: &[Tree]) -> Explainer {
        let mut explainer = Explainer { leaves: Vec::new(), base };
        for tree in trees {
            explainer.visit(tree, 0, &mut Vec::new());
        }
        explainer
    }

    /// What the ensemble expects before it knows any input.
    pub(crate) fn base(&self) -> i64 {
        self.base
    }

    /// Adds the attributions of `row` to `parts`, one per input.
    pub(crate) fn add(&self, row: &[i64], parts: &mut [i64]) {
        for leaf in &self.leaves {
            let mut mask = 0;
            for (bit, test) in leaf.tests.iter().enumerate() {
                let value = row[test.input as usize];
                mask |= usize::from(test.low <= value && value < test.high) << bit;
            }
            let count = leaf.tests.len();
            for (test, part) in leaf.tests.iter().zip(&leaf.table[mask * count..]) {
                parts[test.input as usize] += part;
            }
        }
    }

    fn visit(&mut self, tree: &Tree, node: usize, path: &mut Vec<Test>) {
        if tree.input[node] < 0 {
            let (leaf, base) = leaf(path, tree.value[node]);
            self.base += base;
            if !leaf.tests.is_empty() {
                self.leaves.push(leaf);
            }
            return;
        }
        let (input, threshold) = (tree.input[node] as u32, tree.threshold[node]);
        for (child, low, high) in [(tree.left[node], i64::MIN, threshold), (tree.right[node], threshold, i64::MAX)] {
            let share = tree.cover[child as usize] as f64 / tree.cover[node] as f64;
            let before = path.clone();
            match path.iter_mut().find(|test| test.input == input) {
                Some(test) => {
                    test.low = test.low.max(low);
                    test.high = test.high.min(high);
                    test.share *= share;
                }
                None => path.push(Test { input, low, high, share }),
            }
            self.visit(tree, child as usize, path);
            *path = before;
        }
    }
}

/// The table of one leaf, and what the leaf adds to the base.
fn leaf(tests: &[Test], value: i64) -> (Leaf, i64) {
    let count = tests.len();
    let mut expected = value as f64;
    for test in tests {
        expected *= test.share;
    }
    let base = libm::round(expected) as i64;
    let full = (1usize << count) - 1;
    let mut table = Vec::with_capacity((full + 1) * count);
    for mask in 0..=full {
        let start = table.len();
        for place in 0..count {
            table.push(libm::round(shapley(tests, mask, place) * value as f64) as i64);
        }
        // Rounding leaves a few units over; the largest part takes them, so that the sum is exact.
        let wanted = if mask == full { value } else { 0 } - base;
        let parts = &mut table[start..];
        let left_over = wanted - parts.iter().sum::<i64>();
        let mut largest = 0;
        for place in 0..count {
            if parts[place].abs() > parts[largest].abs() {
                largest = place;
            }
        }
        if count > 0 {
            parts[largest] += left_over;
        }
    }
    (Leaf { tests: tests.to_vec(), table }, base)
}

/// The Shapley value of one feature in the game v(S) = product over S of (satisfied or not) times
/// product over the rest of (share).
fn shapley(tests: &[Test], mask: usize, place: usize) -> f64 {
    // coefficients[k]: the sum over sets S of k others of v(S) without the feature's own factor.
    let mut coefficients = vec![1.0];
    for (other, test) in tests.iter().enumerate() {
        if other == place {
            continue;
        }
        let known = if mask >> other & 1 == 1 { 1.0 } else { 0.0 };
        let mut next = vec![0.0; coefficients.len() + 1];
        for (size, coefficient) in coefficients.iter().enumerate() {
            next[size] += coefficient * test.share;
            next[size + 1] += coefficient * known;
        }
        coefficients = next;
    }
    let count = tests.len();
    let own = if mask >> place & 1 == 1 { 1.0 } else { 0.0 };
    let mut sum = 0.0;
    for (size, coefficient) in coefficients.iter().enumerate() {
        sum += coefficient * weight(size, count);
    }
    sum * (own - tests[place].share)
}

/// |S|! (n - |S| - 1)! / n!
fn weight(size: usize, count: usize) -> f64 {
    // 1 / (n * binomial(n - 1, |S|)); both are small whole numbers, exact in a double.
    let mut binomial = 1.0;
    for step in 0..size {
        binomial = binomial * (count - 1 - step) as f64 / (step + 1) as f64;
    }
    1.0 / (count as f64 * binomial)
}
