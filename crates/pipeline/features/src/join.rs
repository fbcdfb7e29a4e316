//! Point-in-time joins: what was known of an entity at an instant, for training.

use enliven_types::{Event, FeatureVector, Timestamp};

use crate::{FeatureState, FeatureView};

/// For each label (entity, time) the vector from the events before its time: the bits that a live
/// state gives when its watermark stands there.
///
/// `events` are in the order of the log; which of them are late follows from it. Costs
/// O((e + l) log (e + l)) and the reading of l vectors.
pub fn point_in_time(view: &FeatureView, events: &[Event], labels: &[(String, Timestamp)]) -> Vec<FeatureVector> {
    let mut taken = taken(view, events);
    taken.sort_by_key(|event| event.time);
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by_key(|place| labels[*place].1);

    let mut state = FeatureState::default();
    let mut vectors = vec![FeatureVector::default(); labels.len()];
    let mut next = 0;
    for place in order {
        let (name, time) = &labels[place];
        while let Some(event) = taken.get(next).filter(|event| event.time < *time) {
            state.add(view, event);
            next += 1;
        }
        state.advance(view, *time);
        vectors[place] = state.vector_at(view, name, *time);
    }
    vectors
}

/// The events of the view's source that were not late when they came.
fn taken<'a>(view: &FeatureView, events: &'a [Event]) -> Vec<&'a Event> {
    let mut latest = None;
    let mut taken = Vec::with_capacity(events.len());
    for event in events.iter().filter(|event| event.source == view.source()) {
        if event.time.0 < view.horizon(latest) {
            continue;
        }
        latest = latest.max(Some(event.time.0));
        taken.push(event);
    }
    taken
}
