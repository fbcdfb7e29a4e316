//! Serves the football example from memory, for work on the page and for the browser test.
//!
//! `cargo run --release -p enliven-server --example preview [matches] [listen] [period]`

#[path = "../tests/common/mod.rs"]
mod common;

use enliven_server::{Server, ServerConfig};
use enliven_types::Period;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let matches = arguments.next().map_or(Ok(17_600), |text| text.parse())?;
    let mut config = ServerConfig::default();
    if let Some(listen) = arguments.next() {
        config.listen = listen.parse()?;
    }
    let period = arguments.next().map_or(Ok(Period::Year), |text| text.parse())?;
    eprintln!("running {matches} matches …");
    let size = common::Size { matches, start: "1950-01-01", period, trained: true };
    let server = Server::bind(config, common::collection(&size))?;
    println!("http://{}", server.address());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(server.run(tokio::signal::ctrl_c()))?;
    Ok(())
}
