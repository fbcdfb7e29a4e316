use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use enliven_content::BlockStore;
use enliven_store::{EventLog, Store, Table, split_event_key};
use enliven_types::{Cid, Digest, Event, Receipt, TokenState};
use serde::Serialize;

use crate::cuts::read_events;
use crate::engine::{history_key, last_record, record, records, summarise};
use crate::otherwise::otherwise;
use crate::{EngineError, EpochRecord, Explanation, Plan, Published, RunSummary, explain};

/// One change of a token, as its history shows it.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryEntry {
    /// The number of the change; the mint is 1.
    pub sequence: u64,
    /// The epoch.
    pub epoch: u64,
    /// The watermark of the epoch, RFC 3339.
    pub at: String,
    /// The receipt.
    pub receipt: String,
    /// The metadata JSON.
    pub metadata: String,
    /// Trait by trait.
    pub traits: BTreeMap<String, enliven_types::TraitValue>,
}

/// Plans by the digests of their definition and model.
type Plans = BTreeMap<(Digest, Digest), Arc<Plan>>;

/// Reads a collection: what the server and the commands show.
#[derive(Clone)]
pub struct View {
    plan: Arc<Plan>,
    /// The plans of earlier definitions, as they are asked for.
    earlier: Arc<Mutex<Plans>>,
    store: Arc<dyn Store>,
    blocks: Arc<dyn BlockStore>,
}

impl View {
    /// Over the stores of a collection.
    pub fn new(plan: Arc<Plan>, store: Arc<dyn Store>, blocks: Arc<dyn BlockStore>) -> View {
        View { plan, earlier: Arc::default(), store, blocks }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The plan that a receipt was made under.
    pub fn plan_of(&self, receipt: &Receipt) -> Result<Arc<Plan>, EngineError> {
        let key = (receipt.manifest, receipt.model);
        if key == (self.plan.definition, self.plan.model_digest) {
            return Ok(self.plan.clone());
        }
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = earlier.get(&key) {
            return Ok(plan.clone());
        }
        let plan = Arc::new(Published::new(&*self.blocks).plan(key.0, key.1)?);
        earlier.insert(key, plan.clone());
        Ok(plan)
    }

    /// The blocks.
    pub fn blocks(&self) -> &Arc<dyn BlockStore> {
        &self.blocks
    }

    /// The totals.
    pub fn summary(&self) -> Result<RunSummary, EngineError> {
        summarise(&*self.store)
    }

    /// How many events the logs of the manifest's sources have taken, those included that they have given up.
    pub fn events(&self) -> Result<u64, EngineError> {
        let mut events = 0;
        for (name, source) in &self.plan.manifest.sources {
            for partition in 0..source.partitions() {
                events += EventLog::new(&*self.store, name, partition).next_offset()?;
            }
        }
        Ok(events)
    }

    /// How many rows were refused.
    pub fn bad_rows(&self) -> Result<u64, EngineError> {
        Ok(self.store.count(Table::BadRows)?)
    }

    /// The events that came later than allowed, in the order of the log, each with the epoch in whose
    /// cut it came.
    pub fn late_events(&self) -> Result<Vec<(u64, Event)>, EngineError> {
        let (mut found, store, blocks) = (Vec::new(), &*self.store, &*self.blocks);
        for (key, epoch) in self.store.range(Table::LateEvents, &[], &[0xff; 1], usize::MAX)? {
            let Some((source, partition, offset)) = split_event_key(&key) else { continue };
            let epoch = epoch.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
            let events = read_events(store, blocks, &source, partition, offset, offset.saturating_add(1))?;
            found.extend(events.into_iter().map(|(event, _)| (epoch, event)));
        }
        Ok(found)
    }

    /// The last epoch.
    pub fn last_epoch(&self) -> Result<Option<EpochRecord>, EngineError> {
        last_record(&*self.store)
    }

    /// One epoch.
    pub fn epoch(&self, epoch: u64) -> Result<EpochRecord, EngineError> {
        let last = self.last_epoch()?.map_or(0, |record| record.report.epoch);
        record(&*self.store, epoch)?.ok_or(EngineError::NoEpoch { epoch, last })
    }

    /// Every epoch.
    pub fn epochs(&self) -> Result<Vec<EpochRecord>, EngineError> {
        records(&*self.store)
    }

    /// Every token, in the order of their ids.
    pub fn tokens(&self) -> Result<Vec<TokenState>, EngineError> {
        Ok(self.latest()?.into_iter().map(|(_, receipt)| receipt.state).collect())
    }

    /// The latest receipt of every token, in the order of their ids.
    pub fn latest(&self) -> Result<Vec<(Cid, Receipt)>, EngineError> {
        let mut latest: BTreeMap<u64, Cid> = BTreeMap::new();
        for (key, value) in self.store.range(Table::History, &[], &[0xff; 17], usize::MAX)? {
            latest.insert(token_of(&key), parse_cid(&value)?);
        }
        let published = Published::new(&*self.blocks);
        latest.into_values().map(|cid| Ok((cid, published.receipt(&cid)?))).collect()
    }

    /// The id of a token by its id or by its entity's name (in any case).
    pub fn find(&self, name: &str) -> Result<u64, EngineError> {
        let tokens = self.tokens()?;
        let wanted = name.to_lowercase();
        let by_name = tokens.iter().find(|state| state.subject.to_lowercase() == wanted).map(|state| state.token_id);
        let by_id = name.parse().ok().filter(|id| (1..=tokens.len() as u64).contains(id));
        by_name.or(by_id).ok_or(EngineError::NoToken { name: name.to_string(), count: tokens.len() as u64 })
    }

    /// A token's receipts up to an epoch, from the mint on.
    pub fn receipts(&self, token: u64, epoch: Option<u64>) -> Result<Vec<(Cid, Receipt)>, EngineError> {
        let published = Published::new(&*self.blocks);
        let mut found = Vec::new();
        let (from, to) = (history_key(token, 0), history_key(token, u64::MAX));
        for (_, value) in self.store.range(Table::History, &from, &to, usize::MAX)? {
            let cid = parse_cid(&value)?;
            let receipt = published.receipt(&cid)?;
            if epoch.is_none_or(|epoch| receipt.epoch <= epoch) {
                found.push((cid, receipt));
            }
        }
        if found.is_empty() {
            let count = self.summary()?.tokens;
            return Err(EngineError::NoToken { name: token.to_string(), count });
        }
        Ok(found)
    }

    /// A token's history.
    pub fn history(&self, token: u64) -> Result<Vec<HistoryEntry>, EngineError> {
        let entry = |(cid, receipt): (Cid, Receipt)| HistoryEntry {
            sequence: receipt.state.sequence,
            epoch: receipt.epoch,
            at: receipt.state.changed_at.to_string(),
            receipt: cid.to_string(),
            metadata: receipt.state.metadata.to_string(),
            traits: receipt.state.traits.into_iter().map(|entry| (entry.name, entry.value)).collect(),
        };
        Ok(self.receipts(token, None)?.into_iter().map(entry).collect())
    }

    /// Why a token changed last, at or before an epoch.
    pub fn explain(&self, token: u64, epoch: Option<u64>) -> Result<Explanation, EngineError> {
        let receipts = self.receipts(token, epoch)?;
        let (cid, receipt) = &receipts[receipts.len() - 1];
        let before = receipts.len().checked_sub(2).map(|place| &receipts[place].1);
        // Features and parts of another definition are not comparable.
        let before = before.filter(|before| (before.schema, before.model) == (receipt.schema, receipt.model));
        Ok(explain(&*self.plan_of(receipt)?, cid, receipt, before))
    }

    /// The same, with what would have left the token as it was; see [`Explanation::otherwise`].
    pub fn explain_otherwise(&self, token: u64, epoch: Option<u64>) -> Result<Explanation, EngineError> {
        let mut explanation = self.explain(token, epoch)?;
        let mut receipts = self.receipts(token, epoch)?;
        if let (Some((_, receipt)), Some((_, last))) = (receipts.pop(), receipts.pop()) {
            let others: Vec<Receipt> = self.latest()?.into_iter().map(|(_, receipt)| receipt).collect();
            explanation.otherwise = Some(otherwise(&*self.plan_of(&receipt)?, &receipt, &last, &others));
        }
        Ok(explanation)
    }
}

fn token_of(key: &[u8]) -> u64 {
    key.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn parse_cid(bytes: &[u8]) -> Result<Cid, EngineError> {
    Cid::try_from(bytes).map_err(|error| EngineError::Record { what: "history".into(), reason: error.to_string() })
}
