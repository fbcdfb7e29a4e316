//! What can go wrong between traits and their metadata.

use thiserror::Error;

/// Why metadata could not be made.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MetadataError {
    /// A template does not parse, names something that is not there, or calls a function wrongly.
    #[error("template `{template}`, line {line}: {reason}")]
    Template {
        /// The file name of the card template, or the field of the manifest.
        template: String,
        /// The line, starting at 1; 0 if it is not known.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The rendered SVG is not well-formed, or misses what a card needs.
    #[error("the SVG that `{template}` gives is not usable: {reason}")]
    Svg {
        /// The file name of the card template.
        template: String,
        /// What is wrong.
        reason: String,
    },
    /// The rendered SVG uses something that machines may draw differently.
    #[error("the SVG that `{template}` gives has {what} on line {line} of its output; hint: {hint}")]
    Refused {
        /// The file name of the card template.
        template: String,
        /// The line of the rendered SVG, starting at 1; 0 if it is not known.
        line: u32,
        /// The element, attribute or value.
        what: String,
        /// What to use in its place.
        hint: String,
    },
    /// A file would be larger than a single raw block.
    #[error("the {what} has {bytes} bytes; at most {max} fit; hint: shorten the template or the texts")]
    TooLarge {
        /// The JSON or the SVG.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A display type that is for numbers was given to a text.
    #[error("trait `{name}` is a text, and `display_type` and `max_value` are for numbers; hint: remove them")]
    NotANumber {
        /// The trait.
        name: String,
    },
    /// The manifest says how to show a trait that does not exist.
    #[error("`display` names an unknown trait `{name}` (available: {available})")]
    UnknownTrait {
        /// The trait.
        name: String,
        /// The traits that exist.
        available: String,
    },
}
