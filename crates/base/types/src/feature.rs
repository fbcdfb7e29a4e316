use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Digest, to_jcs};

/// A whole number of units of 10^-scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fixed {
    /// The number of units.
    pub units: i64,
    /// How many decimal places a unit has.
    pub scale: u8,
}

impl std::fmt::Display for Fixed {
    /// The exact decimal, without trailing zeros.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let power = 10u128.pow(u32::from(self.scale.min(38)));
        let size = u128::from(self.units.unsigned_abs());
        let (whole, part) = (size / power, size % power);
        let sign = if self.units < 0 { "-" } else { "" };
        if part == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{part:0width$}", width = usize::from(self.scale));
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// Changes `units` of 10^-`from` into units of 10^-`to`, rounding half away from zero and
/// saturating at the ends of `i64`.
pub fn rescale(units: i64, from: u8, to: u8) -> i64 {
    let value = i128::from(units);
    let wide = if to >= from {
        value.saturating_mul(10i128.pow(u32::from((to - from).min(38))))
    } else {
        let power = 10i128.pow(u32::from((from - to).min(38)));
        (value.abs() + power / 2) / power * value.signum()
    };
    wide.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// Who may see a datum, from the least private to the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Privacy {
    /// Everybody: it may stand in receipts and metadata.
    #[default]
    Public,
    /// Those whom the issuer lets; never published in plain.
    Private,
    /// About a person: encrypted per subject, erasable.
    Personal,
}

/// One feature's name and meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureDef {
    /// The name, such as `goals_for_365d`.
    pub name: String,
    /// Decimal places of a unit.
    pub scale: u8,
    /// What it counts, for people: `matches`, `goals`, `days`.
    pub unit: String,
    /// The class of the most private datum that it is computed from.
    pub privacy: Privacy,
}

/// The ordered features of a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureSchema {
    /// In the order of the vector.
    pub features: Vec<FeatureDef>,
}

impl FeatureSchema {
    /// Where a feature stands in the vector.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.features.iter().position(|feature| feature.name == name)
    }

    /// The sha2-256 of the schema's canonical JSON.
    pub fn digest(&self) -> Digest {
        Digest::sha256(&to_jcs(self))
    }
}

/// One entity's features at one cut, in units of the schema's scales.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FeatureVector(pub Vec<i64>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_prints_exactly() {
        for (units, scale, text) in
            [(0, 2, "0"), (-5, 2, "-0.05"), (1250, 3, "1.25"), (7, 0, "7"), (i64::MIN, 0, "-9223372036854775808")]
        {
            assert_eq!(Fixed { units, scale }.to_string(), text);
        }
    }

    #[test]
    fn rescale_rounds_half_away_from_zero() {
        for (units, from, to, want) in
            [(25, 1, 0, 3), (-25, 1, 0, -3), (24, 1, 0, 2), (3, 0, 2, 300), (i64::MAX, 0, 3, i64::MAX)]
        {
            assert_eq!(rescale(units, from, to), want);
        }
    }
}
