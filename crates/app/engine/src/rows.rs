//! Point-in-time training rows, from the same features that tokens live by.

use enliven_features::{FeatureSet, point_in_time};
use enliven_models::{InputsConfig, PairRow, TrainConfig};
use enliven_types::{Event, FeatureVector, Timestamp};

use crate::Manifest;

/// One row per event with two sides: the features of both just before it, and its margin. On
/// neutral context nothing distinguishes the sides but their order in the file.
pub fn training_rows(
    inputs: &InputsConfig,
    train: &TrainConfig,
    set: &FeatureSet,
    events: &[(u32, Event)],
) -> Vec<PairRow> {
    let view = set.token_view();
    let (mut labels, mut rows) = (Vec::new(), Vec::with_capacity(events.len()));
    for (_, event) in events.iter().filter(|(_, event)| event.source == view.source()) {
        let names: Vec<String> = view.entities(event).collect();
        let number = |column: &String| event.data.get(column).and_then(|value| value.number());
        let target = &train.target;
        let (Some(plus), Some(minus), [name, opponent]) = (number(&target.plus), number(&target.minus), &names[..])
        else {
            continue;
        };
        labels.extend([(name.clone(), event.time), (opponent.clone(), event.time)]);
        rows.push(PairRow {
            time: event.time,
            name: name.clone(),
            opponent_name: opponent.clone(),
            own: FeatureVector::default(),
            opponent: FeatureVector::default(),
            context: inputs.context.keys().map(|column| number(column).unwrap_or(0)).collect(),
            margin: plus - minus,
        });
    }
    let mut vectors = point_in_time(set, events, &labels).into_iter();
    for row in &mut rows {
        row.own = vectors.next().unwrap_or_default();
        row.opponent = vectors.next().unwrap_or_default();
    }
    rows.sort_by_key(|row| row.time);
    rows
}

/// The entities that may stand in the reference field at `time`, from the weakest to the strongest:
/// those with enough events in their life and one within two years.
pub fn reference_field(
    manifest: &Manifest,
    train: &TrainConfig,
    set: &FeatureSet,
    events: &[(u32, Event)],
    time: Timestamp,
) -> Vec<(String, FeatureVector)> {
    let view = set.token_view();
    const TWO_YEARS_MS: i64 = 730 * 86_400_000;
    let mut counts = std::collections::BTreeMap::<String, (i64, bool)>::new();
    for (_, event) in events.iter().filter(|(_, event)| event.source == view.source() && event.time < time) {
        for name in view.entities(event) {
            let count = counts.entry(name).or_default();
            count.0 += 1;
            count.1 |= time.0 - event.time.0 < TWO_YEARS_MS;
        }
    }
    let least = train.reference_min_events;
    let labels: Vec<(String, Timestamp)> = counts
        .into_iter()
        .filter(|(_, (count, active))| *count >= least && *active)
        .map(|(name, _)| (name, time))
        .collect();
    let vectors = point_in_time(set, events, &labels);
    let mut field: Vec<(String, FeatureVector)> =
        labels.into_iter().zip(vectors).map(|((name, _), vector)| (name, vector)).collect();
    // By the rating where there is one, else by the first feature.
    let place = manifest.rating_feature(set).and_then(|name| set.schema().position(name)).unwrap_or(0);
    field.sort_by(|left, right| (left.1.0[place], &left.0).cmp(&(right.1.0[place], &right.0)));
    field
}
