use serde::{Deserialize, Serialize};

use crate::{Timestamp, Trait, TraitValue};

/// Why a token was left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum HoldReason {
    /// Every trait would be what it is already.
    Unchanged,
    /// Traits moved, but each by less than its threshold; the one that came nearest is named.
    BelowThreshold {
        /// The trait that came nearest to its threshold.
        name: String,
        /// How far it moved.
        moved: i64,
        /// How far it has to move.
        threshold: i64,
    },
    /// A change is due, but the last one is too recent.
    Cooldown {
        /// The first instant at which a change is allowed.
        until: Timestamp,
    },
}

/// Why a token was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ChangeReason {
    /// The token is new.
    Mint,
    /// A number moved by at least its threshold.
    Moved {
        /// The trait.
        name: String,
        /// Its value before.
        from: i64,
        /// Its value now.
        to: i64,
        /// The threshold.
        threshold: i64,
    },
    /// A word changed, such as a tier.
    Changed {
        /// The trait.
        name: String,
        /// Its value before.
        from: String,
        /// Its value now.
        to: String,
    },
    /// A number wanted to move further than a single change may.
    StepLimited {
        /// The trait.
        name: String,
        /// Where it wanted to go.
        wanted: i64,
        /// Where it was allowed to go.
        allowed: i64,
    },
}

/// What happens to one token in one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Decision {
    /// Nothing, and why.
    Hold(HoldReason),
    /// New traits, and why.
    Update {
        /// At least one.
        reasons: Vec<ChangeReason>,
        /// The traits before; empty for a mint.
        before: Vec<TraitValue>,
        /// The traits from now on.
        after: Vec<Trait>,
    },
}
