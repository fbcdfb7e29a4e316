//! The UnixFS message inside a DAG-PB node.

use crate::proto::{Reader, Value, put_bytes, put_number};

/// The only fanout that the profile knows.
pub(crate) const FANOUT: u64 = 256;
/// The multihash code of murmur3-x64-64.
pub(crate) const HASH_MURMUR3: u64 = 0x22;
/// The message of a flat directory: its kind and nothing else.
pub(crate) const DIRECTORY: [u8; 2] = [0x08, 0x01];

const KIND: u64 = 1;
const DATA: u64 = 2;
const FILE_SIZE: u64 = 3;
const BLOCK_SIZES: u64 = 4;
const HASH_TYPE: u64 = 5;
const FANOUT_FIELD: u64 = 6;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file's chunk, as old writers wrap it.
    Raw,
    /// A flat directory.
    Directory,
    /// A file, or a part of one.
    File,
    /// A symbolic link, or metadata: nothing that we read.
    Other,
    /// A directory's shard.
    Shard,
}

/// A message that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// What the node is.
    pub(crate) kind: Kind,
    /// A file's first bytes, or a shard's bit field.
    pub(crate) data: Vec<u8>,
    /// The file's bytes, those below this node included.
    pub(crate) file_size: Option<u64>,
    /// The file bytes below each link.
    pub(crate) block_sizes: Vec<u64>,
    /// The hash function of a shard.
    pub(crate) hash_type: Option<u64>,
    /// The slots of a shard.
    pub(crate) fanout: Option<u64>,
}

/// The message of a file node whose links lead to this many bytes each.
pub(crate) fn encode_file(block_sizes: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    put_number(&mut out, KIND, 2);
    put_number(&mut out, FILE_SIZE, block_sizes.iter().sum());
    for size in block_sizes {
        put_number(&mut out, BLOCK_SIZES, *size);
    }
    out
}

/// The message of a shard in which these slots, in rising order, are taken.
pub(crate) fn encode_shard(slots: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut field = [0u8; 32];
    for slot in slots {
        set_bit(&mut field, slot);
    }
    let mut out = Vec::new();
    put_number(&mut out, KIND, 5);
    put_bytes(&mut out, DATA, trimmed(&field));
    put_number(&mut out, HASH_TYPE, HASH_MURMUR3);
    put_number(&mut out, FANOUT_FIELD, FANOUT);
    out
}

/// Whether `field` marks exactly these slots. Leading zero bytes say nothing.
pub(crate) fn bit_field_is(field: &[u8], slots: impl Iterator<Item = u8>) -> bool {
    let mut expected = [0u8; 32];
    for slot in slots {
        set_bit(&mut expected, slot);
    }
    trimmed(field) == trimmed(&expected)
}

/// Reads a message; the reason if the bytes are not one. Modes and times are passed over.
pub(crate) fn decode(bytes: &[u8]) -> Result<Message, &'static str> {
    let mut kind = None;
    let mut data = None;
    let mut file_size = None;
    let mut block_sizes = Vec::new();
    let mut hash_type = None;
    let mut fanout = None;
    let mut reader = Reader::new(bytes);
    while let Some((field, value)) = reader.field()? {
        match (field, value) {
            (KIND, _) => once(&mut kind, value.number()?)?,
            (DATA, _) => once(&mut data, value.bytes()?.to_vec())?,
            (FILE_SIZE, _) => once(&mut file_size, value.number()?)?,
            (BLOCK_SIZES, Value::Number(size)) => block_sizes.push(size),
            (BLOCK_SIZES, Value::Bytes(packed)) => {
                let mut packed = Reader::new(packed);
                while !packed.is_empty() {
                    block_sizes.push(packed.varint()?);
                }
            }
            (HASH_TYPE, _) => once(&mut hash_type, value.number()?)?,
            (FANOUT_FIELD, _) => once(&mut fanout, value.number()?)?,
            _ => {}
        }
    }
    let kind = match kind.ok_or("its UnixFS kind is absent")? {
        0 => Kind::Raw,
        1 => Kind::Directory,
        2 => Kind::File,
        3 | 4 => Kind::Other,
        5 => Kind::Shard,
        _ => return Err("its UnixFS kind is unknown"),
    };
    Ok(Message { kind, data: data.unwrap_or_default(), file_size, block_sizes, hash_type, fanout })
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), &'static str> {
    if place.is_some() {
        return Err("a UnixFS field stands twice");
    }
    *place = Some(value);
    Ok(())
}

// The field is one big-endian number whose bit `n` stands for slot `n`.
fn set_bit(field: &mut [u8; 32], slot: u8) {
    field[31 - usize::from(slot / 8)] |= 1 << (slot % 8);
}

fn trimmed(field: &[u8]) -> &[u8] {
    let zeros = field.iter().take_while(|byte| **byte == 0).count();
    &field[zeros..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_read_back() {
        let file = decode(&encode_file(&[1 << 20, 5])).unwrap();
        assert_eq!(file.kind, Kind::File);
        assert_eq!(file.file_size, Some((1 << 20) + 5));
        assert_eq!(file.block_sizes, [1 << 20, 5]);

        let shard = decode(&encode_shard([0, 9].into_iter())).unwrap();
        assert_eq!(shard.kind, Kind::Shard);
        assert_eq!(shard.data, [0x02, 0x01], "leading zeros are left out");
        assert!(bit_field_is(&shard.data, [0, 9].into_iter()));
        assert!(bit_field_is(&[0, 0, 2, 1], [0, 9].into_iter()));
        assert!(!bit_field_is(&shard.data, [0].into_iter()));
        assert_eq!((shard.hash_type, shard.fanout), (Some(HASH_MURMUR3), Some(FANOUT)));

        assert_eq!(decode(&DIRECTORY).unwrap().kind, Kind::Directory);
    }

    #[test]
    fn packed_block_sizes_are_read() {
        let message = decode(&[0x08, 0x02, 0x22, 0x03, 0x05, 0x80, 0x01]).unwrap();
        assert_eq!(message.block_sizes, [5, 128]);
    }

    #[test]
    fn bad_messages_are_refused() {
        for bytes in [&[][..], &[0x08, 0x06], &[0x08, 0x01, 0x08, 0x01], &[0x0a, 0x00], &[0x08, 0x02, 0x22, 0x01, 0x80]]
        {
            assert!(decode(bytes).is_err(), "{bytes:02x?}");
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
        }
    }
}
