use enliven_content::BlockStore;
use enliven_types::{Block, Codec, Digest};

/// What every writable [`BlockStore`] does. The store must be empty.
pub fn block_store(blocks: &dyn BlockStore) {
    let one = Block::new(Codec::Raw, b"one".to_vec());
    let two = Block::new(Codec::DagCbor, vec![0xa0]);
    assert_eq!(blocks.get(&one.cid).unwrap(), None);
    assert!(!blocks.has(&one.cid).unwrap());
    blocks.put_all(&[]).unwrap();
    blocks.put_all(&[one.clone(), two.clone(), one.clone()]).unwrap();
    blocks.put_all(std::slice::from_ref(&one)).unwrap();
    assert_eq!(blocks.get(&one.cid).unwrap().as_deref(), Some(one.bytes.as_slice()));
    assert_eq!(blocks.get(&two.cid).unwrap().as_deref(), Some(two.bytes.as_slice()));
    assert!(blocks.has(&two.cid).unwrap());
    // A block under a CID that it does not hash to is refused, and nothing of its batch is kept.
    let lie = Block { cid: Digest::sha256(b"three").to_cid(Codec::Raw), bytes: b"four".to_vec() };
    let honest = Block::new(Codec::Raw, b"five".to_vec());
    assert!(blocks.put_all(&[honest.clone(), lie.clone()]).is_err());
    assert!(!blocks.has(&lie.cid).unwrap());
    assert!(!blocks.has(&honest.cid).unwrap());
}
