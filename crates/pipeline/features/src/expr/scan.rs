//! A look over the text before the CEL parser sees it.
//!
//! The parser recovers from mistakes by guessing and recurses as deep as its input: here a text is
//! held to one line of tokens, balanced brackets and a bounded depth, so that the parser is given
//! only what it can parse, and a mistake is told in plain words with its column.

use super::token::{at_column, escape_length, number_length, word_length};

/// The longest text.
pub(super) const MAX_BYTES: usize = 1024;
/// The most levels: open brackets, choices, and operators that lean on each other.
pub(super) const MAX_DEPTH: usize = 32;

/// Words that CEL keeps for itself.
const RESERVED: [&str; 18] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "var",
    "void",
    "while",
];

/// Names that the CEL parser expands before types are known.
const MACROS: [&str; 7] = ["all", "exists", "existsOne", "exists_one", "filter", "has", "map"];

/// Longer signs first, so that `<=` is not read as `<`.
const OPERATORS: [&str; 13] = ["||", "&&", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%"];

/// Checks the shape of a text.
pub(super) fn scan(text: &str) -> Result<(), String> {
    if text.len() > MAX_BYTES {
        let message = format!("the expression is longer than {MAX_BYTES} bytes; name parts of it as derived fields");
        return Err(at_column(text, MAX_BYTES, &message));
    }
    let mut scan = Scan { text, at: 0, groups: vec![Group::new(Bracket::Whole)], wants_operand: true };
    while scan.skip_space() {
        if scan.wants_operand {
            scan.operand()?
        } else {
            scan.operator()?
        }
        scan.check_depth()?;
    }
    if scan.wants_operand {
        return Err(scan.needs_operand());
    }
    scan.needs_choice_done()?;
    match scan.group().bracket {
        Bracket::Whole => Ok(()),
        Bracket::List => Err(scan.wrong("`]` is needed here")),
        Bracket::Nested | Bracket::Call => Err(scan.wrong("`)` is needed here")),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Bracket {
    Whole,
    Nested,
    Call,
    List,
}

#[derive(Clone, Copy)]
struct Group {
    bracket: Bracket,
    /// `?` so far: each nests what follows its `:` one deeper.
    choices: usize,
    /// A `?` whose `:` has not come.
    open_choice: bool,
    /// Operators that lean on each other to the left, as in `a - b - c`.
    links: usize,
}

impl Group {
    fn new(bracket: Bracket) -> Group {
        Group { bracket, choices: 0, open_choice: false, links: 0 }
    }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    groups: Vec<Group>,
    wants_operand: bool,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// Whether there is more.
    fn skip_space(&mut self) -> bool {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n', '\u{c}']).len();
        self.at < self.text.len()
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    fn group(&self) -> Group {
        // The group of the whole text is never closed.
        self.groups.last().copied().unwrap_or(Group::new(Bracket::Whole))
    }

    fn group_mut(&mut self, change: impl FnOnce(&mut Group)) {
        if let Some(group) = self.groups.last_mut() {
            change(group);
        }
    }

    fn check_depth(&self) -> Result<(), String> {
        let depth: usize = self.groups.iter().map(|group| 1 + group.choices + group.links).sum();
        if depth > MAX_DEPTH + 1 {
            return Err(self.wrong(&format!(
                "the expression is nested deeper than {MAX_DEPTH}; name parts of it as derived fields"
            )));
        }
        Ok(())
    }

    fn operand(&mut self) -> Result<(), String> {
        for sign in ["!", "-"] {
            if self.eat(sign) {
                self.skip_space();
                if self.rest().starts_with(['!', '-']) {
                    return Err(self.wrong("two signs in a row; leave both out, or put the second one in parentheses"));
                }
                return Ok(());
            }
        }
        if self.eat("(") {
            self.groups.push(Group::new(Bracket::Nested));
            return Ok(());
        }
        if self.eat("[") {
            self.groups.push(Group::new(Bracket::List));
            return Ok(());
        }
        // `f()` and `[]`: nothing may stand between the brackets, but not before them.
        let rest = self.rest();
        let bracket = self.group().bracket;
        let before = self.text.get(..self.at).unwrap_or("").trim_end();
        let empty = (bracket == Bracket::Call && rest.starts_with(')') && before.ends_with('('))
            || (bracket == Bracket::List && rest.starts_with(']') && before.ends_with('['));
        if empty {
            return self.close();
        }
        let Some(first) = rest.chars().next() else { return Err(self.needs_operand()) };
        match first {
            '"' | '\'' => self.string(false),
            '0'..='9' | '.' => self.number(),
            'a'..='z' | 'A'..='Z' | '_' => self.word(),
            '{' => Err(self.wrong("maps and messages are not supported; use fields and lists of constants")),
            '`' => Err(self.wrong("names in backquotes are not supported; use a plain field name")),
            _ => Err(self.needs_operand()),
        }
    }

    fn string(&mut self, raw: bool) -> Result<(), String> {
        let rest = self.rest();
        let start = self.at;
        let quote = if rest.starts_with('"') { '"' } else { '\'' };
        if rest.starts_with("\"\"\"") || rest.starts_with("'''") {
            return Err(self.wrong("texts in triple quotes are not supported; use one quote on each side"));
        }
        let mut letters = rest.char_indices().skip(1);
        while let Some((place, letter)) = letters.next() {
            if letter == quote {
                self.at = start + place + 1;
                self.wants_operand = false;
                return Ok(());
            }
            if letter == '\n' || letter == '\r' {
                break;
            }
            if letter == '\\' && !raw {
                let length = escape_length(rest.get(place + 1..).unwrap_or(""));
                if length == 0 {
                    let message = "unknown escape in the text; for a backslash write two of them";
                    return Err(at_column(self.text, start + place, message));
                }
                // An escape is plain letters, one byte each.
                for _ in 0..length {
                    letters.next();
                }
            }
        }
        Err(at_column(self.text, start, "a closing quote is needed for the text that starts here"))
    }

    fn number(&mut self) -> Result<(), String> {
        let rest = self.rest();
        let hexadecimal =
            rest.strip_prefix("0x").map_or(0, |digits| digits.bytes().take_while(u8::is_ascii_hexdigit).count());
        let length = if hexadecimal > 0 { 2 + hexadecimal } else { number_length(rest) };
        if length == 0 {
            return Err(self.needs_operand());
        }
        let after = rest.get(length..).unwrap_or("");
        if after.starts_with(['u', 'U']) {
            return Err(self.wrong("unsigned numbers are not supported; leave out the `u`"));
        }
        if let Some(exponent) = after.strip_prefix(['e', 'E'])
            && exponent.trim_start_matches(['+', '-']).starts_with(|letter: char| letter.is_ascii_digit())
        {
            return Err(self.wrong("numbers with an exponent are not supported; write the number in full"));
        }
        self.at += length;
        self.wants_operand = false;
        Ok(())
    }

    fn word(&mut self) -> Result<(), String> {
        let rest = self.rest();
        let length = word_length(rest);
        let word = rest.get(..length).unwrap_or("");
        let after = rest.get(length..).unwrap_or("");
        if after.starts_with(['"', '\'']) {
            match word {
                "r" | "R" => {
                    self.at += length;
                    return self.string(true);
                }
                "b" | "B" | "br" | "bR" | "Br" | "BR" => {
                    return Err(self.wrong("byte texts are not supported; leave out the `b`"));
                }
                _ => {}
            }
        }
        if word == "in" {
            return Err(self.needs_operand());
        }
        self.name(word)?;
        self.at += length;
        self.skip_space();
        if self.eat("(") {
            self.groups.push(Group::new(Bracket::Call));
        } else {
            self.wants_operand = false;
        }
        Ok(())
    }

    /// Refuses a name that the CEL parser does not take as a name.
    fn name(&self, word: &str) -> Result<(), String> {
        if RESERVED.contains(&word) {
            return Err(self.wrong(&format!("`{word}` is a reserved word of CEL; use another name")));
        }
        let after = self.rest().get(word.len()..).unwrap_or("");
        let called = after.trim_start_matches([' ', '\t', '\r', '\n', '\u{c}']).starts_with('(');
        if called && matches!(word, "true" | "false" | "in") {
            return Err(self.wrong(&format!("`{word}` is not a function")));
        }
        if called && MACROS.contains(&word) {
            return Err(self.wrong(&format!("`{word}` is not supported; compare fields one by one with `&&` and `||`")));
        }
        Ok(())
    }

    fn operator(&mut self) -> Result<(), String> {
        let rest = self.rest();
        match rest.chars().next() {
            Some(')' | ']') => return self.close(),
            Some('?') => {
                if self.group().open_choice {
                    return Err(self.wrong("put the choice between `?` and `:` in parentheses"));
                }
                self.at += 1;
                self.wants_operand = true;
                self.group_mut(|group| {
                    group.choices += 1;
                    group.open_choice = true;
                    group.links = 0;
                });
                return Ok(());
            }
            Some(':') if self.group().open_choice => {
                self.at += 1;
                self.wants_operand = true;
                self.group_mut(|group| {
                    group.open_choice = false;
                    group.links = 0;
                });
                return Ok(());
            }
            Some(',') => {
                self.needs_choice_done()?;
                let bracket = self.group().bracket;
                if bracket == Bracket::Whole || bracket == Bracket::Nested {
                    return Err(self.needs_operator());
                }
                self.at += 1;
                self.wants_operand = true;
                self.group_mut(|group| *group = Group::new(bracket));
                return Ok(());
            }
            Some('.') => return self.member(),
            Some('[') => {
                return Err(self.wrong("indexes are not supported; a field is one value"));
            }
            Some('{') => {
                return Err(self.wrong("maps and messages are not supported; use fields and lists of constants"));
            }
            _ => {}
        }
        if rest.starts_with("//") {
            return Err(self.wrong("comments are not supported; for whole division write one `/`"));
        }
        let sign = OPERATORS.iter().find(|sign| rest.starts_with(**sign)).copied();
        let word = rest.get(..word_length(rest)).unwrap_or("");
        let Some(sign) = sign.or((word == "in").then_some("in")) else {
            if rest.starts_with('=') {
                return Err(self.wrong("`=` is not an operator; to compare write `==`"));
            }
            return Err(self.needs_operator());
        };
        self.at += sign.len();
        self.wants_operand = true;
        // Terms of `&&` and `||` stand side by side; the other operators lean to the left.
        let side_by_side = sign == "&&" || sign == "||";
        self.group_mut(|group| group.links = if side_by_side { 0 } else { group.links + 1 });
        Ok(())
    }

    /// `.name(` after an operand.
    fn member(&mut self) -> Result<(), String> {
        let start = self.at;
        self.at += 1;
        self.skip_space();
        let rest = self.rest();
        let word = rest.get(..word_length(rest)).unwrap_or("");
        if word.is_empty() {
            return Err(self.wrong("a name is needed after `.`"));
        }
        self.name(word)?;
        self.at += word.len();
        self.skip_space();
        if !self.eat("(") {
            let message = format!("`.{word}` is not supported: a field is one value; a function needs `()`");
            return Err(at_column(self.text, start, &message));
        }
        self.group_mut(|group| group.links += 1);
        self.groups.push(Group::new(Bracket::Call));
        self.wants_operand = true;
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        self.needs_choice_done()?;
        let wanted = match self.group().bracket {
            Bracket::Whole => return Err(self.needs_operator()),
            Bracket::Nested | Bracket::Call => ")",
            Bracket::List => "]",
        };
        if !self.eat(wanted) {
            return Err(self.wrong(&format!("`{wanted}` is needed here")));
        }
        self.groups.pop();
        self.wants_operand = false;
        Ok(())
    }

    fn needs_choice_done(&self) -> Result<(), String> {
        if self.group().open_choice { Err(self.wrong("`:` is needed here")) } else { Ok(()) }
    }

    fn needs_operand(&self) -> String {
        self.wrong("a field, a number or a text is needed here")
    }

    fn needs_operator(&self) -> String {
        self.wrong("an operator or the end is needed here")
    }

    fn wrong(&self, message: &str) -> String {
        at_column(self.text, self.at, message)
    }
}
