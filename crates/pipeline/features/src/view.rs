use std::collections::{BTreeMap, BTreeSet};

use enliven_types::{Digest, Event, FeatureDef, FeatureSchema, Period, Privacy, to_jcs};
use smallvec::SmallVec;

use crate::accumulate::{Rule, keep_of};
use crate::config::{Aggregate, FeatureConfig, Key, ViewConfig, WeightedConfig, Window};
use crate::describe::{Description, bound, computes, stretch};
use crate::folded::Folding;
use crate::league::LeagueRule;
use crate::output::{Finish, Output, PLACES, RATING_PLACES, Reading};
use crate::rating::System;
use crate::rows::Layout;
use crate::side::{AsOf, CompiledSide, Neighbours, sides_of};
use crate::sighting::{Sighting, ValueRule, datum};
use crate::slot::{Slot, Span, tile_of};
use crate::{Datum, Expr, FeatureError, Kind, SourceShape};

const MAX_FEATURES: usize = 512;
const MAX_FILTERS: usize = 64;
/// The name under which expressions see the event's time.
const TIME: &str = "time";

/// A column of a source, as features see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The kind of its data.
    pub kind: Kind,
    /// Who may see it.
    pub privacy: Privacy,
}

/// A checked definition of the features of one kind of entity, from the events of one source.
#[derive(Clone, Debug)]
pub struct FeatureView {
    source: String,
    /// Over the columns of the source, and the time.
    filter: Option<(Expr, Vec<String>)>,
    sides: Vec<CompiledSide>,
    derived: Vec<Expr>,
    filters: Vec<Expr>,
    values: Vec<ValueRule>,
    pub(crate) slots: Vec<Slot>,
    /// Rating systems, each with when a side has won and when nobody has.
    pub(crate) leagues: Vec<LeagueRule>,
    results: Vec<(Expr, Expr)>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) reading: Reading,
    pub(crate) folding: Folding,
    schema: FeatureSchema,
    pub(crate) descriptions: Vec<Description>,
    digest: Digest,
    /// The digest of what all features share: columns, filter, sides, derived fields.
    common: Digest,
    /// The fields of a row, in order: the sides' fields, the time, the derived fields.
    names: Vec<String>,
}

/// What a view was compiled to.
pub(crate) struct Parts<'a> {
    pub(crate) filter: &'a Option<(Expr, Vec<String>)>,
    /// The entity and the columns of each side.
    pub(crate) sides: Vec<(&'a Key, Vec<&'a String>)>,
    pub(crate) names: &'a [String],
    pub(crate) derived: &'a [Expr],
    pub(crate) filters: &'a [Expr],
    pub(crate) values: &'a [ValueRule],
    pub(crate) slots: &'a [Slot],
}

/// What is known while a definition is compiled: the fields, by name and by place in the row.
#[derive(Default)]
struct Scope {
    names: BTreeMap<String, (usize, Kind)>,
    privacy: Vec<Privacy>,
}

impl Scope {
    fn add(&mut self, name: &str, kind: Kind, privacy: Privacy) {
        self.names.insert(name.to_string(), (self.privacy.len(), kind));
        self.privacy.push(privacy);
    }

    /// The class of what an expression gives: the most private of the fields that it reads.
    fn class(&self, expr: &Expr) -> Privacy {
        expr.fields().map(|place| self.privacy[place]).max().unwrap_or_default()
    }

    fn parse(&self, place: &str, text: &str) -> Result<Expr, FeatureError> {
        let wrong = |reason| FeatureError::Expression { place: place.to_string(), text: text.to_string(), reason };
        Expr::parse(text, &self.names).map_err(wrong)
    }

    fn condition(&self, place: &str, text: &str) -> Result<Expr, FeatureError> {
        let expr = self.parse(place, text)?;
        if expr.kind() == Kind::Bool {
            return Ok(expr);
        }
        let reason = "the value must be true or false".to_string();
        Err(FeatureError::Expression { place: place.to_string(), text: text.to_string(), reason })
    }
}

impl FeatureView {
    /// Checks a definition against the columns of its source and what it can be joined with.
    pub(crate) fn new(
        config: &ViewConfig,
        shape: &SourceShape,
        neighbours: &Neighbours<'_>,
    ) -> Result<FeatureView, FeatureError> {
        let columns = &shape.columns;
        let (fields, sides) = sides_of(config, columns, neighbours)?;
        let mut scope = Scope::default();
        for (name, field) in &fields {
            scope.add(name, field.kind, field.privacy);
        }
        if scope.names.contains_key(TIME) {
            return Err(setting("sides", "a field cannot be called `time`: that is the event's time"));
        }
        scope.add(TIME, Kind::Time, Privacy::Public);
        let mut derived = Vec::new();
        for (name, text) in &config.derive {
            let place = format!("derive.{name}");
            if scope.names.contains_key(name) {
                return Err(FeatureError::Twice { place, name: name.clone() });
            }
            derived.push((name, scope.parse(&place, text)?));
        }
        // Derived fields see the sides' fields, not each other: their order in the file cannot matter.
        for (name, expr) in &derived {
            let class = scope.class(expr);
            scope.add(name, expr.kind(), class);
        }
        let names = fields.into_keys().chain([TIME.to_string()]).chain(config.derive.keys().cloned()).collect();
        let mut joined = neighbours.digests(config);
        joined.insert("source".into(), shape.clock_digest());
        let mut view = FeatureView {
            source: config.source.clone(),
            filter: event_filter(config, columns)?,
            sides,
            derived: derived.into_iter().map(|(_, expr)| expr).collect(),
            filters: Vec::new(),
            values: Vec::new(),
            slots: Vec::new(),
            leagues: Vec::new(),
            results: Vec::new(),
            outputs: Vec::new(),
            reading: Reading::default(),
            folding: Folding::default(),
            schema: FeatureSchema { features: Vec::new() },
            descriptions: Vec::new(),
            digest: digest_of(config, columns, &joined),
            common: digest_of(&ViewConfig { define: Vec::new(), ..config.clone() }, columns, &joined),
            names,
        };
        for (index, feature) in config.define.iter().enumerate() {
            view.define(&format!("define.{index}"), feature, &scope)?;
        }
        view.check_names()?;
        view.reading = Reading::new(&view.slots, &view.outputs);
        view.folding = Folding::new(&view.slots);
        Ok(view)
    }

    /// The ordered features.
    pub fn schema(&self) -> &FeatureSchema {
        &self.schema
    }

    /// The source whose events count.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The digest of the definition: equal digests mean equal features, bit for bit.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The entities that an event names, one per side, in the order of the sides. Tokens that a side
    /// finds by their owner are not among them.
    pub fn entities<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = String> + 'a {
        self.sides.iter().filter_map(|side| Some(side.named(event)?.into_owned()))
    }

    /// The views whose features are joined in, by their places in the set.
    pub(crate) fn joined_views(&self) -> BTreeSet<usize> {
        self.sides.iter().flat_map(CompiledSide::joined_views).collect()
    }

    /// Whether a row depends on who holds a token.
    pub(crate) fn asks_for_owners(&self) -> bool {
        self.sides.iter().any(CompiledSide::asks_for_owners)
    }

    /// What a row holds.
    pub(crate) fn layout(&self) -> Layout {
        Layout::new(!self.filters.is_empty(), self.values.len())
    }

    /// What it was compiled to; none if a row is more than the columns of its event.
    pub(crate) fn parts(&self) -> Option<Parts<'_>> {
        Some(Parts {
            filter: &self.filter,
            sides: self.sides.iter().map(CompiledSide::plain).collect::<Option<_>>()?,
            names: &self.names,
            derived: &self.derived,
            filters: &self.filters,
            values: &self.values,
            slots: &self.slots,
        })
    }

    /// Whether the view's own filter lets an event in.
    pub(crate) fn admits(&self, event: &Event) -> bool {
        let Some((expr, columns)) = &self.filter else { return true };
        let mut row: SmallVec<[Datum<'_>; 16]> = SmallVec::new();
        for column in columns {
            let Some(value) = event.data.get(column) else { return false };
            row.push(datum(value));
        }
        row.push(Datum::Number(event.time.0));
        expr.number(&row) != 0
    }

    /// Shows the event from each side; a side whose columns are missing is left out.
    pub(crate) fn each_sighting<'a>(&'a self, event: &'a Event, known: AsOf<'a>, mut see: impl FnMut(&Sighting<'_>)) {
        let mut row: SmallVec<[Datum<'a>; 16]> = SmallVec::new();
        let mut values: SmallVec<[i64; 8]> = SmallVec::new();
        for (number, side) in self.sides.iter().enumerate() {
            row.clear();
            if side.fill(event, known, &mut row).is_none() {
                continue;
            }
            row.push(Datum::Number(event.time.0));
            for expr in &self.derived {
                row.push(match expr.kind() {
                    Kind::Text => Datum::Text(expr.text(&row)),
                    _ => Datum::Number(expr.number(&row)),
                });
            }
            let mut bits = 0;
            for (bit, filter) in self.filters.iter().enumerate() {
                bits |= u64::from(filter.number(&row) != 0) << bit;
            }
            values.clear();
            values.extend(self.values.iter().map(|value| value.of(&row)));
            let opponent = if number == 0 && !self.results.is_empty() { side.opponent(event) } else { None };
            let halves = |(won, drawn): &(Expr, Expr)| match (won.number(&row), drawn.number(&row)) {
                (0, 0) => 0,
                (0, _) => 1,
                _ => 2,
            };
            let results: SmallVec<[u8; 4]> = match opponent {
                Some(_) => self.results.iter().map(halves).collect(),
                None => SmallVec::new(),
            };
            let meeting = opponent.as_ref().map(|opponent| (&**opponent, results.as_slice()));
            side.each_entity(event, known, |entity| see(&Sighting { entity, bits, values: &values, meeting }));
        }
    }

    fn define(&mut self, place: &str, feature: &FeatureConfig, scope: &Scope) -> Result<(), FeatureError> {
        let aggregate = format!("{place}.aggregate");
        let filter = match &feature.filter {
            Some(text) => Some(scope.condition(&format!("{place}.where"), text)?),
            None => None,
        };
        let mut lane = Lane {
            privacy: filter.as_ref().map_or(Privacy::Public, |filter| scope.class(filter)),
            filter,
            value: None,
        };
        let number = |lane: &mut Lane, text: &str| -> Result<u8, FeatureError> {
            let expr = scope.parse(&aggregate, text)?;
            let scale = match expr.kind() {
                Kind::Number(scale) => scale,
                Kind::Bool => 0,
                Kind::Text | Kind::Time => return Err(setting(&aggregate, &format!("`{text}` is not a number"))),
            };
            lane.privacy = lane.privacy.max(scope.class(&expr));
            lane.value = Some(ValueRule::Number(expr));
            Ok(scale)
        };
        match &feature.aggregate {
            Aggregate::Count => self.windowed(place, feature, lane, Rule::Count, 0, &|_| Ok(Finish::Count)),
            Aggregate::Rate(per) => {
                let Period::Fixed(per_ms) = *per else {
                    return Err(setting(&aggregate, "a rate is per fixed length, such as `1d`"));
                };
                self.windowed(place, feature, lane, Rule::Count, PLACES, &|window| match window {
                    Window::Sliding(window_ms) => Ok(Finish::Rate { per_ms, window_ms }),
                    Window::Tumbling(Period::Fixed(window_ms)) => Ok(Finish::Rate { per_ms, window_ms }),
                    _ => Err(setting(&format!("{place}.windows"), "a rate needs windows of fixed lengths")),
                })
            }
            Aggregate::Sum(of) => {
                let scale = number(&mut lane, of)?;
                self.windowed(place, feature, lane, Rule::Sum, scale, &|_| Ok(Finish::Sum))
            }
            Aggregate::Mean(of) => {
                let scale = number(&mut lane, of)?;
                self.windowed(place, feature, lane, Rule::Sum, PLACES, &|_| Ok(Finish::Mean { scale }))
            }
            Aggregate::StandardDeviation(of) => {
                let scale = number(&mut lane, of)?;
                self.windowed(place, feature, lane, Rule::Squares, PLACES, &|_| Ok(Finish::Deviation { scale }))
            }
            Aggregate::Min(of) | Aggregate::Max(of) | Aggregate::First(of) | Aggregate::Last(of) => {
                let scale = number(&mut lane, of)?;
                let rule = match &feature.aggregate {
                    Aggregate::Min(_) => Rule::Min,
                    Aggregate::Max(_) => Rule::Max,
                    Aggregate::First(_) => Rule::First,
                    _ => Rule::Last,
                };
                self.windowed(place, feature, lane, rule, scale, &|_| Ok(Finish::Value))
            }
            Aggregate::Distinct(of) => {
                let expr = scope.parse(&aggregate, of)?;
                lane.privacy = lane.privacy.max(scope.class(&expr));
                let text = expr.kind() == Kind::Text;
                lane.value = Some(if text { ValueRule::Hash(expr) } else { ValueRule::Number(expr) });
                self.windowed(place, feature, lane, Rule::Distinct, 0, &|_| Ok(Finish::Distinct))
            }
            Aggregate::Quantile(quantile) => {
                let scale = number(&mut lane, &quantile.of)?;
                let permille = quantile.permille;
                if !(1..=1000).contains(&permille) {
                    return Err(setting(&aggregate, "permille must be from 1 to 1000"));
                }
                self.windowed(place, feature, lane, Rule::Quantiles, scale, &|_| Ok(Finish::Quantile { permille }))
            }
            Aggregate::Top(top) => {
                let expr = scope.parse(&aggregate, &top.of)?;
                let count = top.categories.len();
                let different: BTreeSet<&String> = top.categories.iter().collect();
                if expr.kind() != Kind::Text {
                    return Err(setting(&aggregate, &format!("`{}` is not text", top.of)));
                }
                if !(1..=256).contains(&count)
                    || different.len() < count
                    || !(1..=count).contains(&(top.ranks as usize))
                {
                    return Err(setting(&aggregate, "1 to 256 different categories, and at most as many ranks"));
                }
                lane.privacy = lane.privacy.max(scope.class(&expr));
                lane.value = Some(ValueRule::Category(expr, top.categories.clone()));
                let rule = Rule::Top { categories: count };
                for rank in 0..top.ranks as usize {
                    let named = |suffix: &str| FeatureConfig {
                        name: format!("{}_{}{suffix}", feature.name, rank + 1),
                        ..feature.clone()
                    };
                    self.windowed(place, &named(""), lane.clone(), rule, 0, &|_| Ok(Finish::Category { rank }))?;
                    self.windowed(place, &named("_share"), lane.clone(), rule, PLACES, &|_| {
                        Ok(Finish::Share { rank })
                    })?;
                }
                Ok(())
            }
            Aggregate::WeightedMean(weighted) => {
                let scale = number(&mut lane, &weighted.of)?;
                let rule = weighting(&aggregate, weighted)?;
                self.lasting(place, feature, lane, rule, PLACES, Finish::Weighted { scale })
            }
            Aggregate::Streak => self.lasting(place, feature, lane, Rule::Streak, 0, Finish::Count),
            Aggregate::TimeSince(unit) => {
                let Period::Fixed(unit_ms) = *unit else {
                    return Err(setting(&aggregate, "time is counted in fixed units, such as `1d`"));
                };
                self.lasting(place, feature, lane, Rule::Last, 0, Finish::Since { unit_ms })
            }
            Aggregate::Glicko2(rating) => {
                if !(1..=10_000).contains(&rating.tau_permille) || !(1..=1_000_000).contains(&rating.volatility_ppm) {
                    let reason = "tau_permille must be 1 to 10000 and volatility_ppm 1 to 1000000";
                    return Err(setting(&aggregate, reason));
                }
                let tau = f64::from(rating.tau_permille) / 1000.0;
                let volatility = f64::from(rating.volatility_ppm) / 1_000_000.0;
                let system = System::Glicko2 { tau, volatility };
                self.rated(&aggregate, feature, scope, system, rating.period, [&rating.won, &rating.drawn], true)
            }
            Aggregate::Elo(rating) => {
                if !(1..=1000).contains(&rating.k) {
                    return Err(setting(&aggregate, "k must be from 1 to 1000"));
                }
                let system = System::Elo { k: f64::from(rating.k), scale: 400.0 };
                self.rated(&aggregate, feature, scope, system, rating.period, [&rating.won, &rating.drawn], false)
            }
            Aggregate::WengLin(rating) => {
                let system = System::WengLin { beta: 25.0 / 6.0, tau: 25.0 / 300.0 };
                self.rated(&aggregate, feature, scope, system, rating.period, [&rating.won, &rating.drawn], true)
            }
        }
    }

    /// Adds a feature for each of its windows.
    fn windowed(
        &mut self,
        place: &str,
        feature: &FeatureConfig,
        lane: Lane,
        rule: Rule,
        scale: u8,
        finish: &dyn Fn(Window) -> Result<Finish, FeatureError>,
    ) -> Result<(), FeatureError> {
        let windows = if feature.windows.is_empty() { vec![Window::Lifetime] } else { feature.windows.clone() };
        for window in windows {
            let finish = finish(window)?;
            let (span, window_ms) = match window {
                Window::Lifetime => (Span::Lifetime, 0),
                Window::Sliding(length) => (Span::Tiles { tile_ms: tile_of(length), keep_ms: length }, length),
                Window::Tumbling(period) => (Span::Tumbling(period), 0),
                Window::Session(gap) => (Span::Session(gap), 0),
            };
            let slot = self.slot(place, &lane, rule, span)?;
            let mut name = feature.name.clone();
            if feature.windows.len() > 1 {
                name = format!("{name}_{}", window.to_string().replace(' ', "_"));
            }
            let output = Output::Slot { slot, window_ms, finish, empty: 0 };
            self.output(place, feature, Named { name, window: Some(window), scale, privacy: lane.privacy }, output)?;
        }
        Ok(())
    }

    /// Adds a feature that looks at everything since ever.
    fn lasting(
        &mut self,
        place: &str,
        feature: &FeatureConfig,
        lane: Lane,
        rule: Rule,
        scale: u8,
        finish: Finish,
    ) -> Result<(), FeatureError> {
        if !feature.windows.is_empty() {
            return Err(setting(&format!("{place}.windows"), "this aggregate takes no windows"));
        }
        let slot = self.slot(place, &lane, rule, Span::Lifetime)?;
        let output = Output::Slot { slot, window_ms: 0, finish, empty: 0 };
        let named = Named { name: feature.name.clone(), window: None, scale, privacy: lane.privacy };
        self.output(place, feature, named, output)
    }

    #[allow(clippy::too_many_arguments)]
    fn rated(
        &mut self,
        place: &str,
        feature: &FeatureConfig,
        scope: &Scope,
        system: System,
        period: Period,
        result: [&str; 2],
        with_deviation: bool,
    ) -> Result<(), FeatureError> {
        if feature.filter.is_some() || !feature.windows.is_empty() || feature.default.is_some() {
            return Err(setting(place, "a rating takes no `where`, no windows and no default"));
        }
        if !self.joined_views().is_empty() || self.asks_for_owners() {
            let reason = "a rating cannot stand in a view that joins others or asks who holds a token: give it a view of its own";
            return Err(setting(place, reason));
        }
        if self.sides.len() != 2 || self.sides.iter().any(|side| !side.has_opponent()) {
            return Err(setting(place, "a rating needs two sides, each with an `opponent`"));
        }
        let (won, drawn) = (scope.condition(place, result[0])?, scope.condition(place, result[1])?);
        let privacy = scope.class(&won).max(scope.class(&drawn));
        let league = self.leagues.len();
        self.leagues.push(LeagueRule { system, period });
        self.results.push((won, drawn));
        let named = |name: String| Named { name, window: None, scale: RATING_PLACES, privacy };
        self.output(place, feature, named(feature.name.clone()), Output::Rating { league })?;
        if with_deviation {
            let named = named(format!("{}_deviation", feature.name));
            self.output(place, feature, named, Output::RatingDeviation { league })?;
        }
        Ok(())
    }

    /// The place of a slot, shared by features that differ in what they read of it.
    fn slot(&mut self, place: &str, lane: &Lane, rule: Rule, span: Span) -> Result<usize, FeatureError> {
        let filter = match &lane.filter {
            Some(filter) => Some(position_or_push(&mut self.filters, filter) as u8),
            None => None,
        };
        if self.filters.len() > MAX_FILTERS {
            return Err(setting(&format!("{place}.where"), &format!("more than {MAX_FILTERS} different filters")));
        }
        let value = lane.value.as_ref().map(|value| position_or_push(&mut self.values, value));
        let same_span = |other: Span| match (other, span) {
            (Span::Tiles { tile_ms: left, .. }, Span::Tiles { tile_ms: right, .. }) => left == right,
            _ => other == span,
        };
        let same = |slot: &Slot| (slot.rule, slot.filter, slot.value) == (rule, filter, value) && same_span(slot.span);
        if let Some(found) = self.slots.iter().position(same) {
            if let (Span::Tiles { keep_ms, .. }, Span::Tiles { keep_ms: more, .. }) =
                (&mut self.slots[found].span, span)
            {
                *keep_ms = (*keep_ms).max(more);
            }
            return Ok(found);
        }
        self.slots.push(Slot { rule, filter, value, span });
        Ok(self.slots.len() - 1)
    }

    fn output(
        &mut self,
        place: &str,
        feature: &FeatureConfig,
        named: Named,
        mut output: Output,
    ) -> Result<(), FeatureError> {
        let Named { name, window, scale, privacy } = named;
        if let (Output::Slot { empty, .. }, Some(default)) = (&mut output, feature.default) {
            let units = libm::floor(default * 10i64.pow(u32::from(scale)) as f64 + 0.5);
            if !(-9e15..=9e15).contains(&units) {
                return Err(setting(&format!("{place}.default"), "the number is too large"));
            }
            *empty = units as i64;
        }
        let empty = if let Output::Slot { empty, .. } = output { empty } else { 0 };
        let mut description = Description {
            name: name.clone(),
            computes: computes(&feature.aggregate),
            filter: feature.filter.clone(),
            window: stretch(window),
            bound: bound(feature),
            empty,
            scale,
            unit: feature.unit.clone(),
            privacy,
            digest: Digest::ZERO,
        };
        // Of the definition, and of what else decides the value.
        let decides = (&self.source, &self.common, &feature.aggregate, &description);
        description.digest = Digest::sha256(&to_jcs(&decides));
        self.descriptions.push(description);
        self.schema.features.push(FeatureDef { name, scale, unit: feature.unit.clone(), privacy });
        self.outputs.push(output);
        Ok(())
    }

    fn check_names(&self) -> Result<(), FeatureError> {
        let mut seen = BTreeSet::new();
        for feature in &self.schema.features {
            if !seen.insert(&feature.name) {
                return Err(FeatureError::Twice { place: "define".into(), name: feature.name.clone() });
            }
        }
        match self.outputs.len() {
            0 => Err(setting("define", "at least one feature is needed")),
            count if count > MAX_FEATURES => {
                Err(setting("define", &format!("{count} features, at most {MAX_FEATURES}")))
            }
            _ => Ok(()),
        }
    }
}

/// A feature's place in the vector.
struct Named {
    name: String,
    window: Option<Window>,
    scale: u8,
    privacy: Privacy,
}

/// What a feature reads of an event.
#[derive(Clone)]
struct Lane {
    filter: Option<Expr>,
    value: Option<ValueRule>,
    privacy: Privacy,
}

pub(crate) fn position_or_push<T: PartialEq + Clone>(list: &mut Vec<T>, item: &T) -> usize {
    if let Some(found) = list.iter().position(|other| other == item) {
        return found;
    }
    list.push(item.clone());
    list.len() - 1
}

fn weighting(place: &str, weighted: &WeightedConfig) -> Result<Rule, FeatureError> {
    match (weighted.decay_permille, weighted.half_life) {
        (Some(decay_permille @ 1..=999), None) => Ok(Rule::PerEvent { decay_permille }),
        (Some(_), None) => Err(setting(place, "decay_permille must be from 1 to 999")),
        (None, Some(Period::Fixed(half_life))) => {
            let tile_ms = tile_of(half_life);
            Ok(Rule::PerTile { keep: keep_of(half_life.max(tile_ms), tile_ms), tile_ms })
        }
        (None, Some(_)) => Err(setting(place, "a half-life is a fixed length, such as `90d`")),
        _ => Err(setting(place, "either `decay_permille` or `half_life` is needed")),
    }
}

pub(crate) fn available(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    names.map(|name| name.as_ref().to_string()).collect::<Vec<_>>().join(", ")
}

/// The view's filter, over all columns and the time.
fn event_filter(
    config: &ViewConfig,
    columns: &BTreeMap<String, Column>,
) -> Result<Option<(Expr, Vec<String>)>, FeatureError> {
    let Some(text) = &config.filter else { return Ok(None) };
    let mut scope = Scope::default();
    for (name, column) in columns.iter().filter(|(name, _)| *name != TIME) {
        scope.add(name, column.kind, column.privacy);
    }
    let names = columns.keys().filter(|name| *name != TIME).cloned().collect();
    scope.add(TIME, Kind::Time, Privacy::Public);
    Ok(Some((scope.condition("where", text)?, names)))
}

/// Of the definition, of the source that it stands on, and of what is joined in.
fn digest_of(config: &ViewConfig, columns: &BTreeMap<String, Column>, joined: &BTreeMap<String, Digest>) -> Digest {
    let columns: BTreeMap<&String, (String, Privacy)> =
        columns.iter().map(|(name, column)| (name, (format!("{:?}", column.kind), column.privacy))).collect();
    Digest::sha256(&to_jcs(&(config, columns, joined)))
}

pub(crate) fn setting(place: &str, reason: &str) -> FeatureError {
    FeatureError::Setting { place: place.to_string(), reason: reason.to_string() }
}
