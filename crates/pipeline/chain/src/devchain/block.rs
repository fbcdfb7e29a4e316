use alloy_consensus::constants::EMPTY_WITHDRAWALS;
use alloy_consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy_consensus::transaction::{Recovered, TransactionInfo};
use alloy_consensus::{Block, BlockBody, EMPTY_OMMER_ROOT_HASH, Eip658Value, Header, Receipt, ReceiptEnvelope};
use alloy_consensus::{Transaction as _, TxEnvelope, TxType};
use alloy_eips::eip1559::BaseFeeParams;
use alloy_eips::eip4895::Withdrawals;
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{B256, Log, U256, keccak256};
use alloy_rlp::Encodable;
use alloy_rpc_types_eth as rpc;
use alloy_trie::EMPTY_ROOT_HASH;
use revm::context::BlockEnv;
use revm::context_interface::block::BlobExcessGasAndPrice;

use super::state::State;
use crate::DevChainConfig;

/// A sealed block with its receipts. The dev chain seals one transaction per block, or none.
#[derive(Debug)]
pub(crate) struct SealedBlock {
    pub(crate) header: Header,
    pub(crate) hash: B256,
    pub(crate) transactions: Vec<Recovered<TxEnvelope>>,
    pub(crate) receipts: Vec<ReceiptEnvelope<Log>>,
}

/// What executing one transaction gave.
pub(crate) struct Outcome {
    pub(crate) transaction: Recovered<TxEnvelope>,
    pub(crate) success: bool,
    pub(crate) gas_used: u64,
    pub(crate) logs: Vec<Log>,
}

/// Block 0.
pub(crate) fn genesis(config: &DevChainConfig, state: &mut State) -> SealedBlock {
    let header = Header {
        timestamp: config.genesis_time_s,
        gas_limit: config.block_gas_limit,
        base_fee_per_gas: Some(config.initial_base_fee_wei),
        ..empty_header()
    };
    seal(header, None, state)
}

/// The header of the block after `parent`, before it is filled.
pub(crate) fn next_header(parent: &SealedBlock, timestamp: u64) -> Header {
    let header = &parent.header;
    Header {
        parent_hash: parent.hash,
        number: header.number + 1,
        gas_limit: header.gas_limit,
        timestamp,
        base_fee_per_gas: header.next_block_base_fee(BaseFeeParams::ethereum()),
        mix_hash: keccak256(parent.hash),
        ..empty_header()
    }
}

/// Fills and hashes a block whose transaction is already applied to `state`.
pub(crate) fn seal(mut header: Header, outcome: Option<Outcome>, state: &mut State) -> SealedBlock {
    let mut transactions = Vec::new();
    let mut receipts = Vec::new();
    if let Some(outcome) = outcome {
        let receipt = Receipt {
            status: Eip658Value::Eip658(outcome.success),
            cumulative_gas_used: outcome.gas_used,
            logs: outcome.logs,
        };
        let receipt = receipt.with_bloom();
        header.gas_used = outcome.gas_used;
        header.logs_bloom = receipt.logs_bloom;
        receipts.push(match outcome.transaction.tx_type() {
            TxType::Eip2930 => ReceiptEnvelope::Eip2930(receipt),
            TxType::Eip1559 => ReceiptEnvelope::Eip1559(receipt),
            _ => ReceiptEnvelope::Legacy(receipt),
        });
        transactions.push(outcome.transaction);
    }
    let plain: Vec<&TxEnvelope> = transactions.iter().map(Recovered::inner).collect();
    header.transactions_root = calculate_transaction_root(&plain);
    header.receipts_root = calculate_receipt_root(&receipts);
    header.state_root = state.root();
    let hash = header.hash_slow();
    state.push_hash(hash);
    SealedBlock { header, hash, transactions, receipts }
}

/// A block that is not made yet, without transactions.
pub(crate) fn sketch(mut header: Header) -> SealedBlock {
    header.transactions_root = EMPTY_ROOT_HASH;
    header.receipts_root = EMPTY_ROOT_HASH;
    header.state_root = B256::ZERO;
    let hash = header.hash_slow();
    SealedBlock { header, hash, transactions: Vec::new(), receipts: Vec::new() }
}

/// A transaction that is in no block, in JSON-RPC's form.
pub(crate) fn waiting(transaction: &Recovered<TxEnvelope>) -> rpc::Transaction {
    let info = TransactionInfo { hash: Some(*transaction.tx_hash()), ..TransactionInfo::default() };
    rpc::Transaction::from_transaction(transaction.clone(), info)
}

/// What the block's instructions (TIMESTAMP, NUMBER, ...) see.
pub(crate) fn environment(header: &Header) -> BlockEnv {
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: U256::ZERO,
        prevrandao: Some(header.mix_hash),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: 1 }),
        slot_num: 0,
    }
}

impl SealedBlock {
    /// The block in JSON-RPC's form, with whole transactions or their hashes.
    pub(crate) fn to_rpc(&self, full: bool) -> rpc::Block {
        let body = BlockBody {
            transactions: self.transactions.iter().map(|entry| entry.inner().clone()).collect(),
            ommers: Vec::new(),
            withdrawals: Some(Withdrawals::default()),
        };
        let size = Block::new(self.header.clone(), body).length();
        let transactions = if full {
            rpc::BlockTransactions::Full((0..self.transactions.len()).filter_map(|at| self.transaction(at)).collect())
        } else {
            rpc::BlockTransactions::Hashes(self.transactions.iter().map(|entry| *entry.tx_hash()).collect())
        };
        rpc::Block {
            header: rpc::Header {
                hash: self.hash,
                inner: self.header.clone(),
                total_difficulty: Some(U256::ZERO),
                size: Some(U256::from(size)),
            },
            uncles: Vec::new(),
            transactions,
            withdrawals: Some(Withdrawals::default()),
        }
    }

    /// The transaction at an index in JSON-RPC's form.
    pub(crate) fn transaction(&self, index: usize) -> Option<rpc::Transaction> {
        let transaction = self.transactions.get(index)?;
        let info = TransactionInfo {
            hash: Some(*transaction.tx_hash()),
            index: Some(index as u64),
            block_hash: Some(self.hash),
            block_number: Some(self.header.number),
            base_fee: self.header.base_fee_per_gas,
            block_timestamp: Some(self.header.timestamp),
        };
        Some(rpc::Transaction::from_transaction(transaction.clone(), info))
    }

    /// The receipt at an index in JSON-RPC's form.
    pub(crate) fn receipt(&self, index: usize) -> Option<rpc::TransactionReceipt> {
        let transaction = self.transactions.get(index)?;
        let logs = self.logs(index);
        let inner = self.receipts.get(index)?.clone();
        let mut logs = logs.into_iter();
        Some(rpc::TransactionReceipt {
            gas_used: inner.cumulative_gas_used(),
            inner: inner.map_logs(|log| logs.next().unwrap_or(rpc::Log { inner: log, ..rpc::Log::default() })),
            transaction_hash: *transaction.tx_hash(),
            transaction_index: Some(index as u64),
            block_hash: Some(self.hash),
            block_number: Some(self.header.number),
            effective_gas_price: transaction.effective_gas_price(self.header.base_fee_per_gas),
            blob_gas_used: None,
            blob_gas_price: None,
            from: transaction.signer(),
            to: transaction.to(),
            // As nodes do, whether it succeeded or not.
            contract_address: transaction.is_create().then(|| transaction.signer().create(transaction.nonce())),
        })
    }

    /// The logs of the transaction at an index, with their place in the chain.
    pub(crate) fn logs(&self, index: usize) -> Vec<rpc::Log> {
        let (Some(transaction), Some(receipt)) = (self.transactions.get(index), self.receipts.get(index)) else {
            return Vec::new();
        };
        let mut logs = Vec::with_capacity(receipt.logs().len());
        for (place, log) in receipt.logs().iter().enumerate() {
            logs.push(rpc::Log {
                inner: log.clone(),
                block_hash: Some(self.hash),
                block_number: Some(self.header.number),
                block_timestamp: Some(self.header.timestamp),
                transaction_hash: Some(*transaction.tx_hash()),
                transaction_index: Some(index as u64),
                log_index: Some(place as u64),
                removed: false,
            });
        }
        logs
    }
}

/// What is the same in every header: no uncles, withdrawals, blobs or requests.
fn empty_header() -> Header {
    Header {
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        withdrawals_root: Some(EMPTY_WITHDRAWALS),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}
