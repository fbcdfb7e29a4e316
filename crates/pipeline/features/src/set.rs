//! All feature views of a collection, in the order in which they need each other.

use std::collections::{BTreeMap, BTreeSet};

use enliven_types::{Digest, Event, FeatureSchema, Privacy, Value, to_jcs};

use crate::config::{FeaturesConfig, OwnershipConfig, ViewConfig};
use crate::side::Neighbours;
use crate::sighting::fnv1a;
use crate::table::FactTable;
use crate::view::{Column, available, setting};
use crate::{Description, FeatureError, FeatureView, Kind};

/// A source, as features see it.
#[derive(Clone, Debug)]
pub struct SourceShape {
    /// Its columns.
    pub columns: BTreeMap<String, Column>,
    /// How many partitions its log has.
    pub partitions: u32,
    /// An event may be so many milliseconds older than the latest one before it in its partition.
    pub lateness_ms: i64,
    /// The column that orders events of the same time.
    pub order: Option<String>,
}

impl SourceShape {
    /// Of what decides which events are late and in which order they stand.
    pub(crate) fn clock_digest(&self) -> Digest {
        Digest::sha256(&to_jcs(&(self.lateness_ms, &self.order)))
    }
}

/// The rows of the tables, by name: their values by column.
pub type Tables = BTreeMap<String, Vec<BTreeMap<String, Value>>>;

/// The checked definition of everything that is known of entities.
#[derive(Clone, Debug)]
pub struct FeatureSet {
    pub(crate) sources: Vec<SourceRule>,
    /// A view stands after the views that it joins.
    pub(crate) views: Vec<Member>,
    /// The views that make up a token's vector.
    tokens: Vec<usize>,
    tables: Vec<(String, FactTable)>,
    pub(crate) ownership: Option<OwnerRule>,
    schema: FeatureSchema,
    descriptions: Vec<Description>,
    digest: Digest,
}

/// A source that is used.
#[derive(Clone, Debug)]
pub(crate) struct SourceRule {
    pub(crate) name: String,
    pub(crate) partitions: usize,
    pub(crate) lateness_ms: i64,
    order: Option<String>,
}

/// A view in the set.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) view: FeatureView,
    /// The place of its source.
    pub(crate) source: usize,
    /// The places of the views that it joins.
    pub(crate) joined: BTreeSet<usize>,
    pub(crate) asks_for_owners: bool,
}

impl Member {
    /// Whether its rows depend on what other logs may still bring.
    pub(crate) fn waits(&self) -> bool {
        self.asks_for_owners || !self.joined.is_empty()
    }
}

/// Where transfers come from.
#[derive(Clone, Debug)]
pub(crate) struct OwnerRule {
    pub(crate) source: usize,
    pub(crate) config: OwnershipConfig,
}

impl FeatureSet {
    /// Checks a definition against the sources and tables that there are.
    pub fn new(
        config: &FeaturesConfig,
        sources: &BTreeMap<String, SourceShape>,
        tables: &Tables,
    ) -> Result<FeatureSet, FeatureError> {
        let facts = fact_tables(config, tables)?;
        let owners = match &config.ownership {
            None => None,
            Some(ownership) => {
                let privacy = check_ownership(ownership, sources)?;
                let clock = sources[&ownership.source].clock_digest();
                Some((privacy, Digest::sha256(&to_jcs(&(ownership, clock)))))
            }
        };
        let mut set = FeatureSet {
            sources: Vec::new(),
            views: Vec::new(),
            tokens: Vec::new(),
            tables: facts,
            ownership: None,
            schema: FeatureSchema { features: Vec::new() },
            descriptions: Vec::new(),
            digest: Digest::ZERO,
        };
        let mut compiled: Vec<(String, FeatureView)> = Vec::new();
        for name in order_of(config)? {
            let view = &config.views[&name];
            let shape = source_of(&format!("views.{name}.source"), &view.source, sources)?;
            let neighbours = Neighbours { views: &compiled, tables: &set.tables, owners };
            let checked =
                FeatureView::new(view, shape, &neighbours).map_err(|error| error.within(&format!("views.{name}")))?;
            compiled.push((name, checked));
        }
        for (name, view) in compiled {
            let source = set.source(view.source(), sources);
            let (joined, asks_for_owners) = (view.joined_views(), view.asks_for_owners());
            set.views.push(Member { name, view, source, joined, asks_for_owners });
        }
        if let Some(ownership) = &config.ownership {
            let source = set.source(&ownership.source, sources);
            set.ownership = Some(OwnerRule { source, config: ownership.clone() });
        }
        set.choose_tokens(config)?;
        let digests: Vec<(&str, Digest)> =
            set.views.iter().map(|member| (member.name.as_str(), member.view.digest())).collect();
        let partitions: Vec<(&str, usize)> =
            set.sources.iter().map(|source| (source.name.as_str(), source.partitions)).collect();
        set.digest = Digest::sha256(&to_jcs(&(digests, &set.tokens, owners.map(|(_, digest)| digest), partitions)));
        Ok(set)
    }

    /// The place of a source that is used, which is added if it is new.
    fn source(&mut self, name: &str, sources: &BTreeMap<String, SourceShape>) -> usize {
        if let Some(place) = self.sources.iter().position(|source| source.name == name) {
            return place;
        }
        let shape = &sources[name];
        self.sources.push(SourceRule {
            name: name.to_string(),
            partitions: shape.partitions as usize,
            lateness_ms: shape.lateness_ms,
            order: shape.order.clone(),
        });
        self.sources.len() - 1
    }

    fn choose_tokens(&mut self, config: &FeaturesConfig) -> Result<(), FeatureError> {
        let names: Vec<String> = match (config.tokens.as_slice(), self.views.as_slice()) {
            ([], [only]) => vec![only.name.clone()],
            ([], _) => {
                let reason = "with several views it must be said which make up a token's features: `tokens = [...]`";
                return Err(setting("tokens", reason));
            }
            (names, _) => names.to_vec(),
        };
        for (number, name) in names.iter().enumerate() {
            let place = format!("tokens.{number}");
            let found = self.views.iter().position(|member| &member.name == name);
            let found = found.ok_or_else(|| FeatureError::Unknown {
                place: place.clone(),
                what: "view",
                name: name.clone(),
                available: available(config.views.keys()),
            })?;
            if self.tokens.contains(&found) {
                return Err(setting(&place, &format!("the view `{name}` is named twice")));
            }
            self.tokens.push(found);
            let view = &self.views[found].view;
            for feature in &view.schema().features {
                if self.schema.position(&feature.name).is_some() {
                    return Err(FeatureError::Twice {
                        place: format!("views.{name}.define"),
                        name: feature.name.clone(),
                    });
                }
                self.schema.features.push(feature.clone());
            }
            self.descriptions.extend_from_slice(view.describe());
        }
        Ok(())
    }

    /// The features of a token, in the order of its vector.
    pub fn schema(&self) -> &FeatureSchema {
        &self.schema
    }

    /// The features of a token, for people.
    pub fn describe(&self) -> &[Description] {
        &self.descriptions
    }

    /// The digest of the definition: equal digests mean equal features, bit for bit.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Every view by name; a view stands after the views that it joins.
    pub fn views(&self) -> impl Iterator<Item = (&str, &FeatureView)> {
        self.views.iter().map(|member| (member.name.as_str(), &member.view))
    }

    /// Whether a view's features are part of a token's vector.
    pub fn makes_tokens(&self, view: &str) -> bool {
        self.tokens.iter().any(|place| self.views[*place].name == view)
    }

    /// The view whose entities are the tokens.
    pub fn token_view(&self) -> &FeatureView {
        &self.views[self.tokens[0]].view
    }

    /// The views that make up a token's vector, by their places.
    pub(crate) fn token_views(&self) -> &[usize] {
        &self.tokens
    }

    /// The sources that are used, by name.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|source| source.name.as_str())
    }

    pub(crate) fn table(&self, place: usize) -> &FactTable {
        &self.tables[place].1
    }

    /// What orders events of the same time: the number of the order column, where there is one, then
    /// the FNV-1a hash of their ids.
    pub(crate) fn tie_of(&self, source: usize, event: &Event) -> i64 {
        let hash = fnv1a(event.id.as_bytes());
        match &self.sources[source].order {
            None => hash as i64,
            Some(column) => {
                let number = event.data.get(column).and_then(Value::number).unwrap_or(0);
                let number = number.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
                number << 32 | (hash >> 32) as i64
            }
        }
    }
}

fn fact_tables(config: &FeaturesConfig, tables: &Tables) -> Result<Vec<(String, FactTable)>, FeatureError> {
    let empty = Vec::new();
    let table = |(name, table): (&String, &crate::TableConfig)| {
        let rows = tables.get(name).unwrap_or(&empty);
        Ok((name.clone(), FactTable::new(&format!("tables.{name}"), table, rows)?))
    };
    config.tables.iter().map(table).collect()
}

fn source_of<'a>(
    place: &str,
    name: &String,
    sources: &'a BTreeMap<String, SourceShape>,
) -> Result<&'a SourceShape, FeatureError> {
    sources.get(name).ok_or_else(|| FeatureError::Unknown {
        place: place.to_string(),
        what: "source",
        name: name.clone(),
        available: available(sources.keys()),
    })
}

/// How private it is who holds a token.
fn check_ownership(
    ownership: &OwnershipConfig,
    sources: &BTreeMap<String, SourceShape>,
) -> Result<Privacy, FeatureError> {
    let shape = source_of("ownership.source", &ownership.source, sources)?;
    let mut privacy = Privacy::Public;
    for (field, name) in [("token", &ownership.token), ("owner", &ownership.owner)] {
        let place = format!("ownership.{field}");
        let column = shape.columns.get(name).ok_or_else(|| FeatureError::Unknown {
            place: place.clone(),
            what: "column",
            name: name.clone(),
            available: available(shape.columns.keys()),
        })?;
        if matches!(column.kind, Kind::Number(1..)) {
            return Err(setting(&place, &format!("the column `{name}` is a decimal number, not a name")));
        }
        privacy = privacy.max(column.privacy);
    }
    Ok(privacy)
}

/// The names of the views, each after the views that it joins.
fn order_of(config: &FeaturesConfig) -> Result<Vec<String>, FeatureError> {
    for (name, view) in &config.views {
        for (side, one) in view.sides.iter().enumerate() {
            for (join, joined) in one.joins.iter().enumerate() {
                if let Some(unknown) = joined.view.as_ref().filter(|joined| !config.views.contains_key(*joined)) {
                    return Err(FeatureError::Unknown {
                        place: format!("views.{name}.sides.{side}.joins.{join}.view"),
                        what: "view",
                        name: unknown.clone(),
                        available: available(config.views.keys()),
                    });
                }
            }
        }
    }
    let joins = |view: &ViewConfig| -> BTreeSet<String> {
        view.sides.iter().flat_map(|side| &side.joins).filter_map(|join| join.view.clone()).collect()
    };
    let mut left: BTreeMap<&String, BTreeSet<String>> =
        config.views.iter().map(|(name, view)| (name, joins(view))).collect();
    let mut order: Vec<String> = Vec::new();
    while !left.is_empty() {
        let ready = left.iter().find(|(_, joined)| !joined.iter().any(|name| left.contains_key(name)));
        let Some(name) = ready.map(|(name, _)| (*name).clone()) else {
            let names = available(left.keys());
            let (first, _) = left.into_iter().next().unwrap_or((&names, BTreeSet::new()));
            return Err(setting(&format!("views.{first}"), &format!("views join each other in a circle: {names}")));
        };
        left.remove(&name);
        order.push(name);
    }
    Ok(order)
}
