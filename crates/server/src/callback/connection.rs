//! A connection to an application, and a reply read from it.
//!
//! An HTTP/1.1 connection has no task of its own: whoever has a request on it drives it, and while it is
//! idle nobody does. That saves two task switches per callback.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;

use super::attempt::TryError;
use super::connect::Stream;

/// Longest reply body that is read, in bytes.
pub(super) const REPLY_LIMIT: usize = 64 * 1024;

/// Whether a failed exchange may have been the fault of a connection that had gone stale.
pub(super) enum Failure {
    BeforeReply(TryError),
    Final(TryError),
}

impl Failure {
    pub(super) const TOO_LATE: Self = Self::Final(TryError::Timeout("waiting for the reply"));
}

pub(super) fn before_reply(error: &hyper::Error) -> Failure {
    let text = describe(error);
    if error.is_parse() || error.is_user() {
        Failure::Final(TryError::Protocol(text))
    } else {
        Failure::BeforeReply(TryError::Protocol(text))
    }
}

/// hyper's errors name the cause only in their source.
fn describe(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// A handle to an HTTP/2 connection, which any number of requests share.
pub(super) type Http2 = http2::SendRequest<Full<Bytes>>;

/// An HTTP/1.1 connection together with the future that moves its bytes.
pub(super) struct Http1 {
    sender: http1::SendRequest<Full<Bytes>>,
    connection: http1::Connection<TokioIo<Stream>, Full<Bytes>>,
    closed: bool,
}

impl Http1 {
    pub(super) fn new(
        sender: http1::SendRequest<Full<Bytes>>,
        connection: http1::Connection<TokioIo<Stream>, Full<Bytes>>,
    ) -> Self {
        Self {
            sender,
            connection,
            closed: false,
        }
    }

    /// Moves what bytes can be moved.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.closed {
            // What went wrong reaches us through the reply or its body.
            self.closed = Pin::new(&mut self.connection).poll(cx).is_ready();
        }
    }

    /// Sends a request and waits for the head of the reply.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failure> {
        let mut reply = pin!(self.sender.send_request(request));
        poll_fn(|cx| {
            if !self.closed {
                self.closed = Pin::new(&mut self.connection).poll(cx).is_ready();
            }
            match reply.as_mut().poll(cx) {
                Poll::Pending if self.closed => {
                    let error = TryError::Protocol("the connection was closed".to_owned());
                    Poll::Ready(Err(Failure::BeforeReply(error)))
                }
                reply => reply.map_err(|error| before_reply(&error)),
            }
        })
        .await
    }

    /// Whether another request may follow, now that the reply has been read to its end.
    pub(super) async fn is_reusable(&mut self) -> bool {
        poll_fn(|cx| {
            self.drive(cx);
            Poll::Ready(())
        })
        .await;
        self.is_ready()
    }

    /// Whether it waits for a request.
    pub(super) fn is_ready(&self) -> bool {
        !self.closed && self.sender.is_ready()
    }
}

/// Reads a body to its end, up to the limit; `drive` moves the connection's bytes.
pub(super) async fn read_body(
    mut body: Incoming,
    mut drive: impl FnMut(&mut Context<'_>),
) -> Result<Bytes, TryError> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while !body.is_end_stream() {
        let frame = poll_fn(|cx| {
            drive(cx);
            Pin::new(&mut body).poll_frame(cx)
        });
        let Some(frame) = frame.await else { break };
        let frame = frame.map_err(|error| TryError::Protocol(describe(&error)))?;
        let Ok(part) = frame.into_data() else {
            continue;
        };
        if first.len() + rest.len() + part.len() > REPLY_LIMIT {
            return Err(TryError::ReplyTooLong);
        }
        // Nearly every reply comes in one piece, which need not be copied.
        if first.is_empty() {
            first = part;
        } else {
            rest.extend_from_slice(&part);
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}
