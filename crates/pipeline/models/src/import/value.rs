//! What JSON and UBJSON files consist of, and a cursor that knows the path to a value.

use super::ImportError;

/// Deeper values are refused.
pub(crate) const MAX_DEPTH: usize = 32;

/// A value of a JSON or UBJSON file. Lists of numbers only are kept as such.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Numbers(Vec<f64>),
    List(Vec<Value>),
    /// In the order of the file; of a name that is there twice the first counts.
    Map(Vec<(String, Value)>),
}

/// Collects the items of a list.
#[derive(Default)]
pub(crate) struct Items {
    numbers: Vec<f64>,
    others: Vec<Value>,
}

impl Items {
    pub(crate) fn push(&mut self, value: Value) {
        match value {
            Value::Number(number) if self.others.is_empty() => self.numbers.push(number),
            value => {
                self.others.extend(self.numbers.drain(..).map(Value::Number));
                self.others.push(value);
            }
        }
    }

    pub(crate) fn finish(self) -> Value {
        if self.others.is_empty() { Value::Numbers(self.numbers) } else { Value::List(self.others) }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct At<'a> {
    pub(crate) format: &'static str,
    pub(crate) path: String,
    pub(crate) value: &'a Value,
}

impl<'a> At<'a> {
    pub(crate) fn root(format: &'static str, value: &'a Value) -> At<'a> {
        At { format, path: String::new(), value }
    }

    pub(crate) fn error(&self, reason: impl Into<String>) -> ImportError {
        let field = if self.path.is_empty() { "(all)".to_string() } else { self.path.clone() };
        ImportError::Field { format: self.format, field, reason: reason.into() }
    }

    /// A field of a map.
    pub(crate) fn get(&self, name: &str) -> Result<At<'a>, ImportError> {
        self.find(name)?.ok_or_else(|| self.error(format!("it has no `{name}`")))
    }

    /// A field of a map if it is there and not null.
    pub(crate) fn find(&self, name: &str) -> Result<Option<At<'a>>, ImportError> {
        let Value::Map(fields) = self.value else { return Err(self.error("an object is expected")) };
        let found = fields.iter().find(|(field, value)| field == name && *value != Value::Null);
        Ok(found.map(|(_, value)| At { format: self.format, path: self.join(name), value }))
    }

    fn join(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) }
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> Result<Vec<At<'a>>, ImportError> {
        let item = |(number, value): (usize, &'a Value)| At {
            format: self.format,
            path: format!("{}[{number}]", self.path),
            value,
        };
        match self.value {
            Value::List(items) => Ok(items.iter().enumerate().map(item).collect()),
            Value::Numbers(items) if items.is_empty() => Ok(Vec::new()),
            _ => Err(self.error("a list is expected")),
        }
    }

    pub(crate) fn text(&self) -> Result<&'a str, ImportError> {
        match self.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.error("a text is expected")),
        }
    }

    pub(crate) fn texts(&self) -> Result<Vec<String>, ImportError> {
        self.items()?.iter().map(|item| item.text().map(str::to_string)).collect()
    }

    /// A number; also one in quotes, as XGBoost writes its parameters.
    pub(crate) fn number(&self) -> Result<f64, ImportError> {
        match self.value {
            Value::Number(number) => Ok(*number),
            Value::Text(text) => text.trim().parse().map_err(|_| self.error("a number is expected")),
            _ => Err(self.error("a number is expected")),
        }
    }

    pub(crate) fn whole(&self) -> Result<usize, ImportError> {
        whole(self.number()?).ok_or_else(|| self.error("a whole number is expected"))
    }

    pub(crate) fn truth(&self) -> Result<bool, ImportError> {
        match self.value {
            Value::Bool(truth) => Ok(*truth),
            _ => Err(self.error("true or false is expected")),
        }
    }

    /// A list of numbers; truth values count as 0 and 1.
    pub(crate) fn numbers(&self) -> Result<Vec<f64>, ImportError> {
        match self.value {
            Value::Numbers(numbers) => Ok(numbers.clone()),
            Value::List(items) => {
                let number = |item: &Value| match item {
                    Value::Number(number) => Some(*number),
                    Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
                    _ => None,
                };
                let numbers: Option<Vec<f64>> = items.iter().map(number).collect();
                numbers.ok_or_else(|| self.error("a list of numbers is expected"))
            }
            _ => Err(self.error("a list of numbers is expected")),
        }
    }

    /// A list of `count` numbers.
    pub(crate) fn column(&self, count: usize) -> Result<Vec<f64>, ImportError> {
        let numbers = self.numbers()?;
        if numbers.len() != count {
            return Err(self.error(format!("{} numbers, {count} are expected", numbers.len())));
        }
        Ok(numbers)
    }
}

/// A number that is whole and not negative.
pub(crate) fn whole(number: f64) -> Option<usize> {
    (number >= 0.0 && number <= f64::from(u32::MAX) && number.fract() == 0.0).then_some(number as usize)
}
