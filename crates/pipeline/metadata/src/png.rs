//! A PNG writer for flat drawings.
//!
//! An opaque image of at most 256 colours is stored with a palette, any other opaque image as RGB,
//! the rest as RGBA; always exactly. No row is filtered: a vector drawing repeats its rows and runs
//! as they are.

use crate::deflate::{Finder, Tokens};

/// Encodes premultiplied RGBA pixels; `pixels` has `width * height * 4` bytes.
pub(crate) fn encode(pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
    let (words, _) = pixels.as_chunks::<4>();
    let row = width as usize;
    let opaque = words.iter().fold(u32::MAX, |all, word| all & u32::from_le_bytes(*word)) >> 24 == 0xff;
    let indexed = if opaque { Indexed::new(words, row) } else { None };
    let (colour_type, palette, rows, unit) = match indexed {
        Some(indexed) => (3, indexed.palette, indexed.rows, 1),
        None if opaque => (2, Vec::new(), rows(words, row, |[red, green, blue, _]| [red, green, blue]), 3),
        None => (6, Vec::new(), rows(words, row, unmultiplied), 4),
    };

    let mut header = Vec::with_capacity(13);
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    header.extend_from_slice(&[8, colour_type, 0, 0, 0]);
    let data = compress(&rows, 1 + row * unit, unit);
    let mut out = Vec::with_capacity(data.len() + palette.len() + 128);
    out.extend_from_slice(b"\x89PNG\r\n\x1a\n");
    chunk(&mut out, b"IHDR", &header);
    if colour_type == 3 {
        chunk(&mut out, b"PLTE", &palette);
    }
    chunk(&mut out, b"IDAT", &data);
    chunk(&mut out, b"IEND", &[]);
    out
}

/// The zlib stream (RFC 1950) of all rows.
fn compress(rows: &[u8], stride: usize, unit: usize) -> Vec<u8> {
    let mut tokens = Tokens::new();
    let mut finder = Finder::new(rows, stride, unit);
    for start in (0..rows.len()).step_by(stride) {
        finder.row(start, &mut tokens);
    }
    let mut out = tokens.finish(vec![0x78, 0x01]);
    out.extend_from_slice(&adler32(rows).to_be_bytes());
    out
}

/// An image by its colours; the first colour is the one of the first pixel.
struct Indexed {
    /// Red, green, blue of each colour.
    palette: Vec<u8>,
    /// A zero (no filter) and the indices of each row.
    rows: Vec<u8>,
}

impl Indexed {
    /// None if there are more than 256 colours.
    fn new(words: &[[u8; 4]], width: usize) -> Option<Indexed> {
        const SLOTS: usize = 1024;
        let mut colours = vec![(0u32, 0u8, false); SLOTS];
        let mut palette = Vec::with_capacity(768);
        let mut rows = Vec::with_capacity(words.len() + words.len() / width);
        let (mut last, mut index) = (0, 0);
        for row in words.chunks_exact(width) {
            rows.push(0);
            for pixel in row {
                let word = u32::from_le_bytes(*pixel);
                if word != last {
                    let mut slot = (word.wrapping_mul(0x9e37_79b1) >> 22) as usize;
                    while colours[slot].2 && colours[slot].0 != word {
                        slot = (slot + 1) % SLOTS;
                    }
                    if !colours[slot].2 {
                        if palette.len() == 768 {
                            return None;
                        }
                        colours[slot] = (word, (palette.len() / 3) as u8, true);
                        palette.extend_from_slice(&pixel[..3]);
                    }
                    (last, index) = (word, colours[slot].1);
                }
                rows.push(index);
            }
        }
        Some(Indexed { palette, rows })
    }
}

/// A zero (no filter) and the pixels of each row.
fn rows<const BYTES: usize>(words: &[[u8; 4]], width: usize, bytes: impl Fn([u8; 4]) -> [u8; BYTES]) -> Vec<u8> {
    let mut out = Vec::with_capacity(words.len() * BYTES + words.len() / width);
    for row in words.chunks_exact(width) {
        out.push(0);
        row.iter().for_each(|pixel| out.extend_from_slice(&bytes(*pixel)));
    }
    out
}

/// PNG has no premultiplied colours.
fn unmultiplied(pixel: [u8; 4]) -> [u8; 4] {
    let alpha = u32::from(pixel[3]);
    if alpha == 0 {
        return [0; 4];
    }
    let plain = |channel: u8| ((u32::from(channel) * 255 + alpha / 2) / alpha).min(255) as u8;
    [plain(pixel[0]), plain(pixel[1]), plain(pixel[2]), pixel[3]]
}

/// Adler-32 (RFC 1950), in blocks so short that the sums stay exact in 32 bits.
fn adler32(bytes: &[u8]) -> u32 {
    const BLOCK: usize = 2048;
    let (mut a, mut b) = (1u32, 0u32);
    for block in bytes.chunks(BLOCK) {
        let (mut plain, mut weighted) = (0u32, 0u32);
        for (index, byte) in block.iter().enumerate() {
            plain += u32::from(*byte);
            weighted += u32::from(*byte) * (block.len() - index) as u32;
        }
        b = (b + a * block.len() as u32 + weighted) % 65521;
        a = (a + plain) % 65521;
    }
    b << 16 | a
}

fn chunk(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    out.extend_from_slice(&(data.len() as u32).to_be_bytes());
    let from = out.len();
    out.extend_from_slice(kind);
    out.extend_from_slice(data);
    let sum = crc32(&out[from..]);
    out.extend_from_slice(&sum.to_be_bytes());
}

const fn crc_table() -> [[u32; 256]; 4] {
    let mut table = [[0u32; 256]; 4];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[0][byte] = value;
        byte += 1;
    }
    let mut byte = 0;
    while byte < 256 {
        let mut slice = 1;
        while slice < 4 {
            let before = table[slice - 1][byte];
            table[slice][byte] = before >> 8 ^ table[0][(before & 0xff) as usize];
            slice += 1;
        }
        byte += 1;
    }
    table
}

/// CRC-32 of ISO 3309, four bytes at a time.
fn crc32(bytes: &[u8]) -> u32 {
    static TABLE: [[u32; 256]; 4] = crc_table();
    let (words, rest) = bytes.as_chunks::<4>();
    let mut sum = u32::MAX;
    for word in words {
        let [first, second, third, fourth] = (sum ^ u32::from_le_bytes(*word)).to_le_bytes().map(usize::from);
        sum = TABLE[3][first] ^ TABLE[2][second] ^ TABLE[1][third] ^ TABLE[0][fourth];
    }
    for byte in rest {
        sum = sum >> 8 ^ TABLE[0][usize::from(sum as u8 ^ byte)];
    }
    !sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(bytes: &[u8]) -> (png::ColorType, Vec<u8>) {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut out = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut out).unwrap();
        out.truncate(info.buffer_size());
        (info.color_type, out)
    }

    fn image() -> impl Strategy<Value = (u32, Vec<[u8; 4]>)> {
        // Few colours, so that there is something to repeat; now and then too many for a palette.
        let pixel = prop_oneof![Just([10, 20, 30, 255]), Just([200, 0, 7, 255]), Just([0, 0, 0, 255]), any::<u16>().prop_map(|grey| [grey as u8, (grey >> 8) as u8 & 1, 1, 255])];
        (1u32..700).prop_flat_map(move |width| {
            let runs = prop::collection::vec((pixel.clone(), 1usize..900), 1..40);
            runs.prop_map(move |runs| {
                let mut pixels: Vec<[u8; 4]> = runs.into_iter().flat_map(|(pixel, length)| vec![pixel; length]).collect();
                let rows = pixels.len().div_ceil(width as usize);
                pixels.resize(rows * width as usize, [9, 9, 9, 255]);
                (width, pixels)
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_opaque_image_survives((width, pixels) in image()) {
            let height = pixels.len() as u32 / width;
            let (kind, out) = decode(&encode(&pixels.concat(), width, height));
            prop_assert_eq!(kind, png::ColorType::Rgb);
            let rgb: Vec<u8> = pixels.iter().flat_map(|pixel| pixel[..3].to_vec()).collect();
            prop_assert_eq!(out, rgb);
        }
    }

    #[test]
    fn the_257th_colour_makes_it_rgb() {
        for (colours, kind) in [(256u32, 3), (257, 2)] {
            let pixels: Vec<u8> = (0..colours).flat_map(|colour| [colour as u8, (colour >> 8) as u8, 9, 255]).collect();
            let bytes = encode(&pixels, colours, 1);
            assert_eq!(bytes[25], kind, "{colours}");
            let rgb: Vec<u8> = pixels.chunks(4).flat_map(|pixel| pixel[..3].to_vec()).collect();
            assert_eq!(decode(&bytes).1, rgb);
        }
    }

    #[test]
    fn transparency_is_kept() {
        let pixels = [[255, 0, 0, 255], [0, 0, 0, 0], [10, 20, 40, 80], [10, 20, 40, 80]];
        let (kind, out) = decode(&encode(&pixels.concat(), 2, 2));
        assert_eq!(kind, png::ColorType::Rgba);
        assert_eq!(out, [255, 0, 0, 255, 0, 0, 0, 0, 32, 64, 128, 80, 32, 64, 128, 80]);
    }

    #[test]
    fn sums_have_their_check_values() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }
}
