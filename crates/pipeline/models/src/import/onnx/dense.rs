//! Linear models and perceptrons: Gemm, MatMul with Add, Relu, and Sigmoid or Softmax at the end.

use super::proto::NodeProto;
use super::{Dense, End, Reader, field};
use crate::Link;
use crate::import::ImportError;

impl Reader<'_> {
    pub(super) fn dense(&mut self, node: &NodeProto, current: &str) -> Result<(), ImportError> {
        match node.op_type.as_str() {
            "Gemm" => self.gemm(node, current),
            "MatMul" => {
                let name = self.second(node, current)?;
                let (numbers, dims) = self.matrix(node, name)?;
                self.push(node, &numbers, &dims, false)
            }
            "Add" => {
                let name = node.input.iter().find(|name| *name != current).map_or("", String::as_str);
                let (numbers, _) = self.matrix(node, name)?;
                self.add(node, &numbers)
            }
            "Relu" => match self.layers.last_mut() {
                Some(layer) => {
                    layer.relu = true;
                    Ok(())
                }
                None => Err(field(node, "X", "no layer is before it".into())),
            },
            "LinearRegressor" | "LinearClassifier" if self.layers.is_empty() => self.linear(node),
            "Sigmoid" | "Softmax" if self.layers.last().is_some_and(|layer| !layer.relu) => {
                let link = if node.op_type == "Sigmoid" { Link::Logistic } else { Link::Softmax };
                self.end = Some(End { classes: Vec::new(), link, classifier: true });
                Ok(())
            }
            other => Err(ImportError::Unsupported {
                what: format!("ONNX's operator {other} here"),
                instead: "TreeEnsembleRegressor, TreeEnsembleClassifier, LinearRegressor, LinearClassifier, Scaler, \
                          Gemm, MatMul, Add, Relu, and Sigmoid or Softmax at the end are"
                    .into(),
            }),
        }
    }

    /// The constant of a product whose first operand is what came before.
    fn second<'n>(&self, node: &'n NodeProto, current: &str) -> Result<&'n str, ImportError> {
        match &node.input[..] {
            [first, second, ..] if first == current => Ok(second),
            _ => Err(field(node, "A", "it is not what came before".into())),
        }
    }

    fn gemm(&mut self, node: &NodeProto, current: &str) -> Result<(), ImportError> {
        let one = |name: &str| node.find(name).is_none_or(|attribute| attribute.f == 1.0);
        if !one("alpha") || !one("beta") || node.int("transA").unwrap_or(0) != 0 {
            return Err(field(node, "alpha", "alpha, beta and transA must be 1, 1 and 0".into()));
        }
        let name = self.second(node, current)?;
        let (numbers, dims) = self.matrix(node, name)?;
        self.push(node, &numbers, &dims, node.int("transB").unwrap_or(0) != 0)?;
        match node.input.get(2).filter(|name| !name.is_empty()) {
            Some(name) => {
                let (bias, _) = self.matrix(node, name)?;
                self.add(node, &bias)
            }
            None => Ok(()),
        }
    }

    /// A layer without bias; `rows` tells whether a row of the matrix is an output.
    fn push(&mut self, node: &NodeProto, numbers: &[f64], dims: &[usize], rows: bool) -> Result<(), ImportError> {
        let [first, second] = dims[..] else {
            return Err(field(node, "B", format!("a matrix is expected, not the shape {dims:?}")));
        };
        let (outputs, inputs) = if rows { (first, second) } else { (second, first) };
        if self.layers.is_empty() && self.width == 0 {
            self.width = inputs;
        }
        let wanted = self.layers.last().map_or(self.width, |layer| layer.bias.len());
        if inputs != wanted || outputs == 0 || outputs > 1 << 16 {
            return Err(field(node, "B", format!("{inputs} inputs and {outputs} outputs, {wanted} come in")));
        }
        let weight = |output: usize, input: usize| {
            if rows { numbers[output * inputs + input] } else { numbers[input * outputs + output] }
        };
        let weights = (0..outputs).map(|output| (0..inputs).map(|input| weight(output, input)).collect()).collect();
        self.layers.push(Dense { weights, bias: vec![0.0; outputs], relu: false });
        Ok(())
    }

    fn add(&mut self, node: &NodeProto, bias: &[f64]) -> Result<(), ImportError> {
        let layer = self.layers.last_mut().filter(|layer| !layer.relu);
        let layer = layer.ok_or_else(|| field(node, "A", "no product is before it".into()))?;
        if bias.len() != layer.bias.len() && bias.len() != 1 {
            let reason = format!("{} numbers for {} outputs", bias.len(), layer.bias.len());
            return Err(field(node, "B", reason));
        }
        for (output, sum) in layer.bias.iter_mut().enumerate() {
            *sum += if bias.len() == 1 { bias[0] } else { bias[output] };
        }
        Ok(())
    }

    fn linear(&mut self, node: &NodeProto) -> Result<(), ImportError> {
        let weights = node.numbers("coefficients");
        let mut bias = node.numbers("intercepts");
        let mut classes = node.texts("classlabels_strings");
        if classes.is_empty() {
            classes = node.ints("classlabels_ints").iter().map(i64::to_string).collect();
        }
        let classifier = node.op_type == "LinearClassifier";
        let targets = usize::try_from(node.int("targets").unwrap_or(1)).unwrap_or(0);
        let mut outputs = if classifier { bias.len() } else { targets };
        if bias.is_empty() {
            outputs = outputs.max(1);
            bias = vec![0.0; outputs];
        }
        if outputs == 0 || bias.len() != outputs || !weights.len().is_multiple_of(outputs) {
            let reason = format!("{} weights and {} intercepts for {outputs} outputs", weights.len(), bias.len());
            return Err(field(node, "coefficients", reason));
        }
        let inputs = weights.len() / outputs;
        let mut rows: Vec<Vec<f64>> = weights.chunks(inputs.max(1)).map(<[f64]>::to_vec).collect();
        if self.width == 0 {
            self.width = inputs;
        }
        let link = match node.text("post_transform").unwrap_or("NONE") {
            "NONE" => Link::Identity,
            "LOGISTIC" => Link::Logistic,
            "SOFTMAX" => Link::Softmax,
            other => {
                return Err(ImportError::Unsupported {
                    what: format!("ONNX's {} with post_transform {other}", node.op_type),
                    instead: "NONE, LOGISTIC and SOFTMAX are".into(),
                });
            }
        };
        // Two rows of which one is the other's negative: one margin between two classes.
        let mirrored = outputs == 2
            && rows.len() == 2
            && bias[0] == -bias[1]
            && rows[0].iter().zip(&rows[1]).all(|(first, second)| *first == -*second);
        if classifier && link == Link::Logistic && mirrored {
            rows.remove(0);
            bias.remove(0);
        }
        self.layers.push(Dense { weights: rows, bias, relu: false });
        self.end = Some(End { classes, link, classifier });
        Ok(())
    }
}
