//! A small reader of UBJSON (draft 12, ubjson.org) as XGBoost writes it: big-endian numbers, lists
//! with a count and possibly a type in front.

use super::ImportError;
use super::value::{Items, MAX_DEPTH, Value};

const FORMAT: &str = "XGBoost UBJSON";

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Reads a whole document.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, ImportError> {
    let mut reader = Reader { bytes, at: 0 };
    let kind = reader.byte()?;
    let value = reader.value(kind, 0)?;
    if reader.at < bytes.len() {
        return Err(reader.error("something follows the document"));
    }
    Ok(value)
}

impl Reader<'_> {
    fn error(&self, reason: impl Into<String>) -> ImportError {
        ImportError::Syntax { format: FORMAT, at: self.at, reason: reason.into() }
    }

    fn take(&mut self, count: usize) -> Result<&[u8], ImportError> {
        if count > self.bytes.len() - self.at {
            return Err(self.error("the file ends too early"));
        }
        let start = self.at;
        self.at += count;
        Ok(&self.bytes[start..self.at])
    }

    fn byte(&mut self) -> Result<u8, ImportError> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ImportError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or_default()
    }

    fn whole(&mut self, kind: u8) -> Result<i64, ImportError> {
        Ok(match kind {
            b'i' => i64::from(i8::from_be_bytes(self.array()?)),
            b'U' => i64::from(self.byte()?),
            b'I' => i64::from(i16::from_be_bytes(self.array()?)),
            b'l' => i64::from(i32::from_be_bytes(self.array()?)),
            b'L' => i64::from_be_bytes(self.array()?),
            _ => return Err(self.error("a whole number is expected")),
        })
    }

    fn length(&mut self) -> Result<usize, ImportError> {
        let kind = self.byte()?;
        let length = self.whole(kind)?;
        // Every item takes a byte at least.
        match usize::try_from(length) {
            Ok(length) if length <= self.bytes.len() - self.at => Ok(length),
            _ => Err(self.error(format!("a length of {length} passes the end of the file"))),
        }
    }

    fn text(&mut self) -> Result<String, ImportError> {
        let length = self.length()?;
        let text = self.take(length)?.to_vec();
        String::from_utf8(text).map_err(|_| self.error("a text is not UTF-8"))
    }

    fn value(&mut self, kind: u8, depth: usize) -> Result<Value, ImportError> {
        if depth > MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(match kind {
            b'Z' => Value::Null,
            b'T' => Value::Bool(true),
            b'F' => Value::Bool(false),
            b'd' => Value::Number(f64::from(f32::from_be_bytes(self.array()?))),
            b'D' => Value::Number(f64::from_be_bytes(self.array()?)),
            b'S' => Value::Text(self.text()?),
            b'C' => Value::Text(char::from(self.byte()?).to_string()),
            b'[' => self.list(depth)?,
            b'{' => self.map(depth)?,
            _ => Value::Number(self.whole(kind)? as f64),
        })
    }

    /// The type and the count in front of a list or map.
    fn header(&mut self) -> Result<(Option<u8>, Option<usize>), ImportError> {
        let mut kind = None;
        if self.peek() == b'$' {
            self.at += 1;
            kind = Some(self.byte()?);
        }
        if self.peek() == b'#' {
            self.at += 1;
            return Ok((kind, Some(self.length()?)));
        }
        if kind.is_some() {
            return Err(self.error("a type without a count"));
        }
        Ok((None, None))
    }

    fn list(&mut self, depth: usize) -> Result<Value, ImportError> {
        let (kind, count) = self.header()?;
        let mut items = Items::default();
        if let (Some(b'Z' | b'T' | b'F' | b'N'), _) = (kind, count) {
            return Err(self.error("a list of values without bytes"));
        }
        let mut read = 0;
        while count.is_none_or(|count| read < count) {
            let next = match kind {
                Some(kind) => kind,
                None => self.byte()?,
            };
            if count.is_none() && next == b']' {
                break;
            }
            items.push(self.value(next, depth + 1)?);
            read += 1;
        }
        Ok(items.finish())
    }

    fn map(&mut self, depth: usize) -> Result<Value, ImportError> {
        let (kind, count) = self.header()?;
        let mut fields = Vec::new();
        while count.is_none_or(|count| fields.len() < count) {
            if count.is_none() && self.peek() == b'}' {
                self.at += 1;
                break;
            }
            let name = self.text()?;
            let next = match kind {
                Some(kind) => kind,
                None => self.byte()?,
            };
            fields.push((name, self.value(next, depth + 1)?));
        }
        Ok(Value::Map(fields))
    }
}
