//! `TreeEnsembleRegressor` and `TreeEnsembleClassifier` (ai.onnx.ml, versions 1 and 3).
//!
//! Inputs and thresholds have the precision of the input tensor; a row goes to the *true* branch if it
//! passes the node's mode, mostly `BRANCH_LEQ`.

use std::collections::BTreeMap;

use super::proto::NodeProto;
use super::{End, field};
use crate::Link;
use crate::import::ImportError;
use crate::import::foreign::{Absent, ForeignNode, ForeignTree, ForeignTrees, MAX_NODES, Test};

/// Leaves' values: for each (tree, node) what it adds to which output.
type Values = BTreeMap<(i64, i64), Vec<(usize, f64)>>;

/// Reads the trees of a node whose input is of single precision if `narrow`.
pub(crate) fn read(node: &NodeProto, narrow: bool) -> Result<(ForeignTrees, End), ImportError> {
    let classifier = node.op_type == "TreeEnsembleClassifier";
    let prefix = if classifier { "class" } else { "target" };
    let mut classes = node.texts("classlabels_strings");
    if classes.is_empty() {
        classes = node.ints("classlabels_int64s").iter().map(i64::to_string).collect();
    }
    let (mut values, ids) = values(node, prefix)?;
    let count =
        if classifier { classes.len() } else { usize::try_from(node.int("n_targets").unwrap_or(1)).unwrap_or(0) };
    // Of two classes only one has weights: its margin is that of the second one.
    let single = classifier && count == 2 && ids.len() == 1;
    let outputs = if single { 1 } else { count };
    if outputs == 0 || outputs > 256 {
        return Err(field(node, &format!("{prefix}_ids"), format!("{outputs} outputs, 1 to 256 are allowed")));
    }
    if single {
        values.values_mut().flatten().for_each(|(output, _)| *output = 0);
    }
    let mut base = node.numbers("base_values");
    if base.is_empty() {
        base = vec![0.0; outputs];
    }
    if base.len() != outputs {
        return Err(field(node, "base_values", format!("{} numbers for {outputs} outputs", base.len())));
    }
    let end = end(node, classes, classifier, single)?;
    let positive = values.values().flatten().all(|(_, weight)| *weight >= 0.0);
    if single && positive && end.link == Link::Logistic {
        return Err(unsupported(node, "LOGISTIC over weights none of which is negative", "runtimes differ on it"));
    }
    let order = order(node)?;
    let average = match node.text("aggregate_function").unwrap_or("SUM") {
        "SUM" => false,
        "AVERAGE" => true,
        other => return Err(unsupported(node, &format!("aggregate_function {other}"), "SUM and AVERAGE are")),
    };
    let thresholds = node.numbers("nodes_values");
    let mut trees = Vec::new();
    let mut count = 0;
    for (tree, nodes) in order.trees {
        for output in 0..outputs {
            let used = nodes.iter().any(|(id, _)| {
                values.get(&(tree, *id)).is_some_and(|values| values.iter().any(|(of, _)| *of == output))
            });
            if used {
                count += nodes.len();
                if count > MAX_NODES {
                    return Err(field(node, "nodes_treeids", format!("more than {MAX_NODES} nodes in all")));
                }
                let nodes = build(node, &nodes, &thresholds, |id| {
                    let of_output = values.get(&(tree, id)).into_iter().flatten().filter(|(of, _)| *of == output);
                    of_output.map(|(_, value)| value).sum()
                })?;
                trees.push(ForeignTree { output, first_leaf: 0, nodes });
            }
        }
    }
    let divide = if average { order.count.max(1) as f64 } else { 1.0 };
    let mut found = ForeignTrees { base, narrow_input: narrow, narrow_sum: narrow, divide, trees, covers: false };
    if single && end.link == Link::Identity {
        mirror(&mut found, if positive { 1.0 } else { 0.0 });
    }
    Ok((found, end))
}

/// Of one margin `s` makes two, `start - s` and `s`: what ONNX Runtime gives for two classes.
fn mirror(found: &mut ForeignTrees, start: f64) {
    let base = found.base[0];
    found.base = vec![start - base, base];
    for tree in &mut found.trees {
        tree.output = 1;
    }
    let mut other = found.trees.clone();
    for tree in &mut other {
        tree.output = 0;
        for node in &mut tree.nodes {
            if let ForeignNode::Leaf { value, .. } = node {
                *value = -*value;
            }
        }
    }
    found.trees.extend(other);
}

fn end(node: &NodeProto, classes: Vec<String>, classifier: bool, single: bool) -> Result<End, ImportError> {
    let link = match node.text("post_transform").unwrap_or("NONE") {
        "NONE" => Link::Identity,
        "LOGISTIC" => Link::Logistic,
        "SOFTMAX" if !single => Link::Softmax,
        other => return Err(unsupported(node, &format!("post_transform {other}"), "NONE, LOGISTIC and SOFTMAX are")),
    };
    Ok(End { classes, link, classifier })
}

fn unsupported(node: &NodeProto, what: &str, instead: &str) -> ImportError {
    ImportError::Unsupported { what: format!("ONNX's {} with {what}", node.op_type), instead: instead.into() }
}

fn values(node: &NodeProto, prefix: &str) -> Result<(Values, Vec<i64>), ImportError> {
    let trees = node.ints(&format!("{prefix}_treeids"));
    let nodes = node.ints(&format!("{prefix}_nodeids"));
    let outputs = node.ints(&format!("{prefix}_ids"));
    let weights = node.numbers(&format!("{prefix}_weights"));
    let count = weights.len();
    if [trees.len(), nodes.len(), outputs.len()].iter().any(|length| *length != count) {
        return Err(field(node, &format!("{prefix}_weights"), format!("{count} numbers, the ids are others")));
    }
    let mut values = Values::new();
    let mut ids = outputs.to_vec();
    ids.sort_unstable();
    ids.dedup();
    for place in 0..count {
        let output = usize::try_from(outputs[place]).ok().filter(|output| *output < 256);
        let output = output.ok_or_else(|| {
            field(node, &format!("{prefix}_ids"), format!("output {} is out of range", outputs[place]))
        })?;
        values.entry((trees[place], nodes[place])).or_default().push((output, weights[place]));
    }
    Ok((values, ids))
}

/// The nodes of each tree: the id and the place in the columns.
struct Order {
    trees: BTreeMap<i64, Vec<(i64, usize)>>,
    count: usize,
}

fn order(node: &NodeProto) -> Result<Order, ImportError> {
    let trees = node.ints("nodes_treeids");
    let ids = node.ints("nodes_nodeids");
    let count = trees.len();
    let lengths = [
        ids.len(),
        node.ints("nodes_featureids").len(),
        node.ints("nodes_truenodeids").len(),
        node.ints("nodes_falsenodeids").len(),
        node.numbers("nodes_values").len(),
        node.find("nodes_modes").map_or(0, |attribute| attribute.strings.len()),
    ];
    if lengths.iter().any(|length| *length != count) {
        return Err(field(node, "nodes_treeids", format!("{count} nodes, other columns have {lengths:?}")));
    }
    let mut found: BTreeMap<i64, Vec<(i64, usize)>> = BTreeMap::new();
    for (place, (tree, id)) in trees.iter().zip(ids).enumerate() {
        found.entry(*tree).or_default().push((*id, place));
    }
    let count = found.len();
    Ok(Order { trees: found, count })
}

fn build(
    node: &NodeProto,
    nodes: &[(i64, usize)],
    thresholds: &[f64],
    value: impl Fn(i64) -> f64,
) -> Result<Vec<ForeignNode>, ImportError> {
    let features = node.ints("nodes_featureids");
    let modes = &node.find("nodes_modes").map_or(&[][..], |attribute| &attribute.strings);
    let (yes, no) = (node.ints("nodes_truenodeids"), node.ints("nodes_falsenodeids"));
    let tracks = node.ints("nodes_missing_value_tracks_true");
    // The root is the first node of a tree that the file lists.
    let mut places: Vec<(i64, usize)> = nodes.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
    places.sort_unstable();
    let place = |id: i64| match places.binary_search_by_key(&id, |(id, _)| *id) {
        Ok(at) => Ok(places[at].1),
        Err(_) => Err(field(node, "nodes_truenodeids", format!("there is no node {id}"))),
    };
    let mut found = Vec::with_capacity(nodes.len());
    for (id, at) in nodes {
        let threshold = thresholds[*at];
        let (test, swap) = match &modes[*at][..] {
            b"LEAF" => {
                found.push(ForeignNode::Leaf { value: value(*id), cover: 1.0 });
                continue;
            }
            b"BRANCH_LEQ" => (Test::AtMost(threshold), false),
            b"BRANCH_LT" => (Test::Less(threshold), false),
            b"BRANCH_GTE" => (Test::Less(threshold), true),
            b"BRANCH_GT" => (Test::AtMost(threshold), true),
            mode @ (b"BRANCH_EQ" | b"BRANCH_NEQ") => {
                if threshold.fract() != 0.0 || threshold.abs() > f64::from(1 << 24) {
                    return Err(field(node, "nodes_values", format!("category {threshold} is not a whole number")));
                }
                (Test::Among { members: vec![threshold as i64], inside: true }, mode == b"BRANCH_NEQ")
            }
            mode => {
                let mode = String::from_utf8_lossy(mode);
                return Err(unsupported(node, &format!("mode {mode}"), "BRANCH_LEQ, LT, GTE, GT, EQ and NEQ are"));
            }
        };
        let (yes, no) = (place(yes[*at])?, place(no[*at])?);
        // What is not a number passes NEQ alone.
        let passes = tracks.get(*at).is_some_and(|tracks| *tracks == 1) || modes[*at] == b"BRANCH_NEQ";
        let missing = if passes != swap { Absent::Left } else { Absent::Right };
        let input = usize::try_from(features[*at]).unwrap_or(usize::MAX);
        let (left, right) = if swap { (no, yes) } else { (yes, no) };
        found.push(ForeignNode::Split { input, test, missing, left, right });
    }
    Ok(found)
}
