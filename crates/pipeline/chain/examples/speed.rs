//! Measures the dev chain: posts per second in memory and in a file (against the bare fsync of the
//! same disk), and the time to open the file again. `cargo run --release -p enliven-chain --example speed`

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use enliven_chain::{Client, Clock, DEV_ADDRESSES, DeployConfig, DevChain, DevChainConfig, Key, Publisher, Rpc};
use enliven_types::{Digest, Report, SignedReport};
use serde_json::json;

const EPOCHS: u64 = 900;
const TOKENS: u64 = 10_000;
const TRANSFERS: u64 = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    for threads in [1, 2] {
        println!("transfers per second in memory, {threads} threads: {:.0}", transfer_all(threads)?);
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("chain.redb");
    let memory = post_all(DevChain::memory(config()))?;
    let start = Instant::now();
    let mut file = std::fs::File::create(folder.path().join("fsync"))?;
    for _ in 0..100 {
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
    }
    let fsync = 100.0 / start.elapsed().as_secs_f64();
    let stored = post_all(DevChain::open(&path, config())?)?;
    println!("posts per second: {memory:.0} in memory, {stored:.0} in a file; fsyncs per second: {fsync:.0}");
    reopen(&path)
}

fn config() -> DevChainConfig {
    DevChainConfig { clock: Clock::Manual, ..DevChainConfig::default() }
}

/// Sends transfers that were signed before, one block each, from an account for each thread; returns how
/// many a second.
fn transfer_all(threads: usize) -> Result<f64, Box<dyn Error>> {
    let chain = Arc::new(DevChain::memory(config()));
    let mut lists = Vec::new();
    for index in 0..threads {
        lists.push(transfers(chain.chain_id(), &Key::dev(index)?)?);
    }
    let start = Instant::now();
    let mut running = Vec::new();
    for raws in lists {
        let chain = chain.clone();
        running.push(std::thread::spawn(move || {
            raws.iter().try_for_each(|raw| chain.request("eth_sendRawTransaction", json!([raw])).map(drop))
        }));
    }
    for thread in running {
        thread.join().map_err(|_| "a thread failed")??;
    }
    Ok(chain.block_number() as f64 / start.elapsed().as_secs_f64())
}

fn transfers(chain_id: u64, key: &Key) -> Result<Vec<Bytes>, Box<dyn Error>> {
    let mut raws = Vec::new();
    for nonce in 0..TRANSFERS {
        let transaction = TxEip1559 {
            chain_id,
            nonce,
            gas_limit: 21_000,
            max_fee_per_gas: 2_000_000_000,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(Address::left_padding_from(&(nonce % 1000 + 4096).to_be_bytes())),
            value: U256::from(1),
            ..TxEip1559::default()
        };
        let signature = key.sign_hash(transaction.signature_hash())?;
        raws.push(TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into());
    }
    Ok(raws)
}

/// Deploys, mints, and posts 900 epochs with 3 of 3 signatures; returns the posts per second.
fn post_all(chain: DevChain) -> Result<f64, Box<dyn Error>> {
    let chain = Arc::new(chain);
    let client = Client::new(chain.clone(), Key::dev(0)?)?;
    let config = DeployConfig {
        name: "Speed".to_string(),
        symbol: "SPEED".to_string(),
        owner: None,
        guardian: None,
        royalty_receiver: None,
        royalty_bps: 0,
        signers: DEV_ADDRESSES[1..4].to_vec(),
        threshold: 3,
    };
    let publisher = Publisher::deploy(client, &config)?;
    let start = Instant::now();
    let minted = publisher.mint(TOKENS, DEV_ADDRESSES[0])?;
    let seconds = start.elapsed().as_secs_f64();
    println!("minted {TOKENS} in {} transactions, {seconds:.2} s, {} gas", minted.transactions, minted.gas_used);
    let deployment = publisher.deployment();
    let domain = Report::domain(deployment.chain_id, deployment.oracle.into_array());
    let mut reports = Vec::new();
    for epoch in 1..=EPOCHS {
        reports.push(report(epoch, &domain)?);
    }
    let start = Instant::now();
    for signed in &reports {
        chain.set_next_timestamp(631_152_000 + signed.report.epoch * 86_400);
        publisher.post(signed)?;
    }
    Ok(EPOCHS as f64 / start.elapsed().as_secs_f64())
}

fn report(epoch: u64, domain: &alloy_sol_types::Eip712Domain) -> Result<SignedReport, Box<dyn Error>> {
    let root = |epoch: u64| if epoch == 0 { Digest::ZERO } else { Digest::sha256(&epoch.to_be_bytes()) };
    let report = Report {
        epoch,
        config_count: 1,
        valid_until: 4_000_000_000,
        previous_root: root(epoch - 1),
        state_root: root(epoch),
        directory: root(epoch),
        receipts_root: root(epoch),
        model: Digest::ZERO,
        manifest: Digest::ZERO,
        cut: root(epoch),
    };
    let digest = B256::from(report.signing_digest(domain).0);
    let mut signatures = Vec::new();
    for index in 1..4 {
        signatures.push(Key::dev(index)?.sign_hash(digest)?.as_bytes());
    }
    Ok(SignedReport { report, signers: 0b111, signatures })
}

fn reopen(path: &Path) -> Result<(), Box<dyn Error>> {
    let size = std::fs::metadata(path)?.len();
    let start = Instant::now();
    let chain = DevChain::open(path, config())?;
    let seconds = start.elapsed().as_secs_f64();
    println!("opened {} blocks ({} KiB) again in {seconds:.2} s", chain.block_number(), size / 1024);
    Ok(())
}
