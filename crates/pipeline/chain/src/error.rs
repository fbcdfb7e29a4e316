use std::path::PathBuf;

use alloy_primitives::{B256, Bytes};
use thiserror::Error;

/// What can go wrong between us and a chain, embedded or not.
#[derive(Debug, Error)]
pub enum ChainError {
    /// The endpoint's address cannot be used.
    #[error("`{endpoint}` is no usable chain endpoint: {reason}")]
    Endpoint {
        /// The endpoint, without credentials.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something cannot be proven.
    #[error("no proof: {reason}")]
    Proof {
        /// Why.
        reason: String,
    },
    /// The endpoint did not answer.
    #[error("the chain endpoint {endpoint} did not answer {method}: {reason}")]
    Transport {
        /// The endpoint, without credentials.
        endpoint: String,
        /// The JSON-RPC method.
        method: String,
        /// What the connection said.
        reason: String,
    },
    /// The endpoint answered with something that is not the JSON-RPC answer we need.
    #[error("the answer to {method} is not understood: {reason}")]
    Answer {
        /// The JSON-RPC method.
        method: String,
        /// What was expected or missing.
        reason: String,
    },
    /// The node refused a request.
    #[error("the chain refused {method}: {message} (code {code})")]
    Node {
        /// The JSON-RPC method.
        method: String,
        /// The JSON-RPC error code; 3 is a revert.
        code: i64,
        /// The node's message.
        message: String,
        /// The data of a revert, if the node sent any.
        data: Option<Bytes>,
    },
    /// A contract reverted.
    #[error("{action} reverted: {reason}")]
    Reverted {
        /// What was tried.
        action: String,
        /// The decoded error: its name and arguments where known, else its bytes.
        reason: String,
        /// The revert's data.
        data: Bytes,
    },
    /// A transaction was sent, but no receipt came in time.
    #[error(
        "transaction {hash} ({action}) has no receipt after {waited_s} s; hint: it may still be mined, so look before sending it again"
    )]
    Pending {
        /// What was tried.
        action: String,
        /// The transaction's hash.
        hash: B256,
        /// How long we waited.
        waited_s: u64,
    },
    /// A private key is not 32 bytes of hexadecimal, or not a valid scalar.
    #[error("the private key is not usable: {reason}; hint: it is 64 hexadecimal digits, with or without 0x")]
    Key {
        /// What is wrong with it (never the key itself).
        reason: &'static str,
    },
    /// The chain is not the one that a deployment names.
    #[error("the endpoint serves chain {found}, but the deployment is on chain {expected}")]
    WrongChain {
        /// The chain id in the deployment.
        expected: u64,
        /// The chain id of the endpoint.
        found: u64,
    },
    /// There is no contract, or another one, at an address.
    #[error("{address} is not {expected}: {reason}")]
    Contract {
        /// The address.
        address: String,
        /// The contract that was expected.
        expected: &'static str,
        /// Why it is not that.
        reason: String,
    },
    /// The chain already holds another state for an epoch than the one to post.
    #[error(
        "epoch {epoch} is on chain with state root {on_chain}, and ours is {ours}; hint: two publishers with different inputs, or a replaced data directory"
    )]
    Conflict {
        /// The epoch.
        epoch: u64,
        /// The state root on chain.
        on_chain: B256,
        /// Our state root.
        ours: B256,
    },
    /// A report is not the one that the chain expects next.
    #[error("epoch {epoch} cannot be posted: the chain is at epoch {last}, so {next} is next")]
    OutOfOrder {
        /// The epoch to post.
        epoch: u64,
        /// The last epoch on chain.
        last: u64,
        /// The epoch that is next.
        next: u64,
    },
    /// A deployment's settings cannot work.
    #[error("the deployment's {field} cannot be used: {reason}")]
    Config {
        /// The setting.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A contract artifact that was built into this program is not readable.
    #[error("the built-in artifact of {contract} is not readable: {reason}")]
    Artifact {
        /// The contract.
        contract: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The dev chain's file cannot be read or written.
    #[error("the dev chain's file {} failed: {reason}", path.display())]
    Storage {
        /// The file.
        path: PathBuf,
        /// What the store said.
        reason: String,
    },
    /// Another process has the dev chain's file open.
    #[error("the dev chain's file {} is in use; hint: stop the other process, or talk to it over JSON-RPC", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The dev chain's file was made with other settings.
    #[error("the dev chain's file {} was made with {field} {stored}, and the settings say {wanted}; hint: restore the setting, or move the file away to start a new chain", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// The setting that differs.
        field: &'static str,
        /// What the file says.
        stored: String,
        /// What the settings say.
        wanted: String,
    },
    /// A block of the dev chain's file is damaged, or executes differently now.
    #[error("block {number} in the dev chain's file {} is not what it was: {reason}; hint: the file is damaged or another version of the program wrote it", path.display())]
    Replay {
        /// The file.
        path: PathBuf,
        /// The block's number.
        number: u64,
        /// What differs.
        reason: String,
    },
}
