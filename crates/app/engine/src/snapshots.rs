//! Feature states on disk, so that a restart reads the end of the log and not all of it.
//!
//! A snapshot is written in the batch that ends an epoch. One that does not fit (another definition,
//! another version of the program) is passed over: the state is recomputed from the log.

use enliven_features::FeatureState;
use enliven_store::{Batch, Store, Table};
use enliven_types::CutPartition;

use crate::replica::FeaturePoint;
use crate::{EngineError, Plan};

/// A snapshot is due after so many epochs.
const EVERY: u64 = 32;
const LAST: [u8; 9] = [0xff; 9];

/// The latest snapshot that reads no further than `limit`, or the state before the first event.
pub(crate) fn latest(plan: &Plan, store: &dyn Store, limit: &[CutPartition]) -> Result<FeaturePoint, EngineError> {
    let Some((_, bytes)) = store.last(Table::Snapshots, &[], &LAST)? else { return Ok(FeaturePoint::default()) };
    let within = |point: &FeaturePoint| point.offsets.iter().zip(limit).all(|(offset, one)| *offset <= one.offset);
    Ok(parse(plan, &bytes).filter(within).unwrap_or_default())
}

/// For each partition of the plan how far it was read, then the state.
fn parse(plan: &Plan, mut bytes: &[u8]) -> Option<FeaturePoint> {
    let mut offsets = Vec::with_capacity(plan.partitions.len());
    for _ in &plan.partitions {
        let (offset, rest) = bytes.split_first_chunk::<8>()?;
        offsets.push(u64::from_be_bytes(*offset));
        bytes = rest;
    }
    Some(FeaturePoint { state: FeatureState::restore(&plan.features, bytes)?, offsets })
}

/// Adds a snapshot to the batch of an epoch if one is due, and drops the one before.
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
    if let Some((key, _)) = store.last(Table::Snapshots, &[], &LAST)? {
        batch.delete(Table::Snapshots, key);
    }
    let mut bytes: Vec<u8> = offsets.iter().flat_map(|offset| offset.to_be_bytes()).collect();
    bytes.extend_from_slice(&state.snapshot(&plan.features));
    batch.put(Table::Snapshots, epoch.to_be_bytes(), bytes);
    Ok(())
}
