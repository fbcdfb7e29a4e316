//! Expressions over the fields of an event, in CEL (the Common Expression Language): parsed by the
//! `cel` crate, type-checked here when the manifest is read, and compiled to a short list of
//! instructions.
//!
//! `goals_for > goals_against ? 3 : 1`, `tournament == "Friendly" && !neutral`,
//! `amount * 2 >= 10.5`, `country in ["AR", "BR"]`, `size(name) > 3`, `kickoff.getHours() >= 18`.
//!
//! The part of CEL that has one exact value everywhere:
//! * Numbers are integers in units of a power of ten, with at most nine decimal places. Decimals
//!   are read from their digits, never through a float. `+`, `-`, comparisons and choices bring
//!   the coarser side to the finer scale; `*` adds the scales; `/` and `%` take whole numbers and
//!   divide by a constant, truncating as CEL does.
//! * Arithmetic, and bringing a number to a finer scale, saturate at the ends of 64 bits (where CEL
//!   has an error), so that an expression has a value for every event.
//! * Times are in UTC, and parts of them are counted as in CEL: `getMonth()` and `getDayOfMonth()`
//!   from 0, `getDate()` from 1, `getDayOfWeek()` from 0 for Sunday.
//! * Everything else (floats, maps, loops, patterns, clocks, time zones) is refused by name.

mod check;
mod code;
mod compile;
mod node;
#[cfg(test)]
mod properties;
mod scan;
mod sql;
#[cfg(test)]
mod tests;
mod token;
#[cfg(test)]
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use code::Code;
use enliven_types::ColumnType;
use enliven_types::Period;
use node::Node;
use sql::Printer;
pub(crate) use sql::text as sql_text;
pub use sql::{Dialect, SqlField};

/// The most decimal places of a number.
pub(crate) const MAX_SCALE: u8 = 9;

/// The kind of a field or of an expression's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number in units of 10^-scale.
    Number(u8),
    /// True or false.
    Bool,
    /// Text.
    Text,
    /// Milliseconds since 1970, UTC.
    Time,
}

impl From<ColumnType> for Kind {
    fn from(column: ColumnType) -> Kind {
        match column {
            ColumnType::Text => Kind::Text,
            ColumnType::Boolean => Kind::Bool,
            ColumnType::Integer | ColumnType::Decimal(_) => Kind::Number(column.scale()),
        }
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Number(_) => "a number",
            Kind::Bool => "true or false",
            Kind::Text => "text",
            Kind::Time => "a time",
        }
    }
}

/// One datum of a row, borrowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Datum<'a> {
    /// A number in units of its field's scale, a truth value (0 or 1), or a time (milliseconds).
    Number(i64),
    /// A text.
    Text(&'a str),
}

/// The fields that an expression may read: name -> slot in the row and kind.
pub type Fields = BTreeMap<String, (usize, Kind)>;

/// A checked expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    node: Node,
    kind: Kind,
    code: Code,
    slots: Vec<usize>,
}

impl Expr {
    /// Parses and checks `text` over `fields`. A message names the column of what is wrong.
    pub fn parse(text: &str, fields: &Fields) -> Result<Expr, String> {
        scan::scan(text)?;
        let (node, kind) = check::check(text, fields)?;
        let code = Code::new(&node)?;
        let mut slots = BTreeSet::new();
        collect_slots(&node, &mut slots);
        Ok(Expr { node, kind, code, slots: slots.into_iter().collect() })
    }

    /// The kind of its value.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its value for a row: a number in units of its scale, a truth value (0 or 1) or a time; 0
    /// for a text. A datum that is missing or of another kind counts as 0 or as an empty text.
    pub fn number(&self, row: &[Datum<'_>]) -> i64 {
        if self.kind == Kind::Text { 0 } else { self.code.run(row) }
    }

    /// Its text for a row; empty if its value is not a text.
    pub fn text<'a>(&'a self, row: &[Datum<'a>]) -> &'a str {
        if self.kind == Kind::Text { self.code.text(row, self.code.run(row)) } else { "" }
    }

    /// The slots that it reads, ascending, once each.
    pub fn fields(&self) -> impl Iterator<Item = usize> {
        self.slots.iter().copied()
    }

    /// The expression in SQL; `fields` says where the slots of the row are found.
    ///
    /// It has the same value as [`Expr::number`] and [`Expr::text`] for every row that keeps to the
    /// bounds of its fields: where arithmetic could leave 64 bits, it saturates in SQL too. Texts must
    /// be compared by code points, as both databases do unless a collation is set.
    pub fn to_sql(&self, dialect: Dialect, fields: &[SqlField]) -> String {
        Printer { dialect, fields }.sql(&self.node)
    }

    /// The largest size that its number can have, if fields keep to their bounds.
    pub fn bound(&self, fields: &[SqlField]) -> u64 {
        let bound = Printer { dialect: Dialect::Flink, fields }.bound(&self.node);
        u64::try_from(bound).unwrap_or(u64::MAX)
    }
}

/// The number since 1970 of the period that contains a time in milliseconds, in Flink's SQL.
pub(crate) fn period_sql(time: &str, period: Period) -> String {
    let printer = Printer { dialect: Dialect::Flink, fields: &[] };
    match period {
        Period::Fixed(length_ms) => printer.stretch(time, length_ms),
        Period::Month => printer.calendar(time, true),
        Period::Year => printer.calendar(time, false),
    }
}

fn collect_slots(node: &Node, slots: &mut BTreeSet<usize>) {
    match node {
        Node::Field(slot) | Node::TextField(slot) => {
            slots.insert(usize::from(*slot));
        }
        _ => {
            for child in node.children().into_iter().flatten() {
                collect_slots(child, slots);
            }
        }
    }
}
