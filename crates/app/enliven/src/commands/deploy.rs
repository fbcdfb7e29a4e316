use std::fmt::Write;
use std::path::Path;

use enliven_chain::contracts::STANDARD_INPUT;
use enliven_chain::{ContractSettings, DeployConfig, Deployed, Publisher};
use enliven_engine::Plan;

use crate::cli::{DeployArgs, OracleArgs, Place};
use crate::data::{Data, committee, deploy_config};
use crate::error::CliError;
use crate::manifest::Loaded;
use crate::output::Output;

/// How long an owner's proposals wait where nothing else is said, on chains that are not the embedded one.
const DELAY_S: u32 = 2 * 86_400;

/// Creates the contracts; if they are there, only writes the files again.
pub fn run(place: &Place, contracts: &DeployArgs, out: Option<&Path>, output: &Output) -> Result<(), CliError> {
    let plan = Loaded::read(&place.manifest)?.plan()?;
    let data = Data::create(&place.folder())?;
    let publisher = match data.deployment()? {
        None => {
            let (client, devchain) = data.client(&plan)?;
            let config = DeployConfig {
                owner: contracts.owner,
                guardian: contracts.guardian,
                royalty_receiver: contracts.royalty_receiver,
                ..deploy_config(&plan, &committee(&plan)?)
            };
            let delay_s = contracts.delay.unwrap_or(if devchain.is_some() { 0 } else { DELAY_S });
            let settings = ContractSettings { delay_s, ..settings(&contracts.oracle, &plan) };
            data.deploy(client, &config, &settings)?
        }
        Some(deployment) if *contracts != DeployArgs::default() => {
            return Err(CliError::Usage(format!(
                "the collection has its contracts already: token {} on chain {}\nhint: without options `enliven deploy` writes their files again; `enliven oracle propose` replaces the oracle",
                deployment.token, deployment.chain_id
            )));
        }
        Some(_) => data.publisher(&plan)?,
    };
    let deployed = Deployed::read(&**publisher.client().rpc(), publisher.deployment())?;
    let folder = out.unwrap_or(&data.folder);
    let files = write(folder, &deployed)?;
    output.result(&deployed, &format!("{}{files}", describe(&deployed, &publisher)));
    Ok(())
}

/// What an oracle is made of. On the embedded chain any definition is approved unless some are named.
pub fn settings(oracle: &OracleArgs, plan: &Plan) -> ContractSettings {
    let any = oracle.any_definition || (plan.manifest.chain.rpc.is_none() && oracle.definition.is_empty());
    let mut definitions = Vec::new();
    if !any {
        let now = (plan.model_digest.0.into(), plan.definition.0.into());
        definitions.push(now);
        definitions.extend(oracle.definition.iter().filter(|given| **given != now));
    }
    ContractSettings {
        delay_s: 0,
        min_interval_s: oracle.min_interval.unwrap_or(0),
        group_key: oracle.group_key.map(|key| key.0),
        definitions,
    }
}

/// Writes the deployment file, and what block explorers need to show the sources.
fn write(folder: &Path, deployed: &Deployed) -> Result<String, CliError> {
    std::fs::create_dir_all(folder).map_err(|error| CliError::file("make the folder", folder, &error))?;
    let mut text = serde_json::to_string_pretty(deployed).unwrap_or_default();
    text.push('\n');
    let mut said = String::new();
    for (name, content, what) in [
        ("deployment.json", text.as_str(), "addresses, digests, constructor arguments"),
        ("standard-input.json", STANDARD_INPUT, "what block explorers verify the sources with"),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, content).map_err(|error| CliError::file("write", &path, &error))?;
        let _ = writeln!(said, "wrote       {}: {what}", path.display());
    }
    Ok(said)
}

/// The contracts in words.
pub fn describe(deployed: &Deployed, publisher: &Publisher) -> String {
    let mut text = String::new();
    let nobody = || "nobody".to_string();
    let committee = &deployed.committee;
    let _ = writeln!(text, "chain       {}, from block {}", deployed.chain_id, deployed.block);
    let _ = writeln!(text, "token       {}", deployed.token.address);
    let _ = writeln!(text, "oracle      {}, generation {}", deployed.oracle.address, committee.config_count);
    let _ = writeln!(text, "signers     {} of {}", committee.threshold, committee.signers.len());
    for signer in &committee.signers {
        let _ = writeln!(text, "            {signer}");
    }
    if let Some(key) = &committee.group_key {
        let _ = writeln!(text, "group key   {key}");
    }
    if committee.min_interval_s > 0 {
        let _ = writeln!(text, "interval    at least {} s between epochs", committee.min_interval_s);
    }
    let _ = writeln!(text, "owner       {}; proposals wait {} s", deployed.owner, deployed.delay_s);
    if let Some(pending) = deployed.pending_owner {
        let _ = writeln!(text, "            {pending} owns it once it calls `acceptOwnership`");
    }
    let guardian = deployed.guardian.map_or_else(nobody, |guardian| guardian.to_string());
    let _ = writeln!(text, "guardian    {guardian}");
    let minter = deployed.minter.map_or_else(nobody, |minter| minter.to_string());
    let _ = writeln!(text, "minter      {minter}");
    if deployed.definitions.is_empty() {
        let _ = writeln!(text, "definitions any");
    }
    for definition in &deployed.definitions {
        let _ = writeln!(text, "definition  model {}\n            manifest {}", definition.model, definition.manifest);
    }
    if deployed.minter != Some(publisher.client().address()) {
        let _ = writeln!(text, "note        the key here ({}) may not mint", publisher.client().address());
    }
    text
}
