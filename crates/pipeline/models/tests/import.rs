//! Models that real libraries wrote (`tests/peer/golden.py`) against their own answers, and broken
//! files.

#![cfg(feature = "import")]
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use enliven_models::import::{ImportError, ImportOptions, read};
use enliven_models::{Artifact, Form, Link, Method, Model};
use enliven_types::{FeatureDef, FeatureSchema, Privacy};
use proptest::prelude::*;

#[path = "peer/check.rs"]
mod check;

fn folders() -> Vec<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

/// The model file of a folder.
fn model_file(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    std::fs::read(files.into_iter().find(|path| path.file_stem().unwrap() == "model").unwrap()).unwrap()
}

fn golden(name: &str) -> Vec<u8> {
    model_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name))
}

fn schema(count: usize) -> FeatureSchema {
    let define = |number: usize| FeatureDef {
        name: format!("f{number}"),
        scale: if number >= 6 { 0 } else { 2 },
        unit: String::new(),
        privacy: Privacy::Public,
    };
    FeatureSchema { features: (0..count).map(define).collect() }
}

fn options(count: usize) -> ImportOptions {
    ImportOptions {
        features: (0..count).map(|number| format!("f{number}")).collect(),
        rows: vec![vec![0; count], vec![100; count]],
        ..ImportOptions::default()
    }
}

/// Reads and quantises whatever it is.
fn import(bytes: &[u8]) -> Result<Artifact, ImportError> {
    let foreign = read(bytes)?;
    foreign.predict(&vec![0.5; foreign.width]);
    foreign.quantise(&schema(foreign.width), &options(foreign.width))
}

#[test]
fn every_format_gives_what_its_library_gives() {
    let folders = folders();
    assert!(folders.len() >= 17);
    for folder in folders {
        let line = check::check(&folder);
        assert!(line.is_ok(), "{}: {}", folder.display(), line.unwrap_err());
    }
}

#[test]
fn what_is_read_is_told() {
    let foreign = read(&golden("xgboost-json")).unwrap();
    assert!(foreign.format.starts_with("XGBoost JSON 3."), "{}", foreign.format);
    assert_eq!((foreign.objective.as_str(), foreign.link, foreign.trees()), ("reg:squarederror", Link::Identity, 4));
    assert_eq!(foreign.inputs, ["a", "b", "c", "d", "e", "f", "colour", "shape"]);
    let foreign = read(&golden("lightgbm-classes")).unwrap();
    assert_eq!((foreign.link, foreign.outputs, foreign.trees()), (Link::Logistic, 4, 8));
    let foreign = read(&golden("sklearn-network")).unwrap();
    assert_eq!((foreign.link, foreign.classes.len()), (Link::Softmax, 4));
    assert!(foreign.format.starts_with("scikit-learn "), "{}", foreign.format);
    for name in ["xgboost-frame", "lightgbm-frame"] {
        let note = "input `colour` is a category; its feature must give the codes 0 = `ash`, 1 = `birch`, 2 = `cedar`, \
                    3 = `elm`, 4 = `fir`, 5 = `oak`";
        assert_eq!(read(&golden(name)).unwrap().notes, [note], "{name}");
    }
    assert!(read(&golden("onnx-boosting")).unwrap().format.starts_with("ONNX skl2onnx"));
}

#[test]
fn options_name_features_classes_and_attributions() {
    let foreign = read(&golden("lightgbm-classes")).unwrap();
    let artifact = foreign
        .quantise(
            &schema(6),
            &ImportOptions {
                classes: ["low", "fair", "good", "best"].map(String::from).to_vec(),
                explained: Some("good".into()),
                background: vec![vec![0; 6]],
                ..options(6)
            },
        )
        .unwrap();
    assert_eq!((artifact.explained, artifact.attributions), (2, Method::Background));
    assert!(Model::new(&artifact, &schema(6)).is_ok());
    assert_eq!(Artifact::from_bytes(&artifact.to_block().bytes).unwrap(), artifact);

    let refused = |options: ImportOptions| foreign.quantise(&schema(6), &options).unwrap_err().to_string();
    let message = refused(ImportOptions { features: Vec::new(), ..options(6) });
    assert_eq!(
        message,
        "input 0: unknown feature `a` (available: f0, f1, f2, f3, f4, f5)\nhint: name the features by position"
    );
    let message = refused(options(5));
    assert!(message.starts_with("the model has 6 inputs, 5 features are named"), "{message}");
    let message = refused(ImportOptions { classes: vec!["one".into()], ..options(6) });
    assert_eq!(message, "option `classes`: 1 names for 4 classes");
    let message = refused(ImportOptions { explained: Some("bad".into()), ..options(6) });
    assert_eq!(message, "option `explained`: unknown class `bad` (available: 0, 1, 2, 3)");
    let message = refused(ImportOptions { missing: [("g".to_string(), 0)].into(), ..options(6) });
    assert_eq!(message, "option `missing`: unknown feature `g` (available: f0, f1, f2, f3, f4, f5)");
}

#[test]
fn what_is_not_imported_is_named() {
    let text = |name: &str| String::from_utf8(golden(name)).unwrap();
    let refused = |text: String| read(text.as_bytes()).unwrap_err().to_string();
    let message = refused(text("xgboost-json").replace("reg:squarederror", "binary:hinge"));
    assert!(message.starts_with("XGBoost's objective `binary:hinge` is not imported\nhint: reg:"), "{message}");
    let message = refused(text("xgboost-linear").replace("gblinear", "gbmagic"));
    assert!(message.starts_with("XGBoost's booster `gbmagic` is not imported"), "{message}");
    let message = refused(text("lightgbm-real").replace("is_linear=0", "is_linear=1"));
    assert!(message.starts_with("a LightGBM tree with linear leaves is not imported"), "{message}");
    let message = refused(text("lightgbm-real").replace("objective=regression", "objective=cross_entropy_lambda"));
    assert!(message.starts_with("LightGBM's objective `cross_entropy_lambda` is not imported"), "{message}");
    let message = refused("{\"a\": 1}".into());
    assert!(message.ends_with("JSON with neither `learner` nor `format`"), "{message}");
    assert!(refused("PK".into()).contains("it begins with \"PK\""));
    let message = refused(text("sklearn-forest").replace("\"left\": [1,", "\"left\": [0,"));
    assert_eq!(message, "the model's tree 0, node 0: two splits lead to it");
}

#[test]
fn a_network_without_rows_takes_ranges_from_its_scaler() {
    let foreign = read(&golden("sklearn-network")).unwrap();
    let artifact = foreign.quantise(&schema(6), &ImportOptions { rows: Vec::new(), ..options(6) }).unwrap();
    let Form::Layers(network) = &artifact.form else { panic!("layers") };
    assert!(network.range.iter().all(|(low, high)| low < high));
    assert_eq!(artifact.background.len(), 1);
    let linear = read(&golden("xgboost-linear")).unwrap();
    let error = linear.quantise(&schema(6), &ImportOptions { rows: Vec::new(), ..options(6) }).unwrap_err();
    assert!(matches!(error, ImportError::Option { option: "background", .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn broken_files_are_errors_or_models(
        which in any::<prop::sample::Index>(),
        cut in prop::option::of(any::<prop::sample::Index>()),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        digits in any::<bool>(),
    ) {
        let folders = folders();
        let mut bytes = model_file(&folders[which.index(folders.len())]);
        for (place, byte) in flips {
            // Digits in the place of digits come further than other bytes.
            let at = place.index(bytes.len());
            bytes[at] = if digits && bytes[at].is_ascii_digit() { b'0' + byte % 10 } else { byte };
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(artifact) = import(&bytes) {
            let schema = schema(artifact.inputs.len());
            if let Ok(model) = Model::new(&artifact, &schema) {
                model.margins(&vec![7; artifact.inputs.len()]);
            }
        }
    }
}
