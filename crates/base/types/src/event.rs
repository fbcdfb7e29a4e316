use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::encode::encode;
use crate::{Data, Digest, Timestamp, TypeError, to_jcs};

/// One datum of an event. Numbers are integers: a decimal column enters as units of its declared
/// scale, so that sums do not depend on the order of arrival.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number, or units of a declared scale; at most 2^53 - 1 in size, as in RFC 8785.
    Int(i64),
    /// Text.
    Text(SmolStr),
}

impl Value {
    /// The largest whole number that JSON readers agree on.
    pub const MAX_INT: i64 = (1 << 53) - 1;

    pub(crate) const TOO_LARGE: &'static str = "a number is larger than 9007199254740991";

    /// Whether every reader of JSON takes it for the same.
    pub(crate) fn is_exact(&self) -> bool {
        !matches!(self, Value::Int(number) if number.unsigned_abs() > Value::MAX_INT as u64)
    }

    /// The number of an integer or of a truth value (false 0, true 1); none for text.
    pub fn number(&self) -> Option<i64> {
        match self {
            Value::Bool(value) => Some(i64::from(*value)),
            Value::Int(value) => Some(*value),
            Value::Text(_) => None,
        }
    }

    /// The text; none for a number.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// What makes two events the same event (CloudEvents 1.0): source and id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey {
    /// The source's name.
    pub source: String,
    /// The id within the source.
    pub id: String,
}

/// The entities that an event concerns.
pub type Subjects = SmallVec<[SmolStr; 2]>;

/// One CloudEvents 1.0 record with flat, typed data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Unique within the source.
    pub id: SmolStr,
    /// The source's name in the manifest.
    pub source: SmolStr,
    /// CloudEvents `type`.
    pub kind: SmolStr,
    /// The entities that it concerns, at least one.
    pub subjects: Subjects,
    /// When it happened.
    pub time: Timestamp,
    /// Named data.
    pub data: Data,
}

/// The CloudEvents JSON form. CloudEvents has one `subject`; several are joined with `|`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    data: Data,
    id: SmolStr,
    source: SmolStr,
    specversion: String,
    subject: String,
    time: String,
    #[serde(rename = "type")]
    kind: SmolStr,
}

impl Event {
    /// The deduplication key.
    pub fn key(&self) -> EventKey {
        EventKey { source: self.source.to_string(), id: self.id.to_string() }
    }

    /// Canonical CloudEvents JSON (RFC 8785).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        encode(self, &mut bytes);
        bytes
    }

    /// Appends what [`Event::to_bytes`] gives.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        encode(self, out);
    }

    /// Reads what [`Event::to_bytes`] wrote; any other spelling is refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Event, TypeError> {
        let wire: Wire = serde_json::from_slice(bytes)
            .map_err(|error| TypeError::Decode { what: "event", reason: error.to_string() })?;
        if wire.specversion != "1.0" {
            return Err(TypeError::Decode {
                what: "event",
                reason: format!("specversion is `{}`, only `1.0` is known", wire.specversion),
            });
        }
        let time = Timestamp::parse(&wire.time)?;
        let subjects = split_subjects(&wire.subject);
        let event = Event { id: wire.id, source: wire.source, kind: wire.kind, subjects, time, data: wire.data };
        if event.data.iter().any(|(_, value)| !value.is_exact()) {
            return Err(TypeError::Decode { what: "event", reason: Value::TOO_LARGE.into() });
        }
        if event.to_bytes() != bytes {
            return Err(TypeError::NotCanonical { what: "event" });
        }
        Ok(event)
    }

    /// The sha2-256 of the canonical bytes.
    pub fn digest(&self) -> Digest {
        Digest::sha256(&self.to_bytes())
    }
}

/// The canonical bytes by the general rules.
pub(crate) fn general(event: &Event) -> Vec<u8> {
    to_jcs(&Wire {
        data: event.data.clone(),
        id: event.id.clone(),
        source: event.source.clone(),
        specversion: "1.0".to_string(),
        subject: join_subjects(&event.subjects),
        time: event.time.to_string(),
        kind: event.kind.clone(),
    })
}

/// Joins with `|`; a `|` or `%` inside a name is percent-encoded.
pub(crate) fn join_subjects(subjects: &[SmolStr]) -> String {
    let escaped: Vec<String> = subjects.iter().map(|subject| subject.replace('%', "%25").replace('|', "%7C")).collect();
    escaped.join("|")
}

pub(crate) fn split_subjects(text: &str) -> Subjects {
    text.split('|').map(|part| part.replace("%7C", "|").replace("%25", "%").into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_canonical_cloudevents() {
        let event = Event {
            id: "1".into(),
            source: "s".into(),
            kind: "match".into(),
            subjects: vec!["A|B%7C".into(), "C".into()].into(),
            time: Timestamp::parse("1872-11-30").unwrap(),
            data: [("b", Value::Int(-2)), ("a", Value::Text("é\n".into()))].into(),
        };
        let text = String::from_utf8(event.to_bytes()).unwrap();
        assert_eq!(
            text,
            r#"{"data":{"a":"é\n","b":-2},"id":"1","source":"s","specversion":"1.0","subject":"A%7CB%257C|C","time":"1872-11-30T00:00:00Z","type":"match"}"#
        );
        assert_eq!(Event::from_bytes(text.as_bytes()).unwrap(), event);
        for bad in [text.replace("1.0", "0.3"), text.replace("\"a\"", " \"a\""), text.replace("00Z", "00.0Z")] {
            assert!(Event::from_bytes(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
