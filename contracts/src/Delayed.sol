// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

/// @title Calls of the owner that wait, and a guardian who can veto them.
///
/// The owner proposes the calldata of a call, waits for the delay, and then makes the call, within the grace
/// time. The guardian can veto every proposal but that of another guardian, so that a lost or hostile guardian
/// can be replaced; and as that waits as well, whoever takes the owner's key needs two delays to get past the
/// guardian.
abstract contract Delayed is Ownable2Step {
    /// @notice The owner proposed a call.
    event Proposed(bytes call, uint256 readyAt);

    /// @notice The guardian vetoed a proposal.
    event Vetoed(bytes call);

    /// @notice The guardian was appointed.
    event GuardianSet(address indexed guardian);

    /// @notice The call was not proposed, or vetoed.
    error NotProposed();
    /// @notice The delay is not over.
    error NotReady(uint256 readyAt, uint256 timestamp);
    /// @notice The grace time is over; propose it again.
    error ProposalExpired(uint256 expiredAt, uint256 timestamp);
    /// @notice Only the guardian may do this.
    error CallerNotGuardian(address caller);
    /// @notice The appointment of a guardian cannot be vetoed.
    error NotVetoable();

    /// @notice How long after the delay a proposal can be carried out, in seconds.
    uint256 public constant GRACE = 14 days;

    /// @notice How long a proposal waits, in seconds.
    uint256 public immutable delay;

    /// @notice May stop and resume posting, and veto proposals.
    address public guardian;

    /// @notice When a proposed call may be made, by the keccak-256 of its calldata; zero if it is not proposed.
    mapping(bytes32 callHash => uint256) public readyAt;

    modifier onlyGuardian() {
        if (msg.sender != guardian) revert CallerNotGuardian(msg.sender);
        _;
    }

    constructor(address initialGuardian, uint256 delay_) {
        delay = delay_;
        _setGuardian(initialGuardian);
    }

    /// @notice Proposes a call; proposing it again starts the delay anew.
    /// @param call The calldata, selector and all.
    function propose(bytes calldata call) external onlyOwner {
        uint256 ready = block.timestamp + delay;
        readyAt[keccak256(call)] = ready;
        emit Proposed(call, ready);
    }

    /// @notice Vetoes a proposal.
    /// @param call The calldata that was proposed.
    function veto(bytes calldata call) external onlyGuardian {
        if (bytes4(call) == this.setGuardian.selector) revert NotVetoable();
        bytes32 id = keccak256(call);
        if (readyAt[id] == 0) revert NotProposed();
        delete readyAt[id];
        emit Vetoed(call);
    }

    /// @notice Appoints the guardian, after a proposal and the delay; zero for nobody.
    function setGuardian(address newGuardian) external onlyOwner {
        _requireProposed();
        _setGuardian(newGuardian);
    }

    /// @dev Uses up the proposal of the present call; reverts if there is none that is ready.
    function _requireProposed() internal {
        bytes32 id = keccak256(msg.data);
        uint256 ready = readyAt[id];
        if (ready == 0) revert NotProposed();
        if (block.timestamp < ready) revert NotReady(ready, block.timestamp);
        if (block.timestamp > ready + GRACE) revert ProposalExpired(ready + GRACE, block.timestamp);
        delete readyAt[id];
    }

    function _setGuardian(address newGuardian) private {
        guardian = newGuardian;
        emit GuardianSet(newGuardian);
    }
}
