use proptest::prelude::*;

use super::node::{Comparison, Node};
use super::*;

fn fields() -> Fields {
    [
        ("home", Kind::Number(0)),
        ("away", Kind::Number(0)),
        ("price", Kind::Number(2)),
        ("neutral", Kind::Bool),
        ("cup", Kind::Text),
        ("time", Kind::Time),
    ]
    .into_iter()
    .enumerate()
    .map(|(place, (name, kind))| (name.to_string(), (place, kind)))
    .collect()
}

/// 2024-02-29T13:05:00Z, a Thursday.
const TIME: i64 = 1_709_211_900_000;

fn row() -> [Datum<'static>; 6] {
    let [home, away, price, neutral, time] = [3, 1, 1050, 1, TIME].map(Datum::Number);
    [home, away, price, neutral, Datum::Text("Copa América"), time]
}

fn parse(text: &str) -> Expr {
    Expr::parse(text, &fields()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn values() {
    for (text, want) in [
        ("home > away ? 3 : home == away ? 1 : 0", 3),
        ("home < away ? 3 : home == away ? 1 : 0", 0),
        ("home - away * 2", 1),
        ("(home - away) * 2", 4),
        ("-home + 1", -2),
        ("home / 2 + home % 2", 2),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("neutral && home > 2", 1),
        ("!neutral || away >= 1", 1),
        ("!neutral && away >= 1", 0),
        ("price > 10.5", 0),
        ("price >= 10.5", 1),
        ("price == 10.500", 1),
        ("price + 1 > 11.49", 1),
        ("price * home", 3150),
        ("home in [1, 3]", 1),
        ("price in [10.5, 3]", 1),
        ("cup in ['x', 'Copa América']", 1),
        ("cup == \"Copa América\" ? 1 : 0", 1),
        ("cup != 'x'", 1),
        ("size(cup)", 12),
        ("cup.size()", 12),
        ("cup.startsWith('Copa')", 1),
        ("cup.endsWith('ica')", 1),
        ("cup.contains('é')", 1),
        ("(neutral ? cup : 'x') == 'x'", 0),
        ("time.getFullYear()", 2024),
        ("time.getMonth()", 1),
        ("time.getDate()", 29),
        ("time.getDayOfMonth()", 28),
        ("time.getDayOfWeek()", 4),
        ("time.getHours()", 13),
        ("time.getMinutes()", 5),
        ("9223372036854775807 + home", i64::MAX),
        ("-9223372036854775808 - home", i64::MIN),
        ("true ? home : away", 3),
    ] {
        assert_eq!(parse(text).number(&row()), want, "{text}");
    }
    let text = parse("neutral ? cup : 'x'");
    assert_eq!((text.kind(), text.text(&row())), (Kind::Text, "Copa América"));
    assert_eq!(parse("price * home").kind(), Kind::Number(2));
    assert_eq!(parse("cup == 'x' || home > away && neutral").fields().collect::<Vec<_>>(), [0, 1, 3, 4]);
}

#[test]
fn mistakes_are_named_with_their_column() {
    for (text, want) in [
        ("", "at column 1: a field, a number or a text is needed here"),
        ("home >", "at column 7: a field, a number or a text is needed here"),
        ("home > awy", "at column 8: unknown field `awy` (available: away, cup, home, neutral, price, time)"),
        ("home && neutral", "at column 6: the left side of `&&` is a number, not true or false"),
        ("cup + 1", "at column 5: the left side is text, not a number"),
        ("home / away", "at column 6: the right side of `/` must be a constant, such as `/ 2`"),
        ("home / 0", "at column 6: division by zero has no value; use another constant"),
        ("price / 2", "at column 7: both sides of `/` must be whole numbers, without decimal places"),
        ("cup.matches('a')", "at column 5: the function `matches` is not supported; use `startsWith`, `endsWith`, `contains` or `in`"),
        ("home = 1", "at column 6: `=` is not an operator; to compare write `==`"),
        ("1u > home", "at column 1: unsigned numbers are not supported; leave out the `u`"),
        ("1e3 > home", "at column 1: numbers with an exponent are not supported; write the number in full"),
        ("(home", "at column 6: `)` is needed here"),
    ] {
        assert_eq!(Expr::parse(text, &fields()).map(|expr| expr.kind()), Err(want.to_string()), "{text}");
    }
    let deep = format!("{}home{}", "(".repeat(40), ")".repeat(40));
    assert!(Expr::parse(&deep, &fields()).is_err_and(|error| error.contains("deeper")));
    let long = vec!["home"; 300].join(" + ");
    assert!(Expr::parse(&long, &fields()).is_err_and(|error| error.contains("longer")));
}

#[test]
fn sql() {
    let column = |place: usize| format!("\"c{place}\"");
    for (text, want) in [
        ("home > away ? 3 : 0", "(CASE WHEN (\"c0\" > \"c1\") THEN 3 ELSE 0 END)"),
        ("price > 10.5", "(\"c2\" > 1050)"),
        ("home > price", "((\"c0\" * 100) > \"c2\")"),
        ("cup == \"it's\"", "(\"c4\" = 'it''s')"),
        ("!(neutral || home in [1, 2])", "(NOT (\"c3\" OR (\"c0\" IN (1, 2))))"),
        ("home / 2", "CAST((\"c0\" - MOD(\"c0\", 2)) / 2 AS BIGINT)"),
    ] {
        assert_eq!(parse(text).to_sql(&column), want, "{text}");
    }
}

/// What a tree is worth, straight from its definition.
fn naive(node: &Node, row: &[Datum<'_>]) -> i64 {
    let of = |node: &Node| naive(node, row);
    match node {
        Node::Field(place) => match row[usize::from(*place)] {
            Datum::Number(number) => number,
            Datum::Text(_) => 0,
        },
        Node::Number(number) => *number,
        Node::Bool(truth) => i64::from(*truth),
        Node::Not(inner) => i64::from(of(inner) == 0),
        Node::Negate(inner) => of(inner).saturating_neg(),
        Node::Arithmetic(arithmetic, left, right) => arithmetic.apply(of(left), of(right)),
        Node::Compare(comparison, left, right) => i64::from(comparison.holds(of(left), of(right))),
        Node::And(left, right) => i64::from(of(left) != 0 && of(right) != 0),
        Node::Or(left, right) => i64::from(of(left) != 0 || of(right) != 0),
        Node::If(condition, yes, no) => if of(condition) != 0 { of(yes) } else { of(no) },
        Node::Divide(inner, divisor) => of(inner).checked_div(*divisor).unwrap_or(i64::MAX),
        Node::Remainder(inner, divisor) => of(inner).checked_rem(*divisor).unwrap_or(0),
        Node::Scale(inner, factor) => of(inner).saturating_mul(*factor),
        other => unreachable!("{other:?} is not generated"),
    }
}

/// Texts of numbers (first) and of truth values (second).
fn expression() -> impl Strategy<Value = (String, String)> {
    let number = prop_oneof![Just("home"), Just("away"), Just("price"), Just("7"), Just("2.5"), Just("0")];
    let truth = prop_oneof![Just("neutral"), Just("true"), Just("home > away")];
    let leaf = (number, truth).prop_map(|(number, truth)| (number.to_string(), truth.to_string()));
    leaf.prop_recursive(5, 48, 4, |inner| {
        (inner.clone(), inner.clone(), inner, 0u8..5, 0u8..6).prop_map(|(a, b, c, number, truth)| {
            let number = match number {
                0 => format!("({} + {})", a.0, b.0),
                1 => format!("({} - {})", a.0, b.0),
                2 => format!("({} ? {} : {})", a.1, b.0, c.0),
                3 => format!("(-({}))", a.0),
                _ => format!("({} + home % 3 - away / -2)", c.0),
            };
            let truth = match truth {
                0 => format!("({} && {})", a.1, b.1),
                1 => format!("({} || {})", a.1, b.1),
                2 => format!("(!({}))", a.1),
                3 => format!("({} <= {})", a.0, b.0),
                4 => format!("({} != {})", a.0, c.0),
                _ => format!("({} ? {} : {})", a.1, b.1, c.1),
            };
            (number, truth)
        })
    })
}

proptest! {
    #[test]
    fn programs_do_what_trees_say((number, truth) in expression(), home in any::<i64>(), away in -3i64..3, price in -500i64..500, neutral in 0i64..2) {
        let row = [home, away, price, neutral].map(Datum::Number);
        for text in [number, truth] {
            // A text that is too long or too deep is refused, which is tested elsewhere.
            if let Ok(expr) = Expr::parse(&text, &fields()) {
                prop_assert_eq!(expr.number(&row), naive(&expr.node, &row), "{}", text);
            }
        }
    }

    #[test]
    fn no_text_brings_it_down(text in "[ -~é]{0,60}", start in 0usize..30, end in 0usize..40) {
        let _ = Expr::parse(&text, &fields());
        // A valid expression with a piece replaced.
        let valid = "home > away ? price * 2.5 : -(cup.size() % 3) + (neutral && home in [1, 2] ? 1 : 0)";
        let mut mutated = valid[..start].to_string();
        mutated.push_str(&text[..text.char_indices().nth(4).map_or(text.len(), |(at, _)| at)]);
        mutated.push_str(&valid[(start + end).min(valid.len())..]);
        if let Ok(expr) = Expr::parse(&mutated, &fields()) {
            let _ = (expr.number(&row()), expr.text(&row()), expr.to_sql(&|place| place.to_string()));
        }
    }
}

#[test]
fn mirrored_comparisons_agree() {
    for comparison in [Comparison::Equal, Comparison::Differ, Comparison::Less, Comparison::AtMost, Comparison::Greater, Comparison::AtLeast] {
        for (left, right) in [(1, 2), (2, 2), (3, 2)] {
            assert_eq!(comparison.holds(left, right), comparison.mirrored().holds(right, left));
        }
    }
}
