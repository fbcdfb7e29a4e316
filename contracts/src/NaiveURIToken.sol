// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721URIStorage} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721URIStorage.sol";

/// @title The design of the textbooks, to measure against: a URI in storage for each token, written by the
/// owner alone. No quorum, no proof, no history. Not for use.
contract NaiveURIToken is ERC721URIStorage, Ownable {
    /// @notice There must be one URI for each id.
    error LengthMismatch(uint256 ids, uint256 uris);

    /// @notice How many tokens there are; their ids are 1 to this number.
    uint256 public totalMinted;

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

    /// @notice Sets the URIs of tokens, each announced by a MetadataUpdate (ERC-4906).
    function setTokenURIs(uint256[] calldata ids, string[] calldata uris) external onlyOwner {
        if (ids.length != uris.length) revert LengthMismatch(ids.length, uris.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            _setTokenURI(ids[i], uris[i]);
        }
    }
}
