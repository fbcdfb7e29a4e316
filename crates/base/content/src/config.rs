use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where and how to reach a trustless gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// The address in front of `/ipfs/…`, for example `http://127.0.0.1:8080`. Plain HTTP only: every block is
    /// checked against its hash, so the connection need not be trusted.
    pub url: String,
    /// Seconds until a connection must stand.
    #[serde(default = "default_connect_timeout_s")]
    pub connect_timeout_s: u64,
    /// Seconds until a whole block must have arrived, the connection included.
    #[serde(default = "default_timeout_s")]
    pub timeout_s: u64,
}

impl GatewayConfig {
    /// A gateway at `url` with the default time limits.
    pub fn new(url: impl Into<String>) -> GatewayConfig {
        GatewayConfig {
            url: url.into(),
            connect_timeout_s: default_connect_timeout_s(),
            timeout_s: default_timeout_s(),
        }
    }
}

fn default_connect_timeout_s() -> u64 {
    5
}

fn default_timeout_s() -> u64 {
    30
}
