//! ONNX graphs (onnx.proto3 and the operators of ai.onnx and ai.onnx.ml): tree ensembles, linear
//! models and perceptrons, with scalers before them.
//!
//! A graph is followed from its one input: each node must take the tensor that the one before it gave,
//! up to the model's end. What follows a classifier (labels, maps of chances) is passed over.

mod dense;
mod proto;
mod trees;

use std::collections::BTreeMap;

use enliven_types::Digest;
use prost::Message;

use self::proto::{DOUBLE, FLOAT, ModelProto, NodeProto, TensorProto};
use super::ImportError;
use super::foreign::{Dense, Foreign, ForeignForm, ForeignLayers, ForeignTrees, Prepare};
use crate::Link;

const FORMAT: &str = "ONNX";

/// How a model ends.
pub(crate) struct End {
    pub(crate) classes: Vec<String>,
    pub(crate) link: Link,
    pub(crate) classifier: bool,
}

/// What has been read of a graph.
struct Reader<'a> {
    constants: BTreeMap<&'a str, &'a TensorProto>,
    narrow: bool,
    width: usize,
    prepare: Vec<Prepare>,
    layers: Vec<Dense>,
    trees: Option<ForeignTrees>,
    end: Option<End>,
    /// The operators, in order.
    operators: Vec<&'a str>,
}

pub(crate) fn field(node: &NodeProto, name: &str, reason: String) -> ImportError {
    ImportError::Field { format: FORMAT, field: format!("{}.{name}", node.op_type), reason }
}

fn graph_error(reason: impl Into<String>) -> ImportError {
    ImportError::Field { format: FORMAT, field: "graph".into(), reason: reason.into() }
}

/// Makes a model of a file.
pub(crate) fn read(bytes: &[u8], file: Digest) -> Result<Foreign, ImportError> {
    let model = ModelProto::decode(bytes).map_err(|error| ImportError::Syntax {
        format: FORMAT,
        at: 0,
        reason: error.to_string(),
    })?;
    let graph = model.graph.as_ref().ok_or_else(|| graph_error("there is none"))?;
    let constants: BTreeMap<&str, &TensorProto> =
        graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let inputs: Vec<_> = graph.input.iter().filter(|input| !constants.contains_key(input.name.as_str())).collect();
    let [input] = inputs[..] else {
        return Err(ImportError::Unsupported {
            what: format!("an ONNX graph with {} inputs", inputs.len()),
            instead: "export it with one tensor of all inputs".into(),
        });
    };
    let tensor = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| graph_error("its input is no tensor"))?;
    if tensor.elem_type != FLOAT && tensor.elem_type != DOUBLE {
        return Err(graph_error(format!("its input has type {}, float and double are read", tensor.elem_type)));
    }
    let width = tensor.shape.as_ref().and_then(|shape| shape.dim.last()).map_or(0, |dim| dim.dim_value);
    let width = usize::try_from(width).unwrap_or(0);
    if width > 1024 {
        return Err(graph_error(format!("its input has {width} columns, at most 1024 are allowed")));
    }
    let mut reader = Reader {
        constants,
        narrow: tensor.elem_type == FLOAT,
        width,
        prepare: Vec::new(),
        layers: Vec::new(),
        trees: None,
        end: None,
        operators: Vec::new(),
    };
    let mut current = input.name.as_str();
    for node in &graph.node {
        if reader.end.is_some() {
            reader.after(node)?;
            continue;
        }
        if !node.input.iter().any(|name| name == current) {
            return Err(graph_error(format!("{} does not follow what is before it", node.op_type)));
        }
        reader.node(node, current)?;
        reader.operators.push(&node.op_type);
        // A classifier's first output are labels; nothing but labels and chances follows.
        current = node.output.first().map_or("", String::as_str);
    }
    let operators = reader.operators.join(", ");
    let end = reader.end.unwrap_or(End { classes: Vec::new(), link: Link::Identity, classifier: false });
    let (outputs, form) = match reader.trees {
        Some(trees) => (trees.base.len(), ForeignForm::Trees(trees)),
        None => {
            let outputs = reader.layers.last().map_or(0, |layer| layer.bias.len());
            let layers = ForeignLayers { layers: reader.layers, narrow: reader.narrow, absent_zero: false };
            (outputs, ForeignForm::Layers(layers))
        }
    };
    Ok(Foreign {
        format: format!("{FORMAT} {} {}", model.producer_name, model.producer_version).trim().to_string(),
        objective: operators,
        inputs: Vec::new(),
        width: reader.width,
        outputs,
        classes: end.classes,
        link: end.link,
        notes: Vec::new(),
        file,
        prepare: reader.prepare,
        factor: 1.0,
        form,
    })
}

impl Reader<'_> {
    fn node(&mut self, node: &NodeProto, current: &str) -> Result<(), ImportError> {
        match node.op_type.as_str() {
            "Identity" | "Flatten" | "Reshape" => Ok(()),
            "Cast" => match node.int("to") {
                Some(to) if to == i64::from(if self.narrow { FLOAT } else { DOUBLE }) => Ok(()),
                _ => Err(field(node, "to", "it changes the type".into())),
            },
            "Scaler" if self.layers.is_empty() => self.scaler(node),
            "TreeEnsembleRegressor" | "TreeEnsembleClassifier" if self.layers.is_empty() => {
                let (trees, end) = trees::read(node, self.narrow)?;
                self.trees = Some(trees);
                self.end = Some(end);
                if self.width == 0 {
                    let most = node.ints("nodes_featureids").iter().copied().max().unwrap_or(0);
                    self.width = usize::try_from(most).unwrap_or(0).saturating_add(1);
                }
                Ok(())
            }
            _ => self.dense(node, current),
        }
    }

    fn scaler(&mut self, node: &NodeProto) -> Result<(), ImportError> {
        let (mut subtract, mut scale) = (node.numbers("offset"), node.numbers("scale"));
        if self.width == 0 {
            self.width = subtract.len().max(scale.len()).min(1025);
        }
        for (numbers, plain) in [(&mut subtract, 0.0), (&mut scale, 1.0)] {
            match numbers.len() {
                0 => *numbers = vec![plain; self.width],
                1 => *numbers = vec![numbers[0]; self.width],
                _ => {}
            }
        }
        self.prepare.push(Prepare { subtract, scale, divide: false, narrow: self.narrow });
        Ok(())
    }

    /// What may follow a model's end.
    fn after(&self, node: &NodeProto) -> Result<(), ImportError> {
        let plain = ["Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze"];
        let classifier = self.end.as_ref().is_some_and(|end| end.classifier);
        let labels = ["ZipMap", "ArgMax", "ArrayFeatureExtractor", "Sub", "Concat", "Greater", "Where", "Constant"];
        if plain.contains(&node.op_type.as_str()) || (classifier && labels.contains(&node.op_type.as_str())) {
            return Ok(());
        }
        let one = |name: &String| {
            let numbers = self.constants.get(name.as_str()).and_then(|tensor| tensor.numbers());
            numbers.is_some_and(|numbers| !numbers.is_empty() && numbers.iter().all(|number| *number == 1.0))
        };
        let softmax = self.end.as_ref().is_some_and(|end| end.link == Link::Softmax);
        // Converters add these though they change nothing.
        match node.op_type.as_str() {
            "Mul" if node.input.iter().any(one) => return Ok(()),
            "Normalizer" if softmax && node.text("norm") == Some("L1") => return Ok(()),
            _ => {}
        }
        Err(ImportError::Unsupported {
            what: format!("ONNX's {} behind the model's end", node.op_type),
            instead: "export the model without it".into(),
        })
    }

    fn matrix(&self, node: &NodeProto, name: &str) -> Result<(Vec<f64>, Vec<usize>), ImportError> {
        let tensor = self.constants.get(name).ok_or_else(|| field(node, name, "it is no constant".into()))?;
        let numbers = tensor.numbers();
        let numbers =
            numbers.ok_or_else(|| field(node, name, "it is neither of single nor of double precision".into()))?;
        let dims: Vec<usize> = tensor.dims.iter().map(|dim| usize::try_from(*dim).unwrap_or(0)).collect();
        let size = dims.iter().try_fold(1usize, |size, dim| size.checked_mul(*dim));
        if size != Some(numbers.len()) {
            return Err(field(node, name, format!("{} numbers for the shape {dims:?}", numbers.len())));
        }
        Ok((numbers, dims))
    }
}
