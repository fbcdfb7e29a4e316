//! Serves the dev chain over plain HTTP/1.1 on 127.0.0.1, for scripts and tools:
//! `cargo run -p enliven-chain --example devchain -- [port] [file]`.
//!
//! Not for anything that others can reach: its accounts' keys are public knowledge.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use enliven_chain::{DevChain, DevChainConfig};

const MAX_BODY: usize = 4 << 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().map_or(Ok(8545), |text| text.parse())?;
    let chain = match arguments.next() {
        Some(file) => DevChain::open(Path::new(&file), DevChainConfig::default())?,
        None => DevChain::memory(DevChainConfig::default()),
    };
    let chain = Arc::new(chain);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("http://{} chain {} block {}", listener.local_addr()?, chain.chain_id(), chain.block_number());
    for stream in listener.incoming() {
        let chain = chain.clone();
        let stream = stream?;
        std::thread::spawn(move || serve(stream, &chain));
    }
    Ok(())
}

/// Answers the requests of one connection until it ends or breaks a rule.
fn serve(stream: TcpStream, chain: &DevChain) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut length = 0;
        let mut first = true;
        loop {
            let mut line = String::new();
            if reader.by_ref().take(8192).read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line == "\r\n" && !first {
                break;
            }
            first = false;
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
        }
        if length > MAX_BODY {
            return None;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let answer = chain.handle(&body);
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", answer.len());
        writer.write_all(&[head.as_bytes(), &answer].concat()).ok()?;
    }
}
