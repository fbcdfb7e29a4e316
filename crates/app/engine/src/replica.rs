//! The pure function from (state before, cut, events) to the report.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use enliven_content::{Directory, Link};
use enliven_features::{Added, FeatureState};
use enliven_metadata::{CardInput, Renderer};
use enliven_policy::Inputs;
use enliven_provenance::{MerkleTree, receipts_root};
use enliven_types::{
    Block, Cid, Cut, CutPartition, Decision, Digest, Event, FeatureVector, HoldReason, Receipt, Report, Score, Segment,
    Timestamp, TokenState, TraitValue, leaf_hash,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{CutSpec, EngineError, Plan, Stage, Timings};

/// One token as the replica knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEntry {
    /// Its state after its latest change.
    pub state: TokenState,
    /// The receipt of that change.
    pub receipt: Cid,
    /// The leading trait after each of the latest changes, oldest first.
    pub history: VecDeque<i64>,
}

/// One change of one token.
#[derive(Clone, Debug)]
pub struct Change {
    /// The receipt.
    pub receipt: Receipt,
    /// Its block's CID.
    pub cid: Cid,
}

/// How many tokens were left as they are, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holds {
    /// Nothing moved.
    pub unchanged: u64,
    /// Traits moved by less than their thresholds.
    pub below_threshold: u64,
    /// The last change was too recent.
    pub cooldown: u64,
}

impl Holds {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.unchanged + self.below_threshold + self.cooldown
    }

    /// Adds another epoch's.
    pub fn add(&mut self, other: &Holds) {
        self.unchanged += other.unchanged;
        self.below_threshold += other.below_threshold;
        self.cooldown += other.cooldown;
    }

    fn count(&mut self, reason: &HoldReason) {
        match reason {
            HoldReason::Unchanged => self.unchanged += 1,
            HoldReason::BelowThreshold { .. } => self.below_threshold += 1,
            HoldReason::Cooldown { .. } => self.cooldown += 1,
        }
    }
}

/// A feature state, and how far the logs were read.
#[derive(Clone)]
pub struct FeaturePoint {
    /// The state.
    pub state: FeatureState,
    /// For each partition of the plan the offset of the first event that it has not seen; empty at
    /// the start of all logs.
    pub offsets: Vec<u64>,
}

impl FeaturePoint {
    /// Before the first event.
    pub fn start(plan: &Plan) -> FeaturePoint {
        FeaturePoint { state: plan.no_features(), offsets: Vec::new() }
    }
}

/// What one epoch came to.
#[derive(Clone, Debug)]
pub struct EpochOutcome {
    /// What is signed.
    pub report: Report,
    /// The cut's CID.
    pub cut: Cid,
    /// Every block that is new.
    pub blocks: Vec<Block>,
    /// In the order of token ids.
    pub changes: Vec<Change>,
    /// How many of the changes are mints.
    pub minted: u64,
    /// The others.
    pub holds: Holds,
    /// The new events that came later than allowed and changed nothing: the place of their partition
    /// in the plan, and their offset.
    pub late: Vec<(usize, u64)>,
    /// Where the time went.
    pub timings: Timings,
}

/// The state of a collection after an epoch, and the step to the next.
#[derive(Clone)]
pub struct Replica {
    plan: Arc<Plan>,
    features: FeatureState,
    tokens: Vec<TokenEntry>,
    ids: BTreeMap<String, u64>,
    tree: MerkleTree,
    collection: Directory,
    receipts: Directory,
    epoch: u64,
    /// How far each partition is read.
    offsets: Vec<u64>,
    cut: Option<Cid>,
    /// The generation of the committee that its reports are signed by.
    config_count: u64,
}

/// What was decided of one token, before anything is applied.
struct Decided {
    token_id: u64,
    features: FeatureVector,
    scores: Vec<Score>,
    decision: Decision,
}

/// A decided change with everything that it brings.
struct Made {
    entry: TokenEntry,
    receipt: Receipt,
    blocks: Vec<Block>,
    links: [(Cid, u64); 2],
}

impl Replica {
    /// The state before the first epoch.
    pub fn new(plan: Arc<Plan>) -> Result<Replica, EngineError> {
        let mut collection = Directory::new();
        let contract = plan.renderer.contract_json();
        collection.insert("contract.json", Link::to_leaf(&contract))?;
        let (offsets, features) = (vec![0; plan.partitions.len()], plan.no_features());
        Ok(Replica {
            plan,
            features,
            tokens: Vec::new(),
            ids: BTreeMap::new(),
            tree: MerkleTree::default(),
            collection,
            receipts: Directory::new(),
            epoch: 0,
            offsets,
            cut: None,
            config_count: 1,
        })
    }

    /// The same for another generation of the committee than the first.
    pub fn for_committee(mut self, config_count: u64) -> Replica {
        self.config_count = config_count;
        self
    }

    /// The state after an epoch, from what that epoch left: its tokens in the order of their ids, its
    /// directories, its cut with how far it reads, and the events from a point of the logs up to it.
    pub(crate) fn restored(
        plan: Arc<Plan>,
        features: FeaturePoint,
        events: &[(Event, Vec<u8>)],
        tokens: Vec<TokenEntry>,
        directories: (Directory, Directory),
        epoch: u64,
        (cut, partitions): (Cid, &[CutPartition]),
    ) -> Result<Replica, EngineError> {
        let mut replica = Replica::new(plan)?;
        replica.features = features.state;
        if !features.offsets.is_empty() {
            replica.offsets = features.offsets;
        }
        replica.features.advance(&replica.plan.features, replica.plan.watermark(epoch));
        let partitions = replica.plan.align(partitions);
        let spans = replica.spans(&partitions, events)?;
        replica.add_events(&spans, events);
        replica.check_features()?;
        replica.offsets = partitions.iter().map(|partition| partition.offset).collect();
        let mut leaves = Vec::with_capacity(tokens.len());
        for entry in &tokens {
            leaves.push(leaf_hash(&entry.state, &entry.receipt)?);
            replica.ids.insert(entry.state.subject.clone(), entry.state.token_id);
        }
        replica.tree = MerkleTree::new(&leaves);
        replica.tokens = tokens;
        (replica.collection, replica.receipts) = directories;
        // The same as before, unless the definition is another than that of the epoch.
        let contract = replica.plan.renderer.contract_json();
        replica.collection.insert("contract.json", Link::to_leaf(&contract))?;
        replica.epoch = epoch;
        replica.cut = Some(cut);
        Ok(replica)
    }

    /// The last epoch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What the events so far have added up to.
    pub fn features(&self) -> &FeatureState {
        &self.features
    }

    /// How far each partition of the plan is read.
    pub fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    /// The root of the state tree.
    pub fn root(&self) -> Digest {
        self.tree.root()
    }

    /// The tokens, in the order of their ids.
    pub fn tokens(&self) -> &[TokenEntry] {
        &self.tokens
    }

    /// The proof of a token's leaf.
    pub fn proof(&self, token_id: u64) -> Option<Vec<Digest>> {
        self.tree.proof(usize::try_from(token_id.checked_sub(1)?).ok()?)
    }

    /// The next epoch. `events` are those from [`Replica::offsets`] to the cut's, partition by partition.
    pub fn step(&mut self, spec: &CutSpec, events: &[(Event, Vec<u8>)]) -> Result<EpochOutcome, EngineError> {
        let plan = self.plan.clone();
        let previous_root = self.tree.root();
        let mut timings = Timings::default();
        let mut blocks = Vec::new();
        if spec.epoch != self.epoch + 1 {
            let reason = format!("epoch {} after epoch {}", spec.epoch, self.epoch);
            return Err(EngineError::Record { what: "cut".into(), reason });
        }
        let spans = self.spans(&spec.partitions, events)?;
        let cut = timings.time(Stage::Provenance, || self.make_cut(spec, events, &mut blocks));
        let late = timings.time(Stage::Features, || {
            let late = self.add_events(&spans, events);
            self.features.advance(&plan.features, spec.watermark);
            late
        });
        self.offsets = spec.partitions.iter().map(|partition| partition.offset).collect();
        let newcomers = self.newcomers(spec.watermark);
        let decided = self.decide(&newcomers, spec.watermark, &mut timings);
        self.check_features()?;

        let mut holds = Holds::default();
        let mut updates = Vec::new();
        for one in decided {
            match &one.decision {
                Decision::Hold(reason) => holds.count(reason),
                Decision::Update { .. } => updates.push(one),
            }
        }
        let made = self.make(updates, &newcomers, spec, cut.cid, &mut timings)?;
        let outcome = timings.time(Stage::Provenance, || self.apply(made, &mut blocks))?;
        let (changes, directory) = outcome;
        let digests: Vec<Digest> =
            changes.iter().map(|change| Digest::of_cid(&change.cid)).collect::<Result<_, _>>()?;
        let validity = plan.manifest.oracle.validity_s;
        let report = Report {
            epoch: spec.epoch,
            config_count: self.config_count,
            valid_until: u64::try_from(spec.watermark.seconds()).unwrap_or(0).saturating_add(validity),
            previous_root,
            state_root: self.tree.root(),
            directory: Digest::of_cid(&directory)?,
            receipts_root: receipts_root(&digests),
            model: plan.model_digest,
            manifest: plan.definition,
            cut: Digest::of_cid(&cut.cid)?,
        };
        self.epoch = spec.epoch;
        self.cut = Some(cut.cid);
        let cut_cid = cut.cid;
        blocks.push(cut);
        let minted = newcomers.len() as u64;
        Ok(EpochOutcome { report, cut: cut_cid, blocks, changes, minted, holds, late, timings })
    }

    /// Whether what was read of the features counts.
    fn check_features(&self) -> Result<(), EngineError> {
        match self.features.fault() {
            Some(reason) => Err(EngineError::Spill { reason: reason.to_string() }),
            None => Ok(()),
        }
    }

    /// How many of the events are of each partition of the plan; an error if the events are not those
    /// between what is read and what the cut reads.
    fn spans(&self, partitions: &[CutPartition], events: &[(Event, Vec<u8>)]) -> Result<Vec<usize>, EngineError> {
        let wrong = |reason: String| Err(EngineError::Record { what: "cut".into(), reason });
        let known = self.plan.partitions.iter().map(|(source, number)| (source, *number));
        if !known.eq(partitions.iter().map(|one| (&one.source, one.partition))) {
            return wrong("it has other partitions than the sources of the manifest".into());
        }
        let mut spans = Vec::with_capacity(partitions.len());
        let mut rest = events;
        for (one, from) in partitions.iter().zip(&self.offsets) {
            let name = format!("partition {} of `{}`", one.partition, one.source);
            let Some(count) = one.offset.checked_sub(*from).and_then(|count| usize::try_from(count).ok()) else {
                return wrong(format!("it reads {name} back from offset {from} to {}", one.offset));
            };
            let Some((these, others)) = rest.split_at_checked(count) else {
                return wrong(format!(
                    "{name} is read from {from} to {}, but {} events are there",
                    one.offset,
                    rest.len()
                ));
            };
            if let Some((event, _)) = these.iter().find(|(event, _)| event.source != one.source) {
                return wrong(format!("the event {} of `{}` stands in {name}", event.id, event.source));
            }
            spans.push(count);
            rest = others;
        }
        if !rest.is_empty() {
            return wrong(format!("{} events are more than it reads", rest.len()));
        }
        Ok(spans)
    }

    /// Adds events of the logs, so many of each partition; returns which came too late.
    fn add_events(&mut self, spans: &[usize], events: &[(Event, Vec<u8>)]) -> Vec<(usize, u64)> {
        let mut late = Vec::new();
        let mut rest = events.iter();
        for (place, count) in spans.iter().enumerate() {
            let partition = self.plan.partitions[place].1;
            for (index, (event, _)) in rest.by_ref().take(*count).enumerate() {
                if self.features.add(&self.plan.features, partition, event) == Added::Late {
                    late.push((place, self.offsets[place] + index as u64));
                }
            }
        }
        late
    }

    fn make_cut(&self, spec: &CutSpec, events: &[(Event, Vec<u8>)], blocks: &mut Vec<Block>) -> Block {
        let segments = Segment::pack(events);
        let cut = Cut {
            version: Cut::VERSION,
            epoch: spec.epoch,
            watermark: spec.watermark,
            partitions: spec.partitions.clone(),
            previous: self.cut,
            segments: segments.iter().map(|block| block.cid).collect(),
        };
        blocks.extend(segments);
        cut.to_block()
    }

    /// Entities that have no token yet, in the order of (first event, name).
    fn newcomers(&self, watermark: Timestamp) -> Vec<String> {
        let mut found = self.features.entities_before(&self.plan.features, watermark);
        found.retain(|(_, name)| !self.ids.contains_key(name));
        found.sort_unstable();
        found.into_iter().map(|(_, name)| name).collect()
    }

    fn decide(&self, newcomers: &[String], watermark: Timestamp, timings: &mut Timings) -> Vec<Decided> {
        let plan = &self.plan;
        let known = self.tokens.iter().map(|entry| (entry.state.subject.as_str(), Some(&entry.state)));
        let all: Vec<(&str, Option<&TokenState>)> =
            known.chain(newcomers.iter().map(|name| (name.as_str(), None))).collect();
        let decided: Vec<(Decided, [std::time::Duration; 3])> = all
            .par_iter()
            .enumerate()
            .map(|(place, (name, last))| {
                let start = Instant::now();
                let features = self.features.vector_at(&plan.features, name, watermark);
                let read = Instant::now();
                let scores = plan.model.score(&features);
                let scored = Instant::now();
                let inputs = Inputs { features: &features, scores: &scores };
                let decision = plan.policy.decide(&inputs, *last, watermark);
                let times = [read - start, scored - read, scored.elapsed()];
                (Decided { token_id: place as u64 + 1, features, scores, decision }, times)
            })
            .collect();
        let mut found = Vec::with_capacity(decided.len());
        for (one, times) in decided {
            for (stage, time) in [Stage::Features, Stage::Model, Stage::Policy].into_iter().zip(times) {
                timings.book(stage, time);
            }
            found.push(one);
        }
        found
    }

    fn make(
        &self,
        updates: Vec<Decided>,
        newcomers: &[String],
        spec: &CutSpec,
        cut: Cid,
        timings: &mut Timings,
    ) -> Result<Vec<Made>, EngineError> {
        let made: Vec<Result<(Made, Timings), EngineError>> = updates
            .into_par_iter()
            .map(|one| {
                let last = self.tokens.get(one.token_id as usize - 1);
                let subject = match last {
                    Some(entry) => entry.state.subject.clone(),
                    None => newcomers[one.token_id as usize - 1 - self.tokens.len()].clone(),
                };
                self.make_one(one, last, subject, spec, cut)
            })
            .collect();
        let mut all = Vec::with_capacity(made.len());
        for one in made {
            let (made, times) = one?;
            timings.add(&times);
            all.push(made);
        }
        Ok(all)
    }

    fn make_one(
        &self,
        one: Decided,
        last: Option<&TokenEntry>,
        subject: String,
        spec: &CutSpec,
        cut: Cid,
    ) -> Result<(Made, Timings), EngineError> {
        let plan = &self.plan;
        let mut timings = Timings::default();
        let Decision::Update { reasons, before, after } = one.decision else {
            return Err(EngineError::Record { what: "decision".into(), reason: "a hold makes nothing".into() });
        };
        let attribution = timings.time(Stage::Explain, || plan.model.explain(&one.features));
        let sequence = last.map_or(1, |entry| entry.state.sequence + 1);
        let mut history = last.map(|entry| entry.history.clone()).unwrap_or_default();
        push_history(&mut history, after.first().map(|entry| &entry.value));
        let values: Vec<i64> = history.iter().copied().collect();
        let rendered = timings.time(Stage::Metadata, || {
            plan.renderer.render(&CardInput {
                token_id: one.token_id,
                subject: &subject,
                sequence,
                epoch: spec.epoch,
                at: spec.watermark,
                traits: &after,
                history: &values,
            })
        })?;
        let state = TokenState {
            token_id: one.token_id,
            subject,
            sequence,
            epoch: spec.epoch,
            changed_at: spec.watermark,
            traits: after,
            metadata: rendered.json.cid,
        };
        let margin = one.scores.first().copied().unwrap_or_default();
        let receipt = Receipt {
            version: 1,
            epoch: spec.epoch,
            previous: last.map(|entry| entry.receipt),
            cut,
            manifest: plan.definition,
            model: plan.model_digest,
            schema: plan.schema_digest,
            features: one.features,
            score: margin,
            attribution,
            reasons,
            before,
            state: state.clone(),
        };
        let start = Instant::now();
        let block = receipt.to_block();
        let entry = TokenEntry { state, receipt: block.cid, history };
        let links = [(rendered.json.cid, rendered.json.bytes.len() as u64), (block.cid, block.bytes.len() as u64)];
        let blocks = vec![rendered.json, rendered.svg, rendered.png, block];
        timings.book(Stage::Provenance, start.elapsed());
        Ok((Made { entry, receipt, blocks, links }, timings))
    }

    fn apply(&mut self, made: Vec<Made>, blocks: &mut Vec<Block>) -> Result<(Vec<Change>, Cid), EngineError> {
        let mut changes = Vec::with_capacity(made.len());
        let mut leaves = Vec::new();
        let before = self.tokens.len();
        for one in made {
            let id = one.entry.state.token_id;
            let [(metadata, metadata_size), (receipt, receipt_size)] = one.links;
            self.collection.insert(&format!("{id}.json"), Link { cid: metadata, size: metadata_size })?;
            self.receipts.insert(&id.to_string(), Link { cid: receipt, size: receipt_size })?;
            leaves.push((id as usize - 1, leaf_hash(&one.entry.state, &receipt)?));
            blocks.extend(one.blocks);
            changes.push(Change { cid: receipt, receipt: one.receipt });
            match self.tokens.get_mut(id as usize - 1) {
                Some(entry) => *entry = one.entry,
                None => {
                    self.ids.insert(one.entry.state.subject.clone(), id);
                    self.tokens.push(one.entry);
                }
            }
        }
        if self.tokens.len() == before {
            self.tree.set(leaves);
        } else {
            let all: Vec<Digest> =
                self.tokens.iter().map(|entry| leaf_hash(&entry.state, &entry.receipt)).collect::<Result<_, _>>()?;
            self.tree = MerkleTree::new(&all);
        }
        let (receipts, receipt_blocks) = self.receipts.commit();
        self.collection.insert("receipts", receipts)?;
        let (collection, collection_blocks) = self.collection.commit();
        blocks.extend(receipt_blocks);
        blocks.extend(collection_blocks);
        Ok((changes, collection.cid))
    }
}

/// Adds the leading trait's value; only the latest are kept.
pub(crate) fn push_history(history: &mut VecDeque<i64>, leading: Option<&TraitValue>) {
    if let Some(TraitValue::Number(value)) = leading {
        history.push_back(*value);
        if history.len() > Renderer::MAX_HISTORY {
            history.pop_front();
        }
    }
}
