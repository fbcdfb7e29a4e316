use std::fmt::{Debug, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use enliven_chain::{Address, HttpRpc, Rpc, block_hash};
use enliven_content::{BlockStore, CarBlocks, EmbeddedBlocks, GatewayBlocks, GatewayConfig};
use enliven_engine::{Scope, Verdict, Verifier};
use enliven_light::{Anchor, LightVerdict, LightVerifier};
use enliven_types::{Codec, Digest};

use crate::error::CliError;
use crate::output::Output;

/// Checks a collection from the outside; fails if anything differs.
pub fn run(
    rpc: &str,
    token: Address,
    content: &str,
    epoch: Option<u64>,
    all: bool,
    output: &Output,
) -> Result<ExitCode, CliError> {
    let rpc = Arc::new(HttpRpc::new(rpc)?);
    let blocks = source(content)?;
    let scope = match (epoch, all) {
        (Some(epoch), _) => Scope::One(epoch),
        (None, true) => Scope::All,
        (None, false) => Scope::Last,
    };
    let verdict = check(rpc, token, &*blocks, scope, output);
    output.result(&verdict, &table(&verdict));
    Ok(code(verdict.passed))
}

/// Checks a file of `enliven export` against the hash of a block.
pub fn car(
    file: &Path,
    token: Address,
    rpc: Option<&str>,
    block: Option<Digest>,
    all: bool,
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
    if all {
        let verdict = told(Verifier::offline(root, token, anchor, &blocks), Scope::All, output);
        output.result(&verdict, &table(&verdict));
        return Ok(code(verdict.passed));
    }
    let verdict = LightVerifier::new(&blocks).run(&root, token, &anchor);
    output.result(&verdict, &light_table(&verdict));
    Ok(code(verdict.passed))
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
    told(Verifier::new(rpc, token, blocks), scope, output)
}

fn told(verifier: Verifier<'_>, scope: Scope, output: &Output) -> Verdict {
    let mut progress = output.progress("verify", 0);
    let verdict = verifier.run(scope, |epoch, last| progress.tell(epoch, last, "recomputed"));
    progress.done(if verdict.passed { "passed" } else { "FAILED" });
    verdict
}

/// Step by step.
pub fn table(verdict: &Verdict) -> String {
    let mut text = format!("epochs {} to {} recomputed\n", verdict.from, verdict.to);
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
