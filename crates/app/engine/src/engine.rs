use std::collections::BTreeMap;
use std::sync::Arc;

use enliven_chain::{DevChain, Publisher, Rpc};
use enliven_content::BlockStore;
use enliven_models::Model;
use enliven_oracle::{Committee, Round, aggregate};
use enliven_store::{Batch, Store, Table, event_key};
use enliven_types::{Cid, Codec, CutPartition, Digest, Report, from_cbor, to_cbor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::cuts::read_all;
use crate::{
    CutPlanner, EngineError, EpochOutcome, Holds, Mirrors, Plan, Published, Replica, Stage, Timings, restore, snapshots,
};

const DEFINITION: &[u8] = b"definition";
/// The latest epoch that was begun, and its partitions.
const PROPOSAL: &[u8] = b"proposal";

/// What is kept of an epoch after it is posted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// What was signed.
    pub report: Report,
    /// What was hashed for the signatures.
    pub signing_digest: Digest,
    /// The collection's directory.
    pub directory: Cid,
    /// The cut.
    pub cut: Cid,
    /// The watermark, in milliseconds since 1970.
    pub watermark: i64,
    /// How far the logs were read.
    pub partitions: Vec<CutPartition>,
    /// Changed tokens, mints not counted.
    pub updated: u64,
    /// New tokens.
    pub minted: u64,
    /// The tokens that changed: (id, receipt, metadata).
    pub changed: Vec<(u64, Cid, Cid)>,
    /// The tokens that did not.
    pub holds: Holds,
    /// Events that came later than allowed and changed nothing.
    pub late: u64,
    /// The transaction of the report.
    pub transaction: String,
    /// The block of the report.
    pub block: u64,
    /// The gas of the report.
    pub report_gas: u64,
    /// The gas of minting.
    pub mint_gas: u64,
}

/// After each epoch.
#[derive(Clone, Debug)]
pub struct Progress<'a> {
    /// The epoch just posted.
    pub record: &'a EpochRecord,
    /// The last epoch that the log has events for.
    pub last: u64,
    /// How many tokens there are.
    pub tokens: usize,
}

/// What a run came to, over all epochs in the store.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RunSummary {
    /// Epochs posted in this run.
    pub epochs_now: u64,
    /// Epochs posted in all.
    pub epochs: u64,
    /// Tokens.
    pub tokens: u64,
    /// Changed tokens, mints not counted.
    pub updates: u64,
    /// Unchanged tokens.
    pub holds: Holds,
    /// Events that came later than allowed and changed nothing.
    pub late: u64,
    /// Gas of all reports.
    pub report_gas: u64,
    /// Gas of all mints.
    pub mint_gas: u64,
    /// The last state root.
    pub root: Digest,
    /// Where the time of this run went, over all threads.
    pub timings: Timings,
}

/// Drives a collection: log, committee, content, chain, checkpoints.
pub struct Engine {
    plan: Arc<Plan>,
    store: Arc<dyn Store>,
    blocks: Arc<dyn BlockStore>,
    publisher: Publisher,
    /// The embedded chain, whose clock follows the replayed events.
    devchain: Option<Arc<DevChain>>,
    committee: Committee,
    /// How many votes the oracle asks for.
    threshold: usize,
    /// The nodes that it does not hear any more, as bits.
    ejected: u64,
    nodes: Vec<Replica>,
    planner: CutPlanner,
    domain_oracle: [u8; 20],
    mirrors: Mirrors,
}

impl Engine {
    /// Opens a collection and recovers what earlier runs left. A store belongs to one definition;
    /// with `adopt` it goes on with another from the next epoch on, whose features are computed from
    /// the whole log.
    pub fn open(
        plan: Arc<Plan>,
        store: Arc<dyn Store>,
        blocks: Arc<dyn BlockStore>,
        publisher: Publisher,
        devchain: Option<Arc<DevChain>>,
        committee: Committee,
        adopt: bool,
    ) -> Result<Engine, EngineError> {
        let is_new = check_definition(&plan, &*store, &*blocks, adopt)?;
        blocks.put_all(&plan.blocks)?;
        let first = match last_record(&*store)? {
            None => Replica::new(plan.clone())?,
            Some(record) => {
                let partitions = plan.align(&record.partitions);
                let features = snapshots::latest(&plan, &*store, &partitions)?;
                let events = read_all(&plan, &*store, &*blocks, &features.offsets, &partitions)?;
                let (epoch, cut) = (record.report.epoch, (record.cut, &record.partitions[..]));
                restore(plan.clone(), &*blocks, &record.directory, epoch, cut, features, &events)?
            }
        };
        let mut planner = CutPlanner::after(&plan, &first);
        planner.read(&plan, &*store, &*blocks)?;
        let on_chain = publisher.last_epoch()?.epoch;
        if on_chain < first.epoch() || on_chain > first.epoch() + 1 {
            let reason = format!("the chain is at epoch {on_chain}, the store at epoch {}", first.epoch());
            return Err(EngineError::ChainMismatch { reason });
        }
        let nodes = vec![first.for_committee(publisher.config_count()?); committee.addresses().len()];
        let domain_oracle = publisher.deployment().oracle.into_array();
        if is_new {
            let mut batch = Batch::default();
            batch.put(Table::Meta, DEFINITION, definition_text(&plan));
            store.commit(batch)?;
        }
        let threshold = publisher.quorum()?.threshold.into();
        let ejected = publisher.ejected()?;
        Ok(Engine {
            plan,
            store,
            blocks,
            publisher,
            devchain,
            committee,
            threshold,
            ejected,
            nodes,
            planner,
            domain_oracle,
            mirrors: Mirrors::default(),
        })
    }

    /// Epochs are posted when these places have them.
    pub fn with_mirrors(mut self, mirrors: Mirrors) -> Engine {
        self.mirrors = mirrors;
        self
    }

    /// Posts every epoch that the log has events for, at most `limit`.
    pub fn run(&mut self, limit: u64, mut progress: impl FnMut(&Progress<'_>)) -> Result<RunSummary, EngineError> {
        self.planner.read(&self.plan, &*self.store, &*self.blocks)?;
        let last = self.planner.last_epoch(&self.plan);
        let mut timings = Timings::default();
        let mut epochs_now = 0;
        while self.nodes[0].epoch() < last && epochs_now < limit {
            let record = self.epoch(&mut timings)?;
            epochs_now += 1;
            progress(&Progress { record: &record, last, tokens: self.nodes[0].tokens().len() });
        }
        if epochs_now > 0
            && let Some(record) = last_record(&*self.store)?
        {
            timings.time(Stage::Content, || self.mirrors.announce(&record.report));
        }
        let mut summary = summarise(&*self.store)?;
        summary.epochs_now = epochs_now;
        summary.timings = timings;
        Ok(summary)
    }

    /// One epoch: recompute on every node, store, sign, post, mint, checkpoint.
    fn epoch(&mut self, timings: &mut Timings) -> Result<EpochRecord, EngineError> {
        let epoch = self.nodes[0].epoch() + 1;
        let mut spec = self.planner.spec(&self.plan, epoch, self.nodes[0].offsets());
        match proposal(&*self.store)? {
            // Cut short after a node had signed: events that have come since wait for the next epoch.
            Some((begun, partitions)) if begun == epoch => spec.partitions = partitions,
            _ => {
                let mut batch = Batch::default();
                batch.put(Table::Meta, PROPOSAL, to_cbor(&(epoch, &spec.partitions)));
                timings.time(Stage::Store, || self.store.commit(batch))?;
            }
        }
        // Each node reads the logs and computes for itself.
        let (store, blocks, plan) = (&self.store, &self.blocks, &self.plan);
        let outcomes: Vec<Result<EpochOutcome, EngineError>> = self
            .nodes
            .par_iter_mut()
            .enumerate()
            .map(|(number, node)| {
                let events = read_all(plan, &**store, &**blocks, node.offsets(), &spec.partitions)?;
                let mut outcome = node.step(&spec, &events)?;
                if number > 0 {
                    // The first node stores the blocks for all; the others have hashed theirs.
                    outcome.blocks = Vec::new();
                }
                Ok(outcome)
            })
            .collect();
        let domain = Report::domain(self.publisher.deployment().chain_id, self.domain_oracle);
        let mut digests = Vec::with_capacity(outcomes.len());
        let mut proposal = None;
        for outcome in outcomes {
            let outcome = outcome?;
            timings.add(&outcome.timings);
            digests.push(outcome.report.signing_digest(&domain));
            proposal.get_or_insert(outcome);
        }
        let Some(outcome) = proposal else {
            return Err(EngineError::Record { what: "committee".into(), reason: "it has no nodes".into() });
        };
        let changed: Vec<(u64, Cid, Cid)> = outcome
            .changes
            .iter()
            .map(|change| (change.receipt.state.token_id, change.cid, change.receipt.state.metadata))
            .collect();
        timings.time(Stage::Content, || {
            self.blocks.put_all(&outcome.blocks)?;
            // The definition goes with the first epoch that is made with it.
            let before = last_record(&*self.store)?;
            let same = |record: &EpochRecord| {
                (record.report.manifest, record.report.model) == (outcome.report.manifest, outcome.report.model)
            };
            let definition = if before.is_some_and(|record| same(&record)) { &[][..] } else { &self.plan.blocks };
            let new: Vec<Cid> = definition.iter().chain(&outcome.blocks).map(|block| block.cid).collect();
            self.mirrors.bring(&*self.store, &*self.blocks, (&outcome.report, &changed), &new)
        })?;
        let signed = timings.time(Stage::Oracle, || {
            let mut votes = self.committee.sign(&*self.store, Round::of(&outcome.report), &digests)?;
            votes.retain(|vote| self.ejected >> vote.node & 1 == 0);
            aggregate(&outcome.report, digests[0], &votes, self.threshold)
        })?;
        let (posted, mint_gas) = timings.time(Stage::Chain, || self.post(&signed))?;
        let record = EpochRecord {
            signing_digest: digests[0],
            directory: outcome.report.directory.to_cid(Codec::DagPb),
            cut: outcome.cut,
            watermark: spec.watermark.0,
            partitions: spec.partitions,
            updated: outcome.changes.len() as u64 - outcome.minted,
            minted: outcome.minted,
            changed,
            holds: outcome.holds,
            late: outcome.late.len() as u64,
            transaction: posted.tx_hash.to_string(),
            block: posted.block,
            report_gas: posted.gas_used,
            mint_gas,
            report: outcome.report,
        };
        timings.time(Stage::Store, || {
            let mut batch = Batch::default();
            for change in &outcome.changes {
                let state = &change.receipt.state;
                batch.put(Table::History, history_key(state.token_id, state.sequence), change.cid.to_bytes());
            }
            for (place, offset) in &outcome.late {
                let (source, partition) = &self.plan.partitions[*place];
                batch.put(Table::LateEvents, event_key(source, *partition, *offset), epoch.to_be_bytes());
            }
            batch.put(Table::Epochs, epoch.to_be_bytes(), to_cbor(&record));
            let node = &self.nodes[0];
            snapshots::keep(&self.plan, &*self.store, &mut batch, epoch, node.features(), node.offsets())?;
            Ok::<(), EngineError>(self.store.commit(batch)?)
        })?;
        Ok(record)
    }

    /// Posts the report and mints the tokens that are missing; both find what an earlier run did.
    fn post(&self, signed: &enliven_types::SignedReport) -> Result<(enliven_chain::Posted, u64), EngineError> {
        let watermark = self.plan.watermark(signed.report.epoch).seconds();
        if let Some(chain) = &self.devchain {
            chain.set_next_timestamp(u64::try_from(watermark).unwrap_or(0));
        }
        let posted = self.publisher.post(signed)?;
        let minted = self.publisher.minted()?;
        let tokens = self.nodes[0].tokens().len() as u64;
        let mut gas = 0;
        if minted < tokens {
            gas = self.publisher.mint(tokens - minted, self.publisher.client().address())?.gas_used;
        }
        Ok((posted, gas))
    }

    /// The state after the last epoch, as the first node has it.
    pub fn replica(&self) -> &Replica {
        &self.nodes[0]
    }

    /// The chain.
    pub fn rpc(&self) -> Arc<dyn Rpc> {
        self.publisher.client().rpc().clone()
    }

    /// The model that scores.
    pub fn model(&self) -> &Model {
        &self.plan.model
    }
}

/// (token, sequence), in the order of both.
pub(crate) fn history_key(token: u64, sequence: u64) -> [u8; 16] {
    let mut key = [0u8; 16];
    key[..8].copy_from_slice(&token.to_be_bytes());
    key[8..].copy_from_slice(&sequence.to_be_bytes());
    key
}

/// A store belongs to one definition and one model, unless another is adopted; says whether this one is
/// new to it. Nothing is written, so that a collection can be asked before its sources are read.
pub fn check_definition(
    plan: &Plan,
    store: &dyn Store,
    blocks: &dyn BlockStore,
    adopt: bool,
) -> Result<bool, EngineError> {
    let manifest = definition_text(plan);
    match store.get(Table::Meta, DEFINITION)? {
        Some(stored) if stored == manifest.as_bytes() => return Ok(false),
        Some(stored) if !adopt => {
            let stored = String::from_utf8_lossy(&stored).into_owned();
            return Err(EngineError::OtherDefinition { stored, manifest });
        }
        Some(_) => {}
        None => return Ok(true),
    }
    let last = last_record(store)?;
    let posted = last.as_ref().map_or(0, |record| record.report.epoch);
    if proposal(store)?.is_some_and(|(begun, _)| begun > posted) {
        let reason = "an epoch was begun under the definition before; run once more with that one".into();
        return Err(EngineError::CannotAdopt { reason });
    }
    if let Some(last) = last {
        let before = Published::new(blocks).definition(last.report.manifest)?;
        if let Some(reason) = plan.cannot_follow(&before.manifest) {
            return Err(EngineError::CannotAdopt { reason });
        }
    }
    Ok(true)
}

fn definition_text(plan: &Plan) -> String {
    format!("{} with model {}", plan.definition, plan.model_digest)
}

/// The latest epoch that was begun, and how far its cut reads.
fn proposal(store: &dyn Store) -> Result<Option<(u64, Vec<CutPartition>)>, EngineError> {
    match store.get(Table::Meta, PROPOSAL)? {
        Some(bytes) => Ok(Some(from_cbor("proposal", &bytes)?)),
        None => Ok(None),
    }
}

/// The record of an epoch.
pub(crate) fn record(store: &dyn Store, epoch: u64) -> Result<Option<EpochRecord>, EngineError> {
    match store.get(Table::Epochs, &epoch.to_be_bytes())? {
        Some(bytes) => Ok(Some(from_cbor("epoch record", &bytes)?)),
        None => Ok(None),
    }
}

/// The record of the last epoch.
pub(crate) fn last_record(store: &dyn Store) -> Result<Option<EpochRecord>, EngineError> {
    match store.last(Table::Epochs, &[], &[0xff; 9])? {
        Some((_, bytes)) => Ok(Some(from_cbor("epoch record", &bytes)?)),
        None => Ok(None),
    }
}

/// Every epoch's record, in order.
pub(crate) fn records(store: &dyn Store) -> Result<Vec<EpochRecord>, EngineError> {
    let mut found = Vec::new();
    for (_, bytes) in store.range(Table::Epochs, &[], &[0xff; 9], usize::MAX)? {
        found.push(from_cbor("epoch record", &bytes)?);
    }
    Ok(found)
}

/// Adds up every epoch in the store.
pub(crate) fn summarise(store: &dyn Store) -> Result<RunSummary, EngineError> {
    let mut summary = RunSummary::default();
    let mut tokens = BTreeMap::new();
    for record in records(store)? {
        summary.epochs += 1;
        summary.updates += record.updated;
        summary.holds.add(&record.holds);
        summary.late += record.late;
        summary.report_gas += record.report_gas;
        summary.mint_gas += record.mint_gas;
        summary.root = record.report.state_root;
        for (id, _, _) in &record.changed {
            *tokens.entry(*id).or_insert(0u64) += 1;
        }
    }
    summary.tokens = tokens.len() as u64;
    Ok(summary)
}
