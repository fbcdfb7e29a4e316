//! Any bytes as a stored record: what decodes encodes to the same bytes.
#![no_main]

use enliven_content::{BlockStore, MemoryBlocks, list_directory, read_file};
use enliven_models::Artifact;
use enliven_types::{Block, Codec, Cut, EpochIndex, EpochList, Event, Evidence, Receipt, Segment, deflate, from_cbor};

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
    if let Ok(evidence) = from_cbor::<Evidence>("evidence", bytes) {
        assert_eq!(evidence.to_block().bytes, bytes);
    }
    if let Ok(list) = from_cbor::<EpochList>("list", bytes) {
        assert_eq!(list.to_block().bytes, bytes);
    }
    if let Ok(index) = from_cbor::<EpochIndex>("index", bytes) {
        assert_eq!(index.to_block().bytes, bytes);
    }
    // As a stream, and as what a stream holds: the checksum would keep most of it out.
    let packed = deflate::compress(bytes);
    assert_eq!(deflate::decompress("bytes", &packed, bytes.len()).as_deref(), Ok(bytes));
    let _ = Segment::unpack(bytes);
    if let Ok(events) = Segment::unpack(&packed) {
        let again: Vec<_> =
            Segment::pack(&events).iter().flat_map(|block| Segment::unpack(&block.bytes).unwrap()).collect();
        assert_eq!(again, events);
    }
    let block = Block::new(Codec::DagPb, bytes.to_vec());
    let blocks = MemoryBlocks::new();
    if blocks.put_all(std::slice::from_ref(&block)).is_ok() {
        let _ = list_directory(&blocks, &block.cid, 1000);
        let _ = read_file(&blocks, &block.cid, 1 << 20);
    }
});
