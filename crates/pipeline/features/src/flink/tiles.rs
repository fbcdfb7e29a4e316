//! The tables of tiles, and the statement that fills them.

use std::collections::BTreeMap;
use std::fmt::Write;

use enliven_types::Period;

use super::events::{MAX_INT, MIN_TIME, TIME};
use super::sightings::Sight;
use super::{FlinkOutput, FlinkSource, Names, TileColumn, TileTable, options, quoted};
use crate::accumulate::Rule;
use crate::expr::period_sql;
use crate::sighting::ValueRule;
use crate::slot::{Slot, Span};
use crate::view::Parts;

/// An order of (time, value) in one number of 36 digits: a time since the year 1 in units of 10^20,
/// and a value since the least of 64 bits.
const UNIT: &str = "CAST('100000000000000000000' AS DECIMAL(21, 0))";
const ABOVE: &str = "CAST('9223372036854775808' AS DECIMAL(19, 0))";
const BELOW: &str = "CAST('9223372036854775807' AS DECIMAL(19, 0))";

const BIGINT: &str = "BIGINT";
const DECIMAL: &str = "DECIMAL(38, 0)";

/// The tables in the order of tile length, with the lifetime last.
#[derive(Default)]
pub(super) struct Tables(pub(super) BTreeMap<i64, Table>);

/// A number of an accumulator.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Count,
    Sum,
    Squares,
    Value,
    Time,
    Category(usize),
}

pub(super) struct Table {
    /// None is the lifetime.
    pub(super) period: Option<Period>,
    pub(super) columns: Vec<Column>,
    features: Vec<String>,
}

pub(super) struct Column {
    pub(super) told: TileColumn,
    /// A slot that holds the number here, and which of its numbers it is.
    pub(super) slot: usize,
    pub(super) part: Part,
    /// The aggregate over the sightings of the tile.
    inner: String,
    /// The number from the aggregate.
    outer: String,
}

impl Tables {
    /// Adds what a feature reads; says why not, where SQL cannot say it.
    pub(super) fn add(
        &mut self,
        feature: &str,
        number: usize,
        parts: &Parts<'_>,
        sight: &Sight,
    ) -> Result<(), &'static str> {
        let period = Tables::period_of(&parts.slots[number])?;
        let order = match period {
            Some(Period::Fixed(length)) => length,
            Some(Period::Month) => i64::MAX - 2,
            Some(Period::Year) => i64::MAX - 1,
            None => i64::MAX,
        };
        let new = || Table { period, columns: Vec::new(), features: Vec::new() };
        let table = self.0.entry(order).or_insert_with(new);
        if !table.features.iter().any(|other| other == feature) {
            table.features.push(feature.to_string());
        }
        table.add(number, parts, sight);
        Ok(())
    }

    /// Adds what is otherwise known as a total alone to the longest tiles of sliding windows: they say it
    /// at each of their borders, a total only at the end.
    pub(super) fn add_totals(&mut self, parts: &Parts<'_>, sight: &Sight) {
        let sliding: Vec<Option<Period>> =
            parts.slots.iter().filter(|slot| slides(slot)).filter_map(|slot| Tables::period_of(slot).ok()).collect();
        for (number, slot) in parts.slots.iter().enumerate() {
            if Tables::period_of(slot) != Ok(None) {
                continue;
            }
            let columns = columns_of(number, parts, sight);
            let mut tables: Vec<&mut Table> =
                self.0.values_mut().filter(|table| sliding.contains(&table.period)).collect();
            let there = tables.iter().any(|table| columns.iter().all(|column| table.has(column)));
            if let Some(longest) = tables.last_mut().filter(|_| !there) {
                longest.add(number, parts, sight);
            }
        }
    }

    /// The period of a slot's tiles, none for a total; says why not, where SQL cannot say it.
    pub(super) fn period_of(slot: &Slot) -> Result<Option<Period>, &'static str> {
        Ok(match (slot.rule, slot.span) {
            (_, Span::Session(_)) => return Err("a session can span any number of tiles"),
            (Rule::Distinct, _) => return Err("the sketch of different values has bytes of its own"),
            (Rule::Quantiles, _) => return Err("the sketch of quantiles has bytes of its own"),
            (Rule::Streak, _) => return Err("a streak depends on the order of events"),
            (Rule::PerEvent { .. }, _) => return Err("weights by the number of later events depend on their order"),
            (Rule::PerTile { tile_ms, .. }, _) | (_, Span::Tiles { tile_ms, .. }) => Some(Period::Fixed(tile_ms)),
            (_, Span::Tumbling(period)) => Some(period),
            (_, Span::Lifetime) => None,
        })
    }

    /// What the tables hold.
    pub(super) fn describe(&self, names: &Names<'_>) -> Vec<TileTable> {
        let describe = |table: &Table| TileTable {
            name: names.plain(&format!("tiles_{}", table.length())),
            tile: table.length(),
            columns: table.columns.iter().map(|column| column.told.clone()).collect(),
            features: table.features.clone(),
        };
        self.0.values().map(describe).collect()
    }

    /// The tables and the statement set.
    pub(super) fn statements(&self, source: &FlinkSource, names: &Names<'_>) -> String {
        let mut sql = String::new();
        for table in self.0.values() {
            table.create(&mut sql, source, names);
        }
        if self.0.is_empty() {
            return sql;
        }
        sql.push_str("\nEXECUTE STATEMENT SET\nBEGIN\n");
        for table in self.0.values() {
            table.insert(&mut sql, names);
        }
        sql.push_str("END;\n");
        sql
    }
}

impl Table {
    pub(super) fn length(&self) -> String {
        self.period.map_or_else(|| "lifetime".into(), |period| period.to_string())
    }

    fn add(&mut self, number: usize, parts: &Parts<'_>, sight: &Sight) {
        for column in columns_of(number, parts, sight) {
            if !self.has(&column) {
                self.columns.push(column);
            }
        }
    }

    fn has(&self, column: &Column) -> bool {
        self.columns.iter().any(|other| other.told.name == column.told.name)
    }

    fn create(&self, sql: &mut String, source: &FlinkSource, names: &Names<'_>) {
        let name = format!("tiles_{}", self.length());
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("    {} {}, -- {}\n", quoted(&column.told.name), column.told.kind, column.told.holds))
            .map(|line| line.replace(['\r', '\n'], " ").trim_end().to_string() + "\n")
            .collect();
        let with = match &source.output {
            FlinkOutput::Files { folder } => options(&[
                ("connector", "filesystem"),
                ("path", &format!("{}/{}", folder.trim_end_matches('/'), names.plain(&name))),
                ("format", "debezium-json"),
                ("debezium-json.encode.decimal-as-plain-number", "true"),
            ]),
            FlinkOutput::Kafka { brokers } => options(&[
                ("connector", "upsert-kafka"),
                ("topic", &names.plain(&name)),
                ("properties.bootstrap.servers", brokers),
                ("key.format", "json"),
                ("value.format", "json"),
                ("value.json.encode.decimal-as-plain-number", "true"),
            ]),
        };
        let _ = writeln!(
            sql,
            "\n-- Read by {}.\nCREATE TEMPORARY TABLE {} (\n    `entity` STRING,\n    `tile` BIGINT, -- {}\n{}    \
             PRIMARY KEY (`entity`, `tile`) NOT ENFORCED\n) {with};",
            self.features.join(", "),
            names.quoted(&name),
            match self.period {
                Some(Period::Fixed(length)) => format!("its start is tile * {length} ms since 1970"),
                Some(Period::Month) => "months since January 1970".to_string(),
                Some(Period::Year) => "years since 1970".to_string(),
                None => "always 0".to_string(),
            },
            columns.concat(),
        );
    }

    fn insert(&self, sql: &mut String, names: &Names<'_>) {
        let tile = self.period.map_or_else(|| "CAST(0 AS BIGINT)".to_string(), |period| period_sql(TIME, period));
        let outer: Vec<String> = self.columns.iter().map(|column| format!(", {}", column.outer)).collect();
        let inner: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!(",\n        {} AS {}", column.inner, quoted(&column.told.name)))
            .collect();
        let _ = writeln!(
            sql,
            "INSERT INTO {}\nSELECT `$entity`, `$tile`{}\nFROM (\n    SELECT\n        `$entity`, `$tile`{}\n    FROM (SELECT *, \
             {tile} AS `$tile` FROM {})\n    GROUP BY `$entity`, `$tile`\n);",
            names.quoted(&format!("tiles_{}", self.length())),
            outer.concat(),
            inner.concat(),
            names.quoted("sightings"),
        );
    }
}

/// Whether a slot needs all events before an instant, and not those of closed periods alone.
pub(super) fn slides(slot: &Slot) -> bool {
    matches!(slot.rule, Rule::PerTile { .. }) || matches!(slot.span, Span::Tiles { .. })
}

/// The columns that a slot needs of a tile.
pub(super) fn columns_of(number: usize, parts: &Parts<'_>, sight: &Sight) -> Vec<Column> {
    let slot = &parts.slots[number];
    let value = format!("`$v{}`", slot.value.unwrap_or(0));
    let v = slot.value.map_or_else(String::new, |value| format!("_v{value}"));
    let (w, passing, also) = match slot.filter {
        Some(bit) => (format!("_w{bit}"), format!(" FILTER (WHERE `$w{bit}`)"), format!(" AND `$w{bit}`")),
        None => Default::default(),
    };
    let of_events = slot.filter.map_or("the events".into(), |bit| format!("the events with $w{bit}"));
    let whose = match slot.value {
        Some(value) => format!("$v{value} of {of_events}"),
        None => of_events.clone(),
    };
    let column = |part: Part, name: String, aggregate: String, holds: String| {
        let kind = if matches!(part, Part::Sum | Part::Squares) { DECIMAL } else { BIGINT };
        let outer = quoted(&name);
        let inner = format!("{aggregate}{passing}");
        Column { told: TileColumn { name, kind, holds }, slot: number, part, inner, outer }
    };
    let count = || column(Part::Count, format!("count{w}"), "COUNT(*)".into(), format!("how many: {of_events}"));
    match slot.rule {
        Rule::Count => vec![count()],
        Rule::Sum | Rule::PerTile { .. } => {
            let sum = format!("SUM({})", wide(&value));
            vec![count(), column(Part::Sum, format!("sum{v}{w}"), sum, format!("the sum of {whose}"))]
        }
        Rule::Squares => {
            let large = slot.value.is_some_and(|value| sight.is_large(value));
            let (value, name, note) = match large {
                true => (format!("GREATEST(LEAST({value}, {MAX_INT}), -{MAX_INT})"), "cut_sum", " (cut to 53 bits)"),
                false => (value, "sum", ""),
            };
            let (sum, squares) = (format!("SUM({})", wide(&value)), format!("SUM({0} * {0})", wide(&value)));
            let holds = format!("the sum of squares of {whose}{note}");
            vec![
                count(),
                column(Part::Sum, format!("{name}{v}{w}"), sum, format!("the sum of {whose}{note}")),
                column(Part::Squares, format!("squares{v}{w}"), squares, holds),
            ]
        }
        Rule::Min => {
            vec![column(Part::Value, format!("min{v}{w}"), format!("MIN({value})"), format!("the smallest {whose}"))]
        }
        Rule::Max => {
            vec![column(Part::Value, format!("max{v}{w}"), format!("MAX({value})"), format!("the largest {whose}"))]
        }
        Rule::First | Rule::Last => {
            let (name, function) = if slot.rule == Rule::First { ("first", "MIN") } else { ("last", "MAX") };
            if slot.value.is_none() {
                let aggregate = format!("{function}({TIME})");
                return vec![column(
                    Part::Time,
                    format!("{name}_time{w}"),
                    aggregate,
                    format!("the {name} time of {whose}"),
                )];
            }
            let holds = |end: &str| format!("the {name} {whose}; of several at one instant the {end}est");
            let (up, down) = in_order(&value);
            let (low, high) = if slot.rule == Rule::First { (up, down) } else { (down, up) };
            let mut columns = Vec::new();
            for (end, Ordered { number, back }) in [("low", low), ("high", high)] {
                let name = format!("{name}{v}{w}_{end}");
                let outer = back(&quoted(&name));
                columns
                    .push(Column { outer, ..column(Part::Value, name, format!("{function}({number})"), holds(end)) });
            }
            columns
        }
        Rule::Top { categories } => {
            let names = match slot.value.map(|value| &parts.values[value]) {
                Some(ValueRule::Category(_, names)) => names.as_slice(),
                _ => &[],
            };
            let category = |place: usize| {
                let what = names.get(place).map_or("none of them".into(), |name| format!("`{name}`"));
                let inner = format!("COUNT(*) FILTER (WHERE {value} = {place}{also})");
                let holds = format!("how many are {what}: {whose}");
                let name = format!("count{v}_is_{place}{w}");
                Column { inner, ..column(Part::Category(place), name, String::new(), holds) }
            };
            (0..=categories).map(category).collect()
        }
        Rule::Distinct | Rule::Quantiles | Rule::PerEvent { .. } | Rule::Streak => Vec::new(),
    }
}

/// A number that has the order of (time, value), and how the value comes back from it.
struct Ordered {
    number: String,
    back: fn(&str) -> String,
}

/// With the values of one instant in rising and in falling order: which of them is the first or last
/// says the FNV-1a hash of the id, which SQL cannot compute, so that both ends are kept.
fn in_order(value: &str) -> (Ordered, Ordered) {
    let instant = format!("CAST({TIME} + {MIN_TIME} AS DECIMAL(15, 0)) * {UNIT}");
    let value = wide(value);
    let up = Ordered {
        number: format!("{instant} + ({value} + {ABOVE})"),
        back: |number| format!("CAST({number} % {UNIT} - {ABOVE} AS BIGINT)"),
    };
    let down = Ordered {
        number: format!("{instant} + ({BELOW} - {value})"),
        back: |number| format!("CAST({BELOW} - {number} % {UNIT} AS BIGINT)"),
    };
    (up, down)
}

/// Sums and products of such numbers are exact.
fn wide(value: &str) -> String {
    format!("CAST({value} AS DECIMAL(19, 0))")
}
