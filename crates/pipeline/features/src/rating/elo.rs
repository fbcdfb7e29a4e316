//! Elo: Arpad E. Elo, "The Rating of Chessplayers, Past and Present" (1978), with the logistic
//! expectation that federations use today.

use super::{Outcome, Rating};
use libm::pow;

const START: f64 = 1500.0;

/// A player without games.
pub(super) fn new_player() -> Rating {
    Rating { mean: START, deviation: 0.0, volatility: 0.0 }
}

/// The rating after one period: `k` points for each point scored above expectation.
pub(super) fn rate(player: &Rating, games: &[Outcome], k: f64, scale: f64) -> Rating {
    let mut surprise = 0.0;
    for game in games {
        let expected = 1.0 / (1.0 + pow(10.0, (game.opponent.mean - player.mean) / scale));
        surprise += game.score - expected;
    }
    Rating { mean: player.mean + k * surprise, ..*player }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mean: f64) -> Rating {
        Rating { mean, ..new_player() }
    }

    fn game(opponent: f64, score: f64) -> Outcome {
        Outcome { opponent: at(opponent), score }
    }

    /// By hand: among equals 1/2 is expected; 400 points ahead 10/11; 400 points behind 1/11.
    #[test]
    fn by_hand() {
        let after = |games: &[Outcome]| rate(&at(1500.0), games, 22.0, 400.0).mean;
        assert_eq!(after(&[game(1500.0, 1.0)]), 1511.0);
        assert_eq!(after(&[game(1500.0, 0.5)]), 1500.0);
        assert!((after(&[game(1100.0, 1.0)]) - 1502.0).abs() < 1e-9);
        assert!((after(&[game(1900.0, 1.0)]) - 1520.0).abs() < 1e-9);
        assert!((after(&[game(1900.0, 0.0)]) - 1498.0).abs() < 1e-9);
        assert!((after(&[game(1900.0, 0.5), game(1500.0, 1.0), game(1100.0, 0.0)]) - 1500.0).abs() < 1e-9);
    }

    /// What one wins the other loses.
    #[test]
    fn points_are_kept() {
        let (one, other) = (at(1620.0), at(1487.0));
        let one_after = rate(&one, &[Outcome { opponent: other, score: 0.0 }], 20.0, 400.0);
        let other_after = rate(&other, &[Outcome { opponent: one, score: 1.0 }], 20.0, 400.0);
        assert!((one_after.mean + other_after.mean - 1620.0 - 1487.0).abs() < 1e-9);
    }
}
