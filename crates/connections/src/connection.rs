//! A connection: given up when nothing moves on it, and ended so that what was said last arrives.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

/// How much is read at a time of what nobody wants any more, in bytes.
const PART: usize = 8 * 1024;

/// How long a connection is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How long nothing may move on it.
    pub(crate) idle: Duration,
    /// The same once our side has said its last.
    pub(crate) silence: Duration,
    /// How long the other side may then go on sending.
    pub(crate) farewell: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(60),
            silence: Duration::from_secs(1),
            farewell: Duration::from_secs(5),
        }
    }
}

/// One connection. It has its place until it is dropped.
///
/// A socket that is closed while something lies unread in it does not only end: the system tells the other side to forget what it
/// has not read yet, which may be our answer. So this one is shut on our side first; then what still comes is read and thrown
/// away until the other side has closed too, or for a bounded time (<https://www.rfc-editor.org/rfc/rfc9112#section-9.6>).
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    patience: Patience,
    /// When something was last read or written.
    moved: Instant,
    /// Until when the other side may go on sending, once our side is shut.
    farewell: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, place: OwnedSemaphorePermit, patience: Patience) -> Self {
        let moved = Instant::now();
        let timer = Box::pin(tokio::time::sleep_until(moved + patience.idle));
        Self { stream, patience, moved, farewell: None, timer, _place: place }
    }

    /// When this is held to be over, if nothing moves until then.
    fn due(&self) -> Instant {
        match self.farewell {
            Some(end) => end.min(self.moved + self.patience.silence),
            None => self.moved + self.patience.idle,
        }
    }

    /// Called while nothing moves: ready once that has been so for too long. The timer is set anew only when it has run
    /// down, so that a busy connection does not pay for it.
    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(context));
            let due = self.due();
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due);
        }
    }

    fn watch<T>(&mut self, context: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Ready(done) => {
                self.moved = Instant::now();
                Poll::Ready(done)
            }
            Poll::Pending => self
                .poll_over(context)
                .map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, "nothing came for too long"))),
        }
    }

    /// Reads what still comes, until the other side has closed or its time is up.
    fn poll_farewell(&mut self, context: &mut Context<'_>, end: Instant) -> Poll<()> {
        let mut part = [0; PART];
        while Instant::now() < end {
            let mut buffer = ReadBuf::new(&mut part);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => self.moved = Instant::now(),
                // Closed, or broken: there is nobody any more whom an answer could reach.
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.poll_over(context),
            }
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.watch(context, outcome)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let end = match self.farewell {
            Some(end) => end,
            None => {
                ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
                self.moved = Instant::now();
                let end = self.moved + self.patience.farewell;
                self.farewell = Some(end);
                let due = self.due();
                self.timer.as_mut().reset(due);
                end
            }
        };
        self.poll_farewell(context, end).map(Ok)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.watch(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use axum_server::AddrListener as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::tcp::OwnedWriteHalf;
    use tokio::sync::Semaphore;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::Bounded;

    const ANSWER: &[u8] = b"no\n";

    /// Accepts one connection, reads a little of it, answers, and shuts it; tells how long the shutting took.
    fn refuse(silence: u64, farewell: u64) -> (SocketAddr, JoinHandle<Duration>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let patience = Patience {
            silence: Duration::from_millis(silence),
            farewell: Duration::from_millis(farewell),
            ..Patience::default()
        };
        let bounded = Bounded::with_patience(listener, Arc::new(Semaphore::new(1)), patience).unwrap();
        let done = tokio::spawn(async move {
            let (mut connection, _) = bounded.accept_stream().await.unwrap();
            let _ = connection.read_u8().await.unwrap();
            connection.write_all(ANSWER).await.unwrap();
            let begin = Instant::now();
            connection.shutdown().await.unwrap();
            begin.elapsed()
        });
        (address, done)
    }

    async fn send(stream: &mut OwnedWriteHalf, length: usize) -> io::Result<()> {
        stream.write_all(&vec![b'x'; length]).await
    }

    #[tokio::test]
    async fn who_goes_on_sending_gets_the_answer_all_the_same() {
        let (address, shut) = refuse(1_000, 5_000);
        let (mut from, mut to) = TcpStream::connect(address).await.unwrap().into_split();
        // More than the buffers of both sides can hold.
        send(&mut to, 32 << 20).await.unwrap();
        let mut answer = Vec::new();
        from.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, ANSWER);
        drop((from, to));
        assert!(shut.await.unwrap() < Duration::from_secs(1), "it ends with the other side");
    }

    #[tokio::test]
    async fn who_says_nothing_more_is_not_waited_for() {
        let (address, shut) = refuse(100, 5_000);
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"x").await.unwrap();
        let took = shut.await.unwrap();
        assert!((100..2_000).contains(&took.as_millis()), "{took:?}");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, ANSWER);
    }

    #[tokio::test]
    async fn who_never_ends_is_given_up() {
        let (address, shut) = refuse(1_000, 200);
        let (_from, mut to) = TcpStream::connect(address).await.unwrap().into_split();
        while send(&mut to, 64 * 1024).await.is_ok() {}
        let took = shut.await.unwrap();
        assert!((200..2_000).contains(&took.as_millis()), "{took:?}");
    }
}
