//! From the tree that the CEL parser gives to a checked [`Node`].

use cel::common::ast::{CallExpr, Expr as Cel, IdedExpr, LiteralValue, SourceInfo, operators};

use super::node::{Arithmetic, Comparison, Node, TextTest, TimePart};
use super::token::{at_column, number_length};
use super::{Fields, Kind, MAX_SCALE};

/// Truncated division stands twice in its SQL form, so nested ones double the text each time.
const MAX_DIVISIONS: usize = 3;

type Checked = Result<(Node, Kind), String>;

/// Parses and checks a text that has passed the scan.
pub(super) fn check(text: &str, fields: &Fields) -> Checked {
    let (tree, source) = cel::parser::Parser::default().parse_with_source_info(text).map_err(|errors| {
        match errors.errors.first() {
            // What the scan lets pass and the parser refuses is a constant out of range.
            Some(error) => {
                let column = usize::try_from(error.pos.1).unwrap_or(1).max(1);
                let message = error.msg.split(':').next().unwrap_or("").trim();
                format!("at column {column}: {message}; a number has at most 64 bits")
            }
            None => "the expression does not parse".to_string(),
        }
    })?;
    Checker { text, fields, source }.node(&tree)
}

struct Checker<'a> {
    text: &'a str,
    fields: &'a Fields,
    source: SourceInfo,
}

impl Checker<'_> {
    fn node(&self, tree: &IdedExpr) -> Checked {
        match &tree.expr {
            Cel::Ident(name) => self.field(tree, name),
            Cel::Literal(literal) => self.literal(tree, literal),
            Cel::Call(call) => self.call(tree, call),
            Cel::List(_) => Err(self.wrong(tree, "a list stands only after `in`")),
            Cel::Select(_) => Err(self.wrong(tree, "parts of fields are not supported; a field is one value")),
            Cel::Map(_) | Cel::Struct(_) => Err(self.wrong(tree, "maps and messages are not supported; use fields")),
            Cel::Comprehension(_) => Err(self.wrong(tree, "loops over lists are not supported; use `in`")),
            Cel::Unspecified => Err(self.wrong(tree, "this does not parse")),
        }
    }

    fn field(&self, tree: &IdedExpr, name: &str) -> Checked {
        let Some((slot, kind)) = self.fields.get(name).copied() else {
            let names: Vec<&str> = self.fields.keys().map(String::as_str).collect();
            return Err(self.wrong(tree, &format!("unknown field `{name}` (available: {})", names.join(", "))));
        };
        if let Kind::Number(scale) = kind
            && scale > MAX_SCALE
        {
            let message = format!("`{name}` has {scale} decimal places, at most {MAX_SCALE} are supported");
            return Err(self.wrong(tree, &message));
        }
        let slot = u16::try_from(slot).map_err(|_| self.wrong(tree, "the row has more than 65536 fields"))?;
        Ok((if kind == Kind::Text { Node::TextField(slot) } else { Node::Field(slot) }, kind))
    }

    fn literal(&self, tree: &IdedExpr, literal: &LiteralValue) -> Checked {
        match literal {
            LiteralValue::Boolean(value) => Ok((Node::Bool(*value.inner()), Kind::Bool)),
            LiteralValue::Int(value) => Ok((Node::Number(*value.inner()), Kind::Number(0))),
            LiteralValue::String(value) => Ok((Node::Text(value.inner().to_string()), Kind::Text)),
            LiteralValue::Double(value) => self.decimal(tree, value.inner().is_sign_negative()),
            LiteralValue::UInt(_) => Err(self.wrong(tree, "unsigned numbers are not supported; leave out the `u`")),
            LiteralValue::Bytes(_) => Err(self.wrong(tree, "byte texts are not supported; leave out the `b`")),
            LiteralValue::Null => Err(self.wrong(tree, "`null` is not supported; every field has a value")),
        }
    }

    /// A decimal number from its digits in the text: the parser's float is not exact.
    fn decimal(&self, tree: &IdedExpr, negative: bool) -> Checked {
        let rest = self.text.get(self.start(tree)..).unwrap_or("");
        let rest = rest.trim_start_matches(['-', ' ', '\t', '\r', '\n', '\u{c}']);
        let digits = rest.get(..number_length(rest)).unwrap_or("");
        let Some((whole, fraction)) = digits.split_once('.') else {
            return Err(self.wrong(tree, "the number cannot be read; write it as digits, a point and digits"));
        };
        let scale = u8::try_from(fraction.len()).ok().filter(|scale| *scale <= MAX_SCALE).ok_or_else(|| {
            self.wrong(
                tree,
                &format!("the number has {} decimal places, at most {MAX_SCALE} are supported", fraction.len()),
            )
        })?;
        let sign = if negative { "-" } else { "" };
        let units = format!("{sign}{whole}{fraction}").parse();
        let units = units.map_err(|_| self.wrong(tree, "the number needs more than 64 bits; use fewer digits"))?;
        Ok((Node::Number(units), Kind::Number(scale)))
    }

    fn call(&self, tree: &IdedExpr, call: &CallExpr) -> Checked {
        let name = call.func_name.as_str();
        if let Some(target) = &call.target {
            return self.method(tree, name, target, &call.args);
        }
        match (name, call.args.as_slice()) {
            (operators::CONDITIONAL, [condition, yes, no]) => self.choice(tree, condition, yes, no),
            (operators::LOGICAL_AND, [left, right]) => self.logic(tree, "&&", Node::And, left, right),
            (operators::LOGICAL_OR, [left, right]) => self.logic(tree, "||", Node::Or, left, right),
            (operators::LOGICAL_NOT, [inner]) => {
                let (node, kind) = self.node(inner)?;
                self.expect(tree, "the value after `!`", kind, Kind::Bool)?;
                Ok((Node::Not(Box::new(node)), Kind::Bool))
            }
            (operators::NEGATE, [inner]) => {
                let (node, kind) = self.node(inner)?;
                self.expect_number(tree, "the value after `-`", kind)?;
                Ok((Node::Negate(Box::new(node)), kind))
            }
            (operators::ADD, [left, right]) => self.sum(tree, Arithmetic::Add, left, right),
            (operators::SUBSTRACT, [left, right]) => self.sum(tree, Arithmetic::Subtract, left, right),
            (operators::MULTIPLY, [left, right]) => self.product(tree, left, right),
            (operators::DIVIDE, [left, right]) => self.quotient(tree, "/", left, right),
            (operators::MODULO, [left, right]) => self.quotient(tree, "%", left, right),
            (operators::EQUALS, [left, right]) => self.comparison(tree, Comparison::Equal, left, right),
            (operators::NOT_EQUALS, [left, right]) => self.comparison(tree, Comparison::Differ, left, right),
            (operators::LESS, [left, right]) => self.comparison(tree, Comparison::Less, left, right),
            (operators::LESS_EQUALS, [left, right]) => self.comparison(tree, Comparison::AtMost, left, right),
            (operators::GREATER, [left, right]) => self.comparison(tree, Comparison::Greater, left, right),
            (operators::GREATER_EQUALS, [left, right]) => self.comparison(tree, Comparison::AtLeast, left, right),
            (operators::IN, [value, list]) => self.membership(tree, value, list),
            ("size", [inner]) => self.size(tree, inner),
            ("size", _) => Err(self.wrong_call(tree, name, "`size` takes one text")),
            _ => Err(self.unknown_function(tree, name)),
        }
    }

    fn choice(&self, tree: &IdedExpr, condition: &IdedExpr, yes: &IdedExpr, no: &IdedExpr) -> Checked {
        let (condition, condition_kind) = self.node(condition)?;
        self.expect(tree, "the condition before `?`", condition_kind, Kind::Bool)?;
        let (yes, yes_kind) = self.node(yes)?;
        let (no, no_kind) = self.node(no)?;
        let (yes, no, kind) = match (yes_kind, no_kind) {
            (Kind::Number(left), Kind::Number(right)) => {
                let scale = left.max(right);
                (rescale(yes, left, scale), rescale(no, right, scale), Kind::Number(scale))
            }
            _ => {
                self.expect(tree, "the value after `:`", no_kind, yes_kind)?;
                (yes, no, yes_kind)
            }
        };
        Ok((Node::If(Box::new(condition), Box::new(yes), Box::new(no)), kind))
    }

    fn logic(
        &self,
        tree: &IdedExpr,
        sign: &str,
        make: fn(Box<Node>, Box<Node>) -> Node,
        left: &IdedExpr,
        right: &IdedExpr,
    ) -> Checked {
        let (left, left_kind) = self.node(left)?;
        let (right, right_kind) = self.node(right)?;
        self.expect(tree, &format!("the left side of `{sign}`"), left_kind, Kind::Bool)?;
        self.expect(tree, &format!("the right side of `{sign}`"), right_kind, Kind::Bool)?;
        Ok((make(Box::new(left), Box::new(right)), Kind::Bool))
    }

    fn sum(&self, tree: &IdedExpr, operation: Arithmetic, left: &IdedExpr, right: &IdedExpr) -> Checked {
        let (left, left_kind) = self.node(left)?;
        let (right, right_kind) = self.node(right)?;
        let left_scale = self.expect_number(tree, "the left side", left_kind)?;
        let right_scale = self.expect_number(tree, "the right side", right_kind)?;
        let scale = left_scale.max(right_scale);
        let (left, right) = (rescale(left, left_scale, scale), rescale(right, right_scale, scale));
        Ok((Node::Arithmetic(operation, Box::new(left), Box::new(right)), Kind::Number(scale)))
    }

    fn product(&self, tree: &IdedExpr, left: &IdedExpr, right: &IdedExpr) -> Checked {
        let (left, left_kind) = self.node(left)?;
        let (right, right_kind) = self.node(right)?;
        let left_scale = self.expect_number(tree, "the left side", left_kind)?;
        let right_scale = self.expect_number(tree, "the right side", right_kind)?;
        let scale = left_scale + right_scale;
        if scale > MAX_SCALE {
            let message = format!(
                "the product has {scale} decimal places, at most {MAX_SCALE} are supported; use numbers with fewer places"
            );
            return Err(self.wrong(tree, &message));
        }
        Ok((Node::Arithmetic(Arithmetic::Multiply, Box::new(left), Box::new(right)), Kind::Number(scale)))
    }

    fn quotient(&self, tree: &IdedExpr, sign: &str, left: &IdedExpr, right: &IdedExpr) -> Checked {
        let (left, left_kind) = self.node(left)?;
        let (right, right_kind) = self.node(right)?;
        let left_scale = self.expect_number(tree, "the left side", left_kind)?;
        let right_scale = self.expect_number(tree, "the right side", right_kind)?;
        if left_scale != 0 || right_scale != 0 {
            let message = format!("both sides of `{sign}` must be whole numbers, without decimal places");
            return Err(self.wrong(tree, &message));
        }
        let Node::Number(divisor) = right else {
            return Err(self.wrong(tree, &format!("the right side of `{sign}` must be a constant, such as `{sign} 2`")));
        };
        if divisor == 0 {
            return Err(self.wrong(tree, "division by zero has no value; use another constant"));
        }
        if sign == "%" {
            return Ok((Node::Remainder(Box::new(left), divisor), Kind::Number(0)));
        }
        let node = Node::Divide(Box::new(left), divisor);
        if divisions(&node) > MAX_DIVISIONS {
            let message = format!("more than {MAX_DIVISIONS} divisions of one another; divide once by the product");
            return Err(self.wrong(tree, &message));
        }
        Ok((node, Kind::Number(0)))
    }

    fn comparison(&self, tree: &IdedExpr, comparison: Comparison, left: &IdedExpr, right: &IdedExpr) -> Checked {
        let (left, left_kind) = self.node(left)?;
        let (right, right_kind) = self.node(right)?;
        let equality = matches!(comparison, Comparison::Equal | Comparison::Differ);
        let (left, right) = match (left_kind, right_kind) {
            (Kind::Number(left_scale), Kind::Number(right_scale)) => {
                let scale = left_scale.max(right_scale);
                (rescale(left, left_scale, scale), rescale(right, right_scale, scale))
            }
            (Kind::Time, Kind::Time) => (left, right),
            (Kind::Bool, Kind::Bool) if equality => (left, right),
            (Kind::Text, Kind::Text) if equality => {
                let node = Node::SameText(comparison == Comparison::Equal, Box::new(left), Box::new(right));
                return Ok((node, Kind::Bool));
            }
            (Kind::Bool | Kind::Text, _) if !equality => {
                return Err(self.wrong(tree, &format!("the left side is {}, not a number or a time", left_kind.name())));
            }
            _ => {
                self.expect(tree, "the right side", right_kind, left_kind)?;
                (left, right)
            }
        };
        Ok((Node::Compare(comparison, Box::new(left), Box::new(right)), Kind::Bool))
    }

    fn membership(&self, tree: &IdedExpr, value: &IdedExpr, list: &IdedExpr) -> Checked {
        let (node, kind) = self.node(value)?;
        let Cel::List(list) = &list.expr else {
            return Err(self.wrong(tree, "the right side of `in` must be a list of constants, such as `[1, 2]`"));
        };
        if list.elements.is_empty() {
            return Err(self.wrong(tree, "the list after `in` is empty; name at least one constant"));
        }
        let mut texts = Vec::new();
        let mut numbers = Vec::new();
        for element in &list.elements {
            let (constant, element_kind) = match &element.expr {
                Cel::Literal(literal) => self.literal(element, literal)?,
                _ => {
                    return Err(self.wrong(element, "a list after `in` holds constants only; compare fields with `==`"));
                }
            };
            match (kind, constant, element_kind) {
                (Kind::Text, Node::Text(text), _) => texts.push(text),
                (Kind::Number(_), Node::Number(number), Kind::Number(scale)) => numbers.push((number, scale)),
                (Kind::Text | Kind::Number(_), _, _) => self.expect(element, "the constant", element_kind, kind)?,
                _ => {
                    let message = format!("the left side of `in` is {}, not a number or text", kind.name());
                    return Err(self.wrong(tree, &message));
                }
            }
        }
        let Kind::Number(own) = kind else {
            texts.sort_unstable();
            texts.dedup();
            return Ok((Node::InTexts(Box::new(node), texts), Kind::Bool));
        };
        let common = numbers.iter().map(|(_, scale)| *scale).max().unwrap_or(own).max(own);
        let mut units: Vec<i64> =
            numbers.iter().map(|(number, scale)| number.saturating_mul(power(common - scale))).collect();
        units.sort_unstable();
        units.dedup();
        Ok((Node::InNumbers(Box::new(rescale(node, own, common)), units), Kind::Bool))
    }

    fn size(&self, tree: &IdedExpr, inner: &IdedExpr) -> Checked {
        let (node, kind) = self.node(inner)?;
        self.expect(tree, "the value of `size`", kind, Kind::Text)?;
        Ok((Node::Size(Box::new(node)), Kind::Number(0)))
    }

    fn method(&self, tree: &IdedExpr, name: &str, target: &IdedExpr, arguments: &[IdedExpr]) -> Checked {
        let test = match name {
            "startsWith" => Some(TextTest::StartsWith),
            "endsWith" => Some(TextTest::EndsWith),
            "contains" => Some(TextTest::Contains),
            _ => None,
        };
        let part = match name {
            "getFullYear" => Some(TimePart::Year),
            "getMonth" => Some(TimePart::Month),
            "getDate" => Some(TimePart::Date),
            "getDayOfMonth" => Some(TimePart::DayOfMonth),
            "getDayOfWeek" => Some(TimePart::DayOfWeek),
            "getHours" => Some(TimePart::Hours),
            "getMinutes" => Some(TimePart::Minutes),
            _ => None,
        };
        if let Some(part) = part {
            if !arguments.is_empty() {
                let message = format!("`{name}` takes no time zone here: times are in UTC; write `{name}()`");
                return Err(self.wrong_call(tree, name, &message));
            }
            let (node, kind) = self.node(target)?;
            self.expect(tree, &format!("the value before `.{name}()`"), kind, Kind::Time)?;
            return Ok((Node::TimePart(part, Box::new(node)), Kind::Number(0)));
        }
        if let Some(test) = test {
            let (node, kind) = self.node(target)?;
            self.expect(tree, &format!("the value before `.{name}()`"), kind, Kind::Text)?;
            let constant = match arguments {
                [IdedExpr { expr: Cel::Literal(LiteralValue::String(value)), .. }] => value.inner(),
                _ => return Err(self.wrong_call(tree, name, &format!("`{name}` takes one constant text in quotes"))),
            };
            if constant.is_empty() {
                return Err(self.wrong_call(tree, name, "an empty text is part of every text; leave this out"));
            }
            return Ok((Node::TextTest(test, Box::new(node), constant.to_string()), Kind::Bool));
        }
        match (name, arguments) {
            ("size", []) => self.size(tree, target),
            ("size", _) => Err(self.wrong_call(tree, name, "`size` takes no argument after a `.`")),
            _ => Err(self.unknown_function(tree, name)),
        }
    }

    fn unknown_function(&self, tree: &IdedExpr, name: &str) -> String {
        let instead = match name {
            "matches" => "`startsWith`, `endsWith`, `contains` or `in`",
            "timestamp" | "now" | "duration" => "a field with a time and its parts, such as `getHours()`",
            "double" | "int" | "uint" | "string" | "bool" | "bytes" | "dyn" | "type" => {
                "the field as its column declares it"
            }
            _ => "`size`, `startsWith`, `endsWith`, `contains` or a part of a time, such as `getHours`",
        };
        self.wrong_call(tree, name, &format!("the function `{name}` is not supported; use {instead}"))
    }

    fn expect(&self, tree: &IdedExpr, what: &str, found: Kind, wanted: Kind) -> Result<(), String> {
        if found == wanted {
            return Ok(());
        }
        Err(self.wrong(tree, &format!("{what} is {}, not {}", found.name(), wanted.name())))
    }

    fn expect_number(&self, tree: &IdedExpr, what: &str, found: Kind) -> Result<u8, String> {
        match found {
            Kind::Number(scale) => Ok(scale),
            _ => Err(self.wrong(tree, &format!("{what} is {}, not a number", found.name()))),
        }
    }

    fn start(&self, tree: &IdedExpr) -> usize {
        self.source.offset_for(tree.id).map_or(0, |(start, _)| start as usize)
    }

    fn wrong(&self, tree: &IdedExpr, message: &str) -> String {
        at_column(self.text, self.start(tree), message)
    }

    /// A message at the name of a function; the parser remembers the place of its bracket.
    fn wrong_call(&self, tree: &IdedExpr, name: &str, message: &str) -> String {
        let before = self.text.get(..self.start(tree)).unwrap_or("").trim_end();
        at_column(self.text, before.len().saturating_sub(name.len()), message)
    }
}

/// The most divisions of one another.
fn divisions(node: &Node) -> usize {
    let below = node.children().into_iter().flatten().map(divisions).max().unwrap_or(0);
    below + usize::from(matches!(node, Node::Divide(..)))
}

fn power(places: u8) -> i64 {
    10i64.saturating_pow(u32::from(places))
}

/// Brings a number from one scale to a finer one.
fn rescale(node: Node, from: u8, to: u8) -> Node {
    let factor = power(to.saturating_sub(from));
    match node {
        node if factor == 1 => node,
        Node::Number(number) => Node::Number(number.saturating_mul(factor)),
        node => Node::Scale(Box::new(node), factor),
    }
}
