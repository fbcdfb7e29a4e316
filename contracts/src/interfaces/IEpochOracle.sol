// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title What a token asks of an oracle before it believes it.
interface IEpochOracle {
    /// @notice The token that this oracle posts to; it never changes.
    function token() external view returns (address);

    /// @notice The generation of its committee; it never changes.
    function configCount() external view returns (uint64);
}
