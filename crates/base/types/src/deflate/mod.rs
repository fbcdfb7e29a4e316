//! Compression whose bytes never change: zlib streams (RFC 1950) of DEFLATE (RFC 1951).
//!
//! The writer is our own because compressed bytes are content-addressed and signed: a new release of a
//! compression library must not change the CIDs of an old collection. What is written, any zlib reads.

mod tokens;

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

use crate::TypeError;

pub use tokens::{MAX_COPY, MAX_DISTANCE, MIN_COPY, Tokens, extra_bits};

/// How many bytes must be equal before a copy is looked at.
const HASHED: usize = 4;
const HASH_BITS: u32 = 15;
/// How many earlier places are looked at.
const MAX_CHAIN: usize = 16;
/// So many tokens make a block.
const BLOCK: usize = 2048;
/// A copy of so many bytes is taken at once.
const GOOD: usize = 64;
/// No place.
const NONE: u32 = u32::MAX;

/// Compresses bytes of any kind; at most 4 GiB.
pub fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut tokens = Tokens::default();
    let mut seen = Seen { bytes, last: vec![NONE; 1 << HASH_BITS], before: vec![NONE; bytes.len().min(MAX_DISTANCE)] };
    let mut at = 0;
    let mut found = seen.longest(0);
    while at < bytes.len() {
        if tokens.in_block() >= BLOCK {
            tokens.end_block();
        }
        seen.add(at);
        let (length, distance) = found;
        // A longer copy from the next byte on is worth a literal.
        let next = if length < GOOD { seen.longest(at + 1) } else { (0, 0) };
        if length < HASHED || next.0 > length {
            tokens.literal(bytes[at]);
            at += 1;
            found = next;
            continue;
        }
        tokens.copy(length, distance);
        (at + 1..at + length).for_each(|place| seen.add(place));
        at += length;
        found = seen.longest(at);
    }
    tokens.finish(bytes)
}

/// Where the bytes so far have been seen, newest first.
struct Seen<'a> {
    bytes: &'a [u8],
    last: Vec<u32>,
    before: Vec<u32>,
}

impl Seen<'_> {
    /// Where the next bytes belong; none at the end.
    #[inline]
    fn slot(&self, at: usize) -> Option<usize> {
        let key = self.bytes.get(at..)?.first_chunk::<HASHED>()?;
        Some((u32::from_le_bytes(*key).wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)) as usize)
    }

    #[inline]
    fn add(&mut self, at: usize) {
        let Some(slot) = self.slot(at) else { return };
        let place = at % self.before.len();
        self.before[place] = std::mem::replace(&mut self.last[slot], at as u32);
    }

    /// The longest copy for what begins at `at`, and how far back it is: the nearest of the longest.
    fn longest(&self, at: usize) -> (usize, usize) {
        let Some(slot) = self.slot(at) else { return (0, 0) };
        let rest = &self.bytes[at..self.bytes.len().min(at + MAX_COPY)];
        let (mut best, mut place) = ((0, 0), self.last[slot]);
        for _ in 0..MAX_CHAIN {
            // A place that was written over leads to a later one, or to one that is too far.
            if place == NONE || place as usize >= at || at - place as usize > MAX_DISTANCE {
                break;
            }
            let from = place as usize;
            if best.0 < rest.len() && self.bytes[from + best.0] == rest[best.0] {
                let length = equal(rest, &self.bytes[from..]);
                if length > best.0 {
                    best = (length, at - from);
                }
            }
            let older = self.before[from % self.before.len()];
            if older == NONE || older >= place {
                break;
            }
            place = older;
        }
        best
    }
}

/// How many leading bytes are equal.
#[inline]
pub fn equal(left: &[u8], right: &[u8]) -> usize {
    let length = left.len().min(right.len());
    let (left, right) = (&left[..length], &right[..length]);
    let (left_words, _) = left.as_chunks::<8>();
    let (right_words, _) = right.as_chunks::<8>();
    for (index, (left, right)) in left_words.iter().zip(right_words).enumerate() {
        let differing = u64::from_le_bytes(*left) ^ u64::from_le_bytes(*right);
        if differing != 0 {
            return 8 * index + differing.trailing_zeros() as usize / 8;
        }
    }
    let done = 8 * left_words.len();
    done + left[done..].iter().zip(&right[done..]).take_while(|(left, right)| left == right).count()
}

/// What a zlib stream holds, if it is at most `limit` bytes and nothing follows the stream.
pub fn decompress(what: &'static str, bytes: &[u8], limit: usize) -> Result<Vec<u8>, TypeError> {
    let wrong = |reason: String| Err(TypeError::Decode { what, reason });
    let mut state = InflateState::new_boxed(DataFormat::Zlib);
    let mut out = vec![0; limit.min(8 * bytes.len() + 64)];
    let (mut read, mut written) = (0, 0);
    loop {
        let step = inflate(&mut state, &bytes[read..], &mut out[written..], MZFlush::None);
        read += step.bytes_consumed;
        written += step.bytes_written;
        match step.status {
            Ok(MZStatus::StreamEnd) => break,
            Ok(_) | Err(MZError::Buf) if written == out.len() => {
                if out.len() == limit {
                    return wrong(format!("it holds more than {limit} bytes"));
                }
                out.resize(limit.min(4 * out.len()), 0);
            }
            Ok(_) if read < bytes.len() => {}
            _ => return wrong(format!("it is no whole zlib stream at byte {read} of {}", bytes.len())),
        }
    }
    if read < bytes.len() {
        return wrong(format!("{} bytes follow the zlib stream", bytes.len() - read));
    }
    out.truncate(written);
    Ok(out)
}

/// Adler-32 (RFC 1950), in blocks so short that the sums stay exact in 32 bits.
fn adler32(bytes: &[u8]) -> u32 {
    const LANES: usize = 16;
    const BLOCK: usize = 128 * LANES;
    const PRIME: u64 = 65521;
    let (mut a, mut b) = (1u64, 0u64);
    for block in bytes.chunks(BLOCK) {
        // Lane by lane: the sum, and the sum of the sums after each group.
        let (mut sums, mut sums_of_sums) = ([0u32; LANES], [0u32; LANES]);
        let (groups, rest) = block.as_chunks::<LANES>();
        for group in groups {
            for lane in 0..LANES {
                sums[lane] += u32::from(group[lane]);
                sums_of_sums[lane] += sums[lane];
            }
        }
        let length = (groups.len() * LANES) as u64;
        let mut weighted = 0;
        for lane in 0..LANES {
            weighted += LANES as u64 * u64::from(sums_of_sums[lane]) - lane as u64 * u64::from(sums[lane]);
        }
        b = (b + a * length + weighted) % PRIME;
        a = (a + sums.iter().map(|sum| u64::from(*sum)).sum::<u64>()) % PRIME;
        for byte in rest {
            a = (a + u64::from(*byte)) % PRIME;
            b = (b + a) % PRIME;
        }
    }
    (b << 16 | a) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn held(bytes: &[u8]) -> Vec<u8> {
        decompress("test", &compress(bytes), bytes.len()).unwrap()
    }

    proptest! {
        #[test]
        fn any_bytes_survive(words in prop::collection::vec((any::<[u8; 6]>(), 0usize..40, 0u8..4), 0..300)) {
            // Words of few letters that come again, near and far.
            let bytes: Vec<u8> =
                words.iter().flat_map(|(word, times, letters)| word.map(|byte| byte & letters).repeat(*times)).collect();
            prop_assert_eq!(held(&bytes), bytes);
        }
    }

    #[test]
    fn what_is_far_or_at_the_ends_survives() {
        let mut state = 1u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(MAX_DISTANCE + 300)
        .collect();
        for bytes in
            [vec![], vec![7], vec![7; 3], vec![7; 4], vec![0; 100_000], noise.clone(), [&noise[..], &noise].concat()]
        {
            assert_eq!(held(&bytes), bytes, "{} bytes", bytes.len());
        }
        assert!(compress(&noise).len() < noise.len() * 108 / 100);
        assert!(compress(&[0; 100_000]).len() < 200);
    }

    #[test]
    fn more_than_the_limit_is_refused() {
        let packed = compress(&[0; 100_000]);
        let error = decompress("test", &packed, 99_999).unwrap_err().to_string();
        assert!(error.contains("more than 99999 bytes"), "{error}");
        assert!(decompress("test", &packed[..packed.len() - 1], 100_000).is_err());
        assert!(decompress("test", b"no zlib", 100_000).is_err());
        assert!(decompress("test", b"", 100_000).is_err());
        let error = decompress("test", &[&packed[..], b"x"].concat(), 100_000).unwrap_err().to_string();
        assert!(error.contains("1 bytes follow"), "{error}");
        // Every stream that is cut short or changed ends, and none gives more than the limit.
        for place in 0..packed.len() {
            assert!(decompress("test", &packed[..place], 200_000).is_err(), "{place}");
            let mut changed = packed.clone();
            changed[place] ^= 0x10;
            let _ = decompress("test", &changed, 200_000);
        }
    }

    #[test]
    fn the_sum_has_its_check_values() {
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        assert_eq!(adler32(&[0xff; 5000]), 0x54b2_7596);
    }
}
