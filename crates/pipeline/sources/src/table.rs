//! Tables of facts: small files that are read as a whole.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use enliven_types::{ColumnType, Value};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::value::RawValue;

use crate::SourceError;
use crate::file::{Splitter, json_object, single};
use crate::row::parse;

/// A table with more rows is refused.
pub const MAX_TABLE_ROWS: usize = 1_000_000;

/// One row: its values by column.
pub type TableRow = BTreeMap<String, Value>;

/// Why a table is refused: where, and the reason.
type Refusal = (String, String);

/// The cells of a row, as texts.
type Cells = BTreeMap<String, String>;

/// Reads the declared columns of a table; `path` says by its end how rows are written (`.csv`,
/// `.jsonl`, `.parquet`). Unlike events, rows are facts about each other: one bad row refuses all.
pub fn read_table(
    name: &str,
    path: &str,
    columns: &BTreeMap<String, ColumnType>,
    bytes: Vec<u8>,
) -> Result<Vec<TableRow>, SourceError> {
    let rows = match path.rsplit_once('.').map(|(_, end)| end) {
        Some("csv") => csv(&bytes),
        Some("jsonl") => json_lines(&bytes),
        Some("parquet") => parquet(bytes),
        _ => Err((String::new(), "the name ends in none of .csv, .jsonl, .parquet".into())),
    };
    let typed = rows.and_then(|rows| {
        if rows.len() > MAX_TABLE_ROWS {
            return Err((String::new(), format!("has {} rows, at most {MAX_TABLE_ROWS} are read", rows.len())));
        }
        rows.into_iter().map(|(place, cells)| typed(&place, &cells, columns)).collect()
    });
    typed.map_err(|(at, reason)| SourceError::Table { name: name.to_string(), path: path.to_string(), at, reason })
}

fn typed(place: &str, cells: &Cells, columns: &BTreeMap<String, ColumnType>) -> Result<TableRow, Refusal> {
    let mut row = TableRow::new();
    for (column, kind) in columns {
        let refuse = |reason: String| (format!("{place}, column `{column}`"), reason);
        let text = cells.get(column).ok_or_else(|| refuse("is missing".into()))?;
        row.insert(column.clone(), parse(text, *kind).map_err(refuse)?);
    }
    Ok(row)
}

fn lines(bytes: &[u8]) -> Result<Vec<(String, &str)>, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|error| (String::new(), format!("is not UTF-8: {error}")))?;
    let text = text.trim_start_matches('\u{feff}');
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    Ok(numbered.map(|(index, line)| (format!(":{}", index + 1), line)).collect())
}

fn csv(bytes: &[u8]) -> Result<Vec<(String, Cells)>, Refusal> {
    let mut splitter = Splitter::new();
    let mut header: Option<Vec<String>> = None;
    let mut rows = Vec::new();
    for (place, line) in lines(bytes)? {
        let cells = splitter.cells(line).map_err(|reason| (place.clone(), reason))?;
        let Some(names) = &header else {
            header = Some(cells.into_iter().map(str::to_string).collect());
            continue;
        };
        if cells.len() != names.len() {
            return Err((place, format!("has {} columns, the header has {}", cells.len(), names.len())));
        }
        rows.push((place, names.iter().cloned().zip(cells.into_iter().map(str::to_string)).collect()));
    }
    Ok(rows)
}

fn json_lines(bytes: &[u8]) -> Result<Vec<(String, Cells)>, Refusal> {
    let mut rows = Vec::new();
    for (place, line) in lines(bytes)? {
        let object = json_object(line).map_err(|reason| (place.clone(), reason))?;
        // A value that is no single one is missing, which matters only if its column is declared.
        let cell = |(name, value): (&Cow<'_, str>, &&RawValue)| {
            Some((name.to_string(), single(value.get()).ok()?.into_owned()))
        };
        let cells = object.iter().filter_map(cell).collect();
        rows.push((place, cells));
    }
    Ok(rows)
}

fn parquet(bytes: Vec<u8>) -> Result<Vec<(String, Cells)>, Refusal> {
    let wrong = |error: parquet::errors::ParquetError| (String::new(), error.to_string());
    let reader = SerializedFileReader::new(Bytes::from(bytes)).map_err(wrong)?;
    let mut rows = Vec::new();
    for (index, row) in reader.get_row_iter(None).map_err(wrong)?.enumerate() {
        let row = row.map_err(wrong)?;
        let cell = |field: &parquet::record::Field| match field {
            parquet::record::Field::Null => None,
            parquet::record::Field::Str(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let cells = row.get_column_iter().filter_map(|(name, field)| Some((name.clone(), cell(field)?))).collect();
        rows.push((format!(", row {}", index + 1), cells));
        if index > MAX_TABLE_ROWS {
            break;
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> BTreeMap<String, ColumnType> {
        BTreeMap::from([
            ("city".to_string(), ColumnType::Text),
            ("seats".to_string(), ColumnType::Integer),
            ("height".to_string(), ColumnType::Decimal(1)),
        ])
    }

    fn read(path: &str, bytes: &[u8]) -> Result<Vec<TableRow>, String> {
        read_table("stadiums", path, &columns(), bytes.to_vec()).map_err(|error| error.to_string())
    }

    #[test]
    fn csv_and_json_lines_give_the_same_rows() {
        let csv = "\u{feff}city,seats,height,more\n\"Rio, RJ\",78838,32.5,x\r\n\nOslo,28000,-1,y\n";
        let json = "{\"city\":\"Rio, RJ\",\"seats\":78838,\"height\":32.5}\n{\"city\":\"Oslo\",\"seats\":\"28000\",\"height\":-1,\"more\":[1]}\n";
        let rows = read("a.csv", csv.as_bytes()).unwrap();
        assert_eq!(rows, read("a.jsonl", json.as_bytes()).unwrap());
        assert_eq!(rows[1]["height"], Value::Int(-10));
    }

    #[test]
    fn a_bad_row_is_named() {
        for (path, text, message) in [
            (
                "a.csv",
                "city,seats,height\nA,1,2\nB,x,2\n",
                "table `stadiums`: a.csv:3, column `seats`: `x` is not a whole number",
            ),
            ("a.csv", "city,seats,height\nA,1\n", "table `stadiums`: a.csv:2: has 2 columns, the header has 3"),
            ("a.csv", "city,seats\nA,1\n", "table `stadiums`: a.csv:2, column `height`: is missing"),
            ("a.jsonl", "{\"city\":null}", "table `stadiums`: a.jsonl:1, column `city`: is missing"),
            ("a.txt", "", "table `stadiums`: a.txt: the name ends in none of .csv, .jsonl, .parquet"),
        ] {
            assert_eq!(read(path, text.as_bytes()).unwrap_err(), message);
        }
        for damaged in [&b""[..], b"PAR1", b"PAR1PAR1PAR1", b"PAR1\xff\xff\xff\xffPAR1"] {
            assert!(read("a.parquet", damaged).is_err());
        }
    }
}
