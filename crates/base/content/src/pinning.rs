//! A remote pinning service: <https://ipfs.github.io/pinning-services-api-spec/>.

use std::fmt;
use std::io::Read;
use std::thread::sleep;
use std::time::{Duration, Instant};

use enliven_types::Cid;
use serde::{Deserialize, Serialize};
use ureq::Agent;
use ureq::http::Response;

use crate::gateway::check_url;
use crate::{BlockStore, ContentError, Mirror, PinningConfig};

/// The longest answer that is read.
const MAX_ANSWER: u64 = 1 << 20;
/// A service is asked so often whether it is done.
const POLL: Duration = Duration::from_secs(2);

/// A service that fetches what it is told to pin from the network: from the `origins` in its configuration, or from
/// whoever has it. It is sent no blocks, so a node that has them comes before it.
pub struct PinningService {
    agent: Agent,
    endpoint: String,
    origins: Vec<String>,
    wait: Duration,
    /// The access token. It is never printed.
    token: String,
}

#[derive(Serialize)]
struct Pin<'a> {
    cid: String,
    name: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    origins: &'a [String],
}

#[derive(Deserialize)]
struct PinStatus {
    requestid: String,
    status: Status,
}

#[derive(Deserialize)]
struct Pins {
    results: Vec<PinStatus>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Queued,
    Pinning,
    Pinned,
    Failed,
}

impl PinningService {
    /// A client of one service. Nothing is sent yet.
    pub fn new(config: &PinningConfig, token: String) -> Result<PinningService, ContentError> {
        let endpoint = config.endpoint.trim_end_matches('/');
        check_url(endpoint).map_err(|reason| ContentError::GatewayUrl { url: config.endpoint.clone(), reason })?;
        let agent = Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .new_agent();
        Ok(PinningService {
            agent,
            endpoint: endpoint.to_string(),
            origins: config.origins.clone(),
            wait: Duration::from_secs(config.wait_s),
            token,
        })
    }

    /// The latest request about a root that has not failed.
    fn known(&self, root: &Cid) -> Result<Option<PinStatus>, ContentError> {
        let response = self
            .agent
            .get(format!("{}/pins", self.endpoint))
            .query("cid", root.to_string())
            .query("status", "queued,pinning,pinned")
            .query("limit", "1")
            .header("authorization", self.authorization())
            .call();
        Ok(self.read::<Pins>(response)?.results.into_iter().next())
    }

    fn add(&self, root: &Cid, name: &str) -> Result<PinStatus, ContentError> {
        let pin = Pin { cid: root.to_string(), name, origins: &self.origins };
        let body = serde_json::to_vec(&pin).map_err(|error| self.error(error.to_string()))?;
        let request = self.agent.post(format!("{}/pins", self.endpoint));
        let request = request.header("authorization", self.authorization()).header("content-type", "application/json");
        self.read(request.send(body.as_slice()))
    }

    fn status(&self, request: &str) -> Result<PinStatus, ContentError> {
        // What the service named is not trusted to be a part of an address.
        let plain = request.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte));
        if !plain || request.is_empty() {
            return Err(self.error(format!("a request is named `{}`", request.chars().take(80).collect::<String>())));
        }
        let request = self.agent.get(format!("{}/pins/{request}", self.endpoint));
        self.read(request.header("authorization", self.authorization()).call())
    }

    fn read<T: serde::de::DeserializeOwned>(
        &self,
        response: Result<Response<ureq::Body>, ureq::Error>,
    ) -> Result<T, ContentError> {
        let mut response = response.map_err(|error| self.error(error.to_string()))?;
        let status = response.status().as_u16();
        let mut answer = Vec::new();
        let mut reader = response.body_mut().as_reader().take(MAX_ANSWER);
        reader.read_to_end(&mut answer).map_err(|error| self.error(error.to_string()))?;
        match status {
            200 | 202 => serde_json::from_slice(&answer).map_err(|error| self.error(error.to_string())),
            401 => Err(self.error("it does not take the access token (hint: ENLIVEN_PINNING_TOKEN)".into())),
            _ => Err(self.error(format!("it answered {status}"))),
        }
    }

    fn authorization(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn error(&self, reason: String) -> ContentError {
        ContentError::Mirror { place: self.place(), reason }
    }
}

impl fmt::Debug for PinningService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinningService").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Mirror for PinningService {
    fn place(&self) -> String {
        format!("the pinning service {}", self.endpoint)
    }

    fn has_root(&self, root: &Cid) -> Result<bool, ContentError> {
        Ok(self.known(root)?.is_some_and(|pin| pin.status == Status::Pinned))
    }

    fn keep(&self, root: &Cid, name: &str, _: Option<&Cid>, _: &dyn BlockStore, _: &[Cid]) -> Result<(), ContentError> {
        let begun = Instant::now();
        let mut pin = match self.known(root)? {
            Some(pin) => pin,
            None => self.add(root, name)?,
        };
        loop {
            match pin.status {
                Status::Pinned => return Ok(()),
                Status::Failed => return Err(self.error(format!("it failed to pin {root}"))),
                Status::Queued | Status::Pinning if begun.elapsed() >= self.wait => {
                    return Err(self.error(format!("it has not pinned {root} within {} s", self.wait.as_secs())));
                }
                Status::Queued | Status::Pinning => sleep(POLL.min(self.wait)),
            }
            pin = self.status(&pin.requestid)?;
        }
    }

    fn announce(&self, _: &Cid) -> Result<Option<String>, ContentError> {
        Ok(None)
    }

    fn check(&self) -> Result<String, ContentError> {
        let request = self.agent.get(format!("{}/pins", self.endpoint)).query("limit", "1");
        self.read::<Pins>(request.header("authorization", self.authorization()).call())?;
        Ok("it answers".into())
    }
}
