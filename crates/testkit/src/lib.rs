//! Conformance suites: one per trait, run against every implementation. A test-only crate; the
//! suites panic where an implementation differs.

#![allow(clippy::unwrap_used)]

mod blocks;
mod store;

pub use blocks::block_store;
pub use store::store;
