//! Tiles that were added up elsewhere, read by the kernel: vectors from them, and a state that goes on
//! from them.
//!
//! A tile says nothing of a part of itself. So what is known at an instant comes from the tiles that
//! end by it, and that is all that happened before it where the instant is a border of the tiles that
//! sliding windows are made of, or lies at the end of the stream or after it. Other instants are
//! refused. A value that the tiles leave open is [`Unknown`], and never guessed.

use std::collections::BTreeMap;
use std::fmt;

use enliven_types::{Digest, Timestamp};
use smol_str::SmolStr;

use super::LeftOut;
use super::error::TileError;
use super::merge::{Cursor, border_before, is_border};
use super::reader::{TableRule, TileReader};
use crate::output::Output;
use crate::rows::Span;
use crate::set::SourceRule;
use crate::{FeatureSet, FeatureState};

/// Why the tiles do not say a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unknown {
    /// SQL cannot say the feature.
    LeftOut,
    /// There is only a total as of the end of the stream.
    Total,
    /// Several events of one instant are the first or last, with different values.
    Tied,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unknown::LeftOut => "SQL cannot say it",
            Unknown::Total => "there is only a total as of the end",
            Unknown::Tied => "several events of one instant are the first or last",
        })
    }
}

/// One number of a vector from tiles.
pub type Told = Result<i64, Unknown>;

/// The tiles of a view, all of them: what [`FeatureState`] would say, as far as they say it.
#[derive(Clone, Debug)]
pub struct TileHistory<'a> {
    pub(super) tiles: TileReader<'a>,
    /// No event is at this instant or later; `i64::MAX` if nothing says so.
    pub(super) end: i64,
    /// Columns of several tables, with their places: sums over all of an entity must be equal.
    pub(super) shared: Vec<(String, Vec<(usize, usize)>)>,
}

impl TileHistory<'_> {
    /// The features that are not in the tiles.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.tiles.left_out
    }

    /// The instant before which all events are, if anything says so: at it and later every tile counts.
    pub fn end(&self) -> Option<Timestamp> {
        (self.end != i64::MAX).then_some(Timestamp(self.end))
    }

    /// How many tiles there are.
    pub fn len(&self) -> usize {
        self.tiles.entities.values().flatten().map(BTreeMap::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tiles.entities.is_empty()
    }

    /// The entities, sorted by name.
    pub fn entities(&self) -> impl Iterator<Item = &str> {
        self.tiles.entities.keys().map(String::as_str)
    }

    /// The digest of all tiles, whatever order they came in.
    pub fn digest(&self) -> Digest {
        let mut bytes = self.tiles.view.digest().0.to_vec();
        let mut put = |part: &[u8]| {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        };
        for (entity, tables) in &self.tiles.entities {
            for (rule, tiles) in self.tiles.tables.iter().zip(tables) {
                for (tile, entry) in tiles {
                    put(entity.as_bytes());
                    put(rule.name.as_bytes());
                    put(&tile.to_le_bytes());
                    for value in entry.values.iter().flatten() {
                        put(&value.map_or_else(Vec::new, |value| value.to_le_bytes().to_vec()));
                    }
                }
            }
        }
        Digest::sha256(&bytes)
    }

    /// Whether vectors can be read at `time`. Some of their numbers may still be [`Unknown`].
    pub fn check(&self, time: Timestamp) -> Result<(), TileError> {
        if time.0 >= self.end {
            return Ok(());
        }
        let tables = &self.tiles.tables;
        let within = |rule: &&TableRule| rule.period.is_some_and(|period| !is_border(period, time));
        let slides = || tables.iter().filter(|rule| rule.slides);
        // The longest tiles come last, and shorter ones fit into them.
        if let Some(rule) = slides().rfind(within) {
            let earlier = slides().filter_map(|rule| Some(border_before(rule.period?, time))).min().unwrap_or(time);
            return Err(TileError::Border { at: time, length: rule.length(), earlier });
        }
        if slides().next().is_some() {
            return Ok(());
        }
        // Some table must say which entities there were.
        let periods = || tables.iter().filter(|rule| rule.period.is_some());
        match periods().next() {
            Some(_) if periods().any(|rule| !within(&rule)) => Ok(()),
            Some(rule) => {
                let earlier =
                    periods().filter_map(|rule| Some(border_before(rule.period?, time))).max().unwrap_or(time);
                Err(TileError::Border { at: time, length: rule.length(), earlier })
            }
            None => Err(self.total(time)),
        }
    }

    fn total(&self, at: Timestamp) -> TileError {
        let features: Vec<String> = self
            .tiles
            .view
            .outputs
            .iter()
            .zip(&self.tiles.view.descriptions)
            .filter(|(output, _)| matches!(output, Output::Slot { slot, .. } if self.is_total(*slot)))
            .map(|(_, one)| format!("`{}`", one.name))
            .collect();
        TileError::Total { features: features.join(", "), at, end: self.end() }
    }

    /// Whether a slot is known only at the end.
    pub(super) fn is_total(&self, slot: usize) -> bool {
        self.tiles.read[slot].as_ref().is_some_and(|place| self.tiles.tables[place.table].period.is_none())
    }

    /// The features of an entity at `time`, in the order of the view's schema: from the tiles that end by
    /// then, and at the end of the stream or later from all. An unknown entity has the features of no
    /// events.
    pub fn vector_at(&self, entity: &str, time: Timestamp) -> Result<Vec<Told>, TileError> {
        self.check(time)?;
        let mut cursor = Cursor::new(self, entity);
        cursor.advance(time)?;
        Ok(cursor.vector(time))
    }

    /// Every entity that has had an event at each of the instants: (entity, instant, vector), in the
    /// order of (instant, name).
    pub fn backfill(&self, instants: &[Timestamp]) -> Result<Vec<(String, Timestamp, Vec<Told>)>, TileError> {
        // Tiles are taken in the order of time.
        let mut instants = instants.to_vec();
        instants.sort_unstable();
        instants.iter().try_for_each(|time| self.check(*time))?;
        let mut found = Vec::new();
        for entity in self.entities() {
            let mut cursor = Cursor::new(self, entity);
            for (place, time) in instants.iter().enumerate() {
                cursor.advance(*time)?;
                if cursor.seen() {
                    found.push((place, entity, cursor.vector(*time)));
                }
            }
        }
        // Stable: entities stay sorted by name.
        found.sort_by_key(|(place, _, _)| *place);
        let row = |(place, entity, vector): (usize, &str, _)| (entity.to_string(), instants[place], vector);
        Ok(found.into_iter().map(row).collect())
    }
}

impl FeatureState {
    /// A state whose history before `border` is in tiles, and that goes on with the events from there:
    /// every later vector is the one of all events.
    ///
    /// Each view of the set needs its tiles, and `border` must be a border of all tables, those of
    /// tumbling periods too, or the end of the stream or later. All features must be among the tiles
    /// and known there. Events from before the border are late from now on; so are those that the log's
    /// own order makes late, if all events of the log after the border are added in its order.
    ///
    /// [`FeatureState::latest`] and the times of first events of [`FeatureState::entities_before`] are as
    /// near as the tiles tell: the border and the allowed lateness, and the start of a tile.
    pub fn from_tiles(
        set: &FeatureSet,
        histories: &[TileHistory<'_>],
        border: Timestamp,
    ) -> Result<FeatureState, TileError> {
        let mut state = FeatureState::default();
        state.watermark = border.0;
        state.fit(set);
        for (place, member) in set.views.iter().enumerate() {
            let own = |history: &&TileHistory<'_>| history.tiles.name == member.name;
            let view = |reason| TileError::View { view: member.name.clone(), reason };
            let history = histories.iter().find(own).ok_or_else(|| view("has no tiles"))?;
            if history.tiles.view.digest() != member.view.digest() {
                return Err(view("is defined otherwise than the one of the tiles"));
            }
            history.check_all(border)?;
            for entity in history.entities() {
                let mut cursor = Cursor::new(history, entity);
                cursor.advance(border)?;
                if !cursor.seen() {
                    continue;
                }
                if let Some(slot) = cursor.tied(border.0) {
                    return Err(TileError::Tied { entity: entity.to_string(), feature: history.reads(slot) });
                }
                let first = cursor.first.iter().flatten().max().copied().unwrap_or(Timestamp::RANGE.0.0);
                let folded = Some(Box::new(cursor.low));
                state.members[place].state.take_in(SmolStr::new(entity), first, folded, Span::default());
            }
        }
        // As if each partition had an event as late as one from before the border is.
        let latest = |source: &SourceRule| vec![Some(border.0.saturating_add(source.lateness_ms)); source.partitions];
        state.clock.latest = set.sources.iter().map(latest).collect();
        state.seal(set);
        Ok(state)
    }
}

impl TileHistory<'_> {
    /// Whether everything before `border` is known, and nothing else is mixed in.
    fn check_all(&self, border: Timestamp) -> Result<(), TileError> {
        if !self.tiles.left_out.is_empty() {
            let told: Vec<String> =
                self.tiles.left_out.iter().map(|one| format!("`{}` ({})", one.feature, one.reason)).collect();
            return Err(TileError::LeftOut { features: told.join(", ") });
        }
        if border.0 >= self.end {
            return Ok(());
        }
        let periods = || self.tiles.tables.iter().filter_map(|rule| Some((rule, rule.period?)));
        if let Some((rule, _)) = periods().rfind(|(_, period)| !is_border(*period, border)) {
            let mut earlier = border;
            // A border of one table may be none of another: go back until it is one of all.
            let before = |time| periods().map(|(_, period)| border_before(period, time)).find(|before| *before < time);
            while let Some(before) = before(earlier) {
                earlier = before;
            }
            return Err(TileError::Border { at: border, length: rule.length(), earlier });
        }
        if (0..self.tiles.read.len()).any(|slot| self.is_total(slot)) {
            return Err(self.total(border));
        }
        Ok(())
    }

    /// The name of a feature that is read from a slot.
    fn reads(&self, slot: usize) -> String {
        let view = self.tiles.view;
        let reads = |(output, _): &(&Output, _)| matches!(output, Output::Slot { slot: other, .. } if *other == slot);
        let found = view.outputs.iter().zip(&view.descriptions).find(reads);
        found.map_or_else(String::new, |(_, one)| one.name.clone())
    }
}
