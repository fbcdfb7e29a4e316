use thiserror::Error;

/// What can be wrong with traits; every variant names the place in the manifest.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PolicyError {
    /// A name that is not there.
    #[error("{place}: unknown {what} `{name}` (available: {available})")]
    Unknown {
        /// Where the name stands.
        place: String,
        /// What it should be.
        what: &'static str,
        /// The name.
        name: String,
        /// The names that are there.
        available: String,
    },
    /// A setting that makes no sense.
    #[error("{place}: {reason}")]
    Setting {
        /// Where it stands.
        place: String,
        /// What is wrong.
        reason: String,
    },
}

impl PolicyError {
    /// The path below `traits` of what is wrong, such as `2.from`.
    pub fn place(&self) -> &str {
        match self {
            PolicyError::Unknown { place, .. } | PolicyError::Setting { place, .. } => place,
        }
    }
}
