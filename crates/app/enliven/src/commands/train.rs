use std::fmt::Write;

use enliven_engine::{reference_field, training_rows};
use enliven_models::{Artifact, Evaluation, Model, Origin, evaluate, train};
use enliven_types::{Block, Digest};
use serde::Serialize;

use crate::cli::Place;
use crate::error::CliError;
use crate::files::write_bytes;
use crate::manifest::{Loaded, read_events};
use crate::output::Output;

/// What training came to.
#[derive(Serialize)]
pub struct Report {
    /// The artifact's digest.
    pub digest: Digest,
    /// The artifact's size.
    pub bytes: usize,
    /// What it consists of.
    pub size: String,
    /// How many rows it was trained on.
    pub rows: u64,
    /// The largest difference between a prediction before and after quantisation.
    pub quantisation: f64,
    /// Whether the artifact that was there before is the same; none if there was none.
    pub same_as_before: Option<bool>,
    /// How good it is.
    pub evaluation: Evaluation,
}

/// Trains, evaluates, and writes the artifact.
pub fn run(place: &Place, dry_run: bool, output: &Output) -> Result<(), CliError> {
    let loaded = Loaded::read(&place.manifest)?;
    let (report, block) = fit(&loaded, output)?;
    let mut text = table(&report);
    if !dry_run {
        let _ = writeln!(text, "\nwritten to {}", write_artifact(&loaded, &block)?);
    }
    output.result(&report, &text);
    Ok(())
}

/// Writes the collection's artifact, and says where; a half-written model is never found.
pub fn write_artifact(loaded: &Loaded, block: &Block) -> Result<String, CliError> {
    let path = loaded.base().join(&loaded.manifest.model.artifact);
    write_bytes(&path, &block.bytes)?;
    Ok(path.display().to_string())
}

/// Trains and evaluates in memory.
pub fn fit(loaded: &Loaded, output: &Output) -> Result<(Report, Block), CliError> {
    let (manifest, features) = (&loaded.manifest, loaded.features()?);
    let (inputs, settings) = manifest.model.training().ok_or(CliError::NotTrained)?;
    let mut progress = output.progress("train", 4);
    progress.tell(0, 4, "reading events");
    let events = read_events(loaded, &features)?;
    progress.tell(1, 4, "point-in-time rows");
    let rows = training_rows(inputs, settings, &features, &events);
    let (from, until) = settings.span().map_err(enliven_engine::EngineError::from)?;
    let field = reference_field(manifest, settings, &features, &events, until);
    progress.tell(2, 4, "trees");
    let trained = train(inputs, settings, features.schema(), &rows, &field)?;
    progress.tell(3, 4, "evaluation");
    let model = Model::new(&trained.artifact, features.schema())?;
    let rating = manifest.rating_feature(&features).unwrap_or_default().to_string();
    let evaluation = evaluate(&model, &rows, features.schema(), from, until, &rating)?;
    let block = trained.artifact.to_block();
    let digest = Digest::of_cid(&block.cid).map_err(enliven_engine::EngineError::from)?;
    let before = std::fs::read(loaded.base().join(&manifest.model.artifact)).ok();
    let size = trained.artifact.size();
    let rows = match &trained.artifact.origin {
        Origin::Trained(training) => training.rows,
        Origin::Imported(_) => 0,
    };
    progress.done(&format!("{rows} rows, {size}"));
    let report = Report {
        digest,
        bytes: block.bytes.len(),
        size,
        rows,
        quantisation: trained.quantisation,
        same_as_before: before.map(|bytes| bytes == block.bytes),
        evaluation,
    };
    // What was evaluated is what will be read back.
    debug_assert_eq!(Artifact::from_bytes(&block.bytes).ok(), Some(trained.artifact));
    Ok((report, block))
}

/// The qualities, the model beside the baselines.
pub fn table(report: &Report) -> String {
    let evaluation = &report.evaluation;
    let mut text = format!(
        "model {}\n{}, {} bytes, trained on {} rows; quantisation moved no prediction by more than {:.6}\n\n\
         {} held-back events, {} to {}\n",
        report.digest,
        report.size,
        report.bytes,
        report.rows,
        report.quantisation,
        evaluation.events,
        evaluation.from.date(),
        evaluation.to.date()
    );
    let _ = writeln!(text, "{:<20} {:>9} {:>9} {:>9}", "", "log loss", "Brier", "accuracy");
    for quality in &evaluation.qualities {
        let accuracy = quality.accuracy * 100.0;
        let _ =
            writeln!(text, "{:<20} {:>9.4} {:>9.4} {:>8.1}%", quality.name, quality.log_loss, quality.brier, accuracy);
    }
    let _ = writeln!(text, "\ncalibration of wins: given 0..100 %, won");
    for bin in evaluation.calibration.iter().filter(|bin| bin.events > 0) {
        let _ = writeln!(
            text,
            "  {:>3}-{:<3} % {:>6} events  given {:>5.1} %  won {:>5.1} %",
            bin.from_percent,
            bin.from_percent + 10,
            bin.events,
            bin.forecast * 100.0,
            bin.observed * 100.0
        );
    }
    text
}
