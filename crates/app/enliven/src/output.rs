//! stdout is the result, one JSON document with `--json`; everything else goes to stderr.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::error::CliError;

/// A text from elsewhere without what steers a terminal; lines stay lines.
pub fn plain(text: &str) -> String {
    text.chars().map(|sign| if sign.is_control() && sign != '\n' { '\u{fffd}' } else { sign }).collect()
}

/// How results and progress are shown.
pub struct Output {
    json: bool,
}

impl Output {
    /// For people, or as JSON.
    pub fn new(json: bool) -> Output {
        Output { json }
    }

    /// The result: as JSON, or as text.
    pub fn result<T: Serialize>(&self, value: &T, text: &str) {
        let shown = if self.json {
            serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
        } else {
            plain(text.trim_end())
        };
        // A closed pipe is the reader's wish, not a failure.
        let _ = writeln!(std::io::stdout(), "{shown}");
    }

    /// A line for people, on stderr.
    pub fn note(&self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// A failure, on stderr; with `--json` also as a document on stdout.
    pub fn error(&self, error: &CliError) {
        let text = plain(&error.to_string());
        let shown = if text.starts_with("error") { text.clone() } else { format!("error: {text}") };
        let _ = writeln!(std::io::stderr(), "{shown}");
        if self.json {
            let (reason, hint) = match text.split_once("\nhint: ") {
                Some((reason, hint)) => (reason, Some(hint)),
                None => (text.as_str(), None),
            };
            let reason = reason.strip_prefix("error: ").unwrap_or(reason);
            let document = serde_json::json!({ "error": reason, "hint": hint });
            let _ = writeln!(std::io::stdout(), "{document}");
        }
    }

    /// A progress bar; on anything but a terminal a line every ten seconds.
    pub fn progress(&self, label: &str, length: u64) -> Progress {
        let bar = ProgressBar::new(length);
        let terminal = std::io::stderr().is_terminal();
        bar.set_draw_target(if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() });
        let style = ProgressStyle::with_template("{prefix:>10} {bar:30} {pos}/{len} {msg}  {elapsed} (left {eta})");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_prefix(label.to_string());
        Progress { bar, terminal, label: label.to_string(), told: Duration::ZERO }
    }
}

/// The progress of one long job.
pub struct Progress {
    bar: ProgressBar,
    terminal: bool,
    label: String,
    told: Duration,
}

impl Progress {
    /// Tells how far the job is.
    pub fn tell(&mut self, position: u64, length: u64, message: &str) {
        self.bar.set_length(length);
        self.bar.set_position(position);
        self.bar.set_message(message.to_string());
        let elapsed = self.bar.elapsed();
        if !self.terminal && elapsed >= self.told + Duration::from_secs(10) {
            self.told = elapsed;
            let _ = writeln!(std::io::stderr(), "{:>10} {position}/{length} {message}", self.label);
        }
    }

    /// Ends it, with one line that stays.
    pub fn done(self, message: &str) {
        let elapsed = self.bar.elapsed();
        self.bar.finish_and_clear();
        let _ = writeln!(std::io::stderr(), "{:>10} {message} ({:.1} s)", self.label, elapsed.as_secs_f64());
    }
}
