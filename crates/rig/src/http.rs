//! Just enough HTTP/1.1 to be a customer: keep-alive, bodies by Content-Length or chunks, no TLS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// How long a peer may stay silent before a read gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// One request or response: its first line, its header fields with lower-case names, its body.
#[derive(Debug, Default)]
pub struct Message {
    /// The request line or status line.
    pub start: String,
    /// Field names in lower case, values trimmed, in order.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Message {
    /// The first field of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// An answer to one of our requests.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body; `null` when it is none.
    pub body: Value,
}

/// A kept-alive connection to one server.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
    /// Further header lines of every request.
    headers: String,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens at `address`.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connect {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let stream = BufReader::new(stream);
        let headers = String::new();
        Ok(Self {
            address,
            stream,
            headers,
        })
    }

    /// The same, with this header in every request.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// Sends one request and waits for its answer.
    ///
    /// # Errors
    /// When the connection breaks or what comes back is not HTTP.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Reply> {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        if let Some(token) = token {
            text.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        text.push_str(&self.headers);
        let body = body.map(Value::to_string).unwrap_or_default();
        if !body.is_empty() {
            text.push_str("Content-Type: application/json\r\n");
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.stream.get_mut().write_all(text.as_bytes())?;
        let message = read(&mut self.stream)?.context("the connection closed without an answer")?;
        let status = message.start.split(' ').nth(1).unwrap_or_default();
        let status = status.parse().context("a status line")?;
        Ok(Reply {
            status,
            body: message.json(),
        })
    }
}

/// Reads one message; nothing when the connection was closed between two.
///
/// # Errors
/// When the connection breaks inside a message or what comes is not HTTP.
pub fn read(stream: &mut impl BufRead) -> Result<Option<Message>> {
    let Some(start) = line(stream)? else {
        return Ok(None);
    };
    let mut message = Message {
        start,
        ..Message::default()
    };
    loop {
        let line = line(stream)?.context("closed inside the header")?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').context("a header field")?;
        let field = (name.to_ascii_lowercase(), value.trim().to_owned());
        message.headers.push(field);
    }
    if message.header("transfer-encoding") == Some("chunked") {
        message.body = chunks(stream)?;
    } else if let Some(length) = message.header("content-length") {
        message.body = vec![0; length.parse()?];
        stream.read_exact(&mut message.body)?;
    }
    Ok(Some(message))
}

fn line(stream: &mut impl BufRead) -> Result<Option<String>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    ensure!(line.ends_with('\n'), "closed inside a line");
    line.truncate(line.trim_end().len());
    Ok(Some(line))
}

fn chunks(stream: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let Some(size) = line(stream)? else {
            bail!("closed inside a chunked body");
        };
        let size = u64::from_str_radix(&size, 16).context("a chunk size")?;
        let read = stream.by_ref().take(size).read_to_end(&mut body)?;
        ensure!(u64::try_from(read) == Ok(size), "closed inside a chunk");
        line(stream)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_body_is_read_by_its_length_and_the_next_message_follows() {
        let mut bytes: &[u8] =
            b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}GET /b HTTP/1.1\r\n\r\n";
        let first = read(&mut bytes).unwrap().unwrap();
        let second = read(&mut bytes).unwrap().unwrap();
        assert_eq!(
            (first.body.as_slice(), second.start.as_str()),
            (&b"{}"[..], "GET /b HTTP/1.1")
        );
        assert!(read(&mut bytes).unwrap().is_none());
    }

    #[test]
    fn chunks_are_put_together() {
        let mut bytes: &[u8] =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n";
        let reply = read(&mut bytes).unwrap().unwrap();
        assert_eq!(reply.json(), serde_json::json!([1, 2]));
    }

    #[test]
    fn a_cut_body_is_an_error() {
        let mut bytes: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}";
        assert!(read(&mut bytes).is_err());
    }
}
