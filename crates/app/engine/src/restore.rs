//! The state that an epoch left, read back from its published blocks.
//!
//! Crash recovery reads it from the data directory; the verifier reads it from any content source,
//! and holds the state root against the chain.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use enliven_content::{BlockStore, Directory, list_directory, resolve};
use enliven_features::Tables;
use enliven_metadata::Renderer;
use enliven_provenance::check_link;
use enliven_sources::MAX_TABLE_ROWS;
use enliven_types::{Cid, Codec, Cut, CutPartition, Digest, Event, Receipt, Segment, from_cbor, from_json_strict};

use crate::lines::unpack;
use crate::replica::push_history;
use crate::{Assets, Definition, EngineError, Events, FeaturePoint, Plan, Replica, TokenEntry};

/// A directory with more entries is refused.
const MAX_TOKENS: usize = 10_000_000;
/// A token with more changes is refused.
const MAX_CHANGES: usize = 1_000_000;

/// What an epoch published.
pub struct Published<'a> {
    blocks: &'a dyn BlockStore,
}

impl<'a> Published<'a> {
    /// Reads from `blocks`, which check every block's hash.
    pub fn new(blocks: &'a dyn BlockStore) -> Published<'a> {
        Published { blocks }
    }

    /// The block of a CID.
    pub fn block(&self, what: &str, cid: &Cid) -> Result<Vec<u8>, EngineError> {
        self.blocks.get(cid)?.ok_or_else(|| EngineError::Record {
            what: what.to_string(),
            reason: format!("the block {cid} is not there"),
        })
    }

    /// The latest receipt of every token of a collection's directory, by token id.
    pub fn receipt_links(&self, directory: &Cid) -> Result<BTreeMap<u64, Cid>, EngineError> {
        let receipts = resolve(self.blocks, directory, "receipts")?;
        let mut links = BTreeMap::new();
        for (name, link) in list_directory(self.blocks, &receipts, MAX_TOKENS)? {
            let id: u64 = name.parse().map_err(|_| EngineError::Record {
                what: "directory".into(),
                reason: format!("the entry receipts/{name} is no token id"),
            })?;
            links.insert(id, link.cid);
        }
        Ok(links)
    }

    /// The metadata of every token of a collection's directory, by token id.
    pub fn metadata_links(&self, directory: &Cid) -> Result<BTreeMap<u64, Cid>, EngineError> {
        let mut links = BTreeMap::new();
        for (name, link) in list_directory(self.blocks, directory, MAX_TOKENS)? {
            if let Some(Ok(id)) = name.strip_suffix(".json").map(str::parse) {
                links.insert(id, link.cid);
            }
        }
        Ok(links)
    }

    /// A receipt.
    pub fn receipt(&self, cid: &Cid) -> Result<Receipt, EngineError> {
        Ok(from_cbor("receipt", &self.block("receipt", cid)?)?)
    }

    /// A token's receipts from the mint to `last`, each checked to follow the one before.
    pub fn history(&self, last: &Cid) -> Result<Vec<(Cid, Receipt)>, EngineError> {
        let mut found = Vec::new();
        let mut next = Some(*last);
        while let Some(cid) = next {
            if found.len() == MAX_CHANGES {
                let reason = format!("more than {MAX_CHANGES} receipts lead to {last}");
                return Err(EngineError::Record { what: "history".into(), reason });
            }
            let receipt = self.receipt(&cid)?;
            next = receipt.previous;
            found.push((cid, receipt));
        }
        found.reverse();
        for place in 0..found.len() {
            let before = place.checked_sub(1).map(|before| (&found[before].0, &found[before].1));
            check_link(&found[place].0, &found[place].1, before)
                .map_err(|error| EngineError::Record { what: "history".into(), reason: error.to_string() })?;
        }
        Ok(found)
    }

    /// The cut with this digest.
    pub fn cut(&self, digest: Digest) -> Result<Cut, EngineError> {
        Ok(from_cbor("cut", &self.block("cut", &digest.to_cid(Codec::DagCbor))?)?)
    }

    /// The lines of a block of rows.
    fn lines(&self, cid: &Cid) -> Result<Vec<Vec<u8>>, EngineError> {
        let bytes = self.block("table", cid)?;
        let lines = unpack(&bytes).map(|lines| lines.into_iter().map(<[u8]>::to_vec).collect());
        lines.ok_or_else(|| EngineError::Record { what: "table".into(), reason: format!("{cid} ends inside a line") })
    }

    /// The definition with this digest.
    pub fn definition(&self, digest: Digest) -> Result<Definition, EngineError> {
        Ok(from_json_strict("manifest", &self.block("manifest", &digest.to_cid(Codec::Raw))?)?)
    }

    /// The blocks that a report was made with: the definition, the model, the template, the fonts, the rows of tables.
    pub fn parts(&self, manifest: Digest, model: Digest) -> Result<Vec<Cid>, EngineError> {
        let definition = self.definition(manifest)?;
        let raw = |digest: &Digest| digest.to_cid(Codec::Raw);
        let own = [raw(&manifest), model.to_cid(Codec::DagCbor), raw(&definition.template), raw(&definition.font)];
        let mut parts = own.to_vec();
        parts.extend(definition.tables.values().flatten().map(raw));
        Ok(parts)
    }

    /// The plan of a definition and a model.
    pub fn plan(&self, manifest: Digest, model: Digest) -> Result<Plan, EngineError> {
        let definition = self.definition(manifest)?;
        let (template, tables) = (self.template(&definition)?, self.tables(&definition)?);
        let model = self.block("model", &model.to_cid(Codec::DagCbor))?;
        Plan::new(&definition.manifest, &Assets { template, model, tables })
    }

    /// The template of a definition's cards.
    pub fn template(&self, definition: &Definition) -> Result<String, EngineError> {
        let template = self.block("template", &definition.template.to_cid(Codec::Raw))?;
        String::from_utf8(template)
            .map_err(|error| EngineError::Record { what: "template".into(), reason: error.to_string() })
    }

    /// The rows of a definition's tables.
    pub fn tables(&self, definition: &Definition) -> Result<Tables, EngineError> {
        let mut tables = Tables::new();
        for (name, digests) in &definition.tables {
            let mut rows = Vec::new();
            for digest in digests {
                for line in self.lines(&digest.to_cid(Codec::Raw))? {
                    if rows.len() == MAX_TABLE_ROWS {
                        let reason = format!("`{name}` has more than {MAX_TABLE_ROWS} rows");
                        return Err(EngineError::Record { what: "table".into(), reason });
                    }
                    rows.push(from_json_strict("row of a table", &line)?);
                }
            }
            tables.insert(name.clone(), rows);
        }
        Ok(tables)
    }

    /// The events of a cut's segments, with their canonical bytes; there must be so many.
    pub fn events(&self, cut: &Cut, count: u64) -> Result<Events, EngineError> {
        let mut events = Vec::new();
        let wrong = |found: String| {
            let reason = format!("the cut of epoch {} has {found} where {count} events should be", cut.epoch);
            EngineError::Record { what: "segment of events".into(), reason }
        };
        let mut read = BTreeSet::new();
        for segment in &cut.segments {
            if !read.insert(segment) {
                return Err(wrong(format!("the segment {segment} twice")));
            }
            // Every segment holds an event, so a list without end is found before it is read.
            if events.len() as u64 >= count {
                return Err(wrong("more".into()));
            }
            let unpacked = Segment::unpack(&self.block("segment of events", segment)?);
            events.extend(unpacked.map_err(|error| EngineError::Record {
                what: "segment of events".into(),
                reason: format!("{segment} of the cut of epoch {}: {error}", cut.epoch),
            })?);
        }
        if events.len() as u64 != count {
            return Err(wrong(events.len().to_string()));
        }
        Ok(events)
    }
}

/// The replica as the epoch of `directory` and `cut` left it, which read so far as `partitions` says.
/// `events` are those from the point of `features` up to there, partition by partition.
pub fn restore(
    plan: Arc<Plan>,
    blocks: &dyn BlockStore,
    directory: &Cid,
    epoch: u64,
    (cut, partitions): (Cid, &[CutPartition]),
    features: FeaturePoint,
    events: &[(Event, Vec<u8>)],
) -> Result<Replica, EngineError> {
    let published = Published::new(blocks);
    let mut tokens = Vec::new();
    for (place, (id, cid)) in published.receipt_links(directory)?.into_iter().enumerate() {
        if id != place as u64 + 1 {
            let reason = format!("token {} has no receipt", place + 1);
            return Err(EngineError::Record { what: "directory".into(), reason });
        }
        tokens.push(entry(&published, cid)?);
    }
    let collection = Directory::load(blocks, directory, MAX_TOKENS)?;
    let receipts = Directory::load(blocks, &resolve(blocks, directory, "receipts")?, MAX_TOKENS)?;
    Replica::restored(plan, features, events, tokens, (collection, receipts), epoch, (cut, partitions))
}

/// A token from its latest receipt, with as much of its past as a card shows.
fn entry(published: &Published<'_>, cid: Cid) -> Result<TokenEntry, EngineError> {
    let latest = published.receipt(&cid)?;
    let mut leading = VecDeque::new();
    leading.push_front(latest.state.traits.first().map(|entry| entry.value.clone()));
    let mut next = latest.previous;
    while let Some(before) = next.filter(|_| leading.len() < Renderer::MAX_HISTORY) {
        let receipt = published.receipt(&before)?;
        leading.push_front(receipt.state.traits.first().map(|entry| entry.value.clone()));
        next = receipt.previous;
    }
    let mut history = VecDeque::new();
    for value in &leading {
        push_history(&mut history, value.as_ref());
    }
    Ok(TokenEntry { state: latest.state, receipt: cid, history })
}
