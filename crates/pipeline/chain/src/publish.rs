use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolConstructor};
use enliven_types::{Report, SignedReport};
use serde::{Deserialize, Serialize};

use crate::contracts::{Artifact, EpochOracle, LivingToken};
use crate::reader::{self, ChainReader};
use crate::{ChainError, Client, ContractSettings, DeployConfig, Mined};

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

/// Who signs by signatures of their own, and how many of them it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// The signers, in the order of the signature bits.
    pub signers: Vec<Address>,
    /// How many of them a report needs.
    pub threshold: u8,
}

/// What the token accepted last.
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
    /// Creates the token and its oracle with the plain settings; see [`Publisher::deploy_with`].
    pub fn deploy(client: Client, config: &DeployConfig) -> Result<Publisher, ChainError> {
        Publisher::deploy_with(client, config, &ContractSettings::default())
    }

    /// Creates the token and its oracle, and makes the token believe the oracle.
    ///
    /// The client's key pays, may mint, and owns the token until the configured owner accepts it.
    pub fn deploy_with(
        client: Client,
        config: &DeployConfig,
        settings: &ContractSettings,
    ) -> Result<Publisher, ChainError> {
        config.check()?;
        let deployer = client.address();
        let owner = config.owner.unwrap_or(deployer);
        let arguments = LivingToken::constructorCall {
            name: config.name.clone(),
            symbol: config.symbol.clone(),
            initialOwner: deployer,
            royaltyReceiver: config.royalty_receiver.unwrap_or(owner),
            royaltyBps: alloy_primitives::Uint::from(config.royalty_bps),
            initialGuardian: config.guardian.unwrap_or_default(),
            delay: settings.delay_s,
        };
        let code = Artifact::LivingToken.bytecode()?;
        let (token, mined) = client.deploy("creating the token", &code, &arguments.abi_encode())?;
        let block = mined.block;
        let quorum = Quorum { signers: config.signers.clone(), threshold: config.threshold };
        let oracle = create_oracle(&client, token, 1, &quorum, settings)?;
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
        let publisher = Publisher::follow(client, deployment.clone())?;
        let oracle = publisher.deployment.oracle;
        if oracle != deployment.oracle {
            return Err(ChainError::Contract {
                address: deployment.oracle.to_string(),
                expected: "the token's oracle",
                reason: format!("the token believes {oracle}; was the oracle replaced?"),
            });
        }
        Ok(publisher)
    }

    /// Goes on with a collection that exists, and whichever oracle the token believes now.
    pub fn follow(client: Client, deployment: Deployment) -> Result<Publisher, ChainError> {
        if client.chain_id() != deployment.chain_id {
            return Err(ChainError::WrongChain { expected: deployment.chain_id, found: client.chain_id() });
        }
        let oracle = ChainReader::open(client.rpc().clone(), deployment.token)?.oracle();
        Ok(Publisher { client, deployment: Deployment { oracle, ..deployment } })
    }

    /// Where the collection lives.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// The client that posts.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What the token accepted last.
    pub fn last_epoch(&self) -> Result<LastEpoch, ChainError> {
        reader::last_epoch(&**self.client.rpc(), self.deployment.token)
    }

    /// The generation of the committee that signs now; a report names it.
    pub fn config_count(&self) -> Result<u64, ChainError> {
        self.client.call(self.deployment.oracle, &EpochOracle::configCountCall {})
    }

    /// Who owns the token.
    pub fn owner(&self) -> Result<Address, ChainError> {
        self.client.call(self.deployment.token, &LivingToken::ownerCall {})
    }

    /// Who signs now.
    pub fn quorum(&self) -> Result<Quorum, ChainError> {
        let signers = self.client.call(self.deployment.oracle, &EpochOracle::signersCall {})?;
        let threshold: U256 = self.client.call(self.deployment.oracle, &EpochOracle::thresholdCall {})?;
        Ok(Quorum { signers, threshold: threshold.saturating_to() })
    }

    /// The signers that are heard no more, as bits: they signed two reports of one epoch.
    pub fn ejected(&self) -> Result<u64, ChainError> {
        self.client.call(self.deployment.oracle, &EpochOracle::ejectedCall {})
    }

    /// Ejects a signer who signed two reports of one epoch for this oracle. Anyone may.
    pub fn eject(&self, one: (&Report, &[u8; 65]), other: (&Report, &[u8; 65])) -> Result<Mined, ChainError> {
        let call = EpochOracle::ejectCall {
            one: report_to_contract(one.0),
            oneHot: B256::ZERO,
            oneSignature: Bytes::copy_from_slice(one.1),
            other: report_to_contract(other.0),
            otherHot: B256::ZERO,
            otherSignature: Bytes::copy_from_slice(other.1),
        };
        self.client.send("ejecting a signer", self.deployment.oracle, &call)
    }

    /// Creates the oracle of the next committee. Anyone may; the token believes it once its owner has proposed it
    /// and taken it on.
    pub fn create_oracle(&self, quorum: &Quorum, settings: &ContractSettings) -> Result<Address, ChainError> {
        create_oracle(&self.client, self.deployment.token, self.config_count()? + 1, quorum, settings)
    }

    /// Proposes an oracle to the token, whose owner the client's key must be.
    pub fn propose(&self, oracle: Address) -> Result<Mined, ChainError> {
        self.client.send("proposing an oracle", self.deployment.token, &propose(oracle))
    }

    /// Makes the token believe an oracle that was proposed long enough ago.
    pub fn take_on(self, oracle: Address) -> Result<Publisher, ChainError> {
        self.client.send("setting the token's oracle", self.deployment.token, &set(oracle))?;
        Ok(Publisher { deployment: Deployment { oracle, ..self.deployment }, client: self.client })
    }

    /// Posts an epoch with the signatures of a quorum, unless it is there already.
    ///
    /// Errors: [`ChainError::Conflict`] if the chain has another state for this epoch,
    /// [`ChainError::OutOfOrder`] if an earlier epoch is missing, [`ChainError::Reverted`] with the
    /// contract's reason if it refuses.
    pub fn post(&self, signed: &SignedReport) -> Result<Posted, ChainError> {
        let call = EpochOracle::postCommitteeCall {
            report: report_to_contract(&signed.report),
            bitmap: signed.signers,
            signatures: Bytes::from(signed.signatures.concat()),
        };
        self.post_once(&signed.report, &call)
    }

    /// Posts an epoch together with [`crate::hot_traits`], whose keccak-256 was signed with the report
    /// ([`Report::hot_signing_digest`]), unless it is there already.
    pub fn post_hot(&self, signed: &SignedReport, hot: &[u8]) -> Result<Posted, ChainError> {
        let call = EpochOracle::postCommitteeHotCall {
            report: report_to_contract(&signed.report),
            hot: Bytes::copy_from_slice(hot),
            bitmap: signed.signers,
            signatures: Bytes::from(signed.signatures.concat()),
        };
        self.post_once(&signed.report, &call)
    }

    /// Posts an epoch with the signature of the group (the commitment's x and y, and the response), unless it
    /// is there already.
    pub fn post_by_group(&self, report: &Report, signature: &[u8; 96]) -> Result<Posted, ChainError> {
        let word = |place: usize| B256::from_slice(&signature[32 * place..32 * place + 32]);
        let call =
            EpochOracle::postByGroupCall { report: report_to_contract(report), rx: word(0), ry: word(1), z: word(2) };
        self.post_once(report, &call)
    }

    fn post_once<C: SolCall>(&self, report: &Report, call: &C) -> Result<Posted, ChainError> {
        let epoch = report.epoch;
        let last = self.last_epoch()?;
        if epoch <= last.epoch {
            return self.find(report);
        }
        if epoch != last.epoch + 1 {
            return Err(ChainError::OutOfOrder { epoch, last: last.epoch, next: last.epoch + 1 });
        }
        match self.client.send(&format!("posting epoch {epoch}"), self.deployment.oracle, call) {
            Ok(mined) => {
                Ok(Posted { tx_hash: mined.tx_hash, block: mined.block, gas_used: mined.gas_used, already: false })
            }
            // Anyone may post, so somebody may have been faster.
            Err(ChainError::Reverted { .. }) if self.last_epoch()?.epoch >= epoch => self.find(report),
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
    fn find(&self, ours: &Report) -> Result<Posted, ChainError> {
        let rpc = self.client.rpc();
        let epoch = ours.epoch;
        let reader = ChainReader::open(rpc.clone(), self.deployment.token)?.from_block(self.deployment.block);
        let Some((report, tx_hash, block)) = reader.accepted(epoch)? else {
            return Err(ChainError::Contract {
                address: self.deployment.oracle.to_string(),
                expected: "the collection's oracle",
                reason: format!("it is past epoch {epoch} but has no log of it"),
            });
        };
        if report.state_root != ours.state_root || report.directory != ours.directory {
            return Err(ChainError::Conflict {
                epoch,
                on_chain: B256::from(report.state_root.0),
                ours: B256::from(ours.state_root.0),
            });
        }
        let gas_used = reader::gas_used(&**rpc, tx_hash)?;
        Ok(Posted { tx_hash, block, gas_used, already: true })
    }
}

/// The calldata with which the token's owner proposes an oracle.
pub fn proposal(oracle: Address) -> Bytes {
    propose(oracle).abi_encode().into()
}

/// The calldata with which the token's owner makes it believe an oracle.
pub fn taking_on(oracle: Address) -> Bytes {
    set(oracle).abi_encode().into()
}

fn propose(oracle: Address) -> LivingToken::proposeCall {
    LivingToken::proposeCall { call: taking_on(oracle) }
}

fn set(oracle: Address) -> LivingToken::setOracleCall {
    LivingToken::setOracleCall { newOracle: oracle }
}

fn create_oracle(
    client: &Client,
    token: Address,
    config_count: u64,
    quorum: &Quorum,
    settings: &ContractSettings,
) -> Result<Address, ChainError> {
    let definitions = &settings.definitions;
    if definitions.len() > ContractSettings::MAX_DEFINITIONS {
        let reason =
            format!("an oracle approves up to {}, not {}", ContractSettings::MAX_DEFINITIONS, definitions.len());
        return Err(ChainError::Config { field: "definitions", reason });
    }
    let group = settings.group_key.unwrap_or([0; 64]);
    let definitions =
        definitions.iter().map(|(model, manifest)| EpochOracle::Definition { model: *model, manifest: *manifest });
    let arguments = EpochOracle::constructorCall {
        token,
        config: EpochOracle::Config {
            configCount: config_count,
            minInterval: settings.min_interval_s,
            threshold: quorum.threshold,
            signers: quorum.signers.clone(),
            group: EpochOracle::GroupKey { x: U256::from_be_slice(&group[..32]), y: U256::from_be_slice(&group[32..]) },
            definitions: definitions.collect(),
        },
    };
    let code = Artifact::EpochOracle.bytecode()?;
    let (oracle, _) = client.deploy("creating the oracle", &code, &arguments.abi_encode())?;
    Ok(oracle)
}

/// The report in the contract's own type.
fn report_to_contract(report: &Report) -> EpochOracle::Report {
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
