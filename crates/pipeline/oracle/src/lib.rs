//! The committee: nodes that recompute, sign only what they computed themselves, and a quorum.
//!
//! A node writes (round -> digest) down before it signs, and signs no second digest for a round,
//! whatever happens to the process in between.

mod attestation;
mod committee;
mod config;
mod error;
#[cfg(feature = "frost")]
pub mod group;
mod key;
mod schnorr;

pub use attestation::{AttestationKey, Envelope, EnvelopeSignature, PAYLOAD_TYPE, PREDICATE_TYPE, statement};
pub use committee::{Committee, Round, Vote, aggregate, check_epoch, check_signatures};
pub use config::OracleConfig;
pub use error::OracleError;
pub use key::{Address, NodeKey, Signature, recover};
pub use schnorr::{GroupKey, GroupSignature, check_group_signature};
