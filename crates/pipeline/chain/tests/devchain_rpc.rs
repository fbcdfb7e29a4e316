//! What clients of the dev chain do beyond sending and asking: filters, subscriptions, snapshots, older
//! states, state overrides, proofs.

#![allow(clippy::unwrap_used)] // A test helper that fails should fail loudly.

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rpc_types_eth::{Block, EIP1186AccountProofResponse};
use alloy_sol_types::{SolCall, SolConstructor};
use alloy_trie::proof::verify_proof;
use alloy_trie::{Nibbles, TrieAccount};
use enliven_chain::contracts::{Artifact, NaiveURIToken};
use enliven_chain::{ChainError, Client, Clock, DEV_ADDRESSES, DevChain, DevChainConfig, Key, Rpc, Session, TooSlow};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

alloy_sol_types::sol! {
    function balanceOf(address owner) returns (uint256);
    function owner() returns (address);
}

fn config() -> DevChainConfig {
    DevChainConfig { clock: Clock::Manual, test_methods: true, ..DevChainConfig::default() }
}

struct Fixture {
    chain: Arc<DevChain>,
    client: Client,
    token: Address,
}

/// A chain with a token in block 1.
fn fixture() -> Fixture {
    let chain = Arc::new(DevChain::memory(config()));
    let client = Client::new(chain.clone(), Key::dev(0).unwrap()).unwrap();
    let owner = client.address();
    let arguments = NaiveURIToken::constructorCall { name: "N".into(), symbol: "N".into(), initialOwner: owner };
    let code = Artifact::NaiveUriToken.bytecode().unwrap();
    let (token, _) = client.deploy("deploy", &code, &arguments.abi_encode()).unwrap();
    Fixture { chain, client, token }
}

impl Fixture {
    fn mint(&self, to: Address, count: u64) {
        let call = NaiveURIToken::mintBatchCall { to, count: U256::from(count) };
        self.client.send("mint", self.token, &call).unwrap();
    }

    fn ask(&self, method: &str, params: Value) -> Value {
        self.chain.request(method, params).unwrap()
    }

    fn refusal(&self, method: &str, params: Value) -> (i64, String) {
        match self.chain.request(method, params).unwrap_err() {
            ChainError::Node { code, message, .. } => (code, message),
            other => panic!("{other}"),
        }
    }

    fn head(&self) -> Block {
        serde_json::from_value(self.ask("eth_getBlockByNumber", json!(["latest", false]))).unwrap()
    }

    fn minted(&self, block: &str) -> U256 {
        let call = balanceOfCall { owner: DEV_ADDRESSES[1] }.abi_encode();
        let call = json!({ "to": self.token, "data": Bytes::from(call) });
        serde_json::from_value(self.ask("eth_call", json!([call, block]))).unwrap()
    }
}

#[test]
fn filters_bring_what_is_new_once() {
    let fixture = fixture();
    let all = fixture.ask("eth_newFilter", json!([{ "address": fixture.token, "fromBlock": "0x0" }]));
    let new = fixture.ask("eth_newFilter", json!([{ "address": fixture.token }]));
    let bounded = fixture.ask("eth_newFilter", json!([{ "fromBlock": "0x2", "toBlock": "0x2" }]));
    let blocks = fixture.ask("eth_newBlockFilter", json!([]));
    let transactions = fixture.ask("eth_newPendingTransactionFilter", json!([]));
    fixture.mint(DEV_ADDRESSES[1], 2);
    fixture.ask("evm_mine", json!([]));
    fixture.mint(DEV_ADDRESSES[2], 3);
    let changes = |id: &Value| fixture.ask("eth_getFilterChanges", json!([id])).as_array().unwrap().len();
    // The one from the start also has the log of the deployment.
    assert_eq!([&all, &new, &bounded, &blocks, &transactions].map(changes), [6, 5, 2, 3, 2]);
    assert_eq!([&all, &new, &bounded, &blocks, &transactions].map(changes), [0; 5]);
    let logs = fixture.ask("eth_getFilterLogs", json!([all]));
    assert_eq!(logs.as_array().unwrap().len(), 6);
    assert_eq!(fixture.ask("eth_uninstallFilter", json!([blocks])), json!(true));
    assert_eq!(fixture.refusal("eth_getFilterChanges", json!([blocks])), (-32000, "filter not found".to_string()));
    let by_hash = json!([{ "blockHash": B256::ZERO }]);
    assert_eq!(fixture.refusal("eth_newFilter", by_hash).0, -32602);
}

#[test]
fn filters_are_limited() {
    let fixture = fixture();
    for _ in 0..256 {
        fixture.ask("eth_newBlockFilter", json!([]));
    }
    let (code, message) = fixture.refusal("eth_newBlockFilter", json!([]));
    assert!(code == -32005 && message.contains("256 filters"), "{message}");
    let many: Vec<Address> = (0..101).map(|index| Address::with_last_byte(index as u8)).collect();
    assert_eq!(fixture.refusal("eth_newFilter", json!([{ "address": many }])).0, -32005);
    let many: Vec<B256> = (0..1001).map(|index| B256::from(U256::from(index))).collect();
    assert_eq!(fixture.refusal("eth_getLogs", json!([{ "topics": [many] }])).0, -32005);
}

fn say(session: &mut Session, method: &str, params: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    serde_json::from_slice(&session.handle(body.as_bytes())).unwrap()
}

fn told(session: &mut Session) -> Vec<Value> {
    let mut found = Vec::new();
    loop {
        let some = session.notifications().unwrap();
        if some.is_empty() {
            return found;
        }
        found.extend(some.iter().map(|text| serde_json::from_str::<Value>(text).unwrap()));
    }
}

#[test]
fn subscriptions_tell_of_blocks_transactions_and_logs() {
    let fixture = fixture();
    let mut session = Session::new(fixture.chain.clone(), false);
    assert!(!session.has_subscriptions());
    let id = |answer: Value| answer["result"].as_str().unwrap().to_string();
    let heads = id(say(&mut session, "eth_subscribe", json!(["newHeads"])));
    let hashes = id(say(&mut session, "eth_subscribe", json!(["newPendingTransactions"])));
    let whole = id(say(&mut session, "eth_subscribe", json!(["newPendingTransactions", true])));
    let logs = id(say(&mut session, "eth_subscribe", json!(["logs", { "address": fixture.token }])));
    let none = id(say(&mut session, "eth_subscribe", json!(["logs", { "address": Address::ZERO }])));
    assert!(told(&mut session).is_empty());
    // More logs than are made at a time.
    fixture.mint(DEV_ADDRESSES[1], 300);
    let block = fixture.head();
    let found = told(&mut session);
    let of = |wanted: &str| -> Vec<&Value> {
        let of = found.iter().filter(|note| note["params"]["subscription"] == wanted);
        of.map(|note| &note["params"]["result"]).collect()
    };
    assert_eq!(of(&heads).len(), 1);
    assert_eq!(of(&heads)[0]["hash"], json!(block.header.hash));
    assert!(of(&heads)[0].get("transactions").is_none());
    let hash = block.transactions.hashes().next().unwrap();
    assert_eq!(of(&hashes), [&json!(hash)]);
    assert_eq!(of(&whole)[0]["hash"], json!(hash));
    let places: Vec<&Value> = of(&logs).iter().map(|log| &log["logIndex"]).collect();
    let expected: Vec<Value> = (0..300).map(|index| json!(format!("0x{index:x}"))).collect();
    assert_eq!(places, expected.iter().collect::<Vec<_>>());
    assert!(of(&none).is_empty());
    assert!(told(&mut session).is_empty());
    assert_eq!(say(&mut session, "eth_unsubscribe", json!([heads]))["result"], json!(true));
    assert_eq!(say(&mut session, "eth_unsubscribe", json!([heads]))["result"], json!(false));
    fixture.ask("evm_mine", json!([]));
    assert!(told(&mut session).is_empty());
    assert_eq!(say(&mut session, "eth_subscribe", json!(["tea"]))["error"]["code"], json!(-32602));
    for _ in 4..32 {
        id(say(&mut session, "eth_subscribe", json!(["newHeads"])));
    }
    assert_eq!(say(&mut session, "eth_subscribe", json!(["newHeads"]))["error"]["code"], json!(-32005));
    // Without a lasting connection there is nobody to tell.
    assert_eq!(fixture.refusal("eth_subscribe", json!(["newHeads"])).0, -32601);
}

#[test]
fn whoever_is_too_far_behind_is_told_so() {
    let fixture = fixture();
    let mut session = Session::new(fixture.chain.clone(), false);
    say(&mut session, "eth_subscribe", json!(["newHeads"]));
    fixture.ask("anvil_mine", json!([4096]));
    assert_eq!(told(&mut session).len(), 4096);
    fixture.ask("anvil_mine", json!([4097]));
    assert_eq!(session.notifications(), Err(TooSlow { blocks: 4097 }));
}

#[test]
fn pages_elsewhere_do_not_write() {
    let chain = fixture().chain;
    let mut session = Session::new(chain, true);
    for method in ["eth_sendTransaction", "eth_sendRawTransaction", "evm_mine", "eth_sign", "hardhat_mine"] {
        let answer = say(&mut session, method, json!(["0x00"]));
        assert!(answer["error"]["message"].as_str().unwrap().contains("another origin"), "{answer}");
    }
    assert!(say(&mut session, "eth_subscribe", json!(["newHeads"]))["result"].is_string());
}

#[test]
fn a_snapshot_brings_everything_back() {
    let fixture = fixture();
    fixture.mint(DEV_ADDRESSES[1], 3);
    let before = fixture.head();
    let mut session = Session::new(fixture.chain.clone(), false);
    say(&mut session, "eth_subscribe", json!(["newHeads"]));
    let filter = fixture.ask("eth_newBlockFilter", json!([]));
    let first = fixture.ask("evm_snapshot", json!([]));
    fixture.mint(DEV_ADDRESSES[1], 40);
    let second = fixture.ask("evm_snapshot", json!([]));
    let undone = fixture.head().transactions.hashes().next().unwrap();
    fixture.mint(DEV_ADDRESSES[2], 5);
    assert_eq!(told(&mut session).len(), 2);
    assert_eq!(fixture.ask("evm_revert", json!([second])), json!(true));
    assert_eq!(fixture.minted("latest"), U256::from(43));
    assert_eq!(fixture.ask("evm_revert", json!([first])), json!(true));
    assert_eq!(fixture.head(), before);
    assert_eq!(fixture.minted("latest"), U256::from(3));
    assert_eq!(fixture.ask("eth_getTransactionReceipt", json!([undone])), Value::Null);
    // Used up, and with it the one after it.
    assert_eq!(fixture.ask("evm_revert", json!([first])), json!(false));
    assert_eq!(fixture.ask("evm_revert", json!([second])), json!(false));
    // The same transaction makes the same block as before, and its followers see it again.
    assert!(told(&mut session).is_empty());
    fixture.mint(DEV_ADDRESSES[1], 40);
    assert_eq!(fixture.head().transactions.hashes().next().unwrap(), undone);
    assert_eq!(told(&mut session).len(), 1);
    let seen = fixture.ask("eth_getFilterChanges", json!([filter]));
    assert_eq!(seen, json!([fixture.head().header.hash]));
    // A chain that never went back has the same state.
    let other = self::fixture();
    other.mint(DEV_ADDRESSES[1], 3);
    other.mint(DEV_ADDRESSES[1], 40);
    assert_eq!(other.head(), fixture.head());
}

#[test]
fn a_chain_in_a_file_does_not_go_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.redb");
    let chain = DevChain::open(&path, config()).unwrap();
    for (method, params) in [("evm_snapshot", json!([])), ("evm_revert", json!(["0x0"]))] {
        let error = chain.request(method, params).unwrap_err().to_string();
        assert!(error.contains("its blocks are final"), "{error}");
    }
    let pay = json!({ "from": DEV_ADDRESSES[0], "to": DEV_ADDRESSES[1], "value": "0x1" });
    chain.request("eth_sendTransaction", json!([pay])).unwrap();
    chain.request("evm_increaseTime", json!([1000])).unwrap();
    chain.request("anvil_mine", json!([3, 60])).unwrap();
    let head = chain.head_hash();
    drop(chain);
    assert_eq!(DevChain::open(&path, config()).unwrap().head_hash(), head);
}

#[test]
fn older_states_are_read() {
    let fixture = fixture();
    for count in 1..=3 {
        fixture.mint(DEV_ADDRESSES[1], count);
    }
    let found: Vec<U256> = ["0x1", "0x2", "0x3", "0x4"].iter().map(|block| fixture.minted(block)).collect();
    assert_eq!(found, [0u64, 1, 3, 6].map(U256::from));
    let nonce = |block: &str| fixture.ask("eth_getTransactionCount", json!([DEV_ADDRESSES[0], block]));
    assert_eq!(["0x0", "0x1", "latest"].map(nonce), [json!("0x0"), json!("0x1"), json!("0x4")]);
    assert_eq!(fixture.ask("eth_getCode", json!([fixture.token, "0x0"])), json!("0x"));
    let full = json!("0x21e19e0c9bab2400000");
    assert_eq!(fixture.ask("eth_getBalance", json!([DEV_ADDRESSES[0], "earliest"])), full);
    fixture.ask("anvil_mine", json!([1021]));
    assert_eq!(fixture.minted("0x1"), U256::ZERO);
    fixture.ask("anvil_mine", json!([1]));
    let (code, message) = fixture.refusal("eth_getBalance", json!([DEV_ADDRESSES[0], "0x1"]));
    assert!(code == -32000 && message.contains("blocks 2 to 1026"), "{message}");
    // A snapshot keeps what it needs.
    let snapshot = fixture.ask("evm_snapshot", json!([]));
    let head = fixture.head();
    fixture.mint(DEV_ADDRESSES[1], 9);
    fixture.ask("anvil_mine", json!([2000]));
    assert_eq!(fixture.ask("evm_revert", json!([snapshot])), json!(true));
    assert_eq!(fixture.head(), head);
    assert_eq!(fixture.minted("latest"), U256::from(6));
}

#[test]
fn proofs_hold_against_the_state_root() {
    let fixture = fixture();
    fixture.mint(DEV_ADDRESSES[1], 200);
    let root = fixture.head().header.inner.state_root;
    let slots: Vec<B256> = (0..12u64).map(|slot| B256::from(U256::from(slot))).collect();
    for address in [fixture.token, DEV_ADDRESSES[0], DEV_ADDRESSES[9], Address::repeat_byte(0x77)] {
        let answer = fixture.ask("eth_getProof", json!([address, slots, "latest"]));
        let proof: EIP1186AccountProofResponse = serde_json::from_value(answer).unwrap();
        let account = TrieAccount {
            nonce: proof.nonce,
            balance: proof.balance,
            storage_root: proof.storage_hash,
            code_hash: proof.code_hash,
        };
        let leaf = if account == TrieAccount::default() { None } else { Some(alloy_rlp::encode(account)) };
        let path = Nibbles::unpack(keccak256(address));
        verify_proof(root, path, leaf.clone(), &proof.account_proof).unwrap();
        assert_eq!(leaf.is_none(), address == Address::repeat_byte(0x77));
        let mut held = 0;
        for (slot, found) in slots.iter().zip(&proof.storage_proof) {
            let value = if found.value.is_zero() { None } else { Some(alloy_rlp::encode(found.value)) };
            held += usize::from(value.is_some());
            verify_proof(proof.storage_hash, Nibbles::unpack(keccak256(slot)), value, &found.proof).unwrap();
            let wrong = Some(alloy_rlp::encode(found.value + U256::from(1)));
            assert!(verify_proof(proof.storage_hash, Nibbles::unpack(keccak256(slot)), wrong, &found.proof).is_err());
        }
        assert_eq!(held > 0, address == fixture.token);
    }
    let (code, message) = fixture.refusal("eth_getProof", json!([fixture.token, [], "0x1"]));
    assert!(code == -32000 && message.contains("newest block (2) only"), "{message}");
}

#[test]
fn calls_see_what_they_want_to_be_otherwise() {
    let fixture = fixture();
    let at = Address::repeat_byte(0x55);
    let call =
        |overrides: Value| fixture.ask("eth_call", json!([{ "to": at }, "latest", { (at.to_string()): overrides }]));
    let word = |value: u64| json!(B256::from(U256::from(value)));
    // SELFBALANCE, SLOAD(0), CALLDATASIZE + 66
    assert_eq!(call(json!({ "code": "0x475f5260205ff3", "balance": "0x7" })), word(7));
    let slot = json!({ (B256::ZERO.to_string()): word(9) });
    assert_eq!(call(json!({ "code": "0x5f545f5260205ff3", "stateDiff": slot })), word(9));
    // A whole new storage hides what is in it.
    let owner = |overrides: Value| {
        let data = Bytes::from(ownerCall {}.abi_encode());
        let overrides = json!({ (fixture.token.to_string()): overrides });
        fixture.ask("eth_call", json!([{ "to": fixture.token, "data": data }, "latest", overrides]))
    };
    assert_eq!(owner(json!({})), json!(DEV_ADDRESSES[0].into_word()));
    assert_eq!(owner(json!({ "state": {} })), word(0));
    // Nothing of it stays.
    assert_eq!(fixture.ask("eth_getBalance", json!([at, "latest"])), json!("0x0"));
    for wrong in [
        json!({ "state": {}, "stateDiff": {} }),
        json!({ "movePrecompileToAddress": at }),
        json!({ "code": "0xef0100" }),
        json!({ "colour": "red" }),
    ] {
        let params = json!([{ "to": at }, "latest", { (at.to_string()): wrong }]);
        assert_eq!(fixture.refusal("eth_call", params).0, -32602);
    }
    let number = json!([{ "data": "0x435f5260205ff3" }, "latest", {}, { "number": "0x99" }]);
    assert_eq!(fixture.ask("eth_call", number), word(0x99));
}

#[test]
fn typed_data_cannot_be_endless() {
    let fixture = fixture();
    let data = |types: Value| json!([DEV_ADDRESSES[0], { "types": types, "primaryType": "T0", "domain": {}, "message": { "x": [] } }]);
    let field = |of: String| json!([{ "name": "x", "type": of }, { "name": "y", "type": "bool" }]);
    // Deep in brackets, deep in types, wide in types, and without end.
    let deep = json!({ "T0": field(format!("bool{}", "[]".repeat(100_000))) });
    let long: Map<String, Value> = (0..20_000).map(|at| (format!("T{at}"), field(format!("T{}", at + 1)))).collect();
    let twice = |at: u8| json!([{ "name": "x", "type": format!("T{at}") }, { "name": "y", "type": format!("T{at}") }]);
    let wide: Map<String, Value> = (0..30).map(|at| (format!("T{at}"), twice(at + 1))).collect();
    for types in [deep, json!(long), json!(wide)] {
        assert_eq!(fixture.refusal("eth_signTypedData_v4", data(types)).0, -32005);
    }
    let (code, message) = fixture.refusal("eth_signTypedData_v4", data(json!({ "T0": field("T0[]".to_string()) })));
    assert!(code == -32602 && message.contains("contains itself"), "{message}");
    fixture.ask(
        "eth_signTypedData_v4",
        json!([
            DEV_ADDRESSES[0],
            { "types": { "EIP712Domain": [], "T0": [{ "name": "x", "type": "bool[][]" }] }, "primaryType": "T0", "domain": {}, "message": { "x": [] } },
        ]),
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens between a snapshot and going back to it, state and blocks are as they were.
    #[test]
    fn going_back_is_exact(before in steps(), after in steps()) {
        let fixture = fixture();
        run(&fixture, &before);
        let head = fixture.head();
        let snapshot = fixture.ask("evm_snapshot", json!([]));
        run(&fixture, &after);
        let further = fixture.head();
        fixture.ask("evm_revert", json!([snapshot]));
        prop_assert_eq!(fixture.head(), head);
        run(&fixture, &after);
        prop_assert_eq!(fixture.head(), further);
    }
}

fn steps() -> impl Strategy<Value = Vec<(u8, u64)>> {
    proptest::collection::vec((0u8..4, 1u64..6), 0..6)
}

fn run(fixture: &Fixture, steps: &[(u8, u64)]) {
    for (kind, number) in steps {
        match kind {
            0 => fixture.mint(DEV_ADDRESSES[1], *number),
            1 => {
                // Texts of different lengths take slots and free them again; ids that are not minted revert.
                let call = NaiveURIToken::setTokenURIsCall {
                    ids: vec![U256::from(*number)],
                    uris: vec!["x".repeat(*number as usize * 20)],
                };
                let _ = fixture.client.send("set", fixture.token, &call);
            }
            2 => {
                let pay =
                    json!({ "from": DEV_ADDRESSES[3], "to": Address::with_last_byte(*number as u8), "value": "0x1" });
                fixture.ask("eth_sendTransaction", json!([pay]));
            }
            _ => {
                fixture.ask("evm_mine", json!([]));
            }
        }
    }
}
