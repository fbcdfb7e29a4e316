use std::collections::{BTreeMap, BTreeSet};

use enliven_light::Difference;
use enliven_types::{Cid, Codec, Cut, CutPartition, Digest, Report};

use super::{Outcome, Step};
use crate::{Events, Plan, Published};

/// Walks the cuts from the first on.
#[derive(Default)]
pub(super) struct Cuts {
    pub(super) last: Option<Cid>,
    pub(super) partitions: Vec<CutPartition>,
    /// The ids of the events so far, by partition. A partition that a definition leaves out starts
    /// anew if a later one takes it up again.
    seen: BTreeMap<(String, u32), BTreeSet<Digest>>,
}

impl Cuts {
    pub(super) fn next(&mut self, published: &Published<'_>, report: &Report, plan: &Plan) -> Outcome<(Cut, Events)> {
        let wrong = |why: String| Difference(Step::Events, format!("epoch {}: {why}", report.epoch));
        let cut = published.cut(report.cut).map_err(|error| wrong(error.to_string()))?;
        if cut.version != Cut::VERSION || cut.epoch != report.epoch || cut.previous != self.last {
            return Err(wrong("the cut does not follow the one before it".into()));
        }
        if cut.watermark != plan.watermark(report.epoch) {
            return Err(wrong(format!("the watermark is {}", cut.watermark)));
        }
        let named = cut.partitions.iter().map(|one| (&one.source, one.partition));
        if !named.eq(plan.partitions.iter().map(|(source, number)| (source, *number))) {
            return Err(wrong("the cut has other partitions than the sources of the manifest".into()));
        }
        let mut counts = Vec::with_capacity(cut.partitions.len());
        for (one, before) in cut.partitions.iter().zip(plan.align(&self.partitions)) {
            let count = one.offset.checked_sub(before.offset).ok_or_else(|| {
                wrong(format!("`{}` is read back from {} to {}", one.source, before.offset, one.offset))
            })?;
            counts.push(count);
        }
        let total = counts.iter().fold(0u64, |sum, count| sum.saturating_add(*count));
        let events = published.events(&cut, total).map_err(|error| wrong(error.to_string()))?;
        self.seen.retain(|partition, _| plan.partitions.contains(partition));
        let mut rest = events.iter();
        for (partition, count) in plan.partitions.iter().zip(counts) {
            for (event, _) in rest.by_ref().take(count as usize) {
                if event.source != partition.0 {
                    let detail = format!("the event {} of `{}` stands in `{}`", event.id, event.source, partition.0);
                    return Err(wrong(detail));
                }
                if let Some(reason) =
                    plan.readers.get(event.source.as_str()).and_then(|reader| reader.check(event).err())
                {
                    return Err(wrong(format!("the event {} of `{}`: {reason}", event.id, event.source)));
                }
                let id = Digest::sha256(event.id.as_bytes());
                let of_source = (partition.0.clone(), 0)..=(partition.0.clone(), u32::MAX);
                if self.seen.range(of_source).any(|(_, seen)| seen.contains(&id)) {
                    return Err(wrong(format!("the event {} of {} is there twice", event.id, event.source)));
                }
                self.seen.entry(partition.clone()).or_default().insert(id);
            }
        }
        self.last = Some(report.cut.to_cid(Codec::DagCbor));
        self.partitions = cut.partitions.clone();
        Ok((cut, events))
    }
}

/// The events of checked cuts, by the partitions of a plan.
pub(super) fn by_partition(plan: &Plan, cuts: Vec<(Cut, Events)>) -> Events {
    let mut logs: BTreeMap<(String, u32), Events> = BTreeMap::new();
    for (cut, events) in cuts {
        let mut rest = events.into_iter();
        logs.retain(|(source, number), _| {
            cut.partitions.iter().any(|one| (&one.source, one.partition) == (source, *number))
        });
        for one in cut.partitions {
            let log = logs.entry((one.source, one.partition)).or_default();
            let count = one.offset.saturating_sub(log.len() as u64);
            log.extend(rest.by_ref().take(count as usize));
        }
    }
    plan.partitions.iter().filter_map(|partition| logs.remove(partition)).flatten().collect()
}
