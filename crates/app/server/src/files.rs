//! `/tokens/{id}.json|.svg|.png`: what a token is now.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use crate::answer::{ApiError, bytes, tagged};
use crate::gateway::{parse_cid, sandboxed};
use crate::snapshot::cut;
use crate::state::Shared;

/// `GET /tokens/{id}.json`, `.svg`, `.png`
pub(crate) async fn current(
    State(shared): State<Arc<Shared>>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Path(name) = name?;
    let (id, kind) = match name.rsplit_once('.') {
        Some((id, "json")) => (id.to_string(), "application/json"),
        Some((id, "svg")) => (id.to_string(), "image/svg+xml"),
        Some((id, "png")) => (id.to_string(), "image/png"),
        _ => {
            let error = format!("there is no file `{}`", cut(&name));
            return Err(ApiError::not_found(error, "a token has {id}.json, {id}.svg and {id}.png"));
        }
    };
    let (cid, body) = shared
        .read(move |shared| {
            let snapshot = shared.snapshot()?;
            let row = snapshot.token(&id)?;
            let cid = match kind {
                "application/json" => Some(&row.metadata),
                "image/svg+xml" => row.images.image_svg.as_ref(),
                _ => row.images.image.as_ref(),
            };
            let Some(cid) = cid else {
                return Err(ApiError::internal(format!("the metadata of token {id} is missing or damaged")));
            };
            let parsed = parse_cid(cid)?;
            match shared.view().blocks().get(&parsed)? {
                Some(body) => Ok((cid.clone(), body)),
                None => Err(ApiError::internal(format!("the block {cid} of token {id} is missing"))),
            }
        })
        .await?;
    let response = bytes(kind, "no-cache, must-revalidate", body);
    Ok(tagged(sandboxed(response), &cid, &headers))
}
