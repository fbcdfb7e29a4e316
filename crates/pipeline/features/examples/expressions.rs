//! Says what expressions are in SQL and what they are worth, for comparison with databases.
//!
//! Reads a JSON document from stdin: `fields` (a list of name, kind and bound; kinds are `text`,
//! `bool`, `time`, or the decimal places of a number), `rows` (lists of numbers and texts) and
//! `expressions`. Writes for each expression its SQL for both databases and its value for each row,
//! or the reason why it is refused.

use std::collections::BTreeMap;

use enliven_features::{Datum, Dialect, Expr, Fields, Kind, SqlField};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let input: Value = serde_json::from_reader(std::io::stdin().lock())?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut fields: Fields = BTreeMap::new();
    let mut columns = Vec::new();
    for (slot, field) in list(&input["fields"]).iter().enumerate() {
        let kind = match field[1].as_str() {
            Some("text") => Kind::Text,
            Some("bool") => Kind::Bool,
            Some("time") => Kind::Time,
            _ => Kind::Number(u8::try_from(field[1].as_u64().unwrap_or(0))?),
        };
        let name = field[0].as_str().unwrap_or_default().to_string();
        columns.push(SqlField { column: name.clone(), bound: field[2].as_u64().unwrap_or(u64::MAX) });
        fields.insert(name, (slot, kind));
    }
    let rows: Vec<Vec<Value>> = list(&input["rows"]).iter().map(list).collect();
    let mut answers = Vec::new();
    for text in list(&input["expressions"]) {
        let expr = match Expr::parse(text.as_str().unwrap_or_default(), &fields) {
            Ok(expr) => expr,
            Err(reason) => {
                answers.push(json!({ "refused": reason }));
                continue;
            }
        };
        let value = |row: &Vec<Value>| {
            let row: Vec<Datum<'_>> = row
                .iter()
                .map(|datum| datum.as_str().map_or(Datum::Number(datum.as_i64().unwrap_or(0)), Datum::Text))
                .collect();
            if expr.kind() == Kind::Text { json!(expr.text(&row)) } else { json!(expr.number(&row)) }
        };
        answers.push(json!({
            "duckdb": expr.to_sql(Dialect::DuckDb, &columns),
            "flink": expr.to_sql(Dialect::Flink, &columns),
            "values": rows.iter().map(value).collect::<Vec<Value>>(),
        }));
    }
    println!("{}", serde_json::to_string(&answers)?);
    Ok(())
}
