//! Expressions as trees for tests: printed as CEL, and evaluated plainly in 128 bits.

/// A number; the scale follows from the form.
#[derive(Clone, Debug)]
pub(super) enum Number {
    /// a, b or money.
    Field(usize),
    Literal(i64, u8),
    Negate(Box<Number>),
    /// `+`, `-` or `*`.
    Operation(char, Box<Number>, Box<Number>),
    /// `/` or `%`.
    Division(char, Box<Number>, i64),
    If(Box<Truth>, Box<Number>, Box<Number>),
    Size(Words),
}

#[derive(Clone, Debug)]
pub(super) enum Truth {
    Field,
    Constant(bool),
    Compare(&'static str, Box<Number>, Box<Number>),
    In(Box<Number>, Vec<(i64, u8)>),
    Not(Box<Truth>),
    And(Box<Truth>, Box<Truth>),
    Or(Box<Truth>, Box<Truth>),
    Same(&'static str, Words, Words),
    WordsIn(Words, Vec<String>),
    Test(&'static str, Words, String),
    Equal(Box<Truth>, Box<Truth>),
}

#[derive(Clone, Debug)]
pub(super) enum Words {
    Field,
    Literal(String),
    If(Box<Truth>, Box<Words>, Box<Words>),
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) numbers: [i64; 3],
    pub(super) truth: bool,
    pub(super) text: String,
}

fn literal(units: i64, scale: u8) -> String {
    if scale == 0 {
        return units.to_string();
    }
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = usize::from(scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    format!("{}{whole}.{fraction}", if units < 0 { "-" } else { "" })
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn clamp(value: i128) -> i128 {
    value.clamp(i128::from(i64::MIN), i128::from(i64::MAX))
}

fn scaled(value: i128, from: u8, to: u8) -> i128 {
    clamp(value * 10i128.pow(u32::from(to - from)))
}

impl Number {
    pub(super) fn print(&self) -> String {
        match self {
            Number::Field(place) => ["a", "b", "money"][*place].to_string(),
            Number::Literal(units, scale) => literal(*units, *scale),
            Number::Negate(inner) => format!("-({})", inner.print()),
            Number::Operation(sign, left, right) => format!("({} {sign} {})", left.print(), right.print()),
            Number::Division(sign, inner, divisor) => format!("({} {sign} {divisor})", inner.print()),
            Number::If(condition, yes, no) => format!("({} ? {} : {})", condition.print(), yes.print(), no.print()),
            Number::Size(words) => format!("size({})", words.print()),
        }
    }

    /// None if the expression must be refused.
    pub(super) fn scale(&self) -> Option<u8> {
        match self {
            Number::Field(place) => Some([0, 0, 2][*place]),
            Number::Literal(_, scale) => Some(*scale),
            Number::Negate(inner) => inner.scale(),
            Number::Operation('*', left, right) => Some(left.scale()? + right.scale()?).filter(|scale| *scale <= 9),
            Number::Operation(_, left, right) => Some(left.scale()?.max(right.scale()?)),
            Number::Division(_, inner, _) => inner.scale().filter(|scale| *scale == 0),
            Number::If(condition, yes, no) => condition.fits().then_some(yes.scale()?.max(no.scale()?)),
            Number::Size(words) => words.fits().then_some(0),
        }
    }

    pub(super) fn eval(&self, row: &Row) -> i128 {
        let at = |number: &Number, scale: Option<u8>| scaled(number.eval(row), number.scale().unwrap(), scale.unwrap());
        match self {
            Number::Field(place) => i128::from(row.numbers[*place]),
            Number::Literal(units, _) => i128::from(*units),
            Number::Negate(inner) => clamp(-inner.eval(row)),
            Number::Operation('*', left, right) => clamp(left.eval(row) * right.eval(row)),
            Number::Operation('+', left, right) => clamp(at(left, self.scale()) + at(right, self.scale())),
            Number::Operation(_, left, right) => clamp(at(left, self.scale()) - at(right, self.scale())),
            Number::Division('/', inner, divisor) => clamp(inner.eval(row) / i128::from(*divisor)),
            Number::Division(_, inner, divisor) => inner.eval(row) % i128::from(*divisor),
            Number::If(condition, yes, no) => at(if condition.eval(row) { yes } else { no }, self.scale()),
            Number::Size(words) => words.eval(row).chars().count() as i128,
        }
    }
}

impl Truth {
    pub(super) fn print(&self) -> String {
        match self {
            Truth::Field => "n".to_string(),
            Truth::Constant(value) => value.to_string(),
            Truth::Compare(sign, left, right) => format!("({} {sign} {})", left.print(), right.print()),
            Truth::In(value, list) => {
                let list: Vec<String> = list.iter().map(|(units, scale)| literal(*units, *scale)).collect();
                format!("({} in [{}])", value.print(), list.join(", "))
            }
            Truth::Not(inner) => format!("!({})", inner.print()),
            Truth::And(left, right) => format!("({} && {})", left.print(), right.print()),
            Truth::Or(left, right) => format!("({} || {})", left.print(), right.print()),
            Truth::Same(sign, left, right) => format!("({} {sign} {})", left.print(), right.print()),
            Truth::WordsIn(words, list) => {
                let list: Vec<String> = list.iter().map(|text| quoted(text)).collect();
                format!("({} in [{}])", words.print(), list.join(", "))
            }
            Truth::Test(name, words, part) => format!("{}.{name}({})", words.print(), quoted(part)),
            Truth::Equal(left, right) => format!("({} == {})", left.print(), right.print()),
        }
    }

    pub(super) fn fits(&self) -> bool {
        match self {
            Truth::Field | Truth::Constant(_) => true,
            Truth::Compare(_, left, right) => left.scale().is_some() && right.scale().is_some(),
            Truth::In(value, _) => value.scale().is_some(),
            Truth::Not(inner) => inner.fits(),
            Truth::And(left, right) | Truth::Or(left, right) | Truth::Equal(left, right) => left.fits() && right.fits(),
            Truth::Same(_, left, right) => left.fits() && right.fits(),
            Truth::WordsIn(words, _) | Truth::Test(_, words, _) => words.fits(),
        }
    }

    pub(super) fn eval(&self, row: &Row) -> bool {
        match self {
            Truth::Field => row.truth,
            Truth::Constant(value) => *value,
            Truth::Compare(sign, left, right) => {
                let scale = left.scale().unwrap().max(right.scale().unwrap());
                let left = scaled(left.eval(row), left.scale().unwrap(), scale);
                let right = scaled(right.eval(row), right.scale().unwrap(), scale);
                match *sign {
                    "==" => left == right,
                    "!=" => left != right,
                    "<" => left < right,
                    "<=" => left <= right,
                    ">" => left > right,
                    _ => left >= right,
                }
            }
            Truth::In(value, list) => {
                let own = value.scale().unwrap();
                let scale = list.iter().map(|(_, scale)| *scale).max().unwrap().max(own);
                let value = scaled(value.eval(row), own, scale);
                list.iter().any(|(units, own)| scaled(i128::from(*units), *own, scale) == value)
            }
            Truth::Not(inner) => !inner.eval(row),
            Truth::And(left, right) => left.eval(row) && right.eval(row),
            Truth::Or(left, right) => left.eval(row) || right.eval(row),
            Truth::Same(sign, left, right) => (left.eval(row) == right.eval(row)) == (*sign == "=="),
            Truth::WordsIn(words, list) => list.contains(&words.eval(row)),
            Truth::Test(name, words, part) => match *name {
                "startsWith" => words.eval(row).starts_with(part),
                "endsWith" => words.eval(row).ends_with(part),
                _ => words.eval(row).contains(part),
            },
            Truth::Equal(left, right) => left.eval(row) == right.eval(row),
        }
    }
}

impl Words {
    pub(super) fn print(&self) -> String {
        match self {
            Words::Field => "t".to_string(),
            Words::Literal(text) => quoted(text),
            Words::If(condition, yes, no) => format!("({} ? {} : {})", condition.print(), yes.print(), no.print()),
        }
    }

    pub(super) fn fits(&self) -> bool {
        match self {
            Words::Field | Words::Literal(_) => true,
            Words::If(condition, yes, no) => condition.fits() && yes.fits() && no.fits(),
        }
    }

    pub(super) fn eval(&self, row: &Row) -> String {
        match self {
            Words::Field => row.text.clone(),
            Words::Literal(text) => text.clone(),
            Words::If(condition, yes, no) => if condition.eval(row) { yes } else { no }.eval(row),
        }
    }
}
