//! Any bytes as a model artifact: what loads answers for any row, and its attributions sum to its margin.
#![no_main]

use enliven_models::{Artifact, Model};
use enliven_types::{FeatureDef, FeatureSchema, FeatureVector, Privacy};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(mut artifact) = Artifact::from_bytes(bytes) else { return };
    // The features that the inputs name, so that most artifacts that decode are loaded.
    let mut schema = FeatureSchema { features: Vec::new() };
    for input in &artifact.inputs {
        if schema.position(input.name()).is_none() {
            let name = input.name().to_string();
            schema.features.push(FeatureDef { name, scale: 2, unit: String::new(), privacy: Privacy::Public });
        }
    }
    artifact.schema = schema.digest();
    let Ok(model) = Model::new(&artifact, &schema) else { return };
    for value in [0, -7, 1_000_000, i64::MIN, i64::MAX] {
        let vector = FeatureVector(vec![value; schema.features.len()]);
        let (scores, attribution) = (model.score(&vector), model.explain(&vector));
        assert_eq!(scores[0].units, attribution.sum());
        assert_eq!(scores.len(), model.score_names().len());
    }
});
