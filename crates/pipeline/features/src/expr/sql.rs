//! An expression as SQL that DuckDB and Flink both read.

use super::node::{Arithmetic, Comparison, Node, TextTest, TimePart};

const DAY_MS: i64 = 86_400_000;

/// Every operation is put in parentheses, so that no precedence has to agree.
pub(super) fn print(node: &Node, column: &dyn Fn(usize) -> String) -> String {
    let of = |node: &Node| print(node, column);
    match node {
        Node::Field(place) | Node::TextField(place) => column(usize::from(*place)),
        Node::Number(number) => number.to_string(),
        Node::Bool(truth) => if *truth { "TRUE" } else { "FALSE" }.to_string(),
        Node::Text(text) => quoted(text),
        Node::Scale(inner, factor) => format!("({} * {factor})", of(inner)),
        Node::Not(inner) => format!("(NOT {})", of(inner)),
        Node::Negate(inner) => format!("(- {})", of(inner)),
        Node::Arithmetic(arithmetic, left, right) => {
            let sign = match arithmetic {
                Arithmetic::Add => "+",
                Arithmetic::Subtract => "-",
                Arithmetic::Multiply => "*",
            };
            format!("({} {sign} {})", of(left), of(right))
        }
        Node::Divide(inner, divisor) => truncated(&of(inner), *divisor),
        // MOD has the sign of the dividend in both dialects.
        Node::Remainder(inner, divisor) => format!("MOD({}, {divisor})", of(inner)),
        Node::Compare(comparison, left, right) => {
            let sign = match comparison {
                Comparison::Equal => "=",
                Comparison::Differ => "<>",
                Comparison::Less => "<",
                Comparison::AtMost => "<=",
                Comparison::Greater => ">",
                Comparison::AtLeast => ">=",
            };
            format!("({} {sign} {})", of(left), of(right))
        }
        Node::SameText(same, left, right) => {
            format!("({} {} {})", of(left), if *same { "=" } else { "<>" }, of(right))
        }
        Node::And(left, right) => format!("({} AND {})", of(left), of(right)),
        Node::Or(left, right) => format!("({} OR {})", of(left), of(right)),
        Node::If(condition, yes, no) => {
            format!("(CASE WHEN {} THEN {} ELSE {} END)", of(condition), of(yes), of(no))
        }
        Node::InNumbers(inner, numbers) => {
            let list: Vec<String> = numbers.iter().map(i64::to_string).collect();
            format!("({} IN ({}))", of(inner), list.join(", "))
        }
        Node::InTexts(inner, texts) => {
            let list: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
            format!("({} IN ({}))", of(inner), list.join(", "))
        }
        Node::Size(inner) => format!("CHAR_LENGTH({})", of(inner)),
        Node::TextTest(test, inner, part) => {
            let (text, length) = (of(inner), part.chars().count());
            match test {
                TextTest::StartsWith => format!("(LEFT({text}, {length}) = {})", quoted(part)),
                TextTest::EndsWith => format!("(RIGHT({text}, {length}) = {})", quoted(part)),
                TextTest::Contains => format!("(POSITION({} IN {text}) > 0)", quoted(part)),
            }
        }
        Node::TimePart(part, inner) => time_part(*part, &of(inner)),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Truncated division without a division: DuckDB's `/` gives a float, and its `//` rounds down.
fn truncated(text: &str, divisor: i64) -> String {
    format!("CAST(({text} - MOD({text}, {divisor})) / {divisor} AS BIGINT)")
}

/// Division that rounds down, for a positive divisor.
fn floored(text: &str, divisor: i64) -> String {
    format!("CAST(({text} - MOD(MOD({text}, {divisor}) + {divisor}, {divisor})) / {divisor} AS BIGINT)")
}

fn time_part(part: TimePart, time: &str) -> String {
    let days = floored(time, DAY_MS);
    let date = |unit: &str| format!("EXTRACT({unit} FROM (DATE '1970-01-01' + CAST({days} AS INTEGER)))");
    let in_day = format!("MOD(MOD({time}, {DAY_MS}) + {DAY_MS}, {DAY_MS})");
    match part {
        TimePart::Year => date("YEAR"),
        TimePart::Month => format!("({} - 1)", date("MONTH")),
        TimePart::Date => date("DAY"),
        TimePart::DayOfMonth => format!("({} - 1)", date("DAY")),
        TimePart::DayOfWeek => format!("MOD(MOD({days} + 4, 7) + 7, 7)"),
        TimePart::Hours => truncated(&in_day, 3_600_000),
        TimePart::Minutes => truncated(&format!("MOD({in_day}, 3600000)"), 60_000),
    }
}
