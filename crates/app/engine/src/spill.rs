//! Where feature states spill to: a file of the store's.

use std::path::Path;
use std::sync::Arc;

use enliven_features::{Spill, SpillTo};
use enliven_store::{SpillFile, StoreError};

#[derive(Debug)]
struct Place(SpillFile);

impl Spill for Place {
    fn put(&self, bytes: &[u8]) -> Result<u64, String> {
        self.0.put(bytes).map_err(|error| error.to_string())
    }

    fn get(&self, place: u64) -> Result<Vec<u8>, String> {
        self.0.get(place).map_err(|error| error.to_string())
    }

    fn fresh(&self) -> Result<Arc<dyn Spill>, String> {
        let fresh = self.0.fresh().map_err(|error| error.to_string())?;
        Ok(Arc::new(Place(fresh)))
    }
}

/// A bound of so many bytes on what a feature state takes in memory; the rest goes to nameless files in
/// the folder.
pub fn spill_to(folder: &Path, memory: usize) -> Result<SpillTo, StoreError> {
    Ok(SpillTo { spill: Arc::new(Place(SpillFile::new(folder)?)), memory })
}
