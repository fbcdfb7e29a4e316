//! The features of a collection, without posting anything: what they are, what they are worth, how
//! they differ, and tables of them for other tools.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use enliven_features::{Description, FeatureSet, backfill, point_in_time};
use enliven_types::{Digest, Event, FeatureVector, Fixed, Timestamp, Value};
use serde::Serialize;

use super::{flink, read, tiles};
use crate::cli::{Engine, FeaturesCommand, Place};
use crate::error::CliError;
use crate::manifest::{Loaded, read_events};
use crate::output::Output;
use crate::table::{Cells, Table};

/// More epochs are not written as a table.
const MAX_BORDERS: usize = 1_000_000;

/// Runs a command on features.
pub fn run(place: &Place, command: &FeaturesCommand, output: &Output) -> Result<(), CliError> {
    let loaded = Loaded::read(&place.manifest)?;
    let features = loaded.features()?;
    match command {
        FeaturesCommand::Show { entity: None, from, .. } => {
            if from.tiles.is_some() {
                return Err(CliError::Usage(
                    "--tiles needs an entity: `enliven features show ENTITY --tiles FOLDER`".into(),
                ));
            }
            list(&features, output);
        }
        FeaturesCommand::Show { entity: Some(entity), at, from } => match &from.tiles {
            Some(folder) => tiles::show(&loaded, &features, from, folder, entity, at.as_deref(), output)?,
            None => values(&loaded, &features, entity, at.as_deref(), output)?,
        },
        FeaturesCommand::Explain { name } => explain(&features, name, output)?,
        FeaturesCommand::Diff { other } => diff(&features, &Loaded::read(other)?.features()?, output),
        FeaturesCommand::Late => late(place, output)?,
        FeaturesCommand::Compile { to: Engine::Flink, view, out, kafka, tiles } => {
            flink::compile(&loaded, &features, view.as_deref(), out.as_deref(), kafka.as_deref(), tiles, output)?;
        }
        FeaturesCommand::Tiles { view, file } => flink::tiles(&loaded, &features, view.as_deref(), file, output)?,
        FeaturesCommand::Backfill { file, from } => match &from.tiles {
            Some(folder) => tiles::backfill(&loaded, &features, from, folder, file, output)?,
            None => write_backfill(&loaded, &features, file, output)?,
        },
        FeaturesCommand::Export { file, from, until } => {
            export(&loaded, &features, file, [from.as_deref(), until.as_deref()], output)?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct ViewShown<'a> {
    view: &'a str,
    source: &'a str,
    /// Whether its features are part of a token's vector; those of other views are there to be joined.
    token: bool,
    definition: Digest,
    features: &'a [Description],
}

fn list(features: &FeatureSet, output: &Output) {
    let shown: Vec<ViewShown<'_>> = features
        .views()
        .map(|(name, view)| ViewShown {
            view: name,
            source: view.source(),
            token: features.makes_tokens(name),
            definition: view.digest(),
            features: view.describe(),
        })
        .collect();
    let width = shown.iter().flat_map(|view| view.features).map(|one| one.name.len()).max().unwrap_or(0);
    let mut text = format!("definition {}\n{} features of a token\n", features.digest(), features.describe().len());
    for view in &shown {
        let role = if view.token { "" } else { ", for joins" };
        let _ = writeln!(text, "\nview {} of `{}`{role}", view.view, view.source);
        for one in view.features {
            let filter = one.filter.as_ref().map_or_else(String::new, |filter| format!(" where {filter}"));
            let _ = writeln!(text, "{:<width$}  {}{filter}; {}", one.name, one.computes, one.window);
        }
    }
    output.result(&serde_json::json!({ "definition": features.digest(), "views": shown }), &text);
}

#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    value: String,
    unit: &'a str,
}

fn values(
    loaded: &Loaded,
    features: &FeatureSet,
    entity: &str,
    at: Option<&str>,
    output: &Output,
) -> Result<(), CliError> {
    let events = read_events(loaded, features)?;
    let at = match at {
        Some(text) => instant(text)?,
        None => after_the_last(&events),
    };
    let wanted = entity.to_lowercase();
    let all = backfill(features, &events, &[at]);
    let Some((name, _, vector)) = all.iter().find(|(name, _, _)| name.to_lowercase() == wanted) else {
        return Err(CliError::Usage(format!(
            "no entity with an event before {at} is called `{entity}`; there are {}\nhint: `enliven features backfill FILE` writes all of them",
            all.len()
        )));
    };
    let shown: Vec<Shown<'_>> = features
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
        serde_json::json!({ "entity": name, "at": at.to_string(), "definition": features.digest(), "features": shown });
    output.result(&document, &text);
    Ok(())
}

fn explain(features: &FeatureSet, name: &str, output: &Output) -> Result<(), CliError> {
    let all = || features.views().flat_map(|(_, view)| view.describe());
    let Some(one) = all().find(|one| one.name == name) else {
        let available = all().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ");
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
fn diff(features: &FeatureSet, other: &FeatureSet, output: &Output) {
    let by_name = |features: &FeatureSet| -> BTreeMap<String, Digest> {
        features.describe().iter().map(|one: &Description| (one.name.clone(), one.digest)).collect()
    };
    let (ours, theirs) = (by_name(features), by_name(other));
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
        .map(|(epoch, event)| Late { epoch, id: event.id.to_string(), time: event.time.to_string() })
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

/// Every token at the watermark of every epoch.
fn write_backfill(loaded: &Loaded, features: &FeatureSet, file: &Path, output: &Output) -> Result<(), CliError> {
    let mut progress = output.progress("backfill", 2);
    let events = read_events(loaded, features)?;
    progress.tell(1, 2, "reading features");
    let watermarks = epoch_borders(loaded, after_the_last(&events))?;
    let (mut names, mut times, mut vectors) = (Vec::new(), Vec::new(), Vec::new());
    for (name, time, vector) in backfill(features, &events, &watermarks) {
        names.push(name);
        times.push(time.0);
        vectors.push(vector);
    }
    let mut table = Table { facts: facts(features, &events), ..Table::default() };
    table.columns.push(("entity".into(), Cells::Text(names)));
    table.columns.push(("as_of".into(), Cells::Time(times)));
    add_features(&mut table, features, &vectors);
    finish(table, features.digest(), file, progress, ("", serde_json::json!({})), output)
}

/// The instants that end epochs, up to the first that sees every event.
pub fn epoch_borders(loaded: &Loaded, end: Timestamp) -> Result<Vec<Timestamp>, CliError> {
    let epochs = &loaded.manifest.epochs;
    let start = epochs.period.index(instant(&epochs.start)?);
    let mut borders = Vec::new();
    for index in start.. {
        let border = epochs.period.start(index);
        borders.push(border);
        if borders.len() > MAX_BORDERS {
            let text = format!(
                "there are more than {MAX_BORDERS} epochs from {} to {end}\nhint: a later `epochs.start` or a longer `epochs.period` makes fewer; `enliven features show` reads one instant",
                epochs.start
            );
            return Err(CliError::Usage(text));
        }
        if border >= end || border >= Timestamp::RANGE.1 {
            break;
        }
    }
    Ok(borders)
}

/// One row for each event and side: the features of that side's entity just before the event, and
/// the event's own data, from which labels are taken.
fn export(
    loaded: &Loaded,
    features: &FeatureSet,
    file: &Path,
    span: [Option<&str>; 2],
    output: &Output,
) -> Result<(), CliError> {
    let view = features.token_view();
    let mut progress = output.progress("export", 2);
    let events = read_events(loaded, features)?;
    progress.tell(1, 2, "reading features");
    let from = span[0].map_or(Ok(Timestamp::RANGE.0), instant)?;
    let until = span[1].map_or(Ok(Timestamp::RANGE.1), instant)?;
    let (mut labels, mut rows) = (Vec::new(), Vec::new());
    for (_, event) in events.iter().filter(|(_, event)| event.source == view.source()) {
        if event.time < from || event.time >= until {
            continue;
        }
        for (side, name) in view.entities(event).enumerate() {
            labels.push((name, event.time));
            rows.push((event, side as i64));
        }
    }
    if labels.is_empty() && !events.is_empty() {
        let reason = "no event names a token: those that are found by their owner have no training rows";
        return Err(CliError::Usage(reason.into()));
    }
    let vectors = point_in_time(features, &events, &labels);
    let mut table = Table { facts: facts(features, &events), ..Table::default() };
    let texts = |of: &dyn Fn(&Event) -> String| Cells::Text(rows.iter().map(|(event, _)| of(event)).collect());
    table.columns.push(("event_id".into(), texts(&|event| event.id.to_string())));
    table.columns.push(("side".into(), Cells::Decimal(0, rows.iter().map(|(_, side)| *side).collect())));
    table.columns.push(("entity".into(), Cells::Text(labels.into_iter().map(|(name, _)| name).collect())));
    table.columns.push(("as_of".into(), Cells::Time(rows.iter().map(|(event, _)| event.time.0).collect())));
    add_features(&mut table, features, &vectors);
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
    finish(table, features.digest(), file, progress, ("", serde_json::json!({})), output)
}

fn add_features(table: &mut Table, features: &FeatureSet, vectors: &[FeatureVector]) {
    for (place, one) in features.describe().iter().enumerate() {
        let numbers = vectors.iter().map(|vector| vector.0[place]).collect();
        table.columns.push((one.name.clone(), Cells::Decimal(one.scale, numbers)));
    }
}

/// Which definition and which events the table is of.
fn facts(features: &FeatureSet, events: &[(u32, Event)]) -> Vec<(String, String)> {
    let mut log = Vec::new();
    let mut offsets: BTreeMap<String, u64> = BTreeMap::new();
    for (partition, event) in events {
        log.extend_from_slice(&event.digest().0);
        *offsets.entry(format!("{}/{partition}", event.source)).or_default() += 1;
    }
    let offsets: Vec<String> = offsets.into_iter().map(|(partition, offset)| format!("{partition} {offset}")).collect();
    let facts = [
        ("enliven.definition", features.digest().to_string()),
        ("enliven.offsets", offsets.join(", ")),
        ("enliven.watermark", after_the_last(events).to_string()),
        ("enliven.events", Digest::sha256(&log).to_string()),
    ];
    facts.into_iter().map(|(key, value)| (key.to_string(), value)).collect()
}

/// Writes the table and says so, with more to tell in text and JSON.
pub fn finish(
    table: Table,
    definition: Digest,
    file: &Path,
    progress: crate::output::Progress,
    (told, mut more): (&str, serde_json::Value),
    output: &Output,
) -> Result<(), CliError> {
    table.write(file)?;
    let (rows, columns) = (table.rows(), table.columns.len());
    progress.done(&format!("{rows} rows"));
    let written = Written { file: file.display().to_string(), rows, columns, definition };
    let text = format!("{rows} rows of {columns} columns written to {}\ndefinition {definition}\n{told}", written.file);
    let mut document = serde_json::json!(written);
    if let (Some(document), Some(more)) = (document.as_object_mut(), more.as_object_mut()) {
        document.append(more);
    }
    output.result(&document, &text);
    Ok(())
}

/// The first instant that sees every event.
fn after_the_last(events: &[(u32, Event)]) -> Timestamp {
    events.iter().map(|(_, event)| Timestamp(event.time.0 + 1)).max().unwrap_or(Timestamp(0))
}

/// A date or an instant.
pub fn instant(text: &str) -> Result<Timestamp, CliError> {
    Timestamp::parse(text).map_err(|error| CliError::Usage(error.to_string()))
}

/// A number with its decimal places.
pub fn decimal(units: i64, scale: u8) -> String {
    Fixed { units, scale }.to_string()
}
