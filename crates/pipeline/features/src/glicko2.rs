//! Glicko-2: Mark E. Glickman, "Example of the Glicko-2 system" (2022), steps 1 to 8.
//!
//! Only IEEE-754 addition, multiplication, division and square root, and `libm`'s exp and log, in a
//! fixed order: the same bits everywhere.

use libm::{exp, log, sqrt};

/// The factor between the published scale and the internal one.
const SCALE: f64 = 173.7178;
const START: f64 = 1500.0;
/// The deviation of an unknown player.
const MAX_DEVIATION: f64 = 350.0 / SCALE;
/// Where the search for the new volatility ends.
const EPSILON: f64 = 0.000_001;
/// The search halves its interval, so it ends long before; the bound is for foreign settings.
const MAX_STEPS: usize = 200;

/// A rating on the internal scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rating {
    mu: f64,
    phi: f64,
    sigma: f64,
}

/// One game: the opponent's rating before the period, and 1 for a win, 0.5 for a draw, 0 for a loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// The opponent.
    pub opponent: Rating,
    /// The score.
    pub score: f64,
}

impl Rating {
    /// A new player.
    pub fn new(volatility: f64) -> Rating {
        Rating { mu: 0.0, phi: MAX_DEVIATION, sigma: volatility }
    }

    /// From the published scale.
    pub fn from_published(rating: f64, deviation: f64, volatility: f64) -> Rating {
        Rating { mu: (rating - START) / SCALE, phi: deviation / SCALE, sigma: volatility }
    }

    /// The rating on the published scale (a new player has 1500).
    pub fn rating(&self) -> f64 {
        self.mu * SCALE + START
    }

    /// The deviation on the published scale (a new player has 350).
    pub fn deviation(&self) -> f64 {
        self.phi * SCALE
    }

    /// The volatility.
    pub fn volatility(&self) -> f64 {
        self.sigma
    }

    /// After `periods` without a game the deviation has grown (step 6 alone).
    pub fn idle(&self, periods: u32) -> Rating {
        let phi = sqrt(self.phi * self.phi + f64::from(periods) * self.sigma * self.sigma);
        Rating { phi: if phi < MAX_DEVIATION { phi } else { MAX_DEVIATION }, ..*self }
    }
}

/// The rating after one period with `games`.
pub fn rate(player: &Rating, games: &[Outcome], tau: f64) -> Rating {
    if games.is_empty() {
        return player.idle(1);
    }
    let (mut information, mut surprise) = (0.0, 0.0);
    for game in games {
        let g = 1.0
            / sqrt(1.0 + 3.0 * game.opponent.phi * game.opponent.phi / (std::f64::consts::PI * std::f64::consts::PI));
        let expected = 1.0 / (1.0 + exp(-g * (player.mu - game.opponent.mu)));
        information += g * g * expected * (1.0 - expected);
        surprise += g * (game.score - expected);
    }
    let variance = 1.0 / information;
    let delta = variance * surprise;
    let sigma = new_volatility(player, delta, variance, tau);
    let before = player.phi * player.phi + sigma * sigma;
    let phi = 1.0 / sqrt(1.0 / before + 1.0 / variance);
    Rating { mu: player.mu + phi * phi * surprise, phi, sigma }
}

/// Step 5: the Illinois algorithm on f(x).
fn new_volatility(player: &Rating, delta: f64, variance: f64, tau: f64) -> f64 {
    let start = log(player.sigma * player.sigma);
    let squared_phi = player.phi * player.phi;
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

    /// The worked example of the paper.
    #[test]
    fn papers_example() {
        let player = Rating::from_published(1500.0, 200.0, 0.06);
        let game =
            |rating, deviation, score| Outcome { opponent: Rating::from_published(rating, deviation, 0.06), score };
        let after = rate(&player, &[game(1400.0, 30.0, 1.0), game(1550.0, 100.0, 0.0), game(1700.0, 300.0, 0.0)], 0.5);
        assert!((after.rating() - 1464.06).abs() < 0.01, "{}", after.rating());
        assert!((after.deviation() - 151.52).abs() < 0.01, "{}", after.deviation());
        assert!((after.volatility() - 0.05999).abs() < 0.00001, "{}", after.volatility());
    }

    #[test]
    fn deviation_never_exceeds_that_of_a_new_player() {
        assert_eq!(Rating::new(0.06).idle(1_000_000).deviation(), 350.0);
    }
}
