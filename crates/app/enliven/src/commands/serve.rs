use crate::cli::Place;
use crate::data::Chain;
use crate::error::CliError;
use crate::output::Output;
pub fn run(_: &Place, _: std::net::SocketAddr, _: &Output) -> Result<(), CliError> {
    Ok(())
}
pub fn serve(_: enliven_engine::View, _: &Chain, _: std::net::SocketAddr, _: &Output) -> Result<(), CliError> {
    Ok(())
}
