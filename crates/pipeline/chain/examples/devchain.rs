//! Serves the dev chain on 127.0.0.1 for scripts and tools, over HTTP and WebSocket at the same address,
//! with the methods that only tests need:
//! `cargo run -p enliven-chain --features socket --example devchain -- [port] [file]`.
//!
//! Not for anything that others can reach: its accounts' keys are public knowledge, and it signs with
//! them for everybody.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{State, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use enliven_chain::{DevChain, DevChainConfig, Sockets};

const MAX_BODY: usize = 4 << 20;

struct Shared {
    chain: Arc<DevChain>,
    sockets: Sockets,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().map_or(Ok(8545), |text| text.parse())?;
    let config = DevChainConfig { test_methods: true, ..DevChainConfig::default() };
    let chain = Arc::new(match arguments.next() {
        Some(file) => DevChain::open(Path::new(&file), config)?,
        None => DevChain::memory(config),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(port, chain))
}

async fn serve(port: u16, chain: Arc<DevChain>) -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    for limit in DevChain::LIMITS {
        eprintln!("limit: {limit}");
    }
    println!("http://{} chain {} block {}", listener.local_addr()?, chain.chain_id(), chain.block_number());
    let shared = Arc::new(Shared { sockets: Sockets::new(chain.clone()), chain });
    let router = Router::new().route("/", get(socket).post(call)).with_state(shared);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn call(State(shared): State<Arc<Shared>>, body: Body) -> Response {
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let answer = tokio::task::spawn_blocking(move || shared.chain.handle(&body)).await;
    match answer {
        Ok(answer) if answer.is_empty() => StatusCode::NO_CONTENT.into_response(),
        Ok(answer) => ([(CONTENT_TYPE, "application/json")], answer).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn socket(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    let accepted = shared.sockets.accept(upgrade, false);
    accepted.unwrap_or_else(|| StatusCode::SERVICE_UNAVAILABLE.into_response())
}
