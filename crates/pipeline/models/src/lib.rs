//! Train, run and explain models.
//!
//! A model is a content-addressed artifact of integers ([`Artifact`]). Inference ([`PairModel`]) and
//! exact TreeSHAP attributions add and compare integers only, so that every machine gets the same
//! bits. Training (feature `train`) is a library's work; what is trained is quantised at once, and
//! the quantised artifact is what is evaluated, signed and run.
//!
//! The model of this room judges *pairs*: what is the margin of one entity against another, from
//! the features of both? An entity's score is its margin against a fixed field of reference
//! opponents that the artifact carries; from the margins follow its expected points.

mod artifact;
mod config;
mod error;
mod evaluate;
mod link;
mod pair;
mod rows;
mod shap;
mod trees;

#[cfg(feature = "train")]
mod train;

pub use artifact::{Artifact, Training};
pub use config::{InputsConfig, ModelConfig, TargetConfig, TrainConfig};
pub use error::ModelError;
pub use evaluate::{Calibration, Evaluation, Quality, evaluate};
pub use link::Link;
pub use pair::{Input, PairModel, Scores};
pub use rows::PairRow;
#[cfg(feature = "train")]
pub use train::{Trained, train};
pub use trees::{Tree, Trees};
