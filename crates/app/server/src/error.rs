use std::net::SocketAddr;

use thiserror::Error;

/// Why the server cannot start.
#[derive(Debug, Error)]
pub enum ServerError {
    /// Another program listens there.
    #[error(
        "{address} is in use by another program\nhint: stop that program, or listen on another port (port 0 takes a free one)"
    )]
    InUse {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}\nhint: use an address of this machine, such as 127.0.0.1, and a port above 1023"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}
