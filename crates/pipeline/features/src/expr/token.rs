//! Places in the text of an expression, and the lengths of its tokens.

/// The 1-based column of a byte of the text.
pub(super) fn column(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| byte & 0xC0 != 0x80).count() + 1
}

/// A message with its place.
pub(super) fn at_column(text: &str, at: usize, message: &str) -> String {
    format!("at column {}: {message}", column(text, at))
}

/// The length in bytes of the number that `rest` starts with: digits, and a fraction if a digit
/// follows the point.
pub(super) fn number_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut end = digits(bytes, 0);
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
        end = digits(bytes, end + 1);
    }
    end
}

fn digits(bytes: &[u8], from: usize) -> usize {
    from + bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count()
}

/// The length of the name that `rest` starts with.
pub(super) fn word_length(rest: &str) -> usize {
    if rest.starts_with(|letter: char| letter.is_ascii_digit()) {
        return 0;
    }
    rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

/// The length of the escape after a backslash; 0 if CEL knows none.
pub(super) fn escape_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let hexadecimal = |count: usize| {
        let found = bytes.iter().skip(1).take(count).filter(|byte| byte.is_ascii_hexdigit()).count();
        if found == count { count + 1 } else { 0 }
    };
    match bytes.first() {
        Some(b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'"' | b'\'' | b'\\' | b'?' | b'`') => 1,
        Some(b'x' | b'X') => hexadecimal(2),
        Some(b'u') => hexadecimal(4),
        Some(b'U') => hexadecimal(8),
        Some(b'0'..=b'3') => {
            let octal = bytes.iter().skip(1).take(2).filter(|byte| (b'0'..=b'7').contains(*byte)).count();
            if octal == 2 { 3 } else { 0 }
        }
        _ => 0,
    }
}
