//! Recomputes a collection from what is public: an RPC endpoint or a record of evidence, the token's address and a
//! source of content. Nothing of the running process is used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use enliven_chain::{Address, ChainReader, Rpc};
use enliven_content::{BlockStore, CheckedBlocks};
use enliven_light::{Anchor, LightStep, LightVerifier, ipfs_links};
use enliven_metadata::Renderer;
use enliven_oracle::check_epoch;
use enliven_provenance::{check_link, receipts_root};
use enliven_types::{
    AcceptedEpoch, Cid, Codec, CommitteeConfig, Cut, CutPartition, Digest, EpochList, Receipt, Report, from_cbor,
};
use serde::Serialize;

use crate::{Assets, CutSpec, EpochOutcome, Events, FeaturePoint, Plan, Published, Replica, restore};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every epoch, from the first.
    All,
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

/// Where the reports are known from.
enum Source<'a> {
    Chain(Arc<dyn Rpc>, Address),
    Evidence { root: Cid, token: Address, anchor: Anchor<'a> },
}

/// What is to be held against the published blocks.
struct Facts {
    chain_id: u64,
    /// Each report, and what it was accepted for or why that cannot be read.
    epochs: Vec<(Report, Result<AcceptedEpoch, String>)>,
    committees: Vec<CommitteeConfig>,
    /// How the reports are known.
    told: &'static str,
    /// By whom they are signed.
    signed: &'static str,
}

impl Facts {
    fn of_chain(rpc: Arc<dyn Rpc>, token: Address) -> Outcome<Facts> {
        let reader = ChainReader::open(rpc, token).at(Step::Reports)?;
        let reports = reader.reports().at(Step::Reports)?;
        let last = reader.last_epoch().at(Step::Reports)?;
        let Some(posted) = reports.last() else {
            return Err(Difference(Step::Reports, "no report has been posted".into()));
        };
        let report = &posted.signed.report;
        if (last.epoch, last.state_root.0, last.directory.0) != (report.epoch, report.state_root.0, report.directory.0)
        {
            let detail =
                format!("the contract holds epoch {}, the last report is of epoch {}", last.epoch, report.epoch);
            return Err(Difference(Step::Reports, detail));
        }
        let uri = reader.contract_uri().at(Step::Reports)?;
        let wanted = format!("ipfs://{}/contract.json", report.directory.to_cid(Codec::DagPb));
        if uri != wanted {
            return Err(Difference(Step::Reports, format!("contractURI is {uri}, not {wanted}")));
        }
        let epochs = reports.iter().map(|posted| {
            let accepted = posted.accepted().map_err(|error| error.to_string());
            (posted.signed.report.clone(), accepted)
        });
        Ok(Facts {
            chain_id: reader.chain_id(),
            epochs: epochs.collect(),
            committees: reader.configs().at(Step::Signatures)?,
            told: "reports on chain, without a gap; the contract's URI follows the last",
            signed: "reports signed by a quorum",
        })
    }
}

/// The first difference.
struct Difference(Step, String);

type Outcome<T> = Result<T, Difference>;

/// Says at which step an error is a difference.
trait At<T> {
    fn at(self, step: Step) -> Outcome<T>;
}

impl<T, E: std::fmt::Display> At<T> for Result<T, E> {
    fn at(self, step: Step) -> Outcome<T> {
        self.map_err(|error| Difference(step, error.to_string()))
    }
}

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

    /// Checks; `progress` is told of each recomputed epoch and of the last one.
    pub fn run(mut self, scope: Scope, mut progress: impl FnMut(u64, u64)) -> Verdict {
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
        progress: &mut dyn FnMut(u64, u64),
    ) -> Outcome<()> {
        let facts = self.facts()?;
        self.reports(&facts)?;
        let count = facts.epochs.len() as u64;
        let (from, to) = match scope {
            Scope::All => (1, count),
            Scope::One(epoch) => (epoch, epoch),
            Scope::Last => (count, count),
        };
        if from == 0 || to > count {
            return Err(Difference(Step::Reports, format!("there is no epoch {to}; there are 1 to {count}")));
        }
        (*found.0, *found.1) = (from, to);
        self.signatures(&facts, to as usize)?;
        let reports: Vec<Report> = facts.epochs.into_iter().take(to as usize).map(|(report, _)| report).collect();
        let plans = self.plans(&reports)?;
        *found.2 = Some(self.recompute(&plans, &reports, from, progress)?);
        Ok(())
    }

    /// What the chain says, or a record of evidence.
    fn facts(&self) -> Outcome<Facts> {
        let (root, token, anchor) = match &self.source {
            Source::Chain(rpc, token) => return Facts::of_chain(rpc.clone(), *token),
            Source::Evidence { root, token, anchor } => (root, *token, anchor),
        };
        let opened = LightVerifier::open(&*self.blocks, root, token, anchor);
        let (evidence, _) = opened.map_err(|(step, reason)| {
            let at = if step == LightStep::Quorum { Step::Signatures } else { Step::Reports };
            Difference(at, reason)
        })?;
        let mut epochs = Vec::new();
        for cid in &evidence.earlier {
            let bytes = Published::new(&*self.blocks).block("list of epochs", cid).at(Step::Reports)?;
            let list: EpochList = from_cbor("list of epochs", &bytes).at(Step::Reports)?;
            for epoch in list.epochs {
                // Before more is read: a record may name one list again and again.
                let wanted = epochs.len() as u64 + 1;
                if epoch.report.epoch != wanted {
                    let detail = format!("epoch {} stands where {wanted} should", epoch.report.epoch);
                    return Err(Difference(Step::Reports, detail));
                }
                epochs.push(epoch);
            }
        }
        epochs.push(evidence.last);
        let epochs = epochs.into_iter().map(|epoch| (epoch.report.clone(), Ok(epoch))).collect();
        Ok(Facts {
            chain_id: evidence.chain_id,
            epochs,
            committees: evidence.committees,
            told: "reports in the record, without a gap; the block holds the last",
            signed: "reports signed by the committees that the record names; the block proves the last one's members",
        })
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
        progress: &mut dyn FnMut(u64, u64),
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
            progress(report.epoch, last);
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
            FeaturePoint::default(),
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

    fn compare(&mut self, ours: &EpochOutcome, theirs: &Theirs, report: &Report) -> Outcome<()> {
        let epoch = report.epoch;
        let mine: BTreeMap<u64, (&Cid, &Receipt)> =
            ours.changes.iter().map(|change| (change.receipt.state.token_id, (&change.cid, &change.receipt))).collect();
        for (id, (cid, receipt)) in &mine {
            let name = format!("epoch {epoch}, token {id} ({})", receipt.state.subject);
            let Some((their_cid, their)) = theirs.changed.get(id) else {
                return Err(Difference(Step::Policy, format!("{name}: recomputed as an update, published as a hold")));
            };
            self.compare_receipts(&name, receipt, their)?;
            if *cid != their_cid {
                return Err(Difference(Step::Root, format!("{name}: the receipt is {cid}, published is {their_cid}")));
            }
        }
        if let Some(id) = theirs.changed.keys().find(|id| !mine.contains_key(id)) {
            let detail = format!("epoch {epoch}, token {id}: recomputed as a hold, published as an update");
            return Err(Difference(Step::Policy, detail));
        }
        for (what, mine, their) in [
            ("cut", ours.report.cut, report.cut),
            ("receipts root", ours.report.receipts_root, report.receipts_root),
            ("directory", ours.report.directory, report.directory),
            ("previous root", ours.report.previous_root, report.previous_root),
            ("state root", ours.report.state_root, report.state_root),
        ] {
            if mine != their {
                let detail = format!("epoch {epoch}: the {what} is {mine}, signed was {their}");
                return Err(Difference(Step::Root, detail));
            }
        }
        let theirs_rest = Report { config_count: ours.report.config_count, ..report.clone() };
        if ours.report != theirs_rest {
            let detail = format!(
                "epoch {epoch}: the report is valid until {}, not {}",
                report.valid_until, ours.report.valid_until
            );
            return Err(Difference(Step::Root, detail));
        }
        self.passed(Step::Root);
        Ok(())
    }

    fn compare_receipts(&mut self, name: &str, ours: &Receipt, theirs: &Receipt) -> Outcome<()> {
        let differ = |step, what: &str, mine: &dyn std::fmt::Debug, their: &dyn std::fmt::Debug| {
            Err(Difference(step, format!("{name}: {what} is {mine:?}, published is {their:?}")))
        };
        if ours.schema != theirs.schema {
            return differ(Step::Features, "the schema", &ours.schema, &theirs.schema);
        }
        for (place, (mine, their)) in ours.features.0.iter().zip(&theirs.features.0).enumerate() {
            if mine != their {
                return differ(Step::Features, &format!("feature {place}"), mine, their);
            }
        }
        if ours.features != theirs.features {
            return differ(Step::Features, "the number of features", &ours.features.0.len(), &theirs.features.0.len());
        }
        self.passed(Step::Features);
        if ours.score != theirs.score {
            return differ(Step::Scores, "the score", &ours.score.units, &theirs.score.units);
        }
        self.passed(Step::Scores);
        if ours.attribution != theirs.attribution {
            return differ(Step::Attributions, "the attribution", &ours.attribution, &theirs.attribution);
        }
        self.passed(Step::Attributions);
        for (mine, their) in ours.state.traits.iter().zip(&theirs.state.traits) {
            if mine != their {
                return differ(Step::Policy, &format!("the trait `{}`", mine.name), &mine.value, &their.value);
            }
        }
        if ours.reasons != theirs.reasons || ours.before != theirs.before {
            return differ(Step::Policy, "the reason", &ours.reasons, &theirs.reasons);
        }
        self.passed(Step::Policy);
        if ours.state.metadata != theirs.state.metadata {
            let (mine, their) = (ours.state.metadata.to_string(), theirs.state.metadata.to_string());
            return differ(Step::Cards, "the metadata", &mine, &their);
        }
        self.passed(Step::Cards);
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

/// Walks the cuts from the first on.
#[derive(Default)]
struct Cuts {
    last: Option<Cid>,
    partitions: Vec<CutPartition>,
    /// The ids of the events so far, by partition. A partition that a definition leaves out starts
    /// anew if a later one takes it up again.
    seen: BTreeMap<(String, u32), BTreeSet<Digest>>,
}

impl Cuts {
    fn next(&mut self, published: &Published<'_>, report: &Report, plan: &Plan) -> Outcome<(Cut, Events)> {
        let wrong = |why: String| Difference(Step::Events, format!("epoch {}: {why}", report.epoch));
        let cut = published.cut(report.cut).map_err(|error| wrong(error.to_string()))?;
        if cut.version != 1 || cut.epoch != report.epoch || cut.previous != self.last {
            return Err(wrong("the cut does not follow the one before it".into()));
        }
        if cut.watermark != plan.watermark(report.epoch) {
            return Err(wrong(format!("the watermark is {}", cut.watermark)));
        }
        let named = cut.partitions.iter().map(|one| (&one.source, one.partition));
        if !named.eq(plan.partitions.iter().map(|(source, number)| (source, *number))) {
            return Err(wrong("the cut has other partitions than the sources of the manifest".into()));
        }
        let mut counts = Vec::with_capacity(cut.partitions.len());
        for (one, before) in cut.partitions.iter().zip(plan.align(&self.partitions)) {
            let count = one.offset.checked_sub(before.offset).ok_or_else(|| {
                wrong(format!("`{}` is read back from {} to {}", one.source, before.offset, one.offset))
            })?;
            counts.push(count);
        }
        let total = counts.iter().fold(0u64, |sum, count| sum.saturating_add(*count));
        let events = published.events(&cut, total).map_err(|error| wrong(error.to_string()))?;
        self.seen.retain(|partition, _| plan.partitions.contains(partition));
        let mut rest = events.iter();
        for (partition, count) in plan.partitions.iter().zip(counts) {
            for (event, _) in rest.by_ref().take(count as usize) {
                if event.source != partition.0 {
                    let detail = format!("the event {} of `{}` stands in `{}`", event.id, event.source, partition.0);
                    return Err(wrong(detail));
                }
                if let Some(reason) =
                    plan.readers.get(event.source.as_str()).and_then(|reader| reader.check(event).err())
                {
                    return Err(wrong(format!("the event {} of `{}`: {reason}", event.id, event.source)));
                }
                let id = Digest::sha256(event.id.as_bytes());
                let of_source = (partition.0.clone(), 0)..=(partition.0.clone(), u32::MAX);
                if self.seen.range(of_source).any(|(_, seen)| seen.contains(&id)) {
                    return Err(wrong(format!("the event {} of {} is there twice", event.id, event.source)));
                }
                self.seen.entry(partition.clone()).or_default().insert(id);
            }
        }
        self.last = Some(report.cut.to_cid(Codec::DagCbor));
        self.partitions = cut.partitions.clone();
        Ok((cut, events))
    }
}

/// The events of checked cuts, by the partitions of a plan.
fn by_partition(plan: &Plan, cuts: Vec<(Cut, Events)>) -> Events {
    let mut logs: BTreeMap<(String, u32), Events> = BTreeMap::new();
    for (cut, events) in cuts {
        let mut rest = events.into_iter();
        logs.retain(|(source, number), _| {
            cut.partitions.iter().any(|one| (&one.source, one.partition) == (source, *number))
        });
        for one in cut.partitions {
            let log = logs.entry((one.source, one.partition)).or_default();
            let count = one.offset.saturating_sub(log.len() as u64);
            log.extend(rest.by_ref().take(count as usize));
        }
    }
    plan.partitions.iter().filter_map(|partition| logs.remove(partition)).flatten().collect()
}
