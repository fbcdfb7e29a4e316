use enliven_store::{EventLog, Store};
use enliven_types::{CutPartition, Event, Timestamp};

use crate::{EngineError, Plan};

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

/// Plans the cuts of a log: the smallest offsets that hold every event before the watermark.
#[derive(Clone, Debug, Default)]
pub struct CutPlanner {
    /// (time, offset after it) of each event that is later than all before it in the log, so that a
    /// search by time finds the offset.
    steps: Vec<(Timestamp, u64)>,
    /// Events that came after a later one: (time, offset after it).
    stragglers: Vec<(Timestamp, u64)>,
    read: u64,
    latest: Option<Timestamp>,
}

impl CutPlanner {
    /// Goes on at an offset, after events of which the latest has the time `latest`.
    pub fn starting(offset: u64, latest: Option<Timestamp>) -> CutPlanner {
        CutPlanner { read: offset, latest, ..CutPlanner::default() }
    }

    /// Reads what is new in the log.
    pub fn read(&mut self, plan: &Plan, store: &dyn Store) -> Result<(), EngineError> {
        let log = EventLog::new(store, plan.view.source(), 0);
        loop {
            let page = log.read(self.read, PAGE)?;
            for (event, _) in &page {
                self.read += 1;
                let after = (event.time, self.read);
                match self.latest {
                    Some(latest) if event.time < latest => self.stragglers.push(after),
                    _ => {
                        self.latest = Some(event.time);
                        match self.steps.last_mut() {
                            Some(last) if last.0 == event.time => last.1 = self.read,
                            _ => self.steps.push(after),
                        }
                    }
                }
            }
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// The last epoch whose events are all in the log, if the log ends here.
    pub fn last_epoch(&self, plan: &Plan) -> u64 {
        self.latest.map_or(0, |latest| plan.epoch_after(latest))
    }

    /// The cut of an epoch, given how far the epoch before read.
    pub fn spec(&self, plan: &Plan, epoch: u64, before: u64) -> CutSpec {
        let watermark = plan.watermark(epoch);
        let count = self.steps.partition_point(|(time, _)| *time < watermark);
        let mut offset = before.max(count.checked_sub(1).map_or(0, |last| self.steps[last].1));
        for (time, after) in &self.stragglers {
            if *time < watermark {
                offset = offset.max(*after);
            }
        }
        let source = plan.view.source().to_string();
        CutSpec { epoch, watermark, partitions: vec![CutPartition { source, partition: 0, offset }] }
    }
}

/// Events with their canonical bytes, in the order of the log.
pub type Events = Vec<(Event, Vec<u8>)>;

/// The events of a source between two offsets.
pub(crate) fn read_events(store: &dyn Store, source: &str, from: u64, to: u64) -> Result<Events, EngineError> {
    let log = EventLog::new(store, source, 0);
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
