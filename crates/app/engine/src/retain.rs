//! Which blocks of a data directory are still of use.

use std::collections::{BTreeMap, BTreeSet};

use enliven_content::{BlockStore, Follow, walk};
use enliven_light::ipfs_links;
use enliven_store::{Batch, EventLog, Store, Table};
use enliven_types::{Block, Cid, Codec, Digest};

use crate::engine::last_record;
use crate::mirrors::index;
use crate::{EngineError, Plan, Published};

const SHOWN_FROM: &[u8] = b"shown from";

/// The blocks that a collection's epochs name.
///
/// All of them without `recent`. With it, the directories and images of earlier epochs than so many are left out, unless a
/// token still shows them: as its latest metadata, or because its holder keeps it at one of the directories in `held`.
/// Events, definitions, receipts and metadata always stay, so that every change can still be explained and checked; what
/// cannot be done any more is to recompute epochs from before, or to show them.
pub fn named_blocks(
    plan: &Plan,
    store: &dyn Store,
    blocks: &dyn BlockStore,
    recent: Option<u64>,
    held: &BTreeSet<Digest>,
) -> Result<BTreeSet<Cid>, EngineError> {
    let records = crate::engine::records(store)?;
    let last = records.last().map_or(0, |record| record.report.epoch);
    let first_shown = first_of(last, recent).max(shown_from(store)?);
    let published = Published::new(blocks);
    let mut named: BTreeSet<Cid> = plan.blocks.iter().map(|block| block.cid).collect();
    let mut latest: BTreeMap<u64, Cid> = BTreeMap::new();
    for record in &records {
        let epoch = record.report.epoch;
        let index = index(blocks, &record.report, &record.changed)?;
        named.extend(index.definition.iter().chain([&index.to_block().cid]));
        add(blocks, &mut named, &[index.cut])?;
        for (id, receipt, metadata) in &record.changed {
            named.extend([*receipt, *metadata]);
            latest.insert(*id, *metadata);
        }
        if epoch >= first_shown {
            named.extend(&index.images);
            add(blocks, &mut named, &[index.directory])?;
        }
        // What tokens showed when the first epoch that is shown began.
        if epoch + 1 == first_shown || epoch == last {
            for metadata in latest.values() {
                named.extend(ipfs_links(&published.block("metadata", metadata)?));
            }
        }
    }
    for directory in held.iter().filter(|directory| **directory != Digest::ZERO) {
        let directory = directory.to_cid(Codec::DagPb);
        add(blocks, &mut named, &[directory])?;
        for metadata in published.metadata_links(&directory)?.values() {
            named.extend(ipfs_links(&published.block("metadata", metadata)?));
        }
    }
    Ok(named)
}

/// Gives up what the logs hold of events that posted epochs have published: where these are needed again
/// they are read from there. Returns how many the logs have given up so far.
pub fn trim_logs(store: &dyn Store) -> Result<u64, EngineError> {
    let mut gone = 0;
    for one in last_record(store)?.map(|record| record.partitions).unwrap_or_default() {
        gone += EventLog::new(store, &one.source, one.partition).trim(one.offset)?;
    }
    Ok(gone)
}

/// Writes down that what only earlier epochs than so many show is about to be deleted.
pub fn note_sweep(store: &dyn Store, recent: u64) -> Result<(), EngineError> {
    let last = crate::engine::records(store)?.last().map_or(0, |record| record.report.epoch);
    let first = first_of(last, Some(recent)).max(shown_from(store)?);
    let mut batch = Batch::default();
    batch.put(Table::Meta, SHOWN_FROM, first.to_be_bytes());
    Ok(store.commit(batch)?)
}

/// The first epoch whose directory and images were never deleted.
pub(crate) fn shown_from(store: &dyn Store) -> Result<u64, EngineError> {
    let Some(bytes) = store.get(Table::Meta, SHOWN_FROM)? else { return Ok(0) };
    let damaged = || EngineError::Record { what: "note of a sweep".into(), reason: "it is no number".into() };
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| damaged())
}

fn first_of(last: u64, recent: Option<u64>) -> u64 {
    recent.map_or(0, |recent| (last + 1).saturating_sub(recent))
}

/// Adds all that roots lead to.
fn add(blocks: &dyn BlockStore, named: &mut BTreeSet<Cid>, roots: &[Cid]) -> Result<(), EngineError> {
    walk(blocks, roots, |block: &Block| -> Result<Follow, EngineError> {
        Ok(if named.insert(block.cid) { Follow::All } else { Follow::Nothing })
    })
}
