//! A model from elsewhere: read, refused, run, explained.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::{both, edit, enliven, json, starter};
use serde_json::json;

/// A softmax model of three classes over two features, as the exporter for scikit-learn writes one.
fn model(inputs: &[&str]) -> serde_json::Value {
    json!({
        "format": "enliven.sklearn.1",
        "library": "1.9.1",
        "estimator": "LogisticRegression",
        "objective": "log_loss",
        "width": 2,
        "inputs": inputs,
        "classes": ["0", "1", "2"],
        "notes": [],
        "factor": 1.0,
        "scalers": [{ "mean": [1500.0, 1.25], "scale": [90.0, 0.5] }],
        "link": "softmax",
        "layers": [{
            "weights": [[-0.61, -0.42], [0.03, 0.08], [0.58, 0.34]],
            "bias": [0.11, -0.35, 0.24],
            "relu": false,
        }],
    })
}

/// The starter collection, without a model of its own; its strength is the chance of winning.
fn collection(folder: &Path) -> std::path::PathBuf {
    starter(folder, "2020-01-01");
    let league = folder.join("league");
    let path = league.join("enliven.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let start = text.find("[model.inputs]").unwrap();
    let end = start + text[start..].find("[[traits]]").unwrap();
    std::fs::write(&path, format!("{}{}", &text[..start], &text[end..])).unwrap();
    edit(&league, "from = { score = \"points\" }", "from = { score = \"chance.win\" }");
    edit(&league, "low = 0.3, high = 2.4", "low = 0.0, high = 1.0");
    edit(
        &league,
        "[[traits]]\nname = \"streak\"",
        "[[traits]]\nname = \"outlook\"\nfrom = { class = { lead = 0.05 } }\n\n[[traits]]\nname = \"streak\"",
    );
    std::fs::write(league.join("model.json"), model(&["rating", "form"]).to_string()).unwrap();
    league
}

const IMPORT: [&str; 8] =
    ["model", "import", "model.json", "--features", "team", "--classes", "loss,draw,win", "--explained=win"];

#[test]
fn an_imported_model_runs_and_is_explained() {
    let temp = tempfile::tempdir().unwrap();
    let league = collection(temp.path());
    let dry = json(&league, &[&IMPORT[..], &["--dry-run"]].concat(), true);
    assert!(dry["written"].is_null() && !league.join("model.cbor").exists());
    let found = json(&league, &IMPORT, true);
    assert_eq!(found["model"], dry["model"]);
    assert_eq!(found["model"]["scores"], json!(["margin", "chance.loss", "chance.draw", "chance.win"]));
    assert_eq!(found["decisions_changed"], 0);
    assert!(found["rows"].as_u64().unwrap() > 100 && found["margin_largest"].as_f64().unwrap() < 1e-6, "{found}");
    assert_eq!(json(&league, &["model", "show"], true), found["model"]);

    json(&league, &["run", "--epochs", "3"], true);
    let explained = json(&league, &["explain", "Amber", "--otherwise"], true);
    let parts: i64 =
        explained["contributions"].as_array().unwrap().iter().map(|part| part["units"].as_i64().unwrap()).sum();
    let scale = 10u64.pow(found["model"]["scale"].as_u64().unwrap() as u32) as f64;
    let number = |name: &str| explained[name].as_str().unwrap().parse::<f64>().unwrap() * scale;
    assert!((number("base") + parts as f64 - number("margin")).abs() < 0.5, "{explained}");
    let history = json(&league, &["history", "Amber"], true);
    let outlook = history[0]["traits"]["outlook"].as_str().unwrap();
    assert!(["loss", "draw", "win"].contains(&outlook), "{history}");
}

#[test]
fn what_does_not_fit_is_refused_with_a_way_out() {
    let temp = tempfile::tempdir().unwrap();
    let league = collection(temp.path());
    let say = |arguments: &[&str]| {
        let output = enliven(&league, arguments).output().unwrap();
        assert!(!output.status.success());
        both(&output)
    };
    let with = |more: &[&'static str]| -> Vec<&'static str> { [&IMPORT[..], more].concat() };
    for (arguments, want) in [
        (with(&["--tolerance", "1e-15"]), "more than the tolerance 1e-15\nhint: "),
        (with(&["--inputs", "rating,from"]), "the view `team` has no feature `from` (available: "),
        (with(&["--inputs", "rating"]), "the model has 2 inputs, 1 features are named\nhint: "),
        (with(&["--missing", "form=1.23456789"]), "--missing form=1.23456789: the feature has fewer decimal places"),
        (vec!["model", "import", "model.json", "--features", "tema"], "unknown view `tema` (available: team)"),
        (vec!["model", "import", "model.json", "--explained", "win"], "unknown class `win` (available: 0, 1, 2)"),
        (vec!["model", "import", "enliven.toml"], "the model file is none of: XGBoost JSON"),
        (vec!["train"], "hint: `enliven model import` reads a model that was trained elsewhere"),
        (vec!["run"], "or `enliven model import` if it comes from elsewhere"),
    ] {
        let said = say(&arguments);
        assert!(said.contains(want), "{arguments:?}: {said}");
    }
    std::fs::write(league.join("model.json"), model(&[]).to_string()).unwrap();
    assert!(say(&["model", "import", "model.json"]).contains("--inputs FEATURE,FEATURE,... names them in order"));

    // A trait that asks for a score that this model does not have.
    std::fs::write(league.join("model.json"), model(&["rating", "form"]).to_string()).unwrap();
    json(&league, &["model", "import", "model.json"], true);
    let said = say(&["validate"]);
    assert!(said.contains("unknown score of this model `chance.win` (available: margin, chance.0, chance.1"), "{said}");
}
