//! Traits to JSON, SVG and PNG.
//!
//! [`Renderer::render`] makes the three files of one change of a token: metadata in OpenSea's
//! conventions as canonical JSON, a card as SVG from the collection's template, and the same card
//! as PNG. It is a pure function: no clock, disk, network or randomness, and **no floating-point
//! number** from the template to the last pixel, so the bytes (and with them the CIDs that are
//! signed) are the same on every machine, in debug and in release. For the same reason the
//! rasteriser and the PNG writer are this crate's own: a new release of a library must not change
//! the cards of an old collection. resvg is the referee in the tests.
//!
//! # The template
//!
//! [minijinja] (a Jinja dialect) with strict names: what is not there is an error with its line.
//! It sees `token_id`, `subject`, `sequence`, `epoch`, `at` (RFC 3339), `date.year`, `date.month`,
//! `date.month_name`, `date.day`, `traits.<name>`, and `history` (the latest values of the leading
//! trait, oldest first). Numbers are whole; printing another is an error. Foreign texts are escaped,
//! freed of control and direction characters, and cut after 120 characters.
//!
//! Lengths and places are whole numbers of pixels, or decimal texts such as `"12.5"`; angles are
//! degrees, clockwise from twelve o'clock. Points are texts such as `"0,0 10,2.5"`.
//!
//! | function | gives |
//! |---|---|
//! | `text(value, x, y, size=, weight=, anchor=, max=, min=, spacing=, fill=)` | a `<path>` with the outlines of the text, kerned; y is the baseline; weights are medium, bold and black, anchors start, middle and end; a text wider than `max` shrinks down to `min` and is then cut with an ellipsis; `spacing` is in thousandths of the size |
//! | `text_width(value, size=, …)` | its width, rounded up |
//! | `disc(x, y, radius)` | path data |
//! | `rounded(x, y, width, height, radius)` | path data |
//! | `ngon(x, y, radius, sides, turn=, inner=)` | points of a polygon, or of a star |
//! | `polar(x, y, radius, degrees)` | a point |
//! | `spark(values, x=, y=, width=, height=, low=, high=)` | points of a line chart |
//! | `first_point(points)`, `last_point(points)` | `.x` and `.y` |
//! | `clip(points, window)` | the part of a polygon inside a convex one |
//! | `pick(text, salt, count)` | a number below `count` that depends on the texts alone |
//! | `clamp(value, low, high)` | the nearest number from `low` to `high` |
//!
//! # The SVG
//!
//! One `<svg>` with `width`, `height` (16 to 1024) and a `viewBox` of the same size, and in it `g`,
//! `path`, `rect`, `polygon`, `polyline`, `line`, `title` and `desc`, with these attributes:
//!
//! * `fill`, `stroke` (`none`, `#rgb`, `#rrggbb`), `fill-opacity`, `stroke-opacity`, `fill-rule`,
//!   `stroke-width` (straight lines only; joins are mitred, ends are butt),
//! * `transform` with `translate`, `scale` and `matrix`,
//! * `x`, `y`, `width`, `height`, `x1`, `y1`, `x2`, `y2`, `points`, and `d` with all commands but the
//!   arc; plain decimals without exponents and units,
//! * `id`, `role`, `aria-label`.
//!
//! Anything else is refused with a hint, never skipped. What is missing is missing on purpose: arcs,
//! circles and rotations need sines, gradients, filters and blended groups need approximations,
//! `<text>` needs a shaper and the viewer's fonts, images and styles need more than one file.
//!
//! # Speed and size
//!
//! What stands between `<!-- still:begin -->` and `<!-- still:end -->`, directly after the `<svg>`
//! tag, is drawn once per distinct text of it and remembered (the latest 16). Painting the rest over
//! it gives the very pixels that painting the whole gives.
//!
//! A card of at most 256 colours becomes an indexed PNG of about half the size. Coverage has sixteen
//! steps, so two colours that meet along a curve cost up to 15 more; along slopes of 1:1 and 1:2
//! they cost two to five, along rows and columns of pixels none.

mod config;
mod error;
mod font;
mod geometry;
mod json;
mod number;
mod paint;
mod path;
mod png;
mod raster;
mod renderer;
mod repeats;
mod scene;
mod stroke;
mod template;

#[cfg(test)]
mod testcard;
#[cfg(test)]
mod tests;

pub use config::{Collection, Display, DisplayType, MetadataConfig};
pub use error::MetadataError;
pub use renderer::{CardInput, Rendered, Renderer};
