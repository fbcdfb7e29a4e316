use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use enliven_types::Event;

use crate::row::{Refusal, join};
use crate::{BadRow, FileConfig, Format, RowReader, SourceConfig, SourceError, SourceKind};

/// A longer line is refused, so that a file without line ends cannot fill the memory.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// Reads a file row by row. One line is one row: a quote that is never closed spoils its own line
/// and no other.
pub struct FileSource {
    lines: BufReader<Box<dyn Read + Send>>,
    reader: RowReader,
    format: Format,
    /// Our column -> its place in the file; for CSV only.
    places: Vec<(String, usize)>,
    /// Our column -> its key; for JSON Lines only.
    keys: Vec<(String, String)>,
    width: usize,
    line: u64,
    name: String,
    file: String,
    done: bool,
}

impl FileSource {
    /// Opens the file of the source called `name`; relative paths start at `base`.
    pub fn open(name: &str, config: &SourceConfig, base: &Path) -> Result<FileSource, SourceError> {
        let SourceKind::File(FileConfig { path, .. }) = &config.from;
        let full = base.join(path);
        let file = File::open(&full).map_err(|error| SourceError::Read {
            name: name.to_string(),
            path: full.display().to_string(),
            reason: error.to_string(),
        })?;
        FileSource::from_reader(name, config, Box::new(file))
    }

    /// Reads rows from any bytes.
    pub fn from_reader(
        name: &str,
        config: &SourceConfig,
        bytes: Box<dyn Read + Send>,
    ) -> Result<FileSource, SourceError> {
        let SourceKind::File(FileConfig { path, format }) = &config.from;
        let reader = RowReader::new(name, config)?;
        let mut source = FileSource {
            lines: BufReader::new(bytes),
            keys: reader.file_columns(),
            reader,
            format: *format,
            places: Vec::new(),
            width: 0,
            line: 0,
            name: name.to_string(),
            file: path.clone(),
            done: false,
        };
        if *format == Format::Csv {
            source.read_header()?;
        }
        Ok(source)
    }

    fn read_header(&mut self) -> Result<(), SourceError> {
        let header = match self.next_line()? {
            Some(Ok(line)) => cells(line.trim_start_matches('\u{feff}')).unwrap_or_default(),
            _ => Vec::new(),
        };
        self.width = header.len();
        for (ours, theirs) in &self.keys {
            let place = header.iter().position(|name| name == theirs).ok_or_else(|| SourceError::MissingColumn {
                name: self.name.clone(),
                path: self.file.clone(),
                column: theirs.clone(),
                available: join(header.iter()),
            })?;
            self.places.push((ours.clone(), place));
        }
        Ok(())
    }

    /// The next line without its end, or why it is refused; none at the end of the file.
    fn next_line(&mut self) -> Result<Option<Result<String, String>>, SourceError> {
        let failed = |error: std::io::Error| SourceError::Read {
            name: self.name.clone(),
            path: self.file.clone(),
            reason: error.to_string(),
        };
        let mut bytes = Vec::new();
        let read = (&mut self.lines).take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes).map_err(failed)?;
        if read == 0 {
            return Ok(None);
        }
        self.line += 1;
        if read as u64 == MAX_LINE_BYTES && bytes.last() != Some(&b'\n') {
            self.lines.skip_until(b'\n').map_err(failed)?;
            return Ok(Some(Err(format!("the line is longer than {MAX_LINE_BYTES} bytes"))));
        }
        while matches!(bytes.last(), Some(b'\n' | b'\r')) {
            bytes.pop();
        }
        Ok(Some(String::from_utf8(bytes).map_err(|_| "the line is not UTF-8".to_string())))
    }

    fn event(&self, line: &str) -> Result<Event, Refusal> {
        match self.format {
            Format::Csv => self.csv_event(line),
            Format::JsonLines => self.json_event(line),
        }
    }

    fn csv_event(&self, line: &str) -> Result<Event, Refusal> {
        let cells = cells(line).map_err(|reason| (None, reason))?;
        if cells.len() != self.width {
            return Err((None, format!("has {} columns, the header has {}", cells.len(), self.width)));
        }
        let texts = self.places.iter().map(|(name, place)| (name.as_str(), cells[*place].as_str())).collect();
        self.reader.event(&texts)
    }

    fn json_event(&self, line: &str) -> Result<Event, Refusal> {
        let object: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(line).map_err(|error| (None, format!("is not a JSON object: {error}")))?;
        let mut owned = Vec::new();
        for (ours, theirs) in &self.keys {
            let text = match object.get(theirs) {
                None => continue,
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(serde_json::Value::Null) => return Err((Some(ours.clone()), "is null".into())),
                Some(serde_json::Value::Array(_) | serde_json::Value::Object(_)) => {
                    return Err((Some(ours.clone()), "is a list or an object, a single value is needed".into()));
                }
                Some(other) => other.to_string(),
            };
            owned.push((ours.as_str(), text));
        }
        let texts = owned.iter().map(|(name, text)| (*name, text.as_str())).collect();
        self.reader.event(&texts)
    }
}

impl Iterator for FileSource {
    type Item = Result<Result<Event, BadRow>, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            let line = match self.next_line() {
                Ok(Some(Ok(line))) if line.trim().is_empty() => continue,
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            };
            let event = line.map_err(|reason| (None, reason)).and_then(|line| self.event(&line));
            let (file, line) = (self.file.clone(), self.line);
            return Some(Ok(event.map_err(|(column, reason)| BadRow { file, line, column, reason })));
        }
        self.done = true;
        None
    }
}

/// The cells of one CSV line.
fn cells(line: &str) -> Result<Vec<String>, String> {
    // An odd number of quotes means that one is never closed.
    if line.bytes().filter(|byte| *byte == b'"').count() % 2 == 1 {
        return Err("a quote is opened and never closed".into());
    }
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).buffer_capacity(line.len().max(1)).from_reader(line.as_bytes());
    match reader.records().next() {
        Some(Ok(record)) => Ok(record.iter().map(str::to_string).collect()),
        Some(Err(error)) => Err(error.to_string()),
        None => Ok(Vec::new()),
    }
}
