use super::*;

fn fields() -> Fields {
    let fields = [
        ("a", Kind::Number(0)),
        ("b", Kind::Number(0)),
        ("t", Kind::Text),
        ("n", Kind::Bool),
        ("money", Kind::Number(2)),
        ("when", Kind::Time),
    ];
    fields.iter().enumerate().map(|(slot, (name, kind))| (name.to_string(), (slot, *kind))).collect()
}

/// 2024-02-29 (a Thursday) 13:45:30.
const WHEN: i64 = 1_709_214_330_000;

const ROW: [Datum<'static>; 6] = [
    Datum::Number(3),
    Datum::Number(-2),
    Datum::Text("Friendly"),
    Datum::Number(1),
    Datum::Number(1050),
    Datum::Number(WHEN),
];

fn parse(text: &str) -> Expr {
    Expr::parse(text, &fields()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn values() {
    for (text, want) in [
        ("a > b ? 3 : a == b ? 1 : 0", 3),
        ("a - b - 1", 4),
        ("a + b * 2", -1),
        ("(a + b) * 2", 2),
        ("-a + -b", -1),
        ("t == \"Friendly\" && n", 1),
        ("t != 'Friendly' || !n", 0),
        ("a >= 3 && a <= 3 && b < 0", 1),
        ("9223372036854775807 + a", i64::MAX),
        ("-9223372036854775808", i64::MIN),
        ("-9223372036854775808 / -1", i64::MAX),
        ("-9223372036854775808 % -1", 0),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("0x1F", 31),
        ("n == true", 1),
        ("3 < a", 0),
        ("3 <= a", 1),
        ("(n && a > 5) == false", 1),
        ("(a > 1 ? b : a) * 10", -20),
        ("money == 10.5", 1),
        ("money > 10", 1),
        ("money + 1", 1150),
        ("money * 0.1", 10_500 / 10),
        ("n ? 1 : 2.25", 100),
        ("-0.5", -5),
        (".5 + 1", 15),
        ("a in [1, 2, 3]", 1),
        ("a in [1, 3.0]", 1),
        ("b in [-2]", 1),
        ("money in [10.5, 7]", 1),
        ("t in ['x', 'Friendly']", 1),
        ("t in ['x', 'Friend']", 0),
        ("size(t) + t.size()", 16),
        ("size('h\u{e9}\\u00e9')", 3),
        ("t.startsWith('Fri')", 1),
        ("t.endsWith('Fri')", 0),
        ("t.contains(\"end\")", 1),
        ("(n ? t : 'x') == 'Friendly'", 1),
        ("(n ? 'y' : t).startsWith('x')", 0),
        ("size(r'\\n')", 2),
        ("when.getFullYear()", 2024),
        ("when.getMonth()", 1),
        ("when.getDate()", 29),
        ("when.getDayOfMonth()", 28),
        ("when.getDayOfWeek()", 4),
        ("when.getHours() * 100 + when.getMinutes()", 1345),
        ("when >= when && when == when", 1),
        ("n ? when : when", WHEN),
        ("t", 0),
    ] {
        assert_eq!(parse(text).number(&ROW), want, "{text}");
    }
}

/// Every comparison in every place that has its own instruction, on both sides of equality.
#[test]
fn comparisons_hold_wherever_they_stand() {
    let holds = |sign: &str, left: i64, right: i64| match sign {
        "==" => left == right,
        "!=" => left != right,
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        _ => left >= right,
    };
    for sign in ["==", "!=", "<", "<=", ">", ">="] {
        for (a, b) in (-1..=1).flat_map(|a| (-1..=1).map(move |b| (a, b))) {
            let mut row = ROW;
            row[0] = Datum::Number(a);
            row[1] = Datum::Number(b);
            let (shown_a, shown_b) = (a.to_string(), b.to_string());
            for (left, right) in [("a", "b"), ("a", &*shown_b), (&*shown_a, "b"), ("a + 0", "b"), ("a", "b * 1.0")] {
                let inner = format!("{left} {sign} {right}");
                let want = holds(sign, a, b);
                for (text, want) in [
                    (inner.clone(), want),
                    (format!("!({inner})"), !want),
                    (format!("{inner} ? 1 : 0"), want),
                    (format!("!({inner}) ? 1 : 0"), !want),
                    (format!("{inner} && n"), want),
                    (format!("n && {inner}"), want),
                    (format!("!({inner}) && n"), !want),
                    (format!("{inner} || !n"), want),
                    (format!("!n || {inner}"), want),
                    (format!("!({inner} || !n)"), !want),
                    (format!("!({inner} && n) ? 1 : 0"), !want),
                    (format!("({inner}) == true"), want),
                    (format!("({inner} ? 1 : 0) + 0"), want),
                    (format!("(({inner}) && n) == ({inner})"), true),
                ] {
                    assert_eq!(parse(&text).number(&row), i64::from(want), "{text} for a {a}, b {b}");
                }
            }
        }
    }
}

#[test]
fn texts_and_kinds() {
    assert_eq!(parse("a > 5 ? t : 'it\\'s'").text(&ROW), "it's");
    assert_eq!(parse("a < 5 ? t : 'none'").text(&ROW), "Friendly");
    assert_eq!(parse("a").text(&ROW), "");
    assert_eq!(parse("money * 0.25").kind(), Kind::Number(4));
    assert_eq!(parse("n ? money : 1").kind(), Kind::Number(2));
    assert_eq!(parse("10.50").kind(), Kind::Number(2));
    assert_eq!(parse("when").kind(), Kind::Time);
    assert_eq!(parse("when.getHours() > 3").kind(), Kind::Bool);
    assert_eq!(parse("money > a && t == 'x' && a < 9").fields().collect::<Vec<_>>(), [0, 2, 4]);
    assert_eq!(parse("a + 1").number(&[]), 1, "a missing datum counts as 0");
    assert_eq!(parse("t").text(&[]), "");
}

#[test]
fn parts_of_times() {
    for (time, want) in [
        (-1, [1969, 11, 31, 30, 3, 23, 59]),
        (0, [1970, 0, 1, 0, 4, 0, 0]),
        (951_782_400_000, [2000, 1, 29, 28, 2, 0, 0]),
        (4_107_542_400_000, [2100, 2, 1, 0, 1, 0, 0]),
    ] {
        let names = ["FullYear", "Month", "Date", "DayOfMonth", "DayOfWeek", "Hours", "Minutes"];
        for (name, want) in names.iter().zip(want) {
            let text = format!("when.get{name}()");
            let mut row = ROW;
            row[5] = Datum::Number(time);
            assert_eq!(parse(&text).number(&row), want, "{text} of {time}");
        }
    }
    for time in [i64::MIN, i64::MAX] {
        let mut row = ROW;
        row[5] = Datum::Number(time);
        parse("when.getFullYear() + when.getDayOfWeek() + when.getDate()").number(&row);
    }
}

fn sql_of(text: &str, dialect: Dialect) -> String {
    let bounds = [(1 << 53) - 1, (1 << 53) - 1, 1, 1, (1 << 53) - 1, 253_402_300_799_999];
    let fields = bounds.iter().enumerate();
    let fields: Vec<SqlField> =
        fields.map(|(slot, bound)| SqlField { column: format!("c{slot}"), bound: *bound }).collect();
    parse(text).to_sql(dialect, &fields)
}

#[test]
fn sql() {
    for (text, want) in [
        ("a > b ? 3 : 0", "(CASE WHEN (c0 > c1) THEN CAST(3 AS BIGINT) ELSE CAST(0 AS BIGINT) END)"),
        ("t == 'it\\'s' && !n || a != -1", "(((c2 = 'it''s') AND (NOT c3)) OR (c0 <> (-1)))"),
        ("money > a", "(c4 > (c0 * 100))"),
        ("money + 0.125", "((c4 * 10) + 125)"),
        ("a / 2", "(c0 / 2)"),
        ("a / -1", "(0 - c0)"),
        ("a % -2", "CAST(c0 % (-2) AS BIGINT)"),
        ("a % -1", "CAST(0 AS BIGINT)"),
        ("-(a - 1)", "(0 - (c0 - 1))"),
        ("2 + 2", "(CAST(2 AS BIGINT) + CAST(2 AS BIGINT))"),
        (
            "a * b",
            "CAST(GREATEST(LEAST(CAST(c0 AS DECIMAL(19, 0)) * CAST(c1 AS DECIMAL(19, 0)), \
             CAST(9223372036854775807 AS DECIMAL(38, 0))), CAST(-9223372036854775808 AS DECIMAL(38, 0))) AS BIGINT)",
        ),
        ("t in ['b', 'a', 'b']", "(c2 IN ('a', 'b'))"),
        ("a in [2, -1]", "(c0 IN ((-1), 2))"),
        ("size(t)", "CAST(CHAR_LENGTH(c2) AS BIGINT)"),
        ("t.startsWith('h\u{e9}')", "(LEFT(c2, 2) = 'h\u{e9}')"),
        ("t.endsWith('x')", "(RIGHT(c2, 1) = 'x')"),
        ("t.contains('x')", "(POSITION('x' IN c2) > 0)"),
        ("when.getMinutes()", "(CAST(((c5 % 3600000) + 3600000) % 3600000 AS BIGINT) / 60000)"),
        ("n == true", "(c3 = TRUE)"),
    ] {
        assert_eq!(sql_of(text, Dialect::Flink), want, "{text}");
    }
    let days = |sign: &str| format!("((c5 - CAST(((c5 % 86400000) + 86400000) % 86400000 AS BIGINT)) {sign} 86400000)");
    let flink = format!("EXTRACT(YEAR FROM TIMESTAMPADD(DAY, CAST({} AS INT), DATE '1970-01-01'))", days("/"));
    assert_eq!(sql_of("when.getFullYear()", Dialect::Flink), flink);
    let duck = format!("(EXTRACT(MONTH FROM (DATE '1970-01-01' + CAST({} AS INTEGER))) - 1)", days("//"));
    assert_eq!(sql_of("when.getMonth()", Dialect::DuckDb), duck);
    let week = format!("CAST(((({} + 4) % 7) + 7) % 7 AS BIGINT)", days("/"));
    assert_eq!(sql_of("when.getDayOfWeek()", Dialect::Flink), week);
    assert_eq!(sql_of("a / 2", Dialect::DuckDb), "(c0 // 2)");
}

#[test]
fn mistakes_are_placed() {
    for (text, want) in [
        ("", "at column 1: a field, a number or a text is needed here"),
        ("a >", "at column 4: a field, a number or a text is needed here"),
        ("a > c", "at column 5: unknown field `c` (available: a, b, money, n, t, when)"),
        ("'\u{e9}' == c", "at column 8: unknown field `c`"),
        ("a && b", "at column 3: the left side of `&&` is a number, not true or false"),
        ("t + 1", "at column 3: the left side is text, not a number"),
        ("t < 'x'", "at column 3: the left side is text, not a number or a time"),
        ("(a", "at column 3: `)` is needed here"),
        ("a)", "at column 2: an operator or the end is needed here"),
        ("(a]", "at column 3: `)` is needed here"),
        ("a in [1", "at column 8: `]` is needed here"),
        ("a b", "at column 3: an operator or the end is needed here"),
        ("a = b", "at column 3: `=` is not an operator; to compare write `==`"),
        ("a == 'x", "at column 6: a closing quote is needed"),
        ("t == 'x\\q'", "at column 8: unknown escape"),
        ("n ? a", "at column 6: `:` is needed here"),
        ("n ? n ? 1 : 2 : 3", "at column 7: put the choice between `?` and `:` in parentheses"),
        ("n ? a : t", "the value after `:` is text, not a number"),
        ("a ? 1 : 2", "the condition before `?` is a number, not true or false"),
        ("99999999999999999999", "at column 1: invalid int literal; a number has at most 64 bits"),
        ("a + 99999999999.999999999", "at column 5: the number needs more than 64 bits"),
        ("1.0123456789", "at column 1: the number has 10 decimal places, at most 9 are supported"),
        ("money * 0.00000001", "at column 7: the product has 10 decimal places"),
        ("1e5 + a", "at column 1: numbers with an exponent are not supported"),
        ("a + 1u", "at column 5: unsigned numbers are not supported"),
        ("a / b", "at column 3: the right side of `/` must be a constant"),
        ("a / 0", "division by zero"),
        ("a % 0", "division by zero"),
        ("money / 2", "must be whole numbers"),
        ("(((a / 2 + 1) / 2 + 1) / 2 + 1) / 2", "more than 3 divisions"),
        ("\u{e9}", "at column 1: a field, a number or a text is needed here"),
        ("t.matches('x')", "at column 3: the function `matches` is not supported; use `startsWith`"),
        ("timestamp('2024-01-01T00:00:00Z')", "at column 1: the function `timestamp` is not supported"),
        ("a > 1 && now() > 2", "at column 10: the function `now` is not supported"),
        ("double(a)", "at column 1: the function `double` is not supported"),
        ("[1].all(x, x > 0)", "at column 5: `all` is not supported"),
        ("has(a)", "at column 1: `has` is not supported"),
        ("true(a)", "at column 1: `true` is not a function"),
        ("{'a': 1}", "at column 1: maps and messages are not supported"),
        ("a[0]", "at column 2: indexes are not supported"),
        ("a.b", "at column 2: `.b` is not supported"),
        ("a // b", "at column 3: comments are not supported; for whole division write one `/`"),
        ("!!n", "at column 2: two signs in a row"),
        ("null", "at column 1: `null` is a reserved word"),
        ("b'x'", "at column 1: byte texts are not supported"),
        ("'''x'''", "at column 1: texts in triple quotes"),
        ("[1]", "at column 1: a list stands only after `in`"),
        ("a in b", "at column 3: the right side of `in` must be a list of constants"),
        ("a in []", "at column 3: the list after `in` is empty"),
        ("a in [b]", "at column 7: a list after `in` holds constants only"),
        ("a in ['x']", "at column 7: the constant is text, not a number"),
        ("n in [true]", "the left side of `in` is true or false"),
        ("t.startsWith(t)", "at column 3: `startsWith` takes one constant text in quotes"),
        ("t.contains('')", "an empty text is part of every text"),
        ("a.startsWith('x')", "the value before `.startsWith()` is a number, not text"),
        ("when.getHours('+01:00')", "at column 6: `getHours` takes no time zone"),
        ("a.getHours()", "the value before `.getHours()` is a number, not a time"),
        ("when + 1", "the left side is a time, not a number"),
        ("when > 1", "the right side is a number, not a time"),
        ("size(a)", "the value of `size` is a number, not text"),
        ("size()", "at column 1: `size` takes one text"),
    ] {
        let error = Expr::parse(text, &fields()).unwrap_err();
        assert!(error.contains(want), "{text}: {error}");
        assert!(error.contains("at column "), "{text}: {error}");
    }
}

#[test]
fn limits() {
    for text in [
        "(".repeat(1000),
        "!".repeat(1000),
        "[".repeat(1000),
        "n?".repeat(500),
        "-(".repeat(500),
        "f(".repeat(500),
        format!("{}1", "a+".repeat(500)),
        format!("a{}", ".x()".repeat(200)),
        format!("{}1", "n?1:".repeat(200)),
        format!("{}a{}", "(".repeat(33), ")".repeat(33)),
        "a".repeat(1025),
    ] {
        assert!(Expr::parse(&text, &fields()).is_err(), "{text}");
    }
    // What is inside the limits parses on a small stack.
    let wide = format!("{}n", "a>1||".repeat(200));
    let nested = format!("{}a{}", "(".repeat(32), ")".repeat(32));
    let signs = format!("{}a{}", "-(".repeat(32), ")".repeat(32));
    let choices = format!("{}0", "a>1?1:".repeat(16));
    let sums = format!("{}a", "a+".repeat(32));
    let right = format!("{}a{}", "a-(".repeat(16), ")".repeat(16));
    let calls = format!("{}t{}", "size(n?t:'x')+(".repeat(8), ")".repeat(8)).replace("(t)", "(a)");
    let list = format!("a in [{}1]", "1,".repeat(400));
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let check = move || {
        for text in [wide, nested, signs, choices, sums, right, calls, list] {
            parse(&text).number(&ROW);
        }
    };
    small.spawn(check).unwrap().join().unwrap();
}
