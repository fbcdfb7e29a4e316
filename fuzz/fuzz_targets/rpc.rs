//! Any bytes as a JSON-RPC request: always an answer.
#![no_main]

use std::sync::LazyLock;

use enliven_chain::{Clock, DevChain, DevChainConfig};

static CHAIN: LazyLock<DevChain> =
    LazyLock::new(|| DevChain::memory(DevChainConfig { clock: Clock::Manual, ..DevChainConfig::default() }));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    CHAIN.handle(bytes);
});
