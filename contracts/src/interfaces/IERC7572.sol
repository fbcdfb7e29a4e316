// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title ERC-7572: metadata of the contract itself. The interface id is 0xe8a3d485.
interface IERC7572 {
    /// @notice Emitted when the metadata behind `contractURI` changes.
    event ContractURIUpdated();

    /// @notice The URI of the contract's metadata.
    function contractURI() external view returns (string memory);
}
