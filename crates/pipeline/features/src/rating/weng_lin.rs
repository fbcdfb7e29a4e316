//! Weng-Lin: R. C. Weng, C.-J. Lin, "A Bayesian Approximation Method for Online Ranking", Journal of
//! Machine Learning Research 12 (2011), algorithm 1 (Bradley-Terry, full pair), with the paper's
//! gamma, sigma / c.
//!
//! The opponents of a period stand where the algorithm has the other teams of one game. A deviation
//! grows by tau before each period, as in openskill, but not beyond that of a new player.

use super::{Outcome, Rating};
use libm::{exp, sqrt};

const START: f64 = 25.0;
/// The deviation of a new player.
const MAX_DEVIATION: f64 = 25.0 / 3.0;
/// What at least remains of a variance after a period (kappa in the paper).
const LEAST_LEFT: f64 = 0.0001;

/// A player without games.
pub(super) fn new_player() -> Rating {
    Rating { mean: START, deviation: MAX_DEVIATION, volatility: 0.0 }
}

/// After `periods` without a game the deviation has grown.
pub(super) fn idle(rating: &Rating, periods: u32, tau: f64) -> Rating {
    let deviation = sqrt(rating.deviation * rating.deviation + f64::from(periods) * tau * tau);
    Rating { deviation: if deviation < MAX_DEVIATION { deviation } else { MAX_DEVIATION }, ..*rating }
}

/// The rating after one period.
pub(super) fn rate(player: &Rating, games: &[Outcome], beta: f64, tau: f64) -> Rating {
    let player = idle(player, 1, tau);
    let variance = player.deviation * player.deviation;
    let (mut shift, mut shrink) = (0.0, 0.0);
    for game in games {
        let opponent = idle(&game.opponent, 1, tau);
        let c = sqrt(variance + opponent.deviation * opponent.deviation + 2.0 * beta * beta);
        let expected = 1.0 / (1.0 + exp((opponent.mean - player.mean) / c));
        let gamma = player.deviation / c;
        shift += variance / c * (game.score - expected);
        shrink += gamma * (variance / c / c) * expected * (1.0 - expected);
    }
    let left = if 1.0 - shrink > LEAST_LEFT { 1.0 - shrink } else { LEAST_LEFT };
    Rating { mean: player.mean + shift, deviation: player.deviation * sqrt(left), ..player }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BETA: f64 = 25.0 / 6.0;
    const TAU: f64 = 25.0 / 300.0;

    fn at(mean: f64, deviation: f64) -> Rating {
        Rating { mean, deviation, volatility: 0.0 }
    }

    fn assert_near(rating: Rating, mean: f64, deviation: f64) {
        assert!((rating.mean - mean).abs() < 1e-12, "{rating:?}");
        assert!((rating.deviation - deviation).abs() < 1e-12, "{rating:?}");
    }

    fn game(opponent: Rating, score: f64) -> Outcome {
        Outcome { opponent, score }
    }

    /// Expected numbers: openskill 6.2.0 for Python, `BradleyTerryFull(beta=25/6, tau=tau).rate`.
    #[test]
    fn one_game_is_as_in_openskill() {
        let new = new_player();
        assert_near(rate(&new, &[game(new, 1.0)], BETA, 0.0), 27.63523138347365, 8.065506316323548);
        assert_near(rate(&new, &[game(new, 0.0)], BETA, 0.0), 22.36476861652635, 8.065506316323548);
        let (one, other) = (at(27.5, 4.0), at(31.0, 6.5));
        assert_near(rate(&one, &[game(other, 1.0)], BETA, TAU), 28.478976733895525, 3.9661493339950837);
        assert_near(rate(&other, &[game(one, 0.0)], BETA, TAU), 28.415586366267124, 6.254987400648762);
        assert_near(rate(&one, &[game(other, 0.5)], BETA, TAU), 27.64899334706596, 3.9661493339950837);
        assert_near(rate(&other, &[game(one, 0.5)], BETA, TAU), 30.606670491585092, 6.254987400648762);
        let (one, other) = (at(20.0, 3.0), at(40.0, 2.0));
        assert_near(rate(&one, &[game(other, 1.0)], BETA, TAU), 21.235298868171498, 2.9950425210013516);
        assert_near(rate(&other, &[game(one, 0.0)], BETA, TAU), 39.450449154252155, 2.0005260618118244);
    }

    /// The same source, for a game of three: who comes second has lost to one and won against the
    /// other, who comes first has won twice, who comes last has lost twice.
    #[test]
    fn several_games_are_as_in_openskill() {
        let (first, second, third) = (at(29.0, 5.0), at(24.0, 3.5), at(26.0, 7.0));
        let second_after = rate(&second, &[game(first, 0.0), game(third, 1.0)], BETA, TAU);
        assert_near(second_after, 24.173721734263495, 3.452671183773968);
        let first_after = rate(&first, &[game(second, 1.0), game(third, 1.0)], BETA, TAU);
        assert_near(first_after, 31.079367761881127, 4.812120340870648);
        let third_after = rate(&third, &[game(first, 0.0), game(second, 0.0)], BETA, TAU);
        assert_near(third_after, 21.23040187147968, 6.399391622880754);
    }

    #[test]
    fn some_variance_always_remains() {
        let new = new_player();
        let after = rate(&new, &[game(new, 1.0); 100], BETA, TAU);
        assert!((after.deviation - MAX_DEVIATION / 100.0).abs() < 1e-12, "{after:?}");
    }
}
