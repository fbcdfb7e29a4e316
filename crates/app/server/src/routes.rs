use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use crate::answer::{ApiError, json};
use crate::guard::guard;
use crate::state::Shared;
use crate::{collection, epochs, files, gateway, page, receipts, rpc, tokens};

/// Every address that the server knows.
pub(crate) fn router(shared: Arc<Shared>, listen: SocketAddr) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/assets/{name}", get(page::asset))
        .route("/health", get(async || json(&serde_json::json!({ "status": "ok" }))))
        .route("/api/collection", get(collection::show))
        .route("/api/tokens", get(tokens::list))
        .route("/api/tokens/{id}", get(tokens::one))
        .route("/api/tokens/{id}/history", get(tokens::history))
        .route("/api/tokens/{id}/explain", get(tokens::explain))
        .route("/api/tokens/{id}/receipts", get(tokens::receipts))
        .route("/api/tokens/{id}/evidence.car", get(tokens::evidence))
        .route("/api/receipts/{cid}", get(receipts::one))
        .route("/api/epochs", get(epochs::list))
        .route("/api/epochs/{epoch}", get(epochs::one))
        .route("/tokens/{file}", get(files::current))
        .route("/ipfs/{cid}", get(gateway::root))
        .route("/ipfs/{cid}/", get(gateway::root))
        .route("/ipfs/{cid}/{*path}", get(gateway::below))
        .route("/rpc", get(rpc::socket).post(rpc::call))
        .fallback(async || ApiError::not_found("there is nothing at this address", "the page is at /"))
        .method_not_allowed_fallback(async || {
            let error = "this address does not take that method";
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, error, "everything is GET, but /rpc is POST")
        })
        .layer(from_fn_with_state(listen, guard))
        .with_state(shared)
}
