//! Bodies that are made while they are sent: a few chunks of them are in memory.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use hyper::body::Frame;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// So much is sent at once.
const CHUNK: usize = 64 * 1024;
/// So many chunks wait for the client.
const CHUNKS: usize = 4;
/// A client that takes nothing for so long is left.
const PATIENCE: Duration = Duration::from_secs(20);

/// A body takes at most so long.
const DEADLINE: Duration = Duration::from_secs(600);

/// What a job writes to on a thread of its own; the client reads it as a [`Body`].
pub(crate) struct BodyWriter {
    chunks: Sender<Bytes>,
    buffer: Vec<u8>,
    runtime: Handle,
    begun: Instant,
    whole: Arc<AtomicBool>,
}

/// What the client has not read yet. It ends well only if the job said that it is whole: however a job ends, a part is
/// not taken for the whole.
struct Chunks {
    chunks: Receiver<Bytes>,
    whole: Arc<AtomicBool>,
    ended: bool,
}

/// The two ends. To be called on a runtime.
pub(crate) fn body() -> (BodyWriter, Body) {
    let (sender, receiver) = channel(CHUNKS);
    let whole = Arc::new(AtomicBool::new(false));
    let chunks = Chunks { chunks: receiver, whole: whole.clone(), ended: false };
    let writer =
        BodyWriter { chunks: sender, buffer: Vec::new(), runtime: Handle::current(), begun: Instant::now(), whole };
    (writer, Body::new(chunks))
}

impl BodyWriter {
    fn send(&self, chunk: Bytes) -> io::Result<()> {
        let left = DEADLINE.saturating_sub(self.begun.elapsed()).min(PATIENCE);
        match self.runtime.block_on(async { tokio::time::timeout(left, self.chunks.send(chunk)).await }) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Ends the body: whole, or so that the client sees that it is not.
    pub fn end(mut self, result: io::Result<()>) {
        match result.and_then(|()| self.flush()) {
            Ok(()) => self.whole.store(true, Ordering::Release),
            // The client has gone, or took too long.
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::TimedOut) => {}
            Err(error) => eprintln!("server: an answer was cut off: {error}"),
        }
    }
}

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.buffer);
        self.send(chunk.into())
    }
}

impl hyper::body::Body for Chunks {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.chunks.poll_recv(context) {
            Poll::Ready(Some(chunk)) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
            Poll::Ready(None) if !self.ended && !self.whole.load(Ordering::Acquire) => {
                self.ended = true;
                Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(job: impl FnOnce(&mut BodyWriter) -> io::Result<()> + Send + 'static) -> Result<usize, axum::Error> {
        let (mut writer, body) = body();
        tokio::task::spawn_blocking(move || {
            let result = job(&mut writer);
            writer.end(result);
        });
        axum::body::to_bytes(body, usize::MAX).await.map(|bytes| bytes.len())
    }

    #[tokio::test]
    async fn a_body_is_whole_or_says_that_it_is_not() {
        let many = |out: &mut BodyWriter| (0..1000).try_for_each(|_| out.write_all(&[7; 1000]));
        assert_eq!(read(many).await.unwrap(), 1_000_000);
        assert_eq!(read(|_| Ok(())).await.unwrap(), 0);
        assert!(read(move |out| many(out).and(Err(io::Error::other("a block is missing")))).await.is_err());
        let gone = move |out: &mut BodyWriter| many(out).and(Err(io::ErrorKind::TimedOut.into()));
        assert!(read(gone).await.is_err(), "a client that was too slow does not take a part for the whole");
        // A job that panics never says that it is whole.
        let (writer, body) = body();
        drop(writer);
        assert!(axum::body::to_bytes(body, usize::MAX).await.is_err());
    }
}
