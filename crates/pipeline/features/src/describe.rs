//! What a feature is, in words.

use serde::Serialize;

use enliven_types::{Digest, Period, Privacy};

use crate::FeatureView;
use crate::config::{Aggregate, FeatureConfig, Window};
use crate::slot::tile_of;

/// One feature of a view, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The name in the vector.
    pub name: String,
    /// What is computed, such as `the sum of goals_for`.
    pub computes: String,
    /// Of which events: the filter, if there is one.
    pub filter: Option<String>,
    /// Over which stretch of time.
    pub window: String,
    /// What is approximate about it; none if it is exact.
    pub bound: Option<String>,
    /// The value without events, in units of 10^-scale.
    pub empty: i64,
    /// Decimal places.
    pub scale: u8,
    /// What it counts.
    pub unit: String,
    /// Who may see it.
    pub privacy: Privacy,
    /// The digest of all this: equal digests mean the same feature.
    pub digest: Digest,
}

impl FeatureView {
    /// Every feature, in the order of the vector.
    pub fn describe(&self) -> &[Description] {
        &self.descriptions
    }
}

/// What an aggregate computes.
pub(crate) fn computes(aggregate: &Aggregate) -> String {
    match aggregate {
        Aggregate::Count => "the number of events".into(),
        Aggregate::Rate(per) => format!("the number of events per {per}"),
        Aggregate::Sum(of) => format!("the sum of {of}"),
        Aggregate::Mean(of) => format!("the mean of {of}"),
        Aggregate::StandardDeviation(of) => format!("the standard deviation of {of}"),
        Aggregate::Min(of) => format!("the smallest {of}"),
        Aggregate::Max(of) => format!("the largest {of}"),
        Aggregate::First(of) => format!("the earliest {of}"),
        Aggregate::Last(of) => format!("the latest {of}"),
        Aggregate::Distinct(of) => format!("the number of different values of {of}"),
        Aggregate::Quantile(quantile) => format!("the {} permille quantile of {}", quantile.permille, quantile.of),
        Aggregate::Top(top) => format!("the most frequent {} among {}", top.of, top.categories.join(", ")),
        Aggregate::WeightedMean(weighted) => match (weighted.decay_permille, weighted.half_life) {
            (Some(decay), _) => {
                format!("the mean of {}, an event weighing {decay} permille of the one after it", weighted.of)
            }
            (_, half_life) => {
                let half_life = half_life.unwrap_or(Period::Month);
                format!("the mean of {}, weights halving every {half_life}", weighted.of)
            }
        },
        Aggregate::Streak => "how many of the latest events in a row pass the filter".into(),
        Aggregate::TimeSince(unit) => format!("the time since the latest event, in units of {unit}"),
        Aggregate::Glicko2(rating) => format!("the Glicko-2 rating, renewed every {}", rating.period),
        Aggregate::Elo(rating) => format!("the Elo rating (k = {}), renewed every {}", rating.k, rating.period),
        Aggregate::WengLin(rating) => format!("the Weng-Lin rating, renewed every {}", rating.period),
    }
}

/// Over which stretch of time; for ratings and other lasting features, everything.
pub(crate) fn stretch(window: Option<Window>) -> String {
    match window {
        Some(Window::Sliding(length)) => {
            let tile = Period::Fixed(tile_of(length));
            let length = Period::Fixed(length);
            format!("the last {length}, from the start of the tile of {tile} in which they begin")
        }
        Some(Window::Tumbling(period)) => format!("the last period of {period} that has ended"),
        Some(Window::Session(gap)) => {
            format!("the session that is open: events with gaps below {}", Period::Fixed(gap))
        }
        Some(Window::Lifetime) | None => "all events".into(),
    }
}

/// What is approximate.
pub(crate) fn bound(feature: &FeatureConfig) -> Option<String> {
    match feature.aggregate {
        Aggregate::Distinct(_) => Some("exact up to 256, then a standard error of 1.6 %".into()),
        Aggregate::Quantile(_) => Some("exact below 256 units, then within 1/256 of the value".into()),
        _ => None,
    }
}
