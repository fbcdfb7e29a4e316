//! What a caller with a lasting connection has: subscriptions (`eth_subscribe`).

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_primitives::B128;
use alloy_rpc_types_eth::Filter;
use serde::Serialize;
use serde_json::json;

use super::filters::{Cursor, Ids, Kind};
use super::logs;
use super::methods::{Params, to_json};
use super::rpc_error::RpcError;
use super::{Access, DevChain, Inner};

/// The most subscriptions of one connection.
const MAX_SUBSCRIPTIONS: usize = 32;
/// Whoever is so many blocks behind cannot follow the chain.
const MAX_LAG: usize = 4_096;
/// About so many notifications are made at a time.
const CHUNK: usize = 256;

/// One caller with a lasting connection. What it has not read yet costs no memory: notifications are
/// made from the chain's blocks when there is room for them.
#[derive(Debug)]
pub struct Session {
    chain: Arc<DevChain>,
    access: Access,
    subscriptions: Subscriptions,
}

/// Why a session has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSlow {
    /// How many blocks the caller is behind.
    pub blocks: usize,
}

#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    entries: BTreeMap<B128, Subscription>,
    ids: Ids,
}

#[derive(Debug)]
struct Subscription {
    topic: Topic,
    cursor: Cursor,
    /// How many logs of the next block were sent already.
    sent: usize,
}

#[derive(Debug)]
enum Topic {
    Heads,
    /// Hashes of transactions, or whole ones.
    Transactions {
        full: bool,
    },
    Logs(Kind),
}

impl Session {
    /// A caller from outside. One that `only_reads` may not send transactions.
    pub fn new(chain: Arc<DevChain>, only_reads: bool) -> Session {
        let access = if only_reads { Access::Reads } else { Access::Outside };
        Session { chain, access, subscriptions: Subscriptions::default() }
    }

    /// Answers a JSON-RPC body, as [`DevChain::handle`] does. The answer belongs before the
    /// notifications that are asked for afterwards.
    pub fn handle(&mut self, body: &[u8]) -> Vec<u8> {
        self.chain.handle_for(body, self.access, Some(&mut self.subscriptions))
    }

    /// Whether there is anything to notify of.
    pub fn has_subscriptions(&self) -> bool {
        !self.subscriptions.entries.is_empty()
    }

    /// Some of the notifications that are due; none if there are none now.
    pub fn notifications(&mut self) -> Result<Vec<String>, TooSlow> {
        self.chain.read(|chain| self.subscriptions.due(chain))
    }
}

impl Subscriptions {
    pub(super) fn subscribe(&mut self, chain: &Inner, params: &Params<'_>) -> Result<B128, RpcError> {
        if self.entries.len() >= MAX_SUBSCRIPTIONS {
            return Err(RpcError::limit(format!("a connection has at most {MAX_SUBSCRIPTIONS} subscriptions")));
        }
        let name: String = params.get(0, "subscription")?;
        let topic = match name.as_str() {
            "newHeads" => Topic::Heads,
            "newPendingTransactions" => {
                let full = if params.missing(1) { false } else { params.get(1, "full")? };
                Topic::Transactions { full }
            }
            "logs" => {
                let filter: Filter = if params.missing(1) { Filter::new() } else { params.get(1, "filter")? };
                Topic::Logs(Kind::logs(filter)?)
            }
            _ => {
                let known = "newHeads, logs, newPendingTransactions";
                let name: String = name.chars().take(64).collect();
                return Err(RpcError::params(format!("there is no subscription `{name}` (available: {known})")));
            }
        };
        let id = self.ids.next();
        self.entries.insert(id, Subscription { topic, cursor: Cursor::new(chain), sent: 0 });
        Ok(id)
    }

    pub(super) fn unsubscribe(&mut self, id: &str) -> bool {
        id.parse().is_ok_and(|id: B128| self.entries.remove(&id).is_some())
    }

    fn due(&mut self, chain: &Inner) -> Result<Vec<String>, TooSlow> {
        let mut found = Vec::new();
        // Each gets its share, so that one with many logs does not keep the others waiting.
        let share = CHUNK / self.entries.len().max(1);
        for (id, subscription) in &mut self.entries {
            if subscription.cursor.settle(chain) {
                subscription.sent = 0;
            }
            let lag = chain.blocks.len().saturating_sub(subscription.cursor.next);
            if lag > MAX_LAG {
                return Err(TooSlow { blocks: lag });
            }
            let full = found.len() + share;
            while found.len() < full && subscription.cursor.next < chain.blocks.len() {
                let room = full - found.len();
                subscription.advance(*id, chain, room, &mut found);
            }
        }
        Ok(found)
    }
}

impl Subscription {
    /// Adds what is due of the next block, of its logs at most `room`.
    fn advance(&mut self, id: B128, chain: &Inner, room: usize, found: &mut Vec<String>) {
        let Some(block) = chain.blocks.get(self.cursor.next) else { return };
        match &self.topic {
            Topic::Heads => found.extend(notification(id, &block.to_rpc(false).header)),
            Topic::Transactions { full: true } => {
                let transactions = (0..block.transactions.len()).filter_map(|index| block.transaction(index));
                found.extend(transactions.filter_map(|transaction| notification(id, &transaction)));
            }
            Topic::Transactions { full: false } => {
                found.extend(block.transactions.iter().filter_map(|entry| notification(id, entry.tx_hash())));
            }
            Topic::Logs(Kind::Logs(filter)) if chain.is_within(filter, block.header.number) => {
                let before = found.len();
                let rest = logs::matching(block, filter).skip(self.sent).take(room);
                found.extend(rest.filter_map(|log| notification(id, &log)));
                if found.len() - before == room {
                    self.sent += room;
                    return;
                }
            }
            Topic::Logs(_) => {}
        }
        self.cursor.next += 1;
        self.sent = 0;
    }
}

/// The message of a subscription.
fn notification(id: B128, result: &impl Serialize) -> Option<String> {
    let result = to_json(result).ok()?;
    let params = json!({ "subscription": id, "result": result });
    Some(json!({ "jsonrpc": "2.0", "method": "eth_subscription", "params": params }).to_string())
}
