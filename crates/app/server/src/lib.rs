//! HTTP for one collection: token JSON and images, history, explanations, receipts, a trustless
//! gateway, the dev chain's JSON-RPC, and a plain web page.
//!
//! [`Server::bind`] takes the address, [`Server::run`] serves until it is told to stop. Everything is
//! read through [`enliven_engine::View`]; nothing is written, except that `/rpc` hands requests
//! to the embedded dev chain, if there is one: by `POST`, or over WebSocket.
//!
//! Invariants:
//!
//! * A request whose `Host` is a foreign name is refused, so that a web page elsewhere cannot reach a
//!   local server by pointing its own name at it. Pages of other origins may read, never send
//!   transactions.
//! * Reads of the store run on blocking threads, a bounded number at once.
//! * Errors are JSON, `{"error", "hint"}`; they never show paths or what the store said.
//! * Content that came from outside is never served as a page: types are from a short list, with
//!   `nosniff` and a sandbox.

mod answer;
mod car;
mod collection;
mod config;
mod epochs;
mod error;
mod files;
mod gateway;
mod guard;
mod listing;
mod page;
mod range;
mod receipts;
mod routes;
mod rpc;
mod server;
mod snapshot;
mod state;
mod stream;
mod tokens;

pub use config::ServerConfig;
pub use error::ServerError;
pub use server::Server;
pub use state::State;
