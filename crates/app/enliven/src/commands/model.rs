//! Models of other libraries: read, compared with the original, written as an artifact; and what an
//! artifact is.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use enliven_features::{FeatureSet, point_in_time};
use enliven_models::import::{Comparison, Foreign, ImportOptions, compare, read};
use enliven_models::{Artifact, Link, Method, Model, Origin};
use enliven_sources::read_table;
use enliven_types::{Block, ColumnType, Digest, FeatureVector};
use serde::Serialize;

use crate::cli::{Attributions, ImportArgs, ModelCommand, Place};
use crate::error::CliError;
use crate::manifest::{Loaded, read_bytes, read_events};
use crate::output::Output;

/// How many rows of the collection's own events a model is compared on.
const ROWS: usize = 20_000;
/// How many of them become the background where attributions need one.
const BACKGROUND: usize = 64;

/// Runs a command on models.
pub fn run(place: &Place, command: &ModelCommand, output: &Output) -> Result<(), CliError> {
    let loaded = Loaded::read(&place.manifest)?;
    match command {
        ModelCommand::Import(arguments) => import(&loaded, arguments, output),
        ModelCommand::Show => show(&loaded, output),
    }
}

/// What an import came to.
#[derive(Serialize)]
struct Imported {
    format: String,
    objective: String,
    file: Digest,
    notes: Vec<String>,
    model: Shown,
    rows: usize,
    /// Where the rows came from.
    rows_from: String,
    margin_largest: f64,
    margin_mean: f64,
    value_largest: f64,
    value_mean: f64,
    decisions_changed: usize,
    tolerance: f64,
    max_changed: usize,
    /// The file that was written; none for a dry run.
    written: Option<String>,
}

/// What an artifact is.
#[derive(Serialize)]
struct Shown {
    digest: Digest,
    bytes: usize,
    size: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
    /// The names that traits can take scores by.
    scores: Vec<String>,
    explained: String,
    scale: u8,
    link: Link,
    attributions: Method,
    origin: Origin,
}

fn import(loaded: &Loaded, arguments: &ImportArgs, output: &Output) -> Result<(), CliError> {
    let features = loaded.features()?;
    let mut progress = output.progress("import", 3);
    progress.tell(0, 3, "reading the model");
    let foreign = read(&read_bytes(&arguments.file)?)?;
    let names = names(&foreign, arguments, &features)?;
    progress.tell(1, 3, "reading rows");
    let (vectors, rows_from) = match &arguments.rows {
        Some(file) => (rows_of(file, &features, &names)?, file.display().to_string()),
        None => (own_rows(loaded, &features)?, "the features before events of the collection".to_string()),
    };
    progress.tell(2, 3, "quantising and comparing");
    let options = options(&foreign, arguments, &features, &names, &vectors)?;
    let artifact = foreign.quantise(features.schema(), &options)?;
    let model = Model::new(&artifact, features.schema())?;
    let found = compare(&foreign, &model, features.schema(), &vectors);
    let block = artifact.to_block();
    let shown = shown(&artifact, &model, &block)?;
    progress.done(&format!("{}, {} rows", shown.size, vectors.len()));
    refuse(&found, arguments)?;
    let written = match arguments.dry_run {
        true => None,
        false => Some(super::train::write_artifact(loaded, &block)?),
    };
    let imported = Imported {
        format: foreign.format.clone(),
        objective: foreign.objective.clone(),
        file: Digest::sha256(&read_bytes(&arguments.file)?),
        notes: foreign.notes.clone(),
        model: shown,
        rows: found.rows,
        rows_from,
        margin_largest: found.margin.largest,
        margin_mean: found.margin.mean,
        value_largest: found.value.largest,
        value_mean: found.value.mean,
        decisions_changed: found.decisions_changed,
        tolerance: arguments.tolerance,
        max_changed: arguments.max_changed,
        written,
    };
    output.result(&imported, &text_of(&imported));
    Ok(())
}

/// The features that the model's inputs are, in order.
fn names(foreign: &Foreign, arguments: &ImportArgs, features: &FeatureSet) -> Result<Vec<String>, CliError> {
    let names = if arguments.inputs.is_empty() { foreign.inputs.clone() } else { arguments.inputs.clone() };
    if names.is_empty() {
        return Err(CliError::Usage(format!(
            "the file does not name the model's {} inputs\nhint: --inputs FEATURE,FEATURE,... names them in order",
            foreign.width
        )));
    }
    let Some(wanted) = &arguments.features else { return Ok(names) };
    let Some((_, view)) = features.views().find(|(name, _)| name == wanted) else {
        let available = features.views().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
        return Err(CliError::Usage(format!("unknown view `{wanted}` (available: {available})")));
    };
    let of_view: Vec<&str> = view.describe().iter().map(|one| one.name.as_str()).collect();
    match names.iter().find(|name| !of_view.contains(&name.as_str())) {
        Some(name) => Err(CliError::Usage(format!(
            "the view `{wanted}` has no feature `{name}` (available: {})\nhint: --inputs names other features, in the order of the model's inputs",
            of_view.join(", ")
        ))),
        None => Ok(names),
    }
}

fn options(
    foreign: &Foreign,
    arguments: &ImportArgs,
    features: &FeatureSet,
    names: &[String],
    vectors: &[FeatureVector],
) -> Result<ImportOptions, CliError> {
    let schema = features.schema();
    let mut missing = BTreeMap::new();
    for entry in &arguments.missing {
        let wrong = |reason: &str| CliError::Usage(format!("--missing {entry}: {reason}"));
        let (name, value) = entry.split_once('=').ok_or_else(|| wrong("it has the form FEATURE=VALUE"))?;
        let place = schema.position(name).ok_or_else(|| wrong("there is no such feature"))?;
        let number: f64 = value.parse().map_err(|_| wrong("the value is no number"))?;
        let units = number * 10u64.pow(u32::from(schema.features[place].scale.min(18))) as f64;
        if units.fract() != 0.0 || units.abs() > 9e15 {
            return Err(wrong("the feature has fewer decimal places, or no such value"));
        }
        missing.insert(name.to_string(), units as i64);
    }
    // Rows of inputs, for what the file itself does not say.
    let places: Vec<usize> = names.iter().filter_map(|name| schema.position(name)).collect();
    let rows: Vec<Vec<i64>> =
        vectors.iter().map(|vector| places.iter().map(|place| vector.0[*place]).collect()).collect();
    let stride = rows.len().div_ceil(BACKGROUND).max(1);
    let attributions = arguments.attributions.map(|wanted| match wanted {
        Attributions::Path => Method::Path,
        Attributions::Background => Method::Background,
        Attributions::Sampled => Method::Sampled(64),
    });
    let background = match attributions {
        Some(Method::Background | Method::Sampled(_)) => rows.iter().step_by(stride).cloned().collect(),
        _ => Vec::new(),
    };
    if places.len() != names.len() || names.len() != foreign.width {
        // The importer names what is wrong.
        return Ok(ImportOptions { features: names.to_vec(), ..ImportOptions::default() });
    }
    Ok(ImportOptions {
        features: names.to_vec(),
        missing,
        classes: arguments.classes.clone(),
        explained: arguments.explained.clone(),
        attributions,
        background,
        rows,
    })
}

/// The features just before the collection's events, evenly spread over them.
fn own_rows(loaded: &Loaded, features: &FeatureSet) -> Result<Vec<FeatureVector>, CliError> {
    let events = read_events(loaded, features)?;
    let view = features.token_view();
    let mut labels = Vec::new();
    for (_, event) in events.iter().filter(|(_, event)| event.source == view.source()) {
        labels.extend(view.entities(event).map(|name| (name, event.time)));
    }
    let stride = labels.len().div_ceil(ROWS).max(1);
    let labels: Vec<_> = labels.into_iter().step_by(stride).collect();
    if labels.is_empty() {
        return Err(CliError::Usage(
            "there is no event to compare the model on\nhint: --rows FILE gives rows of features".into(),
        ));
    }
    Ok(point_in_time(features, &events, &labels))
}

/// Rows of a table with a column for each input; lines that begin with `#` are left out of a CSV file.
fn rows_of(file: &Path, features: &FeatureSet, names: &[String]) -> Result<Vec<FeatureVector>, CliError> {
    let schema = features.schema();
    let mut columns = BTreeMap::new();
    for name in names {
        if let Some(place) = schema.position(name) {
            columns.insert(name.clone(), ColumnType::Decimal(schema.features[place].scale));
        }
    }
    let mut bytes = read_bytes(file)?;
    if file.extension().is_some_and(|end| end == "csv") {
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        bytes = lines.skip_while(|line| line.starts_with(b"#")).flatten().copied().collect();
    }
    let path = file.display().to_string();
    let rows = read_table("rows", &path, &columns, bytes)?;
    let one = |row: &BTreeMap<String, enliven_types::Value>| {
        let number = |name: &str| row.get(name).and_then(enliven_types::Value::number).unwrap_or(0);
        FeatureVector(schema.features.iter().map(|feature| number(&feature.name)).collect())
    };
    Ok(rows.iter().map(one).collect())
}

/// A model that is too far from the original is not written.
fn refuse(found: &Comparison, arguments: &ImportArgs) -> Result<(), CliError> {
    if found.margin.largest > arguments.tolerance {
        return Err(CliError::Usage(format!(
            "the quantised model differs from the original by up to {:e} in a margin (mean {:e} over {} rows), more than the tolerance {:e}\nhint: the original rounds to single precision, so margins of some thousands differ by more; --tolerance says how much is allowed",
            found.margin.largest, found.margin.mean, found.rows, arguments.tolerance
        )));
    }
    if found.decisions_changed > arguments.max_changed {
        return Err(CliError::Usage(format!(
            "{} of {} rows are decided otherwise than by the original, {} are allowed\nhint: --max-changed N allows more",
            found.decisions_changed, found.rows, arguments.max_changed
        )));
    }
    Ok(())
}

fn shown(artifact: &Artifact, model: &Model, block: &Block) -> Result<Shown, CliError> {
    let digest = Digest::of_cid(&block.cid).map_err(enliven_engine::EngineError::from)?;
    Ok(Shown {
        digest,
        bytes: block.bytes.len(),
        size: artifact.size(),
        inputs: artifact.inputs.iter().map(|input| input.name().to_string()).collect(),
        outputs: artifact.outputs.clone(),
        scores: model.score_names(),
        explained: artifact.outputs[model.explained()].clone(),
        scale: artifact.scale,
        link: artifact.link,
        attributions: artifact.attributions,
        origin: artifact.origin.clone(),
    })
}

fn show(loaded: &Loaded, output: &Output) -> Result<(), CliError> {
    let plan = loaded.plan()?;
    let shown = shown(&plan.artifact, &plan.model, &plan.artifact.to_block())?;
    output.result(&shown, &model_text(&shown));
    Ok(())
}

fn text_of(imported: &Imported) -> String {
    let mut text = format!("{}, {}\n", imported.format, imported.objective);
    for note in &imported.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text.push_str(&model_text(&imported.model));
    let _ = writeln!(text, "\ncompared with the original on {} rows ({})", imported.rows, imported.rows_from);
    let _ = writeln!(text, "{:<20} {:>12} {:>12}", "", "largest", "mean");
    let _ = writeln!(
        text,
        "{:<20} {:>12.3e} {:>12.3e}",
        "margin differs by", imported.margin_largest, imported.margin_mean
    );
    let _ =
        writeln!(text, "{:<20} {:>12.3e} {:>12.3e}", "value differs by", imported.value_largest, imported.value_mean);
    let _ = writeln!(text, "decisions changed    {:>12}", imported.decisions_changed);
    match &imported.written {
        Some(path) => {
            let _ = writeln!(text, "\nwritten to {path}");
        }
        None => text.push_str("\nnothing was written\n"),
    }
    text
}

fn model_text(shown: &Shown) -> String {
    let mut text = format!("model {}\n{}, {} bytes\n", shown.digest, shown.size, shown.bytes);
    let _ = writeln!(text, "inputs        {}", shown.inputs.join(", "));
    let _ = writeln!(text, "outputs       {}", shown.outputs.join(", "));
    let _ = writeln!(text, "scores        {}", shown.scores.join(", "));
    let _ = writeln!(text, "attributions  of `{}`: {:?}", shown.explained, shown.attributions);
    let _ = writeln!(text, "margins       in units of 10^-{}", shown.scale);
    match &shown.origin {
        Origin::Trained(training) => {
            let _ = writeln!(text, "trained by    {} on {} rows", training.trainer, training.rows);
        }
        Origin::Imported(import) => {
            let _ = writeln!(text, "imported from {} ({}), file {}", import.format, import.objective, import.file);
        }
    }
    text
}
