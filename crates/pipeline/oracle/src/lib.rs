//! The committee: nodes that recompute, sign only what they computed themselves, and a quorum.
//!
//! A node writes (epoch -> digest) down before it signs, and signs no second digest for an epoch,
//! whatever happens to the process in between.

mod committee;
mod config;
mod error;
mod key;

pub use committee::{Committee, Vote, aggregate, check_signatures, quorum};
pub use config::OracleConfig;
pub use error::OracleError;
pub use key::{Address, NodeKey, Signature, recover};
