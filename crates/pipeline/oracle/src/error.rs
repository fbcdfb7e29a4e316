use enliven_types::Digest;
use thiserror::Error;

/// What can go wrong in the committee.
#[derive(Debug, Error)]
pub enum OracleError {
    /// A key is not 32 bytes of hexadecimal in the range of the curve. The key is not shown.
    #[error(
        "the key of node {node} is not valid\nhint: a key is 64 hexadecimal digits; give one per node, separated by commas"
    )]
    Key {
        /// The node's place in the committee.
        node: usize,
    },
    /// The committee is too small or too large.
    #[error("a committee has 1 to 64 nodes, not {nodes}")]
    Size {
        /// How many were asked for.
        nodes: usize,
    },
    /// A node has signed another digest for this epoch.
    #[error(
        "node {node} has signed {signed} for epoch {epoch} and will not sign {asked}\nhint: the inputs of the epoch have changed since; run `enliven verify` to see which"
    )]
    Equivocation {
        /// The node's place in the committee.
        node: usize,
        /// The epoch.
        epoch: u64,
        /// What it has signed.
        signed: Digest,
        /// What it was asked to sign.
        asked: Digest,
    },
    /// The nodes do not agree.
    #[error("epoch {epoch}: {votes} of {nodes} nodes agree, {needed} are needed")]
    NoQuorum {
        /// The epoch.
        epoch: u64,
        /// How many nodes agree on the commonest digest.
        votes: usize,
        /// How many nodes there are.
        nodes: usize,
        /// How many have to agree.
        needed: usize,
    },
    /// A signature is not by the signer that it is listed for.
    #[error("signature {place} is not by signer {signer} ({address})")]
    WrongSigner {
        /// The signature's place.
        place: usize,
        /// The signer's place in the committee.
        signer: usize,
        /// The signer's address.
        address: String,
    },
    /// The signatures do not fit the bitmap or the committee.
    #[error("the signatures are not well formed: {reason}")]
    Malformed {
        /// Why.
        reason: String,
    },
    /// A group cannot make its key or its signature.
    #[error("the group cannot sign: {reason}")]
    Group {
        /// Why.
        reason: String,
    },
    /// An envelope is not the committee's word on an epoch, or cannot be made.
    #[error("the attestation does not hold: {reason}")]
    Attestation {
        /// Why.
        reason: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] enliven_store::StoreError),
}
