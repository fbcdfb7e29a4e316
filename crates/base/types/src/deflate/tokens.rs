//! Literals and copies as blocks of DEFLATE (RFC 1951) with dynamic Huffman tables.

use super::adler32;

const MAX_CODE_LENGTH: usize = 15;
const END_OF_BLOCK: usize = 256;
const COPY: u32 = 1 << 31;

/// First length of each length symbol from 257 on, and its extra bits.
#[rustfmt::skip]
const LENGTHS: [(u16, u8); 29] = [
    (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (9, 0), (10, 0), (11, 1), (13, 1), (15, 1), (17, 1), (19, 2),
    (23, 2), (27, 2), (31, 2), (35, 3), (43, 3), (51, 3), (59, 3), (67, 4), (83, 4), (99, 4), (115, 4), (131, 5),
    (163, 5), (195, 5), (227, 5), (258, 0),
];
/// First distance of each distance symbol, and its extra bits.
#[rustfmt::skip]
const DISTANCES: [(u16, u8); 30] = [
    (1, 0), (2, 0), (3, 0), (4, 0), (5, 1), (7, 1), (9, 2), (13, 2), (17, 3), (25, 3), (33, 4), (49, 4), (65, 5),
    (97, 5), (129, 6), (193, 6), (257, 7), (385, 7), (513, 8), (769, 8), (1025, 9), (1537, 9), (2049, 10), (3073, 10),
    (4097, 11), (6145, 11), (8193, 12), (12289, 12), (16385, 13), (24577, 13),
];
/// The order in which the lengths of the code-length code are sent.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The shortest copy of one token.
pub const MIN_COPY: usize = 3;
/// The longest copy of one token.
pub const MAX_COPY: usize = 258;
/// The farthest that a copy can reach back.
pub const MAX_DISTANCE: usize = 32768;

/// Literals and copies, in order, with how often each symbol occurs.
pub struct Tokens {
    items: Vec<u32>,
    literals: [u32; 286],
    distances: [u32; 30],
    /// A copy that may go on: its length and its distance.
    open: (usize, usize),
    bits: Bits,
}

impl Default for Tokens {
    fn default() -> Tokens {
        Tokens {
            items: Vec::with_capacity(1 << 14),
            literals: [0; 286],
            distances: [0; 30],
            open: (0, 0),
            bits: Bits { out: vec![0x78, 0x01], held: 0, count: 0 },
        }
    }
}

impl Tokens {
    /// A byte as it is.
    #[inline]
    pub fn literal(&mut self, byte: u8) {
        self.close();
        self.items.push(u32::from(byte));
        self.literals[usize::from(byte)] += 1;
    }

    /// Repeats `length` (at least 3) bytes from `distance` back.
    #[inline]
    pub fn copy(&mut self, length: usize, distance: usize) {
        if self.open.1 != distance {
            self.close();
        }
        self.open = (self.open.0 + length, distance);
    }

    /// Writes the open copy, with as many tokens as it takes.
    fn close(&mut self) {
        let (mut length, distance) = std::mem::take(&mut self.open);
        while length > 0 {
            // Never leave a rest of 1 or 2, which no copy can express.
            let part = match length {
                ..=MAX_COPY => length,
                259 | 260 => length - MIN_COPY,
                _ => MAX_COPY,
            };
            self.items.push(COPY | (part as u32) << 16 | (distance as u32 - 1));
            self.literals[length_symbol(part)] += 1;
            self.distances[distance_symbol(distance)] += 1;
            length -= part;
        }
    }

    /// How many tokens the block has so far.
    pub fn in_block(&self) -> usize {
        self.items.len()
    }

    /// Ends the block: what follows has tables of its own.
    pub fn end_block(&mut self) {
        self.write(false);
        self.items.clear();
        (self.literals, self.distances) = ([0; 286], [0; 30]);
    }

    /// The tokens as a zlib stream (RFC 1950); `bytes` are what they stand for.
    pub fn finish(mut self, bytes: &[u8]) -> Vec<u8> {
        self.write(true);
        let mut out = self.bits.finish();
        out.extend_from_slice(&adler32(bytes).to_be_bytes());
        out
    }

    fn write(&mut self, last: bool) {
        self.close();
        self.literals[END_OF_BLOCK] = 1;
        // A block needs a distance code even if nothing is copied.
        if self.distances.iter().all(|count| *count == 0) {
            self.distances[0] = 1;
        }
        let literal_lengths = code_lengths(&self.literals, MAX_CODE_LENGTH);
        let distance_lengths = code_lengths(&self.distances, MAX_CODE_LENGTH);
        let literal_codes = codes(&literal_lengths);
        let distance_codes = codes(&distance_lengths);

        let bits = &mut self.bits;
        bits.put(0b100 | u32::from(last), 3);
        write_tables(bits, &literal_lengths, &distance_lengths);
        for item in &self.items {
            if item & COPY == 0 {
                let symbol = *item as usize;
                bits.put(literal_codes[symbol], literal_lengths[symbol]);
                continue;
            }
            let length = (item >> 16 & 0x7fff) as usize;
            let symbol = length_symbol(length);
            let (first, extra) = LENGTHS[symbol - 257];
            bits.put(literal_codes[symbol], literal_lengths[symbol]);
            bits.put((length - usize::from(first)) as u32, extra);

            let distance = (item & 0xffff) as usize + 1;
            let symbol = distance_symbol(distance);
            let (first, extra) = DISTANCES[symbol];
            bits.put(distance_codes[symbol], distance_lengths[symbol]);
            bits.put((distance - usize::from(first)) as u32, extra);
        }
        bits.put(literal_codes[END_OF_BLOCK], literal_lengths[END_OF_BLOCK]);
    }
}

struct Bits {
    out: Vec<u8>,
    held: u64,
    count: u32,
}

impl Bits {
    #[inline]
    fn put(&mut self, value: u32, length: u8) {
        self.held |= u64::from(value) << self.count;
        self.count += u32::from(length);
        if self.count >= 32 {
            self.out.extend_from_slice(&(self.held as u32).to_le_bytes());
            self.held >>= 32;
            self.count -= 32;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        let rest = self.count.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.held.to_le_bytes()[..rest]);
        self.out
    }
}

/// How many bits a distance has beside its symbol.
#[inline]
pub fn extra_bits(distance: usize) -> u32 {
    u32::from(DISTANCES[distance_symbol(distance)].1)
}

/// The symbol of a length from 3 to 258.
#[inline]
fn length_symbol(length: usize) -> usize {
    match length {
        MAX_COPY => 285,
        ..=10 => 254 + length,
        _ => {
            // From 11 on, four symbols share each power of two.
            let above = length - 3;
            let bits = above.ilog2() as usize;
            257 + 4 * (bits - 1) + (above >> (bits - 2) & 3)
        }
    }
}

/// The symbol of a distance from 1 to 32768.
#[inline]
fn distance_symbol(distance: usize) -> usize {
    if distance <= 4 {
        return distance - 1;
    }
    let above = distance - 1;
    let bits = above.ilog2() as usize;
    2 * bits + (above >> (bits - 1) & 1)
}

/// Huffman code lengths of at most `limit` bits; ties are broken by the symbol's number.
fn code_lengths(counts: &[u32], limit: usize) -> Vec<u8> {
    let mut lengths = vec![0u8; counts.len()];
    let mut used: Vec<usize> = (0..counts.len()).filter(|symbol| counts[*symbol] > 0).collect();
    used.sort_by_key(|symbol| (counts[*symbol], *symbol));
    if used.len() <= 2 {
        // One bit each; a single symbol still needs a code.
        used.iter().for_each(|symbol| lengths[*symbol] = 1);
        return lengths;
    }

    // Two queues: leaves in ascending order, and inner nodes, which arise in ascending order.
    let leaves = used.len();
    let mut weight: Vec<u64> = used.iter().map(|symbol| u64::from(counts[*symbol])).collect();
    let mut parent = vec![0usize; 2 * leaves - 1];
    let (mut leaf, mut inner) = (0, leaves);
    for node in leaves..2 * leaves - 1 {
        let mut total = 0;
        for _ in 0..2 {
            let take_leaf = leaf < leaves && (inner >= node || weight[leaf] <= weight[inner]);
            let child = if take_leaf { &mut leaf } else { &mut inner };
            total += weight[*child];
            parent[*child] = node;
            *child += 1;
        }
        weight.push(total);
    }
    let mut depth = vec![0usize; 2 * leaves - 1];
    let mut per_length = vec![0usize; limit + 1];
    for node in (0..2 * leaves - 2).rev() {
        depth[node] = depth[parent[node]] + 1;
        if node < leaves {
            per_length[depth[node].min(limit)] += 1;
        }
    }

    // Cutting off deep leaves overfills the code; lengthen others until it fits (Kraft's sum is 1).
    let mut sum: usize = (1..=limit).map(|length| per_length[length] << (limit - length)).sum();
    while sum > 1 << limit {
        per_length[limit] -= 1;
        let longest = (1..limit).rev().find(|length| per_length[*length] > 0).unwrap_or(1);
        per_length[longest] -= 1;
        per_length[longest + 1] += 2;
        sum -= 1;
    }
    let mut symbols = used.iter();
    for length in (1..=limit).rev() {
        for symbol in symbols.by_ref().take(per_length[length]) {
            lengths[*symbol] = length as u8;
        }
    }
    lengths
}

/// The canonical codes of `lengths`, with their bits in the order in which they are sent.
fn codes(lengths: &[u8]) -> Vec<u32> {
    // The counts, moved up by one; then, in place, the first code of each length.
    let mut next = [0u32; MAX_CODE_LENGTH + 2];
    for length in lengths {
        if *length > 0 {
            next[usize::from(*length) + 1] += 1;
        }
    }
    for length in 1..next.len() {
        next[length] = (next[length - 1] + next[length]) << 1;
    }
    let mut out = vec![0; lengths.len()];
    for (symbol, length) in lengths.iter().enumerate() {
        if *length == 0 {
            continue;
        }
        let code = next[usize::from(*length)];
        next[usize::from(*length)] += 1;
        out[symbol] = code.reverse_bits() >> (32 - u32::from(*length));
    }
    out
}

/// Sends both tables, run-length coded and Huffman-coded in turn (RFC 1951, section 3.2.7).
fn write_tables(bits: &mut Bits, literal_lengths: &[u8], distance_lengths: &[u8]) {
    let trimmed = |lengths: &[u8], least: usize| {
        lengths.iter().rposition(|length| *length > 0).map_or(least, |last| (last + 1).max(least))
    };
    let literals = trimmed(literal_lengths, 257);
    let distances = trimmed(distance_lengths, 1);
    let all: Vec<u8> = [&literal_lengths[..literals], &distance_lengths[..distances]].concat();

    let mut symbols: Vec<(usize, u32, u8)> = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let run = all[at..].iter().take_while(|length| **length == all[at]).count();
        let taken = match (all[at], run) {
            (0, 11..) => {
                let part = run.min(138);
                symbols.push((18, part as u32 - 11, 7));
                part
            }
            (0, 3..) => {
                symbols.push((17, run as u32 - 3, 3));
                run
            }
            (length, 4..) => {
                let part = run.min(7);
                symbols.push((usize::from(length), 0, 0));
                symbols.push((16, part as u32 - 4, 2));
                part
            }
            (length, _) => {
                symbols.push((usize::from(length), 0, 0));
                1
            }
        };
        at += taken;
    }

    let mut counts = [0u32; 19];
    symbols.iter().for_each(|(symbol, _, _)| counts[*symbol] += 1);
    let lengths = code_lengths(&counts, 7);
    let codes = codes(&lengths);
    let sent = ORDER.iter().rposition(|symbol| lengths[*symbol] > 0).map_or(4, |last| (last + 1).max(4));
    bits.put((literals - 257) as u32, 5);
    bits.put((distances - 1) as u32, 5);
    bits.put((sent - 4) as u32, 4);
    ORDER[..sent].iter().for_each(|symbol| bits.put(u32::from(lengths[*symbol]), 3));
    for (symbol, value, extra) in symbols {
        bits.put(codes[symbol], lengths[symbol]);
        bits.put(value, extra);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_agree_with_the_tables() {
        for length in 3..=MAX_COPY {
            let (first, extra) = LENGTHS[length_symbol(length) - 257];
            let above = length - usize::from(first);
            assert!(above < 1 << extra, "{length}");
        }
        for distance in 1..=MAX_DISTANCE {
            let (first, extra) = DISTANCES[distance_symbol(distance)];
            let above = distance - usize::from(first);
            assert!(above < 1 << extra, "{distance}");
        }
    }

    #[test]
    fn lengths_stay_in_their_limit_and_fill_the_code() {
        // Fibonacci counts give the deepest tree.
        let mut counts = vec![1u32, 1];
        while counts.len() < 40 {
            counts.push(counts[counts.len() - 1] + counts[counts.len() - 2]);
        }
        for limit in [7, 15] {
            let lengths = code_lengths(&counts, limit);
            let sum: usize = lengths.iter().map(|length| 1 << (limit - usize::from(*length))).sum();
            assert!(lengths.iter().all(|length| (1..=limit).contains(&usize::from(*length))));
            assert_eq!(sum, 1 << limit, "limit {limit}");
        }
    }
}
