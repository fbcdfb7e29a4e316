//! Conformance suites: one per trait, run against every implementation; and a real node for tests. A test-only
//! crate; the suites panic where an implementation differs.

#![allow(clippy::unwrap_used)]

mod anvil;
mod blocks;
mod kubo;
mod store;

pub use anvil::Anvil;
pub use blocks::block_store;
pub use kubo::KuboNode;
pub use store::store;
