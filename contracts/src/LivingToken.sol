// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {ERC2981} from "@openzeppelin/contracts/token/common/ERC2981.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Delayed} from "./Delayed.sol";
import {IEpochOracle} from "./interfaces/IEpochOracle.sol";
import {IEpochSink} from "./interfaces/IEpochSink.sol";
import {IERC7496} from "./interfaces/IERC7496.sol";
import {IERC7572} from "./interfaces/IERC7572.sol";
import {CidV1} from "./libraries/CidV1.sol";
import {MerklePath} from "./libraries/MerklePath.sol";

/// @title A collection whose metadata is the directory that its oracle posted last.
///
/// The contract is immutable, and an accepted epoch changes the metadata of any number of tokens by two words
/// of storage. Here, and not in the oracle, stands what no oracle can change: epochs follow one another by one,
/// each builds on the root before, and a token whose holder froze it, or opted out, stays as it is. The owner
/// replaces the oracle behind a delay in which the guardian can veto; nobody can move a token but its holder.
contract LivingToken is ERC721, ERC2981, IERC4906, IERC7496, IERC7572, IEpochSink, Delayed {
    /// @notice What the accepted state says of a token.
    struct Leaf {
        /// The token.
        uint256 tokenId;
        /// How many times the token has changed.
        uint64 sequence;
        /// The digest in the CID of the token's JSON.
        bytes32 metadata;
        /// The digest in the CID of the receipt of the latest change.
        bytes32 receipt;
        /// The values of the traits, in the order of the manifest.
        bytes32[] traits;
    }

    /// @notice The oracle was set or replaced.
    event OracleSet(IEpochOracle indexed oracle);

    /// @notice The minter was set or replaced.
    event MinterSet(address indexed minter);

    /// @notice The guardian stopped or resumed posting.
    event PausedSet(bool paused);

    /// @notice The holder froze the token, or let it live again.
    event FrozenSet(uint256 indexed tokenId, bool frozen);

    /// @notice The holder took the token out of what models decide, or back in.
    event OptedOutSet(uint256 indexed tokenId, bool optedOut);

    /// @notice Only the oracle may do this.
    error CallerNotOracle(address caller);
    /// @notice Only the minter may do this.
    error CallerNotMinter(address caller);
    /// @notice Only the token's holder may do this.
    error CallerNotHolder(address caller);
    /// @notice The guardian has stopped posting.
    error PostingPaused();
    /// @notice The epoch is not the one that follows the last accepted one.
    error EpochMismatch(uint64 expected, uint64 given);
    /// @notice The epoch does not build on the accepted state root.
    error PreviousRootMismatch(bytes32 expected, bytes32 given);
    /// @notice The last epoch was accepted too short a time ago.
    error EpochTooSoon(uint256 readyAt, uint256 timestamp);
    /// @notice The oracle is not made for this token, or its config count is not the next one.
    error OracleInvalid(address oracle);
    /// @notice There cannot be so many tokens.
    error SupplyExhausted(uint256 maximum);
    /// @notice The holder froze the token, or opted out, and it stays as it is.
    error TokenHeld(uint256 tokenId);
    /// @notice The token is frozen or opted out already, or is not.
    error NothingToChange(uint256 tokenId);
    /// @notice The accepted state does not say this.
    error ProofInvalid();
    /// @notice There is no hot trait.
    error NoHotTrait();
    /// @notice The hot traits are cut off.
    error HotMalformed();
    /// @notice No trait can be set by hand.
    error TraitNotSettable(bytes32 traitKey);
    /// @notice A trait key is named twice, or there are more than 256.
    error TraitKeysInvalid();

    /// @dev ERC-4906 defines events only, so its id is no XOR of selectors.
    bytes4 private constant ERC4906_ID = 0x49064906;

    // What `_head` holds, from the lowest bit up: the oracle (160 bits), the epoch (32), the seconds between the
    // creation of this contract and the last accepted epoch (32), how many tokens there are (24), two flags.
    uint256 private constant EPOCH_AT = 160;
    uint256 private constant ACCEPTED_AT = 192;
    uint256 private constant MINTED_AT = 224;
    uint256 private constant PAUSED = 1 << 248;
    uint256 private constant DEGRADED = 1 << 249;

    /// @dev When this contract was created; times are counted from here, so that 32 bits last.
    uint256 private immutable _createdAt;

    /// @dev All that a post reads and writes besides the two digests, in one slot.
    uint256 private _head;

    /// @notice The root of the state tree at the last accepted epoch.
    bytes32 public stateRoot;

    /// @notice The sha2-256 digest in the CID (dag-pb) of the collection's directory.
    bytes32 public directory;

    /// @notice May mint.
    address public minter;

    /// @notice The key of the hot trait; zero if there is none.
    bytes32 public hotTraitKey;

    string private _traitMetadataURI;

    /// @dev The keys of the traits, in the order of the manifest.
    mapping(uint256 place => bytes32 traitKey) private _traitKeyAt;

    uint256 private _traitCount;

    mapping(bytes32 traitKey => bool) private _isTrait;

    mapping(uint256 tokenId => mapping(bytes32 traitKey => bytes32)) private _traits;

    /// @dev Eight tokens in a slot, the first in the highest bits.
    mapping(uint256 slot => uint256) private _hot;

    /// @dev One bit for each token that is frozen or opted out, and for each that is opted out.
    mapping(uint256 word => uint256) private _held;
    mapping(uint256 word => uint256) private _optedOut;

    /// @dev The directory of a held token.
    mapping(uint256 tokenId => bytes32) private _heldDirectory;

    /// @param name_ The collection's name.
    /// @param symbol_ The collection's symbol.
    /// @param initialOwner Sets the oracle, the minter and the royalty; also the first minter.
    /// @param royaltyReceiver Gets the royalty (ERC-2981); may be zero if the rate is.
    /// @param royaltyBps The royalty in hundredths of a percent of the price.
    /// @param initialGuardian May stop and resume posting and veto proposals; zero for nobody.
    /// @param delay_ How long a proposal of the owner waits, in seconds.
    constructor(
        string memory name_,
        string memory symbol_,
        address initialOwner,
        address royaltyReceiver,
        uint96 royaltyBps,
        address initialGuardian,
        uint32 delay_
    ) ERC721(name_, symbol_) Ownable(initialOwner) Delayed(initialGuardian, delay_) {
        _createdAt = block.timestamp;
        if (royaltyBps != 0) _setDefaultRoyalty(royaltyReceiver, royaltyBps);
        _setMinter(initialOwner);
    }

    // Epochs.

    /// @inheritdoc IEpochSink
    function advance(
        uint64 epoch_,
        uint32 minInterval,
        bytes32 previousRoot,
        bytes32 newRoot,
        bytes32 newDirectory
    ) external returns (bool degraded) {
        return _advance(epoch_, minInterval, previousRoot, newRoot, newDirectory);
    }

    /// @inheritdoc IEpochSink
    function advanceHot(
        uint64 epoch_,
        uint32 minInterval,
        bytes32 previousRoot,
        bytes32 newRoot,
        bytes32 newDirectory,
        bytes calldata hot
    ) external returns (bool degraded) {
        degraded = _advance(epoch_, minInterval, previousRoot, newRoot, newDirectory);
        _writeHot(hot);
    }

    /// @inheritdoc IEpochSink
    function degrade() external {
        if (msg.sender != address(oracle())) revert CallerNotOracle(msg.sender);
        _head |= DEGRADED;
    }

    /// @notice Says what the metadata is; zero until the owner sets it.
    function oracle() public view returns (IEpochOracle) {
        return IEpochOracle(address(uint160(_head)));
    }

    /// @notice The number of the last accepted epoch; zero before the first.
    function epoch() public view returns (uint64) {
        return uint32(_head >> EPOCH_AT);
    }

    /// @notice The last epoch, its state root and its directory in one call.
    function last() external view returns (uint64, bytes32, bytes32) {
        return (epoch(), stateRoot, directory);
    }

    /// @notice Whether the guardian has stopped posting.
    function paused() external view returns (bool) {
        return _head & PAUSED != 0;
    }

    /// @notice Stops posting. What was accepted stays readable.
    function pause() external onlyGuardian {
        _head |= PAUSED;
        emit PausedSet(true);
    }

    /// @notice Resumes posting.
    function unpause() external onlyGuardian {
        _head &= ~PAUSED;
        emit PausedSet(false);
    }

    // What the owner decides.

    /// @notice Sets the first oracle at once; replaces it after a proposal (`propose`) and the delay.
    function setOracle(IEpochOracle newOracle) external onlyOwner {
        uint64 count = 0;
        if (address(oracle()) != address(0)) {
            _requireProposed();
            count = oracle().configCount();
        }
        if (newOracle.token() != address(this) || newOracle.configCount() != count + 1) {
            revert OracleInvalid(address(newOracle));
        }
        _head = (_head & ~DEGRADED & ~uint256(type(uint160).max)) | uint160(address(newOracle));
        emit OracleSet(newOracle);
    }

    /// @notice Says which traits there are (ERC-7496), in the order of the manifest: at once if nothing was
    /// said before, else after a proposal and the delay.
    /// @param keys The keys: the keccak-256 of the traits' names. A trait with a zero has no value on chain.
    /// @param hotKey The key of the hot trait, which is none of the others; zero if there is none.
    /// @param uri Where the traits are described.
    function setTraits(bytes32[] calldata keys, bytes32 hotKey, string calldata uri) external onlyOwner {
        uint256 before = _traitCount;
        if (before != 0 || hotTraitKey != 0) _requireProposed();
        for (uint256 i = 0; i < before; ++i) {
            delete _isTrait[_traitKeyAt[i]];
            delete _traitKeyAt[i];
        }
        if (keys.length > 256) revert TraitKeysInvalid();
        for (uint256 i = 0; i < keys.length; ++i) {
            bytes32 key = keys[i];
            if (key == 0) continue;
            if (_isTrait[key] || key == hotKey) revert TraitKeysInvalid();
            _isTrait[key] = true;
            _traitKeyAt[i] = key;
        }
        _traitCount = keys.length;
        hotTraitKey = hotKey;
        _traitMetadataURI = uri;
        emit TraitMetadataURIUpdated();
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

    // Tokens.

    /// @notice Mints `count` tokens with the next ids to `to`; the first id is 1.
    /// @dev The recipient is not asked (ERC721Receiver): the minter chooses it and no foreign code runs.
    function mintBatch(address to, uint256 count) external returns (uint256 firstId) {
        if (msg.sender != minter) revert CallerNotMinter(msg.sender);
        uint256 minted = totalMinted();
        if (count > type(uint24).max - minted) revert SupplyExhausted(type(uint24).max);
        firstId = minted + 1;
        for (uint256 i = 0; i < count; ++i) {
            _mint(to, ++minted);
        }
        _head = (_head & ~(uint256(type(uint24).max) << MINTED_AT)) | (minted << MINTED_AT);
    }

    /// @notice How many tokens there are; their ids are 1 to this number.
    function totalMinted() public view returns (uint256) {
        return uint24(_head >> MINTED_AT);
    }

    /// @notice Keeps the token as it is: its URI, its traits on chain, its hot trait. The holder only.
    function freeze(uint256 tokenId) external {
        _requireHolder(tokenId);
        if (_isHeld(tokenId)) revert NothingToChange(tokenId);
        _hold(tokenId);
        emit FrozenSet(tokenId, true);
    }

    /// @notice Lets the token follow the accepted state again. The holder only.
    function unfreeze(uint256 tokenId) external {
        _requireHolder(tokenId);
        if (!_isHeld(tokenId) || isOptedOut(tokenId)) revert NothingToChange(tokenId);
        _release(tokenId);
        emit FrozenSet(tokenId, false);
    }

    /// @notice Tells the committee to decide nothing of this token, and keeps it as it is, whatever the
    /// committee does. The holder only.
    function optOut(uint256 tokenId) external {
        _requireHolder(tokenId);
        if (isOptedOut(tokenId)) revert NothingToChange(tokenId);
        if (!_isHeld(tokenId)) _hold(tokenId);
        _optedOut[tokenId >> 8] |= 1 << (tokenId & 255);
        emit OptedOutSet(tokenId, true);
    }

    /// @notice Takes the token back in, and lets it follow the accepted state again. The holder only.
    function optIn(uint256 tokenId) external {
        _requireHolder(tokenId);
        if (!isOptedOut(tokenId)) revert NothingToChange(tokenId);
        _optedOut[tokenId >> 8] &= ~(1 << (tokenId & 255));
        _release(tokenId);
        emit OptedOutSet(tokenId, false);
    }

    /// @notice Whether the holder froze the token, or opted out.
    function isHeld(uint256 tokenId) external view returns (bool) {
        return _isHeld(tokenId);
    }

    /// @notice Whether the holder opted out.
    function isOptedOut(uint256 tokenId) public view returns (bool) {
        return _optedOut[tokenId >> 8] >> (tokenId & 255) & 1 != 0;
    }

    /// @notice The URI of the token's JSON in the directory that was accepted last, or, of a token that is
    /// held, in the one that was then; empty before the first.
    /// @dev Reverts for a token that does not exist. Before the first epoch a token is valid and has no
    /// metadata yet, which ERC-721 expresses by an empty string, as an error would say that it is not valid.
    function tokenURI(uint256 tokenId) public view override returns (string memory) {
        _requireOwned(tokenId);
        return _uri(_isHeld(tokenId) ? _heldDirectory[tokenId] : directory, Strings.toString(tokenId));
    }

    /// @inheritdoc IERC7572
    function contractURI() external view returns (string memory) {
        return _uri(directory, "contract");
    }

    // Traits on chain.

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
    ) public view returns (bool) {
        bytes32 root = stateRoot;
        return root != 0 && MerklePath.root(_leafHash(tokenId, sequence, metadata, receipt, traits), proof) == root;
    }

    /// @notice Whether the accepted state says this of several tokens.
    /// @param leaves What is said of each, in the order of the tree's leaves from the last to the first.
    /// @param proof The inner nodes, and `flags` their use (OpenZeppelin's multiproof).
    function verifyTraitsBatch(Leaf[] calldata leaves, bytes32[] calldata proof, bool[] calldata flags)
        public
        view
        returns (bool)
    {
        bytes32[] memory hashes = new bytes32[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            Leaf calldata one = leaves[i];
            hashes[i] = _leafHash(one.tokenId, one.sequence, one.metadata, one.receipt, one.traits);
        }
        bytes32 root = stateRoot;
        return root != 0 && MerkleProof.multiProofVerifyCalldata(proof, flags, root, hashes);
    }

    /// @notice Copies proven traits into storage, where `getTraitValue` finds them. Anyone may.
    /// @param which Bit i is set if trait i is to be copied.
    function materialise(
        uint256 tokenId,
        uint64 sequence,
        bytes32 metadata,
        bytes32 receipt,
        bytes32[] calldata traits,
        bytes32[] calldata proof,
        uint256 which
    ) external {
        if (!verifyTraits(tokenId, sequence, metadata, receipt, traits, proof)) revert ProofInvalid();
        _materialise(tokenId, traits, which);
    }

    /// @notice Copies proven traits of several tokens into storage. Anyone may.
    /// @param which Bit i is set if trait i is to be copied.
    function materialiseBatch(
        Leaf[] calldata leaves,
        bytes32[] calldata proof,
        bool[] calldata flags,
        uint256 which
    ) external {
        if (!verifyTraitsBatch(leaves, proof, flags)) revert ProofInvalid();
        for (uint256 i = 0; i < leaves.length; ++i) {
            _materialise(leaves[i].tokenId, leaves[i].traits, which);
        }
    }

    /// @notice The hot trait of a token, as the last report with hot traits left it.
    /// @dev Reports bring hot traits in runs of slots: 4 bytes for the first slot, 2 for how many, then 32 for
    /// each. Slot s has 32 bits for each of the tokens 8s to 8s + 7, the first in the highest.
    function hotTrait(uint256 tokenId) public view returns (uint32) {
        return uint32(_hot[tokenId >> 3] >> ((7 - (tokenId & 7)) << 5));
    }

    /// @inheritdoc IERC7496
    function getTraitValue(uint256 tokenId, bytes32 traitKey) public view returns (bytes32) {
        _requireOwned(tokenId);
        if (traitKey != 0 && traitKey == hotTraitKey) return bytes32(uint256(hotTrait(tokenId)));
        if (!_isTrait[traitKey]) revert TraitDoesNotExist(traitKey);
        return _traits[tokenId][traitKey];
    }

    /// @inheritdoc IERC7496
    function getTraitValues(uint256 tokenId, bytes32[] calldata keys) external view returns (bytes32[] memory values) {
        values = new bytes32[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) {
            values[i] = getTraitValue(tokenId, keys[i]);
        }
    }

    /// @notice The keys of the traits, in the order of the manifest.
    function traitKeys() external view returns (bytes32[] memory keys) {
        keys = new bytes32[](_traitCount);
        for (uint256 i = 0; i < keys.length; ++i) {
            keys[i] = _traitKeyAt[i];
        }
    }

    /// @inheritdoc IERC7496
    function getTraitMetadataURI() external view returns (string memory) {
        return _traitMetadataURI;
    }

    /// @inheritdoc IERC7496
    /// @dev Always reverts: values come from proofs and reports alone.
    function setTrait(uint256 tokenId, bytes32 traitKey, bytes32) external view {
        getTraitValue(tokenId, traitKey);
        revert TraitNotSettable(traitKey);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 id) public view override(ERC721, ERC2981, IERC165) returns (bool) {
        if (id == ERC4906_ID || id == type(IERC7572).interfaceId || id == type(IERC7496).interfaceId) return true;
        return super.supportsInterface(id);
    }

    /// @dev Each post runs this.
    function _advance(uint64 epoch_, uint32 minInterval, bytes32 previousRoot, bytes32 newRoot, bytes32 newDirectory)
        private
        returns (bool)
    {
        uint256 head = _head;
        if (msg.sender != address(uint160(head))) revert CallerNotOracle(msg.sender);
        if (head & PAUSED != 0) revert PostingPaused();
        uint32 next = uint32(head >> EPOCH_AT) + 1;
        if (epoch_ != next) revert EpochMismatch(next, epoch_);
        bytes32 root = stateRoot;
        if (previousRoot != root) revert PreviousRootMismatch(root, previousRoot);
        uint256 elapsed = block.timestamp - _createdAt;
        if (minInterval != 0 && next != 1) {
            uint256 ready = uint32(head >> ACCEPTED_AT) + uint256(minInterval);
            if (elapsed < ready) revert EpochTooSoon(_createdAt + ready, block.timestamp);
        }
        uint256 both = uint256(type(uint64).max) << EPOCH_AT;
        _head = (head & ~both) | (uint256(next) << EPOCH_AT) | (uint256(uint32(elapsed)) << ACCEPTED_AT);
        stateRoot = newRoot;
        // The range ends at the last token, so that an indexer need not cap it. With the same directory no
        // JSON changed, and with no token there is none.
        if (newDirectory != directory) {
            directory = newDirectory;
            uint256 minted = uint24(head >> MINTED_AT);
            if (minted != 0) emit BatchMetadataUpdate(1, minted);
        }
        return head & DEGRADED != 0;
    }

    function _writeHot(bytes calldata hot) private {
        bytes32 key = hotTraitKey;
        if (key == 0) revert NoHotTrait();
        uint256 minted = totalMinted();
        uint256 offset = 0;
        while (offset < hot.length) {
            if (hot.length - offset < 6) revert HotMalformed();
            uint256 first = uint32(bytes4(hot[offset:]));
            uint256 count = uint16(bytes2(hot[offset + 4:]));
            offset += 6;
            if (count == 0 || hot.length - offset < 32 * count) revert HotMalformed();
            for (uint256 i = 0; i < count;) {
                // One word of `_held` is for 32 slots.
                uint256 slot = first + i;
                uint256 held = _held[slot >> 5];
                uint256 end = i + 32 - (slot & 31);
                if (end > count) end = count;
                for (; i < end; ++i) {
                    slot = first + i;
                    uint256 word;
                    assembly ("memory-safe") {
                        word := calldataload(add(hot.offset, offset))
                    }
                    offset += 32;
                    uint256 lanes = held == 0 ? 0 : held >> ((slot & 31) << 3) & 255;
                    if (lanes != 0) {
                        uint256 mask = _laneMask(lanes);
                        word = (word & ~mask) | (_hot[slot] & mask);
                    }
                    _hot[slot] = word;
                }
            }
            uint256 from = first == 0 ? 1 : first << 3;
            uint256 to = ((first + count) << 3) - 1;
            if (to > minted) to = minted;
            if (from <= to) emit TraitUpdatedRange(key, from, to);
        }
    }

    /// @dev keccak-256 twice over abi.encode(tokenId, sequence, metadata, receipt, traits): twice, so that no inner
    /// node of the tree can be taken for a leaf.
    function _leafHash(
        uint256 tokenId,
        uint64 sequence,
        bytes32 metadata,
        bytes32 receipt,
        bytes32[] calldata traits
    ) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, tokenId)
            mstore(add(free, 32), sequence)
            mstore(add(free, 64), metadata)
            mstore(add(free, 96), receipt)
            mstore(add(free, 128), 160)
            mstore(add(free, 160), traits.length)
            let size := shl(5, traits.length)
            calldatacopy(add(free, 192), traits.offset, size)
            mstore(0, keccak256(free, add(192, size)))
            hash := keccak256(0, 32)
        }
    }

    /// @dev The 32 bits of each token whose bit is set in `lanes`, the lowest bit for the first.
    function _laneMask(uint256 lanes) private pure returns (uint256 mask) {
        for (uint256 i = 0; i < 8; ++i) {
            mask <<= 32;
            if (lanes >> i & 1 != 0) mask |= type(uint32).max;
        }
    }

    function _materialise(uint256 tokenId, bytes32[] calldata traits, uint256 which) private {
        if (_isHeld(tokenId)) revert TokenHeld(tokenId);
        mapping(bytes32 => bytes32) storage values = _traits[tokenId];
        for (uint256 i = 0; i < traits.length && which != 0; ++i) {
            if (which & 1 != 0) {
                bytes32 key = _traitKeyAt[i];
                if (key == 0) revert TraitDoesNotExist(key);
                bytes32 value = traits[i];
                if (values[key] != value) {
                    values[key] = value;
                    emit TraitUpdated(key, tokenId, value);
                }
            }
            which >>= 1;
        }
    }

    function _requireHolder(uint256 tokenId) private view {
        if (_requireOwned(tokenId) != msg.sender) revert CallerNotHolder(msg.sender);
    }

    function _isHeld(uint256 tokenId) private view returns (bool) {
        return _held[tokenId >> 8] >> (tokenId & 255) & 1 != 0;
    }

    /// @dev The URI is the same before and after, so nothing is announced.
    function _hold(uint256 tokenId) private {
        _held[tokenId >> 8] |= 1 << (tokenId & 255);
        _heldDirectory[tokenId] = directory;
    }

    function _release(uint256 tokenId) private {
        bytes32 before = _heldDirectory[tokenId];
        _held[tokenId >> 8] &= ~(1 << (tokenId & 255));
        delete _heldDirectory[tokenId];
        if (before != directory) emit MetadataUpdate(tokenId);
    }

    function _uri(bytes32 digest, string memory file) private pure returns (string memory) {
        if (digest == 0) return "";
        return string.concat("ipfs://", CidV1.dagPb(digest), "/", file, ".json");
    }

    function _setMinter(address newMinter) private {
        minter = newMinter;
        emit MinterSet(newMinter);
    }
}
