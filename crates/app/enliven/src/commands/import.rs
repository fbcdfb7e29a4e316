use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use enliven_content::{BlockStore, CarReader, EmbeddedBlocks};
use enliven_types::Block;
use serde_json::json;

use crate::cli::Place;
use crate::error::CliError;
use crate::output::Output;

/// Blocks are stored in parts of about so many bytes.
const BATCH_BYTES: usize = 8 << 20;

/// Puts the blocks of a CAR file into a data directory. What was stored before an error stays: blocks are true by
/// themselves.
pub fn run(file: &Path, place: &Place, output: &Output) -> Result<(), CliError> {
    let input = File::open(file).map_err(|error| CliError::file("open", file, &error))?;
    let reader = CarReader::new(BufReader::with_capacity(1 << 18, input), format!("`{}`", file.display()))?;
    let roots: Vec<String> = reader.roots().iter().map(ToString::to_string).collect();
    let folder = place.folder();
    std::fs::create_dir_all(&folder).map_err(|error| CliError::file("make the folder", &folder, &error))?;
    let store = EmbeddedBlocks::open(folder.join("blocks.redb"))?;
    let mut progress = output.progress("import", 0);
    let (mut blocks, mut new, mut bytes) = (0u64, 0u64, 0u64);
    let (mut batch, mut size): (Vec<Block>, usize) = (Vec::new(), 0);
    for block in reader {
        let block = block?;
        blocks += 1;
        bytes += block.bytes.len() as u64;
        // One that is here and damaged is mended.
        if matches!(store.get(&block.cid), Ok(Some(_))) {
            continue;
        }
        new += 1;
        size += block.bytes.len();
        batch.push(block);
        if size >= BATCH_BYTES {
            store.put_all(&batch)?;
            (batch, size) = (Vec::new(), 0);
            progress.tell(blocks, blocks, "blocks");
        }
    }
    store.put_all(&batch)?;
    progress.done("stored");
    let result = json!({ "roots": roots, "blocks": blocks, "new": new, "bytes": bytes });
    output.result(&result, &format!("{blocks} blocks of {bytes} bytes, {new} of them new; root {}", roots.join(", ")));
    Ok(())
}
