//! Traits to JSON, SVG and PNG.

mod check;
mod config;
mod deflate;
mod error;
mod font;
mod geometry;
mod json;
mod number;
mod paint;
mod png;
mod renderer;
mod template;
#[cfg(test)]
mod testcard;
#[cfg(test)]
mod tests;

pub use config::{Collection, Display, DisplayType, MetadataConfig};
pub use error::MetadataError;
pub use renderer::{CardInput, Rendered, Renderer};
