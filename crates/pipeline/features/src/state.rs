//! What events have added up to, over all views and logs of a collection.
//!
//! A view that joins others *waits*: an event of it is kept as it is (*open*) until nothing can
//! change any more of what it joins, and then *settles*: it becomes a row for good. A vector that is
//! read before that sees the rows that its open events would become by what is known now. So a joined
//! value, too, depends on the accepted events alone, and not on the order in which logs are read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use enliven_types::{Event, FeatureVector, Timestamp};

use crate::FeatureSet;
use crate::clock::{Clock, Tick};
use crate::config::Key;
use crate::owners::Owners;
use crate::side::AsOf;
use crate::sighting::{Sighting, key_of};
use crate::spill::{SpillTo, Spilled};
use crate::view_state::{Extra, ViewState};

/// An entity's rows are folded into its slots when it has more than this many, even if they take more
/// memory there. The number changes what a state costs, never what it says.
const MAX_ROWS: usize = 4096;

/// So many open events are looked through for ones that can settle; more only if they cannot.
const MAX_OPEN: usize = 1024;

/// How much memory is taken is looked at once in so many events.
const CHECK_MEMORY: u32 = 1024;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It counts.
    Taken,
    /// It came later than the allowed lateness, and changes nothing.
    Late,
    /// No view looks at its source, or their filters leave it out.
    Aside,
}

/// Why an event cannot be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// The state never took it.
    Unknown,
    /// It is older than the allowed lateness, so it may have been folded in:
    /// [`FeatureState::retract_from`] makes that anew from the log.
    Sealed,
}

/// What the events of all logs have added up to.
#[derive(Clone, Debug)]
pub struct FeatureState {
    pub(crate) members: Vec<MemberState>,
    pub(crate) clock: Clock,
    pub(crate) owners: Owners,
    /// Where vectors are read from on.
    pub(crate) watermark: i64,
    pub(crate) late: u64,
    pub(crate) max_rows: usize,
    /// Events come in the order of their times: what lies before the watermark is final.
    pub(crate) in_order: bool,
    spill_to: Option<SpillTo>,
    /// What went wrong while spilling.
    fault: Arc<OnceLock<String>>,
    /// Events until the next look at how much memory is taken.
    unchecked: u32,
}

/// One view's part.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemberState {
    pub(crate) state: ViewState,
    /// Events that have not settled, in the order of (time, tie); of waiting views alone.
    pub(crate) open: Vec<Open>,
    /// The rows that open events before the watermark would become, by entity; none if it is not up
    /// to date.
    pub(crate) expected: Option<Expected>,
    /// When a look for events that can settle is worth while.
    pub(crate) patience: usize,
    /// The earliest instant at which another view may still ask.
    pub(crate) asked_from: i64,
}

/// Rows that may come, by entity.
type Expected = BTreeMap<String, Vec<Extra>>;

/// An event that waits for other logs.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) time: i64,
    pub(crate) tie: i64,
    pub(crate) event: Box<Event>,
}

impl Default for FeatureState {
    fn default() -> FeatureState {
        FeatureState {
            members: Vec::new(),
            clock: Clock::default(),
            owners: Owners::default(),
            watermark: i64::MIN,
            late: 0,
            max_rows: MAX_ROWS,
            in_order: false,
            spill_to: None,
            fault: Arc::default(),
            unchecked: 0,
        }
    }
}

impl FeatureState {
    /// A state that folds an entity's rows in when there are more than so many, whatever it costs.
    pub fn with_max_rows(max_rows: usize) -> FeatureState {
        FeatureState { max_rows, ..FeatureState::default() }
    }

    /// A state for events that come in the order of their times, whatever log they are of, and of
    /// which none is late.
    pub(crate) fn in_order() -> FeatureState {
        FeatureState { in_order: true, ..FeatureState::default() }
    }

    /// The same state, before its first event, within a bound of memory: it spills what it holds of the
    /// entities that have been idle longest. It says what any other says.
    pub fn spilling(self, spill_to: SpillTo) -> FeatureState {
        FeatureState { spill_to: Some(spill_to), ..self }
    }

    /// What went wrong while spilling. If anything did, what was read since then does not count, and the
    /// state must not be used any more.
    pub fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }

    pub(crate) fn fit(&mut self, set: &FeatureSet) {
        if self.members.len() < set.views.len() {
            self.members = self.new_members(set.views.len());
            self.seal(set);
        }
    }

    /// Views without events, each with a place of its own to spill to.
    pub(crate) fn new_members(&self, count: usize) -> Vec<MemberState> {
        let mut members = vec![MemberState::default(); count];
        let Some(SpillTo { spill, .. }) = &self.spill_to else { return members };
        for member in &mut members {
            match spill.fresh() {
                Ok(place) => member.state.spilled = Some(Spilled::new(place, self.fault.clone())),
                Err(reason) => {
                    let _ = self.fault.set(reason);
                }
            }
        }
        members
    }

    /// Spills, if more memory is taken than there may be, what has been idle longest.
    pub(crate) fn make_room(&mut self, set: &FeatureSet) {
        let Some(SpillTo { memory, .. }) = self.spill_to else { return };
        let bytes = |members: &[MemberState]| -> usize {
            set.views.iter().zip(members).map(|(view, member)| member.state.bytes(&view.view)).sum()
        };
        if bytes(&self.members) <= memory {
            return;
        }
        let mut idle: Vec<(i64, usize, usize)> = Vec::new();
        for (place, (view, member)) in set.views.iter().zip(&self.members).enumerate() {
            idle.extend(member.state.present(&view.view).map(|(latest, number)| (latest, place, number)));
        }
        idle.sort_unstable();
        // Room for a while, so that looking through all of them costs little for each event.
        let enough = memory - memory / 4;
        for (_, place, number) in idle {
            let (view, state) = (&set.views[place].view, &mut self.members[place].state);
            if !state.send_away(view, number) || bytes(&self.members) <= enough {
                break;
            }
        }
        for (view, member) in set.views.iter().zip(&mut self.members) {
            member.state.tidy(&view.view);
        }
    }

    /// Adds an event. Each event must be added once, in the order of its partition's log: which
    /// events are late follows from that order alone.
    pub fn add(&mut self, set: &FeatureSet, partition: u32, event: &Event) -> Added {
        self.fit(set);
        let source = match self.clock.tick(set, partition, event, self.in_order) {
            Tick::Taken(source) => source,
            Tick::Late => {
                self.late += 1;
                return Added::Late;
            }
            Tick::Foreign => return Added::Aside,
        };
        let time = event.time.0;
        let tie = set.tie_of(source, event);
        let mut added = Added::Aside;
        if let Some((token, owner)) = transfer(set, source, event) {
            self.owners.add(time, tie, &token, &owner);
            self.distrust();
            added = Added::Taken;
        }
        let horizon = self.horizon(set, source);
        for (place, member) in set.views.iter().enumerate().filter(|(_, member)| member.source == source) {
            if !member.view.admits(event) {
                continue;
            }
            added = Added::Taken;
            if member.waits() {
                let open = &mut self.members[place].open;
                let at = open.partition_point(|other| (other.time, other.tie) <= (time, tie));
                open.insert(at, Open { time, tie, event: Box::new(event.clone()) });
            } else {
                let sealed = horizon.min(self.watermark).min(self.members[place].asked_from);
                let known = AsOf { set, state: None, time };
                let (state, max_rows) = (&mut self.members[place].state, self.max_rows);
                member.view.each_sighting(event, known, |sighting| {
                    state.see(&member.view, (time, tie), sighting, sealed, max_rows);
                });
            }
            self.distrust();
        }
        self.unchecked += 1;
        if self.unchecked >= CHECK_MEMORY {
            self.unchecked = 0;
            self.make_room(set);
        }
        let impatient = |member: &MemberState| member.open.len() > member.patience.max(MAX_OPEN);
        if self.members.iter().any(impatient) && !self.in_order {
            self.settle(set);
        }
        added
    }

    /// What open events would become may have changed.
    fn distrust(&mut self) {
        self.members.iter_mut().filter(|member| member.expected.is_some()).for_each(|member| member.expected = None);
    }

    /// No event of the source comes any more before this time.
    pub(crate) fn horizon(&self, set: &FeatureSet, source: usize) -> i64 {
        if self.in_order {
            return self.watermark;
        }
        self.clock.horizon(set, source)
    }

    /// Makes rows of the open events of which nothing joined can change any more.
    fn settle(&mut self, set: &FeatureSet) {
        // What is open may change, and so may what open events would become.
        self.distrust();
        let owners_final = set.ownership.as_ref().map_or(i64::MAX, |rule| self.horizon(set, rule.source));
        let mut finals: Vec<i64> = Vec::with_capacity(set.views.len());
        for (place, member) in set.views.iter().enumerate() {
            let own = self.horizon(set, member.source);
            if !member.waits() {
                finals.push(own);
                continue;
            }
            let joined = member.joined.iter().map(|joined| finals[*joined]).min().unwrap_or(i64::MAX);
            let joined = if member.asks_for_owners { joined.min(owners_final) } else { joined };
            finals.push(own.min(joined));
            let count = self.members[place].open.partition_point(|open| open.time <= joined);
            let settled: Vec<Open> = self.members[place].open.drain(..count).collect();
            if let Some(last) = settled.last() {
                for joined in &member.joined {
                    self.members[*joined].state.rate(&set.views[*joined].view, last.time);
                }
            }
            let sealed = self.members[place].asked_from.min(finals[place]).min(self.watermark);
            for open in settled {
                let mut rows = Vec::new();
                self.would_be(set, place, &open, |entity, row| rows.push((entity.to_string(), row)));
                for (entity, row) in rows {
                    // What waits for others holds no ratings.
                    let sighting = Sighting { entity: &entity, bits: row.bits, values: &row.values, meeting: None };
                    // The events of this batch that are still to come are not before this one.
                    let (sealed, max_rows) = (sealed.min(row.time), self.max_rows);
                    self.members[place].state.see(&member.view, (row.time, row.tie), &sighting, sealed, max_rows);
                }
            }
            self.members[place].patience = 2 * self.members[place].open.len();
        }
        self.seal(set);
    }

    /// Forgets what nothing can ask for any more.
    pub(crate) fn seal(&mut self, set: &FeatureSet) {
        // The earliest instant at which a waiting view may still ask what it joins.
        let asks_from = |place: usize| {
            let oldest = self.members[place].open.first().map_or(i64::MAX, |open| open.time);
            oldest.min(self.horizon(set, set.views[place].source))
        };
        let (mut asked, mut owners) = (vec![i64::MAX; set.views.len()], self.watermark);
        for (place, member) in set.views.iter().enumerate().filter(|(_, member)| member.waits()) {
            let from = asks_from(place);
            member.joined.iter().for_each(|joined| asked[*joined] = asked[*joined].min(from));
            if member.asks_for_owners {
                owners = owners.min(from);
            }
        }
        if let Some(rule) = &set.ownership {
            owners = owners.min(self.horizon(set, rule.source));
            self.owners.seal(owners);
        }
        for (place, member) in set.views.iter().enumerate() {
            let own = self.horizon(set, member.source).min(self.watermark).min(asked[place]);
            let state = &mut self.members[place];
            state.asked_from = asked[place];
            state.state.seal(&member.view, own);
        }
    }

    /// Moves the watermark to `time`: vectors are read there or later from now on.
    pub fn advance(&mut self, set: &FeatureSet, time: Timestamp) {
        self.fit(set);
        self.watermark = self.watermark.max(time.0);
        for (member, state) in set.views.iter().zip(&mut self.members) {
            state.state.rate(&member.view, time.0);
        }
        self.settle(set);
        self.make_room(set);
        for (place, member) in set.views.iter().enumerate() {
            if member.waits() {
                let expected = self.expect(set, place, self.watermark);
                self.members[place].expected = Some(expected);
            }
        }
    }

    /// The rows that the open events of a view before `time` would become, by entity.
    fn expect(&self, set: &FeatureSet, place: usize, time: i64) -> Expected {
        let mut found = Expected::new();
        for open in self.members[place].open.iter().take_while(|open| open.time < time) {
            self.would_be(set, place, open, |entity, row| found.entry(entity.to_string()).or_default().push(row));
        }
        found
    }

    /// The rows that an open event would become by what is known now, each with its entity.
    fn would_be(&self, set: &FeatureSet, place: usize, open: &Open, mut add: impl FnMut(&str, Extra)) {
        let Open { time, tie, event } = open;
        let known = AsOf { set, state: Some(self), time: *time };
        set.views[place].view.each_sighting(event, known, |sighting| {
            let values = sighting.values.iter().copied().collect();
            add(sighting.entity, Extra { time: *time, tie: *tie, bits: sighting.bits, values });
        });
    }

    /// The same, from what is kept if that is up to date.
    fn expected(&self, set: &FeatureSet, place: usize, time: i64) -> Cow<'_, Expected> {
        match &self.members[place].expected {
            Some(expected) if time <= self.watermark => Cow::Borrowed(expected),
            _ => Cow::Owned(self.expect(set, place, time)),
        }
    }

    /// The features of an entity of one view just before `time`.
    pub(crate) fn view_vector(&self, set: &FeatureSet, place: usize, name: &str, time: i64) -> FeatureVector {
        let view = &set.views[place].view;
        let Some(member) = self.members.get(place) else {
            return ViewState::default().vector_at(view, name, time, &[]);
        };
        if member.open.is_empty() {
            return member.state.vector_at(view, name, time, &[]);
        }
        let expected = self.expected(set, place, time);
        let rows = expected.get(name).map_or(&[][..], Vec::as_slice);
        member.state.vector_at(view, name, time, rows)
    }

    /// The features of a token at `time`, from all events before it. `time` is that of the latest
    /// [`FeatureState::advance`], after which nothing was added: ratings are renewed there. An unknown
    /// token has the features of no events.
    pub fn vector_at(&self, set: &FeatureSet, name: &str, time: Timestamp) -> FeatureVector {
        match set.token_views() {
            [only] => self.view_vector(set, *only, name, time.0),
            several => {
                let parts = several.iter().flat_map(|place| self.view_vector(set, *place, name, time.0).0);
                FeatureVector(parts.collect())
            }
        }
    }

    /// Tokens with an event before `time`, each with the time of its first event.
    pub fn entities_before(&self, set: &FeatureSet, time: Timestamp) -> Vec<(Timestamp, String)> {
        let place = set.token_views()[0];
        let Some(member) = self.members.get(place) else { return Vec::new() };
        let settled = member.state.entities(&set.views[place].view).filter(|(first, _)| *first < time.0);
        if member.open.is_empty() {
            return settled.map(|(first, name)| (Timestamp(first), name.to_string())).collect();
        }
        let expected = self.expected(set, place, time.0);
        let mut found: BTreeMap<&str, i64> = settled.map(|(first, name)| (name, first)).collect();
        for (name, rows) in &*expected {
            for extra in rows.iter().filter(|extra| extra.time < time.0) {
                let first = found.entry(name).or_insert(extra.time);
                *first = extra.time.min(*first);
            }
        }
        found.into_iter().map(|(name, first)| (Timestamp(first), name.to_string())).collect()
    }

    /// Takes an event back, so that the state is as if it had never been added; what it did to the
    /// horizon stays. None of it is taken back where it cannot be.
    pub fn retract(&mut self, set: &FeatureSet, event: &Event) -> Result<(), Stuck> {
        self.fit(set);
        let source = set.sources.iter().position(|source| source.name == event.source).ok_or(Stuck::Unknown)?;
        let (time, tie) = (event.time.0, set.tie_of(source, event));
        if time < self.horizon(set, source) {
            return Err(Stuck::Sealed);
        }
        // First what there is to do, so that nothing is done by halves.
        let (mut steps, mut admitted) = (Vec::new(), false);
        for (place, member) in set.views.iter().enumerate().filter(|(_, member)| member.source == source) {
            if !member.view.admits(event) {
                continue;
            }
            admitted = true;
            let open = &self.members[place].open;
            if let Some(found) = open.iter().position(|open| (open.time, open.tie) == (time, tie)) {
                steps.push(Step::Close { place, found });
                continue;
            }
            let known = AsOf { set, state: Some(self), time };
            let mut unknown = false;
            member.view.each_sighting(event, known, |sighting| {
                unknown |= !self.members[place].state.has_row(&member.view, sighting.entity, time, tie);
                let (name, met) = (sighting.entity.to_string(), sighting.meeting.is_some());
                steps.push(Step::Forget { place, name, met });
            });
            if unknown {
                return Err(Stuck::Unknown);
            }
        }
        let transfer = transfer(set, source, event);
        if !admitted && transfer.is_none() {
            return Err(Stuck::Unknown);
        }
        if let Some((token, _)) = transfer
            && !self.owners.remove(time, tie, &token)
        {
            return Err(Stuck::Unknown);
        }
        for step in steps {
            match step {
                Step::Close { place, found } => {
                    self.members[place].open.remove(found);
                }
                Step::Forget { place, name, met } => {
                    self.members[place].state.forget(&set.views[place].view, time, tie, &name, met);
                }
            }
        }
        self.distrust();
        Ok(())
    }

    /// The time of the latest event of any source that is used, taken or left aside.
    pub fn latest(&self) -> Option<Timestamp> {
        self.clock.latest().map(Timestamp)
    }

    /// The latest time of an event of one partition.
    pub fn latest_in(&self, set: &FeatureSet, source: &str, partition: u32) -> Option<Timestamp> {
        let place = set.sources.iter().position(|rule| rule.name == source)?;
        self.clock.latest.get(place)?.get(partition as usize).copied().flatten().map(Timestamp)
    }

    /// How many events came too late.
    pub fn late(&self) -> u64 {
        self.late
    }
}

/// One step of taking an event back.
enum Step {
    /// Of an open event, by its place.
    Close { place: usize, found: usize },
    /// Of a row.
    Forget { place: usize, name: String, met: bool },
}

/// The token and the new owner, if the event is a transfer.
pub(crate) fn transfer(set: &FeatureSet, source: usize, event: &Event) -> Option<(String, String)> {
    let rule = set.ownership.as_ref().filter(|rule| rule.source == source)?;
    let name = |column: &String| Some(key_of(&Key::One(column.clone()), event)?.into_owned());
    Some((name(&rule.config.token)?, name(&rule.config.owner)?))
}
