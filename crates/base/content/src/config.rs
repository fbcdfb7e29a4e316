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

/// How to reach a Kubo node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KuboConfig {
    /// The address in front of `/api/v0/…`, for example `http://127.0.0.1:5001`. Plain HTTP: whoever can call it owns
    /// the node, so it should be on this machine or behind a tunnel. If it asks for authorization, the environment
    /// variable `ENLIVEN_KUBO_AUTH` has the header, such as `Bearer ...`.
    pub rpc: String,
    /// The key (by its name on the node) under whose IPNS name the latest directory is published; it is made if it is
    /// not there. Without it nothing is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_key: Option<String>,
    /// Seconds until a call must have been answered.
    #[serde(default = "default_kubo_timeout_s")]
    pub timeout_s: u64,
}

impl KuboConfig {
    /// A node at `rpc` with the defaults.
    pub fn new(rpc: impl Into<String>) -> KuboConfig {
        KuboConfig { rpc: rpc.into(), name_key: None, timeout_s: default_kubo_timeout_s() }
    }
}

/// How to reach a remote pinning service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PinningConfig {
    /// The address in front of `/pins`. The environment variable `ENLIVEN_PINNING_TOKEN` has the access token.
    pub endpoint: String,
    /// Multiaddresses of the nodes that have the content, such as those of `content.kubo`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// Seconds until the service must have pinned an epoch; then the epoch waits as for a place that cannot be reached.
    #[serde(default = "default_wait_s")]
    pub wait_s: u64,
}

fn default_wait_s() -> u64 {
    300
}

fn default_kubo_timeout_s() -> u64 {
    120
}

fn default_connect_timeout_s() -> u64 {
    5
}

fn default_timeout_s() -> u64 {
    30
}
