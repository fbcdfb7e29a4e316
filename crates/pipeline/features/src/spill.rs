//! State that does not fit the memory: what entities hold goes to a place outside and comes back when it
//! is needed. Names stay in memory.

use std::fmt::Debug;
use std::sync::{Arc, OnceLock};

/// A place outside of the memory that keeps bytes for as long as the process lives.
pub trait Spill: Debug + Send + Sync {
    /// Keeps bytes; returns where they are, a number below 2^63. Why not, if it cannot.
    fn put(&self, bytes: &[u8]) -> Result<u64, String>;

    /// The bytes that were kept there, or why they cannot be had.
    fn get(&self, place: u64) -> Result<Vec<u8>, String>;

    /// An empty place of the same kind. What was kept is given up when the last one who knows it is gone.
    fn fresh(&self) -> Result<Arc<dyn Spill>, String>;
}

/// How much memory a state may take before it spills, and where to.
#[derive(Clone, Debug)]
pub struct SpillTo {
    /// The place.
    pub spill: Arc<dyn Spill>,
    /// What rows, tiles and totals of all views may take in memory, in bytes. Names and places take
    /// some 80 bytes an entity more.
    pub memory: usize,
}

/// What of a view has been spilled. A copy of a state shares the place, and writes behind what is there.
#[derive(Clone, Debug)]
pub(crate) struct Spilled {
    spill: Arc<dyn Spill>,
    /// Bytes written in all, and those that are still needed.
    written: usize,
    needed: usize,
    /// What went wrong first, for all copies.
    fault: Arc<OnceLock<String>>,
}

/// Fewer bytes that are not needed any more are left where they are.
const WORTH_TIDYING: usize = 16 << 20;

impl Spilled {
    pub(crate) fn new(spill: Arc<dyn Spill>, fault: Arc<OnceLock<String>>) -> Spilled {
        Spilled { spill, written: 0, needed: 0, fault }
    }

    /// Keeps what an entity holds; none if that failed.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Option<u64> {
        let place = self.or_fault(self.spill.put(bytes))?;
        self.written += bytes.len();
        self.needed += bytes.len();
        Some(place)
    }

    /// What was kept; none if that failed.
    pub(crate) fn get(&self, place: u64) -> Option<Vec<u8>> {
        self.or_fault(self.spill.get(place))
    }

    /// So many of the bytes are back in memory.
    pub(crate) fn came_back(&mut self, bytes: usize) {
        self.needed = self.needed.saturating_sub(bytes);
    }

    /// A place for what is needed alone, if much of this one is not.
    pub(crate) fn to_tidy(&self) -> Option<Spilled> {
        let spare = self.written - self.needed;
        if spare < WORTH_TIDYING || spare < self.written / 2 {
            return None;
        }
        let spill = self.or_fault(self.spill.fresh())?;
        Some(Spilled::new(spill, self.fault.clone()))
    }

    /// Says that something kept is not what it was.
    pub(crate) fn complain(&self, reason: &str) {
        let _ = self.fault.set(reason.to_string());
    }

    fn or_fault<T>(&self, result: Result<T, String>) -> Option<T> {
        result.map_err(|reason| self.complain(&reason)).ok()
    }
}
