use std::fmt::Write;
use std::path::Path;

use serde_json::json;

use crate::cli::Template;
use crate::error::CliError;
use crate::output::Output;

const MANIFEST: &str = include_str!("../../templates/league.toml");
const CARD: &str = include_str!("../../../../../examples/football/card.svg.jinja");
const CLUBS: [&str; 16] = [
    "Amber", "Birch", "Cobalt", "Dune", "Ember", "Fjord", "Garnet", "Harbour", "Iris", "Juniper", "Kestrel", "Lagoon",
    "Maple", "Nimbus", "Onyx", "Pine",
];
const FIRST_DAY: &str = "2016-01-02";
const WEEKS: i64 = 520;

/// Writes a starter collection.
pub fn run(folder: &Path, template: Template, output: &Output) -> Result<(), CliError> {
    let Template::League = template;
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CliError::Usage(format!(
            "{} is not empty\nhint: name a folder that does not exist yet",
            folder.display()
        )));
    }
    std::fs::create_dir_all(folder).map_err(|error| CliError::file("make the folder", folder, &error))?;
    let files = [
        ("enliven.toml", MANIFEST.to_string()),
        ("card.svg.jinja", CARD.to_string()),
        ("results.csv", results()),
        (".gitignore", ".enliven\n".to_string()),
    ];
    for (name, text) in &files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| CliError::file("write", &path, &error))?;
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let shown = folder.display();
    let text = format!(
        "{shown}: {}\n\nnext:\n  cd {shown}\n  enliven train\n  enliven run\n  enliven serve",
        names.join(", ")
    );
    output.result(&json!({ "folder": shown.to_string(), "files": names }), &text);
    Ok(())
}

/// Ten made-up years of a league, the same on every machine: clubs whose strength drifts.
fn results() -> String {
    let mut dice = Dice(0x5EED);
    let mut strength: Vec<i64> = (0..CLUBS.len() as i64).map(|club| club * 12 - 90).collect();
    let mut text = String::from("date,home_team,away_team,home_score,away_score,neutral\n");
    let first = enliven_types::Timestamp::parse(FIRST_DAY).map_or(0, |time| time.day());
    for week in 0..WEEKS {
        let date = enliven_types::Timestamp((first + 7 * week) * 86_400_000).date();
        let mut order: Vec<usize> = (0..CLUBS.len()).collect();
        for place in (1..order.len()).rev() {
            order.swap(place, dice.below(place as i64 + 1) as usize);
        }
        for pair in order.chunks_exact(2) {
            let (home, away) = (pair[0], pair[1]);
            let gap = strength[home] - strength[away] + 25;
            let (home_score, away_score) = (goals(&mut dice, gap), goals(&mut dice, -gap));
            let _ = writeln!(text, "{date},{},{},{home_score},{away_score},false", CLUBS[home], CLUBS[away]);
        }
        for value in &mut strength {
            *value = (*value + dice.below(13) - 6).clamp(-150, 150);
        }
    }
    text
}

/// Ten chances, each likelier the stronger the side is.
fn goals(dice: &mut Dice, gap: i64) -> i64 {
    (0..10).filter(|_| dice.below(1000) < (135 + gap * 6 / 10).clamp(30, 400)).count() as i64
}

/// A 64-bit linear congruential generator (Knuth, MMIX); good enough for sample data.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as i64) % limit.max(1)
    }
}
