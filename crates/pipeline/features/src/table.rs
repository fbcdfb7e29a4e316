//! Tables of facts: rows by key that do not change.

use std::collections::BTreeMap;

use enliven_types::{Digest, Value, to_jcs};

use crate::config::TableConfig;
use crate::sighting::{joined_key, name_of};
use crate::view::setting;
use crate::{Column, FeatureError, Kind};

/// The rows of a table, by key.
#[derive(Clone, Debug)]
pub(crate) struct FactTable {
    columns: Vec<(String, Column)>,
    rows: BTreeMap<String, Vec<Value>>,
    digest: Digest,
}

impl FactTable {
    /// Checks the rows against the table's definition. `place` is its place in the manifest.
    pub(crate) fn new(
        place: &str,
        config: &TableConfig,
        rows: &[BTreeMap<String, Value>],
    ) -> Result<FactTable, FeatureError> {
        let columns: Vec<(String, Column)> = config
            .columns
            .iter()
            .map(|(name, kind)| {
                let privacy = config.privacy.get(name).copied().unwrap_or_default();
                (name.clone(), Column { kind: Kind::from(*kind), privacy })
            })
            .collect();
        if let Some(name) = config.privacy.keys().find(|name| !config.columns.contains_key(*name)) {
            return Err(setting(&format!("{place}.privacy"), &format!("`{name}` is not under `columns`")));
        }
        let mut found = BTreeMap::new();
        for (number, row) in rows.iter().enumerate() {
            let wrong = |reason: String| setting(place, &format!("row {}: {reason}", number + 1));
            let parts = config.key.columns().iter().map(|column| row.get(column).map(name_of));
            let key = joined_key(parts).ok_or_else(|| wrong("a column of the key is missing".into()))?.into_owned();
            let mut values = Vec::with_capacity(columns.len());
            for (name, column) in &columns {
                let value = row.get(name).ok_or_else(|| wrong(format!("`{name}` is missing")))?;
                let fits = match value {
                    Value::Text(_) => column.kind == Kind::Text,
                    Value::Bool(_) => column.kind == Kind::Bool,
                    Value::Int(_) => matches!(column.kind, Kind::Number(_)),
                };
                if !fits {
                    return Err(wrong(format!("`{name}` is of another type than declared")));
                }
                values.push(value.clone());
            }
            if found.insert(key.clone(), values).is_some() {
                return Err(wrong(format!("the key `{key}` stands there already")));
            }
        }
        let digest = Digest::sha256(&to_jcs(&(config, &found)));
        Ok(FactTable { columns, rows: found, digest })
    }

    pub(crate) fn columns(&self) -> impl Iterator<Item = (&String, Column)> {
        self.columns.iter().map(|(name, column)| (name, *column))
    }

    /// The row with a key, its values in the order of the columns.
    pub(crate) fn row(&self, key: &str) -> Option<&[Value]> {
        self.rows.get(key).map(Vec::as_slice)
    }

    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }
}
