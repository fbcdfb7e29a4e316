//! Signatures of the dev accounts, whose keys everybody knows. Only chains with `test_methods` give them.

use std::collections::BTreeMap;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEnvelope, TxLegacy};
use alloy_dyn_abi::TypedData;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, eip191_hash_message};
use alloy_rpc_types_eth::TransactionRequest;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::execute::TRANSACTION_GAS_CAP;
use super::fees::TIP;
use super::methods::{Params, to_json};
use super::rpc_error::RpcError;
use super::view::View;
use super::{DEV_ADDRESSES, Inner};
use crate::Key;

/// The most types of typed data.
const MAX_TYPES: usize = 32;
/// The most fields of a type, with those of the types in it.
const MAX_FIELDS: usize = 1_000;
/// The longest name of a type, brackets included.
const MAX_TYPE_TEXT: usize = 64;

impl Inner {
    /// Fills in what a transaction of a dev account lacks, as anvil does, and signs it.
    pub(super) fn sign_request(&self, params: &Params<'_>) -> Result<Bytes, RpcError> {
        let request: TransactionRequest = params.get(0, "transaction")?;
        let from = request.from.unwrap_or(DEV_ADDRESSES[0]);
        let key = key(from)?;
        let chain_id = request.chain_id.unwrap_or(self.config.chain_id);
        let nonce = request.nonce.unwrap_or_else(|| View::new(&self.state).nonce(from));
        let gas_limit = match request.gas {
            Some(gas) => gas,
            // What would revert is sent all the same, so that its receipt can be looked at.
            None => {
                let cap = TRANSACTION_GAS_CAP.min(self.config.block_gas_limit);
                let request = TransactionRequest { from: Some(from), ..request.clone() };
                self.estimate(request).unwrap_or(cap)
            }
        };
        let to = request.to.unwrap_or(TxKind::Create);
        let value = request.value.unwrap_or_default();
        let input = request.input.input().cloned().unwrap_or_default();
        let access_list = request.access_list.clone().unwrap_or_default();
        let kind = request.transaction_type.unwrap_or(match (request.gas_price, &request.access_list) {
            (Some(_), None) => 0,
            (Some(_), Some(_)) => 1,
            (None, _) => 2,
        });
        let gas_price = request.gas_price.unwrap_or_else(|| u128::from(self.gas_price()));
        match kind {
            0 => {
                let chain_id = Some(chain_id);
                seal(TxLegacy { chain_id, nonce, gas_price, gas_limit, to, value, input }, &key)
            }
            1 => seal(TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input }, &key),
            2 => {
                let max_priority_fee_per_gas = request.max_priority_fee_per_gas.unwrap_or(u128::from(TIP));
                let max_fee_per_gas =
                    request.max_fee_per_gas.unwrap_or_else(|| gas_price.max(max_priority_fee_per_gas));
                seal(
                    TxEip1559 {
                        chain_id,
                        nonce,
                        gas_limit,
                        max_fee_per_gas,
                        max_priority_fee_per_gas,
                        to,
                        value,
                        access_list,
                        input,
                    },
                    &key,
                )
            }
            other => Err(RpcError::params(format!("the dev chain takes transactions of type 0, 1 and 2, not {other}"))),
        }
    }
}

/// `eth_sign`, `personal_sign`: a text that is marked as one (EIP-191).
pub(super) fn sign_message(address: Address, message: &Bytes) -> Result<Value, RpcError> {
    sign(&key(address)?, eip191_hash_message(message))
}

/// `eth_signTypedData_v4` (EIP-712); the data is an object, or its text.
pub(super) fn sign_typed_data(params: &Params<'_>) -> Result<Value, RpcError> {
    let key = key(params.get(0, "address")?)?;
    let data: Value = params.get(1, "typed data")?;
    let data = match data {
        Value::String(text) => serde_json::from_str(&text).map_err(unreadable)?,
        data => data,
    };
    check_types(&data)?;
    let data = TypedData::deserialize(data).map_err(unreadable)?;
    let hash = data.eip712_signing_hash().map_err(|error| RpcError::params(format!("the typed data: {error}")))?;
    sign(&key, hash)
}

fn unreadable(error: serde_json::Error) -> RpcError {
    RpcError::params(format!("the typed data: {error}"))
}

/// Refuses types that would take a library that resolves them recursively too deep, or too long.
fn check_types(data: &Value) -> Result<(), RpcError> {
    let Some(types) = data.get("types").and_then(Value::as_object) else { return Ok(()) };
    if types.len() > MAX_TYPES {
        return Err(RpcError::limit(format!("typed data has at most {MAX_TYPES} types")));
    }
    let mut sizes = BTreeMap::new();
    for name in types.keys() {
        expand(name, types, &mut sizes)?;
    }
    Ok(())
}

/// How many fields a type has, with those of the types in it. A type that is being expanded has no size
/// yet; the depth is at most the number of types.
fn expand<'a>(
    name: &'a str,
    types: &'a Map<String, Value>,
    sizes: &mut BTreeMap<&'a str, Option<usize>>,
) -> Result<usize, RpcError> {
    let Some(fields) = types.get(name).and_then(Value::as_array) else { return Ok(1) };
    match sizes.get(name) {
        Some(Some(size)) => return Ok(*size),
        Some(None) => return Err(RpcError::params("the typed data: a type contains itself")),
        None => {}
    }
    sizes.insert(name, None);
    let mut size: usize = 1;
    for field in fields {
        let of = field.get("type").and_then(Value::as_str).unwrap_or_default();
        if of.len() > MAX_TYPE_TEXT {
            return Err(RpcError::limit(format!("the name of a type has at most {MAX_TYPE_TEXT} characters")));
        }
        let base = of.split('[').next().unwrap_or_default();
        size = size.saturating_add(expand(base, types, sizes)?);
        if size > MAX_FIELDS {
            return Err(RpcError::limit(format!("typed data has at most {MAX_FIELDS} fields, nested ones counted")));
        }
    }
    sizes.insert(name, Some(size));
    Ok(size)
}

fn sign(key: &Key, hash: B256) -> Result<Value, RpcError> {
    to_json(Bytes::from(signature(key, hash)?.as_bytes()))
}

fn signature(key: &Key, hash: B256) -> Result<Signature, RpcError> {
    key.sign_hash(hash).map_err(|error| RpcError::internal(error.to_string()))
}

fn seal<T: SignableTransaction<Signature>>(transaction: T, key: &Key) -> Result<Bytes, RpcError>
where
    TxEnvelope: From<alloy_consensus::Signed<T>>,
{
    let signature = signature(key, transaction.signature_hash())?;
    Ok(TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into())
}

fn key(address: Address) -> Result<Key, RpcError> {
    let index = DEV_ADDRESSES.iter().position(|known| *known == address);
    let index = index.ok_or_else(|| RpcError::params(format!("the dev chain has no key of {address}")))?;
    Key::dev(index).map_err(|error| RpcError::internal(error.to_string()))
}
