use thiserror::Error;

/// What can be wrong with a model, its configuration or its training rows.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ModelError {
    /// The artifact's bytes do not decode.
    #[error("the model artifact cannot be read: {0}")]
    Decode(#[from] enliven_types::TypeError),
    /// The artifact decodes, but breaks a rule.
    #[error("the model artifact is not valid: {place}: {reason}")]
    Invalid {
        /// Where: a tree, a node, a field.
        place: String,
        /// Which rule.
        reason: String,
    },
    /// The model was trained on other features.
    #[error("the model was made for the features {model}, the manifest defines {manifest}\nhint: run `enliven train`")]
    Schema {
        /// The digest in the artifact.
        model: enliven_types::Digest,
        /// The digest of the manifest's schema.
        manifest: enliven_types::Digest,
    },
    /// An input names a feature that is not defined.
    #[error("inputs.{list}: unknown feature `{name}` (available: {available})")]
    UnknownInput {
        /// The list in the manifest.
        list: &'static str,
        /// The name.
        name: String,
        /// The defined features.
        available: String,
    },
    /// There is nothing to train on.
    #[error("training needs at least {needed} rows {what}, there are {found}")]
    TooFewRows {
        /// Which rows.
        what: &'static str,
        /// How many are needed.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// A setting is out of range.
    #[error("train.{field} must be from {low} to {high}")]
    Setting {
        /// The field.
        field: &'static str,
        /// The least value.
        low: u32,
        /// The largest value.
        high: u32,
    },
    /// The training library refused.
    #[error("training failed: {reason}")]
    Train {
        /// What it said.
        reason: String,
    },
}
