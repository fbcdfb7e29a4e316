//! Ratings of entities that meet: one system, its games by rating period, and what came of them.

use std::collections::BTreeMap;

use enliven_types::{Period, Timestamp};

use crate::rating::{Outcome, Rating, System};

/// How ratings come about.
#[derive(Clone, Debug)]
pub(crate) struct LeagueRule {
    pub(crate) system: System,
    pub(crate) period: Period,
}

/// One game, between entities by their number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Game {
    pub(crate) time: i64,
    pub(crate) tie: i64,
    pub(crate) player: u32,
    pub(crate) opponent: u32,
    /// Of the player: 2 for a win, 1 for a draw, 0 for a loss.
    pub(crate) halves: u8,
}

/// Games that can still change, and ratings. Games of periods that no event can reach any more are
/// forgotten; of their ratings the last of each entity stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct League {
    /// By period, each in the order of (time, tie).
    pub(crate) games: BTreeMap<i64, Vec<Game>>,
    /// For each entity, the rating after each period with games, in order.
    pub(crate) ratings: Vec<Vec<(i64, Rating)>>,
    /// Ratings are up to date before this period.
    pub(crate) rated_before: Option<i64>,
}

impl League {
    /// Adds a game; one of a period that is rated already takes back the ratings from there on.
    pub(crate) fn add(&mut self, rule: &LeagueRule, game: Game) {
        let period = rule.period.index(Timestamp(game.time));
        let games = self.games.entry(period).or_default();
        let place = games.partition_point(|other| (other.time, other.tie) <= (game.time, game.tie));
        games.insert(place, game);
        self.take_back(period);
    }

    /// Takes a game out again; false if it is not there.
    pub(crate) fn remove(&mut self, rule: &LeagueRule, time: i64, tie: i64) -> bool {
        let period = rule.period.index(Timestamp(time));
        let Some(games) = self.games.get_mut(&period) else { return false };
        let Some(place) = games.iter().rposition(|game| (game.time, game.tie) == (time, tie)) else { return false };
        games.remove(place);
        if games.is_empty() {
            self.games.remove(&period);
        }
        self.take_back(period);
        true
    }

    fn take_back(&mut self, period: i64) {
        if self.rated_before.is_some_and(|before| period < before) {
            for ratings in &mut self.ratings {
                let keep = ratings.partition_point(|(rated, _)| *rated < period);
                ratings.truncate(keep);
            }
            self.rated_before = Some(period);
        }
    }

    /// Rates the periods that end at or before `time`.
    pub(crate) fn advance(&mut self, rule: &LeagueRule, time: Timestamp) {
        let end = rule.period.index(time);
        let from = self.rated_before.unwrap_or(i64::MIN);
        if end <= from {
            return;
        }
        let periods: Vec<i64> = self.games.range(from..end).map(|(period, _)| *period).collect();
        for period in periods {
            self.rate(rule, period);
        }
        self.rated_before = Some(end);
    }

    /// Forgets the games of rated periods that end at or before `time`.
    pub(crate) fn seal(&mut self, rule: &LeagueRule, time: Timestamp) {
        let end = rule.period.index(time).min(self.rated_before.unwrap_or(i64::MIN));
        while let Some(entry) = self.games.first_entry().filter(|entry| *entry.key() < end) {
            for game in entry.remove() {
                for entity in [game.player, game.opponent] {
                    let Some(ratings) = self.ratings.get_mut(entity as usize) else { continue };
                    let sealed = ratings.partition_point(|(rated, _)| *rated < end);
                    ratings.drain(..sealed.saturating_sub(1));
                }
            }
        }
    }

    fn rate(&mut self, rule: &LeagueRule, period: i64) {
        let Some(games) = self.games.get(&period) else { return };
        let mut played: Vec<(u32, Outcome)> = Vec::with_capacity(2 * games.len());
        for game in games {
            let (player, opponent) = (self.before(rule, game.player, period), self.before(rule, game.opponent, period));
            let score = f64::from(game.halves) / 2.0;
            played.push((game.player, Outcome { opponent, score }));
            played.push((game.opponent, Outcome { opponent: player, score: 1.0 - score }));
        }
        // Stable: the games of one entity stay in their order.
        played.sort_by_key(|(entity, _)| *entity);
        let mut rated = Vec::new();
        for games in played.chunk_by(|left, right| left.0 == right.0) {
            let (entity, _) = games[0];
            let outcomes: Vec<Outcome> = games.iter().map(|(_, outcome)| *outcome).collect();
            rated.push((entity, rule.system.rate(&self.before(rule, entity, period), &outcomes)));
        }
        for (entity, rating) in rated {
            if self.ratings.len() <= entity as usize {
                self.ratings.resize(entity as usize + 1, Vec::new());
            }
            self.ratings[entity as usize].push((period, rating));
        }
    }

    /// The rating at `time`, which [`League::advance`] has been given or passed.
    pub(crate) fn rating(&self, rule: &LeagueRule, entity: Option<u32>, time: Timestamp) -> Rating {
        match entity {
            Some(entity) => self.before(rule, entity, rule.period.index(time)),
            None => rule.system.new_player(),
        }
    }

    /// The rating at the start of `period`: the latest one, aged by idle periods.
    fn before(&self, rule: &LeagueRule, entity: u32, period: i64) -> Rating {
        let latest = self.ratings.get(entity as usize).and_then(|ratings| {
            let count = ratings.partition_point(|(rated, _)| *rated < period);
            ratings[..count].last()
        });
        match latest {
            None => rule.system.new_player(),
            Some((rated, rating)) => {
                match period.saturating_sub(*rated).saturating_sub(1).clamp(0, i64::from(u32::MAX)) {
                    0 => *rating,
                    idle => rule.system.idle(rating, idle as u32),
                }
            }
        }
    }
}
