//! How far each partition of each log has come, and what is late.

use enliven_types::Event;

use crate::FeatureSet;

/// The latest time of an event, by source and partition.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Clock {
    pub(crate) latest: Vec<Vec<Option<i64>>>,
}

/// What an event is to the clock.
pub(crate) enum Tick {
    /// Of the source at this place, and in time.
    Taken(usize),
    /// Later than its source allows.
    Late,
    /// Of a source that nothing looks at.
    Foreign,
}

impl Clock {
    /// Takes note of an event; of one that cannot be late as well, if `in_order`.
    pub(crate) fn tick(&mut self, set: &FeatureSet, partition: u32, event: &Event, in_order: bool) -> Tick {
        let Some(source) = set.sources.iter().position(|source| source.name == event.source) else {
            return Tick::Foreign;
        };
        if self.latest.is_empty() {
            self.latest = set.sources.iter().map(|source| vec![None; source.partitions]).collect();
        }
        let partitions = &mut self.latest[source];
        let partition = partition as usize;
        if partition >= partitions.len() {
            partitions.resize(partition + 1, None);
        }
        let time = event.time.0;
        let lateness = set.sources[source].lateness_ms;
        if !in_order && partitions[partition].is_some_and(|latest| time < latest.saturating_sub(lateness)) {
            return Tick::Late;
        }
        partitions[partition] = partitions[partition].max(Some(time));
        Tick::Taken(source)
    }

    /// No event of the source is taken any more before this time. A partition without events holds it
    /// back: that costs memory, and changes no value.
    pub(crate) fn horizon(&self, set: &FeatureSet, source: usize) -> i64 {
        let lateness = set.sources[source].lateness_ms;
        let horizon = |latest: &Option<i64>| latest.map_or(i64::MIN, |latest| latest.saturating_sub(lateness));
        self.latest.get(source).and_then(|partitions| partitions.iter().map(horizon).min()).unwrap_or(i64::MIN)
    }

    /// The latest of all.
    pub(crate) fn latest(&self) -> Option<i64> {
        self.latest.iter().flatten().flatten().max().copied()
    }
}
