use enliven_content::EmbeddedBlocks;
use enliven_engine::{named_blocks, note_sweep};

use crate::cli::Place;
use crate::data::Data;
use crate::error::CliError;
use crate::manifest::Loaded;
use crate::output::Output;

/// Deletes blocks that nothing names; with `keep` also what only earlier epochs show.
pub fn run(place: &Place, keep: Option<u64>, output: &Output) -> Result<(), CliError> {
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
    drop(data);
    let mut blocks = EmbeddedBlocks::open(folder.join("blocks.redb"))?;
    let swept = blocks.sweep(&named)?;
    let text = format!("{} blocks deleted ({} bytes), {} kept", swept.deleted, swept.deleted_bytes, swept.kept);
    output.result(&swept, &text);
    Ok(())
}
