use enliven_store::{EventLog, Store};
use enliven_types::{CutPartition, Event, Timestamp};

use crate::{EngineError, Plan, Replica};

const PAGE: usize = 4096;

/// What a proposer says of an epoch: everything else follows from the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutSpec {
    /// The epoch.
    pub epoch: u64,
    /// Events before this instant are seen.
    pub watermark: Timestamp,
    /// How far each partition is read, in the order of (source, partition).
    pub partitions: Vec<CutPartition>,
}

/// Plans the cuts of the logs: the smallest offsets that hold every event before the watermark.
#[derive(Clone, Debug, Default)]
pub struct CutPlanner {
    /// One for each partition of the plan.
    partitions: Vec<Steps>,
}

/// Where the times of one partition lie.
#[derive(Clone, Debug, Default)]
struct Steps {
    /// (time, offset after it) of each event that is later than all before it in the log, so that a
    /// search by time finds the offset.
    rising: Vec<(Timestamp, u64)>,
    /// Events that came after a later one: (time, offset after it).
    stragglers: Vec<(Timestamp, u64)>,
    read: u64,
    latest: Option<Timestamp>,
}

impl CutPlanner {
    /// Goes on where a replica stands.
    pub fn after(plan: &Plan, replica: &Replica) -> CutPlanner {
        let steps = plan.partitions.iter().zip(replica.offsets()).map(|((source, partition), offset)| Steps {
            read: *offset,
            latest: replica.features().latest_in(&plan.features, source, *partition),
            ..Steps::default()
        });
        CutPlanner { partitions: steps.collect() }
    }

    /// Reads what is new in the logs.
    pub fn read(&mut self, plan: &Plan, store: &dyn Store) -> Result<(), EngineError> {
        for ((source, partition), steps) in plan.partitions.iter().zip(&mut self.partitions) {
            steps.follow(&EventLog::new(store, source, *partition))?;
        }
        Ok(())
    }

    /// The last epoch whose events are all in the logs, if the logs end here.
    pub fn last_epoch(&self, plan: &Plan) -> u64 {
        let latest = self.partitions.iter().filter_map(|steps| steps.latest).max();
        latest.map_or(0, |latest| plan.epoch_after(latest))
    }

    /// The cut of an epoch, given how far the epoch before read.
    pub fn spec(&self, plan: &Plan, epoch: u64, before: &[u64]) -> CutSpec {
        let watermark = plan.watermark(epoch);
        let steps = self.partitions.iter().zip(before);
        let partitions = plan.partitions.iter().zip(steps).map(|((source, partition), (steps, before))| {
            let offset = steps.offset(watermark).max(*before);
            CutPartition { source: source.clone(), partition: *partition, offset }
        });
        CutSpec { epoch, watermark, partitions: partitions.collect() }
    }
}

impl Steps {
    fn follow(&mut self, log: &EventLog<'_>) -> Result<(), EngineError> {
        loop {
            let page = log.read(self.read, PAGE)?;
            for (event, _) in &page {
                self.read += 1;
                let after = (event.time, self.read);
                match self.latest {
                    Some(latest) if event.time < latest => self.stragglers.push(after),
                    _ => {
                        self.latest = Some(event.time);
                        match self.rising.last_mut() {
                            Some(last) if last.0 == event.time => last.1 = self.read,
                            _ => self.rising.push(after),
                        }
                    }
                }
            }
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// The smallest offset that holds every event before the watermark.
    fn offset(&self, watermark: Timestamp) -> u64 {
        let count = self.rising.partition_point(|(time, _)| *time < watermark);
        let risen = count.checked_sub(1).map_or(0, |last| self.rising[last].1);
        let strayed = self.stragglers.iter().filter(|(time, _)| *time < watermark).map(|(_, after)| *after).max();
        risen.max(strayed.unwrap_or(0))
    }
}

/// Events with their canonical bytes, in the order of the log.
pub type Events = Vec<(Event, Vec<u8>)>;

/// The events of all partitions of the plan between two places, partition by partition.
pub(crate) fn read_all(
    plan: &Plan,
    store: &dyn Store,
    from: &[u64],
    to: &[CutPartition],
) -> Result<Events, EngineError> {
    let mut events = Events::new();
    for (place, one) in to.iter().enumerate().take(plan.partitions.len()) {
        let from = from.get(place).copied().unwrap_or(0);
        events.extend(read_events(store, &one.source, one.partition, from, one.offset)?);
    }
    Ok(events)
}

/// The events of a partition between two offsets.
pub(crate) fn read_events(
    store: &dyn Store,
    source: &str,
    partition: u32,
    from: u64,
    to: u64,
) -> Result<Events, EngineError> {
    let log = EventLog::new(store, source, partition);
    let mut events = Vec::with_capacity(to.saturating_sub(from) as usize);
    while from + (events.len() as u64) < to {
        let next = from + events.len() as u64;
        let page = log.read(next, PAGE.min((to - next) as usize))?;
        if page.is_empty() {
            let reason = format!("the log of `{source}` ends at offset {next}, the cut reads to {to}");
            return Err(EngineError::Record { what: "event log".into(), reason });
        }
        events.extend(page);
    }
    Ok(events)
}
