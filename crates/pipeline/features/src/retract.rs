//! Taking back an event that is no row any more: what it was folded into is made anew from the log.

use std::collections::BTreeSet;

use enliven_types::Event;

use crate::join::taken;
use crate::side::AsOf;
use crate::state::{Stuck, transfer};
use crate::{FeatureSet, FeatureState};

impl FeatureState {
    /// Takes an event back however old it is, so that the state is as if it had never been added; what it
    /// did to the horizon stays.
    ///
    /// `events` are those of all logs, each with its partition, those of one partition in the order of its
    /// log; the event itself is among them. Of an event that is a row they are not looked at. Otherwise
    /// they are read once, what the event's entities hold is made anew from them, and so are the ratings of
    /// all entities. Where another view has joined what the event changes, or the event is a transfer,
    /// that cannot be undone here ([`Stuck::Sealed`]): the whole state has to be recomputed.
    pub fn retract_from(&mut self, set: &FeatureSet, event: &Event, events: &[(u32, Event)]) -> Result<(), Stuck> {
        match self.retract(set, event) {
            Err(Stuck::Sealed) => {}
            done => return done,
        }
        let source = set.sources.iter().position(|source| source.name == event.source).ok_or(Stuck::Unknown)?;
        let views = || set.views.iter().enumerate();
        let concerned: Vec<usize> = views()
            .filter(|(_, member)| member.source == source && member.view.admits(event))
            .map(|(place, _)| place)
            .collect();
        let joined =
            |place: &usize| set.views[*place].waits() || views().any(|(_, other)| other.joined.contains(place));
        if transfer(set, source, event).is_some() || concerned.iter().any(joined) {
            return Err(Stuck::Sealed);
        }
        let mut accepted = taken(set, events);
        let before = accepted.len();
        accepted.retain(|(_, other)| (&other.source, &other.id) != (&event.source, &event.id));
        if accepted.len() == before || concerned.is_empty() {
            return Err(Stuck::Unknown);
        }
        accepted.retain(|(_, other)| other.source == event.source);
        // Stable: what is equal stays in the order of the log.
        accepted.sort_by_key(|(_, other)| (other.time, set.tie_of(source, other)));
        for place in concerned {
            let view = &set.views[place].view;
            let sealed = self.horizon(set, source).min(self.watermark).min(self.members[place].asked_from);
            let known = |event: &Event| AsOf { set, state: None, time: event.time.0 };
            let mut names = BTreeSet::new();
            view.each_sighting(event, known(event), |sighting| {
                names.insert(sighting.entity.to_string());
            });
            if names.is_empty() {
                continue;
            }
            let state = &mut self.members[place].state;
            names.iter().for_each(|name| state.empty(view, name));
            for (_, other) in accepted.iter().filter(|(_, other)| view.admits(other)) {
                let at = (other.time.0, set.tie_of(source, other));
                view.each_sighting(other, known(other), |sighting| {
                    if names.contains(sighting.entity) {
                        // What is still to come is not before this one.
                        state.see_row(view, at, sighting, sealed.min(at.0), self.max_rows);
                    }
                    state.see_game(view, at, sighting);
                });
            }
            state.rate(view, self.watermark);
        }
        self.seal(set);
        Ok(())
    }
}
