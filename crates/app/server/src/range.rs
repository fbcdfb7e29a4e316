//! Parts of a body.

/// The part of a body that `Range` asks for (RFC 9110, section 14).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// From one byte to another, both included.
    Of(usize, usize),
    /// Several parts, or another unit: the whole is given, as the RFC allows.
    Whole,
    /// There is no such byte.
    Outside,
}

impl Part {
    /// `length` is that of the whole.
    pub(crate) fn of(range: &str, length: usize) -> Part {
        let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
            return Part::Whole;
        };
        let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            // More digits than a number has: beyond every end.
            true => Some(text.parse::<usize>().unwrap_or(usize::MAX)),
            false => None,
        };
        match (first, last) {
            ("", "") => Part::Whole,
            ("", count) => match number(count) {
                None => Part::Whole,
                Some(0) => Part::Outside,
                Some(_) if length == 0 => Part::Outside,
                Some(count) => Part::Of(length.saturating_sub(count), length - 1),
            },
            (first, last) => {
                let last = if last.is_empty() { Some(usize::MAX) } else { number(last) };
                match (number(first), last) {
                    (Some(first), Some(last)) if first > last => Part::Whole,
                    (Some(first), Some(_)) if first >= length => Part::Outside,
                    (Some(first), Some(last)) => Part::Of(first, last.min(length - 1)),
                    _ => Part::Whole,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_rfc() {
        for (range, length, part) in [
            ("bytes=0-0", 10, Part::Of(0, 0)),
            ("bytes=2-", 10, Part::Of(2, 9)),
            ("bytes=2-99999999999999999999999", 10, Part::Of(2, 9)),
            ("bytes=-3", 10, Part::Of(7, 9)),
            ("bytes=-30", 10, Part::Of(0, 9)),
            ("bytes=10-", 10, Part::Outside),
            ("bytes=-0", 10, Part::Outside),
            ("bytes=0-", 0, Part::Outside),
            ("bytes=-1", 0, Part::Outside),
            ("bytes=5-2", 10, Part::Whole),
            ("bytes=0-1,4-5", 10, Part::Whole),
            ("bytes=-", 10, Part::Whole),
            ("bytes=a-b", 10, Part::Whole),
            ("lines=1-2", 10, Part::Whole),
        ] {
            assert_eq!(Part::of(range, length), part, "{range}");
        }
    }
}
