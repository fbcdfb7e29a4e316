//! The same client code over HTTP, against good and bad servers.

#![allow(clippy::unwrap_used)] // A test helper that fails should fail loudly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use alloy_primitives::{Address, TxKind, U256};
use enliven_chain::{ChainError, Client, DevChain, DevChainConfig, HttpRpc, Key, Rpc};
use serde_json::json;

/// Serves each request with what `answer` makes of its body; returns the URL.
fn serve(answer: impl Fn(&[u8]) -> (u16, Vec<u8>) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap() <= 2 {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let (status, answer) = answer(&body);
            let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", answer.len());
            // A client that has read enough may hang up.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer));
        }
    });
    url
}

#[test]
fn a_transaction_over_http() {
    let chain = Arc::new(DevChain::memory(DevChainConfig::default()));
    let served = chain.clone();
    let url = serve(move |body| (200, served.handle(body)));
    let rpc = Arc::new(HttpRpc::new(&url).unwrap());
    let client = Client::new(rpc.clone(), Key::dev(2).unwrap()).unwrap();
    let to = TxKind::Call(Address::repeat_byte(1));
    let mined = client.transact("paying", to, Default::default(), U256::from(1)).unwrap();
    assert_eq!((mined.block, mined.gas_used, chain.block_number()), (1, 21_000, 1));
    let error = rpc.request("eth_nope", json!([])).unwrap_err();
    assert!(matches!(error, ChainError::Node { code: -32601, .. }), "{error}");
}

#[test]
fn bad_answers_are_errors() {
    let cases: [(u16, &str, &str); 6] = [
        (502, "<html>bad gateway</html>", "HTTP status 502"),
        (200, "<html>hello</html>", "not JSON-RPC"),
        (200, r#"{"jsonrpc":"2.0","id":77,"result":"0x1"}"#, "belongs to another request"),
        (200, "[]", "not JSON-RPC"),
        (302, "", "HTTP status 302"),
        (429, r#"{"id":1,"error":{"code":-32005,"message":"slow down"}}"#, "slow down (code -32005)"),
    ];
    for (status, body, expected) in cases {
        let url = serve(move |_| (status, body.as_bytes().to_vec()));
        let error = HttpRpc::new(&url).unwrap().request("eth_chainId", json!([])).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let url = serve(|_| (200, vec![b' '; (16 << 20) + 10]));
    let error = HttpRpc::new(&url).unwrap().request("eth_chainId", json!([])).unwrap_err();
    assert!(matches!(error, ChainError::Transport { .. }), "{error}");
}
