//! Bodies that are made while they are sent, in constant memory.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

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

/// What a job writes to on a thread of its own; the client reads it as a [`Body`].
pub(crate) struct BodyWriter {
    chunks: Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
    runtime: Handle,
}

struct Chunks(Receiver<io::Result<Bytes>>);

/// The two ends. To be called on a runtime.
pub(crate) fn body() -> (BodyWriter, Body) {
    let (chunks, receiver) = channel(CHUNKS);
    (BodyWriter { chunks, buffer: Vec::new(), runtime: Handle::current() }, Body::new(Chunks(receiver)))
}

impl BodyWriter {
    fn send(&self, chunk: io::Result<Bytes>) -> io::Result<()> {
        let sent = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.chunks.send(chunk)).await });
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Ends the body: whole, or so that the client sees that it is not.
    pub fn end(mut self, result: io::Result<()>) {
        // A client that has gone needs no end.
        let _ = match result.and_then(|()| self.flush()) {
            Ok(()) => Ok(()),
            Err(error) => self.send(Err(error)),
        };
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
        self.send(Ok(chunk.into()))
    }
}

impl hyper::body::Body for Chunks {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
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
    }
}
