use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use enliven_chain::{Address, HttpRpc, Rpc};
use enliven_content::{BlockStore, EmbeddedBlocks, GatewayBlocks, GatewayConfig};
use enliven_engine::{Scope, Verdict, Verifier};

use crate::error::CliError;
use crate::output::Output;

/// Checks a collection from the outside; fails if anything differs.
pub fn run(
    rpc: &str,
    token: &str,
    content: &str,
    epoch: Option<u64>,
    all: bool,
    output: &Output,
) -> Result<ExitCode, CliError> {
    let token: Address = token.parse().map_err(|_| {
        CliError::Usage(format!("`{token}` is not an address\nhint: an address is 0x and 40 hexadecimal digits"))
    })?;
    let rpc = Arc::new(HttpRpc::new(rpc)?);
    let blocks: Box<dyn BlockStore> = if content.starts_with("http://") || content.starts_with("https://") {
        Box::new(GatewayBlocks::new(&GatewayConfig::new(content))?)
    } else if Path::new(content).exists() {
        Box::new(EmbeddedBlocks::open(content)?)
    } else {
        return Err(CliError::Usage(format!(
            "`{content}` is neither a URL nor a file\nhint: give a gateway such as http://127.0.0.1:8787, or a data directory's blocks.redb"
        )));
    };
    let scope = match (epoch, all) {
        (Some(epoch), _) => Scope::One(epoch),
        (None, true) => Scope::All,
        (None, false) => Scope::Last,
    };
    let verdict = check(rpc, token, &*blocks, scope, output);
    output.result(&verdict, &table(&verdict));
    Ok(if verdict.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Verifies, with progress.
pub fn check(rpc: Arc<dyn Rpc>, token: Address, blocks: &dyn BlockStore, scope: Scope, output: &Output) -> Verdict {
    let mut progress = output.progress("verify", 0);
    let verdict = Verifier::new(rpc, token, blocks).run(scope, |epoch, last| progress.tell(epoch, last, "recomputed"));
    progress.done(if verdict.passed { "passed" } else { "FAILED" });
    verdict
}

/// Step by step.
pub fn table(verdict: &Verdict) -> String {
    let mut text = format!("epochs {} to {} recomputed\n", verdict.from, verdict.to);
    for check in &verdict.checks {
        let sign = match check.passed {
            Some(true) => "passed",
            Some(false) => "FAILED",
            None => "-",
        };
        let name = format!("{:?}", check.step).to_lowercase();
        let _ = writeln!(text, "  {name:<13} {sign:<7} {}", check.detail);
    }
    let _ = write!(text, "{}", if verdict.passed { "verified" } else { "NOT verified" });
    if let Some(root) = verdict.root {
        let _ = write!(text, ": state root {root}");
    }
    text
}
