use std::fmt::Write;

use enliven_engine::View;

use crate::cli::Place;
use crate::data::Data;
use crate::error::CliError;
use crate::manifest::Loaded;
use crate::output::Output;

/// A collection as it was left.
pub fn view(place: &Place) -> Result<View, CliError> {
    let plan = Loaded::read(&place.manifest)?.plan()?;
    Ok(Data::existing(&place.folder())?.view(plan))
}

/// Why a token changed.
pub fn explain(
    token: &str,
    place: &Place,
    epoch: Option<u64>,
    otherwise: bool,
    output: &Output,
) -> Result<(), CliError> {
    let view = view(place)?;
    let id = view.find(token)?;
    let explanation = if otherwise { view.explain_otherwise(id, epoch)? } else { view.explain(id, epoch)? };
    let mut text = format!(
        "{} (token {}), change {} in epoch {} ({})\n\n",
        explanation.subject, explanation.token_id, explanation.sequence, explanation.epoch, explanation.at
    );
    for sentence in &explanation.sentences {
        let _ = writeln!(text, "{sentence}");
    }
    if let Some(otherwise) = &explanation.otherwise {
        let _ = writeln!(text, "{otherwise}");
    }
    let _ = writeln!(text, "\nmargin {} = {} (what the model expects of anyone)", explanation.margin, explanation.base);
    for part in &explanation.contributions {
        let now = part.value.as_deref().unwrap_or("");
        let before = part.before.as_ref().map(|before| format!(" (was {before})")).unwrap_or_default();
        let _ = writeln!(text, "  {:>12}  {:<22} {now} {}{before}", part.part, part.feature, part.unit);
    }
    let _ = writeln!(text, "  ({})\nreceipt {}", explanation.method, explanation.receipt);
    output.result(&explanation, &text);
    Ok(())
}

/// The changes of a token.
pub fn history(token: &str, place: &Place, output: &Output) -> Result<(), CliError> {
    let view = view(place)?;
    let history = view.history(view.find(token)?)?;
    let mut text = String::new();
    let names: Vec<&str> = view.plan().manifest.traits.iter().map(|entry| entry.name.as_str()).collect();
    let _ = write!(text, "{:<11} {:>5}", "date", "epoch");
    for name in &names {
        let _ = write!(text, " {name:>9}");
    }
    let _ = writeln!(text);
    for entry in &history {
        let _ = write!(text, "{:<11} {:>5}", &entry.at[..10], entry.epoch);
        for name in &names {
            let value = entry.traits.get(*name).map(ToString::to_string).unwrap_or_default();
            let _ = write!(text, " {value:>9}");
        }
        let _ = writeln!(text);
    }
    output.result(&history, &text);
    Ok(())
}
