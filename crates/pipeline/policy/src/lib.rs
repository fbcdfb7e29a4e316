//! Score and features to traits, and whether a change is worth writing.
//!
//! [`Policy::decide`] is a pure function of the features, the scores, the token's last state and the
//! instant: it answers hold or update, each with its reasons.

mod config;
mod error;
mod policy;
mod traits;

pub use config::{ClassConfig, Level, PolicyConfig, Ratio, ScaleConfig, Tier, TraitConfig, TraitSource};
pub use error::PolicyError;
pub use policy::{Inputs, Policy};
