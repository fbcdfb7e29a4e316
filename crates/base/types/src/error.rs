use thiserror::Error;

/// What can be wrong with bytes or words that claim to be one of our types.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TypeError {
    /// The bytes are not the canonical encoding of the type.
    #[error("{what} is not readable: {reason}")]
    Decode {
        /// The type that was expected.
        what: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// The bytes decode, but encoding the result again gives other bytes.
    #[error("{what} is not in canonical form")]
    NotCanonical {
        /// The type that was expected.
        what: &'static str,
    },
    /// A text is not a date, a date and time, or a duration.
    #[error("`{text}` is not {expected}")]
    Time {
        /// The text as found.
        text: String,
        /// The forms that are accepted.
        expected: &'static str,
    },
    /// A text is not a CID of the kind that we write (version 1, sha2-256).
    #[error("`{text}` is not a version 1 sha2-256 CID")]
    Cid {
        /// The text as found.
        text: String,
    },
}
