//! The features of a collection, without posting anything: what they are, what they are worth, how
//! they differ, and tables of them for other tools.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use enliven_features::{Description, FeatureView, point_in_time};
use enliven_types::{Digest, Event, FeatureVector, Fixed, Timestamp, Value};
use serde::Serialize;

use super::{flink, read};
use crate::cli::{Engine, FeaturesCommand, Place};
use crate::error::CliError;
use crate::manifest::{Loaded, read_events};
use crate::output::Output;
use crate::table::{Cells, Table};

/// Runs a command on features.
pub fn run(place: &Place, command: &FeaturesCommand, output: &Output) -> Result<(), CliError> {
    let loaded = Loaded::read(&place.manifest)?;
    let view = loaded.features()?;
    match command {
        FeaturesCommand::Show { entity: None, .. } => list(&view, output),
        FeaturesCommand::Show { entity: Some(entity), at } => values(&loaded, &view, entity, at.as_deref(), output)?,
        FeaturesCommand::Explain { name } => explain(&view, name, output)?,
        FeaturesCommand::Diff { other } => diff(&view, &Loaded::read(other)?.features()?, output),
        FeaturesCommand::Late => late(place, output)?,
        FeaturesCommand::Compile { to: Engine::Flink, out, kafka, tiles } => {
            flink::compile(&loaded, &view, out.as_deref(), kafka.as_deref(), tiles, output)?;
        }
        FeaturesCommand::Tiles { file } => flink::tiles(&loaded, &view, file, output)?,
        FeaturesCommand::Backfill { file } => backfill(&loaded, &view, file, output)?,
        FeaturesCommand::Export { file, from, until } => {
            export(&loaded, &view, file, [from.as_deref(), until.as_deref()], output)?;
        }
    }
    Ok(())
}

fn list(view: &FeatureView, output: &Output) {
    let descriptions = view.describe();
    let width = descriptions.iter().map(|one| one.name.len()).max().unwrap_or(0);
    let mut text = format!("definition {}\n{} features\n", view.digest(), descriptions.len());
    for one in descriptions {
        let filter = one.filter.as_ref().map_or_else(String::new, |filter| format!(" where {filter}"));
        let _ = writeln!(text, "{:<width$}  {}{filter}; {}", one.name, one.computes, one.window);
    }
    output.result(&serde_json::json!({ "definition": view.digest(), "features": descriptions }), &text);
}

#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    value: String,
    unit: &'a str,
}

fn values(
    loaded: &Loaded,
    view: &FeatureView,
    entity: &str,
    at: Option<&str>,
    output: &Output,
) -> Result<(), CliError> {
    let events = read_events(loaded)?;
    let at = match at {
        Some(text) => instant(text)?,
        None => after_the_last(&events),
    };
    let wanted = entity.to_lowercase();
    let names: BTreeSet<String> = events.iter().flat_map(|event| view.entities(event)).collect();
    let Some(name) = names.iter().find(|name| name.to_lowercase() == wanted) else {
        return Err(CliError::Usage(format!(
            "no entity is called `{entity}`; there are {}\nhint: `enliven features backfill FILE` writes all of them",
            names.len()
        )));
    };
    let vector = point_in_time(view, &events, &[(name.clone(), at)]).pop().unwrap_or_default();
    let shown: Vec<Shown<'_>> = view
        .describe()
        .iter()
        .zip(&vector.0)
        .map(|(one, units)| Shown { name: &one.name, value: decimal(*units, one.scale), unit: &one.unit })
        .collect();
    let width = shown.iter().map(|one| one.name.len()).max().unwrap_or(0);
    let mut text = format!("{name} at {at}\n");
    for one in &shown {
        let _ = writeln!(text, "{:<width$}  {:>14} {}", one.name, one.value, one.unit);
    }
    let document =
        serde_json::json!({ "entity": name, "at": at.to_string(), "definition": view.digest(), "features": shown });
    output.result(&document, &text);
    Ok(())
}

fn explain(view: &FeatureView, name: &str, output: &Output) -> Result<(), CliError> {
    let Some(one) = view.describe().iter().find(|one| one.name == name) else {
        let available = view.describe().iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(CliError::Usage(format!("unknown feature `{name}` (available: {available})")));
    };
    let mut text = format!("{}: {}\n", one.name, one.computes);
    let _ = writeln!(text, "  events    {}", one.filter.as_deref().unwrap_or("all"));
    let _ = writeln!(text, "  window    {}", one.window);
    let _ = writeln!(text, "  accuracy  {}", one.bound.as_deref().unwrap_or("exact"));
    let _ = writeln!(text, "  places    {}", one.scale);
    let _ = writeln!(text, "  empty     {}", decimal(one.empty, one.scale));
    if !one.unit.is_empty() {
        let _ = writeln!(text, "  unit      {}", one.unit);
    }
    let _ = writeln!(text, "  privacy   {}", format!("{:?}", one.privacy).to_lowercase());
    let _ = writeln!(text, "  digest    {}", one.digest);
    output.result(one, &text);
    Ok(())
}

#[derive(Default, Serialize)]
struct Difference {
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<String>,
    same: usize,
}

/// What the other definition has, has not, or has otherwise.
fn diff(view: &FeatureView, other: &FeatureView, output: &Output) {
    let by_name = |view: &FeatureView| -> BTreeMap<String, Digest> {
        view.describe().iter().map(|one: &Description| (one.name.clone(), one.digest)).collect()
    };
    let (ours, theirs) = (by_name(view), by_name(other));
    let mut found = Difference::default();
    for (name, digest) in &ours {
        match theirs.get(name) {
            None => found.removed.push(name.clone()),
            Some(other) if other == digest => found.same += 1,
            Some(_) => found.changed.push(name.clone()),
        }
    }
    found.added = theirs.into_keys().filter(|name| !ours.contains_key(name)).collect();
    let mut text = String::new();
    for (sign, names) in [("+", &found.added), ("-", &found.removed), ("~", &found.changed)] {
        names.iter().for_each(|name| {
            let _ = writeln!(text, "{sign} {name}");
        });
    }
    let _ = writeln!(text, "{} the same", found.same);
    output.result(&found, &text);
}

#[derive(Serialize)]
struct Late {
    epoch: u64,
    id: String,
    time: String,
}

/// What the allowed lateness left out.
fn late(place: &Place, output: &Output) -> Result<(), CliError> {
    let found: Vec<Late> = read::view(place)?
        .late_events()?
        .into_iter()
        .map(|(epoch, event)| Late { epoch, id: event.id, time: event.time.to_string() })
        .collect();
    let mut text = format!("{} events came later than allowed\n", found.len());
    for one in &found {
        let _ = writeln!(text, "{}  {}  (epoch {})", one.time, one.id, one.epoch);
    }
    output.result(&found, &text);
    Ok(())
}

#[derive(Serialize)]
struct Written {
    file: String,
    rows: usize,
    columns: usize,
    definition: Digest,
}

/// Every entity at the watermark of every epoch.
fn backfill(loaded: &Loaded, view: &FeatureView, file: &Path, output: &Output) -> Result<(), CliError> {
    let mut progress = output.progress("backfill", 2);
    let events = read_events(loaded)?;
    progress.tell(1, 2, "reading features");
    let epochs = &loaded.manifest.epochs;
    let start = epochs.period.index(instant(&epochs.start)?);
    let mut first_seen: BTreeMap<String, Timestamp> = BTreeMap::new();
    for event in &events {
        for name in view.entities(event) {
            let first = first_seen.entry(name).or_insert(event.time);
            *first = event.time.min(*first);
        }
    }
    let end = after_the_last(&events);
    let mut labels = Vec::new();
    for index in start.. {
        let watermark = epochs.period.start(index);
        let known = first_seen.iter().filter(|(_, first)| **first < watermark);
        labels.extend(known.map(|(name, _)| (name.clone(), watermark)));
        // The last epoch is the first that sees every event.
        if watermark >= end || watermark >= Timestamp::RANGE.1 {
            break;
        }
    }
    let vectors = point_in_time(view, &events, &labels);
    let mut table = Table { facts: facts(view, &events), ..Table::default() };
    let (names, times): (Vec<String>, Vec<Timestamp>) = labels.into_iter().unzip();
    table.columns.push(("entity".into(), Cells::Text(names)));
    table.columns.push(("as_of".into(), Cells::Time(times.into_iter().map(|time| time.0).collect())));
    add_features(&mut table, view, &vectors);
    finish(table, view, file, progress, output)
}

/// One row for each event and side: the features of that side's entity just before the event, and
/// the event's own data, from which labels are taken.
fn export(
    loaded: &Loaded,
    view: &FeatureView,
    file: &Path,
    span: [Option<&str>; 2],
    output: &Output,
) -> Result<(), CliError> {
    let mut progress = output.progress("export", 2);
    let events = read_events(loaded)?;
    progress.tell(1, 2, "reading features");
    let from = span[0].map_or(Ok(Timestamp::RANGE.0), instant)?;
    let until = span[1].map_or(Ok(Timestamp::RANGE.1), instant)?;
    let (mut labels, mut rows) = (Vec::new(), Vec::new());
    for event in events.iter().filter(|event| event.source == view.source()) {
        if event.time < from || event.time >= until {
            continue;
        }
        for (side, name) in view.entities(event).enumerate() {
            labels.push((name, event.time));
            rows.push((event, side as i64));
        }
    }
    let vectors = point_in_time(view, &events, &labels);
    let mut table = Table { facts: facts(view, &events), ..Table::default() };
    let texts = |of: &dyn Fn(&Event) -> String| Cells::Text(rows.iter().map(|(event, _)| of(event)).collect());
    table.columns.push(("event_id".into(), texts(&|event| event.id.clone())));
    table.columns.push(("side".into(), Cells::Decimal(0, rows.iter().map(|(_, side)| *side).collect())));
    table.columns.push(("entity".into(), Cells::Text(labels.into_iter().map(|(name, _)| name).collect())));
    table.columns.push(("as_of".into(), Cells::Time(rows.iter().map(|(event, _)| event.time.0).collect())));
    add_features(&mut table, view, &vectors);
    for (column, kind) in &loaded.manifest.sources[view.source()].columns {
        let value = |event: &Event| event.data.get(column).cloned();
        let numbers =
            || rows.iter().map(|(event, _)| value(event).and_then(|value| value.number()).unwrap_or(0)).collect();
        let cells = match rows.first().and_then(|(event, _)| value(event)) {
            Some(Value::Text(_)) => {
                texts(&|event| value(event).and_then(|value| value.text().map(str::to_string)).unwrap_or_default())
            }
            _ => Cells::Decimal(kind.scale(), numbers()),
        };
        table.columns.push((format!("event_{column}"), cells));
    }
    finish(table, view, file, progress, output)
}

fn add_features(table: &mut Table, view: &FeatureView, vectors: &[FeatureVector]) {
    for (place, one) in view.describe().iter().enumerate() {
        let numbers = vectors.iter().map(|vector| vector.0[place]).collect();
        table.columns.push((one.name.clone(), Cells::Decimal(one.scale, numbers)));
    }
}

/// Which definition and which events the table is of.
fn facts(view: &FeatureView, events: &[Event]) -> Vec<(String, String)> {
    let mut log = Vec::new();
    for event in events {
        log.extend_from_slice(&event.digest().0);
    }
    let facts = [
        ("enliven.definition", view.digest().to_string()),
        ("enliven.source", view.source().to_string()),
        ("enliven.offset", events.len().to_string()),
        ("enliven.watermark", after_the_last(events).to_string()),
        ("enliven.events", Digest::sha256(&log).to_string()),
    ];
    facts.into_iter().map(|(key, value)| (key.to_string(), value)).collect()
}

fn finish(
    table: Table,
    view: &FeatureView,
    file: &Path,
    progress: crate::output::Progress,
    output: &Output,
) -> Result<(), CliError> {
    table.write(file)?;
    let (rows, columns) = (table.rows(), table.columns.len());
    progress.done(&format!("{rows} rows"));
    let written = Written { file: file.display().to_string(), rows, columns, definition: view.digest() };
    let text = format!("{rows} rows of {columns} columns written to {}\ndefinition {}", written.file, view.digest());
    output.result(&written, &text);
    Ok(())
}

/// The first instant that sees every event.
fn after_the_last(events: &[Event]) -> Timestamp {
    events.iter().map(|event| Timestamp(event.time.0 + 1)).max().unwrap_or(Timestamp(0))
}

fn instant(text: &str) -> Result<Timestamp, CliError> {
    Timestamp::parse(text).map_err(|error| CliError::Usage(error.to_string()))
}

fn decimal(units: i64, scale: u8) -> String {
    Fixed { units, scale }.to_string()
}
