// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {IEpochOracle} from "./interfaces/IEpochOracle.sol";
import {IEpochSink} from "./interfaces/IEpochSink.sol";
import {Schnorr} from "./libraries/Schnorr.sol";
import {SignerList} from "./libraries/SignerList.sol";

/// @title Passes an epoch on to its token when a committee signed the report.
///
/// An oracle is one configuration: who signs, how many of them, with which models and manifests, how often.
/// Nothing of it can be changed and nobody owns it; another configuration is another oracle, which the token
/// takes on behind its timelock. What it stores is only which signers were ejected. The token itself sees to it
/// that epochs follow one another, so an oracle decides who is heard, and nothing else.
///
/// A committee signs in one of two ways: a quorum of ECDSA signatures, or one Schnorr signature of a group key
/// (FROST). A quorum is more than (n + f) / 2 of n signers, f = (n - 1) / 3 of them faulty, so two conflicting
/// reports of one epoch cannot both find one.
contract EpochOracle is IEpochOracle, EIP712 {
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

    /// @notice A model and the manifest (with the policy) that may use it.
    struct Definition {
        bytes32 model;
        bytes32 manifest;
    }

    /// @notice A point of secp256k1; zero and zero for none.
    struct GroupKey {
        uint256 x;
        uint256 y;
    }

    /// @notice All that makes up an oracle.
    struct Config {
        /// The generation: one more than that of the oracle before, 1 for the first.
        uint64 configCount;
        /// The least time between two epochs, in seconds.
        uint32 minInterval;
        /// How many signers a report needs.
        uint8 threshold;
        /// The signers, in the order of the bits; none if there is a group key and only that may sign.
        address[] signers;
        /// The key of the FROST group.
        GroupKey group;
        /// What a report may be made with, at most four; none approves everything.
        Definition[] definitions;
    }

    /// @notice An epoch was accepted: its report, whose config count is this oracle's. Who signed stands in the
    /// calldata.
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

    /// @notice A new committee; the log alone tells who it was, however long ago.
    event ConfigSet(uint64 indexed configCount, uint8 threshold, address[] signers);

    /// @notice The key of the group that may sign in the committee's place.
    event GroupKeySet(uint64 indexed configCount, uint256 x, uint256 y);

    /// @notice What reports may be made with.
    event DefinitionApproved(uint64 indexed configCount, bytes32 model, bytes32 manifest);

    /// @notice A signer signed two reports of one epoch, and is heard no more.
    event SignerEjected(uint64 indexed epoch, address indexed signer, bytes32 digest, bytes32 otherDigest);

    /// @notice The report was signed for another committee.
    error ConfigCountMismatch(uint64 expected, uint64 given);
    /// @notice The report came too late.
    error ReportExpired(uint64 validUntil, uint256 timestamp);
    /// @notice The report was made with a model or a manifest that is not approved.
    error DefinitionNotApproved(bytes32 model, bytes32 manifest);
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
    /// @notice A signature is that of a signer who was ejected.
    error SignerWasEjected(uint64 ejected);
    /// @notice The group's signature is not good, or there is no group.
    error GroupSignatureInvalid();
    /// @notice A committee has 1 to 64 signers, or none beside a group key.
    error SignerCountInvalid(uint256 given);
    /// @notice The threshold is below the quorum, or above the number of signers.
    error ThresholdOutOfRange(uint256 minimum, uint256 maximum, uint256 given);
    /// @notice A signer is the zero address or is named twice.
    error SignerInvalid(uint256 index, address signer);
    /// @notice The group key is not a point of the curve, or its x is not below the order.
    error GroupKeyInvalid(uint256 x, uint256 y);
    /// @notice More definitions than an oracle can hold.
    error TooManyDefinitions(uint256 maximum, uint256 given);
    /// @notice What was given proves nothing against a signer of this committee.
    error EvidenceInvalid();

    /// @notice The greatest committee: one bit for each signer.
    uint256 public constant MAX_SIGNERS = 64;

    /// @notice How many definitions an oracle can approve.
    uint256 public constant MAX_DEFINITIONS = 4;

    bytes32 private constant REPORT_TYPEHASH = keccak256(
        "Report(uint64 epoch,uint64 configCount,uint64 validUntil,bytes32 previousRoot,bytes32 stateRoot,"
        "bytes32 directory,bytes32 receiptsRoot,bytes32 model,bytes32 manifest,bytes32 cut)"
    );

    bytes32 private constant HOT_REPORT_TYPEHASH = keccak256(
        "HotReport(Report report,bytes32 hot)"
        "Report(uint64 epoch,uint64 configCount,uint64 validUntil,bytes32 previousRoot,bytes32 stateRoot,"
        "bytes32 directory,bytes32 receiptsRoot,bytes32 model,bytes32 manifest,bytes32 cut)"
    );

    /// @dev Half the order of secp256k1 (EIP-2).
    bytes32 private constant MAX_S = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @inheritdoc IEpochOracle
    address public immutable token;

    /// @inheritdoc IEpochOracle
    uint64 public immutable configCount;

    /// @notice The least time between two epochs, in seconds.
    uint32 public immutable minInterval;

    /// @notice The x of the group's key; zero if there is no group.
    uint256 public immutable groupX;

    /// @notice 27 if the y of the group's key is even, 28 if it is odd.
    uint8 public immutable groupParity;

    uint8 private immutable _threshold;
    uint8 private immutable _signerCount;
    address private immutable _signerList;

    /// @dev keccak-256 of model and manifest; zero for none. Read at each post, so they stand in the code.
    bytes32 private immutable _definition0;
    bytes32 private immutable _definition1;
    bytes32 private immutable _definition2;
    bytes32 private immutable _definition3;

    /// @notice Bit i is set if signer i was ejected.
    uint64 public ejected;

    /// @param token_ Takes the epochs, once it takes this oracle for its own.
    /// @param config Who signs what.
    constructor(address token_, Config memory config) EIP712("Enliven EpochOracle", "1") {
        token = token_;
        configCount = config.configCount;
        minInterval = config.minInterval;
        bool group = config.group.x != 0 || config.group.y != 0;
        if (group && !Schnorr.isKey(config.group.x, config.group.y)) {
            revert GroupKeyInvalid(config.group.x, config.group.y);
        }
        groupX = config.group.x;
        groupParity = uint8(27 + (config.group.y & 1));
        if (!group || config.signers.length != 0) _checkSigners(config.signers, config.threshold);
        // Without signers there is no quorum, rather than one of nobody.
        _threshold = config.signers.length == 0 ? 1 : config.threshold;
        _signerCount = uint8(config.signers.length);
        _signerList = SignerList.write(config.signers);
        uint256 count = config.definitions.length;
        if (count > MAX_DEFINITIONS) revert TooManyDefinitions(MAX_DEFINITIONS, count);
        bytes32[4] memory hashes;
        for (uint256 i = 0; i < count; ++i) {
            Definition memory one = config.definitions[i];
            hashes[i] = Hashes.efficientKeccak256(one.model, one.manifest);
            emit DefinitionApproved(config.configCount, one.model, one.manifest);
        }
        (_definition0, _definition1, _definition2, _definition3) = (hashes[0], hashes[1], hashes[2], hashes[3]);
        emit ConfigSet(config.configCount, config.threshold, config.signers);
        if (group) emit GroupKeySet(config.configCount, config.group.x, config.group.y);
    }

    /// @notice Posts the report of the next epoch with signatures of a quorum. Anyone may.
    /// @dev Functions are looked for in the order of their selectors, so the names of those that matter have low
    /// ones: this, and `advance` of the token.
    /// @param report What was signed.
    /// @param bitmap Bit i is set if signer i signed.
    /// @param signatures One 65-byte signature (r, s, v) for each set bit, from the lowest bit up.
    function postCommittee(Report calldata report, uint64 bitmap, bytes calldata signatures) external {
        _checkReport(report);
        _checkQuorum(reportDigest(report), bitmap, signatures);
        if (_advance(report)) _checkEjected(bitmap);
        _log(report);
    }

    /// @notice Posts the report of the next epoch together with hot traits. Anyone may.
    /// @param report What was signed, together with the hash of `hot`.
    /// @param hot The hot traits; see `LivingToken.hotTrait`.
    /// @param bitmap Bit i is set if signer i signed.
    /// @param signatures One 65-byte signature (r, s, v) for each set bit, from the lowest bit up.
    function postCommitteeHot(
        Report calldata report,
        bytes calldata hot,
        uint64 bitmap,
        bytes calldata signatures
    ) external {
        _checkReport(report);
        _checkQuorum(hotReportDigest(report, keccak256(hot)), bitmap, signatures);
        if (_advanceHot(report, hot)) _checkEjected(bitmap);
        _log(report);
    }

    /// @notice Posts the report of the next epoch with the signature of the group. Anyone may.
    /// @param report What was signed.
    /// @param rx The x of the signature's commitment.
    /// @param ry The y of the signature's commitment.
    /// @param z The signature's response.
    function postByGroup(Report calldata report, bytes32 rx, bytes32 ry, bytes32 z) external {
        _checkReport(report);
        _checkGroup(reportDigest(report), rx, ry, z);
        _advance(report);
        _log(report);
    }

    /// @notice Posts the report of the next epoch and hot traits with the signature of the group. Anyone may.
    /// @param report What was signed, together with the hash of `hot`.
    /// @param hot The hot traits; see `LivingToken.hotTrait`.
    /// @param rx The x of the signature's commitment.
    /// @param ry The y of the signature's commitment.
    /// @param z The signature's response.
    function postByGroupHot(Report calldata report, bytes calldata hot, bytes32 rx, bytes32 ry, bytes32 z) external {
        _checkReport(report);
        _checkGroup(hotReportDigest(report, keccak256(hot)), rx, ry, z);
        _advanceHot(report, hot);
        _log(report);
    }

    /// @notice Ejects a signer who signed two reports of one epoch. Anyone may.
    /// @dev The quorum falls with each ejected signer as it would for a smaller committee, so that the others
    /// can go on without them; with nobody left there is no quorum.
    /// @param one A report.
    /// @param oneHot The hash of its hot traits; zero for a report without.
    /// @param oneSignature The signer's signature of it.
    /// @param other Another report of the same epoch and committee.
    /// @param otherHot The hash of its hot traits; zero for a report without.
    /// @param otherSignature The same signer's signature of it.
    function eject(
        Report calldata one,
        bytes32 oneHot,
        bytes calldata oneSignature,
        Report calldata other,
        bytes32 otherHot,
        bytes calldata otherSignature
    ) external {
        bytes32 digest = oneHot == 0 ? reportDigest(one) : hotReportDigest(one, oneHot);
        bytes32 otherDigest = otherHot == 0 ? reportDigest(other) : hotReportDigest(other, otherHot);
        if (one.epoch != other.epoch || one.configCount != other.configCount || digest == otherDigest) {
            revert EvidenceInvalid();
        }
        if (one.configCount != configCount) revert EvidenceInvalid();
        address signer = _recover(digest, oneSignature);
        if (signer != _recover(otherDigest, otherSignature)) revert EvidenceInvalid();
        uint64 bit = _bitOf(signer);
        if (bit == 0 || ejected & bit != 0) revert EvidenceInvalid();
        ejected |= bit;
        emit SignerEjected(one.epoch, signer, digest, otherDigest);
        IEpochSink(token).degrade();
    }

    /// @notice How many signers a report needs.
    function threshold() public view returns (uint256) {
        uint256 gone = _popcount(ejected);
        if (gone == 0) return _threshold;
        // With all of them ejected no report can have a quorum.
        if (gone == _signerCount) return 1;
        uint256 least = minimumThreshold(_signerCount - gone);
        uint256 lowered = _threshold > gone ? _threshold - gone : 0;
        return lowered > least ? lowered : least;
    }

    /// @notice The committee, in the order of the bits, with those who were ejected.
    function signers() external view returns (address[] memory list) {
        uint256 count = _signerCount;
        uint256 packed = SignerList.load(_signerList, count);
        list = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            list[i] = SignerList.signerAt(packed + 20 * i);
        }
    }

    /// @notice Whether a report may be made with this model and this manifest.
    function approved(bytes32 model, bytes32 manifest) public view returns (bool) {
        if (_definition0 == 0) return true;
        bytes32 hash = Hashes.efficientKeccak256(model, manifest);
        return hash == _definition0 || hash == _definition1 || hash == _definition2 || hash == _definition3;
    }

    /// @notice The digest that the committee signs.
    function reportDigest(Report calldata report) public view returns (bytes32) {
        return _hashTypedDataV4(_structHash(report));
    }

    /// @notice The digest that the committee signs for a report with hot traits; `hot` is their hash.
    function hotReportDigest(Report calldata report, bytes32 hot) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(HOT_REPORT_TYPEHASH, _structHash(report), hot)));
    }

    /// @notice The least threshold for `count` signers: floor((n + f) / 2) + 1, f = floor((n - 1) / 3).
    function minimumThreshold(uint256 count) public pure returns (uint256) {
        if (count == 0 || count > MAX_SIGNERS) revert SignerCountInvalid(count);
        return (count + (count - 1) / 3) / 2 + 1;
    }

    function _structHash(Report calldata report) private pure returns (bytes32 structHash) {
        bytes32 typehash = REPORT_TYPEHASH;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typehash)
            calldatacopy(add(free, 32), report, 320)
            structHash := keccak256(free, 352)
        }
    }

    function _checkReport(Report calldata report) private view {
        if (report.configCount != configCount) revert ConfigCountMismatch(configCount, report.configCount);
        if (block.timestamp > report.validUntil) revert ReportExpired(report.validUntil, block.timestamp);
        if (!approved(report.model, report.manifest)) revert DefinitionNotApproved(report.model, report.manifest);
    }

    /// @dev `token.advance` with the words of the report as they are; the token checks that the number of the
    /// epoch fits its type, and `_checkReport` did so for the others.
    function _advance(Report calldata report) private returns (bool degraded) {
        bytes4 selector = IEpochSink.advance.selector;
        address sink = token;
        uint256 interval = minInterval;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, selector)
            mstore(add(free, 4), calldataload(report))
            mstore(add(free, 36), interval)
            // Previous root, state root, directory.
            calldatacopy(add(free, 68), add(report, 96), 96)
            if iszero(call(gas(), sink, 0, free, 164, 0, 32)) {
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
            degraded := mload(0)
        }
    }

    function _advanceHot(Report calldata report, bytes calldata hot) private returns (bool) {
        return IEpochSink(token)
            .advanceHot(report.epoch, minInterval, report.previousRoot, report.stateRoot, report.directory, hot);
    }

    /// @dev Emits EpochAccepted with the words of the report as they are.
    function _log(Report calldata report) private {
        bytes32 topic = EpochAccepted.selector;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, add(report, 64), 256)
            log2(free, 256, topic, calldataload(report))
        }
    }

    function _checkGroup(bytes32 digest, bytes32 rx, bytes32 ry, bytes32 z) private view {
        uint256 x = groupX;
        if (x == 0 || !Schnorr.verify(x, groupParity, digest, uint256(rx), uint256(ry), uint256(z))) {
            revert GroupSignatureInvalid();
        }
    }

    /// @dev Returns only if each set bit stands for a signer whose signature of `digest` is there, and
    /// there are enough of them. Each post runs this, so it is written for gas.
    function _checkQuorum(bytes32 digest, uint64 bitmap, bytes calldata signatures) private view {
        uint256 count = _signerCount;
        if (uint256(bitmap) >> count != 0) revert SignerOutOfRange(bitmap, count);
        uint256 signed = _popcount(bitmap);
        // Only a report that is short of the full threshold pays for looking whether it has fallen.
        if (signed < _threshold) {
            uint256 needed = threshold();
            if (signed < needed) revert QuorumNotReached(needed, signed);
        }
        unchecked {
            if (signatures.length != signed * 65) revert SignaturesLengthMismatch(signed * 65, signatures.length);
        }

        // The list has `count` signers and no bit is set above them; the signatures have 65 bytes for each
        // set bit: so the loop reads nothing beyond either.
        uint256 signer = SignerList.load(_signerList, count);
        uint256 list = signer;
        uint256 wrong;
        bytes32 maxS = MAX_S;
        assembly ("memory-safe") {
            let source := signatures.offset
            // The input of ecrecover, four words: digest, v, r, s.
            let input := mload(0x40)
            mstore(input, digest)
            for { let rest := bitmap } rest {
                rest := shr(1, rest)
                signer := add(signer, 20)
            } {
                if and(rest, 1) {
                    mstore(add(input, 32), byte(0, calldataload(add(source, 64))))
                    calldatacopy(add(input, 64), source, 64)
                    // It answers nothing if v is not 27 or 28 or no key fits. Then the zero stays, and no
                    // signer is the zero address.
                    mstore(0, 0)
                    pop(staticcall(gas(), 1, input, 128, 0, 32))
                    wrong := or(wrong, or(xor(mload(0), shr(96, mload(signer))), gt(mload(add(input, 96)), maxS)))
                    source := add(source, 65)
                }
            }
        }
        if (wrong != 0) _explain(digest, bitmap, signatures, list);
    }

    /// @dev Reverts if one of them signed who was ejected.
    function _checkEjected(uint64 bitmap) private view {
        if (bitmap & ejected != 0) revert SignerWasEjected(ejected);
    }

    /// @dev Reverts with the reason why the first bad signature was refused.
    function _explain(bytes32 digest, uint64 bitmap, bytes calldata signatures, uint256 list) private pure {
        for (uint256 i = 0; i < MAX_SIGNERS; ++i) {
            if (bitmap >> i & 1 == 0) continue;
            bytes32 r = bytes32(signatures);
            bytes32 s = bytes32(signatures[32:]);
            uint8 v = uint8(signatures[64]);
            if (v != 27 && v != 28) revert SignatureVInvalid(i, v);
            if (s > MAX_S) revert SignatureSTooHigh(i, s);
            address expected = SignerList.signerAt(list + 20 * i);
            address recovered = ecrecover(digest, v, r, s);
            if (recovered != expected) revert SignerMismatch(i, expected, recovered);
            signatures = signatures[65:];
        }
    }

    /// @dev The signer of a digest; reverts if there is none.
    function _recover(bytes32 digest, bytes calldata signature) private pure returns (address) {
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (failure != ECDSA.RecoverError.NoError) revert EvidenceInvalid();
        return signer;
    }

    /// @dev The bit of a signer; zero if it is not in the committee.
    function _bitOf(address signer) private view returns (uint64) {
        uint256 count = _signerCount;
        uint256 packed = SignerList.load(_signerList, count);
        for (uint256 i = 0; i < count; ++i) {
            if (SignerList.signerAt(packed + 20 * i) == signer) return uint64(1 << i);
        }
        return 0;
    }

    /// @dev The number of set bits, added up in ever wider fields.
    function _popcount(uint64 bits) private pure returns (uint256) {
        unchecked {
            uint256 x = bits;
            x -= (x >> 1) & 0x5555555555555555;
            x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333);
            x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
            return ((x * 0x0101010101010101) >> 56) & 255;
        }
    }

    function _checkSigners(address[] memory list, uint8 wanted) private pure {
        uint256 count = list.length;
        uint256 minimum = minimumThreshold(count);
        if (wanted < minimum || wanted > count) revert ThresholdOutOfRange(minimum, count, wanted);
        for (uint256 i = 0; i < count; ++i) {
            if (list[i] == address(0)) revert SignerInvalid(i, list[i]);
            for (uint256 j = 0; j < i; ++j) {
                if (list[i] == list[j]) revert SignerInvalid(i, list[i]);
            }
        }
    }
}
