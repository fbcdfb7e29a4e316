//! Receipts, the state tree and its proofs, and proofs of the chain's own state.
//!
//! The tree is OpenZeppelin's `StandardMerkleTree` layout over keccak-256 with sorted pairs, so that
//! `MerkleProof.verify` on chain checks our proofs. Leaves stand in the order of token ids.

mod error;
mod history;
mod state;
mod tree;

pub use error::ProvenanceError;
pub use history::{check_link, receipts_root};
pub use state::{ProvenState, block_of, check_state};
pub use tree::{MerkleTree, verify_proof};
