//! Trees laid out for speed. The definition is [`Tree::leaf_of`]; this gives the same integers.
//!
//! Small trees are evaluated for [`LANES`] rows at once, all their splits from the leaves up: that is
//! straight code without a branch or an indirection, which the compiler turns into vector
//! instructions. Large trees, and single rows, walk down several trees or rows at a time.

use std::hint::select_unpredictable;
use std::sync::Arc;

use pulp::{Arch, Simd, WithSimd};

use crate::artifact::Ensemble;
use crate::ranks::{LANES, Lanes, Ranks, Test};
use crate::tree::Tree;

/// Trees with at most so many leaves are evaluated as a whole.
const SMALL: usize = 64;
/// Fewer rows are walked one by one: a block costs as much as so many.
const FEW: usize = 12;
/// Walks that are on their way at the same time.
const WALKS: usize = 8;

/// An ensemble, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Forest {
    base: Vec<i64>,
    ranks: Arc<Ranks>,
    trees: Vec<Compiled>,
    /// The nodes of all trees, each tree's in one piece, two children side by side.
    nodes: Vec<Node>,
    /// The value of each node that is a leaf.
    values: Vec<i64>,
    arch: Arch,
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
    tests: [Test; 3],
    /// What the four grandchildren give: a leaf, or `SMALL` and the number of an earlier unit.
    from: [u8; 4],
}

/// A leaf has rank 0 and itself as its right child: a walk that has arrived stays.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    test: Test,
    /// The left child; the right one is next to it.
    left: u32,
}

impl Forest {
    /// Lays out checked trees, whose ranks are `ranks`.
    pub(crate) fn new(ensemble: &Ensemble, ranks: Arc<Ranks>) -> Forest {
        let mut forest = Forest {
            base: ensemble.base.clone(),
            ranks,
            trees: Vec::new(),
            nodes: Vec::new(),
            values: Vec::new(),
            arch: Arch::new(),
        };
        for tree in &ensemble.trees {
            forest.add(tree);
        }
        forest
    }

    fn add(&mut self, tree: &Tree) {
        let count = tree.input.len();
        let test = |node: usize| self.ranks.test(tree, node);
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
                nodes.push(Node { test: Test::default(), left: (root + at as u32).wrapping_sub(1) });
            } else {
                nodes.push(Node { test: test(node), left: root + order.len() as u32 });
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
        scratch.single.resize(self.ranks.columns(), 0);
        let ranks = &mut scratch.single;
        self.ranks.one(row, ranks);
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
                    *walk = node.left.wrapping_add(u32::from(ranks[usize::from(node.test.column)] >= node.test.rank));
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
        scratch.columns.resize(self.ranks.columns(), Lanes([0; LANES]));
        self.ranks.block(rows, width, &mut scratch.columns);
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

    /// A large tree, row by row, several at a time.
    #[inline(always)]
    fn walk_block(&self, tree: &Compiled, columns: &[Lanes], sums: &mut [i64]) {
        let mut walks = [tree.root; LANES];
        let walks = &mut walks[..sums.len()];
        for _ in 0..tree.depth {
            for (lane, walk) in walks.iter_mut().enumerate() {
                let node = self.nodes[*walk as usize];
                *walk =
                    node.left.wrapping_add(u32::from(columns[usize::from(node.test.column)].0[lane] >= node.test.rank));
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
    /// `leaves` are the nodes that are leaves; `test` gives the test of a split.
    fn new(tree: &Tree, leaves: &[usize], test: impl Fn(usize) -> Test) -> Small {
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
        for head in heads.iter().rev() {
            let mut unit = Unit { tests: [test(*head), Test::default(), Test::default()], from: [0; 4] };
            for (side, child) in children(*head).into_iter().enumerate() {
                let below = if tree.is_leaf(child) { [child; 2] } else { children(child) };
                if !tree.is_leaf(child) {
                    unit.tests[1 + side] = test(child);
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
        let [above, left, right] = self.tests.map(|test| test.rank);
        let [a, b, c] = self.tests.map(|test| &columns[usize::from(test.column)].0);
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

/// Memory that is used again.
#[derive(Default)]
struct Scratch {
    single: Vec<u8>,
    columns: Vec<Lanes>,
}
