use thiserror::Error;

use crate::ModelError;

/// What can be wrong with another library's model, or with its place among the features.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ImportError {
    /// The file is too large.
    #[error("the model file has {bytes} bytes, at most {most} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The most that is read.
        most: usize,
    },
    /// No reader knows the file.
    #[error(
        "the model file is none of: XGBoost JSON or UBJSON, LightGBM text, the JSON of sklearn_export.py, ONNX: {reason}"
    )]
    Unknown {
        /// What was seen instead.
        reason: String,
    },
    /// The bytes break the rules of their format.
    #[error("the {format} cannot be read at byte {at}: {reason}")]
    Syntax {
        /// The format.
        format: &'static str,
        /// Where.
        at: usize,
        /// What is wrong.
        reason: String,
    },
    /// A field is absent or has another form than expected.
    #[error("the {format} cannot be read: field `{field}`: {reason}")]
    Field {
        /// The format.
        format: &'static str,
        /// The field's path.
        field: String,
        /// What is wrong.
        reason: String,
    },
    /// A tree is not one.
    #[error("the model's tree {tree}, node {node}: {reason}")]
    Tree {
        /// The tree, from zero.
        tree: usize,
        /// The node, as the file counts them.
        node: usize,
        /// What is wrong.
        reason: String,
    },
    /// The model is sound, but of a kind that is not imported.
    #[error("{what} is not imported\nhint: {instead}")]
    Unsupported {
        /// The kind, as the file names it.
        what: String,
        /// What is possible instead.
        instead: String,
    },
    /// The number of features is not the model's.
    #[error(
        "the model has {wanted} inputs, {found} features are named\nhint: name one feature for each input, in order"
    )]
    FeatureCount {
        /// How many the model has.
        wanted: usize,
        /// How many are named.
        found: usize,
    },
    /// An input is no feature.
    #[error("input {input}: unknown feature `{name}` (available: {available})\nhint: name the features by position")]
    UnknownFeature {
        /// The input, from zero.
        input: usize,
        /// The name that it has in the file or the options.
        name: String,
        /// The defined features.
        available: String,
    },
    /// A setting does not fit the model.
    #[error("option `{option}`: {reason}")]
    Option {
        /// The option.
        option: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A split asks something that cannot be asked of whole numbers.
    #[error("the model's tree {tree}, node {node}: {reason} (feature `{feature}`)\nhint: {instead}")]
    Split {
        /// The tree, from zero.
        tree: usize,
        /// The node, as the file counts them.
        node: usize,
        /// The feature that it splits on.
        feature: String,
        /// What is wrong.
        reason: String,
        /// What is possible instead.
        instead: String,
    },
    /// The quantised model breaks a rule of artifacts.
    #[error(transparent)]
    Model(#[from] ModelError),
}
