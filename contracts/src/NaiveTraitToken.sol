// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

/// @title A trait in storage for each token, as ERC-7496 has it, written by the owner alone, to measure against.
/// No quorum, no proof, no history, and not all of the standard. Not for use.
contract NaiveTraitToken is ERC721, Ownable {
    event TraitUpdated(bytes32 indexed traitKey, uint256 tokenId, bytes32 traitValue);

    /// @notice There must be one value for each id.
    error LengthMismatch(uint256 ids, uint256 values);

    /// @notice How many tokens there are; their ids are 1 to this number.
    uint256 public totalMinted;

    mapping(uint256 tokenId => mapping(bytes32 traitKey => bytes32)) private _traits;

    constructor(string memory name_, string memory symbol_, address initialOwner)
        ERC721(name_, symbol_)
        Ownable(initialOwner)
    {}

    /// @notice Mints `count` tokens with the next ids to `to`; the first id is 1.
    function mintBatch(address to, uint256 count) external onlyOwner returns (uint256 firstId) {
        uint256 minted = totalMinted;
        firstId = minted + 1;
        for (uint256 i = 0; i < count; ++i) {
            _mint(to, ++minted);
        }
        totalMinted = minted;
    }

    /// @notice Sets a trait of tokens, each announced by a TraitUpdated (ERC-7496).
    function setTraits(bytes32 traitKey, uint256[] calldata ids, bytes32[] calldata values) external onlyOwner {
        if (ids.length != values.length) revert LengthMismatch(ids.length, values.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            _traits[ids[i]][traitKey] = values[i];
            emit TraitUpdated(traitKey, ids[i], values[i]);
        }
    }

    /// @notice The value of a trait; zero if it was never set.
    function getTraitValue(uint256 tokenId, bytes32 traitKey) external view returns (bytes32) {
        _requireOwned(tokenId);
        return _traits[tokenId][traitKey];
    }
}
