//! A checked tree as SQL for DuckDB and Flink.

use super::node::{Arithmetic, Comparison, Node, TextTest, TimePart};

/// The SQL of a node; every compound form is in parentheses or a function call.
pub(super) fn sql(node: &Node, column: &dyn Fn(usize) -> String) -> String {
    let sub = |node: &Node| sql(node, column);
    match node {
        Node::Field(slot) | Node::TextField(slot) => column(usize::from(*slot)),
        Node::Number(value) => number(*value),
        Node::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_string(),
        Node::Text(value) => text(value),
        Node::Scale(inner, factor) => format!("({} * {factor})", sub(inner)),
        Node::Not(inner) => format!("(NOT {})", sub(inner)),
        Node::Negate(inner) => format!("(-{})", sub(inner)),
        Node::Arithmetic(operation, left, right) => {
            let sign = match operation {
                Arithmetic::Add => "+",
                Arithmetic::Subtract => "-",
                Arithmetic::Multiply => "*",
            };
            format!("({} {sign} {})", sub(left), sub(right))
        }
        // The division goes without rest, so it does not matter whether `/` floors, truncates or
        // gives a float.
        Node::Divide(inner, divisor) => {
            let (inner, divisor) = (sub(inner), number(*divisor));
            format!("CAST(({inner} - {inner} % {divisor}) / {divisor} AS BIGINT)")
        }
        Node::Remainder(inner, divisor) => format!("({} % {})", sub(inner), number(*divisor)),
        Node::Compare(comparison, left, right) => {
            let sign = match comparison {
                Comparison::Equal => "=",
                Comparison::Differ => "<>",
                Comparison::Less => "<",
                Comparison::AtMost => "<=",
                Comparison::Greater => ">",
                Comparison::AtLeast => ">=",
            };
            format!("({} {sign} {})", sub(left), sub(right))
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
        Node::Size(inner) => format!("CHAR_LENGTH({})", sub(inner)),
        Node::TextTest(test, inner, constant) => {
            let (length, constant) = (constant.chars().count(), text(constant));
            match test {
                TextTest::StartsWith => format!("(LEFT({}, {length}) = {constant})", sub(inner)),
                TextTest::EndsWith => format!("(RIGHT({}, {length}) = {constant})", sub(inner)),
                TextTest::Contains => format!("(POSITION({constant} IN {}) > 0)", sub(inner)),
            }
        }
        Node::TimePart(part, inner) => time_part(*part, &sub(inner)),
    }
}

fn time_part(part: TimePart, time: &str) -> String {
    match part {
        TimePart::Year => format!("EXTRACT(YEAR FROM {time})"),
        TimePart::Month => format!("(EXTRACT(MONTH FROM {time}) - 1)"),
        TimePart::Date => format!("EXTRACT(DAY FROM {time})"),
        TimePart::DayOfMonth => format!("(EXTRACT(DAY FROM {time}) - 1)"),
        // A Sunday is 0 in DuckDB and 1 in Flink: count from one (4 January 1970).
        TimePart::DayOfWeek => format!("(EXTRACT(DOW FROM {time}) - EXTRACT(DOW FROM DATE '1970-01-04'))"),
        TimePart::Hours => format!("EXTRACT(HOUR FROM {time})"),
        TimePart::Minutes => format!("EXTRACT(MINUTE FROM {time})"),
    }
}

/// Below zero in parentheses: two signs in a row would start a comment.
fn number(value: i64) -> String {
    if value < 0 { format!("({value})") } else { value.to_string() }
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}
