//! Feature states on disk, so that a restart reads the end of the log and not all of it.
//!
//! A snapshot is written in the batch that ends an epoch. One that does not fit (another definition,
//! another version of the program) is passed over: the state is recomputed from the log.

use enliven_features::FeatureState;
use enliven_store::{Batch, Store, Table};

use crate::replica::FeaturePoint;
use crate::{EngineError, Plan};

/// A snapshot is due after so many epochs.
const EVERY: u64 = 32;
const LAST: [u8; 9] = [0xff; 9];

/// The latest snapshot, or the state before the first event.
pub(crate) fn latest(plan: &Plan, store: &dyn Store) -> Result<FeaturePoint, EngineError> {
    let Some((_, bytes)) = store.last(Table::Snapshots, &[], &LAST)? else { return Ok(FeaturePoint::default()) };
    let point = bytes.split_first_chunk::<8>().and_then(|(offset, state)| {
        let state = FeatureState::restore(&plan.view, state)?;
        Some(FeaturePoint { state, offset: u64::from_be_bytes(*offset) })
    });
    Ok(point.unwrap_or_default())
}

/// Adds a snapshot to the batch of an epoch if one is due, and drops the one before.
pub(crate) fn keep(
    plan: &Plan,
    store: &dyn Store,
    batch: &mut Batch,
    epoch: u64,
    state: &FeatureState,
    offset: u64,
) -> Result<(), EngineError> {
    if !epoch.is_multiple_of(EVERY) {
        return Ok(());
    }
    if let Some((key, _)) = store.last(Table::Snapshots, &[], &LAST)? {
        batch.delete(Table::Snapshots, key);
    }
    let mut bytes = offset.to_be_bytes().to_vec();
    bytes.extend_from_slice(&state.snapshot(&plan.view));
    batch.put(Table::Snapshots, epoch.to_be_bytes(), bytes);
    Ok(())
}
