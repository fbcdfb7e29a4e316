use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_rpc_types_eth::{Filter, Log, TransactionReceipt};
use alloy_sol_types::{SolCall, SolEvent};
use enliven_types::{Digest, Report, SignedReport};
use serde::Deserialize;
use serde_json::json;

use crate::client::{call_view, get, latest_block, logs};
use crate::contracts::{EpochOracle, LivingToken};
use crate::{ChainError, LastEpoch, Rpc};

/// What anybody can read of a collection, from an endpoint and the token's address alone.
#[derive(Clone)]
pub struct ChainReader {
    rpc: Arc<dyn Rpc>,
    chain_id: u64,
    token: Address,
    oracle: Address,
    from_block: u64,
}

/// A committee, as its oracle announced it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitteeConfig {
    /// The oracle that set it; reports are signed for one oracle.
    pub oracle: Address,
    /// Its generation.
    pub config_count: u64,
    /// The signers, in the order of the bits.
    pub signers: Vec<Address>,
    /// How many of them a report needs.
    pub threshold: u8,
    /// The block from which it is in force.
    pub from_block: u64,
}

/// An epoch that an oracle accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostedReport {
    /// The oracle that accepted it.
    pub oracle: Address,
    /// The report and who signed it. The signatures are missing if `unavailable` says why.
    pub signed: SignedReport,
    /// Why the signatures cannot be read, if they cannot. The contract checked them either way.
    pub unavailable: Option<String>,
    /// The block.
    pub block: u64,
    /// The block's time, in seconds since 1970, where the node says it with the log.
    pub block_time: Option<u64>,
    /// The transaction.
    pub tx_hash: B256,
}

impl ChainReader {
    /// Finds the token and the oracle that it believes.
    pub fn open(rpc: Arc<dyn Rpc>, token: Address) -> Result<ChainReader, ChainError> {
        let chain_id = get::<U64>(&*rpc, "eth_chainId", json!([]))?.to();
        let code: Bytes = get(&*rpc, "eth_getCode", json!([token, "latest"]))?;
        let no_token = |reason: &str| ChainError::Contract {
            address: token.to_string(),
            expected: "a LivingToken",
            reason: reason.to_string(),
        };
        if code.is_empty() {
            return Err(no_token("there is no contract on this chain"));
        }
        let oracle = match call_view(&*rpc, token, &LivingToken::oracleCall {}) {
            Ok(oracle) => oracle,
            Err(ChainError::Reverted { .. } | ChainError::Answer { .. }) => {
                return Err(no_token("the contract there names no oracle"));
            }
            Err(error) => return Err(error),
        };
        if oracle.is_zero() {
            return Err(no_token("its oracle is not set yet"));
        }
        Ok(ChainReader { rpc, chain_id, token, oracle, from_block: 0 })
    }

    /// Looks for logs from this block on; a good value is the token's deployment block.
    pub fn from_block(mut self, block: u64) -> ChainReader {
        self.from_block = block;
        self
    }

    /// The chain id.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The token.
    pub fn token(&self) -> Address {
        self.token
    }

    /// The oracle that the token believed when the reader was opened.
    pub fn oracle(&self) -> Address {
        self.oracle
    }

    /// The number of the newest block.
    pub fn latest_block(&self) -> Result<u64, ChainError> {
        latest_block(&*self.rpc)
    }

    /// What the oracle accepted last.
    pub fn last_epoch(&self) -> Result<LastEpoch, ChainError> {
        last_epoch(&*self.rpc, self.oracle)
    }

    /// How many tokens there are; their ids are 1 to this number.
    pub fn total_minted(&self) -> Result<u64, ChainError> {
        Ok(call_view(&*self.rpc, self.token, &LivingToken::totalMintedCall {})?.saturating_to())
    }

    /// A token's metadata URI; empty before the first epoch.
    pub fn token_uri(&self, id: u64) -> Result<String, ChainError> {
        call_view(&*self.rpc, self.token, &LivingToken::tokenURICall { tokenId: U256::from(id) })
    }

    /// A token's owner.
    pub fn owner_of(&self, id: u64) -> Result<Address, ChainError> {
        call_view(&*self.rpc, self.token, &LivingToken::ownerOfCall { tokenId: U256::from(id) })
    }

    /// Every oracle that the token ever believed, oldest first.
    pub fn oracles(&self) -> Result<Vec<Address>, ChainError> {
        let filter = Filter::new().address(self.token).event_signature(LivingToken::OracleSet::SIGNATURE_HASH);
        let mut oracles: Vec<Address> = Vec::new();
        for log in logs(&*self.rpc, &filter, self.from_block, self.latest_block()?)? {
            let oracle = decode::<LivingToken::OracleSet>(&log)?.oracle;
            if !oracle.is_zero() && !oracles.contains(&oracle) {
                oracles.push(oracle);
            }
        }
        // Never empty: a log filter without addresses would match every contract.
        if !oracles.contains(&self.oracle) {
            oracles.push(self.oracle);
        }
        Ok(oracles)
    }

    /// Every committee of every oracle of the token, oldest first.
    pub fn configs(&self) -> Result<Vec<CommitteeConfig>, ChainError> {
        let filter = Filter::new().address(self.oracles()?).event_signature(EpochOracle::ConfigSet::SIGNATURE_HASH);
        let mut configs = Vec::new();
        for log in logs(&*self.rpc, &filter, self.from_block, self.latest_block()?)? {
            let event = decode::<EpochOracle::ConfigSet>(&log)?;
            configs.push(CommitteeConfig {
                oracle: log.address(),
                config_count: event.configCount,
                signers: event.signers,
                threshold: event.threshold,
                from_block: log.block_number.unwrap_or_default(),
            });
        }
        Ok(configs)
    }

    /// Every accepted epoch, oldest first, with the signatures from its transaction.
    pub fn reports(&self) -> Result<Vec<PostedReport>, ChainError> {
        let filter = Filter::new().address(self.oracles()?).event_signature(EpochOracle::EpochAccepted::SIGNATURE_HASH);
        let mut reports = Vec::new();
        for log in logs(&*self.rpc, &filter, self.from_block, self.latest_block()?)? {
            reports.push(self.posted(&log)?);
        }
        Ok(reports)
    }

    /// The report of one accepted epoch, with its transaction and block, without signatures.
    pub(crate) fn accepted(&self, epoch: u64) -> Result<Option<(Report, B256, u64)>, ChainError> {
        let filter = Filter::new()
            .address(self.oracles()?)
            .event_signature(EpochOracle::EpochAccepted::SIGNATURE_HASH)
            .topic1(U256::from(epoch));
        let found = logs(&*self.rpc, &filter, self.from_block, self.latest_block()?)?;
        let Some(log) = found.first() else { return Ok(None) };
        let event = decode::<EpochOracle::EpochAccepted>(log)?;
        let (tx_hash, block) = place(log)?;
        Ok(Some((report_from_contract(&event.report), tx_hash, block)))
    }

    fn posted(&self, log: &Log) -> Result<PostedReport, ChainError> {
        let event = decode::<EpochOracle::EpochAccepted>(log)?;
        let (tx_hash, block) = place(log)?;
        let (signatures, unavailable) = match self.signatures(log.address(), tx_hash, &event)? {
            Ok(signatures) => (signatures, None),
            Err(reason) => (Vec::new(), Some(reason.to_string())),
        };
        Ok(PostedReport {
            oracle: log.address(),
            signed: SignedReport { report: report_from_contract(&event.report), signers: event.signers, signatures },
            unavailable,
            block,
            block_time: log.block_timestamp,
            tx_hash,
        })
    }

    /// The signatures from the calldata of a transaction that called `post` itself, or why they
    /// cannot be read. (A contract may have posted on somebody's behalf, in any encoding.)
    fn signatures(
        &self,
        oracle: Address,
        tx_hash: B256,
        event: &EpochOracle::EpochAccepted,
    ) -> Result<Result<Vec<[u8; 65]>, &'static str>, ChainError> {
        // Only what is needed, so that a transaction of a type that we do not know is no obstacle.
        #[derive(Deserialize)]
        struct Called {
            to: Option<Address>,
            input: Bytes,
        }
        let called: Option<Called> = get(&*self.rpc, "eth_getTransactionByHash", json!([tx_hash]))?;
        let Some(called) = called else { return Ok(Err("the node does not have the transaction any more")) };
        if called.to != Some(oracle) {
            return Ok(Err("the epoch was posted through another contract"));
        }
        let Ok(call) = EpochOracle::postCall::abi_decode(&called.input) else {
            return Ok(Err("the transaction did not call post"));
        };
        if call.report != event.report || call.bitmap != event.signers {
            return Ok(Err("the transaction's report is not the accepted one"));
        }
        let (parts, rest) = call.signatures.as_chunks::<65>();
        if !rest.is_empty() {
            return Ok(Err("the transaction's signatures are not 65 bytes each"));
        }
        Ok(Ok(parts.to_vec()))
    }
}

/// What an oracle accepted last.
pub(crate) fn last_epoch(rpc: &dyn Rpc, oracle: Address) -> Result<LastEpoch, ChainError> {
    let last = call_view(rpc, oracle, &EpochOracle::lastCall {})?;
    Ok(LastEpoch { epoch: last.epoch, state_root: last.stateRoot, directory: last.directory })
}

/// The gas that a mined transaction used.
pub(crate) fn gas_used(rpc: &dyn Rpc, tx_hash: B256) -> Result<u64, ChainError> {
    Ok(get::<TransactionReceipt>(rpc, "eth_getTransactionReceipt", json!([tx_hash]))?.gas_used)
}

fn decode<E: SolEvent>(log: &Log) -> Result<E, ChainError> {
    E::decode_log_data(&log.inner.data).map_err(|error| wrong_log(format!("{}: {error}", E::SIGNATURE)))
}

fn place(log: &Log) -> Result<(B256, u64), ChainError> {
    match (log.transaction_hash, log.block_number) {
        (Some(hash), Some(block)) => Ok((hash, block)),
        _ => Err(wrong_log("a log names no transaction or block".to_string())),
    }
}

fn wrong_log(reason: String) -> ChainError {
    ChainError::Answer { method: "eth_getLogs".to_string(), reason }
}

fn report_from_contract(report: &EpochOracle::Report) -> Report {
    let digest = |word: B256| Digest(word.0);
    Report {
        epoch: report.epoch,
        config_count: report.configCount,
        valid_until: report.validUntil,
        previous_root: digest(report.previousRoot),
        state_root: digest(report.stateRoot),
        directory: digest(report.directory),
        receipts_root: digest(report.receiptsRoot),
        model: digest(report.model),
        manifest: digest(report.manifest),
        cut: digest(report.cut),
    }
}
