// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title An ordered list of addresses, held as the code of an account that nothing can call.
/// @dev Reading the whole list costs one cold account and a copy (2,600 gas and 3 per word), where
/// storage costs 2,100 for each address. The code is a STOP byte and 20 bytes for each address.
library SignerList {
    /// @notice The account that should hold the list could not be created.
    error SignerListNotWritten();

    /// @notice Writes a list and returns the account that holds it.
    function write(address[] memory signers) internal returns (address pointer) {
        bytes memory list;
        for (uint256 i = 0; i < signers.length; ++i) {
            list = bytes.concat(list, bytes20(signers[i]));
        }
        // PUSH2 size, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN: the ten bytes that return the rest.
        bytes2 size = bytes2(uint16(list.length + 1));
        bytes memory creation = bytes.concat(hex"61", size, hex"80600a5f395ff3", hex"00", list);
        assembly ("memory-safe") {
            pointer := create(0, add(creation, 32), mload(creation))
        }
        if (pointer == address(0)) revert SignerListNotWritten();
    }

    /// @notice Loads a list of `count` addresses into memory, and returns where it starts there.
    function load(address pointer, uint256 count) internal view returns (uint256 list) {
        assembly ("memory-safe") {
            list := mload(0x40)
            let size := mul(count, 20)
            // A word is read at each address, 12 bytes beyond the last one.
            mstore(0x40, and(add(add(list, size), 63), not(31)))
            extcodecopy(pointer, list, 1, size)
        }
    }

    /// @notice The address at a place in memory: the list's start and 20 for each address before.
    function signerAt(uint256 place) internal pure returns (address signer) {
        assembly ("memory-safe") {
            signer := shr(96, mload(place))
        }
    }
}
