//! The embedded dev chain through its JSON-RPC surface.

#![allow(clippy::unwrap_used)] // A test helper that fails should fail loudly.

use std::sync::Arc;

use alloy_consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEnvelope, TxLegacy, TxReceipt};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bloom, Bytes, TxKind, U256, address, hex};
use alloy_rpc_types_eth::{Block, Filter, TransactionReceipt};
use alloy_sol_types::{SolConstructor, SolEvent};
use enliven_chain::contracts::{Artifact, NaiveURIToken};
use enliven_chain::{ChainError, Client, Clock, DEV_ADDRESSES, DEV_KEYS, DevChain, DevChainConfig, Key, Rpc, Session};
use proptest::prelude::*;
use serde_json::{Value, json};

alloy_sol_types::sol! {
    event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);
}

fn manual() -> DevChainConfig {
    DevChainConfig { clock: Clock::Manual, test_methods: true, ..DevChainConfig::default() }
}

fn chain() -> (Arc<DevChain>, Client) {
    let chain = Arc::new(DevChain::memory(manual()));
    let client = Client::new(chain.clone(), Key::dev(0).unwrap()).unwrap();
    (chain, client)
}

fn deploy_naive(client: &Client) -> Address {
    let arguments = NaiveURIToken::constructorCall {
        name: "N".to_string(),
        symbol: "N".to_string(),
        initialOwner: client.address(),
    };
    let code = Artifact::NaiveUriToken.bytecode().unwrap();
    client.deploy("deploy", &code, &arguments.abi_encode()).unwrap().0
}

fn sign<T: SignableTransaction<alloy_primitives::Signature>>(transaction: T, key: &str) -> Bytes
where
    TxEnvelope: From<alloy_consensus::Signed<T>>,
{
    let signature = Key::from_hex(key).unwrap().sign_hash(transaction.signature_hash()).unwrap();
    TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into()
}

fn get<T: serde::de::DeserializeOwned>(chain: &DevChain, method: &str, params: Value) -> T {
    serde_json::from_value(chain.request(method, params).unwrap()).unwrap()
}

fn refusal(chain: &DevChain, method: &str, params: Value) -> (i64, String) {
    match chain.request(method, params).unwrap_err() {
        ChainError::Node { code, message, .. } => (code, message),
        other => panic!("{other}"),
    }
}

#[test]
fn three_kinds_of_transactions_move_ether() {
    let (chain, client) = chain();
    let to = Address::repeat_byte(7);
    let kind = TxKind::Call(to);
    let price = 10_000_000_000;
    let value = U256::from(5);
    let legacy = TxLegacy {
        chain_id: Some(31337),
        nonce: 0,
        gas_price: price,
        gas_limit: 21_000,
        to: kind,
        value,
        ..Default::default()
    };
    let listed = TxEip2930 {
        chain_id: 31337,
        nonce: 1,
        gas_price: price,
        gas_limit: 21_000,
        to: kind,
        value,
        ..Default::default()
    };
    let dynamic = TxEip1559 {
        chain_id: 31337,
        nonce: 2,
        max_fee_per_gas: price,
        max_priority_fee_per_gas: 1,
        gas_limit: 21_000,
        to: kind,
        value,
        ..Default::default()
    };
    let raws = [sign(legacy, DEV_KEYS[0]), sign(listed, DEV_KEYS[0]), sign(dynamic, DEV_KEYS[0])];
    for (index, raw) in raws.iter().enumerate() {
        let hash: B256 = get(&chain, "eth_sendRawTransaction", json!([raw]));
        let receipt: TransactionReceipt = get(&chain, "eth_getTransactionReceipt", json!([hash]));
        assert!(receipt.status());
        assert_eq!((receipt.gas_used, receipt.from, receipt.to), (21_000, DEV_ADDRESSES[0], Some(to)));
        assert_eq!(receipt.transaction_type() as usize, index);
        let shown = chain.request("eth_getTransactionByHash", json!([hash])).unwrap();
        assert_eq!(shown["type"], json!(format!("0x{index}")));
        assert_eq!(shown["from"], json!(DEV_ADDRESSES[0]));
    }
    assert_eq!(get::<U256>(&chain, "eth_getBalance", json!([to, "latest"])), U256::from(15));
    assert_eq!(client.nonce().unwrap(), 3);
    assert_eq!(refusal(&chain, "eth_sendRawTransaction", json!([raws[0]])), (-32003, "already known".to_string()));
}

#[test]
fn bad_transactions_are_refused_in_words_that_clients_know() {
    let (chain, _) = chain();
    let good = TxEip1559 {
        chain_id: 31337,
        max_fee_per_gas: 10_000_000_000,
        gas_limit: 21_000,
        to: TxKind::Call(Address::repeat_byte(1)),
        ..Default::default()
    };
    let cases = [
        (TxEip1559 { nonce: 1, gas_limit: 16_777_217, ..good.clone() }, "gas limit too high"),
        (TxEip1559 { nonce: 1, chain_id: 1, ..good.clone() }, "invalid chain id"),
        (TxEip1559 { nonce: 1, value: U256::MAX / U256::from(2), ..good.clone() }, "insufficient funds"),
        (TxEip1559 { chain_id: 1, ..good.clone() }, "invalid chain id"),
        (TxEip1559 { gas_limit: 20_999, ..good.clone() }, "intrinsic gas too low"),
        (TxEip1559 { gas_limit: 16_777_217, ..good.clone() }, "gas limit too high"),
        (TxEip1559 { max_fee_per_gas: 1, ..good.clone() }, "less than block base fee"),
        (TxEip1559 { value: U256::MAX / U256::from(2), ..good.clone() }, "insufficient funds"),
        (TxEip1559 { max_priority_fee_per_gas: u128::MAX, ..good.clone() }, "priority fee"),
    ];
    for (transaction, expected) in cases {
        let (code, message) = refusal(&chain, "eth_sendRawTransaction", json!([sign(transaction, DEV_KEYS[0])]));
        // The codes that anvil gives.
        let wanted = if expected.contains("gas ") && !expected.contains("per gas") { -32000 } else { -32003 };
        assert!(code == wanted && message.contains(expected), "{code} {message} / {expected}");
    }
    let poor = "0x0101010101010101010101010101010101010101010101010101010101010101";
    let (_, message) = refusal(&chain, "eth_sendRawTransaction", json!([sign(good.clone(), poor)]));
    assert!(message.contains("insufficient funds"), "{message}");

    let raw = sign(good.clone(), DEV_KEYS[0]);
    let mut long = raw.to_vec();
    long.push(0);
    for bytes in [Vec::new(), vec![0x03], vec![0xff; 100], raw[..raw.len() - 1].to_vec(), long] {
        let (code, _) = refusal(&chain, "eth_sendRawTransaction", json!([Bytes::from(bytes)]));
        assert_eq!(code, -32602);
    }
    assert_eq!(chain.block_number(), 0);
    chain.request("eth_sendRawTransaction", json!([raw])).unwrap();
    let again = TxEip1559 { value: U256::from(1), ..good };
    let (_, message) = refusal(&chain, "eth_sendRawTransaction", json!([sign(again, DEV_KEYS[0])]));
    assert_eq!(message, "nonce too low: next nonce 1, tx nonce 0");
}

#[test]
fn early_transactions_wait_for_the_ones_before_them() {
    let (chain, client) = chain();
    let at = |nonce: u64, fee: u128| {
        let transaction = TxEip1559 {
            chain_id: 31337,
            nonce,
            max_fee_per_gas: fee,
            gas_limit: 21_000,
            to: TxKind::Call(Address::repeat_byte(1)),
            value: U256::from(1),
            ..Default::default()
        };
        json!([sign(transaction, DEV_KEYS[0])])
    };
    let fee = 10_000_000_000;
    let second: B256 = get(&chain, "eth_sendRawTransaction", at(2, fee));
    let first: B256 = get(&chain, "eth_sendRawTransaction", at(1, fee));
    let far: B256 = get(&chain, "eth_sendRawTransaction", at(9, fee));
    assert_eq!(chain.block_number(), 0);
    assert_eq!(client.nonce().unwrap(), 0);
    assert_eq!(chain.request("txpool_status", json!([])).unwrap()["queued"], json!("0x3"));
    let shown = chain.request("eth_getTransactionByHash", json!([first])).unwrap();
    assert_eq!((&shown["blockHash"], &shown["nonce"]), (&Value::Null, &json!("0x1")));
    assert_eq!(chain.request("eth_getTransactionReceipt", json!([first])).unwrap(), Value::Null);
    let content = chain.request("txpool_content", json!([])).unwrap();
    assert_eq!(content["queued"][json!(DEV_ADDRESSES[0]).as_str().unwrap()]["9"]["hash"], json!(far));
    assert_eq!(refusal(&chain, "eth_sendRawTransaction", at(2, fee)).1, "already known");
    assert_eq!(refusal(&chain, "eth_sendRawTransaction", at(2, fee + 1)).1, "replacement transaction underpriced");
    let replaced: B256 = get(&chain, "eth_sendRawTransaction", at(2, fee + fee / 10));
    get::<B256>(&chain, "eth_sendRawTransaction", at(0, fee));
    assert_eq!(chain.block_number(), 3);
    for (hash, number) in [(first, 2), (replaced, 3)] {
        let receipt: TransactionReceipt = get(&chain, "eth_getTransactionReceipt", json!([hash]));
        assert_eq!(receipt.block_number, Some(number));
    }
    assert_eq!(chain.request("eth_getTransactionByHash", json!([second])).unwrap(), Value::Null);
    assert_eq!(client.nonce().unwrap(), 3);
    for nonce in 10..73 {
        get::<B256>(&chain, "eth_sendRawTransaction", at(nonce, fee));
    }
    let (code, message) = refusal(&chain, "eth_sendRawTransaction", at(73, fee));
    assert!(code == -32003 && message.contains("txpool is full"), "{message}");
}

#[test]
fn a_contract_is_created_called_and_reverts() {
    let (chain, client) = chain();
    let token = deploy_naive(&client);
    // The address that every tool gives the first contract of the first dev account.
    assert_eq!(token, address!("5FbDB2315678afecb367f032d93F642f64180aa3"));
    let mint = |count: u64| NaiveURIToken::mintBatchCall { to: DEV_ADDRESSES[3], count: U256::from(count) };
    let mined = client.send("mint", token, &mint(2)).unwrap();
    assert_eq!((mined.block, mined.logs.len()), (2, 2));
    let call = NaiveURIToken::setTokenURIsCall { ids: vec![U256::from(1)], uris: vec!["ipfs://x".to_string()] };
    client.send("set", token, &call).unwrap();
    let uri = client.call(token, &NaiveURIToken::tokenURICall { tokenId: U256::from(1) }).unwrap();
    assert_eq!(uri, "ipfs://x");

    let error = client.call(token, &NaiveURIToken::tokenURICall { tokenId: U256::from(9) }).unwrap_err();
    assert_eq!(error.to_string(), "tokenURI reverted: ERC721NonexistentToken(tokenId: 9)");
    let other = Client::new(chain.clone(), Key::dev(1).unwrap()).unwrap();
    let error = other.send("minting", token, &mint(1)).unwrap_err();
    let expected = format!("minting reverted: OwnableUnauthorizedAccount(account: {})", DEV_ADDRESSES[1]);
    assert_eq!(error.to_string(), expected);

    let call =
        json!({ "to": token, "data": "0xc87b56dd0000000000000000000000000000000000000000000000000000000000000009" });
    for method in ["eth_call", "eth_estimateGas"] {
        match chain.request(method, json!([call, "latest"])).unwrap_err() {
            ChainError::Node { code, message, data, .. } => {
                assert_eq!((code, message.as_str()), (3, "execution reverted"));
                assert_eq!(hex::encode(&data.unwrap()[..4]), "7e273289");
            }
            error => panic!("{error}"),
        }
    }
    // The state of before is kept: there the token was, and had no name yet; before, it was not there.
    assert_eq!(refusal(&chain, "eth_call", json!([call, "0x1"])).0, 3);
    assert_eq!(chain.request("eth_call", json!([call, "0x0"])).unwrap(), json!("0x"));
    assert!(chain.request("eth_getCode", json!([token, "latest"])).unwrap().as_str().unwrap().len() > 1000);
    // totalMinted is in some slot, so one of the first ten is 2.
    let slots =
        (0..10).map(|slot| get::<U256>(&chain, "eth_getStorageAt", json!([token, format!("0x{slot:x}"), "latest"])));
    assert_eq!(slots.filter(|value| *value == U256::from(2)).count(), 1);
}

#[test]
fn a_failed_transaction_is_mined_and_keeps_its_fee() {
    let (chain, client) = chain();
    let token = deploy_naive(&client);
    let before: U256 = get(&chain, "eth_getBalance", json!([DEV_ADDRESSES[1], "latest"]));
    let failing = TxEip1559 {
        chain_id: 31337,
        max_fee_per_gas: 10_000_000_000,
        gas_limit: 100_000,
        to: TxKind::Call(token),
        input: Bytes::from_static(&[1, 2, 3, 4]),
        ..Default::default()
    };
    let hash: B256 = get(&chain, "eth_sendRawTransaction", json!([sign(failing, DEV_KEYS[1])]));
    let receipt: TransactionReceipt = get(&chain, "eth_getTransactionReceipt", json!([hash]));
    assert!(!receipt.status() && receipt.logs().is_empty());
    let after: U256 = get(&chain, "eth_getBalance", json!([DEV_ADDRESSES[1], "latest"]));
    assert_eq!(before - after, U256::from(u128::from(receipt.gas_used) * receipt.effective_gas_price));
}

#[test]
fn logs_are_filtered() {
    let (chain, client) = chain();
    let token = deploy_naive(&client);
    for to in &DEV_ADDRESSES[1..4] {
        let call = NaiveURIToken::mintBatchCall { to: *to, count: U256::from(2) };
        client.send("mint", token, &call).unwrap();
    }
    let all = Filter::new().address(token).event_signature(Transfer::SIGNATURE_HASH);
    let ids = |filter: Filter| -> Vec<u64> {
        let logs = client.logs(&filter, 0, chain.block_number()).unwrap();
        logs.iter().map(|log| Transfer::decode_log_data(&log.inner.data).unwrap().tokenId.to()).collect()
    };
    assert_eq!(ids(all.clone()), [1, 2, 3, 4, 5, 6]);
    assert_eq!(ids(all.clone().topic2(DEV_ADDRESSES[2].into_word())), [3, 4]);
    let either = vec![DEV_ADDRESSES[1].into_word(), DEV_ADDRESSES[3].into_word()];
    assert_eq!(ids(all.clone().topic2(either)), [1, 2, 5, 6]);
    assert_eq!(ids(Filter::new().topic3(U256::from(4))), [4]);
    assert_eq!(ids(all.clone().address(vec![Address::ZERO, token])).len(), 6);
    assert_eq!(ids(all.clone().address(Address::ZERO)).len(), 0);

    let count = |filter: Value| chain.request("eth_getLogs", json!([filter])).unwrap().as_array().unwrap().len();
    assert_eq!(count(json!({ "fromBlock": "0x0", "toBlock": "0x3" })), 5);
    assert_eq!(count(json!({ "fromBlock": "0x3", "toBlock": "0xffff" })), 4);
    assert_eq!(count(json!({})), 2);
    assert_eq!(count(json!({ "fromBlock": "earliest", "topics": [null, null, null] })), 7);
    assert_eq!(count(json!({ "fromBlock": "earliest", "topics": [[], null] })), 7);
    let block: Block = get(&chain, "eth_getBlockByNumber", json!(["0x3", false]));
    assert_eq!(count(json!({ "blockHash": block.header.hash })), 2);
    assert_eq!(refusal(&chain, "eth_getLogs", json!([{ "fromBlock": "0x2", "toBlock": "0x1" }])).0, -32602);
    assert_eq!(refusal(&chain, "eth_getLogs", json!([{ "blockHash": B256::repeat_byte(1) }])).0, -32000);
}

#[test]
fn headers_commit_to_their_contents() {
    let (chain, client) = chain();
    let token = deploy_naive(&client);
    client.send("mint", token, &NaiveURIToken::mintBatchCall { to: token, count: U256::from(3) }).unwrap();
    chain.request("evm_mine", json!([])).unwrap();
    let mut parent = B256::ZERO;
    let mut state_roots = Vec::new();
    for number in 0..=chain.block_number() {
        let block: Block = get(&chain, "eth_getBlockByNumber", json!([format!("0x{number:x}"), true]));
        assert_eq!(block.header.inner.hash_slow(), block.header.hash);
        assert_eq!(block.header.inner.parent_hash, parent);
        parent = block.header.hash;
        let receipts: Vec<TransactionReceipt> = get(&chain, "eth_getBlockReceipts", json!([format!("0x{number:x}")]));
        let receipts: Vec<_> = receipts.into_iter().map(|receipt| receipt.into_primitives_receipt().inner).collect();
        assert_eq!(calculate_receipt_root(&receipts), block.header.inner.receipts_root);
        let bloom = receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.bloom());
        assert_eq!(bloom, block.header.inner.logs_bloom);
        let transactions: Vec<TxEnvelope> =
            block.transactions.txns().map(|transaction| transaction.inner.inner().clone()).collect();
        assert_eq!(calculate_transaction_root(&transactions), block.header.inner.transactions_root);
        state_roots.push(block.header.inner.state_root);
    }
    assert_eq!(parent, chain.head_hash());
    // The empty block changes no account.
    assert_eq!(state_roots[2], state_roots[3]);
    assert_ne!(state_roots[1], state_roots[2]);
    // The same transactions on another chain with the same settings make the same blocks.
    let (second, client) = self::chain();
    let token = deploy_naive(&client);
    client.send("mint", token, &NaiveURIToken::mintBatchCall { to: token, count: U256::from(3) }).unwrap();
    second.request("evm_mine", json!([])).unwrap();
    assert_eq!(second.head_hash(), chain.head_hash());
}

#[test]
fn time_is_set_and_never_goes_back() {
    let (chain, _) = chain();
    let time = || {
        let block: Block = get(&chain, "eth_getBlockByNumber", json!(["latest", false]));
        block.header.inner.timestamp
    };
    chain.set_next_timestamp(631_152_000);
    chain.request("evm_mine", json!([])).unwrap();
    assert_eq!(time(), 631_152_000);
    chain.request("evm_mine", json!([])).unwrap();
    assert_eq!(time(), 631_152_001);
    // The program's earlier time counts as the next second; a caller is told.
    chain.set_next_timestamp(5);
    chain.request("evm_mine", json!([])).unwrap();
    assert_eq!(time(), 631_152_002);
    let (code, message) = refusal(&chain, "evm_setNextBlockTimestamp", json!([5]));
    assert!(code == -32602 && message.contains("631152002"), "{message}");
    assert_eq!(chain.request("evm_increaseTime", json!([100])).unwrap(), json!(100));
    chain.request("evm_mine", json!([])).unwrap();
    assert_eq!(time(), 631_152_103);
    chain.request("evm_setNextBlockTimestamp", json!(["0x60000000"])).unwrap();
    chain.request("evm_mine", json!([])).unwrap();
    assert_eq!(time(), 0x6000_0000);
    chain.request("evm_mine", json!([0x6000_0100])).unwrap();
    assert_eq!(time(), 0x6000_0100);

    let wall = DevChain::memory(DevChainConfig::default());
    wall.request("evm_mine", json!([])).unwrap();
    let block: Block = get(&wall, "eth_getBlockByNumber", json!(["latest", false]));
    let now = block.header.inner.timestamp;
    assert!(now > 1_700_000_000);
    wall.request("evm_increaseTime", json!(["0x3e8"])).unwrap();
    wall.request("evm_mine", json!([])).unwrap();
    let block: Block = get(&wall, "eth_getBlockByNumber", json!(["latest", false]));
    assert!((now + 1000..now + 1060).contains(&block.header.inner.timestamp));
}

#[test]
fn fees_follow_eip_1559() {
    let (chain, _) = chain();
    for _ in 0..3 {
        chain.request("evm_mine", json!([])).unwrap();
    }
    let history = chain.request("eth_feeHistory", json!(["0x3", "latest", [25, 75]])).unwrap();
    assert_eq!(history["oldestBlock"], json!("0x1"));
    assert_eq!(history["baseFeePerGas"], json!(["0x342770c0", "0x2da282a8", "0x27ee3253", "0x22f06c09"]));
    assert_eq!(history["reward"], json!([["0x0", "0x0"], ["0x0", "0x0"], ["0x0", "0x0"]]));
    assert_eq!(chain.request("eth_gasPrice", json!([])).unwrap(), json!(format!("0x{:x}", 0x22f06c09 + 1_000_000_000)));
}

#[test]
fn bodies_are_answered_as_json_rpc_says() {
    let (chain, _) = chain();
    let ask = |body: &str| -> Value {
        let answer = chain.handle(body.as_bytes());
        if answer.is_empty() { Value::Null } else { serde_json::from_slice(&answer).unwrap() }
    };
    assert_eq!(
        ask(r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#),
        json!({"jsonrpc":"2.0","id":1,"result":"0x7a69"})
    );
    assert_eq!(ask(r#"{"id":"a","method":"net_version","params":[]}"#)["result"], json!("31337"));
    assert_eq!(ask(r#"{"id":1,"method":"eth_nope","params":[]}"#)["error"]["code"], json!(-32601));
    assert_eq!(ask(r#"{"id":1,"method":"eth_getCode","params":{}}"#)["error"]["code"], json!(-32602));
    assert_eq!(ask(r#"{"id":1,"method":"eth_getCode","params":["0x12"]}"#)["error"]["code"], json!(-32602));
    assert_eq!(ask("{")["error"]["code"], json!(-32700));
    assert_eq!(ask("[]")["error"]["code"], json!(-32600));
    assert_eq!(ask("7")["error"]["code"], json!(-32600));
    assert_eq!(ask(r#"{"id":{},"method":"eth_chainId"}"#)["error"]["code"], json!(-32600));
    assert_eq!(ask(r#"{"method":"evm_mine"}"#), Value::Null);
    assert_eq!(chain.block_number(), 1);
    assert_eq!(ask(r#"[{"method":"evm_mine"},{"method":"evm_mine"}]"#), Value::Null);
    let batch =
        ask(r#"[{"id":1,"method":"eth_blockNumber"},{"method":"evm_mine"},{"id":2,"method":"eth_blockNumber"},3]"#);
    assert_eq!(batch.as_array().unwrap().len(), 3);
    assert_eq!((&batch[0]["result"], &batch[1]["result"]), (&json!("0x3"), &json!("0x4")));
    let long = vec![json!({"id":1,"method":"eth_chainId"}); 1001];
    assert_eq!(ask(&json!(long).to_string())["error"]["code"], json!(-32600));
    assert_eq!(ask(&" ".repeat(5 << 20))["error"]["code"], json!(-32600));
    assert_eq!(ask(&"[".repeat(100_000))["error"]["code"], json!(-32700));
}

#[test]
fn test_methods_are_kept_from_callers() {
    let chain = DevChain::memory(DevChainConfig { test_methods: false, ..manual() });
    let account = json!({ "id": 1, "method": "eth_accounts" }).to_string();
    let answer: Value = serde_json::from_slice(&chain.handle(account.as_bytes())).unwrap();
    assert_eq!(answer["result"], json!([]));
    for method in [
        "anvil_mine",
        "eth_sendTransaction",
        "eth_sign",
        "eth_signTransaction",
        "eth_signTypedData_v4",
        "evm_increaseTime",
        "evm_mine",
        "evm_revert",
        "evm_setNextBlockTimestamp",
        "evm_snapshot",
        "hardhat_mine",
        "personal_sign",
    ] {
        let body = json!({ "id": 1, "method": method, "params": ["0x5"] }).to_string();
        let answer: Value = serde_json::from_slice(&chain.handle(body.as_bytes())).unwrap();
        assert_eq!(answer["error"]["code"], json!(-32601));
    }
    chain.request("evm_mine", json!([])).unwrap();
    assert_eq!(chain.block_number(), 1);
}

const METHODS: [&str; 49] = [
    "web3_clientVersion",
    "web3_sha3",
    "net_version",
    "eth_chainId",
    "eth_blockNumber",
    "eth_gasPrice",
    "eth_feeHistory",
    "eth_getBalance",
    "eth_getCode",
    "eth_getStorageAt",
    "eth_getTransactionCount",
    "eth_call",
    "eth_estimateGas",
    "eth_sendRawTransaction",
    "eth_getTransactionByHash",
    "eth_getTransactionReceipt",
    "eth_getBlockByNumber",
    "eth_getBlockByHash",
    "eth_getBlockReceipts",
    "eth_getLogs",
    "eth_accounts",
    "eth_syncing",
    "evm_setNextBlockTimestamp",
    "evm_mine",
    "eth_getRawTransactionByHash",
    "eth_getTransactionByBlockNumberAndIndex",
    "eth_getRawTransactionByBlockHashAndIndex",
    "eth_getUncleCountByBlockNumber",
    "eth_getBlockTransactionCountByHash",
    "eth_getProof",
    "eth_createAccessList",
    "eth_newFilter",
    "eth_newBlockFilter",
    "eth_getFilterChanges",
    "eth_getFilterLogs",
    "eth_uninstallFilter",
    "eth_subscribe",
    "eth_unsubscribe",
    "eth_sendTransaction",
    "eth_signTransaction",
    "eth_sign",
    "personal_sign",
    "eth_signTypedData_v4",
    "evm_snapshot",
    "evm_revert",
    "evm_increaseTime",
    "hardhat_mine",
    "txpool_content",
    "txpool_status",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        prop_oneof![Just("latest"), Just("pending"), Just("0x0"), Just("0x1"), Just("0xffffffffffffffff"), Just("0x")]
            .prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| json!(hex::encode_prefixed(bytes))),
        Just(json!(DEV_ADDRESSES[0])),
        Just(json!(B256::ZERO)),
    ];
    leaf.prop_recursive(3, 16, 5, |inner| {
        let name = prop_oneof![
            Just("from"),
            Just("to"),
            Just("data"),
            Just("input"),
            Just("gas"),
            Just("value"),
            Just("fromBlock"),
            Just("toBlock"),
            Just("topics"),
            Just("address"),
            Just("blockHash"),
            Just("gasPrice"),
            Just("accessList"),
            Just("maxFeePerGas"),
            Just("maxPriorityFeePerGas"),
            Just("nonce"),
            Just("chainId"),
            Just("type"),
            Just("types"),
            Just("primaryType"),
            Just("domain"),
            Just("message"),
            Just("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"),
            Just("balance"),
            Just("code"),
            Just("state"),
            Just("stateDiff"),
            Just("number"),
            Just("time"),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..5).prop_map(|pairs| Value::Object(
                pairs.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
            )),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_get_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let answer = DevChain::memory(manual()).handle(&bytes);
        prop_assert!(serde_json::from_slice::<Value>(&answer).is_ok());
    }

    #[test]
    fn any_call_gets_an_answer(calls in proptest::collection::vec((0..METHODS.len(), proptest::collection::vec(value(), 0..4)), 1..12)) {
        let mut session = Session::new(Arc::new(DevChain::memory(manual())), false);
        for (method, params) in calls {
            let body = json!({ "id": 1, "method": METHODS[method], "params": params }).to_string();
            let answer: Value = serde_json::from_slice(&session.handle(body.as_bytes())).unwrap();
            prop_assert!(answer.get("result").is_some() || answer.get("error").is_some());
            for text in session.notifications().unwrap() {
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
            }
        }
    }
}
