//! Imports the models that `tests/peer/train.py` left in a folder and compares every row with what
//! their own libraries say:
//!
//! ```text
//! cargo run --release -p enliven-models --features import --example import_check -- target/peer/models
//! ```
//!
//! Held to:
//! * every row reaches the leaf that the library says, in every tree (`leaves`);
//! * rows on every threshold, and one unit below and above it, have the original's margin (`edges`);
//! * a margin is off by half a unit of the last place per tree, and by the rounding of the library's
//!   own sum: 2^-24 of the largest margin per tree in single precision, 2^-50 in double; where the
//!   library's sum can be repeated bit by bit, that is said (`same`);
//! * chances and other values of the link: the same, through the link's slope, and the library's
//!   single precision;
//! * attributions: 10^-4 of the largest margin, as the libraries compute them in single precision or
//!   from rounded covers, and half a unit per leaf.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::ExitCode;

#[path = "../tests/peer/check.rs"]
mod check;

fn main() -> ExitCode {
    let folder = std::env::args().nth(1).unwrap_or("target/peer/models".into());
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        names.push(entry.unwrap().file_name().into_string().unwrap());
    }
    names.sort();
    println!(
        "{:<32} {:>5} {:>5} {:>6} {:>4} {:>9} {:>9} {:>9} {:>7} {:>7}",
        "model", "rows", "trees", "leaves", "same", "margin", "value", "parts", "decided", "edges"
    );
    let mut failed = 0;
    for name in &names {
        match check::check(&Path::new(&folder).join(name)) {
            Ok(line) => println!("{name:<32} {line}"),
            Err(error) => {
                failed += 1;
                println!("{name:<32} FAILED: {error}");
            }
        }
    }
    println!("{} models, {failed} failed", names.len());
    ExitCode::from(u8::from(failed > 0))
}
