//! How an event looks from one side: which entities it concerns, and the row that expressions read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use enliven_types::{Digest, Event, FeatureVector, Privacy, Value};
use smallvec::SmallVec;

use crate::config::{EntityKey, JoinConfig, Key, OwnedBy, Side, ViewConfig};
use crate::sighting::{datum, joined_key, key_of, name_of};
use crate::table::FactTable;
use crate::view::{available, setting};
use crate::{Column, Datum, FeatureError, FeatureSet, FeatureState, FeatureView, Kind};

/// What a definition can be joined with.
pub(crate) struct Neighbours<'a> {
    /// The views that are checked already, by name, in the order of the set.
    pub(crate) views: &'a [(String, FeatureView)],
    /// The tables, in the order of their names.
    pub(crate) tables: &'a [(String, FactTable)],
    /// How private it is who holds a token, and the digest of what says so; none without a source of
    /// transfers.
    pub(crate) owners: Option<(Privacy, Digest)>,
}

impl Neighbours<'_> {
    /// The digests of what a definition joins: views, tables, the ownership of tokens.
    pub(crate) fn digests(&self, config: &ViewConfig) -> BTreeMap<String, Digest> {
        let joins = || config.sides.iter().flat_map(|side| &side.joins);
        let owned = config.sides.iter().any(|side| matches!(side.entity, EntityKey::Owned(_)));
        let asks = owned || joins().any(|join| join.owner_of.is_some());
        let owners = self.owners.filter(|_| asks).map(|(_, digest)| ("ownership".to_string(), digest));
        let views = self.views.iter().filter(|(name, _)| joins().any(|join| join.view.as_ref() == Some(name)));
        let tables = self.tables.iter().filter(|(name, _)| joins().any(|join| join.table.as_ref() == Some(name)));
        let views = views.map(|(name, view)| (format!("view {name}"), view.digest()));
        let tables = tables.map(|(name, table)| (format!("table {name}"), table.digest()));
        views.chain(tables).chain(owners).collect()
    }
}

/// What is known at an event's time, for its joins.
#[derive(Clone, Copy)]
pub(crate) struct AsOf<'a> {
    pub(crate) set: &'a FeatureSet,
    /// None for views that ask for nothing that changes.
    pub(crate) state: Option<&'a FeatureState>,
    pub(crate) time: i64,
}

/// One side of a view, checked.
#[derive(Clone, Debug)]
pub(crate) struct CompiledSide {
    entity: EntityKey,
    opponent: Option<Key>,
    joins: Vec<Join>,
    /// The row, in the order of the fields' names.
    reads: Vec<Read>,
}

#[derive(Clone, Debug)]
struct Join {
    from: Source,
    key: Vec<Read>,
}

/// Where a join looks, by place in the set.
#[derive(Clone, Copy, Debug)]
enum Source {
    View(usize),
    Table(usize),
    Owners,
}

/// Where one datum of a row comes from.
#[derive(Clone, Debug)]
enum Read {
    Column(String),
    Joined { join: usize, place: usize, kind: Kind },
}

/// What a join found.
enum Found<'a> {
    Vector(FeatureVector),
    Row(Option<&'a [Value]>),
    Owner(Option<&'a str>),
}

impl<'a> Found<'a> {
    /// A field of it; of what is not there, zero or an empty text.
    fn datum(&self, place: usize, kind: Kind) -> Datum<'a> {
        let nothing = if kind == Kind::Text { Datum::Text("") } else { Datum::Number(0) };
        match self {
            Found::Vector(vector) => vector.0.get(place).map_or(nothing, |units| Datum::Number(*units)),
            Found::Row(row) => row.and_then(|row| row.get(place)).map_or(nothing, datum),
            Found::Owner(owner) => owner.map_or(nothing, Datum::Text),
        }
    }
}

impl CompiledSide {
    pub(crate) fn joined_views(&self) -> impl Iterator<Item = usize> {
        self.joins.iter().filter_map(|join| if let Source::View(place) = join.from { Some(place) } else { None })
    }

    pub(crate) fn asks_for_owners(&self) -> bool {
        matches!(self.entity, EntityKey::Owned(_)) || self.joins.iter().any(|join| matches!(join.from, Source::Owners))
    }

    pub(crate) fn has_opponent(&self) -> bool {
        self.opponent.is_some()
    }

    pub(crate) fn opponent<'a>(&self, event: &'a Event) -> Option<Cow<'a, str>> {
        key_of(self.opponent.as_ref()?, event)
    }

    /// The entity's key and the columns of the row; none if there is more to it than columns.
    pub(crate) fn plain(&self) -> Option<(&Key, Vec<&String>)> {
        let EntityKey::Named(key) = &self.entity else { return None };
        let column = |read: &'_ Read| matches!(read, Read::Column(_));
        if !self.reads.iter().all(column) {
            return None;
        }
        let columns =
            self.reads.iter().filter_map(|read| if let Read::Column(name) = read { Some(name) } else { None });
        Some((key, columns.collect()))
    }

    /// The entity that the event names.
    pub(crate) fn named<'a>(&self, event: &'a Event) -> Option<Cow<'a, str>> {
        if let EntityKey::Named(key) = &self.entity { key_of(key, event) } else { None }
    }

    /// Names the entities that the event concerns.
    pub(crate) fn each_entity<'a>(&self, event: &'a Event, known: AsOf<'a>, mut name: impl FnMut(&str)) {
        match &self.entity {
            EntityKey::Named(key) => {
                if let Some(entity) = key_of(key, event) {
                    name(&entity);
                }
            }
            EntityKey::Owned(OwnedBy { owned_by }) => {
                if let (Some(owner), Some(state)) = (key_of(owned_by, event), known.state) {
                    state.owners.tokens_of(&owner, known.time).into_iter().for_each(name);
                }
            }
        }
    }

    /// Fills the row that expressions read; none if a column is missing.
    pub(crate) fn fill<'a>(
        &self,
        event: &'a Event,
        known: AsOf<'a>,
        row: &mut SmallVec<[Datum<'a>; 16]>,
    ) -> Option<()> {
        let mut found: SmallVec<[Found<'a>; 2]> = SmallVec::new();
        for join in &self.joins {
            let parts = join.key.iter().map(|part| match part {
                Read::Column(column) => event.data.get(column).map(name_of),
                Read::Joined { join, place, kind } => match found[*join].datum(*place, *kind) {
                    Datum::Text(text) => Some(Cow::Borrowed(text)),
                    Datum::Number(number) => Some(Cow::Owned(number.to_string())),
                },
            });
            let key = joined_key(parts)?;
            found.push(match (join.from, known.state) {
                (Source::View(place), Some(state)) => {
                    Found::Vector(state.view_vector(known.set, place, &key, known.time))
                }
                (Source::Owners, Some(state)) => Found::Owner(state.owners.owner_of(&key, known.time)),
                (Source::Table(place), _) => Found::Row(known.set.table(place).row(&key)),
                (Source::View(_), None) => Found::Vector(FeatureVector::default()),
                (Source::Owners, None) => Found::Owner(None),
            });
        }
        for read in &self.reads {
            row.push(match read {
                Read::Column(column) => datum(event.data.get(column)?),
                Read::Joined { join, place, kind } => found[*join].datum(*place, *kind),
            });
        }
        Some(())
    }
}

/// A field of a side while it is checked.
type Fields = BTreeMap<String, (Column, Read)>;

/// The fields that every side has, and the sides; the sides must agree.
pub(crate) fn sides_of(
    config: &ViewConfig,
    columns: &BTreeMap<String, Column>,
    neighbours: &Neighbours<'_>,
) -> Result<(BTreeMap<String, Column>, Vec<CompiledSide>), FeatureError> {
    let mut all: Option<BTreeMap<String, Column>> = None;
    let mut sides = Vec::new();
    for (index, side) in config.sides.iter().enumerate() {
        let place = format!("sides.{index}");
        let checker = Checker { columns, neighbours };
        let (fields, side) = checker.side(&place, side)?;
        sides.push(side);
        let found: BTreeMap<String, Column> = fields.into_iter().map(|(name, (column, _))| (name, column)).collect();
        let Some(first) = &mut all else {
            all = Some(found);
            continue;
        };
        let kinds = |fields: &BTreeMap<String, Column>| -> Vec<(String, Kind)> {
            fields.iter().map(|(name, column)| (name.clone(), column.kind)).collect()
        };
        if kinds(first) != kinds(&found) {
            return Err(setting(&format!("{place}.fields"), "all sides must have the same fields, of the same types"));
        }
        // A field is as private as the most private column that feeds it from any side.
        for (field, column) in first.iter_mut() {
            column.privacy = column.privacy.max(found[field].privacy);
        }
    }
    let fields = all.ok_or_else(|| setting("sides", "at least one side is needed"))?;
    Ok((fields, sides))
}

struct Checker<'a> {
    columns: &'a BTreeMap<String, Column>,
    neighbours: &'a Neighbours<'a>,
}

impl Checker<'_> {
    fn side(&self, place: &str, side: &Side) -> Result<(Fields, CompiledSide), FeatureError> {
        let entity = format!("{place}.entity");
        match &side.entity {
            EntityKey::Named(key) => self.key(&entity, key)?,
            EntityKey::Owned(OwnedBy { owned_by }) => {
                self.key(&entity, owned_by)?;
                if self.neighbours.owners.is_none() {
                    return Err(setting(&entity, "`owned_by` needs `features.ownership`: a source of transfers"));
                }
                if side.opponent.is_some() {
                    return Err(setting(&entity, "tokens found by their owner have no opponent"));
                }
            }
        }
        if let Some(opponent) = &side.opponent {
            self.key(&format!("{place}.opponent"), opponent)?;
        }
        let mut fields = Fields::new();
        for (field, name) in &side.fields {
            let column = self.column(format!("{place}.fields.{field}"), name)?;
            fields.insert(field.clone(), (column, Read::Column(name.clone())));
        }
        let mut joins = Vec::new();
        for (number, join) in side.joins.iter().enumerate() {
            joins.push(self.join(&format!("{place}.joins.{number}"), number, join, &mut fields)?);
        }
        let reads = fields.values().map(|(_, read)| read.clone()).collect();
        Ok((fields, CompiledSide { entity: side.entity.clone(), opponent: side.opponent.clone(), joins, reads }))
    }

    fn column(&self, place: String, name: &String) -> Result<Column, FeatureError> {
        self.columns.get(name).copied().ok_or_else(|| FeatureError::Unknown {
            place,
            what: "column",
            name: name.clone(),
            available: available(self.columns.keys()),
        })
    }

    /// Whether columns can name something.
    fn key(&self, place: &str, key: &Key) -> Result<(), FeatureError> {
        if key.columns().is_empty() {
            return Err(setting(place, "at least one column is needed"));
        }
        for name in key.columns() {
            if matches!(self.column(place.to_string(), name)?.kind, Kind::Number(1..)) {
                return Err(setting(place, &format!("the column `{name}` is a decimal number, not a name")));
            }
        }
        Ok(())
    }

    fn join(&self, place: &str, number: usize, join: &JoinConfig, fields: &mut Fields) -> Result<Join, FeatureError> {
        let unknown = |field: &str, what: &'static str, name: &String, available: String| FeatureError::Unknown {
            place: format!("{place}.{field}"),
            what,
            name: name.clone(),
            available,
        };
        let names = |list: &[&str]| list.join(", ");
        let (from, key) = match (&join.view, &join.table, &join.owner_of, &join.key) {
            (Some(name), None, None, Some(key)) => {
                let found = self.neighbours.views.iter().position(|(other, _)| other == name);
                let known: Vec<&str> = self.neighbours.views.iter().map(|(name, _)| name.as_str()).collect();
                (Source::View(found.ok_or_else(|| unknown("view", "view", name, names(&known)))?), key)
            }
            (None, Some(name), None, Some(key)) => {
                let found = self.neighbours.tables.iter().position(|(other, _)| other == name);
                let known: Vec<&str> = self.neighbours.tables.iter().map(|(name, _)| name.as_str()).collect();
                (Source::Table(found.ok_or_else(|| unknown("table", "table", name, names(&known)))?), key)
            }
            (None, None, Some(key), None) if self.neighbours.owners.is_some() => (Source::Owners, key),
            (None, None, Some(_), None) => {
                return Err(setting(place, "`owner_of` needs `features.ownership`: a source of transfers"));
            }
            _ => return Err(setting(place, "either `view` and `key`, or `table` and `key`, or `owner_of` is needed")),
        };
        let (key, privacy) = self.join_key(place, key, fields)?;
        for (field, name) in &join.fields {
            let at = format!("fields.{field}");
            let (column, within) = match from {
                Source::View(view) => {
                    let schema = self.neighbours.views[view].1.schema();
                    let within = schema.position(name).ok_or_else(|| {
                        unknown(&at, "feature", name, available(schema.features.iter().map(|one| &one.name)))
                    })?;
                    let feature = &schema.features[within];
                    (Column { kind: Kind::Number(feature.scale), privacy: feature.privacy }, within)
                }
                Source::Table(table) => {
                    let table = &self.neighbours.tables[table].1;
                    let known = || available(table.columns().map(|(name, _)| name));
                    let found = table.columns().enumerate().find(|(_, (other, _))| *other == name);
                    let (within, (_, column)) = found.ok_or_else(|| unknown(&at, "column", name, known()))?;
                    (column, within)
                }
                Source::Owners if name == "owner" => {
                    let privacy = self.neighbours.owners.map(|(privacy, _)| privacy).unwrap_or_default();
                    (Column { kind: Kind::Text, privacy }, 0)
                }
                Source::Owners => return Err(unknown(&at, "field", name, "owner".into())),
            };
            if matches!(column.kind, Kind::Number(scale) if scale > crate::expr::MAX_SCALE) {
                return Err(setting(&format!("{place}.{at}"), "it has more decimal places than expressions can take"));
            }
            let column = Column { privacy: column.privacy.max(privacy), ..column };
            let read = Read::Joined { join: number, place: within, kind: column.kind };
            if fields.insert(field.clone(), (column, read)).is_some() {
                return Err(FeatureError::Twice { place: format!("{place}.{at}"), name: field.clone() });
            }
        }
        Ok(Join { from, key })
    }

    /// The parts of a join's key, and how private they are.
    fn join_key(&self, place: &str, key: &Key, fields: &Fields) -> Result<(Vec<Read>, Privacy), FeatureError> {
        let (mut parts, mut privacy) = (Vec::new(), Privacy::Public);
        for name in key.columns() {
            let earlier = fields.get(name).filter(|(_, read)| matches!(read, Read::Joined { .. }));
            let column = match (earlier, self.columns.contains_key(name)) {
                (Some(_), true) => {
                    let reason = format!("`{name}` is both a column and a joined field: call the field otherwise");
                    return Err(setting(&format!("{place}.key"), &reason));
                }
                (Some((column, _)), false) if column.kind != Kind::Text => {
                    return Err(setting(&format!("{place}.key"), &format!("the joined field `{name}` is no text")));
                }
                (Some((column, read)), false) => {
                    parts.push(read.clone());
                    *column
                }
                (None, _) => {
                    self.key(&format!("{place}.key"), &Key::One(name.clone()))?;
                    parts.push(Read::Column(name.clone()));
                    self.column(format!("{place}.key"), name)?
                }
            };
            privacy = privacy.max(column.privacy);
        }
        if parts.is_empty() {
            return Err(setting(&format!("{place}.key"), "at least one column is needed"));
        }
        Ok((parts, privacy))
    }
}
