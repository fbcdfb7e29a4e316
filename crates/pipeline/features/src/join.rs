//! Point-in-time joins: what was known of an entity at an instant, for training and backfills.

use enliven_types::{Event, FeatureVector, Timestamp};

use crate::clock::{Clock, Tick};
use crate::{FeatureSet, FeatureState};

/// So many events are added before what can settle does.
const PAGE: usize = 256;

/// For each label (token, time) the vector from the events before its time: the bits that a live
/// state gives when its watermark stands there.
///
/// `events` are those of all logs, each with its partition, those of one partition in the order of
/// its log; which of them are late follows from that. Costs O((e + l) log (e + l)) and the reading of
/// l vectors.
pub fn point_in_time(set: &FeatureSet, events: &[(u32, Event)], labels: &[(String, Timestamp)]) -> Vec<FeatureVector> {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by_key(|place| labels[*place].1);
    let mut replay = Replay::new(set, events);
    let mut vectors = vec![FeatureVector::default(); labels.len()];
    for place in order {
        let (name, time) = &labels[place];
        replay.advance(*time);
        vectors[place] = replay.state.vector_at(set, name, *time);
    }
    vectors
}

/// Every token that has had an event at each of the instants, which ascend: (token, instant, vector),
/// in the order of (instant, name).
pub fn backfill(
    set: &FeatureSet,
    events: &[(u32, Event)],
    instants: &[Timestamp],
) -> Vec<(String, Timestamp, FeatureVector)> {
    let mut replay = Replay::new(set, events);
    let mut found = Vec::new();
    for time in instants {
        replay.advance(*time);
        let mut names: Vec<String> =
            replay.state.entities_before(set, *time).into_iter().map(|(_, name)| name).collect();
        names.sort_unstable();
        for name in names {
            let vector = replay.state.vector_at(set, &name, *time);
            found.push((name, *time, vector));
        }
    }
    found
}

/// A state that is driven through the logs in the order of time.
struct Replay<'a> {
    set: &'a FeatureSet,
    taken: Vec<&'a (u32, Event)>,
    next: usize,
    state: FeatureState,
}

impl<'a> Replay<'a> {
    fn new(set: &'a FeatureSet, events: &'a [(u32, Event)]) -> Replay<'a> {
        let mut taken = taken(set, events);
        taken.sort_by_key(|(_, event)| event.time);
        Replay { set, taken, next: 0, state: FeatureState::in_order() }
    }

    fn advance(&mut self, time: Timestamp) {
        while let Some((partition, event)) = self.taken.get(self.next).filter(|(_, event)| event.time < time) {
            if self.next.is_multiple_of(PAGE) {
                self.state.advance(self.set, event.time);
            }
            self.state.add(self.set, *partition, event);
            self.next += 1;
        }
        self.state.advance(self.set, time);
    }
}

/// The events that were not late when they came.
pub(crate) fn taken<'a>(set: &FeatureSet, events: &'a [(u32, Event)]) -> Vec<&'a (u32, Event)> {
    let mut clock = Clock::default();
    let mut in_time =
        |partition: u32, event: &Event| matches!(clock.tick(set, partition, event, false), Tick::Taken(_));
    events.iter().filter(|(partition, event)| in_time(*partition, event)).collect()
}
