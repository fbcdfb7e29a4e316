//! A collection, or a part of it, as a CAR file that is checked without a connection.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use enliven_chain::{ChainReader, PostedReport};
use enliven_content::{BlockStore, CarWriter, ContentError, Follow, MAX_BLOCK_BYTES, MemoryBlocks, resolve, walk};
use enliven_light::{Anchor, LightVerifier, MAX_FILE_BYTES, ipfs_links};
use enliven_provenance::{MerkleTree, block_of, check_state};
use enliven_types::{
    AcceptedEpoch, Block, Cid, Codec, Digest, EpochList, EpochSignature, Evidence, Report, TokenProof, leaf_hash,
};
use serde::Serialize;

use crate::{EngineError, Published};

/// What a CAR file is to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportScope {
    /// What the light check of some tokens reads; with all metadata that they ever had, if `history`.
    Tokens {
        /// The tokens' ids.
        ids: Vec<u64>,
        /// Whether earlier metadata is wanted.
        history: bool,
    },
    /// Everything that one epoch leads to: the collection as it was then and one epoch before, and all events up to it;
    /// what `verify --epoch` reads.
    Epoch(u64),
    /// Everything that every epoch's report leads to: what `verify --all` reads.
    All,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The root in the file's header.
    pub root: String,
    /// How many blocks there are.
    pub blocks: u64,
    /// The bytes of the blocks.
    pub bytes: u64,
    /// The block that proves the record of evidence, if there is one.
    pub block: Option<u64>,
    /// The hash of that block.
    pub block_hash: Option<Digest>,
}

/// Writes a CAR file. `progress` is told of blocks.
pub fn export(
    reader: &ChainReader,
    blocks: &dyn BlockStore,
    scope: &ExportScope,
    out: impl Write + Send,
    progress: impl FnMut(u64) + Send,
) -> Result<Exported, EngineError> {
    let last = reader.last_epoch()?.epoch;
    if last == 0 {
        return Err(unavailable("no epoch has been posted yet".into()));
    }
    let report = |epoch| match reader.report(epoch)? {
        Some(posted) => Ok(posted),
        None => Err(EngineError::NoEpoch { epoch, last }),
    };
    let mut lists = Vec::new();
    let (reports, evidence) = match scope {
        ExportScope::Epoch(epoch) => {
            report(*epoch)?;
            let mut reports: Vec<Report> = reader.reports()?.into_iter().map(|posted| posted.signed.report).collect();
            reports.retain(|report| report.epoch <= *epoch);
            (reports, None)
        }
        ExportScope::Tokens { ids, .. } => {
            let posted = report(last)?;
            let tokens = prove(blocks, &posted.signed.report, ids)?;
            let evidence = gather(reader, posted.accepted()?, Vec::new(), tokens)?;
            (Vec::new(), Some(evidence))
        }
        ExportScope::All => {
            let mut epochs = reader.reports()?.iter().map(PostedReport::accepted).collect::<Result<Vec<_>, _>>()?;
            let reports = epochs.iter().map(|epoch| epoch.report.clone()).collect();
            let Some(newest) = epochs.pop() else { return Err(EngineError::NoEpoch { epoch: last, last: 0 }) };
            lists.extend(
                epochs.chunks(EpochList::MAX_EPOCHS).map(|epochs| EpochList { epochs: epochs.to_vec() }.to_block()),
            );
            let earlier = lists.iter().map(|list| list.cid).collect();
            (reports, Some(gather(reader, newest, earlier, Vec::new())?))
        }
    };
    let root = match (&evidence, reports.last()) {
        (Some(evidence), _) => evidence.to_block().cid,
        (None, Some(report)) => report.directory.to_cid(Codec::DagPb),
        (None, None) => return Err(EngineError::NoEpoch { epoch: last, last: 0 }),
    };
    if let Some(evidence) = &evidence
        && evidence.to_block().bytes.len() > MAX_BLOCK_BYTES
    {
        let reason = "the record of evidence is larger than 2 MiB (hint: give fewer tokens; about 800 fit one file)";
        return Err(unavailable(reason.into()));
    }
    let copy = Copy::new(blocks, CarWriter::new(out, &[root])?, progress);
    for block in evidence.iter().map(Evidence::to_block).chain(lists) {
        copy.add(block)?;
    }
    if let (ExportScope::Tokens { ids, history }, Some(evidence)) = (scope, &evidence) {
        copy.tokens(&root, ids, *history, evidence, reader)?;
    }
    // One epoch is recomputed from the state that the one before left.
    let from = if matches!(scope, ExportScope::Epoch(_)) { reports.len().saturating_sub(2) } else { 0 };
    for (place, report) in reports.iter().enumerate() {
        copy.definition(report)?;
        if place >= from {
            copy.epoch(report)?;
        }
    }
    let (block, block_hash) = evidence.map(|evidence| block_of(&evidence.state.header)).transpose()?.unzip();
    let done = copy.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.car.finish()?;
    Ok(Exported { root: root.to_string(), blocks: done.blocks, bytes: done.bytes, block, block_hash })
}

fn gather(
    reader: &ChainReader,
    last: AcceptedEpoch,
    earlier: Vec<Cid>,
    tokens: Vec<TokenProof>,
) -> Result<Evidence, EngineError> {
    let ids: Vec<u64> = tokens.iter().map(|token| token.token_id).collect();
    let by_group = matches!(last.signed, EpochSignature::Group(_));
    let mut committees = reader.configs()?;
    if earlier.is_empty() {
        committees.retain(|one| one.oracle == last.oracle);
        if !by_group {
            committees.iter_mut().for_each(|one| one.group_key = None);
        }
    }
    let state = reader.state_proof(last.oracle, by_group, &ids)?;
    let proven = check_state(&state, reader.token(), ids)?;
    if proven.epoch != last.report.epoch {
        return Err(unavailable(format!(
            "epoch {} was accepted while epoch {} was read (hint: export again)",
            proven.epoch, last.report.epoch
        )));
    }
    Ok(Evidence { version: Evidence::VERSION, chain_id: reader.chain_id(), state, last, earlier, committees, tokens })
}

/// The proofs of tokens in the state of a report.
fn prove(blocks: &dyn BlockStore, report: &Report, ids: &[u64]) -> Result<Vec<TokenProof>, EngineError> {
    let published = Published::new(blocks);
    let links = published.receipt_links(&report.directory.to_cid(Codec::DagPb))?;
    let mut leaves = Vec::with_capacity(links.len());
    for cid in links.values() {
        leaves.push(leaf_hash(&published.receipt(cid)?.state, cid)?);
    }
    let tree = MerkleTree::new(&leaves);
    if tree.root() != report.state_root {
        let reason = format!("the receipts make the state root {}, {} was signed", tree.root(), report.state_root);
        return Err(unavailable(reason));
    }
    let wanted: BTreeSet<u64> = ids.iter().copied().collect();
    let mut proofs = Vec::with_capacity(wanted.len());
    for id in wanted {
        let place = links.keys().position(|known| *known == id);
        let found = place.and_then(|place| Some((tree.proof(place)?, links.get(&id)?)));
        let Some((proof, receipt)) = found else {
            return Err(EngineError::NoToken { name: id.to_string(), count: links.len() as u64 });
        };
        proofs.push(TokenProof { token_id: id, receipt: *receipt, proof });
    }
    Ok(proofs)
}

fn unavailable(reason: String) -> EngineError {
    EngineError::Record { what: "export".into(), reason }
}

/// A store whose blocks are written to a CAR file as they are read, each once.
struct Copy<'a, W: Write, P> {
    blocks: &'a dyn BlockStore,
    /// What the store does not have: the record of evidence.
    made: MemoryBlocks,
    state: Mutex<Copied<W, P>>,
}

struct Copied<W: Write, P> {
    car: CarWriter<W>,
    seen: BTreeSet<Cid>,
    blocks: u64,
    bytes: u64,
    progress: P,
}

impl<'a, W: Write + Send, P: FnMut(u64) + Send> Copy<'a, W, P> {
    fn new(blocks: &'a dyn BlockStore, car: CarWriter<W>, progress: P) -> Copy<'a, W, P> {
        let state = Copied { car, seen: BTreeSet::new(), blocks: 0, bytes: 0, progress };
        Copy { blocks, made: MemoryBlocks::new(), state: Mutex::new(state) }
    }

    fn add(&self, block: Block) -> Result<(), EngineError> {
        self.made.put_all(std::slice::from_ref(&block))?;
        Ok(self.write(&block)?)
    }

    fn write(&self, block: &Block) -> Result<(), ContentError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.seen.insert(block.cid) {
            return Ok(());
        }
        state.car.put(block).map_err(|error| ContentError::Car {
            place: "that is written".into(),
            offset: state.bytes,
            reason: error.to_string(),
        })?;
        state.blocks += 1;
        state.bytes += block.bytes.len() as u64;
        let blocks = state.blocks;
        (state.progress)(blocks);
        Ok(())
    }

    /// What the light check reads is what the file needs; so it is checked while it is written.
    fn tokens(
        &self,
        root: &Cid,
        ids: &[u64],
        history: bool,
        evidence: &Evidence,
        reader: &ChainReader,
    ) -> Result<(), EngineError> {
        let (_, hash) = block_of(&evidence.state.header)?;
        let verdict = LightVerifier::new(self).run(root, reader.token(), &Anchor::Hash(hash));
        if let Some(failed) = verdict.checks.iter().find(|check| check.passed == Some(false)) {
            let reason = format!("what would be written does not pass the step {:?}: {}", failed.step, failed.detail);
            return Err(unavailable(reason));
        }
        if !history {
            return Ok(());
        }
        let published = Published::new(self);
        for token in evidence.tokens.iter().filter(|token| ids.contains(&token.token_id)) {
            for (_, receipt) in published.history(&token.receipt)? {
                self.metadata(&receipt.state.metadata)?;
            }
        }
        Ok(())
    }

    /// A metadata JSON and the files that it names.
    fn metadata(&self, cid: &Cid) -> Result<(), EngineError> {
        let json = enliven_content::read_file(self, cid, MAX_FILE_BYTES)?;
        for link in ipfs_links(&json) {
            walk(self, &[link], |_| Ok::<_, ContentError>(Follow::All))?;
        }
        Ok(())
    }

    /// What a report was made with.
    fn definition(&self, report: &Report) -> Result<(), EngineError> {
        let published = Published::new(self);
        for part in published.parts(report.manifest, report.model)? {
            published.block("part of a definition", &part)?;
        }
        Ok(())
    }

    /// The events, the directory and all below it. What is written already is not followed again.
    fn epoch(&self, report: &Report) -> Result<(), EngineError> {
        let roots = [report.cut.to_cid(Codec::DagCbor), report.directory.to_cid(Codec::DagPb)];
        // The collection's own JSON names what the issuer chose, wherever that is.
        let contract = resolve(self.blocks, &roots[1], "contract.json")?;
        let mut images = Vec::new();
        // The walk reads each block from the source itself, so that one that was met before is known as such.
        walk(self.blocks, &roots, |block: &Block| -> Result<Follow, EngineError> {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let known = state.seen.contains(&block.cid);
            drop(state);
            if known {
                return Ok(Follow::Nothing);
            }
            self.write(block)?;
            if block.cid.codec() == Codec::Raw.code() && block.bytes.first() == Some(&b'{') && block.cid != contract {
                images.extend(ipfs_links(&block.bytes));
            }
            Ok(Follow::All)
        })?;
        Ok(walk(self, &images, |_| Ok::<_, ContentError>(Follow::All))?)
    }
}

impl<W: Write + Send, P: FnMut(u64) + Send> BlockStore for Copy<'_, W, P> {
    fn get(&self, cid: &Cid) -> Result<Option<Vec<u8>>, ContentError> {
        if let Some(bytes) = self.made.get(cid)? {
            return Ok(Some(bytes));
        }
        let Some(bytes) = self.blocks.get(cid)? else { return Ok(None) };
        let block = Block { cid: *cid, bytes };
        self.write(&block)?;
        Ok(Some(block.bytes))
    }

    fn put_all(&self, _: &[Block]) -> Result<(), ContentError> {
        Err(ContentError::ReadOnly { place: "what is exported".into() })
    }

    fn has(&self, cid: &Cid) -> Result<bool, ContentError> {
        Ok(self.made.has(cid)? || self.blocks.has(cid)?)
    }
}
