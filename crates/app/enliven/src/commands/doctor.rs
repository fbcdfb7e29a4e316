use std::process::ExitCode;

use enliven_content::EmbeddedBlocks;
use enliven_engine::{Plan, kept_at};
use enliven_store::{EmbeddedStore, Store, Table};
use serde::Serialize;

use crate::cli::Place;
use crate::data::{Data, mirror_list};
use crate::error::CliError;
use crate::manifest::Loaded;
use crate::output::Output;

#[derive(Serialize)]
struct Finding {
    what: &'static str,
    ok: bool,
    detail: String,
}

/// Looks at everything and says what to mend; fails if anything is wrong.
pub fn run(place: &Place, output: &Output) -> Result<ExitCode, CliError> {
    let mut findings = Vec::new();
    let mut note = |what, result: Result<String, CliError>| {
        let (ok, detail) = match result {
            Ok(detail) => (true, detail),
            Err(error) => (false, error.to_string()),
        };
        findings.push(Finding { what, ok, detail });
        ok
    };
    note("rounding", rounding());
    let loaded = Loaded::read(&place.manifest);
    let plan = loaded.and_then(|loaded| loaded.plan());
    let checked = plan.as_ref().map(|plan| format!("definition {}", plan.definition)).map_err(copy);
    note("manifest", checked);
    let folder = place.folder();
    if folder.join("state.redb").exists() {
        note("store", compare(&folder));
        note("blocks", scrub(&folder));
        if let Ok(plan) = plan {
            note("mirrors", mirrors(&folder, &plan));
            let state = Data::existing(&folder).and_then(|data| {
                let (engine, _) = data.engine(&plan, false)?;
                let (epoch, root) = (engine.replica().epoch(), engine.replica().root());
                Ok(format!("epoch {epoch}, state root {root}, chain and store agree"))
            });
            note("collection", state);
        }
    } else {
        note("data", Ok(format!("{} holds no collection yet; `enliven run` makes it", folder.display())));
    }
    let mut text = String::new();
    for finding in &findings {
        let sign = if finding.ok { "ok  " } else { "BAD " };
        text.push_str(&format!(
            "{sign} {:<11} {}\n",
            finding.what,
            finding.detail.replace('\n', "\n                 ")
        ));
    }
    output.result(&findings, &text);
    Ok(if findings.iter().all(|finding| finding.ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Everything that is recomputed relies on IEEE-754 doubles rounded to nearest.
fn rounding() -> Result<String, CliError> {
    let third = std::hint::black_box(1.0f64) / std::hint::black_box(3.0f64);
    if third.to_bits() == 0x3FD5_5555_5555_5555 {
        return Ok("this machine divides as IEEE-754 says".into());
    }
    Err(CliError::Usage("this machine does not round as IEEE-754 says\nhint: reports cannot be recomputed here".into()))
}

fn compare(folder: &std::path::Path) -> Result<String, CliError> {
    let store = EmbeddedStore::open_verified(&folder.join("state.redb"))?;
    Ok(format!("{} events in the log, every checksum of the file is right", store.count(Table::Events)?))
}

fn scrub(folder: &std::path::Path) -> Result<String, CliError> {
    let blocks = EmbeddedBlocks::open(folder.join("blocks.redb"))?;
    Ok(format!("{} blocks, each hashes to its CID", blocks.verify()?))
}

/// Each mirror answers, and what it has of the epochs.
fn mirrors(folder: &std::path::Path, plan: &Plan) -> Result<String, CliError> {
    let list = mirror_list(plan)?;
    if list.is_empty() {
        return Ok("none: content is in the data directory only; `content.kubo` in the manifest names a node".into());
    }
    let data = Data::existing(folder)?;
    let mut lines = Vec::new();
    for mirror in list {
        let place = mirror.place();
        let has = match kept_at(&*data.store, &place)? {
            None => "has no epoch yet".to_string(),
            Some((epoch, root)) if mirror.has_root(&root)? => format!("has the epochs up to {epoch}"),
            Some((epoch, _)) => {
                format!("was given the epochs up to {epoch} and has lost them; the next epoch brings all")
            }
        };
        lines.push(format!("{place}: {}, {has}", mirror.check()?));
    }
    Ok(lines.join("\n"))
}

fn copy(error: &CliError) -> CliError {
    CliError::Usage(error.to_string())
}
