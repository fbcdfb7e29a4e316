use std::collections::BTreeMap;

use enliven_features::{Column, FeatureSet, FeatureState, Kind, SourceShape, SpillTo, Tables};
use enliven_metadata::Renderer;
use enliven_models::{Artifact, InputsConfig, Model, TrainConfig};
use enliven_policy::{Policy, PolicyError};
use enliven_sources::{FileConfig, RowReader, SourceConfig, SourceKind};
use enliven_types::{
    Block, Codec, ColumnType, CutPartition, Digest, FeatureSchema, Period, Privacy, Timestamp, to_jcs,
};
use serde::{Deserialize, Serialize};

use crate::lines::pack;
use crate::{ChainConfig, ContentConfig, EngineError, Manifest};

/// The files that a manifest names, read by whoever may read files.
#[derive(Clone, Debug)]
pub struct Assets {
    /// The card's SVG template.
    pub template: String,
    /// The model artifact's bytes.
    pub model: Vec<u8>,
    /// The rows of the features' tables.
    pub tables: Tables,
}

/// What an auditor needs besides events and model: stored as one canonical JSON block, whose digest
/// is the report's `manifest`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The version of this record: 1.
    pub version: u32,
    /// The manifest without the choice of chain and of where content is kept.
    pub manifest: Manifest,
    /// The digest of the card's template, a raw block.
    pub template: Digest,
    /// The digest of the font that cards are drawn with; it comes with the program.
    pub font: Digest,
    /// The tables' rows: for each table the digests of raw blocks of canonical JSON, one row a line.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, Vec<Digest>>,
}

/// A manifest that is checked and ready to run.
pub struct Plan {
    /// The manifest.
    pub manifest: Manifest,
    /// The features.
    pub features: FeatureSet,
    /// What reads the rows of each source.
    pub readers: BTreeMap<String, RowReader>,
    /// The partitions of the logs that features are computed from, in the order of (source, number).
    pub partitions: Vec<(String, u32)>,
    /// The model.
    pub model: Model,
    /// The model as stored.
    pub artifact: Artifact,
    /// The policy.
    pub policy: Policy,
    /// The cards.
    pub renderer: Renderer,
    /// The blocks that a verifier needs: definition, template, model, contract metadata.
    pub blocks: Vec<Block>,
    /// The digest of the definition.
    pub definition: Digest,
    /// The digest of the model artifact.
    pub model_digest: Digest,
    /// The digest of the feature schema.
    pub schema_digest: Digest,
    start: Timestamp,
    /// How much memory a feature state may take on this machine; as much as it needs, if none.
    spill_to: Option<SpillTo>,
}

impl Plan {
    /// Checks everything that can be checked without the model: what `enliven train` needs.
    pub fn check_features(manifest: &Manifest, tables: &Tables) -> Result<FeatureSet, EngineError> {
        for (name, config) in &manifest.sources {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if name.is_empty() || !name.chars().all(plain) {
                return Err(wrong("sources", format!("`{name}` may have letters, digits, `_` and `-` only")));
            }
            RowReader::new(name, config).map_err(|error| wrong(&format!("sources.{name}"), error.to_string()))?;
        }
        let shapes = manifest.sources.iter().map(|(name, source)| (name.clone(), shape_of(source))).collect();
        let set = FeatureSet::new(&manifest.features, &shapes, tables)
            .map_err(|error| wrong(&format!("features.{}", error.place()), strip(error.place(), &error)))?;
        let columns = &shapes[set.token_view().source()].columns;
        match (&manifest.model.inputs, &manifest.model.train) {
            (Some(inputs), Some(train)) => check_training(inputs, train, columns, set.schema())?,
            (None, None) => {}
            _ => {
                return Err(wrong(
                    "model",
                    "`inputs` and `train` belong together; an imported model has neither".into(),
                ));
            }
        }
        Policy::check(&manifest.traits, set.schema()).map_err(|error| wrong_trait(&error))?;
        let names: Vec<&str> = manifest.traits.iter().map(|entry| entry.name.as_str()).collect();
        manifest.metadata.check_traits(&names).map_err(|error| wrong("metadata.display", error.to_string()))?;
        Timestamp::parse(&manifest.epochs.start).map_err(|error| wrong("epochs.start", error.to_string()))?;
        if manifest.metadata.collection.symbol.is_none() {
            return Err(wrong("metadata.collection", "`symbol` is needed: it is the token contract's symbol".into()));
        }
        if manifest.oracle.nodes == 0 || manifest.oracle.nodes > 64 {
            return Err(wrong("oracle.nodes", "a committee has 1 to 64 nodes".into()));
        }
        Ok(set)
    }

    /// Checks a manifest and its files against each other.
    pub fn new(manifest: &Manifest, assets: &Assets) -> Result<Plan, EngineError> {
        let features = Plan::check_features(manifest, &assets.tables)?;
        check_public(manifest)?;
        let model_block = Block::new(Codec::DagCbor, assets.model.clone());
        let model_digest = Digest::of_cid(&model_block.cid)?;
        if let Some(wanted) = manifest.model.digest
            && wanted != model_digest
        {
            let reason = format!("the artifact {} has the digest {model_digest}", manifest.model.artifact);
            return Err(wrong("model.digest", reason));
        }
        let artifact = Artifact::from_bytes(&assets.model)?;
        let model = Model::new(&artifact, features.schema())?;
        let policy = Policy::new(&manifest.traits, &manifest.policy, features.schema(), &model.score_names())
            .map_err(|error| wrong_trait(&error))?;
        let renderer = Renderer::new(&manifest.metadata, &assets.template)?;
        let signed_part =
            Manifest { chain: ChainConfig::default(), content: ContentConfig::default(), ..manifest.clone() };
        let template = Block::new(Codec::Raw, assets.template.clone().into_bytes());
        let mut readers = BTreeMap::new();
        for (name, config) in &manifest.sources {
            readers.insert(name.clone(), RowReader::new(name, config)?);
        }
        let (mut tables, mut table_blocks) = (BTreeMap::new(), Vec::new());
        for name in manifest.features.tables.keys() {
            let rows = assets.tables.get(name).map_or(&[][..], Vec::as_slice);
            let blocks = pack(rows.iter().map(to_jcs));
            let digests = blocks.iter().map(|block| Digest::of_cid(&block.cid)).collect::<Result<_, _>>()?;
            tables.insert(name.clone(), digests);
            table_blocks.extend(blocks);
        }
        let definition = Definition {
            version: 1,
            manifest: signed_part,
            template: renderer.template_digest(),
            font: Renderer::font_digest(),
            tables,
        };
        let definition = Block::new(Codec::Raw, to_jcs(&definition));
        let start = Timestamp::parse(&manifest.epochs.start)?;
        let digest = Digest::of_cid(&definition.cid)?;
        let mut blocks = vec![definition, template, Renderer::fonts(), model_block, renderer.contract_json()];
        blocks.extend(table_blocks);
        Ok(Plan {
            definition: digest,
            model_digest,
            schema_digest: features.schema().digest(),
            start: manifest.epochs.period.start(manifest.epochs.period.index(start)),
            blocks,
            partitions: partitions_of(manifest, &features),
            readers,
            manifest: manifest.clone(),
            features,
            model,
            artifact,
            policy,
            renderer,
            spill_to: None,
        })
    }

    /// The same plan within a bound of memory, which changes nothing of what it gives.
    pub fn spilling(self, spill_to: SpillTo) -> Plan {
        Plan { spill_to: Some(spill_to), ..self }
    }

    /// The feature state before the first event.
    pub(crate) fn no_features(&self) -> FeatureState {
        match &self.spill_to {
            Some(spill_to) => FeatureState::default().spilling(spill_to.clone()),
            None => FeatureState::default(),
        }
    }

    /// How far this plan's partitions are read where `read` says how far another plan's are.
    pub fn align(&self, read: &[CutPartition]) -> Vec<CutPartition> {
        let offset = |source: &str, partition: u32| {
            let same = |one: &&CutPartition| one.source == source && one.partition == partition;
            read.iter().find(same).map_or(0, |one| one.offset)
        };
        let one = |(source, partition): &(String, u32)| CutPartition {
            source: source.clone(),
            partition: *partition,
            offset: offset(source, *partition),
        };
        self.partitions.iter().map(one).collect()
    }

    /// Why a running collection cannot go on with this definition in place of `before`; none if it can.
    pub fn cannot_follow(&self, before: &Manifest) -> Option<String> {
        if self.manifest.epochs != before.epochs {
            return Some("`epochs` says which instant an epoch is, and some are posted already".into());
        }
        let (ours, theirs) = (&self.manifest.metadata.collection, &before.metadata.collection);
        if (&ours.name, &ours.symbol) != (&theirs.name, &theirs.symbol) {
            return Some("the token contract holds the collection's name and symbol for good".into());
        }
        for (name, ours) in &self.manifest.sources {
            let Some(theirs) = before.sources.get(name) else { continue };
            let SourceKind::File(FileConfig { path, .. }) = &ours.from;
            let SourceKind::File(FileConfig { path: earlier, .. }) = &theirs.from;
            let same =
                (&ours.columns, &ours.rename, &ours.time, &ours.id, &ours.subjects, &ours.order, &ours.event_type)
                    == (
                        &theirs.columns,
                        &theirs.rename,
                        &theirs.time,
                        &theirs.id,
                        &theirs.subjects,
                        &theirs.order,
                        &theirs.event_type,
                    );
            if !same || !path.all().starts_with(earlier.all()) {
                return Some(format!(
                    "the log holds what the source `{name}` read before: its columns, `id`, `time`, `subjects` and `order` cannot change, and files are only added at the end; give the changed source another name"
                ));
            }
        }
        None
    }

    /// The watermark of an epoch; the first epoch is 1.
    pub fn watermark(&self, epoch: u64) -> Timestamp {
        let period: Period = self.manifest.epochs.period;
        period.start(period.index(self.start).saturating_add_unsigned(epoch.saturating_sub(1)))
    }

    /// The first epoch whose watermark is after `time`.
    pub fn epoch_after(&self, time: Timestamp) -> u64 {
        let period: Period = self.manifest.epochs.period;
        let passed = period.index(time) - period.index(self.start);
        u64::try_from(passed + 2).unwrap_or(1).max(1)
    }
}

/// What `enliven train` needs of a manifest.
fn check_training(
    inputs: &InputsConfig,
    train: &TrainConfig,
    columns: &BTreeMap<String, Column>,
    schema: &FeatureSchema,
) -> Result<(), EngineError> {
    inputs.check(schema).map_err(|error| wrong("model.inputs", error.to_string()))?;
    for name in inputs.context.keys() {
        if !columns.contains_key(name) {
            let available = columns.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let reason = format!("unknown column `{name}` (available: {available})");
            return Err(wrong("model.inputs.context", reason));
        }
    }
    train.span().map_err(|error| wrong("model.train", error.to_string()))?;
    for (field, name) in [("plus", &train.target.plus), ("minus", &train.target.minus)] {
        if !matches!(columns.get(name).map(|column| column.kind), Some(Kind::Number(_) | Kind::Bool)) {
            let reason = format!("`{name}` is not a column with numbers");
            return Err(wrong(&format!("model.train.target.{field}"), reason));
        }
    }
    Ok(())
}

/// What is posted is public: events in the cut's segments, features in receipts.
fn check_public(manifest: &Manifest) -> Result<(), EngineError> {
    for (source, config) in &manifest.sources {
        if let Some((column, _)) = config.privacy.iter().find(|(_, class)| **class > Privacy::Public) {
            let reason = format!(
                "`{column}` is not public, but the events of an epoch and the features of a receipt are published; \
                 leave the column out, or use its features without posting (`enliven features export`)"
            );
            return Err(wrong(&format!("sources.{source}.privacy"), reason));
        }
    }
    for (table, config) in &manifest.features.tables {
        if let Some((column, _)) = config.privacy.iter().find(|(_, class)| **class > Privacy::Public) {
            let reason = format!("`{column}` is not public, but the tables of a collection are published");
            return Err(wrong(&format!("features.tables.{table}.privacy"), reason));
        }
    }
    Ok(())
}

/// A source as features see it.
fn shape_of(source: &SourceConfig) -> SourceShape {
    let column = |(name, kind): (&String, &ColumnType)| {
        let privacy = source.privacy.get(name).copied().unwrap_or_default();
        (name.clone(), Column { kind: Kind::from(*kind), privacy })
    };
    SourceShape {
        columns: source.columns.iter().map(column).collect(),
        partitions: source.partitions(),
        // A source with a length of another kind is refused by its reader.
        lateness_ms: if let Period::Fixed(length) = source.allowed_lateness { length } else { 0 },
        order: source.order.clone(),
    }
}

fn partitions_of(manifest: &Manifest, features: &FeatureSet) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    for name in features.sources() {
        found.extend((0..manifest.sources[name].partitions()).map(|partition| (name.to_string(), partition)));
    }
    found.sort_unstable();
    found
}

fn wrong(path: &str, reason: String) -> EngineError {
    EngineError::Manifest { path: path.to_string(), reason }
}

fn wrong_trait(error: &PolicyError) -> EngineError {
    wrong(&format!("traits.{}", error.place()), strip(error.place(), error))
}

/// The message without the place in front; the place is shown with the file and line.
fn strip(place: &str, error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    text.strip_prefix(place).and_then(|rest| rest.strip_prefix(": ")).map_or(text.clone(), str::to_string)
}
