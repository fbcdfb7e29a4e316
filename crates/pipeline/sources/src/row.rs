use std::borrow::Cow;
use std::fmt;

use enliven_types::{ColumnType, Data, Event, Fixed, Names, Period, SmolStr, Subjects, Timestamp, ToSmolStr, Value};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{SourceConfig, SourceError};

const MAX_TEXT_BYTES: usize = 8 << 10;
const MAX_ID_BYTES: usize = 1 << 10;

/// A row that was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BadRow {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: u64,
    /// The column, where one is to blame.
    pub column: Option<String>,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if let Some(column) = &self.column {
            write!(f, "column `{column}`: ")?;
        }
        f.write_str(&self.reason)
    }
}

/// Why a row is refused: the column to blame, if one is, and the reason.
pub(crate) type Refusal = (Option<String>, String);

/// The texts of a row in the order of the declared columns.
pub(crate) type Cells<'a> = SmallVec<[Cow<'a, str>; 8]>;

/// Turns the cells of one row into an event.
#[derive(Clone, Debug)]
pub struct RowReader {
    name: SmolStr,
    kind: SmolStr,
    config: SourceConfig,
    /// The names of the columns, and their types in the order of the names.
    names: Names,
    kinds: Vec<ColumnType>,
    /// The places among the columns of the time,
    time: usize,
    /// of what makes the id,
    id: Vec<usize>,
    /// of the subjects,
    subjects: Vec<usize>,
    /// and of the number that orders events of the same time.
    order: Option<usize>,
    /// No event is dated later.
    not_after: Timestamp,
}

impl RowReader {
    /// Checks the configuration of the source called `name`.
    pub fn new(name: &str, config: &SourceConfig) -> Result<RowReader, SourceError> {
        let unknown = |field, column: &String| SourceError::UnknownColumn {
            name: name.to_string(),
            field,
            column: column.clone(),
            available: join(config.columns.keys()),
        };
        for (column, kind) in &config.columns {
            if kind.scale() > 12 {
                let (name, column) = (name.to_string(), column.clone());
                return Err(SourceError::Scale { name, column, places: kind.scale() });
            }
        }
        for (field, columns) in [("id", &config.id), ("subjects", &config.subjects)] {
            if columns.is_empty() {
                return Err(SourceError::Empty { name: name.to_string(), field });
            }
            if let Some(column) = columns.iter().find(|column| !config.columns.contains_key(*column)) {
                return Err(unknown(field, column));
            }
        }
        for (field, mut names) in
            [("rename", config.rename.keys().collect::<Vec<_>>()), ("privacy", config.privacy.keys().collect())]
        {
            names.retain(|column| !config.columns.contains_key(*column));
            if let Some(column) = names.first() {
                return Err(unknown(field, column));
            }
        }
        let Some(time) = config.columns.keys().position(|column| column == &config.time) else {
            return Err(unknown("time", &config.time));
        };
        if let Some(column) = &config.order {
            match config.columns.get(column) {
                Some(ColumnType::Integer) => {}
                Some(_) => return Err(SourceError::Order { name: name.to_string(), column: column.clone() }),
                None => return Err(unknown("order", column)),
            }
        }
        for (field, period) in [("max_future", config.max_future), ("allowed_lateness", config.allowed_lateness)] {
            if !matches!(period, Period::Fixed(_)) {
                return Err(SourceError::Length { name: name.to_string(), field });
            }
        }
        if config.partitions() == 0 {
            return Err(SourceError::Empty { name: name.to_string(), field: "path" });
        }
        let place = |column: &String| config.columns.keys().position(|other| other == column);
        Ok(RowReader {
            name: name.into(),
            kind: config.event_type.as_str().into(),
            names: config.columns.keys().map(SmolStr::from).collect(),
            kinds: config.columns.values().copied().collect(),
            time,
            id: config.id.iter().filter_map(place).collect(),
            subjects: config.subjects.iter().filter_map(place).collect(),
            order: config.order.as_ref().and_then(place),
            config: config.clone(),
            not_after: Timestamp::RANGE.1,
        })
    }

    /// Refuses events that lie further in the future of `now` than the source allows.
    pub fn reading_at(self, now: Timestamp) -> RowReader {
        let ahead = if let Period::Fixed(length) = self.config.max_future { length } else { 0 };
        RowReader { not_after: Timestamp(now.0.saturating_add(ahead)), ..self }
    }

    /// The name in the file of each declared column.
    pub(crate) fn file_columns(&self) -> Vec<(String, String)> {
        let theirs = |ours: &String| self.config.rename.get(ours).unwrap_or(ours).clone();
        self.config.columns.keys().map(|ours| (ours.clone(), theirs(ours))).collect()
    }

    /// Builds the event from texts in the order of the declared columns; none is missing.
    pub(crate) fn event(&self, cells: &[Cow<'_, str>]) -> Result<Event, Refusal> {
        let blame = |place: usize, reason: String| (self.config.columns.keys().nth(place).cloned(), reason);
        let mut values = Vec::with_capacity(cells.len());
        for (place, (kind, text)) in self.kinds.iter().zip(cells).enumerate() {
            values.push(parse(text, *kind).map_err(|reason| blame(place, reason))?);
        }
        let time_text = cells.get(self.time).map_or("", |text| text);
        let time = Timestamp::parse(time_text).map_err(|error| blame(self.time, error.to_string()))?;
        if time > self.not_after {
            let reason = format!("`{time_text}` is more than {} in the future", self.config.max_future);
            return Err(blame(self.time, reason));
        }
        if let Some(place) = self.order
            && values[place].number().is_some_and(|number| i32::try_from(number).is_err())
        {
            return Err(blame(place, "orders events, and is no number of 32 bits".into()));
        }
        let id = match *self.id.as_slice() {
            [place] => show(&values[place]),
            ref places => {
                let parts: Vec<SmolStr> = places.iter().map(|place| show(&values[*place])).collect();
                parts.join("/").into()
            }
        };
        if id.len() > MAX_ID_BYTES {
            return Err((None, format!("the id has {} bytes, at most {MAX_ID_BYTES} are kept", id.len())));
        }
        let mut subjects = Subjects::new();
        for place in &self.subjects {
            let subject = show(&values[*place]);
            if subject.trim().is_empty() {
                return Err(blame(*place, "names no entity".into()));
            }
            subjects.push(subject);
        }
        let data = Data::new(&self.names, values).ok_or_else(|| (None, "has not the declared columns".into()))?;
        Ok(Event { id, source: self.name.clone(), kind: self.kind.clone(), subjects, time, data })
    }
}

impl RowReader {
    /// Whether an event is one that this source reads: its columns, their types, its id, subjects and
    /// time. The reason if it is not.
    pub fn check(&self, event: &Event) -> Result<(), String> {
        let mut cells = Cells::new();
        for (column, kind) in &self.config.columns {
            let value = event.data.get(column).ok_or_else(|| format!("the column `{column}` is missing"))?;
            cells.push(match (value, kind) {
                (Value::Int(units), ColumnType::Decimal(scale)) => {
                    Cow::Owned(Fixed { units: *units, scale: *scale }.to_string())
                }
                _ => Cow::Owned(show(value).into()),
            });
        }
        match self.event(&cells) {
            Ok(read) if read == *event => Ok(()),
            Ok(_) => Err("it differs from what its own data say".into()),
            Err((column, reason)) => {
                Err(format!("{}{reason}", column.map_or_else(String::new, |name| format!("`{name}` "))))
            }
        }
    }
}

fn show(value: &Value) -> SmolStr {
    match value {
        Value::Bool(value) => value.to_smolstr(),
        Value::Int(value) => value.to_smolstr(),
        Value::Text(text) => text.clone(),
    }
}

/// Handing its result from here to there would cost as much as reading a short text.
#[inline(always)]
pub(crate) fn parse(text: &str, kind: ColumnType) -> Result<Value, String> {
    let shown = || text.chars().take(40).collect::<String>();
    match kind {
        ColumnType::Text if text.len() > MAX_TEXT_BYTES => {
            Err(format!("has {} bytes, at most {MAX_TEXT_BYTES} are kept", text.len()))
        }
        ColumnType::Text => Ok(Value::Text(text.into())),
        ColumnType::Boolean if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
        ColumnType::Boolean if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
        ColumnType::Boolean => Err(format!("`{}` is neither true nor false", shown())),
        ColumnType::Integer => decimal(text, 0).map_err(|why| format!("`{}` is not a whole number{why}", shown())),
        ColumnType::Decimal(scale) => {
            decimal(text, scale).map_err(|why| format!("`{}` is not a decimal number{why}", shown()))
        }
    }
}

/// Reads `-12.340` exactly; more places than `scale` are refused unless they are zeros.
fn decimal(text: &str, scale: u8) -> Result<Value, &'static str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = match digits.split_once('.') {
        Some((whole, part)) if scale > 0 => (whole, part.trim_end_matches('0')),
        Some(_) => return Err(""),
        None => (digits, ""),
    };
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(part) {
        return Err("");
    }
    if part.len() > usize::from(scale) {
        return Err(" (it has more decimal places than the column)");
    }
    let mut units = 0i64;
    let zeros = std::iter::repeat_n(b'0', usize::from(scale) - part.len());
    for digit in whole.bytes().chain(part.bytes()).chain(zeros) {
        units = units.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    }
    if units > Value::MAX_INT {
        return Err(" (it is too large)");
    }
    Ok(Value::Int(if text.starts_with('-') { -units } else { units }))
}

pub(crate) fn join<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_or_refused() {
        for (text, scale, want) in [
            ("0", 0, Some(0)),
            ("-12.340", 3, Some(-12_340)),
            ("1.5", 6, Some(1_500_000)),
            ("7", 2, Some(700)),
            ("007", 0, Some(7)),
            ("1.0", 0, None),
            ("1.25", 1, None),
            ("", 0, None),
            ("-", 0, None),
            ("--1", 0, None),
            ("+1", 0, None),
            ("1e5", 3, None),
            ("NA", 0, None),
            ("9007199254740992", 0, None),
            ("99999999999999999999", 0, None),
        ] {
            let found = decimal(text, scale).ok().and_then(|value| value.number());
            assert_eq!(found, want, "{text} at scale {scale}");
        }
    }
}
