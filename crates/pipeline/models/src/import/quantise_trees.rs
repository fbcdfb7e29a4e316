//! Trees in floats become trees in whole numbers.

use super::ImportError;
use super::compare::power;
use super::foreign::{Absent, Foreign, ForeignNode, ForeignTree, ForeignTrees, Test, goes_left};
use super::quantise::Feature;
use crate::artifact::Ensemble;
use crate::tree::{MAX_SUM, MISSING};
use crate::{Artifact, CategorySet, Tree};

/// What a split becomes: less than a threshold, or one of a set; the children may change sides.
struct Asked {
    threshold: i64,
    set: Option<Vec<i64>>,
    swap: bool,
    /// Whether a row without the input goes left, before any swap.
    missing_left: bool,
}

impl Foreign {
    /// The trees, and the decimal places of their margins.
    pub(crate) fn quantise_trees(
        &self,
        trees: &ForeignTrees,
        features: &[Feature],
        rows: &[Vec<i64>],
    ) -> Result<(Ensemble, u8), ImportError> {
        let factor = self.factor / trees.divide;
        let scale = self.scale(trees, factor)?;
        let units = power(scale);
        let reals: Vec<Vec<f64>> = if trees.covers { Vec::new() } else { self.reals(features, rows) };
        let mut ensemble = Ensemble::default();
        for base in &trees.base {
            ensemble.base.push(libm::round(base * self.factor * units) as i64);
        }
        for (number, tree) in trees.trees.iter().enumerate() {
            let mut build = Build {
                foreign: self,
                tree,
                number,
                features,
                narrow: trees.narrow_input,
                factor: factor * units,
                covers: covers(tree, trees, &reals),
                found: Tree { output: tree.output as u32, ..Tree::default() },
            };
            build.add(0)?;
            // Children were added before the lists were complete.
            build.found.missing_left.sort_unstable();
            build.found.sets.sort_by_key(|set| set.node);
            ensemble.trees.push(build.found);
        }
        Ok((ensemble, scale))
    }

    /// The most decimal places with which no sum of leaves can pass 2^52.
    fn scale(&self, trees: &ForeignTrees, factor: f64) -> Result<u8, ImportError> {
        let mut largest: Vec<f64> = trees.base.iter().map(|base| (base * self.factor).abs() + 1.0).collect();
        for tree in &trees.trees {
            let mut most = 0f64;
            for node in &tree.nodes {
                if let ForeignNode::Leaf { value, .. } = node {
                    most = most.max((value * factor).abs());
                }
            }
            largest[tree.output] += most;
        }
        let most = largest.iter().copied().fold(0.0, f64::max);
        // Each rounding adds a half at most.
        let room = MAX_SUM as f64 - trees.trees.len() as f64 - 1.0;
        (0..=Artifact::MAX_SCALE).rev().find(|scale| most * power(*scale) <= room).ok_or_else(|| {
            ImportError::Unsupported {
                what: format!("a model whose margins may be as large as {most:e}"),
                instead: "train on a target in larger units".into(),
            }
        })
    }

    fn reals(&self, features: &[Feature], rows: &[Vec<i64>]) -> Vec<Vec<f64>> {
        let real = |row: &Vec<i64>| {
            features.iter().enumerate().map(|(input, feature)| self.input(input, feature, row[input])).collect()
        };
        rows.iter().map(real).collect()
    }
}

struct Build<'a> {
    foreign: &'a Foreign,
    tree: &'a ForeignTree,
    number: usize,
    features: &'a [Feature],
    narrow: bool,
    factor: f64,
    covers: Vec<u64>,
    found: Tree,
}

impl Build<'_> {
    /// Adds a node and what is below it; a checked tree is not deep.
    fn add(&mut self, node: usize) -> Result<u32, ImportError> {
        let (input, test, missing, left, right) = match &self.tree.nodes[node] {
            ForeignNode::Leaf { value, .. } => {
                let value = libm::round(value * self.factor) as i64;
                return Ok(self.found.leaf(value, self.covers[node]));
            }
            ForeignNode::Split { input, test, missing, left, right } => (*input, test, *missing, *left, *right),
        };
        let asked = self.ask(node, input, test, missing)?;
        let place = self.found.split(input as u32, asked.threshold);
        if let Some(left) = asked.set {
            self.found.sets.push(CategorySet { node: place, left });
        }
        if asked.missing_left != asked.swap {
            self.found.missing_left.push(place);
        }
        let (first, second) = if asked.swap { (right, left) } else { (left, right) };
        let left = self.add(first)?;
        let right = self.add(second)?;
        self.found.join(place, left, right);
        Ok(place)
    }

    fn ask(&self, node: usize, input: usize, test: &Test, missing: Absent) -> Result<Asked, ImportError> {
        let feature = &self.features[input];
        let error = |reason: &str, instead: &str| ImportError::Split {
            tree: self.number,
            node,
            feature: feature.name.clone(),
            reason: reason.into(),
            instead: instead.into(),
        };
        let at_zero = goes_left(test, Absent::Zero, f64::NAN, self.narrow);
        let missing_left = match missing {
            Absent::Left => true,
            Absent::Right => false,
            Absent::Zero => at_zero,
            Absent::WithZero { left } => {
                if left != at_zero && feature.missing != Some(0) {
                    let reason = "it sends zero another way than the numbers around it (zero_as_missing)";
                    return Err(error(reason, "declare 0 as the value that stands for *not known*"));
                }
                left
            }
        };
        if let Test::Among { members, inside } = test {
            if feature.scale != 0 || !self.foreign.prepare.is_empty() {
                return Err(error("it asks for categories", "give the codes as a feature without decimal places"));
            }
            return Ok(Asked { threshold: 0, set: Some(members.clone()), swap: !inside, missing_left });
        }
        let left = |units: i64| {
            let value = self.foreign.input(input, feature, units);
            goes_left(test, Absent::Right, value, self.narrow)
        };
        let (mut low, mut high) = (MISSING + 1, i64::MAX);
        if !left(low) {
            // No value goes left.
            return Ok(Asked { threshold: low, set: None, swap: false, missing_left });
        }
        if left(high) {
            // Every value goes left: to the right of a threshold below all.
            return Ok(Asked { threshold: low, set: None, swap: true, missing_left });
        }
        // `low` goes left, `high` does not.
        while high.abs_diff(low) > 1 {
            let middle = ((i128::from(low) + i128::from(high)) / 2) as i64;
            if left(middle) { low = middle } else { high = middle }
        }
        Ok(Asked { threshold: high, set: None, swap: false, missing_left })
    }
}

/// The covers of a tree's leaves as whole numbers: counts as they are, other weights times a power of
/// two; where the file has none, how many of the given rows reach a leaf, or one for each.
fn covers(tree: &ForeignTree, trees: &ForeignTrees, reals: &[Vec<f64>]) -> Vec<u64> {
    if !trees.covers {
        let mut counts = vec![u64::from(reals.is_empty()); tree.nodes.len()];
        for row in reals {
            counts[tree.leaf_of(row, trees.narrow_input)] += 1;
        }
        return counts;
    }
    let mut found = Vec::with_capacity(tree.nodes.len());
    for node in &tree.nodes {
        // Nodes that nothing leads to were never checked.
        found.push(match node {
            ForeignNode::Leaf { cover, .. } if cover.is_finite() && *cover >= 0.0 => *cover,
            _ => 0.0,
        });
    }
    let mut total = 0.0;
    for cover in &found {
        total += cover;
    }
    if !total.is_finite() {
        return vec![1; tree.nodes.len()];
    }
    let whole = total <= (1u64 << 40) as f64 && found.iter().all(|cover| libm::floor(*cover) == *cover);
    let shift = if whole || total == 0.0 { 0 } else { 40 - libm::frexp(total).1 };
    found.iter().map(|cover| libm::round(libm::ldexp(*cover, shift)) as u64).collect()
}

#[cfg(test)]
mod tests {
    use enliven_types::Digest;
    use proptest::prelude::*;

    use super::super::foreign::ForeignForm;
    use super::*;
    use crate::Link;

    fn foreign(test: Test, missing: Absent, narrow: bool) -> Foreign {
        let leaf = |value: f64| ForeignNode::Leaf { value, cover: 1.0 };
        let split = ForeignNode::Split { input: 0, test, missing, left: 1, right: 2 };
        let tree = ForeignTree { output: 0, first_leaf: 0, nodes: vec![split, leaf(-1.0), leaf(1.0)] };
        Foreign {
            format: String::new(),
            objective: String::new(),
            inputs: Vec::new(),
            width: 1,
            outputs: 1,
            classes: Vec::new(),
            link: Link::Identity,
            notes: Vec::new(),
            file: Digest::ZERO,
            prepare: Vec::new(),
            factor: 1.0,
            form: ForeignForm::Trees(ForeignTrees {
                base: vec![0.0],
                narrow_input: narrow,
                narrow_sum: false,
                divide: 1.0,
                trees: vec![tree],
                covers: true,
            }),
        }
    }

    fn quantised(foreign: &Foreign, feature: &Feature) -> Result<Tree, ImportError> {
        let ForeignForm::Trees(trees) = &foreign.form else { panic!("trees") };
        let (mut ensemble, _) = foreign.quantise_trees(trees, std::slice::from_ref(feature), &[])?;
        Ok(ensemble.trees.remove(0))
    }

    /// Whether the original and the whole numbers send a value to the same side.
    fn agrees(foreign: &Foreign, tree: &Tree, feature: &Feature, units: i64) -> bool {
        let units = if Some(units) == feature.missing { MISSING } else { units };
        let ours = tree.value[tree.leaf_of(&[units])] as f64;
        let theirs = foreign.predict(&[foreign.input(0, feature, units)])[0];
        (ours > 0.0) == (theirs > 0.0)
    }

    proptest! {
        #[test]
        fn no_value_is_sent_another_way(
            bits in any::<u64>(),
            size in -1e6..1e6f64,
            kind in 0..3u8,
            scale in 0..=18u8,
            strict in any::<bool>(),
            narrow in any::<bool>(),
            left in any::<bool>(),
            others in prop::collection::vec(any::<i64>(), 20),
        ) {
            let threshold = match kind {
                0 => size,
                1 => f64::from(size as f32),
                _ => f64::from_bits(bits),
            };
            prop_assume!(!threshold.is_nan());
            let test = if strict { Test::Less(threshold) } else { Test::AtMost(threshold) };
            let foreign = foreign(test, if left { Absent::Left } else { Absent::Right }, narrow);
            let feature = Feature { name: "f".into(), scale, missing: Some(-7) };
            let tree = quantised(&foreign, &feature).unwrap();
            let near = tree.threshold[0];
            for step in [-2, -1, 0, 1, 2] {
                prop_assert!(agrees(&foreign, &tree, &feature, near.saturating_add(step).max(MISSING + 1)));
            }
            for units in others.into_iter().chain([i64::MAX, MISSING + 1, 0, -7, MISSING]) {
                prop_assert!(agrees(&foreign, &tree, &feature, units));
            }
        }
    }

    #[test]
    fn zero_as_missing_is_exact_or_refused() {
        let mut feature = Feature { name: "f".into(), scale: 2, missing: None };
        // Zero would go left by its value, and goes left by default.
        let plain = foreign(Test::AtMost(0.5), Absent::WithZero { left: true }, false);
        let tree = quantised(&plain, &feature).unwrap();
        assert!([-1, 0, 1, 50, 51].iter().all(|units| agrees(&plain, &tree, &feature, *units)));
        // Zero goes right, numbers on both sides of it left.
        let odd = foreign(Test::AtMost(0.5), Absent::WithZero { left: false }, false);
        let error = quantised(&odd, &feature).unwrap_err();
        assert!(error.to_string().contains("declare 0 as the value"), "{error}");
        feature.missing = Some(0);
        let tree = quantised(&odd, &feature).unwrap();
        assert!([-1, 0, 1, 50, 51].iter().all(|units| agrees(&odd, &tree, &feature, *units)));
    }

    #[test]
    fn categories_keep_the_way_of_each_library() {
        for (inside, missing) in [(true, Absent::Right), (false, Absent::Left), (false, Absent::Right)] {
            let foreign = foreign(Test::Among { members: vec![1, 4], inside }, missing, false);
            let feature = Feature { name: "f".into(), scale: 0, missing: Some(-1) };
            let tree = quantised(&foreign, &feature).unwrap();
            assert!((-3..8).all(|units| agrees(&foreign, &tree, &feature, units)));
            assert!(quantised(&foreign, &Feature { scale: 1, ..feature }).is_err());
        }
    }
}
