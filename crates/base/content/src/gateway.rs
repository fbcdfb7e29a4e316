use std::io::Read;
use std::time::Duration;

use enliven_types::{Block, Cid};
use ureq::http::{Response, header};
use ureq::{Agent, Body};

use crate::store::{check_hash, check_hash_kind};
use crate::{BlockStore, CarReader, ContentError, GatewayConfig, MAX_BLOCK_BYTES};

const RAW_BLOCK: &str = "application/vnd.ipld.raw";
const CAR: &str = "application/vnd.ipld.car; version=1";
/// More is not read of a CAR file, and not for longer.
const MAX_CAR_BYTES: u64 = 64 << 30;
const MAX_CAR_TIME: Duration = Duration::from_secs(6 * 3600);

/// The blocks that a trustless gateway serves, read only.
///
/// Asks for `{url}/ipfs/{cid}?format=raw`. Redirects are not followed: a gateway cannot send this process to other
/// addresses.
#[derive(Debug)]
pub struct GatewayBlocks {
    agent: Agent,
    url: String,
    /// How long a gateway may take until it begins to answer.
    answer: Duration,
}

impl GatewayBlocks {
    /// A client of one gateway. Nothing is sent yet.
    pub fn new(config: &GatewayConfig) -> Result<GatewayBlocks, ContentError> {
        let url = config.url.trim_end_matches('/');
        check_url(url).map_err(|reason| ContentError::GatewayUrl { url: config.url.clone(), reason })?;
        let agent = Agent::config_builder()
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(config.connect_timeout_s)))
            .timeout_global(Some(Duration::from_secs(config.timeout_s)))
            .build()
            .new_agent();
        Ok(GatewayBlocks { agent, url: url.to_string(), answer: Duration::from_secs(config.timeout_s) })
    }

    /// All that `root` leads to, in one answer; each block is checked as it is read. A gateway may leave some out: who
    /// needs all of them walks from the root.
    pub fn car(&self, root: &Cid) -> Result<CarReader<impl Read + use<>>, ContentError> {
        let url = format!("{}/ipfs/{root}?format=car&dag-scope=all", self.url);
        let request = self.agent.get(&url).header(header::ACCEPT, CAR).config();
        let request = request.timeout_global(None).timeout_recv_body(Some(MAX_CAR_TIME));
        let request = request.timeout_recv_response(Some(self.answer)).build();
        let response =
            request.call().map_err(|error| ContentError::Gateway { url: url.clone(), reason: error.to_string() })?;
        if !is_found(&url, &response)? {
            return Err(ContentError::Gateway { url, reason: "it has no such block".into() });
        }
        CarReader::new(response.into_body().into_with_config().limit(MAX_CAR_BYTES).reader(), format!("`{url}`"))
    }

    fn block_url(&self, cid: &Cid) -> String {
        format!("{}/ipfs/{cid}?format=raw", self.url)
    }
}

impl BlockStore for GatewayBlocks {
    fn get(&self, cid: &Cid) -> Result<Option<Vec<u8>>, ContentError> {
        check_hash_kind(cid)?;
        let url = self.block_url(cid);
        let mut response = match self.agent.get(&url).header(header::ACCEPT, RAW_BLOCK).call() {
            Ok(response) => response,
            Err(error) => return Err(ContentError::Gateway { url, reason: error.to_string() }),
        };
        if !is_found(&url, &response)? {
            return Ok(None);
        }
        let body = response.body_mut().with_config().limit(MAX_BLOCK_BYTES as u64 + 1).read_to_vec();
        let bytes = match body {
            Ok(bytes) if bytes.len() <= MAX_BLOCK_BYTES => bytes,
            Ok(_) | Err(ureq::Error::BodyExceedsLimit(_)) => {
                let cid = Box::new(*cid);
                return Err(ContentError::TooLarge { what: "block", cid, limit: MAX_BLOCK_BYTES, unit: "bytes" });
            }
            Err(error) => return Err(ContentError::Gateway { url, reason: error.to_string() }),
        };
        check_hash(cid, &bytes, || format!("gateway `{}`", self.url))?;
        Ok(Some(bytes))
    }

    fn put_all(&self, blocks: &[Block]) -> Result<(), ContentError> {
        if blocks.is_empty() {
            return Ok(());
        }
        Err(ContentError::ReadOnly { place: format!("gateway `{}`", self.url) })
    }

    fn has(&self, cid: &Cid) -> Result<bool, ContentError> {
        check_hash_kind(cid)?;
        let url = self.block_url(cid);
        match self.agent.head(&url).header(header::ACCEPT, RAW_BLOCK).call() {
            Ok(response) => is_found(&url, &response),
            Err(error) => Err(ContentError::Gateway { url, reason: error.to_string() }),
        }
    }
}

/// Why an address cannot be used, if it cannot.
pub(crate) fn check_url(url: &str) -> Result<(), &'static str> {
    if url.starts_with("https://") && cfg!(not(feature = "https")) {
        return Err("HTTPS is not built in (hint: use the HTTP address of a gateway near by; blocks are hash-checked)");
    }
    let Some(host) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return Err("it does not start with http:// or https://");
    };
    if host.is_empty() || host.starts_with('/') {
        return Err("it names no host");
    }
    if host.contains(['?', '#', ' ', '@']) {
        return Err("it has a query, a fragment, a space or a user name");
    }
    Ok(())
}

fn is_found(url: &str, response: &Response<Body>) -> Result<bool, ContentError> {
    let status = response.status();
    let reason = match status.as_u16() {
        200 => return Ok(true),
        404 | 410 => return Ok(false),
        300..=399 => format!(
            "it answered with a redirect, {status} (hint: give the address that answers itself, such as 127.0.0.1 in place of localhost)"
        ),
        _ => format!("it answered {status}"),
    };
    Err(ContentError::Gateway { url: url.to_string(), reason })
}

#[cfg(test)]
#[path = "gateway_tests.rs"]
mod tests;
