// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title What a token, or the next oracle, reads from an epoch oracle.
interface IEpochOracle {
    /// @notice The number of the last accepted epoch; zero before the first.
    function epoch() external view returns (uint64);

    /// @notice The root of the state tree at the last accepted epoch.
    function stateRoot() external view returns (bytes32);

    /// @notice The sha2-256 digest in the CID (dag-pb) of the collection's directory.
    function directory() external view returns (bytes32);

    /// @notice The three above in one call.
    function last() external view returns (uint64 epoch, bytes32 stateRoot, bytes32 directory);
}
