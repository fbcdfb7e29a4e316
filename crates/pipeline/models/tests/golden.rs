//! Margins, chances and attributions of made-up models, as digests: the same in debug and release, for
//! any processor, for rows one by one and many at once.

#![allow(clippy::unwrap_used)]

use enliven_models::{
    Artifact, CategorySet, Ensemble, Form, Import, Input, Layer, Link, MISSING, Method, Model, Network, Origin, Tree,
    fixed,
};
use enliven_types::{Digest, FeatureDef, FeatureSchema, Privacy};

const INPUTS: usize = 9;
const OUTPUTS: usize = 3;

/// SplitMix64: the same numbers everywhere.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> i64 {
        (self.next() % limit) as i64
    }
}

fn schema() -> FeatureSchema {
    let define = |number: usize| FeatureDef {
        name: format!("f{number}"),
        scale: 2,
        unit: String::new(),
        privacy: Privacy::Public,
    };
    FeatureSchema { features: (0..INPUTS).map(define).collect() }
}

fn grow(tree: &mut Tree, numbers: &mut Numbers, depth: u32) -> u32 {
    if depth == 0 || numbers.below(8) == 0 {
        let value = numbers.below(4_000_001) - 2_000_000;
        return tree.leaf(value, numbers.below(500) as u64);
    }
    let set = numbers.below(10) == 0;
    let node = tree.split(numbers.below(INPUTS as u64) as u32, if set { 0 } else { numbers.below(2000) - 1000 });
    if numbers.below(3) == 0 {
        tree.missing_left.push(node);
    }
    if set {
        let mut left: Vec<i64> = (0..5).map(|_| numbers.below(12)).collect();
        left.sort_unstable();
        left.dedup();
        tree.sets.push(CategorySet { node, left });
    }
    let left = grow(tree, numbers, depth - 1);
    let right = grow(tree, numbers, depth - 1);
    tree.join(node, left, right);
    node
}

fn row(numbers: &mut Numbers) -> Vec<i64> {
    let value = |numbers: &mut Numbers| match numbers.below(10) {
        0 => MISSING,
        1 => numbers.below(12),
        _ => numbers.below(2400) - 1200,
    };
    (0..INPUTS).map(|_| value(numbers)).collect()
}

fn artifact(form: Form, link: Link, attributions: Method, background: Vec<Vec<i64>>) -> Artifact {
    Artifact {
        version: 2,
        schema: schema().digest(),
        inputs: (0..INPUTS).map(|number| Input::Own(format!("f{number}"))).collect(),
        missing: vec![Some(-9999); INPUTS],
        outputs: (0..OUTPUTS).map(|number| format!("o{number}")).collect(),
        explained: 1,
        scale: 6,
        form,
        link,
        attributions,
        background,
        reference: Vec::new(),
        origin: Origin::Imported(Import { format: "made up".into(), objective: String::new(), file: Digest::ZERO }),
    }
}

/// Margins of all rows, at once and one by one, then values and attributions, as one digest.
fn digest(artifact: &Artifact, rows: &[Vec<i64>]) -> String {
    let model = Model::new(artifact, &schema()).unwrap();
    let margins = model.margins(&rows.concat());
    let single: Vec<i64> = rows.iter().flat_map(|row| model.margins(row)).collect();
    assert_eq!(margins, single);
    let mut numbers = margins.clone();
    for margins in margins.chunks(OUTPUTS) {
        numbers.extend(model.link().values(margins, model.scale()));
    }
    for output in 0..OUTPUTS {
        let parts = model.attributions(&rows.concat(), output);
        let single: Vec<i64> = rows.iter().flat_map(|row| model.attributions(row, output)).collect();
        assert_eq!(parts, single);
        numbers.push(model.base(output));
        numbers.extend(parts);
    }
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
    Digest::sha256(&bytes).to_string()
}

#[test]
fn golden_trees() {
    for (depth, count, rows, path, background) in [
        (
            6,
            90,
            300,
            "0xc71d8492ac951f8ddeefc66b38e130cdf8c9bc84e9f1f4bf69462417d9c6aadb",
            "0xa009e8e4476c1a66a8959b2824addfe8c9ea1691f8288426b3cb442b2d1328f1",
        ),
        (
            11,
            12,
            40,
            "0xb9ece2c89c91575a6a17b7f3f74c020936242ceab18327967bfb65587aa9eb5f",
            "0xed17dd511e51c1a41e1bfc426e5cd2ac8603f4124fb1ed01d68c29532354d392",
        ),
    ] {
        let mut numbers = Numbers(depth.into());
        let mut ensemble = Ensemble { base: vec![5, -70_000, 1_000_000], trees: Vec::new() };
        for number in 0..count {
            let mut tree = Tree { output: number % OUTPUTS as u32, ..Tree::default() };
            grow(&mut tree, &mut numbers, depth);
            ensemble.trees.push(tree);
        }
        let rows: Vec<Vec<i64>> = (0..rows).map(|_| row(&mut numbers)).collect();
        let others: Vec<Vec<i64>> = (0..7).map(|_| row(&mut numbers)).collect();
        let form = Form::Trees(ensemble);
        assert_eq!(digest(&artifact(form.clone(), Link::Softmax, Method::Path, Vec::new()), &rows), path, "{depth}");
        assert_eq!(digest(&artifact(form, Link::Logistic, Method::Background, others), &rows), background, "{depth}");
    }
}

#[test]
fn golden_layers() {
    let mut numbers = Numbers(77);
    let mut layer = |inputs: usize, outputs: usize, shift: u8, relu: bool| Layer {
        weights: (0..outputs).map(|_| (0..inputs).map(|_| numbers.below(1001) - 500).collect()).collect(),
        bias: (0..outputs).map(|_| numbers.below(100_000) - 50_000).collect(),
        shift,
        relu,
    };
    let layers = vec![layer(INPUTS, 16, 7, true), layer(16, 8, 9, true), layer(8, OUTPUTS, 3, false)];
    let network = Network { range: vec![(-1000, 1000); INPUTS], absent: vec![3; INPUTS], layers };
    let rows: Vec<Vec<i64>> = (0..30).map(|_| row(&mut numbers)).collect();
    let others: Vec<Vec<i64>> = (0..3).map(|_| row(&mut numbers)).collect();
    for (method, want) in [
        (Method::Background, "0x386fd8931b10ba0399c723a69305fad0b38c3b85d7a8bd9551010578492286e9"),
        (Method::Sampled(20), "0x7d23b7d898fb3547dad2c5746992f91de74001b1fdfffc60975452bdd6e33e86"),
    ] {
        let artifact = artifact(Form::Layers(network.clone()), Link::Softmax, method, others.clone());
        assert_eq!(digest(&artifact, &rows), want, "{method:?}");
    }
}

#[test]
fn golden_functions() {
    let mut numbers = Numbers(3);
    let mut found = Vec::new();
    for _ in 0..20_000 {
        let x = numbers.next() as i64 >> numbers.below(60);
        let scale = numbers.below(10) as u8;
        found.extend([fixed::exp(x, scale), fixed::logistic(x, scale), fixed::ln(x)]);
        found.extend(fixed::softmax(&[x, 0, x / 2], scale));
    }
    let bytes: Vec<u8> = found.iter().flat_map(|number| number.to_be_bytes()).collect();
    assert_eq!(
        Digest::sha256(&bytes).to_string(),
        "0xaa6e0604be6d9d95f55ab0c4042864d125bc934491ee3c3fbb5d9540d019aaa5"
    );
}
