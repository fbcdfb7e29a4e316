//! Any text as a manifest: an error or a checked plan, never a panic.
#![no_main]

use enliven_engine::{Manifest, Plan};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(manifest) = toml::from_str::<Manifest>(text) {
        let _ = Plan::check_features(&manifest, &Default::default());
    }
});
