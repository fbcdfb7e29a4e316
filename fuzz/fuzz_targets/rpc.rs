//! Any bytes as JSON-RPC requests, one a line, on one connection with subscriptions: always an answer,
//! and notifications that are JSON.
#![no_main]

use std::sync::Arc;

use enliven_chain::{Clock, DevChain, DevChainConfig, Session};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let config = DevChainConfig { clock: Clock::Manual, test_methods: true, ..DevChainConfig::default() };
    let mut session = Session::new(Arc::new(DevChain::memory(config)), false);
    for body in bytes.split(|byte| *byte == b'\n').take(16) {
        session.handle(body);
        for text in session.notifications().unwrap_or_default() {
            assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
    }
});
