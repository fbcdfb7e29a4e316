use serde_json::json;

use crate::cli::Place;
use crate::error::CliError;
use crate::manifest::Loaded;
use crate::output::Output;

/// Checks a manifest; the model only if it is there.
pub fn run(place: &Place, output: &Output) -> Result<(), CliError> {
    let loaded = Loaded::read(&place.manifest)?;
    let (manifest, checked) = (&loaded.manifest, loaded.features()?);
    let artifact = loaded.base().join(&manifest.model.artifact);
    let plan = if artifact.exists() { Some(loaded.plan()?) } else { None };
    let features = checked.schema().features.len();
    let text = format!(
        "{} is valid: {features} features, {} traits, a committee of {}.\n{}",
        place.manifest.display(),
        manifest.traits.len(),
        manifest.oracle.nodes,
        match &plan {
            Some(plan) => format!("definition {}\nmodel      {}", plan.definition, plan.model_digest),
            None => format!(
                "There is no model at {} yet; `enliven train` or `enliven model import` makes it.",
                artifact.display()
            ),
        }
    );
    let document = json!({
        "valid": true,
        "features": checked.schema().features,
        "schema": checked.schema().digest(),
        "definition": plan.as_ref().map(|plan| plan.definition),
        "model": plan.as_ref().map(|plan| plan.model_digest),
    });
    output.result(&document, &text);
    Ok(())
}
