use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_rpc_types_eth::{Filter, Log};
use alloy_sol_types::{SolCall, SolEvent};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::client::{call_view, get, latest_block, logs};
use crate::contracts::{Artifact, EpochOracle, LivingToken};
use crate::reader::{decode, place};
use crate::{ChainError, Deployment, Rpc};

/// A collection's contracts, as the chain has them: what others need to find them, to check them, and to show
/// their sources on a block explorer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployed {
    /// The version of this record: 1.
    pub version: u32,
    /// The chain id.
    pub chain_id: u64,
    /// The block of the token's creation: nothing about the collection is in an earlier one.
    pub block: u64,
    /// The collection.
    pub token: DeployedContract,
    /// The oracle that it believes.
    pub oracle: DeployedContract,
    /// Owns the token.
    pub owner: Address,
    /// Will own the token once it calls `acceptOwnership`.
    pub pending_owner: Option<Address>,
    /// May pause posting and veto the owner's proposals.
    pub guardian: Option<Address>,
    /// May mint.
    pub minter: Option<Address>,
    /// How long the owner's proposals wait, in seconds.
    pub delay_s: u64,
    /// Who signs reports.
    pub committee: DeployedCommittee,
    /// The models and manifests that reports may be made with; none: any.
    pub definitions: Vec<ApprovedDefinition>,
}

/// One contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeployedContract {
    /// Its place in the standard JSON input, as block explorers write it: `FILE:NAME`.
    pub contract: String,
    /// The address.
    pub address: Address,
    /// The transaction that created it.
    pub transaction: B256,
    /// The keccak-256 of its code on chain.
    pub code_hash: B256,
    /// The compiler, if the transaction created it with this release's bytecode.
    pub compiler: Option<String>,
    /// The encoded constructor arguments, if the transaction created it with this release's bytecode.
    pub constructor_arguments: Option<Bytes>,
}

/// An oracle's committee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeployedCommittee {
    /// Its generation.
    pub config_count: u64,
    /// The signers, in the order of the signature bits.
    pub signers: Vec<Address>,
    /// How many of them a report needs.
    pub threshold: u8,
    /// The FROST group's key, x and y, if there is one.
    pub group_key: Option<Bytes>,
    /// The least time between two epochs, in seconds.
    pub min_interval_s: u32,
}

/// A model and the manifest that may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovedDefinition {
    /// The digest of the model.
    pub model: B256,
    /// The digest of the manifest.
    pub manifest: B256,
}

/// A call that the token's owner proposed and that was neither made nor vetoed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The calldata.
    pub call: Bytes,
    /// The oracle, if the call makes the token believe one.
    pub oracle: Option<Address>,
    /// From when on the owner may make it, in seconds since 1970. It lapses 14 days later.
    pub ready_at: u64,
}

impl Proposal {
    /// Those of a token, oldest first.
    pub fn pending(rpc: &dyn Rpc, deployment: &Deployment) -> Result<Vec<Proposal>, ChainError> {
        let filter = Filter::new().address(deployment.token).event_signature(LivingToken::Proposed::SIGNATURE_HASH);
        let mut pending: Vec<Proposal> = Vec::new();
        for log in logs(rpc, &filter, deployment.block, latest_block(rpc)?)? {
            let call = decode::<LivingToken::Proposed>(&log)?.call;
            // Proposing it again starts its delay anew; the call stays one.
            if pending.iter().any(|known| known.call == call) {
                continue;
            }
            let asked = LivingToken::readyAtCall { callHash: keccak256(&call) };
            let ready_at: u64 = call_view(rpc, deployment.token, &asked)?.saturating_to();
            if ready_at != 0 {
                let oracle = LivingToken::setOracleCall::abi_decode(&call).ok().map(|call| call.newOracle);
                pending.push(Proposal { call, oracle, ready_at });
            }
        }
        Ok(pending)
    }
}

impl Deployed {
    /// Reads it from a chain; needs no key.
    pub fn read(rpc: &dyn Rpc, deployment: &Deployment) -> Result<Deployed, ChainError> {
        let (token, oracle) = (deployment.token, deployment.oracle);
        let newest = latest_block(rpc)?;
        // The constructors say who owns the token and who signs, so each has a log in the transaction of its creation.
        let born = logs(rpc, &Filter::new().address(token), deployment.block, deployment.block)?;
        let said = logs(rpc, &Filter::new().address(oracle), deployment.block, newest)?;
        let config = one::<EpochOracle::ConfigSet>(oracle, &said)?.ok_or_else(|| {
            let reason = format!("it never said who signs, from block {} on", deployment.block);
            not_ours(oracle, "an EpochOracle", reason)
        })?;
        let group_key = one::<EpochOracle::GroupKeySet>(oracle, &said)?
            .map(|key| Bytes::from([key.x.to_be_bytes::<32>(), key.y.to_be_bytes()].concat()));
        let mut definitions = Vec::new();
        for log in said.iter().filter(|log| log.topic0() == Some(&EpochOracle::DefinitionApproved::SIGNATURE_HASH)) {
            let approved = decode::<EpochOracle::DefinitionApproved>(log)?;
            definitions.push(ApprovedDefinition { model: approved.model, manifest: approved.manifest });
        }
        let pending = call_view(rpc, token, &LivingToken::pendingOwnerCall {})?;
        let guardian = call_view(rpc, token, &LivingToken::guardianCall {})?;
        let minter = call_view(rpc, token, &LivingToken::minterCall {})?;
        let some = |address: Address| (!address.is_zero()).then_some(address);
        Ok(Deployed {
            version: 1,
            chain_id: deployment.chain_id,
            block: deployment.block,
            token: DeployedContract::read(rpc, Artifact::LivingToken, token, &born)?,
            oracle: DeployedContract::read(rpc, Artifact::EpochOracle, oracle, &said)?,
            owner: call_view(rpc, token, &LivingToken::ownerCall {})?,
            pending_owner: some(pending),
            guardian: some(guardian),
            minter: some(minter),
            delay_s: call_view(rpc, token, &LivingToken::delayCall {})?.saturating_to(),
            committee: DeployedCommittee {
                config_count: config.configCount,
                signers: config.signers,
                threshold: config.threshold,
                group_key,
                min_interval_s: call_view(rpc, oracle, &EpochOracle::minIntervalCall {})?,
            },
            definitions,
        })
    }
}

impl DeployedContract {
    /// `born`: logs of the contract, oldest first, with that of its creation.
    fn read(rpc: &dyn Rpc, artifact: Artifact, address: Address, born: &[Log]) -> Result<DeployedContract, ChainError> {
        #[derive(Deserialize)]
        struct Created {
            to: Option<Address>,
            input: Bytes,
        }
        let first = born.first().ok_or_else(|| not_ours(address, artifact.name(), "it has no log".to_string()))?;
        let (transaction, _) = place(first)?;
        let code: Bytes = get(rpc, "eth_getCode", json!([address, "latest"]))?;
        let created: Option<Created> = get(rpc, "eth_getTransactionByHash", json!([transaction]))?;
        let bytecode = artifact.bytecode()?;
        let arguments = created
            .filter(|created| created.to.is_none())
            .and_then(|created| created.input.strip_prefix(bytecode.as_ref()).map(Bytes::copy_from_slice));
        Ok(DeployedContract {
            contract: artifact.full_name(),
            address,
            transaction,
            code_hash: keccak256(&code),
            compiler: arguments.as_ref().map(|_| artifact.compiler()).transpose()?,
            constructor_arguments: arguments,
        })
    }
}

/// The first event of a kind among logs.
fn one<E: SolEvent>(address: Address, logs: &[Log]) -> Result<Option<E>, ChainError> {
    logs.iter().find(|log| log.address() == address && log.topic0() == Some(&E::SIGNATURE_HASH)).map(decode).transpose()
}

fn not_ours(address: Address, expected: &'static str, reason: String) -> ChainError {
    ChainError::Contract { address: address.to_string(), expected, reason }
}
