use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;

/// Where the time of an epoch goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Reading events, adding them to the features, reading vectors.
    Features,
    /// Scores.
    Model,
    /// Decisions.
    Policy,
    /// Attributions.
    Explain,
    /// JSON, SVG, PNG.
    Metadata,
    /// Receipts, tree, directory, cut.
    Provenance,
    /// Writing blocks.
    Content,
    /// Signing.
    Oracle,
    /// Posting and minting.
    Chain,
    /// Reading the log and writing checkpoints.
    Store,
}

/// Time by stage, over all threads.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Timings {
    spent: BTreeMap<Stage, Duration>,
}

impl Timings {
    /// Runs `work` and books its time.
    pub fn time<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.book(stage, start.elapsed());
        result
    }

    /// Books time.
    pub fn book(&mut self, stage: Stage, time: Duration) {
        *self.spent.entry(stage).or_default() += time;
    }

    /// Adds another's time.
    pub fn add(&mut self, other: &Timings) {
        for (stage, time) in &other.spent {
            self.book(*stage, *time);
        }
    }

    /// By stage, in the order of the flow.
    pub fn by_stage(&self) -> impl Iterator<Item = (Stage, Duration)> + '_ {
        self.spent.iter().map(|(stage, time)| (*stage, *time))
    }
}
