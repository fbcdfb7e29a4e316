// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IAnnouncer} from "./interfaces/IAnnouncer.sol";
import {IEpochOracle} from "./interfaces/IEpochOracle.sol";
import {SignerList} from "./libraries/SignerList.sol";

/// @title Accepts an epoch when a quorum of the committee signed its report.
///
/// The owner (in production a timelock) chooses the committee. The guardian may stop and resume
/// posting and can do nothing else. Anyone may post: only the signatures count. A quorum is more than
/// (n + f) / 2 of n signers, f = (n - 1) / 3 of them faulty, so two conflicting reports of one epoch
/// cannot both find one.
contract EpochOracle is IEpochOracle, Ownable2Step, EIP712 {
    /// @notice What the committee signs for an epoch, as EIP-712 typed data.
    struct Report {
        /// The epoch's number; the first is 1.
        uint64 epoch;
        /// The generation of the committee that signs.
        uint64 configCount;
        /// The last second (Unix time) at which the report may be posted.
        uint64 validUntil;
        /// The state root of the epoch before; zero for the first.
        bytes32 previousRoot;
        /// The root of the state tree.
        bytes32 stateRoot;
        /// The digest in the CID (dag-pb) of the collection's directory.
        bytes32 directory;
        /// The root over the receipts of this epoch; zero if there are none.
        bytes32 receiptsRoot;
        /// The digest of the model.
        bytes32 model;
        /// The digest of the manifest.
        bytes32 manifest;
        /// The digest of the cut: which events the epoch saw.
        bytes32 cut;
    }

    /// @dev All that a post reads and writes besides the two digests, in one slot.
    struct State {
        uint40 epoch;
        uint32 configCount;
        uint8 threshold;
        uint8 signerCount;
        bool paused;
        address signerList;
    }

    /// @notice An epoch was accepted. Bit i of `signers` stands for signer i of the committee then.
    event EpochAccepted(uint64 indexed epoch, Report report, uint64 signers);

    /// @notice A new committee; the log alone tells who it was, however long ago.
    event ConfigSet(uint64 indexed configCount, uint8 threshold, address[] signers);

    /// @notice The guardian stopped or resumed posting.
    event PausedSet(bool paused);

    /// @notice The owner appointed a guardian.
    event GuardianSet(address indexed guardian);

    /// @notice The guardian has stopped posting.
    error PostingPaused();
    /// @notice The report was signed for another committee.
    error ConfigCountMismatch(uint64 expected, uint64 given);
    /// @notice The report is not of the epoch that follows the last accepted one.
    error EpochMismatch(uint64 expected, uint64 given);
    /// @notice The report does not build on the accepted state root.
    error PreviousRootMismatch(bytes32 expected, bytes32 given);
    /// @notice The report came too late.
    error ReportExpired(uint64 validUntil, uint256 timestamp);
    /// @notice A bit is set that stands for no signer.
    error SignerOutOfRange(uint64 bitmap, uint256 signerCount);
    /// @notice Fewer signers than the quorum.
    error QuorumNotReached(uint256 threshold, uint256 given);
    /// @notice The signatures are not 65 bytes for each set bit.
    error SignaturesLengthMismatch(uint256 expected, uint256 given);
    /// @notice The recovery id of a signature is not 27 or 28.
    error SignatureVInvalid(uint256 signer, uint8 v);
    /// @notice The s of a signature is in the upper half of the order, so that it has a twin.
    error SignatureSTooHigh(uint256 signer, bytes32 s);
    /// @notice A signature is not that of the signer whose bit is set (zero: of nobody).
    error SignerMismatch(uint256 signer, address expected, address recovered);
    /// @notice A committee has 1 to 64 signers.
    error SignerCountInvalid(uint256 given);
    /// @notice The threshold is below the quorum, or above the number of signers.
    error ThresholdOutOfRange(uint256 minimum, uint256 maximum, uint256 given);
    /// @notice A signer is the zero address or is named twice.
    error SignerInvalid(uint256 index, address signer);
    /// @notice Only the guardian may do this.
    error CallerNotGuardian(address caller);

    /// @notice The greatest committee: one bit for each signer.
    uint256 public constant MAX_SIGNERS = 64;

    bytes32 private constant REPORT_TYPEHASH = keccak256(
        "Report(uint64 epoch,uint64 configCount,uint64 validUntil,bytes32 previousRoot,bytes32 stateRoot,"
        "bytes32 directory,bytes32 receiptsRoot,bytes32 model,bytes32 manifest,bytes32 cut)"
    );

    /// @dev Half the order of secp256k1 (EIP-2).
    bytes32 private constant MAX_S = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @notice The token that announces accepted epochs.
    IAnnouncer public immutable token;

    /// @inheritdoc IEpochOracle
    bytes32 public stateRoot;

    /// @inheritdoc IEpochOracle
    bytes32 public directory;

    State private _state;

    /// @notice May stop and resume posting.
    address public guardian;

    /// @param initialOwner Sets committees and guardians; a timelock in production.
    /// @param initialGuardian May stop and resume posting; zero for nobody.
    /// @param token_ Announces each accepted epoch. Posts revert until it takes this oracle for its own.
    /// @param initialSigners The first committee, in the order of the bits.
    /// @param initialThreshold How many of them a report needs.
    /// @param predecessor The oracle that this one replaces, whose last epoch is carried on; zero for none.
    constructor(
        address initialOwner,
        address initialGuardian,
        IAnnouncer token_,
        address[] memory initialSigners,
        uint8 initialThreshold,
        IEpochOracle predecessor
    ) Ownable(initialOwner) EIP712("Enliven EpochOracle", "1") {
        token = token_;
        if (address(predecessor) != address(0)) {
            uint64 lastEpoch;
            (lastEpoch, stateRoot, directory) = predecessor.last();
            _state.epoch = SafeCast.toUint40(lastEpoch);
        }
        _setConfig(initialSigners, initialThreshold);
        _setGuardian(initialGuardian);
    }

    /// @notice Posts the report of the next epoch. Anyone may.
    /// @param report What was signed.
    /// @param bitmap Bit i is set if signer i signed.
    /// @param signatures One 65-byte signature (r, s, v) for each set bit, from the lowest bit up.
    function post(Report calldata report, uint64 bitmap, bytes calldata signatures) external {
        State storage state = _state;
        if (state.paused) revert PostingPaused();
        if (report.configCount != state.configCount) {
            revert ConfigCountMismatch(state.configCount, report.configCount);
        }
        uint40 next = state.epoch + 1;
        if (report.epoch != next) revert EpochMismatch(next, report.epoch);
        bytes32 root = stateRoot;
        if (report.previousRoot != root) revert PreviousRootMismatch(root, report.previousRoot);
        if (block.timestamp > report.validUntil) revert ReportExpired(report.validUntil, block.timestamp);

        _checkQuorum(reportDigest(report), bitmap, signatures);

        _state.epoch = next;
        stateRoot = report.stateRoot;
        directory = report.directory;
        emit EpochAccepted(next, report, bitmap);
        token.announce();
    }

    /// @notice Replaces the committee; reports signed for the one before are void from here on.
    function setConfig(address[] calldata newSigners, uint8 newThreshold) external onlyOwner {
        _setConfig(newSigners, newThreshold);
    }

    /// @notice Appoints the guardian; zero for nobody.
    function setGuardian(address newGuardian) external onlyOwner {
        _setGuardian(newGuardian);
    }

    /// @notice Stops posting. What was accepted stays readable.
    function pause() external {
        _setPaused(true);
    }

    /// @notice Resumes posting.
    function unpause() external {
        _setPaused(false);
    }

    /// @inheritdoc IEpochOracle
    function epoch() external view returns (uint64) {
        return _state.epoch;
    }

    /// @inheritdoc IEpochOracle
    function last() external view returns (uint64, bytes32, bytes32) {
        return (_state.epoch, stateRoot, directory);
    }

    /// @notice How often a committee was set; a report must name the present one.
    function configCount() external view returns (uint64) {
        return _state.configCount;
    }

    /// @notice How many signers a report needs.
    function threshold() external view returns (uint8) {
        return _state.threshold;
    }

    /// @notice The committee, in the order of the bits.
    function signers() external view returns (address[] memory list) {
        uint256 count = _state.signerCount;
        uint256 packed = SignerList.load(_state.signerList, count);
        list = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            list[i] = SignerList.signerAt(packed + 20 * i);
        }
    }

    /// @notice Whether the guardian has stopped posting.
    function paused() external view returns (bool) {
        return _state.paused;
    }

    /// @notice The digest that the committee signs.
    function reportDigest(Report calldata report) public view returns (bytes32) {
        bytes32 typehash = REPORT_TYPEHASH;
        bytes32 structHash;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typehash)
            calldatacopy(add(free, 32), report, 320)
            structHash := keccak256(free, 352)
        }
        return _hashTypedDataV4(structHash);
    }

    /// @notice The least threshold for `count` signers: floor((n + f) / 2) + 1, f = floor((n - 1) / 3).
    function minimumThreshold(uint256 count) public pure returns (uint256) {
        if (count == 0 || count > MAX_SIGNERS) revert SignerCountInvalid(count);
        return (count + (count - 1) / 3) / 2 + 1;
    }

    /// @dev Returns only if each set bit stands for a signer whose signature of `digest` is there, and
    /// there are enough of them. Each post runs this, so it is written for gas.
    function _checkQuorum(bytes32 digest, uint64 bitmap, bytes calldata signatures) private view {
        uint256 count = _state.signerCount;
        if (uint256(bitmap) >> count != 0) revert SignerOutOfRange(bitmap, count);
        uint256 signed = _popcount(bitmap);
        if (signed < _state.threshold) revert QuorumNotReached(_state.threshold, signed);
        if (signatures.length != signed * 65) revert SignaturesLengthMismatch(signed * 65, signatures.length);

        // The list has `count` signers and no bit is set above them; the signatures have 65 bytes for each
        // set bit: so the loop reads nothing beyond either.
        uint256 list = SignerList.load(_state.signerList, count);
        uint256 signer = list;
        uint256 source;
        bool failed;
        bytes32 maxS = MAX_S;
        assembly ("memory-safe") {
            source := signatures.offset
            // The input of ecrecover, four words: digest, v, r, s.
            let input := mload(0x40)
            mstore(input, digest)
            for { let rest := bitmap } rest { rest := shr(1, rest) } {
                if and(rest, 1) {
                    mstore(add(input, 32), byte(0, calldataload(add(source, 64))))
                    calldatacopy(add(input, 64), source, 64)
                    // It answers nothing if v is not 27 or 28 or no key fits. Then the zero stays, and no
                    // signer is the zero address.
                    mstore(0, 0)
                    pop(staticcall(gas(), 1, input, 128, 0, 32))
                    failed := or(xor(mload(0), shr(96, mload(signer))), gt(mload(add(input, 96)), maxS))
                    if failed { break }
                    source := add(source, 65)
                }
                signer := add(signer, 20)
            }
        }
        if (failed) _explain(digest, source, (signer - list) / 20, SignerList.signerAt(signer));
    }

    /// @dev Reverts with the reason why the signature at `source` in the calldata was refused.
    function _explain(bytes32 digest, uint256 source, uint256 index, address expected) private pure {
        bytes32 r;
        bytes32 s;
        uint8 v;
        assembly ("memory-safe") {
            r := calldataload(source)
            s := calldataload(add(source, 32))
            v := byte(0, calldataload(add(source, 64)))
        }
        if (v != 27 && v != 28) revert SignatureVInvalid(index, v);
        if (s > MAX_S) revert SignatureSTooHigh(index, s);
        revert SignerMismatch(index, expected, ecrecover(digest, v, r, s));
    }

    /// @dev The number of set bits, added up in ever wider fields.
    function _popcount(uint64 bits) private pure returns (uint256 sum) {
        unchecked {
            uint64 x = bits - ((bits >> 1) & 0x5555555555555555);
            x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333);
            x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
            return (x * 0x0101010101010101) >> 56;
        }
    }

    function _setConfig(address[] memory newSigners, uint8 newThreshold) private {
        uint256 count = newSigners.length;
        uint256 minimum = minimumThreshold(count);
        if (newThreshold < minimum || newThreshold > count) {
            revert ThresholdOutOfRange(minimum, count, newThreshold);
        }
        for (uint256 i = 0; i < count; ++i) {
            if (newSigners[i] == address(0)) revert SignerInvalid(i, newSigners[i]);
            for (uint256 j = 0; j < i; ++j) {
                if (newSigners[i] == newSigners[j]) revert SignerInvalid(i, newSigners[i]);
            }
        }
        uint32 newCount = _state.configCount + 1;
        _state.configCount = newCount;
        _state.threshold = newThreshold;
        _state.signerCount = uint8(count);
        _state.signerList = SignerList.write(newSigners);
        emit ConfigSet(newCount, newThreshold, newSigners);
    }

    function _setGuardian(address newGuardian) private {
        guardian = newGuardian;
        emit GuardianSet(newGuardian);
    }

    function _setPaused(bool paused_) private {
        if (msg.sender != guardian) revert CallerNotGuardian(msg.sender);
        _state.paused = paused_;
        emit PausedSet(paused_);
    }
}
