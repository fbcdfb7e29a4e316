use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alloy_primitives::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Uri;

use crate::ChainError;

/// The longest answer that is read.
const MAX_ANSWER: u64 = 16 << 20;

/// A JSON-RPC endpoint of a chain: the embedded one or a node far away.
pub trait Rpc: Send + Sync {
    /// Sends one request and returns its result. `params` is an array.
    ///
    /// A JSON-RPC error becomes [`ChainError::Node`].
    fn request(&self, method: &str, params: Value) -> Result<Value, ChainError>;
}

/// An endpoint over HTTP (and HTTPS, with the cargo feature `https`).
pub struct HttpRpc {
    url: String,
    shown: String,
    agent: ureq::Agent,
    next_id: AtomicU64,
}

impl HttpRpc {
    /// An endpoint such as `http://127.0.0.1:8545`. Nothing is sent yet.
    ///
    /// Keys in the path, the query or before an `@` are used, but never shown in messages.
    pub fn new(url: &str) -> Result<HttpRpc, ChainError> {
        let unusable = |endpoint: &str, reason: &str| ChainError::Endpoint {
            endpoint: endpoint.to_string(),
            reason: reason.to_string(),
        };
        // What does not parse is not shown at all: it may hold a key.
        let uri: Uri = url.parse().map_err(|_| unusable("(hidden)", "it is not a URL"))?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err(unusable("(hidden)", "it has no scheme or no host; hint: http://127.0.0.1:8545"));
        };
        let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        let rest = if uri.path().len() > 1 || uri.query().is_some() { "/..." } else { "" };
        let shown = format!("{scheme}://{host}{port}{rest}");
        match scheme {
            "http" => {}
            "https" if cfg!(feature = "https") => {}
            "https" => return Err(unusable(&shown, "this program was built without the feature `https`")),
            _ => return Err(unusable(&shown, "only http and https are supported")),
        }
        let mut config = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(60)))
            .timeout_connect(Some(Duration::from_secs(10)))
            .http_status_as_error(false)
            .max_redirects(0);
        if matches!(host, "localhost" | "[::1]") || host.starts_with("127.") {
            config = config.proxy(None);
        }
        Ok(HttpRpc { url: url.to_string(), shown, agent: config.build().into(), next_id: AtomicU64::new(1) })
    }

    /// The endpoint without credentials, for messages.
    pub fn endpoint(&self) -> &str {
        &self.shown
    }

    fn exchange(&self, body: &[u8]) -> Result<(u16, Vec<u8>), ureq::Error> {
        let mut response = self.agent.post(&self.url).header("content-type", "application/json").send(body)?;
        let status = response.status().as_u16();
        Ok((status, response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec()?))
    }
}

impl std::fmt::Debug for HttpRpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpRpc").field("endpoint", &self.shown).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    id: Value,
    result: Option<Value>,
    error: Option<NodeError>,
}

#[derive(Deserialize)]
struct NodeError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Value,
}

impl Rpc for HttpRpc {
    fn request(&self, method: &str, params: Value) -> Result<Value, ChainError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string();
        let transport = |reason: String| ChainError::Transport {
            endpoint: self.shown.clone(),
            method: method.to_string(),
            // A library's message may quote the whole URL.
            reason: reason.replace(&self.url, &self.shown),
        };
        let (status, bytes) = self.exchange(body.as_bytes()).map_err(|error| transport(error.to_string()))?;
        let parsed: Result<Answer, _> = serde_json::from_slice(&bytes);
        let answer = match parsed {
            Ok(answer) => answer,
            Err(_) if !(200..300).contains(&status) => return Err(transport(format!("HTTP status {status}"))),
            Err(error) => return Err(transport(format!("the answer is not JSON-RPC: {error}"))),
        };
        if let Some(error) = answer.error {
            return Err(ChainError::Node {
                method: method.to_string(),
                code: error.code,
                message: error.message.chars().take(500).collect(),
                data: revert_data(&error.data),
            });
        }
        if answer.id != json!(id) {
            return Err(transport("the answer belongs to another request".to_string()));
        }
        Ok(answer.result.unwrap_or(Value::Null))
    }
}

/// The revert data of an error: most nodes send it as a text, some inside an object.
fn revert_data(data: &Value) -> Option<Bytes> {
    let text = data.as_str().or_else(|| data.get("data").and_then(Value::as_str))?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_hide_keys() {
        let shown = |url: &str| HttpRpc::new(url).map(|rpc| rpc.shown).unwrap_or_else(|error| error.to_string());
        assert_eq!(shown("http://127.0.0.1:8545"), "http://127.0.0.1:8545");
        assert_eq!(shown("http://user:secret@host:1/v3/secret?key=secret"), "http://host:1/...");
        for url in ["", "host", "ftp://user:secret@host", "http://", "not a secret url"] {
            let message = shown(url);
            assert!(message.contains("no usable chain endpoint") && !message.contains("secret"), "{message}");
        }
        if !cfg!(feature = "https") {
            assert!(shown("https://host/secret").contains("built without"));
        }
        // Nothing listens on port 1.
        let rpc = HttpRpc::new("http://user:secret@127.0.0.1:1/secret").unwrap();
        let message = rpc.request("eth_chainId", json!([])).unwrap_err().to_string();
        assert!(message.starts_with("the chain endpoint http://127.0.0.1:1/..."), "{message}");
        assert!(!message.contains("secret") && !format!("{rpc:?}").contains("secret"), "{message}");
    }

    #[test]
    fn revert_data_is_found_in_both_places() {
        assert_eq!(revert_data(&json!("0x0102")), Some(Bytes::from_static(&[1, 2])));
        assert_eq!(revert_data(&json!({ "data": "0x01" })), Some(Bytes::from_static(&[1])));
        assert_eq!(revert_data(&json!("Reverted")), None);
        assert_eq!(revert_data(&Value::Null), None);
    }
}
