// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {EpochOracle} from "../../src/EpochOracle.sol";
import {IEpochOracle} from "../../src/interfaces/IEpochOracle.sol";
import {LivingToken} from "../../src/LivingToken.sol";

/// @dev The cheat codes of halmos that these proofs use.
interface Svm {
    function createCalldata(string memory contractName) external pure returns (bytes memory data);
    function enableSymbolicStorage(address account) external;
}

interface Vm {
    function prank(address sender) external;
    function assume(bool condition) external pure;
}

/// @dev For halmos. Each proof is about one call: any function that writes, with any arguments, by anybody. Two
/// bounds: loops over symbolic lengths are followed twice, and dynamic arguments have the lengths that `prove.sh`
/// gives.
abstract contract Proof {
    Svm internal constant svm = Svm(0xF3993A62377BCd56AE39D773740A5390411E8BC9);
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    LivingToken internal _token;
    EpochOracle internal _oracle;

    function create() internal {
        _token = new LivingToken("Living", "LIVE", address(this), address(this), 250, address(0x0220), 1 days);
        EpochOracle.Config memory config;
        config.configCount = 1;
        config.threshold = 1;
        config.signers = new address[](1);
        config.signers[0] = address(0x0550);
        _oracle = new EpochOracle(address(_token), config);
    }
}

/// @dev Every slot that the token's constructor did not write is arbitrary: the oracle, the epoch, the roots, the
/// owners, what is frozen. So what holds for one call holds for every sequence of calls.
contract EpochProof is Proof {
    function setUp() public {
        create();
    }

    /// The epoch's number stays or grows by one, and grows only by the oracle and while posting is not paused;
    /// and the roots change with it only.
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
            assert(newEpoch == uint256(epoch) + 1);
            assert(caller == oracle);
            assert(!paused);
        } else {
            assert(newRoot == root);
            assert(newDirectory == directory);
        }
    }
}

/// @dev A token that was frozen, after which the oracle went on with any root and any directory. What is stored of
/// other tokens, traits, approvals and proposals is arbitrary.
contract FrozenProof is Proof {
    uint256 private constant TOKEN = 1;
    address private constant HOLDER = address(0x0330);

    function setUp() public {
        create();
        _token.setOracle(IEpochOracle(address(_oracle)));
        _token.mintBatch(HOLDER, 2);
        vm.prank(address(_oracle));
        _token.advance(1, 0, 0, keccak256("root"), keccak256("directory"));
        vm.prank(HOLDER);
        _token.freeze(TOKEN);
    }

    /// While its holder does not let it live again, nothing changes the URI of a frozen token.
    function check_frozenURINeverChanges(address caller, bytes32 root, bytes32 directory) public {
        bytes32 before = keccak256(bytes(_token.tokenURI(TOKEN)));
        svm.enableSymbolicStorage(address(_token));
        vm.prank(address(_oracle));
        _token.advance(2, 0, keccak256("root"), root, directory);
        bytes memory data = svm.createCalldata("LivingToken");
        bytes4 selector = bytes4(data);
        vm.assume(
            caller != HOLDER || (selector != LivingToken.unfreeze.selector && selector != LivingToken.optIn.selector)
        );
        vm.prank(caller);
        (bool success,) = address(_token).call(data);
        success;
        // A holder may sell it on, and the next one is bound by the same.
        assert(_token.isHeld(TOKEN));
        assert(keccak256(bytes(_token.tokenURI(TOKEN))) == before);
    }
}
