//! The features as a job for Apache Flink.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use enliven_features::{FeatureSet, FeatureView, FlinkColumn, FlinkInput, FlinkOutput, FlinkSource, Kind};
use enliven_sources::{FileConfig, FileSource, Format, SourceKind};
use enliven_types::Period;

use crate::error::CliError;
use crate::manifest::{Loaded, read_events};
use crate::output::Output;

/// Writes or shows the SQL of the job.
pub fn compile(
    loaded: &Loaded,
    features: &FeatureSet,
    view: Option<&str>,
    out: Option<&Path>,
    kafka: Option<&str>,
    tiles: &Path,
    output: &Output,
) -> Result<(), CliError> {
    let (_, view) = chosen(features, view)?;
    let job = view.to_flink(&source(loaded, view, kafka, tiles)?).ok_or_else(joined)?;
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
pub fn tiles(
    loaded: &Loaded,
    features: &FeatureSet,
    view: Option<&str>,
    file: &Path,
    output: &Output,
) -> Result<(), CliError> {
    let (name, view) = chosen(features, view)?;
    let source = source(loaded, view, None, Path::new("tiles"))?;
    let tiles = features.tiles(name, &source, &read_events(loaded, features)?).ok_or_else(joined)?;
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

/// The view with a name; without one that of the tokens.
pub fn chosen<'a>(features: &'a FeatureSet, name: Option<&str>) -> Result<(&'a str, &'a FeatureView), CliError> {
    let first = || features.views().find(|(name, _)| features.makes_tokens(name));
    let found = name.map_or_else(first, |name| features.views().find(|(other, _)| *other == name));
    found.ok_or_else(|| {
        let names: Vec<&str> = features.views().map(|(name, _)| name).collect();
        CliError::Usage(format!("unknown view `{}` (available: {})", name.unwrap_or_default(), names.join(", ")))
    })
}

/// What a view with joins is refused with.
pub fn joined() -> CliError {
    CliError::Usage(
        "the view joins others, a table or owners as of an event's time, which the SQL of one event at a time cannot say\nhint: --view NAME compiles another view".into(),
    )
}

/// The source of a view, as Flink must read it.
pub fn source(loaded: &Loaded, view: &FeatureView, kafka: Option<&str>, tiles: &Path) -> Result<FlinkSource, CliError> {
    let config = &loaded.manifest.sources[view.source()];
    let columns: BTreeMap<String, FlinkColumn> = config
        .columns
        .iter()
        .map(|(ours, kind)| {
            let name = config.rename.get(ours).unwrap_or(ours).clone();
            (ours.clone(), FlinkColumn { name, kind: Kind::from(*kind) })
        })
        .collect();
    let SourceKind::File(FileConfig { path, format }) = &config.from;
    let path = match (kafka, path.all()) {
        (Some(_), _) => "",
        (None, [only]) => only,
        (None, several) => {
            let files = several.len();
            return Err(CliError::Usage(format!(
                "the source `{}` has {files} files, which have no common order in Flink\nhint: --kafka reads a topic instead",
                view.source()
            )));
        }
    };
    let absolute = |path: &Path| -> Result<String, CliError> {
        let absolute = std::path::absolute(path).map_err(|error| CliError::file("find", path, &error))?;
        Ok(absolute.display().to_string())
    };
    let input = match (kafka, format) {
        (Some(brokers), _) => FlinkInput::Kafka { brokers: brokers.to_string(), topic: view.source().to_string() },
        (None, Format::Csv) => FlinkInput::Csv {
            path: absolute(&loaded.base().join(path))?,
            header: FileSource::open(view.source(), config, 0, loaded.base())?.header().to_vec(),
        },
        (None, Format::JsonLines) => FlinkInput::Json { path: absolute(&loaded.base().join(path))? },
    };
    let output = match kafka {
        Some(brokers) => FlinkOutput::Kafka { brokers: brokers.to_string() },
        None => FlinkOutput::Files { folder: absolute(tiles)? },
    };
    let length = |period: Period| if let Period::Fixed(length) = period { length } else { 0 };
    Ok(FlinkSource {
        columns,
        time: config.time.clone(),
        id: config.id.clone(),
        subjects: config.subjects.clone(),
        lateness_ms: length(config.allowed_lateness),
        max_future_ms: length(config.max_future),
        input,
        output,
    })
}
