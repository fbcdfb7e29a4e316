//! Training by `forust-ml`: gradient-boosted trees of bounded depth, on stable Rust, the same trees
//! whatever the number of threads.

use enliven_types::{Digest, FeatureSchema, FeatureVector};
use forust_ml::objective::ObjectiveType;
use forust_ml::sampler::SampleMethod;
use forust_ml::{GradientBooster, Matrix};

use crate::artifact::{Artifact, Ensemble, Form, Method, Origin, Training};
use crate::model::{inputs, matrix};
use crate::ordinal::fit;
use crate::{InputsConfig, Link, Model, ModelError, PairRow, TrainConfig, Tree};

/// Margins are in millionths.
const SCALE: u8 = 6;
const UNIT: f64 = 1_000_000.0;
const TRAINER: &str = "forust-ml 0.8.0";

/// What training gives.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The quantised model.
    pub artifact: Artifact,
    /// The largest difference between a prediction of the library's trees and of ours, in units of
    /// the margin, over the training rows.
    pub quantisation: f64,
}

/// Entities that may stand in the reference field, with their features at the end of the training
/// time.
pub type Field = Vec<(String, FeatureVector)>;

/// Trains on the rows between `from` and `until`; `field` are the entities to choose the reference
/// opponents from, in the order of their strength.
pub fn train(
    inputs_config: &InputsConfig,
    settings: &TrainConfig,
    schema: &FeatureSchema,
    rows: &[PairRow],
    field: &Field,
) -> Result<Trained, ModelError> {
    for (field, value, low, high) in [
        ("trees", settings.trees, 1, 2000),
        ("depth", settings.depth, 1, 8),
        ("learning_rate_permille", settings.learning_rate_permille, 1, 1000),
        ("min_leaf_rows", settings.min_leaf_rows, 1, 1_000_000),
        ("l2", settings.l2, 0, 1_000_000),
        ("rows_permille", settings.rows_permille, 1, 1000),
        ("inputs_permille", settings.inputs_permille, 1, 1000),
    ] {
        if !(low..=high).contains(&value) {
            return Err(ModelError::Setting { field, low, high });
        }
    }
    let (from, until) = settings.span()?;
    let rows: Vec<PairRow> = rows.iter().filter(|row| (from..until).contains(&row.time)).cloned().collect();
    if rows.len() < 100 {
        return Err(ModelError::TooFewRows { what: "before the cut-off", needed: 100, found: rows.len() });
    }
    if field.len() < Artifact::REFERENCE {
        let needed = Artifact::REFERENCE;
        return Err(ModelError::TooFewRows { what: "for the reference field", needed, found: field.len() });
    }
    let inputs = inputs(inputs_config);
    let table = matrix(&inputs, schema, &rows)?;
    let limit = settings.target.limit.max(1);
    let target: Vec<f64> = rows.iter().map(|row| row.margin.clamp(-limit, limit) as f64).collect();

    let mut columns = Vec::with_capacity(table.len() * inputs.len());
    for input in 0..inputs.len() {
        columns.extend(table.iter().map(|row| row[input] as f64));
    }
    let data = Matrix::new(&columns, table.len(), inputs.len());
    let permille = |value: u32| f64::from(value) / 1000.0;
    let mut booster = GradientBooster::default()
        .set_objective_type(ObjectiveType::SquaredLoss)
        .set_iterations(settings.trees as usize)
        .set_max_depth(settings.depth as usize)
        .set_learning_rate(permille(settings.learning_rate_permille) as f32)
        .set_min_leaf_weight(settings.min_leaf_rows as f32)
        .set_l2(settings.l2 as f32)
        .set_subsample(permille(settings.rows_permille) as f32)
        .set_sample_method(SampleMethod::Random)
        .set_colsample_bytree(permille(settings.inputs_permille))
        .set_initialize_base_score(true)
        .set_seed(settings.seed);
    booster.fit_unweighted(&data, &target, None).map_err(|error| ModelError::Train { reason: error.to_string() })?;

    let base = vec![libm::round(booster.base_score * UNIT) as i64];
    let trees: Vec<Tree> = booster.trees.iter().map(|tree| quantise(tree, &table)).collect();
    let chosen: Vec<&(String, FeatureVector)> = (0..Artifact::REFERENCE)
        .map(|tenth| &field[(2 * tenth + 1) * field.len() / (2 * Artifact::REFERENCE)])
        .collect();
    let mut artifact = Artifact {
        version: 2,
        schema: schema.digest(),
        inputs,
        missing: Vec::new(),
        outputs: vec!["margin".to_string()],
        explained: 0,
        scale: SCALE,
        form: Form::Trees(Ensemble { base, trees }),
        link: Link::Ordered { slope: 0, lower: 0, upper: 0 },
        attributions: Method::Path,
        background: Vec::new(),
        reference: chosen.iter().map(|(_, vector)| vector.clone()).collect(),
        origin: Origin::Trained(Training {
            trainer: TRAINER.to_string(),
            rows: rows.len() as u64,
            from,
            until,
            data: digest(&table, &target),
            reference: chosen.iter().map(|(name, _)| name.clone()).collect(),
        }),
    };
    let flat: Vec<i64> = table.iter().flatten().copied().collect();
    let margins = Model::new(&artifact, schema)?.margins(&flat);
    let mut quantisation = 0.0;
    for (theirs, margin) in booster.predict(&data, false).iter().zip(&margins) {
        quantisation = f64::max(quantisation, (theirs - *margin as f64 / UNIT).abs());
    }
    let results: Vec<usize> = rows.iter().map(PairRow::result).collect();
    let covariates: Vec<Vec<f64>> = margins.iter().map(|margin| vec![*margin as f64 / UNIT]).collect();
    let theta = fit(&covariates, &results);
    let micro = |value: f64| libm::round(value * UNIT) as i64;
    artifact.link = Link::Ordered { slope: micro(theta[0]), lower: micro(theta[1]), upper: micro(theta[2]) };
    Ok(Trained { artifact, quantisation })
}

/// Our columns for a tree of the library. Inputs are whole numbers, so `x < t` is the same as
/// `x < ceil(t)`: thresholds lose nothing. Covers are counted afresh over all rows.
fn quantise(tree: &forust_ml::tree::Tree, table: &[Vec<i64>]) -> Tree {
    let mut ours = Tree::default();
    // Parents before children: walk from the root and number as we go.
    let mut order = vec![0usize];
    let mut next = 0;
    while next < order.len() {
        let node = &tree.nodes[order[next]];
        if node.is_leaf {
            ours.leaf(libm::round(f64::from(node.weight_value) * UNIT) as i64, 0);
        } else {
            let (left, right) = (order.len() as u32, order.len() as u32 + 1);
            let split = ours.split(node.split_feature as u32, libm::ceil(node.split_value) as i64) as usize;
            (ours.left[split], ours.right[split]) = (left, right);
            order.extend([node.left_child, node.right_child]);
        }
        next += 1;
    }
    for row in table {
        let mut node = 0;
        loop {
            ours.cover[node] += 1;
            if ours.input[node] < 0 {
                break;
            }
            let less = row[ours.input[node] as usize] < ours.threshold[node];
            node = (if less { ours.left[node] } else { ours.right[node] }) as usize;
        }
    }
    ours
}

fn digest(table: &[Vec<i64>], target: &[f64]) -> Digest {
    let mut bytes = Vec::with_capacity(table.len() * 8 * 24);
    for (row, wanted) in table.iter().zip(target) {
        for value in row {
            bytes.extend_from_slice(&value.to_be_bytes());
        }
        bytes.extend_from_slice(&wanted.to_be_bytes());
    }
    Digest::sha256(&bytes)
}
