use alloy_primitives::Bytes;
use serde_json::{Value, json};

/// An error in the form that JSON-RPC clients understand.
#[derive(Clone, Debug)]
pub(crate) struct RpcError {
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) data: Option<Bytes>,
}

impl RpcError {
    fn new(code: i64, message: String) -> RpcError {
        RpcError { code, message, data: None }
    }

    /// The bytes are not JSON.
    pub(crate) fn parse(message: impl Into<String>) -> RpcError {
        RpcError::new(-32700, message.into())
    }

    /// The JSON is not a request.
    pub(crate) fn request(message: impl Into<String>) -> RpcError {
        RpcError::new(-32600, message.into())
    }

    /// There is no such method.
    pub(crate) fn method(name: &str) -> RpcError {
        let name: String = name.chars().take(64).collect();
        RpcError::new(-32601, format!("the method {name} does not exist or is not available on the dev chain"))
    }

    /// A parameter is wrong.
    pub(crate) fn params(message: impl Into<String>) -> RpcError {
        RpcError::new(-32602, message.into())
    }

    /// Something failed that should not.
    pub(crate) fn internal(message: impl Into<String>) -> RpcError {
        RpcError::new(-32603, message.into())
    }

    /// A transaction is refused (the code is that of EIP-1474).
    pub(crate) fn rejected(message: impl Into<String>) -> RpcError {
        RpcError::new(-32003, message.into())
    }

    /// A block that is asked for by its hash is not there.
    pub(crate) fn missing(message: impl Into<String>) -> RpcError {
        RpcError::new(-32001, message.into())
    }

    /// A request cannot be carried out.
    pub(crate) fn refused(message: impl Into<String>) -> RpcError {
        RpcError::new(-32000, message.into())
    }

    /// There are more results than one answer may hold.
    pub(crate) fn limit(message: impl Into<String>) -> RpcError {
        RpcError::new(-32005, message.into())
    }

    /// A contract reverted with `data`.
    pub(crate) fn reverted(text: String, data: Bytes) -> RpcError {
        let message =
            if text.is_empty() { "execution reverted".to_string() } else { format!("execution reverted: {text}") };
        RpcError { code: 3, message, data: Some(data) }
    }

    /// The error object.
    pub(crate) fn to_json(&self) -> Value {
        match &self.data {
            Some(data) => json!({ "code": self.code, "message": self.message, "data": data }),
            None => json!({ "code": self.code, "message": self.message }),
        }
    }
}
