use std::fmt;
use std::str::FromStr;

use ipld_core::cid::multihash::Multihash;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::TypeError;

/// A version 1 CID. Ours always carry a sha2-256 multihash.
pub type Cid = ipld_core::cid::Cid;

const SHA2_256: u64 = 0x12;

/// How the bytes behind a CID are encoded (the multicodec table's codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Plain bytes (0x55).
    Raw,
    /// DAG-PB, the encoding of UnixFS files and directories (0x70).
    DagPb,
    /// DAG-CBOR (0x71).
    DagCbor,
}

impl Codec {
    /// The multicodec code.
    pub fn code(self) -> u64 {
        match self {
            Codec::Raw => 0x55,
            Codec::DagPb => 0x70,
            Codec::DagCbor => 0x71,
        }
    }
}

/// Thirty-two bytes of sha2-256 or keccak-256; shown as lower-case hexadecimal with `0x`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// All zero: "there is none yet".
    pub const ZERO: Digest = Digest([0; 32]);

    /// The sha2-256 of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    /// The digest inside a CID, or an error if the CID is not version 1 with sha2-256.
    pub fn of_cid(cid: &Cid) -> Result<Digest, TypeError> {
        let hash = cid.hash();
        let bytes: Result<[u8; 32], _> = hash.digest().try_into();
        match (hash.code(), bytes, cid.version()) {
            (SHA2_256, Ok(bytes), ipld_core::cid::Version::V1) => Ok(Digest(bytes)),
            _ => Err(TypeError::Cid { text: cid.to_string() }),
        }
    }

    /// The version 1 CID with this sha2-256 digest.
    pub fn to_cid(self, codec: Codec) -> Cid {
        let hash = Multihash::wrap(SHA2_256, &self.0).expect("32 bytes fit a 64-byte multihash");
        Cid::new_v1(codec.code(), hash)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = TypeError;

    fn from_str(text: &str) -> Result<Digest, TypeError> {
        let wrong = |reason: &str| TypeError::Decode { what: "digest", reason: reason.to_string() };
        let hex = text.strip_prefix("0x").ok_or_else(|| wrong("it does not start with 0x"))?;
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(wrong("it does not have 64 hexadecimal digits"));
        }
        let mut bytes = [0u8; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * index..2 * index + 2], 16)
                .map_err(|_| wrong("it has a character that is not a hexadecimal digit"))?;
        }
        Ok(Digest(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The CID of `bytes` under `codec`.
pub fn cid_of(codec: Codec, bytes: &[u8]) -> Cid {
    Digest::sha256(bytes).to_cid(codec)
}

/// The keccak-256 of `bytes`.
pub fn keccak(bytes: &[u8]) -> Digest {
    Digest(alloy_primitives::keccak256(bytes).0)
}

/// Bytes with the CID that they hash to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The content identifier.
    pub cid: Cid,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Block {
    /// Hashes `bytes` under `codec`.
    pub fn new(codec: Codec, bytes: Vec<u8>) -> Block {
        Block { cid: cid_of(codec, &bytes), bytes }
    }

    /// Whether the bytes hash to the CID.
    pub fn is_intact(&self) -> bool {
        Digest::of_cid(&self.cid) == Ok(Digest::sha256(&self.bytes))
    }
}
