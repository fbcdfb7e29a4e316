use enliven_types::{FeatureVector, Timestamp};

/// One event as training sees it: what was known of both sides before, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairRow {
    /// When.
    pub time: Timestamp,
    /// The first side.
    pub name: String,
    /// The other side.
    pub opponent_name: String,
    /// The first side's features just before.
    pub own: FeatureVector,
    /// The other side's features just before.
    pub opponent: FeatureVector,
    /// Numbers of the event that were known before, in the order of the model's context inputs.
    pub context: Vec<i64>,
    /// The margin as it was, not cut off.
    pub margin: i64,
}

impl PairRow {
    /// 0 for a loss of the first side, 1 for a draw, 2 for a win.
    pub fn result(&self) -> usize {
        (self.margin.signum() + 1) as usize
    }
}
