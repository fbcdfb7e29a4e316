use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use crate::StoreError;

/// So much is gathered before it is written.
const BUFFER: usize = 1 << 20;
/// CRC-32 and length in front of what is kept.
const HEAD: usize = 8;
/// So much is read at first: most of what is kept is smaller.
const GUESS: usize = 4 << 10;

/// A nameless file for what does not fit the memory. It is gone with the process, however that ends.
///
/// What was kept never changes, and room is not used again: who needs less of it moves that to a
/// [`SpillFile::fresh`] one.
#[derive(Debug)]
pub struct SpillFile {
    folder: PathBuf,
    file: File,
    tail: Mutex<Tail>,
}

/// What is not written yet, and where it will be.
#[derive(Debug, Default)]
struct Tail {
    start: u64,
    bytes: Vec<u8>,
}

impl SpillFile {
    /// Makes one in a folder.
    pub fn new(folder: &Path) -> Result<SpillFile, StoreError> {
        let file = tempfile::tempfile_in(folder).map_err(|error| failed("kept in", folder, error))?;
        Ok(SpillFile { folder: folder.to_path_buf(), file, tail: Mutex::default() })
    }

    /// An empty one in the same folder.
    pub fn fresh(&self) -> Result<SpillFile, StoreError> {
        SpillFile::new(&self.folder)
    }

    /// Keeps bytes; returns where they are.
    pub fn put(&self, bytes: &[u8]) -> Result<u64, StoreError> {
        self.append(bytes).map_err(|error| failed("written to", &self.folder, error))
    }

    /// What was kept at a place.
    pub fn get(&self, place: u64) -> Result<Vec<u8>, StoreError> {
        let failed = |error| failed("read back from", &self.folder, error);
        let read = self.read(place).map_err(failed)?;
        let whole = |read: &[u8]| -> Option<Vec<u8>> {
            let (crc, rest) = read.split_first_chunk::<4>()?;
            let (_, bytes) = rest.split_first_chunk::<4>()?;
            (crc32fast::hash(bytes).to_le_bytes() == *crc).then(|| bytes.to_vec())
        };
        whole(&read).ok_or_else(|| failed(Error::other("its checksum does not match")))
    }

    fn append(&self, bytes: &[u8]) -> std::io::Result<u64> {
        let length = u32::try_from(bytes.len()).map_err(|_| Error::other("it has more than 4 GiB"))?;
        let mut tail = self.tail()?;
        if tail.bytes.len() >= BUFFER {
            self.file.write_all_at(&tail.bytes, tail.start)?;
            tail.start += tail.bytes.len() as u64;
            tail.bytes.clear();
        }
        let place = tail.start + tail.bytes.len() as u64;
        tail.bytes.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
        tail.bytes.extend_from_slice(&length.to_le_bytes());
        tail.bytes.extend_from_slice(bytes);
        Ok(place)
    }

    fn tail(&self) -> std::io::Result<MutexGuard<'_, Tail>> {
        self.tail.lock().map_err(|_| Error::other("another thread failed while it wrote"))
    }

    /// What was kept at a place, with its head; as much of it as there is.
    fn read(&self, place: u64) -> std::io::Result<Vec<u8>> {
        let length_of = |head: &[u8]| {
            let length = head.get(4..HEAD).and_then(|length| length.first_chunk::<4>());
            length.map_or(0, |length| u32::from_le_bytes(*length) as usize)
        };
        {
            let tail = self.tail()?;
            if let Some(from) = place.checked_sub(tail.start) {
                let rest = tail.bytes.get(usize::try_from(from).unwrap_or(usize::MAX)..).unwrap_or_default();
                return Ok(rest[..rest.len().min(HEAD.saturating_add(length_of(rest)))].to_vec());
            }
        }
        let mut bytes = vec![0; GUESS];
        let mut filled = self.fill(&mut bytes, place)?;
        let wanted = HEAD + length_of(&bytes[..filled]);
        if wanted > filled && filled == GUESS {
            bytes.resize(wanted, 0);
            filled += self.fill(&mut bytes[GUESS..], place + GUESS as u64)?;
        }
        bytes.truncate(wanted.min(filled));
        Ok(bytes)
    }

    /// Reads as much as there is; returns how much that was.
    fn fill(&self, bytes: &mut [u8], place: u64) -> std::io::Result<usize> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], place + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

fn failed(action: &'static str, folder: &Path, error: Error) -> StoreError {
    StoreError::Spill { action, folder: folder.display().to_string(), reason: error.to_string() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_is_kept_comes_back(sizes in prop::collection::vec(prop_oneof![0usize..200, 3_000usize..6_000, 0usize..600_000], 1..40)) {
            let folder = tempfile::tempdir().unwrap();
            let file = SpillFile::new(folder.path()).unwrap();
            let bytes = |number: usize, size: usize| -> Vec<u8> { (0..size).map(|at| (at * 7 + number) as u8).collect() };
            let mut places = Vec::new();
            for (number, size) in sizes.iter().enumerate() {
                places.push(file.put(&bytes(number, *size)).unwrap());
                let back = number / 2;
                prop_assert_eq!(file.get(places[back]).unwrap(), bytes(back, sizes[back]));
            }
            for (number, place) in places.iter().enumerate() {
                prop_assert_eq!(file.get(*place).unwrap(), bytes(number, sizes[number]));
            }
            // Nameless: nothing is left to be tidied up.
            prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn what_is_damaged_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = SpillFile::new(folder.path()).unwrap();
        let place = file.put(&[7; 100]).unwrap();
        let last = (0..3).map(|_| file.put(&vec![1; BUFFER]).unwrap()).last().unwrap();
        file.file.write_all_at(&[9], place + 50).unwrap();
        assert!(file.get(place).unwrap_err().to_string().contains("checksum"));
        assert!(file.get(last + 3).is_err());
        assert!(file.get(1 << 40).is_err());
    }
}
