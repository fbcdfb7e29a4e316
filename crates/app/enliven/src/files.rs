//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::error::CliError;

/// Writes a file beside its place, and gives it its name when all of it is on disk.
pub fn write_whole<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let failed = |error: io::Error| CliError::file("write", path, &error);
    let mut file = BufWriter::new(File::create(&part).map_err(failed)?);
    let written = write(&mut file).and_then(|result| {
        file.flush().and_then(|()| file.get_ref().sync_all()).map_err(failed)?;
        fs::rename(&part, path).map_err(failed)?;
        Ok(result)
    });
    if written.is_err() {
        // What was written of it is of no use; that it cannot be deleted is not what went wrong.
        let _ = fs::remove_file(&part);
    }
    written
}

/// The same of bytes that are there.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    write_whole(path, |file| file.write_all(bytes).map_err(|error| CliError::file("write", path, &error)))
}
