//! Canonical bytes of an event, written straight into a buffer.
//!
//! A general canonicaliser costs ten times as much as storing the event. The form is fixed, so it is
//! written here field by field; the rare event whose keys need the general rules of RFC 8785 goes the
//! general way. A property test holds both to the same bytes.

use std::io::Write;

use smol_str::SmolStr;

use crate::event::general;
use crate::{Event, Value};

/// Appends the canonical CloudEvents JSON of an event.
pub(crate) fn encode(event: &Event, out: &mut Vec<u8>) {
    if !is_plain(event) {
        out.extend_from_slice(&general(event));
        return;
    }
    out.extend_from_slice(b"{\"data\":{");
    for (index, (name, value)) in event.data.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        text(name, out);
        out.push(b':');
        match value {
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Int(number) => display(number, out),
            Value::Text(value) => text(value, out),
        }
    }
    out.extend_from_slice(b"},\"id\":");
    text(&event.id, out);
    out.extend_from_slice(b",\"source\":");
    text(&event.source, out);
    out.extend_from_slice(b",\"specversion\":\"1.0\",\"subject\":\"");
    for (index, subject) in event.subjects.iter().enumerate() {
        if index > 0 {
            out.push(b'|');
        }
        escaped(subject, out);
    }
    out.extend_from_slice(b"\",\"time\":\"");
    display(&event.time, out);
    out.extend_from_slice(b"\",\"type\":");
    text(&event.kind, out);
    out.push(b'}');
}

/// Whether byte order of the keys is their canonical order, numbers are written in full, and no
/// subject needs the escapes of a list.
fn is_plain(event: &Event) -> bool {
    // RFC 8785 orders by UTF-16 units, which differ from UTF-8 only beyond the basic plane.
    let beyond = |name: &str| name.bytes().any(|byte| byte >= 0xf0);
    let listed = |subject: &SmolStr| subject.bytes().any(|byte| byte == b'|' || byte == b'%');
    !event.data.iter().any(|(name, value)| beyond(name) || !value.is_exact()) && !event.subjects.iter().any(listed)
}

fn display(value: &impl std::fmt::Display, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{value}");
}

fn text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escaped(text, out);
    out.push(b'"');
}

fn escaped(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    if plain_len(bytes) == bytes.len() {
        out.extend_from_slice(bytes);
        return;
    }
    for byte in bytes {
        match byte {
            byte if !needs_escape(*byte) => out.push(*byte),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
}

/// How many bytes from the start on a JSON text holds as they are: up to a quote, a backslash or a
/// control character.
#[inline]
pub fn plain_len(bytes: &[u8]) -> usize {
    let mut at = 0;
    // Most texts are short.
    while let Some(eight) = bytes[at..].first_chunk::<8>() {
        let found = escapes_in(*eight);
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
        if at == 32 {
            return plain_len_of_long(bytes);
        }
    }
    at + bytes[at..].iter().take_while(|byte| !needs_escape(**byte)).count()
}

/// The same of a text whose first 32 bytes are plain.
fn plain_len_of_long(bytes: &[u8]) -> usize {
    let mut at = 32;
    while let Some(many) = bytes[at..].first_chunk::<32>()
        && !any_escape(many)
    {
        at += 32;
    }
    at + plain_len(&bytes[at..])
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Whether any byte needs an escape. Without a way out of the middle, and with a byte for each answer, the
/// compiler looks at many at once.
fn any_escape(bytes: &[u8; 32]) -> bool {
    let mut found = [0; 32];
    for (found, byte) in found.iter_mut().zip(bytes) {
        *found = if needs_escape(*byte) { u8::MAX } else { 0 };
    }
    found.as_chunks::<16>().0.iter().fold(0, |found, half| found | u128::from_ne_bytes(*half)) != 0
}

/// Which of eight bytes need an escape: the high bit of each says whether a subtraction went below zero
/// there. Only the lowest bit that is set is to be trusted, because a subtraction borrows.
fn escapes_in(eight: [u8; 8]) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let bytes = u64::from_le_bytes(eight);
    let below = |bytes: u64, limit: u8| bytes.wrapping_sub(ONES * u64::from(limit)) & !bytes;
    let equal = |byte: u8| below(bytes ^ (ONES * u64::from(byte)), 1);
    (below(bytes, 0x20) | equal(b'"') | equal(b'\\')) & (ONES << 7)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Timestamp;

    fn any_text() -> impl Strategy<Value = String> {
        // Long ones too: eight bytes are looked at together.
        // Among anything: what needs escapes, and keys whose two orders differ.
        prop_oneof![
            ".{0,12}",
            "[\u{0}-\u{7f}]{0,8}",
            "[ -~]{0,40}",
            "[a-z\u{1f}\u{20}\u{80}]{0,40}",
            "[a|%\"\\\\\u{e000}\u{ffff}\u{10000}\u{10ffff}]{0,4}"
        ]
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let value = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            (-Value::MAX_INT..=Value::MAX_INT).prop_map(Value::Int),
            any_text().prop_map(|text| Value::Text(text.into())),
        ];
        let data = prop::collection::vec((any_text(), value), 0..12);
        let subjects = prop::collection::vec(any_text(), 0..4);
        let time = Timestamp::RANGE.0.0..=Timestamp::RANGE.1.0;
        (any_text(), any_text(), any_text(), subjects, time, data).prop_map(
            |(id, source, kind, subjects, time, data)| Event {
                id: id.into(),
                source: source.into(),
                kind: kind.into(),
                subjects: subjects.into_iter().map(SmolStr::from).collect(),
                time: Timestamp(time),
                data: data.into_iter().collect(),
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn the_short_way_gives_the_canonical_bytes(event in any_event()) {
            let mut bytes = Vec::new();
            encode(&event, &mut bytes);
            prop_assert_eq!(String::from_utf8(bytes).unwrap(), String::from_utf8(general(&event)).unwrap());
        }

        #[test]
        fn plain_is_what_needs_no_escape(bytes in prop::collection::vec(prop_oneof![b' '..=b'~', any::<u8>()], 0..100)) {
            let plain = bytes.iter().take_while(|byte| !needs_escape(**byte)).count();
            prop_assert_eq!(plain_len(&bytes), plain);
            // Long stretches without an escape, which random bytes do not have.
            let mut long = vec![b'a'; bytes.len() * 3];
            long.extend_from_slice(&bytes);
            prop_assert_eq!(plain_len(&long), bytes.len() * 3 + plain);
        }
    }
}
