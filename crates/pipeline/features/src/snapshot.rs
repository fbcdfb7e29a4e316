//! A state as bytes, so that a restart does not begin with the first event of the log.
//!
//! The form is private to a version of the program: a snapshot that does not fit is refused, and the
//! state is recomputed from the log. All numbers are little-endian.

use enliven_types::Event;
use smol_str::SmolStr;

use crate::accumulate::{Acc, Wide};
use crate::distinct::Distinct;
use crate::folded::Folded;
use crate::league::{Game, League};
use crate::quantile::Quantiles;
use crate::rating::Rating;
use crate::slot::Lasting;
use crate::state::{MemberState, Open};
use crate::track::Track;
use crate::view_state::{Entities, Entity, ViewState};
use crate::{FeatureSet, FeatureState, FeatureView};

const VERSION: u8 = 3;

impl FeatureState {
    /// The state as bytes, for [`FeatureState::restore`].
    pub fn snapshot(&self, set: &FeatureSet) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&set.digest().0);
        put(&mut out, self.watermark);
        put(&mut out, self.late as i64);
        put_count(&mut out, self.max_rows);
        put_count(&mut out, self.clock.latest.len());
        for partitions in &self.clock.latest {
            put_count(&mut out, partitions.len());
            partitions.iter().for_each(|latest| put_option(&mut out, *latest));
        }
        put_count(&mut out, self.owners.transfers.values().map(Vec::len).sum());
        for (token, transfers) in &self.owners.transfers {
            for (time, tie, owner) in transfers {
                put(&mut out, *time);
                put(&mut out, *tie);
                put_bytes(&mut out, token.as_bytes());
                put_bytes(&mut out, owner.as_bytes());
            }
        }
        put_count(&mut out, self.members.len());
        for (view, member) in set.views.iter().map(|member| &member.view).zip(&self.members) {
            put_view(&mut out, view, &member.state);
            put_count(&mut out, member.open.len());
            for open in &member.open {
                put(&mut out, open.tie);
                put_bytes(&mut out, &open.event.to_bytes());
            }
        }
        out
    }

    /// Undoes [`FeatureState::snapshot`]; none if the bytes are of another definition or version, or
    /// are damaged.
    pub fn restore(set: &FeatureSet, bytes: &[u8]) -> Option<FeatureState> {
        let mut reader = Reader(bytes);
        if reader.bytes(1)? != [VERSION] || reader.bytes(32)? != set.digest().0 {
            return None;
        }
        let mut state = FeatureState { watermark: reader.number()?, ..FeatureState::default() };
        state.late = reader.number()? as u64;
        state.max_rows = usize::try_from(reader.number()?).ok()?;
        for _ in 0..reader.count(8)? {
            let partitions = (0..reader.count(9)?).map(|_| reader.option()).collect::<Option<Vec<_>>>()?;
            state.clock.latest.push(partitions);
        }
        if !state.clock.latest.is_empty() && state.clock.latest.len() != set.sources.len() {
            return None;
        }
        for _ in 0..reader.count(32)? {
            let (time, tie) = (reader.number()?, reader.number()?);
            let (token, owner) = (reader.text()?, reader.text()?);
            state.owners.add(time, tie, token, owner);
        }
        let members = reader.count(24)?;
        if members != 0 && members != set.views.len() {
            return None;
        }
        for member in &set.views[..members] {
            let mut found = MemberState { state: reader.view(&member.view)?, ..MemberState::default() };
            for _ in 0..reader.count(16)? {
                let tie = reader.number()?;
                let length = reader.count(1)?;
                let event = Event::from_bytes(reader.bytes(length)?).ok()?;
                found.open.push(Open { time: event.time.0, tie, event: Box::new(event) });
            }
            let in_order = found.open.is_sorted_by_key(|open| (open.time, open.tie));
            if !in_order || !(member.waits() || found.open.is_empty()) {
                return None;
            }
            state.members.push(found);
        }
        if members != 0 {
            state.seal(set);
        }
        reader.0.is_empty().then_some(state)
    }
}

fn put(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    put(out, count as i64);
}

fn put_option(out: &mut Vec<u8>, value: Option<i64>) {
    out.push(u8::from(value.is_some()));
    put(out, value.unwrap_or(0));
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn put_view(out: &mut Vec<u8>, view: &FeatureView, state: &ViewState) {
    put_count(out, state.entities.len());
    for (name, entity) in &state.entities {
        put_bytes(out, name.as_bytes());
        put(out, entity.first_folded);
        let words = state.arena.rows(entity.rows, view.layout()).words();
        put_words(out, words);
        out.push(u8::from(entity.folded.is_some()));
        entity.folded.iter().for_each(|folded| put_folded(out, folded));
    }
    put_count(out, state.leagues.len());
    state.leagues.iter().for_each(|league| put_league(out, league));
}

fn put_wide(out: &mut Vec<u8>, value: Wide) {
    out.extend_from_slice(&value.get().to_le_bytes());
}

fn put_words(out: &mut Vec<u8>, words: &[i64]) {
    put_count(out, words.len());
    words.iter().for_each(|word| put(out, *word));
}

fn put_folded(out: &mut Vec<u8>, folded: &Folded) {
    put_count(out, folded.lasted);
    put_count(out, folded.lasting.len());
    folded.lasting.iter().for_each(|lasting| put_lasting(out, lasting));
    put_count(out, folded.tracks.len());
    for track in &folded.tracks {
        put_words(out, &track.words);
        put_count(out, track.large.len());
        track.large.iter().for_each(|acc| put_acc(out, acc));
    }
}

fn put_lasting(out: &mut Vec<u8>, lasting: &Lasting) {
    match lasting {
        Lasting::Lifetime(acc) => {
            out.push(0);
            put_acc(out, acc);
        }
        Lasting::Tumbling(periods) => {
            out.push(1);
            for period in &**periods {
                out.push(u8::from(period.is_some()));
                period.iter().for_each(|entry| put_numbered(out, entry));
            }
        }
        Lasting::Session(session) => {
            out.push(2);
            out.push(u8::from(session.is_some()));
            session.iter().for_each(|entry| put_numbered(out, entry));
        }
    }
}

fn put_numbered(out: &mut Vec<u8>, (number, acc): &(i64, Acc)) {
    put(out, *number);
    put_acc(out, acc);
}

fn put_acc(out: &mut Vec<u8>, acc: &Acc) {
    match acc {
        Acc::Count(count) => {
            out.push(0);
            put(out, *count as i64);
        }
        Acc::Sum { count, sum } => {
            out.push(1);
            put(out, *count as i64);
            put_wide(out, *sum);
        }
        Acc::Squares { count, sum, squares } => {
            out.push(2);
            put(out, *count as i64);
            put_wide(out, *sum);
            put_wide(out, *squares);
        }
        Acc::One(one) => {
            out.push(3);
            put_option(out, one.map(|(time, _)| time));
            put(out, one.map_or(0, |(_, value)| value));
        }
        Acc::Distinct(distinct) => {
            out.push(4);
            distinct.encode(out);
        }
        Acc::Quantiles(quantiles) => {
            out.push(5);
            quantiles.encode(out);
        }
        Acc::Top(counts) => {
            out.push(6);
            put_count(out, counts.len());
            counts.iter().for_each(|count| out.extend_from_slice(&count.to_le_bytes()));
        }
        Acc::Weighted { above, below, tile } => {
            out.push(7);
            put_wide(out, *above);
            put_wide(out, *below);
            put(out, *tile);
        }
        Acc::Streak(run) => {
            out.push(8);
            put(out, *run as i64);
        }
    }
}

fn put_league(out: &mut Vec<u8>, league: &League) {
    put_option(out, league.rated_before);
    put_count(out, league.games.len());
    for (period, games) in &league.games {
        put(out, *period);
        put_count(out, games.len());
        for game in games {
            put(out, game.time);
            put(out, game.tie);
            put(out, i64::from(game.player));
            put(out, i64::from(game.opponent));
            out.push(game.halves);
        }
    }
    put_count(out, league.ratings.len());
    for ratings in &league.ratings {
        put_count(out, ratings.len());
        for (period, rating) in ratings {
            put(out, *period);
            rating.to_words().iter().for_each(|word| put(out, *word as i64));
        }
    }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.bytes(1)?[0])
    }

    fn number(&mut self) -> Option<i64> {
        Some(i64::from_le_bytes(*self.bytes(8)?.first_chunk()?))
    }

    /// A count of things that take at least `size` bytes each, so that no length can ask for more
    /// memory than there are bytes.
    fn count(&mut self, size: usize) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.0.len() / size).then_some(count)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn option(&mut self) -> Option<Option<i64>> {
        let there = self.flag()?;
        let value = self.number()?;
        Some(there.then_some(value))
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.count(1)?;
        std::str::from_utf8(self.bytes(length)?).ok()
    }

    fn view(&mut self, view: &FeatureView) -> Option<ViewState> {
        let count = self.count(8)?;
        let layout = view.layout();
        let entities = Entities::with_capacity_and_hasher(count, Default::default());
        let mut state = ViewState { entities, ..ViewState::default() };
        for _ in 0..count {
            let name = SmolStr::new(self.text()?);
            let first_folded = self.number()?;
            let rows = state.arena.put(&self.words()?, layout)?;
            let folded = if self.flag()? { Some(Box::new(self.folded()?)) } else { None };
            if folded.as_ref().is_some_and(|folded| !view.folding.fits(&view.slots, folded, rows.len())) {
                return None;
            }
            if state.entities.insert(name, Entity { first_folded, folded, rows }).is_some() {
                return None;
            }
        }
        let leagues = self.count(1)?;
        state.leagues = (0..leagues).map(|_| self.league(count)).collect::<Option<Vec<League>>>()?;
        (leagues == 0 || leagues == view.leagues.len()).then_some(state)
    }

    fn wide(&mut self) -> Option<Wide> {
        Some(Wide::new(i128::from_le_bytes(*self.bytes(16)?.first_chunk()?)))
    }

    fn numbered(&mut self) -> Option<(i64, Acc)> {
        Some((self.number()?, self.acc()?))
    }

    fn maybe_numbered(&mut self) -> Option<Option<(i64, Acc)>> {
        if self.flag()? { Some(Some(self.numbered()?)) } else { Some(None) }
    }

    fn words(&mut self) -> Option<Vec<i64>> {
        (0..self.count(8)?).map(|_| self.number()).collect()
    }

    fn folded(&mut self) -> Option<Folded> {
        let lasted = usize::try_from(self.number()?).ok()?;
        let lasting = (0..self.count(2)?).map(|_| self.lasting()).collect::<Option<_>>()?;
        let tracks = (0..self.count(16)?).map(|_| {
            let words = self.words()?;
            let large = (0..self.count(2)?).map(|_| self.acc()).collect::<Option<_>>()?;
            Some(Track { words, large })
        });
        Some(Folded { lasting, lasted, tracks: tracks.collect::<Option<_>>()? })
    }

    fn lasting(&mut self) -> Option<Lasting> {
        Some(match self.byte()? {
            0 => Lasting::Lifetime(self.acc()?),
            1 => Lasting::Tumbling(Box::new([self.maybe_numbered()?, self.maybe_numbered()?])),
            2 => Lasting::Session(self.maybe_numbered()?),
            _ => return None,
        })
    }

    fn acc(&mut self) -> Option<Acc> {
        Some(match self.byte()? {
            0 => Acc::Count(self.number()? as u64),
            1 => Acc::Sum { count: self.number()? as u64, sum: self.wide()? },
            2 => Acc::Squares { count: self.number()? as u64, sum: self.wide()?, squares: self.wide()? },
            3 => {
                let time = self.option()?;
                let value = self.number()?;
                Acc::One(time.map(|time| (time, value)))
            }
            4 => Acc::Distinct(Box::new(Distinct::decode(&mut self.0)?)),
            5 => Acc::Quantiles(Box::new(Quantiles::decode(&mut self.0)?)),
            6 => {
                let count = self.count(4)?;
                let counts = self.bytes(4 * count)?;
                Acc::Top(counts.as_chunks::<4>().0.iter().map(|count| u32::from_le_bytes(*count)).collect())
            }
            7 => Acc::Weighted { above: self.wide()?, below: self.wide()?, tile: self.number()? },
            8 => Acc::Streak(self.number()? as u64),
            _ => return None,
        })
    }

    fn league(&mut self, entities: usize) -> Option<League> {
        let mut league = League { rated_before: self.option()?, ..League::default() };
        for _ in 0..self.count(16)? {
            let period = self.number()?;
            let games = (0..self.count(33)?).map(|_| self.game(entities)).collect::<Option<Vec<Game>>>()?;
            league.games.insert(period, games);
        }
        for _ in 0..self.count(8)? {
            let ratings = (0..self.count(32)?).map(|_| {
                let period = self.number()?;
                let words = [self.number()? as u64, self.number()? as u64, self.number()? as u64];
                Some((period, Rating::from_words(words)))
            });
            league.ratings.push(ratings.collect::<Option<Vec<_>>>()?);
        }
        Some(league)
    }

    fn game(&mut self, entities: usize) -> Option<Game> {
        let (time, tie) = (self.number()?, self.number()?);
        let (player, opponent) = (self.number()?, self.number()?);
        let known = |number: i64| u32::try_from(number).ok().filter(|number| (*number as usize) < entities);
        let (player, opponent, halves) = (known(player)?, known(opponent)?, self.byte()?);
        Some(Game { time, tie, player, opponent, halves })
    }
}
