use std::collections::{BTreeMap, BTreeSet};

use enliven_types::{Event, FeatureDef, FeatureSchema, Period, Value};

use crate::config::{Aggregate, FeatureConfig, FeaturesConfig, Window};
use crate::{Expr, FeatureError, Kind};

/// Decimal places of a mean.
pub(crate) const MEAN_SCALE: u8 = 6;
/// Decimal places of a rating.
pub(crate) const RATING_SCALE: u8 = 2;
const MAX_FEATURES: usize = 512;

/// A checked definition of the features of one kind of entity.
#[derive(Clone, Debug)]
pub struct FeatureView {
    pub(crate) source: String,
    pub(crate) tile_ms: i64,
    pub(crate) sides: Vec<CompiledSide>,
    pub(crate) derived: Vec<Expr>,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) rating: Option<RatingRule>,
    pub(crate) outputs: Vec<Output>,
    schema: FeatureSchema,
}

#[derive(Clone, Debug)]
pub(crate) struct CompiledSide {
    entity: String,
    opponent: Option<String>,
    /// The columns of the row, in order.
    columns: Vec<String>,
}

/// What one event adds to a tile.
#[derive(Clone, Debug)]
pub(crate) enum LaneKind {
    /// Count and sum of the events that pass the filter.
    Sum,
    /// Numerator and denominator of a weighted mean, with the decay in thousandths.
    Weighted(u32),
    /// The run of events that pass the filter.
    Streak,
}

#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) kind: LaneKind,
    pub(crate) filter: Option<Expr>,
    pub(crate) value: Option<Expr>,
}

#[derive(Clone, Debug)]
pub(crate) struct RatingRule {
    pub(crate) won: Expr,
    pub(crate) drawn: Expr,
    pub(crate) period: Period,
    pub(crate) tau: f64,
    pub(crate) volatility: f64,
}

/// How one number of the vector is read from the state.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    Count { lane: usize, window: Window },
    Sum { lane: usize, window: Window },
    Mean { lane: usize, window: Window, scale: u8 },
    Weighted { lane: usize, scale: u8 },
    Streak { lane: usize },
    DaysSince { lane: usize },
    Rating,
    Deviation,
}

/// One event as one of its entities sees it.
pub(crate) struct SideView {
    pub(crate) entity: String,
    pub(crate) opponent: Option<String>,
    pub(crate) row: Vec<Value>,
}

impl FeatureView {
    /// Checks a definition against the columns of its source (name -> kind and decimal places).
    pub fn new(config: &FeaturesConfig, columns: &BTreeMap<String, (Kind, u8)>) -> Result<FeatureView, FeatureError> {
        let Period::Fixed(tile_ms) = config.tile else {
            return Err(setting("tile", "a tile has a fixed length such as `1d`, `1h` or `5m`"));
        };
        let fields = side_fields(config, columns)?;
        let mut known: BTreeMap<String, (usize, Kind)> = BTreeMap::new();
        let mut scales: BTreeMap<String, u8> = BTreeMap::new();
        for (place, (name, (kind, scale))) in fields.iter().enumerate() {
            known.insert(name.clone(), (place, *kind));
            scales.insert(name.clone(), *scale);
        }
        let mut derived = Vec::new();
        for (name, text) in &config.derive {
            let place = format!("derive.{name}");
            if known.contains_key(name) {
                return Err(FeatureError::Twice { place, name: name.clone() });
            }
            let expr = parse(&place, text, &known)?;
            derived.push((name.clone(), expr));
        }
        // Derived fields see the sides' fields, not each other: their order in the file cannot matter.
        for (name, expr) in &derived {
            known.insert(name.clone(), (known.len(), expr.kind()));
            scales.insert(name.clone(), 0);
        }
        let sides = config.sides.iter().map(|side| CompiledSide {
            entity: side.entity.clone(),
            opponent: side.opponent.clone(),
            columns: side.fields.values().cloned().collect(),
        });
        let mut view = FeatureView {
            source: config.source.clone(),
            tile_ms,
            sides: sides.collect(),
            derived: derived.into_iter().map(|(_, expr)| expr).collect(),
            lanes: Vec::new(),
            rating: None,
            outputs: Vec::new(),
            schema: FeatureSchema { features: Vec::new() },
        };
        for (index, feature) in config.define.iter().enumerate() {
            view.add(&format!("define.{index}"), feature, &known, &scales)?;
        }
        view.check_names()?;
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

    /// The column of the entity for each side, in order.
    pub fn entity_columns(&self) -> impl Iterator<Item = &str> {
        self.sides.iter().map(|side| side.entity.as_str())
    }

    /// The entities of an event, one per side, in the order of the sides.
    pub fn entities<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = &'a str> + 'a {
        self.sides.iter().filter_map(|side| event.data.get(&side.entity)?.text())
    }

    /// The event from each side; a side whose columns are missing is left out.
    pub(crate) fn side_views(&self, event: &Event) -> Vec<SideView> {
        let mut views = Vec::with_capacity(self.sides.len());
        for side in &self.sides {
            let text = |column: &String| event.data.get(column).and_then(Value::text).map(str::to_string);
            let Some(entity) = text(&side.entity) else { continue };
            let row: Option<Vec<Value>> = side.columns.iter().map(|column| event.data.get(column).cloned()).collect();
            let Some(mut row) = row else { continue };
            let derived: Vec<Value> = self.derived.iter().map(|expr| Value::Int(expr.number(&row))).collect();
            row.extend(derived);
            views.push(SideView { entity, opponent: side.opponent.as_ref().and_then(text), row });
        }
        views
    }

    fn add(
        &mut self,
        place: &str,
        feature: &FeatureConfig,
        known: &BTreeMap<String, (usize, Kind)>,
        scales: &BTreeMap<String, u8>,
    ) -> Result<(), FeatureError> {
        let filter = match &feature.filter {
            Some(text) => Some(parse_kind(&format!("{place}.where"), text, known, Kind::Bool)?),
            None => None,
        };
        let field = |name: &String| match known.get(name) {
            Some((_, Kind::Text)) => {
                Err(setting(&format!("{place}.aggregate"), &format!("`{name}` is text, a number is needed")))
            }
            Some(_) => Ok((parse(place, name, known)?, scales.get(name).copied().unwrap_or(0))),
            None => Err(FeatureError::Unknown {
                place: format!("{place}.aggregate"),
                what: "field",
                name: name.clone(),
                available: known.keys().cloned().collect::<Vec<_>>().join(", "),
            }),
        };
        let windowed = matches!(feature.aggregate, Aggregate::Count | Aggregate::Sum(_) | Aggregate::Mean(_));
        if !windowed && !feature.windows.is_empty() {
            return Err(setting(&format!("{place}.windows"), "only count, sum and mean have windows"));
        }
        for window in &feature.windows {
            if matches!(window, Window::Sliding(length) if length % self.tile_ms != 0) {
                return Err(setting(
                    &format!("{place}.windows"),
                    &format!("`{window}` is not a whole number of tiles"),
                ));
            }
        }
        let windows = if feature.windows.is_empty() { vec![Window::Lifetime] } else { feature.windows.clone() };
        match &feature.aggregate {
            Aggregate::Count => {
                let lane = self.lane(Lane { kind: LaneKind::Sum, filter, value: None });
                for window in windows {
                    self.output(feature, Some(window), "", 0, Output::Count { lane, window });
                }
            }
            Aggregate::Sum(name) => {
                let (value, scale) = field(name)?;
                let lane = self.lane(Lane { kind: LaneKind::Sum, filter, value: Some(value) });
                for window in windows {
                    self.output(feature, Some(window), "", scale, Output::Sum { lane, window });
                }
            }
            Aggregate::Mean(name) => {
                let (value, scale) = field(name)?;
                let lane = self.lane(Lane { kind: LaneKind::Sum, filter, value: Some(value) });
                for window in windows {
                    self.output(feature, Some(window), "", MEAN_SCALE, Output::Mean { lane, window, scale });
                }
            }
            Aggregate::WeightedMean(weighted) => {
                let (value, scale) = field(&weighted.of)?;
                if weighted.decay_permille == 0 || weighted.decay_permille >= 1000 {
                    return Err(setting(&format!("{place}.aggregate"), "decay_permille must be from 1 to 999"));
                }
                let kind = LaneKind::Weighted(weighted.decay_permille);
                let lane = self.lane(Lane { kind, filter, value: Some(value) });
                self.output(feature, None, "", MEAN_SCALE, Output::Weighted { lane, scale });
            }
            Aggregate::Streak => {
                let lane = self.lane(Lane { kind: LaneKind::Streak, filter, value: None });
                self.output(feature, None, "", 0, Output::Streak { lane });
            }
            Aggregate::DaysSince => {
                let lane = self.lane(Lane { kind: LaneKind::Sum, filter, value: None });
                self.output(feature, None, "", 0, Output::DaysSince { lane });
            }
            Aggregate::Glicko2(rating) => {
                let place = format!("{place}.aggregate");
                if self.rating.is_some() {
                    return Err(setting(&place, "one rating per view is supported"));
                }
                if filter.is_some() {
                    return Err(setting(&place, "a rating takes no `where`"));
                }
                if self.sides.len() != 2 || self.sides.iter().any(|side| side.opponent.is_none()) {
                    return Err(setting(&place, "a rating needs two sides, each with an `opponent`"));
                }
                if !(1..=10_000).contains(&rating.tau_permille) || !(1..=1_000_000).contains(&rating.volatility_ppm) {
                    return Err(setting(&place, "tau_permille must be 1 to 10000 and volatility_ppm 1 to 1000000"));
                }
                self.rating = Some(RatingRule {
                    won: parse_kind(&place, &rating.won, known, Kind::Bool)?,
                    drawn: parse_kind(&place, &rating.drawn, known, Kind::Bool)?,
                    period: rating.period,
                    tau: f64::from(rating.tau_permille) / 1000.0,
                    volatility: f64::from(rating.volatility_ppm) / 1_000_000.0,
                });
                self.output(feature, None, "", RATING_SCALE, Output::Rating);
                self.output(feature, None, "_deviation", RATING_SCALE, Output::Deviation);
            }
        }
        Ok(())
    }

    /// The place of a lane, shared by features that differ in their windows only.
    fn lane(&mut self, lane: Lane) -> usize {
        let same = |other: &Lane| {
            let kinds = match (&lane.kind, &other.kind) {
                (LaneKind::Sum, LaneKind::Sum) | (LaneKind::Streak, LaneKind::Streak) => true,
                (LaneKind::Weighted(left), LaneKind::Weighted(right)) => left == right,
                _ => false,
            };
            kinds && lane.filter == other.filter && lane.value == other.value
        };
        match self.lanes.iter().position(same) {
            Some(place) => place,
            None => {
                self.lanes.push(lane);
                self.lanes.len() - 1
            }
        }
    }

    fn output(&mut self, feature: &FeatureConfig, window: Option<Window>, suffix: &str, scale: u8, output: Output) {
        let mut name = format!("{}{suffix}", feature.name);
        if let (Some(window), true) = (window, feature.windows.len() > 1) {
            name = format!("{name}_{window}");
        }
        self.schema.features.push(FeatureDef { name, scale, unit: feature.unit.clone() });
        self.outputs.push(output);
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

/// The fields that every side has, with their kinds and scales; the sides must agree.
fn side_fields(
    config: &FeaturesConfig,
    columns: &BTreeMap<String, (Kind, u8)>,
) -> Result<BTreeMap<String, (Kind, u8)>, FeatureError> {
    let column = |place: String, name: &String| {
        columns.get(name).copied().ok_or_else(|| FeatureError::Unknown {
            place,
            what: "column",
            name: name.clone(),
            available: columns.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    };
    let mut fields: Option<BTreeMap<String, (Kind, u8)>> = None;
    for (index, side) in config.sides.iter().enumerate() {
        let place = format!("sides.{index}");
        for (field, name) in [("entity", Some(&side.entity)), ("opponent", side.opponent.as_ref())] {
            let Some(name) = name else { continue };
            let place = format!("{place}.{field}");
            if column(place.clone(), name)?.0 != Kind::Text {
                return Err(setting(&place, &format!("the column `{name}` is not text")));
            }
        }
        let mut found = BTreeMap::new();
        for (field, name) in &side.fields {
            found.insert(field.clone(), column(format!("{place}.fields.{field}"), name)?);
        }
        match &fields {
            None => fields = Some(found),
            Some(first) if *first == found => {}
            Some(_) => {
                return Err(setting(
                    &format!("{place}.fields"),
                    "all sides must have the same fields, of the same types",
                ));
            }
        }
    }
    fields.ok_or_else(|| setting("sides", "at least one side is needed"))
}

fn parse(place: &str, text: &str, known: &BTreeMap<String, (usize, Kind)>) -> Result<Expr, FeatureError> {
    let wrong = |reason| FeatureError::Expression { place: place.to_string(), text: text.to_string(), reason };
    Expr::parse(text, known).map_err(wrong)
}

fn parse_kind(
    place: &str,
    text: &str,
    known: &BTreeMap<String, (usize, Kind)>,
    kind: Kind,
) -> Result<Expr, FeatureError> {
    let expr = parse(place, text, known)?;
    if expr.kind() == kind {
        return Ok(expr);
    }
    let reason = "the value must be true or false".to_string();
    Err(FeatureError::Expression { place: place.to_string(), text: text.to_string(), reason })
}

fn setting(place: &str, reason: &str) -> FeatureError {
    FeatureError::Setting { place: place.to_string(), reason: reason.to_string() }
}
