//! One file per command.

mod demo;
mod deploy;
mod doctor;
mod export;
mod features;
mod flink;
mod gc;
mod import;
mod model;
mod new;
mod oracle;
mod read;
mod run;
mod serve;
mod tiles;
mod train;
mod validate;
mod verify;

use std::process::ExitCode;

use clap::CommandFactory;

use self::verify::Extent;
use crate::cli::{Cli, Command};
use crate::error::CliError;
use crate::output::Output;

/// Runs the command.
pub fn run(cli: &Cli, output: &Output) -> Result<ExitCode, CliError> {
    match &cli.command {
        Command::New { folder, template } => new::run(folder, *template, output)?,
        Command::Validate { place } => validate::run(place, output)?,
        Command::Train { place, dry_run } => train::run(place, *dry_run, output)?,
        Command::Model { place, command } => model::run(place, command, output)?,
        Command::Features { place, command } => features::run(place, command, output)?,
        Command::Run { place, epochs, adopt, feature_memory } => {
            run::run(place, *epochs, *adopt, *feature_memory, output)?;
        }
        Command::Deploy { place, contracts, out } => deploy::run(place, contracts, out.as_deref(), output)?,
        Command::Oracle { place, command } => oracle::run(place, command, output)?,
        Command::Demo { place, once, listen } => return demo::run(place, *once, *listen, output),
        Command::Verify { rpc: Some(rpc), token, attestation: Some(file), .. } => {
            verify::attestation(file, rpc, *token, output)?;
        }
        Command::Verify { rpc, token, content, car, block, epoch, all, resume, .. } => {
            let extent = match (epoch, all, resume) {
                (Some(epoch), ..) => Extent::One(*epoch),
                (None, true, Some(file)) => Extent::Rest(file),
                (None, true, None) => Extent::All,
                (None, false, _) => Extent::Least,
            };
            return match (car, content, rpc) {
                (Some(car), _, rpc) => verify::car(car, *token, rpc.as_deref(), *block, extent, output),
                (None, Some(content), Some(rpc)) => verify::run(rpc, *token, content, extent, output),
                (None, ..) => Err(CliError::Usage("it takes --rpc with --content or --attestation, or --car".into())),
            };
        }
        Command::Export { what, place, outside, out } => export::run(what, place, outside, out, output)?,
        Command::Import { from, place } => import::run(from, place, output)?,
        Command::Gc { place, keep, events } => gc::run(place, *keep, *events, output)?,
        Command::Explain { token, place, epoch, otherwise } => {
            read::explain(token, place, *epoch, *otherwise, output)?;
        }
        Command::History { token, place } => read::history(token, place, output)?,
        Command::Serve { place, listen } => serve::run(place, *listen, output)?,
        Command::Doctor { place } => return doctor::run(place, output),
        Command::Schema => {
            let schema = schemars::schema_for!(enliven_engine::Manifest);
            let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
            output.result(&schema, &text);
        }
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "enliven", &mut std::io::stdout());
        }
    }
    Ok(ExitCode::SUCCESS)
}
