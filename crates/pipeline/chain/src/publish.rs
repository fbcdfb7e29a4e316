use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolConstructor;
use enliven_types::SignedReport;
use serde::{Deserialize, Serialize};

use crate::contracts::{Artifact, EpochOracle, LivingToken};
use crate::reader::{self, ChainReader};
use crate::{ChainError, Client, DeployConfig};

/// Tokens in one mint transaction; a mint costs some 26,000 gas, and a transaction may ask for
/// 16,777,216.
const MINT_BATCH: u64 = 500;

/// Where a collection lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// The chain id.
    pub chain_id: u64,
    /// The token contract.
    pub token: Address,
    /// The oracle contract that the token believes.
    pub oracle: Address,
    /// The block of the token's creation: nothing about the collection is in an earlier one.
    pub block: u64,
}

/// What the oracle accepted last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastEpoch {
    /// The epoch's number; 0 before the first.
    pub epoch: u64,
    /// The root of the state tree.
    pub state_root: B256,
    /// The digest in the CID of the collection's directory.
    pub directory: B256,
}

/// An epoch on chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The transaction that posted it.
    pub tx_hash: B256,
    /// Its block.
    pub block: u64,
    /// The gas that it used.
    pub gas_used: u64,
    /// Whether it was there before, posted by an earlier run or by somebody else.
    pub already: bool,
}

/// Tokens that were minted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minted {
    /// The id of the first; the others follow.
    pub first_id: u64,
    /// How many.
    pub count: u64,
    /// The gas of all the transactions.
    pub gas_used: u64,
    /// How many transactions it took.
    pub transactions: u64,
}

/// Posts the epochs of one collection, and mints its tokens.
#[derive(Clone)]
pub struct Publisher {
    client: Client,
    deployment: Deployment,
}

impl Publisher {
    /// Creates the token and its oracle, and makes the token believe the oracle.
    ///
    /// The client's key pays, may mint, and owns the token until the configured owner accepts it.
    pub fn deploy(client: Client, config: &DeployConfig) -> Result<Publisher, ChainError> {
        config.check()?;
        let deployer = client.address();
        let owner = config.owner.unwrap_or(deployer);
        let arguments = LivingToken::constructorCall {
            name: config.name.clone(),
            symbol: config.symbol.clone(),
            initialOwner: deployer,
            royaltyReceiver: config.royalty_receiver.unwrap_or(owner),
            royaltyBps: alloy_primitives::Uint::from(config.royalty_bps),
        };
        let code = Artifact::LivingToken.bytecode()?;
        let (token, mined) = client.deploy("creating the token", &code, &arguments.abi_encode())?;
        let block = mined.block;
        let arguments = EpochOracle::constructorCall {
            initialOwner: owner,
            initialGuardian: config.guardian.unwrap_or_default(),
            token,
            initialSigners: config.signers.clone(),
            initialThreshold: config.threshold,
            predecessor: Address::ZERO,
        };
        let code = Artifact::EpochOracle.bytecode()?;
        let (oracle, _) = client.deploy("creating the oracle", &code, &arguments.abi_encode())?;
        client.send("setting the token's oracle", token, &LivingToken::setOracleCall { newOracle: oracle })?;
        if owner != deployer {
            let call = LivingToken::transferOwnershipCall { newOwner: owner };
            client.send("offering the token to its owner", token, &call)?;
        }
        let deployment = Deployment { chain_id: client.chain_id(), token, oracle, block };
        Ok(Publisher { client, deployment })
    }

    /// Goes on with a collection that exists, after a check that it is the right one.
    pub fn attach(client: Client, deployment: Deployment) -> Result<Publisher, ChainError> {
        if client.chain_id() != deployment.chain_id {
            return Err(ChainError::WrongChain { expected: deployment.chain_id, found: client.chain_id() });
        }
        let oracle = ChainReader::open(client.rpc().clone(), deployment.token)?.oracle();
        if oracle != deployment.oracle {
            return Err(ChainError::Contract {
                address: deployment.oracle.to_string(),
                expected: "the token's oracle",
                reason: format!("the token believes {oracle}; was the oracle replaced?"),
            });
        }
        Ok(Publisher { client, deployment })
    }

    /// Where the collection lives.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// The client that posts.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What the oracle accepted last.
    pub fn last_epoch(&self) -> Result<LastEpoch, ChainError> {
        reader::last_epoch(&**self.client.rpc(), self.deployment.oracle)
    }

    /// Posts an epoch, unless it is there already.
    ///
    /// Errors: [`ChainError::Conflict`] if the chain has another state for this epoch,
    /// [`ChainError::OutOfOrder`] if an earlier epoch is missing, [`ChainError::Reverted`] with the
    /// contract's reason if it refuses.
    pub fn post(&self, signed: &SignedReport) -> Result<Posted, ChainError> {
        let epoch = signed.report.epoch;
        let last = self.last_epoch()?;
        if epoch <= last.epoch {
            return self.find(signed);
        }
        if epoch != last.epoch + 1 {
            return Err(ChainError::OutOfOrder { epoch, last: last.epoch, next: last.epoch + 1 });
        }
        let call = EpochOracle::postCall {
            report: report_to_contract(&signed.report),
            bitmap: signed.signers,
            signatures: Bytes::from(signed.signatures.concat()),
        };
        match self.client.send(&format!("posting epoch {epoch}"), self.deployment.oracle, &call) {
            Ok(mined) => {
                Ok(Posted { tx_hash: mined.tx_hash, block: mined.block, gas_used: mined.gas_used, already: false })
            }
            // Anyone may post, so somebody may have been faster.
            Err(ChainError::Reverted { .. }) if self.last_epoch()?.epoch >= epoch => self.find(signed),
            Err(error) => Err(error),
        }
    }

    /// How many tokens there are; their ids are 1 to this number.
    pub fn minted(&self) -> Result<u64, ChainError> {
        let count = self.client.call(self.deployment.token, &LivingToken::totalMintedCall {})?;
        Ok(count.saturating_to())
    }

    /// Mints `count` tokens with the next ids to `to`, in as many transactions as needed.
    pub fn mint(&self, count: u64, to: Address) -> Result<Minted, ChainError> {
        let first_id = self.minted()? + 1;
        let mut minted = Minted { first_id, count: 0, gas_used: 0, transactions: 0 };
        while minted.count < count {
            let batch = MINT_BATCH.min(count - minted.count);
            let call = LivingToken::mintBatchCall { to, count: U256::from(batch) };
            let mined = self.client.send("minting", self.deployment.token, &call)?;
            minted.count += batch;
            minted.gas_used += mined.gas_used;
            minted.transactions += 1;
        }
        Ok(minted)
    }

    /// The transaction of an epoch that is on chain, if it says the same as ours.
    fn find(&self, signed: &SignedReport) -> Result<Posted, ChainError> {
        let rpc = self.client.rpc();
        let epoch = signed.report.epoch;
        let reader = ChainReader::open(rpc.clone(), self.deployment.token)?.from_block(self.deployment.block);
        let Some((report, tx_hash, block)) = reader.accepted(epoch)? else {
            return Err(ChainError::Contract {
                address: self.deployment.oracle.to_string(),
                expected: "the collection's oracle",
                reason: format!("it is past epoch {epoch} but has no log of it"),
            });
        };
        if report.state_root != signed.report.state_root || report.directory != signed.report.directory {
            return Err(ChainError::Conflict {
                epoch,
                on_chain: B256::from(report.state_root.0),
                ours: B256::from(signed.report.state_root.0),
            });
        }
        let gas_used = reader::gas_used(&**rpc, tx_hash)?;
        Ok(Posted { tx_hash, block, gas_used, already: true })
    }
}

/// The report in the contract's own type.
fn report_to_contract(report: &enliven_types::Report) -> EpochOracle::Report {
    let sol = report.to_sol();
    EpochOracle::Report {
        epoch: sol.epoch,
        configCount: sol.configCount,
        validUntil: sol.validUntil,
        previousRoot: sol.previousRoot,
        stateRoot: sol.stateRoot,
        directory: sol.directory,
        receiptsRoot: sol.receiptsRoot,
        model: sol.model,
        manifest: sol.manifest,
        cut: sol.cut,
    }
}
