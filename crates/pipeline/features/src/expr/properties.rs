//! Laws over random expressions: the compiled form equals a plain evaluation of the tree it was
//! printed from, and no text makes the parser panic.

use enliven_types::Timestamp;
use proptest::prelude::*;

use super::tree::{Number, Row, Truth, Words};
use super::*;

fn fields() -> Fields {
    let fields = [
        ("a", Kind::Number(0)),
        ("b", Kind::Number(0)),
        ("money", Kind::Number(2)),
        ("n", Kind::Bool),
        ("t", Kind::Text),
        ("when", Kind::Time),
    ];
    fields.iter().enumerate().map(|(slot, (name, kind))| (name.to_string(), (slot, *kind))).collect()
}

fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -3i64..4, 2 => -2_000i64..2_000, 1 => any::<i64>(), 1 => Just(i64::MIN), 1 => Just(i64::MAX)]
}

fn decimal() -> impl Strategy<Value = (i64, u8)> {
    (integer(), prop_oneof![4 => Just(0u8), 2 => 1u8..4, 1 => 4u8..10])
}

fn letters() -> impl Strategy<Value = String> {
    "[ab'\\\\\u{e9}\u{1f600}]{1,2}"
}

fn words() -> impl Strategy<Value = Words> {
    let leaf = prop_oneof![Just(Words::Field), letters().prop_map(Words::Literal)].boxed();
    let choice = (any::<bool>(), leaf.clone(), leaf.clone()).prop_map(|(constant, yes, no)| {
        let condition = if constant { Truth::Constant(true) } else { Truth::Field };
        Words::If(Box::new(condition), Box::new(yes), Box::new(no))
    });
    prop_oneof![3 => leaf, 1 => choice]
}

fn truth(number: BoxedStrategy<Number>) -> impl Strategy<Value = Truth> {
    let sign = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let test = prop::sample::select(vec!["startsWith", "endsWith", "contains"]);
    let equality = prop::sample::select(vec!["==", "!="]);
    let leaf = prop_oneof![
        1 => Just(Truth::Field),
        1 => any::<bool>().prop_map(Truth::Constant),
        6 => (sign, number.clone(), number.clone())
            .prop_map(|(sign, left, right)| Truth::Compare(sign, Box::new(left), Box::new(right))),
        2 => (number, prop::collection::vec(decimal(), 1..4)).prop_map(|(value, list)| Truth::In(Box::new(value), list)),
        1 => (equality, words(), words()).prop_map(|(sign, left, right)| Truth::Same(sign, left, right)),
        1 => (words(), prop::collection::vec(letters(), 1..4)).prop_map(|(words, list)| Truth::WordsIn(words, list)),
        1 => (test, words(), letters()).prop_map(|(name, words, part)| Truth::Test(name, words, part)),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        let pair = (inner.clone(), inner.clone()).prop_map(|(left, right)| (Box::new(left), Box::new(right)));
        prop_oneof![
            inner.prop_map(|inner| Truth::Not(Box::new(inner))),
            pair.clone().prop_map(|(left, right)| Truth::And(left, right)),
            pair.clone().prop_map(|(left, right)| Truth::Or(left, right)),
            pair.prop_map(|(left, right)| Truth::Equal(left, right)),
        ]
    })
}

/// At most three levels: no more divisions of one another than are allowed.
fn number() -> impl Strategy<Value = Number> {
    let leaf = prop_oneof![
        4 => (0usize..3).prop_map(Number::Field),
        3 => decimal().prop_map(|(units, scale)| Number::Literal(units, scale)),
        1 => words().prop_map(Number::Size),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let sign = prop::sample::select(vec!['+', '-', '*']);
        let division = prop::sample::select(vec!['/', '%']);
        let divisor = integer().prop_filter("division by zero is refused", |divisor| *divisor != 0);
        prop_oneof![
            1 => inner.clone().prop_map(|inner| Number::Negate(Box::new(inner))),
            3 => (sign, inner.clone(), inner.clone())
                .prop_map(|(sign, left, right)| Number::Operation(sign, Box::new(left), Box::new(right))),
            1 => (division, inner.clone(), divisor)
                .prop_map(|(sign, inner, divisor)| Number::Division(sign, Box::new(inner), divisor)),
            2 => (truth(inner.clone().boxed()), inner.clone(), inner)
                .prop_map(|(condition, yes, no)| Number::If(Box::new(condition), Box::new(yes), Box::new(no))),
        ]
    })
}

fn row() -> impl Strategy<Value = Row> {
    (integer(), integer(), integer(), any::<bool>(), "[ab'\\\\\u{e9}\u{1f600}]{0,3}")
        .prop_map(|(a, b, money, truth, text)| Row { numbers: [a, b, money], truth, text })
}

fn data(row: &Row) -> [Datum<'_>; 6] {
    let [a, b, money] = row.numbers;
    let truth = i64::from(row.truth);
    [
        Datum::Number(a),
        Datum::Number(b),
        Datum::Number(money),
        Datum::Number(truth),
        Datum::Text(&row.text),
        Datum::Number(0),
    ]
}

/// A text of whole tokens, most of them in a sensible order by chance only.
fn tokens() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "a",
        "b",
        "money",
        "n",
        "t",
        "when",
        "c",
        "1",
        "10.5",
        "0x1f",
        ".5",
        "1e3",
        "2u",
        "'x'",
        "\"y\"",
        "r'z'",
        "b'w'",
        "true",
        "false",
        "null",
        "in",
        "size(",
        "t.startsWith('x')",
        ".contains(",
        ".getHours()",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        "?",
        ":",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "&&",
        "||",
        ".",
        "has(",
        ".map(",
        ".all(",
        " ",
        "\n",
        "//",
        "`",
        "\u{e9}",
        "if",
        "99999999999999999999",
        "1.0000000001",
    ]);
    prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.join(" "))
}

/// Whatever a text is, it is refused with a message or it has a value; and what the scan lets
/// pass is no mistake of syntax to the CEL parser.
fn survives(text: &str) -> Result<(), TestCaseError> {
    match Expr::parse(text, &fields()) {
        Ok(expr) => {
            let row = Row { numbers: [i64::MIN, -1, i64::MAX], truth: true, text: "x\u{e9}".to_string() };
            expr.number(&data(&row));
            expr.text(&data(&row));
            expr.number(&[]);
            expr.text(&[]);
            let fields: Vec<SqlField> =
                (0..6).map(|slot| SqlField { column: format!("c{slot}"), bound: u64::MAX }).collect();
            expr.to_sql(Dialect::DuckDb, &fields);
        }
        Err(error) => {
            prop_assert!(!error.to_lowercase().contains("syntax error"), "{text:?}: {error}");
            prop_assert!(!error.contains("Incomplete") && !error.contains("No `"), "{text:?}: {error}");
            prop_assert!(error.contains("at column "), "{text:?}: {error}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn numbers_equal_a_plain_evaluation(tree in number(), row in row()) {
        let text = tree.print();
        prop_assume!(text.len() <= 1024);
        match (Expr::parse(&text, &fields()), tree.scale()) {
            (Ok(expr), Some(scale)) => {
                prop_assert_eq!(expr.kind(), Kind::Number(scale));
                prop_assert_eq!(i128::from(expr.number(&data(&row))), tree.eval(&row), "{}", text);
            }
            (Err(_), None) => {}
            (parsed, scale) => prop_assert!(false, "{text}: {parsed:?}, {scale:?}"),
        }
    }

    #[test]
    fn truths_equal_a_plain_evaluation(tree in truth(number().boxed()), row in row()) {
        let text = tree.print();
        prop_assume!(text.len() <= 1024);
        match (Expr::parse(&text, &fields()), tree.fits()) {
            (Ok(expr), true) => prop_assert_eq!(expr.number(&data(&row)) != 0, tree.eval(&row), "{}", text),
            (Err(_), false) => {}
            (parsed, fits) => prop_assert!(false, "{text}: {parsed:?}, {fits}"),
        }
    }

    #[test]
    fn texts_equal_a_plain_evaluation(tree in words(), row in row()) {
        let expr = Expr::parse(&tree.print(), &fields()).unwrap();
        prop_assert_eq!(expr.text(&data(&row)), tree.eval(&row));
    }

    #[test]
    fn any_text_survives(text in any::<String>()) {
        survives(&text)?;
    }

    #[test]
    fn any_plain_text_survives(text in "[abnt0-9.'\"\\\\()\\[\\]{}?:!<>=&|+*/%, xeu\u{e9}_-]{0,60}") {
        survives(&text)?;
    }

    #[test]
    fn any_tokens_survive(text in tokens()) {
        survives(&text)?;
    }

    #[test]
    fn a_changed_expression_survives(
        tree in truth(number().boxed()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0u8..3, tokens(), any::<char>()), 1..4),
    ) {
        let mut text: Vec<char> = tree.print().chars().collect();
        for (place, change, tokens, letter) in changes {
            let at = place.index(text.len() + 1);
            match change {
                0 if at < text.len() => { text.remove(at); }
                1 => text.insert(at, letter),
                _ => { text.splice(at..at, tokens.chars().take(9)); }
            }
        }
        survives(&text.into_iter().collect::<String>())?;
    }

    #[test]
    fn dates_equal_the_calendar(time in -62_000_000_000_000i64..253_000_000_000_000) {
        let date = Timestamp(time).date();
        let row = [Datum::Number(0), Datum::Number(0), Datum::Number(0), Datum::Number(0), Datum::Text(""), Datum::Number(time)];
        let part = |text: &str| Expr::parse(text, &fields()).unwrap().number(&row);
        prop_assert_eq!(part("when.getFullYear()"), i64::from(date.year()));
        prop_assert_eq!(part("when.getMonth()"), i64::from(date.month()) - 1);
        prop_assert_eq!(part("when.getDate()"), i64::from(date.day()));
        prop_assert_eq!(part("when.getDayOfWeek()"), i64::from(date.weekday().to_sunday_zero_offset()));
    }
}
