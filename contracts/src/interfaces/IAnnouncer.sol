// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title What an epoch oracle calls on its token.
interface IAnnouncer {
    /// @notice Tells the world (ERC-4906) that the metadata of every token may have changed.
    /// @dev Reverts unless the caller is the token's oracle.
    function announce() external;
}
