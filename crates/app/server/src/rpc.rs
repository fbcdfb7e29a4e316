//! `/rpc`: the embedded dev chain's JSON-RPC, by `POST` and over WebSocket.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use enliven_chain::DevChain;
use serde_json::Value;

use crate::answer::{ApiError, bytes};
use crate::state::Shared;

const MAX_BODY_BYTES: usize = 1 << 20;

/// `POST /rpc`
pub(crate) async fn call(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    if shared.state.chain.is_none() {
        return Err(no_chain());
    }
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        let error = format!("the request is longer than {MAX_BODY_BYTES} bytes, or was cut off");
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, error, "send fewer requests at a time"));
    };
    let foreign = is_foreign(&headers);
    let answer = shared
        .read(move |shared| {
            if foreign && !only_reads(&body) {
                let error = "a page of another origin may not send transactions";
                let hint = "send them through a wallet, or from a page on this machine";
                return Err(ApiError::new(StatusCode::FORBIDDEN, error, hint));
            }
            Ok(shared.state.chain.as_ref().map(|chain| chain.handle(&body)).unwrap_or_default())
        })
        .await?;
    if answer.is_empty() {
        // Notifications only.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(bytes("application/json", "no-store", answer))
}

/// `GET /rpc`: a WebSocket. Browsers let pages of any origin open one, so those may only read.
pub(crate) async fn socket(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let sockets = shared.sockets.as_ref().ok_or_else(no_chain)?;
    let Ok(upgrade) = upgrade else {
        let error = "this address takes POST, or a WebSocket";
        return Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, error, "send JSON-RPC by POST"));
    };
    sockets.accept(upgrade, is_foreign(&headers)).ok_or_else(ApiError::busy)
}

fn no_chain() -> ApiError {
    let error = "this collection is not on an embedded chain";
    ApiError::not_found(error, "ask the JSON-RPC endpoint of its chain")
}

/// Whether a browser sends this for a page that is neither on this machine nor an extension. The
/// dev chain's keys are public, so any page could sign for them.
fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let Ok(origin) = origin.to_str().unwrap_or_default().parse::<Uri>() else { return true };
    match origin.scheme_str() {
        Some("http" | "https") => {}
        Some("chrome-extension" | "moz-extension") => return false,
        _ => return true,
    }
    !matches!(origin.host(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// Whether every request of the body is known to change nothing.
fn only_reads(body: &[u8]) -> bool {
    let reads = |request: &Value| match request.get("method").and_then(Value::as_str) {
        Some(method) => DevChain::is_read(method),
        None => true,
    };
    match serde_json::from_slice(body) {
        Ok(Value::Array(requests)) => requests.iter().all(reads),
        Ok(request) => reads(&request),
        // The chain will say what is wrong with it.
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn pages_elsewhere_may_only_read() {
        for (origin, foreign) in [
            ("http://localhost:3000", false),
            ("http://127.0.0.1:8787", false),
            ("http://[::1]:8787", false),
            ("chrome-extension://abc", false),
            ("https://example.org", true),
            ("http://localhost.example.org", true),
            ("null", true),
            ("", true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            assert_eq!(is_foreign(&headers), foreign, "{origin}");
        }
        assert!(!is_foreign(&HeaderMap::new()));
        assert!(only_reads(br#"[{"method":"eth_chainId"},{"method":"eth_call"}]"#));
        assert!(!only_reads(br#"[{"method":"eth_chainId"},{"method":"eth_sendRawTransaction"}]"#));
        for method in ["evm_mine", "evm_revert", "anvil_mine", "eth_sendTransaction", "eth_sign", "personal_sign"] {
            assert!(!only_reads(format!(r#"{{"method":"{method}"}}"#).as_bytes()), "{method}");
        }
        assert!(only_reads(b"not json"));
    }
}
