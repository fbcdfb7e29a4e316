use alloy_consensus::Transaction as _;
use alloy_rpc_types_eth::FeeHistory;
use serde_json::Value;

use super::methods::{Params, to_json};
use super::rpc_error::RpcError;
use super::{Inner, block};

/// The tip that `eth_maxPriorityFeePerGas` suggests, in wei per gas.
pub(super) const TIP: u64 = 1_000_000_000;
/// The most blocks in one fee history.
const MAX_FEE_BLOCKS: u64 = 1024;
/// The most percentiles in one fee history.
const MAX_PERCENTILES: usize = 100;

impl Inner {
    /// What a transaction should offer: the next base fee and the tip.
    pub(super) fn gas_price(&self) -> u64 {
        let next = block::next_header(self.head(), 0).base_fee_per_gas.unwrap_or_default();
        next.saturating_add(TIP)
    }

    pub(super) fn fee_history(&self, params: &Params<'_>) -> Result<Value, RpcError> {
        let newest = self.number(params.get(1, "newest block")?);
        let percentiles: Vec<f64> = if params.missing(2) { Vec::new() } else { params.get(2, "percentiles")? };
        let allowed = percentiles.iter().all(|value| (0.0..=100.0).contains(value));
        if percentiles.len() > MAX_PERCENTILES || !allowed || !percentiles.is_sorted() {
            return Err(RpcError::params(format!(
                "percentiles are at most {MAX_PERCENTILES} rising numbers from 0 to 100"
            )));
        }
        if newest > self.head().header.number {
            return Err(RpcError::params("request beyond head block"));
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
            if !percentiles.is_empty() {
                rewards.push(vec![tip.unwrap_or(0); percentiles.len()]);
            }
            next = block::next_header(block, 0).base_fee_per_gas.unwrap_or_default();
        }
        history.base_fee_per_gas.push(u128::from(next));
        history.base_fee_per_blob_gas.push(1);
        history.reward = Some(rewards);
        to_json(history)
    }
}
