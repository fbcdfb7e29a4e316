//! A collection on a chain that is not embedded. `cargo test -p enliven --test anvil -- --ignored`, after `npm ci` in
//! `contracts`.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::{both, edit, enliven, starter};
use enliven_chain::{DEV_KEYS, HttpRpc, Rpc};
use enliven_testkit::Anvil;
use serde_json::{Value, json};

/// Runs a command as whoever pays with dev key `payer`, with a committee of the dev keys 1 to `nodes`.
fn run(folder: &Path, payer: usize, nodes: usize, arguments: &[&str], succeeds: bool) -> Value {
    let output = enliven(folder, arguments)
        .arg("--json")
        .env("ENLIVEN_CHAIN_KEY", DEV_KEYS[payer])
        .env("ENLIVEN_ORACLE_KEYS", DEV_KEYS[1..=nodes].join(","))
        .output()
        .unwrap();
    assert_eq!(output.status.success(), succeeds, "{arguments:?}: {}", both(&output));
    assert!(!both(&output).contains(&DEV_KEYS[payer][2..]), "a key was printed");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", both(&output)))
}

fn error(answer: &Value) -> &str {
    answer["error"].as_str().unwrap()
}

#[test]
#[ignore = "needs anvil from contracts/node_modules"]
fn a_collection_lives_on_anvil_and_its_committee_is_replaced() {
    let anvil = Anvil::start();
    let temp = tempfile::tempdir().unwrap();
    starter(temp.path(), "2025-01-01");
    let league = &temp.path().join("league");
    common::json(league, &["train"], true);
    let text = std::fs::read_to_string(league.join("enliven.toml")).unwrap();
    // What is replayed here lies in the past of this chain's clock.
    assert!(!text.contains("[chain]") && text.contains("nodes = 4"));
    edit(league, "nodes = 4", "nodes = 4\nvalidity_s = 4000000000");
    let manifest = league.join("enliven.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let text = format!("{text}\n[chain]\nrpc = \"{}\"\n", anvil.url);
    std::fs::write(&manifest, &text).unwrap();

    let missing = run(league, 0, 4, &["run"], false);
    assert!(missing["hint"].as_str().unwrap().contains("enliven deploy"), "{missing}");
    let owner = "0xa0ee7a142d267c1f36714e4a8f75612f20a79720";
    let deployed = run(league, 0, 4, &["deploy", "--owner", owner, "--delay", "1h"], true);
    assert_eq!((&deployed["chain_id"], &deployed["pending_owner"]), (&json!(31337), &json!(owner)));
    assert_eq!(deployed["definitions"].as_array().unwrap().len(), 1);
    assert!(deployed["token"]["constructor_arguments"].is_string());
    let first = run(league, 0, 4, &["run", "--epochs", "3"], true);
    assert_eq!(first["run"]["epochs"], 3);

    // The owner accepts, and then it alone can replace the oracle. Anyone can create one.
    let rpc = HttpRpc::new(&anvil.url).unwrap();
    let token = deployed["token"]["address"].clone();
    let as_owner = |data: &Value| {
        let call = json!([{ "from": owner, "to": token, "data": data }]);
        let hash = rpc.request("eth_sendTransaction", call).unwrap();
        // anvil answers before the block is made.
        let receipt = (0..500).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            let receipt = rpc.request("eth_getTransactionReceipt", json!([hash])).unwrap();
            (!receipt.is_null()).then_some(receipt)
        });
        let receipt = receipt.expect("a receipt within ten seconds");
        assert_eq!(receipt["status"], "0x1", "{receipt}");
    };
    as_owner(&json!("0x79ba5097"));
    std::fs::write(&manifest, text.replace("nodes = 4", "nodes = 5")).unwrap();
    let proposed = run(league, 0, 5, &["oracle", "propose"], true);
    assert_eq!((&proposed["owner"], &proposed["ready_at"]), (&json!(owner), &Value::Null));
    as_owner(&proposed["calls"]["propose"]);
    let shown = run(league, 0, 5, &["oracle", "show"], true);
    assert_eq!(shown["proposals"][0]["oracle"], proposed["oracle"]);
    let refused = run(league, 0, 5, &["oracle", "take-on"], false);
    assert!(error(&refused).contains("only the owner"), "{refused}");
    rpc.request("evm_increaseTime", json!([3600])).unwrap();
    as_owner(&proposed["calls"]["take_on"]);
    // The run finds the new oracle by itself, and asks for its committee and for the new manifest.
    std::fs::write(&manifest, &text).unwrap();
    let old = run(league, 0, 4, &["run"], false);
    assert!(error(&old).contains("listens to 4 of"), "{old}");
    std::fs::write(&manifest, text.replace("nodes = 4", "nodes = 5")).unwrap();
    let rest = run(league, 0, 5, &["run", "--adopt"], true);
    assert_eq!((&rest["run"]["epochs"], &rest["deployment"]["oracle"]), (&json!(13), &proposed["oracle"]));

    let token = token.as_str().unwrap();
    let verify = ["verify", "--rpc", &anvil.url, "--token", token, "--content", ".enliven/blocks.redb", "--all"];
    let verdict = run(league, 0, 5, &verify, true);
    assert_eq!((&verdict["passed"], &verdict["root"]), (&json!(true), &rest["run"]["root"]));
}
