//! Models of other libraries: read in their own floats, compared with, and quantised.
//!
//! [`read`] gives a [`Foreign`] model that predicts what its library predicts. [`Foreign::quantise`]
//! makes an artifact of it: thresholds become whole numbers such that *no* row of whole numbers is
//! sent another way than the library would send it; only leaf values and weights are rounded.
//! [`compare`] measures what that rounding changes.

mod compare;
mod error;
mod foreign;
mod json;
mod lightgbm;
mod onnx;
mod options;
mod quantise;
mod quantise_layers;
mod quantise_trees;
mod sklearn;
mod ubjson;
mod value;
mod xgboost;

use enliven_types::Digest;

pub use compare::{Comparison, Difference, compare, real};
pub use error::ImportError;
pub use foreign::Foreign;
pub use options::ImportOptions;

/// A larger file is refused.
const MAX_BYTES: usize = 256 << 20;

/// Reads a model file of any known format.
pub fn read(bytes: &[u8]) -> Result<Foreign, ImportError> {
    if bytes.len() > MAX_BYTES {
        return Err(ImportError::TooLarge { bytes: bytes.len(), most: MAX_BYTES });
    }
    let file = Digest::sha256(bytes);
    let start: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).take(2).collect();
    let foreign = if start == *b"{\"" {
        let document = json::read("model JSON", bytes)?;
        let root = value::At::root("model JSON", &document);
        if root.find("learner")?.is_some() {
            xgboost::read(&document, "XGBoost JSON", file)?
        } else if root.find("format")?.is_some() {
            sklearn::read(&document, file)?
        } else {
            return Err(ImportError::Unknown { reason: "JSON with neither `learner` nor `format`".into() });
        }
    } else if start.first() == Some(&b'{') {
        xgboost::read(&ubjson::read(bytes)?, "XGBoost UBJSON", file)?
    } else if bytes.starts_with(b"tree\n") || bytes.starts_with(b"tree\r\n") {
        lightgbm::read(bytes, file)?
    } else if bytes.first() == Some(&8) {
        onnx::read(bytes, file)?
    } else {
        return Err(ImportError::Unknown { reason: format!("it begins with {:?}", String::from_utf8_lossy(&start)) });
    };
    foreign.check()?;
    Ok(foreign)
}

/// What to know of an input whose categories had names: the model sees their codes.
fn category_note(input: &str, words: &[String]) -> String {
    let mut codes: Vec<String> =
        words.iter().enumerate().take(20).map(|(code, word)| format!("{code} = `{word}`")).collect();
    if words.len() > 20 {
        codes.push(format!("and {} more", words.len() - 20));
    }
    format!("input `{input}` is a category; its feature must give the codes {}", codes.join(", "))
}
