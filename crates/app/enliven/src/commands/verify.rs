use std::fmt::{Debug, Write};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use enliven_chain::{Address, ChainReader, HttpRpc, Rpc, block_hash};
use enliven_content::{BlockStore, CarBlocks, EmbeddedBlocks, GatewayBlocks, GatewayConfig};
use enliven_engine::{EngineError, Scope, Verdict, Verifier};
use enliven_light::{Anchor, LightVerdict, LightVerifier};
use enliven_oracle::Envelope;
use enliven_types::{Codec, CommitteeConfig, Digest, Report};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::CliError;
use crate::files::write_bytes;
use crate::output::Output;

/// An envelope has two signatures of each of at most 64 nodes.
const MAX_ENVELOPE_BYTES: u64 = 1 << 20;

/// Checks a collection from the outside; fails if anything differs.
pub fn run(
    rpc: &str,
    token: Address,
    content: &str,
    extent: Extent<'_>,
    output: &Output,
) -> Result<ExitCode, CliError> {
    let rpc = Arc::new(HttpRpc::new(rpc)?);
    let blocks = source(content)?;
    whole(Verifier::new(rpc, token, &*blocks), token, extent, output)
}

/// Recomputes, and says what came of it.
fn whole(verifier: Verifier<'_>, token: Address, extent: Extent<'_>, output: &Output) -> Result<ExitCode, CliError> {
    let mut checkpoint = match extent {
        Extent::Rest(file) => Some(Checkpoint::read(file, token)?),
        _ => None,
    };
    let scope = match (extent, checkpoint.as_ref().and_then(|checkpoint| checkpoint.report.clone())) {
        (_, Some(report)) => Scope::After(Box::new(report)),
        (Extent::One(epoch), None) => Scope::One(epoch),
        (Extent::Least, None) => Scope::Last,
        (Extent::All | Extent::Rest(_), None) => Scope::All,
    };
    if let Some(checkpoint) = &checkpoint {
        // Whether it can be written is known before the work is done.
        checkpoint.write()?;
    }
    let mut unwritten = None;
    let verdict = told(verifier, scope, output, |report| {
        if let Some(checkpoint) = &mut checkpoint
            && let Err(error) = checkpoint.keep(report)
        {
            unwritten = Some(error);
        }
    });
    if let Some(error) = unwritten {
        return Err(error);
    }
    output.result(&verdict, &table(&verdict));
    Ok(code(verdict.passed))
}

/// What of a collection is recomputed.
#[derive(Clone, Copy, Debug)]
pub enum Extent<'a> {
    /// The last epoch; of a file its tokens.
    Least,
    /// One epoch.
    One(u64),
    /// Every epoch.
    All,
    /// Those that a file does not say were recomputed before.
    Rest(&'a Path),
}

/// How far a check has come, in a file of the checker's own.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Checkpoint {
    token: Address,
    /// The report of the last epoch that was recomputed.
    report: Option<Report>,
    #[serde(skip)]
    file: PathBuf,
}

impl Checkpoint {
    fn read(file: &Path, token: Address) -> Result<Checkpoint, CliError> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Checkpoint { token, report: None, file: file.to_path_buf() });
            }
            Err(error) => return Err(CliError::file("read", file, &error)),
        };
        let wrong = |reason: String| {
            CliError::Usage(format!("`{}` is of no use: {reason}\nhint: delete it to start anew", file.display()))
        };
        let found: Checkpoint = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if found.token != token {
            return Err(wrong(format!("it is about the token {}", found.token)));
        }
        Ok(Checkpoint { file: file.to_path_buf(), ..found })
    }

    /// Writes down that an epoch was recomputed.
    fn keep(&mut self, report: &Report) -> Result<(), CliError> {
        self.report = Some(report.clone());
        self.write()
    }

    fn write(&self) -> Result<(), CliError> {
        let text = serde_json::to_vec_pretty(self).map_err(std::io::Error::other);
        write_bytes(&self.file, &text.map_err(|error| CliError::file("write", &self.file, &error))?)
    }
}

/// Checks a file of `enliven export` against the hash of a block.
pub fn car(
    file: &Path,
    token: Address,
    rpc: Option<&str>,
    block: Option<Digest>,
    extent: Extent<'_>,
    output: &Output,
) -> Result<ExitCode, CliError> {
    let blocks = CarBlocks::open(file)?;
    let root = match blocks.roots() {
        [root] if root.codec() == Codec::DagCbor.code() => *root,
        _ => {
            return Err(CliError::Usage(format!(
                "`{}` has no record of evidence\nhint: `enliven export TOKEN` and `enliven export --all` write files with one; of an epoch's file, `--content {}` gives the blocks",
                file.display(),
                file.display()
            )));
        }
    };
    let rpc = rpc.map(HttpRpc::new).transpose()?;
    let ask = |number: u64| match &rpc {
        Some(rpc) => block_hash(rpc, number).map_err(|error| error.to_string()),
        None => Err("neither --block nor --rpc is given".to_string()),
    };
    let anchor = block.map_or(Anchor::Ask(&ask), Anchor::Hash);
    if !matches!(extent, Extent::Least) {
        return whole(Verifier::offline(root, token, anchor, &blocks), token, extent, output);
    }
    let verdict = LightVerifier::new(&blocks).run(&root, token, &anchor);
    output.result(&verdict, &light_table(&verdict));
    Ok(code(verdict.passed))
}

/// Holds an envelope of `enliven oracle attest` against the chain.
pub fn attestation(file: &Path, rpc: &str, token: Address, output: &Output) -> Result<(), CliError> {
    let wrong = |reason: String| CliError::Usage(format!("`{}` is no attestation: {reason}", file.display()));
    let mut text = String::new();
    let opened = File::open(file).and_then(|file| file.take(MAX_ENVELOPE_BYTES).read_to_string(&mut text));
    opened.map_err(|error| CliError::file("read", file, &error))?;
    let envelope: Envelope = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let statement: Value = serde_json::from_slice(&envelope.payload).map_err(|error| wrong(error.to_string()))?;
    let epoch = statement["predicate"]["epoch"].as_u64().ok_or_else(|| wrong("it names no epoch".into()))?;

    let reader = ChainReader::open(Arc::new(HttpRpc::new(rpc)?), token)?;
    let last = reader.last_epoch()?.epoch;
    let posted = reader.report(epoch)?.ok_or(EngineError::NoEpoch { epoch, last })?;
    let accepted = posted.accepted()?;
    let committees = reader.configs()?;
    let mine =
        |one: &&CommitteeConfig| one.oracle == accepted.oracle && one.config_count == accepted.report.config_count;
    let committee = committees.iter().find(mine);
    let committee = committee.ok_or_else(|| wrong(format!("the committee of {} is unknown", accepted.oracle)))?;
    let signers = envelope.check(reader.chain_id(), token, &accepted, committee)?;
    let text = format!(
        "verified: {} of {} signers say of epoch {epoch} what the chain says: directory ipfs://{}\n",
        signers.len(),
        committee.signers.len(),
        accepted.report.directory.to_cid(Codec::DagPb)
    );
    let report = &accepted.report;
    let result = json!({
        "epoch": epoch,
        "signers": signers,
        "directory": report.directory.to_cid(Codec::DagPb).to_string(),
        "cut": report.cut.to_cid(Codec::DagCbor).to_string(),
    });
    output.result(&result, &text);
    Ok(())
}

/// The blocks that a URL or a file has.
pub fn source(content: &str) -> Result<Box<dyn BlockStore>, CliError> {
    if content.starts_with("http://") || content.starts_with("https://") {
        return Ok(Box::new(GatewayBlocks::new(&GatewayConfig::new(content))?));
    }
    let path = Path::new(content);
    if path.extension().is_some_and(|extension| extension == "car") {
        return Ok(Box::new(CarBlocks::open(path)?));
    }
    if path.exists() {
        return Ok(Box::new(EmbeddedBlocks::open(path)?));
    }
    Err(CliError::Usage(format!(
        "`{content}` is neither a URL nor a file\nhint: give a gateway such as http://127.0.0.1:8787, a data directory's blocks.redb, or a .car file"
    )))
}

fn code(passed: bool) -> ExitCode {
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Verifies, with progress.
pub fn check(rpc: Arc<dyn Rpc>, token: Address, blocks: &dyn BlockStore, scope: Scope, output: &Output) -> Verdict {
    told(Verifier::new(rpc, token, blocks), scope, output, |_| {})
}

fn told(verifier: Verifier<'_>, scope: Scope, output: &Output, mut each: impl FnMut(&Report)) -> Verdict {
    let mut progress = output.progress("verify", 0);
    let verdict = verifier.run(scope, |report, last| {
        progress.tell(report.epoch, last, "recomputed");
        each(report);
    });
    progress.done(if verdict.passed { "passed" } else { "FAILED" });
    verdict
}

/// Step by step.
pub fn table(verdict: &Verdict) -> String {
    let mut text = match verdict.from > verdict.to {
        true => format!("nothing new since epoch {}, which was recomputed before\n", verdict.to),
        false => format!("epochs {} to {} recomputed\n", verdict.from, verdict.to),
    };
    for check in &verdict.checks {
        line(&mut text, &check.step, check.passed, &check.detail);
    }
    let _ = write!(text, "{}", if verdict.passed { "verified" } else { "NOT verified" });
    if let Some(root) = verdict.root {
        let _ = write!(text, ": state root {root}");
    }
    text
}

/// The same of a light check, and what the tokens are.
fn light_table(verdict: &LightVerdict) -> String {
    let mut text = String::new();
    for check in &verdict.checks {
        line(&mut text, &check.step, check.passed, &check.detail);
    }
    for token in &verdict.tokens {
        let traits = token.traits.iter().map(|one| format!("{} {}", one.name, one.value)).collect::<Vec<_>>();
        let held = if token.held_at.is_some() { ", shown as its holder keeps it" } else { "" };
        let _ = writeln!(
            text,
            "token {} ({}): {}; change {} in epoch {}{held}",
            token.token_id,
            token.subject.replace('\n', " "),
            traits.join(", ").replace('\n', " "),
            token.sequence,
            token.epoch
        );
    }
    text.push_str(if verdict.passed { "verified" } else { "NOT verified" });
    text
}

fn line(text: &mut String, step: &dyn Debug, passed: Option<bool>, detail: &str) {
    let sign = match passed {
        Some(true) => "passed",
        Some(false) => "FAILED",
        None => "-",
    };
    let name = format!("{step:?}").to_lowercase();
    // Of a file from elsewhere: one line, whatever it says.
    let detail = detail.replace('\n', " ");
    let _ = writeln!(text, "  {name:<13} {sign:<7} {detail}");
}
