//! The web page, embedded in the program.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use enliven_types::Digest;

use crate::answer::{ApiError, bytes, tagged};
use crate::snapshot::cut;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The page loads its own files and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const INDEX: &str = include_str!("../../../../web/index.html");
const ASSETS: &[(&str, &str, &str)] = &[
    ("style.css", CSS, include_str!("../../../../web/style.css")),
    ("app.js", JS, include_str!("../../../../web/app.js")),
    ("chart.js", JS, include_str!("../../../../web/chart.js")),
    ("collection.js", JS, include_str!("../../../../web/collection.js")),
    ("epochs.js", JS, include_str!("../../../../web/epochs.js")),
    ("evidence.js", JS, include_str!("../../../../web/evidence.js")),
    ("token.js", JS, include_str!("../../../../web/token.js")),
    ("ui.js", JS, include_str!("../../../../web/ui.js")),
    ("verify.js", JS, include_str!("../../../../web/verify.js")),
    ("icon.svg", SVG, include_str!("../../../../web/icon.svg")),
];

/// `GET /`
pub(crate) async fn index(headers: HeaderMap) -> Response {
    page(HTML, INDEX, &headers)
}

/// `GET /assets/{name}`
pub(crate) async fn asset(name: Result<Path<String>, PathRejection>, headers: HeaderMap) -> Result<Response, ApiError> {
    let Path(name) = name?;
    match ASSETS.iter().find(|(known, _, _)| *known == name) {
        Some((_, kind, text)) => Ok(page(kind, text, &headers)),
        None => Err(ApiError::not_found(format!("there is no asset `{}`", cut(&name)), "the page is at /")),
    }
}

fn page(kind: &'static str, text: &'static str, headers: &HeaderMap) -> Response {
    let mut response = bytes(kind, "no-cache", text);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    tagged(response, &Digest::sha256(text.as_bytes()).to_string(), headers)
}
