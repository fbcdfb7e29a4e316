use thiserror::Error;

/// What can be wrong with a feature definition. Every variant names the place in the manifest.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FeatureError {
    /// An expression does not parse or does not type-check.
    #[error("{place}: `{text}`: {reason}")]
    Expression {
        /// Where the expression stands.
        place: String,
        /// The expression.
        text: String,
        /// What is wrong, with the column.
        reason: String,
    },
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
    /// Two features of one name.
    #[error("{place}: the feature `{name}` is defined twice")]
    Twice {
        /// Where the second stands.
        place: String,
        /// The name.
        name: String,
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

impl FeatureError {
    /// The same, with its place inside of `outer`.
    pub(crate) fn within(mut self, outer: &str) -> FeatureError {
        let (FeatureError::Expression { place, .. }
        | FeatureError::Unknown { place, .. }
        | FeatureError::Twice { place, .. }
        | FeatureError::Setting { place, .. }) = &mut self;
        *place = format!("{outer}.{place}");
        self
    }

    /// The path in the manifest of what is wrong, such as `define.2.where`.
    pub fn place(&self) -> &str {
        match self {
            FeatureError::Expression { place, .. }
            | FeatureError::Unknown { place, .. }
            | FeatureError::Twice { place, .. }
            | FeatureError::Setting { place, .. } => place,
        }
    }
}
