//! What the events of one view have added up to: the kernel.

use enliven_types::{FeatureVector, Timestamp};
use indexmap::IndexMap;
use smallvec::SmallVec;

use crate::FeatureView;
use crate::accumulate::clamp;
use crate::league::{Game, League};
use crate::output::{Output, RATING_PLACES};
use crate::rows::Rows;
use crate::sighting::Sighting;
use crate::slot::Folded;

/// In place of a time, where there is none: most of a state is entities, and an `Option` costs a word.
pub(crate) const NOTHING_FOLDED: i64 = i64::MAX;

/// What the events of one view have added up to.
///
/// An event is first a row of its entities, in the total order of (time, tie, arrival). Rows that
/// nothing can precede any more are folded into tiles and totals. So the order of arrival cannot
/// change a value, and an event can be taken back exactly while it is a row.
///
/// Adding an event costs O(1) on average when events come nearly in order; reading a vector costs
/// O(f (r + log t)) for f features, r rows and t tiles, and O(t) more for each feature that is a
/// minimum, maximum, first, last, sketch or top list over a sliding window.
#[derive(Clone, Debug, Default)]
pub(crate) struct ViewState {
    pub(crate) entities: Entities,
    pub(crate) leagues: Vec<League>,
}

/// Entities by name, in the order in which they were first seen. The hash decides nothing but speed.
pub(crate) type Entities = IndexMap<String, Entity, foldhash::fast::RandomState>;

/// A row that is not in the state.
#[derive(Clone, Debug)]
pub(crate) struct Extra {
    pub(crate) time: i64,
    pub(crate) tie: i64,
    pub(crate) bits: u64,
    pub(crate) values: SmallVec<[i64; 8]>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entity {
    /// The time of its earliest event that was folded in; [`NOTHING_FOLDED`] at first.
    pub(crate) first_folded: i64,
    /// What was folded in, one for each slot; nothing at first.
    pub(crate) folded: Box<[Folded]>,
    pub(crate) rows: Rows,
}

impl ViewState {
    /// Adds a row to its entity. Rows before `sealed` are folded in once there are more than
    /// `max_rows`: none comes, goes or is read before it any more.
    pub(crate) fn see(
        &mut self,
        view: &FeatureView,
        (time, tie): (i64, i64),
        sighting: Sighting<'_>,
        sealed: i64,
        max_rows: usize,
    ) {
        let player = self.number(view, &sighting.entity);
        if let Some((_, entity)) = self.entities.get_index_mut(player) {
            entity.rows.insert(time, tie, sighting.bits, &sighting.values);
            if entity.rows.len() > max_rows {
                entity.fold(view, sealed);
            }
        }
        if let Some((opponent, results)) = sighting.meeting {
            let opponent = self.number(view, &opponent) as u32;
            self.leagues.resize(view.leagues.len(), League::default());
            for (number, halves) in results.into_iter().enumerate() {
                let game = Game { time, tie, player: player as u32, opponent, halves };
                self.leagues[number].add(&view.leagues[number], game);
            }
        }
    }

    fn number(&mut self, view: &FeatureView, name: &str) -> usize {
        if let Some(number) = self.entities.get_index_of(name) {
            return number;
        }
        self.entities.insert_full(name.to_string(), Entity::new(view.row_values())).0
    }

    /// Whether an entity still has the row.
    pub(crate) fn has_row(&self, name: &str, time: i64, tie: i64) -> bool {
        self.entities.get(name).is_some_and(|entity| entity.rows.contains(time, tie))
    }

    /// Takes a row out again.
    pub(crate) fn forget(&mut self, view: &FeatureView, time: i64, tie: i64, name: &str, met: bool) {
        if let Some(entity) = self.entities.get_mut(name) {
            entity.rows.remove(time, tie);
        }
        if met {
            for (league, rule) in self.leagues.iter_mut().zip(&view.leagues) {
                league.remove(rule, time, tie);
            }
        }
    }

    /// Closes the rating periods that end by `time`.
    pub(crate) fn rate(&mut self, view: &FeatureView, time: i64) {
        for (league, rule) in self.leagues.iter_mut().zip(&view.leagues) {
            league.advance(rule, Timestamp(time));
        }
    }

    /// Forgets games before `sealed`.
    pub(crate) fn seal(&mut self, view: &FeatureView, sealed: i64) {
        for (league, rule) in self.leagues.iter_mut().zip(&view.leagues) {
            league.seal(rule, Timestamp(sealed));
        }
    }

    /// The features of an entity at `time`, from its rows before it, `more` included. An unknown
    /// entity has the features of no events.
    pub(crate) fn vector_at(&self, view: &FeatureView, name: &str, time: i64, more: &[Extra]) -> FeatureVector {
        let found = self.entities.get_full(name);
        let mut own = Entity::new(view.row_values());
        let (number, entity) = found.map_or((None, &own), |(number, _, entity)| (Some(number as u32), entity));
        let entity = if more.is_empty() {
            entity
        } else {
            let mut with = entity.clone();
            more.iter().for_each(|extra| with.rows.insert(extra.time, extra.tie, extra.bits, &extra.values));
            own = with;
            &own
        };
        let end = entity.rows.first_at(time);
        let league = |league: usize| {
            let rule = &view.leagues[league];
            let rating = match self.leagues.get(league) {
                Some(league) => league.rating(rule, number, Timestamp(time)),
                None => rule.system.new_player(),
            };
            (rule.system, rating)
        };
        let read = |output: &Output| match *output {
            Output::Slot { slot, window_ms, finish, empty } => {
                let acc = view.slots[slot].read(entity.folded.get(slot), &entity.rows, end, time, window_ms);
                acc.and_then(|acc| finish.number(&acc, time)).unwrap_or(empty)
            }
            Output::Rating { league: number } => {
                let (system, rating) = league(number);
                fixed(system.published(&rating))
            }
            Output::RatingDeviation { league: number } => {
                let (system, rating) = league(number);
                fixed(system.deviation(&rating))
            }
        };
        FeatureVector(view.outputs.iter().map(read).collect())
    }

    /// Entities, in the order in which they were first seen, each with the time of its first event.
    pub(crate) fn entities(&self) -> impl Iterator<Item = (i64, &str)> {
        self.entities.iter().filter_map(|(name, entity)| Some((entity.first_seen()?, name.as_str())))
    }
}

impl Entity {
    fn new(values: usize) -> Entity {
        Entity { first_folded: NOTHING_FOLDED, folded: Box::default(), rows: Rows::new(values) }
    }

    fn first_seen(&self) -> Option<i64> {
        let folded = Some(self.first_folded).filter(|first| *first != NOTHING_FOLDED);
        folded.or_else(|| (self.rows.len() > 0).then(|| self.rows.time(0)))
    }

    /// Folds the rows before `time` in.
    fn fold(&mut self, view: &FeatureView, time: i64) {
        let count = self.rows.first_at(time);
        if count == 0 {
            return;
        }
        if self.folded.is_empty() {
            self.folded = view.slots.iter().map(|slot| slot.empty()).collect();
        }
        for (slot, folded) in view.slots.iter().zip(self.folded.iter_mut()) {
            for place in 0..count {
                slot.fold(folded, &self.rows, place);
            }
        }
        self.first_folded = self.first_seen().unwrap_or(NOTHING_FOLDED);
        self.rows.drop_first(count);
    }
}

/// Hundredths, rounded half up.
fn fixed(value: f64) -> i64 {
    let power = 10i64.pow(u32::from(RATING_PLACES)) as f64;
    clamp(libm::floor(value * power + 0.5) as i128)
}
