//! The embedded dev chain: `revm` with real blocks, receipts, logs and signed transactions.
//!
//! What is real: the EVM (Osaka rules, as anvil 1.7 by default), transaction signatures and checks,
//! the gas caps, every root and bloom in the headers, EIP-1559 base fees, and durability.
//!
//! What is not: one process makes the blocks, one transaction each, at once; nothing ever
//! reorganises, so `safe` and `finalized` are `latest`, except that a chain in memory can be taken back
//! to a snapshot. State can be read at the newest 1,024 blocks and proved at the newest one. There are
//! neither blob nor EIP-7702 transactions. The system contracts of
//! EIP-4788 and EIP-2935 are not deployed. Fees go to the zero address.
//!
//! Who asks decides what is answered ([`Access`]): the program itself may do everything; callers from
//! outside may read and send signed transactions, and with `test_methods` also what only tests need.

mod accounts;
mod block;
mod calls;
mod execute;
mod fees;
mod filters;
mod logs;
mod methods;
mod queue;
mod rpc_error;
mod server;
mod session;
mod signing;
#[cfg(feature = "socket")]
mod socket;
mod state;
mod store;
mod testing;
mod trie;
mod view;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use alloy_consensus::transaction::{Recovered, SignerRecoverable};
use alloy_consensus::{Header, Transaction as _, TxEnvelope, TxType};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{B256, Bytes};
use revm::context::result::ExecutionResult;
use serde_json::Value;

use self::block::{Outcome, SealedBlock};
use self::execute::Checks;
use self::filters::Filters;
use self::queue::Queue;
use self::rpc_error::RpcError;
use self::state::{State, Undo};
use self::store::{Store, StoredBlock};
use self::testing::Snapshot;
use self::view::View;
use crate::{ChainError, Clock, DevChainConfig, Rpc};

pub use accounts::{DEV_ADDRESSES, DEV_KEYS};
pub use session::{Session, TooSlow};
#[cfg(feature = "socket")]
pub use socket::Sockets;

/// The last second of the year 9999: later times would leave no room for the blocks after them.
const LATEST_TIME: u64 = 253_402_300_799;
/// So many blocks back, the state can still be read.
const HISTORY: usize = 1_024;

/// The embedded dev chain. It is its own [`Rpc`] endpoint, and [`DevChain::handle`] answers
/// JSON-RPC bodies for a server.
#[derive(Debug)]
pub struct DevChain {
    inner: RwLock<Inner>,
    /// Locked before `inner`, where both are needed.
    filters: Mutex<Filters>,
    listeners: Mutex<Listeners>,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// The program itself.
    Program,
    /// A caller on this machine.
    Outside,
    /// A page of another origin, which may only read.
    Reads,
}

/// Who is told that there is a new block.
#[derive(Default)]
struct Listeners(Vec<Box<dyn Fn() + Send>>);

impl std::fmt::Debug for Listeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Listeners({})", self.0.len())
    }
}

#[derive(Debug)]
struct Inner {
    config: DevChainConfig,
    state: State,
    /// All blocks; the index is the number, and there is always block 0.
    blocks: Vec<SealedBlock>,
    numbers: BTreeMap<B256, usize>,
    /// The block number and index of every transaction.
    transactions: BTreeMap<B256, (usize, usize)>,
    /// What the newest blocks changed, the newest last.
    undos: VecDeque<Undo>,
    queue: Queue,
    next_timestamp: Option<u64>,
    /// How far tests have moved the clock, in seconds.
    clock_offset: u64,
    snapshots: Vec<Snapshot>,
    next_snapshot: u64,
    /// The number of blocks that was left, for every time that the chain was taken back.
    reverts: Vec<usize>,
    store: Option<Store>,
    /// Why no more blocks can be made, after the file failed.
    broken: Option<String>,
}

impl DevChain {
    /// What the dev chain lacks, for people who start it, one limit a line.
    pub const LIMITS: [&str; 5] = [
        "one process makes the blocks, one transaction each, and nothing ever reorganises",
        "its funded accounts' private keys are public knowledge, so nothing on it has value",
        "state can be read at the newest 1,024 blocks and proved at the newest one",
        "transactions have type 0, 1 or 2; early ones (at most 64 of a sender) wait in memory",
        "no traces and no eth_simulateV1; no blob base fee other than 1",
    ];

    /// A chain that lives as long as the process.
    pub fn memory(config: DevChainConfig) -> DevChain {
        DevChain::around(Inner::new(config))
    }

    /// A chain in a file, which is created if it is not there. The blocks in it are executed again,
    /// and each must come out with the hash that it had.
    pub fn open(path: &Path, config: DevChainConfig) -> Result<DevChain, ChainError> {
        let mut inner = Inner::new(config);
        let (store, blocks) = Store::open(path, &inner.config, inner.head().hash)?;
        for (index, stored) in blocks.into_iter().enumerate() {
            let number = index as u64 + 1;
            let wrong = |reason: String| ChainError::Replay { path: store.path().to_path_buf(), number, reason };
            let hash = inner.replay(&stored).map_err(|error| wrong(error.message))?;
            if hash != stored.hash {
                return Err(wrong(format!("its hash is {hash}, and the file says {}", stored.hash)));
            }
        }
        inner.store = Some(store);
        Ok(DevChain::around(inner))
    }

    /// Sets the time of the next block, in seconds since 1970. A block is always later than the one
    /// before it, so an earlier time counts as one second after that; the last second of the year
    /// 9999 is the latest that can be set.
    pub fn set_next_timestamp(&self, seconds: u64) {
        self.write(|inner| inner.set_next_timestamp(seconds));
    }

    /// The number of the newest block.
    pub fn block_number(&self) -> u64 {
        self.read(|inner| inner.head().header.number)
    }

    /// The hash of the newest block.
    pub fn head_hash(&self) -> B256 {
        self.read(|inner| inner.head().hash)
    }

    /// The chain id.
    pub fn chain_id(&self) -> u64 {
        self.read(|inner| inner.config.chain_id)
    }

    /// Calls `action` after every block from now on, and when the chain was taken back. It must not
    /// block, nor ask the chain.
    pub fn on_block(&self, action: impl Fn() + Send + 'static) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).0.push(Box::new(action));
    }

    fn around(inner: Inner) -> DevChain {
        DevChain {
            inner: RwLock::new(inner),
            filters: Mutex::new(Filters::default()),
            listeners: Mutex::new(Listeners::default()),
        }
    }

    fn test_methods(&self) -> bool {
        self.read(|inner| inner.config.test_methods)
    }

    fn filters<T>(&self, action: impl FnOnce(&mut Filters, &Inner) -> T) -> T {
        let mut filters = self.filters.lock().unwrap_or_else(PoisonError::into_inner);
        self.read(|inner| action(&mut filters, inner))
    }

    fn read<T>(&self, action: impl FnOnce(&Inner) -> T) -> T {
        action(&self.inner.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, action: impl FnOnce(&mut Inner) -> T) -> T {
        let (result, changed) = {
            let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
            let before = inner.head().hash;
            let result = action(&mut inner);
            (result, inner.head().hash != before)
        };
        if changed {
            for listener in &self.listeners.lock().unwrap_or_else(PoisonError::into_inner).0 {
                listener();
            }
        }
        result
    }
}

impl Rpc for DevChain {
    fn request(&self, method: &str, params: Value) -> Result<Value, ChainError> {
        self.call_method(method, &params, Access::Program, None).map_err(|error| ChainError::Node {
            method: method.to_string(),
            code: error.code,
            message: error.message,
            data: error.data,
        })
    }
}

impl Inner {
    fn new(config: DevChainConfig) -> Inner {
        let mut state = State::default();
        for address in DEV_ADDRESSES {
            state.fund(address, accounts::DEV_BALANCE);
        }
        let genesis = block::genesis(&config, &mut state);
        Inner {
            config,
            state,
            numbers: BTreeMap::from([(genesis.hash, 0)]),
            blocks: vec![genesis],
            transactions: BTreeMap::new(),
            undos: VecDeque::new(),
            queue: Queue::default(),
            next_timestamp: None,
            clock_offset: 0,
            snapshots: Vec::new(),
            next_snapshot: 0,
            reverts: Vec::new(),
            store: None,
            broken: None,
        }
    }

    fn head(&self) -> &SealedBlock {
        self.blocks.last().expect("block 0 is made with the chain")
    }

    fn set_next_timestamp(&mut self, seconds: u64) {
        self.next_timestamp = Some(seconds.min(LATEST_TIME));
    }

    /// The header that the next block starts from.
    fn pending(&self) -> Header {
        let wanted = self.next_timestamp.unwrap_or_else(|| match self.config.clock {
            Clock::Wall => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
                now.saturating_add(self.clock_offset).min(LATEST_TIME)
            }
            Clock::Manual => 0,
        });
        let earliest = self.head().header.timestamp.saturating_add(1);
        block::next_header(self.head(), wanted.max(earliest))
    }

    /// Checks, executes and stores a signed transaction in a block of its own; one that is early waits.
    fn send(&mut self, transaction: Recovered<TxEnvelope>) -> Result<B256, RpcError> {
        let (hash, sender) = (*transaction.tx_hash(), transaction.signer());
        if self.transactions.contains_key(&hash) || self.queue.find(hash).is_some() {
            return Err(RpcError::rejected("already known"));
        }
        if transaction.nonce() > View::new(&self.state).nonce(sender) {
            self.keep_early(transaction)?;
            return Ok(hash);
        }
        self.extend(self.pending(), Some(transaction))?;
        self.run_waiting(sender);
        Ok(hash)
    }

    /// Makes a block without transactions.
    fn mine(&mut self) -> Result<(), RpcError> {
        self.extend(self.pending(), None)
    }

    /// Makes a stored block again, and returns the hash that comes out.
    fn replay(&mut self, stored: &StoredBlock) -> Result<B256, RpcError> {
        let transaction = match stored.transactions.as_slice() {
            [] => None,
            [raw] => Some(decode(raw)?),
            _ => return Err(RpcError::internal("it has more than one transaction")),
        };
        if stored.timestamp <= self.head().header.timestamp {
            return Err(RpcError::internal("it is not later than the block before"));
        }
        self.extend(block::next_header(self.head(), stored.timestamp), transaction)?;
        Ok(self.head().hash)
    }

    /// Executes at most one transaction on top of the head, and makes the result the new head once
    /// it is stored.
    fn extend(&mut self, header: Header, transaction: Option<Recovered<TxEnvelope>>) -> Result<(), RpcError> {
        if let Some(reason) = &self.broken {
            return Err(RpcError::internal(reason.clone()));
        }
        let mut outcome = None;
        let mut undo = Undo::default();
        if let Some(transaction) = transaction {
            let environment = execute::signed_env(transaction.inner(), transaction.signer());
            let view = View::new(&self.state);
            let ran = execute::run(&view, self.config.chain_id, block::environment(&header), environment, Checks::All)?;
            let gas_used = ran.result.tx_gas_used();
            let success = ran.result.is_success();
            undo = self.state.apply(ran.state);
            // What a failed transaction logged is undone with it.
            let logs = match ran.result {
                ExecutionResult::Success { logs, .. } => logs,
                _ => Vec::new(),
            };
            outcome = Some(Outcome { transaction, success, gas_used, logs });
        }
        let sealed = block::seal(header, outcome, &mut self.state);
        let number = self.blocks.len();
        if let Some(store) = &self.store {
            let stored = StoredBlock {
                timestamp: sealed.header.timestamp,
                transactions: sealed.transactions.iter().map(|entry| entry.encoded_2718().into()).collect(),
                hash: sealed.hash,
            };
            if let Err(error) = store.append(number as u64, &stored) {
                // The state is one block ahead of the file now, so nothing may build on it.
                let reason = format!("{error}; hint: free some space and open the chain again");
                self.broken = Some(reason.clone());
                return Err(RpcError::internal(reason));
            }
        }
        for (index, transaction) in sealed.transactions.iter().enumerate() {
            self.transactions.insert(*transaction.tx_hash(), (number, index));
        }
        self.numbers.insert(sealed.hash, number);
        self.blocks.push(sealed);
        self.undos.push_back(undo);
        self.forget();
        self.next_timestamp = None;
        Ok(())
    }
}

/// Decodes a raw transaction and recovers its sender.
fn decode(raw: &Bytes) -> Result<Recovered<TxEnvelope>, RpcError> {
    let mut rest: &[u8] = raw;
    let transaction = TxEnvelope::decode_2718(&mut rest)
        .map_err(|error| RpcError::params(format!("the transaction is not readable: {error}")))?;
    if !rest.is_empty() {
        return Err(RpcError::params("the transaction has bytes too many"));
    }
    if !matches!(transaction.tx_type(), TxType::Legacy | TxType::Eip2930 | TxType::Eip1559) {
        let kind = transaction.tx_type() as u8;
        return Err(RpcError::params(format!("the dev chain takes transactions of type 0, 1 and 2, not {kind}")));
    }
    // Refuses signatures with a high s, as every chain does since EIP-2.
    transaction.try_into_recovered().map_err(|_| RpcError::rejected("invalid sender: the signature is not valid"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alloy_primitives::U256;
    use alloy_sol_types::SolConstructor;

    use super::*;
    use crate::contracts::{Artifact, NaiveURIToken};
    use crate::{Client, Key};

    #[test]
    fn state_roots_are_the_plain_roots() {
        let chain = Arc::new(DevChain::memory(DevChainConfig::default()));
        let check = || chain.read(|inner| assert_eq!(inner.head().header.state_root, inner.state.plain_root()));
        check();
        let client = Client::new(chain.clone(), Key::dev(0).unwrap()).unwrap();
        let owner = client.address();
        let arguments = NaiveURIToken::constructorCall { name: "N".into(), symbol: "N".into(), initialOwner: owner };
        let code = Artifact::NaiveUriToken.bytecode().unwrap();
        let (token, _) = client.deploy("deploy", &code, &arguments.abi_encode()).unwrap();
        check();
        client.send("mint", token, &NaiveURIToken::mintBatchCall { to: owner, count: U256::from(300) }).unwrap();
        check();
        // Long texts take many slots, short ones free them again.
        for length in [200, 10, 0, 70] {
            let ids: Vec<U256> = (1..=40).map(U256::from).collect();
            let uris = vec!["x".repeat(length); ids.len()];
            client.send("set", token, &NaiveURIToken::setTokenURIsCall { ids, uris }).unwrap();
            check();
        }
    }
}
