use serde::{Deserialize, Serialize};

use crate::ModelError;

/// Deeper trees are refused: the attribution tables grow with two to the power of the depth.
pub(crate) const MAX_DEPTH: usize = 8;
const MAX_TREES: usize = 10_000;
const MAX_NODES: usize = (1 << (MAX_DEPTH + 1)) - 1;
/// The sum over all trees stays below this, so that no sum of scores can overflow.
const MAX_SUM: i128 = 1 << 52;

/// One tree as parallel columns; node 0 is the root and children come after their parent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// The input that a node splits on; -1 for a leaf.
    pub input: Vec<i32>,
    /// A row goes left if its input is less than this.
    pub threshold: Vec<i64>,
    /// The left child; 0 for a leaf.
    pub left: Vec<u32>,
    /// The right child; 0 for a leaf.
    pub right: Vec<u32>,
    /// The value of a leaf in units of the artifact's scale; 0 for a split.
    pub value: Vec<i64>,
    /// How many training rows passed the node.
    pub cover: Vec<u64>,
}

/// Checked trees, laid out for inference.
#[derive(Clone, Debug)]
pub struct Trees {
    nodes: Vec<Node>,
    roots: Vec<u32>,
    base: i64,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The threshold of a split, the value of a leaf.
    number: i64,
    input: i32,
    left: u32,
    right: u32,
}

impl Trees {
    /// Checks trees over `inputs` inputs.
    pub fn new(base: i64, trees: &[Tree], inputs: usize) -> Result<Trees, ModelError> {
        if trees.len() > MAX_TREES {
            return Err(invalid("trees", format!("{} trees, at most {MAX_TREES} are allowed", trees.len())));
        }
        let (mut nodes, mut roots) = (Vec::new(), Vec::new());
        let mut largest = i128::from(base).abs();
        for (number, tree) in trees.iter().enumerate() {
            check(tree, inputs).map_err(|(node, reason)| invalid(&format!("tree {number}, node {node}"), reason))?;
            let start = nodes.len() as u32;
            roots.push(start);
            for node in 0..tree.input.len() {
                let leaf = tree.input[node] < 0;
                nodes.push(Node {
                    number: if leaf { tree.value[node] } else { tree.threshold[node] },
                    input: tree.input[node],
                    left: start + tree.left[node],
                    right: start + tree.right[node],
                });
            }
            largest += tree.value.iter().map(|value| i128::from(*value).abs()).max().unwrap_or(0);
        }
        if largest > MAX_SUM {
            return Err(invalid("trees", "the leaf values could add up to more than 2^52".into()));
        }
        Ok(Trees { nodes, roots, base })
    }

    /// The sum of the base and the leaves that `row` reaches.
    ///
    /// The row must have as many inputs as the trees were checked for.
    pub fn predict(&self, row: &[i64]) -> i64 {
        let mut sum = self.base;
        for root in &self.roots {
            let mut node = &self.nodes[*root as usize];
            while node.input >= 0 {
                let child = if row[node.input as usize] < node.number { node.left } else { node.right };
                node = &self.nodes[child as usize];
            }
            sum += node.number;
        }
        sum
    }
}

fn check(tree: &Tree, inputs: usize) -> Result<(), (usize, String)> {
    let count = tree.input.len();
    let lengths = [tree.threshold.len(), tree.left.len(), tree.right.len(), tree.value.len(), tree.cover.len()];
    if count == 0 || count > MAX_NODES || lengths.iter().any(|length| *length != count) {
        return Err((0, format!("a tree has 1 to {MAX_NODES} nodes and columns of one length")));
    }
    let mut depth = vec![0usize; count];
    let mut parents = vec![0u32; count];
    for node in 0..count {
        if tree.input[node] < 0 {
            if tree.input[node] != -1 || tree.left[node] != 0 || tree.right[node] != 0 || tree.threshold[node] != 0 {
                return Err((node, "a leaf has input -1, no children and no threshold".into()));
            }
            continue;
        }
        if tree.input[node] as usize >= inputs {
            return Err((node, format!("input {} of {inputs}", tree.input[node])));
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
            if tree.cover[child] == 0 {
                return Err((child, "no training row passed it".into()));
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

pub(crate) fn invalid(place: &str, reason: String) -> ModelError {
    ModelError::Invalid { place: place.to_string(), reason }
}
