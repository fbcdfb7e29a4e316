use std::sync::Arc;

use enliven_types::{Attribution, FeatureSchema, FeatureVector, Score};

use crate::artifact::{Form, Input, Method, invalid};
use crate::explain::{divide, layer_parts};
use crate::forest::Forest;
use crate::layers::Layers;
use crate::ranks::Ranks;
use crate::shap::Explainer;
use crate::tree::{self, MISSING};
use crate::{Artifact, InputsConfig, Link, ModelError};

/// A loaded model: it gives margins, scores and attributions, in integers, the same for one row and
/// for many.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it was loaded from; trees and layers are only in `form`.
    inputs: Vec<Input>,
    missing: Vec<Option<i64>>,
    outputs: Vec<String>,
    explained: usize,
    scale: u8,
    link: Link,
    method: Method,
    background: Vec<Vec<i64>>,
    reference: Vec<FeatureVector>,
    /// Where an input's feature stands in the vector; for context, its number.
    places: Vec<Place>,
    form: Loaded,
    /// What each output expects; attributions start from it.
    base: Vec<i64>,
}

#[derive(Clone, Debug)]
enum Loaded {
    Trees(Box<Forest>, Box<Explainer>),
    Layers(Layers),
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Own(usize),
    Opponent(usize),
    Difference(usize),
    Context(usize),
}

impl Model {
    /// Checks an artifact against the features that it will be given.
    pub fn new(artifact: &Artifact, schema: &FeatureSchema) -> Result<Model, ModelError> {
        artifact.check()?;
        if artifact.schema != schema.digest() {
            return Err(ModelError::Schema { model: artifact.schema, manifest: schema.digest() });
        }
        for (number, vector) in artifact.reference.iter().enumerate() {
            if vector.0.len() != schema.features.len() {
                let reason = format!("{} features, {} are defined", vector.0.len(), schema.features.len());
                return Err(invalid(&format!("reference {number}"), reason));
            }
        }
        let (inputs, outputs) = (artifact.inputs.len(), artifact.outputs.len());
        let mut missing = artifact.missing.clone();
        missing.resize(inputs, None);
        let form = match &artifact.form {
            Form::Trees(ensemble) => {
                tree::check(ensemble, inputs, outputs)?;
                let can: Vec<bool> = missing.iter().map(Option::is_some).collect();
                let ranks = Arc::new(Ranks::new(ensemble, &can)?);
                let explainer = match artifact.attributions {
                    Method::Background => Explainer::background(ensemble, &artifact.background, ranks.clone()),
                    Method::Path | Method::Sampled(_) => Explainer::path(ensemble, ranks.clone()),
                };
                Loaded::Trees(Box::new(Forest::new(ensemble, ranks)), Box::new(explainer))
            }
            Form::Layers(network) => Loaded::Layers(Layers::new(network, inputs, outputs)?),
        };
        let mut model = Model {
            inputs: artifact.inputs.clone(),
            missing,
            outputs: artifact.outputs.clone(),
            explained: artifact.explained as usize,
            scale: artifact.scale,
            link: artifact.link,
            method: artifact.attributions,
            background: artifact.background.clone(),
            reference: artifact.reference.clone(),
            places: places(&artifact.inputs, schema)?,
            form,
            base: Vec::new(),
        };
        model.base = model.bases();
        Ok(model)
    }

    /// What a row consists of, in the order of attributions.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// What the margins are of: one name, or the classes.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// The output that attributions explain.
    pub fn explained(&self) -> usize {
        self.explained
    }

    /// Decimal places of a margin.
    pub fn scale(&self) -> u8 {
        self.scale
    }

    /// From margins to what people speak of.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// How attributions are defined.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Whether it judges an entity against a field of reference opponents.
    pub fn is_of_pairs(&self) -> bool {
        !self.reference.is_empty()
    }

    /// The names of the scores: `margin`, which attributions explain, then the link's values.
    pub fn score_names(&self) -> Vec<String> {
        let mut names = vec!["margin".to_string()];
        names.extend(self.link.names(&self.outputs));
        names
    }

    /// The row of inputs of an entity; for a model of pairs against an opponent, with `context` in the
    /// order of inputs.
    pub fn row(&self, own: &FeatureVector, opponent: &FeatureVector, context: &[i64]) -> Vec<i64> {
        let mut row = Vec::with_capacity(self.places.len());
        self.fill(own, opponent, context, &mut row);
        row
    }

    /// The margins of rows, one after the other: as many per row as there are outputs.
    pub fn margins(&self, rows: &[i64]) -> Vec<i64> {
        let (width, outputs) = (self.places.len(), self.outputs.len());
        match &self.form {
            Loaded::Trees(forest, _) => forest.margins(rows, width),
            Loaded::Layers(layers) => {
                let mut margins = vec![0; rows.len() / width * outputs];
                for (row, margins) in rows.chunks_exact(width).zip(margins.chunks_exact_mut(outputs)) {
                    layers.margins(row, margins);
                }
                margins
            }
        }
    }

    /// The attributions of rows for one output: as many parts per row as there are inputs, which sum
    /// to the margin less [`Model::base`].
    pub fn attributions(&self, rows: &[i64], output: usize) -> Vec<i64> {
        let (width, outputs) = (self.places.len(), self.outputs.len());
        let margins = self.margins(rows);
        let wanted = margins.chunks_exact(outputs).map(|margins| margins[output] - self.base[output]);
        match &self.form {
            Loaded::Trees(_, explainer) => {
                let mut parts = explainer.parts(rows, width, output);
                if explainer.weight() != 1 {
                    for (parts, wanted) in parts.chunks_exact_mut(width).zip(wanted) {
                        let totals: Vec<i128> = parts.iter().map(|part| i128::from(*part)).collect();
                        parts.copy_from_slice(&divide(&totals, i128::from(explainer.weight()), wanted));
                    }
                }
                parts
            }
            Loaded::Layers(layers) => {
                let one =
                    |(row, wanted)| layer_parts(layers, self.method, &self.background, row, output, outputs, wanted);
                rows.chunks_exact(width).zip(wanted).flat_map(one).collect()
            }
        }
    }

    /// What an output expects before it knows any input.
    pub fn base(&self, output: usize) -> i64 {
        self.base[output]
    }

    /// The scores of an entity, in the order of [`Model::score_names`]: for a model of pairs the means
    /// over the reference field.
    pub fn score(&self, own: &FeatureVector) -> Vec<Score> {
        let rows = self.rows(own);
        let margins = self.margins(&rows);
        let mut sums = vec![0i128; 1 + self.link.names(&self.outputs).len()];
        for margins in margins.chunks_exact(self.outputs.len()) {
            sums[0] += i128::from(margins[self.explained]);
            for (sum, value) in sums[1..].iter_mut().zip(self.link.values(margins, self.scale)) {
                *sum += i128::from(value);
            }
        }
        // Ten opponents: a sum is a mean with one more decimal place.
        let more = u8::from(self.is_of_pairs());
        let score = |(number, sum): (usize, &i128)| {
            let scale = if number == 0 { self.scale } else { self.link.scale(self.scale) };
            let units = (*sum).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
            Score { units, scale: scale + more }
        };
        sums.iter().enumerate().map(score).collect()
    }

    /// Which inputs made the margin what it is; base and parts sum to the first score.
    pub fn explain(&self, own: &FeatureVector) -> Attribution {
        let rows = self.rows(own);
        let mut parts = vec![0; self.places.len()];
        for row in self.attributions(&rows, self.explained).chunks_exact(self.places.len()) {
            for (sum, part) in parts.iter_mut().zip(row) {
                *sum += part;
            }
        }
        Attribution { base: self.base[self.explained] * self.reference.len().max(1) as i64, parts }
    }

    /// The rows that an entity is scored by: one, or one against each reference opponent.
    fn rows(&self, own: &FeatureVector) -> Vec<i64> {
        let mut rows = Vec::with_capacity(self.places.len() * self.reference.len().max(1));
        if self.reference.is_empty() {
            self.fill(own, own, &[], &mut rows);
            return rows;
        }
        let context: Vec<i64> = self
            .inputs
            .iter()
            .filter_map(|input| match input {
                Input::Context(_, value) => Some(*value),
                _ => None,
            })
            .collect();
        for opponent in &self.reference {
            self.fill(own, opponent, &context, &mut rows);
        }
        rows
    }

    fn fill(&self, own: &FeatureVector, opponent: &FeatureVector, context: &[i64], rows: &mut Vec<i64>) {
        for (place, missing) in self.places.iter().zip(&self.missing) {
            rows.push(value(*place, *missing, own, opponent, context));
        }
    }

    fn bases(&self) -> Vec<i64> {
        let mean = |sum: i128, count: i128| ((sum.abs() + count / 2) / count * sum.signum()) as i64;
        match &self.form {
            Loaded::Trees(_, explainer) => (0..self.outputs.len())
                .map(|output| mean(i128::from(explainer.base(output)), i128::from(explainer.weight())))
                .collect(),
            Loaded::Layers(_) => {
                let rows: Vec<i64> = self.background.iter().flatten().copied().collect();
                let margins = self.margins(&rows);
                let sum = |output: usize| {
                    let of_output = margins.iter().skip(output).step_by(self.outputs.len());
                    of_output.map(|margin| i128::from(*margin)).sum::<i128>()
                };
                (0..self.outputs.len()).map(|output| mean(sum(output), self.background.len() as i128)).collect()
            }
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
    Ok(places)
}

/// An input's value; what stands for *not known* becomes [`MISSING`], and nothing else does.
fn value(place: Place, missing: Option<i64>, own: &FeatureVector, opponent: &FeatureVector, context: &[i64]) -> i64 {
    let known = |value: i64| if Some(value) == missing { None } else { Some(value) };
    let found = match place {
        Place::Own(at) => known(own.0[at]),
        Place::Opponent(at) => known(opponent.0[at]),
        Place::Difference(at) => {
            known(own.0[at]).zip(known(opponent.0[at])).map(|(own, other)| own.saturating_sub(other))
        }
        Place::Context(at) => known(context[at]),
    };
    found.map_or(MISSING, |value| value.max(MISSING + 1))
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
        places.iter().map(|place| value(*place, None, &row.own, &row.opponent, &row.context)).collect()
    };
    Ok(rows.iter().map(one).collect())
}
