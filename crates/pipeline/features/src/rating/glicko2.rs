//! Glicko-2: Mark E. Glickman, "Example of the Glicko-2 system" (2022), steps 1 to 8.
//!
//! Only IEEE-754 addition, multiplication, division and square root, and `libm`'s exp and log, in a
//! fixed order: the same bits everywhere.

use super::{Outcome, Rating};
use libm::{exp, log, sqrt};
use std::f64::consts::PI;

/// The factor between the published scale and the internal one.
const SCALE: f64 = 173.7178;
const START: f64 = 1500.0;
/// The deviation of an unknown player.
const MAX_DEVIATION: f64 = 350.0 / SCALE;
/// Where the search for the new volatility ends.
const EPSILON: f64 = 0.000_001;
/// The search halves its interval, so it ends long before; the bound is for foreign settings.
const MAX_STEPS: usize = 200;

/// A player without games.
pub(super) fn new_player(volatility: f64) -> Rating {
    Rating { mean: 0.0, deviation: MAX_DEVIATION, volatility }
}

/// The rating on the published scale (a new player has 1500).
pub(super) fn published(rating: &Rating) -> f64 {
    rating.mean * SCALE + START
}

/// The deviation on the published scale (a new player has 350).
pub(super) fn deviation(rating: &Rating) -> f64 {
    rating.deviation * SCALE
}

/// After `periods` without a game the deviation has grown (step 6 alone).
pub(super) fn idle(rating: &Rating, periods: u32) -> Rating {
    let sigma = rating.volatility;
    let phi = sqrt(rating.deviation * rating.deviation + f64::from(periods) * sigma * sigma);
    Rating { deviation: if phi < MAX_DEVIATION { phi } else { MAX_DEVIATION }, ..*rating }
}

/// The rating after one period with `games`.
pub(super) fn rate(player: &Rating, games: &[Outcome], tau: f64) -> Rating {
    if games.is_empty() {
        return idle(player, 1);
    }
    let (mut information, mut surprise) = (0.0, 0.0);
    for game in games {
        let phi = game.opponent.deviation;
        let g = 1.0 / sqrt(1.0 + 3.0 * phi * phi / (PI * PI));
        let expected = 1.0 / (1.0 + exp(-g * (player.mean - game.opponent.mean)));
        information += g * g * expected * (1.0 - expected);
        surprise += g * (game.score - expected);
    }
    let variance = 1.0 / information;
    let delta = variance * surprise;
    let volatility = new_volatility(player, delta, variance, tau);
    let before = player.deviation * player.deviation + volatility * volatility;
    let deviation = 1.0 / sqrt(1.0 / before + 1.0 / variance);
    Rating { mean: player.mean + deviation * deviation * surprise, deviation, volatility }
}

/// Step 5: the Illinois algorithm on f(x).
fn new_volatility(player: &Rating, delta: f64, variance: f64, tau: f64) -> f64 {
    let start = log(player.volatility * player.volatility);
    let squared_phi = player.deviation * player.deviation;
    let f = |x: f64| {
        let power = exp(x);
        let sum = squared_phi + variance + power;
        power * (delta * delta - sum) / (2.0 * sum * sum) - (x - start) / (tau * tau)
    };
    let mut low = start;
    let mut high = if delta * delta > squared_phi + variance {
        log(delta * delta - squared_phi - variance)
    } else {
        let mut steps = 1.0;
        while f(start - steps * tau) < 0.0 && steps < MAX_STEPS as f64 {
            steps += 1.0;
        }
        start - steps * tau
    };
    let (mut at_low, mut at_high) = (f(low), f(high));
    let mut steps = 0;
    while (high - low).abs() > EPSILON && steps < MAX_STEPS {
        let middle = low + (low - high) * at_low / (at_high - at_low);
        let at_middle = f(middle);
        if at_middle * at_high <= 0.0 {
            (low, at_low) = (high, at_high);
        } else {
            at_low /= 2.0;
        }
        (high, at_high) = (middle, at_middle);
        steps += 1;
    }
    exp(low / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the published scale.
    fn at(rating: f64, deviation: f64) -> Rating {
        Rating { mean: (rating - START) / SCALE, deviation: deviation / SCALE, volatility: 0.06 }
    }

    /// The worked example of the paper.
    #[test]
    fn papers_example() {
        let game = |rating, deviation, score| Outcome { opponent: at(rating, deviation), score };
        let games = [game(1400.0, 30.0, 1.0), game(1550.0, 100.0, 0.0), game(1700.0, 300.0, 0.0)];
        let after = rate(&at(1500.0, 200.0), &games, 0.5);
        assert!((published(&after) - 1464.06).abs() < 0.01, "{}", published(&after));
        assert!((deviation(&after) - 151.52).abs() < 0.01, "{}", deviation(&after));
        assert!((after.volatility - 0.05999).abs() < 0.00001, "{}", after.volatility);
    }

    #[test]
    fn deviation_never_exceeds_that_of_a_new_player() {
        assert_eq!(deviation(&idle(&new_player(0.06), 1_000_000)), 350.0);
    }
}
