//! `enliven`: the command line. The only place that reads configuration files and the environment.

mod cli;
mod commands;
mod data;
mod error;
mod files;
mod manifest;
mod output;
mod table;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let output = output::Output::new(cli.json);
    match commands::run(&cli, &output) {
        Ok(code) => code,
        Err(error) => {
            output.error(&error);
            ExitCode::FAILURE
        }
    }
}
