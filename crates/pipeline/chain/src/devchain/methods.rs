use std::collections::BTreeMap;

use alloy_eips::eip2718::Encodable2718;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, U64, U256, keccak256};
use alloy_rpc_types_eth::{EIP1186AccountProofResponse, EIP1186StorageProof};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::block::{self, SealedBlock};
use super::fees::TIP;
use super::filters::Kind;
use super::rpc_error::RpcError;
use super::session::Subscriptions;
use super::view::View;
use super::{Access, DEV_ADDRESSES, DevChain, Inner, decode, signing};

/// The most slots in one state proof.
const MAX_PROOF_SLOTS: usize = 1_000;

/// Methods that only tests need. They change the chain without a signature of the caller's, or sign
/// with keys that everybody knows.
const TEST_METHODS: [&str; 12] = [
    "anvil_mine",
    "eth_sendTransaction",
    "eth_sign",
    "eth_signTransaction",
    "eth_signTypedData_v4",
    "evm_increaseTime",
    "evm_mine",
    "evm_revert",
    "evm_setNextBlockTimestamp",
    "evm_snapshot",
    "hardhat_mine",
    "personal_sign",
];

impl DevChain {
    /// Whether a method is known to change nothing and to sign nothing, so that any caller may use it.
    pub fn is_read(method: &str) -> bool {
        if matches!(method, "web3_clientVersion" | "web3_sha3" | "net_version" | "net_listening") {
            return true;
        }
        method.starts_with("txpool_")
            || method.starts_with("eth_") && !method.starts_with("eth_send") && !TEST_METHODS.contains(&method)
    }

    /// Carries out one method; `params` is the request's array, or null.
    pub(super) fn call_method(
        &self,
        method: &str,
        params: &Value,
        access: Access,
        session: Option<&mut Subscriptions>,
    ) -> Result<Value, RpcError> {
        match access {
            Access::Program => {}
            _ if TEST_METHODS.contains(&method) && !self.test_methods() => return Err(RpcError::method(method)),
            Access::Reads if !DevChain::is_read(method) => {
                return Err(RpcError::refused("a page of another origin may not send transactions"));
            }
            _ => {}
        }
        let params = Params::new(params)?;
        match method {
            "eth_sendRawTransaction" => {
                // The sender is recovered before the chain is locked: it takes most of the time.
                let transaction = decode(&params.get(0, "transaction")?)?;
                self.write(|inner| inner.send(transaction)).and_then(to_json)
            }
            "eth_sendTransaction" => self.write(|inner| {
                let transaction = decode(&inner.sign_request(&params)?)?;
                to_json(inner.send(transaction)?)
            }),
            "eth_newFilter" => {
                let kind = Kind::logs(params.get(0, "filter")?)?;
                self.filters(|filters, inner| filters.install(inner, kind))
            }
            "eth_newBlockFilter" => self.filters(|filters, inner| filters.install(inner, Kind::Blocks)),
            "eth_newPendingTransactionFilter" => {
                self.filters(|filters, inner| filters.install(inner, Kind::Transactions))
            }
            "eth_getFilterChanges" => {
                let id: String = params.get(0, "filter id")?;
                self.filters(|filters, inner| filters.changes(inner, &id))
            }
            "eth_getFilterLogs" => {
                let id: String = params.get(0, "filter id")?;
                self.filters(|filters, inner| filters.all_logs(inner, &id))
            }
            "eth_uninstallFilter" => {
                let id: String = params.get(0, "filter id")?;
                self.filters(|filters, _| Ok(json!(filters.uninstall(&id))))
            }
            "eth_subscribe" | "eth_unsubscribe" => {
                let Some(session) = session else {
                    let hint = "subscriptions need a WebSocket; filters (eth_newFilter) work everywhere";
                    return Err(RpcError { message: hint.to_string(), ..RpcError::method(method) });
                };
                if method == "eth_unsubscribe" {
                    return Ok(json!(session.unsubscribe(&params.get::<String>(0, "subscription id")?)));
                }
                self.read(|inner| session.subscribe(inner, &params)).and_then(to_json)
            }
            _ if method.starts_with("evm_") || method.ends_with("_mine") => {
                self.write(|inner| inner.test_method(method, &params))
            }
            _ => self.read(|inner| inner.query(method, &params)),
        }
    }
}

impl Inner {
    /// The methods that change nothing.
    fn query(&self, method: &str, params: &Params<'_>) -> Result<Value, RpcError> {
        match method {
            "web3_clientVersion" => Ok(json!(concat!("enliven-devchain/", env!("CARGO_PKG_VERSION")))),
            "web3_sha3" => to_json(keccak256(params.get::<Bytes>(0, "data")?)),
            "net_version" => Ok(json!(self.config.chain_id.to_string())),
            "net_listening" => Ok(json!(true)),
            "eth_chainId" => to_json(U64::from(self.config.chain_id)),
            "eth_blockNumber" => to_json(U64::from(self.head().header.number)),
            "eth_syncing" => Ok(json!(false)),
            // Without test methods the accounts are funded, but this node signs for nobody.
            "eth_accounts" | "eth_requestAccounts" if !self.config.test_methods => Ok(json!([])),
            "eth_accounts" | "eth_requestAccounts" => to_json(DEV_ADDRESSES),
            "eth_coinbase" => to_json(Address::ZERO),
            "eth_gasPrice" => to_json(U64::from(self.gas_price())),
            "eth_maxPriorityFeePerGas" => to_json(U64::from(TIP)),
            "eth_blobBaseFee" => to_json(U64::from(1)),
            "eth_feeHistory" => self.fee_history(params),
            "eth_call" => self.call(params),
            "eth_estimateGas" => self.estimate_gas(params),
            "eth_createAccessList" => self.create_access_list(params),
            "eth_getLogs" => to_json(self.logs(&params.get(0, "filter")?)?),
            // Transactions are in a block at once, except those that wait for earlier nonces.
            "txpool_status" => Ok(json!({ "pending": "0x0", "queued": U64::from(self.queue.len()) })),
            "txpool_content" => self.waiting(),
            "eth_sign" => {
                let (address, message) = (params.get(0, "address")?, params.get(1, "message")?);
                signing::sign_message(address, &message)
            }
            "personal_sign" => {
                let (message, address) = (params.get(0, "message")?, params.get(1, "address")?);
                signing::sign_message(address, &message)
            }
            "eth_signTransaction" => to_json(self.sign_request(params)?),
            "eth_signTypedData_v4" => signing::sign_typed_data(params),
            _ if method.starts_with("eth_getBlock") || method.starts_with("eth_getUncle") => {
                self.block_query(method, params)
            }
            _ if method.contains("Transaction") && !method.ends_with("Count") => self.transaction_query(method, params),
            _ => self.state_query(method, params),
        }
    }

    /// Accounts, at any block whose state is kept.
    fn state_query(&self, method: &str, params: &Params<'_>) -> Result<Value, RpcError> {
        match method {
            "eth_getBalance" => {
                let address = params.get(0, "address")?;
                to_json(self.view(params.get(1, "block")?)?.0.balance(address))
            }
            "eth_getCode" => {
                let address = params.get(0, "address")?;
                to_json(self.view(params.get(1, "block")?)?.0.code(address))
            }
            "eth_getStorageAt" => {
                let (address, slot) = (params.get(0, "address")?, params.get(1, "slot")?);
                to_json(B256::from(self.view(params.get(2, "block")?)?.0.slot(address, slot)))
            }
            "eth_getTransactionCount" => {
                let address = params.get(0, "address")?;
                to_json(U64::from(self.view(params.get(1, "block")?)?.0.nonce(address)))
            }
            "eth_getProof" => self.proof(params),
            other => Err(RpcError::method(other)),
        }
    }

    fn block_query(&self, method: &str, params: &Params<'_>) -> Result<Value, RpcError> {
        let id = block_id(method, params)?;
        let pending = id.is_pending().then(|| block::sketch(self.pending()));
        let block = pending.as_ref().or_else(|| self.block(id));
        match method {
            "eth_getBlockByNumber" | "eth_getBlockByHash" => {
                let full = params.get(1, "full")?;
                to_json(block.map(|block| block.to_rpc(full)))
            }
            "eth_getBlockReceipts" => {
                let receipts = |block: &SealedBlock| {
                    (0..block.transactions.len()).filter_map(|index| block.receipt(index)).collect::<Vec<_>>()
                };
                // A block that is not made has no receipts, not none.
                to_json(block.filter(|_| pending.is_none()).map(receipts))
            }
            "eth_getBlockTransactionCountByNumber" | "eth_getBlockTransactionCountByHash" => {
                to_json(block.map(|block| U64::from(block.transactions.len())))
            }
            "eth_getUncleCountByBlockNumber" | "eth_getUncleCountByBlockHash" => to_json(block.map(|_| U64::ZERO)),
            "eth_getUncleByBlockNumberAndIndex" | "eth_getUncleByBlockHashAndIndex" => Ok(Value::Null),
            other => Err(RpcError::method(other)),
        }
    }

    fn transaction_query(&self, method: &str, params: &Params<'_>) -> Result<Value, RpcError> {
        match method {
            "eth_getTransactionByHash" => {
                let hash = params.get(0, "hash")?;
                let found = self.find(hash).and_then(|(block, index)| block.transaction(index));
                to_json(found.or_else(|| self.queue.find(hash).map(block::waiting)))
            }
            "eth_getTransactionReceipt" => {
                let found = self.find(params.get(0, "hash")?);
                to_json(found.and_then(|(block, index)| block.receipt(index)))
            }
            "eth_getRawTransactionByHash" => {
                let found = self.find(params.get(0, "hash")?);
                to_json(found.and_then(|(block, index)| raw(block, index)))
            }
            "eth_getTransactionByBlockNumberAndIndex" | "eth_getTransactionByBlockHashAndIndex" => {
                let (block, index) = self.place(method, params)?;
                to_json(block.and_then(|block| block.transaction(index)))
            }
            "eth_getRawTransactionByBlockNumberAndIndex" | "eth_getRawTransactionByBlockHashAndIndex" => {
                let (block, index) = self.place(method, params)?;
                to_json(block.and_then(|block| raw(block, index)))
            }
            other => Err(RpcError::method(other)),
        }
    }

    /// What waits, by sender and nonce.
    fn waiting(&self) -> Result<Value, RpcError> {
        let mut queued = BTreeMap::<Address, BTreeMap<String, Value>>::new();
        for ((sender, nonce), transaction) in self.queue.iter() {
            let shown = to_json(block::waiting(transaction))?;
            queued.entry(*sender).or_default().insert(nonce.to_string(), shown);
        }
        to_json(json!({ "pending": {}, "queued": queued }))
    }

    /// A block and an index in it.
    fn place(&self, method: &str, params: &Params<'_>) -> Result<(Option<&SealedBlock>, usize), RpcError> {
        let index = params.quantity(1, "index")?;
        let id = block_id(method, params)?;
        let block = if id.is_pending() { None } else { self.block(id) };
        Ok((block, usize::try_from(index).unwrap_or(usize::MAX)))
    }

    /// The proof of an account and of some of its slots (EIP-1186), at the newest block.
    fn proof(&self, params: &Params<'_>) -> Result<Value, RpcError> {
        let address: Address = params.get(0, "address")?;
        let slots: Vec<U256> = params.get(1, "slots")?;
        if slots.len() > MAX_PROOF_SLOTS {
            return Err(RpcError::limit(format!("a proof holds at most {MAX_PROOF_SLOTS} slots")));
        }
        let id: BlockId = params.get(2, "block")?;
        let (view, header) = self.view(id)?;
        let head = self.head().header.number;
        if header.number != head {
            return Err(RpcError::refused(format!("the dev chain proves the state of the newest block ({head}) only")));
        }
        let storage_proof = slots.into_iter().map(|slot| EIP1186StorageProof {
            key: B256::from(slot).into(),
            value: view.slot(address, slot),
            proof: self.state.slot_proof(address, slot),
        });
        let info = self.state.account(address).unwrap_or_default();
        to_json(EIP1186AccountProofResponse {
            address,
            balance: info.balance,
            code_hash: info.code_hash,
            nonce: info.nonce,
            storage_hash: self.state.storage_root(address),
            account_proof: self.state.account_proof(address),
            storage_proof: storage_proof.collect(),
        })
    }

    fn find(&self, hash: B256) -> Option<(&SealedBlock, usize)> {
        let (number, index) = self.transactions.get(&hash)?;
        Some((self.blocks.get(*number)?, *index))
    }

    /// The block with a number, tag or hash. Nothing is ever pending or unsafe here.
    fn block(&self, id: BlockId) -> Option<&SealedBlock> {
        let number = match id {
            BlockId::Hash(hash) => *self.numbers.get(&hash.block_hash)?,
            BlockId::Number(tag) => usize::try_from(self.number(tag)).ok()?,
        };
        self.blocks.get(number)
    }

    pub(super) fn number(&self, tag: BlockNumberOrTag) -> u64 {
        match tag {
            BlockNumberOrTag::Number(number) => number,
            BlockNumberOrTag::Earliest => 0,
            _ => self.head().header.number,
        }
    }

    /// The state after a block, and its header.
    pub(super) fn view(&self, id: BlockId) -> Result<(View<'_>, alloy_consensus::Header), RpcError> {
        let head = self.head().header.number;
        let Some(block) = self.block(id) else {
            return Err(match id {
                BlockId::Hash(_) => RpcError::missing("unknown block"),
                BlockId::Number(tag) => RpcError::params(format!(
                    "unknown block: the newest block is {head}, and {} was asked for",
                    self.number(tag)
                )),
            });
        };
        let number = block.header.number;
        let depth = usize::try_from(head - number).unwrap_or(usize::MAX);
        let oldest = head.saturating_sub(self.undos.len() as u64);
        if depth > self.undos.len() {
            return Err(RpcError::refused(format!(
                "the dev chain keeps the states of blocks {oldest} to {head}, not of block {number}"
            )));
        }
        let mut view = View::new(&self.state);
        for undo in self.undos.iter().rev().take(depth) {
            view.back(undo);
        }
        Ok((view, block.header.clone()))
    }
}

/// The block that a method's first parameter names: the method's own name says whether by hash or number.
fn block_id(method: &str, params: &Params<'_>) -> Result<BlockId, RpcError> {
    if method.contains("ByHash") || method.contains("ByBlockHash") {
        return params.get::<B256>(0, "block hash").map(BlockId::from);
    }
    if method.contains("Number") {
        return params.get::<BlockNumberOrTag>(0, "block number").map(BlockId::from);
    }
    params.get(0, "block")
}

/// A transaction as it was signed.
fn raw(block: &SealedBlock, index: usize) -> Option<Bytes> {
    block.transactions.get(index).map(|entry| Bytes::from(entry.encoded_2718()))
}

/// The parameters of a request.
pub(super) struct Params<'a>(&'a [Value]);

impl<'a> Params<'a> {
    pub(super) fn new(params: &'a Value) -> Result<Params<'a>, RpcError> {
        match params {
            Value::Null => Ok(Params(&[])),
            Value::Array(params) => Ok(Params(params)),
            _ => Err(RpcError::params("the parameters are not an array")),
        }
    }

    /// Whether a parameter is left out, or null.
    pub(super) fn missing(&self, index: usize) -> bool {
        self.0.get(index).is_none_or(Value::is_null)
    }

    pub(super) fn get<T: DeserializeOwned>(&self, index: usize, name: &str) -> Result<T, RpcError> {
        let Some(value) = self.0.get(index) else {
            return Err(RpcError::params(format!("missing value for required argument {index} ({name})")));
        };
        T::deserialize(value).map_err(|error| RpcError::params(format!("argument {index} ({name}): {error}")))
    }

    /// A number, as `0x` text or as a plain one: clients differ for the `evm_` methods.
    pub(super) fn quantity(&self, index: usize, name: &str) -> Result<u64, RpcError> {
        match self.0.get(index).and_then(Value::as_u64) {
            Some(number) => Ok(number),
            None => self.get::<U64>(index, name).map(|number| number.to::<u64>()),
        }
    }
}

pub(super) fn to_json<T: Serialize>(value: T) -> Result<Value, RpcError> {
    serde_json::to_value(value).map_err(|error| RpcError::internal(error.to_string()))
}
