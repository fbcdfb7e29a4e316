//! Content-addressed blocks, UnixFS files and directories.
//!
//! A block is bytes under the hash of those bytes, a file or a directory is a small graph of blocks
//! under the CID of its root. Everything here is written under the UnixFS profile `unixfs-v1-2025`
//! (IPIP-499): CIDv1, sha2-256, chunks of 1 MiB, raw leaves, file nodes of at most 1,024 links in the
//! balanced layout, directories that become HAMTs of fanout 256 as soon as the flat block would be
//! larger than 256 KiB. The same names and bytes give the same CID in every tool that follows it.
//!
//! * [`BlockStore`] keeps blocks: [`MemoryBlocks`], [`EmbeddedBlocks`] (one file), [`GatewayBlocks`]
//!   (read only, over HTTP),
//! * [`file()`] and [`Directory`] make blocks and say what their root is,
//! * [`CarWriter`] and [`CarReader`] carry blocks from one place to another in a file, [`CarBlocks`] is such a file,
//! * [`Kubo`] is a node of the IPFS network, [`PinningService`] one that pins for others, [`Mirror`] what both do for us,
//! * [`walk`] visits all that roots lead to,
//! * [`read_file`], [`list_directory`] and [`resolve`] read them back from any store.
//!
//! Invariants:
//!
//! * No bytes leave a store unless they hash to the CID that was asked for.
//! * A [`Directory`] is a function of its entries: the order of insertions, removals and commits never
//!   shows in the CID.
//! * Blocks may come from strangers. Reading them is strict, and bounded in time and memory by the
//!   limits that the caller gives; it returns errors and never panics.
//! * No block made here is larger than 1 MiB. No block larger than [`MAX_BLOCK_BYTES`] is decoded.

mod car;
mod config;
mod dagpb;
mod directory;
mod embedded;
mod error;
mod file;
mod gateway;
#[cfg(test)]
mod golden_tests;
mod kubo;
mod mirror;
mod murmur3;
mod pinning;
mod proto;
mod read;
mod shard;
mod store;
mod unixfs;
mod walk;

pub use car::{CarBlocks, CarReader, CarWriter};
pub use config::{GatewayConfig, KuboConfig, PinningConfig};
pub use directory::Directory;
pub use embedded::{EmbeddedBlocks, Swept};
pub use error::ContentError;
pub use file::{file, read_file};
pub use gateway::GatewayBlocks;
pub use kubo::Kubo;
pub use mirror::Mirror;
pub use pinning::PinningService;
pub use read::{list_directory, resolve, resolve_along};
pub use store::{BlockStore, CheckedBlocks, Link, MAX_BLOCK_BYTES, MemoryBlocks};
pub use walk::{Follow, links, walk};
