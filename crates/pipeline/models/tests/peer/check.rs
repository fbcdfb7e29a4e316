//! One imported model against what its own library says.

use std::path::Path;

use enliven_models::import::{Foreign, ImportOptions, compare, read, real};
use enliven_models::{Form, Link, MISSING, Model};
use enliven_types::{FeatureDef, FeatureSchema, FeatureVector, Privacy};
use serde::Deserialize;

#[derive(Deserialize)]
struct Check {
    file: String,
    scales: Vec<u8>,
    names: Vec<String>,
    missing: Option<i64>,
    rows: Vec<Vec<i64>>,
    margins: Option<Vec<Vec<f64>>>,
    chances: Option<Vec<Vec<f64>>>,
    leaves: Option<Vec<Vec<usize>>>,
    parts: Option<Vec<Vec<Vec<f64>>>>,
    /// Whether rows are given to the import, for ranges and covers.
    #[serde(default)]
    give_rows: bool,
    #[serde(default)]
    background: Vec<Vec<i64>>,
    /// Whether leaves are added up in double precision; otherwise by the format.
    #[serde(default)]
    double: bool,
    /// A larger tolerance for margins, with a reason in train.py.
    #[serde(default)]
    tolerance: f64,
}

/// Imports a model and compares it with its library's answers: a line of a table, or what is wrong.
pub fn check(folder: &Path) -> Result<String, String> {
    let check: Check = serde_json::from_slice(&std::fs::read(folder.join("check.json")).unwrap()).unwrap();
    let schema = FeatureSchema {
        features: (check.names.iter().zip(&check.scales))
            .map(|(name, scale)| FeatureDef {
                name: name.clone(),
                scale: *scale,
                unit: String::new(),
                privacy: Privacy::Public,
            })
            .collect(),
    };
    let foreign = read(&std::fs::read(folder.join(&check.file)).unwrap()).map_err(|error| error.to_string())?;
    let mut options = ImportOptions { features: check.names.clone(), ..ImportOptions::default() };
    if let Some(missing) = check.missing {
        options.missing = check.names.iter().map(|name| (name.clone(), missing)).collect();
    }
    options.background = check.background.clone();
    if check.give_rows {
        options.rows = check.rows.clone();
    }
    let artifact = foreign.quantise(&schema, &options).map_err(|error| error.to_string())?;
    let model = Model::new(&artifact, &schema).map_err(|error| error.to_string())?;
    let vectors: Vec<FeatureVector> = check.rows.iter().map(|row| FeatureVector(row.clone())).collect();
    let rows: Vec<Vec<i64>> = vectors.iter().map(|vector| model.row(vector, vector, &[])).collect();
    let reals: Vec<Vec<f64>> = rows.iter().map(|row| to_reals(row, &check.scales)).collect();
    let mut problems = Vec::new();

    let leaves = leaves(&check, &foreign, &reals, &mut problems);
    let trees = foreign.trees();
    let largest = reals.iter().flat_map(|row| foreign.predict(row)).fold(1f64, |most, margin| most.max(margin.abs()));
    let float = if check.double { f64::EPSILON * 4.0 } else { f64::from(f32::EPSILON) / 2.0 };
    let unit = real(1, model.scale());
    let tolerance = (trees + 1) as f64 * (unit / 2.0 + float * largest);
    let tolerance = tolerance.max(check.tolerance);
    let ours: Vec<Vec<i64>> = rows.iter().map(|row| model.margins(row)).collect();

    let (mut margin, mut same) = (0f64, "-");
    if let Some(theirs) = &check.margins {
        same = "yes";
        for ((theirs, ours), row) in theirs.iter().zip(&ours).zip(&reals) {
            for ((theirs, ours), original) in theirs.iter().zip(ours).zip(foreign.predict(row)) {
                margin = margin.max((theirs - real(*ours, model.scale())).abs());
                if *theirs != original {
                    same = "no";
                }
            }
        }
        bounded("margins", margin, tolerance, &mut problems);
    }
    let mut value = 0f64;
    if let Some(theirs) = &check.chances {
        let mut size = 1f64;
        for (theirs, ours) in theirs.iter().zip(&ours) {
            let values = model.link().values(ours, model.scale());
            let values = if theirs.len() == values.len() { values } else { model.link().chances(ours, model.scale()) };
            if theirs.len() != values.len() {
                problems.push(format!("{} chances, not {}", values.len(), theirs.len()));
                break;
            }
            for (theirs, ours) in theirs.iter().zip(values) {
                value = value.max((theirs - real(ours, model.link().scale(model.scale()))).abs());
                size = size.max(theirs.abs());
            }
        }
        let slope = if matches!(model.link(), Link::Exp) { size } else { 1.0 };
        bounded("values", value, tolerance * slope + 4.0 * float * size + 2e-9, &mut problems);
    }
    let parts = parts(&check, &model, &rows, largest, &artifact.form, &mut problems);
    let compared = compare(&foreign, &model, &schema, &vectors);
    let edges = edges(&artifact.form, &vectors[0], check.missing);
    let at_edges = compare(&foreign, &model, &schema, &edges);
    bounded("margins at thresholds", at_edges.margin.largest, tolerance, &mut problems);
    if compared.decisions_changed > 0 {
        problems.push(format!("{} decisions changed", compared.decisions_changed));
    }
    if !problems.is_empty() {
        return Err(problems.join("; "));
    }
    Ok(format!(
        "{:>5} {trees:>5} {leaves:>6} {same:>4} {margin:>9.1e} {value:>9.1e} {parts:>9} {:>7} {:>7}",
        rows.len(),
        compared.decisions_changed,
        edges.len()
    ))
}

fn bounded(what: &str, found: f64, most: f64, problems: &mut Vec<String>) {
    if found.is_nan() || found > most {
        problems.push(format!("{what} are off by {found:.2e}, at most {most:.2e} is allowed"));
    }
}

fn to_reals(row: &[i64], scales: &[u8]) -> Vec<f64> {
    let one = |(units, scale): (&i64, &u8)| if *units == MISSING { f64::NAN } else { real(*units, *scale) };
    row.iter().zip(scales).map(one).collect()
}

/// Whether every row reaches the library's leaf; LightGBM counts leaves behind the splits.
fn leaves(check: &Check, foreign: &Foreign, reals: &[Vec<f64>], problems: &mut Vec<String>) -> &'static str {
    let Some(theirs) = &check.leaves else { return "-" };
    for (row, (theirs, real)) in theirs.iter().zip(reals).enumerate() {
        if foreign.leaves(real) != *theirs {
            problems.push(format!("row {row} reaches other leaves"));
            return "other";
        }
    }
    "same"
}

fn parts(
    check: &Check,
    model: &Model,
    rows: &[Vec<i64>],
    largest: f64,
    form: &Form,
    problems: &mut Vec<String>,
) -> String {
    let Some(theirs) = &check.parts else { return "-".into() };
    let mut difference = 0f64;
    for (row, theirs) in rows.iter().zip(theirs) {
        for (output, theirs) in theirs.iter().enumerate() {
            let mut ours = model.attributions(row, output);
            ours.push(model.base(output));
            for (theirs, ours) in theirs.iter().zip(&ours) {
                difference = difference.max((theirs - real(*ours, model.scale())).abs());
            }
        }
    }
    let leaves = match form {
        Form::Trees(ensemble) => ensemble.trees.iter().map(|tree| tree.input.len()).sum::<usize>(),
        Form::Layers(_) => 1,
    };
    bounded("attributions", difference, 1e-4 * largest + leaves as f64 * real(1, model.scale()), problems);
    format!("{difference:.1e}")
}

/// A row on every threshold, one below and one above it: where routing could differ.
fn edges(form: &Form, row: &FeatureVector, missing: Option<i64>) -> Vec<FeatureVector> {
    let Form::Trees(ensemble) = form else { return Vec::new() };
    let mut edges = Vec::new();
    let mut row = row.clone();
    for tree in &ensemble.trees {
        for (input, threshold) in tree.input.iter().zip(&tree.threshold) {
            if *input < 0 || edges.len() >= 100_000 {
                continue;
            }
            for value in [threshold.saturating_sub(1), *threshold, threshold.saturating_add(1)] {
                if Some(value) != missing && value != MISSING {
                    row.0[*input as usize] = value;
                    edges.push(row.clone());
                }
            }
        }
    }
    edges
}
