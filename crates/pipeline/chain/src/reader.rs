use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, U64, U256, keccak256};
use alloy_rpc_types_eth::{Filter, Log, TransactionReceipt};
use alloy_sol_types::{SolCall, SolEvent};
use enliven_types::{CommitteeConfig, Digest, FixedBytes, Report, SignedReport, TokenSlots};
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

/// An epoch that an oracle accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostedReport {
    /// The oracle that accepted it.
    pub oracle: Address,
    /// The report and who signed it. The signatures are missing if the group signed, or `unavailable` says why.
    pub signed: SignedReport,
    /// The keccak-256 of the hot traits that were signed with it.
    pub hot: Option<Digest>,
    /// The signature of the group, if it signed: the commitment's x and y, and the response.
    pub group_signature: Option<[u8; 96]>,
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

    /// The endpoint.
    pub(crate) fn rpc(&self) -> &dyn Rpc {
        &*self.rpc
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

    /// What the token accepted last.
    pub fn last_epoch(&self) -> Result<LastEpoch, ChainError> {
        last_epoch(&*self.rpc, self.token)
    }

    /// How many tokens there are; their ids are 1 to this number.
    pub fn total_minted(&self) -> Result<u64, ChainError> {
        Ok(call_view(&*self.rpc, self.token, &LivingToken::totalMintedCall {})?.saturating_to())
    }

    /// A token's metadata URI; empty before the first epoch.
    pub fn token_uri(&self, id: u64) -> Result<String, ChainError> {
        call_view(&*self.rpc, self.token, &LivingToken::tokenURICall { tokenId: U256::from(id) })
    }

    /// The URI of the collection's own JSON; empty before the first epoch.
    pub fn contract_uri(&self) -> Result<String, ChainError> {
        call_view(&*self.rpc, self.token, &LivingToken::contractURICall {})
    }

    /// A token's owner.
    pub fn owner_of(&self, id: u64) -> Result<Address, ChainError> {
        call_view(&*self.rpc, self.token, &LivingToken::ownerOfCall { tokenId: U256::from(id) })
    }

    /// The directories that holders keep their tokens at, each once.
    pub fn held_directories(&self) -> Result<BTreeSet<Digest>, ChainError> {
        let slot = |slot: B256| get::<B256>(&*self.rpc, "eth_getStorageAt", json!([self.token, slot, "latest"]));
        let mut found = BTreeSet::new();
        let minted = self.total_minted()?;
        for word in 0..=minted >> 8 {
            let held = slot(TokenSlots::held(word << 8))?;
            for id in (word << 8).max(1)..=minted.min(word << 8 | 255) {
                if TokenSlots::is_held(held, id) {
                    found.insert(Digest(slot(TokenSlots::held_directory(id))?.0));
                }
            }
        }
        Ok(found)
    }

    /// Every oracle that the token ever believed, oldest first.
    pub fn oracles(&self) -> Result<Vec<Address>, ChainError> {
        let filter = Filter::new().address(self.token).event_signature(LivingToken::OracleSet::SIGNATURE_HASH);
        let mut oracles: Vec<Address> = Vec::new();
        for log in logs(&*self.rpc, &filter, self.from_block, self.latest_block()?)? {
            let oracle = decode::<LivingToken::OracleSet>(&log)?.oracle;
            if !oracles.contains(&oracle) {
                oracles.push(oracle);
            }
        }
        // Never empty: a log filter without addresses would match every contract.
        if !oracles.contains(&self.oracle) {
            oracles.push(self.oracle);
        }
        Ok(oracles)
    }

    /// The committee of every oracle of the token, oldest first.
    pub fn configs(&self) -> Result<Vec<CommitteeConfig>, ChainError> {
        let oracles = self.oracles()?;
        // An oracle says who signs when it is created, which is before the token believes it.
        let all = |topic: B256| {
            let filter = Filter::new().address(oracles.clone()).event_signature(topic);
            logs(&*self.rpc, &filter, self.from_block, self.latest_block()?)
        };
        let said = all(EpochOracle::ConfigSet::SIGNATURE_HASH)?;
        let keys = all(EpochOracle::GroupKeySet::SIGNATURE_HASH)?;
        let mut configs = Vec::new();
        for oracle in oracles {
            let Some(log) = said.iter().find(|log| log.address() == oracle) else {
                return Err(wrong_log(format!("the oracle {oracle} never said who signs")));
            };
            let event = decode::<EpochOracle::ConfigSet>(log)?;
            let key = keys.iter().find(|log| log.address() == oracle).map(decode::<EpochOracle::GroupKeySet>);
            let group_key = key.transpose()?.map(|key| {
                let mut bytes = FixedBytes::ZERO;
                bytes[..32].copy_from_slice(&key.x.to_be_bytes::<32>());
                bytes[32..].copy_from_slice(&key.y.to_be_bytes::<32>());
                bytes
            });
            configs.push(CommitteeConfig {
                oracle,
                config_count: event.configCount,
                signers: event.signers,
                threshold: event.threshold,
                group_key,
                ejected: call_view(&*self.rpc, oracle, &EpochOracle::ejectedCall {})?,
            });
        }
        Ok(configs)
    }

    /// Every accepted epoch, oldest first, with the signatures from its transaction.
    pub fn reports(&self) -> Result<Vec<PostedReport>, ChainError> {
        let oracles = self.oracles()?;
        let counts = self.config_counts(&oracles)?;
        let filter = Filter::new().address(oracles).event_signature(EpochOracle::EpochAccepted::SIGNATURE_HASH);
        let mut reports = Vec::new();
        for log in logs(&*self.rpc, &filter, self.from_block, self.latest_block()?)? {
            reports.push(self.posted(&log, &counts)?);
        }
        Ok(reports)
    }

    /// One accepted epoch, with the signatures from its transaction.
    pub fn report(&self, epoch: u64) -> Result<Option<PostedReport>, ChainError> {
        let (log, counts) = self.accepted_log(epoch)?;
        log.map(|log| self.posted(&log, &counts)).transpose()
    }

    /// The report of one accepted epoch, with its transaction and block, without signatures.
    pub(crate) fn accepted(&self, epoch: u64) -> Result<Option<(Report, B256, u64)>, ChainError> {
        let (log, counts) = self.accepted_log(epoch)?;
        let Some(log) = log else { return Ok(None) };
        let report = accepted_report(&log, &counts)?;
        let (tx_hash, block) = place(&log)?;
        Ok(Some((report, tx_hash, block)))
    }

    /// The log of an accepted epoch, and the config counts of all oracles.
    fn accepted_log(&self, epoch: u64) -> Result<(Option<Log>, BTreeMap<Address, u64>), ChainError> {
        let oracles = self.oracles()?;
        let counts = self.config_counts(&oracles)?;
        let filter = Filter::new()
            .address(oracles)
            .event_signature(EpochOracle::EpochAccepted::SIGNATURE_HASH)
            .topic1(U256::from(epoch));
        let found = logs(&*self.rpc, &filter, self.from_block, self.latest_block()?)?;
        Ok((found.into_iter().next(), counts))
    }

    /// The config count of each oracle; it never changes.
    fn config_counts(&self, oracles: &[Address]) -> Result<BTreeMap<Address, u64>, ChainError> {
        let count = |oracle: &Address| Ok((*oracle, call_view(&*self.rpc, *oracle, &EpochOracle::configCountCall {})?));
        oracles.iter().map(count).collect()
    }

    fn posted(&self, log: &Log, counts: &BTreeMap<Address, u64>) -> Result<PostedReport, ChainError> {
        let report = accepted_report(log, counts)?;
        let (tx_hash, block) = place(log)?;
        let (proof, unavailable) = match self.proof(log.address(), tx_hash, &report)? {
            Ok(proof) => (proof, None),
            Err(reason) => (Proof::default(), Some(reason.to_string())),
        };
        Ok(PostedReport {
            oracle: log.address(),
            signed: SignedReport { report, signers: proof.signers, signatures: proof.signatures },
            hot: proof.hot,
            group_signature: proof.group,
            unavailable,
            block,
            block_time: log.block_timestamp,
            tx_hash,
        })
    }

    /// Who signed, from the calldata of a transaction that called the oracle itself, or why that cannot be
    /// read. (A contract may have posted on somebody's behalf, in any encoding.)
    fn proof(
        &self,
        oracle: Address,
        tx_hash: B256,
        accepted: &Report,
    ) -> Result<Result<Proof, &'static str>, ChainError> {
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
        let Some((report, proof)) = Proof::decode(&called.input) else {
            return Ok(Err("the transaction did not post a report"));
        };
        if report_from_contract(&report) != *accepted {
            return Ok(Err("the transaction's report is not the accepted one"));
        }
        Ok(proof.ok_or("the transaction's signatures are not 65 bytes each"))
    }
}

/// What the calldata of a post says beside the report.
#[derive(Default)]
struct Proof {
    signers: u64,
    signatures: Vec<[u8; 65]>,
    group: Option<[u8; 96]>,
    hot: Option<Digest>,
}

impl Proof {
    /// The report of a call and who signed it; none for the latter if the signatures are cut off.
    fn decode(input: &[u8]) -> Option<(EpochOracle::Report, Option<Proof>)> {
        let group = |words: [B256; 3]| {
            let mut bytes = [0; 96];
            words
                .iter()
                .zip(bytes.chunks_exact_mut(32))
                .for_each(|(word, place)| place.copy_from_slice(word.as_slice()));
            Some(bytes)
        };
        let hash = |hot: &Bytes| Some(Digest(keccak256(hot).0));
        if let Ok(call) = EpochOracle::postCommitteeCall::abi_decode(input) {
            return Some((call.report, Proof::of_signers(call.bitmap, &call.signatures, None)));
        }
        if let Ok(call) = EpochOracle::postCommitteeHotCall::abi_decode(input) {
            return Some((call.report, Proof::of_signers(call.bitmap, &call.signatures, hash(&call.hot))));
        }
        if let Ok(call) = EpochOracle::postByGroupCall::abi_decode(input) {
            return Some((call.report, Some(Proof { group: group([call.rx, call.ry, call.z]), ..Proof::default() })));
        }
        let call = EpochOracle::postByGroupHotCall::abi_decode(input).ok()?;
        let proof = Proof { group: group([call.rx, call.ry, call.z]), hot: hash(&call.hot), ..Proof::default() };
        Some((call.report, Some(proof)))
    }

    fn of_signers(signers: u64, signatures: &[u8], hot: Option<Digest>) -> Option<Proof> {
        let (parts, rest) = signatures.as_chunks::<65>();
        rest.is_empty().then(|| Proof { signers, signatures: parts.to_vec(), group: None, hot })
    }
}

/// What a token accepted last.
pub(crate) fn last_epoch(rpc: &dyn Rpc, token: Address) -> Result<LastEpoch, ChainError> {
    let last = call_view(rpc, token, &LivingToken::lastCall {})?;
    Ok(LastEpoch { epoch: last.epoch, state_root: last.stateRoot, directory: last.directory })
}

/// The gas that a mined transaction used.
pub(crate) fn gas_used(rpc: &dyn Rpc, tx_hash: B256) -> Result<u64, ChainError> {
    Ok(get::<TransactionReceipt>(rpc, "eth_getTransactionReceipt", json!([tx_hash]))?.gas_used)
}

pub(crate) fn decode<E: SolEvent>(log: &Log) -> Result<E, ChainError> {
    E::decode_log_data(&log.inner.data).map_err(|error| wrong_log(format!("{}: {error}", E::SIGNATURE)))
}

/// The transaction and the block of a log.
pub(crate) fn place(log: &Log) -> Result<(B256, u64), ChainError> {
    match (log.transaction_hash, log.block_number) {
        (Some(hash), Some(block)) => Ok((hash, block)),
        _ => Err(wrong_log("a log names no transaction or block".to_string())),
    }
}

fn wrong_log(reason: String) -> ChainError {
    ChainError::Answer { method: "eth_getLogs".to_string(), reason }
}

/// The report in the log of an accepted epoch; its config count is that of the oracle.
fn accepted_report(log: &Log, counts: &BTreeMap<Address, u64>) -> Result<Report, ChainError> {
    let event = decode::<EpochOracle::EpochAccepted>(log)?;
    let Some(config_count) = counts.get(&log.address()) else {
        return Err(wrong_log(format!("a log is of {}, which was not asked for", log.address())));
    };
    let digest = |word: B256| Digest(word.0);
    Ok(Report {
        epoch: event.epoch,
        config_count: *config_count,
        valid_until: event.validUntil,
        previous_root: digest(event.previousRoot),
        state_root: digest(event.stateRoot),
        directory: digest(event.directory),
        receipts_root: digest(event.receiptsRoot),
        model: digest(event.model),
        manifest: digest(event.manifest),
        cut: digest(event.cut),
    })
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
