use enliven_content::BlockStore;
use enliven_store::{EventLog, Store};
use enliven_types::{CutPartition, Event, Timestamp};

use crate::engine::records;
use crate::{EngineError, Plan, Published, Replica};

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
    pub fn read(&mut self, plan: &Plan, store: &dyn Store, blocks: &dyn BlockStore) -> Result<(), EngineError> {
        for ((source, partition), steps) in plan.partitions.iter().zip(&mut self.partitions) {
            let log = EventLog::new(store, source, *partition);
            let kept = log.first_offset()?;
            // A source that an earlier definition had is read again from its start.
            if steps.read < kept {
                steps.see(&read_events(store, blocks, source, *partition, steps.read, kept)?);
            }
            steps.follow(&log)?;
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
            self.see(&page);
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }

    fn see(&mut self, events: &[(Event, Vec<u8>)]) {
        for (event, _) in events {
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
    blocks: &dyn BlockStore,
    from: &[u64],
    to: &[CutPartition],
) -> Result<Events, EngineError> {
    let mut events = Events::new();
    for (place, one) in to.iter().enumerate().take(plan.partitions.len()) {
        let from = from.get(place).copied().unwrap_or(0);
        events.extend(read_events(store, blocks, &one.source, one.partition, from, one.offset)?);
    }
    Ok(events)
}

/// The events of a partition between two offsets: from its log, and where that has given them up from the
/// segments that were published.
pub(crate) fn read_events(
    store: &dyn Store,
    blocks: &dyn BlockStore,
    source: &str,
    partition: u32,
    from: u64,
    to: u64,
) -> Result<Events, EngineError> {
    let log = EventLog::new(store, source, partition);
    let kept = log.first_offset()?.min(to);
    let mut events = match from < kept {
        true => published_events(store, blocks, source, partition, from, kept)?,
        false => Vec::with_capacity(to.saturating_sub(from) as usize),
    };
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

fn published_events(
    store: &dyn Store,
    blocks: &dyn BlockStore,
    source: &str,
    partition: u32,
    from: u64,
    to: u64,
) -> Result<Events, EngineError> {
    let published = Published::new(blocks);
    let offset_in = |partitions: &[CutPartition], source: &str, partition: u32| {
        let found = partitions.iter().find(|one| one.source == source && one.partition == partition);
        found.map_or(0, |one| one.offset)
    };
    let (mut events, mut before): (Events, Vec<CutPartition>) = (Vec::new(), Vec::new());
    for record in records(store)? {
        // The events of a cut stand partition by partition.
        let (mut skipped, mut total, mut span) = (0, 0, None);
        for one in &record.partitions {
            let start = offset_in(&before, &one.source, one.partition);
            let count = one.offset.saturating_sub(start);
            if one.source == source && one.partition == partition {
                (skipped, span) = (total, Some(start..one.offset));
            }
            total += count;
        }
        let next = from + events.len() as u64;
        if let Some(span) = span.filter(|span| span.contains(&next) && next < to) {
            let all = published.events(&published.cut(record.report.cut)?, total)?;
            let (first, count) = (skipped + next - span.start, span.end.min(to) - next);
            events.extend(all.into_iter().skip(first as usize).take(count as usize));
        }
        before = record.partitions;
    }
    if events.len() as u64 == to.saturating_sub(from) {
        return Ok(events);
    }
    let reason =
        format!("the log of `{source}` and the published epochs lack the event at {}", from + events.len() as u64);
    Err(EngineError::Record { what: "event log".into(), reason })
}
