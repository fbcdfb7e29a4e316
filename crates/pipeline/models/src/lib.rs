//! Train, import, run and explain models.
//!
//! A model is a content-addressed artifact of integers ([`Artifact`]): trees, or dense layers, over
//! inputs that are taken from feature vectors. [`Model`] runs it: margins, scores and exact
//! attributions are sums and comparisons of integers, so that every machine gets the same bits, for
//! one row and for many. Training (feature `train`) is a library's work, as are the models of others
//! (feature `import`); what comes in is quantised at once, and the quantised artifact is what is
//! evaluated, signed and run.
//!
//! A model judges an entity by its own features, or, as a model of *pairs*, by its expected margin
//! against a fixed field of reference opponents that the artifact carries.

mod artifact;
mod config;
mod counterfactual;
mod error;
mod evaluate;
mod explain;
pub mod fixed;
mod forest;
mod layers;
mod link;
mod model;
mod ordinal;
mod ranks;
mod rows;
mod shap;
mod tree;

#[cfg(feature = "import")]
pub mod import;
#[cfg(feature = "train")]
mod train;

pub use artifact::{Artifact, Ensemble, Form, Import, Input, Method, Network, Origin, Training};
pub use config::{InputsConfig, ModelConfig, TargetConfig, TrainConfig};
pub use counterfactual::{Change, smallest_change};
pub use error::ModelError;
pub use evaluate::{Calibration, Evaluation, Quality, evaluate};
pub use layers::Layer;
pub use link::Link;
pub use model::Model;
pub use rows::PairRow;
#[cfg(feature = "train")]
pub use train::{Trained, train};
pub use tree::{CategorySet, MISSING, Tree};
