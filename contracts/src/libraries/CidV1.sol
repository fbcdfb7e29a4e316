// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title The text of a CIDv1 over sha2-256 in base32 (multibase `b`, RFC 4648 lower case, unpadded).
library CidV1 {
    /// @dev Version 1, codec dag-pb (0x70), hash sha2-256 (0x12), digest length 32 (0x20).
    uint256 private constant DAG_PB_HEADER = 0x01701220;

    bytes32 private constant ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

    /// @notice The 59 characters of the CID of a dag-pb block with this digest.
    function dagPb(bytes32 digest) internal pure returns (string memory) {
        bytes memory text = new bytes(59);
        text[0] = "b";
        // 36 bytes are 288 bits: 57 groups of five, and three bits that two zero bits fill up.
        // Taken from the end: `low` holds the bits not yet written, the header follows above it.
        uint256 low = uint256(digest);
        uint256 high = DAG_PB_HEADER;
        text[58] = ALPHABET[(low & 7) << 2];
        low = (low >> 3) | (high << 253);
        high >>= 3;
        for (uint256 i = 57; i > 0; --i) {
            text[i] = ALPHABET[low & 31];
            low = (low >> 5) | (high << 251);
            high >>= 5;
        }
        return string(text);
    }
}
