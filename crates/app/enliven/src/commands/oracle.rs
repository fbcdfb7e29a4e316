use std::fmt::Write;
use std::path::Path;

use enliven_chain::{Address, Deployed, Proposal, Publisher, proposal, taking_on};
use enliven_engine::{EngineError, Plan};
use enliven_oracle::Committee;
use serde_json::json;

use crate::cli::{OracleArgs, OracleCommand, Place};
use crate::commands::deploy::{describe, settings};
use crate::data::{Data, committee, quorum};
use crate::error::CliError;
use crate::files::write_bytes;
use crate::manifest::Loaded;
use crate::output::Output;

/// Shows or replaces the oracle contract.
pub fn run(place: &Place, command: &OracleCommand, output: &Output) -> Result<(), CliError> {
    let plan = Loaded::read(&place.manifest)?.plan()?;
    // Keys are shown wherever they are, with or without a collection.
    let data = || Data::existing(&place.folder());
    match command {
        OracleCommand::Keys => keys(&committee(&plan)?, output),
        OracleCommand::Show => show(&data()?.publisher(&plan)?, output),
        OracleCommand::Propose { oracle } => propose(&data()?.publisher(&plan)?, &plan, oracle, output),
        OracleCommand::Attest { epoch, out } => attest(&plan, &data()?, *epoch, out.as_deref(), output),
        OracleCommand::TakeOn { oracle } => {
            let data = data()?;
            take_on(data.publisher(&plan)?, *oracle, &data, output)
        }
    }
}

fn attest(plan: &Plan, data: &Data, epoch: Option<u64>, out: Option<&Path>, output: &Output) -> Result<(), CliError> {
    let reader = data.reader(plan)?;
    let last = reader.last_epoch()?.epoch;
    let epoch = epoch.unwrap_or(last);
    let posted = reader.report(epoch)?.ok_or(EngineError::NoEpoch { epoch, last })?;
    let accepted = posted.accepted()?;
    let envelope = committee(plan)?.attest(&*data.store, reader.chain_id(), reader.token(), &accepted)?;
    let text = serde_json::to_string_pretty(&envelope)
        .map_err(|error| CliError::Usage(format!("the envelope cannot be written: {error}")))?;
    let Some(out) = out else {
        output.result(&envelope, &text);
        return Ok(());
    };
    write_bytes(out, (text + "\n").as_bytes())?;
    let nodes = envelope.signatures.len() / 2;
    let text = format!("epoch {epoch} attested by {nodes} nodes: {}\n", out.display());
    output.result(&json!({ "epoch": epoch, "nodes": nodes, "file": out }), &text);
    Ok(())
}

fn keys(committee: &Committee, output: &Output) -> Result<(), CliError> {
    let keys = committee.attestation_keys()?;
    let mut text = String::new();
    for key in &keys {
        let _ = writeln!(text, "signer {}, key {}\n{}", key.address, key.keyid, key.pem);
    }
    output.result(&keys, &text);
    Ok(())
}

fn show(publisher: &Publisher, output: &Output) -> Result<(), CliError> {
    let rpc = &**publisher.client().rpc();
    let deployed = Deployed::read(rpc, publisher.deployment())?;
    let proposals = Proposal::pending(rpc, publisher.deployment())?;
    let mut text = describe(&deployed, publisher);
    for proposal in &proposals {
        let what = match proposal.oracle {
            Some(oracle) => format!("the oracle {oracle}"),
            None => format!("the call {}", proposal.call),
        };
        let _ = writeln!(text, "proposed    {what}, ready at {}", time(proposal.ready_at));
    }
    output.result(&json!({ "deployed": deployed, "proposals": proposals }), &text);
    Ok(())
}

fn propose(publisher: &Publisher, plan: &Plan, args: &OracleArgs, output: &Output) -> Result<(), CliError> {
    let next = quorum(&committee(plan)?);
    let oracle = publisher.create_oracle(&next, &settings(args, plan))?;
    let mut text = format!("oracle      {oracle}: {} of {} signers\n", next.threshold, next.signers.len());
    let owner = publisher.owner()?;
    let mut ready_at = None;
    if owner == publisher.client().address() {
        publisher.propose(oracle)?;
        let pending = Proposal::pending(&**publisher.client().rpc(), publisher.deployment())?;
        ready_at = pending.iter().find(|pending| pending.oracle == Some(oracle)).map(|pending| pending.ready_at);
        let _ = writeln!(text, "proposed    ready at {}", time(ready_at.unwrap_or_default()));
        let _ = writeln!(text, "next        `enliven oracle take-on {oracle}`, then `enliven run` with the new keys");
    } else {
        let token = publisher.deployment().token;
        let (first, second) = (proposal(oracle), taking_on(oracle));
        let _ = writeln!(text, "next        the owner {owner} calls {token} with\n            {first}");
        let _ = writeln!(text, "            and after the delay with\n            {second}");
    }
    let calls = json!({ "propose": proposal(oracle), "take_on": taking_on(oracle) });
    output.result(&json!({ "oracle": oracle, "owner": owner, "ready_at": ready_at, "calls": calls }), &text);
    Ok(())
}

fn take_on(publisher: Publisher, oracle: Option<Address>, data: &Data, output: &Output) -> Result<(), CliError> {
    let pending = Proposal::pending(&**publisher.client().rpc(), publisher.deployment())?;
    let mut proposed = pending.iter().filter_map(|pending| pending.oracle);
    let oracle = match (oracle, proposed.next(), proposed.next()) {
        (Some(oracle), ..) => oracle,
        (None, Some(only), None) => only,
        (None, first, _) => {
            let how_many = if first.is_none() { "no oracle is" } else { "several oracles are" };
            return Err(CliError::Usage(format!(
                "{how_many} proposed to the token\nhint: `enliven oracle show` lists proposals; name the oracle to take on"
            )));
        }
    };
    let owner = publisher.owner()?;
    if owner != publisher.client().address() {
        return Err(CliError::Usage(format!(
            "only the owner {owner} can make the token believe another oracle; the key here is that of {}\nhint: it calls {} with {}",
            publisher.client().address(),
            publisher.deployment().token,
            taking_on(oracle)
        )));
    }
    let publisher = publisher.take_on(oracle)?;
    data.keep_deployment(publisher.deployment())?;
    let deployed = Deployed::read(&**publisher.client().rpc(), publisher.deployment())?;
    output.result(&deployed, &describe(&deployed, &publisher));
    Ok(())
}

fn time(seconds: u64) -> String {
    let ms = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000);
    enliven_types::Timestamp(ms).to_string()
}
