//! Any bytes as a stored record: what decodes encodes to the same bytes.
#![no_main]

use enliven_content::{BlockStore, MemoryBlocks, list_directory, read_file};
use enliven_models::Artifact;
use enliven_types::{Block, Codec, Cut, Event, Receipt, from_cbor};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(receipt) = from_cbor::<Receipt>("receipt", bytes) {
        assert_eq!(receipt.to_block().bytes, bytes);
    }
    if let Ok(cut) = from_cbor::<Cut>("cut", bytes) {
        assert_eq!(cut.to_block().bytes, bytes);
    }
    if let Ok(artifact) = Artifact::from_bytes(bytes) {
        assert_eq!(artifact.to_block().bytes, bytes);
    }
    if let Ok(event) = Event::from_bytes(bytes) {
        assert_eq!(event.to_bytes(), bytes);
    }
    let block = Block::new(Codec::DagPb, bytes.to_vec());
    let blocks = MemoryBlocks::new();
    if blocks.put_all(std::slice::from_ref(&block)).is_ok() {
        let _ = list_directory(&blocks, &block.cid, 1000);
        let _ = read_file(&blocks, &block.cid, 1 << 20);
    }
});
