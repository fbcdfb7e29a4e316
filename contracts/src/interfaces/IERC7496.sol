// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title ERC-7496: traits on chain that other contracts can read. The interface id is 0xaf332f3e.
/// @dev For a token that does not exist the standard allows the error of ERC-721.
interface IERC7496 {
    /// @notice The contract does not know this trait.
    error TraitDoesNotExist(bytes32 traitKey);

    event TraitUpdated(bytes32 indexed traitKey, uint256 tokenId, bytes32 traitValue);
    event TraitUpdatedRange(bytes32 indexed traitKey, uint256 fromTokenId, uint256 toTokenId);
    event TraitUpdatedRangeUniformValue(
        bytes32 indexed traitKey, uint256 fromTokenId, uint256 toTokenId, bytes32 traitValue
    );
    event TraitUpdatedList(bytes32 indexed traitKey, uint256[] tokenIds);
    event TraitUpdatedListUniformValue(bytes32 indexed traitKey, uint256[] tokenIds, bytes32 traitValue);
    event TraitMetadataURIUpdated();

    /// @notice The value of a trait; zero if it was never set.
    function getTraitValue(uint256 tokenId, bytes32 traitKey) external view returns (bytes32 traitValue);

    /// @notice The values of several traits of one token.
    function getTraitValues(uint256 tokenId, bytes32[] calldata traitKeys)
        external
        view
        returns (bytes32[] memory traitValues);

    /// @notice Where it is described which traits there are and how to show them.
    function getTraitMetadataURI() external view returns (string memory uri);

    /// @notice Sets a trait, if the token's owner may set it.
    function setTrait(uint256 tokenId, bytes32 traitKey, bytes32 traitValue) external;
}
