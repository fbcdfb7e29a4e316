// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {ERC2981} from "@openzeppelin/contracts/token/common/ERC2981.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {IAnnouncer} from "./interfaces/IAnnouncer.sol";
import {IEpochOracle} from "./interfaces/IEpochOracle.sol";
import {IERC7572} from "./interfaces/IERC7572.sol";
import {CidV1} from "./libraries/CidV1.sol";

/// @title A collection whose metadata is the directory that its oracle accepted last.
///
/// The contract is immutable, and stores nothing per token but its owner: one accepted epoch changes the
/// metadata of any number of tokens. The owner (in production a timelock) may replace the oracle, the
/// minter and the royalty; nobody can move a token but its holder.
contract LivingToken is ERC721, ERC2981, IERC4906, IERC7572, IAnnouncer, Ownable2Step {
    /// @notice The oracle was set or replaced.
    event OracleSet(IEpochOracle indexed oracle);

    /// @notice The minter was set or replaced.
    event MinterSet(address indexed minter);

    /// @notice Only the oracle may do this.
    error CallerNotOracle(address caller);
    /// @notice Only the minter may do this.
    error CallerNotMinter(address caller);

    /// @dev ERC-4906 defines events only, so its id is no XOR of selectors.
    bytes4 private constant ERC4906_ID = 0x49064906;

    /// @notice Says what the metadata is; zero until the owner sets it.
    IEpochOracle public oracle;

    /// @dev Shares the oracle's slot: an announcement reads both.
    uint96 private _totalMinted;

    /// @notice May mint.
    address public minter;

    /// @param name_ The collection's name.
    /// @param symbol_ The collection's symbol.
    /// @param initialOwner Sets the oracle, the minter and the royalty; also the first minter.
    /// @param royaltyReceiver Gets the royalty (ERC-2981); may be zero if the rate is.
    /// @param royaltyBps The royalty in hundredths of a percent of the price.
    constructor(
        string memory name_,
        string memory symbol_,
        address initialOwner,
        address royaltyReceiver,
        uint96 royaltyBps
    ) ERC721(name_, symbol_) Ownable(initialOwner) {
        if (royaltyBps != 0) _setDefaultRoyalty(royaltyReceiver, royaltyBps);
        _setMinter(initialOwner);
    }

    /// @notice Mints `count` tokens with the next ids to `to`; the first id is 1.
    /// @dev The recipient is not asked (ERC721Receiver): the minter chooses it and no foreign code runs.
    function mintBatch(address to, uint256 count) external returns (uint256 firstId) {
        if (msg.sender != minter) revert CallerNotMinter(msg.sender);
        uint256 minted = _totalMinted;
        firstId = minted + 1;
        for (uint256 i = 0; i < count; ++i) {
            _mint(to, ++minted);
        }
        // More than 2^96 tokens cannot be minted one by one.
        _totalMinted = uint96(minted);
    }

    /// @notice Replaces the oracle.
    function setOracle(IEpochOracle newOracle) external onlyOwner {
        bytes32 before = _directory();
        oracle = newOracle;
        emit OracleSet(newOracle);
        // An oracle that carries on where the last one stood changes no metadata.
        if (_directory() == before) return;
        _announce();
        emit ContractURIUpdated();
    }

    /// @notice Replaces the minter; zero ends minting.
    function setMinter(address newMinter) external onlyOwner {
        _setMinter(newMinter);
    }

    /// @notice Sets the royalty of all tokens, in hundredths of a percent of the price.
    function setRoyalty(address receiver, uint96 royaltyBps) external onlyOwner {
        _setDefaultRoyalty(receiver, royaltyBps);
    }

    /// @notice Tells the world (ERC-7572) that the content of `contract.json` changed.
    /// @dev Its URI changes with each epoch, its content hardly ever; so epochs do not announce it.
    function announceContract() external onlyOwner {
        emit ContractURIUpdated();
    }

    /// @inheritdoc IAnnouncer
    function announce() external {
        if (msg.sender != address(oracle)) revert CallerNotOracle(msg.sender);
        _announce();
    }

    /// @notice How many tokens there are; their ids are 1 to this number.
    function totalMinted() external view returns (uint256) {
        return _totalMinted;
    }

    /// @inheritdoc IERC7572
    function contractURI() external view returns (string memory) {
        return _uri("contract");
    }

    /// @notice Whether the accepted state says this of a token. Anyone can build the proof from public data.
    /// @param tokenId The token.
    /// @param sequence How many times the token has changed.
    /// @param metadata The digest in the CID of the token's JSON.
    /// @param receipt The digest in the CID of the receipt of the latest change.
    /// @param traits The values of the traits, in the order of the manifest.
    /// @param proof The siblings from the leaf up (OpenZeppelin's StandardMerkleTree).
    function verifyTraits(
        uint256 tokenId,
        uint64 sequence,
        bytes32 metadata,
        bytes32 receipt,
        bytes32[] calldata traits,
        bytes32[] calldata proof
    ) external view returns (bool) {
        if (address(oracle) == address(0)) return false;
        // Hashed twice, so that no inner node of the tree can be taken for a leaf.
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(tokenId, sequence, metadata, receipt, traits))));
        return MerkleProof.verifyCalldata(proof, oracle.stateRoot(), leaf);
    }

    /// @notice The URI of the token's JSON in the directory that was accepted last; empty before the first.
    /// @dev Reverts for a token that does not exist. Before the first epoch a token is valid and has no
    /// metadata yet, which ERC-721 expresses by an empty string, as an error would say that it is not valid.
    function tokenURI(uint256 tokenId) public view override returns (string memory) {
        _requireOwned(tokenId);
        return _uri(Strings.toString(tokenId));
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 id) public view override(ERC721, ERC2981, IERC165) returns (bool) {
        if (id == ERC4906_ID || id == type(IERC7572).interfaceId) return true;
        return super.supportsInterface(id);
    }

    function _uri(string memory file) private view returns (string memory) {
        bytes32 digest = _directory();
        if (digest == 0) return "";
        return string.concat("ipfs://", CidV1.dagPb(digest), "/", file, ".json");
    }

    function _directory() private view returns (bytes32) {
        return address(oracle) == address(0) ? bytes32(0) : oracle.directory();
    }

    /// @dev The range ends at the last token, so that an indexer need not cap it, and is left out if empty.
    function _announce() private {
        uint256 minted = _totalMinted;
        if (minted != 0) emit BatchMetadataUpdate(1, minted);
    }

    function _setMinter(address newMinter) private {
        minter = newMinter;
        emit MinterSet(newMinter);
    }
}
