use serde::{Deserialize, Serialize};

/// What a model says of one entity, in units of the model's scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Units of 10^-scale.
    pub units: i64,
    /// Decimal places of a unit.
    pub scale: u8,
}

/// Which inputs made the score what it is: `base` plus all `parts` is the score, exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribution {
    /// The score that the model expects before it knows any input.
    pub base: i64,
    /// One part per model input, in the model's input order.
    pub parts: Vec<i64>,
}

impl Attribution {
    /// The score that the parts add up to.
    pub fn sum(&self) -> i64 {
        self.parts.iter().fold(self.base, |sum, part| sum.wrapping_add(*part))
    }
}
