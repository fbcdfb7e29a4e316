"""Keccak-256 as Ethereum uses it (the padding of the original Keccak, not that of SHA3-256)."""

MASK = (1 << 64) - 1
RATE = 136  # bytes of a block of input

ROUND_CONSTANTS = (
    0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000,
    0x000000000000808B, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008A, 0x0000000000000088, 0x0000000080008009, 0x000000008000000A,
    0x000000008000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
)


def permute(state):
    """Keccak-f[1600] over 25 lanes; lane (x, y) is at x + 5y.

    The lanes are local variables and the round is written out, because a loop over a list takes several times
    as long. `aXY` is the lane at column X and row Y, `bXY` the same after rho and pi.
    """
    m = MASK
    (a00, a10, a20, a30, a40,
     a01, a11, a21, a31, a41,
     a02, a12, a22, a32, a42,
     a03, a13, a23, a33, a43,
     a04, a14, a24, a34, a44) = state
    for constant in ROUND_CONSTANTS:
        # theta: each lane takes the parity of two columns
        c0 = a00 ^ a01 ^ a02 ^ a03 ^ a04
        c1 = a10 ^ a11 ^ a12 ^ a13 ^ a14
        c2 = a20 ^ a21 ^ a22 ^ a23 ^ a24
        c3 = a30 ^ a31 ^ a32 ^ a33 ^ a34
        c4 = a40 ^ a41 ^ a42 ^ a43 ^ a44
        d0 = c4 ^ ((c1 << 1 | c1 >> 63) & m)
        d1 = c0 ^ ((c2 << 1 | c2 >> 63) & m)
        d2 = c1 ^ ((c3 << 1 | c3 >> 63) & m)
        d3 = c2 ^ ((c4 << 1 | c4 >> 63) & m)
        d4 = c3 ^ ((c0 << 1 | c0 >> 63) & m)
        # rho and pi: lanes are rotated and change places
        b00 = a00 ^ d0
        t = a10 ^ d1
        b02 = (t << 1 | t >> 63) & m
        t = a20 ^ d2
        b04 = (t << 62 | t >> 2) & m
        t = a30 ^ d3
        b01 = (t << 28 | t >> 36) & m
        t = a40 ^ d4
        b03 = (t << 27 | t >> 37) & m
        t = a01 ^ d0
        b13 = (t << 36 | t >> 28) & m
        t = a11 ^ d1
        b10 = (t << 44 | t >> 20) & m
        t = a21 ^ d2
        b12 = (t << 6 | t >> 58) & m
        t = a31 ^ d3
        b14 = (t << 55 | t >> 9) & m
        t = a41 ^ d4
        b11 = (t << 20 | t >> 44) & m
        t = a02 ^ d0
        b21 = (t << 3 | t >> 61) & m
        t = a12 ^ d1
        b23 = (t << 10 | t >> 54) & m
        t = a22 ^ d2
        b20 = (t << 43 | t >> 21) & m
        t = a32 ^ d3
        b22 = (t << 25 | t >> 39) & m
        t = a42 ^ d4
        b24 = (t << 39 | t >> 25) & m
        t = a03 ^ d0
        b34 = (t << 41 | t >> 23) & m
        t = a13 ^ d1
        b31 = (t << 45 | t >> 19) & m
        t = a23 ^ d2
        b33 = (t << 15 | t >> 49) & m
        t = a33 ^ d3
        b30 = (t << 21 | t >> 43) & m
        t = a43 ^ d4
        b32 = (t << 8 | t >> 56) & m
        t = a04 ^ d0
        b42 = (t << 18 | t >> 46) & m
        t = a14 ^ d1
        b44 = (t << 2 | t >> 62) & m
        t = a24 ^ d2
        b41 = (t << 61 | t >> 3) & m
        t = a34 ^ d3
        b43 = (t << 56 | t >> 8) & m
        t = a44 ^ d4
        b40 = (t << 14 | t >> 50) & m
        # chi, and iota in the first lane
        a00 = b00 ^ (~b10 & b20) ^ constant
        a10 = b10 ^ (~b20 & b30)
        a20 = b20 ^ (~b30 & b40)
        a30 = b30 ^ (~b40 & b00)
        a40 = b40 ^ (~b00 & b10)
        a01 = b01 ^ (~b11 & b21)
        a11 = b11 ^ (~b21 & b31)
        a21 = b21 ^ (~b31 & b41)
        a31 = b31 ^ (~b41 & b01)
        a41 = b41 ^ (~b01 & b11)
        a02 = b02 ^ (~b12 & b22)
        a12 = b12 ^ (~b22 & b32)
        a22 = b22 ^ (~b32 & b42)
        a32 = b32 ^ (~b42 & b02)
        a42 = b42 ^ (~b02 & b12)
        a03 = b03 ^ (~b13 & b23)
        a13 = b13 ^ (~b23 & b33)
        a23 = b23 ^ (~b33 & b43)
        a33 = b33 ^ (~b43 & b03)
        a43 = b43 ^ (~b03 & b13)
        a04 = b04 ^ (~b14 & b24)
        a14 = b14 ^ (~b24 & b34)
        a24 = b24 ^ (~b34 & b44)
        a34 = b34 ^ (~b44 & b04)
        a44 = b44 ^ (~b04 & b14)
    return (a00, a10, a20, a30, a40,
            a01, a11, a21, a31, a41,
            a02, a12, a22, a32, a42,
            a03, a13, a23, a33, a43,
            a04, a14, a24, a34, a44)


def keccak256(data):
    """The 32 bytes of the Keccak-256 of `data`."""
    padded = bytearray(data)
    padded += bytes(RATE - len(data) % RATE)
    padded[len(data)] ^= 0x01
    padded[-1] ^= 0x80
    state = (0,) * 25
    for start in range(0, len(padded), RATE):
        lanes = list(state)
        for lane in range(RATE // 8):
            at = start + 8 * lane
            lanes[lane] ^= int.from_bytes(padded[at:at + 8], "little")
        state = permute(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])
