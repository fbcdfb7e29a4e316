use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::routes::router;
use crate::state::Shared;
use crate::{ServerConfig, ServerError, State};

/// So many connections are open at once; more wait to be accepted.
const CONNECTIONS: usize = 256;
/// A request's head must be there after this time; also how long an idle connection stays open.
const HEAD: Duration = Duration::from_secs(15);
const MAX_HEADERS: usize = 64;
/// Bytes of a request's head.
const MAX_HEAD: usize = 32 << 10;
/// After this time a connection takes no more requests, however slowly its client reads.
const CONNECTION: Duration = Duration::from_secs(120);
/// How long the last answers of a connection may take.
const GRACE: Duration = Duration::from_secs(5);

/// A server that has its port.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Takes the port. Nothing is answered before [`Server::run`].
    pub fn bind(config: ServerConfig, state: State) -> Result<Server, ServerError> {
        let failed = |source: std::io::Error| match source.kind() {
            ErrorKind::AddrInUse => ServerError::InUse { address: config.listen },
            _ => ServerError::Listen { address: config.listen, source },
        };
        let listener = TcpListener::bind(config.listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Server { listener, address, shared: Shared::new(state) })
    }

    /// Where it listens, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is done, then lets the requests under way finish, for at most five
    /// seconds.
    ///
    /// Must run in a tokio runtime with time and IO.
    pub async fn run(self, shutdown: impl Future) -> Result<(), ServerError> {
        let address = self.address;
        let listener = tokio::net::TcpListener::from_std(self.listener)
            .map_err(|source| ServerError::Listen { address, source })?;
        let shared = self.shared;
        let router = router(shared.clone(), address);
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        let (close, closing) = watch::channel(());
        let mut open = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            while open.try_join_next().is_some() {}
            let next = async {
                let slot = slots.clone().acquire_owned().await;
                (slot, listener.accept().await)
            };
            let (slot, accepted) = tokio::select! {
                _ = shutdown.as_mut() => break,
                next = next => next,
            };
            match accepted {
                Ok((stream, _)) => {
                    let serving = serve(stream, router.clone(), closing.clone());
                    open.spawn(async move {
                        serving.await;
                        drop(slot);
                    });
                }
                // Out of file handles, or a client that left: neither is for good.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
        drop(listener);
        drop(close);
        if let Some(sockets) = &shared.sockets {
            sockets.close(GRACE).await;
        }
        while open.join_next().await.is_some() {}
        Ok(())
    }
}

/// Serves one connection, until its client leaves, its time is over or the server stops.
async fn serve(stream: TcpStream, router: Router, mut closing: watch::Receiver<()>) {
    // Answers go out whole; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = closing.changed() => {}
        () = sleep(CONNECTION) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(GRACE, connection).await;
}
