use serde::{Deserialize, Serialize};

use crate::fixed::{self, ONE};

/// From margins to what people speak of. Values have nine decimal places, except those of
/// [`Link::Identity`], which are the margins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Link {
    /// The margins themselves.
    Identity,
    /// A chance for each margin, `1 / (1 + exp(-x))`.
    Logistic,
    /// Chances of several classes that sum to one.
    Softmax,
    /// `exp(x)`: of counts and amounts.
    Exp,
    /// Chances of losing, drawing and winning from one margin: an ordered logit (McCullagh,
    /// "Regression Models for Ordinal Data", 1980), with parameters in millionths. Its value are the
    /// expected points, three for a win and one for a draw.
    Ordered {
        /// How strongly the margin counts.
        slope: i64,
        /// Below it: a loss.
        lower: i64,
        /// Above it: a win.
        upper: i64,
    },
}

impl Link {
    /// Whether it takes exactly one margin.
    pub(crate) fn single(&self) -> bool {
        matches!(self, Link::Exp | Link::Ordered { .. })
    }

    /// The names of the values: one, or one per class.
    pub fn names(&self, outputs: &[String]) -> Vec<String> {
        let name = match self {
            Link::Identity | Link::Exp => "value",
            Link::Logistic | Link::Softmax => "chance",
            Link::Ordered { .. } => "points",
        };
        match outputs {
            [_] => vec![name.to_string()],
            classes => classes.iter().map(|class| format!("{name}.{class}")).collect(),
        }
    }

    /// Decimal places of the values, for margins of `scale` places.
    pub fn scale(&self, scale: u8) -> u8 {
        if matches!(self, Link::Identity) { scale } else { 9 }
    }

    /// The values of margins in units of 10^-scale.
    pub fn values(&self, margins: &[i64], scale: u8) -> Vec<i64> {
        match self {
            Link::Identity => margins.to_vec(),
            Link::Logistic => margins.iter().map(|margin| fixed::logistic(*margin, scale)).collect(),
            Link::Softmax => fixed::softmax(margins, scale),
            Link::Exp => margins.iter().map(|margin| fixed::exp(*margin, scale)).collect(),
            Link::Ordered { .. } => {
                let chances = self.chances(margins, scale);
                vec![3 * chances[2] + chances[1]]
            }
        }
    }

    /// The chances, with nine decimal places: of loss, draw and win for [`Link::Ordered`], of no and
    /// yes for one logistic margin, of each class otherwise; none where the values are no chances.
    pub fn chances(&self, margins: &[i64], scale: u8) -> Vec<i64> {
        match (self, margins) {
            (Link::Ordered { slope, lower, upper }, [margin]) => {
                let shift = (i128::from(*slope) * i128::from(*margin) / 10i128.pow(u32::from(scale))) as i64;
                let below = fixed::logistic(lower.saturating_sub(shift), 6);
                let not_above = fixed::logistic(upper.saturating_sub(shift), 6);
                vec![below, not_above - below, ONE - not_above]
            }
            (Link::Logistic, [margin]) => {
                let yes = fixed::logistic(*margin, scale);
                vec![ONE - yes, yes]
            }
            (Link::Logistic | Link::Softmax, _) => self.values(margins, scale),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_sum_to_one_and_points_follow_the_margin() {
        let link = Link::Ordered { slope: 1_000_000, lower: -600_000, upper: 600_000 };
        let mut before = -1;
        for margin in [i64::MIN, -5_000_000, -1_000_000, 0, 1_000_000, 5_000_000, i64::MAX] {
            assert_eq!(link.chances(&[margin], 6).iter().sum::<i64>(), ONE);
            let points = link.values(&[margin], 6)[0];
            assert!(points > before);
            before = points;
        }
    }

    #[test]
    fn values_are_named_after_classes() {
        let two = ["low".to_string(), "high".to_string()];
        assert_eq!(Link::Softmax.names(&two), ["chance.low", "chance.high"]);
        assert_eq!(Link::Exp.names(&two[..1]), ["value"]);
        assert_eq!(Link::Logistic.values(&[0, 0], 9), [ONE / 2, ONE / 2]);
    }
}
