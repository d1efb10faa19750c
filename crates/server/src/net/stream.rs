//! Stream connections: accepted or dialled, read message by message, written in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::message::{
    Frame, HeaderName, Message, Method, StreamError, Writer, next_frame,
};
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::connections::Connections;

const CRLF: &[u8] = b"\r\n";

/// Opens a listening socket.
pub(super) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

/// Accepts connections until the runtime stops.
pub(super) async fn accept(listener: TcpListener, place: u16, connections: Arc<Connections>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let flow = Flow {
                    transport: Transport::Tcp,
                    listener: place,
                    peer,
                    connection: 0,
                };
                if let Some((flow, waiting)) = connections.register(flow) {
                    tokio::spawn(converse(stream, flow, waiting, Arc::clone(&connections)));
                }
            }
            Err(error) => {
                // Out of descriptors, mostly: the next try would fail at once, too.
                tracing::warn!(%error, "accepting a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Opens a connection of ours for the messages that wait.
pub(super) async fn dial(
    connections: Arc<Connections>,
    local: SocketAddr,
    flow: Flow,
    waiting: mpsc::Receiver<Bytes>,
) {
    match timeout(connections.limits.connect, connect(local, flow.peer)).await {
        Ok(Ok(stream)) => converse(stream, flow, waiting, connections).await,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a SIP connection was not made");
            connections.closed(flow);
        }
        Err(_) => {
            tracing::debug!("a SIP connection was not made in time");
            connections.closed(flow);
        }
    }
}

async fn connect(local: SocketAddr, peer: SocketAddr) -> io::Result<TcpStream> {
    let socket = if peer.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if !local.ip().is_unspecified() {
        socket.bind(SocketAddr::new(local.ip(), 0))?;
    }
    socket.connect(peer).await
}

async fn converse(
    stream: TcpStream,
    flow: Flow,
    waiting: mpsc::Receiver<Bytes>,
    connections: Arc<Connections>,
) {
    let _ = stream.set_nodelay(true);
    let (reading, writing) = stream.into_split();
    // Answers the reader itself has for a stream it cannot follow: pongs, and the 400 before it closes.
    let (own, mine) = mpsc::channel(4);
    let limits = connections.limits;
    tokio::select! {
        ended = read(reading, flow, &connections, own) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a SIP connection ended");
            }
        }
        ended = write(writing, waiting, mine, limits.connect) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a SIP connection cannot be written");
            }
        }
    }
    connections.closed(flow);
}

async fn read(
    mut stream: OwnedReadHalf,
    flow: Flow,
    connections: &Connections,
    own: mpsc::Sender<Bytes>,
) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(4_096);
    let mut whole_by: Option<Instant> = None;
    loop {
        match next_frame(&buffer) {
            Ok(Frame::Message { len }) => {
                connections
                    .inboxes
                    .put_patiently(flow, buffer.split_to(len).freeze())
                    .await;
                whole_by = None;
            }
            Ok(Frame::Ping { len }) => {
                buffer.advance(len);
                let _ = own.try_send(Bytes::from_static(CRLF));
            }
            Ok(Frame::Skip { len }) => buffer.advance(len),
            Ok(Frame::Incomplete) => {
                let by = if buffer.is_empty() {
                    whole_by = None;
                    Instant::now() + connections.limits.idle
                } else {
                    *whole_by.get_or_insert_with(|| Instant::now() + connections.limits.message)
                };
                let read = timeout_at(by, stream.read_buf(&mut buffer)).await;
                let read = read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
                if read? == 0 {
                    return Ok(());
                }
            }
            Err(error) => {
                if let Some(answer) = refusal(&buffer, &error) {
                    let _ = own.send(answer).await;
                    // The writer needs a moment before the connection goes down with this task.
                    let _ = timeout(Duration::from_secs(1), own.closed()).await;
                }
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    error.to_string(),
                ));
            }
        }
    }
}

/// The answer to a request whose end nobody can find; the connection closes after it.
fn refusal(buffer: &[u8], error: &StreamError) -> Option<Bytes> {
    let StreamError::Refused { header, defect } = error else {
        return None;
    };
    let request = Message::parse(buffer.get(..*header)?).ok()?;
    if !request.is_request() || request.method() == Some(Method::Ack) {
        return None;
    }
    let mut out = Vec::with_capacity(512);
    let mut writer = Writer::response(&mut out, defect.status, defect.reason);
    for name in [
        HeaderName::Via,
        HeaderName::From,
        HeaderName::To,
        HeaderName::CallId,
        HeaderName::CSeq,
    ] {
        writer.copy(&request, name);
    }
    writer.finish(None);
    Some(out.into())
}

async fn write(
    mut stream: OwnedWriteHalf,
    mut waiting: mpsc::Receiver<Bytes>,
    mut own: mpsc::Receiver<Bytes>,
    patience: Duration,
) -> io::Result<()> {
    loop {
        let (bytes, last) = tokio::select! {
            Some(bytes) = waiting.recv() => (bytes, false),
            Some(bytes) = own.recv() => { let last = &*bytes != CRLF; (bytes, last) }
            else => return Ok(()),
        };
        let written = timeout(patience, stream.write_all(&bytes)).await;
        written.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        if last {
            let _ = stream.shutdown().await;
            return Ok(());
        }
    }
}
