//! What holds for every request: hosts, cross-origin reads, time, security headers.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::answer::ApiError;

/// The longest that a request may take, with its body.
const REQUEST: Duration = Duration::from_secs(30);

/// Wraps every route.
pub(crate) async fn guard(State(listen): State<SocketAddr>, request: Request, next: Next) -> Response {
    let shared = is_shared(request.uri().path());
    let mut response = if !is_allowed(&request, listen) {
        let error = "this server does not answer for the name in the address";
        let hint = "use localhost, 127.0.0.1 or the address that the server listens on";
        ApiError::new(StatusCode::FORBIDDEN, error, hint).into_response()
    } else if shared && request.method() == Method::OPTIONS {
        preflight(request.uri().path())
    } else {
        match tokio::time::timeout(REQUEST, next.run(request)).await {
            Ok(response) => response,
            Err(_) => ApiError::busy().into_response(),
        }
    };
    let headers = response.headers_mut();
    set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, REFERRER_POLICY, "no-referrer");
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static("default-src 'none'; sandbox"));
    if shared {
        set(headers, ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        set(
            headers,
            ACCESS_CONTROL_EXPOSE_HEADERS,
            "ETag, X-Ipfs-Path, Content-Length, Content-Range, Accept-Ranges, Content-Disposition",
        );
    }
    response
}

/// Whether pages of other origins may ask: public data only.
fn is_shared(path: &str) -> bool {
    path == "/rpc" || ["/api/", "/ipfs/", "/tokens/"].iter().any(|prefix| path.starts_with(prefix))
}

fn preflight(path: &str) -> Response {
    let methods = if path == "/rpc" { "POST" } else { "GET, HEAD" };
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, methods),
        (ACCESS_CONTROL_ALLOW_HEADERS, "Accept, Content-Type, If-None-Match, Range"),
        (ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

fn set(headers: &mut HeaderMap, name: axum::http::HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// Exactly one `Host`, and it as well as an absolute address in the request line name this server.
fn is_allowed(request: &Request, listen: SocketAddr) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(Ok(host)) = host.to_str().map(str::parse::<Authority>) else { return false };
    let line = request.uri().authority();
    is_own(host.as_str(), host.host(), listen) && line.is_none_or(|line| is_own(line.as_str(), line.host(), listen))
}

/// Names can be pointed anywhere by those who own them; `localhost` and plain addresses cannot.
fn is_own(authority: &str, host: &str, listen: SocketAddr) -> bool {
    if authority.contains('@') {
        return false;
    }
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let plain = host.trim_start_matches('[').trim_end_matches(']');
    match plain.parse::<IpAddr>() {
        // Listening everywhere, the server has every address of the machine.
        Ok(address) => address.is_loopback() || listen.ip().is_unspecified() || address == listen.ip(),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_are_answered() {
        let loopback: SocketAddr = "127.0.0.1:8787".parse().unwrap();
        let everywhere: SocketAddr = "0.0.0.0:8787".parse().unwrap();
        let own = |text: &str, listen| match text.parse::<Authority>() {
            Ok(host) => is_own(host.as_str(), host.host(), listen),
            Err(_) => false,
        };
        for text in ["localhost", "LocalHost:1", "127.0.0.1:8787", "[::1]:8787", "[::1]"] {
            assert!(own(text, loopback), "{text}");
        }
        for text in
            ["example.org", "127.0.0.1.example.org", "localhost.example.org:8787", "192.168.1.5", "a@localhost", ""]
        {
            assert!(!own(text, loopback), "{text}");
        }
        assert!(own("192.168.1.5:8787", everywhere));
        assert!(own("192.168.1.5", "192.168.1.5:80".parse().unwrap()));
        assert!(!own("example.org", everywhere));
    }
}
