// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {EpochOracle} from "../../src/EpochOracle.sol";
import {IEpochOracle} from "../../src/interfaces/IEpochOracle.sol";
import {LivingToken} from "../../src/LivingToken.sol";
import {Base} from "./Base.sol";

/// @dev Somebody who can call anything, holds the keys of two of seven signers, and has seen every signature
/// that was ever posted. Each function is one way to cheat; beside them honest posts go on. What must not happen
/// is written down in `broken`.
contract Byzantine is Base {
    uint256 private constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    /// What the honest posts made of the state.
    uint64 public epoch;
    bytes32 public root;
    bytes32 public directory;
    string public broken;

    EpochOracle private _twin;
    /// In storage, as the optimizer holds `block.chainid` for something that never changes.
    uint256 private _chain;
    EpochOracle.Report private _posted;
    uint64 private _postedBitmap;
    bytes private _postedSignatures;
    string[MINTED + 1] private _frozenURI;

    constructor() {
        setUpCollection(7, 5, 1 days);
        // The same committee for another token.
        LivingToken mine = token;
        EpochOracle own = oracle;
        setUpCollection(7, 5, 1 days);
        _twin = oracle;
        (token, oracle) = (mine, own);
        _chain = block.chainid;
    }

    function collection() external view returns (LivingToken, EpochOracle) {
        return (token, oracle);
    }

    // Honest calls.

    function postHonestly(uint64 seed, bytes32 stateRoot, bytes32 newDirectory) external {
        EpochOracle.Report memory report = nextReport();
        (report.stateRoot, report.directory) = (stateRoot, newDirectory);
        uint64 bitmap = quorum(seed);
        bytes memory all = signatures(oracle.reportDigest(report), bitmap);
        oracle.postCommittee(report, bitmap, all);
        (epoch, root, directory) = (report.epoch, stateRoot, newDirectory);
        (_posted, _postedBitmap, _postedSignatures) = (report, bitmap, all);
    }

    function passTime(uint16 seconds_) external {
        vm.warp(block.timestamp + seconds_);
    }

    function freeze(uint8 seed) external {
        uint256 tokenId = 1 + seed % MINTED;
        vm.startPrank(HOLDER);
        if (token.isHeld(tokenId)) {
            token.unfreeze(tokenId);
            delete _frozenURI[tokenId];
        } else {
            token.freeze(tokenId);
            _frozenURI[tokenId] = token.tokenURI(tokenId);
        }
        vm.stopPrank();
    }

    // Ways to cheat.

    function wrongEpoch(uint64 number, uint64 seed) external {
        EpochOracle.Report memory report = nextReport();
        if (number == report.epoch) number ^= 1;
        report.epoch = number;
        refused("wrong epoch", report, quorum(seed));
    }

    function wrongPreviousRoot(bytes32 wrong, uint64 seed) external {
        EpochOracle.Report memory report = nextReport();
        if (wrong == report.previousRoot) wrong = ~wrong;
        report.previousRoot = wrong;
        refused("wrong previous root", report, quorum(seed));
    }

    function wrongDigest(bytes32 other, uint8 field, uint64 seed) external {
        EpochOracle.Report memory report = nextReport();
        uint64 bitmap = quorum(seed);
        bytes memory all = signatures(oracle.reportDigest(report), bitmap);
        // One field is another than the signed one.
        bytes memory encoded = abi.encode(report);
        uint256 place = 32 * (uint256(3) + field % 7) + 32;
        bytes32 before;
        assembly ("memory-safe") {
            before := mload(add(encoded, place))
            if eq(before, other) { other := not(other) }
            mstore(add(encoded, place), other)
        }
        refused("wrong digest", abi.decode(encoded, (EpochOracle.Report)), bitmap, all);
    }

    function tooFew(uint64 bits) external {
        uint64 bitmap = bits & 0x7f;
        while (count(bitmap) > 4) bitmap &= bitmap - 1;
        refused("too few", nextReport(), bitmap);
    }

    function duplicate(uint8 who, uint64 seed) external {
        EpochOracle.Report memory report = nextReport();
        bytes32 digest = oracle.reportDigest(report);
        // Four others, and one of them in place of the fifth.
        uint64 bitmap = quorum(seed);
        bytes[] memory each = split(signatures(digest, bitmap));
        uint256 from = who % each.length;
        each[(from + 1) % each.length] = each[from];
        refused("duplicate", report, bitmap, join(each));
    }

    function outsider(uint256 key, uint8 place, uint64 seed) external {
        key = 1 + key % (ORDER - 1);
        for (uint256 i = 0; i < keys.length; ++i) {
            if (keys[i] == key) return;
        }
        EpochOracle.Report memory report = nextReport();
        bytes32 digest = oracle.reportDigest(report);
        uint64 bitmap = quorum(seed);
        bytes[] memory each = split(signatures(digest, bitmap));
        each[place % each.length] = signature(key, digest);
        refused("outsider", report, bitmap, join(each));
        // A bit beyond the committee, for the same outsider.
        bytes memory more = bytes.concat(signatures(digest, 0x7f), signature(key, digest));
        refused("outsider beyond", report, 0x7f | uint64(1 << (7 + place % 57)), more);
    }

    function swapped(uint8 one, uint8 other, uint64 seed) external {
        EpochOracle.Report memory report = nextReport();
        uint64 bitmap = quorum(seed);
        bytes[] memory each = split(signatures(oracle.reportDigest(report), bitmap));
        uint256 i = one % each.length;
        uint256 j = other % each.length;
        if (i == j) j = (i + 1) % each.length;
        (each[i], each[j]) = (each[j], each[i]);
        refused("swapped", report, bitmap, join(each));
    }

    function highS(uint8 who, uint64 seed) external {
        EpochOracle.Report memory report = nextReport();
        uint64 bitmap = quorum(seed);
        bytes[] memory each = split(signatures(oracle.reportDigest(report), bitmap));
        bytes memory one = each[who % each.length];
        bytes32 r;
        uint256 s;
        assembly ("memory-safe") {
            r := mload(add(one, 32))
            s := mload(add(one, 64))
        }
        uint8 v = uint8(one[64]) == 27 ? 28 : 27;
        each[who % each.length] = abi.encodePacked(r, ORDER - s, v);
        refused("high s", report, bitmap, join(each));
    }

    function zeroRecover(uint8 who, uint8 v, bytes32 s, uint64 seed) external {
        EpochOracle.Report memory report = nextReport();
        uint64 bitmap = quorum(seed);
        bytes[] memory each = split(signatures(oracle.reportDigest(report), bitmap));
        each[who % each.length] = abi.encodePacked(bytes32(0), s, v);
        refused("zero recover", report, bitmap, join(each));
    }

    function garbage(uint64 bitmap, bytes calldata all) external {
        refused("garbage", nextReport(), bitmap, all);
    }

    function replayEpoch() external {
        if (epoch == 0) return;
        refused("replay of an epoch", _posted, _postedBitmap, _postedSignatures);
    }

    function replayAsNext() external {
        if (epoch == 0) return;
        EpochOracle.Report memory report = _posted;
        report.epoch = epoch + 1;
        report.previousRoot = root;
        refused("replay as the next", report, _postedBitmap, _postedSignatures);
    }

    function replayChain(uint32 chain, uint64 seed) external {
        if (chain == _chain || chain == 0) return;
        EpochOracle.Report memory report = nextReport();
        uint64 bitmap = quorum(seed);
        vm.chainId(chain);
        bytes memory all = signatures(oracle.reportDigest(report), bitmap);
        vm.chainId(_chain);
        refused("replay from a chain", report, bitmap, all);
    }

    function replayContract(uint64 seed) external {
        EpochOracle.Report memory report = nextReport();
        uint64 bitmap = quorum(seed);
        refused("replay from a contract", report, bitmap, signatures(_twin.reportDigest(report), bitmap));
    }

    function replayConfig(uint64 configCount, uint64 seed) external {
        if (configCount == oracle.configCount()) return;
        EpochOracle.Report memory report = nextReport();
        uint64 bitmap = quorum(seed);
        report.configCount = configCount;
        bytes memory all = signatures(oracle.reportDigest(report), bitmap);
        refused("replay from a config", report, bitmap, all);
        report.configCount = oracle.configCount();
        refused("replay from a config, renamed", report, bitmap, all);
    }

    function stale(uint32 late, uint64 seed) external {
        EpochOracle.Report memory report = nextReport();
        report.validUntil = uint64(block.timestamp - 1 - late % block.timestamp);
        refused("stale", report, quorum(seed));
    }

    function byNobody(bytes32 rx, bytes32 ry, bytes32 z) external {
        EpochOracle.Report memory report = nextReport();
        try oracle.postByGroup(report, rx, ry, z) {
            broken = "a group that does not exist";
        } catch {}
    }

    function advanceDirectly(bytes32 newRoot, bytes32 newDirectory, bool byTwin) external {
        vm.prank(byTwin ? address(_twin) : STRANGER);
        try token.advance(epoch + 1, 0, root, newRoot, newDirectory) {
            broken = "advance by a stranger";
        } catch {}
    }

    function replaceOracle(bool asOwner) external {
        vm.prank(asOwner ? OWNER : STRANGER);
        // Nothing was proposed.
        try token.setOracle(IEpochOracle(address(_twin))) {
            broken = "another oracle";
        } catch {}
    }

    function accuse(uint8 who, uint8 place) external {
        // The two cheats can be ejected only by what they sign themselves: here they have one report, and forge
        // another of the honest signer.
        EpochOracle.Report memory one = nextReport();
        EpochOracle.Report memory other = one;
        other.cut = keccak256("other");
        uint256 key = keys[2 + who % 5];
        bytes memory good = signature(key, oracle.reportDigest(one));
        bytes memory forged = signature(keys[place % 2], oracle.reportDigest(other));
        try oracle.eject(one, 0, good, other, 0, forged) {
            broken = "an honest signer was ejected";
        } catch {}
        try oracle.eject(one, 0, good, one, 0, good) {
            broken = "ejected for one report";
        } catch {}
    }

    function thaw(uint8 seed, bool optIn) external {
        uint256 tokenId = 1 + seed % MINTED;
        vm.startPrank(seed % 2 == 0 ? OWNER : STRANGER);
        bool done;
        if (optIn) {
            try token.optIn(tokenId) {
                done = true;
            } catch {}
        } else {
            try token.unfreeze(tokenId) {
                done = true;
            } catch {}
        }
        vm.stopPrank();
        if (done) broken = "a stranger let a token live";
    }

    /// @dev The first frozen token whose URI is not what it was; zero if there is none.
    function thawed() external view returns (uint256) {
        for (uint256 tokenId = 1; tokenId <= MINTED; ++tokenId) {
            if (!token.isHeld(tokenId)) continue;
            if (keccak256(bytes(_frozenURI[tokenId])) != keccak256(bytes(token.tokenURI(tokenId)))) return tokenId;
        }
        return 0;
    }

    function refused(string memory how, EpochOracle.Report memory report, uint64 bitmap) private {
        refused(how, report, bitmap, signatures(oracle.reportDigest(report), bitmap));
    }

    function refused(string memory how, EpochOracle.Report memory report, uint64 bitmap, bytes memory all) private {
        try oracle.postCommittee(report, bitmap, all) {
            broken = how;
        } catch {}
    }

    /// @dev Five to seven of the signers.
    function quorum(uint64 seed) private pure returns (uint64 bitmap) {
        bitmap = uint64(0x7f);
        bitmap &= ~uint64(1 << (seed % 7));
        bitmap &= ~uint64(1 << (seed / 7 % 7));
    }

    function count(uint64 bits) private pure returns (uint256 sum) {
        for (; bits != 0; bits &= bits - 1) {
            ++sum;
        }
    }

    function split(bytes memory all) private pure returns (bytes[] memory each) {
        each = new bytes[](all.length / 65);
        for (uint256 i = 0; i < each.length; ++i) {
            each[i] = new bytes(65);
            for (uint256 j = 0; j < 65; ++j) {
                each[i][j] = all[65 * i + j];
            }
        }
    }

    function join(bytes[] memory each) private pure returns (bytes memory all) {
        for (uint256 i = 0; i < each.length; ++i) {
            all = bytes.concat(all, each[i]);
        }
    }
}

contract ByzantineTest {
    Byzantine private _handler;

    function setUp() public {
        _handler = new Byzantine();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function invariant_onlyHonestPostsCount() external view {
        string memory broken = _handler.broken();
        require(bytes(broken).length == 0, broken);
        (LivingToken token, EpochOracle oracle) = _handler.collection();
        (uint64 epoch, bytes32 root, bytes32 directory) = token.last();
        require(epoch == _handler.epoch(), "epoch");
        require(root == _handler.root(), "state root");
        require(directory == _handler.directory(), "directory");
        require(address(token.oracle()) == address(oracle), "oracle");
        require(oracle.ejected() == 0, "ejected");
        require(_handler.thawed() == 0, "a frozen token changed");
    }
}
