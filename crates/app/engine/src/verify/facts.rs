use std::sync::Arc;

use enliven_chain::{Address, ChainReader, Rpc};
use enliven_content::BlockStore;
use enliven_light::{Anchor, At, Difference, LightStep, LightVerifier};
use enliven_types::{AcceptedEpoch, Cid, Codec, CommitteeConfig, EpochList, Report, from_cbor};

use super::{Outcome, Step};
use crate::Published;

/// Where the reports are known from.
pub(super) enum Source<'a> {
    Chain(Arc<dyn Rpc>, Address),
    Evidence { root: Cid, token: Address, anchor: Anchor<'a> },
}

/// What is to be held against the published blocks.
pub(super) struct Facts {
    pub(super) chain_id: u64,
    /// Each report, and what it was accepted for or why that cannot be read.
    pub(super) epochs: Vec<(Report, Result<AcceptedEpoch, String>)>,
    pub(super) committees: Vec<CommitteeConfig>,
    /// How the reports are known.
    pub(super) told: &'static str,
    /// By whom they are signed.
    pub(super) signed: &'static str,
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

impl Source<'_> {
    /// What the chain says, or a record of evidence.
    pub(super) fn facts(&self, blocks: &dyn BlockStore) -> Outcome<Facts> {
        let (root, token, anchor) = match self {
            Source::Chain(rpc, token) => return Facts::of_chain(rpc.clone(), *token),
            Source::Evidence { root, token, anchor } => (root, *token, anchor),
        };
        let opened = LightVerifier::open(blocks, root, token, anchor);
        let (evidence, _) = opened.map_err(|(step, reason)| {
            let at = if step == LightStep::Quorum { Step::Signatures } else { Step::Reports };
            Difference(at, reason)
        })?;
        let mut epochs = Vec::new();
        for cid in &evidence.earlier {
            let bytes = Published::new(blocks).block("list of epochs", cid).at(Step::Reports)?;
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
}
