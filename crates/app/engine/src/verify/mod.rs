//! Recomputes a collection from what is public: an RPC endpoint or a record of evidence, the token's address and a
//! source of content. Nothing of the running process is used.

mod compare;
mod cuts;
mod facts;

use std::collections::BTreeMap;
use std::sync::Arc;

use enliven_chain::{Address, Rpc};
use enliven_content::{BlockStore, CheckedBlocks};
use enliven_light::{Anchor, At, Difference, ipfs_links};
use enliven_metadata::Renderer;
use enliven_oracle::check_epoch;
use enliven_provenance::{check_link, receipts_root};
use enliven_types::{Cid, Codec, CommitteeConfig, Cut, Digest, Receipt, Report};
use serde::Serialize;

use self::cuts::{Cuts, by_partition};
use self::facts::{Facts, Source};
use crate::{Assets, CutSpec, Events, FeaturePoint, Plan, Published, Replica, restore};

/// What is checked, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The reports on chain follow one another without a gap.
    Reports,
    /// Each report is signed by a quorum of the committee of its time.
    Signatures,
    /// The manifest, template and font are those that were signed.
    Manifest,
    /// The model artifact is the one that was signed, and is valid.
    Model,
    /// The cuts follow one another and their events are all there, once each.
    Events,
    /// The receipts lead back to the mints and make up the signed receipts root.
    Receipts,
    /// The directory names the metadata of the receipts, and all its files are there.
    Metadata,
    /// The features, recomputed from the events.
    Features,
    /// The scores, recomputed from features and model.
    Scores,
    /// The attributions, recomputed.
    Attributions,
    /// The decisions, recomputed from scores, features and the states before.
    Policy,
    /// The cards and JSON, recomputed from the traits.
    Cards,
    /// The state root, the directory and the rest of the report, recomputed.
    Root,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Step; 13] = [
        Step::Reports,
        Step::Signatures,
        Step::Manifest,
        Step::Model,
        Step::Events,
        Step::Receipts,
        Step::Metadata,
        Step::Features,
        Step::Scores,
        Step::Attributions,
        Step::Policy,
        Step::Cards,
        Step::Root,
    ];
}

/// Which epochs are recomputed. Reports and signatures are always checked up to the last of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every epoch, from the first.
    All,
    /// Every epoch after the one with this report, which was recomputed before.
    After(Box<Report>),
    /// One epoch, from the state that the one before published.
    One(u64),
    /// The last epoch.
    Last,
}

/// How one step went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The step.
    pub step: Step,
    /// How many things of its kind were checked before the end or the first difference.
    pub checked: u64,
    /// Whether the step passed; none if it was not reached.
    pub passed: Option<bool>,
    /// What was checked, or the first difference.
    pub detail: String,
}

/// How the verification went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether every step passed.
    pub passed: bool,
    /// The first epoch that was recomputed.
    pub from: u64,
    /// The last epoch that was recomputed.
    pub to: u64,
    /// The state root of the last epoch, if it was recomputed.
    pub root: Option<Digest>,
    /// Step by step.
    pub checks: Vec<Check>,
}

/// An auditor.
pub struct Verifier<'a> {
    source: Source<'a>,
    blocks: Arc<CheckedBlocks<'a>>,
    checks: BTreeMap<Step, Check>,
}

type Outcome<T> = Result<T, Difference<Step>>;

/// The published side of an epoch.
struct Theirs {
    links: BTreeMap<u64, Cid>,
    metadata: BTreeMap<u64, Cid>,
    changed: BTreeMap<u64, (Cid, Receipt)>,
}

impl<'a> Verifier<'a> {
    /// Of the collection with this token contract.
    pub fn new(rpc: Arc<dyn Rpc>, token: Address, blocks: &'a dyn BlockStore) -> Verifier<'a> {
        Verifier::with(Source::Chain(rpc, token), blocks)
    }

    /// The same without a connection to the chain, from a record of evidence with every epoch: `root` in `blocks`.
    ///
    /// The block that `anchor` knows proves the last epoch; that the ones before it led there is recomputed. That the
    /// token once believed the committees that signed those is the record's word.
    pub fn offline(root: Cid, token: Address, anchor: Anchor<'a>, blocks: &'a dyn BlockStore) -> Verifier<'a> {
        Verifier::with(Source::Evidence { root, token, anchor }, blocks)
    }

    fn with(source: Source<'a>, blocks: &'a dyn BlockStore) -> Verifier<'a> {
        Verifier { source, blocks: Arc::new(CheckedBlocks(blocks)), checks: BTreeMap::new() }
    }

    /// Checks; `progress` is told of the report of each epoch that was recomputed, and of the number of the last one.
    pub fn run(mut self, scope: Scope, mut progress: impl FnMut(&Report, u64)) -> Verdict {
        let (mut from, mut to, mut root) = (0, 0, None);
        let outcome = self.check(scope, &mut (&mut from, &mut to, &mut root), &mut progress);
        let failed = outcome.err();
        if let Some(Difference(step, detail)) = &failed {
            let entry = self.entry(*step);
            entry.passed = Some(false);
            entry.detail = detail.clone();
        }
        let reached = failed.as_ref().map_or(Step::Root, |difference| difference.0);
        let mut checks = Vec::new();
        for step in Step::ALL {
            let mut check = self.entry(step).clone();
            if check.passed.is_none() && check.checked > 0 {
                check.passed = Some(true);
            }
            if check.passed.is_none() {
                check.detail = if step > reached { "not reached".into() } else { "nothing to check".into() };
            }
            checks.push(check);
        }
        Verdict { passed: failed.is_none(), from, to, root, checks }
    }

    fn check(
        &mut self,
        scope: Scope,
        found: &mut (&mut u64, &mut u64, &mut Option<Digest>),
        progress: &mut dyn FnMut(&Report, u64),
    ) -> Outcome<()> {
        let facts = self.source.facts(&*self.blocks)?;
        self.reports(&facts)?;
        let count = facts.epochs.len() as u64;
        let (from, to) = match &scope {
            Scope::All => (1, count),
            Scope::After(before) => (before.epoch.saturating_add(1), count),
            Scope::One(epoch) => (*epoch, *epoch),
            Scope::Last => (count, count),
        };
        if from == 0 || to > count || from > count + 1 {
            let detail = format!("there is no epoch {}; there are 1 to {count}", to.max(from.saturating_sub(1)));
            return Err(Difference(Step::Reports, detail));
        }
        if let Scope::After(before) = &scope
            && !facts.epochs.iter().any(|(report, _)| *report == **before)
        {
            let detail = format!("epoch {} is not the one that was recomputed before", before.epoch);
            return Err(Difference(Step::Reports, detail));
        }
        (*found.0, *found.1) = (from, to);
        self.signatures(&facts, to as usize)?;
        let reports: Vec<Report> = facts.epochs.into_iter().take(to as usize).map(|(report, _)| report).collect();
        let plans = self.plans(&reports)?;
        *found.2 = match reports.last() {
            // Nothing has come since.
            Some(last) if from > to => Some(last.state_root),
            _ => Some(self.recompute(&plans, &reports, from, progress)?),
        };
        Ok(())
    }

    fn reports(&mut self, facts: &Facts) -> Outcome<()> {
        let mut root = Digest::ZERO;
        for (place, (report, _)) in facts.epochs.iter().enumerate() {
            let wanted = place as u64 + 1;
            if report.epoch != wanted {
                return Err(Difference(Step::Reports, format!("epoch {} stands where {wanted} should", report.epoch)));
            }
            if report.previous_root != root {
                let detail = format!("epoch {wanted} follows the root {}, not {root}", report.previous_root);
                return Err(Difference(Step::Reports, detail));
            }
            root = report.state_root;
            self.passed(Step::Reports);
        }
        self.detail(Step::Reports, facts.told);
        Ok(())
    }

    fn signatures(&mut self, facts: &Facts, count: usize) -> Outcome<()> {
        for (report, accepted) in &facts.epochs[..count] {
            let wrong = |why: String| Difference(Step::Signatures, format!("epoch {}: {why}", report.epoch));
            let accepted = accepted.as_ref().map_err(|reason| wrong(reason.clone()))?;
            let mine = |config: &&CommitteeConfig| {
                config.oracle == accepted.oracle && config.config_count == report.config_count
            };
            let config = facts.committees.iter().find(mine).ok_or_else(|| wrong("its committee is unknown".into()))?;
            check_epoch(facts.chain_id, accepted, config).map_err(|error| wrong(error.to_string()))?;
            self.passed(Step::Signatures);
        }
        self.detail(Step::Signatures, facts.signed);
        Ok(())
    }

    /// The plans of the reports, each with the first epoch that it is of.
    fn plans(&mut self, reports: &[Report]) -> Outcome<Vec<(u64, Arc<Plan>)>> {
        let mut plans: Vec<(u64, Arc<Plan>)> = Vec::new();
        for report in reports {
            let same = |plan: &Plan| (plan.definition, plan.model_digest) == (report.manifest, report.model);
            if plans.last().is_some_and(|(_, plan)| same(plan)) {
                continue;
            }
            let plan = self.plan(report)?;
            if let Some((_, before)) = plans.last()
                && let Some(reason) = plan.cannot_follow(&before.manifest)
            {
                return Err(Difference(Step::Manifest, format!("epoch {}: {reason}", report.epoch)));
            }
            plans.push((report.epoch, Arc::new(plan)));
        }
        self.detail(Step::Manifest, "manifest with its template, font and tables");
        self.detail(Step::Model, "model artifact");
        Ok(plans)
    }

    fn plan(&mut self, report: &Report) -> Outcome<Plan> {
        let source = self.blocks.clone();
        let blocks = Published::new(&*source);
        let definition = blocks.definition(report.manifest).at(Step::Manifest)?;
        if definition.font != Renderer::font_digest() {
            let detail = format!("it was drawn with the font {}, this program has another", definition.font);
            return Err(Difference(Step::Manifest, detail));
        }
        blocks.block("font", &definition.font.to_cid(Codec::Raw)).at(Step::Manifest)?;
        let template = blocks.template(&definition).at(Step::Manifest)?;
        let tables = blocks.tables(&definition).at(Step::Manifest)?;
        Plan::check_features(&definition.manifest, &tables).at(Step::Manifest)?;
        self.passed(Step::Manifest);
        let model = blocks.block("model", &report.model.to_cid(Codec::DagCbor)).at(Step::Model)?;
        let plan = Plan::new(&definition.manifest, &Assets { template, model, tables }).at(Step::Model)?;
        if plan.definition != report.manifest {
            let detail = format!("recomputed as {}, signed as {}", plan.definition, report.manifest);
            return Err(Difference(Step::Manifest, detail));
        }
        self.passed(Step::Model);
        Ok(plan)
    }

    fn recompute(
        &mut self,
        plans: &[(u64, Arc<Plan>)],
        reports: &[Report],
        from: u64,
        progress: &mut dyn FnMut(&Report, u64),
    ) -> Outcome<Digest> {
        let source = self.blocks.clone();
        let published = Published::new(&*source);
        let mut cuts = Cuts::default();
        let mut history = Vec::new();
        let plan_of = |epoch: u64| &plans[plans.partition_point(|(first, _)| *first <= epoch) - 1];
        for report in &reports[..from as usize - 1] {
            history.push(cuts.next(&published, report, &plan_of(report.epoch).1)?);
            self.passed(Step::Events);
        }
        let (mut replica, mut before) = self.start(&plan_of(from).1, reports, from, &cuts, history)?;
        let last = reports.len() as u64;
        for report in &reports[from as usize - 1..] {
            let (first, plan) = plan_of(report.epoch);
            if *first == report.epoch && report.epoch > from {
                // Another definition: its features follow from all events so far.
                let (mut again, mut history) = (Cuts::default(), Vec::new());
                for report in &reports[..report.epoch as usize - 1] {
                    history.push(again.next(&published, report, &plan_of(report.epoch).1)?);
                }
                (replica, before) = self.start(plan, reports, report.epoch, &cuts, history)?;
            }
            let (cut, events) = cuts.next(&published, report, plan)?;
            self.passed(Step::Events);
            let theirs = self.receipts(&published, report, &before)?;
            self.metadata(&published, report, &theirs, &before)?;
            let spec = CutSpec { epoch: cut.epoch, watermark: cut.watermark, partitions: cut.partitions.clone() };
            let ours = replica.step(&spec, &events).at(Step::Root)?;
            self.compare(&ours, &theirs, report)?;
            let Theirs { links, metadata, changed } = theirs;
            (before.links, before.metadata) = (links, metadata);
            before.changed.extend(changed);
            progress(report, last);
        }
        self.detail(Step::Events, "cuts with all their events");
        self.detail(Step::Receipts, "receipts that lead back to the mint");
        self.detail(Step::Metadata, "files of metadata");
        for step in [Step::Features, Step::Scores, Step::Attributions, Step::Policy, Step::Cards] {
            self.detail(step, "changes recomputed, equal to the receipts");
        }
        self.detail(Step::Root, "reports recomputed, equal to the signed ones");
        Ok(replica.root())
    }

    /// The state before epoch `from`: empty, or what the epoch before published, held against the
    /// root that the chain has.
    fn start(
        &mut self,
        plan: &Arc<Plan>,
        reports: &[Report],
        from: u64,
        cuts: &Cuts,
        history: Vec<(Cut, Events)>,
    ) -> Outcome<(Replica, Theirs)> {
        let source = self.blocks.clone();
        let published = Published::new(&*source);
        let mut theirs = Theirs { links: BTreeMap::new(), metadata: BTreeMap::new(), changed: BTreeMap::new() };
        let Some(cut) = cuts.last.filter(|_| from > 1) else {
            return Ok((Replica::new(plan.clone()).at(Step::Root)?, theirs));
        };
        let report = &reports[from as usize - 2];
        let directory = report.directory.to_cid(Codec::DagPb);
        theirs.links = published.receipt_links(&directory).at(Step::Receipts)?;
        theirs.metadata = published.metadata_links(&directory).at(Step::Metadata)?;
        for (id, cid) in &theirs.links {
            let mut receipts = published.history(cid).at(Step::Receipts)?;
            self.entry(Step::Receipts).checked += receipts.len() as u64;
            if let Some(latest) = receipts.pop() {
                theirs.changed.insert(*id, latest);
            }
        }
        let history = by_partition(plan, history);
        let replica = restore(
            plan.clone(),
            &*source,
            &directory,
            from - 1,
            (cut, &cuts.partitions),
            FeaturePoint::start(plan),
            &history,
        )
        .at(Step::Receipts)?;
        if replica.root() != report.state_root {
            let detail = format!(
                "the receipts of epoch {} make the root {}, the chain has {}",
                from - 1,
                replica.root(),
                report.state_root
            );
            return Err(Difference(Step::Receipts, detail));
        }
        Ok((replica, theirs))
    }

    fn receipts(&mut self, published: &Published<'_>, report: &Report, before: &Theirs) -> Outcome<Theirs> {
        let wrong = |why: String| Difference(Step::Receipts, format!("epoch {}: {why}", report.epoch));
        let directory = report.directory.to_cid(Codec::DagPb);
        let links = published.receipt_links(&directory).map_err(|error| wrong(error.to_string()))?;
        if let Some(id) = before.links.keys().find(|id| !links.contains_key(id)) {
            return Err(wrong(format!("token {id} has no receipt any more")));
        }
        let mut changed = BTreeMap::new();
        let mut digests = Vec::new();
        for (id, cid) in &links {
            if before.links.get(id) == Some(cid) {
                continue;
            }
            let receipt = published.receipt(cid).map_err(|error| wrong(format!("token {id}: {error}")))?;
            let last = before.changed.get(id).map(|(cid, receipt)| (cid, receipt));
            check_link(cid, &receipt, last).map_err(|error| wrong(error.to_string()))?;
            let named = [
                ("token", receipt.state.token_id == *id),
                ("epoch", receipt.epoch == report.epoch),
                ("cut", receipt.cut == report.cut.to_cid(Codec::DagCbor)),
                ("manifest", receipt.manifest == report.manifest),
                ("model", receipt.model == report.model),
            ];
            if let Some((what, _)) = named.iter().find(|(_, same)| !same) {
                return Err(wrong(format!("the receipt of token {id} names another {what}")));
            }
            digests.push(Digest::of_cid(cid).map_err(|error| wrong(error.to_string()))?);
            changed.insert(*id, (*cid, receipt));
            self.passed(Step::Receipts);
        }
        let root = receipts_root(&digests);
        if root != report.receipts_root {
            return Err(wrong(format!("the receipts make the root {root}, signed was {}", report.receipts_root)));
        }
        let metadata = published
            .metadata_links(&directory)
            .map_err(|error| Difference(Step::Metadata, format!("epoch {}: {error}", report.epoch)))?;
        Ok(Theirs { links, metadata, changed })
    }

    fn metadata(
        &mut self,
        published: &Published<'_>,
        report: &Report,
        theirs: &Theirs,
        before: &Theirs,
    ) -> Outcome<()> {
        let wrong =
            |id: u64, why: String| Difference(Step::Metadata, format!("epoch {}, token {id}: {why}", report.epoch));
        for (id, cid) in &theirs.metadata {
            let known = theirs.changed.get(id).or_else(|| before.changed.get(id));
            let Some((_, receipt)) = known else { return Err(wrong(*id, "it has no receipt".into())) };
            if receipt.state.metadata != *cid {
                let detail = format!("the directory names {cid}, the receipt {}", receipt.state.metadata);
                return Err(wrong(*id, detail));
            }
        }
        if theirs.metadata.len() != theirs.links.len() {
            let detail = format!("{} files and {} receipts", theirs.metadata.len(), theirs.links.len());
            return Err(Difference(Step::Metadata, format!("epoch {}: {detail}", report.epoch)));
        }
        for (id, (_, receipt)) in &theirs.changed {
            let json =
                published.block("metadata", &receipt.state.metadata).map_err(|error| wrong(*id, error.to_string()))?;
            self.passed(Step::Metadata);
            for link in ipfs_links(&json) {
                published.block("image", &link).map_err(|error| wrong(*id, error.to_string()))?;
                self.passed(Step::Metadata);
            }
        }
        Ok(())
    }

    fn entry(&mut self, step: Step) -> &mut Check {
        let blank = Check { step, checked: 0, passed: None, detail: String::new() };
        self.checks.entry(step).or_insert(blank)
    }

    fn passed(&mut self, step: Step) {
        self.entry(step).checked += 1;
    }

    fn detail(&mut self, step: Step, what: &str) {
        let entry = self.entry(step);
        entry.detail = format!("{} {what}", entry.checked);
    }
}
