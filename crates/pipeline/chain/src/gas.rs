use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_primitives::{B256, U256, keccak256};
use alloy_sol_types::SolConstructor;

use crate::contracts::{Artifact, NaiveTraitToken, NaiveURIToken};
use crate::{ChainError, Client, Clock, DevChain, DevChainConfig, Key};

/// What a batch may cost by our bound, below the cap of a transaction (16,777,216, EIP-7825).
const BATCH_GAS: u64 = 16_000_000;
/// Minting in batches, as [`crate::Publisher::mint`] does.
const MINT_BATCH: u64 = 500;

/// What the textbook design costs: a URI in storage for every token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NaiveGas {
    /// The gas of all the updates, the transactions' base cost included; deploying and minting are
    /// not in it.
    pub total_gas: u64,
    /// How many URIs were set.
    pub updates: u64,
    /// How many transactions that took: one epoch's updates are split at the gas cap.
    pub transactions: u64,
}

impl NaiveGas {
    /// The gas of one update, on average.
    pub fn per_update(&self) -> f64 {
        if self.updates == 0 { 0.0 } else { self.total_gas as f64 / self.updates as f64 }
    }
}

/// Really executes the updates of many epochs, each (epoch, [(token id, URI)]), with the contract
/// `NaiveURIToken` on a fresh dev chain in memory, and adds up the gas.
///
/// Ids start at 1. The tokens up to the greatest id of an epoch are minted before it, uncounted.
pub fn naive_gas(updates: impl Iterator<Item = (u64, Vec<(u64, String)>)>) -> Result<NaiveGas, ChainError> {
    let config = DevChainConfig { clock: Clock::Manual, ..DevChainConfig::default() };
    let client = Client::new(Arc::new(DevChain::memory(config)), Key::dev(0)?)?;
    let owner = client.address();
    let arguments =
        NaiveURIToken::constructorCall { name: "Naive".to_string(), symbol: "NAIVE".to_string(), initialOwner: owner };
    let code = Artifact::NaiveUriToken.bytecode()?;
    let (token, _) = client.deploy("creating the naive token", &code, &arguments.abi_encode())?;

    let mut gas = NaiveGas::default();
    let mut minted = 0;
    let mut slots: BTreeMap<u64, u64> = BTreeMap::new();
    for (epoch, epoch_updates) in updates {
        let highest = epoch_updates.iter().map(|(id, _)| *id).max().unwrap_or(0);
        while minted < highest {
            let count = MINT_BATCH.min(highest - minted);
            client.send("minting", token, &NaiveURIToken::mintBatchCall { to: owner, count: U256::from(count) })?;
            minted += count;
        }
        let mut batch = NaiveURIToken::setTokenURIsCall { ids: Vec::new(), uris: Vec::new() };
        let mut bound = 0;
        for (id, uri) in epoch_updates {
            let used = uri_slots(&uri);
            let cost = update_bound(&uri, used, slots.insert(id, used).unwrap_or(0));
            if bound + cost > BATCH_GAS {
                send(&client, token, epoch, &mut batch, &mut gas)?;
                bound = 0;
            }
            bound += cost;
            batch.ids.push(U256::from(id));
            batch.uris.push(uri);
        }
        send(&client, token, epoch, &mut batch, &mut gas)?;
    }
    Ok(gas)
}

/// What a trait in storage for each token costs (ERC-7496, written by the owner alone): the gas of one update of a
/// token that had a value before, on average, the base cost of the transactions (500 tokens each) included.
pub fn naive_trait_gas(tokens: u64) -> Result<f64, ChainError> {
    let config = DevChainConfig { clock: Clock::Manual, ..DevChainConfig::default() };
    let client = Client::new(Arc::new(DevChain::memory(config)), Key::dev(0)?)?;
    let owner = client.address();
    let arguments = NaiveTraitToken::constructorCall {
        name: "Naive".to_string(),
        symbol: "NAIVE".to_string(),
        initialOwner: owner,
    };
    let code = Artifact::NaiveTraitToken.bytecode()?;
    let (token, _) = client.deploy("creating the naive token", &code, &arguments.abi_encode())?;
    let mut gas = 0;
    let mut first = 1;
    while first <= tokens {
        let last = tokens.min(first + MINT_BATCH - 1);
        let count = U256::from(last - first + 1);
        client.send("minting", token, &NaiveTraitToken::mintBatchCall { to: owner, count })?;
        let set = |value: u64| {
            let call = NaiveTraitToken::setTraitsCall {
                traitKey: keccak256("strength"),
                ids: (first..=last).map(U256::from).collect(),
                values: (first..=last).map(|id| B256::from(U256::from(value + id))).collect(),
            };
            client.send("setting a trait", token, &call)
        };
        set(1_000)?;
        gas += set(2_000)?.gas_used;
        first = last + 1;
    }
    Ok(gas as f64 / tokens.max(1) as f64)
}

fn send(
    client: &Client,
    token: crate::Address,
    epoch: u64,
    batch: &mut NaiveURIToken::setTokenURIsCall,
    gas: &mut NaiveGas,
) -> Result<(), ChainError> {
    if batch.ids.is_empty() {
        return Ok(());
    }
    let mined = client.send(&format!("setting the URIs of epoch {epoch}"), token, batch)?;
    gas.total_gas += mined.gas_used;
    gas.updates += batch.ids.len() as u64;
    gas.transactions += 1;
    batch.ids.clear();
    batch.uris.clear();
    Ok(())
}

/// The storage slots of a text: one if it has at most 31 bytes, else its length and its words.
fn uri_slots(uri: &str) -> u64 {
    if uri.len() < 32 { 1 } else { 1 + (uri.len() as u64).div_ceil(32) }
}

/// A bound on the gas of one update: 22,100 for a new slot, 5,000 for one that is overwritten or
/// freed, and the calldata, event, ownership check and loops.
fn update_bound(uri: &str, slots: u64, before: u64) -> u64 {
    let new = slots.saturating_sub(before);
    let old = before.max(slots) - new;
    22_100 * new + 5_000 * old + 20 * (uri.len() as u64 + 128) + 10_000
}
