use std::path::Path;

use enliven_sources::FileSource;
use enliven_store::{Batch, EventLog, Store, Table, event_key};
use enliven_types::to_jcs;
use serde::Serialize;

use crate::{EngineError, Plan};

const PAGE: usize = 4096;
/// So many bad rows are shown; all are counted and kept.
const SHOWN: usize = 10;

/// What reading the sources gave.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Ingested {
    /// Events that are new in the log.
    pub new: u64,
    /// Events that the log had already.
    pub duplicates: u64,
    /// Rows that were refused.
    pub bad_rows: u64,
    /// The first of them.
    pub shown: Vec<String>,
}

/// Reads every source of the plan into the log. Events that are there already are left as they are.
pub fn ingest(
    plan: &Plan,
    store: &dyn Store,
    base: &Path,
    mut progress: impl FnMut(&Ingested),
) -> Result<Ingested, EngineError> {
    let mut total = Ingested::default();
    for (name, config) in &plan.manifest.sources {
        for partition in 0..config.partitions() {
            let log = EventLog::new(store, name, partition);
            let (mut page, mut batch) = (Vec::new(), Batch::default());
            for row in FileSource::open(name, config, partition, base)? {
                match row? {
                    Ok(event) => page.push(event),
                    Err(bad) => {
                        total.bad_rows += 1;
                        if total.shown.len() < SHOWN {
                            total.shown.push(bad.to_string());
                        }
                        batch.put(Table::BadRows, event_key(name, partition, bad.line), to_jcs(&bad));
                    }
                }
                if page.len() == PAGE {
                    append(&log, &mut page, &mut batch, &mut total)?;
                    progress(&total);
                }
            }
            append(&log, &mut page, &mut batch, &mut total)?;
            progress(&total);
        }
    }
    Ok(total)
}

fn append(
    log: &EventLog<'_>,
    page: &mut Vec<enliven_types::Event>,
    batch: &mut Batch,
    total: &mut Ingested,
) -> Result<(), EngineError> {
    let appended = log.append_with(page, std::mem::take(batch))?;
    total.new += appended.new;
    total.duplicates += appended.duplicates;
    page.clear();
    Ok(())
}
