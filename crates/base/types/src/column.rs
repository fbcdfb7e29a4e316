use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Text, at most 8 KiB.
    Text,
    /// A whole number of at most 2^53 - 1.
    Integer,
    /// `true` or `false`, in any case.
    Boolean,
    /// A decimal number; kept as a whole number of units with this many decimal places.
    Decimal(u8),
}

impl ColumnType {
    /// Decimal places of a unit.
    pub fn scale(self) -> u8 {
        match self {
            ColumnType::Decimal(scale) => scale,
            _ => 0,
        }
    }
}
