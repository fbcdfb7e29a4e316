use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use enliven_content::{
    BlockStore, CarReader, ContentError, EmbeddedBlocks, Follow, GatewayBlocks, GatewayConfig, walk,
};
use enliven_types::{Block, Cid};
use serde_json::json;

use crate::cli::Place;
use crate::error::CliError;
use crate::output::Output;

/// Blocks are stored in parts of about so many bytes.
const BATCH_BYTES: usize = 8 << 20;

/// Puts the blocks of a CAR file, or all that a CID at a gateway leads to, into a data directory. What was stored before
/// an error stays: blocks are true by themselves.
pub fn run(from: &str, place: &Place, output: &Output) -> Result<(), CliError> {
    if from.starts_with("http://") || from.starts_with("https://") {
        let named = from.split_once("/ipfs/").and_then(|(gateway, cid)| Some((gateway, cid.parse::<Cid>().ok()?)));
        let (gateway, root) = named.ok_or_else(|| {
            CliError::Usage(format!("`{from}` names no block\nhint: such as http://127.0.0.1:8787/ipfs/bafy..."))
        })?;
        let gateway = GatewayBlocks::new(&GatewayConfig::new(gateway))?;
        let (store, imported) = import(gateway.car(&root)?, place, output)?;
        // Who sends a part of it is found out here, with the name of a block that is missing.
        walk(&store, &[root], |_| Ok::<_, ContentError>(Follow::All))?;
        imported.tell(&[root], output);
        return Ok(());
    }
    let path = Path::new(from);
    let input = File::open(path).map_err(|error| CliError::file("open", path, &error))?;
    let reader = CarReader::new(BufReader::with_capacity(1 << 18, input), format!("`{from}`"))?;
    let roots = reader.roots().to_vec();
    import(reader, place, output)?.1.tell(&roots, output);
    Ok(())
}

/// How much came.
#[derive(Default)]
struct Imported {
    blocks: u64,
    new: u64,
    bytes: u64,
}

impl Imported {
    fn tell(&self, roots: &[Cid], output: &Output) {
        let Imported { blocks, new, bytes } = self;
        let roots: Vec<String> = roots.iter().map(ToString::to_string).collect();
        let text = format!("{blocks} blocks of {bytes} bytes, {new} of them new; root {}", roots.join(", "));
        output.result(&json!({ "roots": roots, "blocks": blocks, "new": new, "bytes": bytes }), &text);
    }
}

fn import<R: Read>(
    reader: CarReader<R>,
    place: &Place,
    output: &Output,
) -> Result<(EmbeddedBlocks, Imported), CliError> {
    let folder = place.folder();
    std::fs::create_dir_all(&folder).map_err(|error| CliError::file("make the folder", &folder, &error))?;
    let store = EmbeddedBlocks::open(folder.join("blocks.redb"))?;
    let mut progress = output.progress("import", 0);
    let mut imported = Imported::default();
    let (mut batch, mut size): (Vec<Block>, usize) = (Vec::new(), 0);
    for block in reader {
        let block = block?;
        imported.blocks += 1;
        imported.bytes += block.bytes.len() as u64;
        // One that is here and damaged is mended.
        if matches!(store.get(&block.cid), Ok(Some(_))) {
            continue;
        }
        imported.new += 1;
        size += block.bytes.len();
        batch.push(block);
        if size >= BATCH_BYTES {
            store.put_all(&batch)?;
            (batch, size) = (Vec::new(), 0);
            progress.tell(imported.blocks, imported.blocks, "blocks");
        }
    }
    store.put_all(&batch)?;
    progress.done("stored");
    Ok((store, imported))
}
