//! How good is a model on events that it has not seen, beside honest baselines?

use std::collections::BTreeMap;

use enliven_types::{FeatureSchema, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ordinal::{chances, fit};
use crate::{Model, ModelError, PairRow};

/// How good a set of forecasts was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Who made the forecasts.
    pub name: String,
    /// The mean of -ln(chance given to what happened); less is better.
    pub log_loss: f64,
    /// The mean squared error over the three chances (Brier, 1950); less is better.
    pub brier: f64,
    /// How often the likeliest result happened.
    pub accuracy: f64,
}

/// Of the events whose win was given about this chance, how many were won.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The lower end of the bin, in percent.
    pub from_percent: u32,
    /// How many events fell into it.
    pub events: u64,
    /// The mean of the chances given.
    pub forecast: f64,
    /// The share of wins.
    pub observed: f64,
}

/// A model and the baselines on held-back events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The first held-back event.
    pub from: Timestamp,
    /// The last held-back event.
    pub to: Timestamp,
    /// How many events were held back.
    pub events: u64,
    /// How many events the baselines were fitted on, the same as the model.
    pub fitted_on: u64,
    /// The model first, then class frequencies, Elo and Glicko-2.
    pub qualities: Vec<Quality>,
    /// The model's calibration of wins, in ten bins.
    pub calibration: Vec<Calibration>,
}

/// Evaluates `model` on the rows from `until` on; the baselines are fitted on those from `from` to
/// `until`. Rows are in the order of time; `rating` is the feature with a Glicko-2 rating.
pub fn evaluate(
    model: &Model,
    rows: &[PairRow],
    schema: &FeatureSchema,
    from: Timestamp,
    until: Timestamp,
    rating: &str,
) -> Result<Evaluation, ModelError> {
    let known: Vec<usize> = (0..rows.len()).filter(|row| (from..until).contains(&rows[*row].time)).collect();
    let held: Vec<usize> = (0..rows.len()).filter(|row| rows[*row].time >= until).collect();
    for (what, found) in [("before the cut-off", known.len()), ("held back", held.len())] {
        if found < 100 {
            return Err(ModelError::TooFewRows { what, needed: 100, found });
        }
    }
    let results: Vec<usize> = rows.iter().map(PairRow::result).collect();
    let model_forecasts: Vec<[f64; 3]> = held
        .iter()
        .map(|row| {
            let inputs = model.row(&rows[*row].own, &rows[*row].opponent, &rows[*row].context);
            let chances = model.link().chances(&model.margins(&inputs), model.scale());
            std::array::from_fn(|place| chances.get(place).map_or(0.0, |chance| *chance as f64 / 1e9))
        })
        .collect();
    let mut frequencies = [0.0; 3];
    for row in &known {
        frequencies[results[*row]] += 1.0 / known.len() as f64;
    }
    let neutral = |row: &PairRow| row.context.first().copied().unwrap_or(0) as f64;
    let elo = elo(rows);
    let mut baselines = vec![("class frequencies", vec![frequencies; held.len()])];
    let covariates: Vec<Vec<f64>> = rows.iter().zip(&elo).map(|(row, gap)| vec![*gap, neutral(row)]).collect();
    baselines.push(("Elo", fitted(&covariates, &results, &known, &held)));
    if let Some(place) = schema.position(rating) {
        let gap = |row: &PairRow| (row.own.0[place] - row.opponent.0[place]) as f64 / 40_000.0;
        let covariates: Vec<Vec<f64>> = rows.iter().map(|row| vec![gap(row), neutral(row)]).collect();
        baselines.push(("Glicko-2", fitted(&covariates, &results, &known, &held)));
    }
    let truth: Vec<usize> = held.iter().map(|row| results[*row]).collect();
    let mut qualities = vec![quality("model", &model_forecasts, &truth)];
    for (name, forecasts) in &baselines {
        qualities.push(quality(name, forecasts, &truth));
    }
    Ok(Evaluation {
        from: rows[held[0]].time,
        to: rows[held[held.len() - 1]].time,
        events: held.len() as u64,
        fitted_on: known.len() as u64,
        qualities,
        calibration: calibration(&model_forecasts, &truth),
    })
}

/// An ordered logit on `covariates`, fitted on the known rows, asked on the held-back ones.
fn fitted(covariates: &[Vec<f64>], results: &[usize], known: &[usize], held: &[usize]) -> Vec<[f64; 3]> {
    let rows: Vec<Vec<f64>> = known.iter().map(|row| covariates[*row].clone()).collect();
    let truth: Vec<usize> = known.iter().map(|row| results[*row]).collect();
    let theta = fit(&rows, &truth);
    let forecast = |row: &usize| {
        let values = &covariates[*row];
        let mut shift = 0.0;
        for (slope, value) in theta.iter().zip(values) {
            shift += slope * value;
        }
        chances(theta[values.len()] - shift, theta[values.len() + 1] - shift)
    };
    held.iter().map(forecast).collect()
}

/// The rating gap before each event, in units of 400 points, as eloratings.net computes it for
/// football: 100 points for the home side, K = 30, a factor for the margin.
fn elo(rows: &[PairRow]) -> Vec<f64> {
    let mut ratings: BTreeMap<&str, f64> = BTreeMap::new();
    let mut gaps = Vec::with_capacity(rows.len());
    for row in rows {
        let (own, opponent) = (row.name.as_str(), row.opponent_name.as_str());
        let read = |name: &str| ratings.get(name).copied().unwrap_or(1500.0);
        let home = if row.context.first() == Some(&1) { 0.0 } else { 100.0 };
        let gap = read(own) - read(opponent) + home;
        gaps.push(gap / 400.0);
        let expected = 1.0 / (1.0 + libm::pow(10.0, -gap / 400.0));
        let size = row.margin.abs() as f64;
        let factor = if size <= 1.0 {
            1.0
        } else if size == 2.0 {
            1.5
        } else {
            (11.0 + size) / 8.0
        };
        let change = 30.0 * factor * (row.result() as f64 / 2.0 - expected);
        let (own_after, opponent_after) = (read(own) + change, read(opponent) - change);
        ratings.insert(own, own_after);
        ratings.insert(opponent, opponent_after);
    }
    gaps
}

fn quality(name: &str, forecasts: &[[f64; 3]], truth: &[usize]) -> Quality {
    let (mut log_loss, mut brier, mut hits) = (0.0, 0.0, 0.0);
    for (forecast, result) in forecasts.iter().zip(truth) {
        log_loss -= libm::log(forecast[*result].max(1e-15));
        for (place, chance) in forecast.iter().enumerate() {
            let happened = if place == *result { 1.0 } else { 0.0 };
            brier += (chance - happened) * (chance - happened);
        }
        let likeliest = (0..3).max_by(|a, b| forecast[*a].total_cmp(&forecast[*b])).unwrap_or(0);
        hits += if likeliest == *result { 1.0 } else { 0.0 };
    }
    let count = forecasts.len() as f64;
    Quality { name: name.to_string(), log_loss: log_loss / count, brier: brier / count, accuracy: hits / count }
}

fn calibration(forecasts: &[[f64; 3]], truth: &[usize]) -> Vec<Calibration> {
    let mut bins = vec![(0u64, 0.0, 0.0); 10];
    for (forecast, result) in forecasts.iter().zip(truth) {
        let bin = &mut bins[((forecast[2] * 10.0) as usize).min(9)];
        bin.0 += 1;
        bin.1 += forecast[2];
        bin.2 += if *result == 2 { 1.0 } else { 0.0 };
    }
    let mut found = Vec::new();
    for (number, (events, forecast, observed)) in bins.into_iter().enumerate() {
        let count = events.max(1) as f64;
        let (forecast, observed) = (forecast / count, observed / count);
        found.push(Calibration { from_percent: number as u32 * 10, events, forecast, observed });
    }
    found
}
