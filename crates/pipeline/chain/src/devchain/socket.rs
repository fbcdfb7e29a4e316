//! The dev chain over WebSocket, with subscriptions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval_at, timeout};

use super::rpc_error::RpcError;
use super::server;
use super::{DevChain, Session, TooSlow};

/// So many requests run at once, over all connections; more wait.
const TURNS: usize = 8;
/// A request that has waited so long for its turn is refused.
const WAIT: Duration = Duration::from_secs(5);
/// A client that takes a message later than this is too slow.
const SEND: Duration = Duration::from_secs(10);
/// How often an idle client is asked whether it is there.
const PING: Duration = Duration::from_secs(30);
/// A client from which nothing came for so long is gone.
const SILENCE: Duration = Duration::from_secs(90);

/// The WebSocket connections of a dev chain.
///
/// A connection carries JSON-RPC in text or binary messages, one after another. It is closed, with a
/// reason, when a message is too long, when its client does not take what it asked for, when nothing is
/// heard of the client, and when the server stops.
pub struct Sockets {
    chain: Arc<DevChain>,
    slots: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    blocks: watch::Receiver<()>,
    stop: watch::Sender<()>,
}

/// What a connection works with.
struct Connection {
    socket: WebSocket,
    turns: Arc<Semaphore>,
    blocks: watch::Receiver<()>,
    stopping: watch::Receiver<()>,
}

/// Why a connection ends.
enum End {
    /// The client left.
    Gone,
    /// It is told why.
    Told(u16, String),
}

impl Sockets {
    /// The most connections at once.
    pub const CONNECTIONS: usize = 64;
    /// The longest message that is read.
    pub const MAX_MESSAGE: usize = 1 << 20;

    /// Connections to this chain.
    pub fn new(chain: Arc<DevChain>) -> Sockets {
        let (announce, blocks) = watch::channel(());
        chain.on_block(move || {
            announce.send_replace(());
        });
        Sockets {
            chain,
            slots: Arc::new(Semaphore::new(Sockets::CONNECTIONS)),
            turns: Arc::new(Semaphore::new(TURNS)),
            blocks,
            stop: watch::Sender::new(()),
        }
    }

    /// Takes a connection over; `None` if there are too many. One that `only_reads` may not send
    /// transactions: browsers let pages of any origin connect.
    pub fn accept(&self, upgrade: WebSocketUpgrade, only_reads: bool) -> Option<Response> {
        let slot = self.slots.clone().try_acquire_owned().ok()?;
        let session = Session::new(self.chain.clone(), only_reads);
        let turns = self.turns.clone();
        let (mut blocks, stopping) = (self.blocks.clone(), self.stop.subscribe());
        blocks.mark_unchanged();
        let upgrade = upgrade.max_message_size(Sockets::MAX_MESSAGE).max_frame_size(Sockets::MAX_MESSAGE);
        Some(upgrade.on_upgrade(move |socket| async move {
            let mut connection = Connection { socket, turns, blocks, stopping };
            let end = connection.serve(session).await;
            connection.close(end).await;
            drop::<OwnedSemaphorePermit>(slot);
        }))
    }

    /// Closes all connections, and waits for that at most so long.
    pub async fn close(&self, at_most: Duration) {
        self.stop.send_replace(());
        let _ = timeout(at_most, self.slots.acquire_many(Sockets::CONNECTIONS as u32)).await;
    }
}

impl Connection {
    async fn serve(&mut self, session: Session) -> End {
        let mut session = session;
        let mut heard = Instant::now();
        let mut due = false;
        let mut ping = interval_at(tokio::time::Instant::now() + PING, PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let body = tokio::select! {
                message = self.socket.recv() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => Vec::from(text.as_bytes()),
                        Some(Ok(Message::Binary(bytes))) => bytes.into(),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                        Some(Ok(Message::Close(_))) | None => return End::Gone,
                        Some(Err(error)) => return End::unreadable(&error),
                    }
                }
                Ok(()) = self.blocks.changed(), if session.has_subscriptions() => {
                    due = true;
                    continue;
                }
                () = std::future::ready(()), if due => {
                    match self.notify(session).await {
                        Ok((same, more)) => (session, due) = (same, more),
                        Err(end) => return end,
                    }
                    continue;
                }
                _ = ping.tick() => {
                    if heard.elapsed() > SILENCE {
                        return End::Told(close_code::POLICY, "nothing was heard of the client".to_string());
                    }
                    if let Err(end) = self.send(Message::Ping(Vec::new().into())).await {
                        return end;
                    }
                    continue;
                }
                _ = self.stopping.changed() => {
                    return End::Told(close_code::AWAY, "the server stops".to_string());
                }
            };
            match self.answer(session, body).await {
                Ok(same) => session = same,
                Err(end) => return end,
            }
        }
    }

    /// Answers one message. The next one is read when the client has taken the answer.
    async fn answer(&mut self, mut session: Session, body: Vec<u8>) -> Result<Session, End> {
        let Ok(Ok(turn)) = timeout(WAIT, self.turns.clone().acquire_owned()).await else {
            let busy = server::failure(&serde_json::Value::Null, &RpcError::limit("the server is busy; ask again"));
            self.send_text(busy).await?;
            return Ok(session);
        };
        let job = spawn_blocking(move || {
            let answer = session.handle(&body);
            drop(turn);
            (session, answer)
        });
        let (session, answer) = job.await.map_err(|_| End::failed())?;
        if !answer.is_empty() {
            self.send_text(answer).await?;
        }
        Ok(session)
    }

    /// Sends some of the notifications that are due; says whether there may be more.
    async fn notify(&mut self, mut session: Session) -> Result<(Session, bool), End> {
        let job = spawn_blocking(move || {
            let found = session.notifications();
            (session, found)
        });
        let (session, found) = job.await.map_err(|_| End::failed())?;
        let found = found.map_err(|TooSlow { blocks }| {
            End::Told(close_code::AGAIN, format!("too slow: {blocks} blocks of notifications were not taken"))
        })?;
        let more = !found.is_empty();
        for text in found {
            self.send(Message::text(text)).await?;
        }
        Ok((session, more))
    }

    async fn send_text(&mut self, text: Vec<u8>) -> Result<(), End> {
        let text = String::from_utf8(text).map_err(|_| End::failed())?;
        self.send(Message::text(text)).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(SEND, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => {
                Err(End::Told(close_code::AGAIN, format!("too slow: a message was not taken in {} s", SEND.as_secs())))
            }
        }
    }

    async fn close(&mut self, end: End) {
        let End::Told(code, reason) = end else { return };
        let frame = CloseFrame { code, reason: reason.into() };
        // A client that does not read does not get this either.
        let _ = timeout(Duration::from_secs(1), self.socket.send(Message::Close(Some(frame)))).await;
    }
}

impl End {
    fn unreadable(error: &axum::Error) -> End {
        let text = error.to_string();
        if text.contains("too long") || text.contains("too large") {
            return End::Told(close_code::SIZE, format!("a message has at most {} bytes", Sockets::MAX_MESSAGE));
        }
        End::Gone
    }

    fn failed() -> End {
        End::Told(close_code::ERROR, "a request handler failed".to_string())
    }
}
