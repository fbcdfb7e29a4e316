//! Keyed, windowed, event-time features in fixed point.
//!
//! A [`FeatureView`] is a checked definition; a [`FeatureState`] holds what events have added up to.
//! [`FeatureState::vector_at`] answers for any instant, so one definition serves the value at a
//! cut and the point-in-time training row, with the same bits.
//!
//! Rules, each tested:
//! * Events are gathered in tiles of a fixed length. A tile is seen once it is closed, that is,
//!   when the instant asked for is at or after its end. Windows reach back whole tiles.
//! * Inside a tile, and inside a rating period, the order of events does not matter; a late event
//!   gives the same state as a punctual one.
//! * Numbers are integers. Ratings use IEEE-754 basic operations and `libm` in one fixed order and
//!   enter the vector rounded to fixed point.

mod config;
mod error;
mod expr;
mod glicko2;
mod state;
mod tile;
mod view;

pub use config::{Aggregate, FeatureConfig, FeaturesConfig, RatingConfig, Side, WeightedConfig, Window};
pub use error::FeatureError;
pub use expr::{Expr, Kind};
pub use glicko2::{Outcome, Rating, rate};
pub use state::FeatureState;
pub use view::FeatureView;
