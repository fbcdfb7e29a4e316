//! `./bench` prints one table; `./bench NAME --json` prints one array of rows.
//!
//! Every row stands beside a peer, a floor or a budget that was measured or set in the same run. A
//! row whose goal is not met says so.

mod content;
mod explain;
mod features;
mod gas;
mod models;
mod peers;
mod plot;
mod replay;
mod store;
mod streaming;
mod training;
mod world;

use serde::Serialize;

/// One measurement.
#[derive(Serialize)]
struct Row {
    /// What was measured.
    id: String,
    /// In which unit.
    unit: &'static str,
    /// What it came to.
    ours: f64,
    /// The same of the peer.
    peer: f64,
    /// Who the peer is.
    peer_name: String,
    /// Ours divided by the peer's.
    ratio: f64,
    /// What the ratio should be.
    goal: String,
    /// Whether it is.
    met: bool,
}

impl Row {
    /// A row whose ratio should be at most `limit`.
    fn at_most(id: &str, unit: &'static str, ours: f64, peer: f64, peer_name: &str, limit: f64) -> Row {
        let ratio = ours / peer;
        let peer_name = peer_name.to_string();
        Row { id: id.to_string(), unit, ours, peer, peer_name, ratio, goal: format!("<= {limit}"), met: ratio <= limit }
    }

    /// A row whose ratio should be at least `limit`.
    fn at_least(id: &str, unit: &'static str, ours: f64, peer: f64, peer_name: &str, limit: f64) -> Row {
        let ratio = ours / peer;
        let peer_name = peer_name.to_string();
        Row { id: id.to_string(), unit, ours, peer, peer_name, ratio, goal: format!(">= {limit}"), met: ratio >= limit }
    }
}

type Bench = fn() -> Vec<Row>;

const BENCHES: [(&str, Bench); 10] = [
    ("store", store::store),
    ("content", content::content),
    ("features", features::features),
    ("training", training::training),
    ("streaming", streaming::streaming),
    ("models", models::models),
    ("explain", explain::explain),
    ("gas", gas::gas),
    ("replay", replay::replay),
    ("growth", replay::growth),
];

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(bytes) = features::resident_here(&arguments) {
        println!("{bytes}");
        return;
    }
    let plot = arguments.iter().position(|argument| argument == "--plot").map(|at| {
        let path = arguments.drain(at..(at + 2).min(arguments.len())).nth(1);
        path.unwrap_or_else(|| {
            eprintln!("--plot takes a file");
            std::process::exit(2)
        })
    });
    let json = arguments.iter().any(|argument| argument == "--json");
    let wanted = arguments.iter().find(|argument| !argument.starts_with("--"));
    let known: Vec<&str> = BENCHES.iter().map(|(name, _)| *name).collect();
    if let Some(name) = wanted.filter(|name| !known.contains(&name.as_str())) {
        eprintln!("unknown benchmark `{name}` (available: {})", known.join(", "));
        std::process::exit(2);
    }
    let mut rows = Vec::new();
    for (name, bench) in BENCHES {
        if wanted.is_none_or(|wanted| wanted == name) {
            eprintln!("bench: {name}");
            rows.extend(bench());
        }
    }
    if let Some(path) = plot {
        let names = [
            ("features.add.growth", "ns to add an event"),
            ("features.read.growth", "ns to read 20 features"),
            ("features.memory.growth", "bytes a key"),
        ];
        std::fs::write(&path, plot::growth("20 sliding features, five events a key", 10_000, &rows, &names))
            .unwrap_or_else(|error| panic!("{path} cannot be written: {error}"));
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&rows).unwrap_or_default());
        return;
    }
    println!("{:<34} {:>12} {:>12} {:<34} {:>7} {:>8} met", "row", "ours", "peer", "peer", "ratio", "goal");
    for row in &rows {
        let (ours, peer) = (format!("{:.2} {}", row.ours, row.unit), format!("{:.2} {}", row.peer, row.unit));
        let met = if row.met { "yes" } else { "NO" };
        println!("{:<34} {ours:>12} {peer:>12} {:<34} {:>7.2} {:>8} {met}", row.id, row.peer_name, row.ratio, row.goal);
    }
    println!("\nreproduce: ./bench [{}] [--json]", known.join("|"));
}
