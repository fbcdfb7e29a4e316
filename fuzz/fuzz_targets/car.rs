//! Any bytes as a CAR file: what is read is what its CIDs say, and is written as it was; its links lead nowhere bad.
#![no_main]

use enliven_content::{BlockStore, CarReader, CarWriter, ContentError, Follow, MemoryBlocks, list_directory, read_file, walk};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(reader) = CarReader::new(bytes, "fuzz.car") else { return };
    let roots = reader.roots().to_vec();
    let Ok(blocks) = reader.collect::<Result<Vec<_>, _>>() else { return };
    let mut writer = CarWriter::new(Vec::new(), &roots).expect("memory takes it");
    for block in &blocks {
        writer.put(block).expect("memory takes it");
    }
    assert_eq!(writer.finish().expect("memory takes it"), bytes);
    let store = MemoryBlocks::new();
    store.put_all(&blocks).expect("every block was checked");
    let _ = walk(&store, &roots, |_| Ok::<_, ContentError>(Follow::All));
    for root in roots {
        let _ = list_directory(&store, &root, 1000);
        let _ = read_file(&store, &root, 1 << 20);
    }
});
