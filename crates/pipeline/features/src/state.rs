use enliven_types::{Event, FeatureVector, Timestamp};
use indexmap::IndexMap;

use crate::FeatureView;
use crate::accumulate::clamp;
use crate::league::{Game, League};
use crate::output::{Output, RATING_PLACES};
use crate::rows::Rows;
use crate::sighting::{Sighting, fnv1a};
use crate::slot::Folded;

/// An entity's rows are folded into its slots when it has more than this many. The number changes
/// what a state costs, never what it says.
const MAX_ROWS: usize = 16;

/// In place of a time, where there is none: most of a state is entities, and an `Option` costs a word.
pub(crate) const NOTHING_FOLDED: i64 = i64::MAX;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It counts.
    Taken,
    /// It came later than the allowed lateness, and changes nothing.
    Late,
    /// It is of another source, or the view's filter leaves it out.
    Aside,
}

/// Why an event cannot be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// The state never took it.
    Unknown,
    /// It is older than the allowed lateness, so it may have been folded in: the state has to be
    /// recomputed from an earlier snapshot or from the log.
    Sealed,
}

/// What the events of a view have added up to.
///
/// An event is first a row of its entities, in the total order of (time, hash of the id, arrival).
/// Rows that no accepted event can precede any more are folded into tiles and totals. So the order
/// of arrival cannot change a value, and an event can be taken back exactly while it is a row.
///
/// Adding an event costs O(1) on average when events come nearly in order; reading a vector costs
/// O(f (r + log t)) for f features, r rows and t tiles, and O(t) more for each feature that is a
/// minimum, maximum, first, last, sketch or top list over a sliding window.
#[derive(Clone, Debug)]
pub struct FeatureState {
    pub(crate) entities: IndexMap<String, Entity>,
    pub(crate) leagues: Vec<League>,
    /// The latest time of an event of the source.
    pub(crate) latest: Option<i64>,
    /// Where vectors are read from on.
    pub(crate) watermark: i64,
    pub(crate) late: u64,
    pub(crate) max_rows: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entity {
    /// The time of its earliest event that was folded in; [`NOTHING_FOLDED`] at first.
    pub(crate) first_folded: i64,
    /// What was folded in, one for each slot; nothing at first.
    pub(crate) folded: Box<[Folded]>,
    pub(crate) rows: Rows,
}

impl Default for FeatureState {
    fn default() -> FeatureState {
        FeatureState {
            entities: IndexMap::new(),
            leagues: Vec::new(),
            latest: None,
            watermark: i64::MIN,
            late: 0,
            max_rows: MAX_ROWS,
        }
    }
}

impl FeatureState {
    /// A state that folds an entity's rows in when there are more than so many.
    pub fn with_max_rows(max_rows: usize) -> FeatureState {
        FeatureState { max_rows, ..FeatureState::default() }
    }

    /// Adds an event. Each event must be added once, in the order of its partition's log: which
    /// events are late follows from that order alone.
    pub fn add(&mut self, view: &FeatureView, event: &Event) -> Added {
        if event.source != view.source() {
            return Added::Aside;
        }
        let time = event.time.0;
        if time < view.horizon(self.latest) {
            self.late += 1;
            return Added::Late;
        }
        self.latest = self.latest.max(Some(time));
        if !view.admits(event) {
            return Added::Aside;
        }
        let tie = tie_of(event);
        for sighting in view.sightings(event) {
            self.see(view, time, tie, sighting);
        }
        Added::Taken
    }

    fn see(&mut self, view: &FeatureView, time: i64, tie: i64, sighting: Sighting<'_>) {
        let player = self.number(view, &sighting.entity);
        let fold_before = self.sealed_before(view);
        let max_rows = self.max_rows;
        if let Some((_, entity)) = self.entities.get_index_mut(player) {
            entity.rows.insert(time, tie, sighting.bits, &sighting.values);
            if entity.rows.len() > max_rows {
                entity.fold(view, fold_before);
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

    /// Events before this time can neither come nor go, and no vector is read before it.
    fn sealed_before(&self, view: &FeatureView) -> i64 {
        view.horizon(self.latest).min(self.watermark)
    }

    /// Takes an event back, so that the state is as if it had never been added; what it did to the
    /// watermark stays. None of it is taken back where it cannot be.
    pub fn retract(&mut self, view: &FeatureView, event: &Event) -> Result<(), Stuck> {
        let (time, tie) = (event.time.0, tie_of(event));
        let sightings = view.sightings(event);
        if event.source != view.source() || !view.admits(event) || sightings.is_empty() {
            return Err(Stuck::Unknown);
        }
        if time < self.sealed_before(view) {
            return Err(Stuck::Sealed);
        }
        for sighting in &sightings {
            let entity = self.entities.get(&*sighting.entity).ok_or(Stuck::Unknown)?;
            if !entity.rows.contains(time, tie) {
                return Err(Stuck::Unknown);
            }
        }
        for sighting in sightings {
            if let Some(entity) = self.entities.get_mut(&*sighting.entity) {
                entity.rows.remove(time, tie);
            }
            if sighting.meeting.is_some() {
                for (league, rule) in self.leagues.iter_mut().zip(&view.leagues) {
                    league.remove(rule, time, tie);
                }
            }
        }
        Ok(())
    }

    /// Moves the watermark to `time`: vectors are read there or later from now on. Closes the rating
    /// periods that end by then.
    pub fn advance(&mut self, view: &FeatureView, time: Timestamp) {
        self.watermark = self.watermark.max(time.0);
        let sealed = Timestamp(self.sealed_before(view));
        for (league, rule) in self.leagues.iter_mut().zip(&view.leagues) {
            league.advance(rule, time);
            league.seal(rule, sealed);
        }
    }

    /// The features of an entity at `time`, from all events before it; `time` is the watermark or
    /// later. An unknown entity has the features of no events.
    pub fn vector_at(&self, view: &FeatureView, name: &str, time: Timestamp) -> FeatureVector {
        let found = self.entities.get_full(name);
        let blank = Entity::new(view.row_values());
        let (number, entity) = found.map_or((None, &blank), |(number, _, entity)| (Some(number as u32), entity));
        let end = entity.rows.first_at(time.0);
        let league = |league: usize| {
            let rule = &view.leagues[league];
            let rating = match self.leagues.get(league) {
                Some(league) => league.rating(rule, number, time),
                None => rule.system.new_player(),
            };
            (rule.system, rating)
        };
        let read = |output: &Output| match *output {
            Output::Slot { slot, window_ms, finish, empty } => {
                let acc = view.slots[slot].read(entity.folded.get(slot), &entity.rows, end, time.0, window_ms);
                acc.and_then(|acc| finish.number(&acc, time.0)).unwrap_or(empty)
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

    /// Entities with an event before `time`, in the order in which they were first named, each with
    /// the time of its first event.
    pub fn entities_before(&self, time: Timestamp) -> impl Iterator<Item = (Timestamp, &str)> {
        self.entities.iter().filter_map(move |(name, entity)| {
            let first = entity.first_seen().filter(|first| *first < time.0)?;
            Some((Timestamp(first), name.as_str()))
        })
    }

    /// The time of the latest event of the source that was taken or left aside.
    pub fn latest(&self) -> Option<Timestamp> {
        self.latest.map(Timestamp)
    }

    /// How many events came too late.
    pub fn late(&self) -> u64 {
        self.late
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

/// What orders events of the same time: the FNV-1a hash of their ids.
pub(crate) fn tie_of(event: &Event) -> i64 {
    fnv1a(event.id.as_bytes()) as i64
}

/// Hundredths, rounded half up.
fn fixed(value: f64) -> i64 {
    let power = 10i64.pow(u32::from(RATING_PLACES)) as f64;
    clamp(libm::floor(value * power + 0.5) as i128)
}
