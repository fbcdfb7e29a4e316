// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title What an oracle calls on its token.
interface IEpochSink {
    /// @notice Takes the next epoch.
    /// @dev Reverts unless the caller is the token's oracle, posting is not paused, the epoch is the one that
    /// follows, it builds on the accepted root, and the interval has passed.
    /// @param epoch The epoch's number.
    /// @param minInterval The least time since the last epoch was accepted, in seconds.
    /// @param previousRoot The state root that the epoch builds on.
    /// @param newRoot The root of the state tree.
    /// @param newDirectory The digest in the CID (dag-pb) of the collection's directory.
    /// @return degraded Whether the oracle said since it was set that it ejected a signer.
    function advance(
        uint64 epoch,
        uint32 minInterval,
        bytes32 previousRoot,
        bytes32 newRoot,
        bytes32 newDirectory
    ) external returns (bool degraded);

    /// @notice Takes the next epoch, and writes hot traits.
    /// @param hot Runs of slots; see `LivingToken.hotTrait`.
    function advanceHot(
        uint64 epoch,
        uint32 minInterval,
        bytes32 previousRoot,
        bytes32 newRoot,
        bytes32 newDirectory,
        bytes calldata hot
    ) external returns (bool degraded);

    /// @notice Remembers that the oracle ejected a signer, so that `advance` says so.
    /// @dev Reverts unless the caller is the token's oracle.
    function degrade() external;
}
