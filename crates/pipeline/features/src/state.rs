use std::collections::BTreeMap;

use enliven_types::{Digest, Event, FeatureVector, Timestamp};

use crate::FeatureView;
use crate::glicko2::{Outcome, Rating, rate};
use crate::tile::Timeline;
use crate::view::{MEAN_SCALE, Output, RATING_SCALE, RatingRule};

/// Days since an event that never was.
const NEVER_DAYS: i64 = 9999;
const DAY_MS: i64 = 86_400_000;

/// What the events of a view have added up to.
///
/// Adding an event costs O(log n) in the tiles of its entities when it is the latest, and O(n)
/// when it is late; reading a vector costs O(f log n) for f features.
#[derive(Clone, Debug, Default)]
pub struct FeatureState {
    entities: BTreeMap<String, Entity>,
    /// Rated games by period, each in the order of (time, event digest), so that the order of
    /// arrival does not matter.
    games: BTreeMap<i64, BTreeMap<(Timestamp, Digest), Game>>,
    /// Ratings are up to date before this period.
    rated_before: Option<i64>,
}

#[derive(Clone, Debug, Default)]
struct Entity {
    timeline: Timeline,
    first_seen: Option<Timestamp>,
    /// The rating after each period with games, in order.
    ratings: Vec<(i64, Rating)>,
}

#[derive(Clone, Debug)]
struct Game {
    player: String,
    opponent: String,
    /// Of the player: 1, 0.5 or 0.
    score: f64,
}

impl FeatureState {
    /// Adds an event; events of other sources are left aside. Each event must be added once.
    pub fn add(&mut self, view: &FeatureView, event: &Event) {
        if event.source != view.source {
            return;
        }
        let tile = event.time.0.div_euclid(view.tile_ms);
        for (number, side) in view.side_views(event).into_iter().enumerate() {
            let passes: Vec<(bool, i64)> = view
                .lanes
                .iter()
                .map(|lane| {
                    let passed = lane.filter.as_ref().is_none_or(|filter| filter.number(&side.row) != 0);
                    (passed, lane.value.as_ref().map_or(0, |value| value.number(&side.row)))
                })
                .collect();
            let entity = self.entities.entry(side.entity.clone()).or_default();
            entity.timeline.add(tile, &view.lanes, &passes);
            entity.first_seen = Some(entity.first_seen.map_or(event.time, |first| first.min(event.time)));
            if let (0, Some(rule), Some(opponent)) = (number, &view.rating, side.opponent) {
                let score = if rule.won.number(&side.row) != 0 {
                    1.0
                } else if rule.drawn.number(&side.row) != 0 {
                    0.5
                } else {
                    0.0
                };
                self.add_game(rule, event, Game { player: side.entity, opponent, score });
            }
        }
    }

    fn add_game(&mut self, rule: &RatingRule, event: &Event, game: Game) {
        let period = rule.period.index(event.time);
        self.games.entry(period).or_default().insert((event.time, event.digest()), game);
        if self.rated_before.is_some_and(|before| period < before) {
            // A late game: take back every period from its own on.
            for entity in self.entities.values_mut() {
                let keep = entity.ratings.partition_point(|(rated, _)| *rated < period);
                entity.ratings.truncate(keep);
            }
            self.rated_before = Some(period);
        }
    }

    /// Closes the rating periods that end at or before `time`. Needed before [`Self::vector_at`].
    pub fn advance(&mut self, view: &FeatureView, time: Timestamp) {
        let Some(rule) = &view.rating else { return };
        let end = rule.period.index(time);
        let from = self.rated_before.unwrap_or(i64::MIN);
        if end <= from {
            return;
        }
        let periods: Vec<i64> = self.games.range(from..end).map(|(period, _)| *period).collect();
        for period in periods {
            self.rate_period(rule, period);
        }
        self.rated_before = Some(end);
    }

    fn rate_period(&mut self, rule: &RatingRule, period: i64) {
        let Some(games) = self.games.get(&period) else { return };
        let mut played: BTreeMap<&str, Vec<Outcome>> = BTreeMap::new();
        for game in games.values() {
            let player = self.rating(rule, &game.player, period);
            let opponent = self.rating(rule, &game.opponent, period);
            played.entry(&game.player).or_default().push(Outcome { opponent, score: game.score });
            played.entry(&game.opponent).or_default().push(Outcome { opponent: player, score: 1.0 - game.score });
        }
        let mut rated = Vec::with_capacity(played.len());
        for (name, outcomes) in played {
            rated.push((name.to_string(), rate(&self.rating(rule, name, period), &outcomes, rule.tau)));
        }
        for (name, rating) in rated {
            self.entities.entry(name).or_default().ratings.push((period, rating));
        }
    }

    /// The rating at the start of `period`: the latest one, its deviation grown by idle periods.
    fn rating(&self, rule: &RatingRule, name: &str, period: i64) -> Rating {
        let latest = self.entities.get(name).and_then(|entity| {
            let count = entity.ratings.partition_point(|(rated, _)| *rated < period);
            entity.ratings[..count].last()
        });
        match latest {
            None => Rating::new(rule.volatility),
            Some((rated, rating)) => {
                let idle = (period - rated - 1).clamp(0, i64::from(u32::MAX));
                if idle == 0 { *rating } else { rating.idle(idle as u32) }
            }
        }
    }

    /// The features of an entity at an instant; an unknown entity has the features of no events.
    pub fn vector_at(&self, view: &FeatureView, name: &str, time: Timestamp) -> FeatureVector {
        let blank = Timeline::default();
        let timeline = self.entities.get(name).map_or(&blank, |entity| &entity.timeline);
        let end = time.0.div_euclid(view.tile_ms);
        let rating = view.rating.as_ref().map(|rule| self.rating(rule, name, rule.period.index(time)));
        let read = |output: &Output| match *output {
            Output::Count { lane, window } => timeline.window(lane, window, view.tile_ms, end).0,
            Output::Sum { lane, window } => clamp(timeline.window(lane, window, view.tile_ms, end).1),
            Output::Mean { lane, window, scale } => {
                let (count, sum) = timeline.window(lane, window, view.tile_ms, end);
                mean(sum, i128::from(count), scale)
            }
            Output::Weighted { lane, scale } => {
                let (sum, weight) = timeline.weighted(lane, end);
                mean(sum, weight, scale)
            }
            Output::Streak { lane } => timeline.streak(lane, end),
            Output::DaysSince { lane } => timeline.last(lane, end).map_or(NEVER_DAYS, |tile| {
                let since = time.0.saturating_sub(tile.saturating_mul(view.tile_ms));
                (since / DAY_MS).clamp(0, NEVER_DAYS)
            }),
            Output::Rating => rating.map_or(0, |rating| fixed(rating.rating())),
            Output::Deviation => rating.map_or(0, |rating| fixed(rating.deviation())),
        };
        FeatureVector(view.outputs.iter().map(read).collect())
    }

    /// Entities with an event before `time`, in the order of (first event, name).
    pub fn entities_before(&self, time: Timestamp) -> Vec<(Timestamp, String)> {
        let mut found: Vec<(Timestamp, String)> = self
            .entities
            .iter()
            .filter_map(|(name, entity)| Some((entity.first_seen.filter(|first| *first < time)?, name.clone())))
            .collect();
        found.sort();
        found
    }
}

/// `sum / count` with six decimal places, for a sum in units of 10^-scale; rounded half away from
/// zero; zero without events.
fn mean(sum: i128, count: i128, scale: u8) -> i64 {
    if count == 0 {
        return 0;
    }
    let wide = sum.saturating_mul(10i128.pow(u32::from(MEAN_SCALE)));
    let divisor = count.saturating_mul(10i128.pow(u32::from(scale)));
    clamp((wide.abs() + divisor / 2) / divisor * wide.signum())
}

fn clamp(value: i128) -> i64 {
    value.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// Hundredths, rounded half up. The ratings that arise are far inside the range.
fn fixed(value: f64) -> i64 {
    let power = 10i64.pow(u32::from(RATING_SCALE)) as f64;
    libm::floor(value * power + 0.5) as i64
}
