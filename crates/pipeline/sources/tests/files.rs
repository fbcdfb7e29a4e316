//! Rows of real and broken files become events or named refusals.

#![allow(clippy::unwrap_used)]

use enliven_sources::{FileSource, SourceConfig};

fn config(json: &str) -> SourceConfig {
    serde_json::from_str(json).unwrap()
}

const CSV: &str = r#"{
    "from": {"file": {"path": "results.csv", "format": "csv"}}, "event_type": "match", "time": "date",
    "columns": {"date": "text", "home": "text", "away": "text", "score": "integer", "fee": {"decimal": 2}, "neutral": "boolean"},
    "rename": {"home": "home_team"}, "id": ["date", "home", "away"], "subjects": ["home", "away"]
}"#;

fn read(config: &SourceConfig, text: &'static [u8]) -> (Vec<String>, Vec<String>) {
    let (mut events, mut bad) = (Vec::new(), Vec::new());
    for row in FileSource::from_reader("results", config, 0, Box::new(text)).unwrap() {
        match row.unwrap() {
            Ok(event) => events.push(String::from_utf8(event.to_bytes()).unwrap()),
            Err(row) => bad.push(row.to_string()),
        }
    }
    (events, bad)
}

#[test]
fn bad_rows_are_named_and_stop_nothing() {
    let text = b"\xef\xbb\xbfdate,home_team,away,score,fee,neutral\r\n\
        2001-04-11,Australia,American Samoa,31,1.50,TRUE\r\n\
        2001-04-12,\"Bonaire, Sint\",X,NA,0,FALSE\n\
        2001-02-30,A,B,1,0,FALSE\n\
        2001-04-13,A,B,1,0\n\
        2001-04-13,\"A,B,1,0,FALSE\n\
        2001-04-13,A, ,1,0,FALSE\n\
        2001-04-13,A,B,1,0.125,no\n\
        2001-04-13,A,\xff,1,0,FALSE\n\
        \n\
        2001-04-14,\"\xc3\x85land \"\"x\"\"\",B,-2,0.1,false";
    let (events, bad) = read(&config(CSV), text);
    assert_eq!(
        events,
        [
            r#"{"data":{"away":"American Samoa","date":"2001-04-11","fee":150,"home":"Australia","neutral":true,"score":31},"id":"2001-04-11/Australia/American Samoa","source":"results","specversion":"1.0","subject":"Australia|American Samoa","time":"2001-04-11T00:00:00Z","type":"match"}"#,
            r#"{"data":{"away":"B","date":"2001-04-14","fee":10,"home":"Åland \"x\"","neutral":false,"score":-2},"id":"2001-04-14/Åland \"x\"/B","source":"results","specversion":"1.0","subject":"Åland \"x\"|B","time":"2001-04-14T00:00:00Z","type":"match"}"#,
        ]
    );
    assert_eq!(
        bad,
        [
            "results.csv:3: column `score`: `NA` is not a whole number",
            "results.csv:4: column `date`: `2001-02-30` is not a date (YYYY-MM-DD) or an RFC 3339 date and time",
            "results.csv:5: has 5 columns, the header has 6",
            "results.csv:6: a quote is opened and never closed",
            "results.csv:7: column `away`: names no entity",
            "results.csv:8: column `fee`: `0.125` is not a decimal number (it has more decimal places than the column)",
            "results.csv:9: the line is not UTF-8",
        ]
    );
}

#[test]
fn json_lines_are_read_alike() {
    let json = CSV.replace("results.csv", "results.jsonl").replace("\"csv\"", "\"json_lines\"");
    let text = br#"{"date":"2001-04-11","home_team":"A","away":"B","score":31,"fee":1.5,"neutral":true,"more":[1]}
{"date":"2001-04-11","home_team":"A","away":"B","score":3.5,"fee":1.5,"neutral":true}
{"date":"2001-04-11","home_team":null,"away":"B","score":3,"fee":1.5,"neutral":true}
{"date":"2001-04-11","home_team":"A","score":3,"fee":1.5,"neutral":true}
{"date":"2001-04-11",
"#;
    let (events, bad) = read(&config(&json), text);
    assert_eq!(events.len(), 1);
    assert_eq!(bad.len(), 4, "{bad:?}");
    assert_eq!(bad[0], "results.jsonl:2: column `score`: `3.5` is not a whole number");
    assert_eq!(bad[1], "results.jsonl:3: column `home`: is null");
    assert_eq!(bad[2], "results.jsonl:4: column `away`: is missing");
}

#[test]
fn wrong_configurations_are_named() {
    for (from, to, want) in [
        (r#""time": "date""#, r#""time": "when""#, "`time` names the column `when`"),
        (r#""subjects": ["home", "away"]"#, r#""subjects": []"#, "`subjects` must have at least one entry"),
        (r#"{"decimal": 2}"#, r#"{"decimal": 20}"#, "has 20 decimal places"),
        (r#""rename": {"home": "home_team"}"#, r#""rename": {}"#, "has no column `home` (it has: date, home_team"),
    ] {
        let json = CSV.replace(from, to);
        let text: &[u8] = b"date,home_team,away,score,fee,neutral\n";
        let error = FileSource::from_reader("results", &config(&json), 0, Box::new(text)).err().unwrap();
        assert!(error.to_string().contains(want), "{error}");
    }
}
