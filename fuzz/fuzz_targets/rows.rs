//! Any bytes as a file of rows: each line is an event or a named refusal.
#![no_main]

use enliven_sources::{FileSource, SourceConfig};

const CONFIG: &str = r#"{
    "from": {"file": {"path": "rows", "format": "FORMAT"}}, "event_type": "row", "time": "time",
    "columns": {"time": "text", "name": "text", "count": "integer", "price": {"decimal": 4}, "flag": "boolean"},
    "id": ["time", "name"], "subjects": ["name"]
}"#;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for format in ["csv", "json_lines"] {
        let config: SourceConfig = serde_json::from_str(&CONFIG.replace("FORMAT", format)).unwrap();
        let Ok(source) = FileSource::from_reader("rows", &config, 0, Box::new(std::io::Cursor::new(bytes.to_vec()))) else {
            continue;
        };
        for event in source.flatten().flatten() {
            assert_eq!(enliven_types::Event::from_bytes(&event.to_bytes()).as_ref(), Ok(&event));
        }
    }
});
