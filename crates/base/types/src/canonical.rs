//! The two canonical encodings: DAG-CBOR for records, RFC 8785 JSON for what people and
//! marketplaces read.

use std::collections::BTreeSet;

use ipld_core::ipld::Ipld;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_ipld_dagcbor::DecodeError;

use crate::{Cid, TypeError};

/// Encodes a record as DAG-CBOR.
///
/// Our records hold integers, texts, bytes, lists, maps and links only, so this cannot fail.
pub fn to_cbor<T: Serialize>(value: &T) -> Vec<u8> {
    serde_ipld_dagcbor::to_vec(value).expect("our records have only kinds that DAG-CBOR has")
}

/// Decodes a record and refuses bytes that are not its canonical encoding.
pub fn from_cbor<T: Serialize + DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, TypeError> {
    let value: T = serde_ipld_dagcbor::from_slice(bytes).map_err(|error| not_cbor(what, error))?;
    if to_cbor(&value) != bytes {
        return Err(TypeError::NotCanonical { what });
    }
    Ok(value)
}

fn not_cbor<E: std::fmt::Debug>(what: &'static str, error: DecodeError<E>) -> TypeError {
    let reason = match error {
        // As serde says it: a field and what is wrong with it.
        DecodeError::Msg(message) => message,
        other => other.to_string(),
    };
    TypeError::Decode { what, reason }
}

/// The CIDs that a DAG-CBOR block links to, wherever they stand in it.
pub fn cbor_links(bytes: &[u8]) -> Result<BTreeSet<Cid>, TypeError> {
    let value: Ipld = serde_ipld_dagcbor::from_slice(bytes).map_err(|error| not_cbor("record", error))?;
    let mut links = BTreeSet::new();
    value.references(&mut links);
    Ok(links)
}

/// Encodes a value as canonical JSON (RFC 8785).
pub fn to_jcs<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("our values have only kinds that JSON has")
}

/// Decodes canonical JSON and refuses any other spelling of the same value.
pub fn from_json_strict<T: Serialize + DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, TypeError> {
    let value: T =
        serde_json::from_slice(bytes).map_err(|error| TypeError::Decode { what, reason: error.to_string() })?;
    if to_jcs(&value) != bytes {
        return Err(TypeError::NotCanonical { what });
    }
    Ok(value)
}
