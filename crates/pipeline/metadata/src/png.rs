//! A PNG writer for flat drawings.
//!
//! An opaque image of at most 256 colours is stored with a palette, any other opaque image as RGB,
//! the rest as RGBA; always exactly. No row is filtered: a vector drawing repeats its rows and runs
//! as they are.

use enliven_types::deflate::Tokens;

use crate::repeats::Finder;

/// Memory that is used again, because fresh memory for each image costs more than looking for copies.
#[derive(Default)]
pub(crate) struct Scratch {
    rows: Vec<u8>,
}

/// Encodes rows of `width` premultiplied pixels, red in the lowest byte. What is in `scratch` has no
/// influence.
pub(crate) fn encode(pixels: &[u32], width: u32, scratch: &mut Scratch) -> Vec<u8> {
    let row = width as usize;
    let height = (pixels.len() / row) as u32;
    let opaque = || pixels.iter().fold(u32::MAX, |all, pixel| all & pixel) >> 24 == 0xff;
    let rows = &mut scratch.rows;
    let (colour_type, palette, unit) = match index(pixels, row, rows) {
        Some(palette) => (3, palette, 1),
        None if opaque() => {
            plain(pixels, row, rows, |[red, green, blue, _]| [red, green, blue]);
            (2, Vec::new(), 3)
        }
        None => {
            plain(pixels, row, rows, unmultiplied);
            (6, Vec::new(), 4)
        }
    };

    let mut header = Vec::with_capacity(13);
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    header.extend_from_slice(&[8, colour_type, 0, 0, 0]);
    let data = compress(rows, 1 + row * unit, unit);
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
    let mut tokens = Tokens::default();
    let mut finder = Finder::new(rows, stride, unit);
    for start in (0..rows.len()).step_by(stride) {
        finder.row(start, &mut tokens);
    }
    tokens.finish(rows)
}

/// Writes an image by its colours into `rows`, a zero (no filter) and the indices of each row, and
/// gives red, green and blue of each colour; the first colour is the one of the first pixel. None if
/// there are more than 256 colours, or one that is not solid.
fn index(pixels: &[u32], width: usize, rows: &mut Vec<u8>) -> Option<Vec<u8>> {
    // No premultiplied pixel is like this one, so the first row differs from it everywhere.
    const NOTHING: u32 = 1;
    let mut colours = Colours { slots: [(0, 0); Colours::SLOTS], palette: Vec::with_capacity(768) };
    rows.resize(pixels.len() + pixels.len() / width, 0);
    let (before, mut index_above) = (vec![NOTHING; width], vec![0; width]);
    let mut above = before.as_slice();
    for (row, line) in pixels.chunks_exact(width).zip(rows.chunks_exact_mut(1 + width)) {
        line[0] = 0;
        let indices = &mut line[1..];
        let mut x = equal(row, above);
        indices[..x].copy_from_slice(&index_above[..x]);
        while x < width {
            let pixel = row[x];
            let index = colours.index(pixel)?;
            // The rest of a run, as far as the row above is not the same again.
            while x < width && row[x] == pixel && above[x] != pixel {
                indices[x] = index;
                x += 1;
            }
            let same = equal(&row[x..], &above[x..]);
            indices[x..x + same].copy_from_slice(&index_above[x..x + same]);
            x += same;
        }
        above = row;
        index_above.copy_from_slice(indices);
    }
    Some(colours.palette)
}

struct Colours {
    /// Colours with their indices; every colour is solid, so one with 0 is a free slot.
    slots: [(u32, u8); Colours::SLOTS],
    palette: Vec<u8>,
}

impl Colours {
    const SLOTS: usize = 1024;

    #[inline]
    fn index(&mut self, pixel: u32) -> Option<u8> {
        let mut slot = (pixel.wrapping_mul(0x9e37_79b1) >> 22) as usize;
        while self.slots[slot].0 != pixel || pixel == 0 {
            if self.slots[slot].0 == 0 {
                if self.palette.len() == 768 || pixel >> 24 != 0xff {
                    return None;
                }
                self.slots[slot] = (pixel, (self.palette.len() / 3) as u8);
                self.palette.extend_from_slice(&pixel.to_le_bytes()[..3]);
                break;
            }
            slot = (slot + 1) % Colours::SLOTS;
        }
        Some(self.slots[slot].1)
    }
}

/// How many leading pixels are equal; eight are compared at a time.
#[inline]
fn equal(left: &[u32], right: &[u32]) -> usize {
    let (left_blocks, _) = left.as_chunks::<8>();
    let (right_blocks, _) = right.as_chunks::<8>();
    let blocks = left_blocks.iter().zip(right_blocks).take_while(|(left, right)| left == right).count();
    let done = 8 * blocks;
    done + left[done..].iter().zip(&right[done..]).take_while(|(left, right)| left == right).count()
}

/// Writes a zero (no filter) and the pixels of each row into `rows`.
fn plain<const BYTES: usize>(pixels: &[u32], width: usize, rows: &mut Vec<u8>, bytes: impl Fn([u8; 4]) -> [u8; BYTES]) {
    rows.clear();
    for row in pixels.chunks_exact(width) {
        rows.push(0);
        row.iter().for_each(|pixel| rows.extend_from_slice(&bytes(pixel.to_le_bytes())));
    }
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

    fn words(pixels: &[[u8; 4]]) -> Vec<u32> {
        pixels.iter().map(|pixel| u32::from_le_bytes(*pixel)).collect()
    }

    fn image() -> impl Strategy<Value = (u32, Vec<[u8; 4]>)> {
        // Few colours, so that there is something to repeat; now and then too many for a palette.
        let pixel = prop_oneof![
            Just([10, 20, 30, 255]),
            Just([200, 0, 7, 255]),
            Just([0, 0, 0, 255]),
            any::<u16>().prop_map(|grey| [grey as u8, (grey >> 8) as u8 & 1, 1, 255])
        ];
        (1u32..700).prop_flat_map(move |width| {
            let runs = prop::collection::vec((pixel.clone(), 1usize..900), 1..40);
            runs.prop_map(move |runs| {
                let mut pixels: Vec<[u8; 4]> =
                    runs.into_iter().flat_map(|(pixel, length)| vec![pixel; length]).collect();
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
            let (kind, out) = decode(&encode(&words(&pixels), width, &mut Scratch { rows: vec![7; 1000] }));
            prop_assert_eq!(kind, png::ColorType::Rgb);
            let rgb: Vec<u8> = pixels.iter().flat_map(|pixel| pixel[..3].to_vec()).collect();
            prop_assert_eq!(out, rgb);
        }
    }

    #[test]
    fn the_257th_colour_makes_it_rgb() {
        for (colours, kind) in [(256u32, 3), (257, 2)] {
            let pixels: Vec<[u8; 4]> = (0..colours).map(|colour| [colour as u8, (colour >> 8) as u8, 9, 255]).collect();
            let bytes = encode(&words(&pixels), colours, &mut Scratch::default());
            assert_eq!(bytes[25], kind, "{colours}");
            let rgb: Vec<u8> = pixels.iter().flat_map(|pixel| pixel[..3].to_vec()).collect();
            assert_eq!(decode(&bytes).1, rgb);
        }
    }

    #[test]
    fn transparency_is_kept() {
        let pixels = [[255, 0, 0, 255], [0, 0, 0, 0], [10, 20, 40, 80], [10, 20, 40, 80]];
        let (kind, out) = decode(&encode(&words(&pixels), 2, &mut Scratch::default()));
        assert_eq!(kind, png::ColorType::Rgba);
        assert_eq!(out, [255, 0, 0, 255, 0, 0, 0, 0, 32, 64, 128, 80, 32, 64, 128, 80]);
    }

    #[test]
    fn sums_have_their_check_values() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
