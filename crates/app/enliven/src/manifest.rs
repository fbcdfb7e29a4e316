//! Reads `enliven.toml` and shows the place of a mistake.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use enliven_engine::{Assets, EngineError, Manifest, Plan};
use enliven_features::{FeatureSet, Tables};
use enliven_sources::{FileSource, read_table};
use enliven_types::{ColumnType, Event};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::CliError;

/// A larger manifest, template or model is refused.
const MAX_BYTES: u64 = 16 << 20;

/// A manifest that parsed, with its text for later messages.
pub struct Loaded {
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub manifest: Manifest,
    text: String,
}

impl Loaded {
    /// Reads and parses the file.
    pub fn read(path: &Path) -> Result<Loaded, CliError> {
        let text = read_text(path).map_err(|error| {
            error.hint("`enliven new FOLDER` writes a starter manifest; --manifest FILE names another one")
        })?;
        match toml::from_str(&text) {
            Ok(manifest) => Ok(Loaded { path: path.to_path_buf(), manifest, text }),
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                Err(CliError::Manifest(show(path, &text, span, error.message())))
            }
        }
    }

    /// The folder that the manifest's paths start from.
    pub fn base(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        }
    }

    /// The checked features, with the rows of their tables.
    pub fn features(&self) -> Result<FeatureSet, CliError> {
        Plan::check_features(&self.manifest, &self.tables()?).map_err(|error| self.place(error))
    }

    /// The rows of the features' tables.
    fn tables(&self) -> Result<Tables, CliError> {
        let mut tables = Tables::new();
        for (name, table) in &self.manifest.features.tables {
            let mut columns = table.columns.clone();
            for column in table.key.columns() {
                columns.entry(column.clone()).or_insert(ColumnType::Text);
            }
            let bytes = read_bytes(&self.base().join(&table.path))?;
            tables.insert(name.clone(), read_table(name, &table.path, &columns, bytes)?);
        }
        Ok(tables)
    }

    /// The checked plan, with the manifest's model and template.
    pub fn plan(&self) -> Result<Arc<Plan>, CliError> {
        Ok(Arc::new(self.unshared_plan()?))
    }

    /// The same for one who has to change it.
    pub fn unshared_plan(&self) -> Result<Plan, CliError> {
        self.features()?;
        let path = self.base().join(&self.manifest.model.artifact);
        let model = read_bytes(&path).map_err(|error| {
            error.hint("`enliven train` writes the model, or `enliven model import` if it comes from elsewhere")
        })?;
        self.plan_with(model)
    }

    /// The checked plan with this model.
    pub fn plan_with(&self, model: Vec<u8>) -> Result<Plan, CliError> {
        let template = read_text(&self.base().join(&self.manifest.metadata.template))?;
        let assets = Assets { template, model, tables: self.tables()? };
        Plan::new(&self.manifest, &assets).map_err(|error| self.place(error))
    }

    /// Shows a mistake in the manifest at its place.
    fn place(&self, error: EngineError) -> CliError {
        match error {
            EngineError::Manifest { path, reason } => {
                let span = locate(&self.text, &path, &reason);
                CliError::Manifest(show(&self.path, &self.text, span, &reason))
            }
            other => CliError::Engine(other),
        }
    }
}

/// The events of the features' sources with their partitions, as the logs would hold them.
pub fn read_events(loaded: &Loaded, features: &FeatureSet) -> Result<Vec<(u32, Event)>, CliError> {
    let mut events = Vec::new();
    for name in features.sources() {
        let source = &loaded.manifest.sources[name];
        let mut seen = BTreeSet::new();
        for partition in 0..source.partitions() {
            for row in FileSource::open(name, source, partition, loaded.base())? {
                // Bad rows are counted by `run`; here they are only left out.
                if let Ok(event) = row?
                    && seen.insert(event.id.clone())
                {
                    events.push((partition, event));
                }
            }
        }
    }
    Ok(events)
}

/// Reads a text file of bounded size.
pub fn read_text(path: &Path) -> Result<String, CliError> {
    String::from_utf8(read_bytes(path)?).map_err(|_| {
        let error = std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not UTF-8");
        CliError::file("read", path, &error)
    })
}

/// Reads a file of bounded size.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, CliError> {
    let size = std::fs::metadata(path).map_err(|error| CliError::file("read", path, &error))?.len();
    if size > MAX_BYTES {
        let error = std::io::Error::other(format!("it has {size} bytes, at most {MAX_BYTES} are read"));
        return Err(CliError::file("read", path, &error));
    }
    std::fs::read(path).map_err(|error| CliError::file("read", path, &error))
}

/// The span of the value at a dotted path, or of the nearest value around it; of a table or list, of
/// the name in it that the reason quotes.
fn locate(text: &str, path: &str, reason: &str) -> Range<usize> {
    let Ok(table) = DeTable::parse(text) else { return 0..0 };
    let mut span = 0..0;
    let mut value: Option<&DeValue<'_>> = None;
    for part in path.split('.') {
        let next = match value {
            None => table.get_ref().get(part),
            Some(DeValue::Table(table)) => table.get(part),
            Some(DeValue::Array(list)) => part.parse::<usize>().ok().and_then(|place| list.get(place)),
            Some(_) => None,
        };
        let Some(next) = next else { break };
        span = next.span();
        value = Some(next.get_ref());
    }
    let Some(value) = value else { return span };
    let quoted: Vec<&str> = reason.split('`').skip(1).step_by(2).collect();
    let mut found = Found::default();
    found.search(value, &quoted);
    // A wrong value is named before or after its field; fields alone say something only if there is one.
    match (found.values.last(), found.keys.as_slice()) {
        (Some(value), _) => value.clone(),
        (None, [key]) => key.clone(),
        (None, _) => span,
    }
}

/// Where quoted names stand inside a value.
#[derive(Default)]
struct Found {
    keys: Vec<Range<usize>>,
    values: Vec<Range<usize>>,
}

impl Found {
    fn search(&mut self, value: &DeValue<'_>, quoted: &[&str]) {
        match value {
            DeValue::Table(table) => {
                for (key, value) in table.iter() {
                    if quoted.contains(&key.get_ref().as_ref()) {
                        self.keys.push(key.span());
                    }
                    self.check(value, quoted);
                }
            }
            DeValue::Array(list) => {
                for value in list.iter() {
                    self.check(value, quoted);
                }
            }
            _ => {}
        }
    }

    fn check(&mut self, value: &Spanned<DeValue<'_>>, quoted: &[&str]) {
        match value.get_ref() {
            DeValue::String(text) if quoted.contains(&text.as_ref()) => self.values.push(value.span()),
            inner => self.search(inner, quoted),
        }
    }
}

/// A message with the file, line and column, and carets under the value.
fn show(path: &Path, text: &str, span: Range<usize>, message: &str) -> String {
    let (reason, hint) = match message.split_once("\nhint: ") {
        Some((reason, hint)) => (reason, Some(hint)),
        None => (message, None),
    };
    // A caret under a whole table helps nobody: its first line is enough.
    let end = text[span.start..span.end].find('\n').map_or(span.end, |length| span.start + length);
    let shown = path.display().to_string();
    let snippet = Snippet::source(text).path(&shown).annotation(AnnotationKind::Primary.span(span.start..end));
    let mut group = Level::ERROR.primary_title(reason).element(snippet);
    if let Some(hint) = hint {
        group = group.element(Level::HELP.message(hint));
    }
    Renderer::plain().render(&[group])
}
