use enliven_content::{EmbeddedBlocks, Swept};
use enliven_engine::{named_blocks, note_sweep, trim_logs};
use serde::Serialize;

use crate::cli::Place;
use crate::data::Data;
use crate::error::CliError;
use crate::manifest::Loaded;
use crate::output::Output;

#[derive(Serialize)]
struct Collected {
    #[serde(flatten)]
    swept: Swept,
    #[serde(skip_serializing_if = "Option::is_none")]
    events_in_blocks_alone: Option<u64>,
}

/// Deletes blocks that nothing names; with `keep` also what only earlier epochs show, with `events` also the
/// log's copy of what is published.
pub fn run(place: &Place, keep: Option<u64>, events: bool, output: &Output) -> Result<(), CliError> {
    let plan = Loaded::read(&place.manifest)?.plan()?;
    let folder = place.folder();
    let data = Data::existing(&folder)?;
    let held = match keep {
        // Before anything is deployed nobody holds a token.
        Some(_) if data.deployment()?.is_some() => data.reader(&plan)?.held_directories()?,
        _ => Default::default(),
    };
    let named = named_blocks(&plan, &*data.store, &*data.blocks, keep, &held)?;
    if let Some(keep) = keep {
        note_sweep(&*data.store, keep)?;
    }
    let trimmed = if events { Some(trim_logs(&*data.store)?) } else { None };
    drop(data);
    let mut blocks = EmbeddedBlocks::open(folder.join("blocks.redb"))?;
    let swept = blocks.sweep(&named)?;
    let mut text = format!("{} blocks deleted ({} bytes), {} kept", swept.deleted, swept.deleted_bytes, swept.kept);
    if let Some(count) = trimmed {
        text.push_str(&format!("\n{count} events are in the blocks alone"));
    }
    output.result(&Collected { swept, events_in_blocks_alone: trimmed }, &text);
    Ok(())
}
