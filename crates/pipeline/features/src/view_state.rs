//! What the events of one view have added up to: the kernel.

use enliven_types::{FeatureVector, Timestamp};
use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::FeatureView;
use crate::accumulate::clamp;
use crate::entities::Entities;
use crate::folded::Folded;
use crate::league::{Game, League};
use crate::output::{Output, RATING_PLACES};
use crate::rows::{Arena, Row, Rows, Span};
use crate::sighting::Sighting;
use crate::spill::Spilled;

/// In place of a time, where there is none: most of a state is entities, and an `Option` costs a word.
pub(crate) const NOTHING_FOLDED: i64 = i64::MAX;

/// Reading looks at each row once for every lasting accumulator, so that more rows than this are folded
/// into those.
const MANY_ROWS: usize = 16;
/// Rows are moved when at least one in so many can be forgotten.
const FEW: usize = 8;

/// What the events of one view have added up to.
///
/// An event is first a row of its entities, in the total order of (time, tie, arrival). Of rows that
/// nothing can precede any more those that no sliding window reaches are forgotten, and the others are
/// folded into tiles where these take less memory. So the order of arrival cannot change a value, an
/// event can be taken back exactly while it is a row, and an entity takes as much memory as its events
/// within the longest window before its latest one.
///
/// Adding an event costs O(1) on average when events come nearly in order; reading a vector costs
/// O(c r + f log t) for f features of c different kinds, r rows and t tiles, and O(t) more for each
/// feature that is a minimum, maximum, first, last, sketch or top list over a sliding window.
#[derive(Clone, Debug, Default)]
pub(crate) struct ViewState {
    pub(crate) entities: Entities,
    /// The rows of all entities.
    pub(crate) arena: Arena,
    pub(crate) leagues: Vec<League>,
    /// About how many bytes have been folded in; counted if the state may spill.
    pub(crate) folded_bytes: usize,
    /// Where entities are whose rows are not in the arena; none if the state may not spill.
    pub(crate) spilled: Option<Spilled>,
}

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
    /// The time of its earliest event that is no row any more; [`NOTHING_FOLDED`] at first.
    pub(crate) first_folded: i64,
    pub(crate) folded: Option<Box<Folded>>,
    pub(crate) rows: Span,
}

/// What an entity holds beside its name.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) first_folded: i64,
    pub(crate) words: Vec<i64>,
    pub(crate) folded: Option<Box<Folded>>,
}

impl ViewState {
    /// Adds a row to its entity. Rows before `sealed` can be folded in: none comes, goes or is read
    /// before it any more. They are, whatever it costs, once there are more than `max_rows`.
    pub(crate) fn see(
        &mut self,
        view: &FeatureView,
        at: (i64, i64),
        sighting: &Sighting<'_>,
        sealed: i64,
        max_rows: usize,
    ) {
        let player = self.see_row(view, at, sighting, sealed, max_rows);
        if let Some(meeting) = sighting.meeting {
            self.meet(view, at, player, meeting);
        }
    }

    /// Adds a row, and no game; returns the entity's number.
    pub(crate) fn see_row(
        &mut self,
        view: &FeatureView,
        (time, tie): (i64, i64),
        sighting: &Sighting<'_>,
        sealed: i64,
        max_rows: usize,
    ) -> usize {
        let player = self.number(sighting.entity);
        if self.spilled.is_some() {
            self.bring_back(view, player);
        }
        let row = Row { time, tie, bits: sighting.bits, values: sighting.values };
        let len = self.entities.at(player).rows.len();
        if len > 0 && (self.entities.at(player).rows.is_full() || len.is_multiple_of(MANY_ROWS)) {
            self.fold(view, player, sealed, false);
        }
        self.arena.insert(&mut self.entities.at_mut(player).rows, row, view.layout());
        if len + 1 > max_rows {
            self.fold(view, player, sealed, true);
        }
        player
    }

    /// Adds a game, and no row.
    pub(crate) fn see_game(&mut self, view: &FeatureView, at: (i64, i64), sighting: &Sighting<'_>) {
        if let Some(meeting) = sighting.meeting {
            let player = self.number(sighting.entity);
            self.meet(view, at, player, meeting);
        }
    }

    fn meet(&mut self, view: &FeatureView, (time, tie): (i64, i64), player: usize, (opponent, results): (&str, &[u8])) {
        let opponent = self.number(opponent) as u32;
        self.leagues.resize(view.leagues.len(), League::default());
        for (number, halves) in results.iter().copied().enumerate() {
            let game = Game { time, tie, player: player as u32, opponent, halves };
            self.leagues[number].add(&view.leagues[number], game);
        }
    }

    /// Forgets what an entity holds, and all ratings.
    pub(crate) fn empty(&mut self, view: &FeatureView, name: &str) {
        self.leagues.clear();
        let Some(number) = self.entities.find(name) else { return };
        self.bring_back(view, number);
        let entity = self.entities.at_mut(number);
        self.arena.clear(&mut entity.rows);
        if self.spilled.is_some() {
            self.folded_bytes -= entity.folded_bytes();
        }
        *entity = Entity::new();
    }

    /// Folds an entity's rows in, and counts by how much it grows or shrinks.
    fn fold(&mut self, view: &FeatureView, number: usize, sealed: i64, forced: bool) {
        let entity = self.entities.at_mut(number);
        if self.spilled.is_none() {
            return entity.fold(view, &mut self.arena, sealed, forced);
        }
        self.folded_bytes -= entity.folded_bytes();
        entity.fold(view, &mut self.arena, sealed, forced);
        self.folded_bytes += entity.folded_bytes();
    }

    fn number(&mut self, name: &str) -> usize {
        match self.entities.find(name) {
            Some(number) => number,
            None => self.entities.add(SmolStr::new(name), Entity::new()),
        }
    }

    /// Takes in a new entity with rows that are in the arena.
    pub(crate) fn take_in(&mut self, name: SmolStr, first_folded: i64, folded: Option<Box<Folded>>, rows: Span) {
        let number = self.entities.add(name, Entity { first_folded, folded, rows });
        self.folded_bytes += self.entities.at(number).folded_bytes();
    }

    /// Whether an entity still has the row.
    pub(crate) fn has_row(&self, view: &FeatureView, name: &str, time: i64, tie: i64) -> bool {
        let layout = view.layout();
        self.entities.get(name).is_some_and(|entity| match self.body(view, entity) {
            Some((body, _)) => Rows::new(&body.words, layout).find(time, tie).is_some(),
            None => self.arena.rows(entity.rows, layout).find(time, tie).is_some(),
        })
    }

    /// Takes a row out again.
    pub(crate) fn forget(&mut self, view: &FeatureView, time: i64, tie: i64, name: &str, met: bool) {
        let layout = view.layout();
        if let Some(number) = self.entities.find(name) {
            self.bring_back(view, number);
            let entity = self.entities.at_mut(number);
            if let Some(place) = self.arena.rows(entity.rows, layout).find(time, tie) {
                self.arena.remove(&mut entity.rows, place, layout);
            }
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
        let number = self.entities.find(name);
        let blank = Entity::new();
        let entity = number.map_or(&blank, |number| self.entities.at(number));
        let layout = view.layout();
        let away = self.body(view, entity);
        let (mut rows, folded) = match &away {
            Some((body, _)) => (Rows::new(&body.words, layout), body.folded.as_deref()),
            None => (self.arena.rows(entity.rows, layout), entity.folded.as_deref()),
        };
        let mut with;
        if !more.is_empty() {
            with = rows.words().to_vec();
            for Extra { time, tie, bits, values } in more {
                Row { time: *time, tie: *tie, bits: *bits, values }.insert_into(&mut with, layout);
            }
            rows = Rows::new(&with, layout);
        }
        let mut vector = vec![0; view.outputs.len()];
        view.reading.read(&view.slots, &view.folding, folded, rows, time, &mut vector);
        let league = |league: usize| {
            let rule = &view.leagues[league];
            let rating = match self.leagues.get(league) {
                Some(league) => league.rating(rule, number.map(|number| number as u32), Timestamp(time)),
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
        let first = move |entity: &Entity| match entity.rows.place() {
            Some(_) => Some(entity.first_folded).filter(|first| *first != NOTHING_FOLDED),
            None => entity.first_seen(self.arena.rows(entity.rows, layout)),
        };
        self.entities.iter().filter_map(move |(name, entity)| Some((first(entity)?, name.as_str())))
    }

    /// About how many bytes rows, tiles and totals take in memory.
    pub(crate) fn bytes(&self, view: &FeatureView) -> usize {
        self.arena.bytes(view.layout()) + self.folded_bytes
    }

    /// What an entity holds, if that is not in memory, and how many bytes it was. If it cannot be had it
    /// is nothing, and the state says that it must not be used.
    fn body(&self, view: &FeatureView, entity: &Entity) -> Option<(Body, usize)> {
        let (place, spilled) = (entity.rows.place()?, self.spilled.as_ref()?);
        let Some(bytes) = spilled.get(place) else { return Some((Body::default(), 0)) };
        let body = Body::decode(view, &bytes).unwrap_or_else(|| {
            spilled.complain("what was spilled of an entity is not what came back");
            Body::default()
        });
        Some((body, bytes.len()))
    }

    /// Brings back into memory what an entity holds, if it is not there.
    fn bring_back(&mut self, view: &FeatureView, number: usize) {
        let found = self.body(view, self.entities.at(number));
        let Some((Body { first_folded, words, folded }, bytes)) = found else { return };
        let entity = self.entities.at_mut(number);
        entity.first_folded = first_folded;
        entity.rows = self.arena.put(&words, view.layout()).unwrap_or_default();
        entity.folded = folded;
        self.folded_bytes += entity.folded_bytes();
        if let Some(spilled) = &mut self.spilled {
            spilled.came_back(bytes);
        }
    }

    /// The entities that hold something in memory, each with the time of its latest row.
    pub(crate) fn present(&self, view: &FeatureView) -> impl Iterator<Item = (i64, usize)> {
        let layout = view.layout();
        self.entities.iter().enumerate().filter_map(move |(number, (_, entity))| {
            let here = entity.rows.place().is_none() && !(entity.rows.is_empty() && entity.folded.is_none());
            let latest = |rows: Rows<'_>| rows.len().checked_sub(1).map_or(i64::MIN, |last| rows.time(last));
            here.then(|| (latest(self.arena.rows(entity.rows, layout)), number))
        })
    }

    /// Spills what an entity holds; false if that failed and it is still in memory.
    pub(crate) fn send_away(&mut self, view: &FeatureView, number: usize) -> bool {
        let entity = self.entities.at(number);
        let rows = self.arena.rows(entity.rows, view.layout());
        let mut bytes = Vec::new();
        Body::encode(entity, rows, &mut bytes);
        let first = entity.first_seen(rows).unwrap_or(NOTHING_FOLDED);
        let Some(place) = self.spilled.as_mut().and_then(|spilled| spilled.put(&bytes)) else { return false };
        let entity = self.entities.at_mut(number);
        self.arena.clear(&mut entity.rows);
        self.folded_bytes -= entity.folded_bytes();
        entity.folded = None;
        (entity.rows, entity.first_folded) = (Span::away(place), first);
        true
    }

    /// Moves together what is still needed of rows and of what was spilled, if much is not.
    pub(crate) fn tidy(&mut self, view: &FeatureView) {
        if self.arena.is_sparse() {
            self.arena.compact(self.entities.iter_mut().map(|entity| &mut entity.rows), view.layout());
        }
        let Some(mut tidy) = self.spilled.as_ref().and_then(Spilled::to_tidy) else { return };
        let mut moved = Vec::new();
        for (number, (_, entity)) in self.entities.iter().enumerate() {
            let Some(place) = entity.rows.place() else { continue };
            let bytes = self.spilled.as_ref().and_then(|spilled| spilled.get(place));
            let Some(place) = bytes.and_then(|bytes| tidy.put(&bytes)) else { return };
            moved.push((number, place));
        }
        for (number, place) in moved {
            self.entities.at_mut(number).rows = Span::away(place);
        }
        self.spilled = Some(tidy);
    }
}

impl Entity {
    fn new() -> Entity {
        Entity { first_folded: NOTHING_FOLDED, folded: None, rows: Span::default() }
    }

    fn first_seen(&self, rows: Rows<'_>) -> Option<i64> {
        let folded = Some(self.first_folded).filter(|first| *first != NOTHING_FOLDED);
        folded.or_else(|| (!self.rows.is_empty()).then(|| rows.time(0)))
    }

    fn folded_bytes(&self) -> usize {
        self.folded.as_ref().map_or(0, |folded| folded.bytes())
    }

    /// Folds in and forgets of the rows before `sealed` what that is worth while for; all of them if
    /// `forced`.
    fn fold(&mut self, view: &FeatureView, arena: &mut Arena, sealed: i64, forced: bool) {
        let (layout, folding, slots) = (view.layout(), &view.folding, &view.slots);
        let rows = arena.rows(self.rows, layout);
        let closed = rows.first_at(sealed);
        let mut done = closed;
        if folding.has_lasting() {
            if closed > MANY_ROWS || forced && closed > 0 || self.folded.is_some() {
                let folded = self.folded.get_or_insert_with(|| Box::new(folding.empty(slots)));
                folded.last(folding, slots, rows, closed);
            }
            done = self.folded.as_ref().map_or(0, |folded| folded.lasted);
        }
        // Now only sliding windows need these.
        let stale = rows.first_at(folding.reach(sealed)).min(done);
        let count = if !forced && stale * FEW >= rows.len() {
            stale
        } else if forced || folding.tiles_are_smaller(rows, done, layout.bytes(done), sealed) {
            if done > 0 && folding.has_tiles() {
                let folded = self.folded.get_or_insert_with(|| Box::new(folding.empty(slots)));
                folded.tile(folding, slots, rows, done, sealed);
            }
            done
        } else {
            0
        };
        if count > 0 {
            self.first_folded = self.first_seen(rows).unwrap_or(NOTHING_FOLDED);
            if let Some(folded) = &mut self.folded {
                folded.lasted = folded.lasted.saturating_sub(count);
            }
            arena.drop_first(&mut self.rows, count, layout);
        }
    }
}

/// Hundredths, rounded half up.
fn fixed(value: f64) -> i64 {
    let power = 10i64.pow(u32::from(RATING_PLACES)) as f64;
    clamp(libm::floor(value * power + 0.5) as i128)
}
