use alloy_consensus::Transaction as _;
use alloy_eips::eip2718::Encodable2718;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, U64, U256, keccak256};
use alloy_rpc_types_eth::{FeeHistory, Filter, FilterBlockOption, TransactionRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::block::{self, SealedBlock};
use super::execute::{self, Checks, TRANSACTION_GAS_CAP};
use super::rpc_error::RpcError;
use super::{DevChain, Inner};

/// The tip that `eth_maxPriorityFeePerGas` suggests, in wei per gas.
const TIP: u64 = 1_000_000_000;
/// The most logs in one answer.
const MAX_LOGS: usize = 10_000;
/// The most blocks in one fee history.
const MAX_FEE_BLOCKS: u64 = 1024;
/// The most gas that a simulated call may use.
const CALL_GAS_CAP: u64 = 50_000_000;
/// What a nested call keeps back for its caller's stipend.
const CALL_STIPEND: u64 = 2_300;

impl DevChain {
    /// Carries out one method; `params` is the request's array, or null.
    pub(super) fn call_method(&self, method: &str, params: &Value) -> Result<Value, RpcError> {
        let params = Params::new(params)?;
        match method {
            "eth_sendRawTransaction" => {
                let raw: Bytes = params.get(0, "transaction")?;
                self.write(|inner| inner.send(&raw)).and_then(to_json)
            }
            "evm_setNextBlockTimestamp" => {
                let seconds = params.quantity(0, "timestamp")?;
                self.set_next_timestamp(seconds);
                Ok(Value::Null)
            }
            "evm_mine" => self.write(|inner| {
                if !params.missing(0) {
                    inner.set_next_timestamp(params.quantity(0, "timestamp")?);
                }
                inner.mine()?;
                Ok(json!("0x0"))
            }),
            _ => self.read(|inner| inner.query(method, &params)),
        }
    }
}

impl Inner {
    /// The methods that change nothing.
    fn query(&self, method: &str, params: &Params<'_>) -> Result<Value, RpcError> {
        let head = self.head();
        match method {
            "web3_clientVersion" => Ok(json!(concat!("enliven-devchain/", env!("CARGO_PKG_VERSION")))),
            "web3_sha3" => to_json(keccak256(params.get::<Bytes>(0, "data")?)),
            "net_version" => Ok(json!(self.config.chain_id.to_string())),
            "net_listening" => Ok(json!(false)),
            "eth_chainId" => to_json(U64::from(self.config.chain_id)),
            "eth_blockNumber" => to_json(U64::from(head.header.number)),
            "eth_syncing" => Ok(json!(false)),
            // The accounts are funded, but this node signs for nobody.
            "eth_accounts" => Ok(json!([])),
            "eth_gasPrice" => to_json(U64::from(self.next_base_fee().saturating_add(TIP))),
            "eth_maxPriorityFeePerGas" => to_json(U64::from(TIP)),
            "eth_feeHistory" => self.fee_history(params),
            "eth_getBalance" => {
                let address: Address = params.get(0, "address")?;
                self.at_head(params, 1)?;
                to_json(self.state.balance(address))
            }
            "eth_getCode" => {
                let address: Address = params.get(0, "address")?;
                self.at_head(params, 1)?;
                to_json(self.state.code(address))
            }
            "eth_getStorageAt" => {
                let address: Address = params.get(0, "address")?;
                let slot: U256 = params.get(1, "slot")?;
                self.at_head(params, 2)?;
                to_json(B256::from(self.state.slot(address, slot)))
            }
            "eth_getTransactionCount" => {
                let address: Address = params.get(0, "address")?;
                self.at_head(params, 1)?;
                to_json(U64::from(self.state.nonce(address)))
            }
            "eth_call" => self.call(params),
            "eth_estimateGas" => self.estimate(params),
            "eth_getTransactionByHash" => {
                let found = self.find(params.get(0, "hash")?);
                to_json(found.and_then(|(block, index)| block.transaction(index)))
            }
            "eth_getTransactionReceipt" => {
                let found = self.find(params.get(0, "hash")?);
                to_json(found.and_then(|(block, index)| block.receipt(index)))
            }
            "eth_getRawTransactionByHash" => {
                let found = self.find(params.get(0, "hash")?);
                let raw = |(block, index): (&SealedBlock, usize)| {
                    block.transactions.get(index).map(|entry| Bytes::from(entry.encoded_2718()))
                };
                to_json(found.and_then(raw))
            }
            "eth_getTransactionByBlockNumberAndIndex" | "eth_getTransactionByBlockHashAndIndex" => {
                let block = self.block(params.get(0, "block")?);
                let index = params.quantity(1, "index")? as usize;
                to_json(block.and_then(|block| block.transaction(index)))
            }
            "eth_getBlockTransactionCountByNumber" | "eth_getBlockTransactionCountByHash" => {
                let block = self.block(params.get(0, "block")?);
                to_json(block.map(|block| U64::from(block.transactions.len())))
            }
            "eth_getBlockByNumber" | "eth_getBlockByHash" => {
                let block = self.block(params.get(0, "block")?);
                let full = if params.missing(1) { false } else { params.get(1, "full")? };
                to_json(block.map(|block| block.to_rpc(full)))
            }
            "eth_getBlockReceipts" => {
                let block = self.block(params.get(0, "block")?);
                let receipts = |block: &SealedBlock| {
                    (0..block.transactions.len()).filter_map(|index| block.receipt(index)).collect::<Vec<_>>()
                };
                to_json(block.map(receipts))
            }
            "eth_getLogs" => self.logs(&params.get(0, "filter")?),
            other => Err(RpcError::method(other)),
        }
    }

    fn next_base_fee(&self) -> u64 {
        block::next_header(self.head(), 0).base_fee_per_gas.unwrap_or_default()
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

    fn number(&self, tag: BlockNumberOrTag) -> u64 {
        match tag {
            BlockNumberOrTag::Number(number) => number,
            BlockNumberOrTag::Earliest => 0,
            _ => self.head().header.number,
        }
    }

    /// Refuses a block parameter that is not the newest block.
    fn at_head(&self, params: &Params<'_>, index: usize) -> Result<BlockId, RpcError> {
        if params.missing(index) {
            return Ok(BlockId::latest());
        }
        let id: BlockId = params.get(index, "block")?;
        match self.block(id) {
            Some(block) if block.hash == self.head().hash => Ok(id),
            Some(block) => Err(RpcError::refused(format!(
                "the dev chain keeps the state of the newest block ({}) only, not of block {}",
                self.head().header.number,
                block.header.number
            ))),
            None => Err(RpcError::refused("unknown block")),
        }
    }

    fn call(&self, params: &Params<'_>) -> Result<Value, RpcError> {
        let request: TransactionRequest = params.get(0, "transaction")?;
        let id = self.at_head(params, 1)?;
        params.refuse_overrides(2)?;
        let header = if id == BlockId::pending() { self.pending() } else { self.head().header.clone() };
        let gas = request.gas.unwrap_or(CALL_GAS_CAP).min(CALL_GAS_CAP);
        let transaction = execute::call_env(&request, gas, self.config.chain_id);
        let ran = execute::run(
            &self.state,
            self.config.chain_id,
            block::environment(&header),
            transaction,
            Checks::Simulation,
        )?;
        to_json(execute::output(ran.result)?)
    }

    /// The least gas limit with which a transaction succeeds in the next block: exactly what it used
    /// where that suffices, else to within 1.5%, by bisection like geth's.
    fn estimate(&self, params: &Params<'_>) -> Result<Value, RpcError> {
        let request: TransactionRequest = params.get(0, "transaction")?;
        self.at_head(params, 1)?;
        params.refuse_overrides(2)?;
        let from = request.from.unwrap_or_default();
        if request.value.unwrap_or_default() > self.state.balance(from) {
            return Err(RpcError::refused("insufficient funds for transfer"));
        }
        let environment = block::environment(&self.pending());
        let run = |gas: u64| {
            let transaction = execute::call_env(&request, gas, self.config.chain_id);
            execute::run(&self.state, self.config.chain_id, environment.clone(), transaction, Checks::Simulation)
        };
        // An error here is a limit below what the transaction costs in any case.
        let enough = |gas: u64| run(gas).is_ok_and(|ran| ran.result.is_success());
        let cap = TRANSACTION_GAS_CAP.min(self.config.block_gas_limit);
        let mut high = request.gas.unwrap_or(cap).min(cap);
        let result = run(high)?.result;
        let used = result.tx_gas_used();
        let spent = result.gas().total_gas_spent();
        if result.is_halt() && request.gas.is_none() {
            return Err(RpcError::refused(format!("gas required exceeds allowance ({high})")));
        }
        execute::output(result)?;
        if enough(used) {
            return to_json(U64::from(used));
        }
        let mut low = used;
        // Likely to suffice: what was spent before refunds, and the 1/64 that a call keeps back.
        let mut middle = (spent + CALL_STIPEND).saturating_mul(64) / 63;
        while low + 1 < high && (high - low) as f64 / high as f64 > 0.015 {
            if middle >= high || middle <= low {
                middle = low + (high - low) / 2;
            }
            if enough(middle) {
                high = middle;
            } else {
                low = middle;
            }
            middle = low + (high - low) / 2;
        }
        to_json(U64::from(high))
    }

    fn logs(&self, filter: &Filter) -> Result<Value, RpcError> {
        let head = self.head().header.number;
        let (from, to) = match filter.block_option {
            FilterBlockOption::AtBlockHash(hash) => match self.numbers.get(&hash) {
                Some(number) => (*number as u64, *number as u64),
                None => return Err(RpcError::refused("unknown block")),
            },
            FilterBlockOption::Range { from_block, to_block } => {
                let from = from_block.map_or(head, |tag| self.number(tag));
                let to = to_block.map_or(head, |tag| self.number(tag));
                if from > to {
                    return Err(RpcError::params(format!("the block range {from} to {to} is not valid")));
                }
                (from, to.min(head))
            }
        };
        let mut found = Vec::new();
        for number in from..=to {
            let Some(block) = usize::try_from(number).ok().and_then(|number| self.blocks.get(number)) else { break };
            if !filter.matches_bloom(block.header.logs_bloom) {
                continue;
            }
            for index in 0..block.transactions.len() {
                found.extend(block.logs(index).into_iter().filter(|log| filter.matches(&log.inner)));
            }
            if found.len() > MAX_LOGS {
                return Err(RpcError::limit(format!(
                    "query returned more than {MAX_LOGS} results; ask for a shorter range"
                )));
            }
        }
        to_json(found)
    }

    fn fee_history(&self, params: &Params<'_>) -> Result<Value, RpcError> {
        let newest = self.number(params.get(1, "newest block")?);
        let percentiles: Vec<f64> = if params.missing(2) { Vec::new() } else { params.get(2, "percentiles")? };
        if percentiles.len() > 100 || percentiles.iter().any(|value| !(0.0..=100.0).contains(value)) {
            return Err(RpcError::params("percentiles are at most 100 numbers from 0 to 100"));
        }
        if newest > self.head().header.number {
            return Err(RpcError::refused("request beyond head block"));
        }
        let count = params.quantity(0, "block count")?.clamp(1, MAX_FEE_BLOCKS).min(newest + 1);
        let oldest = newest + 1 - count;
        let mut history = FeeHistory { oldest_block: oldest, ..FeeHistory::default() };
        let mut rewards = Vec::new();
        let mut next = 0;
        for block in self.blocks.iter().skip(oldest as usize).take(count as usize) {
            let base_fee = block.header.base_fee_per_gas.unwrap_or_default();
            history.base_fee_per_gas.push(u128::from(base_fee));
            history.base_fee_per_blob_gas.push(1);
            history.blob_gas_used_ratio.push(0.0);
            history.gas_used_ratio.push(block.header.gas_used as f64 / block.header.gas_limit as f64);
            // At most one transaction in a block, so every percentile is its tip.
            let tip = block.transactions.first().and_then(|entry| entry.effective_tip_per_gas(base_fee));
            rewards.push(vec![tip.unwrap_or(0); percentiles.len()]);
            next = block::next_header(block, 0).base_fee_per_gas.unwrap_or_default();
        }
        history.base_fee_per_gas.push(u128::from(next));
        history.base_fee_per_blob_gas.push(1);
        if !percentiles.is_empty() {
            history.reward = Some(rewards);
        }
        to_json(history)
    }
}

/// The parameters of a request.
struct Params<'a>(&'a [Value]);

impl<'a> Params<'a> {
    fn new(params: &'a Value) -> Result<Params<'a>, RpcError> {
        match params {
            Value::Null => Ok(Params(&[])),
            Value::Array(params) => Ok(Params(params)),
            _ => Err(RpcError::params("the parameters are not an array")),
        }
    }

    fn missing(&self, index: usize) -> bool {
        self.0.get(index).is_none_or(Value::is_null)
    }

    fn get<T: DeserializeOwned>(&self, index: usize, name: &str) -> Result<T, RpcError> {
        let Some(value) = self.0.get(index) else {
            return Err(RpcError::params(format!("missing value for required argument {index} ({name})")));
        };
        T::deserialize(value).map_err(|error| RpcError::params(format!("argument {index} ({name}): {error}")))
    }

    /// A number, as `0x` text or as a plain one: clients differ for the `evm_` methods.
    fn quantity(&self, index: usize, name: &str) -> Result<u64, RpcError> {
        match self.0.get(index).and_then(Value::as_u64) {
            Some(number) => Ok(number),
            None => self.get::<U64>(index, name).map(|number| number.to::<u64>()),
        }
    }

    fn refuse_overrides(&self, from: usize) -> Result<(), RpcError> {
        let empty = |value: &Value| value.is_null() || value.as_object().is_some_and(|object| object.is_empty());
        if self.0.iter().skip(from).all(empty) {
            return Ok(());
        }
        Err(RpcError::params("the dev chain does not support state or block overrides"))
    }
}

fn to_json<T: Serialize>(value: T) -> Result<Value, RpcError> {
    serde_json::to_value(value).map_err(|error| RpcError::internal(error.to_string()))
}
