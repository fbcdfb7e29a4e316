//! Finds the declared columns in a line of JSON, and builds nothing.
//!
//! The general way (`json_object`) makes a map of every line. Lines of one file are alike, so this one
//! expects the names of earlier lines at the same places, and skips what no column asks for. Where it
//! says "none", be it because a line is odd or because it is no JSON object, the general way has the
//! word; it also knows what to say of a bad line. A property test holds both to the same cells.

use std::borrow::Cow;

use enliven_types::plain_len;

use crate::file::single;
use crate::row::Cells;

/// Lists and objects nested deeper are left to the general way.
const MAX_DEPTH: usize = 16;

/// So many names of a line are expected of the next, of so many bytes each: what a foreign file can make
/// us keep.
const MAX_MEMBERS: usize = 256;
const MAX_NAME_BYTES: usize = 256;

/// A cell that is still to be found: no JSON holds this byte as it is.
const MISSING: &str = "\0";

/// Knows the names of the columns in the file, and which names to expect.
#[derive(Clone, Debug)]
pub(crate) struct Scanner {
    columns: Vec<String>,
    /// The member that was first seen at each place of an object.
    members: Vec<Member>,
}

#[derive(Clone, Debug)]
struct Member {
    name: String,
    /// Which column it is.
    column: Option<usize>,
    /// The name and the quote behind it, as far as sixteen bytes hold them, and which bytes those are:
    /// names are short, and comparing one with a call costs more than all the rest that is done with it.
    head: u128,
    mask: u128,
}

impl Member {
    fn new(name: &str, column: Option<usize>) -> Member {
        let mut head = [0; 16];
        let length = (name.len() + 1).min(16);
        for (to, from) in head.iter_mut().zip(name.bytes().chain([b'"'])) {
            *to = from;
        }
        let mask = u128::MAX >> (128 - 8 * length);
        Member { name: name.to_string(), column, head: u128::from_le_bytes(head), mask }
    }

    /// Whether its name and a quote come next.
    fn is_next(&self, rest: &[u8]) -> bool {
        let name = self.name.as_bytes();
        match rest.first_chunk::<16>() {
            Some(first) if u128::from_le_bytes(*first) & self.mask != self.head => false,
            Some(_) if name.len() < 16 => true,
            _ => rest.get(name.len()) == Some(&b'"') && rest.starts_with(name),
        }
    }
}

impl Scanner {
    pub(crate) fn new(columns: Vec<String>) -> Scanner {
        Scanner { columns, members: Vec::new() }
    }

    /// Fills in the cells of a line, in the order of the columns. None, and cells that mean nothing, where
    /// a name is written with escapes or stands twice, where a column is missing or is no single value, and
    /// where the line is no JSON object.
    pub(crate) fn cells<'a>(&mut self, line: &'a str, cells: &mut Cells<'a>) -> Option<()> {
        cells.clear();
        cells.resize(self.columns.len(), Cow::Borrowed(MISSING));
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
            match column {
                None => cursor.value(0)?,
                Some(column) => {
                    if !matches!(cells[column], Cow::Borrowed(MISSING)) {
                        return None;
                    }
                    cells[column] = cursor.single()?;
                    left -= 1;
                }
            }
            cursor.space();
            if cursor.take(b',').is_none() {
                break;
            }
        }
        cursor.take(b'}')?;
        cursor.space();
        (left == 0 && cursor.at == line.len()).then_some(())
    }

    /// Moves past the name of a member, and says which column it is.
    fn name(&mut self, member: usize, cursor: &mut Cursor<'_>) -> Option<Option<usize>> {
        cursor.take(b'"')?;
        let rest = cursor.rest();
        if let Some(member) = self.members.get(member)
            && member.is_next(rest)
        {
            cursor.at += member.name.len() + 1;
            return Some(member.column);
        }
        let name = &cursor.line[cursor.at..cursor.at + plain_len(rest)];
        cursor.at += name.len();
        cursor.take(b'"')?;
        let column = self.columns.iter().position(|column| column == name);
        if member == self.members.len() && member < MAX_MEMBERS && name.len() <= MAX_NAME_BYTES {
            self.members.push(Member::new(name, column));
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

    /// Moves past a single value, and gives its text.
    fn single(&mut self) -> Option<Cow<'a, str>> {
        if let Some(text) = self.plain() {
            return Some(Cow::Borrowed(text));
        }
        let start = self.at;
        self.value(0)?;
        single(&self.line[start..self.at]).ok()
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
        match self.plain() {
            Some(_) => Some(()),
            None => self.escaped(),
        }
    }

    /// Moves past a string without escapes, and gives what stands in it; nowhere from any other value.
    fn plain(&mut self) -> Option<&'a str> {
        let start = self.at + 1;
        let end = match self.rest() {
            [b'"', rest @ ..] => start + plain_len(rest),
            _ => return None,
        };
        if self.line.as_bytes().get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        Some(&self.line[start..end])
    }

    fn escaped(&mut self) -> Option<()> {
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
    fn general(line: &str) -> Option<Vec<String>> {
        let object = json_object(line).ok()?;
        let cell = |column: &String| Some(single(object.get(column.as_str())?.get()).ok()?.into_owned());
        columns().iter().map(cell).collect()
    }

    /// What the short way finds.
    fn short(scanner: &mut Scanner, line: &str) -> Option<Vec<String>> {
        // What is left of another line counts for nothing.
        let mut cells: Cells<'_> = vec!["of another line".into(); 5].into();
        scanner.cells(line, &mut cells)?;
        Some(cells.into_iter().map(Cow::into_owned).collect())
    }

    fn columns() -> Vec<String> {
        ["a", "b c", "é"].map(String::from).to_vec()
    }

    #[test]
    fn usual_lines_go_the_short_way() {
        for line in [
            r#"{"a":1,"b c":"x","é":true}"#,
            r#" { "other" : [ ] , "é" : -0.5e+7 , "deep" : { "a" : [ 1 , { } ] } , "b c" : "\u00e9\n" , "a" : "" } "#,
            r#"{"fourteen bytes":1,"fifteen bytes..":2,"sixteen bytes...":3,"seventeen bytes..":4,"a":"\u0000","b c":"a","é":"é"}"#,
        ] {
            let mut scanner = Scanner::new(columns());
            for _ in 0..2 {
                let cells = short(&mut scanner, line).expect("the short way takes it");
                assert_eq!(Some(cells), general(line));
            }
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
            r#"{"a":"","a":"","b c":2,"é":3}"#,
            r#"{"a":null,"b c":2,"é":3}"#,
            r#"{"a":1,"b c":[],"é":3}"#,
            r#"{"a":1,"b c":2,"é":"\ud800"}"#,
            r#"{"\u0061":1,"b c":2,"é":3}"#,
            "{\"a\":1,\"b c\":2,\"é\":\"\t\"}",
            "\u{feff}{\"a\":1,\"b c\":2,\"é\":3}",
        ] {
            assert_eq!(short(&mut Scanner::new(columns()), line), None, "{line}");
        }
        let deep = format!(r#"{{"a":1,"b c":2,"é":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
        assert_eq!(short(&mut Scanner::new(columns()), &deep), None);
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
            let cells = short(&mut scanner, &line).expect("the short way takes it");
            assert_eq!(Some(cells), general(&line));
            assert!(scanner.members.len() <= MAX_MEMBERS);
            assert!(scanner.members.iter().all(|member| member.name.len() <= MAX_NAME_BYTES));
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
        let name = prop_oneof![4 => "a|b c|é", 1 => "[a-c]{1,2}", 1 => "[ab]{14,17}", 1 => "\\\\u0061"];
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
                if let Some(cells) = short(&mut scanner, &line) {
                    prop_assert_eq!(Some(cells), general(&line));
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
                    && let Some(cells) = short(&mut scanner, &line)
                {
                    prop_assert_eq!(Some(cells), general(&line));
                }
            }
        }

        #[test]
        fn lines_without_oddities_go_the_short_way(values in prop::collection::vec(value(), 4)) {
            let line = format!(
                r#"{{"x":{},"a":{},"b c":{},"é":{}}}"#, values[0], values[1], values[2], values[3]
            );
            prop_assert_eq!(short(&mut Scanner::new(columns()), &line), general(&line));
        }
    }
}
