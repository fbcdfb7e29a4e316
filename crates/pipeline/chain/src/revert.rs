use alloy_primitives::{Bytes, hex};
use alloy_sol_types::{Panic, Revert, SolError};

/// The text of `Error(string)` or the meaning of `Panic(uint256)`; empty if the data is neither.
pub(crate) fn text(data: &Bytes) -> String {
    if let Ok(error) = Revert::abi_decode(data) {
        return error.reason;
    }
    match Panic::abi_decode(data) {
        Ok(panic) => panic.to_string(),
        Err(_) => String::new(),
    }
}

/// The best description of a revert: its text, the custom error if our contracts have it, or its
/// first bytes.
pub(crate) fn describe(data: &Bytes) -> String {
    let text = text(data);
    if !text.is_empty() {
        return text;
    }
    if let Some(error) = crate::contracts::custom_error(data) {
        return error;
    }
    if data.is_empty() {
        return "no reason given".to_string();
    }
    let shown = hex::encode_prefixed(&data[..data.len().min(68)]);
    let more = if data.len() > 68 { "..." } else { "" };
    format!("unknown error {shown}{more}")
}
