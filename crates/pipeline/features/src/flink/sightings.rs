//! The view of the events as each of their entities sees them: filters and values, computed once.

use std::fmt::Write;

use super::events::{MAX_INT, MAX_TIME, TIME, category, field, shown};
use super::{FlinkSource, Names, quoted};
use crate::Kind;
use crate::expr::{Dialect, Expr, SqlField};
use crate::sighting::ValueRule;
use crate::view::Parts;

/// The SQL of filters and values.
pub(super) struct Sight {
    /// One SELECT for each side.
    sides: Vec<String>,
    /// Name and SQL of the derived fields.
    derived: Vec<(String, String)>,
    filters: Vec<String>,
    values: Vec<Option<String>>,
    /// The largest size of each value.
    bounds: Vec<u64>,
}

/// Compiles what every side has.
pub(super) fn sight(parts: &Parts<'_>, source: &FlinkSource) -> Sight {
    let kind_of = |column: &&String| source.columns.get(*column).map(|column| column.kind);
    let kinds: Vec<Option<Kind>> =
        parts.sides.first().map_or_else(Vec::new, |(_, columns)| columns.iter().map(kind_of).collect());
    let mut fields: Vec<SqlField> = parts.names.iter().zip(kinds).map(|(name, kind)| field(name, kind)).collect();
    let own = fields.len();
    fields.push(SqlField { column: TIME.into(), bound: MAX_TIME });
    let mut derived = Vec::new();
    for (name, expr) in parts.names.iter().skip(own + 1).zip(parts.derived) {
        derived.push((quoted(name), expr.to_sql(Dialect::Flink, &fields)));
    }
    let more: Vec<SqlField> = (derived.iter().zip(parts.derived))
        .map(|((name, _), expr)| SqlField { column: name.clone(), bound: expr.bound(&fields) })
        .collect();
    fields.extend(more);
    let sides = parts.sides.iter().map(|(entity, columns)| {
        let entity: Vec<String> = entity.columns().iter().map(|name| shown(name, source)).collect();
        let mut selected = vec![format!("{} AS `$entity`", entity.join(" || '/' || ")), TIME.to_string()];
        let named = columns.iter().zip(parts.names);
        selected.extend(named.map(|(column, name)| format!("{} AS {}", quoted(column), quoted(name))));
        selected.join(", ")
    });
    let value = |rule: &ValueRule| match rule {
        ValueRule::Number(expr) => Some(whole(expr, &fields)),
        ValueRule::Category(expr, categories) => Some(category(&expr.to_sql(Dialect::Flink, &fields), categories)),
        ValueRule::Hash(_) => None,
    };
    let bound = |rule: &ValueRule| match rule {
        ValueRule::Number(expr) => expr.bound(&fields),
        ValueRule::Category(_, categories) => categories.len() as u64,
        ValueRule::Hash(_) => u64::MAX,
    };
    Sight {
        sides: sides.collect(),
        filters: parts.filters.iter().map(|filter| filter.to_sql(Dialect::Flink, &fields)).collect(),
        values: parts.values.iter().map(value).collect(),
        bounds: parts.values.iter().map(bound).collect(),
        derived,
    }
}

impl Sight {
    /// Whether a value is beyond the sizes that a standard deviation takes as they are.
    pub(super) fn is_large(&self, value: usize) -> bool {
        self.bounds[value] > MAX_INT
    }

    /// The view.
    pub(super) fn statement(&self, names: &Names<'_>) -> String {
        let events = names.quoted("events");
        let sides: Vec<String> = self.sides.iter().map(|side| format!("        SELECT {side} FROM {events}")).collect();
        let derived: Vec<String> = self.derived.iter().map(|(name, sql)| format!(", {sql} AS {name}")).collect();
        let mut columns = vec!["    `$entity`".to_string(), format!("    {TIME}")];
        columns.extend(self.filters.iter().enumerate().map(|(place, sql)| format!("    {sql} AS `$w{place}`")));
        for (place, sql) in self.values.iter().enumerate() {
            columns.extend(sql.as_ref().map(|sql| format!("    {sql} AS `$v{place}`")));
        }
        let mut sql = String::new();
        let _ = writeln!(
            sql,
            "
-- Each event once from each side, with the filters ($w) and the values ($v) of the features.
CREATE TEMPORARY VIEW {} AS
SELECT
{}
FROM (
    SELECT *{}
    FROM (
{}
    )
);",
            names.quoted("sightings"),
            columns.join(",\n"),
            derived.concat(),
            sides.join("\n        UNION ALL\n")
        );
        sql
    }
}

/// A number, or a truth value as 0 or 1.
fn whole(expr: &Expr, fields: &[SqlField]) -> String {
    let sql = expr.to_sql(Dialect::Flink, fields);
    match expr.kind() {
        Kind::Bool => format!("CAST(CASE WHEN {sql} THEN 1 ELSE 0 END AS BIGINT)"),
        _ => sql,
    }
}
