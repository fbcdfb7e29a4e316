//! Keyed, windowed, event-time features in fixed point.
//!
//! A [`FeatureSet`] is a checked definition: one or several [`FeatureView`]s over the sources of a
//! collection. A [`FeatureState`] holds what events have added up to. One kernel serves the value at
//! a cut ([`FeatureState::vector_at`]), backfills ([`backfill`]) and training rows
//! ([`point_in_time`]), with the same bits. `docs/features.md` states the semantics; the laws are:
//!
//! * A vector at an instant depends on the accepted events before it and on nothing else: not on the
//!   order of arrival within the allowed lateness, not on when or how often vectors were read.
//! * Events have a total order: time, the order that their source declares, hash of the id, arrival.
//! * A joined value is that of the instant of the event, from the events before it.
//! * A sliding window reaches from the instant asked for (exactly) back to the start of the tile in
//!   which it begins.
//! * Numbers are integers. Ratings use IEEE-754 basic operations and `libm` in one fixed order and
//!   enter the vector rounded to fixed point.

mod accumulate;
mod clock;
mod config;
mod describe;
mod distinct;
mod entities;
mod error;
mod expr;
mod flink;
mod folded;
mod join;
mod league;
mod output;
mod owners;
mod quantile;
mod rating;
mod retract;
mod rows;
mod set;
mod side;
mod sighting;
mod slot;
mod snapshot;
mod spill;
mod state;
mod table;
mod track;
mod view;
mod view_state;

pub use config::{
    Aggregate, EloConfig, EntityKey, FeatureConfig, FeaturesConfig, Glicko2Config, JoinConfig, Key, OwnedBy,
    OwnershipConfig, QuantileConfig, Side, TableConfig, TopConfig, ViewConfig, WeightedConfig, WengLinConfig, Window,
};
pub use describe::Description;
pub use distinct::Distinct;
pub use error::FeatureError;
pub use expr::{Datum, Dialect, Expr, Fields, Kind, SqlField};
pub use flink::{
    FlinkColumn, FlinkInput, FlinkJob, FlinkOutput, FlinkSource, LeftOut, MAX_TILE_LINE, Tile, TileColumn, TileError,
    TileHistory, TileReader, TileTable, Told, Unknown,
};
pub use join::{backfill, point_in_time};
pub use quantile::Quantiles;
pub use rating::{Outcome, Rating, System};
pub use set::{FeatureSet, SourceShape, Tables};
pub use spill::{Spill, SpillTo};
pub use state::{Added, FeatureState, Stuck};
pub use view::{Column, FeatureView};
