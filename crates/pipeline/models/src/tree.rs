use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::artifact::{Ensemble, invalid};

/// A value that is not known, in a row of inputs.
pub const MISSING: i64 = i64::MIN;

/// Deeper trees are refused: a path has at most so many inputs, one bit each.
pub const MAX_DEPTH: usize = 64;
const MAX_TREES: usize = 100_000;
const MAX_NODES: usize = 1 << 22;
/// The sum over all trees stays below this, so that no sum of scores can overflow.
pub(crate) const MAX_SUM: i128 = 1 << 52;

/// One tree as parallel columns; node 0 is the root and children come after their parent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// The output that its leaves add to.
    pub output: u32,
    /// The input that a node splits on; -1 for a leaf.
    pub input: Vec<i32>,
    /// A row goes left if its input is less than this; 0 for a leaf and for a split by a set.
    pub threshold: Vec<i64>,
    /// The left child; 0 for a leaf.
    pub left: Vec<u32>,
    /// The right child; 0 for a leaf.
    pub right: Vec<u32>,
    /// The value of a leaf in units of the artifact's scale; 0 for a split.
    pub value: Vec<i64>,
    /// How many training rows passed the node, or their weight in any unit.
    pub cover: Vec<u64>,
    /// The splits, in rising order, that a row goes left at if its input is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_left: Vec<u32>,
    /// The splits by a set of categories, in the order of their nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<CategorySet>,
}

/// A split by a set: a row goes left if its input is one of these values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategorySet {
    /// The node.
    pub node: u32,
    /// The values that go left, in rising order.
    pub left: Vec<i64>,
}

/// What a split asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question<'a> {
    Less(i64),
    Among(&'a [i64]),
}

impl Tree {
    /// Adds a leaf and gives its number.
    pub fn leaf(&mut self, value: i64, cover: u64) -> u32 {
        self.push(-1, 0, value, cover)
    }

    /// Adds a split without its children, and gives its number; see [`Tree::join`].
    pub fn split(&mut self, input: u32, threshold: i64) -> u32 {
        self.push(input as i32, threshold, 0, 0)
    }

    /// Sets the children of a split. Its cover becomes that of both.
    pub fn join(&mut self, node: u32, left: u32, right: u32) {
        (self.left[node as usize], self.right[node as usize]) = (left, right);
        self.cover[node as usize] = self.cover[left as usize].saturating_add(self.cover[right as usize]);
    }

    fn push(&mut self, input: i32, threshold: i64, value: i64, cover: u64) -> u32 {
        self.input.push(input);
        self.threshold.push(threshold);
        self.left.push(0);
        self.right.push(0);
        self.value.push(value);
        self.cover.push(cover);
        self.input.len() as u32 - 1
    }

    /// Whether a node is a leaf.
    pub(crate) fn is_leaf(&self, node: usize) -> bool {
        self.input[node] < 0
    }

    /// Whether a row without the input of this split goes left.
    pub(crate) fn missing_goes_left(&self, node: usize) -> bool {
        self.missing_left.binary_search(&(node as u32)).is_ok()
    }

    pub(crate) fn question(&self, node: usize) -> Question<'_> {
        match self.sets.binary_search_by_key(&(node as u32), |set| set.node) {
            Ok(at) => Question::Among(&self.sets[at].left),
            Err(_) => Question::Less(self.threshold[node]),
        }
    }

    /// Whether a row with this value goes left: the definition that everything faster is held against.
    pub(crate) fn goes_left(&self, node: usize, value: i64) -> bool {
        if value == MISSING {
            return self.missing_goes_left(node);
        }
        match self.question(node) {
            Question::Less(threshold) => value < threshold,
            Question::Among(values) => values.binary_search(&value).is_ok(),
        }
    }

    /// The leaf that a row reaches, by the definition.
    pub fn leaf_of(&self, row: &[i64]) -> usize {
        let mut node = 0;
        while !self.is_leaf(node) {
            let left = self.goes_left(node, row[self.input[node] as usize]);
            node = (if left { self.left[node] } else { self.right[node] }) as usize;
        }
        node
    }

    /// The share of the training rows at a split that went to this child; half where none passed.
    pub(crate) fn share(&self, node: usize, child: usize) -> f64 {
        if self.cover[node] == 0 { 0.5 } else { self.cover[child] as f64 / self.cover[node] as f64 }
    }
}

/// Checks trees over `inputs` inputs that add to `outputs` outputs.
pub(crate) fn check(ensemble: &Ensemble, inputs: usize, outputs: usize) -> Result<(), ModelError> {
    let trees = &ensemble.trees;
    if trees.len() > MAX_TREES {
        return Err(invalid("trees", format!("{} trees, at most {MAX_TREES} are allowed", trees.len())));
    }
    if ensemble.base.len() != outputs {
        return Err(invalid("base", format!("{} values for {outputs} outputs", ensemble.base.len())));
    }
    let mut nodes = 0usize;
    let mut largest: Vec<i128> = ensemble.base.iter().map(|base| i128::from(*base).abs()).collect();
    for (number, tree) in trees.iter().enumerate() {
        check_tree(tree, inputs).map_err(|(node, reason)| invalid(&format!("tree {number}, node {node}"), reason))?;
        nodes += tree.input.len();
        if nodes > MAX_NODES {
            return Err(invalid(&format!("tree {number}"), format!("more than {MAX_NODES} nodes in all")));
        }
        let Some(sum) = largest.get_mut(tree.output as usize) else {
            return Err(invalid(&format!("tree {number}"), format!("output {} of {outputs}", tree.output)));
        };
        *sum += tree.value.iter().map(|value| i128::from(*value).abs()).max().unwrap_or(0);
    }
    if largest.iter().any(|sum| *sum > MAX_SUM) {
        return Err(invalid("trees", "the leaf values could add up to more than 2^52".into()));
    }
    Ok(())
}

fn check_tree(tree: &Tree, inputs: usize) -> Result<(), (usize, String)> {
    let count = tree.input.len();
    let lengths = [tree.threshold.len(), tree.left.len(), tree.right.len(), tree.value.len(), tree.cover.len()];
    if count == 0 || count > MAX_NODES || lengths.iter().any(|length| *length != count) {
        return Err((0, format!("a tree has 1 to {MAX_NODES} nodes and columns of one length")));
    }
    check_lists(tree, count)?;
    let mut depth = vec![0usize; count];
    let mut parents = vec![0u32; count];
    for node in 0..count {
        if tree.is_leaf(node) {
            if tree.input[node] != -1 || tree.left[node] != 0 || tree.right[node] != 0 || tree.threshold[node] != 0 {
                return Err((node, "a leaf has input -1, no children and no threshold".into()));
            }
            continue;
        }
        if tree.input[node] as usize >= inputs {
            return Err((node, format!("input {} of {inputs}", tree.input[node])));
        }
        if tree.threshold[node] == MISSING {
            return Err((node, "a threshold is larger than what stands for a missing value".into()));
        }
        if tree.value[node] != 0 {
            return Err((node, "a split has no value".into()));
        }
        let mut cover = 0u64;
        for child in [tree.left[node] as usize, tree.right[node] as usize] {
            if child <= node || child >= count {
                return Err((node, format!("child {child} does not come after it")));
            }
            parents[child] += 1;
            depth[child] = depth[node] + 1;
            if depth[child] > MAX_DEPTH {
                return Err((child, format!("deeper than {MAX_DEPTH}")));
            }
            cover = cover.saturating_add(tree.cover[child]);
        }
        if cover != tree.cover[node] || cover > 1 << 50 {
            return Err((node, "its cover is not that of its children".into()));
        }
    }
    match (1..count).find(|node| parents[*node] != 1) {
        Some(node) => Err((node, "a node has exactly one parent".into())),
        None => Ok(()),
    }
}

/// The lists of splits with something special: in order, and of splits only.
fn check_lists(tree: &Tree, count: usize) -> Result<(), (usize, String)> {
    let split = |node: u32| (node as usize) < count && !tree.is_leaf(node as usize);
    let rising = |nodes: &[u32]| nodes.windows(2).all(|pair| pair[0] < pair[1]);
    if !rising(&tree.missing_left) || !tree.missing_left.iter().all(|node| split(*node)) {
        return Err((0, "`missing_left` names splits in rising order".into()));
    }
    let nodes: Vec<u32> = tree.sets.iter().map(|set| set.node).collect();
    if !rising(&nodes) {
        return Err((0, "`sets` are in the order of their nodes".into()));
    }
    for set in &tree.sets {
        let node = set.node as usize;
        if !split(set.node) || tree.threshold[node] != 0 {
            return Err((node, "a set belongs to a split without a threshold".into()));
        }
        if set.left.len() > 1 << 16 || !set.left.windows(2).all(|pair| pair[0] < pair[1]) {
            return Err((node, "a set has at most 65536 values, in rising order".into()));
        }
        if set.left.first() == Some(&MISSING) {
            return Err((node, "a missing value is in no set".into()));
        }
    }
    Ok(())
}
