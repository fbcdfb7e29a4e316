//! Integer inference and attributions against definitions, and foreign artifacts.

#![allow(clippy::unwrap_used)]

use enliven_models::{Artifact, Input, Link, ModelError, PairModel, Training, Tree};
use enliven_types::{Digest, FeatureDef, FeatureSchema, FeatureVector, Privacy, Timestamp};
use proptest::prelude::*;

const INPUTS: usize = 5;

fn schema() -> FeatureSchema {
    let define = |number: usize| FeatureDef {
        name: format!("f{number}"),
        scale: 0,
        unit: String::new(),
        privacy: Privacy::Public,
    };
    FeatureSchema { features: (0..INPUTS).map(define).collect() }
}

fn artifact(trees: Vec<Tree>) -> Artifact {
    Artifact {
        version: 1,
        schema: schema().digest(),
        inputs: (0..INPUTS).map(|number| Input::Own(format!("f{number}"))).collect(),
        base: 77,
        trees,
        link: Link { slope: 1_000_000, lower: -500_000, upper: 500_000 },
        reference: vec![FeatureVector(vec![0; INPUTS]); 10],
        training: Training {
            trainer: "test".into(),
            rows: 0,
            from: Timestamp(0),
            until: Timestamp(0),
            data: Digest::ZERO,
            reference: Vec::new(),
        },
    }
}

/// A random tree of at most `depth` levels: splits and leaves from a list of numbers.
fn grow(tree: &mut Tree, numbers: &mut std::slice::Iter<'_, (u8, i64, u64)>, depth: u32) -> (u32, u64) {
    let node = tree.input.len();
    let (kind, number, cover) = numbers.next().copied().unwrap_or((0, 5, 3));
    for column in [&mut tree.threshold, &mut tree.value] {
        column.push(0);
    }
    tree.input.push(-1);
    tree.left.push(0);
    tree.right.push(0);
    tree.cover.push(cover);
    if depth == 0 || kind % 4 == 0 {
        tree.value[node] = number * 1000;
        return (node as u32, cover);
    }
    let (left, left_cover) = grow(tree, numbers, depth - 1);
    let (right, right_cover) = grow(tree, numbers, depth - 1);
    tree.input[node] = i32::from(kind) % INPUTS as i32;
    tree.threshold[node] = number;
    (tree.left[node], tree.right[node]) = (left, right);
    tree.cover[node] = left_cover + right_cover;
    (node as u32, tree.cover[node])
}

fn trees() -> impl Strategy<Value = Vec<Tree>> {
    let numbers = prop::collection::vec((any::<u8>(), -20i64..20, 1u64..50), 1..40);
    prop::collection::vec((numbers, 0u32..5), 1..5).prop_map(|specs| {
        let one = |(numbers, depth): (Vec<(u8, i64, u64)>, u32)| {
            let mut tree = Tree::default();
            grow(&mut tree, &mut numbers.iter(), depth);
            tree
        };
        specs.into_iter().map(one).collect()
    })
}

/// The expected value of a tree when only the inputs in `known` are known.
fn expected(tree: &Tree, node: usize, row: &[i64], known: usize) -> f64 {
    if tree.input[node] < 0 {
        return tree.value[node] as f64;
    }
    let (input, left, right) = (tree.input[node] as usize, tree.left[node] as usize, tree.right[node] as usize);
    if known >> input & 1 == 1 {
        let child = if row[input] < tree.threshold[node] { left } else { right };
        return expected(tree, child, row, known);
    }
    let share = |child: usize| tree.cover[child] as f64 / tree.cover[node] as f64 * expected(tree, child, row, known);
    share(left) + share(right)
}

fn factorial(number: usize) -> f64 {
    (1..=number).map(|factor| factor as f64).product()
}

/// Shapley values by their definition: over all sets of inputs.
fn shapley(trees: &[Tree], row: &[i64], input: usize) -> f64 {
    let value = |known: usize| trees.iter().map(|tree| expected(tree, 0, row, known)).sum::<f64>();
    let mut sum = 0.0;
    for known in 0..1usize << INPUTS {
        if known >> input & 1 == 0 {
            let size = known.count_ones() as usize;
            let weight = factorial(size) * factorial(INPUTS - size - 1) / factorial(INPUTS);
            sum += weight * (value(known | 1 << input) - value(known));
        }
    }
    sum
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn attributions_are_shapley_values_and_sum_exactly(trees in trees(), row in prop::collection::vec(-25i64..25, INPUTS)) {
        let model = PairModel::new(&artifact(trees.clone()), &schema()).unwrap();
        let vector = FeatureVector(row.clone());
        let attribution = model.explain(&vector);
        prop_assert_eq!(attribution.sum(), model.score(&vector).margin.units);
        let leaves: usize = trees.iter().map(|tree| tree.input.len()).sum();
        for (input, part) in attribution.parts.iter().enumerate() {
            // Ten equal opponents; each leaf rounds by at most a few units.
            let exact = shapley(&trees, &row, input);
            prop_assert!((*part as f64 / 10.0 - exact).abs() <= 3.0 * leaves as f64, "{part} {exact}");
        }
    }

    #[test]
    fn bytes_round_trip_and_flipped_bytes_are_no_panic(trees in trees(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let bytes = artifact(trees.clone()).to_block().bytes;
        prop_assert_eq!(Artifact::from_bytes(&bytes).unwrap(), artifact(trees));
        let mut flipped = bytes.clone();
        flipped[at.index(bytes.len())] ^= 1 << bit;
        if let Ok(artifact) = Artifact::from_bytes(&flipped)
            && let Ok(model) = PairModel::new(&artifact, &schema())
        {
            model.explain(&FeatureVector(vec![1; INPUTS]));
        }
    }
}

#[test]
fn broken_trees_are_named() {
    let split = Tree {
        input: vec![0, -1, -1],
        threshold: vec![5, 0, 0],
        left: vec![1, 0, 0],
        right: vec![2, 0, 0],
        value: vec![0, 1, 2],
        cover: vec![3, 1, 2],
    };
    type Break = fn(&mut Tree);
    let breaks: [(Break, &str); 8] = [
        (|tree| tree.left[0] = 0, "tree 0, node 0: child 0 does not come after it"),
        (|tree| tree.right[0] = 9, "child 9 does not come after it"),
        (|tree| tree.right[0] = 1, "its cover is not that of its children"),
        (|tree| tree.input[0] = 5, "input 5 of 5"),
        (|tree| tree.cover[0] = 4, "its cover is not that of its children"),
        (|tree| tree.value[1] = i64::MAX, "the leaf values could add up to more than 2^52"),
        (|tree| tree.value.truncate(2), "columns of one length"),
        (|tree| tree.input[1] = -2, "a leaf has input -1"),
    ];
    for (change, want) in breaks {
        let mut tree = split.clone();
        change(&mut tree);
        let error = PairModel::new(&artifact(vec![tree]), &schema()).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
    let mut other = artifact(vec![split]);
    other.schema = Digest::ZERO;
    assert!(matches!(PairModel::new(&other, &schema()), Err(ModelError::Schema { .. })));
}
