//! The features as a job for Apache Flink.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use enliven_features::{FeatureView, FlinkColumn, FlinkInput, FlinkOutput, FlinkSource, Kind};
use enliven_sources::{ColumnType, FileConfig, FileSource, Format, SourceKind};
use enliven_types::Period;

use crate::error::CliError;
use crate::manifest::{Loaded, read_events};
use crate::output::Output;

/// Writes or shows the SQL of the job.
pub fn compile(
    loaded: &Loaded,
    view: &FeatureView,
    out: Option<&Path>,
    kafka: Option<&str>,
    tiles: &Path,
    output: &Output,
) -> Result<(), CliError> {
    let job = view.to_flink(&source(loaded, view, kafka, tiles)?);
    let Some(file) = out else {
        output.result(&job, &job.sql);
        return Ok(());
    };
    std::fs::write(file, &job.sql).map_err(|error| CliError::file("write", file, &error))?;
    let mut text = format!("{} written\n", file.display());
    for table in &job.tables {
        let _ =
            writeln!(text, "{}: {} columns, read by {}", table.name, table.columns.len(), table.features.join(", "));
    }
    for one in &job.left_out {
        let _ = writeln!(text, "left out: {} ({})", one.feature, one.reason);
    }
    let document = serde_json::json!({
        "file": file.display().to_string(),
        "definition": view.digest(),
        "tables": job.tables,
        "left_out": job.left_out,
    });
    output.result(&document, &text);
    Ok(())
}

/// Writes the tiles that the kernel adds up: table, entity, tile, column, value.
pub fn tiles(loaded: &Loaded, view: &FeatureView, file: &Path, output: &Output) -> Result<(), CliError> {
    let tiles = view.tiles(&source(loaded, view, None, Path::new("tiles"))?, &read_events(loaded)?);
    let mut text = String::from("table,entity,tile,column,value\n");
    for tile in &tiles {
        let entity = tile.entity.replace('"', "\"\"");
        for (column, value) in &tile.values {
            let value = value.map_or_else(String::new, |value| value.to_string());
            let _ = writeln!(text, "{},\"{entity}\",{},{column},{value}", tile.table, tile.tile);
        }
    }
    std::fs::write(file, text).map_err(|error| CliError::file("write", file, &error))?;
    output.result(&serde_json::json!({ "tiles": tiles.len() }), &format!("{} tiles", tiles.len()));
    Ok(())
}

/// The source of a view, as Flink must read it.
fn source(loaded: &Loaded, view: &FeatureView, kafka: Option<&str>, tiles: &Path) -> Result<FlinkSource, CliError> {
    let config = &loaded.manifest.sources[view.source()];
    let columns: BTreeMap<String, FlinkColumn> = config
        .columns
        .iter()
        .map(|(ours, kind)| {
            let kind = match kind {
                ColumnType::Text => Kind::Text,
                ColumnType::Boolean => Kind::Bool,
                ColumnType::Integer | ColumnType::Decimal(_) => Kind::Number(kind.scale()),
            };
            let name = config.rename.get(ours).unwrap_or(ours).clone();
            (ours.clone(), FlinkColumn { name, kind })
        })
        .collect();
    let SourceKind::File(FileConfig { path, format }) = &config.from;
    let absolute = |path: &Path| -> Result<String, CliError> {
        let absolute = std::path::absolute(path).map_err(|error| CliError::file("find", path, &error))?;
        Ok(absolute.display().to_string())
    };
    let input = match (kafka, format) {
        (Some(brokers), _) => FlinkInput::Kafka { brokers: brokers.to_string(), topic: view.source().to_string() },
        (None, Format::Csv) => FlinkInput::Csv {
            path: absolute(&loaded.base().join(path))?,
            header: FileSource::open(view.source(), config, loaded.base())?.header().to_vec(),
        },
        (None, Format::JsonLines) => FlinkInput::Json { path: absolute(&loaded.base().join(path))? },
    };
    let output = match kafka {
        Some(brokers) => FlinkOutput::Kafka { brokers: brokers.to_string() },
        None => FlinkOutput::Files { folder: absolute(tiles)? },
    };
    let max_future_ms = if let Period::Fixed(length) = config.max_future { length } else { 0 };
    Ok(FlinkSource {
        columns,
        time: config.time.clone(),
        id: config.id.clone(),
        subjects: config.subjects.clone(),
        max_future_ms,
        input,
        output,
    })
}
