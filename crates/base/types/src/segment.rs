use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::event::{join_subjects, split_subjects};
use crate::{Block, Codec, Data, Event, Timestamp, TypeError, Value, deflate, from_cbor, to_cbor};

/// Events of a cut, column by column and compressed: what others read them from.
///
/// A raw block that is a zlib stream of DAG-CBOR. Columns of lists compress better than lines of JSON, and a
/// dictionary is what compression finds by itself.
pub struct Segment;

impl Segment {
    /// The version that is written and read.
    pub const VERSION: u32 = 1;
    /// The events of a segment are at most so long as canonical JSON together, unless a single one is longer (a row of a
    /// source has at most 1 MiB); so no block is larger than what every node of IPFS takes.
    const MAX_JSON_BYTES: usize = 1_000_000;
    /// More is not unpacked. Names of one letter that one event each has become four times as long as columns.
    const MAX_UNPACKED_BYTES: usize = 8 << 20;
    /// An event without any data or text is longer than this as canonical JSON.
    const MIN_EVENT_BYTES: usize = 100;

    /// Packs events, each with its canonical JSON, in their order into as few segments as hold them.
    pub fn pack(events: &[(Event, Vec<u8>)]) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut rest = events;
        while !rest.is_empty() {
            let mut length = 0;
            let fitting = rest.iter().take_while(|(_, json)| {
                length += json.len();
                length <= Segment::MAX_JSON_BYTES
            });
            let (these, others) = rest.split_at(fitting.count().max(1));
            let columns = Columns::of(these.iter().map(|(event, _)| event));
            blocks.push(Block::new(Codec::Raw, deflate::compress(&to_cbor(&columns))));
            rest = others;
        }
        blocks
    }

    /// The events of a block, at least one, each with its canonical JSON.
    pub fn unpack(block: &[u8]) -> Result<Vec<(Event, Vec<u8>)>, TypeError> {
        let bytes = deflate::decompress(WHAT, block, Segment::MAX_UNPACKED_BYTES)?;
        from_cbor::<Columns>(WHAT, &bytes)?.events()
    }
}

const WHAT: &str = "segment of events";

/// One entry for each event in each list.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    version: u32,
    id: Vec<SmolStr>,
    source: Vec<SmolStr>,
    #[serde(rename = "type")]
    kind: Vec<SmolStr>,
    /// As in CloudEvents: joined with `|`.
    subject: Vec<String>,
    /// Milliseconds: the first since 1970, then from the event before.
    time: Vec<i64>,
    data: BTreeMap<SmolStr, DataColumn>,
}

/// The data of one name.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DataColumn {
    /// The places of the events that have it, rising; left out if all have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<Vec<u64>>,
    values: Vec<Value>,
}

impl Columns {
    fn of<'a>(events: impl Iterator<Item = &'a Event>) -> Columns {
        let mut columns = Columns {
            version: Segment::VERSION,
            id: Vec::new(),
            source: Vec::new(),
            kind: Vec::new(),
            subject: Vec::new(),
            time: Vec::new(),
            data: BTreeMap::new(),
        };
        let mut before = 0;
        for (place, event) in events.enumerate() {
            columns.id.push(event.id.clone());
            columns.source.push(event.source.clone());
            columns.kind.push(event.kind.clone());
            columns.subject.push(join_subjects(&event.subjects));
            // Instants are far from the ends of their range.
            columns.time.push(event.time.0.wrapping_sub(before));
            before = event.time.0;
            for (name, value) in event.data.iter() {
                let column = columns.data.entry(name.clone()).or_default();
                column.at.get_or_insert_default().push(place as u64);
                column.values.push(value.clone());
            }
        }
        let count = columns.id.len();
        for column in columns.data.values_mut().filter(|column| column.values.len() == count) {
            column.at = None;
        }
        columns
    }

    fn events(self) -> Result<Vec<(Event, Vec<u8>)>, TypeError> {
        let wrong = |reason: String| TypeError::Decode { what: WHAT, reason };
        let count = self.id.len();
        if self.version != Segment::VERSION {
            return Err(wrong(format!("version {} is not known, {} is", self.version, Segment::VERSION)));
        }
        if count > Segment::MAX_JSON_BYTES / Segment::MIN_EVENT_BYTES {
            return Err(wrong(format!("{count} events are more than a segment holds")));
        }
        let lists = [self.source.len(), self.kind.len(), self.subject.len(), self.time.len()];
        if count == 0 || lists != [count; 4] {
            return Err(wrong(format!("{count} ids with lists of {lists:?}")));
        }
        let mut data = vec![Vec::new(); count];
        for (name, column) in self.data {
            let all = column.at.is_none();
            let places = column.at.unwrap_or_else(|| (0..count as u64).collect());
            let fitting = places.len() == column.values.len() && places.is_sorted_by(|one, other| one < other);
            if !fitting || places.is_empty() || (places.len() == count && !all) {
                return Err(wrong(format!("the places of `{name}` do not fit its values")));
            }
            for (place, value) in places.into_iter().zip(column.values) {
                let event = data.get_mut(place as usize);
                let event = event.ok_or_else(|| wrong(format!("`{name}` of event {place} of {count}")))?;
                event.push((name.clone(), value));
            }
        }
        let (mut time, mut length) = (0i64, 0);
        let mut events = Vec::with_capacity(count);
        let rows = self.id.into_iter().zip(self.source).zip(self.kind).zip(self.subject).zip(self.time).zip(data);
        for (place, (((((id, source), kind), subject), step), data)) in rows.enumerate() {
            let event = |reason: String| wrong(format!("event {place} (`{id}`): {reason}"));
            time = time.checked_add(step).ok_or_else(|| event("its time is out of range".into()))?;
            let subjects = split_subjects(&subject);
            if join_subjects(&subjects) != subject {
                return Err(event(format!("its subject `{subject}` is not in canonical form")));
            }
            if !Timestamp(time).is_printable() {
                return Err(event(format!("its time {time} is out of range")));
            }
            let found = Event { id: id.clone(), source, kind, subjects, time: Timestamp(time), data: Data::from(data) };
            if found.data.iter().any(|(_, value)| !value.is_exact()) {
                return Err(event(Value::TOO_LARGE.into()));
            }
            let json = found.to_bytes();
            length += json.len();
            if length > Segment::MAX_JSON_BYTES && count > 1 {
                return Err(wrong(format!("its {count} events are longer than a segment holds")));
            }
            events.push((found, json));
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with_json(events: Vec<Event>) -> Vec<(Event, Vec<u8>)> {
        events.into_iter().map(|event| (event.clone(), event.to_bytes())).collect()
    }

    fn event() -> impl Strategy<Value = Event> {
        let text = || "[a-c|%é]{0,3}".prop_map(SmolStr::from);
        let value = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(|number| Value::Int(number >> (number & 63))),
            (Value::MAX_INT - 3..=Value::MAX_INT + 3).prop_map(Value::Int),
            text().prop_map(Value::Text),
        ];
        let data = prop::collection::vec((text(), value), 0..5);
        let (first, last) = Timestamp::RANGE;
        let time = prop_oneof![first.0..=last.0, first.0 - 3..first.0 + 3, last.0 - 100_000_000..last.0 + 3];
        let subjects = prop::collection::vec(text(), 1..4);
        (text(), text(), text(), subjects, time, data).prop_map(|(id, source, kind, subjects, time, data)| Event {
            id,
            source,
            kind,
            subjects: subjects.into(),
            time: Timestamp(time),
            data: data.into(),
        })
    }

    proptest! {
        #[test]
        fn events_come_back_if_and_only_if_their_json_does(mut events in prop::collection::vec(event(), 1..60)) {
            let whole = |event: &Event| Event::from_bytes(&event.to_bytes()).as_ref() == Ok(event);
            let odd = events.iter().position(|event| !whole(event));
            if let Some(odd) = odd {
                let one = with_json(vec![events[odd].clone()]);
                prop_assert!(Segment::unpack(&Segment::pack(&one)[0].bytes).is_err(), "{:?}", one);
            }
            events.retain(whole);
            let events = with_json(events);
            let blocks = Segment::pack(&events);
            prop_assert_eq!(blocks.len(), usize::from(!events.is_empty()));
            for block in blocks {
                prop_assert_eq!(&Segment::unpack(&block.bytes).unwrap(), &events);
            }
        }
    }

    fn match_of(number: u64) -> Event {
        Event {
            id: format!("match-{number}").into(),
            source: "results".into(),
            kind: "football.match".into(),
            subjects: vec!["Scotland".into(), "England".into()].into(),
            time: Timestamp(number as i64 * 86_400_000),
            data: if number.is_multiple_of(3) {
                vec![("goals".into(), Value::Int(number as i64)), ("neutral".into(), Value::Bool(true))].into()
            } else {
                vec![("goals".into(), Value::Int(-2))].into()
            },
        }
    }

    #[test]
    fn the_bytes_never_change() {
        let blocks = Segment::pack(&with_json((0..5).map(match_of).collect()));
        assert_eq!(blocks[0].cid.to_string(), "bafkreigvqogxxjn3kqqlmvvamwutcab6v36srogva4ejto45fvrra27afu");
    }

    #[test]
    fn many_events_are_several_segments_and_a_tenth_of_their_json() {
        let events = with_json((0..20_000).map(match_of).collect());
        let blocks = Segment::pack(&events);
        let json: usize = events.iter().map(|(_, json)| json.len()).sum();
        let packed: usize = blocks.iter().map(|block| block.bytes.len()).sum();
        assert_eq!(blocks.len(), json.div_ceil(Segment::MAX_JSON_BYTES));
        assert!(packed * 10 < json, "{packed} of {json}");
        let back: Vec<_> = blocks.iter().flat_map(|block| Segment::unpack(&block.bytes).unwrap()).collect();
        assert_eq!(back, events);
        assert!(Segment::pack(&[]).is_empty());
    }

    #[test]
    fn names_that_one_event_each_has_can_be_read_again() {
        let data =
            |number: u64| (0..200).map(|name| (format!("{number}.{name}").into(), Value::Int(1))).collect::<Vec<_>>();
        let events = (0..400).map(|number| Event { data: data(number).into(), ..match_of(number) }).collect();
        let events = with_json(events);
        let back: Vec<_> =
            Segment::pack(&events).iter().flat_map(|block| Segment::unpack(&block.bytes).unwrap()).collect();
        assert_eq!(back, events);
    }

    #[test]
    fn what_no_event_is_gets_refused() {
        let columns = || Columns::of([match_of(0), match_of(1)].iter());
        let refused = |columns: Columns| {
            Segment::unpack(&deflate::compress(&to_cbor(&columns))).expect_err("refused").to_string()
        };
        let goals = |change: fn(&mut DataColumn)| {
            let mut columns = columns();
            change(columns.data.get_mut("goals").unwrap());
            columns
        };
        let empty = |count: usize| Columns {
            id: vec!["".into(); count],
            source: vec!["".into(); count],
            kind: vec!["".into(); count],
            subject: vec![String::new(); count],
            time: vec![0; count],
            data: BTreeMap::new(),
            ..columns()
        };
        for (columns, reason) in [
            (Columns { version: 2, ..columns() }, "version 2 is not known"),
            (Columns { id: vec![], ..columns() }, "0 ids"),
            (Columns { time: vec![1], ..columns() }, "2 ids with lists of [2, 2, 2, 1]"),
            (Columns { time: vec![1, i64::MAX], ..columns() }, "event 1 (`match-1`): its time is out of range"),
            (Columns { time: vec![253_402_300_799_999, 0], ..columns() }, "event 0 (`match-0`): its time 2534"),
            (Columns { time: vec![i64::MIN, 1], ..columns() }, "event 0 (`match-0`)"),
            (
                Columns { subject: vec!["a".into(), "%41".into()], ..columns() },
                "event 1 (`match-1`): its subject `%41` is not in canonical form",
            ),
            (empty(20_000), "20000 events are more than a segment holds"),
            (Columns { kind: vec!["t".repeat(600_000).into(); 2], ..columns() }, "2 events are longer than"),
            (goals(|goals| goals.values.truncate(1)), "`goals` do not fit"),
            (goals(|goals| goals.at = Some(vec![0, 2])), "`goals` do not fit"),
            (goals(|goals| goals.at = Some(vec![1, 0])), "`goals` do not fit"),
            (goals(|goals| goals.at = Some(vec![0, 1])), "`goals` do not fit"),
            (goals(|goals| *goals = DataColumn { at: Some(vec![]), values: vec![] }), "`goals` do not fit"),
            (
                goals(|goals| *goals = DataColumn { at: Some(vec![2]), values: vec![Value::Int(1)] }),
                "`goals` of event 2 of 2",
            ),
            (goals(|goals| goals.values[1] = Value::Int(1 << 60)), "a number is larger than 9007199254740991"),
        ] {
            let error = refused(columns);
            assert!(error.contains(reason), "{error}, not {reason}");
        }
        assert!(Segment::unpack(b"{\"data\":{}}\n").is_err());
    }
}
