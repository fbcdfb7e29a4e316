const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// The hash by which a UnixFS HAMT places a name: the first half of MurmurHash3 x64 128 with seed 0, the most
/// significant byte first (multihash `murmur3-x64-64`, 0x22). Level `n` of the HAMT uses byte `n`.
pub(crate) fn murmur3_x64_64(name: &[u8]) -> [u8; 8] {
    let mut h1 = 0u64;
    let mut h2 = 0u64;
    let mut chunks = name.chunks_exact(16);
    for chunk in &mut chunks {
        h1 ^= mix1(little_endian(&chunk[..8]));
        h1 = h1.rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= mix2(little_endian(&chunk[8..]));
        h2 = h2.rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let tail = chunks.remainder();
    h1 ^= mix1(little_endian(&tail[..tail.len().min(8)]));
    h2 ^= mix2(little_endian(&tail[tail.len().min(8)..]));

    h1 ^= name.len() as u64;
    h2 ^= name.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    finish(h1).wrapping_add(finish(h2)).to_be_bytes()
}

/// Up to eight bytes; those that are absent count as zero.
fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn mix1(word: u64) -> u64 {
    word.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn mix2(word: u64) -> u64 {
    word.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn finish(word: u64) -> u64 {
    let word = (word ^ word >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let word = (word ^ word >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    word ^ word >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(murmur3_x64_64(b""), [0; 8]);
        assert_eq!(murmur3_x64_64(b"hello"), 0xcbd8_a7b3_41bd_9b02u64.to_be_bytes());
        assert_eq!(
            murmur3_x64_64(b"The quick brown fox jumps over the lazy dog"),
            0xe34b_bc7b_bc07_1b6cu64.to_be_bytes()
        );
    }
}
