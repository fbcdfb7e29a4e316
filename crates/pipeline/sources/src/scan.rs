//! Finds the declared columns in a line of JSON, and builds nothing.
//!
//! The general way (`json_object`) makes a map of every line. Lines of one file are alike, so this one
//! expects the names of earlier lines at the same places, and skips what no column asks for. Where it
//! says "none", be it because a line is odd or because it is no JSON object, the general way has the
//! word; it also knows what to say of a bad line. A property test holds both to the same cells.

use enliven_types::plain_len;
use smallvec::{SmallVec, smallvec};

/// Lists and objects nested deeper are left to the general way.
const MAX_DEPTH: usize = 16;

/// So many names of a line are expected of the next, of so many bytes each: what a foreign file can make
/// us keep.
const MAX_MEMBERS: usize = 256;
const MAX_NAME_BYTES: usize = 256;

/// The text of each declared column as it is written, in the order of the columns.
pub(crate) type RawCells<'a> = SmallVec<[&'a str; 8]>;

/// Knows the names of the columns in the file, and which names to expect.
#[derive(Clone, Debug)]
pub(crate) struct Scanner {
    columns: Vec<String>,
    /// The member that was first seen at each place of an object: its name, and which column it is.
    members: Vec<(String, Option<usize>)>,
}

impl Scanner {
    pub(crate) fn new(columns: Vec<String>) -> Scanner {
        Scanner { columns, members: Vec::new() }
    }

    /// The cells of a line. None where a name is written with escapes or stands twice, where a column is
    /// missing, and where the line is no JSON object.
    pub(crate) fn cells<'a>(&mut self, line: &'a str) -> Option<RawCells<'a>> {
        let mut cells: RawCells<'a> = smallvec![""; self.columns.len()];
        let mut left = cells.len();
        let mut cursor = Cursor { line, at: 0 };
        cursor.space();
        cursor.take(b'{')?;
        for member in 0.. {
            cursor.space();
            let column = self.name(member, &mut cursor)?;
            cursor.space();
            cursor.take(b':')?;
            cursor.space();
            let start = cursor.at;
            cursor.value(0)?;
            if let Some(column) = column {
                if !cells[column].is_empty() {
                    return None;
                }
                cells[column] = &line[start..cursor.at];
                left -= 1;
            }
            cursor.space();
            if cursor.take(b',').is_none() {
                break;
            }
        }
        cursor.take(b'}')?;
        cursor.space();
        (left == 0 && cursor.at == line.len()).then_some(cells)
    }

    /// Moves past the name of a member, and says which column it is.
    fn name(&mut self, member: usize, cursor: &mut Cursor<'_>) -> Option<Option<usize>> {
        cursor.take(b'"')?;
        let rest = cursor.rest();
        if let Some((name, column)) = self.members.get(member)
            && rest.get(name.len()) == Some(&b'"')
            && rest.starts_with(name.as_bytes())
        {
            cursor.at += name.len() + 1;
            return Some(*column);
        }
        let name = &cursor.line[cursor.at..cursor.at + plain_len(rest)];
        cursor.at += name.len();
        cursor.take(b'"')?;
        let column = self.columns.iter().position(|column| column == name);
        if member == self.members.len() && member < MAX_MEMBERS && name.len() <= MAX_NAME_BYTES {
            self.members.push((name.to_string(), column));
        }
        Some(column)
    }
}

struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.line.as_bytes()[self.at..]
    }

    fn next(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        if self.next()? != byte {
            return None;
        }
        self.at += 1;
        Some(())
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.next() {
            self.at += 1;
        }
    }

    /// Moves past a value.
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.next()? {
            b'"' => self.string(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'[' if depth < MAX_DEPTH => self.several(b']', |cursor| cursor.value(depth + 1)),
            b'{' if depth < MAX_DEPTH => self.several(b'}', |cursor| {
                cursor.string()?;
                cursor.space();
                cursor.take(b':')?;
                cursor.space();
                cursor.value(depth + 1)
            }),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.rest().starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    /// A list or an object, from its opening bracket on.
    fn several(&mut self, close: u8, mut one: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        self.space();
        if self.take(close).is_some() {
            return Some(());
        }
        loop {
            self.space();
            one(self)?;
            self.space();
            if self.take(b',').is_none() {
                return self.take(close);
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            self.at += plain_len(self.rest());
            if self.take(b'"').is_some() {
                return Some(());
            }
            self.take(b'\\')?;
            match *self.rest() {
                [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.at += 1,
                [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(u8::is_ascii_hexdigit) => self.at += 5,
                _ => return None,
            }
        }
    }

    fn number(&mut self) -> Option<()> {
        let _ = self.take(b'-');
        match self.next()? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.take(b'.').is_some() {
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.next() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.next() {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// At least one digit.
    fn digits(&mut self) -> Option<()> {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::file::json_object;

    /// What the general way finds.
    fn general<'a>(columns: &[String], line: &'a str) -> Option<Vec<&'a str>> {
        let object = json_object(line).ok()?;
        columns.iter().map(|column| object.get(column.as_str()).map(|value| value.get())).collect()
    }

    fn columns() -> Vec<String> {
        ["a", "b c", "é"].map(String::from).to_vec()
    }

    #[test]
    fn usual_lines_go_the_short_way() {
        for line in [
            r#"{"a":1,"b c":"x","é":true}"#,
            r#" { "other" : [ ] , "é" : -0.5e+7 , "deep" : { "a" : [ 1 , { } ] } , "b c" : "\u00e9\n" , "a" : null } "#,
        ] {
            let cells = Scanner::new(columns()).cells(line).expect("the short way takes it");
            assert_eq!(Some(cells.to_vec()), general(&columns(), line));
        }
    }

    #[test]
    fn odd_lines_are_left_to_the_general_way() {
        for line in [
            "",
            "{}",
            "[1]",
            r#"{"a":1,"b c":2}"#,
            r#"{"a":1,"b c":2,"é":3"#,
            r#"{"a":1,"b c":2,"é":3,}"#,
            r#"{"a":1,"b c":2,"é":3}}"#,
            r#"{"a":1,"b c":2,"é":03}"#,
            r#"{"a":1,"b c":2,"é":1.}"#,
            r#"{"a":1,"b c":2,"é":"\x"}"#,
            r#"{"a":1,"b c":2,"é":"\u00g0"}"#,
            r#"{"a":1,"a":1,"b c":2,"é":3}"#,
            r#"{"\u0061":1,"b c":2,"é":3}"#,
            "{\"a\":1,\"b c\":2,\"é\":\"\t\"}",
            "\u{feff}{\"a\":1,\"b c\":2,\"é\":3}",
        ] {
            assert_eq!(Scanner::new(columns()).cells(line), None, "{line}");
        }
        let deep = format!(r#"{{"a":1,"b c":2,"é":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
        assert_eq!(Scanner::new(columns()).cells(&deep), None);
    }

    #[test]
    fn what_is_kept_of_a_file_is_bounded() {
        let mut scanner = Scanner::new(columns());
        let long = "n".repeat(MAX_NAME_BYTES + 1);
        let many: String = (0..2 * MAX_MEMBERS).map(|number| format!(r#""{number}":0,"#)).collect();
        for line in [
            format!(r#"{{"a":1,"{long}":0,"b c":2,"é":3}}"#),
            format!(r#"{{"a":1,{many}"b c":2,"é":3}}"#),
            format!(r#"{{"é":1,{many}"{long}":0,"b c":2,"a":3}}"#),
        ] {
            let cells = scanner.cells(&line).expect("the short way takes it");
            assert_eq!(Some(cells.to_vec()), general(&columns(), &line));
            assert!(scanner.members.len() <= MAX_MEMBERS);
            assert!(scanner.members.iter().all(|(name, _)| name.len() <= MAX_NAME_BYTES));
        }
    }

    fn value() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?",
            "\"[ !#-\\[\\]-~é😀]{0,40}\"",
            "\"(a|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}){0,6}\"",
            "true|false|null",
        ];
        leaf.prop_recursive(3, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(|list| format!("[{}]", list.join(" ,"))),
                prop::collection::vec(inner, 0..3).prop_map(|list| format!(
                    "{{{}}}",
                    list.iter().map(|value| format!("\"k\": {value}")).collect::<Vec<_>>().join(",")
                )),
            ]
        })
    }

    fn line() -> impl Strategy<Value = String> {
        let name = prop_oneof![4 => "a|b c|é", 1 => "[a-c]{1,2}", 1 => "\\\\u0061"];
        let space = "[ \t]{0,2}";
        let member = (space, name, space, value(), space);
        let extra = (Just(["a", "b c", "é"]).prop_shuffle(), prop::collection::vec(value(), 3));
        (prop::collection::vec(member, 0..3), extra).prop_map(|(members, (names, values))| {
            let sure = names.iter().zip(values).map(|(name, value)| format!("\"{name}\":{value}"));
            let more = members.into_iter().map(|(a, name, b, value, c)| format!("{a}\"{name}\"{b}:{value}{c}"));
            format!("{{{}}}", sure.chain(more).collect::<Vec<_>>().join(","))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        /// Whatever came before: what the short way finds is what the general way finds.
        #[test]
        fn both_ways_find_the_same(
            lines in prop::collection::vec((line(), any::<prop::sample::Index>(), any::<Option<u8>>(), 0u8..3), 1..5),
        ) {
            let mut scanner = Scanner::new(columns());
            for (line, place, byte, what) in lines {
                let found = scanner.cells(&line);
                if let Some(cells) = found {
                    prop_assert_eq!(Some(cells.to_vec()), general(&columns(), &line));
                }
                // The same with one byte more, less, or another.
                let mut bytes = line.clone().into_bytes();
                let at = place.index(bytes.len());
                match (what, byte) {
                    (0, Some(byte)) => bytes.insert(at, byte & 0x7f),
                    (1, Some(byte)) => bytes[at] = b"\"\\{}[]:,0123456789eE+-. ntfu"[usize::from(byte) % 28],
                    _ => {
                        bytes.remove(at);
                    }
                }
                if let Ok(line) = String::from_utf8(bytes)
                    && let Some(cells) = scanner.cells(&line)
                {
                    prop_assert_eq!(Some(cells.to_vec()), general(&columns(), &line));
                }
            }
        }

        #[test]
        fn lines_without_oddities_go_the_short_way(values in prop::collection::vec(value(), 4)) {
            let line = format!(
                r#"{{"x":{},"a":{},"b c":{},"é":{}}}"#, values[0], values[1], values[2], values[3]
            );
            let cells = Scanner::new(columns()).cells(&line);
            prop_assert_eq!(cells.map(|cells| cells.to_vec()), general(&columns(), &line));
        }
    }
}
