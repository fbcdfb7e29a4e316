use serde_json::{Value, json};

use super::rpc_error::RpcError;
use super::session::Subscriptions;
use super::{Access, DevChain};

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
        self.handle_for(body, Access::Outside, None)
    }

    /// Answers a body for a caller with these rights, and with subscriptions if its connection lasts.
    pub(super) fn handle_for(&self, body: &[u8], access: Access, mut session: Option<&mut Subscriptions>) -> Vec<u8> {
        if body.len() > MAX_BODY {
            return failure(&Value::Null, &RpcError::request(format!("the body is longer than {MAX_BODY} bytes")));
        }
        let requests = match serde_json::from_slice(body) {
            Ok(Value::Array(requests)) => requests,
            Ok(request) => return self.answer(&request, access, session).unwrap_or_default(),
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
                self.answer(request, access, session.as_deref_mut())
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
    fn answer(&self, request: &Value, access: Access, session: Option<&mut Subscriptions>) -> Option<Vec<u8>> {
        let id = request.get("id");
        let shown = id.unwrap_or(&Value::Null);
        let Some(method) = request.get("method").and_then(Value::as_str) else {
            return Some(failure(shown, &RpcError::request("the request has no method")));
        };
        if shown.is_object() || shown.is_array() || shown.is_boolean() {
            return Some(failure(&Value::Null, &RpcError::request("the id is neither a number nor a text")));
        }
        let params = request.get("params").unwrap_or(&Value::Null);
        let result = self.call_method(method, params, access, session);
        id?;
        Some(match result {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": shown, "result": result }).to_string().into_bytes(),
            Err(error) => failure(shown, &error),
        })
    }
}

pub(super) fn failure(id: &Value, error: &RpcError) -> Vec<u8> {
    json!({ "jsonrpc": "2.0", "id": id, "error": error.to_json() }).to_string().into_bytes()
}
