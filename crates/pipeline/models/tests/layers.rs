//! Linear models and networks in integers, against plain arithmetic and Shapley values by definition.

#![allow(clippy::unwrap_used)]

use enliven_models::{Artifact, Form, Import, Input, Layer, Link, MISSING, Method, Model, ModelError, Network, Origin};
use enliven_types::{Digest, FeatureDef, FeatureSchema, FeatureVector, Privacy};
use proptest::prelude::*;

const INPUTS: usize = 4;

fn schema() -> FeatureSchema {
    let define = |number: usize| FeatureDef {
        name: format!("f{number}"),
        scale: 0,
        unit: String::new(),
        privacy: Privacy::Public,
    };
    FeatureSchema { features: (0..INPUTS).map(define).collect() }
}

fn artifact(network: Network, attributions: Method, background: Vec<Vec<i64>>) -> Artifact {
    let outputs = network.layers.last().map_or(1, |layer| layer.bias.len());
    Artifact {
        version: 2,
        schema: schema().digest(),
        inputs: (0..INPUTS).map(|number| Input::Own(format!("f{number}"))).collect(),
        missing: vec![Some(-999); INPUTS],
        outputs: (0..outputs).map(|number| format!("o{number}")).collect(),
        explained: outputs.max(1) as u32 - 1,
        scale: 6,
        form: Form::Layers(network),
        link: Link::Identity,
        attributions,
        background,
        reference: Vec::new(),
        origin: Origin::Imported(Import { format: "test".into(), objective: String::new(), file: Digest::ZERO }),
    }
}

fn layer(inputs: usize, outputs: usize, relu: bool) -> impl Strategy<Value = Layer> {
    let weights = prop::collection::vec(prop::collection::vec(-3_000i64..3_000, inputs), outputs);
    (weights, prop::collection::vec(-1_000_000i64..1_000_000, outputs), 0u8..18)
        .prop_map(move |(weights, bias, shift)| Layer { weights, bias, shift, relu })
}

fn network() -> impl Strategy<Value = Network> {
    let layers = prop_oneof![
        layer(INPUTS, 2, false).prop_map(|one| vec![one]),
        (layer(INPUTS, 5, true), layer(5, 3, true), layer(3, 2, false)).prop_map(|(a, b, c)| vec![a, b, c]),
    ];
    layers.prop_map(|layers| Network { range: vec![(-50, 60); INPUTS], absent: vec![7, 0, -3, 1], layers })
}

fn row() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(prop_oneof![9 => -100i64..100, 1 => Just(MISSING)], INPUTS)
}

/// The margins as the fields of the records say.
fn margins(network: &Network, row: &[i64]) -> Vec<i128> {
    let known = |(place, value): (usize, &i64)| {
        if *value == MISSING { network.absent[place] } else { (*value).clamp(-50, 60) }
    };
    let mut values: Vec<i128> = row.iter().enumerate().map(known).map(i128::from).collect();
    for layer in &network.layers {
        let unit = 1i128 << layer.shift;
        let one = |(weights, bias): (&Vec<i64>, &i64)| {
            let sum: i128 = weights.iter().zip(&values).map(|(weight, value)| i128::from(*weight) * value).sum();
            // Rounded half up.
            let rounded = (2 * (sum + i128::from(*bias)) + unit).div_euclid(2 * unit);
            if layer.relu { rounded.max(0) } else { rounded }
        };
        values = layer.weights.iter().zip(&layer.bias).map(one).collect();
    }
    values
}

fn vector(row: &[i64]) -> FeatureVector {
    FeatureVector(row.iter().map(|value| if *value == MISSING { -999 } else { *value }).collect())
}

fn shapley(value: &dyn Fn(usize) -> f64, input: usize) -> f64 {
    let factorial = |number: usize| (1..=number).map(|factor| factor as f64).product::<f64>();
    let mut sum = 0.0;
    for known in (0..1usize << INPUTS).filter(|known| known >> input & 1 == 0) {
        let size = known.count_ones() as usize;
        let weight = factorial(size) * factorial(INPUTS - size - 1) / factorial(INPUTS);
        sum += weight * (value(known | 1 << input) - value(known));
    }
    sum
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn margins_and_attributions_are_what_is_defined(
        network in network(), row in row(), background in prop::collection::vec(row(), 1..5)
    ) {
        let artifact = artifact(network.clone(), Method::Background, background.clone());
        prop_assert_eq!(&Artifact::from_bytes(&artifact.to_block().bytes).unwrap(), &artifact);
        let model = Model::new(&artifact, &schema()).unwrap();
        let wanted = margins(&network, &row);
        prop_assert_eq!(model.margins(&row).iter().map(|margin| i128::from(*margin)).collect::<Vec<_>>(), wanted.clone());
        let attribution = model.explain(&vector(&row));
        prop_assert_eq!(i128::from(attribution.sum()), wanted[1]);
        prop_assert_eq!(attribution.sum(), model.score(&vector(&row))[0].units);
        for (input, part) in attribution.parts.iter().enumerate() {
            let value = |known: usize| {
                let mixed = |other: &Vec<i64>| -> Vec<i64> {
                    (0..INPUTS).map(|place| if known >> place & 1 == 1 { row[place] } else { other[place] }).collect()
                };
                background.iter().map(|other| margins(&network, &mixed(other))[1] as f64).sum::<f64>()
                    / background.len() as f64
            };
            // A linear model's terms are rounded together with the others only once.
            prop_assert!((*part as f64 - shapley(&value, input)).abs() <= 4.0, "{part}");
        }
    }

    #[test]
    fn sampled_attributions_sum_exactly_and_come_near(network in network(), row in row(), other in row()) {
        let exact = Model::new(&artifact(network.clone(), Method::Background, vec![other.clone()]), &schema()).unwrap();
        let sampled = Model::new(&artifact(network, Method::Sampled(200), vec![other]), &schema()).unwrap();
        let (exact, sampled) = (exact.explain(&vector(&row)), sampled.explain(&vector(&row)));
        prop_assert_eq!(exact.sum(), sampled.sum());
        let size: i64 = exact.parts.iter().map(|part| part.abs()).sum();
        for (exact, sampled) in exact.parts.iter().zip(&sampled.parts) {
            prop_assert!((exact - sampled).abs() <= size / 3 + 10, "{exact} {sampled}");
        }
    }
}

#[test]
fn broken_layers_are_named() {
    let layer = Layer { weights: vec![vec![1; INPUTS]], bias: vec![0], shift: 0, relu: false };
    let good = Network { range: vec![(-10, 10); INPUTS], absent: vec![0; INPUTS], layers: vec![layer] };
    type Break = fn(&mut Network);
    let breaks: [(Break, &str); 8] = [
        (|network| network.layers.clear(), "layers: 0 layers"),
        (|network| network.range[2] = (3, 2), "range 2: the range 3 to 2 is empty"),
        (|network| network.absent[1] = 11, "range 1: the range -10 to 10 is empty or does not hold 11"),
        (|network| network.layers[0].shift = 49, "layer 0: it has outputs, a bias for each"),
        (|network| network.layers[0].bias.clear(), "layer 0: it has outputs, a bias for each"),
        (|network| network.layers[0].weights[0].truncate(1), "layer 0: output 0: 1 weights for 4 inputs"),
        (|network| network.layers[0].weights[0][0] = i64::MAX, "layer 0: output 0 could pass 2^62"),
        (|network| network.layers[0].weights[0][0] = 1 << 52, "layers: a margin could be more than 2^52"),
    ];
    for (change, want) in breaks {
        let mut network = good.clone();
        change(&mut network);
        let artifact = artifact(network, Method::Background, vec![vec![0; INPUTS]]);
        let mut artifact = artifact;
        artifact.outputs = vec!["o".into()];
        artifact.explained = 0;
        let error = Model::new(&artifact, &schema()).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
    let error = Model::new(&artifact(good.clone(), Method::Path, Vec::new()), &schema()).unwrap_err();
    assert!(matches!(error, ModelError::Invalid { place, .. } if place == "attributions"));
    let error = Model::new(&artifact(good, Method::Background, Vec::new()), &schema()).unwrap_err();
    assert!(matches!(error, ModelError::Invalid { place, .. } if place == "background"));
}
