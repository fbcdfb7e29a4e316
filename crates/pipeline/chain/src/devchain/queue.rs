use std::collections::BTreeMap;

use alloy_consensus::Transaction as _;
use alloy_consensus::TxEnvelope;
use alloy_consensus::transaction::Recovered;
use alloy_primitives::{Address, B256, U256};

use super::Inner;
use super::execute::TRANSACTION_GAS_CAP;
use super::rpc_error::RpcError;
use super::view::View;

/// The most transactions that wait, in all and of one sender.
const MAX_WAITING: usize = 1_024;
const MAX_OF_SENDER: usize = 64;

/// Transactions that came before those with smaller nonces. They are in memory only: what waits is not
/// acknowledged by a block, as on any node.
#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: BTreeMap<(Address, u64), Recovered<TxEnvelope>>,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn find(&self, hash: B256) -> Option<&Recovered<TxEnvelope>> {
        self.entries.values().find(|transaction| *transaction.tx_hash() == hash)
    }

    /// All of them, by sender and nonce.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&(Address, u64), &Recovered<TxEnvelope>)> {
        self.entries.iter()
    }

    fn add(&mut self, transaction: Recovered<TxEnvelope>) -> Result<(), RpcError> {
        let sender = transaction.signer();
        let place = (sender, transaction.nonce());
        if let Some(other) = self.entries.get(&place) {
            // As geth: a tenth more.
            let wanted = other.max_fee_per_gas().saturating_add(other.max_fee_per_gas() / 10);
            if transaction.max_fee_per_gas() < wanted {
                return Err(RpcError::rejected("replacement transaction underpriced"));
            }
        } else {
            let own = self.entries.range((sender, 0)..=(sender, u64::MAX)).count();
            if own >= MAX_OF_SENDER || self.entries.len() >= MAX_WAITING {
                return Err(RpcError::rejected(format!(
                    "txpool is full: {MAX_WAITING} transactions may wait for earlier nonces, {MAX_OF_SENDER} of one sender"
                )));
            }
        }
        self.entries.insert(place, transaction);
        Ok(())
    }

    /// Takes the transaction with the sender's next nonce out, and drops those that come too late.
    fn take(&mut self, sender: Address, nonce: u64) -> Option<Recovered<TxEnvelope>> {
        while let Some((place, _)) = self.entries.range((sender, 0)..(sender, nonce)).next() {
            let place = *place;
            self.entries.remove(&place);
        }
        self.entries.remove(&(sender, nonce))
    }
}

impl Inner {
    /// Keeps a transaction whose nonce is not the next one, if it could run later.
    pub(super) fn keep_early(&mut self, transaction: Recovered<TxEnvelope>) -> Result<(), RpcError> {
        if transaction.chain_id().is_some_and(|id| id != self.config.chain_id) {
            return Err(RpcError::rejected("invalid chain id for signer"));
        }
        let cap = TRANSACTION_GAS_CAP.min(self.config.block_gas_limit);
        if transaction.gas_limit() > cap {
            let gas = transaction.gas_limit();
            return Err(RpcError::refused(format!("transaction gas limit too high (EIP-7825): gas {gas}, cap {cap}")));
        }
        let gas = U256::from(transaction.gas_limit()).saturating_mul(U256::from(transaction.max_fee_per_gas()));
        if gas.saturating_add(transaction.value()) > View::new(&self.state).balance(transaction.signer()) {
            return Err(RpcError::rejected("insufficient funds for gas * price + value"));
        }
        self.queue.add(transaction)
    }

    /// Makes blocks of the transactions of a sender that waited for the one before them.
    pub(super) fn run_waiting(&mut self, sender: Address) {
        while let Some(transaction) = self.queue.take(sender, View::new(&self.state).nonce(sender)) {
            // One that cannot run now is dropped, as nodes do; those after it wait for another.
            if self.extend(self.pending(), Some(transaction)).is_err() {
                return;
            }
        }
    }
}
