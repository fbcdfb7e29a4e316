//! Another library's model in its own floats.

use enliven_types::Digest;

use super::ImportError;
use crate::Link;
use crate::tree::MAX_DEPTH;

/// The most nodes of all trees together.
pub(crate) const MAX_NODES: usize = 1 << 22;

/// Another library's model, as its file says it: what is compared with and quantised.
#[derive(Clone, Debug)]
pub struct Foreign {
    /// The format, and the version that wrote it where the file says so.
    pub format: String,
    /// The objective or the kind of estimator.
    pub objective: String,
    /// The names of the inputs; empty where the file has none.
    pub inputs: Vec<String>,
    /// How many inputs there are.
    pub width: usize,
    /// How many margins there are.
    pub outputs: usize,
    /// The names of the classes; empty where the file has none.
    pub classes: Vec<String>,
    /// From margins to what people speak of.
    pub link: Link,
    /// What a reader should know: codes of categories, trees that early stopping would leave out.
    pub notes: Vec<String>,
    /// The sha2-256 of the file.
    pub(crate) file: Digest,
    /// What happens to inputs before anything else.
    pub(crate) prepare: Vec<Prepare>,
    /// What the sum is multiplied with to give the margin that the link takes.
    pub(crate) factor: f64,
    pub(crate) form: ForeignForm,
}

#[derive(Clone, Debug)]
pub(crate) enum ForeignForm {
    Trees(ForeignTrees),
    Layers(ForeignLayers),
}

/// One step of scaling: `(x - subtract) / divide`, or `* multiply`.
#[derive(Clone, Debug)]
pub(crate) struct Prepare {
    pub(crate) subtract: Vec<f64>,
    pub(crate) scale: Vec<f64>,
    /// Whether `scale` divides; otherwise it multiplies.
    pub(crate) divide: bool,
    /// Whether it is computed in single precision.
    pub(crate) narrow: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ForeignTrees {
    /// What each output starts from.
    pub(crate) base: Vec<f64>,
    /// Whether an input is rounded to single precision before it is compared.
    pub(crate) narrow_input: bool,
    /// Whether leaves are added up in single precision.
    pub(crate) narrow_sum: bool,
    /// What the sum of leaves is divided by, before the base is added.
    pub(crate) divide: f64,
    pub(crate) trees: Vec<ForeignTree>,
    /// Whether the file has covers.
    pub(crate) covers: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct ForeignTree {
    pub(crate) output: usize,
    /// The number of the node that the library counts as leaf 0.
    pub(crate) first_leaf: usize,
    /// Node 0 is the root.
    pub(crate) nodes: Vec<ForeignNode>,
}

#[derive(Clone, Debug)]
pub(crate) enum ForeignNode {
    Leaf { value: f64, cover: f64 },
    Split { input: usize, test: Test, missing: Absent, left: usize, right: usize },
}

/// What a split asks; yes goes left.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    Less(f64),
    AtMost(f64),
    /// Whether the input is one of these, if `inside`; whether it is none of them otherwise. Inputs
    /// are cut to whole numbers towards zero.
    Among {
        members: Vec<i64>,
        inside: bool,
    },
}

/// What a split does with an input that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    Left,
    Right,
    /// It counts as zero.
    Zero,
    /// It counts as zero, and zero itself goes left, or right.
    WithZero {
        left: bool,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct ForeignLayers {
    pub(crate) layers: Vec<Dense>,
    /// Whether everything is computed in single precision.
    pub(crate) narrow: bool,
    /// Whether an input that is not known counts as zero; otherwise it has no meaning.
    pub(crate) absent_zero: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Dense {
    /// For each output its weights.
    pub(crate) weights: Vec<Vec<f64>>,
    pub(crate) bias: Vec<f64>,
    pub(crate) relu: bool,
}

impl Foreign {
    /// The margins as the original computes them, in its precision and order; NaN stands for *not
    /// known*. Margins are what the link takes: LightGBM's raw score times its `sigmoid`.
    pub fn predict(&self, row: &[f64]) -> Vec<f64> {
        let row = self.prepared(row);
        let mut margins = match &self.form {
            ForeignForm::Trees(trees) => trees.predict(&row),
            ForeignForm::Layers(layers) => layers.predict(&row),
        };
        for margin in &mut margins {
            *margin *= self.factor;
        }
        margins
    }

    /// The leaf of each tree that a row reaches, as the library counts them; none for layers.
    pub fn leaves(&self, row: &[f64]) -> Vec<usize> {
        let row = self.prepared(row);
        match &self.form {
            ForeignForm::Trees(trees) => {
                let leaf = |tree: &ForeignTree| tree.leaf_of(&row, trees.narrow_input).saturating_sub(tree.first_leaf);
                trees.trees.iter().map(leaf).collect()
            }
            ForeignForm::Layers(_) => Vec::new(),
        }
    }

    /// How many trees it has, none for layers.
    pub fn trees(&self) -> usize {
        match &self.form {
            ForeignForm::Trees(trees) => trees.trees.len(),
            ForeignForm::Layers(_) => 0,
        }
    }

    fn prepared(&self, row: &[f64]) -> Vec<f64> {
        row.iter().enumerate().map(|(input, value)| prepare(&self.prepare, input, *value)).collect()
    }

    /// Checks what every reader must give: columns that fit, numbers that are finite, trees that are
    /// trees.
    pub(crate) fn check(&self) -> Result<(), ImportError> {
        let format = "model";
        let field = |field: &str, reason: String| ImportError::Field { format, field: field.to_string(), reason };
        if self.width == 0 || self.width > 1024 {
            return Err(field("inputs", format!("{} inputs, 1 to 1024 are allowed", self.width)));
        }
        if self.outputs == 0 || self.outputs > 256 {
            return Err(field("outputs", format!("{} outputs, 1 to 256 are allowed", self.outputs)));
        }
        if !self.inputs.is_empty() && self.inputs.len() != self.width {
            return Err(field("inputs", format!("{} names for {} inputs", self.inputs.len(), self.width)));
        }
        let linear = matches!(self.form, ForeignForm::Layers(_));
        if !self.factor.is_finite() || self.factor <= 0.0 || (linear && self.factor != 1.0) {
            return Err(field("factor", format!("{} is not usable", self.factor)));
        }
        for step in &self.prepare {
            let whole = step.subtract.len() == self.width && step.scale.len() == self.width;
            if !whole || step.subtract.iter().chain(&step.scale).any(|number| !number.is_finite()) {
                return Err(field("scaler", "one finite offset and scale for each input are needed".into()));
            }
            if step.scale.iter().any(|scale| *scale <= 0.0) {
                return Err(field("scaler", "a scale is not above zero".into()));
            }
        }
        match &self.form {
            ForeignForm::Trees(trees) => trees.check(self.width, self.outputs),
            ForeignForm::Layers(layers) => layers.check(self.width, self.outputs),
        }
    }
}

/// An input after the scalers.
pub(crate) fn prepare(steps: &[Prepare], input: usize, value: f64) -> f64 {
    let mut value = value;
    for step in steps {
        let (subtract, scale) = (step.subtract[input], step.scale[input]);
        value = match (step.narrow, step.divide) {
            (false, true) => (value - subtract) / scale,
            (false, false) => (value - subtract) * scale,
            (true, true) => f64::from((value as f32 - subtract as f32) / scale as f32),
            (true, false) => f64::from((value as f32 - subtract as f32) * scale as f32),
        };
    }
    value
}

impl ForeignTrees {
    fn predict(&self, row: &[f64]) -> Vec<f64> {
        // A mean is taken before the base is added; otherwise sums start from it.
        let mean = self.divide != 1.0;
        let start = |base: &f64| if mean { 0.0 } else { *base };
        let mut sums: Vec<f64> = self.base.iter().map(start).collect();
        for tree in &self.trees {
            let sum = &mut sums[tree.output];
            *sum += tree.value_of(row, self.narrow_input);
            if self.narrow_sum {
                *sum = f64::from(*sum as f32);
            }
        }
        if mean {
            for (sum, base) in sums.iter_mut().zip(&self.base) {
                *sum = *sum / self.divide + base;
            }
        }
        sums
    }

    fn check(&self, width: usize, outputs: usize) -> Result<(), ImportError> {
        let field =
            |field: &str, reason: String| ImportError::Field { format: "model", field: field.to_string(), reason };
        if self.base.len() != outputs || self.base.iter().any(|base| !base.is_finite()) {
            return Err(field("base", format!("{outputs} finite numbers are needed")));
        }
        if !self.divide.is_finite() || self.divide <= 0.0 {
            return Err(field("divide", "it is not above zero".into()));
        }
        let mut nodes = 0;
        for (number, tree) in self.trees.iter().enumerate() {
            nodes += tree.nodes.len();
            if nodes > MAX_NODES {
                return Err(field("trees", format!("more than {MAX_NODES} nodes")));
            }
            if tree.output >= outputs {
                return Err(field("trees", format!("tree {number}: output {} of {outputs}", tree.output)));
            }
            tree.check(width).map_err(|(node, reason)| ImportError::Tree { tree: number, node, reason })?;
        }
        Ok(())
    }
}

impl ForeignTree {
    /// The leaf that a row reaches; the tree has been checked.
    pub(crate) fn leaf_of(&self, row: &[f64], narrow: bool) -> usize {
        let mut node = 0;
        while let ForeignNode::Split { input, test, missing, left, right } = &self.nodes[node] {
            node = if goes_left(test, *missing, row[*input], narrow) { *left } else { *right };
        }
        node
    }

    fn value_of(&self, row: &[f64], narrow: bool) -> f64 {
        match &self.nodes[self.leaf_of(row, narrow)] {
            ForeignNode::Leaf { value, .. } => *value,
            ForeignNode::Split { .. } => 0.0,
        }
    }

    /// Every node is reached once at most, at no great depth.
    fn check(&self, width: usize) -> Result<(), (usize, String)> {
        let mut seen = vec![false; self.nodes.len()];
        let mut stack = vec![(0usize, 0usize)];
        while let Some((node, depth)) = stack.pop() {
            let Some(found) = self.nodes.get(node) else {
                return Err((node, format!("there are {} nodes", self.nodes.len())));
            };
            if std::mem::replace(&mut seen[node], true) {
                return Err((node, "two splits lead to it".into()));
            }
            if depth > MAX_DEPTH {
                return Err((node, format!("deeper than {MAX_DEPTH}")));
            }
            match found {
                ForeignNode::Leaf { value, cover } => {
                    if !value.is_finite() || !cover.is_finite() || *cover < 0.0 {
                        return Err((node, format!("value {value} or cover {cover} is not a usable number")));
                    }
                }
                ForeignNode::Split { input, test, left, right, .. } => {
                    if *input >= width {
                        return Err((node, format!("input {input} of {width}")));
                    }
                    match test {
                        Test::Less(threshold) | Test::AtMost(threshold) if threshold.is_nan() => {
                            return Err((node, "its threshold is not a number".into()));
                        }
                        Test::Among { members, .. } if members.len() > 1 << 16 => {
                            return Err((node, "a set has at most 65536 categories".into()));
                        }
                        _ => {}
                    }
                    stack.extend([(*right, depth + 1), (*left, depth + 1)]);
                }
            }
        }
        Ok(())
    }
}

/// Whether a split sends a value to the left.
pub(crate) fn goes_left(test: &Test, missing: Absent, value: f64, narrow: bool) -> bool {
    let mut value = if narrow { f64::from(value as f32) } else { value };
    if value.is_nan() {
        match missing {
            Absent::Left => return true,
            Absent::Right => return false,
            Absent::Zero | Absent::WithZero { .. } => value = 0.0,
        }
    }
    if let Absent::WithZero { left } = missing {
        // LightGBM's kZeroThreshold.
        if value.abs() <= f64::from(1e-35f32) {
            return left;
        }
    }
    match test {
        Test::Less(threshold) => value < *threshold,
        Test::AtMost(threshold) => value <= *threshold,
        Test::Among { members, inside } => members.binary_search(&(value as i64)).is_ok() == *inside,
    }
}

impl ForeignLayers {
    fn predict(&self, row: &[f64]) -> Vec<f64> {
        let known = |value: &f64| if value.is_nan() && self.absent_zero { 0.0 } else { *value };
        let mut values: Vec<f64> = row.iter().map(known).collect();
        for layer in &self.layers {
            let mut next = Vec::with_capacity(layer.bias.len());
            for (weights, bias) in layer.weights.iter().zip(&layer.bias) {
                let sum = if self.narrow { dot_narrow(weights, &values, *bias) } else { dot(weights, &values, *bias) };
                next.push(if layer.relu && sum < 0.0 { 0.0 } else { sum });
            }
            values = next;
        }
        values
    }

    fn check(&self, width: usize, outputs: usize) -> Result<(), ImportError> {
        let field = |reason: String| ImportError::Field { format: "model", field: "layers".into(), reason };
        let mut wide = width;
        if self.layers.is_empty() {
            return Err(field("there is none".into()));
        }
        for (number, layer) in self.layers.iter().enumerate() {
            if layer.weights.is_empty() || layer.weights.len() != layer.bias.len() {
                return Err(field(format!("layer {number} has {} outputs", layer.weights.len())));
            }
            if layer.weights.iter().any(|weights| weights.len() != wide) {
                return Err(field(format!("layer {number} has not {wide} weights for each output")));
            }
            if layer.weights.iter().flatten().chain(&layer.bias).any(|weight| !weight.is_finite()) {
                return Err(field(format!("layer {number} has a weight that is not finite")));
            }
            wide = layer.weights.len();
        }
        if wide != outputs {
            return Err(field(format!("the last has {wide} outputs of {outputs}")));
        }
        Ok(())
    }
}

fn dot(weights: &[f64], values: &[f64], bias: f64) -> f64 {
    let mut sum = 0.0;
    for (weight, value) in weights.iter().zip(values) {
        sum += weight * value;
    }
    sum + bias
}

fn dot_narrow(weights: &[f64], values: &[f64], bias: f64) -> f64 {
    let mut sum = 0f32;
    for (weight, value) in weights.iter().zip(values) {
        sum += *weight as f32 * *value as f32;
    }
    f64::from(sum + bias as f32)
}
