//! Tiles that were added up elsewhere, read by the kernel: vectors from them, and a state that goes on
//! from them.
//!
//! A tile says nothing of a part of itself. So what is known at an instant comes from the tiles that
//! end by it, and that is all that happened before it where the instant is a border of the tiles that
//! sliding windows are made of, or lies at the end of the stream or after it. Other instants are
//! refused. A value that the tiles leave open is [`Unknown`], and never guessed.

use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::iter::Peekable;
use std::ops::RangeInclusive;

use enliven_types::{Digest, Period, Timestamp};
use smol_str::SmolStr;

use super::changelog::{Change, change, record};
use super::error::TileError;
use super::tiles::{Part, Tables, columns_of};
use super::{FlinkSource, LeftOut, Names, Tile, sightings};
use crate::accumulate::{Acc, MAX_SQUARED, ONE, Rule, Wide};
use crate::output::Output;
use crate::rows::{Rows, Span as RowSpan};
use crate::set::SourceRule;
use crate::slot::{Folded, Slot, Span};
use crate::view::Parts;
use crate::view_state::Entity;
use crate::{FeatureSet, FeatureState, FeatureView};

/// Takes in the tiles of a view, in any order of the keys.
#[derive(Clone, Debug)]
pub struct TileReader<'a> {
    name: String,
    view: &'a FeatureView,
    tables: Vec<TableRule>,
    /// For each slot the numbers of its own table; none if SQL cannot say it.
    own: Vec<Option<Place>>,
    /// The same of the table that it is read from.
    read: Vec<Option<Place>>,
    left_out: Vec<LeftOut>,
    entities: BTreeMap<String, ByTable>,
}

/// The tiles of an entity, for each table by number.
type ByTable = Vec<BTreeMap<i64, Entry>>;

/// What is known of a key so far.
#[derive(Clone, Debug)]
struct Entry {
    writer: u32,
    /// None: there is no such tile any more.
    values: Option<Box<[Option<i128>]>>,
}

/// A table, as it is read.
#[derive(Clone, Debug)]
struct TableRule {
    name: String,
    /// None is the lifetime.
    period: Option<Period>,
    columns: Vec<String>,
    parts: Vec<Part>,
    /// The slots that are checked with it, and those that are read from it.
    checked: Vec<usize>,
    read: Vec<usize>,
    /// Whether an instant within a tile leaves a value open: sliding windows end anywhere, while
    /// tumbling ones end with a tile.
    slides: bool,
}

/// The numbers of a slot in a table.
#[derive(Clone, Debug)]
struct Place {
    table: usize,
    numbers: Vec<(Part, usize)>,
}

/// Why the tiles do not say a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unknown {
    /// SQL cannot say the feature.
    LeftOut,
    /// There is only a total as of the end of the stream.
    Total,
    /// Several events of one instant are the first or last, with different values.
    Tied,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unknown::LeftOut => "SQL cannot say it",
            Unknown::Total => "there is only a total as of the end",
            Unknown::Tied => "several events of one instant are the first or last",
        })
    }
}

/// One number of a vector from tiles.
pub type Told = Result<i64, Unknown>;

/// The tiles of a view, all of them: what [`FeatureState`] would say, as far as they say it.
#[derive(Clone, Debug)]
pub struct TileHistory<'a> {
    tiles: TileReader<'a>,
    /// No event is at this instant or later; `i64::MAX` if nothing says so.
    end: i64,
    /// Columns of several tables, with their places: sums over all of an entity must be equal.
    shared: Vec<(String, Vec<(usize, usize)>)>,
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
        let read: Vec<Option<Place>> = own.iter().map(|place| Some(from_tiles(place.as_ref()?, &rules))).collect();
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

/// Whether a slot needs all events before an instant, and not those of closed periods alone.
fn slides(slot: &Slot) -> bool {
    matches!(slot.rule, Rule::PerTile { .. }) || matches!(slot.span, Span::Tiles { .. })
}

/// A total is read from the longest tiles of sliding windows that hold the same numbers: they say it at
/// every border, the total only at the end.
fn from_tiles(own: &Place, rules: &[TableRule]) -> Place {
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
            reason: "two writers have it, and nothing says which of them was the later one\nhint: keep the files of one run of the job, which ran with one parallelism",
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

impl TileHistory<'_> {
    /// The features that are not in the tiles.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.tiles.left_out
    }

    /// The instant before which all events are, if anything says so: at it and later every tile counts.
    pub fn end(&self) -> Option<Timestamp> {
        (self.end != i64::MAX).then_some(Timestamp(self.end))
    }

    /// How many tiles there are.
    pub fn len(&self) -> usize {
        self.tiles.entities.values().flatten().map(BTreeMap::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tiles.entities.is_empty()
    }

    /// The entities, sorted by name.
    pub fn entities(&self) -> impl Iterator<Item = &str> {
        self.tiles.entities.keys().map(String::as_str)
    }

    /// The digest of all tiles, whatever order they came in.
    pub fn digest(&self) -> Digest {
        let mut bytes = self.tiles.view.digest().0.to_vec();
        let mut put = |part: &[u8]| {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        };
        for (entity, tables) in &self.tiles.entities {
            for (rule, tiles) in self.tiles.tables.iter().zip(tables) {
                for (tile, entry) in tiles {
                    put(entity.as_bytes());
                    put(rule.name.as_bytes());
                    put(&tile.to_le_bytes());
                    for value in entry.values.iter().flatten() {
                        put(&value.map_or_else(Vec::new, |value| value.to_le_bytes().to_vec()));
                    }
                }
            }
        }
        Digest::sha256(&bytes)
    }

    /// Whether vectors can be read at `time`. Some of their numbers may still be [`Unknown`].
    pub fn check(&self, time: Timestamp) -> Result<(), TileError> {
        if time.0 >= self.end {
            return Ok(());
        }
        let tables = &self.tiles.tables;
        let within = |rule: &&TableRule| rule.period.is_some_and(|period| !is_border(period, time));
        let slides = || tables.iter().filter(|rule| rule.slides);
        // The longest tiles come last, and shorter ones fit into them.
        if let Some(rule) = slides().rfind(within) {
            let earlier = slides().filter_map(|rule| Some(border_before(rule.period?, time))).min().unwrap_or(time);
            return Err(TileError::Border { at: time, length: rule.length(), earlier });
        }
        if slides().next().is_some() {
            return Ok(());
        }
        // Some table must say which entities there were.
        let periods = || tables.iter().filter(|rule| rule.period.is_some());
        match periods().next() {
            Some(_) if periods().any(|rule| !within(&rule)) => Ok(()),
            Some(rule) => {
                let earlier =
                    periods().filter_map(|rule| Some(border_before(rule.period?, time))).max().unwrap_or(time);
                Err(TileError::Border { at: time, length: rule.length(), earlier })
            }
            None => Err(self.total(time)),
        }
    }

    fn total(&self, at: Timestamp) -> TileError {
        let features: Vec<String> = self
            .tiles
            .view
            .outputs
            .iter()
            .zip(&self.tiles.view.descriptions)
            .filter(|(output, _)| matches!(output, Output::Slot { slot, .. } if self.is_total(*slot)))
            .map(|(_, one)| format!("`{}`", one.name))
            .collect();
        TileError::Total { features: features.join(", "), at, end: self.end() }
    }

    /// Whether a slot is known only at the end.
    fn is_total(&self, slot: usize) -> bool {
        self.tiles.read[slot].as_ref().is_some_and(|place| self.tiles.tables[place.table].period.is_none())
    }

    /// The features of an entity at `time`, in the order of the view's schema: from the tiles that end by
    /// then, and at the end of the stream or later from all. An unknown entity has the features of no
    /// events.
    pub fn vector_at(&self, entity: &str, time: Timestamp) -> Result<Vec<Told>, TileError> {
        self.check(time)?;
        let mut cursor = Cursor::new(self, entity);
        cursor.advance(time)?;
        Ok(cursor.vector(time))
    }

    /// Every entity that has had an event at each of the instants, which ascend: (entity, instant,
    /// vector), in the order of (instant, name).
    pub fn backfill(&self, instants: &[Timestamp]) -> Result<Vec<(String, Timestamp, Vec<Told>)>, TileError> {
        instants.iter().try_for_each(|time| self.check(*time))?;
        let mut found = Vec::new();
        for entity in self.entities() {
            let mut cursor = Cursor::new(self, entity);
            for (place, time) in instants.iter().enumerate() {
                cursor.advance(*time)?;
                if cursor.seen() {
                    found.push((place, entity, cursor.vector(*time)));
                }
            }
        }
        // Stable: entities stay sorted by name.
        found.sort_by_key(|(place, _, _)| *place);
        let row = |(place, entity, vector): (usize, &str, _)| (entity.to_string(), instants[place], vector);
        Ok(found.into_iter().map(row).collect())
    }
}

impl TableRule {
    fn length(&self) -> String {
        self.period.map_or_else(|| "lifetime".into(), |period| period.to_string())
    }
}

/// The numbers of the tiles of the years 1 to 9999.
fn tiles_of(period: Period) -> RangeInclusive<i64> {
    let (first, last) = Timestamp::RANGE;
    let (before, after) = (1 - 1970, 9999 - 1970);
    match period {
        Period::Fixed(_) => period.index(first)..=period.index(last),
        Period::Month => before * 12..=after * 12 + 11,
        Period::Year => before..=after,
    }
}

/// The first instant after a tile.
fn end_of(period: Period, tile: i64) -> i64 {
    if tile < *tiles_of(period).end() { period.start(tile + 1).0 } else { Timestamp::RANGE.1.0.saturating_add(1) }
}

/// The latest border at `time` or before it.
fn border_before(period: Period, time: Timestamp) -> Timestamp {
    period.start(period.index(time))
}

fn is_border(period: Period, time: Timestamp) -> bool {
    border_before(period, time) == time
}

/// Which end of a first or last value is taken where there are several events of its instant.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Low,
    High,
}

/// What the passing events of a tile add up to; none if there are none. An error names the column.
fn sum_of(
    slot: &Slot,
    place: &Place,
    values: &[Option<i128>],
    tile: i64,
    start: i64,
    end: End,
) -> Result<Option<Acc>, (usize, String)> {
    let number = |at: usize| values.get(at).copied().flatten();
    let column = |at: usize| place.numbers.get(at).map_or(0, |(_, at)| *at);
    let of = |at: usize| number(column(at));
    let word = |at: usize| -> Result<Option<i64>, (usize, String)> {
        let Some(value) = of(at) else { return Ok(None) };
        let wrong = || (column(at), format!("{value} is beyond 64 bits"));
        i64::try_from(value).map(Some).map_err(|_| wrong())
    };
    let count = |at: usize, most: i64| -> Result<u64, (usize, String)> {
        let value = of(at).ok_or_else(|| (column(at), "a count is not null".to_string()))?;
        let wrong = || (column(at), format!("{value} is no count from 0 to {most}"));
        u64::try_from(value).ok().filter(|value| *value <= most as u64).ok_or_else(wrong)
    };
    // A sum of so many values of at most this size; null without values.
    let sum = |at: usize, count: u64, most: i128| -> Result<i128, (usize, String)> {
        let most = i128::from(count).saturating_mul(most);
        match of(at) {
            None if count == 0 => Ok(0),
            Some(_) if count == 0 => Err((column(at), "a sum without events: their count is 0".into())),
            None => Err((column(at), format!("no sum of {count} events"))),
            Some(value) if (-most..=most).contains(&value) => Ok(value),
            Some(value) => Err((column(at), format!("{value} is no sum of {count} events"))),
        }
    };
    let size = 1 << 63;
    Ok(match slot.rule {
        Rule::Count => match count(0, i64::MAX)? {
            0 => None,
            count => Some(Acc::Count(count)),
        },
        Rule::Sum | Rule::PerTile { .. } => {
            let count = count(0, i64::MAX)?;
            let sum = sum(1, count, size)?;
            match slot.rule {
                _ if count == 0 => None,
                Rule::Sum => Some(Acc::Sum { count, sum: Wide::new(sum) }),
                _ => {
                    let (above, below) = (sum.saturating_mul(ONE), i128::from(count).saturating_mul(ONE));
                    Some(Acc::Weighted { above: Wide::new(above), below: Wide::new(below), tile })
                }
            }
        }
        Rule::Squares => {
            let count = count(0, i64::MAX)?;
            let most = i128::from(MAX_SQUARED);
            let (total, squares) = (sum(1, count, most)?, sum(2, count, most * most)?);
            if squares < 0 {
                return Err((column(2), format!("{squares} is no sum of squares")));
            }
            (count > 0).then(|| Acc::Squares { count, sum: Wide::new(total), squares: Wide::new(squares) })
        }
        Rule::Min | Rule::Max => word(0)?.map(|value| Acc::One(Some((start, value)))),
        Rule::First | Rule::Last if slot.value.is_none() => {
            let (first, last) = Timestamp::RANGE;
            match word(0)? {
                Some(time) if !(first.0..=last.0).contains(&time) => {
                    return Err((column(0), format!("the time {time} is outside of the years 1 to 9999")));
                }
                time => time.map(|time| Acc::One(Some((time, 0)))),
            }
        }
        Rule::First | Rule::Last => match (word(0)?, word(1)?) {
            (Some(low), Some(high)) if low <= high => {
                Some(Acc::One(Some((start, if end == End::Low { low } else { high }))))
            }
            (None, None) => None,
            (Some(low), Some(high)) => {
                return Err((column(0), format!("the lowest value {low} is above the highest {high}")));
            }
            (low, _) => {
                return Err((column(usize::from(low.is_some())), "one end is null and the other is not".into()));
            }
        },
        Rule::Top { categories } => {
            let mut counts = vec![0; categories + 1].into_boxed_slice();
            for (at, (part, _)) in place.numbers.iter().enumerate() {
                if let Part::Category(category) = part
                    && let Some(slot) = counts.get_mut(*category)
                {
                    *slot = count(at, i64::from(u32::MAX))? as u32;
                }
            }
            counts.iter().any(|count| *count > 0).then_some(Acc::Top(counts))
        }
        Rule::Distinct | Rule::Quantiles | Rule::PerEvent { .. } | Rule::Streak => None,
    })
}

/// One entity's tiles, taken in the order of time.
struct Cursor<'h, 'a> {
    history: &'h TileHistory<'a>,
    entity: &'h str,
    /// What is left of each table.
    left: Vec<Peekable<btree_map::Iter<'h, i64, Entry>>>,
    /// What was taken, as the kernel has it: with the low ends of first and last values, and with the
    /// high ones if any differ.
    low: Vec<Folded>,
    high: Option<Vec<Folded>>,
    /// The sums of each table's columns.
    sums: Vec<Vec<i128>>,
    /// When the first tile of each table began.
    first: Vec<Option<i64>>,
}

impl<'h, 'a> Cursor<'h, 'a> {
    fn new(history: &'h TileHistory<'a>, entity: &'h str) -> Cursor<'h, 'a> {
        let tables = history.tiles.entities.get(entity);
        Cursor {
            history,
            entity,
            left: tables.into_iter().flatten().map(|tiles| tiles.iter().peekable()).collect(),
            low: history.tiles.view.slots.iter().map(Slot::empty).collect(),
            high: None,
            sums: history.tiles.tables.iter().map(|rule| vec![0; rule.columns.len()]).collect(),
            first: vec![None; history.tiles.tables.len()],
        }
    }

    /// Whether there was any event.
    fn seen(&self) -> bool {
        self.first.iter().any(Option::is_some)
    }

    /// Takes the tiles that end by `time`.
    fn advance(&mut self, time: Timestamp) -> Result<(), TileError> {
        let history = self.history;
        for table in 0..self.left.len() {
            let period = history.tiles.tables[table].period;
            let over = |tile: i64| time.0 >= history.end || period.is_some_and(|period| end_of(period, tile) <= time.0);
            while let Some((tile, entry)) = self.left[table].next_if(|(tile, _)| over(**tile)) {
                self.take(table, *tile, entry.values.as_deref().unwrap_or_default())?;
            }
        }
        self.agree(time)
    }

    fn take(&mut self, table: usize, tile: i64, values: &[Option<i128>]) -> Result<(), TileError> {
        let TileReader { tables, view, read, .. } = &self.history.tiles;
        let rule = &tables[table];
        let start = rule.period.map_or(Timestamp::RANGE.0, |period| period.start(tile)).0;
        self.first[table].get_or_insert(start);
        for (sum, value) in self.sums[table].iter_mut().zip(values) {
            *sum = sum.wrapping_add(value.unwrap_or(0));
        }
        for number in &rule.read {
            let (slot, Some(place)) = (&view.slots[*number], &read[*number]) else { continue };
            let sum = |end: End| {
                sum_of(slot, place, values, tile, start, end).map_err(|(at, reason)| TileError::Column {
                    table: rule.name.clone(),
                    entity: self.entity.to_string(),
                    tile,
                    column: rule.columns.get(at).cloned().unwrap_or_default(),
                    reason,
                })
            };
            let low = sum(End::Low)?;
            let high = match slot.rule {
                Rule::First | Rule::Last => sum(End::High)?,
                _ => low.clone(),
            };
            if low != high && self.high.is_none() {
                self.high = Some(self.low.clone());
            }
            if let Some(low) = &low {
                slot.append(&mut self.low[*number], tile, low);
            }
            if let (Some(all), Some(high)) = (&mut self.high, &high) {
                slot.append(&mut all[*number], tile, high);
            }
        }
        Ok(())
    }

    /// Compares the sums over tables that count the same events before `time`.
    fn agree(&self, time: Timestamp) -> Result<(), TileError> {
        let tables = &self.history.tiles.tables;
        let counts_all = |table: usize| {
            time.0 >= self.history.end || tables[table].period.is_some_and(|period| is_border(period, time))
        };
        for (column, places) in &self.history.shared {
            let mut sums = places
                .iter()
                .filter(|(table, _)| counts_all(*table))
                .map(|(table, column)| (*table, self.sums[*table][*column]));
            let Some((left, left_sum)) = sums.next() else { continue };
            if let Some((right, right_sum)) = sums.find(|(_, sum)| *sum != left_sum) {
                return Err(TileError::Disagree {
                    left: tables[left].name.clone(),
                    right: tables[right].name.clone(),
                    column: column.clone(),
                    entity: self.entity.to_string(),
                    at: time,
                    left_sum,
                    right_sum,
                });
            }
        }
        Ok(())
    }

    /// The numbers as of `time`, to which the tiles were taken.
    fn vector(&self, time: Timestamp) -> Vec<Told> {
        let view = self.history.tiles.view;
        let read = |folded: &[Folded]| {
            let mut vector = vec![0; view.outputs.len()];
            view.reading.read(&view.slots, folded, Rows::new(&[], view.layout()), time.0, &mut vector);
            vector
        };
        let low = read(&self.low);
        let high = self.high.as_deref().map(read);
        let told = |(place, (output, number)): (usize, (&Output, &i64))| {
            let Output::Slot { slot, .. } = output else { return Err(Unknown::LeftOut) };
            if self.history.tiles.read[*slot].is_none() {
                return Err(Unknown::LeftOut);
            }
            if self.seen() && time.0 < self.history.end && self.history.is_total(*slot) {
                return Err(Unknown::Total);
            }
            // The ends select the same tile: if they give the same, it was not tied.
            let tied = high.as_ref().is_some_and(|high| high[place] != *number);
            if tied { Err(Unknown::Tied) } else { Ok(*number) }
        };
        view.outputs.iter().zip(&low).enumerate().map(told).collect()
    }

    /// The slot whose first or last value may still be read at `time` or later, and is not known.
    fn tied(&self, time: i64) -> Option<usize> {
        let high = self.high.as_deref()?;
        let slots = &self.history.tiles.view.slots;
        slots.iter().zip(self.low.iter().zip(high)).position(|(slot, (low, high))| match (low, high, slot.span) {
            (Folded::Tiles(low), Folded::Tiles(high), Span::Tiles { tile_ms, keep_ms }) => {
                let from = match slot.rule {
                    // Of the last values the latest alone is read.
                    Rule::Last => low.len().saturating_sub(1),
                    _ => low.partition_point(|(tile, _)| *tile < time.saturating_sub(keep_ms).div_euclid(tile_ms)),
                };
                low.get(from..) != high.get(from..)
            }
            (Folded::Tumbling(low), Folded::Tumbling(high), Span::Tumbling(period)) => {
                let closed = period.index(Timestamp(time)) - 1;
                low.iter().zip(high).any(|(low, high)| low != high && low.as_ref().is_some_and(|one| one.0 >= closed))
            }
            (low, high, _) => low != high,
        })
    }
}

impl FeatureState {
    /// A state whose history before `border` is in tiles, and that goes on with the events from there:
    /// every later vector is the one of all events.
    ///
    /// Each view of the set needs its tiles, and `border` must be a border of all tables, those of
    /// tumbling periods too, or the end of the stream or later. All features must be among the tiles
    /// and known there. Events from before the border are late from now on; so are those that the log's
    /// own order makes late, if all events of the log after the border are added in its order.
    ///
    /// [`FeatureState::latest`] and the times of first events of [`FeatureState::entities_before`] are as
    /// near as the tiles tell: the border and the allowed lateness, and the start of a tile.
    pub fn from_tiles(
        set: &FeatureSet,
        histories: &[TileHistory<'_>],
        border: Timestamp,
    ) -> Result<FeatureState, TileError> {
        let mut state = FeatureState { watermark: border.0, ..FeatureState::default() };
        state.fit(set);
        for (place, member) in set.views.iter().enumerate() {
            let own = |history: &&TileHistory<'_>| history.tiles.name == member.name;
            let view = |reason| TileError::View { view: member.name.clone(), reason };
            let history = histories.iter().find(own).ok_or_else(|| view("has no tiles"))?;
            if history.tiles.view.digest() != member.view.digest() {
                return Err(view("is defined otherwise than the one of the tiles"));
            }
            history.check_all(border)?;
            for entity in history.entities() {
                let mut cursor = Cursor::new(history, entity);
                cursor.advance(border)?;
                if !cursor.seen() {
                    continue;
                }
                if let Some(slot) = cursor.tied(border.0) {
                    return Err(TileError::Tied { entity: entity.to_string(), feature: history.reads(slot) });
                }
                let first = cursor.first.iter().flatten().max().copied().unwrap_or(Timestamp::RANGE.0.0);
                let entity_state = Entity { first_folded: first, folded: cursor.low.into(), rows: RowSpan::default() };
                state.members[place].state.entities.insert(SmolStr::new(entity), entity_state);
            }
        }
        // As if each partition had an event as late as one from before the border is.
        let latest = |source: &SourceRule| vec![Some(border.0.saturating_add(source.lateness_ms)); source.partitions];
        state.clock.latest = set.sources.iter().map(latest).collect();
        state.seal(set);
        Ok(state)
    }
}

impl TileHistory<'_> {
    /// Whether everything before `border` is known, and nothing else is mixed in.
    fn check_all(&self, border: Timestamp) -> Result<(), TileError> {
        if !self.tiles.left_out.is_empty() {
            let told: Vec<String> =
                self.tiles.left_out.iter().map(|one| format!("`{}` ({})", one.feature, one.reason)).collect();
            return Err(TileError::LeftOut { features: told.join(", ") });
        }
        if border.0 >= self.end {
            return Ok(());
        }
        let periods = || self.tiles.tables.iter().filter_map(|rule| Some((rule, rule.period?)));
        if let Some((rule, _)) = periods().filter(|(_, period)| !is_border(*period, border)).last() {
            let mut earlier = border;
            // A border of one table may be none of another: go back until it is one of all.
            while let Some((_, period)) = periods().find(|(_, period)| !is_border(*period, earlier)) {
                earlier = border_before(period, earlier);
            }
            return Err(TileError::Border { at: border, length: rule.length(), earlier });
        }
        if (0..self.tiles.read.len()).any(|slot| self.is_total(slot)) {
            return Err(self.total(border));
        }
        Ok(())
    }

    /// The name of a feature that is read from a slot.
    fn reads(&self, slot: usize) -> String {
        let view = self.tiles.view;
        let reads = |(output, _): &(&Output, _)| matches!(output, Output::Slot { slot: other, .. } if *other == slot);
        let found = view.outputs.iter().zip(&view.descriptions).find(reads);
        found.map_or_else(String::new, |(_, one)| one.name.clone())
    }
}
