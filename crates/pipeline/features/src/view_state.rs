//! What the events of one view have added up to: the kernel.

use enliven_types::{FeatureVector, Timestamp};
use indexmap::IndexMap;
use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::FeatureView;
use crate::accumulate::clamp;
use crate::league::{Game, League};
use crate::output::{Output, RATING_PLACES};
use crate::rows::{Arena, Row, Rows, Span};
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
    /// The rows of all entities.
    pub(crate) arena: Arena,
    pub(crate) leagues: Vec<League>,
}

/// Entities by name, in the order in which they were first seen. The hash decides nothing but speed.
pub(crate) type Entities = IndexMap<SmolStr, Entity, foldhash::fast::RandomState>;

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
    pub(crate) rows: Span,
}

impl ViewState {
    /// Adds a row to its entity. Rows before `sealed` are folded in once there are more than
    /// `max_rows`: none comes, goes or is read before it any more.
    pub(crate) fn see(
        &mut self,
        view: &FeatureView,
        (time, tie): (i64, i64),
        sighting: &Sighting<'_>,
        sealed: i64,
        max_rows: usize,
    ) {
        let player = self.number(sighting.entity);
        if let Some((_, entity)) = self.entities.get_index_mut(player) {
            let row = Row { time, tie, bits: sighting.bits, values: sighting.values };
            self.arena.insert(&mut entity.rows, row, view.layout());
            if entity.rows.len() > max_rows {
                entity.fold(view, &mut self.arena, sealed);
            }
        }
        if let Some((opponent, results)) = sighting.meeting {
            let opponent = self.number(opponent) as u32;
            self.leagues.resize(view.leagues.len(), League::default());
            for (number, halves) in results.iter().copied().enumerate() {
                let game = Game { time, tie, player: player as u32, opponent, halves };
                self.leagues[number].add(&view.leagues[number], game);
            }
        }
    }

    fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.entities.get_index_of(name) {
            return number;
        }
        self.entities.insert_full(SmolStr::new(name), Entity::new()).0
    }

    /// Whether an entity still has the row.
    pub(crate) fn has_row(&self, view: &FeatureView, name: &str, time: i64, tie: i64) -> bool {
        let rows = |entity: &Entity| self.arena.rows(entity.rows, view.layout());
        self.entities.get(name).is_some_and(|entity| rows(entity).find(time, tie).is_some())
    }

    /// Takes a row out again.
    pub(crate) fn forget(&mut self, view: &FeatureView, time: i64, tie: i64, name: &str, met: bool) {
        let layout = view.layout();
        if let Some(entity) = self.entities.get_mut(name)
            && let Some(place) = self.arena.rows(entity.rows, layout).find(time, tie)
        {
            self.arena.remove(&mut entity.rows, place, layout);
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
        let blank = Entity::new();
        let (number, entity) = found.map_or((None, &blank), |(number, _, entity)| (Some(number as u32), entity));
        let layout = view.layout();
        let mut rows = self.arena.rows(entity.rows, layout);
        let mut with;
        if !more.is_empty() {
            with = rows.words().to_vec();
            for Extra { time, tie, bits, values } in more {
                Row { time: *time, tie: *tie, bits: *bits, values }.insert_into(&mut with, layout);
            }
            rows = Rows::new(&with, layout);
        }
        let mut vector = vec![0; view.outputs.len()];
        view.reading.read(&view.slots, &entity.folded, rows, time, &mut vector);
        let league = |league: usize| {
            let rule = &view.leagues[league];
            let rating = match self.leagues.get(league) {
                Some(league) => league.rating(rule, number, Timestamp(time)),
                None => rule.system.new_player(),
            };
            (rule.system, rating)
        };
        let rated = if view.leagues.is_empty() { &[][..] } else { &view.outputs };
        for (number, output) in vector.iter_mut().zip(rated) {
            match *output {
                Output::Slot { .. } => {}
                Output::Rating { league: which } => {
                    let (system, rating) = league(which);
                    *number = fixed(system.published(&rating));
                }
                Output::RatingDeviation { league: which } => {
                    let (system, rating) = league(which);
                    *number = fixed(system.deviation(&rating));
                }
            }
        }
        FeatureVector(vector)
    }

    /// Entities, in the order in which they were first seen, each with the time of its first event.
    pub(crate) fn entities(&self, view: &FeatureView) -> impl Iterator<Item = (i64, &str)> {
        let layout = view.layout();
        let first = move |entity: &Entity| entity.first_seen(self.arena.rows(entity.rows, layout));
        self.entities.iter().filter_map(move |(name, entity)| Some((first(entity)?, name.as_str())))
    }
}

impl Entity {
    fn new() -> Entity {
        Entity { first_folded: NOTHING_FOLDED, folded: Box::default(), rows: Span::default() }
    }

    fn first_seen(&self, rows: Rows<'_>) -> Option<i64> {
        let folded = Some(self.first_folded).filter(|first| *first != NOTHING_FOLDED);
        folded.or_else(|| (!self.rows.is_empty()).then(|| rows.time(0)))
    }

    /// Folds the rows before `time` in.
    fn fold(&mut self, view: &FeatureView, arena: &mut Arena, time: i64) {
        let layout = view.layout();
        let rows = arena.rows(self.rows, layout);
        let count = rows.first_at(time);
        if count == 0 {
            return;
        }
        if self.folded.is_empty() {
            self.folded = view.slots.iter().map(|slot| slot.empty()).collect();
        }
        for (slot, folded) in view.slots.iter().zip(self.folded.iter_mut()) {
            for place in 0..count {
                slot.fold(folded, rows, place);
            }
        }
        self.first_folded = self.first_seen(rows).unwrap_or(NOTHING_FOLDED);
        arena.drop_first(&mut self.rows, count, layout);
    }
}

/// Hundredths, rounded half up.
fn fixed(value: f64) -> i64 {
    let power = 10i64.pow(u32::from(RATING_PLACES)) as f64;
    clamp(libm::floor(value * power + 0.5) as i128)
}
