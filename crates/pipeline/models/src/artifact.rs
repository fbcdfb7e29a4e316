use enliven_types::{Block, Codec, Digest, FeatureVector, Timestamp, from_cbor, to_cbor};
use serde::{Deserialize, Serialize};

use crate::{Layer, Link, ModelError, Tree};

/// A larger artifact is refused.
const MAX_BYTES: usize = 64 << 20;

/// A model in integers: what is stored, addressed by its digest, and run.
///
/// A row of inputs is made from feature vectors; the form turns it into one margin per output, in
/// units of 10^-`scale`; the link turns margins into what people speak of: a chance, a count, points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// The version of this record: 2.
    pub version: u32,
    /// The digest of the feature schema.
    pub schema: Digest,
    /// What a row consists of.
    pub inputs: Vec<Input>,
    /// Of each input the value that stands for *not known*; empty where no input has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Option<i64>>,
    /// What the margins are of: one name, or the names of the classes.
    pub outputs: Vec<String>,
    /// The output that attributions explain.
    pub explained: u32,
    /// Decimal places of the margins, at most [`Artifact::MAX_SCALE`].
    pub scale: u8,
    /// From a row to margins.
    pub form: Form,
    /// From margins to what people speak of.
    pub link: Link,
    /// How attributions are defined.
    pub attributions: Method,
    /// Rows that attributions compare with; none for [`Method::Path`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub background: Vec<Vec<i64>>,
    /// For a model of pairs the features of the ten reference opponents, from the weakest to the
    /// strongest; otherwise empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference: Vec<FeatureVector>,
    /// How it came to be.
    pub origin: Origin,
}

/// One input of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// A feature of the entity.
    Own(String),
    /// A feature of the opponent; in models of pairs only.
    Opponent(String),
    /// The entity's less the opponent's; in models of pairs only.
    Difference(String),
    /// A number of the event, with the value that it has when an entity is scored; in models of pairs
    /// only.
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

/// How margins are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Form {
    /// The sum of the leaves that a row reaches.
    Trees(Ensemble),
    /// Dense layers: one without ReLU is a linear model.
    Layers(Network),
}

/// Trees that are added up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ensemble {
    /// What each output starts from.
    pub base: Vec<i64>,
    /// The trees.
    pub trees: Vec<Tree>,
}

/// Dense layers, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Of each input the least and the largest value; others count as the nearest of the two.
    pub range: Vec<(i64, i64)>,
    /// Of each input the value in place of a missing one.
    pub absent: Vec<i64>,
    /// The layers, the last of them gives the margins.
    pub layers: Vec<Layer>,
}

/// How the attributions of a margin are defined. All sum to the margin exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Method {
    /// Shapley values of trees, where an unknown input is averaged over the training rows that passed
    /// a split (path-dependent TreeSHAP).
    Path,
    /// Shapley values, where unknown inputs are those of the background rows (interventional). Exact
    /// for trees, for linear models, and for networks of at most [`Artifact::MAX_EXACT`] inputs.
    Background,
    /// The same, averaged over so many orders of the inputs and their reverses instead of all: an
    /// approximation, for networks with many inputs.
    Sampled(u32),
}

/// How a model came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Origin {
    /// Trained here.
    Trained(Training),
    /// Read from another library's file.
    Imported(Import),
}

/// What was trained on what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The library and its version.
    pub trainer: String,
    /// How many rows it saw.
    pub rows: u64,
    /// Rows from this instant on were used.
    pub from: Timestamp,
    /// Rows before this instant were used.
    pub until: Timestamp,
    /// The digest over all rows.
    pub data: Digest,
    /// The names of the reference opponents.
    pub reference: Vec<String>,
}

/// What was imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// The format, and the version that wrote it where the file says so.
    pub format: String,
    /// The objective that the file names.
    pub objective: String,
    /// The sha2-256 of the file.
    pub file: Digest,
}

impl Artifact {
    /// How many reference opponents there are; ten, so that a sum over them is a mean with one more
    /// decimal place.
    pub const REFERENCE: usize = 10;
    /// The most decimal places of a margin.
    pub const MAX_SCALE: u8 = 9;
    /// The most inputs for which a network's Shapley values are computed over all sets of inputs.
    pub const MAX_EXACT: usize = 12;
    /// The most background rows.
    pub const MAX_BACKGROUND: usize = 256;

    /// The DAG-CBOR block.
    pub fn to_block(&self) -> Block {
        Block::new(Codec::DagCbor, to_cbor(self))
    }

    /// Reads an artifact; anything but its canonical bytes is refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Artifact, ModelError> {
        if bytes.len() > MAX_BYTES {
            return Err(invalid("size", format!("{} bytes, at most {MAX_BYTES} are allowed", bytes.len())));
        }
        let artifact: Artifact = from_cbor("model artifact", bytes)?;
        artifact.check()?;
        Ok(artifact)
    }

    /// How many trees or layers it has, in words.
    pub fn size(&self) -> String {
        match &self.form {
            Form::Trees(ensemble) => format!("{} trees", ensemble.trees.len()),
            Form::Layers(network) if network.layers.len() == 1 => "a linear model".to_string(),
            Form::Layers(network) => format!("a network of {} layers", network.layers.len()),
        }
    }

    /// Checks what can be checked without the features; trees and layers are checked when loaded.
    pub(crate) fn check(&self) -> Result<(), ModelError> {
        if self.version != 2 {
            let hint = if self.version == 1 { "\nhint: run `enliven train` again" } else { "" };
            return Err(invalid("version", format!("{}, only 2 is known{hint}", self.version)));
        }
        if self.scale > Artifact::MAX_SCALE {
            return Err(invalid("scale", format!("{} decimal places, at most {}", self.scale, Artifact::MAX_SCALE)));
        }
        let inputs = self.inputs.len();
        if inputs == 0 || inputs > 1024 {
            return Err(invalid("inputs", format!("{inputs} inputs, 1 to 1024 are allowed")));
        }
        if !self.missing.is_empty() && self.missing.len() != inputs {
            return Err(invalid("missing", format!("{} values for {inputs} inputs", self.missing.len())));
        }
        if self.outputs.is_empty() || self.outputs.len() > 256 {
            return Err(invalid("outputs", format!("{} outputs, 1 to 256 are allowed", self.outputs.len())));
        }
        for (number, name) in self.outputs.iter().enumerate() {
            if name.is_empty() || name.len() > 128 || self.outputs[..number].contains(name) {
                let reason = format!("`{name}` is empty, too long or there twice");
                return Err(invalid(&format!("output {number}"), reason));
            }
        }
        if self.explained as usize >= self.outputs.len() {
            return Err(invalid("explained", format!("output {} of {}", self.explained, self.outputs.len())));
        }
        if self.link.single() && self.outputs.len() != 1 {
            return Err(invalid("link", format!("it takes one margin, the model has {}", self.outputs.len())));
        }
        let pairs = self.inputs.iter().any(|input| !matches!(input, Input::Own(_)));
        let wanted = if pairs || !self.reference.is_empty() { Artifact::REFERENCE } else { 0 };
        if self.reference.len() != wanted {
            let reason = format!("{} opponents, {wanted} are needed", self.reference.len());
            return Err(invalid("reference", reason));
        }
        self.check_method()
    }

    fn check_method(&self) -> Result<(), ModelError> {
        let linear = matches!(&self.form, Form::Layers(network) if network.layers.len() == 1);
        match (&self.form, self.attributions) {
            (Form::Trees(_), Method::Sampled(_)) => {
                return Err(invalid("attributions", "those of trees are exact: `path` or `background`".into()));
            }
            (Form::Layers(_), Method::Path) => {
                return Err(invalid("attributions", "`path` is for trees".into()));
            }
            (Form::Layers(_), Method::Background) if !linear && self.inputs.len() > Artifact::MAX_EXACT => {
                let reason = format!(
                    "those of a network with {} inputs can only be sampled (exact up to {})",
                    self.inputs.len(),
                    Artifact::MAX_EXACT
                );
                return Err(invalid("attributions", reason));
            }
            (_, Method::Sampled(count)) if count == 0 || count > 4096 => {
                return Err(invalid("attributions", format!("{count} orders, 1 to 4096 are allowed")));
            }
            _ => {}
        }
        let rows = self.background.len();
        match self.attributions {
            Method::Path if rows != 0 => Err(invalid("background", "`path` needs no background rows".into())),
            Method::Background | Method::Sampled(_) if rows == 0 || rows > Artifact::MAX_BACKGROUND => {
                let most = Artifact::MAX_BACKGROUND;
                Err(invalid("background", format!("{rows} rows, 1 to {most} are needed")))
            }
            _ => match self.background.iter().position(|row| row.len() != self.inputs.len()) {
                Some(row) => {
                    let found = self.background[row].len();
                    Err(invalid(
                        &format!("background {row}"),
                        format!("{found} values for {} inputs", self.inputs.len()),
                    ))
                }
                None => Ok(()),
            },
        }
    }
}

pub(crate) fn invalid(place: &str, reason: String) -> ModelError {
    ModelError::Invalid { place: place.to_string(), reason }
}
