use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver};

use enliven_types::Codec;

use super::*;
use crate::CarWriter;

/// A server that gives these answers, one connection each, and passes on what it was asked.
fn serve(answers: Vec<Vec<u8>>) -> (GatewayBlocks, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                request.push(byte[0]);
            }
            sender.send(String::from_utf8(request).unwrap()).unwrap();
            // The client hangs up early where it has seen enough.
            let _ = stream.write_all(&answer);
        }
    });
    let mut config = GatewayConfig::new(url);
    config.timeout_s = 2;
    (GatewayBlocks::new(&config).unwrap(), requests)
}

fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn status(line: &str) -> Vec<u8> {
    format!("HTTP/1.1 {line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

#[test]
fn a_block_is_asked_for_as_raw_bytes() {
    let block = Block::new(Codec::Raw, b"bytes".to_vec());
    let (gateway, requests) = serve(vec![ok(&block.bytes), status("200 OK"), status("404 Not Found")]);
    assert_eq!(gateway.get(&block.cid).unwrap(), Some(block.bytes));
    let request = requests.recv().unwrap();
    assert!(request.starts_with(&format!("GET /ipfs/{}?format=raw HTTP/1.1\r\n", block.cid)), "{request}");
    assert!(request.to_lowercase().contains("accept: application/vnd.ipld.raw\r\n"), "{request}");
    assert!(gateway.has(&block.cid).unwrap());
    assert!(requests.recv().unwrap().starts_with("HEAD /ipfs/"));
    assert!(!gateway.has(&block.cid).unwrap());
}

#[test]
fn what_is_no_answer_is_an_error_that_names_the_address() {
    let block = Block::new(Codec::Raw, b"bytes".to_vec());
    let (gateway, _requests) = serve(vec![
        status("404 Not Found"),
        status("500 Internal Server Error"),
        status("301 Moved Permanently\r\nLocation: http://127.0.0.1:1/"),
        b"no HTTP at all\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbyt".to_vec(),
    ]);
    assert_eq!(gateway.get(&block.cid).unwrap(), None);
    for expected in ["500", "301", "", ""] {
        let error = gateway.get(&block.cid).unwrap_err();
        assert!(matches!(error, ContentError::Gateway { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(expected) && text.contains(&block.cid.to_string()), "{text}");
    }
}

#[test]
fn other_bytes_are_refused_with_the_place_named() {
    let block = Block::new(Codec::Raw, b"bytes".to_vec());
    let (gateway, _requests) = serve(vec![ok(b"other")]);
    let error = gateway.get(&block.cid).unwrap_err();
    assert!(matches!(error, ContentError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("http://127.0.0.1:"), "{error}");
}

#[test]
fn blocks_of_2_mib_are_taken_and_larger_ones_are_not() {
    let largest = Block::new(Codec::Raw, vec![7; MAX_BLOCK_BYTES]);
    let larger = Block::new(Codec::Raw, vec![7; MAX_BLOCK_BYTES + 1]);
    let chunk = format!("{:x}\r\n", larger.bytes.len());
    let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunked = [head, chunk.as_bytes(), &larger.bytes, b"\r\n0\r\n\r\n"].concat();
    let (gateway, _requests) = serve(vec![ok(&largest.bytes), ok(&larger.bytes), chunked]);
    assert!(gateway.get(&largest.cid).unwrap() == Some(largest.bytes));
    for _ in 0..2 {
        let error = gateway.get(&larger.cid).unwrap_err();
        assert!(matches!(error, ContentError::TooLarge { .. }), "{error}");
    }
}

#[test]
fn a_gateway_that_keeps_silent_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = GatewayConfig::new(format!("http://{}", listener.local_addr().unwrap()));
    config.timeout_s = 1;
    let gateway = GatewayBlocks::new(&config).unwrap();
    let block = Block::new(Codec::Raw, b"bytes".to_vec());
    let error = gateway.get(&block.cid).unwrap_err();
    assert!(matches!(error, ContentError::Gateway { .. }), "{error}");
}

#[test]
fn it_is_read_only_and_addresses_are_checked() {
    let gateway = GatewayBlocks::new(&GatewayConfig::new("http://127.0.0.1:1")).unwrap();
    let error = gateway.put_all(&[Block::new(Codec::Raw, Vec::new())]).unwrap_err();
    assert!(matches!(error, ContentError::ReadOnly { .. }), "{error}");
    for url in ["", "localhost", "https://example.net", "http://", "http:///x", "http://a/?b", "http://me@a"] {
        if cfg!(feature = "https") && url.starts_with("https://") {
            continue;
        }
        let error = GatewayBlocks::new(&GatewayConfig::new(url)).unwrap_err();
        assert!(matches!(error, ContentError::GatewayUrl { .. }), "{error}");
    }
}

#[test]
fn all_below_a_root_is_read_from_one_answer() {
    let blocks = ["one", "two"].map(|text| Block::new(Codec::Raw, text.as_bytes().to_vec()));
    let mut car = CarWriter::new(Vec::new(), &[blocks[0].cid]).unwrap();
    blocks.iter().for_each(|block| car.put(block).unwrap());
    let car = car.finish().unwrap();
    let cut = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", car.len() + 5);
    let other = [&car[..car.len() - 1], b"!"].concat();
    let answers = vec![ok(&car), status("404 Not Found"), [cut.as_bytes(), &car].concat(), ok(&other), ok(b"no CAR")];
    let (gateway, requests) = serve(answers);
    let read: Vec<Block> = gateway.car(&blocks[0].cid).unwrap().map(Result::unwrap).collect();
    assert_eq!(read, blocks);
    let request = requests.recv().unwrap();
    assert!(request.starts_with(&format!("GET /ipfs/{}?format=car&dag-scope=all HTTP/1.1\r\n", blocks[0].cid)));
    assert!(gateway.car(&blocks[0].cid).err().unwrap().to_string().contains("no such block"));
    // What is cut off or changed is an error where it is met.
    for _ in 0..2 {
        let mut read = gateway.car(&blocks[0].cid).unwrap();
        assert_eq!(read.next().unwrap().unwrap(), blocks[0]);
        assert!(read.any(|block| block.is_err()));
    }
    assert!(gateway.car(&blocks[0].cid).is_err());
}
