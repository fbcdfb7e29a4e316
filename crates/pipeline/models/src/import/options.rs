use std::collections::BTreeMap;

use crate::Method;

/// How another library's model is fitted to features.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// The features that the model's inputs are, by position; empty: the names in the file.
    pub features: Vec<String>,
    /// Of a feature the value that stands for *not known*.
    pub missing: BTreeMap<String, i64>,
    /// The names of the classes; empty: those in the file, or their numbers.
    pub classes: Vec<String>,
    /// The class that attributions explain; none: the second of two, the first of several.
    pub explained: Option<String>,
    /// How attributions are defined; none: by the path for trees, beside the background for linear
    /// models and small networks, sampled for others.
    pub attributions: Option<Method>,
    /// Rows of inputs that attributions compare with; empty where they are needed: some of `rows`.
    pub background: Vec<Vec<i64>>,
    /// Rows of inputs like those that the model was trained on, if at hand: ranges of inputs are taken
    /// from them, and covers of trees that have none.
    pub rows: Vec<Vec<i64>>,
}
