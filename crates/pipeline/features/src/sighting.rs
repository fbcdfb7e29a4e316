//! How an event looks to one of its entities.

use std::borrow::Cow;

use crate::config::Key;
use crate::{Datum, Expr};
use enliven_types::{Event, Value};

/// How a lane's whole number comes from a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ValueRule {
    Number(Expr),
    /// The FNV-1a hash of a text.
    Hash(Expr),
    /// The place of a text among categories; their count for any other.
    Category(Expr, Vec<String>),
}

/// One event as one of its entities sees it.
#[derive(Clone, Copy)]
pub(crate) struct Sighting<'a> {
    pub(crate) entity: &'a str,
    /// One bit for each filter that passes.
    pub(crate) bits: u64,
    pub(crate) values: &'a [i64],
    /// The other entity, and for each rating system how the meeting ended (2, 1 or 0); from the
    /// first side alone, so that a meeting counts once.
    pub(crate) meeting: Option<(&'a str, &'a [u8])>,
}

impl ValueRule {
    pub(crate) fn of(&self, row: &[Datum<'_>]) -> i64 {
        match self {
            ValueRule::Number(expr) => expr.number(row),
            ValueRule::Hash(expr) => fnv1a(expr.text(row).as_bytes()) as i64,
            ValueRule::Category(expr, categories) => {
                let text = expr.text(row);
                categories.iter().position(|category| category == text).unwrap_or(categories.len()) as i64
            }
        }
    }
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv).
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}

pub(crate) fn datum(value: &Value) -> Datum<'_> {
    match value {
        Value::Text(text) => Datum::Text(text),
        Value::Int(number) => Datum::Number(*number),
        Value::Bool(truth) => Datum::Number(i64::from(*truth)),
    }
}

/// The name of an entity; none if a column is missing.
pub(crate) fn key_of<'a>(key: &Key, event: &'a Event) -> Option<Cow<'a, str>> {
    joined_key(key.columns().iter().map(|column| event.data.get(column).map(name_of)))
}

/// One name from its parts.
pub(crate) fn joined_key<'a>(mut parts: impl Iterator<Item = Option<Cow<'a, str>>>) -> Option<Cow<'a, str>> {
    let mut key = parts.next()??;
    for part in parts {
        let text = key.to_mut();
        text.push('/');
        text.push_str(&part?);
    }
    Some(key)
}

/// A datum as a name or as a part of one.
pub(crate) fn name_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Text(text) => Cow::Borrowed(text.as_str()),
        Value::Int(number) => Cow::Owned(number.to_string()),
        Value::Bool(truth) => Cow::Owned(truth.to_string()),
    }
}
