//! Features from tiles that Apache Flink added up, without the event log.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use enliven_features::{
    Description, FeatureSet, FeatureView, LeftOut, MAX_TILE_LINE, TileError, TileHistory, TileReader, Told, Unknown,
};
use serde::Serialize;

use super::features::{decimal, epoch_borders, finish, instant};
use super::flink;
use crate::cli::FromTiles;
use crate::error::CliError;
use crate::manifest::Loaded;
use crate::output::Output;
use crate::table::{Cells, Table};

/// The tiles of a folder.
struct Found<'a> {
    view: &'a FeatureView,
    history: TileHistory<'a>,
}

#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    value: Option<String>,
    unit: &'a str,
    /// Why the value is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<String>,
}

/// Shows the features of one entity.
pub fn show(
    loaded: &Loaded,
    features: &FeatureSet,
    from: &FromTiles,
    folder: &Path,
    entity: &str,
    at: Option<&str>,
    output: &Output,
) -> Result<(), CliError> {
    let Found { view, history } = read(loaded, features, from, folder, output)?;
    let at = match (at, history.end()) {
        (Some(text), _) => instant(text)?,
        (None, Some(end)) => end,
        (None, None) => return Err(no_end()),
    };
    let wanted = entity.to_lowercase();
    let all = history.backfill(&[at]).map_err(told)?;
    let Some((name, _, vector)) = all.iter().find(|(name, _, _)| name.to_lowercase() == wanted) else {
        return Err(CliError::Usage(format!(
            "no entity with an event before {at} is called `{entity}`; there are {} in the tiles\nhint: `enliven features backfill FILE --tiles FOLDER` writes all of them",
            all.len()
        )));
    };
    let shown: Vec<Shown<'_>> = in_tiles(view, vector)
        .map(|(one, told)| Shown {
            name: &one.name,
            value: told.ok().map(|units| decimal(units, one.scale)),
            unit: &one.unit,
            unknown: told.err().map(|why| why.to_string()),
        })
        .collect();
    let width = shown.iter().map(|one| one.name.len()).max().unwrap_or(0);
    let mut text = format!("{name} at {at}\n");
    for one in &shown {
        let _ = match (&one.value, &one.unknown) {
            (Some(value), _) => writeln!(text, "{:<width$}  {value:>14} {}", one.name, one.unit),
            (None, why) => {
                writeln!(text, "{:<width$}  {:>14} {}", one.name, "not known:", why.as_deref().unwrap_or(""))
            }
        };
    }
    tell_left_out(&mut text, history.left_out());
    let document = serde_json::json!({
        "entity": name, "at": at.to_string(), "definition": view.digest(), "features": shown, "left_out": history.left_out(),
    });
    output.result(&document, &text);
    Ok(())
}

#[derive(Serialize)]
struct NotKnown<'a> {
    feature: &'a str,
    values: usize,
    reason: String,
}

/// Writes the features of every entity at every epoch.
pub fn backfill(
    loaded: &Loaded,
    features: &FeatureSet,
    from: &FromTiles,
    folder: &Path,
    file: &Path,
    output: &Output,
) -> Result<(), CliError> {
    let mut progress = output.progress("backfill", 2);
    let Found { view, history } = read(loaded, features, from, folder, output)?;
    progress.tell(1, 2, "reading features");
    let end = history.end().ok_or_else(no_end)?;
    let (mut names, mut times, mut vectors) = (Vec::new(), Vec::new(), Vec::new());
    for (name, time, vector) in history.backfill(&epoch_borders(loaded, end)?).map_err(told)? {
        names.push(name);
        times.push(time.0);
        vectors.push(vector);
    }
    let facts = [
        ("enliven.definition", view.digest().to_string()),
        ("enliven.tiles", history.len().to_string()),
        ("enliven.end", end.to_string()),
        ("enliven.tiles_digest", history.digest().to_string()),
    ];
    let facts = facts.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
    let mut table = Table { facts, ..Table::default() };
    table.columns.push(("entity".into(), Cells::Text(names)));
    table.columns.push(("as_of".into(), Cells::Time(times)));
    let mut not_known = Vec::new();
    for (place, one) in view.describe().iter().enumerate() {
        if history.left_out().iter().any(|left_out| left_out.feature == one.name) {
            continue;
        }
        let numbers: Vec<Option<i64>> = vectors.iter().map(|vector| vector[place].ok()).collect();
        for why in [Unknown::Total, Unknown::Tied] {
            let values = vectors.iter().filter(|vector| vector[place] == Err(why)).count();
            if values > 0 {
                not_known.push(NotKnown { feature: &one.name, values, reason: why.to_string() });
            }
        }
        table.columns.push((one.name.clone(), Cells::Known(one.scale, numbers)));
    }
    let mut text = String::new();
    for NotKnown { feature, values, reason } in &not_known {
        let _ = writeln!(text, "not known: {values} values of {feature} ({reason}); their cells are empty");
    }
    tell_left_out(&mut text, history.left_out());
    let more = serde_json::json!({ "not_known": not_known, "left_out": history.left_out() });
    finish(table, view.digest(), file, progress, (&text, more), output)
}

/// The features that the tiles hold, with what they say.
fn in_tiles<'a>(view: &'a FeatureView, vector: &'a [Told]) -> impl Iterator<Item = (&'a Description, Told)> {
    view.describe().iter().zip(vector.iter().copied()).filter(|(_, told)| *told != Err(Unknown::LeftOut))
}

fn tell_left_out(text: &mut String, left_out: &[LeftOut]) {
    for one in left_out {
        let _ = writeln!(text, "left out: {} ({})", one.feature, one.reason);
    }
}

fn no_end() -> CliError {
    CliError::Usage("the tiles hold only totals, and do not say when the stream ended\nhint: --end TIME says it".into())
}

fn told(error: TileError) -> CliError {
    CliError::Usage(error.to_string())
}

/// Reads the tables of a view.
fn read<'a>(
    loaded: &Loaded,
    features: &'a FeatureSet,
    from: &FromTiles,
    folder: &Path,
    output: &Output,
) -> Result<Found<'a>, CliError> {
    let (name, view) = flink::chosen(features, from.view.as_deref())?;
    // Where the rows are says nothing of the tiles.
    let source = flink::source(loaded, view, Some(""), folder)?;
    let mut reader = features.tile_reader(name, &source).ok_or_else(flink::joined)?;
    let end = from.end.as_deref().map(instant).transpose()?;
    let tables: Vec<String> = reader.tables().map(str::to_string).collect();
    if tables.is_empty() {
        return Err(CliError::Usage("no feature of the view can be said in tiles".into()));
    }
    let mut unfinished = 0;
    for table in &tables {
        let (parts, topic) = (folder.join(table), folder.join(format!("{table}.topic")));
        if parts.is_dir() {
            unfinished += read_parts(&mut reader, table, &parts)?;
        } else if topic.is_file() {
            read_lines(&topic, |line| reader.add_record(table, line))?;
        } else {
            return Err(CliError::Usage(format!(
                "there are no tiles of the table `{table}`: neither the folder {} nor the file {} is there",
                parts.display(),
                topic.display()
            )));
        }
    }
    if unfinished > 0 {
        output.note(&format!("left aside, because Flink has not finished them: {unfinished} files"));
    }
    let history = reader.finish(end).map_err(told)?;
    if history.is_empty() {
        return Err(CliError::Usage(format!("there is no tile in {}", folder.display())));
    }
    Ok(Found { view, history })
}

/// Reads the files of a table; returns how many are not finished.
///
/// Flink calls them `part-RUN-TASK-NUMBER`. All changes of a key go through one task, which numbers its
/// files in their order. A job that is started again is another run: between the files of two runs there
/// is no order, and a key of both is refused.
fn read_parts(reader: &mut TileReader<'_>, table: &str, folder: &Path) -> Result<usize, CliError> {
    let failed = |error: std::io::Error| CliError::file("read", folder, &error);
    let mut files: BTreeMap<(String, u64), BTreeMap<u64, PathBuf>> = BTreeMap::new();
    let mut unfinished = 0;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(['.', '_']) {
            unfinished += usize::from(name.contains(".inprogress"));
            continue;
        }
        let Some((run, task, number)) = part(&name).filter(|_| path.is_file()) else {
            return Err(CliError::Usage(format!(
                "{} is not called as Flink calls its files (part-RUN-TASK-NUMBER), so that the order of its lines is not known",
                path.display()
            )));
        };
        files.entry((run.to_string(), task)).or_default().insert(number, path);
    }
    for (writer, files) in (0..).zip(files.values()) {
        for path in files.values() {
            read_lines(path, |line| reader.add_change(table, writer, line))?;
        }
    }
    Ok(unfinished)
}

/// The run, the task and the number in the name of a file.
fn part(name: &str) -> Option<(&str, u64, u64)> {
    let (rest, number) = name.strip_prefix("part-")?.rsplit_once('-')?;
    let (run, task) = rest.rsplit_once('-')?;
    // One spelling for each number, so that no two files are the same one.
    let whole = |text: &str| text.parse::<u64>().ok().filter(|number| number.to_string() == text);
    Some((run, whole(task)?, whole(number)?))
}

/// Shows each line without its end; a mistake is told with the file and the line.
fn read_lines(path: &Path, mut see: impl FnMut(&[u8]) -> Result<(), TileError>) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::file("read", path, &error);
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let wrong = |reason: &dyn std::fmt::Display| CliError::Usage(format!("{}:{number}: {reason}", path.display()));
        // One byte more than allowed, and the end of the line.
        let most = MAX_TILE_LINE as u64 + 2;
        if file.by_ref().take(most).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if line.len() > MAX_TILE_LINE {
            return Err(wrong(&format!("the line is longer than {MAX_TILE_LINE} bytes")));
        }
        see(&line).map_err(|error| wrong(&error))?;
    }
    Ok(())
}
