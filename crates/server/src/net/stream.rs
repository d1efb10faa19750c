//! Stream connections: accepted or dialled, read message by message, written in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant as Now};

use bytes::{Buf as _, Bytes, BytesMut};
use hookswitch_sip::flow::{Flow, Transport};
use hookswitch_sip::message::{Frame, StreamError, next_frame};
use hookswitch_sip::stateless::Refusal;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::connections::{Connections, Life, Registered};
use super::door::Next;
use super::sources::OFFENCE;

const CRLF: &[u8] = b"\r\n";
/// Who sends fewer octets of an unfinished message at a time is read after a pause.
const TRICKLE: usize = 64;
/// That pause.
const PAUSE: Duration = Duration::from_millis(50);

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
                if let Some(registered) = connections.register(flow, Now::now()) {
                    let first = connections.limits.first;
                    let connections = Arc::clone(&connections);
                    tokio::spawn(converse(stream, registered, first, connections));
                }
            }
            Err(error) => {
                // Out of descriptors, mostly: the next try would fail at once, too.
                tracing::debug!(%error, "accepting a connection");
                connections.inboxes.brakes().descriptors.hit(Now::now());
                connections.make_room(Now::now());
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Opens a connection of ours for the messages that wait.
pub(super) async fn dial(connections: Arc<Connections>, local: SocketAddr, registered: Registered) {
    let flow = registered.flow;
    match timeout(connections.limits.connect, connect(local, flow.peer)).await {
        Ok(Ok(stream)) => {
            let idle = connections.limits.idle;
            converse(stream, registered, idle, connections).await;
        }
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

/// What the reader itself has to say on its stream.
enum Own {
    /// Between other messages.
    Answer(Bytes),
    /// The last word.
    Last(Bytes),
}

async fn converse(
    stream: TcpStream,
    registered: Registered,
    first: Duration,
    connections: Arc<Connections>,
) {
    let _ = stream.set_nodelay(true);
    let Registered {
        flow,
        waiting,
        life,
    } = registered;
    let (reading, writing) = stream.into_split();
    let (own, mine) = mpsc::channel(4);
    let reader = Reader {
        stream: reading,
        flow,
        connections: &connections,
        life: &life,
        own,
        idle_at: Instant::now() + first,
    };
    tokio::select! {
        ended = reader.read() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a SIP connection ended");
            }
        }
        ended = write(writing, waiting, mine, connections.limits.connect) => {
            if let Err(error) = ended {
                if error.kind() == io::ErrorKind::TimedOut {
                    connections.inboxes.brakes().unread.hit(Now::now());
                }
                tracing::debug!(%error, "a SIP connection cannot be written");
            }
        }
        () = life.closing.notified() => {}
    }
    connections.closed(flow);
}

/// The reading half of a connection.
struct Reader<'c> {
    stream: OwnedReadHalf,
    flow: Flow,
    connections: &'c Connections,
    life: &'c Life,
    own: mpsc::Sender<Own>,
    /// When it is closed unless something comes.
    idle_at: Instant,
}

impl Reader<'_> {
    async fn read(mut self) -> io::Result<()> {
        let mut buffer = BytesMut::with_capacity(4_096);
        let mut whole_by: Option<Instant> = None;
        loop {
            match next_frame(&buffer) {
                Ok(Frame::Message { len }) => {
                    self.is_alive();
                    whole_by = None;
                    let message = buffer.split_to(len).freeze();
                    let inboxes = &self.connections.inboxes;
                    match inboxes.put_patiently(self.flow, message).await {
                        Next::Read => {}
                        Next::Answer(answer) => {
                            let _ = self.own.send(Own::Answer(answer)).await;
                        }
                        Next::Close => return Ok(()),
                    }
                }
                Ok(Frame::Ping { len }) => {
                    buffer.advance(len);
                    let source = self.flow.peer.ip();
                    // A stranger's connection does not live on line ends alone.
                    if self
                        .connections
                        .inboxes
                        .sources()
                        .is_good(source, Now::now())
                    {
                        self.is_alive();
                    }
                    let _ = self.own.try_send(Own::Answer(Bytes::from_static(CRLF)));
                }
                Ok(Frame::Skip { len }) => buffer.advance(len),
                Ok(Frame::Incomplete) => {
                    if !self.read_more(&mut buffer, &mut whole_by).await? {
                        return Ok(());
                    }
                }
                Err(error) => {
                    self.refuse(&buffer, error).await;
                    let error = error.to_string();
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            }
        }
    }

    fn is_alive(&mut self) {
        self.idle_at = Instant::now() + self.connections.limits.idle;
        self.connections.heard(self.life, Now::now());
    }

    /// Reads what there is; false at the end of the stream.
    async fn read_more(
        &mut self,
        buffer: &mut BytesMut,
        whole_by: &mut Option<Instant>,
    ) -> io::Result<bool> {
        let limits = &self.connections.limits;
        let brakes = self.connections.inboxes.brakes();
        let (by, brake) = if buffer.is_empty() {
            *whole_by = None;
            (self.idle_at, &brakes.idle)
        } else {
            let by = *whole_by.get_or_insert_with(|| Instant::now() + limits.message);
            (by, &brakes.slow_message)
        };
        match timeout_at(by, self.stream.read_buf(buffer)).await {
            Err(_) => {
                brake.hit(Now::now());
                Err(io::ErrorKind::TimedOut.into())
            }
            Ok(read) => {
                let count = read?;
                if whole_by.is_some() && count > 0 && count < TRICKLE {
                    // Every look at an unfinished message begins at its start: who sends octet by octet does not
                    // choose how often.
                    tokio::time::sleep(PAUSE).await;
                }
                Ok(count > 0)
            }
        }
    }

    /// The answer to a request whose end nobody can find; the connection closes after it.
    async fn refuse(&self, buffer: &[u8], error: StreamError) {
        let (inboxes, now) = (&self.connections.inboxes, Now::now());
        let (request, status, reason) = match error {
            StreamError::NotSip => {
                inboxes.brakes().garbage.hit(now);
                return inboxes
                    .sources()
                    .offended(self.flow.peer.ip(), OFFENCE, now);
            }
            StreamError::TooLong => (buffer, 513, "Message Too Large"),
            StreamError::Refused { header, defect } => {
                let head = buffer.get(..header).unwrap_or(buffer);
                (head, defect.status, defect.reason)
            }
        };
        if status == 513 {
            inboxes.brakes().oversized.hit(now);
        }
        inboxes
            .sources()
            .offended(self.flow.peer.ip(), OFFENCE, now);
        let refusal = Refusal {
            status,
            reason,
            retry_after: None,
        };
        if let Some(answer) = inboxes.refusal_of(self.flow, request, refusal) {
            let _ = self.own.send(Own::Last(answer.bytes)).await;
            // The writer needs a moment before the connection goes down with this task.
            let _ = timeout(Duration::from_secs(1), self.own.closed()).await;
        }
    }
}

async fn write(
    mut stream: OwnedWriteHalf,
    mut waiting: mpsc::Receiver<Bytes>,
    mut own: mpsc::Receiver<Own>,
    patience: Duration,
) -> io::Result<()> {
    loop {
        let (bytes, last) = tokio::select! {
            Some(bytes) = waiting.recv() => (bytes, false),
            Some(own) = own.recv() => match own {
                Own::Answer(bytes) => (bytes, false),
                Own::Last(bytes) => (bytes, true),
            },
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
