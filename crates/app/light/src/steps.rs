use std::collections::BTreeSet;

use enliven_content::{BlockStore, CheckedBlocks, ContentError, read_file, resolve};
use enliven_oracle::check_epoch;
use enliven_provenance::{ProvenState, check_link, check_state, verify_proof};
use enliven_types::{
    AcceptedEpoch, Address, Cid, Codec, CommitteeConfig, Digest, EpochSignature, Evidence, Receipt, Timestamp,
    TokenProof, from_cbor, from_json_strict, leaf_hash,
};

use crate::{At, Difference, LightCheck, LightStep, LightVerdict, ProvenToken};

/// The largest file of metadata that is read.
pub const MAX_FILE_BYTES: usize = 32 << 20;
/// A token with more changes is refused.
const MAX_CHANGES: usize = 1_000_000;

/// Where the hash of the block that proves everything is known from.
pub enum Anchor<'a> {
    /// It is this one.
    Hash(Digest),
    /// Somebody who is trusted says which hash the block of a number has.
    Ask(&'a dyn Fn(u64) -> Result<Option<Digest>, String>),
}

/// Checks the tokens of a record of evidence.
pub struct LightVerifier<'a> {
    blocks: CheckedBlocks<'a>,
    checks: Vec<LightCheck>,
    verdict: LightVerdict,
}

type Outcome<T> = Result<T, Difference<LightStep>>;

fn differ<T>(step: LightStep, reason: String) -> Outcome<T> {
    Err(Difference(step, reason))
}

impl<'a> LightVerifier<'a> {
    /// With the blocks of a file, or of any other source.
    pub fn new(blocks: &'a dyn BlockStore) -> LightVerifier<'a> {
        let verdict = LightVerdict {
            passed: false,
            block: None,
            block_hash: None,
            time: None,
            epoch: None,
            tokens: Vec::new(),
            checks: Vec::new(),
        };
        LightVerifier { blocks: CheckedBlocks(blocks), checks: Vec::new(), verdict }
    }

    /// Checks the record of evidence at `root`, which must be about the collection of the contract `token`.
    pub fn run(mut self, root: &Cid, token: Address, anchor: &Anchor<'_>) -> LightVerdict {
        let failed = self.check(root, token, anchor).err();
        let mut verdict = self.verdict;
        verdict.passed = failed.is_none();
        let mut failed = failed;
        for step in LightStep::ALL {
            let known = self.checks.iter().find(|check| check.step == step).cloned();
            let check = match failed.take_if(|difference| difference.0 == step) {
                Some(Difference(_, detail)) => LightCheck { step, passed: Some(false), detail },
                None => known.unwrap_or_else(|| LightCheck { step, passed: None, detail: "not reached".into() }),
            };
            verdict.checks.push(check);
        }
        if !verdict.passed {
            verdict.tokens.clear();
        }
        verdict
    }

    fn check(&mut self, root: &Cid, token: Address, anchor: &Anchor<'_>) -> Outcome<()> {
        let (evidence, state) = self.anchored(root, token, anchor)?;
        if evidence.tokens.is_empty() {
            return differ(LightStep::Proof, "the record is about no token".into());
        }
        let mut tokens = Vec::with_capacity(evidence.tokens.len());
        for proof in &evidence.tokens {
            tokens.push((proof, self.proof(proof, &state)?));
        }
        self.pass(
            LightStep::Proof,
            format!("{} under the state root {}", plural(tokens.len(), "token"), state.state_root),
        );
        let mut receipts = 0;
        for (proof, latest) in &tokens {
            receipts += self.history(proof, latest, state.epoch)?;
        }
        self.pass(LightStep::Receipts, format!("{} that lead back to the mint", plural(receipts, "receipt")));
        let mut files = 0;
        for (proof, latest) in tokens {
            files += self.content(proof, latest, &state)?;
        }
        self.pass(LightStep::Content, format!("{} of metadata, as the directory names them", plural(files, "file")));
        Ok(())
    }

    /// The record and what it proves, checked up to the quorum of the last epoch; or where that fails and why.
    pub fn open(
        blocks: &'a dyn BlockStore,
        root: &Cid,
        token: Address,
        anchor: &Anchor<'_>,
    ) -> Result<(Evidence, ProvenState), (LightStep, String)> {
        let opened = LightVerifier::new(blocks).anchored(root, token, anchor);
        opened.map_err(|difference| (difference.0, difference.1))
    }

    fn anchored(&mut self, root: &Cid, token: Address, anchor: &Anchor<'_>) -> Outcome<(Evidence, ProvenState)> {
        let evidence = self.evidence(root)?;
        self.anchor(&evidence, anchor)?;
        let state = check_state(&evidence.state, token, evidence.tokens.iter().map(|proof| proof.token_id))
            .at(LightStep::State)?;
        self.verdict.epoch = Some(state.epoch);
        let signers = plural(state.signers.len(), "signer");
        let seconds = i64::try_from(state.time).unwrap_or(i64::MAX / 1000);
        let at = Timestamp(seconds.saturating_mul(1000));
        let minted = plural(state.minted as usize, "token");
        let detail = format!("as of {at}: {minted} of {token}, epoch {}, {signers}", state.epoch);
        self.verdict.time = Some(state.time);
        self.pass(LightStep::State, detail);
        self.quorum(&evidence, &state)?;
        Ok((evidence, state))
    }

    fn evidence(&mut self, root: &Cid) -> Outcome<Evidence> {
        let step = LightStep::Evidence;
        if root.codec() != Codec::DagCbor.code() {
            return differ(step, format!("{root} is no record of evidence"));
        }
        let bytes = self.block("record of evidence", root).at(step)?;
        let evidence: Evidence = from_cbor("record of evidence", &bytes).at(step)?;
        if evidence.version != Evidence::VERSION {
            return differ(step, format!("version {} is not known", evidence.version));
        }
        if !evidence.tokens.is_sorted_by(|a, b| a.token_id < b.token_id) {
            return differ(step, "its tokens are repeated or out of order".into());
        }
        if !evidence.tokens.is_empty() && !evidence.earlier.is_empty() {
            return differ(step, "it has tokens and earlier epochs; a record has one of them".into());
        }
        for (place, committee) in evidence.committees.iter().enumerate() {
            if evidence.committees[..place].iter().any(|known| known.oracle == committee.oracle) {
                return differ(step, format!("the committee of {} is there twice", committee.oracle));
            }
        }
        self.pass(step, format!("chain {}, {}", evidence.chain_id, plural(evidence.tokens.len(), "token")));
        Ok(evidence)
    }

    fn anchor(&mut self, evidence: &Evidence, anchor: &Anchor<'_>) -> Outcome<()> {
        let step = LightStep::Anchor;
        let (number, hash) = enliven_provenance::block_of(&evidence.state.header).at(step)?;
        (self.verdict.block, self.verdict.block_hash) = (Some(number), Some(hash));
        let known = match anchor {
            Anchor::Hash(known) => *known,
            Anchor::Ask(ask) => match ask(number).at(step)? {
                Some(known) => known,
                None => return differ(step, format!("the chain has no block {number}")),
            },
        };
        if hash != known {
            return differ(step, format!("the header of block {number} has the hash {hash}, not {known}"));
        }
        self.pass(step, format!("block {number}, {hash}"));
        Ok(())
    }

    fn quorum(&mut self, evidence: &Evidence, state: &ProvenState) -> Outcome<()> {
        let step = LightStep::Quorum;
        let last = &evidence.last;
        let report = &last.report;
        for (what, signed, held) in [
            ("epoch", report.epoch.to_string(), state.epoch.to_string()),
            ("state root", report.state_root.to_string(), state.state_root.to_string()),
            ("directory", report.directory.to_string(), state.directory.to_string()),
            ("oracle", last.oracle.to_string(), state.oracle.to_string()),
        ] {
            if signed != held {
                return differ(step, format!("the {what} that was signed is {signed}, the contracts hold {held}"));
            }
        }
        let mine = |one: &&CommitteeConfig| one.oracle == last.oracle && one.config_count == report.config_count;
        let Some(committee) = evidence.committees.iter().find(mine) else {
            return differ(step, format!("the committee of epoch {} is left out", report.epoch));
        };
        check_committee(committee, last, state).map_err(|reason| Difference(step, reason))?;
        check_epoch(evidence.chain_id, last, committee).at(step)?;
        let who = match &last.signed {
            EpochSignature::Group(_) => "its group".to_string(),
            EpochSignature::Committee { signers, .. } => {
                format!("{} of {} signers", signers.count_ones(), state.signers.len())
            }
        };
        let since = if state.believed == last.oracle { "" } else { "; the token has another oracle by now" };
        self.pass(step, format!("epoch {} signed by {who}{since}", report.epoch));
        Ok(())
    }

    /// The latest receipt of a token, which the state root holds.
    fn proof(&self, proof: &TokenProof, state: &ProvenState) -> Outcome<Receipt> {
        let step = LightStep::Proof;
        let wrong = |reason: String| Difference(step, format!("token {}: {reason}", proof.token_id));
        let receipt = self.receipt(&proof.receipt).map_err(wrong)?;
        if receipt.state.token_id != proof.token_id {
            return Err(wrong(format!("its receipt is of token {}", receipt.state.token_id)));
        }
        let leaf = leaf_hash(&receipt.state, &proof.receipt).map_err(|error| wrong(error.to_string()))?;
        if !verify_proof(state.state_root, leaf, &proof.proof) {
            return Err(wrong(format!("its leaf {leaf} is not below the state root {}", state.state_root)));
        }
        Ok(receipt)
    }

    /// Checks the receipts from the latest back to the mint; how many there are.
    fn history(&self, proof: &TokenProof, latest: &Receipt, epoch: u64) -> Outcome<usize> {
        let step = LightStep::Receipts;
        if latest.epoch > epoch {
            return differ(step, format!("{} is of epoch {}, which is not accepted", proof.receipt, latest.epoch));
        }
        let (mut cid, mut receipt, mut count) = (proof.receipt, latest.clone(), 1);
        while let Some(previous) = receipt.previous {
            if count == MAX_CHANGES {
                return differ(step, format!("token {} has more than {MAX_CHANGES} receipts", proof.token_id));
            }
            let before = self.receipt(&previous).at(step)?;
            check_link(&cid, &receipt, Some((&previous, &before))).at(step)?;
            (cid, receipt) = (previous, before);
            count += 1;
        }
        check_link(&cid, &receipt, None).at(step)?;
        Ok(count)
    }

    /// Checks what a token shows; how many files that is.
    fn content(&mut self, proof: &TokenProof, latest: Receipt, state: &ProvenState) -> Outcome<usize> {
        let step = LightStep::Content;
        let id = proof.token_id;
        let named = |directory: Digest, path: &str| {
            resolve(&self.blocks, &directory.to_cid(Codec::DagPb), path)
                .map_err(|error| Difference(step, format!("token {id}: {path}: {error}")))
        };
        for (path, wanted) in [(format!("{id}.json"), latest.state.metadata), (format!("receipts/{id}"), proof.receipt)]
        {
            let found = named(state.directory, &path)?;
            if found != wanted {
                return differ(
                    step,
                    format!("token {id}: the directory names {found} as {path}, the receipt {wanted}"),
                );
            }
        }
        let mut files = self.files(id, &latest.state.metadata)?;
        let held_at = match state.held_directory(id).at(step)? {
            None => None,
            // Held before the first epoch: it shows nothing.
            Some(Digest::ZERO) => Some(String::new()),
            Some(directory) => {
                let shown = named(directory, &format!("{id}.json"))?;
                files += self.files(id, &shown)?;
                Some(shown.to_string())
            }
        };
        self.verdict.tokens.push(ProvenToken {
            token_id: id,
            subject: latest.state.subject,
            sequence: latest.state.sequence,
            epoch: latest.epoch,
            traits: latest.state.traits,
            metadata: latest.state.metadata.to_string(),
            held_at,
            receipt: proof.receipt,
        });
        Ok(files)
    }

    /// Reads a JSON and the files that it names; how many there are.
    fn files(&self, id: u64, metadata: &Cid) -> Outcome<usize> {
        let wrong = |error: ContentError| Difference(LightStep::Content, format!("token {id}: {error}"));
        if metadata.codec() != Codec::Raw.code() {
            return differ(LightStep::Content, format!("token {id}: the JSON {metadata} is not a raw block"));
        }
        let json = read_file(&self.blocks, metadata, MAX_FILE_BYTES).map_err(wrong)?;
        if let Err(error) = from_json_strict::<serde_json::Value>("JSON", &json) {
            return differ(LightStep::Content, format!("token {id}: {metadata}: {error}"));
        }
        let links = ipfs_links(&json);
        for link in &links {
            read_file(&self.blocks, link, MAX_FILE_BYTES).map_err(wrong)?;
        }
        Ok(1 + links.len())
    }

    fn receipt(&self, cid: &Cid) -> Result<Receipt, String> {
        let bytes = self.block("receipt", cid)?;
        from_cbor("receipt", &bytes).map_err(|error| format!("{cid}: {error}"))
    }

    fn block(&self, what: &str, cid: &Cid) -> Result<Vec<u8>, String> {
        match self.blocks.get(cid) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(format!("the {what} {cid} is not there")),
            Err(error) => Err(error.to_string()),
        }
    }

    fn pass(&mut self, step: LightStep, detail: String) {
        self.checks.push(LightCheck { step, passed: Some(true), detail });
    }
}

/// Holds what the record says of a committee against what is proven of its oracle.
fn check_committee(committee: &CommitteeConfig, epoch: &AcceptedEpoch, state: &ProvenState) -> Result<(), String> {
    if committee.signers != state.signers {
        return Err(format!("the record names {} signers, the oracle's list has others", committee.signers.len()));
    }
    if committee.ejected != state.ejected {
        return Err(format!("signers {:b} were ejected, the record says {:b}", state.ejected, committee.ejected));
    }
    match (&epoch.signed, &committee.group_key) {
        (EpochSignature::Group(_), Some(key)) if !state.oracle_holds(&key[..32]) => {
            Err("the group's key is not that of the oracle".into())
        }
        (EpochSignature::Committee { .. }, _) => {
            // The threshold stands in the oracle's code; no oracle can be created with less than this.
            let (threshold, count) = (usize::from(committee.threshold), committee.signers.len());
            let least = CommitteeConfig::minimum_threshold(count);
            if threshold < least || threshold > count {
                return Err(format!("a threshold of {threshold}; {count} signers need {least} or more"));
            }
            Ok(())
        }
        (EpochSignature::Group(_), _) => Ok(()),
    }
}

/// Where a token's JSON names its files. Other texts may come from events, and name nothing.
const FILES: [&str; 3] = ["/image", "/animation_url", "/properties/image_svg"];

/// The files that a token's JSON names: `image`, `animation_url` and `properties.image_svg`, where they are `ipfs://` and
/// the CID of a file.
///
/// The CID is of version 1 with sha2-256, `raw` or `dag-pb`, in lower-case base 32; any other text names no file.
pub fn ipfs_links(json: &[u8]) -> BTreeSet<Cid> {
    fn file_of(text: &str) -> Option<Cid> {
        let cid = Cid::try_from(text.strip_prefix("ipfs://")?).ok()?;
        let is_file = cid.codec() == Codec::Raw.code() || cid.codec() == Codec::DagPb.code();
        (is_file && Digest::of_cid(&cid).is_ok() && format!("ipfs://{cid}") == text).then_some(cid)
    }
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(json) else { return BTreeSet::new() };
    FILES.iter().filter_map(|at| file_of(value.pointer(at)?.as_str()?)).collect()
}

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_in_three_places_and_one_spelling() {
        let cid = |text: &str| enliven_types::cid_of(Codec::Raw, text.as_bytes());
        let (png, svg, page) = (cid("png"), cid("svg"), cid("page"));
        let json = serde_json::json!({
            "image": format!("ipfs://{png}"), "animation_url": format!("ipfs://{page}"),
            "name": format!("ipfs://{}", cid("from an event")),
            "properties": { "image_svg": format!("ipfs://{svg}"), "subject": format!("ipfs://{}", cid("subject")) },
        });
        assert_eq!(ipfs_links(json.to_string().as_bytes()), [png, svg, page].into());
        let record = enliven_types::cid_of(Codec::DagCbor, b"card");
        for text in [
            format!("ipfs://{png}/1.png"),
            format!("ipfs://{png} "),
            format!("ipfs://ipfs/{png}"),
            format!("ipfs://x/ipfs/{png}"),
            format!("ipfs://{}", png.to_string().to_uppercase()),
            format!("ipfs://{record}"),
            "ipfs://QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n".into(),
            format!("https://{png}"),
            png.to_string(),
        ] {
            assert!(ipfs_links(serde_json::json!({ "image": text }).to_string().as_bytes()).is_empty(), "{text}");
        }
    }
}
