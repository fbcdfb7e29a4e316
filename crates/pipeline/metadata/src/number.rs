//! Decimal numbers from integers: no float is ever printed.

use std::fmt::Write;

/// Appends `value / 100` without superfluous zeros.
pub(crate) fn push_hundredths(value: i64, out: &mut String) {
    push_decimal(value, 100, 2, out);
}

/// Appends `value / 1000000` without superfluous zeros.
pub(crate) fn push_millionths(value: i64, out: &mut String) {
    push_decimal(value, 1_000_000, 6, out);
}

/// Appends two integers as SVG path data: a minus sign separates as well as a space.
pub(crate) fn push_pair(x: i64, y: i64, out: &mut String) {
    push_integer(x, out);
    if y >= 0 {
        out.push(' ');
    }
    push_integer(y, out);
}

/// Appends a path command with one integer.
pub(crate) fn push_command(command: char, value: i64, out: &mut String) {
    out.push(command);
    push_integer(value, out);
}

/// Puts a space at byte `at` if the number there would run into the one before.
pub(crate) fn separate(at: usize, out: &mut String) {
    if out.as_bytes().get(at).is_some_and(u8::is_ascii_digit) {
        out.insert(at, ' ');
    }
}

/// Reads a decimal with at most two fractional digits into hundredths.
pub(crate) fn parse_hundredths(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || fraction.len() > 2 || whole.len() > 9 || whole.len() + fraction.len() == 0 {
        return None;
    }
    let mut value: i64 = format!("0{whole}").parse().ok()?;
    value = value * 100 + format!("{fraction:0<2}").parse::<i64>().ok()?;
    Some(if negative { -value } else { value })
}

fn push_integer(value: i64, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{value}");
}

fn push_decimal(value: i64, unit: u64, digits: usize, out: &mut String) {
    if value < 0 {
        out.push('-');
    }
    let value = value.unsigned_abs();
    let _ = write!(out, "{}", value / unit);
    let fraction = value % unit;
    if fraction == 0 {
        return;
    }
    let _ = write!(out, ".{fraction:0digits$}");
    while out.ends_with('0') {
        out.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals() {
        for (value, text) in [(0, "0"), (5, "0.05"), (-5, "-0.05"), (150, "1.5"), (-1200, "-12"), (12_345, "123.45")] {
            let mut out = String::new();
            push_hundredths(value, &mut out);
            assert_eq!(out, text);
            assert_eq!(parse_hundredths(text), Some(value));
        }
        for text in ["", "-", ".", "1.234", "1e3", "+1", "1.-2", "12345678901"] {
            assert_eq!(parse_hundredths(text), None, "{text}");
        }
    }
}
