//! Feature states on disk, so that a restart reads the end of the log and not all of it.
//!
//! A snapshot is written piece by piece, so that a state that spills is never in memory as a whole. It
//! counts from the batch on that ends its epoch; pieces of one that was cut short are written over. One
//! that does not fit (another definition, another version of the program) is passed over: the state is
//! recomputed from the log.

use enliven_features::FeatureState;
use enliven_store::{Batch, Store, StoreError, Table};
use enliven_types::{CutPartition, from_cbor, to_cbor};
use serde::{Deserialize, Serialize};

use crate::replica::FeaturePoint;
use crate::{EngineError, Plan};

/// A snapshot is due after so many epochs.
const EVERY: u64 = 32;
const LATEST: &[u8] = b"snapshot";
/// After every key of a piece.
const LAST: [u8; 13] = [0xff; 13];
/// So many pieces, of about a MiB, are written at once.
const PIECES_AT_ONCE: usize = 8;

/// The snapshot that is there.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Latest {
    epoch: u64,
    pieces: u32,
    /// For each partition of the plan how far it was read.
    offsets: Vec<u64>,
}

impl Latest {
    fn read(store: &dyn Store) -> Result<Option<Latest>, StoreError> {
        Ok(store.get(Table::Meta, LATEST)?.and_then(|bytes| from_cbor("snapshot", &bytes).ok()))
    }
}

fn key(epoch: u64, piece: u32) -> Vec<u8> {
    [&epoch.to_be_bytes()[..], &piece.to_be_bytes()].concat()
}

/// The latest snapshot that reads no further than `limit`, or the state before the first event.
pub(crate) fn latest(plan: &Plan, store: &dyn Store, limit: &[CutPartition]) -> Result<FeaturePoint, EngineError> {
    let Some(Latest { epoch, pieces, offsets }) = Latest::read(store)? else { return Ok(FeaturePoint::start(plan)) };
    if offsets.len() != limit.len() || offsets.iter().zip(limit).any(|(offset, one)| *offset > one.offset) {
        return Ok(FeaturePoint::start(plan));
    }
    let mut failed = None;
    let pieces = (0..pieces).map_while(|piece| match store.get(Table::Snapshots, &key(epoch, piece)) {
        Ok(found) => found,
        Err(error) => {
            failed = Some(error);
            None
        }
    });
    let state = plan.no_features().restore_pieces(&plan.features, pieces);
    if let Some(error) = failed {
        return Err(error.into());
    }
    Ok(state.map_or_else(|| FeaturePoint::start(plan), |state| FeaturePoint { state, offsets }))
}

/// Writes a snapshot if one is due, and adds to the batch of its epoch what makes it count, and what drops
/// the one before.
pub(crate) fn keep(
    plan: &Plan,
    store: &dyn Store,
    batch: &mut Batch,
    epoch: u64,
    state: &FeatureState,
    offsets: &[u64],
) -> Result<(), EngineError> {
    if !epoch.is_multiple_of(EVERY) {
        return Ok(());
    }
    let before = Latest::read(store)?;
    sweep(store, before.as_ref())?;
    let (mut pieces, mut waiting) = (0u32, Vec::new());
    let write = |first: u32, pieces: &mut Vec<Vec<u8>>| {
        let mut batch = Batch::default();
        for (place, piece) in (first..).zip(pieces.drain(..)) {
            batch.put(Table::Snapshots, key(epoch, place), piece);
        }
        store.commit(batch)
    };
    let mut done = Ok(());
    state.snapshot_pieces(&plan.features, |piece| {
        waiting.push(piece);
        if waiting.len() == PIECES_AT_ONCE && done.is_ok() {
            let first = pieces;
            pieces += waiting.len() as u32;
            done = write(first, &mut waiting);
        }
    });
    done?;
    let first = pieces;
    pieces += waiting.len() as u32;
    write(first, &mut waiting)?;
    if let Some(reason) = state.fault() {
        return Err(EngineError::Spill { reason: reason.to_string() });
    }
    if let Some(before) = before.filter(|before| before.epoch != epoch) {
        (0..before.pieces).for_each(|piece| batch.delete(Table::Snapshots, key(before.epoch, piece)));
    }
    batch.put(Table::Meta, LATEST, to_cbor(&Latest { epoch, pieces, offsets: offsets.to_vec() }));
    Ok(())
}

/// Deletes what is not of the snapshot that counts: pieces of one that was cut short, or of another version.
fn sweep(store: &dyn Store, counts: Option<&Latest>) -> Result<(), StoreError> {
    let spans = match counts {
        Some(Latest { epoch, pieces, .. }) => {
            vec![(Vec::new(), key(*epoch, 0)), (key(*epoch, *pieces), LAST.to_vec())]
        }
        None => vec![(Vec::new(), LAST.to_vec())],
    };
    for (from, to) in spans {
        loop {
            let found = store.range(Table::Snapshots, &from, &to, PIECES_AT_ONCE)?;
            let mut batch = Batch::default();
            found.iter().for_each(|(key, _)| batch.delete(Table::Snapshots, key.as_slice()));
            if batch.is_empty() {
                break;
            }
            store.commit(batch)?;
        }
    }
    Ok(())
}
