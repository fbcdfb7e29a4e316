use thiserror::Error;

/// What can be wrong with a token's history.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ProvenanceError {
    /// A receipt does not follow the one before it.
    #[error("receipt {receipt} of token {token}: {reason}")]
    Broken {
        /// The receipt.
        receipt: String,
        /// The token.
        token: u64,
        /// What does not fit.
        reason: String,
    },
    /// A receipt does not decode, or is not in canonical form.
    #[error("receipt {receipt}: {reason}")]
    Unreadable {
        /// The receipt.
        receipt: String,
        /// Why.
        reason: enliven_types::TypeError,
    },
    /// A proof of the chain's state does not hold.
    #[error("proof of the {what}: {reason}")]
    State {
        /// The part: header, token, oracle or signers.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}
