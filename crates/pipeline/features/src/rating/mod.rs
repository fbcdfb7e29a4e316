//! Strength of players from the games between them, in one of three systems.
//!
//! All three work by rating periods: the games of one period are rated together, against the
//! ratings from before it. Only IEEE-754 basic operations and `libm`'s square root, exp, log and
//! pow are used, in a fixed order: the same bits everywhere. The games of a period enter sums in the
//! order given; another order may change the last bits, and nothing else.

mod elo;
mod glicko2;
mod weng_lin;

/// How ratings follow from games.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum System {
    /// Glicko-2: Mark E. Glickman, "Example of the Glicko-2 system" (2022). A new player has 1500
    /// and a deviation of 350.
    Glicko2 {
        /// How freely volatility changes; the paper suggests 0.3 to 1.2.
        tau: f64,
        /// The volatility of a new player; the paper suggests 0.06.
        volatility: f64,
    },
    /// Elo: Arpad E. Elo, "The Rating of Chessplayers, Past and Present" (1978), with the logistic
    /// expectation. A new player has 1500; there is no deviation.
    Elo {
        /// The points a game is played for, such as 20.
        k: f64,
        /// The lead in points at which ten points are won for each one lost, usually 400.
        scale: f64,
    },
    /// Weng-Lin: R. C. Weng, C.-J. Lin, "A Bayesian Approximation Method for Online Ranking" (2011),
    /// algorithm 1 (Bradley-Terry, full pair). A new player has 25 and a deviation of 25/3.
    ///
    /// The algorithm adds up the games of a period without looking at how certain the sum has
    /// become: with a new player's deviation, more than some 15 games in one period make it far too
    /// sure of itself. Choose periods of few games a player.
    WengLin {
        /// How far chance spreads a player's performance, usually 25/6.
        beta: f64,
        /// How much a deviation grows from one period to the next, usually 25/300.
        tau: f64,
    },
}

/// A player's rating. What its numbers mean is up to the [`System`] that made it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rating {
    /// Glicko-2: mu, on the internal scale. Elo: the rating. Weng-Lin: mu.
    mean: f64,
    /// Glicko-2: phi, on the internal scale. Elo: zero. Weng-Lin: sigma.
    deviation: f64,
    /// Glicko-2: sigma. Elo and Weng-Lin: zero.
    volatility: f64,
}

/// One game: the opponent's rating before the period, and 1 for a win, 0.5 for a draw, 0 for a loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// The opponent.
    pub opponent: Rating,
    /// The score.
    pub score: f64,
}

impl System {
    /// The rating of a player without games.
    pub fn new_player(&self) -> Rating {
        match *self {
            System::Glicko2 { volatility, .. } => glicko2::new_player(volatility),
            System::Elo { .. } => elo::new_player(),
            System::WengLin { .. } => weng_lin::new_player(),
        }
    }

    /// The rating after `periods` without a game: as before, but less certain, though no less than
    /// that of a new player.
    pub fn idle(&self, rating: &Rating, periods: u32) -> Rating {
        if periods == 0 {
            return *rating;
        }
        match *self {
            System::Glicko2 { .. } => glicko2::idle(rating, periods),
            System::Elo { .. } => *rating,
            System::WengLin { tau, .. } => weng_lin::idle(rating, periods, tau),
        }
    }

    /// The rating after one period with `games`; without any it is that after an idle period.
    pub fn rate(&self, player: &Rating, games: &[Outcome]) -> Rating {
        if games.is_empty() {
            return self.idle(player, 1);
        }
        match *self {
            System::Glicko2 { tau, .. } => glicko2::rate(player, games, tau),
            System::Elo { k, scale } => elo::rate(player, games, k, scale),
            System::WengLin { beta, tau } => weng_lin::rate(player, games, beta, tau),
        }
    }

    /// The rating in the unit it is published in: points (Glicko-2, Elo), or the mean (Weng-Lin).
    pub fn published(&self, rating: &Rating) -> f64 {
        match self {
            System::Glicko2 { .. } => glicko2::published(rating),
            System::Elo { .. } | System::WengLin { .. } => rating.mean,
        }
    }

    /// The standard deviation of the rating in the same unit; zero for Elo.
    pub fn deviation(&self, rating: &Rating) -> f64 {
        match self {
            System::Glicko2 { .. } => glicko2::deviation(rating),
            System::Elo { .. } | System::WengLin { .. } => rating.deviation,
        }
    }
}

impl Rating {
    /// The bits of the three numbers, for keeping. What is not a number has bits that differ between
    /// machines, so it is given the same ones everywhere.
    pub fn to_words(&self) -> [u64; 3] {
        [self.mean, self.deviation, self.volatility]
            .map(|number| if number.is_nan() { f64::NAN.to_bits() } else { number.to_bits() })
    }

    /// The rating [`Self::to_words`] was called on.
    pub fn from_words(words: [u64; 3]) -> Rating {
        let [mean, deviation, volatility] = words.map(f64::from_bits);
        Rating { mean, deviation, volatility }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SYSTEMS: [System; 3] = [
        System::Glicko2 { tau: 0.5, volatility: 0.06 },
        System::Elo { k: 20.0, scale: 400.0 },
        System::WengLin { beta: 25.0 / 6.0, tau: 25.0 / 300.0 },
    ];

    #[test]
    fn new_players() {
        let start = SYSTEMS.map(|system| {
            let rating = system.new_player();
            (system.published(&rating), system.deviation(&rating))
        });
        assert_eq!(start, [(1500.0, 350.0), (1500.0, 0.0), (25.0, 25.0 / 3.0)]);
    }

    #[test]
    fn idling_changes_certainty_only_and_ends_at_that_of_a_new_player() {
        for system in SYSTEMS {
            let new = system.new_player();
            let rating = system.rate(&new, &[Outcome { opponent: new, score: 1.0 }]);
            assert_eq!(system.idle(&rating, 0), rating);
            assert_eq!(system.rate(&rating, &[]), system.idle(&rating, 1));
            let mut last = system.deviation(&rating);
            for periods in [1, 10, 100, 1_000_000, u32::MAX] {
                let idle = system.idle(&rating, periods);
                assert_eq!(system.published(&idle), system.published(&rating));
                assert!(system.deviation(&idle) >= last);
                last = system.deviation(&idle);
            }
            assert_eq!(last, system.deviation(&new));
        }
    }

    /// The same bits everywhere: these are pinned.
    #[test]
    fn ratings_are_pinned() {
        let words = SYSTEMS.map(|system| {
            let new = system.new_player();
            let winner = system.rate(&new, &[Outcome { opponent: new, score: 1.0 }]);
            let games = [Outcome { opponent: winner, score: 1.0 }, Outcome { opponent: new, score: 0.5 }];
            system.rate(&system.idle(&winner, 3), &games).to_words()
        });
        let expected = [
            [0x3ff6_2311_3261_4552, 0x3ff4_c6b2_8707_de4f, 0x3fae_b812_2fa9_62b5],
            [0x4097_bed9_59b8_4a0a, 0, 0],
            [0x403d_eac4_fb0d_bca3, 0x401e_40e8_0044_38c6, 0],
        ];
        assert_eq!(words, expected, "{words:#x?}");
    }

    #[test]
    fn what_is_not_a_number_is_kept_alike() {
        let with = |number| Rating { mean: number, deviation: -number, volatility: -0.0 };
        assert_eq!(with(f64::NAN).to_words(), with(-f64::NAN).to_words());
        assert_eq!(with(0.0).to_words(), [0, 1 << 63, 1 << 63]);
    }

    proptest! {
        #[test]
        fn words_round_trip(words in any::<[u64; 3]>()) {
            let again = Rating::from_words(words).to_words();
            for (word, kept) in words.into_iter().zip(again) {
                prop_assert!(word == kept || f64::from_bits(word).is_nan());
            }
            prop_assert_eq!(Rating::from_words(again).to_words(), again);
        }

        /// Winning never costs, losing never gains, and the order of games moves only last bits.
        #[test]
        fn games_move_ratings_as_they_should(scores in prop::collection::vec(0u8..=2, 1..8), ahead in 0u8..6) {
            for system in SYSTEMS {
                let new = system.new_player();
                let mut opponent = new;
                for _ in 0..ahead {
                    opponent = system.rate(&opponent, &[Outcome { opponent: new, score: 1.0 }]);
                }
                let mut games = Vec::new();
                for (number, score) in scores.iter().enumerate() {
                    let opponent = if number % 2 == 0 { opponent } else { new };
                    games.push(Outcome { opponent, score: f64::from(*score) / 2.0 });
                }
                let after = system.rate(&new, &games);
                let start = system.published(&new);
                prop_assert!(scores.iter().any(|score| *score < 2) || system.published(&after) > start);
                prop_assert!(scores.iter().any(|score| *score > 0) || system.published(&after) < start);
                prop_assert!(system.deviation(&after) <= system.deviation(&new));
                let backwards: Vec<Outcome> = games.iter().rev().copied().collect();
                let other = system.rate(&new, &backwards);
                prop_assert!((system.published(&after) - system.published(&other)).abs() < 1e-9 * start);
                prop_assert!((system.deviation(&after) - system.deviation(&other)).abs() < 1e-9 * start);
            }
        }
    }
}
