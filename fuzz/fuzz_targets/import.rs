//! Any bytes as another library's model: an error, or a model that runs.
#![no_main]

use enliven_models::Model;
use enliven_models::import::{ImportOptions, compare, read};
use enliven_types::{FeatureDef, FeatureSchema, FeatureVector, Privacy};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(foreign) = read(bytes) else { return };
    let define = |number: usize| FeatureDef {
        name: format!("f{number}"),
        scale: (number % 4) as u8,
        unit: String::new(),
        privacy: Privacy::Public,
    };
    let schema = FeatureSchema { features: (0..foreign.width).map(define).collect() };
    let options = ImportOptions {
        features: schema.features.iter().map(|feature| feature.name.clone()).collect(),
        rows: vec![vec![-1; foreign.width], vec![1000; foreign.width]],
        ..ImportOptions::default()
    };
    let Ok(artifact) = foreign.quantise(&schema, &options) else { return };
    let Ok(model) = Model::new(&artifact, &schema) else { return };
    let rows = [i64::MIN, -5, 0, 3, 1 << 40, i64::MAX].map(|units| FeatureVector(vec![units; foreign.width]));
    let _ = compare(&foreign, &model, &schema, &rows);
});
