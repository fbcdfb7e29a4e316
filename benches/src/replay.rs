//! The main job: how long, how much memory, where the time goes, and how it grows.

use crate::Row;
use crate::world::run;

/// The replay from 1990, against its budgets, and the share of each stage.
pub fn replay() -> Vec<Row> {
    let found = run(1, "1990-01-01", u64::MAX, 4);
    let total_s = found.ingest_s + found.replay_s;
    let mut rows = vec![
        Row::at_most("replay.time", "s", total_s, 60.0, "budget", 1.0),
        Row::at_most("replay.memory", "MiB", found.peak_mib, 500.0, "budget", 1.0),
    ];
    let spent: f64 = found.summary.timings.by_stage().map(|(_, time)| time.as_secs_f64()).sum();
    for (stage, time) in found.summary.timings.by_stage() {
        let id = format!("replay.stage.{}", format!("{stage:?}").to_lowercase());
        // A stage above half of the whole is where to work next.
        rows.push(Row::at_most(&id, "s", time.as_secs_f64(), spent, "all stages, over all threads", 0.5));
    }
    rows
}

/// Two epochs of 2026 (the first mints every token) with 1, 10 and 100 copies of all teams and
/// matches, on one node: four replicas of the largest would not fit the memory. Perfect growth costs
/// the same per token and event at every size.
pub fn growth() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut base = None;
    for multiple in [1, 10, 100] {
        let found = run(multiple, "2026-06-01", 2, 1);
        let events = found.events as f64;
        let per_event = found.ingest_s * 1e6 / events;
        let per_token = found.replay_s * 1e3 / found.summary.tokens as f64;
        let (event_base, token_base) = *base.get_or_insert((per_event, per_token));
        rows.push(Row::at_most(&format!("growth.ingest.{multiple}x"), "us/event", per_event, event_base, "1x", 2.0));
        rows.push(Row::at_most(&format!("growth.replay.{multiple}x"), "ms/token", per_token, token_base, "1x", 2.0));
    }
    rows
}
