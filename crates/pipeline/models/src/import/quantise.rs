//! From another library's model to an artifact.

use enliven_types::FeatureSchema;

use super::compare::power;
use super::foreign::{Foreign, ForeignForm, prepare};
use super::{ImportError, ImportOptions, real};
use crate::layers::Layers;
use crate::tree::{self, MISSING};
use crate::{Artifact, Form, Import, Input, Method, Origin};

/// Background rows that are taken from the given rows where none are named.
const BACKGROUND: usize = 64;
/// Orders of the inputs where a network has too many for all.
const ORDERS: u32 = 64;

/// The feature that an input is.
#[derive(Clone, Debug)]
pub(crate) struct Feature {
    pub(crate) name: String,
    pub(crate) scale: u8,
    /// The value that stands for *not known*.
    pub(crate) missing: Option<i64>,
}

impl Foreign {
    /// Makes an artifact over the features of `schema`. Every row of whole numbers takes the way
    /// through the trees that it takes in the original; leaf values, and the weights of layers, are
    /// rounded to as many places as the checked sums allow.
    pub fn quantise(&self, schema: &FeatureSchema, options: &ImportOptions) -> Result<Artifact, ImportError> {
        self.check()?;
        let features = self.features(schema, options)?;
        let rows = self.rows("rows", &options.rows, &features)?;
        let mut background = self.rows("background", &options.background, &features)?;
        let attributions = options.attributions.unwrap_or_else(|| self.method(!background.is_empty()));
        if attributions != Method::Path && background.is_empty() {
            background = self.background(&rows, &features)?;
        }
        let outputs = self.output_names(options)?;
        let explained = match &options.explained {
            None => usize::from(outputs.len() == 2),
            Some(name) => outputs.iter().position(|output| output == name).ok_or_else(|| ImportError::Option {
                option: "explained",
                reason: format!("unknown class `{name}` (available: {})", outputs.join(", ")),
            })?,
        };
        let (form, scale) = match &self.form {
            ForeignForm::Trees(trees) => {
                let (ensemble, scale) = self.quantise_trees(trees, &features, &rows)?;
                tree::check(&ensemble, self.width, self.outputs)?;
                (Form::Trees(ensemble), scale)
            }
            ForeignForm::Layers(layers) => {
                let (network, scale) = self.quantise_layers(layers, &features, &rows)?;
                Layers::new(&network, self.width, self.outputs)?;
                (Form::Layers(network), scale)
            }
        };
        let missing: Vec<Option<i64>> = features.iter().map(|feature| feature.missing).collect();
        let artifact = Artifact {
            version: 2,
            schema: schema.digest(),
            inputs: features.into_iter().map(|feature| Input::Own(feature.name)).collect(),
            missing: if missing.iter().any(Option::is_some) { missing } else { Vec::new() },
            outputs,
            explained: explained as u32,
            scale,
            form,
            link: self.link,
            attributions,
            background,
            reference: Vec::new(),
            origin: Origin::Imported(Import {
                format: self.format.clone(),
                objective: self.objective.clone(),
                file: self.file,
            }),
        };
        artifact.check()?;
        Ok(artifact)
    }

    fn features(&self, schema: &FeatureSchema, options: &ImportOptions) -> Result<Vec<Feature>, ImportError> {
        let names = if options.features.is_empty() { &self.inputs } else { &options.features };
        if names.len() != self.width {
            return Err(ImportError::FeatureCount { wanted: self.width, found: names.len() });
        }
        let available = || schema.features.iter().map(|feature| feature.name.as_str()).collect::<Vec<_>>().join(", ");
        for (name, value) in &options.missing {
            if schema.position(name).is_none() {
                let reason = format!("unknown feature `{name}` (available: {})", available());
                return Err(ImportError::Option { option: "missing", reason });
            }
            if *value == MISSING {
                let reason = format!("{MISSING} is reserved (feature `{name}`)");
                return Err(ImportError::Option { option: "missing", reason });
            }
        }
        let mut features = Vec::with_capacity(names.len());
        for (input, name) in names.iter().enumerate() {
            let found = schema.position(name).map(|at| &schema.features[at]);
            let found = found.ok_or_else(|| ImportError::UnknownFeature {
                input,
                name: name.clone(),
                available: available(),
            })?;
            if found.scale > 18 {
                let reason = format!("`{name}` has {} decimal places, at most 18 are imported", found.scale);
                return Err(ImportError::Option { option: "features", reason });
            }
            let missing = options.missing.get(name).copied();
            features.push(Feature { name: name.clone(), scale: found.scale, missing });
        }
        Ok(features)
    }

    /// Rows of the right width, in which what stands for *not known* has become [`MISSING`].
    fn rows(
        &self,
        option: &'static str,
        rows: &[Vec<i64>],
        features: &[Feature],
    ) -> Result<Vec<Vec<i64>>, ImportError> {
        let mut found = rows.to_vec();
        for (number, row) in found.iter_mut().enumerate() {
            if row.len() != self.width {
                let reason = format!("row {number} has {} values for {} inputs", row.len(), self.width);
                return Err(ImportError::Option { option, reason });
            }
            for (value, feature) in row.iter_mut().zip(features) {
                if Some(*value) == feature.missing {
                    *value = MISSING;
                }
            }
        }
        Ok(found)
    }

    fn method(&self, background: bool) -> Method {
        match &self.form {
            ForeignForm::Trees(_) if background => Method::Background,
            ForeignForm::Trees(_) => Method::Path,
            ForeignForm::Layers(layers) if layers.layers.len() == 1 || self.width <= Artifact::MAX_EXACT => {
                Method::Background
            }
            ForeignForm::Layers(_) => Method::Sampled(ORDERS),
        }
    }

    /// Some of the given rows, evenly spaced; without any, what a scaler says is the mean.
    fn background(&self, rows: &[Vec<i64>], features: &[Feature]) -> Result<Vec<Vec<i64>>, ImportError> {
        if !rows.is_empty() {
            let count = rows.len().min(BACKGROUND);
            return Ok((0..count).map(|number| rows[number * rows.len() / count].clone()).collect());
        }
        let Some(step) = self.prepare.first() else {
            return Err(ImportError::Option {
                option: "background",
                reason: "the attributions of this model compare with rows of inputs, and none are given".into(),
            });
        };
        let mean = |(feature, mean): (&Feature, &f64)| libm::round(mean * power(feature.scale)) as i64;
        Ok(vec![features.iter().zip(&step.subtract).map(mean).collect()])
    }

    fn output_names(&self, options: &ImportOptions) -> Result<Vec<String>, ImportError> {
        let classes = if options.classes.is_empty() { &self.classes } else { &options.classes };
        let named = match (self.outputs, classes.len()) {
            (1, 0) => return Ok(vec!["margin".to_string()]),
            // One margin between two classes is the second one's.
            (1, 2) => return Ok(vec![classes[1].clone()]),
            (count, 0) => return Ok((0..count).map(|number| number.to_string()).collect()),
            (count, named) => count == named,
        };
        if !named {
            let reason = format!("{} names for {} classes", classes.len(), self.outputs.max(2));
            return Err(ImportError::Option { option: "classes", reason });
        }
        Ok(classes.clone())
    }

    /// What the original makes of `units` of an input before it compares or multiplies it.
    pub(crate) fn input(&self, input: usize, feature: &Feature, units: i64) -> f64 {
        let value = if units == MISSING { f64::NAN } else { real(units, feature.scale) };
        prepare(&self.prepare, input, value)
    }
}
