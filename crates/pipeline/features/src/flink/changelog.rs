//! The lines in which Flink hands tiles out: a changelog in Debezium JSON, or the records of a topic.

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, de::IgnoredAny};

/// A longer line is refused.
pub const MAX_TILE_LINE: usize = 1 << 20;

/// A row of a table of tiles.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) entity: String,
    pub(super) tile: i64,
    pub(super) values: Vec<(String, Option<i128>)>,
}

/// What a line says of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The key has this row.
    Set(Row),
    /// The key (entity, tile) has no row.
    Gone(String, i64),
}

/// One change in Debezium JSON. What other writers add to it (`source`, `ts_ms`) says nothing here.
#[derive(Deserialize)]
#[serde(expecting = "a change in Debezium JSON")]
struct Envelope {
    op: String,
    before: Option<Row>,
    after: Option<Row>,
}

/// The key of a record.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a key: entity and tile")]
struct Key {
    entity: String,
    tile: i64,
}

/// Reads a line of a file.
pub(super) fn change(line: &[u8]) -> Result<Change, String> {
    let Envelope { op, before, after } = document(line)?;
    match (op.as_str(), before, after) {
        ("d", Some(Row { entity, tile, .. }), None) => Ok(Change::Gone(entity, tile)),
        ("c" | "r", None, Some(row)) => Ok(Change::Set(row)),
        ("u", Some(before), Some(row)) if (&before.entity, before.tile) == (&row.entity, row.tile) => {
            Ok(Change::Set(row))
        }
        ("u", Some(_), Some(_)) => Err("an update (`u`) that changes the key".into()),
        ("c" | "r" | "u" | "d", before, after) => {
            let there = |row: Option<Row>| if row.is_some() { "there" } else { "null" };
            Err(format!("an operation `{op}` whose `before` is {}, and `after` {}", there(before), there(after)))
        }
        _ => Err(format!("unknown operation `{}` (available: c, r, u, d)", op.chars().take(16).collect::<String>())),
    }
}

/// Reads a line that `kafka-console-consumer` prints with `print.key`: key, tabulator, value.
pub(super) fn record(line: &[u8]) -> Result<Change, String> {
    // Inside of JSON a tabulator is always escaped.
    let Some(place) = line.iter().position(|byte| *byte == b'\t') else {
        return Err("no tabulator between key and value (`print.key=true` shows keys)".into());
    };
    let Key { entity, tile } = document(&line[..place]).map_err(|reason| format!("the key: {reason}"))?;
    let row: Option<Row> = document(&line[place + 1..]).map_err(|reason| format!("the value: {reason}"))?;
    match row {
        None => Ok(Change::Gone(entity, tile)),
        Some(row) if (&row.entity, row.tile) == (&entity, tile) => Ok(Change::Set(row)),
        Some(_) => Err("the value has another entity or tile than the key".into()),
    }
}

fn document<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, String> {
    if text.len() > MAX_TILE_LINE {
        return Err(format!("longer than {MAX_TILE_LINE} bytes"));
    }
    serde_json::from_slice(text).map_err(|error| {
        let told = error.to_string();
        // It is always line 1 of this text, which would be taken for the line of the file.
        let reason = told.rsplit_once(" at line ").map_or(told.as_str(), |(reason, _)| reason);
        format!("byte {}: {reason}", error.column())
    })
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Row, D::Error> {
        deserializer.deserialize_map(RowVisitor)
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row of a table of tiles")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
        let (mut entity, mut tile, mut values) = (None::<String>, None::<i64>, Vec::new());
        while let Some(name) = map.next_key::<String>()? {
            let again = match name.as_str() {
                "entity" => entity.replace(map.next_value()?).is_some(),
                "tile" => tile.replace(map.next_value()?).is_some(),
                _ if values.iter().any(|(other, _)| *other == name) => {
                    map.next_value::<IgnoredAny>()?;
                    true
                }
                // Sums have up to 38 digits: read as 128 bits, never as a floating-point number.
                _ => {
                    let number = map.next_value().map_err(|error| A::Error::custom(format!("`{name}`: {error}")))?;
                    values.push((name, number));
                    continue;
                }
            };
            if again {
                return Err(A::Error::custom(format!("`{name}` is there twice")));
            }
        }
        let entity = entity.ok_or_else(|| A::Error::missing_field("entity"))?;
        let tile = tile.ok_or_else(|| A::Error::missing_field("tile"))?;
        Ok(Row { entity, tile, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[(&str, Option<i128>)]) -> Row {
        let values = values.iter().map(|(name, value)| (name.to_string(), *value)).collect();
        Row { entity: "a\tb".into(), tile: -3, values }
    }

    #[test]
    fn lines_of_files() {
        let most = i128::pow(10, 38) - 1;
        let line = format!(
            r#"{{"before":null,"after":{{"entity":"a\tb","tile":-3,"count":2,"sum_v0":{most},"min_v0":null}},"op":"c"}}"#
        );
        let wanted = row(&[("count", Some(2)), ("sum_v0", Some(most)), ("min_v0", None)]);
        assert_eq!(change(line.as_bytes()), Ok(Change::Set(wanted)));
        let line = r#"{"op":"d","before":{"tile":-3,"count":2,"entity":"a\tb"},"after":null,"ts_ms":5}"#;
        assert_eq!(change(line.as_bytes()), Ok(Change::Gone("a\tb".into(), -3)));
        let line = r#"{"op":"u","before":{"entity":"a\tb","tile":-3},"after":{"entity":"a\tb","tile":-3,"count":1}}"#;
        assert_eq!(change(line.as_bytes()), Ok(Change::Set(row(&[("count", Some(1))]))));
    }

    #[test]
    fn lines_of_topics() {
        let line = b"{\"entity\":\"a\\tb\",\"tile\":-3}\t{\"entity\":\"a\\tb\",\"tile\":-3,\"count\":2}";
        assert_eq!(record(line), Ok(Change::Set(row(&[("count", Some(2))]))));
        assert_eq!(record(b"{\"entity\":\"x\",\"tile\":0}\tnull"), Ok(Change::Gone("x".into(), 0)));
        for (line, reason) in [
            (&b"{}"[..], "no tabulator"),
            (b"{\"entity\":\"x\"}\tnull", "the key: byte 14: missing field `tile`"),
            (b"{\"entity\":\"x\",\"tile\":0}\t{\"entity\":\"x\",\"tile\":1}", "another entity or tile"),
        ] {
            let told = record(line).unwrap_err();
            assert!(told.contains(reason), "{told}");
        }
    }

    #[test]
    fn what_is_no_change() {
        for (line, reason) in [
            (r#""#, "EOF"),
            (r#"[]"#, "expected a change in Debezium JSON"),
            (r#"{"before":null}"#, "missing field `op`"),
            (r#"{"op":"x"}"#, "unknown operation `x`"),
            (r#"{"op":"c"}"#, "`before` is null, and `after` null"),
            (r#"{"op":"c","after":{"tile":1}}"#, "missing field `entity`"),
            (r#"{"op":"c","after":{"entity":"a","tile":1.5}}"#, "floating point"),
            (r#"{"op":"c","after":{"entity":"a","tile":1,"n":1.5}}"#, ""),
            (r#"{"op":"c","after":{"entity":"a","tile":1,"n":"1"}}"#, "`n`: invalid number"),
            (r#"{"op":"c","after":{"entity":"a","tile":1,"n":1,"n":1}}"#, "`n` is there twice"),
            (
                r#"{"op":"c","after":{"entity":"a","tile":1,"n":200000000000000000000000000000000000000000}}"#,
                "out of range",
            ),
            (r#"{"op":"u","before":{"entity":"a","tile":1},"after":{"entity":"a","tile":2}}"#, "changes the key"),
        ] {
            let told = change(line.as_bytes()).unwrap_err();
            assert!(told.contains(reason), "{line}: {told}");
        }
        let long = format!("{{\"op\":\"{}\"}}", "x".repeat(MAX_TILE_LINE));
        assert!(change(long.as_bytes()).unwrap_err().contains("longer than"));
    }
}
