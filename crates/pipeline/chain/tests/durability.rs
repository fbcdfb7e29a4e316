//! The dev chain's file: what was acknowledged survives, and what is damaged is noticed.

#![allow(clippy::unwrap_used)] // A test helper that fails should fail loudly.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use alloy_primitives::{Address, TxKind, U256};
use enliven_chain::{ChainError, Client, Clock, DevChain, DevChainConfig, Key, Rpc};
use serde_json::json;

fn config() -> DevChainConfig {
    DevChainConfig { clock: Clock::Manual, ..DevChainConfig::default() }
}

fn open(path: &Path) -> Result<Arc<DevChain>, ChainError> {
    DevChain::open(path, config()).map(Arc::new)
}

fn pay(chain: &Arc<DevChain>) -> enliven_chain::Mined {
    let client = Client::new(chain.clone(), Key::dev(0).unwrap()).unwrap();
    let to = TxKind::Call(Address::repeat_byte(9));
    client.transact("paying", to, Default::default(), U256::from(1)).unwrap()
}

#[test]
fn a_chain_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.redb");
    let mut heads = Vec::new();
    for round in 0..4 {
        let chain = open(&path).unwrap();
        assert_eq!(chain.block_number(), 3 * round);
        if let Some(head) = heads.last() {
            assert_eq!(chain.head_hash(), *head);
        }
        // Even the end of time leaves room for more blocks.
        chain.set_next_timestamp(if round == 3 { u64::MAX } else { 1_000_000 * (round + 1) });
        pay(&chain);
        chain.request("evm_mine", json!([])).unwrap();
        let mined = pay(&chain);
        assert!(chain.request("eth_getTransactionReceipt", json!([mined.tx_hash])).unwrap().is_object());
        heads.push(chain.head_hash());
        let second = open(&path).unwrap_err();
        assert!(matches!(second, ChainError::Busy { .. }), "{second}");
    }
}

#[test]
fn other_settings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.redb");
    pay(&open(&path).unwrap());
    let error = DevChain::open(&path, DevChainConfig { chain_id: 5, ..config() }).unwrap_err();
    assert!(error.to_string().contains("was made with chain_id 31337, and the settings say 5"), "{error}");
    let error = DevChain::open(&path, DevChainConfig { genesis_time_s: 5, ..config() }).unwrap_err();
    assert!(error.to_string().contains("genesis_time_s"), "{error}");
    // Where new blocks take their time from may change.
    assert!(DevChain::open(&path, DevChainConfig { clock: Clock::Wall, ..config() }).is_ok());
}

#[test]
fn torn_and_foreign_files_give_an_error_or_a_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.redb");
    let chain = open(&path).unwrap();
    let mut hashes = vec![chain.head_hash()];
    for _ in 0..5 {
        pay(&chain);
        hashes.push(chain.head_hash());
    }
    // A copy of the open file is what a crash at this instant leaves behind.
    let copy = folder.path().join("copy.redb");
    std::fs::copy(&path, &copy).unwrap();
    assert_eq!(open(&copy).unwrap().head_hash(), hashes[5]);
    drop(chain);
    let bytes = std::fs::read(&path).unwrap();
    let check = |bytes: &[u8]| {
        std::fs::write(&copy, bytes).unwrap();
        match open(&copy) {
            Ok(chain) => assert!(hashes.contains(&chain.head_hash())),
            Err(error) => assert!(error.to_string().contains("copy.redb"), "{error}"),
        }
    };
    for part in [1, 100, 4096, bytes.len() / 2, bytes.len() - 4096, bytes.len() - 1] {
        check(&bytes[..part]);
    }
    check(b"this is no database");
    check(&[]);
    // Flip bits where there is data.
    let places: Vec<usize> = (0..bytes.len()).filter(|place| bytes[*place] != 0).collect();
    for place in places.iter().step_by(places.len() / 200 + 1) {
        let mut damaged = bytes.clone();
        damaged[*place] ^= 0x10;
        check(&damaged);
    }
}

/// The child of the next test: pays for ever, and prints each block once it is acknowledged.
#[test]
#[ignore = "runs in a process of its own"]
fn pay_until_killed() {
    let Ok(path) = std::env::var("ENLIVEN_TEST_CHAIN") else { return };
    let chain = open(Path::new(&path)).unwrap();
    loop {
        let mined = pay(&chain);
        println!("paid {} {}", mined.block, mined.tx_hash);
    }
}

#[test]
fn killing_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.redb");
    let mut acknowledged: Vec<(u64, String)> = Vec::new();
    for round in 0..5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["pay_until_killed", "--exact", "--ignored", "--nocapture"])
            .env("ENLIVEN_TEST_CHAIN", &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut count = 0;
        while count < 7 + round {
            let line = lines.next().unwrap().unwrap();
            let Some((_, paid)) = line.split_once("paid ") else { continue };
            let (block, hash) = paid.split_once(' ').unwrap();
            acknowledged.push((block.parse().unwrap(), hash.to_string()));
            count += 1;
        }
        // SIGKILL: the process gets no chance to tidy up.
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            let Some((_, paid)) = line.split_once("paid ") else { continue };
            // The last line may be cut short.
            let Some((block, hash)) = paid.split_once(' ').filter(|(_, hash)| hash.len() == 66) else { continue };
            acknowledged.push((block.parse().unwrap(), hash.to_string()));
        }
        let chain = open(&path).unwrap();
        assert!(chain.block_number() >= acknowledged.last().unwrap().0);
        for (block, hash) in &acknowledged {
            let receipt = chain.request("eth_getTransactionReceipt", json!([hash])).unwrap();
            assert_eq!(receipt["blockNumber"], json!(format!("0x{block:x}")));
        }
    }
}
