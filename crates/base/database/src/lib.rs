//! Files of the embedded database that are there whole or not at all.
//!
//! A process that is killed while `redb` creates a file leaves one that nothing can open any more. Here a new file
//! gets its name when it is whole.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{Builder, Database, DatabaseError, StorageError};

/// Opens the database in `path`; makes an empty one where there is none, or an empty file.
pub fn open_or_create(builder: &Builder, path: &Path) -> Result<Database, DatabaseError> {
    if !path.exists() {
        create(builder, path).map_err(|error| match error {
            Failed::Database(error) => error,
            Failed::Io(error) => DatabaseError::Storage(StorageError::Io(error)),
        })?;
    }
    builder.create(path)
}

enum Failed {
    Database(DatabaseError),
    Io(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Failed {
        Failed::Io(error)
    }
}

fn create(builder: &Builder, path: &Path) -> Result<(), Failed> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    // The file is locked from here on, under either name: another process is refused or comes later.
    let database = match contained(|| builder.create(&new)) {
        Some(Ok(database)) => database,
        // Another process is about to make the same file.
        Some(Err(error @ DatabaseError::DatabaseAlreadyOpen)) => return Err(Failed::Database(error)),
        Some(Err(error)) if !new.exists() => return Err(Failed::Database(error)),
        // What a process left that was killed here.
        _ => {
            fs::remove_file(&new)?;
            builder.create(&new).map_err(Failed::Database)?
        }
    };
    if path.exists() {
        // Another process was faster. That one may have given its file a name that this one has open.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => return Ok(()),
        }
    }
    fs::rename(&new, path)?;
    drop(database);
    // The name, too, has to be on disk; systems on which a folder cannot be opened need no such call.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(folder) = File::open(folder) {
        folder.sync_all()?;
    }
    Ok(())
}

/// None where the database panics, as it may on a file that is damaged.
fn contained<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_file_that_was_not_finished_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let whole = folder.path().join("whole");
        drop(open_or_create(&Builder::new(), &whole).unwrap());
        let bytes = fs::read(&whole).unwrap();
        // However far the process got: nothing, a file without its first page, or all but its end.
        for left in [Vec::new(), vec![0; 4096], vec![0; bytes.len()], bytes[..bytes.len() / 2].to_vec(), bytes] {
            let path = folder.path().join("blocks.redb");
            fs::write(folder.path().join("blocks.redb.new"), &left).unwrap();
            drop(open_or_create(&Builder::new(), &path).unwrap());
            let mut names: Vec<_> =
                fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            assert_eq!(names, ["blocks.redb", "whole"], "{} bytes were left", left.len());
            drop(open_or_create(&Builder::new(), &path).unwrap());
            fs::remove_file(&path).unwrap();
        }
    }

    /// Of two that make it at once one is faster, and its file stays; the other is refused or finds it.
    #[test]
    fn two_at_once_make_one_file() {
        for _ in 0..30 {
            let folder = tempfile::tempdir().unwrap();
            let path = &folder.path().join("blocks.redb");
            let made = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| open_or_create(&Builder::new(), path))).collect();
                let results: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
                results.into_iter().filter(|result| match result {
                    Ok(_) => true,
                    Err(DatabaseError::DatabaseAlreadyOpen) => false,
                    Err(error) => panic!("{error}"),
                })
            });
            assert_eq!(made.count(), 1);
            let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names, ["blocks.redb"]);
        }
    }

    #[test]
    fn what_is_no_database_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        fs::write(&path, "text").unwrap();
        open_or_create(&Builder::new(), &path).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"text");
        let error = open_or_create(&Builder::new(), &folder.path().join("absent/blocks.redb")).unwrap_err();
        assert!(matches!(error, DatabaseError::Storage(StorageError::Io(_))), "{error}");
    }
}
