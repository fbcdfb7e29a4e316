//! Integer inference and attributions against definitions, and foreign artifacts.

#![allow(clippy::unwrap_used)]

use enliven_models::{
    Artifact, CategorySet, Ensemble, Form, Import, Input, Link, MISSING, Method, Model, ModelError, Origin, Tree,
};
use enliven_types::{Digest, FeatureDef, FeatureSchema, FeatureVector, Privacy};
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
        version: 2,
        schema: schema().digest(),
        inputs: (0..INPUTS).map(|number| Input::Own(format!("f{number}"))).collect(),
        missing: vec![Some(-99); INPUTS],
        outputs: vec!["margin".into()],
        explained: 0,
        scale: 6,
        form: Form::Trees(Ensemble { base: vec![77], trees }),
        link: Link::Identity,
        attributions: Method::Path,
        background: Vec::new(),
        reference: Vec::new(),
        origin: Origin::Imported(Import { format: "test".into(), objective: String::new(), file: Digest::ZERO }),
    }
}

/// A random tree of at most `depth` levels: splits and leaves from a list of numbers.
fn grow(tree: &mut Tree, numbers: &mut std::slice::Iter<'_, (u8, i64, u64)>, depth: u32) -> (u32, u64) {
    let (kind, number, cover) = numbers.next().copied().unwrap_or((0, 5, 3));
    if depth == 0 || kind % 4 == 0 {
        return (tree.leaf(number * 1000, cover), cover);
    }
    let set = kind % 5 == 1;
    let node = tree.split(u32::from(kind) % INPUTS as u32, if set { 0 } else { number });
    if kind % 3 == 0 {
        tree.missing_left.push(node);
    }
    if set {
        let mut left = vec![number, number + 2, number + i64::from(kind % 7) + 3];
        left.dedup();
        tree.sets.push(CategorySet { node, left });
    }
    let (left, _) = grow(tree, numbers, depth - 1);
    let (right, _) = grow(tree, numbers, depth - 1);
    tree.join(node, left, right);
    (node, tree.cover[node as usize])
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

/// Where a row goes at a split, as the fields of [`Tree`] say.
fn goes_left(tree: &Tree, node: usize, value: i64) -> bool {
    if value == MISSING {
        return tree.missing_left.contains(&(node as u32));
    }
    match tree.sets.iter().find(|set| set.node == node as u32) {
        Some(set) => set.left.contains(&value),
        None => value < tree.threshold[node],
    }
}

/// The expected value of a tree when only the inputs in `known` are known.
fn expected(tree: &Tree, node: usize, row: &[i64], known: usize) -> f64 {
    if tree.input[node] < 0 {
        return tree.value[node] as f64;
    }
    let (input, left, right) = (tree.input[node] as usize, tree.left[node] as usize, tree.right[node] as usize);
    if known >> input & 1 == 1 {
        let child = if goes_left(tree, node, row[input]) { left } else { right };
        return expected(tree, child, row, known);
    }
    let share = |child: usize| match tree.cover[node] {
        0 => 0.5 * expected(tree, child, row, known),
        all => tree.cover[child] as f64 / all as f64 * expected(tree, child, row, known),
    };
    share(left) + share(right)
}

fn margin(trees: &[Tree], row: &[i64]) -> i64 {
    77 + trees.iter().map(|tree| expected(tree, 0, row, (1 << INPUTS) - 1) as i64).sum::<i64>()
}

fn factorial(number: usize) -> f64 {
    (1..=number).map(|factor| factor as f64).product()
}

/// Shapley values by their definition: over all sets of inputs.
fn shapley(value: &dyn Fn(usize) -> f64, input: usize) -> f64 {
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

fn row() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(prop_oneof![9 => -25i64..25, 1 => Just(MISSING)], INPUTS)
}

/// The vector that gives this row.
fn vector(row: &[i64]) -> FeatureVector {
    FeatureVector(row.iter().map(|value| if *value == MISSING { -99 } else { *value }).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn margins_are_the_sums_of_leaves_for_one_row_and_for_many(trees in trees(), rows in prop::collection::vec(row(), 1..200)) {
        let model = Model::new(&artifact(trees.clone()), &schema()).unwrap();
        let wanted: Vec<i64> = rows.iter().map(|row| margin(&trees, row)).collect();
        prop_assert_eq!(&model.margins(&rows.concat()), &wanted);
        for (row, wanted) in rows.iter().zip(&wanted) {
            prop_assert_eq!(model.score(&vector(row))[0].units, *wanted);
        }
    }

    #[test]
    fn attributions_are_shapley_values_and_sum_exactly(trees in trees(), rows in prop::collection::vec(row(), 1..20)) {
        let model = Model::new(&artifact(trees.clone()), &schema()).unwrap();
        let leaves: usize = trees.iter().map(|tree| tree.input.len()).sum();
        let all = model.attributions(&rows.concat(), 0);
        for (row, parts) in rows.iter().zip(all.chunks(INPUTS)) {
            let attribution = model.explain(&vector(row));
            prop_assert_eq!(&attribution.parts, parts);
            prop_assert_eq!(attribution.sum(), margin(&trees, row));
            for (input, part) in parts.iter().enumerate() {
                // Each leaf rounds by at most a few units.
                let value = |known| trees.iter().map(|tree| expected(tree, 0, row, known)).sum::<f64>();
                let exact = shapley(&value, input);
                prop_assert!((*part as f64 - exact).abs() <= 3.0 * leaves as f64, "{part} {exact}");
            }
        }
    }

    #[test]
    fn attributions_beside_a_background_are_shapley_values(
        trees in trees(), row in row(), background in prop::collection::vec(row(), 1..6)
    ) {
        let mut artifact = artifact(trees.clone());
        artifact.attributions = Method::Background;
        artifact.background = background.clone();
        let model = Model::new(&artifact, &schema()).unwrap();
        let leaves: usize = trees.iter().map(|tree| tree.input.len()).sum();
        let attribution = model.explain(&vector(&row));
        prop_assert_eq!(attribution.sum(), margin(&trees, &row));
        for (input, part) in attribution.parts.iter().enumerate() {
            let value = |known: usize| {
                let mixed = |other: &Vec<i64>| -> Vec<i64> {
                    (0..INPUTS).map(|place| if known >> place & 1 == 1 { row[place] } else { other[place] }).collect()
                };
                let sum: i64 = background.iter().map(|other| margin(&trees, &mixed(other))).sum();
                sum as f64 / background.len() as f64
            };
            let exact = shapley(&value, input);
            prop_assert!((*part as f64 - exact).abs() <= 3.0 * leaves as f64, "{part} {exact}");
        }
    }

    #[test]
    fn bytes_round_trip_and_flipped_bytes_are_no_panic(trees in trees(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let bytes = artifact(trees.clone()).to_block().bytes;
        prop_assert_eq!(Artifact::from_bytes(&bytes).unwrap(), artifact(trees));
        let mut flipped = bytes.clone();
        flipped[at.index(bytes.len())] ^= 1 << bit;
        if let Ok(artifact) = Artifact::from_bytes(&flipped)
            && let Ok(model) = Model::new(&artifact, &schema())
        {
            model.explain(&FeatureVector(vec![1; INPUTS]));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Trees of more than 64 leaves, inputs with more thresholds than a byte counts, values at the ends
    /// of their range, and numbers of rows that fill no block.
    #[test]
    fn large_trees_with_many_thresholds(
        numbers in prop::collection::vec((any::<u8>(), -2000i64..2000, 1u64..50), 4000),
        rows in prop::collection::vec(prop::collection::vec(
            prop_oneof![8 => -2100i64..2100, 1 => Just(MISSING), 1 => Just(i64::MAX), 1 => Just(MISSING + 1)], INPUTS
        ), 130..200)
    ) {
        let mut numbers = numbers.iter();
        let mut trees = Vec::new();
        while numbers.len() > 0 {
            let mut tree = Tree::default();
            grow(&mut tree, &mut numbers, 14);
            trees.push(tree);
        }
        let model = Model::new(&artifact(trees.clone()), &schema()).unwrap();
        let flat = rows.concat();
        let wanted: Vec<i64> = rows.iter().map(|row| margin(&trees, row)).collect();
        prop_assert_eq!(&model.margins(&flat), &wanted);
        let all = model.attributions(&flat, 0);
        for (number, (row, wanted)) in rows.iter().zip(&wanted).enumerate() {
            prop_assert_eq!(model.margins(row), vec![*wanted]);
            let parts = &all[number * INPUTS..][..INPUTS];
            prop_assert_eq!(parts.iter().sum::<i64>() + model.base(0), *wanted);
            if number < 8 {
                prop_assert_eq!(&model.attributions(row, 0), parts);
            }
        }
        for few in 1..16 {
            prop_assert_eq!(&model.margins(&flat[..few * INPUTS]), &wanted[..few]);
        }
    }
}

#[test]
fn broken_trees_are_named() {
    let split = Tree {
        output: 0,
        missing_left: vec![0],
        sets: Vec::new(),
        input: vec![0, -1, -1],
        threshold: vec![5, 0, 0],
        left: vec![1, 0, 0],
        right: vec![2, 0, 0],
        value: vec![0, 1, 2],
        cover: vec![3, 1, 2],
    };
    type Break = fn(&mut Tree);
    let breaks: [(Break, &str); 13] = [
        (|tree| tree.left[0] = 0, "tree 0, node 0: child 0 does not come after it"),
        (|tree| tree.right[0] = 9, "child 9 does not come after it"),
        (|tree| tree.right[0] = 1, "its cover is not that of its children"),
        (|tree| tree.input[0] = 5, "input 5 of 5"),
        (|tree| tree.cover[0] = 4, "its cover is not that of its children"),
        (|tree| tree.value[1] = i64::MAX, "the leaf values could add up to more than 2^52"),
        (|tree| tree.value.truncate(2), "columns of one length"),
        (|tree| tree.threshold[0] = MISSING, "a threshold is larger than what stands for a missing value"),
        (|tree| tree.input[1] = -2, "a leaf has input -1"),
        (|tree| tree.output = 1, "tree 0: output 1 of 1"),
        (|tree| tree.missing_left = vec![1], "`missing_left` names splits"),
        (|tree| tree.sets = vec![CategorySet { node: 0, left: vec![1] }], "node 0: a set belongs to a split without"),
        (
            |tree| {
                tree.threshold[0] = 0;
                tree.sets = vec![CategorySet { node: 0, left: vec![2, 1] }];
            },
            "in rising order",
        ),
    ];
    for (change, want) in breaks {
        let mut tree = split.clone();
        change(&mut tree);
        let error = Model::new(&artifact(vec![tree]), &schema()).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
    let mut other = artifact(vec![split]);
    other.schema = Digest::ZERO;
    assert!(matches!(Model::new(&other, &schema()), Err(ModelError::Schema { .. })));
}
