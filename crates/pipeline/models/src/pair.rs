use enliven_types::{Attribution, FeatureSchema, FeatureVector, Score};
use serde::{Deserialize, Serialize};

use crate::shap::Explainer;
use crate::trees::invalid;
use crate::{Artifact, InputsConfig, Link, ModelError, Trees};

/// Decimal places of a score: six of the artifact, one more for the mean over ten opponents.
const SCORE_SCALE: u8 = 7;

/// One input of the trees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// A feature of the entity.
    Own(String),
    /// A feature of the opponent.
    Opponent(String),
    /// The entity's less the opponent's.
    Difference(String),
    /// A number of the event, with the value that it has when an entity is scored.
    Context(String, i64),
}

impl Input {
    /// The name of the feature or column that it comes from.
    pub fn name(&self) -> &str {
        match self {
            Input::Own(name) | Input::Opponent(name) | Input::Difference(name) | Input::Context(name, _) => name,
        }
    }
}

/// The scores of one entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scores {
    /// The mean margin against the reference field; attributions sum to it.
    pub margin: Score,
    /// The mean of the expected points against the reference field.
    pub points: Score,
}

/// A loaded model.
#[derive(Clone, Debug)]
pub struct PairModel {
    inputs: Vec<Input>,
    /// Where an input's feature stands in the vector; for context, its fixed value.
    places: Vec<Place>,
    trees: Trees,
    explainer: Explainer,
    link: Link,
    reference: Vec<FeatureVector>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Own(usize),
    Opponent(usize),
    Difference(usize),
    Context(usize),
}

impl PairModel {
    /// Checks an artifact against the features that it will be given.
    pub fn new(artifact: &Artifact, schema: &FeatureSchema) -> Result<PairModel, ModelError> {
        if artifact.schema != schema.digest() {
            return Err(ModelError::Schema { model: artifact.schema, manifest: schema.digest() });
        }
        for (number, vector) in artifact.reference.iter().enumerate() {
            if vector.0.len() != schema.features.len() {
                let reason = format!("{} features, {} are defined", vector.0.len(), schema.features.len());
                return Err(invalid(&format!("reference {number}"), reason));
            }
        }
        Ok(PairModel {
            inputs: artifact.inputs.clone(),
            places: places(&artifact.inputs, schema)?,
            trees: Trees::new(artifact.base, &artifact.trees, artifact.inputs.len())?,
            explainer: Explainer::new(artifact.base, &artifact.trees),
            link: artifact.link,
            reference: artifact.reference.clone(),
        })
    }

    /// The inputs, in the order of attributions.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// From margins to chances.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// The margin of one entity against another, in millionths; `context` in the order of inputs.
    pub fn margin(&self, own: &FeatureVector, opponent: &FeatureVector, context: &[i64]) -> i64 {
        let mut row = Vec::with_capacity(self.places.len());
        fill(&self.places, own, opponent, context, &mut row);
        self.trees.predict(&row)
    }

    /// The scores of an entity against the reference field.
    pub fn score(&self, own: &FeatureVector) -> Scores {
        let (mut margin, mut points) = (0, 0);
        self.against_field(own, |row| {
            let found = self.trees.predict(row);
            margin += found;
            points += self.link.points(found);
        });
        let score = |units| Score { units, scale: SCORE_SCALE };
        Scores { margin: score(margin), points: score(points) }
    }

    /// Which inputs made the margin against the reference field what it is.
    pub fn explain(&self, own: &FeatureVector) -> Attribution {
        let mut parts = vec![0; self.inputs.len()];
        self.against_field(own, |row| self.explainer.add(row, &mut parts));
        Attribution { base: self.explainer.base() * self.reference.len() as i64, parts }
    }

    fn against_field(&self, own: &FeatureVector, mut see: impl FnMut(&[i64])) {
        let context: Vec<i64> = self
            .inputs
            .iter()
            .filter_map(|input| match input {
                Input::Context(_, value) => Some(*value),
                _ => None,
            })
            .collect();
        let mut row = Vec::with_capacity(self.places.len());
        for opponent in &self.reference {
            fill(&self.places, own, opponent, &context, &mut row);
            see(&row);
        }
    }
}

/// The inputs that a configuration lists, in their order.
pub(crate) fn inputs(config: &InputsConfig) -> Vec<Input> {
    let mut inputs: Vec<Input> = config.own.iter().cloned().map(Input::Own).collect();
    inputs.extend(config.opponent.iter().cloned().map(Input::Opponent));
    inputs.extend(config.difference.iter().cloned().map(Input::Difference));
    inputs.extend(config.context.iter().map(|(name, value)| Input::Context(name.clone(), *value)));
    inputs
}

fn places(inputs: &[Input], schema: &FeatureSchema) -> Result<Vec<Place>, ModelError> {
    let find = |list: &'static str, name: &String| {
        schema.position(name).ok_or_else(|| ModelError::UnknownInput {
            list,
            name: name.clone(),
            available: schema.features.iter().map(|feature| feature.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    };
    let mut places = Vec::with_capacity(inputs.len());
    let mut context = 0;
    for input in inputs {
        places.push(match input {
            Input::Own(name) => Place::Own(find("own", name)?),
            Input::Opponent(name) => Place::Opponent(find("opponent", name)?),
            Input::Difference(name) => Place::Difference(find("difference", name)?),
            Input::Context(..) => {
                context += 1;
                Place::Context(context - 1)
            }
        });
    }
    if places.is_empty() || places.len() > 1024 {
        return Err(invalid("inputs", format!("{} inputs, 1 to 1024 are allowed", places.len())));
    }
    Ok(places)
}

fn fill(places: &[Place], own: &FeatureVector, opponent: &FeatureVector, context: &[i64], row: &mut Vec<i64>) {
    row.clear();
    row.extend(places.iter().map(|place| match *place {
        Place::Own(at) => own.0[at],
        Place::Opponent(at) => opponent.0[at],
        Place::Difference(at) => own.0[at].saturating_sub(opponent.0[at]),
        Place::Context(at) => context[at],
    }));
}

impl InputsConfig {
    /// Checks that every input is a defined feature.
    pub fn check(&self, schema: &FeatureSchema) -> Result<(), ModelError> {
        places(&inputs(self), schema).map(|_| ())
    }
}

/// The rows of inputs for training.
#[cfg(feature = "train")]
pub(crate) fn matrix(
    inputs: &[Input],
    schema: &FeatureSchema,
    rows: &[crate::PairRow],
) -> Result<Vec<Vec<i64>>, ModelError> {
    let places = places(inputs, schema)?;
    let one = |row: &crate::PairRow| {
        let mut filled = Vec::with_capacity(places.len());
        fill(&places, &row.own, &row.opponent, &row.context, &mut filled);
        filled
    };
    Ok(rows.iter().map(one).collect())
}
