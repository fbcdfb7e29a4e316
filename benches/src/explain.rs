//! Attributions of the trees of `./bench models`, by us and by others on one core each. They must be
//! those of XGBoost's `pred_contribs` within the error of its 32-bit floats.

use enliven_models::Model;

use crate::Row;
use crate::models::{best, in_turn, numbers, power, world};

/// Rows at 1x.
const ROWS: usize = 1_000;
/// The largest difference of an attribution: XGBoost adds those of thousands of leaves in 32-bit floats.
const TOLERANCE: f64 = 2e-5;

/// Rows a second, at least twice the best peer's.
pub fn explain() -> Vec<Row> {
    let world = world();
    let width = world.width;
    let [main, more] = ["main", "many"].map(|name| {
        let model = world.model(name);
        let wanted = numbers(&world.folder.join(format!("{name}.contribs.f64")), f64::from_le_bytes);
        let found = model.attributions(&world.rows[..ROWS * width], 0);
        let unit = power(model.scale());
        let mut apart = (model.base(0) as f64 / unit - wanted[width]).abs();
        for (found, wanted) in found.chunks_exact(width).zip(wanted.chunks_exact(width + 1)) {
            for (part, wanted) in found.iter().zip(wanted) {
                apart = apart.max((*part as f64 / unit - wanted).abs());
            }
        }
        assert!(apart <= TOLERANCE, "{name}: attributions are {apart:.1e} apart");
        eprintln!("bench: {name}: attributions are at most {apart:.1e} from XGBoost's");
        model
    });
    let batches = [1, 10, 100].map(|times| world.many(times * ROWS));
    let (rates, one, found) = in_turn("explain", 1, || {
        let rate = |model: &Model, rows: &Vec<i64>, runs| {
            (rows.len() / width) as f64 / best(runs, || model.attributions(rows, 0))
        };
        let mut rates: Vec<f64> = batches.iter().map(|rows| rate(&main, rows, 3)).collect();
        rates.push(rate(&more, &batches[0], 3));
        let few = &batches[0][..100 * width];
        let one = best(5, || few.chunks_exact(width).map(|row| main.attributions(row, 0)[0]).sum::<i64>());
        (rates, one * 1e4)
    });
    for (name, note) in found["notes"].as_object().into_iter().flatten() {
        eprintln!("bench: {name} could not be measured: {note}");
    }
    for (name, apart) in found["apart"].as_object().into_iter().flatten() {
        eprintln!("bench: {name}: attributions are at most {:.1e} from XGBoost's", apart.as_f64().unwrap_or(f64::NAN));
    }
    let peers = |list: &str| -> Vec<(String, f64)> {
        let all = found[list].as_object().into_iter().flatten();
        all.map(|(name, value)| (name.clone(), value.as_f64().unwrap_or(f64::NAN))).collect()
    };
    let mut rows = Vec::new();
    let of = |name: &str| found["batch"][name].as_f64().unwrap_or(f64::NAN);
    let mut same: Vec<(String, f64)> = peers("batch");
    same.retain(|(name, _)| !name.ends_with('x') && !name.ends_with("many"));
    same.sort_by(|a, b| b.1.total_cmp(&a.1));
    // The best of 1,000 rows, then everyone.
    for (place, (name, rate)) in same.iter().enumerate() {
        let id = if place == 0 { "explain.batch.1x.best" } else { "explain.batch.1x" };
        rows.push(Row::at_least(id, "/s", rates[0], *rate, name, 2.0));
    }
    let (best_name, best_rate) = &same[0];
    for (place, times) in [(1, "10x"), (2, "100x")] {
        // Woodelf gains with the number of rows; the others do not.
        let (name, rate) = match found["batch"][format!("Woodelf {times}")].as_f64() {
            Some(rate) if rate > *best_rate => ("Woodelf", rate),
            _ => (best_name.as_str(), *best_rate),
        };
        rows.push(Row::at_least(&format!("explain.batch.{times}"), "/s", rates[place], rate, name, 2.0));
    }
    rows.push(Row::at_least("explain.batch.1000_trees", "/s", rates[3], of("XGBoost many"), "XGBoost", 1.0));
    let mut single = peers("single");
    single.sort_by(|a, b| a.1.total_cmp(&b.1));
    for (name, time) in &single {
        rows.push(Row::at_most("explain.one", "us", one, *time, name, 1.0));
    }
    rows
}
