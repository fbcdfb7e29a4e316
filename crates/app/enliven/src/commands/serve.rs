use std::net::SocketAddr;

use enliven_engine::View;
use enliven_server::{Server, ServerConfig, State};

use crate::cli::Place;
use crate::data::{Chain, Data};
use crate::error::CliError;
use crate::manifest::Loaded;
use crate::output::Output;

/// Serves a collection until Ctrl-C.
pub fn run(place: &Place, listen: SocketAddr, output: &Output) -> Result<(), CliError> {
    let plan = Loaded::read(&place.manifest)?.plan()?;
    let data = Data::existing(&place.folder())?;
    let (_, chain) = data.engine(&plan, false)?;
    serve(data.view(plan), &chain, listen, output)
}

/// Serves what is there.
pub fn serve(view: View, chain: &Chain, listen: SocketAddr, output: &Output) -> Result<(), CliError> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| CliError::Usage(format!("the server's threads cannot be started: {error}")))?;
    let state = State {
        view,
        chain: chain.devchain.clone(),
        rpc: chain.publisher.client().rpc().clone(),
        deployment: chain.publisher.deployment().clone(),
    };
    let server = Server::bind(ServerConfig { listen }, state)?;
    output.note(&format!("serving http://{} until Ctrl-C", server.address()));
    runtime.block_on(server.run(async {
        // Without a signal handler there is no way to stop early; the process can still be killed.
        let _ = tokio::signal::ctrl_c().await;
    }))?;
    Ok(())
}
