//! From rows of text to the accepted events: the same rows are refused, the same events are late, and
//! the first of each id counts, as when the log is read here.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{FlinkColumn, FlinkInput, FlinkSource, Names, options, quoted};
use crate::Kind;
use crate::expr::{Dialect, SqlField, sql_text};
use crate::view::Parts;

/// The largest number that an event can hold (RFC 8785).
pub(super) const MAX_INT: u64 = (1 << 53) - 1;
/// The last instant with a four-digit year.
pub(super) const MAX_TIME: u64 = 253_402_300_799_999;
/// The size of the first such instant.
pub(super) const MIN_TIME: u64 = 62_135_596_800_000;

/// The columns that are ours: no field has a `$` in its name.
pub(super) const TIME: &str = "`$time`";
const ARRIVAL: &str = "`$arrival`";

/// The tables and views up to the accepted events.
pub(super) fn statements(parts: &Parts<'_>, source: &FlinkSource, names: &Names<'_>) -> String {
    let mut sql = String::new();
    rows(&mut sql, source, names);
    typed(&mut sql, source, names);
    let columns: Vec<String> = source.columns.keys().map(|name| quoted(name)).collect();
    let columns = columns.join(", ");
    let filter = match &parts.filter {
        None => String::new(),
        Some((expr, columns)) => {
            let mut fields: Vec<SqlField> =
                columns.iter().map(|name| field(name, source.columns.get(name).map(|column| column.kind))).collect();
            fields.push(SqlField { column: TIME.into(), bound: MAX_TIME });
            format!("\n  AND {}", expr.to_sql(Dialect::Flink, &fields))
        }
    };
    let mut conditions = Vec::new();
    for (name, column) in &source.columns {
        conditions.push(format!("{} IS NOT NULL", quoted(name)));
        if matches!(column.kind, Kind::Number(_)) {
            conditions.push(format!("ABS({}) <= {MAX_INT}", quoted(name)));
        }
    }
    for name in &source.subjects {
        conditions.push(format!("REGEXP({}, '[^ \\t]')", shown(name, source)));
    }
    let id: Vec<String> = source.id.iter().map(|name| shown(name, source)).collect();
    let _ = writeln!(
        sql,
        "
-- Rows that are no events are refused, and those further in the future than allowed.
CREATE TEMPORARY VIEW {log} AS
SELECT *, {id} AS `$id`
FROM {typed}
WHERE {TIME} BETWEEN -{MIN_TIME} AND {MAX_TIME}
  AND {TIME} <= UNIX_TIMESTAMP() * 1000 + {future}
  AND {valid};

-- An event is late if its time is before the latest time in the log so far less the allowed lateness.
-- The log must arrive in its order: from one file, or from one partition.
CREATE TEMPORARY VIEW {timely} AS
SELECT {columns}, {TIME}, {ARRIVAL}, `$id`
FROM (
    SELECT *, MAX({TIME}) OVER (ORDER BY {ARRIVAL} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS `$latest`
    FROM {log}
)
WHERE {TIME} >= `$latest` - {lateness};

-- The first event of each id, if the view lets it in. Copies are taken to have the same time.
CREATE TEMPORARY VIEW {events} AS
SELECT {columns}, {TIME}
FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY `$id` ORDER BY {ARRIVAL} ASC) AS `$copy`
    FROM {timely}
)
WHERE `$copy` = 1{filter};",
        log = names.quoted("log"),
        typed = names.quoted("typed"),
        timely = names.quoted("timely"),
        events = names.quoted("events"),
        id = id.join(" || '/' || "),
        future = source.max_future_ms,
        valid = conditions.join("\n  AND "),
        lateness = source.lateness_ms,
    );
    sql
}

/// The table of the raw rows: texts alone, so that numbers are read as exactly as here.
fn rows(sql: &mut String, source: &FlinkSource, names: &Names<'_>) {
    let mut columns = Vec::new();
    let wanted: BTreeSet<&String> = source.columns.values().map(|column| &column.name).collect();
    let with = match &source.input {
        FlinkInput::Csv { path, header } => {
            let mut seen = BTreeSet::new();
            for (place, name) in header.iter().enumerate() {
                let known = wanted.contains(name) && seen.insert(name);
                columns.push(if known { quoted(name) } else { format!("`${}`", place + 1) });
            }
            options(&[
                ("connector", "filesystem"),
                ("path", path),
                ("format", "csv"),
                ("csv.ignore-parse-errors", "true"),
            ])
        }
        FlinkInput::Json { path } => {
            columns.extend(wanted.iter().map(|name| quoted(name)));
            options(&[
                ("connector", "filesystem"),
                ("path", path),
                ("format", "json"),
                ("json.ignore-parse-errors", "true"),
            ])
        }
        FlinkInput::Kafka { brokers, topic } => {
            columns.extend(wanted.iter().map(|name| quoted(name)));
            options(&[
                ("connector", "kafka"),
                ("topic", topic),
                ("properties.bootstrap.servers", brokers),
                ("scan.startup.mode", "earliest-offset"),
                ("format", "json"),
                ("json.ignore-parse-errors", "true"),
            ])
        }
    };
    let columns: Vec<String> = columns.into_iter().map(|name| format!("    {name} STRING,\n")).collect();
    let _ = writeln!(
        sql,
        "\nCREATE TEMPORARY TABLE {} (\n{}    {ARRIVAL} AS PROCTIME()\n) {with};",
        names.quoted("rows"),
        columns.concat()
    );
}

/// The view of the declared columns with their types; NULL is what cannot be read.
fn typed(sql: &mut String, source: &FlinkSource, names: &Names<'_>) {
    let mut lines: Vec<String> = source
        .columns
        .iter()
        .map(|(name, column)| format!("    {} AS {}", read(&quoted(&column.name), column.kind), quoted(name)))
        .collect();
    if let Some(FlinkColumn { name, .. }) = source.columns.get(&source.time) {
        lines.push(format!("    {} AS {TIME}", time(&quoted(name))));
    }
    lines.push(format!("    {ARRIVAL}"));
    let _ = writeln!(
        sql,
        "\nCREATE TEMPORARY VIEW {} AS\nSELECT\n{}\nFROM {};",
        names.quoted("typed"),
        lines.join(",\n"),
        names.quoted("rows")
    );
}

/// A cell as its column's type.
fn read(cell: &str, kind: Kind) -> String {
    match kind {
        Kind::Text => cell.to_string(),
        Kind::Bool => format!("CASE LOWER({cell}) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"),
        Kind::Number(0) => {
            format!("CASE WHEN REGEXP({cell}, '^-?[0-9]+\\z') THEN TRY_CAST({cell} AS BIGINT) END")
        }
        // Of more digits than 18 none are kept: an event holds at most 16.
        Kind::Number(scale) => format!(
            "CASE WHEN REGEXP({cell}, '^-?[0-9]+(\\.[0-9]{{0,{scale}}}0*)?\\z') \
             THEN CAST(TRY_CAST({cell} AS DECIMAL(18, {scale})) * {} AS BIGINT) END",
            10i64.saturating_pow(u32::from(scale))
        ),
        Kind::Time => time(cell),
    }
}

/// Milliseconds since 1970 of a date (midnight UTC) or an RFC 3339 date and time; NULL of another text.
fn time(cell: &str) -> String {
    let part = |from: u8, length: u8| format!("CAST(SUBSTRING({cell} FROM {from} FOR {length}) AS BIGINT)");
    let zone = "([+-])([0-9]{2}):([0-9]{2})\\z";
    let zone_part = |place: u8| format!("CAST(REGEXP_EXTRACT({cell}, '{zone}', {place}) AS BIGINT)");
    let pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?\
                   ([Zz]|[+-][0-9]{2}:[0-5][0-9]))?\\z";
    format!(
        "CASE WHEN REGEXP({cell}, '{pattern}') THEN
        EXTRACT(EPOCH FROM TRY_CAST(SUBSTRING({cell} FROM 1 FOR 10) AS DATE)) * 1000
        + CASE WHEN CHAR_LENGTH({cell}) = 10 THEN CAST(0 AS BIGINT) ELSE {hours} * 3600000 + {minutes} * 60000 END
        + COALESCE(CAST(REGEXP_EXTRACT({cell}, '^.{{16}}:([0-9]{{2}})', 1) AS BIGINT), 0) * 1000
        + COALESCE(CAST(RPAD(REGEXP_EXTRACT({cell}, '[.]([0-9]{{1,3}})', 1), 3, '0') AS BIGINT), 0)
        - COALESCE(CASE WHEN REGEXP_EXTRACT({cell}, '{zone}', 1) = '-' THEN -1 ELSE 1 END
            * ({zone_hours} * 3600000 + {zone_minutes} * 60000), 0) END",
        hours = part(12, 2),
        minutes = part(15, 2),
        zone_hours = zone_part(2),
        zone_minutes = zone_part(3),
    )
}

/// A column's value as a name or a part of an id shows it.
pub(super) fn shown(name: &str, source: &FlinkSource) -> String {
    let column = quoted(name);
    match source.columns.get(name).map(|column| column.kind) {
        Some(Kind::Text) | None => column,
        Some(Kind::Bool) => format!("CASE WHEN {column} THEN 'true' ELSE 'false' END"),
        Some(Kind::Number(_) | Kind::Time) => format!("CAST({column} AS STRING)"),
    }
}

/// A column as a field of expressions.
pub(super) fn field(name: &str, kind: Option<Kind>) -> SqlField {
    let bound = match kind {
        Some(Kind::Number(_)) => MAX_INT,
        Some(Kind::Time) => MAX_TIME,
        _ => 1,
    };
    SqlField { column: quoted(name), bound }
}

/// The place of a text among categories; their count for any other.
pub(super) fn category(text: &str, categories: &[String]) -> String {
    let cases: Vec<String> =
        categories.iter().enumerate().map(|(place, name)| format!(" WHEN {} THEN {place}", sql_text(name))).collect();
    format!("CAST(CASE {text}{} ELSE {} END AS BIGINT)", cases.concat(), categories.len())
}
