use std::fmt::Write;
use std::sync::Arc;

use enliven_engine::{Engine, Ingested, RunSummary, check_definition, ingest, spill_to};
use serde_json::json;

use crate::cli::Place;
use crate::data::Data;
use crate::error::CliError;
use crate::manifest::Loaded;
use crate::output::Output;

/// Reads the sources and posts what is due.
pub fn run(
    place: &Place,
    epochs: Option<u64>,
    adopt: bool,
    feature_memory: Option<u64>,
    output: &Output,
) -> Result<(), CliError> {
    let loaded = Loaded::read(&place.manifest)?;
    let mut plan = loaded.unshared_plan()?;
    let data = Data::create(&place.folder())?;
    if let Some(bytes) = feature_memory {
        let each = usize::try_from(bytes).unwrap_or(usize::MAX) / plan.manifest.oracle.nodes.max(1);
        plan = plan.spilling(spill_to(&data.folder, each)?);
    }
    let plan = Arc::new(plan);
    // Before anything is read into the log that another definition would read otherwise.
    check_definition(&plan, &*data.store, &*data.blocks, adopt)?;
    let ingested = read_sources(&loaded, &plan, &data, output)?;
    let (mut engine, chain) = data.engine(&plan, adopt)?;
    let summary = replay(&mut engine, epochs.unwrap_or(u64::MAX), output)?;
    let deployment = chain.publisher.deployment();
    let mut text = String::new();
    let _ = writeln!(
        text,
        "events      {} new, {} known, {} bad rows",
        ingested.new, ingested.duplicates, ingested.bad_rows
    );
    for row in &ingested.shown {
        let _ = writeln!(text, "            {row}");
    }
    if summary.late > 0 {
        let _ = writeln!(
            text,
            "            {} came later than their source's `allowed_lateness` and changed nothing; `enliven features late` lists them",
            summary.late
        );
    }
    let _ = writeln!(text, "epochs      {} now, {} in all", summary.epochs_now, summary.epochs);
    let _ = writeln!(text, "tokens      {}", summary.tokens);
    let _ = writeln!(text, "updates     {}; holds {}", summary.updates, summary.holds.total());
    let _ = writeln!(text, "state root  {}", summary.root);
    let _ = writeln!(text, "token       {} on chain {}", deployment.token, deployment.chain_id);
    output.result(&json!({ "ingested": ingested, "run": summary, "deployment": deployment }), &text);
    Ok(())
}

/// Reads the sources, with progress.
pub fn read_sources(
    loaded: &Loaded,
    plan: &enliven_engine::Plan,
    data: &Data,
    output: &Output,
) -> Result<Ingested, CliError> {
    let mut progress = output.progress("events", 0);
    let ingested = ingest(plan, &*data.store, loaded.base(), |so_far| {
        let read = so_far.new + so_far.duplicates;
        progress.tell(read, read, "read");
    })?;
    progress.done(&format!("{} new, {} known, {} bad", ingested.new, ingested.duplicates, ingested.bad_rows));
    Ok(ingested)
}

/// Posts epochs, with progress.
pub fn replay(engine: &mut Engine, limit: u64, output: &Output) -> Result<RunSummary, CliError> {
    let mut progress = output.progress("epochs", 0);
    let summary = engine.run(limit, |step| {
        let epoch = step.record.report.epoch;
        let date = enliven_types::Timestamp(step.record.watermark).date();
        progress.tell(epoch, step.last, &format!("{date}  {} tokens", step.tokens));
    })?;
    progress.done(&format!("{} posted, {} updates", summary.epochs_now, summary.updates));
    Ok(summary)
}
