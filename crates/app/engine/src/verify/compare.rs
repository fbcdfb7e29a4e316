use std::collections::BTreeMap;

use enliven_light::Difference;
use enliven_types::{Cid, Receipt, Report};

use super::{Outcome, Step, Theirs, Verifier};
use crate::EpochOutcome;

impl Verifier<'_> {
    pub(super) fn compare(&mut self, ours: &EpochOutcome, theirs: &Theirs, report: &Report) -> Outcome<()> {
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
}
