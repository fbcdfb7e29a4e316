//! `/ipfs/{cid}`: a trustless gateway for single blocks, and files by path for browsers.
//!
//! Follows the Trustless Gateway and Path Gateway specifications of IPFS, without CAR and IPNS.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use enliven_content::{BlockStore, ContentError, list_directory, read_file, resolve};
use enliven_types::{Cid, Codec};
use serde::Deserialize;
use serde_json::json;

use crate::answer::{ApiError, bytes, tagged};
use crate::snapshot::cut;
use crate::state::Shared;

const RAW: &str = "application/vnd.ipld.raw";
const CAR: &str = "application/vnd.ipld.car";
const IMMUTABLE: &str = "public, max-age=29030400, immutable";
/// The largest file that is put together from its blocks.
const MAX_FILE_BYTES: usize = 32 << 20;
/// The largest directory that is listed.
const MAX_ENTRIES: usize = 10_000;
/// A longer text is no CID of ours.
const MAX_CID: usize = 128;

#[derive(Deserialize)]
pub(crate) struct Format {
    format: Option<String>,
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
    let raw = wants_raw(format.format.as_deref(), &headers)?;
    let shown_path = format!("/ipfs/{root}/{path}");
    let (cid, found) = shared
        .read(move |shared| {
            let blocks = &**shared.view().blocks();
            let cid = resolve(blocks, &root, &path)?;
            Ok((cid, if raw { block(blocks, &cid)? } else { content(blocks, &cid, &path)? }))
        })
        .await?;
    let mut response = bytes(found.kind, found.cache, found.body);
    let more = response.headers_mut();
    more.insert(VARY, HeaderValue::from_static("accept"));
    if let Some(name) = found.attachment
        && let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
    {
        more.insert(CONTENT_DISPOSITION, value);
    }
    // A path with characters that a header cannot have goes without.
    if let Ok(value) = HeaderValue::from_str(shown_path.trim_end_matches('/')) {
        more.insert(HeaderName::from_static("x-ipfs-path"), value);
    }
    Ok(tagged(sandboxed(response), &format!("{cid}{}", found.tag), &headers))
}

struct Found {
    kind: &'static str,
    cache: &'static str,
    /// What the tag has after the CID.
    tag: &'static str,
    attachment: Option<String>,
    body: Vec<u8>,
}

/// Whether the block itself is wanted; the parameter outranks the header.
fn wants_raw(format: Option<&str>, headers: &HeaderMap) -> Result<bool, ApiError> {
    let refuse = || {
        let error = "this gateway gives single blocks and files, no other formats";
        Err(ApiError::new(StatusCode::NOT_ACCEPTABLE, error, "ask for ?format=raw"))
    };
    match format {
        Some("raw") => return Ok(true),
        Some(_) => return refuse(),
        None => {}
    }
    let mut types = Vec::new();
    for value in headers.get_all(ACCEPT) {
        let text = value.to_str().unwrap_or_default();
        types.extend(text.split(',').map(|part| part.split(';').next().unwrap_or_default().trim()));
    }
    if types.contains(&RAW) {
        return Ok(true);
    }
    if !types.is_empty() && types.iter().all(|kind| *kind == CAR) {
        return refuse();
    }
    Ok(false)
}

fn block(blocks: &dyn BlockStore, cid: &Cid) -> Result<Found, ApiError> {
    let body = get(blocks, cid)?;
    let attachment = Some(format!("{cid}.bin"));
    Ok(Found { kind: RAW, cache: IMMUTABLE, tag: ".raw", attachment, body })
}

/// A file, a directory's listing as JSON, or a record.
fn content(blocks: &dyn BlockStore, cid: &Cid, path: &str) -> Result<Found, ApiError> {
    if cid.codec() == Codec::DagCbor.code() {
        let (body, attachment) = (get(blocks, cid)?, Some(format!("{cid}.cbor")));
        return Ok(Found { kind: "application/vnd.ipld.dag-cbor", cache: IMMUTABLE, tag: "", attachment, body });
    }
    match read_file(blocks, cid, MAX_FILE_BYTES) {
        Ok(body) => Ok(Found { kind: sniff(path, &body), cache: IMMUTABLE, tag: "", attachment: None, body }),
        Err(ContentError::NotAFile { .. }) => listing(blocks, cid),
        Err(error) => Err(error.into()),
    }
}

fn listing(blocks: &dyn BlockStore, cid: &Cid) -> Result<Found, ApiError> {
    let entries: Vec<_> = list_directory(blocks, cid, MAX_ENTRIES)?
        .into_iter()
        .map(|(name, link)| json!({ "name": name, "cid": link.cid.to_string(), "size": link.size }))
        .collect();
    let body = json!({ "cid": cid.to_string(), "entries": entries }).to_string().into_bytes();
    // How a listing looks is up to this program, so it is not immutable.
    Ok(Found { kind: "application/json", cache: "no-cache", tag: ".list", attachment: None, body })
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
            (b"", "text/plain; charset=utf-8"),
        ] {
            assert_eq!(sniff("name.html", body), kind, "{body:?}");
        }
    }

    #[test]
    fn the_format_parameter_outranks_the_header() {
        let accept = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(value));
            headers
        };
        assert!(wants_raw(None, &accept("text/html, application/vnd.ipld.raw;q=0.5")).unwrap());
        assert!(wants_raw(Some("raw"), &accept(CAR)).unwrap());
        assert!(!wants_raw(None, &accept("text/html,*/*;q=0.8")).unwrap());
        assert!(!wants_raw(None, &HeaderMap::new()).unwrap());
        assert!(wants_raw(None, &accept("application/vnd.ipld.car; version=1")).is_err());
        assert!(wants_raw(Some("car"), &accept(RAW)).is_err());
    }

    #[test]
    fn foreign_texts_are_no_cids() {
        let long = "b".repeat(MAX_CID + 1);
        for text in ["", "b", "Qm", "bafy", "é", "z\u{0}", "1", "0", "../etc", "bafkreié", &long] {
            assert!(parse_cid(text).is_err(), "{text}");
        }
    }
}
