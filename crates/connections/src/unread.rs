//! What is left of a request's body once its answer is ready.
//!
//! A call can be refused before its body was read, and the body can still be under way. Were the connection closed then, the
//! client's next call on it would be lost. So the rest is read and thrown away; where it is too long or too slow for that, the
//! answer says that the connection ends with it (<https://www.rfc-editor.org/rfc/rfc9112#section-9.6>).

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::{HeaderValue, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use futures::{Stream, StreamExt};
use tokio::sync::oneshot;

/// The longest rest that is read: that of a call that sets a secret, and more.
const MAX_REST: usize = 1024 * 1024;

/// How long an answer waits for the rest.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads what the handler left unread, or has the connection end. Streams of HTTP/2 end one by one: they need nothing.
///
/// A layer of `axum::middleware::from_fn`: outside of whatever refuses calls or bounds their time.
pub async fn read_on(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() || request.version() >= Version::HTTP_2 {
        return next.run(request).await;
    }
    // Such a client sends its body only if it is told to go on, which reading would do.
    let waits = request.headers().contains_key(header::EXPECT);
    let (back, mut rest) = oneshot::channel();
    let request = request
        .map(|body| Body::from_stream(Watched { body: Some(body.into_data_stream()), back: Some(back) }));
    let mut response = next.run(request).await;
    if let Ok(rest) = rest.try_recv()
        && (waits || !ends(rest).await)
    {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whether the rest came to its end within its bounds.
async fn ends(mut rest: BodyDataStream) -> bool {
    let read = async {
        let mut length = 0;
        while let Some(part) = rest.next().await {
            match part {
                Ok(part) if length + part.len() <= MAX_REST => length += part.len(),
                _ => return false,
            }
        }
        true
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap_or(false)
}

/// A body that is given back when it is dropped before its end.
struct Watched {
    body: Option<BodyDataStream>,
    back: Option<oneshot::Sender<BodyDataStream>>,
}

impl Stream for Watched {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let part = ready!(body.poll_next_unpin(context));
        if part.is_none() {
            self.body = None;
        }
        Poll::Ready(part)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take()) {
            // Nobody waits for it if the request itself was given up.
            let _ = back.send(body);
        }
    }
}
