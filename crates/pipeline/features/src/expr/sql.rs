//! A checked tree as SQL for Flink and for DuckDB.

use super::node::{Arithmetic, Comparison, Node, TextTest, TimePart};

const DAY_MS: i64 = 86_400_000;
/// A text of an event has at most so many bytes.
const MAX_TEXT: u128 = 8 << 10;
/// The size of the smallest number of 64 bits: what arithmetic saturates at.
const MAX_SIZE: u128 = 1 << 63;

/// The databases that read the SQL of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Apache Flink.
    Flink,
    /// DuckDB.
    DuckDb,
}

/// Where SQL finds a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlField {
    /// The quoted column: a BIGINT in units of the field's scale, a BOOLEAN, a text, or of a time a
    /// BIGINT with milliseconds since 1970.
    pub column: String,
    /// The largest size that its number can have.
    pub bound: u64,
}

/// What the SQL of a node depends on.
pub(super) struct Printer<'a> {
    pub(super) dialect: Dialect,
    pub(super) fields: &'a [SqlField],
}

impl Printer<'_> {
    /// The SQL of a node; every compound form is in parentheses or a function call, and every number
    /// is a BIGINT: two INTs would overflow at 32 bits.
    pub(super) fn sql(&self, node: &Node) -> String {
        let sub = |node: &Node| self.sql(node);
        match node {
            Node::Field(slot) | Node::TextField(slot) => {
                self.fields.get(usize::from(*slot)).map_or_else(|| "NULL".into(), |field| field.column.clone())
            }
            Node::Number(value) => format!("CAST({value} AS BIGINT)"),
            Node::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_string(),
            Node::Text(value) => text(value),
            Node::Scale(inner, factor) => self.arithmetic(Arithmetic::Multiply, inner, &Node::Number(*factor)),
            Node::Not(inner) => format!("(NOT {})", sub(inner)),
            Node::Negate(inner) => self.arithmetic(Arithmetic::Subtract, &Node::Number(0), inner),
            Node::Arithmetic(operation, left, right) => self.arithmetic(*operation, left, right),
            // Only the least number by -1 leaves 64 bits.
            Node::Divide(inner, -1) => self.arithmetic(Arithmetic::Subtract, &Node::Number(0), inner),
            Node::Divide(inner, divisor) => self.quotient(&sub(inner), *divisor),
            Node::Remainder(_, 1 | -1) => "CAST(0 AS BIGINT)".to_string(),
            Node::Remainder(inner, divisor) => format!("CAST({} % {} AS BIGINT)", sub(inner), number(*divisor)),
            Node::Compare(comparison, left, right) => {
                let sign = match comparison {
                    Comparison::Equal => "=",
                    Comparison::Differ => "<>",
                    Comparison::Less => "<",
                    Comparison::AtMost => "<=",
                    Comparison::Greater => ">",
                    Comparison::AtLeast => ">=",
                };
                format!("({} {sign} {})", self.operand(left), self.operand(right))
            }
            Node::SameText(same, left, right) => {
                format!("({} {} {})", sub(left), if *same { "=" } else { "<>" }, sub(right))
            }
            Node::And(left, right) => format!("({} AND {})", sub(left), sub(right)),
            Node::Or(left, right) => format!("({} OR {})", sub(left), sub(right)),
            Node::If(condition, yes, no) => {
                format!("(CASE WHEN {} THEN {} ELSE {} END)", sub(condition), sub(yes), sub(no))
            }
            Node::InNumbers(inner, list) => {
                let list: Vec<String> = list.iter().map(|value| number(*value)).collect();
                format!("({} IN ({}))", sub(inner), list.join(", "))
            }
            Node::InTexts(inner, list) => {
                let list: Vec<String> = list.iter().map(|value| text(value)).collect();
                format!("({} IN ({}))", sub(inner), list.join(", "))
            }
            Node::Size(inner) => format!("CAST(CHAR_LENGTH({}) AS BIGINT)", sub(inner)),
            Node::TextTest(test, inner, constant) => {
                let (length, constant) = (constant.chars().count(), text(constant));
                match test {
                    TextTest::StartsWith => format!("(LEFT({}, {length}) = {constant})", sub(inner)),
                    TextTest::EndsWith => format!("(RIGHT({}, {length}) = {constant})", sub(inner)),
                    TextTest::Contains => format!("(POSITION({constant} IN {}) > 0)", sub(inner)),
                }
            }
            Node::TimePart(part, inner) => self.time_part(*part, &sub(inner)),
        }
    }

    /// The largest size of a node's number; 1 for what is no number.
    pub(super) fn bound(&self, node: &Node) -> u128 {
        let sub = |node: &Node| self.bound(node);
        let bound = match node {
            Node::Field(slot) => self.fields.get(usize::from(*slot)).map_or(0, |field| u128::from(field.bound)),
            Node::Number(value) => u128::from(value.unsigned_abs()),
            Node::Scale(inner, factor) => sub(inner) * u128::from(factor.unsigned_abs()),
            Node::Negate(inner) => sub(inner),
            Node::Arithmetic(Arithmetic::Multiply, left, right) => sub(left) * sub(right),
            Node::Arithmetic(_, left, right) => sub(left) + sub(right),
            Node::Divide(inner, divisor) => sub(inner) / u128::from(divisor.unsigned_abs().max(1)),
            Node::Remainder(inner, divisor) => sub(inner).min(u128::from(divisor.unsigned_abs())),
            Node::If(_, yes, no) => sub(yes).max(sub(no)),
            Node::Size(_) => MAX_TEXT,
            Node::TimePart(..) => 9999,
            _ => 1,
        };
        bound.min(MAX_SIZE)
    }

    /// Plain where nothing can leave 64 bits; else in 38 decimal digits, brought back to 64 bits.
    fn arithmetic(&self, operation: Arithmetic, left: &Node, right: &Node) -> String {
        let sign = match operation {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
        };
        let (size, more) = (self.bound(left), self.bound(right));
        let bound = if operation == Arithmetic::Multiply { size * more } else { size + more };
        if bound < MAX_SIZE {
            return match (left, right) {
                (Node::Number(_), Node::Number(_)) => format!("({} {sign} {})", self.sql(left), self.sql(right)),
                _ => format!("({} {sign} {})", self.operand(left), self.operand(right)),
            };
        }
        let wide = |node: &Node| format!("CAST({} AS DECIMAL(19, 0))", self.operand(node));
        format!(
            "CAST(GREATEST(LEAST({} {sign} {}, CAST({} AS DECIMAL(38, 0))), CAST({} AS DECIMAL(38, 0))) AS BIGINT)",
            wide(left),
            wide(right),
            i64::MAX,
            i64::MIN,
        )
    }

    /// Beside a BIGINT a bare constant is one too.
    fn operand(&self, node: &Node) -> String {
        match node {
            Node::Number(value) => number(*value),
            node => self.sql(node),
        }
    }

    /// Division of whole numbers, truncated.
    fn quotient(&self, dividend: &str, divisor: i64) -> String {
        let sign = match self.dialect {
            Dialect::Flink => "/",
            Dialect::DuckDb => "//",
        };
        format!("({dividend} {sign} {})", number(divisor))
    }

    /// Division rounded down.
    fn floor(&self, dividend: &str, divisor: i64) -> String {
        self.quotient(&format!("({dividend} - {})", modulo(dividend, divisor)), divisor)
    }

    /// From the milliseconds, not from a TIMESTAMP: of times before 1970 Flink extracts wrong hours.
    fn time_part(&self, part: TimePart, time: &str) -> String {
        let days = || self.floor(time, DAY_MS);
        let civil = |unit: &str| {
            let date = match self.dialect {
                Dialect::Flink => format!("TIMESTAMPADD(DAY, CAST({} AS INT), DATE '1970-01-01')", days()),
                Dialect::DuckDb => format!("(DATE '1970-01-01' + CAST({} AS INTEGER))", days()),
            };
            format!("EXTRACT({unit} FROM {date})")
        };
        match part {
            TimePart::Year => civil("YEAR"),
            TimePart::Month => format!("({} - 1)", civil("MONTH")),
            TimePart::Date => civil("DAY"),
            TimePart::DayOfMonth => format!("({} - 1)", civil("DAY")),
            // 1 January 1970 was a Thursday.
            TimePart::DayOfWeek => modulo(&format!("({} + 4)", days()), 7),
            TimePart::Hours => self.quotient(&modulo(time, DAY_MS), 3_600_000),
            TimePart::Minutes => self.quotient(&modulo(time, 3_600_000), 60_000),
        }
    }

    /// The number of the stretch of `length_ms` that contains a time.
    pub(super) fn stretch(&self, time: &str, length_ms: i64) -> String {
        self.floor(time, length_ms)
    }

    /// The number of the month (or year) since 1970 that contains a time.
    pub(super) fn calendar(&self, time: &str, months: bool) -> String {
        let years = format!("({} - 1970)", self.time_part(TimePart::Year, time));
        if months { format!("({years} * 12 + {})", self.time_part(TimePart::Month, time)) } else { years }
    }
}

/// The remainder that is never negative.
fn modulo(dividend: &str, divisor: i64) -> String {
    format!("CAST((({dividend} % {divisor}) + {divisor}) % {divisor} AS BIGINT)")
}

/// Below zero in parentheses: two signs in a row would start a comment.
fn number(value: i64) -> String {
    if value < 0 { format!("({value})") } else { value.to_string() }
}

/// A text in quotes.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}
