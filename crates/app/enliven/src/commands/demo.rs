use std::fmt::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use enliven_chain::{NaiveGas, naive_gas};
use enliven_engine::{EpochRecord, Ingested, RunSummary, Scope, Stage, Verdict, View};
use serde::Serialize;

use crate::cli::Place;
use crate::commands::run::{read_sources, replay};
use crate::commands::{serve, train, verify};
use crate::data::Data;
use crate::error::CliError;
use crate::manifest::Loaded;
use crate::output::Output;

#[derive(Serialize)]
struct Summary<'a> {
    training: &'a train::Report,
    ingested: &'a Ingested,
    run: &'a RunSummary,
    seconds: f64,
    peak_memory_mib: Option<u64>,
    naive: Naive,
    verdict: &'a Verdict,
}

#[derive(Serialize)]
struct Naive {
    gas: u64,
    updates: u64,
    transactions: u64,
    ratio: f64,
}

/// The whole way: train, replay, verify, summarise, serve.
pub fn run(place: &Place, once: bool, listen: SocketAddr, output: &Output) -> Result<ExitCode, CliError> {
    let loaded = Loaded::read(&place.manifest)?;
    let folder = place.folder();
    start_anew(&folder)?;
    let (training, block) = train::fit(&loaded, output)?;
    // The manifest's own artifact is what runs, so that the digests are those of the README; where
    // there is none yet, the one just trained.
    let artifact = loaded.base().join(&loaded.manifest.model.artifact);
    let plan = if artifact.exists() { loaded.plan()? } else { Arc::new(loaded.plan_with(block.bytes)?) };
    let data = Data::create(&folder)?;

    let start = Instant::now();
    let ingested = read_sources(&loaded, &plan, &data, output)?;
    let (mut engine, chain) = data.engine(&plan, false)?;
    let summary = replay(&mut engine, u64::MAX, output)?;
    let seconds = start.elapsed().as_secs_f64();
    let peak_memory_mib = peak_memory_mib();
    drop(engine);

    let view = data.view(plan);
    let naive = measure_naive(&view)?;
    let ours = summary.report_gas;
    let deployment = chain.publisher.deployment().clone();
    let rpc = chain.publisher.client().rpc().clone();
    let verdict = verify::check(rpc, deployment.token, &**view.blocks(), Scope::All, output);

    let naive = Naive {
        gas: naive.total_gas,
        updates: naive.updates,
        transactions: naive.transactions,
        ratio: naive.total_gas as f64 / ours.max(1) as f64,
    };
    let document = Summary {
        training: &training,
        ingested: &ingested,
        run: &summary,
        seconds,
        peak_memory_mib,
        naive,
        verdict: &verdict,
    };
    let mut text = table(&document);
    if !once {
        let _ = writeln!(text, "\npage        http://{listen}");
        let _ = writeln!(
            text,
            "check it    enliven verify --all --rpc http://{listen}/rpc --token {} --content http://{listen}",
            deployment.token
        );
    }
    output.result(&document, &text);
    if !verdict.passed {
        return Ok(ExitCode::FAILURE);
    }
    if !once {
        serve::serve(view, &chain, listen, output)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A demo starts from nothing. Only files that a collection has are removed.
fn start_anew(folder: &std::path::Path) -> Result<(), CliError> {
    for name in ["state.redb", "blocks.redb", "chain.redb"] {
        let path = folder.join(name);
        if path.exists() {
            std::fs::remove_file(&path).map_err(|error| CliError::file("remove", &path, &error))?;
        }
    }
    Ok(())
}

/// The same changes, written as one URI per token on the same kind of chain, really executed.
fn measure_naive(view: &View) -> Result<NaiveGas, CliError> {
    let updates = |record: EpochRecord| {
        let uris: Vec<(u64, String)> =
            record.changed.iter().map(|(id, _, metadata)| (*id, format!("ipfs://{metadata}"))).collect();
        (record.report.epoch, uris)
    };
    let epochs: Vec<(u64, Vec<(u64, String)>)> = view.epochs()?.into_iter().map(updates).collect();
    Ok(naive_gas(epochs.into_iter())?)
}

fn table(summary: &Summary<'_>) -> String {
    let (run, ingested) = (summary.run, summary.ingested);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "events      {} ({} known already), {} bad rows",
        ingested.new, ingested.duplicates, ingested.bad_rows
    );
    for row in &ingested.shown {
        let _ = writeln!(text, "            {row}");
    }
    let _ = writeln!(text, "epochs      {} for {} tokens in {:.1} s", run.epochs, run.tokens, summary.seconds);
    let _ = writeln!(
        text,
        "updates     {}; holds {}: {} unchanged, {} below threshold, {} in cooldown",
        run.updates,
        run.holds.total(),
        run.holds.unchanged,
        run.holds.below_threshold,
        run.holds.cooldown
    );
    let changes = summary.naive.updates.max(1) as f64;
    let _ = writeln!(
        text,
        "gas         {} for {} reports ({:.0} per change); one URI per token: {} ({:.0} per change), {:.1} times as much",
        run.report_gas,
        run.epochs,
        run.report_gas as f64 / changes,
        summary.naive.gas,
        summary.naive.gas as f64 / changes,
        summary.naive.ratio
    );
    let total: f64 = run.timings.by_stage().map(|(_, time)| time.as_secs_f64()).sum();
    let share = |(stage, time): (Stage, std::time::Duration)| {
        format!("{} {:.0}%", format!("{stage:?}").to_lowercase(), 100.0 * time.as_secs_f64() / total.max(1e-9))
    };
    let shares: Vec<String> = run.timings.by_stage().map(share).collect();
    let _ = writeln!(text, "time        {}", shares.join(", "));
    if let Some(memory) = summary.peak_memory_mib {
        let _ = writeln!(text, "memory      {memory} MiB at most");
    }
    let _ = writeln!(text, "state root  {}\n", run.root);
    let _ = writeln!(text, "{}", train::table(summary.training));
    if let Some(same) = summary.training.same_as_before {
        let words = if same {
            "the model trained now is the one that is checked in"
        } else {
            "the model trained now differs from the one that is checked in, which is what ran"
        };
        let _ = writeln!(text, "{words}\n");
    }
    let _ = writeln!(text, "{}", verify::table(summary.verdict));
    text
}

/// The largest resident size of this process so far, where the system tells.
fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib / 1024)
}
