use std::path::PathBuf;

use enliven_types::Cid;
use thiserror::Error;

/// What can go wrong with blocks, files and directories.
#[derive(Debug, Error)]
pub enum ContentError {
    /// Another process, or another handle in this one, has the store open.
    #[error("block store `{}` is in use by another process (hint: stop it, or give this one another path)", path.display())]
    Locked {
        /// The store's file.
        path: PathBuf,
    },
    /// The file exists and is not a block store that this version can read.
    #[error("`{}` is not a block store: {reason} (hint: give the path of a new file, or of a store made by this program)", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// The store's file cannot be read or written.
    #[error("block store `{}` failed to {action}: {source}", path.display())]
    Storage {
        /// The store's file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// What the storage engine said.
        source: Box<redb::Error>,
    },
    /// Bytes do not hash to the CID under which they were found or offered.
    #[error(
        "block {cid} from {place} does not hash to its CID (hint: discard it and fetch it again from another place)"
    )]
    Corrupt {
        /// The block.
        cid: Box<Cid>,
        /// The store or gateway that gave the bytes.
        place: String,
    },
    /// The CID uses a hash function other than sha2-256, so its block cannot be checked.
    #[error("block {cid} uses the hash function 0x{code:x}; only sha2-256 (0x12) can be checked")]
    UnsupportedHash {
        /// The block.
        cid: Box<Cid>,
        /// The multihash code.
        code: u64,
    },
    /// The store is read only.
    #[error("{place} is read only: no block can be put there")]
    ReadOnly {
        /// The store or gateway.
        place: String,
    },
    /// The gateway's address is not one that can be used.
    #[error("gateway address `{url}` cannot be used: {reason}")]
    GatewayUrl {
        /// The address as given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The gateway did not answer, or answered with something other than a block.
    #[error("gateway: `{url}`: {reason}")]
    Gateway {
        /// The address that was asked.
        url: String,
        /// What happened.
        reason: String,
    },
    /// A mirror did not answer, or refused.
    #[error("{place}: {reason}")]
    Mirror {
        /// Which mirror.
        place: String,
        /// What happened.
        reason: String,
    },
    /// A CAR file cannot be read, or is not one.
    #[error("CAR file {place}, byte {offset}: {reason}")]
    Car {
        /// The file.
        place: String,
        /// Where in it, counted from its start.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// A block that is needed is not in the store.
    #[error("block {cid} is not in the store")]
    Missing {
        /// The block.
        cid: Box<Cid>,
    },
    /// A block is not well-formed DAG-PB or UnixFS.
    #[error("block {cid} is malformed: {reason}")]
    Malformed {
        /// The block.
        cid: Box<Cid>,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file, a listing or a block is larger than the caller allows.
    #[error("{what} {cid} is larger than the limit of {limit} {unit}")]
    TooLarge {
        /// What was read: a file, a directory or a block.
        what: &'static str,
        /// Its root.
        cid: Box<Cid>,
        /// The limit.
        limit: usize,
        /// What the limit counts.
        unit: &'static str,
    },
    /// The CID does not lead to a file.
    #[error("{cid} is not a UnixFS file")]
    NotAFile {
        /// The block.
        cid: Box<Cid>,
    },
    /// The CID does not lead to a directory.
    #[error("{cid} is not a UnixFS directory")]
    NotADirectory {
        /// The block.
        cid: Box<Cid>,
    },
    /// A directory has no entry of that name.
    #[error("directory {cid} has no entry `{name}`")]
    NotFound {
        /// The directory's root.
        cid: Box<Cid>,
        /// The entry that was looked for.
        name: String,
    },
    /// A name that no directory entry may have.
    #[error("`{name}` cannot be the name of a directory entry: {reason}")]
    Name {
        /// The name as given, cut if it is long.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Two names have the same 64-bit hash, so that no HAMT can hold both.
    #[error("`{name}` and `{other}` have the same directory hash and cannot stand in one directory (hint: rename one)")]
    NameCollision {
        /// The name that was to be inserted.
        name: String,
        /// The name that is there.
        other: String,
    },
}
