//! A small JSON reader (RFC 8259) whose numbers are the nearest doubles; it also takes `NaN` and
//! `Infinity`, which Python writes.

use super::ImportError;
use super::value::{Items, MAX_DEPTH, Value};

struct Reader<'a> {
    format: &'static str,
    bytes: &'a [u8],
    at: usize,
}

/// Reads a whole document.
pub(crate) fn read(format: &'static str, bytes: &[u8]) -> Result<Value, ImportError> {
    let mut reader = Reader { format, bytes, at: 0 };
    let value = reader.value(0)?;
    reader.space();
    if reader.at < bytes.len() {
        return Err(reader.error("something follows the document"));
    }
    Ok(value)
}

impl Reader<'_> {
    fn error(&self, reason: impl Into<String>) -> ImportError {
        ImportError::Syntax { format: self.format, at: self.at, reason: reason.into() }
    }

    fn space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The next byte that is no space, without taking it.
    fn peek(&mut self) -> Result<u8, ImportError> {
        self.space();
        self.bytes.get(self.at).copied().ok_or_else(|| self.error("the file ends too early"))
    }

    fn take(&mut self, wanted: u8) -> Result<(), ImportError> {
        if self.peek()? != wanted {
            return Err(self.error(format!("`{}` is expected", char::from(wanted))));
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Value, ImportError> {
        if depth > MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH}")));
        }
        match self.peek()? {
            b'{' => self.map(depth),
            b'[' => self.list(depth),
            b'"' => Ok(Value::Text(self.text()?)),
            _ => self.word(),
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, ImportError> {
        self.take(b'{')?;
        let mut fields = Vec::new();
        if self.peek()? == b'}' {
            self.at += 1;
            return Ok(Value::Map(fields));
        }
        loop {
            if self.peek()? != b'"' {
                return Err(self.error("a field's name is expected"));
            }
            let name = self.text()?;
            self.take(b':')?;
            fields.push((name, self.value(depth + 1)?));
            if self.peek()? == b',' {
                self.at += 1;
                continue;
            }
            self.take(b'}')?;
            return Ok(Value::Map(fields));
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, ImportError> {
        self.take(b'[')?;
        let mut items = Items::default();
        if self.peek()? == b']' {
            self.at += 1;
            return Ok(items.finish());
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.peek()? == b',' {
                self.at += 1;
                continue;
            }
            self.take(b']')?;
            return Ok(items.finish());
        }
    }

    fn word(&mut self) -> Result<Value, ImportError> {
        let start = self.at;
        while matches!(self.bytes.get(self.at), Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.')) {
            self.at += 1;
        }
        let word = std::str::from_utf8(&self.bytes[start..self.at]).unwrap_or_default();
        let value = match word {
            "null" => Some(Value::Null),
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => word.parse().ok().map(Value::Number),
        };
        value.ok_or_else(|| {
            self.at = start;
            self.error("a value is expected")
        })
    }

    fn text(&mut self) -> Result<String, ImportError> {
        self.take(b'"')?;
        let mut text = Vec::new();
        loop {
            let byte = *self.bytes.get(self.at).ok_or_else(|| self.error("the file ends within a text"))?;
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => self.escape(&mut text)?,
                0..=0x1f => return Err(self.error("a control character within a text")),
                _ => text.push(byte),
            }
        }
        String::from_utf8(text).map_err(|_| self.error("a text is not UTF-8"))
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), ImportError> {
        let byte = self.bytes.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        let plain = match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let mut code = self.hex()?;
                if (0xd800..0xdc00).contains(&code) && self.bytes[self.at..].starts_with(b"\\u") {
                    self.at += 2;
                    code = 0x10000 + ((code - 0xd800) << 10) + (self.hex()?.wrapping_sub(0xdc00) & 0x3ff);
                }
                let letter = char::from_u32(code).ok_or_else(|| self.error("half a letter"))?;
                text.extend(letter.to_string().bytes());
                return Ok(());
            }
            _ => return Err(self.error("an unknown escape within a text")),
        };
        text.push(plain);
        Ok(())
    }

    fn hex(&mut self) -> Result<u32, ImportError> {
        let digits = self.bytes.get(self.at..self.at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.error("four hexadecimal digits are expected"))?;
        self.at += 4;
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_their_nearest_doubles() {
        let text = br#" {"a": [1, -2.5e-3, 123456789012345678], "b": ["x\n\u00e9\ud83d\ude00", true, null], "c": {}} "#;
        let Value::Map(fields) = read("JSON", text).unwrap() else { panic!() };
        assert_eq!(fields[0].1, Value::Numbers(vec![1.0, -2.5e-3, 123_456_789_012_345_680.0]));
        assert_eq!(fields[1].1, Value::List(vec![Value::Text("x\né😀".into()), Value::Bool(true), Value::Null]));
        assert_eq!(fields[2].1, Value::Map(vec![]));
        for text in ["", "{", "[1,]", "{\"a\" 1}", "\"\\ud800\"", "\"a", "1 2", "nul", "\"\\", "\"\\u12"] {
            assert!(matches!(read("JSON", text.as_bytes()), Err(ImportError::Syntax { .. })), "{text}");
        }
        assert!(read("JSON", "[".repeat(100_000).as_bytes()).is_err());
    }
}
