//! The bindings of our contracts, and their compiled bytecode.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use alloy_primitives::{Address, Bytes, FixedBytes, hex, keccak256};
use serde::Deserialize;

use crate::ChainError;

mod bindings {
    #![allow(missing_docs, clippy::too_many_arguments)] // Solidity's functions have as many as they have.
    alloy_sol_types::sol! {
        #[derive(Debug, PartialEq, Eq)]
        contract EpochOracle {
            struct Report {
                uint64 epoch;
                uint64 configCount;
                uint64 validUntil;
                bytes32 previousRoot;
                bytes32 stateRoot;
                bytes32 directory;
                bytes32 receiptsRoot;
                bytes32 model;
                bytes32 manifest;
                bytes32 cut;
            }

            struct Definition {
                bytes32 model;
                bytes32 manifest;
            }

            struct GroupKey {
                uint256 x;
                uint256 y;
            }

            struct Config {
                uint64 configCount;
                uint32 minInterval;
                uint8 threshold;
                address[] signers;
                GroupKey group;
                Definition[] definitions;
            }

            event EpochAccepted(
                uint64 indexed epoch,
                uint64 validUntil,
                bytes32 previousRoot,
                bytes32 stateRoot,
                bytes32 directory,
                bytes32 receiptsRoot,
                bytes32 model,
                bytes32 manifest,
                bytes32 cut
            );
            event ConfigSet(uint64 indexed configCount, uint8 threshold, address[] signers);
            event GroupKeySet(uint64 indexed configCount, uint256 x, uint256 y);
            event DefinitionApproved(uint64 indexed configCount, bytes32 model, bytes32 manifest);
            event SignerEjected(uint64 indexed epoch, address indexed signer, bytes32 digest, bytes32 otherDigest);

            constructor(address token, Config memory config);

            function postCommittee(Report calldata report, uint64 bitmap, bytes calldata signatures) external;
            function postCommitteeHot(
                Report calldata report,
                bytes calldata hot,
                uint64 bitmap,
                bytes calldata signatures
            ) external;
            function postByGroup(Report calldata report, bytes32 rx, bytes32 ry, bytes32 z) external;
            function postByGroupHot(
                Report calldata report,
                bytes calldata hot,
                bytes32 rx,
                bytes32 ry,
                bytes32 z
            ) external;
            function eject(
                Report calldata one,
                bytes32 oneHot,
                bytes calldata oneSignature,
                Report calldata other,
                bytes32 otherHot,
                bytes calldata otherSignature
            ) external;
            function token() external view returns (address);
            function configCount() external view returns (uint64);
            function minInterval() external view returns (uint32);
            function approved(bytes32 model, bytes32 manifest) external view returns (bool);
            function threshold() external view returns (uint256);
            function signers() external view returns (address[] memory);
            function ejected() external view returns (uint64);
            function minimumThreshold(uint256 count) external pure returns (uint256);
            function reportDigest(Report calldata report) external view returns (bytes32);
            function hotReportDigest(Report calldata report, bytes32 hot) external view returns (bytes32);
        }

        contract LivingToken {
            event OracleSet(address indexed oracle);
            event Proposed(bytes call, uint256 readyAt);

            constructor(
                string memory name,
                string memory symbol,
                address initialOwner,
                address royaltyReceiver,
                uint96 royaltyBps,
                address initialGuardian,
                uint32 delay
            );

            function mintBatch(address to, uint256 count) external returns (uint256 firstId);
            function setOracle(address newOracle) external;
            function setTraits(bytes32[] calldata keys, bytes32 hotKey, string calldata uri) external;
            function propose(bytes calldata call) external;
            function transferOwnership(address newOwner) external;
            function freeze(uint256 tokenId) external;
            function owner() external view returns (address);
            function pendingOwner() external view returns (address);
            function guardian() external view returns (address);
            function minter() external view returns (address);
            function readyAt(bytes32 callHash) external view returns (uint256);
            function oracle() external view returns (address);
            function delay() external view returns (uint256);
            function last() external view returns (uint64 epoch, bytes32 stateRoot, bytes32 directory);
            function totalMinted() external view returns (uint256);
            function tokenURI(uint256 tokenId) external view returns (string memory);
            function contractURI() external view returns (string memory);
            function ownerOf(uint256 tokenId) external view returns (address);
            function isHeld(uint256 tokenId) external view returns (bool);
            function isOptedOut(uint256 tokenId) external view returns (bool);
            function hotTrait(uint256 tokenId) external view returns (uint32);
            function verifyTraits(
                uint256 tokenId,
                uint64 sequence,
                bytes32 metadata,
                bytes32 receipt,
                bytes32[] calldata traits,
                bytes32[] calldata proof
            ) external view returns (bool);
            function materialise(
                uint256 tokenId,
                uint64 sequence,
                bytes32 metadata,
                bytes32 receipt,
                bytes32[] calldata traits,
                bytes32[] calldata proof,
                uint256 which
            ) external;
        }

        contract NaiveTraitToken {
            constructor(string memory name, string memory symbol, address initialOwner);

            function mintBatch(address to, uint256 count) external returns (uint256 firstId);
            function setTraits(bytes32 traitKey, uint256[] calldata ids, bytes32[] calldata values) external;
        }

        contract NaiveURIToken {
            constructor(string memory name, string memory symbol, address initialOwner);

            function mintBatch(address to, uint256 count) external returns (uint256 firstId);
            function setTokenURIs(uint256[] calldata ids, string[] calldata uris) external;
            function tokenURI(uint256 tokenId) external view returns (string memory);
        }
    }
}

pub use bindings::{EpochOracle, LivingToken, NaiveTraitToken, NaiveURIToken};

/// What the compiler was given (Solidity's standard JSON input, all sources included): what a block explorer
/// needs to find that a contract's code is that of these sources.
pub const STANDARD_INPUT: &str = include_str!("../../../../contracts/artifacts/standard-input.json");

/// One of our contracts, as compiled by `contracts/build.mjs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Artifact {
    /// Checks the quorum and holds the last epoch.
    EpochOracle,
    /// The collection.
    LivingToken,
    /// A trait in storage for each token, to measure against.
    NaiveTraitToken,
    /// The textbook design, to measure against.
    NaiveUriToken,
}

impl Artifact {
    /// All of them.
    pub const ALL: [Artifact; 4] =
        [Artifact::EpochOracle, Artifact::LivingToken, Artifact::NaiveTraitToken, Artifact::NaiveUriToken];

    /// The contract's name in Solidity.
    pub fn name(self) -> &'static str {
        match self {
            Artifact::EpochOracle => "EpochOracle",
            Artifact::LivingToken => "LivingToken",
            Artifact::NaiveTraitToken => "NaiveTraitToken",
            Artifact::NaiveUriToken => "NaiveURIToken",
        }
    }

    /// The artifact's JSON text: `abi`, `bytecode`, and what compiled it.
    pub fn json(self) -> &'static str {
        match self {
            Artifact::EpochOracle => include_str!("../../../../contracts/artifacts/EpochOracle.json"),
            Artifact::LivingToken => include_str!("../../../../contracts/artifacts/LivingToken.json"),
            Artifact::NaiveTraitToken => include_str!("../../../../contracts/artifacts/NaiveTraitToken.json"),
            Artifact::NaiveUriToken => include_str!("../../../../contracts/artifacts/NaiveURIToken.json"),
        }
    }

    /// The creation bytecode, without constructor arguments.
    pub fn bytecode(self) -> Result<Bytes, ChainError> {
        let parsed = self.parse()?;
        parsed.bytecode.parse().map_err(|_| self.unreadable("the bytecode is not hexadecimal".to_string()))
    }

    /// The contract's place in the [`STANDARD_INPUT`], as block explorers write it.
    pub fn full_name(self) -> String {
        format!("src/{0}.sol:{0}", self.name())
    }

    /// The release of the compiler, as block explorers write it.
    pub fn compiler(self) -> Result<String, ChainError> {
        // What comes after the commit says for which machine the compiler itself was built.
        let full = self.parse()?.compiler;
        let release = full.split(".Emscripten").next().unwrap_or(&full);
        Ok(format!("v{release}"))
    }

    fn parse(self) -> Result<Parsed, ChainError> {
        serde_json::from_str(self.json()).map_err(|error| self.unreadable(error.to_string()))
    }

    fn unreadable(self, reason: String) -> ChainError {
        ChainError::Artifact { contract: self.name(), reason }
    }
}

#[derive(Deserialize)]
struct Parsed {
    compiler: String,
    abi: Vec<AbiItem>,
    bytecode: String,
}

#[derive(Deserialize)]
struct AbiItem {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    inputs: Vec<AbiInput>,
}

#[derive(Deserialize)]
struct AbiInput {
    #[serde(default)]
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

/// Names a custom error of our contracts, with its arguments, such as
/// `EpochMismatch(expected: 3, given: 2)`.
pub(crate) fn custom_error(data: &[u8]) -> Option<String> {
    let selector: [u8; 4] = data.get(..4)?.try_into().ok()?;
    let item = errors().get(&FixedBytes(selector))?;
    let mut shown = Vec::new();
    for (index, input) in item.inputs.iter().enumerate() {
        let start = 4 + 32 * index;
        let Some(word) = data.get(start..start + 32) else { break };
        shown.push(format!("{}: {}", input.name, show_word(&input.kind, word)));
    }
    Some(format!("{}({})", item.name, shown.join(", ")))
}

/// One static argument; a dynamic one is not worth decoding here.
fn show_word(kind: &str, word: &[u8]) -> String {
    match kind {
        "address" => Address::from_slice(&word[12..]).to_string(),
        "bool" => (word[31] != 0).to_string(),
        _ if kind.starts_with("uint") => alloy_primitives::U256::from_be_slice(word).to_string(),
        "string" | "bytes" => "...".to_string(),
        _ => hex::encode_prefixed(word),
    }
}

fn errors() -> &'static BTreeMap<FixedBytes<4>, AbiItem> {
    static ERRORS: OnceLock<BTreeMap<FixedBytes<4>, AbiItem>> = OnceLock::new();
    ERRORS.get_or_init(|| {
        let mut errors = BTreeMap::new();
        // An artifact that is not readable is reported where its bytecode is used.
        for parsed in Artifact::ALL.into_iter().filter_map(|artifact| artifact.parse().ok()) {
            for item in parsed.abi.into_iter().filter(|item| item.kind == "error") {
                let hash = keccak256(signature(&item));
                errors.insert(FixedBytes([hash[0], hash[1], hash[2], hash[3]]), item);
            }
        }
        errors
    })
}

fn signature(item: &AbiItem) -> String {
    let kinds: Vec<&str> = item.inputs.iter().map(|input| input.kind.as_str()).collect();
    format!("{}({})", item.name, kinds.join(","))
}

#[cfg(test)]
mod tests {
    use alloy_sol_types::{SolCall, SolEvent};

    use super::*;

    /// The bindings above are written by hand; every one must be in the compiled contract.
    #[test]
    fn bindings_agree_with_artifacts() {
        const REPORT: &str = "(uint64,uint64,uint64,bytes32,bytes32,bytes32,bytes32,bytes32,bytes32,bytes32)";
        let cases: [(Artifact, Vec<&str>); 4] = [
            (
                Artifact::EpochOracle,
                vec![
                    EpochOracle::EpochAccepted::SIGNATURE,
                    EpochOracle::ConfigSet::SIGNATURE,
                    EpochOracle::GroupKeySet::SIGNATURE,
                    EpochOracle::DefinitionApproved::SIGNATURE,
                    EpochOracle::SignerEjected::SIGNATURE,
                    EpochOracle::postCommitteeCall::SIGNATURE,
                    EpochOracle::postCommitteeHotCall::SIGNATURE,
                    EpochOracle::postByGroupCall::SIGNATURE,
                    EpochOracle::postByGroupHotCall::SIGNATURE,
                    EpochOracle::ejectCall::SIGNATURE,
                    EpochOracle::tokenCall::SIGNATURE,
                    EpochOracle::configCountCall::SIGNATURE,
                    EpochOracle::minIntervalCall::SIGNATURE,
                    EpochOracle::approvedCall::SIGNATURE,
                    EpochOracle::thresholdCall::SIGNATURE,
                    EpochOracle::signersCall::SIGNATURE,
                    EpochOracle::ejectedCall::SIGNATURE,
                    EpochOracle::minimumThresholdCall::SIGNATURE,
                    EpochOracle::reportDigestCall::SIGNATURE,
                    EpochOracle::hotReportDigestCall::SIGNATURE,
                ],
            ),
            (
                Artifact::LivingToken,
                vec![
                    LivingToken::OracleSet::SIGNATURE,
                    LivingToken::Proposed::SIGNATURE,
                    LivingToken::mintBatchCall::SIGNATURE,
                    LivingToken::setOracleCall::SIGNATURE,
                    LivingToken::setTraitsCall::SIGNATURE,
                    LivingToken::proposeCall::SIGNATURE,
                    LivingToken::transferOwnershipCall::SIGNATURE,
                    LivingToken::freezeCall::SIGNATURE,
                    LivingToken::ownerCall::SIGNATURE,
                    LivingToken::pendingOwnerCall::SIGNATURE,
                    LivingToken::guardianCall::SIGNATURE,
                    LivingToken::minterCall::SIGNATURE,
                    LivingToken::readyAtCall::SIGNATURE,
                    LivingToken::oracleCall::SIGNATURE,
                    LivingToken::delayCall::SIGNATURE,
                    LivingToken::lastCall::SIGNATURE,
                    LivingToken::totalMintedCall::SIGNATURE,
                    LivingToken::tokenURICall::SIGNATURE,
                    LivingToken::contractURICall::SIGNATURE,
                    LivingToken::ownerOfCall::SIGNATURE,
                    LivingToken::isHeldCall::SIGNATURE,
                    LivingToken::isOptedOutCall::SIGNATURE,
                    LivingToken::hotTraitCall::SIGNATURE,
                    LivingToken::verifyTraitsCall::SIGNATURE,
                    LivingToken::materialiseCall::SIGNATURE,
                ],
            ),
            (
                Artifact::NaiveTraitToken,
                vec![NaiveTraitToken::mintBatchCall::SIGNATURE, NaiveTraitToken::setTraitsCall::SIGNATURE],
            ),
            (
                Artifact::NaiveUriToken,
                vec![
                    NaiveURIToken::mintBatchCall::SIGNATURE,
                    NaiveURIToken::setTokenURIsCall::SIGNATURE,
                    NaiveURIToken::tokenURICall::SIGNATURE,
                ],
            ),
        ];
        for (artifact, wanted) in cases {
            assert!(artifact.bytecode().unwrap().len() > 1000);
            let abi = artifact.parse().unwrap().abi;
            for text in wanted {
                let found = abi.iter().any(|item| signature(item).replace("tuple", REPORT) == text);
                assert!(found, "{} has no {text}", artifact.name());
            }
            let constructor = abi.iter().find(|item| item.kind == "constructor").unwrap();
            let kinds: Vec<&str> = constructor.inputs.iter().map(|input| input.kind.as_str()).collect();
            let expected = match artifact {
                Artifact::EpochOracle => "address,tuple",
                Artifact::LivingToken => "string,string,address,address,uint96,address,uint32",
                Artifact::NaiveTraitToken | Artifact::NaiveUriToken => "string,string,address",
            };
            assert_eq!(kinds.join(","), expected);
        }
    }

    #[test]
    fn custom_errors_are_named() {
        let mut data = keccak256("EpochMismatch(uint64,uint64)")[..4].to_vec();
        data.extend_from_slice(&[0; 31]);
        data.push(3);
        data.extend_from_slice(&[0; 31]);
        data.push(2);
        assert_eq!(custom_error(&data).unwrap(), "EpochMismatch(expected: 3, given: 2)");
        assert_eq!(custom_error(&data[..40]).unwrap(), "EpochMismatch(expected: 3)");
        assert_eq!(custom_error(&[1, 2, 3, 4]), None);
        assert_eq!(custom_error(&[1]), None);
    }
}
