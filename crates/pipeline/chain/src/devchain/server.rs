use serde_json::{Value, json};

use super::DevChain;
use super::rpc_error::RpcError;

/// The longest body that is read.
const MAX_BODY: usize = 4 << 20;
/// The most requests in one batch.
const MAX_BATCH: usize = 1000;
/// After this many bytes of answers, the rest of a batch is refused.
const MAX_ANSWER: usize = 64 << 20;

impl DevChain {
    /// Answers a JSON-RPC 2.0 body: one request, or a batch of at most 1000. The answer is empty if
    /// the body holds notifications only. Any bytes get an answer; nothing makes this panic.
    pub fn handle(&self, body: &[u8]) -> Vec<u8> {
        if body.len() > MAX_BODY {
            return failure(&Value::Null, &RpcError::request(format!("the body is longer than {MAX_BODY} bytes")));
        }
        let requests = match serde_json::from_slice(body) {
            Ok(Value::Array(requests)) => requests,
            Ok(request) => return self.answer(&request).unwrap_or_default(),
            Err(error) => return failure(&Value::Null, &RpcError::parse(format!("the body is not JSON: {error}"))),
        };
        if requests.is_empty() {
            return failure(&Value::Null, &RpcError::request("the batch is empty"));
        }
        if requests.len() > MAX_BATCH {
            return failure(&Value::Null, &RpcError::request(format!("the batch has more than {MAX_BATCH} requests")));
        }
        let mut out = Vec::from(b"[");
        for request in &requests {
            let answer = if out.len() > MAX_ANSWER {
                let error = RpcError::limit("the batch's answers are too long; ask for less at a time");
                Some(failure(request.get("id").unwrap_or(&Value::Null), &error))
            } else {
                self.answer(request)
            };
            let Some(answer) = answer else { continue };
            if out.len() > 1 {
                out.push(b',');
            }
            out.extend_from_slice(&answer);
        }
        if out.len() == 1 {
            return Vec::new();
        }
        out.push(b']');
        out
    }

    /// Answers one request; a notification (a request without an id) is carried out silently.
    fn answer(&self, request: &Value) -> Option<Vec<u8>> {
        let id = request.get("id");
        let shown = id.unwrap_or(&Value::Null);
        let Some(method) = request.get("method").and_then(Value::as_str) else {
            return Some(failure(shown, &RpcError::request("the request has no method")));
        };
        if shown.is_object() || shown.is_array() || shown.is_boolean() {
            return Some(failure(&Value::Null, &RpcError::request("the id is neither a number nor a text")));
        }
        let result = if method.starts_with("evm_") && !self.time_control() {
            Err(RpcError::method(method))
        } else {
            self.call_method(method, request.get("params").unwrap_or(&Value::Null))
        };
        id?;
        Some(match result {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": shown, "result": result }).to_string().into_bytes(),
            Err(error) => failure(shown, &error),
        })
    }
}

fn failure(id: &Value, error: &RpcError) -> Vec<u8> {
    json!({ "jsonrpc": "2.0", "id": id, "error": error.to_json() }).to_string().into_bytes()
}
