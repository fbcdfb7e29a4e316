// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {EpochOracle} from "../../src/EpochOracle.sol";
import {IEpochOracle} from "../../src/interfaces/IEpochOracle.sol";
import {LivingToken} from "../../src/LivingToken.sol";

/// @dev The cheat codes of forge that these tests use.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function prank(address sender) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function warp(uint256 timestamp) external;
    function chainId(uint256 id) external;
    function assume(bool condition) external pure;
    function expectRevert(bytes calldata data) external;
    function expectRevert(bytes4 selector) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
}

/// @dev What the tests share: the contracts as they are shipped, a committee, and reports that it signs.
abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint256 internal constant MINTED = 20;

    address internal constant OWNER = address(0x0110);
    address internal constant GUARDIAN = address(0x0220);
    address internal constant HOLDER = address(0x0330);
    address internal constant STRANGER = address(0x0440);

    LivingToken internal token;
    EpochOracle internal oracle;
    uint256[] internal keys;

    /// @dev The bytecode that build.mjs made, with constructor arguments.
    function deploy(string memory name, bytes memory arguments) internal returns (address created) {
        string memory json = vm.readFile(string.concat("artifacts/", name, ".json"));
        bytes memory code = bytes.concat(vm.parseJsonBytes(json, ".bytecode"), arguments);
        assembly ("memory-safe") {
            created := create(0, add(code, 32), mload(code))
        }
        require(created != address(0), "not created");
    }

    function deployToken(uint32 delay) internal returns (LivingToken) {
        bytes memory arguments = abi.encode("Living", "LIVE", OWNER, OWNER, uint96(250), GUARDIAN, delay);
        return LivingToken(deploy("LivingToken", arguments));
    }

    function setUpCollection(uint256 size, uint8 threshold, uint32 delay) internal {
        vm.warp(1_000_000);
        token = deployToken(delay);
        delete keys;
        for (uint256 i = 0; i < size; ++i) {
            keys.push(uint256(keccak256(abi.encode("signer", i))));
        }
        oracle = deployOracle(config(1, threshold));
        vm.startPrank(OWNER);
        token.setOracle(IEpochOracle(address(oracle)));
        token.mintBatch(HOLDER, MINTED);
        vm.stopPrank();
    }

    function deployOracle(EpochOracle.Config memory settings) internal returns (EpochOracle) {
        return EpochOracle(deploy("EpochOracle", abi.encode(address(token), settings)));
    }

    function config(uint64 count, uint8 threshold) internal view returns (EpochOracle.Config memory settings) {
        settings.configCount = count;
        settings.threshold = threshold;
        settings.signers = new address[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) {
            settings.signers[i] = vm.addr(keys[i]);
        }
    }

    function nextReport() internal view returns (EpochOracle.Report memory report) {
        (uint64 epoch, bytes32 root,) = token.last();
        report.epoch = epoch + 1;
        report.configCount = oracle.configCount();
        report.validUntil = uint64(block.timestamp + 3600);
        report.previousRoot = root;
        report.stateRoot = keccak256(abi.encode("state", epoch));
        report.directory = keccak256(abi.encode("directory", epoch));
        report.receiptsRoot = keccak256(abi.encode("receipts", epoch));
        report.model = keccak256("model");
        report.manifest = keccak256("manifest");
        report.cut = keccak256(abi.encode("cut", epoch));
    }

    /// @dev The signatures of a digest by the signers whose bit is set.
    function signatures(bytes32 digest, uint64 bitmap) internal view returns (bytes memory all) {
        for (uint256 i = 0; i < keys.length; ++i) {
            if (bitmap >> i & 1 != 0) all = bytes.concat(all, signature(keys[i], digest));
        }
    }

    function signature(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function post(EpochOracle.Report memory report, uint64 bitmap) internal {
        bytes memory all = signatures(oracle.reportDigest(report), bitmap);
        oracle.postCommittee(report, bitmap, all);
    }

    function postNext() internal returns (EpochOracle.Report memory report) {
        report = nextReport();
        post(report, uint64((1 << keys.length) - 1));
    }

    function assertEq(bytes32 found, bytes32 wanted, string memory what) internal pure {
        require(found == wanted, what);
    }

    function assertEq(uint256 found, uint256 wanted, string memory what) internal pure {
        require(found == wanted, what);
    }

    function assertEq(string memory found, string memory wanted, string memory what) internal pure {
        require(keccak256(bytes(found)) == keccak256(bytes(wanted)), what);
    }

    function assertTrue(bool found, string memory what) internal pure {
        require(found, what);
    }
}
