"""The curve secp256k1: recovering the signer of an ECDSA signature, and the Schnorr signature of a group."""

from keccak import RATE, keccak256

P = 2**256 - 2**32 - 977  # of the field
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # the order of the generator
GENERATOR = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
CHALLENGE_TAG = b"FROST-secp256k1-KECCAK256-v1" + b"chal"

# Points are pairs (x, y), or None for the point at infinity. The arithmetic inside uses Jacobian coordinates
# (X, Y, Z) with x = X / Z^2 and y = Y / Z^3; Z = 0 is the point at infinity.


def on_curve(x, y):
    """Whether (x, y) are the coordinates of a point."""
    return 0 <= x < P and 0 <= y < P and (y * y - x * x * x - 7) % P == 0


def _double(point):
    x, y, z = point
    y2 = y * y % P
    s = 4 * x * y2 % P
    m = 3 * x * x % P
    x3 = (m * m - 2 * s) % P
    return x3, (m * (s - x3) - 8 * y2 * y2) % P, 2 * y * z % P


def _add(one, two):
    if one[2] == 0:
        return two
    if two[2] == 0:
        return one
    x1, y1, z1 = one
    x2, y2, z2 = two
    z1z1 = z1 * z1 % P
    z2z2 = z2 * z2 % P
    u1 = x1 * z2z2 % P
    u2 = x2 * z1z1 % P
    s1 = y1 * z2z2 * z2 % P
    s2 = y2 * z1z1 * z1 % P
    h = (u2 - u1) % P
    r = (s2 - s1) % P
    if h == 0:
        return _double(one) if r == 0 else (0, 1, 0)
    h2 = h * h % P
    h3 = h * h2 % P
    v = u1 * h2 % P
    x3 = (r * r - h3 - 2 * v) % P
    return x3, (r * (v - x3) - s1 * h3) % P, h * z1 * z2 % P


def _affine(point):
    x, y, z = point
    if z == 0:
        return None
    inverse = pow(z, -1, P)
    square = inverse * inverse % P
    return x * square % P, y * square * inverse % P


def combine(a, one, b, two):
    """The point a * one + b * two, with both products in one pass over the bits."""
    a, b = a % N, b % N
    first, second = (one[0], one[1], 1), (two[0], two[1], 1)
    table = (None, first, second, _add(first, second))
    total = (0, 1, 0)
    for bit in range(max(a.bit_length(), b.bit_length()) - 1, -1, -1):
        total = _double(total)
        pick = (a >> bit & 1) | (b >> bit & 1) << 1
        if pick:
            total = _add(total, table[pick])
    return _affine(total)


def address_of(point):
    """The address of an Ethereum account with this public key."""
    return keccak256(point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big"))[12:]


def recover_address(digest, signature):
    """The address whose key made `signature` (65 bytes: r, s, v) over `digest`."""
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:64], "big")
    v = signature[64]
    if v not in (27, 28):
        raise ValueError(f"v of a signature is {v}, not 27 or 28")
    if not 0 < r < N:
        raise ValueError("r of a signature is out of range")
    if not 0 < s <= N // 2:
        raise ValueError("s of a signature is zero or not in the lower half of the order")
    square = (r * r * r + 7) % P
    y = pow(square, (P + 1) // 4, P)
    if y * y % P != square:
        raise ValueError("r of a signature is not the coordinate of a point")
    if y & 1 != v - 27:
        y = P - y
    inverse = pow(r, -1, N)
    z = int.from_bytes(digest, "big")
    key = combine(-z * inverse, GENERATOR, s * inverse, (r, y))
    if key is None:
        raise ValueError("a signature leads to no key")
    return address_of(key)


def _compressed(point):
    return bytes([2 + (point[1] & 1)]) + point[0].to_bytes(32, "big")


def group_challenge(commitment, key, message):
    """The challenge of FROST(secp256k1) with Keccak-256 in place of SHA-256.

    It is H2 of RFC 9591 (section 6.5): `hash_to_field` of RFC 9380 modulo the order, with `expand_message_xmd`
    over Keccak-256 (blocks of 136 bytes, 48 bytes of output) and the tag above, of the commitment and the key
    as compressed points and the message.
    """
    tag = CHALLENGE_TAG + bytes([len(CHALLENGE_TAG)])
    text = _compressed(commitment) + _compressed(key) + message
    first = keccak256(bytes(RATE) + text + (48).to_bytes(2, "big") + b"\0" + tag)
    one = keccak256(first + b"\1" + tag)
    mixed = bytes(a ^ b for a, b in zip(first, one))
    two = keccak256(mixed + b"\2" + tag)
    return int.from_bytes((one + two)[:48], "big") % N


def check_group_signature(key, message, signature):
    """Raises ValueError unless `signature` (96 bytes: x and y of the commitment, the response) is by `key`."""
    commitment = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    response = int.from_bytes(signature[64:], "big")
    if not on_curve(*key):
        raise ValueError("the key of the group is not a point of the curve")
    if not on_curve(*commitment):
        raise ValueError("the commitment of the group's signature is not a point of the curve")
    if not 0 < response < N:
        raise ValueError("the response of the group's signature is out of range")
    challenge = group_challenge(commitment, key, message)
    if combine(response, GENERATOR, -challenge, key) != commitment:
        raise ValueError("the signature of the group does not fit its key")
