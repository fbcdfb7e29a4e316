//! CAR version 1: blocks one after the other in a file.
//!
//! The header is a varint length and DAG-CBOR `{roots: [links], version: 1}`; then each section is a varint length,
//! a CID and the block's bytes (<https://ipld.io/specs/transport/car/carv1/>). The format says nothing of the order
//! of blocks; the roots may stand anywhere, or nowhere.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use enliven_types::{Block, Cid, from_cbor, to_cbor};
use serde::{Deserialize, Serialize};

use crate::proto::put_varint;
use crate::store::check_hash;
use crate::{BlockStore, ContentError, MAX_BLOCK_BYTES};

/// The longest header that is read: some thousand roots.
const MAX_HEADER_BYTES: u64 = 128 * 1024;
/// The longest CID that is read.
const MAX_CID_BYTES: usize = 100;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    roots: Vec<Cid>,
    version: u64,
}

/// Writes a CAR file, block by block.
#[derive(Debug)]
pub struct CarWriter<W: Write> {
    out: W,
}

impl<W: Write> CarWriter<W> {
    /// Writes the header.
    pub fn new(mut out: W, roots: &[Cid]) -> io::Result<CarWriter<W>> {
        let header = to_cbor(&Header { roots: roots.to_vec(), version: 1 });
        let mut length = Vec::new();
        put_varint(&mut length, header.len() as u64);
        out.write_all(&length)?;
        out.write_all(&header)?;
        Ok(CarWriter { out })
    }

    /// Appends a block. Its hash is not looked at: who reads it will. One that no reader takes is an error.
    pub fn put(&mut self, block: &Block) -> io::Result<()> {
        if block.bytes.len() > MAX_BLOCK_BYTES {
            let reason = format!("block {} is larger than {MAX_BLOCK_BYTES} bytes", block.cid);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let mut start = Vec::new();
        put_varint(&mut start, (block.cid.encoded_len() + block.bytes.len()) as u64);
        start.extend_from_slice(&block.cid.to_bytes());
        self.out.write_all(&start)?;
        self.out.write_all(&block.bytes)
    }

    /// Flushes, and gives back what was written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Reads a CAR file from front to back, block by block; each is checked against its CID.
///
/// After an error there are no more blocks.
#[derive(Debug)]
pub struct CarReader<R: Read> {
    input: R,
    place: String,
    offset: u64,
    roots: Vec<Cid>,
    failed: bool,
}

impl<R: Read> CarReader<R> {
    /// Reads the header. `place` names the file in errors.
    pub fn new(mut input: R, place: impl Into<String>) -> Result<CarReader<R>, ContentError> {
        let place = place.into();
        let wrong = |offset, reason: String| ContentError::Car { place: place.clone(), offset, reason };
        let mut start = 0;
        let length = match read_varint(&mut input, &mut start) {
            Ok(Some(length)) => length,
            Ok(None) => return Err(wrong(0, "it is empty".into())),
            Err(reason) => return Err(wrong(start, reason)),
        };
        if length == 0 || length > MAX_HEADER_BYTES {
            return Err(wrong(0, format!("a header of {length} bytes; it has 1 to {MAX_HEADER_BYTES}")));
        }
        let mut header = vec![0; length as usize];
        input.read_exact(&mut header).map_err(|error| wrong(start, cut_off(&error)))?;
        let header: Header = match from_cbor("header", &header) {
            Ok(header) => header,
            Err(error) => return Err(wrong(start, format!("{error} (hint: only CAR version 1 is read)"))),
        };
        if header.version != 1 {
            return Err(wrong(start, format!("version {}; only version 1 is read", header.version)));
        }
        Ok(CarReader { input, offset: start + length, roots: header.roots, failed: false, place })
    }

    /// The roots that the header names.
    pub fn roots(&self) -> &[Cid] {
        &self.roots
    }

    /// The next block, and where in the file its bytes start.
    fn section(&mut self) -> Result<Option<(Block, u64)>, ContentError> {
        let start = self.offset;
        let place = self.place.clone();
        let wrong = |reason: String| ContentError::Car { place: place.clone(), offset: start, reason };
        let Some(length) = read_varint(&mut self.input, &mut self.offset).map_err(wrong)? else { return Ok(None) };
        if length > (MAX_BLOCK_BYTES + MAX_CID_BYTES) as u64 {
            return Err(wrong(format!("a block of {length} bytes; at most {MAX_BLOCK_BYTES} are read")));
        }
        let mut section = vec![0; length as usize];
        self.input.read_exact(&mut section).map_err(|error| wrong(cut_off(&error)))?;
        let mut rest = section.as_slice();
        let cid = Cid::read_bytes(&mut rest).map_err(|error| wrong(format!("its CID is not readable: {error}")))?;
        let bytes = rest.to_vec();
        if bytes.len() > MAX_BLOCK_BYTES {
            return Err(wrong(format!("a block of {} bytes; at most {MAX_BLOCK_BYTES} are read", bytes.len())));
        }
        check_hash(&cid, &bytes, || format!("CAR file {}, byte {start}", self.place))?;
        self.offset += length;
        let at = self.offset - bytes.len() as u64;
        Ok(Some((Block { cid, bytes }, at)))
    }

    fn next_section(&mut self) -> Option<Result<(Block, u64), ContentError>> {
        if self.failed {
            return None;
        }
        let found = self.section().transpose();
        self.failed = !matches!(found, Some(Ok(_)));
        found
    }
}

impl<R: Read> Iterator for CarReader<R> {
    type Item = Result<Block, ContentError>;

    fn next(&mut self) -> Option<Result<Block, ContentError>> {
        Some(self.next_section()?.map(|(block, _)| block))
    }
}

/// The blocks of a CAR file, read only.
///
/// Opening reads the file once, checks every block and remembers where it stands; a block that is asked for is read
/// and checked again. Memory: the CIDs, not the blocks.
#[derive(Debug)]
pub struct CarBlocks {
    place: String,
    file: Mutex<File>,
    roots: Vec<Cid>,
    places: BTreeMap<Cid, (u64, usize)>,
}

impl CarBlocks {
    /// Opens a CAR file.
    pub fn open(path: impl AsRef<Path>) -> Result<CarBlocks, ContentError> {
        let place = format!("`{}`", path.as_ref().display());
        let unreadable =
            |error: io::Error| ContentError::Car { place: place.clone(), offset: 0, reason: error.to_string() };
        let file = File::open(path.as_ref()).map_err(unreadable)?;
        let again = file.try_clone().map_err(unreadable)?;
        let mut reader = CarReader::new(BufReader::with_capacity(1 << 18, again), place.clone())?;
        let roots = reader.roots().to_vec();
        let mut places = BTreeMap::new();
        while let Some(section) = reader.next_section() {
            let (block, at) = section?;
            places.insert(block.cid, (at, block.bytes.len()));
        }
        Ok(CarBlocks { place, file: Mutex::new(file), roots, places })
    }

    /// The roots that the header names.
    pub fn roots(&self) -> &[Cid] {
        &self.roots
    }
}

impl BlockStore for CarBlocks {
    fn get(&self, cid: &Cid) -> Result<Option<Vec<u8>>, ContentError> {
        let Some(&(offset, length)) = self.places.get(cid) else { return Ok(None) };
        let mut bytes = vec![0; length];
        // A thread that panicked left the file where it stood: the place is sought anew.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut bytes));
        drop(file);
        read.map_err(|error| ContentError::Car { place: self.place.clone(), offset, reason: cut_off(&error) })?;
        check_hash(cid, &bytes, || format!("CAR file {}", self.place))?;
        Ok(Some(bytes))
    }

    fn put_all(&self, blocks: &[Block]) -> Result<(), ContentError> {
        if blocks.is_empty() {
            return Ok(());
        }
        Err(ContentError::ReadOnly { place: format!("CAR file {}", self.place) })
    }

    fn has(&self, cid: &Cid) -> Result<bool, ContentError> {
        Ok(self.places.contains_key(cid))
    }
}

/// The next varint and how far it reaches; none at the end of the input.
fn read_varint(input: &mut impl Read, offset: &mut u64) -> Result<Option<u64>, String> {
    let mut value = 0u64;
    for index in 0..9 {
        let mut byte = [0];
        match read_byte(input, &mut byte) {
            Ok(false) if index == 0 => return Ok(None),
            Ok(false) => return Err("it ends inside a number".into()),
            Ok(true) => *offset += 1,
            Err(error) => return Err(error.to_string()),
        }
        value |= u64::from(byte[0] & 0x7f) << (7 * index);
        if byte[0] & 0x80 != 0 {
            continue;
        }
        if byte[0] == 0 && index > 0 {
            return Err("a number is written in more bytes than it needs".into());
        }
        return Ok(Some(value));
    }
    Err("a number has more than 63 bits".into())
}

/// One byte, or false at the end.
fn read_byte(input: &mut impl Read, byte: &mut [u8; 1]) -> io::Result<bool> {
    loop {
        match input.read(byte) {
            Ok(read) => return Ok(read == 1),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn cut_off(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is cut off (hint: fetch the file again)".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
#[path = "car_tests.rs"]
mod tests;
