//! XGBoost's model files, JSON or UBJSON (versions 1.0 to 3; doc/model.schema in its repository).
//!
//! Inputs are rounded to single precision and go left if they are *less* than a threshold; categories
//! of a set go *right*, all others left; leaves are added up in single precision.

use enliven_types::Digest;

use super::ImportError;
use super::foreign::{
    Absent, Dense, Foreign, ForeignForm, ForeignLayers, ForeignNode, ForeignTree, ForeignTrees, Test,
};
use super::value::{At, Value, whole};
use crate::Link;

/// Makes a model of a document.
pub(crate) fn read(document: &Value, format: &'static str, file: Digest) -> Result<Foreign, ImportError> {
    let root = At::root(format, document);
    let learner = root.get("learner")?;
    let parameters = learner.get("learner_model_param")?;
    let objective = learner.get("objective")?.get("name")?.text()?.to_string();
    let width = parameters.get("num_feature")?.whole()?;
    let classes = parameters.get("num_class")?.whole()?;
    let targets = parameters.find("num_target")?.map(|at| at.whole()).transpose()?.unwrap_or(1).max(1);
    let outputs = classes.max(targets).max(1);
    if outputs > 256 {
        return Err(parameters.error(format!("{outputs} outputs, at most 256 are allowed")));
    }
    let link = link(&objective)?;
    let base = base(&parameters, &objective, outputs)?;
    let inputs = match learner.find("feature_names")? {
        Some(names) => names.texts()?,
        None => Vec::new(),
    };
    let version: Vec<String> = root.get("version")?.numbers()?.iter().map(|part| format!("{part}")).collect();
    let mut notes = Vec::new();
    if let Some(best) = learner.find("attributes")?.map(|at| at.find("best_iteration")).transpose()?.flatten() {
        let best = best.number()?;
        notes.push(format!("training stopped early, its best iteration is {best}; all trees are taken"));
    }
    let booster = learner.get("gradient_booster")?;
    let form = match booster.get("name")?.text()? {
        "gbtree" => ForeignForm::Trees(trees(&booster.get("model")?, base, outputs, &[], &inputs, &mut notes)?),
        "dart" => {
            let weights = booster.get("weight_drop")?.numbers()?;
            let model = booster.get("gbtree")?.get("model")?;
            ForeignForm::Trees(trees(&model, base, outputs, &weights, &inputs, &mut notes)?)
        }
        "gblinear" => ForeignForm::Layers(linear(&booster.get("model")?, &base, width)?),
        other => {
            return Err(ImportError::Unsupported {
                what: format!("XGBoost's booster `{other}`"),
                instead: "the boosters `gbtree`, `dart` and `gblinear` are".into(),
            });
        }
    };
    Ok(Foreign {
        format: format!("{format} {}", version.join(".")),
        objective,
        inputs,
        width,
        outputs,
        classes: Vec::new(),
        link,
        notes,
        file,
        prepare: Vec::new(),
        factor: 1.0,
        form,
    })
}

fn link(objective: &str) -> Result<Link, ImportError> {
    Ok(match objective {
        "reg:squarederror"
        | "reg:linear"
        | "reg:squaredlogerror"
        | "reg:pseudohubererror"
        | "reg:absoluteerror"
        | "reg:quantileerror"
        | "reg:expectileerror"
        | "binary:logitraw"
        | "rank:pairwise"
        | "rank:ndcg"
        | "rank:map" => Link::Identity,
        "reg:logistic" | "binary:logistic" => Link::Logistic,
        "multi:softprob" | "multi:softmax" => Link::Softmax,
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => Link::Exp,
        other => {
            return Err(ImportError::Unsupported {
                what: format!("XGBoost's objective `{other}`"),
                instead: "reg:squarederror, reg:logistic, binary:logistic, multi:softprob, count:poisson, reg:gamma, \
                          reg:tweedie and rank:* are"
                    .into(),
            });
        }
    })
}

/// What margins start from: `base_score`, a number, or since version 3 a list in quotes, through the
/// inverse of the objective's link.
fn base(parameters: &At<'_>, objective: &str, outputs: usize) -> Result<Vec<f64>, ImportError> {
    let at = parameters.get("base_score")?;
    let scores: Vec<f32> = match at.value {
        Value::Text(text) => {
            let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
            let parsed: Result<Vec<f32>, _> = inner.split(',').map(|part| part.trim().parse()).collect();
            parsed.map_err(|_| at.error(format!("`{text}` is no number and no list of numbers")))?
        }
        _ => vec![at.number()? as f32],
    };
    let scores = match scores.len() {
        1 => vec![scores[0]; outputs],
        count if count == outputs => scores,
        count => return Err(at.error(format!("{count} numbers for {outputs} outputs"))),
    };
    let margin = |score: f32| match objective {
        "reg:logistic" | "binary:logistic" => -libm::logf(1.0 / score - 1.0),
        "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => libm::logf(score),
        _ => score,
    };
    let margins: Vec<f64> = scores.iter().map(|score| f64::from(margin(*score))).collect();
    if margins.iter().any(|margin| !margin.is_finite()) {
        return Err(at.error(format!("it has no finite margin under `{objective}`")));
    }
    Ok(margins)
}

fn trees(
    model: &At<'_>,
    base: Vec<f64>,
    outputs: usize,
    weights: &[f64],
    names: &[String],
    notes: &mut Vec<String>,
) -> Result<ForeignTrees, ImportError> {
    let items = model.get("trees")?.items()?;
    let output_of = model.get("tree_info")?.column(items.len())?;
    if !weights.is_empty() && weights.len() != items.len() {
        return Err(model.error(format!("{} weights for {} trees", weights.len(), items.len())));
    }
    let mut trees = Vec::with_capacity(items.len());
    for (number, item) in items.iter().enumerate() {
        let output = whole(output_of[number]).filter(|output| *output < outputs);
        let output = output.ok_or_else(|| model.error(format!("tree {number} is for no output")))?;
        let weight = weights.get(number).map_or(1.0, |weight| *weight as f32);
        trees.push(ForeignTree { output, first_leaf: 0, nodes: nodes(item, weight)? });
    }
    if let Some(cats) = model.find("cats")? {
        note_categories(&cats, names, notes)?;
    }
    Ok(ForeignTrees { base, narrow_input: true, narrow_sum: true, divide: 1.0, trees, covers: true })
}

fn nodes(tree: &At<'_>, weight: f32) -> Result<Vec<ForeignNode>, ImportError> {
    let size = tree.get("tree_param")?.find("size_leaf_vector")?.map(|size| size.whole()).transpose()?;
    if size.is_some_and(|size| size > 1) {
        return Err(ImportError::Unsupported {
            what: "an XGBoost tree with vectors as leaves".into(),
            instead: "train with multi_strategy=one_output_per_tree".into(),
        });
    }
    let left = tree.get("left_children")?.numbers()?;
    let count = left.len();
    let right = tree.get("right_children")?.column(count)?;
    let inputs = tree.get("split_indices")?.column(count)?;
    let conditions = tree.get("split_conditions")?.column(count)?;
    let default_left = tree.get("default_left")?.column(count)?;
    let covers = tree.get("sum_hessian")?.column(count)?;
    let kinds = match tree.find("split_type")? {
        Some(kinds) => kinds.column(count)?,
        None => vec![0.0; count],
    };
    let sets = if kinds.iter().any(|kind| *kind != 0.0) { sets(tree, count)? } else { Vec::new() };
    let mut nodes = Vec::with_capacity(count);
    for node in 0..count {
        let condition = conditions[node] as f32;
        if left[node] == -1.0 {
            nodes.push(ForeignNode::Leaf { value: f64::from(condition * weight), cover: covers[node] });
            continue;
        }
        let (Some(input), Some(left), Some(right)) = (whole(inputs[node]), whole(left[node]), whole(right[node]))
        else {
            return Err(tree.error(format!("node {node}: an index is not a whole number")));
        };
        let test = if kinds[node] == 0.0 {
            Test::Less(f64::from(condition))
        } else {
            let found = sets.binary_search_by_key(&node, |(of, _)| *of).ok();
            let found = found.ok_or_else(|| tree.error(format!("node {node} has no categories")))?;
            let members = sets[found].1.clone();
            Test::Among { members, inside: false }
        };
        let missing = if default_left[node] != 0.0 { Absent::Left } else { Absent::Right };
        nodes.push(ForeignNode::Split { input, test, missing, left, right });
    }
    Ok(nodes)
}

/// The categories of each split by a set: they go right.
fn sets(tree: &At<'_>, count: usize) -> Result<Vec<(usize, Vec<i64>)>, ImportError> {
    let categories = tree.get("categories")?.numbers()?;
    let nodes = tree.get("categories_nodes")?.numbers()?;
    let starts = tree.get("categories_segments")?.column(nodes.len())?;
    let sizes = tree.get("categories_sizes")?.column(nodes.len())?;
    if nodes.len() > count {
        return Err(tree.error("more sets of categories than nodes"));
    }
    let mut sets = Vec::with_capacity(nodes.len());
    for ((node, start), size) in nodes.iter().zip(&starts).zip(&sizes) {
        let bad = || tree.error("`categories` has no such segment");
        let (node, start) = (whole(*node).ok_or_else(bad)?, whole(*start).ok_or_else(bad)?);
        let size = whole(*size).ok_or_else(bad)?;
        let found = categories.get(start..start.saturating_add(size)).ok_or_else(bad)?;
        let mut members = Vec::with_capacity(size);
        for category in found {
            let code = whole(*category).filter(|code| *code < 1 << 24);
            members.push(code.ok_or_else(|| tree.error("a category is not a whole number below 2^24"))? as i64);
        }
        members.sort_unstable();
        members.dedup();
        sets.push((node, members));
    }
    sets.sort_by_key(|(node, _)| *node);
    Ok(sets)
}

/// Categories that a data frame had: the model knows their codes only.
fn note_categories(cats: &At<'_>, names: &[String], notes: &mut Vec<String>) -> Result<(), ImportError> {
    let Some(list) = cats.find("enc")? else { return Ok(()) };
    for (input, item) in list.items()?.iter().enumerate() {
        let Some(values) = item.find("values")? else { continue };
        let (Value::Numbers(values), offsets) = (values.value, item.find("offsets")?) else { continue };
        if values.is_empty() {
            continue;
        }
        let words = match offsets {
            // Texts: letters, and where each begins.
            Some(offsets) => {
                let offsets: Vec<usize> = offsets.numbers()?.iter().filter_map(|at| whole(*at)).collect();
                let letters: Vec<u8> = values.iter().map(|letter| *letter as u8).collect();
                let word = |pair: &[usize]| letters.get(pair[0]..pair[1]).map(String::from_utf8_lossy);
                offsets.windows(2).filter_map(word).map(|word| word.to_string()).collect()
            }
            None => values.iter().map(|value| format!("{value}")).collect::<Vec<_>>(),
        };
        if words.iter().enumerate().all(|(code, word)| *word == code.to_string()) {
            continue;
        }
        let name = names.get(input).cloned().unwrap_or_else(|| format!("{input}"));
        notes.push(super::category_note(&name, &words));
    }
    Ok(())
}

/// `gblinear`: for each input its weights for all outputs, then the biases.
fn linear(model: &At<'_>, base: &[f64], width: usize) -> Result<ForeignLayers, ImportError> {
    let outputs = base.len();
    if width > 1024 {
        return Err(model.error(format!("{width} inputs, at most 1024 are allowed")));
    }
    let weights = model.get("weights")?.column((width + 1) * outputs)?;
    let weight = |input: usize, output: usize| f64::from(weights[input * outputs + output] as f32);
    let layer = Dense {
        weights: (0..outputs).map(|output| (0..width).map(|input| weight(input, output)).collect()).collect(),
        bias: base.iter().enumerate().map(|(output, base)| base + weight(width, output)).collect(),
        relu: false,
    };
    Ok(ForeignLayers { layers: vec![layer], narrow: true, absent_zero: true })
}
