//! What goes back to the client.

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use enliven_content::ContentError;
use enliven_engine::EngineError;
use serde::Serialize;

/// An error as the client sees it.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    error: String,
    hint: &'static str,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    hint: &'a str,
}

impl ApiError {
    pub fn new(status: StatusCode, error: impl Into<String>, hint: &'static str) -> ApiError {
        ApiError { status, error: error.into(), hint }
    }

    pub fn bad_request(error: impl Into<String>, hint: &'static str) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, error, hint)
    }

    pub fn not_found(error: impl Into<String>, hint: &'static str) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, error, hint)
    }

    pub fn busy() -> ApiError {
        let error = "the server is busy";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, error, "ask again in a moment")
    }

    /// What went wrong goes to the operator; the client learns that it is not to blame.
    pub fn internal(cause: impl std::fmt::Display) -> ApiError {
        eprintln!("server: {cause}");
        let error = "the collection's data could not be read";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error, "the server's own messages say what is wrong")
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> ApiError {
        match error {
            EngineError::NoToken { .. } => ApiError::not_found(error.to_string(), "/api/tokens lists the tokens"),
            EngineError::NoEpoch { .. } => ApiError::not_found(error.to_string(), "/api/epochs lists the epochs"),
            EngineError::Content(error) => error.into(),
            error => ApiError::internal(error),
        }
    }
}

impl From<ContentError> for ApiError {
    fn from(error: ContentError) -> ApiError {
        let text = error.to_string();
        match error {
            ContentError::Missing { .. } => {
                ApiError::not_found(text, "this gateway has the blocks of its own collection only")
            }
            ContentError::NotFound { .. } => ApiError::not_found(text, "names are case-sensitive"),
            ContentError::NotADirectory { .. } => ApiError::not_found(text, "leave out what stands after it"),
            ContentError::NotAFile { .. } => {
                ApiError::bad_request(text, "name a file in it, or ask for the block with ?format=raw")
            }
            ContentError::UnsupportedHash { .. } => {
                ApiError::bad_request(text, "this gateway serves sha2-256 blocks only")
            }
            ContentError::TooLarge { .. } | ContentError::Malformed { .. } => {
                ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, text, "ask for its blocks one by one with ?format=raw")
            }
            error => ApiError::internal(error),
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(_: QueryRejection) -> ApiError {
        ApiError::bad_request("the query cannot be read", "parameters look like ?name=value&other=value")
    }
}

impl From<PathRejection> for ApiError {
    fn from(_: PathRejection) -> ApiError {
        ApiError::bad_request("the path cannot be read", "percent-encode names as UTF-8")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody { error: &self.error, hint: self.hint };
        let mut response = (self.status, json(&body)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// A JSON answer that is asked for anew each time.
pub(crate) fn json<T: Serialize>(value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => bytes("application/json", "no-cache", body),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

pub(crate) fn bytes(content_type: &'static str, cache: &'static str, body: impl Into<Body>) -> Response {
    let headers = [(CONTENT_TYPE, content_type), (CACHE_CONTROL, cache)];
    (headers, body.into()).into_response()
}

/// Adds the tag; if the client has this very content already, leaves out the body.
pub(crate) fn tagged(mut response: Response, tag: &str, request: &HeaderMap) -> Response {
    let tag = format!("\"{tag}\"");
    if let Ok(value) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, value);
    }
    if has(request, &tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(CONTENT_TYPE);
    }
    response
}

fn has(request: &HeaderMap, tag: &str) -> bool {
    let mut asked = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    asked.any(|list| list.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag))
}
