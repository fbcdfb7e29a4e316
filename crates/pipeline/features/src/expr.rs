//! Expressions over the fields of an event: the integer, truth and text part of CEL (the Common
//! Expression Language), type-checked when the manifest is read.
//!
//! `goals_for > goals_against ? 3 : 1`, `tournament == "Friendly" && !neutral`. Arithmetic saturates
//! at the ends of 64 bits, so that an expression has a value for every event.

use std::collections::BTreeMap;

use enliven_types::Value;

const MAX_BYTES: usize = 1024;
const MAX_DEPTH: usize = 32;

/// The kind of a field or of an expression's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Int,
    /// True or false.
    Bool,
    /// Text.
    Text,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Int => "a number",
            Kind::Bool => "true or false",
            Kind::Text => "text",
        }
    }
}

/// A checked expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    node: Node,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Field(usize),
    Constant(Value),
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary(Op, Box<Node>, Box<Node>),
    If(Box<Node>, Box<Node>, Box<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Or,
    And,
    Equal,
    Differ,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Add,
    Subtract,
    Multiply,
}

/// Longer operators first, so that `<=` is not read as `<`.
const OPERATORS: [(&str, Op, u8); 11] = [
    ("||", Op::Or, 1),
    ("&&", Op::And, 2),
    ("==", Op::Equal, 3),
    ("!=", Op::Differ, 3),
    ("<=", Op::AtMost, 3),
    (">=", Op::AtLeast, 3),
    ("<", Op::Less, 3),
    (">", Op::Greater, 3),
    ("+", Op::Add, 4),
    ("-", Op::Subtract, 4),
    ("*", Op::Multiply, 5),
];

impl Expr {
    /// Parses `text` over `fields` (name -> place in the row and kind).
    pub fn parse(text: &str, fields: &BTreeMap<String, (usize, Kind)>) -> Result<Expr, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("the expression is longer than {MAX_BYTES} bytes"));
        }
        let mut parser = Parser { text, at: 0, fields };
        let (node, kind) = parser.ternary(0)?;
        parser.skip_space();
        if parser.at < text.len() {
            return Err(parser.wrong("an operator or the end"));
        }
        Ok(Expr { node, kind })
    }

    /// The kind of its value.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its value as a number (false 0, true 1) for a row of fields.
    pub fn number(&self, row: &[Value]) -> i64 {
        eval(&self.node, row).number().unwrap_or(0)
    }
}

fn eval(node: &Node, row: &[Value]) -> Value {
    let number = |node: &Node| eval(node, row).number().unwrap_or(0);
    match node {
        Node::Field(place) => row[*place].clone(),
        Node::Constant(value) => value.clone(),
        Node::Not(inner) => Value::Bool(number(inner) == 0),
        Node::Negate(inner) => Value::Int(number(inner).saturating_neg()),
        Node::If(condition, yes, no) => eval(if number(condition) != 0 { yes } else { no }, row),
        Node::Binary(op, left, right) => match op {
            Op::Or => Value::Bool(number(left) != 0 || number(right) != 0),
            Op::And => Value::Bool(number(left) != 0 && number(right) != 0),
            Op::Equal => Value::Bool(eval(left, row) == eval(right, row)),
            Op::Differ => Value::Bool(eval(left, row) != eval(right, row)),
            Op::Less => Value::Bool(number(left) < number(right)),
            Op::AtMost => Value::Bool(number(left) <= number(right)),
            Op::Greater => Value::Bool(number(left) > number(right)),
            Op::AtLeast => Value::Bool(number(left) >= number(right)),
            Op::Add => Value::Int(number(left).saturating_add(number(right))),
            Op::Subtract => Value::Int(number(left).saturating_sub(number(right))),
            Op::Multiply => Value::Int(number(left).saturating_mul(number(right))),
        },
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    fields: &'a BTreeMap<String, (usize, Kind)>,
}

type Parsed = Result<(Node, Kind), String>;

impl Parser<'_> {
    fn ternary(&mut self, depth: usize) -> Parsed {
        let condition = self.binary(1, depth)?;
        if !self.eat("?") {
            return Ok(condition);
        }
        self.expect_kind("the condition before `?`", condition.1, Kind::Bool)?;
        let yes = self.ternary(depth + 1)?;
        if !self.eat(":") {
            return Err(self.wrong("`:`"));
        }
        let no = self.ternary(depth + 1)?;
        self.expect_kind("the value after `:`", no.1, yes.1)?;
        Ok((Node::If(Box::new(condition.0), Box::new(yes.0), Box::new(no.0)), yes.1))
    }

    fn binary(&mut self, level: u8, depth: usize) -> Parsed {
        if level > 5 {
            return self.unary(depth);
        }
        let mut left = self.binary(level + 1, depth)?;
        while let Some(op) = self.operator(level) {
            let right = self.binary(level + 1, depth)?;
            let kind = self.check(op, left.1, right.1)?;
            left = (Node::Binary(op, Box::new(left.0), Box::new(right.0)), kind);
        }
        Ok(left)
    }

    fn check(&self, op: Op, left: Kind, right: Kind) -> Result<Kind, String> {
        let both = |kind, result| {
            self.expect_kind("the left side", left, kind)?;
            self.expect_kind("the right side", right, kind)?;
            Ok(result)
        };
        match op {
            Op::Or | Op::And => both(Kind::Bool, Kind::Bool),
            Op::Equal | Op::Differ => {
                self.expect_kind("the right side", right, left)?;
                Ok(Kind::Bool)
            }
            Op::Less | Op::AtMost | Op::Greater | Op::AtLeast => both(Kind::Int, Kind::Bool),
            Op::Add | Op::Subtract | Op::Multiply => both(Kind::Int, Kind::Int),
        }
    }

    fn expect_kind(&self, what: &str, found: Kind, wanted: Kind) -> Result<(), String> {
        if found == wanted {
            return Ok(());
        }
        Err(format!("at column {}: {what} is {}, not {}", self.column(), found.name(), wanted.name()))
    }

    fn unary(&mut self, depth: usize) -> Parsed {
        if depth > MAX_DEPTH {
            return Err(format!("the expression is nested deeper than {MAX_DEPTH}"));
        }
        if self.eat("!") {
            let (node, kind) = self.unary(depth + 1)?;
            self.expect_kind("the value after `!`", kind, Kind::Bool)?;
            return Ok((Node::Not(Box::new(node)), Kind::Bool));
        }
        if self.eat("-") {
            let (node, kind) = self.unary(depth + 1)?;
            self.expect_kind("the value after `-`", kind, Kind::Int)?;
            return Ok((Node::Negate(Box::new(node)), Kind::Int));
        }
        if self.eat("(") {
            let inner = self.ternary(depth + 1)?;
            if !self.eat(")") {
                return Err(self.wrong("`)`"));
            }
            return Ok(inner);
        }
        self.atom()
    }

    fn atom(&mut self) -> Parsed {
        self.skip_space();
        let rest = &self.text[self.at..];
        if let Some(quote @ ('"' | '\'')) = rest.chars().next() {
            let end = rest[1..].find(quote).ok_or_else(|| self.wrong("a closing quote"))?;
            self.at += end + 2;
            return Ok((Node::Constant(Value::Text(rest[1..=end].to_string())), Kind::Text));
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word = &rest[..end];
        if word.is_empty() {
            return Err(self.wrong("a field, a number or a text"));
        }
        let place = if word.starts_with(|c: char| c.is_ascii_digit()) {
            let number = word.parse().map_err(|_| self.wrong("a number of at most 64 bits"))?;
            (Node::Constant(Value::Int(number)), Kind::Int)
        } else if word == "true" || word == "false" {
            (Node::Constant(Value::Bool(word == "true")), Kind::Bool)
        } else {
            let (place, kind) = *self.fields.get(word).ok_or_else(|| {
                let names: Vec<&str> = self.fields.keys().map(String::as_str).collect();
                format!("at column {}: unknown field `{word}` (available: {})", self.column(), names.join(", "))
            })?;
            (Node::Field(place), kind)
        };
        self.at += end;
        Ok(place)
    }

    fn operator(&mut self, level: u8) -> Option<Op> {
        self.skip_space();
        let rest = &self.text[self.at..];
        let (sign, op, found) = *OPERATORS.iter().find(|(sign, _, _)| rest.starts_with(sign))?;
        if found != level {
            return None;
        }
        self.at += sign.len();
        Some(op)
    }

    fn eat(&mut self, sign: &str) -> bool {
        self.skip_space();
        let found = self.text[self.at..].starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn column(&self) -> usize {
        self.text[..self.at].chars().count() + 1
    }

    fn wrong(&self, wanted: &str) -> String {
        format!("at column {}: {wanted} is needed here", self.column())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> BTreeMap<String, (usize, Kind)> {
        [("a", Kind::Int), ("b", Kind::Int), ("t", Kind::Text), ("n", Kind::Bool)]
            .iter()
            .enumerate()
            .map(|(place, (name, kind))| (name.to_string(), (place, *kind)))
            .collect()
    }

    #[test]
    fn values() {
        let row = [Value::Int(3), Value::Int(-2), Value::Text("Friendly".into()), Value::Bool(true)];
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
            ("n == true", 1),
        ] {
            assert_eq!(Expr::parse(text, &fields()).unwrap().number(&row), want, "{text}");
        }
    }

    #[test]
    fn mistakes_are_placed() {
        for (text, want) in [
            ("a >", "at column 4: a field, a number or a text is needed here"),
            ("a > c", "at column 5: unknown field `c` (available: a, b, n, t)"),
            ("a && b", "the left side is a number, not true or false"),
            ("t + 1", "the left side is text, not a number"),
            ("(a", "at column 3: `)` is needed here"),
            ("a b", "at column 3: an operator or the end is needed here"),
            ("a == 'x", "at column 6: a closing quote is needed here"),
            ("n ? a", "at column 6: `:` is needed here"),
            ("n ? a : t", "the value after `:` is text, not a number"),
            ("99999999999999999999", "a number of at most 64 bits"),
            ("é", "a field, a number or a text"),
        ] {
            let error = Expr::parse(text, &fields()).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
        assert!(Expr::parse(&"(".repeat(1000), &fields()).is_err());
        assert!(Expr::parse(&"!".repeat(1000), &fields()).is_err());
        assert!(Expr::parse(&"n?".repeat(500), &fields()).is_err());
    }
}
