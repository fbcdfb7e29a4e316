//! `/ipfs/{cid}`: a trustless gateway for blocks and CAR files, and files by path for browsers.
//!
//! Follows the Trustless Gateway and Path Gateway specifications of IPFS, without IPNS. A CAR file has the blocks on the
//! way of the path, then what the scope asks for, depth first, each once; `entity-bytes` is not looked at, so a file
//! comes whole.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::{
    ACCEPT, ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_SECURITY_POLICY, RANGE, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use enliven_content::{BlockStore, ContentError, Follow, read_file, resolve};
use enliven_types::{Cid, Codec};
use serde::Deserialize;

use crate::answer::{ApiError, bytes, tagged};
use crate::car::car;
use crate::listing::listing;
use crate::range::Part;
use crate::snapshot::cut;
use crate::state::Shared;

const RAW: &str = "application/vnd.ipld.raw";
const CAR: &str = "application/vnd.ipld.car";
pub(crate) const IMMUTABLE: &str = "public, max-age=29030400, immutable";
/// The largest file that is put together from its blocks.
const MAX_FILE_BYTES: usize = 32 << 20;
/// A longer text is no CID of ours.
const MAX_CID: usize = 128;

#[derive(Deserialize)]
pub(crate) struct Format {
    format: Option<String>,
    #[serde(rename = "dag-scope")]
    scope: Option<String>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// A file, a listing or a record.
    Content,
    /// One block.
    Raw,
    /// Blocks.
    Car(Follow),
}

type PathOf<T> = Result<Path<T>, PathRejection>;
type QueryOf<T> = Result<Query<T>, QueryRejection>;

/// `GET /ipfs/{cid}`
pub(crate) async fn root(
    shared: State<Arc<Shared>>,
    cid: PathOf<String>,
    format: QueryOf<Format>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Path(cid) = cid?;
    serve(shared, cid, String::new(), format?, headers).await
}

/// `GET /ipfs/{cid}/{path}`
pub(crate) async fn below(
    shared: State<Arc<Shared>>,
    path: PathOf<(String, String)>,
    format: QueryOf<Format>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Path((cid, path)) = path?;
    serve(shared, cid, path, format?, headers).await
}

/// Reads a CID, of any version and base.
pub(crate) fn parse_cid(text: &str) -> Result<Cid, ApiError> {
    let parsed = if text.len() <= MAX_CID { Cid::try_from(text).ok() } else { None };
    parsed.ok_or_else(|| {
        ApiError::bad_request(format!("`{}` is not a CID", cut(text)), "a CID looks like bafkrei… or bafybei…")
    })
}

/// For content that came from outside: no scripts, no requests, no guessing of types.
pub(crate) fn sandboxed(mut response: Response) -> Response {
    let policy = HeaderValue::from_static("sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:");
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response
}

async fn serve(
    State(shared): State<Arc<Shared>>,
    cid: String,
    path: String,
    Query(format): Query<Format>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let root = parse_cid(&cid)?;
    let wanted = wanted(&format, &headers)?;
    let shown_path = format!("/ipfs/{root}/{path}");
    if let Wanted::Car(scope) = wanted {
        return car(&shared, root, path, scope, &shown_path, &headers).await;
    }
    let html = wanted == Wanted::Content && accepts(&headers).any(|kind| kind == "text/html");
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok()).map(str::to_string);
    let (cid, mut found) = shared
        .read(move |shared| {
            let blocks = &**shared.view().blocks();
            let cid = resolve(blocks, &root, &path)?;
            let found =
                if wanted == Wanted::Raw { block(blocks, &cid)? } else { content(blocks, &root, &cid, &path, html)? };
            Ok((cid, found))
        })
        .await?;
    let part = range.as_deref().filter(|_| found.cache == IMMUTABLE).map(|range| Part::of(range, found.body.len()));
    let whole = found.body.len();
    if let Some(Part::Of(first, last)) = &part {
        found.body = found.body[*first..=*last].to_vec();
    }
    let mut response = bytes(found.kind, found.cache, found.body);
    describe(&mut response, found.attachment.as_deref(), &shown_path);
    if found.cache == IMMUTABLE {
        response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    match part {
        Some(Part::Of(first, last)) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            content_range(&mut response, &format!("bytes {first}-{last}/{whole}"));
        }
        Some(Part::Outside) => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            *response.body_mut() = Body::empty();
            content_range(&mut response, &format!("bytes */{whole}"));
        }
        Some(Part::Whole) | None => {}
    }
    Ok(tagged(sandboxed(response), &format!("{cid}{}", found.tag), &headers))
}

/// The headers that every answer of the gateway has.
pub(crate) fn describe(response: &mut Response, attachment: Option<&str>, shown_path: &str) {
    let more = response.headers_mut();
    more.insert(VARY, HeaderValue::from_static("accept"));
    if let Some(name) = attachment
        && let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
    {
        more.insert(CONTENT_DISPOSITION, value);
    }
    // A path with characters that a header cannot have goes without.
    if let Ok(value) = HeaderValue::from_str(shown_path.trim_end_matches('/')) {
        more.insert(HeaderName::from_static("x-ipfs-path"), value);
    }
}

fn content_range(response: &mut Response, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        response.headers_mut().insert(CONTENT_RANGE, value);
    }
}

/// What is given, and how.
pub(crate) struct Found {
    pub(crate) kind: &'static str,
    pub(crate) cache: &'static str,
    /// What the tag has after the CID.
    pub(crate) tag: &'static str,
    pub(crate) attachment: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// What is wanted; the parameter outranks the header.
fn wanted(query: &Format, headers: &HeaderMap) -> Result<Wanted, ApiError> {
    let scope = match query.scope.as_deref() {
        None | Some("all") => Follow::All,
        Some("entity") => Follow::Entity,
        Some("block") => Follow::Nothing,
        Some(_) => return Err(ApiError::bad_request("there is no such dag-scope", "it is block, entity or all")),
    };
    let refuse = |kind: &str| {
        let error = format!("this gateway does not give {}", cut(kind));
        Err(ApiError::new(StatusCode::NOT_ACCEPTABLE, error, "ask for ?format=raw or ?format=car"))
    };
    match query.format.as_deref() {
        Some("raw") => return Ok(Wanted::Raw),
        Some("car") => return Ok(Wanted::Car(scope)),
        Some(other) => return refuse(other),
        None => {}
    }
    if accepts(headers).any(|kind| kind == RAW) {
        return Ok(Wanted::Raw);
    }
    let Some(car) = accepted(headers).find(|kind| kind.split(';').next().map(str::trim) == Some(CAR)) else {
        return Ok(Wanted::Content);
    };
    // Other orders and with repetitions: what is sent says what it is; another version cannot be had.
    match car.split(';').map(str::trim).find_map(|part| part.strip_prefix("version=")) {
        Some("1") | None => Ok(Wanted::Car(scope)),
        Some(_) => refuse(car),
    }
}

/// The media types that the client accepts, with their parameters.
fn accepted(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(ACCEPT).iter().flat_map(|value| value.to_str().unwrap_or_default().split(',')).map(str::trim)
}

/// The same without their parameters.
fn accepts(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    accepted(headers).map(|kind| kind.split(';').next().unwrap_or_default().trim())
}

fn block(blocks: &dyn BlockStore, cid: &Cid) -> Result<Found, ApiError> {
    let body = get(blocks, cid)?;
    let attachment = Some(format!("{cid}.bin"));
    Ok(Found { kind: RAW, cache: IMMUTABLE, tag: ".raw", attachment, body })
}

/// A file, a directory's listing, or a record.
fn content(blocks: &dyn BlockStore, root: &Cid, cid: &Cid, path: &str, html: bool) -> Result<Found, ApiError> {
    if cid.codec() == Codec::DagCbor.code() {
        let (body, attachment) = (get(blocks, cid)?, Some(format!("{cid}.cbor")));
        return Ok(Found { kind: "application/vnd.ipld.dag-cbor", cache: IMMUTABLE, tag: "", attachment, body });
    }
    match read_file(blocks, cid, MAX_FILE_BYTES) {
        Ok(body) => Ok(Found { kind: sniff(path, &body), cache: IMMUTABLE, tag: "", attachment: None, body }),
        Err(ContentError::NotAFile { .. }) => listing(blocks, root, cid, path, html),
        Err(error) => Err(error.into()),
    }
}

fn get(blocks: &dyn BlockStore, cid: &Cid) -> Result<Vec<u8>, ApiError> {
    let found = blocks.get(cid)?;
    found.ok_or_else(|| ContentError::Missing { cid: Box::new(*cid) }.into())
}

/// The type of a file: what its bytes say, then its name; never a page or a script.
fn sniff(path: &str, body: &[u8]) -> &'static str {
    for (start, kind) in [
        (&b"\x89PNG\r\n\x1a\n"[..], "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        // A segment of events.
        (b"\x78\x01", "application/zlib"),
    ] {
        if body.starts_with(start) {
            return kind;
        }
    }
    if body.starts_with(b"RIFF") && body.get(8..12) == Some(b"WEBP") {
        return "image/webp";
    }
    let Ok(text) = std::str::from_utf8(body) else { return "application/octet-stream" };
    let start = text.trim_start();
    if start.starts_with("<svg") || (start.starts_with("<?xml") && path.ends_with(".svg")) {
        return "image/svg+xml";
    }
    let json = start.starts_with('{') || start.starts_with('[');
    if json && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        return "application/json";
    }
    if text.contains('\0') {
        return "application/octet-stream";
    }
    "text/plain; charset=utf-8"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_what_the_bytes_say_and_never_a_page() {
        for (body, kind) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], "image/png"),
            (b"RIFF....WEBPVP8 ", "image/webp"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
            (b" {\"a\": [1]}", "application/json"),
            (b"{not json", "text/plain; charset=utf-8"),
            (b"<!doctype html><script>1</script>", "text/plain; charset=utf-8"),
            (b"\xff\xfe\x00", "application/octet-stream"),
            (b"\x78\x01\xed\xbd", "application/zlib"),
            (b"", "text/plain; charset=utf-8"),
        ] {
            assert_eq!(sniff("name.html", body), kind, "{body:?}");
        }
    }

    #[test]
    fn the_format_parameter_outranks_the_header() {
        let asked = |format: Option<&str>, scope: Option<&str>, accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            let query = Format { format: format.map(str::to_string), scope: scope.map(str::to_string) };
            wanted(&query, &headers).ok()
        };
        let car = |scope| Some(Wanted::Car(scope));
        assert_eq!(asked(None, None, "text/html, application/vnd.ipld.raw;q=0.5"), Some(Wanted::Raw));
        assert_eq!(asked(Some("raw"), None, CAR), Some(Wanted::Raw));
        assert_eq!(asked(None, None, "text/html,*/*;q=0.8"), Some(Wanted::Content));
        assert_eq!(asked(None, None, ""), Some(Wanted::Content));
        assert_eq!(asked(None, None, "application/vnd.ipld.car; version=1; order=dfs"), car(Follow::All));
        assert_eq!(asked(None, Some("block"), "application/vnd.ipld.car"), car(Follow::Nothing));
        assert_eq!(asked(Some("car"), Some("entity"), RAW), car(Follow::Entity));
        assert_eq!(asked(None, None, "application/vnd.ipld.car; version=2"), None);
        assert_eq!(asked(Some("car"), Some("some"), RAW), None);
        assert_eq!(asked(Some("tar"), None, RAW), None);
    }

    #[test]
    fn foreign_texts_are_no_cids() {
        let long = "b".repeat(MAX_CID + 1);
        for text in ["", "b", "Qm", "bafy", "é", "z\u{0}", "1", "0", "../etc", "bafkreié", &long] {
            assert!(parse_cid(text).is_err(), "{text}");
        }
    }
}
