//! Contract bindings, publishing, and the embedded dev chain.
//!
//! * [`Rpc`] is a JSON-RPC endpoint: [`HttpRpc`] for a node, [`DevChain`] in the process.
//! * [`Client`] signs, sends and waits; [`Publisher`] deploys the contracts, posts epochs and mints.
//! * [`ChainReader`] is the auditor's view: it needs an endpoint and the token's address, no key.
//! * [`Deployed`] is what a deployment file says: the contracts as the chain has them. [`Proposal`] is what waits.
//! * [`hot_traits`] writes the hot traits of a report.
//! * [`naive_gas`] measures what the textbook design would have cost for the same updates, [`naive_trait_gas`] what
//!   a trait in storage for each token costs.
//!
//! Invariants:
//!
//! * The embedded chain and a real one are used through the same code.
//! * A dev chain block is on disk before its transaction is acknowledged; a chain that is opened
//!   again has the same block hashes or does not open.
//! * Posting is idempotent: an epoch that is on chain is found, not sent again, and a different
//!   report for it is an error.
//! * Private keys and the secret parts of endpoint addresses appear in no message.

mod client;
mod config;
pub mod contracts;
mod deployed;
mod devchain;
mod error;
mod evidence;
mod gas;
mod hot;
mod publish;
mod reader;
mod revert;
mod rpc;

pub use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256};
pub use client::{Client, Key, Mined};
pub use config::{Clock, ContractSettings, DeployConfig, DevChainConfig};
pub use deployed::{ApprovedDefinition, Deployed, DeployedCommittee, DeployedContract, Proposal};
#[cfg(feature = "socket")]
pub use devchain::Sockets;
pub use devchain::{DEV_ADDRESSES, DEV_KEYS, DevChain, Session, TooSlow};
pub use error::ChainError;
pub use evidence::block_hash;
pub use gas::{NaiveGas, naive_gas, naive_trait_gas};
pub use hot::hot_traits;
pub use publish::{Deployment, LastEpoch, Minted, Posted, Publisher, Quorum, proposal, taking_on};
pub use reader::{ChainReader, PostedReport};
pub use rpc::{HttpRpc, Rpc};
