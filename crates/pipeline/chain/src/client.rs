use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U64, U256};
use alloy_rpc_types_eth::{Block, Filter, Log, TransactionReceipt, TransactionRequest};
use alloy_sol_types::SolCall;
use k256::ecdsa::SigningKey;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{ChainError, Rpc, revert};

/// A transaction may ask for at most this much gas (EIP-7825).
const GAS_CAP: u64 = 16_777_216;
/// The tip when a node suggests none, in wei per gas.
const DEFAULT_TIP: u128 = 1_000_000_000;
/// How long to wait for a receipt.
const WAIT: Duration = Duration::from_secs(120);
/// The first range of blocks to ask logs of; it is halved when a node finds it too long.
const LOG_RANGE: u64 = 10_000;

/// The private key that signs transactions. It never appears in messages.
#[derive(Clone)]
pub struct Key(SigningKey);

impl Key {
    /// From 64 hexadecimal digits, with or without `0x`.
    pub fn from_hex(text: &str) -> Result<Key, ChainError> {
        let bytes: B256 = text.trim().parse().map_err(|_| ChainError::Key { reason: "it is not 32 bytes" })?;
        let key = SigningKey::from_slice(bytes.as_slice())
            .map_err(|_| ChainError::Key { reason: "it is zero or not below the curve's order" })?;
        Ok(Key(key))
    }

    /// The dev chain's key with an index from 0 to 9, **which everybody knows** (see
    /// [`crate::DEV_KEYS`]).
    pub fn dev(index: usize) -> Result<Key, ChainError> {
        let text = crate::DEV_KEYS.get(index).ok_or(ChainError::Key { reason: "there are ten dev keys, 0 to 9" })?;
        Key::from_hex(text)
    }

    /// The address of the key.
    pub fn address(&self) -> Address {
        Address::from_private_key(&self.0)
    }

    /// Signs a 32-byte hash.
    pub fn sign_hash(&self, hash: B256) -> Result<Signature, ChainError> {
        let signed = self.0.sign_prehash_recoverable(hash.as_slice());
        signed.map(Signature::from).map_err(|_| ChainError::Key { reason: "it cannot sign" })
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.address())
    }
}

/// A mined, successful transaction.
#[derive(Clone, Debug)]
pub struct Mined {
    /// The transaction's hash.
    pub tx_hash: B256,
    /// The number of its block.
    pub block: u64,
    /// The gas that it used.
    pub gas_used: u64,
    /// The contract that it created.
    pub created: Option<Address>,
    /// Its logs.
    pub logs: Vec<Log>,
}

/// Reads from a chain, and signs and sends transactions with one key.
#[derive(Clone)]
pub struct Client {
    rpc: Arc<dyn Rpc>,
    key: Key,
    chain_id: u64,
}

impl Client {
    /// Asks the endpoint for its chain id.
    pub fn new(rpc: Arc<dyn Rpc>, key: Key) -> Result<Client, ChainError> {
        let chain_id = get::<U64>(&*rpc, "eth_chainId", json!([]))?.to::<u64>();
        Ok(Client { rpc, key, chain_id })
    }

    /// The endpoint.
    pub fn rpc(&self) -> &Arc<dyn Rpc> {
        &self.rpc
    }

    /// The chain id.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The address that sends.
    pub fn address(&self) -> Address {
        self.key.address()
    }

    /// The nonce of the next transaction, pending ones included. It is read anew every time, so it
    /// is right again after a reorganisation or another program's transaction.
    pub fn nonce(&self) -> Result<u64, ChainError> {
        let count: U64 = get(&*self.rpc, "eth_getTransactionCount", json!([self.address(), "pending"]))?;
        Ok(count.to())
    }

    /// Calls a contract's view function at the newest block.
    pub fn call<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return, ChainError> {
        call_view(&*self.rpc, to, call)
    }

    /// Sends a contract call and waits until it is mined. `action` names it in errors.
    pub fn send<C: SolCall>(&self, action: &str, to: Address, call: &C) -> Result<Mined, ChainError> {
        self.transact(action, TxKind::Call(to), call.abi_encode().into(), U256::ZERO)
    }

    /// Creates a contract from its bytecode and encoded constructor arguments.
    pub fn deploy(&self, action: &str, bytecode: &Bytes, arguments: &[u8]) -> Result<(Address, Mined), ChainError> {
        let code = [bytecode.as_ref(), arguments].concat();
        let mined = self.transact(action, TxKind::Create, code.into(), U256::ZERO)?;
        match mined.created {
            Some(address) => Ok((address, mined)),
            None => Err(answer("eth_getTransactionReceipt", "it names no contract address")),
        }
    }

    /// Estimates, signs (EIP-1559), sends, and waits until the transaction is mined.
    pub fn transact(&self, action: &str, to: TxKind, data: Bytes, value: U256) -> Result<Mined, ChainError> {
        let request = TransactionRequest {
            from: Some(self.address()),
            to: Some(to),
            value: Some(value),
            input: alloy_rpc_types_eth::TransactionInput::both(data.clone()),
            ..TransactionRequest::default()
        };
        let estimate: U64 =
            get(&*self.rpc, "eth_estimateGas", json!([request])).map_err(|error| explain(action, error))?;
        let (max_fee_per_gas, max_priority_fee_per_gas) = self.fees()?;
        let estimate: u64 = estimate.to();
        let transaction = TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce()?,
            // The state may change until the transaction is mined.
            gas_limit: estimate.saturating_add(estimate / 4).min(GAS_CAP.max(estimate)),
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list: Default::default(),
            input: data,
        };
        let signature = self.key.sign_hash(transaction.signature_hash())?;
        let signed = TxEnvelope::from(transaction.into_signed(signature));
        let hash = *signed.tx_hash();
        let sent = self.rpc.request("eth_sendRawTransaction", json!([Bytes::from(signed.encoded_2718())]));
        if let Err(error) = sent
            && !is_known(&error)
        {
            return Err(explain(action, error));
        }
        let receipt = self.wait(action, hash)?;
        if receipt.status() {
            return Ok(Mined {
                tx_hash: hash,
                block: receipt.block_number.unwrap_or_default(),
                gas_used: receipt.gas_used,
                created: receipt.contract_address,
                logs: receipt.logs().to_vec(),
            });
        }
        // The receipt does not say why, so ask what would happen now.
        let data = match self.rpc.request("eth_call", json!([request, "latest"])) {
            Err(ChainError::Node { data: Some(data), .. }) => data,
            _ => Bytes::new(),
        };
        Err(ChainError::Reverted { action: action.to_string(), reason: revert::describe(&data), data })
    }

    /// The logs that match a filter between two blocks (both included), oldest first.
    pub fn logs(&self, filter: &Filter, from: u64, to: u64) -> Result<Vec<Log>, ChainError> {
        logs(&*self.rpc, filter, from, to)
    }

    /// The most that may be paid per gas, and the tip: twice the base fee covers six full blocks.
    fn fees(&self) -> Result<(u128, u128), ChainError> {
        let suggested: Result<U256, _> = get(&*self.rpc, "eth_maxPriorityFeePerGas", json!([]));
        let tip = suggested.map_or(DEFAULT_TIP, |tip| tip.saturating_to::<u128>());
        let block: Option<Block> = get(&*self.rpc, "eth_getBlockByNumber", json!(["latest", false]))?;
        let base = block.and_then(|block| block.header.inner.base_fee_per_gas).unwrap_or(0);
        Ok((u128::from(base).saturating_mul(2).saturating_add(tip), tip))
    }

    fn wait(&self, action: &str, hash: B256) -> Result<TransactionReceipt, ChainError> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(20);
        loop {
            let found: Result<Option<TransactionReceipt>, _> =
                get(&*self.rpc, "eth_getTransactionReceipt", json!([hash]));
            match found {
                Ok(Some(receipt)) => return Ok(receipt),
                Ok(None) => {}
                // The transaction is out; a hiccup of the connection must not lose sight of it.
                Err(ChainError::Transport { .. }) => {}
                Err(error) => return Err(error),
            }
            if start.elapsed() >= WAIT {
                return Err(ChainError::Pending { action: action.to_string(), hash, waited_s: WAIT.as_secs() });
            }
            sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
}

/// Sends a request and decodes its result.
pub(crate) fn get<T: DeserializeOwned>(rpc: &dyn Rpc, method: &str, params: Value) -> Result<T, ChainError> {
    let value = rpc.request(method, params)?;
    serde_json::from_value(value).map_err(|error| answer(method, &error.to_string()))
}

/// Calls a contract's view function at the newest block.
pub(crate) fn call_view<C: SolCall>(rpc: &dyn Rpc, to: Address, call: &C) -> Result<C::Return, ChainError> {
    let action = C::SIGNATURE.split('(').next().unwrap_or(C::SIGNATURE);
    let request = json!({ "to": to, "data": Bytes::from(call.abi_encode()) });
    let output: Bytes = get(rpc, "eth_call", json!([request, "latest"])).map_err(|error| explain(action, error))?;
    C::abi_decode_returns(&output).map_err(|error| answer("eth_call", &format!("{action} at {to}: {error}")))
}

/// The logs that match a filter between two blocks (both included), in ranges that the node takes.
pub(crate) fn logs(rpc: &dyn Rpc, filter: &Filter, from: u64, to: u64) -> Result<Vec<Log>, ChainError> {
    let mut found: Vec<Log> = Vec::new();
    let mut range = LOG_RANGE;
    let mut start = from;
    while start <= to {
        let end = start.saturating_add(range - 1).min(to);
        let page = filter.clone().from_block(start).to_block(end);
        match get::<Vec<Log>>(rpc, "eth_getLogs", json!([page])) {
            Ok(logs) => {
                found.extend(logs);
                let Some(next) = end.checked_add(1) else { break };
                start = next;
            }
            // Nodes word this limit in many ways; a shorter range helps, or the error comes back.
            Err(ChainError::Node { .. }) if range > 1 => range /= 2,
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The number of the newest block.
pub(crate) fn latest_block(rpc: &dyn Rpc) -> Result<u64, ChainError> {
    Ok(get::<U64>(rpc, "eth_blockNumber", json!([]))?.to())
}

fn answer(method: &str, reason: &str) -> ChainError {
    ChainError::Answer { method: method.to_string(), reason: reason.to_string() }
}

/// Turns a node's revert error into ours, with the custom error's name.
fn explain(action: &str, error: ChainError) -> ChainError {
    match error {
        ChainError::Node { data: Some(data), .. } => {
            ChainError::Reverted { action: action.to_string(), reason: revert::describe(&data), data }
        }
        ChainError::Node { code: 3, message, .. } => {
            ChainError::Reverted { action: action.to_string(), reason: message, data: Bytes::new() }
        }
        other => other,
    }
}

/// Whether a node refused a transaction only because it has it already.
fn is_known(error: &ChainError) -> bool {
    matches!(error, ChainError::Node { message, .. } if message.contains("already known") || message.contains("already imported"))
}
