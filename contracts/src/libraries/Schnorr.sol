// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Schnorr signatures over secp256k1 as FROST makes them (RFC 9591, ciphersuite
/// FROST-secp256k1-KECCAK256-v1), checked with one call of ecrecover.
library Schnorr {
    /// @dev The order of the group.
    uint256 private constant N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    /// @dev The prime of the field.
    uint256 private constant P = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f;

    /// @dev The context of the ciphersuite and that of its challenge: 32 bytes.
    bytes32 private constant TAG = "FROST-secp256k1-KECCAK256-v1chal";

    /// @notice Whether (x, y) is a point of the curve whose x ecrecover takes for an r.
    function isKey(uint256 x, uint256 y) internal pure returns (bool) {
        return x != 0 && x < N && y < P && mulmod(y, y, P) == addmod(mulmod(x, mulmod(x, x, P), P), 7, P);
    }

    /// @notice Whether (rx, ry, z) is a signature of `message` by the key with this x and parity.
    /// @param keyParity 27 if the key's y is even, 28 if it is odd.
    function verify(uint256 keyX, uint8 keyParity, bytes32 message, uint256 rx, uint256 ry, uint256 z)
        internal
        pure
        returns (bool)
    {
        if (z >= N) return false;
        uint256 c = challenge(keyX, keyParity, message, rx, ry);
        if (c == 0) return false;
        // ecrecover(h, v, r, s) is the address of (s R - h G) / r, where R has x r and parity v. With R the
        // key, r = keyX, s = -c keyX and h = -z keyX this is z G - c Key, which is the commitment if the
        // signature is good. A zero answer, or coordinates of no point, match no hash.
        bytes32 h = bytes32(N - mulmod(z, keyX, N));
        bytes32 s = bytes32(N - mulmod(c, keyX, N));
        address found = ecrecover(h, keyParity, bytes32(keyX), s);
        address wanted;
        assembly ("memory-safe") {
            mstore(0, rx)
            mstore(32, ry)
            wanted := and(keccak256(0, 64), 0xffffffffffffffffffffffffffffffffffffffff)
        }
        return found != address(0) && found == wanted;
    }

    /// @notice The challenge: hash_to_field (RFC 9380, section 5.2, expand_message_xmd with keccak-256) of the
    /// commitment, the key (both compressed, SEC 1) and the message.
    function challenge(uint256 keyX, uint8 keyParity, bytes32 message, uint256 rx, uint256 ry)
        internal
        pure
        returns (uint256 c)
    {
        bytes32 tag = TAG;
        assembly ("memory-safe") {
            let free := mload(0x40)
            // Z_pad (136 zero bytes, the block of keccak-256), message, length 48 in two bytes, zero, the tag
            // and its length.
            calldatacopy(free, calldatasize(), 136)
            mstore8(add(free, 136), add(2, and(ry, 1)))
            mstore(add(free, 137), rx)
            mstore8(add(free, 169), sub(keyParity, 25))
            mstore(add(free, 170), keyX)
            mstore(add(free, 202), message)
            mstore(add(free, 234), shl(232, 0x003000))
            mstore(add(free, 237), tag)
            mstore8(add(free, 269), 32)
            let b0 := keccak256(free, 270)
            mstore(free, b0)
            mstore8(add(free, 32), 1)
            mstore(add(free, 33), tag)
            mstore8(add(free, 65), 32)
            let b1 := keccak256(free, 66)
            mstore(free, xor(b0, b1))
            mstore8(add(free, 32), 2)
            let b2 := keccak256(free, 66)
            // 48 bytes as one number, reduced: b1 and the upper half of b2.
            c := addmod(mulmod(b1, 0x100000000000000000000000000000000, N), shr(128, b2), N)
        }
    }
}
