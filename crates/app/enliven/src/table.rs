//! Tables for other tools: Parquet, or CSV, by the name of the file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use enliven_types::{Fixed, Timestamp};
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use crate::error::CliError;
use crate::files::write_whole;

/// Digits of a decimal column: as many as 64 bits hold.
const PRECISION: i32 = 18;

/// The data of one column, all rows.
pub enum Cells {
    /// Texts.
    Text(Vec<String>),
    /// Instants, in milliseconds since 1970.
    Time(Vec<i64>),
    /// Whole numbers of units of 10^-scale, exact.
    Decimal(u8, Vec<i64>),
    /// The same, where not every one is known.
    Known(u8, Vec<Option<i64>>),
}

/// Columns of equal length, with what describes them.
#[derive(Default)]
pub struct Table {
    /// Names and cells.
    pub columns: Vec<(String, Cells)>,
    /// Facts about the whole: in Parquet's own metadata, or in comments at the head of a CSV file.
    pub facts: Vec<(String, String)>,
}

impl Table {
    /// How many rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, cells)| match cells {
            Cells::Text(cells) => cells.len(),
            Cells::Time(cells) | Cells::Decimal(_, cells) => cells.len(),
            Cells::Known(_, cells) => cells.len(),
        })
    }

    /// Writes the file; a half-written one is never found.
    pub fn write(&self, path: &Path) -> Result<(), CliError> {
        let failed = |error: std::io::Error| CliError::file("write", path, &error);
        write_whole(path, |file| match path.extension().and_then(|extension| extension.to_str()) {
            Some("parquet") => self.parquet(file).map_err(|error| failed(std::io::Error::other(error))),
            Some("csv") => self.csv(file).map_err(failed),
            _ => Err(failed(std::io::Error::other("the name ends neither in .parquet nor in .csv"))),
        })
    }

    fn parquet(&self, file: &mut BufWriter<File>) -> Result<(), ParquetError> {
        let mut fields = Vec::with_capacity(self.columns.len());
        for (name, cells) in &self.columns {
            let (physical, logical) = match cells {
                Cells::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
                Cells::Time(_) => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
                Cells::Decimal(0, _) | Cells::Known(0, _) => (Physical::INT64, None),
                Cells::Decimal(scale, _) | Cells::Known(scale, _) => {
                    (Physical::INT64, Some(LogicalType::decimal(i32::from(*scale), PRECISION)))
                }
            };
            let repetition =
                if matches!(cells, Cells::Known(..)) { Repetition::OPTIONAL } else { Repetition::REQUIRED };
            let mut builder =
                Type::primitive_type_builder(name, physical).with_repetition(repetition).with_logical_type(logical);
            if let Cells::Decimal(scale @ 1.., _) | Cells::Known(scale @ 1.., _) = cells {
                builder = builder.with_precision(PRECISION).with_scale(i32::from(*scale));
            }
            fields.push(Arc::new(builder.build()?));
        }
        let schema = Arc::new(Type::group_type_builder("table").with_fields(fields).build()?);
        let facts = self.facts.iter().map(|(key, value)| KeyValue::new(key.clone(), Some(value.clone())));
        let properties = WriterProperties::builder().set_key_value_metadata(Some(facts.collect())).build();
        let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
        let mut group = writer.next_row_group()?;
        for (_, cells) in &self.columns {
            let Some(mut column) = group.next_column()? else { break };
            match cells {
                Cells::Text(texts) => {
                    let texts: Vec<ByteArray> = texts.iter().map(|text| ByteArray::from(text.as_str())).collect();
                    column.typed::<ByteArrayType>().write_batch(&texts, None, None)?;
                }
                Cells::Time(numbers) | Cells::Decimal(_, numbers) => {
                    column.typed::<Int64Type>().write_batch(numbers, None, None)?;
                }
                Cells::Known(_, numbers) => {
                    let there: Vec<i16> = numbers.iter().map(|number| i16::from(number.is_some())).collect();
                    let numbers: Vec<i64> = numbers.iter().flatten().copied().collect();
                    column.typed::<Int64Type>().write_batch(&numbers, Some(&there), None)?;
                }
            }
            column.close()?;
        }
        group.close()?;
        writer.close()?;
        Ok(())
    }

    fn csv(&self, file: &mut BufWriter<File>) -> std::io::Result<()> {
        for (key, value) in &self.facts {
            writeln!(file, "# {key} = {value}")?;
        }
        let names: Vec<String> = self.columns.iter().map(|(name, _)| quoted(name)).collect();
        writeln!(file, "{}", names.join(","))?;
        for row in 0..self.rows() {
            let cells = self.columns.iter().map(|(_, cells)| match cells {
                Cells::Text(texts) => quoted(&texts[row]),
                Cells::Time(times) => Timestamp(times[row]).to_string(),
                Cells::Decimal(scale, numbers) => Fixed { units: numbers[row], scale: *scale }.to_string(),
                Cells::Known(scale, numbers) => {
                    numbers[row].map_or_else(String::new, |units| Fixed { units, scale: *scale }.to_string())
                }
            });
            writeln!(file, "{}", cells.collect::<Vec<_>>().join(","))?;
        }
        file.flush()
    }
}

/// A cell of CSV (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r', '#']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_string()
    }
}
