//! A state as bytes, so that a restart does not begin with the first event of the log.
//!
//! A snapshot is pieces: a head with all but the entities, then entities, each piece with the number of
//! their view. So a state that spills is written and read without having all of it in memory. The form is private to a version of the program: a snapshot that does not fit is refused, and the
//! state is recomputed from the log. All numbers are little-endian.

use enliven_types::Event;
use smol_str::SmolStr;

use crate::accumulate::{Acc, Wide};
use crate::distinct::Distinct;
use crate::folded::Folded;
use crate::league::{Game, League};
use crate::quantile::Quantiles;
use crate::rating::Rating;
use crate::rows::Rows;
use crate::slot::Lasting;
use crate::state::Open;
use crate::track::Track;
use crate::view_state::{Body, Entity, ViewState};
use crate::{FeatureSet, FeatureState, FeatureView};

const VERSION: u8 = 3;
/// About so many bytes make a piece.
const PIECE: usize = 1 << 20;

impl FeatureState {
    /// The state as bytes, for [`FeatureState::restore`].
    pub fn snapshot(&self, set: &FeatureSet) -> Vec<u8> {
        let mut out = Vec::new();
        self.snapshot_pieces(set, |piece| put_bytes(&mut out, &piece));
        out
    }

    /// Undoes [`FeatureState::snapshot`]; none if the bytes are of another definition or version, or
    /// are damaged.
    pub fn restore(set: &FeatureSet, bytes: &[u8]) -> Option<FeatureState> {
        let mut reader = Reader(bytes);
        let mut pieces = Vec::new();
        while !reader.0.is_empty() {
            let length = reader.count(1)?;
            pieces.push(reader.bytes(length)?);
        }
        FeatureState::default().restore_pieces(set, pieces)
    }

    /// The state as pieces of about a MiB, in order, for [`FeatureState::restore_pieces`].
    pub fn snapshot_pieces(&self, set: &FeatureSet, mut emit: impl FnMut(Vec<u8>)) {
        emit(self.head(set));
        for (place, (member, state)) in set.views.iter().zip(&self.members).enumerate() {
            let mut piece = Vec::new();
            for (name, entity) in state.state.entities.iter() {
                if piece.is_empty() {
                    put_count(&mut piece, place);
                }
                put_bytes(&mut piece, name.as_bytes());
                state.state.put_entity(&member.view, entity, &mut piece);
                if piece.len() >= PIECE {
                    emit(std::mem::take(&mut piece));
                }
            }
            if !piece.is_empty() {
                emit(piece);
            }
        }
    }

    fn head(&self, set: &FeatureSet) -> Vec<u8> {
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
        for member in &self.members {
            put_count(&mut out, member.state.entities.len());
            put_count(&mut out, member.state.leagues.len());
            member.state.leagues.iter().for_each(|league| put_league(&mut out, league));
            put_count(&mut out, member.open.len());
            for open in &member.open {
                put(&mut out, open.tie);
                put_bytes(&mut out, &open.event.to_bytes());
            }
        }
        out
    }

    /// Undoes [`FeatureState::snapshot_pieces`], for a state without events that may spill; none if the
    /// pieces are of another definition or version, or are damaged.
    pub fn restore_pieces(
        mut self,
        set: &FeatureSet,
        pieces: impl IntoIterator<Item: AsRef<[u8]>>,
    ) -> Option<FeatureState> {
        let mut pieces = pieces.into_iter();
        let counts = self.read_head(set, pieces.next()?.as_ref())?;
        for piece in pieces {
            let mut reader = Reader(piece.as_ref());
            let place = usize::try_from(reader.number()?).ok()?;
            let (view, state) = (&set.views.get(place)?.view, &mut self.members.get_mut(place)?.state);
            while !reader.0.is_empty() {
                let name = SmolStr::new(reader.text()?);
                let body = reader.body(view)?;
                if !state.put_body(view, name, body) {
                    return None;
                }
            }
            self.make_room(set);
        }
        let found = self.members.iter().map(|member| member.state.entities.len());
        if !found.eq(counts) {
            return None;
        }
        if !self.members.is_empty() {
            self.seal(set);
        }
        Some(self)
    }

    /// Reads everything but the entities; returns how many of them each view has.
    fn read_head(&mut self, set: &FeatureSet, bytes: &[u8]) -> Option<Vec<usize>> {
        let mut reader = Reader(bytes);
        if reader.bytes(1)? != [VERSION] || reader.bytes(32)? != set.digest().0 {
            return None;
        }
        self.watermark = reader.number()?;
        self.late = reader.number()? as u64;
        self.max_rows = usize::try_from(reader.number()?).ok()?;
        for _ in 0..reader.count(8)? {
            let partitions = (0..reader.count(9)?).map(|_| reader.option()).collect::<Option<Vec<_>>>()?;
            self.clock.latest.push(partitions);
        }
        if !self.clock.latest.is_empty() && self.clock.latest.len() != set.sources.len() {
            return None;
        }
        for _ in 0..reader.count(32)? {
            let (time, tie) = (reader.number()?, reader.number()?);
            let (token, owner) = (reader.text()?, reader.text()?);
            self.owners.add(time, tie, token, owner);
        }
        let members = reader.count(24)?;
        if members != 0 && members != set.views.len() {
            return None;
        }
        let mut counts = Vec::with_capacity(members);
        for (member, found) in set.views[..members].iter().zip(self.new_members(members)) {
            let mut found = found;
            let count = usize::try_from(reader.number()?).ok()?;
            let leagues = reader.count(1)?;
            found.state.leagues = (0..leagues).map(|_| reader.league(count)).collect::<Option<_>>()?;
            if leagues != 0 && leagues != member.view.leagues.len() {
                return None;
            }
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
            self.members.push(found);
            counts.push(count);
        }
        reader.0.is_empty().then_some(counts)
    }
}

impl ViewState {
    /// What an entity holds, wherever it is.
    fn put_entity(&self, view: &FeatureView, entity: &Entity, out: &mut Vec<u8>) {
        match (entity.rows.place(), &self.spilled) {
            (Some(place), Some(spilled)) => out.extend(spilled.get(place).unwrap_or_default()),
            _ => Body::encode(entity, self.arena.rows(entity.rows, view.layout()), out),
        }
    }

    /// Takes a new entity in; false if its name is not new, or its rows are not in order.
    fn put_body(&mut self, view: &FeatureView, name: SmolStr, body: Body) -> bool {
        let Body { first_folded, words, folded } = body;
        let rows = self.arena.put(&words, view.layout()).filter(|_| self.entities.find(&name).is_none());
        let Some(rows) = rows else { return false };
        self.take_in(name, first_folded, folded, rows);
        true
    }
}

impl Body {
    /// Appends what an entity with these rows holds.
    pub(crate) fn encode(entity: &Entity, rows: Rows<'_>, out: &mut Vec<u8>) {
        put(out, entity.first_folded);
        put_words(out, rows.words());
        out.push(u8::from(entity.folded.is_some()));
        entity.folded.iter().for_each(|folded| put_folded(out, folded));
    }

    /// Undoes [`Body::encode`].
    pub(crate) fn decode(view: &FeatureView, bytes: &[u8]) -> Option<Body> {
        let mut reader = Reader(bytes);
        let body = reader.body(view)?;
        reader.0.is_empty().then_some(body)
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

    fn body(&mut self, view: &FeatureView) -> Option<Body> {
        let first_folded = self.number()?;
        let words = self.words()?;
        let rows = Rows::new(&words, view.layout()).len();
        let folded = if self.flag()? { Some(Box::new(self.folded()?)) } else { None };
        let fits = folded.as_ref().is_none_or(|folded| view.folding.fits(&view.slots, folded, rows));
        fits.then_some(Body { first_folded, words, folded })
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
