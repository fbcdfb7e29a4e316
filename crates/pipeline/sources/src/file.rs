use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use enliven_types::{Event, Timestamp};
use serde_json::value::RawValue;

use crate::lines::Lines;
use crate::row::{Cells, Refusal};
use crate::scan::Scanner;
use crate::{BadRow, FileConfig, Format, RowReader, SourceConfig, SourceError, SourceKind};

/// Reads a file row by row. One line is one row: a quote that is never closed spoils its own line
/// and no other.
pub struct FileSource {
    lines: Lines,
    rows: Rows,
    line: u64,
    name: String,
    file: String,
    done: bool,
}

/// What makes an event of a line.
struct Rows {
    reader: RowReader,
    splitter: Splitter,
    format: Format,
    /// The place in the file of each declared column; for CSV only.
    places: Vec<usize>,
    /// Our column -> its key; for JSON Lines only.
    keys: Vec<(String, String)>,
    /// For JSON Lines only.
    scanner: Scanner,
    /// The names in the first line; for CSV only.
    header: Vec<String>,
}

impl FileSource {
    /// Opens the file of a partition of the source called `name`; relative paths start at `base`. Rows
    /// that lie too far in the future of the machine's clock are refused.
    pub fn open(name: &str, config: &SourceConfig, partition: u32, base: &Path) -> Result<FileSource, SourceError> {
        let full = base.join(path_of(config, partition));
        let file = File::open(&full).map_err(|error| SourceError::Read {
            name: name.to_string(),
            path: full.display().to_string(),
            reason: error.to_string(),
        })?;
        let mut source = FileSource::from_reader(name, config, partition, Box::new(file))?;
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX));
        source.rows.reader = source.rows.reader.reading_at(now);
        Ok(source)
    }

    /// Reads rows from any bytes, as if they were the file of a partition.
    pub fn from_reader(
        name: &str,
        config: &SourceConfig,
        partition: u32,
        bytes: Box<dyn Read + Send>,
    ) -> Result<FileSource, SourceError> {
        let SourceKind::File(FileConfig { format, .. }) = &config.from;
        let reader = RowReader::new(name, config)?;
        let keys = reader.file_columns();
        let mut source = FileSource {
            lines: Lines::new(bytes),
            rows: Rows {
                scanner: Scanner::new(keys.iter().map(|(_, theirs)| theirs.clone()).collect()),
                keys,
                reader,
                splitter: Splitter::new(),
                format: *format,
                places: Vec::new(),
                header: Vec::new(),
            },
            line: 0,
            name: name.to_string(),
            file: path_of(config, partition).to_string(),
            done: false,
        };
        if *format == Format::Csv {
            source.read_header()?;
        }
        Ok(source)
    }

    /// The names in the first line of a CSV file; none of another.
    pub fn header(&self) -> &[String] {
        &self.rows.header
    }

    fn read_header(&mut self) -> Result<(), SourceError> {
        let header = match self.lines.next() {
            Ok(Some(Ok(line))) => line,
            Ok(_) => "",
            Err(error) => return Err(failed(&self.name, &self.file, &error)),
        };
        self.line = 1;
        let rows = &mut self.rows;
        let header = rows.splitter.cells(header.trim_start_matches('\u{feff}')).unwrap_or_default();
        for (_, theirs) in &rows.keys {
            let place = header.iter().position(|name| name == theirs).ok_or_else(|| SourceError::MissingColumn {
                name: self.name.clone(),
                path: self.file.clone(),
                column: theirs.clone(),
                available: header.join(", "),
            })?;
            rows.places.push(place);
        }
        rows.header = header.into_iter().map(str::to_string).collect();
        Ok(())
    }
}

fn failed(name: &str, file: &str, error: &std::io::Error) -> SourceError {
    SourceError::Read { name: name.to_string(), path: file.to_string(), reason: error.to_string() }
}

impl Rows {
    fn event(&mut self, line: &str) -> Result<Event, Refusal> {
        match self.format {
            Format::Csv => self.csv_event(line),
            Format::JsonLines => self.json_event(line),
        }
    }

    fn csv_event(&mut self, line: &str) -> Result<Event, Refusal> {
        let cells = self.splitter.cells(line).map_err(|reason| (None, reason))?;
        let width = self.header.len();
        if cells.len() != width {
            return Err((None, format!("has {} columns, the header has {width}", cells.len())));
        }
        let cells: Cells<'_> = self.places.iter().map(|place| Cow::Borrowed(cells[*place])).collect();
        self.reader.event(&cells)
    }

    fn json_event(&mut self, line: &str) -> Result<Event, Refusal> {
        let mut cells = Cells::new();
        if self.scanner.cells(line, &mut cells).is_some() {
            return self.reader.event(&cells);
        }
        cells.clear();
        let object = json_object(line).map_err(|reason| (None, reason))?;
        for (ours, theirs) in &self.keys {
            let refuse = |reason: String| (Some(ours.clone()), reason);
            let value = object.get(theirs.as_str()).ok_or_else(|| refuse("is missing".into()))?;
            cells.push(single(value.get()).map_err(refuse)?);
        }
        self.reader.event(&cells)
    }
}

/// The file of a partition; none is called "".
fn path_of(config: &SourceConfig, partition: u32) -> &str {
    let SourceKind::File(file) = &config.from;
    file.path.all().get(partition as usize).map_or("", String::as_str)
}

impl Iterator for FileSource {
    type Item = Result<Result<Event, BadRow>, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            let line = match self.lines.next() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => {
                    self.done = true;
                    return Some(Err(failed(&self.name, &self.file, &error)));
                }
            };
            self.line += 1;
            let event = match line {
                Ok(line) if line.trim_start().is_empty() => continue,
                Ok(line) => self.rows.event(line),
                Err(reason) => Err((None, reason)),
            };
            let bad = |(column, reason)| BadRow { file: self.file.clone(), line: self.line, column, reason };
            return Some(Ok(event.map_err(bad)));
        }
        self.done = true;
        None
    }
}

/// The members of a JSON object, each as it is written: numbers never pass through a float.
pub(crate) fn json_object(line: &str) -> Result<BTreeMap<Cow<'_, str>, &RawValue>, String> {
    #[derive(serde::Deserialize)]
    struct Members<'a>(#[serde(borrow)] BTreeMap<Name<'a>, &'a RawValue>);
    /// Serde borrows a text inside of a map's key only if it is told so.
    #[derive(serde::Deserialize, PartialEq, Eq, PartialOrd, Ord)]
    struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
    let Members(members) = serde_json::from_str(line).map_err(|error| format!("is not a JSON object: {error}"))?;
    Ok(members.into_iter().map(|(Name(name), value)| (name, value)).collect())
}

/// The text of a single JSON value, from how it is written.
pub(crate) fn single(text: &str) -> Result<Cow<'_, str>, String> {
    match text.as_bytes().first() {
        Some(b'"') => match text[1..text.len() - 1].contains('\\') {
            false => Ok(Cow::Borrowed(&text[1..text.len() - 1])),
            true => serde_json::from_str(text).map(Cow::Owned).map_err(|error| error.to_string()),
        },
        Some(b'n') => Err("is null".into()),
        Some(b'[' | b'{') => Err("is a list or an object, a single value is needed".into()),
        _ => Ok(Cow::Borrowed(text)),
    }
}

/// Splits lines of CSV into cells. The parser is kept: building its tables costs more than a line.
pub(crate) struct Splitter {
    reader: csv_core::Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Splitter {
    pub(crate) fn new() -> Splitter {
        Splitter { reader: csv_core::Reader::new(), text: Vec::new(), ends: Vec::new() }
    }

    /// The cells of one line.
    pub(crate) fn cells(&mut self, line: &str) -> Result<Vec<&str>, String> {
        // An odd number of quotes means that one is never closed.
        if line.bytes().filter(|byte| *byte == b'"').count() % 2 == 1 {
            return Err("a quote is opened and never closed".into());
        }
        // No line has more text than bytes, nor more cells than commas and one.
        self.text.resize(line.len() + 1, 0);
        self.ends.resize(line.bytes().filter(|byte| *byte == b',').count() + 2, 0);
        self.reader.reset();
        let (mut input, mut written, mut count) = (line.as_bytes(), 0, 0);
        loop {
            let (result, read, wrote, ended) =
                self.reader.read_record(input, &mut self.text[written..], &mut self.ends[count..]);
            (input, written, count) = (&input[read..], written + wrote, count + ended);
            match result {
                // The next round, without input, ends the record.
                csv_core::ReadRecordResult::InputEmpty => {}
                csv_core::ReadRecordResult::Record | csv_core::ReadRecordResult::End => break,
                _ => return Err("is no line of CSV".into()),
            }
        }
        let mut start = 0;
        let mut cells = Vec::with_capacity(count);
        for end in &self.ends[..count] {
            let cell = std::str::from_utf8(&self.text[start..*end]).map_err(|error| error.to_string())?;
            cells.push(cell);
            start = *end;
        }
        Ok(cells)
    }
}
