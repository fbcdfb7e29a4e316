//! Expressions over the fields of an event, in CEL (the Common Expression Language, cel-spec).
//!
//! The `cel` crate parses; the tree is type-checked here and compiled to a short list of
//! instructions over whole numbers. What has no value in whole numbers (floats, maps, loops,
//! regular expressions) or none for some events (a divisor that could be zero) is refused when the
//! definition is read. Two rules differ from CEL's: arithmetic saturates at the ends of 64 bits
//! instead of failing, so that an expression has a value for every event; and a number with a point
//! is an exact decimal, so that `price < 10.5` compares as written.

mod check;
mod node;
mod program;
mod scan;
mod sql;

use std::collections::BTreeMap;

use self::node::Node;
use self::program::Program;

/// The most decimal places of a number inside an expression.
const MAX_SCALE: u8 = 12;

/// The kind of a field or of an expression's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number, in units of 10^-scale.
    Number(u8),
    /// True or false.
    Bool,
    /// Text.
    Text,
    /// An instant, in milliseconds since 1970, UTC.
    Time,
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

/// One datum of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Datum<'a> {
    /// A number, a truth value (0 or 1) or a time.
    Number(i64),
    /// A text.
    Text(&'a str),
}

/// The fields that an expression may name: their places in the row, and their kinds.
pub type Fields = BTreeMap<String, (usize, Kind)>;

/// A checked expression.
#[derive(Clone, Debug)]
pub struct Expr {
    node: Node,
    kind: Kind,
    program: Program,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Expr) -> bool {
        (&self.node, self.kind) == (&other.node, other.kind)
    }
}

impl Expr {
    /// Parses and checks a text. The message of a mistake names its column, counted from 1.
    pub fn parse(text: &str, fields: &Fields) -> Result<Expr, String> {
        scan::scan(text)?;
        let (node, kind) = check::check(text, fields)?;
        let program = Program::new(&node);
        Ok(Expr { node, kind, program })
    }

    /// The kind of its value.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its value: a number, a time, or 1 for true; 0 for a text.
    pub fn number(&self, row: &[Datum<'_>]) -> i64 {
        self.program.number(row)
    }

    /// Its value if it is a text, else nothing.
    pub fn text<'a>(&'a self, row: &[Datum<'a>]) -> &'a str {
        self.program.text(row)
    }

    /// The places of the fields that it reads, in order.
    pub fn fields(&self) -> impl Iterator<Item = usize> {
        let mut found = Vec::new();
        self.node.visit(&mut |node| {
            if let Node::Field(place) | Node::TextField(place) = node {
                found.push(usize::from(*place));
            }
        });
        found.sort_unstable();
        found.dedup();
        found.into_iter()
    }

    /// The same expression in SQL, as DuckDB and Flink both read it; `column` gives the column of a
    /// field. Numbers are in units of their scales, times in milliseconds since 1970. SQL does not
    /// saturate: it fails where 64 bits are not enough.
    pub fn to_sql(&self, column: &dyn Fn(usize) -> String) -> String {
        sql::print(&self.node, column)
    }
}

#[cfg(test)]
mod tests;
