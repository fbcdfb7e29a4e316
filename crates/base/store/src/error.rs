use thiserror::Error;

/// What can go wrong in a store.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file cannot be opened as a store.
    #[error("cannot open the store {path}: {reason}")]
    Open {
        /// The file.
        path: String,
        /// What the database said.
        reason: String,
    },
    /// The file was written by another version.
    #[error(
        "the store {path} has format {found}, this version reads format {expected}\nhint: use the version that wrote it, or delete the data directory and run again from the sources"
    )]
    Format {
        /// The file.
        path: String,
        /// Its format.
        found: u64,
        /// The format that this version reads.
        expected: u64,
    },
    /// Another process has the store open.
    #[error(
        "the store {path} is in use by another process\nhint: stop the other `enliven`, or choose another data directory with --data"
    )]
    Locked {
        /// The file.
        path: String,
    },
    /// Reading or writing failed.
    #[error("the store failed to {action}: {reason}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// What the database said.
        reason: String,
    },
    /// A stored value does not match its checksum.
    #[error(
        "the value at `{key}` in table {table} is damaged (its checksum does not match)\nhint: restore the data directory from a copy, or delete it and run again from the sources"
    )]
    Damaged {
        /// The table.
        table: &'static str,
        /// The key, as text.
        key: String,
    },
    /// The log has a gap.
    #[error("the log of {source_name}/{partition} has no event at offset {offset}")]
    Gap {
        /// The source.
        source_name: String,
        /// The partition.
        partition: u32,
        /// The offset that is missing.
        offset: u64,
    },
    /// The events were given up.
    #[error(
        "the log of {source_name}/{partition} no longer has offset {offset}: its first event is at {first}, what came before was trimmed"
    )]
    Trimmed {
        /// The source.
        source_name: String,
        /// The partition.
        partition: u32,
        /// The offset that was asked for.
        offset: u64,
        /// The first offset that is kept.
        first: u64,
    },
    /// What does not fit the memory cannot be kept on disk.
    #[error(
        "what does not fit the memory cannot be {action} {folder}: {reason}\nhint: nothing that was stored is touched; give it more memory or room on disk, and run again"
    )]
    Spill {
        /// What was being done, up to the folder's name.
        action: &'static str,
        /// The folder.
        folder: String,
        /// What the system said.
        reason: String,
    },
    /// A stored record does not decode.
    #[error("the event at offset {offset} of {source_name}/{partition} cannot be read: {reason}")]
    Event {
        /// The source.
        source_name: String,
        /// The partition.
        partition: u32,
        /// Its offset.
        offset: u64,
        /// Why.
        reason: enliven_types::TypeError,
    },
}

impl StoreError {
    pub(crate) fn damaged(table: crate::Table, key: &[u8]) -> StoreError {
        StoreError::Damaged { table: table.name(), key: printed(key) }
    }
}

/// A key as text. Names stand in keys as they are, numbers as bytes: what is not printable is escaped.
fn printed(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_string(),
        _ => key.escape_ascii().to_string(),
    }
}
