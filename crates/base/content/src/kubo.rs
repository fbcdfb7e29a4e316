//! A Kubo node over its RPC: <https://docs.ipfs.tech/reference/kubo/rpc/>.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use enliven_types::{Block, Cid, Digest};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::Agent;

use crate::gateway::check_url;
use crate::store::{check_hash, check_hash_kind, fetch};
use crate::{BlockStore, CarWriter, ContentError, KuboConfig, MAX_BLOCK_BYTES, Mirror};

/// A part of a request is about so long at most.
const PART_BYTES: usize = 16 << 20;
/// The longest answer that is read, blocks aside.
const MAX_ANSWER: u64 = 1 << 20;

/// The blocks of a Kubo node, and what it pins.
///
/// Blocks are asked for offline: what the node does not have itself is not there. They are checked against their
/// hashes; blocks that are put go in as CAR files, which the node checks.
pub struct Kubo {
    agent: Agent,
    url: String,
    /// The `Authorization` header. It is never printed.
    authorization: Option<String>,
    name_key: Option<String>,
}

impl Kubo {
    /// A client of one node. Nothing is sent yet. `authorization` is the header of that name, such as `Bearer ...`.
    pub fn new(config: &KuboConfig, authorization: Option<String>) -> Result<Kubo, ContentError> {
        let url = config.rpc.trim_end_matches('/');
        check_url(url).map_err(|reason| ContentError::GatewayUrl { url: config.rpc.clone(), reason })?;
        let agent = Agent::config_builder()
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_global(Some(Duration::from_secs(config.timeout_s)))
            .build()
            .new_agent();
        Ok(Kubo { agent, url: url.to_string(), authorization, name_key: config.name_key.clone() })
    }

    /// The node's version.
    pub fn version(&self) -> Result<String, ContentError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Version {
            version: String,
        }
        Ok(self.ask::<Version>("version", &[], None)?.version)
    }

    /// Pins a root and all that it leads to, which must be on the node.
    pub fn pin(&self, root: &Cid, name: &str) -> Result<(), ContentError> {
        let cid = root.to_string();
        let arguments = [("arg", cid.as_str()), ("recursive", "true"), ("name", name), ("offline", "true")];
        self.run("pin/add", &arguments, None).map(drop)
    }

    /// Whether a root is pinned with all that it leads to.
    pub fn is_pinned(&self, root: &Cid) -> Result<bool, ContentError> {
        match self.call("pin/ls", &[("arg", &root.to_string()), ("type", "recursive")], None) {
            Ok(_) => Ok(true),
            Err(Failed::Said(message)) if message.contains("not pinned") => Ok(false),
            Err(failed) => Err(self.error("pin/ls", failed)),
        }
    }

    /// Publishes a root under the IPNS name of a key, which is made if the node does not have it; the name.
    pub fn publish_name(&self, key: &str, root: &Cid) -> Result<String, ContentError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Keys {
            keys: Vec<Named>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Named {
            name: String,
        }
        let known: Keys = self.ask("key/list", &[], None)?;
        if !known.keys.iter().any(|known| known.name == key) {
            self.run("key/gen", &[("arg", key), ("type", "ed25519")], None)?;
        }
        let path = format!("/ipfs/{root}");
        let arguments = [("arg", path.as_str()), ("key", key), ("allow-offline", "true"), ("resolve", "false")];
        Ok(self.ask::<Named>("name/publish", &arguments, None)?.name)
    }

    fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        arguments: &[(&str, &str)],
        form: Option<Form<'_>>,
    ) -> Result<T, ContentError> {
        let answer = self.run(method, arguments, form)?;
        serde_json::from_slice(&answer).map_err(|error| self.error(method, Failed::Other(error.to_string())))
    }

    fn run(&self, method: &str, arguments: &[(&str, &str)], form: Option<Form<'_>>) -> Result<Vec<u8>, ContentError> {
        self.call(method, arguments, form).map_err(|failed| self.error(method, failed))
    }

    /// One call; its answer.
    fn call(&self, method: &str, arguments: &[(&str, &str)], form: Option<Form<'_>>) -> Result<Vec<u8>, Failed> {
        let mut request = self.agent.post(format!("{}/api/v0/{method}", self.url));
        for (name, value) in arguments {
            request = request.query(name, value);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let sent = match form {
            None => request.send_empty(),
            Some(Form { boundary, body }) => {
                request.header("content-type", format!("multipart/form-data; boundary=\"{boundary}\"")).send(body)
            }
        };
        let mut response = sent.map_err(|error| Failed::Other(error.to_string()))?;
        let status = response.status().as_u16();
        let mut answer = Vec::new();
        let limit = MAX_ANSWER.max(MAX_BLOCK_BYTES as u64 + 1);
        let mut reader = response.body_mut().as_reader().take(limit);
        reader.read_to_end(&mut answer).map_err(|error| Failed::Other(error.to_string()))?;
        if status == 200 {
            return Ok(answer);
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Said {
            message: String,
        }
        match serde_json::from_slice::<Said>(&answer) {
            Ok(said) => Err(Failed::Said(said.message)),
            Err(_) => Err(Failed::Other(format!("it answered {status}"))),
        }
    }

    /// Sends blocks as one CAR file.
    fn import(&self, blocks: &[Block]) -> Result<(), ContentError> {
        let method = "dag/import";
        let Some(first) = blocks.first() else { return Ok(()) };
        let other = |error: std::io::Error| self.error(method, Failed::Other(error.to_string()));
        let mut car = CarWriter::new(Vec::new(), &[first.cid]).map_err(other)?;
        blocks.iter().try_for_each(|block| car.put(block)).map_err(other)?;
        let car = car.finish().map_err(other)?;
        // No file holds its own hash, so nothing in it ends the part.
        let boundary = Digest::sha256(&car).to_string();
        let mut body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"blocks.car\"\r\n\
             Content-Type: application/vnd.ipld.car\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(&car);
        drop(car);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        let form = Form { boundary: &boundary, body: &body };
        let answer = self.run(method, &[("pin-roots", "false"), ("stats", "true")], Some(form))?;
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Line {
            stats: Option<Stats>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Stats {
            block_count: u64,
        }
        let lines = serde_json::Deserializer::from_slice(&answer).into_iter::<Line>();
        let counted = lines.filter_map(Result::ok).find_map(|line| line.stats).map(|stats| stats.block_count);
        if counted != Some(blocks.len() as u64) {
            let reason = format!("{} blocks were sent, it took {}", blocks.len(), counted.unwrap_or(0));
            return Err(self.error(method, Failed::Other(reason)));
        }
        Ok(())
    }

    fn error(&self, method: &str, failed: Failed) -> ContentError {
        let (Failed::Said(reason) | Failed::Other(reason)) = failed;
        ContentError::Mirror { place: self.place(), reason: format!("{method}: {reason}") }
    }
}

/// What is sent with a call.
struct Form<'a> {
    boundary: &'a str,
    body: &'a [u8],
}

/// Why a call failed.
enum Failed {
    /// The node said so.
    Said(String),
    /// It did not answer, or not as it should.
    Other(String),
}

impl fmt::Debug for Kubo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kubo").field("url", &self.url).finish_non_exhaustive()
    }
}

impl BlockStore for Kubo {
    fn get(&self, cid: &Cid) -> Result<Option<Vec<u8>>, ContentError> {
        check_hash_kind(cid)?;
        let bytes = match self.call("block/get", &[("arg", &cid.to_string()), ("offline", "true")], None) {
            Ok(bytes) => bytes,
            Err(Failed::Said(message)) if is_not_found(&message) => return Ok(None),
            Err(failed) => return Err(self.error("block/get", failed)),
        };
        if bytes.len() > MAX_BLOCK_BYTES {
            let cid = Box::new(*cid);
            return Err(ContentError::TooLarge { what: "block", cid, limit: MAX_BLOCK_BYTES, unit: "bytes" });
        }
        check_hash(cid, &bytes, || self.place())?;
        Ok(Some(bytes))
    }

    fn put_all(&self, blocks: &[Block]) -> Result<(), ContentError> {
        for block in blocks {
            check_hash(&block.cid, &block.bytes, || "the caller".to_string())?;
        }
        let (mut start, mut size) = (0, 0);
        for (place, block) in blocks.iter().enumerate() {
            if size > 0 && size + block.bytes.len() > PART_BYTES {
                self.import(&blocks[start..place])?;
                (start, size) = (place, 0);
            }
            size += block.bytes.len();
        }
        self.import(&blocks[start..])
    }

    fn has(&self, cid: &Cid) -> Result<bool, ContentError> {
        check_hash_kind(cid)?;
        match self.call("block/stat", &[("arg", &cid.to_string()), ("offline", "true")], None) {
            Ok(_) => Ok(true),
            Err(Failed::Said(message)) if is_not_found(&message) => Ok(false),
            Err(failed) => Err(self.error("block/stat", failed)),
        }
    }
}

impl Mirror for Kubo {
    fn place(&self) -> String {
        format!("Kubo at {}", self.url)
    }

    fn keep(
        &self,
        root: &Cid,
        name: &str,
        before: Option<&Cid>,
        blocks: &dyn BlockStore,
        new: &[Cid],
    ) -> Result<(), ContentError> {
        let (mut part, mut size) = (Vec::new(), 0);
        for cid in new {
            let block = Block { cid: *cid, bytes: fetch(blocks, cid)? };
            size += block.bytes.len();
            part.push(block);
            if size >= PART_BYTES {
                self.import(&part)?;
                (part, size) = (Vec::new(), 0);
            }
        }
        self.import(&part)?;
        let Some(before) = before else { return self.pin(root, name) };
        // As a run leaves it that ended before it could note it; the node refuses to do it twice.
        if self.is_pinned(root)? {
            return Ok(());
        }
        // Looks only at what the root before does not lead to, where a new pin, or a name for this one, would have the
        // node read the whole collection again.
        let (from, to) = (before.to_string(), root.to_string());
        self.run("pin/update", &[("arg", &from), ("arg", &to), ("unpin", "false"), ("offline", "true")], None).map(drop)
    }

    fn has_root(&self, root: &Cid) -> Result<bool, ContentError> {
        self.is_pinned(root)
    }

    fn announce(&self, directory: &Cid) -> Result<Option<String>, ContentError> {
        self.name_key.as_ref().map(|key| self.publish_name(key, directory)).transpose()
    }

    fn check(&self) -> Result<String, ContentError> {
        Ok(format!("version {}", self.version()?))
    }
}

fn is_not_found(message: &str) -> bool {
    message.contains("could not find") || message.contains("not found")
}
