// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {EpochOracle} from "../../src/EpochOracle.sol";
import {IEpochOracle} from "../../src/interfaces/IEpochOracle.sol";
import {LivingToken} from "../../src/LivingToken.sol";

/// @dev The cheat codes of halmos that these proofs use.
interface Svm {
    function createCalldata(string memory contractName) external pure returns (bytes memory data);
    function createAddress(string memory name) external pure returns (address value);
    function enableSymbolicStorage(address account) external;
}

interface Vm {
    function prank(address sender) external;
    function assume(bool condition) external pure;
}

/// @dev For halmos. The token's storage is arbitrary in each proof, so what holds for one call holds for every
/// sequence of calls; the call is any function with any arguments by anybody.
contract SymbolicTest {
    Svm private constant svm = Svm(0xF3993A62377BCd56AE39D773740A5390411E8BC9);
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint256 private constant TOKEN = 1;
    address private constant HOLDER = address(0x0330);

    LivingToken private _token;

    function setUp() public {
        _token = new LivingToken("Living", "LIVE", address(this), address(this), 250, address(0x0220), 1 days);
        EpochOracle.Config memory config;
        config.configCount = 1;
        config.threshold = 1;
        config.signers = new address[](1);
        config.signers[0] = address(0x0550);
        _token.setOracle(IEpochOracle(address(new EpochOracle(address(_token), config))));
        _token.mintBatch(HOLDER, 2);
    }

    /// The epoch's number stays or grows by one, and grows only by the oracle and on the root before.
    function check_epochGrowsByOne(address caller) public {
        svm.enableSymbolicStorage(address(_token));
        (uint64 epoch, bytes32 root, bytes32 directory) = _token.last();
        address oracle = address(_token.oracle());
        bool paused = _token.paused();
        bytes memory data = svm.createCalldata("LivingToken");
        vm.prank(caller);
        (bool success,) = address(_token).call(data);
        (uint64 newEpoch, bytes32 newRoot, bytes32 newDirectory) = _token.last();
        if (newEpoch != epoch) {
            assert(success);
            assert(newEpoch == epoch + 1);
            assert(caller == oracle);
            assert(!paused);
        } else {
            assert(newRoot == root);
            assert(newDirectory == directory);
        }
    }

    /// While its holder does not let it live again, nothing changes the URI of a frozen token.
    function check_frozenURINeverChanges(address caller) public {
        vm.prank(HOLDER);
        _token.freeze(TOKEN);
        svm.enableSymbolicStorage(address(_token));
        vm.assume(_token.isHeld(TOKEN));
        address holder = _token.ownerOf(TOKEN);
        bytes32 before = keccak256(bytes(_token.tokenURI(TOKEN)));
        bytes memory data = svm.createCalldata("LivingToken");
        vm.assume(
            caller != holder || (bytes4(data) != LivingToken.unfreeze.selector && bytes4(data) != LivingToken.optIn.selector)
        );
        vm.prank(caller);
        (bool success,) = address(_token).call(data);
        success;
        assert(_token.isHeld(TOKEN));
        assert(keccak256(bytes(_token.tokenURI(TOKEN))) == before);
    }
}
