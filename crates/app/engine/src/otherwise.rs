//! What would have left a token as it was: a counterfactual about the model and the policy.

use std::collections::BTreeSet;

use enliven_models::{Input, smallest_change};
use enliven_policy::{Inputs, TraitSource};
use enliven_types::{Decision, FeatureVector, Fixed, Privacy, Receipt};

use crate::Plan;
use crate::words::feature_label;

/// How many tokens' features say which values are really taken.
const SAMPLE: usize = 1000;

/// The smallest change of one or two public features after which the token would have been left as it
/// was, in a sentence; `last` is the change before, `others` are the latest changes of all tokens. None
/// for a mint.
pub(crate) fn otherwise(plan: &Plan, receipt: &Receipt, last: &Receipt, others: &[Receipt]) -> String {
    let places = places(plan);
    let stride = others.len().div_ceil(SAMPLE).max(1);
    let fits = |other: &&Receipt| other.schema == receipt.schema;
    let sample: Vec<&FeatureVector> = others.iter().filter(fits).step_by(stride).map(|other| &other.features).collect();
    let taken: Vec<Vec<i64>> =
        places.iter().map(|place| sample.iter().map(|vector| vector.0[*place]).collect()).collect();
    let decides = |vector: &FeatureVector| {
        let scores = plan.model.score(vector);
        let inputs = Inputs { features: vector, scores: &scores };
        matches!(plan.policy.decide(&inputs, Some(&last.state), receipt.state.changed_at), Decision::Hold(_))
    };
    let Some(change) = smallest_change(&receipt.features, &places, &taken, &decides) else {
        return format!(
            "No change of one or two features within what they are among {} tokens would have left it as it was.",
            sample.len()
        );
    };
    let schema = plan.features.schema();
    let one = |(place, value): &(usize, i64)| {
        let shown = |units: i64| Fixed { units, scale: schema.features[*place].scale }.to_string();
        let now = shown(receipt.features.0[*place]);
        format!(
            "{} been {} instead of {now}",
            feature_label(&plan.manifest, &schema.features[*place].name),
            shown(*value)
        )
    };
    let parts: Vec<String> = change.values.iter().map(one).collect();
    format!(
        "Had {}, and all else the same, it would have been left as it was. (This is about the model, not the world.)",
        parts.join(" and ")
    )
}

/// The public features that the decision depends on: those of the model, then those of traits.
fn places(plan: &Plan) -> Vec<usize> {
    let mut names: Vec<&String> = Vec::new();
    for input in plan.model.inputs() {
        if let Input::Own(name) | Input::Difference(name) = input {
            names.push(name);
        }
    }
    for config in &plan.manifest.traits {
        match &config.from {
            TraitSource::Feature(name) => names.push(name),
            TraitSource::Ratio(ratio) => names.extend([&ratio.of, &ratio.per]),
            _ => {}
        }
    }
    let schema = plan.features.schema();
    let mut seen = BTreeSet::new();
    let public = |place: &usize| schema.features[*place].privacy == Privacy::Public;
    let found = names.into_iter().filter_map(|name| schema.position(name)).filter(public);
    found.filter(|place| seen.insert(*place)).collect()
}
