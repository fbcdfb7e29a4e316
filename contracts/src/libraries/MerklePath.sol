// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Paths in a tree of sorted pairs, as OpenZeppelin's StandardMerkleTree makes them.
/// @dev The same answers as MerkleProof of OpenZeppelin for about half the gas.
library MerklePath {
    /// @notice The root that follows from a leaf and its siblings, from the leaf up.
    function root(bytes32 leaf, bytes32[] calldata siblings) internal pure returns (bytes32 node) {
        node = leaf;
        assembly ("memory-safe") {
            let end := add(siblings.offset, shl(5, siblings.length))
            for { let place := siblings.offset } lt(place, end) { place := add(place, 32) } {
                let sibling := calldataload(place)
                switch lt(node, sibling)
                case 0 {
                    mstore(0, sibling)
                    mstore(32, node)
                }
                default {
                    mstore(0, node)
                    mstore(32, sibling)
                }
                node := keccak256(0, 64)
            }
        }
    }
}
