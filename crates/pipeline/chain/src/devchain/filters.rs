//! Filters that are polled: `eth_newFilter` and the like.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use alloy_primitives::{B128, keccak256};
use alloy_rpc_types_eth::{Filter, FilterBlockOption};
use serde_json::Value;

use super::Inner;
use super::logs::{self, MAX_LOGS};
use super::methods::to_json;
use super::rpc_error::RpcError;

/// The most filters at once.
const MAX_FILTERS: usize = 256;
/// A filter that nobody asked for so long is removed.
const LIFETIME: Duration = Duration::from_secs(300);
/// The most addresses, and alternatives for a topic, of a filter that is kept.
const MAX_KEPT_ALTERNATIVES: usize = 100;
/// The most blocks that one poll looks through.
const MAX_POLL: usize = 100_000;

/// How far a filter or a subscription has seen the chain. It is a place, not a queue: what has not
/// been fetched costs no memory, and a reverted block is seen again when another takes its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    /// The first block that was not seen.
    pub(super) next: usize,
    reverts: usize,
}

/// What a filter or a subscription follows.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Blocks,
    Transactions,
    Logs(Box<Filter>),
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    cursor: Cursor,
    asked: Instant,
}

/// All filters of a chain.
#[derive(Debug, Default)]
pub(super) struct Filters {
    entries: BTreeMap<B128, Entry>,
    ids: Ids,
}

/// Ids that nobody guesses, so that callers do not remove each other's filters.
#[derive(Debug, Default)]
pub(super) struct Ids {
    random: RandomState,
    count: u64,
}

impl Ids {
    pub(super) fn next(&mut self) -> B128 {
        self.count += 1;
        let mut hasher = self.random.build_hasher();
        hasher.write_u64(self.count);
        let first = hasher.finish();
        hasher.write_u64(first);
        let seed = [first.to_be_bytes(), hasher.finish().to_be_bytes()].concat();
        B128::from_slice(&keccak256(seed)[..16])
    }
}

impl Cursor {
    /// Everything after the newest block.
    pub(super) fn new(chain: &Inner) -> Cursor {
        Cursor { next: chain.blocks.len(), reverts: chain.reverts.len() }
    }

    /// Goes back to where the chain was reverted to since.
    pub(super) fn settle(&mut self, chain: &Inner) -> bool {
        let lowest = chain.reverts.iter().skip(self.reverts).min().copied();
        self.reverts = chain.reverts.len();
        match lowest {
            Some(lowest) if lowest < self.next => {
                self.next = lowest;
                true
            }
            _ => false,
        }
    }
}

impl Kind {
    /// A filter that is kept, if it is small enough.
    pub(super) fn logs(filter: Filter) -> Result<Kind, RpcError> {
        logs::check(&filter, MAX_KEPT_ALTERNATIVES)?;
        if matches!(filter.block_option, FilterBlockOption::AtBlockHash(_)) {
            return Err(RpcError::params("a filter that is kept follows blocks, so it cannot name one by its hash"));
        }
        Ok(Kind::Logs(Box::new(filter)))
    }
}

impl Filters {
    /// Installs a filter, and returns its id.
    pub(super) fn install(&mut self, chain: &Inner, kind: Kind) -> Result<Value, RpcError> {
        self.entries.retain(|_, entry| entry.asked.elapsed() < LIFETIME);
        if self.entries.len() >= MAX_FILTERS {
            return Err(RpcError::limit(format!(
                "there are {MAX_FILTERS} filters already; remove one, or wait {} s",
                LIFETIME.as_secs()
            )));
        }
        let mut cursor = Cursor::new(chain);
        // A filter that starts in the past brings what has happened since, as anvil's does.
        if let Kind::Logs(filter) = &kind
            && let FilterBlockOption::Range { from_block: Some(from), .. } = filter.block_option
        {
            cursor.next = usize::try_from(chain.number(from)).unwrap_or(usize::MAX).min(cursor.next);
        }
        let id = self.ids.next();
        self.entries.insert(id, Entry { kind, cursor, asked: Instant::now() });
        to_json(id)
    }

    /// Removes a filter; says whether it was there.
    pub(super) fn uninstall(&mut self, id: &str) -> bool {
        id.parse().is_ok_and(|id: B128| self.entries.remove(&id).is_some())
    }

    /// What happened since the last time.
    pub(super) fn changes(&mut self, chain: &Inner, id: &str) -> Result<Value, RpcError> {
        let entry = self.find(id)?;
        entry.cursor.settle(chain);
        let mut found = Vec::new();
        let end = chain.blocks.len().min(entry.cursor.next.saturating_add(MAX_POLL));
        // What does not fit is brought by the next poll.
        while entry.cursor.next < end && found.len() < MAX_LOGS {
            let Some(block) = chain.blocks.get(entry.cursor.next) else { break };
            match &entry.kind {
                Kind::Blocks => found.push(to_json(block.hash)?),
                Kind::Transactions => {
                    for transaction in &block.transactions {
                        found.push(to_json(transaction.tx_hash())?);
                    }
                }
                Kind::Logs(filter) => {
                    if chain.is_within(filter, block.header.number) {
                        for log in logs::matching(block, filter) {
                            found.push(to_json(log)?);
                        }
                    }
                }
            }
            entry.cursor.next += 1;
        }
        Ok(Value::Array(found))
    }

    /// All logs of a log filter.
    pub(super) fn all_logs(&mut self, chain: &Inner, id: &str) -> Result<Value, RpcError> {
        match &self.find(id)?.kind {
            Kind::Logs(filter) => to_json(chain.logs(filter)?),
            _ => Err(not_found()),
        }
    }

    fn find(&mut self, id: &str) -> Result<&mut Entry, RpcError> {
        let id: B128 = id.parse().map_err(|_| not_found())?;
        let entry = self.entries.get_mut(&id).filter(|entry| entry.asked.elapsed() < LIFETIME);
        let entry = entry.ok_or_else(not_found)?;
        entry.asked = Instant::now();
        Ok(entry)
    }
}

impl Inner {
    /// Whether a block is in the range that a filter names; tags other than `earliest` set no bound.
    pub(super) fn is_within(&self, filter: &Filter, number: u64) -> bool {
        let FilterBlockOption::Range { from_block, to_block } = filter.block_option else { return true };
        from_block.and_then(|tag| tag.as_number()).is_none_or(|from| number >= from)
            && to_block.and_then(|tag| tag.as_number()).is_none_or(|to| number <= to)
    }
}

fn not_found() -> RpcError {
    RpcError::refused("filter not found")
}
