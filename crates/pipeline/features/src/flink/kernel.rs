//! The tiles as the kernel adds them up: what a job in Flink is compared with.

use std::collections::BTreeMap;

use enliven_types::{Event, Timestamp};

use super::tiles::{Part, Table};
use super::{FlinkSource, Names, sightings};
use crate::accumulate::{Acc, Rule, Sample};
use crate::clock::{Clock, Tick};
use crate::side::AsOf;
use crate::{FeatureSet, FeatureView};

/// A tile of one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// The table, as in [`super::TileTable`].
    pub table: String,
    /// The entity.
    pub entity: String,
    /// The number of the tile.
    pub tile: i64,
    /// The columns' values; none where no event brings one. Of the low and high ends of a first or
    /// last value both are the one that counts.
    pub values: Vec<(String, Option<i128>)>,
}

/// An event of an entity, in the order in which the kernel adds it.
struct Seen {
    time: i64,
    tie: i64,
    entity: String,
    bits: u64,
    values: Vec<i64>,
}

impl FeatureSet {
    /// What the events of the logs, each with its partition, add up to in each tile of a view; none
    /// if there is no such view, or it cannot be said in SQL.
    pub fn tiles(&self, view: &str, source: &FlinkSource, events: &[(u32, Event)]) -> Option<Vec<Tile>> {
        let member = self.views.iter().find(|member| member.name == view)?;
        let view = &member.view;
        let mut clock = Clock::default();
        let mut seen = Vec::new();
        for (partition, event) in events {
            match clock.tick(self, *partition, event, false) {
                Tick::Taken(place) if place == member.source && view.admits(event) => {}
                _ => continue,
            }
            let known = AsOf { set: self, state: None, time: event.time.0 };
            let tie = self.tie_of(member.source, event);
            view.each_sighting(event, known, |sighting| {
                seen.push(Seen {
                    time: event.time.0,
                    tie,
                    entity: sighting.entity.to_string(),
                    bits: sighting.bits,
                    values: sighting.values.to_vec(),
                });
            });
        }
        // Stable: what is equal stays in the order of the log.
        seen.sort_by_key(|one| (one.time, one.tie));
        let parts = view.parts()?;
        let sight = sightings::sight(&parts, source);
        let (tables, _) = view.tile_tables(&parts, &sight);
        Some(tables.0.values().flat_map(|table| view.tiles_of(table, &seen)).collect())
    }
}

impl FeatureView {
    fn tiles_of(&self, table: &Table, seen: &[Seen]) -> Vec<Tile> {
        let slots = &self.slots;
        let rules: Vec<Rule> = table
            .columns
            .iter()
            .map(|column| match slots[column.slot].rule {
                // Weights are given to the sums when tiles are merged.
                Rule::PerTile { .. } => Rule::Sum,
                rule => rule,
            })
            .collect();
        let mut found: BTreeMap<(&str, i64), Vec<Acc>> = BTreeMap::new();
        for one in seen {
            let tile = table.period.map_or(0, |period| period.index(Timestamp(one.time)));
            let accs = found
                .entry((one.entity.as_str(), tile))
                .or_insert_with(|| rules.iter().map(|rule| rule.empty()).collect());
            for ((column, rule), acc) in table.columns.iter().zip(&rules).zip(accs) {
                let slot = &slots[column.slot];
                if slot.passes(one.bits) {
                    let value = slot.value.map_or(0, |value| one.values[value]);
                    rule.add(acc, Sample { time: one.time, value });
                }
            }
        }
        let names = Names { source: self.source() };
        let name = names.plain(&format!("tiles_{}", table.length()));
        let tile = |((entity, tile), accs): ((&str, i64), Vec<Acc>)| Tile {
            table: name.clone(),
            entity: entity.to_string(),
            tile,
            values: table
                .columns
                .iter()
                .zip(&accs)
                .map(|(column, acc)| (column.told.name.clone(), number(column.part, acc)))
                .collect(),
        };
        found.into_iter().map(tile).collect()
    }
}

/// One number of an accumulator; none of a value where there was no event.
fn number(part: Part, acc: &Acc) -> Option<i128> {
    match (part, acc) {
        (Part::Count, Acc::Count(count) | Acc::Sum { count, .. } | Acc::Squares { count, .. }) => {
            Some(i128::from(*count))
        }
        (Part::Sum, Acc::Sum { count, sum } | Acc::Squares { count, sum, .. }) => (*count > 0).then(|| sum.get()),
        (Part::Squares, Acc::Squares { count, squares, .. }) => (*count > 0).then(|| squares.get()),
        (Part::Value, Acc::One(one)) => one.map(|(_, value)| i128::from(value)),
        (Part::Time, Acc::One(one)) => one.map(|(time, _)| i128::from(time)),
        (Part::Category(place), Acc::Top(counts)) => counts.get(place).map(|count| i128::from(*count)),
        _ => None,
    }
}
