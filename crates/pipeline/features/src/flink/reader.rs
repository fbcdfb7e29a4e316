//! Taking in tiles that were added up elsewhere.

use std::collections::BTreeMap;

use enliven_types::{Period, Timestamp};

use super::changelog::{Change, change, record};
use super::error::TileError;
use super::history::TileHistory;
use super::merge::{End, Place, end_of, sum_of, tiles_of};
use super::tiles::{Part, Tables, columns_of, slides};
use super::{FlinkSource, LeftOut, Names, Tile, sightings};
use crate::view::Parts;
use crate::{FeatureSet, FeatureView};

/// Takes in the tiles of a view, in any order of the keys.
#[derive(Clone, Debug)]
pub struct TileReader<'a> {
    pub(super) name: String,
    pub(super) view: &'a FeatureView,
    pub(super) tables: Vec<TableRule>,
    /// For each slot the numbers of its own table; none if SQL cannot say it.
    pub(super) own: Vec<Option<Place>>,
    /// The same of the table that it is read from.
    pub(super) read: Vec<Option<Place>>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) entities: BTreeMap<String, ByTable>,
}

/// The tiles of an entity, for each table by number.
pub(super) type ByTable = Vec<BTreeMap<i64, Entry>>;

/// What is known of a key so far.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) writer: u32,
    /// None: there is no such tile any more.
    pub(super) values: Option<Box<[Option<i128>]>>,
}

/// A table, as it is read.
#[derive(Clone, Debug)]
pub(super) struct TableRule {
    pub(super) name: String,
    /// None is the lifetime.
    pub(super) period: Option<Period>,
    pub(super) columns: Vec<String>,
    pub(super) parts: Vec<Part>,
    /// The slots that are checked with it, and those that are read from it.
    pub(super) checked: Vec<usize>,
    pub(super) read: Vec<usize>,
    /// Whether an instant within a tile leaves a value open: sliding windows end anywhere, while
    /// tumbling ones end with a tile.
    pub(super) slides: bool,
}

impl FeatureSet {
    /// What takes in the tiles of a view; none if there is no such view, or it cannot be said in SQL.
    /// Of the source only the kinds of its columns count.
    pub fn tile_reader(&self, view: &str, source: &FlinkSource) -> Option<TileReader<'_>> {
        let member = self.views.iter().find(|member| member.name == view)?;
        let view = &member.view;
        let parts = view.parts()?;
        let sight = sightings::sight(&parts, source);
        let (tables, left_out) = view.tile_tables(&parts, &sight);
        let names = Names { source: view.source() };
        let mut rules: Vec<TableRule> = tables
            .0
            .values()
            .map(|table| TableRule {
                name: names.plain(&format!("tiles_{}", table.length())),
                period: table.period,
                columns: table.columns.iter().map(|column| column.told.name.clone()).collect(),
                parts: table.columns.iter().map(|column| column.part).collect(),
                checked: Vec::new(),
                read: Vec::new(),
                slides: false,
            })
            .collect();
        let own = own_places(&tables, &parts, &sight, &rules);
        for (number, (place, slot)) in own.iter().zip(&view.slots).enumerate() {
            let Some(place) = place else { continue };
            rules[place.table].checked.push(number);
            rules[place.table].slides |= slides(slot);
        }
        let read: Vec<Option<Place>> = own.iter().map(|place| Some(read_place(place.as_ref()?, &rules))).collect();
        for (number, place) in read.iter().enumerate() {
            if let Some(place) = place {
                rules[place.table].read.push(number);
            }
        }
        Some(TileReader {
            name: member.name.clone(),
            view,
            tables: rules,
            own,
            read,
            left_out,
            entities: BTreeMap::new(),
        })
    }
}

/// Where each slot's numbers are in its own table.
fn own_places(tables: &Tables, parts: &Parts<'_>, sight: &sightings::Sight, rules: &[TableRule]) -> Vec<Option<Place>> {
    let place = |number: usize| {
        let period = Tables::period_of(&parts.slots[number]).ok()?;
        let table = tables.0.values().position(|table| table.period == period)?;
        let columns = columns_of(number, parts, sight);
        let numbers = columns.iter().map(|column| {
            let at = rules[table].columns.iter().position(|name| *name == column.told.name)?;
            Some((column.part, at))
        });
        Some(Place { table, numbers: numbers.collect::<Option<_>>()? })
    };
    (0..parts.slots.len()).map(place).collect()
}

/// A total is read from the longest tiles of sliding windows that hold the same numbers: they say it at
/// every border, the total only at the end.
fn read_place(own: &Place, rules: &[TableRule]) -> Place {
    if rules[own.table].period.is_some() {
        return own.clone();
    }
    let names = |(part, at): &(Part, usize)| (*part, &rules[own.table].columns[*at]);
    for (table, rule) in rules.iter().enumerate().rev().filter(|(_, rule)| rule.slides) {
        let numbers: Option<Vec<(Part, usize)>> = own
            .numbers
            .iter()
            .map(names)
            .map(|(part, name)| Some((part, rule.columns.iter().position(|other| other == name)?)))
            .collect();
        if let Some(numbers) = numbers {
            return Place { table, numbers };
        }
    }
    own.clone()
}

impl<'a> TileReader<'a> {
    /// The names of the tables.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().map(|table| table.name.as_str())
    }

    /// The features that are not in the tiles.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Takes a line of a file in Debezium JSON. All lines of a key must be of one writer, in the order
    /// in which it wrote them; the last one counts.
    pub fn add_change(&mut self, table: &str, writer: u32, line: &[u8]) -> Result<(), TileError> {
        self.add_line(table, writer, change(line))
    }

    /// Takes a record of a topic, as `kafka-console-consumer` prints it with its key: the key, a
    /// tabulator, and the value.
    pub fn add_record(&mut self, table: &str, line: &[u8]) -> Result<(), TileError> {
        self.add_line(table, 0, record(line))
    }

    fn add_line(&mut self, table: &str, writer: u32, change: Result<Change, String>) -> Result<(), TileError> {
        match change {
            Ok(Change::Set(row)) => self
                .set(writer, Tile { table: table.to_string(), entity: row.entity, tile: row.tile, values: row.values }),
            Ok(Change::Gone(entity, tile)) => self.remove(writer, table, &entity, tile),
            Err(reason) => Err(TileError::Line { table: table.to_string(), reason }),
        }
    }

    /// Takes a tile, in place of the one with its key.
    pub fn set(&mut self, writer: u32, tile: Tile) -> Result<(), TileError> {
        let (place, number) = self.place(&tile.table, &tile.entity, tile.tile)?;
        let rule = &self.tables[place];
        let wrong = |column: &str, reason: String| TileError::Column {
            table: tile.table.clone(),
            entity: tile.entity.clone(),
            tile: tile.tile,
            column: column.to_string(),
            reason,
        };
        let mut values: Box<[Option<Option<i128>>]> = vec![None; rule.columns.len()].into();
        for (name, value) in &tile.values {
            match rule.columns.iter().position(|column| column == name) {
                Some(at) if values[at].is_none() => values[at] = Some(*value),
                Some(_) => return Err(wrong(name, "it is there twice".into())),
                None => return Err(wrong(name, format!("unknown (available: {})", rule.columns.join(", ")))),
            }
        }
        if let Some(missing) = values.iter().position(Option::is_none) {
            return Err(wrong(&rule.columns[missing], "it is missing".into()));
        }
        let values: Box<[Option<i128>]> = values.into_iter().flatten().collect();
        for slot in &rule.checked {
            if let Some(place) = &self.own[*slot] {
                sum_of(&self.view.slots[*slot], place, &values, number, 0, End::Low)
                    .map_err(|(at, reason)| wrong(&rule.columns[at], reason))?;
            }
        }
        self.put(place, writer, tile.entity, number, Some(values))
    }

    /// Takes a tile away.
    pub fn remove(&mut self, writer: u32, table: &str, entity: &str, tile: i64) -> Result<(), TileError> {
        let (place, number) = self.place(table, entity, tile)?;
        self.put(place, writer, entity.to_string(), number, None)
    }

    /// The table's place, if it can have the tile.
    fn place(&self, table: &str, entity: &str, tile: i64) -> Result<(usize, i64), TileError> {
        let place = self.tables.iter().position(|rule| rule.name == table);
        let place = place.ok_or_else(|| TileError::Table {
            table: table.to_string(),
            available: self.tables().collect::<Vec<_>>().join(", "),
        })?;
        let range = self.tables[place].period.map_or(0..=0, tiles_of);
        if range.contains(&tile) {
            return Ok((place, tile));
        }
        let reason = match self.tables[place].period {
            Some(_) => "it is outside of the years 1 to 9999",
            None => "a total has the number 0",
        };
        Err(TileError::Tile { table: table.to_string(), entity: entity.to_string(), tile, reason })
    }

    fn put(
        &mut self,
        table: usize,
        writer: u32,
        entity: String,
        tile: i64,
        values: Option<Box<[Option<i128>]>>,
    ) -> Result<(), TileError> {
        let tables = self.tables.len();
        let name = &self.tables[table].name;
        let wrong = |entity: String| TileError::Tile {
            table: name.clone(),
            entity,
            tile,
            reason: "two writers have it, and nothing says which of them was the later one\nhint: keep the files of one run of the job, whose parallelism did not change",
        };
        let all = match self.entities.get_mut(&entity) {
            Some(all) => all,
            None => self.entities.entry(entity.clone()).or_insert_with(|| vec![BTreeMap::new(); tables]),
        };
        match all[table].get_mut(&tile) {
            Some(entry) if entry.writer != writer => Err(wrong(entity)),
            Some(entry) => {
                entry.values = values;
                Ok(())
            }
            None => {
                all[table].insert(tile, Entry { writer, values });
                Ok(())
            }
        }
    }

    /// Ends the intake. `until`: all events that the tiles count are known to be before this instant;
    /// without it the end of the last tile is taken for the end of the stream, so that it is needed
    /// only where there are no tiles but totals.
    pub fn finish(mut self, until: Option<Timestamp>) -> Result<TileHistory<'a>, TileError> {
        for tables in self.entities.values_mut() {
            tables.iter_mut().for_each(|tiles| tiles.retain(|_, entry| entry.values.is_some()));
        }
        self.entities.retain(|_, tables| tables.iter().any(|tiles| !tiles.is_empty()));
        let mut end = until.map_or(i64::MAX, |until| until.0);
        // The last tile of each table.
        let mut last: Vec<Option<(i64, &str)>> = vec![None; self.tables.len()];
        for (entity, tables) in &self.entities {
            for (last, tiles) in last.iter_mut().zip(tables) {
                if let Some((tile, _)) = tiles.last_key_value()
                    && last.is_none_or(|(other, _)| other < *tile)
                {
                    *last = Some((*tile, entity));
                }
            }
        }
        let lasts = || {
            let with_period = |(rule, last): (&'_ TableRule, &Option<(i64, &str)>)| Some((rule.period?, (*last)?.0));
            self.tables.iter().zip(&last).filter_map(with_period)
        };
        end = lasts().map(|(period, tile)| end_of(period, tile)).min().map_or(end, |last| last.min(end));
        for (rule, last) in self.tables.iter().zip(&last) {
            if let (Some(period), Some((tile, entity))) = (rule.period, *last)
                && period.start(tile).0 >= end
            {
                let reason = match until {
                    Some(until) if until.0 == end => "it begins at the end that was given for the stream, or later",
                    _ => {
                        "it begins after the last tile of another table\nhint: the job is still running, or a file is missing"
                    }
                };
                let (table, entity) = (rule.name.clone(), entity.to_string());
                return Err(TileError::Tile { table, entity, tile, reason });
            }
        }
        let mut names: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
        for (table, rule) in self.tables.iter().enumerate() {
            for (column, (name, part)) in rule.columns.iter().zip(&rule.parts).enumerate() {
                if matches!(part, Part::Count | Part::Sum | Part::Squares | Part::Category(_)) {
                    names.entry(name).or_default().push((table, column));
                }
            }
        }
        let shared = names.into_iter().filter(|(_, places)| places.len() > 1);
        let shared = shared.map(|(name, places)| (name.to_string(), places)).collect();
        Ok(TileHistory { tiles: self, end, shared })
    }
}

impl TableRule {
    pub(super) fn length(&self) -> String {
        self.period.map_or_else(|| "lifetime".into(), |period| period.to_string())
    }
}
