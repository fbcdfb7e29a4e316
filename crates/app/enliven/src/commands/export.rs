use std::path::Path;

use enliven_chain::{ChainReader, HttpRpc};
use enliven_content::BlockStore;
use enliven_engine::{ExportScope, Exported, View, export};

use crate::cli::{ExportArgs, Outside, Place};
use crate::commands::verify::source;
use crate::data::Data;
use crate::error::CliError;
use crate::files::write_whole;
use crate::manifest::Loaded;
use crate::output::Output;

/// Writes a CAR file; it gets its name when it is whole.
pub fn run(what: &ExportArgs, place: &Place, outside: &Outside, out: &Path, output: &Output) -> Result<(), CliError> {
    let exported = match (&outside.rpc, outside.token, &outside.content) {
        (Some(rpc), Some(token), Some(content)) => {
            let reader = ChainReader::open(std::sync::Arc::new(HttpRpc::new(rpc)?), token)?;
            let id = |name: &str| {
                name.parse().map_err(|_| {
                    CliError::Usage(format!("`{name}` is no token id\nhint: names are known in a data directory only"))
                })
            };
            write(&reader, &*source(content)?, &scope(what, id)?, out, output)?
        }
        _ => {
            let plan = Loaded::read(&place.manifest)?.plan()?;
            let data = Data::existing(&place.folder())?;
            let reader = data.reader(&plan)?;
            let view: View = data.view(plan);
            write(&reader, &*data.blocks, &scope(what, |name| Ok(view.find(name)?))?, out, output)?
        }
    };
    let mut text =
        format!("{}: {} blocks, {} bytes, root {}", out.display(), exported.blocks, exported.bytes, exported.root);
    if let (Some(block), Some(hash)) = (exported.block, exported.block_hash) {
        text.push_str(&format!("\nproven by block {block}, {hash}"));
    }
    output.result(&exported, &text);
    Ok(())
}

fn scope(what: &ExportArgs, id: impl Fn(&str) -> Result<u64, CliError>) -> Result<ExportScope, CliError> {
    Ok(match what.epoch {
        Some(epoch) => ExportScope::Epoch(epoch),
        None if what.all => ExportScope::All,
        None => {
            let ids = what.tokens.iter().map(|name| id(name)).collect::<Result<_, _>>()?;
            ExportScope::Tokens { ids, history: !what.latest }
        }
    })
}

fn write(
    reader: &ChainReader,
    blocks: &dyn BlockStore,
    scope: &ExportScope,
    out: &Path,
    output: &Output,
) -> Result<Exported, CliError> {
    let mut progress = output.progress("export", 0);
    let exported = write_whole(out, |file| {
        Ok(export(reader, blocks, scope, file, |count| progress.tell(count, count, "blocks"))?)
    })?;
    progress.done("written");
    Ok(exported)
}
