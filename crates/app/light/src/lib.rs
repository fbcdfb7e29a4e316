//! The light check: what a token is, from a file and the hash of one block.
//!
//! Nothing is recomputed and nobody is asked. A block's hash proves the header, the header the contracts' storage,
//! the storage the state root and the directory, the state root the token's leaf, the leaf the latest receipt, the
//! receipt its history and the metadata; `enliven verify` without a file, and with `--all`, recomputes the decisions themselves.
//!
//! [`LightVerifier`] reads blocks from any `BlockStore`; each is hashed again.

mod difference;
mod steps;
mod verdict;

pub use difference::{At, Difference};
pub use steps::{Anchor, LightVerifier, MAX_FILE_BYTES, ipfs_links};
pub use verdict::{LightCheck, LightStep, LightVerdict, ProvenToken};
