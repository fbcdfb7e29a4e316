//! The JSON that `exporters/sklearn_export.py` writes of scikit-learn's estimators.
//!
//! Inputs go left if they are *at most* a threshold, which is a double; those of `sklearn.tree` are
//! rounded to single precision before, those of the histogram boosting are not.

use enliven_types::Digest;

use super::ImportError;
use super::foreign::{
    Absent, Dense, Foreign, ForeignForm, ForeignLayers, ForeignNode, ForeignTree, ForeignTrees, Prepare, Test,
};
use super::value::{At, Value, whole};
use crate::Link;

const FORMAT: &str = "scikit-learn JSON";
const NAME: &str = "enliven.sklearn.1";

/// Makes a model of a document.
pub(crate) fn read(document: &Value, file: Digest) -> Result<Foreign, ImportError> {
    let root = At::root(FORMAT, document);
    let format = root.get("format")?;
    if format.text()? != NAME {
        return Err(format.error(format!("`{}`, only `{NAME}` is known", format.text()?)));
    }
    let link = root.get("link")?;
    let link = match link.text()? {
        "identity" => Link::Identity,
        "logistic" => Link::Logistic,
        "softmax" => Link::Softmax,
        "exp" => Link::Exp,
        other => return Err(link.error(format!("`{other}` is none of identity, logistic, softmax, exp"))),
    };
    let mut prepare = Vec::new();
    if let Some(scalers) = root.find("scalers")? {
        for step in scalers.items()? {
            let (subtract, scale) = (step.get("mean")?.numbers()?, step.get("scale")?.numbers()?);
            prepare.push(Prepare { subtract, scale, divide: true, narrow: false });
        }
    }
    let texts = |name: &str| root.find(name)?.map_or(Ok(Vec::new()), |at| at.texts());
    let (outputs, form) = match root.find("trees")? {
        Some(at) => {
            let base = at.get("base")?.numbers()?;
            (base.len(), ForeignForm::Trees(trees(&at, base)?))
        }
        None => {
            let layers = layers(&root.get("layers")?)?;
            let outputs = layers.layers.last().map_or(0, |layer| layer.bias.len());
            (outputs, ForeignForm::Layers(layers))
        }
    };
    Ok(Foreign {
        format: format!("scikit-learn {} {}", root.get("library")?.text()?, root.get("estimator")?.text()?),
        objective: root.get("objective")?.text()?.to_string(),
        inputs: texts("inputs")?,
        width: root.get("width")?.whole()?,
        outputs,
        classes: texts("classes")?,
        link,
        notes: texts("notes")?,
        file,
        prepare,
        factor: root.get("factor")?.number()?,
        form,
    })
}

fn trees(at: &At<'_>, base: Vec<f64>) -> Result<ForeignTrees, ImportError> {
    let mut trees = Vec::new();
    for item in at.get("trees")?.items()? {
        let outputs = item.get("outputs")?.numbers()?;
        let values = item.get("values")?.items()?;
        if values.len() != outputs.len() {
            return Err(item.error(format!("values for {} outputs of {}", values.len(), outputs.len())));
        }
        // One tree for each output.
        for (output, values) in outputs.iter().zip(values) {
            let output = whole(*output).ok_or_else(|| item.error("an output is not a whole number"))?;
            trees.push(ForeignTree { output, first_leaf: 0, nodes: nodes(&item, &values)? });
        }
    }
    Ok(ForeignTrees {
        base,
        narrow_input: at.get("narrow")?.truth()?,
        narrow_sum: false,
        divide: at.get("divide")?.number()?,
        trees,
        covers: true,
    })
}

fn nodes(tree: &At<'_>, values: &At<'_>) -> Result<Vec<ForeignNode>, ImportError> {
    let left = tree.get("left")?.numbers()?;
    let count = left.len();
    let right = tree.get("right")?.column(count)?;
    let inputs = tree.get("input")?.column(count)?;
    let thresholds = tree.get("threshold")?.column(count)?;
    let missing_left = tree.get("missing_left")?.column(count)?;
    let covers = tree.get("cover")?.column(count)?;
    let values = values.column(count)?;
    let sets = sets(tree)?;
    let mut nodes = Vec::with_capacity(count);
    for node in 0..count {
        if left[node] == -1.0 {
            nodes.push(ForeignNode::Leaf { value: values[node], cover: covers[node] });
            continue;
        }
        let (Some(input), Some(left), Some(right)) = (whole(inputs[node]), whole(left[node]), whole(right[node]))
        else {
            return Err(tree.error(format!("node {node}: an index is not a whole number")));
        };
        let test = match sets.binary_search_by_key(&node, |(of, _)| *of) {
            Ok(at) => sets[at].1.clone(),
            Err(_) => Test::AtMost(thresholds[node]),
        };
        let missing = if missing_left[node] != 0.0 { Absent::Left } else { Absent::Right };
        nodes.push(ForeignNode::Split { input, test, missing, left, right });
    }
    Ok(nodes)
}

/// The splits by a set, in the order of nodes.
fn sets(tree: &At<'_>) -> Result<Vec<(usize, Test)>, ImportError> {
    let mut sets = Vec::new();
    for set in tree.get("sets")?.items()? {
        let mut members = Vec::new();
        for member in set.get("members")?.numbers()? {
            if member.fract() != 0.0 || member.abs() > f64::from(i32::MAX) {
                return Err(set.error(format!("category {member} is not a whole number")));
            }
            members.push(member as i64);
        }
        members.sort_unstable();
        members.dedup();
        let inside = set.get("inside")?.truth()?;
        sets.push((set.get("node")?.whole()?, Test::Among { members, inside }));
    }
    sets.sort_by_key(|(node, _)| *node);
    Ok(sets)
}

fn layers(at: &At<'_>) -> Result<ForeignLayers, ImportError> {
    let mut layers = Vec::new();
    for item in at.items()? {
        let weights: Result<Vec<Vec<f64>>, _> = item.get("weights")?.items()?.iter().map(At::numbers).collect();
        layers.push(Dense { weights: weights?, bias: item.get("bias")?.numbers()?, relu: item.get("relu")?.truth()? });
    }
    Ok(ForeignLayers { layers, narrow: false, absent_zero: false })
}
