//! A customer's application: answers callbacks by a script and remembers what it was told.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;

use crate::http::{self, Message};
use crate::program::LOOPBACK;

/// One callback as it arrived.
#[derive(Clone, Debug)]
pub struct Callback {
    /// The last part of the path: `newRemoteCall`, `callAnswered`, …
    pub name: String,
    /// Field names in lower case.
    pub headers: Vec<(String, String)>,
    /// The JSON body.
    pub body: Value,
    /// The body's very bytes, for signatures.
    pub bytes: Vec<u8>,
}

impl Callback {
    /// The first header field of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A member of the body as text; numbers are written out, missing members are empty.
    pub fn text(&self, member: &str) -> String {
        match &self.body[member] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        }
    }
}

/// What the application does with a callback.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A status and a JSON body.
    Json(u16, Value),
    /// The same, after holding the request for a while.
    Late(Duration, u16, Value),
    /// Elsewhere: 302 with that Location.
    Redirect(String),
    /// The connection is cut without a word.
    Reset,
    /// A body that never ends.
    Endless,
    /// These very octets, then the end of the connection.
    Octets(Vec<u8>),
    /// The same one by one, with a pause before each.
    Dripping(Duration, Vec<u8>),
}

impl Answer {
    /// 200 with an empty object.
    pub fn ok() -> Self {
        Self::Json(200, Value::Object(serde_json::Map::new()))
    }
}

/// How an application behaves; every closure from a callback to an answer is a script.
pub trait Script: Send + Sync + 'static {
    /// The answer to `callback`.
    fn answer(&self, callback: &Callback) -> Answer;

    /// Called on the connection's thread once the answer is on its way.
    fn answered(&self, _callback: &Callback) {}
}

impl<F: Fn(&Callback) -> Answer + Send + Sync + 'static> Script for F {
    fn answer(&self, callback: &Callback) -> Answer {
        self(callback)
    }
}

#[derive(Default)]
struct Inbox {
    callbacks: Mutex<Vec<Callback>>,
    arrived: Condvar,
}

impl Inbox {
    fn callbacks(&self) -> MutexGuard<'_, Vec<Callback>> {
        // A panicking test thread cannot leave a vector half pushed.
        self.callbacks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running application on a port of its own. It lives as long as the process.
pub struct Application {
    address: SocketAddr,
    inbox: Arc<Inbox>,
}

impl Application {
    /// Starts an application that follows `script` and remembers every callback.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn start(script: impl Script) -> Result<Self> {
        Self::launch(script, true)
    }

    /// Starts one that remembers nothing, for load.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn start_forgetful(script: impl Script) -> Result<Self> {
        Self::launch(script, false)
    }

    fn launch(script: impl Script, remembers: bool) -> Result<Self> {
        let listener = TcpListener::bind((LOOPBACK, 0))?;
        let address = listener.local_addr()?;
        let inbox = Arc::new(Inbox::default());
        let memory = remembers.then(|| Arc::clone(&inbox));
        let script = Arc::new(script);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, memory) = (Arc::clone(&script), memory.clone());
                // A connection that breaks is the server's business; the next one starts afresh.
                thread::spawn(move || converse(&stream, &*script, memory.as_deref()));
            }
        });
        Ok(Self { address, inbox })
    }

    /// The `callbackBaseUrl` to provision.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything heard so far.
    pub fn callbacks(&self) -> Vec<Callback> {
        self.inbox.callbacks().clone()
    }

    /// The first callback called `name`, now or within `patience`.
    ///
    /// # Errors
    /// When it does not come; the message lists what came instead.
    pub fn wait_for(&self, name: &str, patience: Duration) -> Result<Callback> {
        self.wait_until(name, patience, |callback| callback.name == name)
    }

    /// The first callback that `is_it` takes, now or within `patience`.
    ///
    /// # Errors
    /// When it does not come; the message lists what came instead.
    pub fn wait_until(
        &self,
        what: &str,
        patience: Duration,
        is_it: impl Fn(&Callback) -> bool,
    ) -> Result<Callback> {
        let deadline = Instant::now() + patience;
        let mut callbacks = self.inbox.callbacks();
        loop {
            if let Some(found) = callbacks.iter().find(|callback| is_it(callback)) {
                return Ok(found.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let names: Vec<&str> = callbacks.iter().map(|heard| heard.name.as_str()).collect();
                bail!("no {what} within {patience:?}; heard {names:?}");
            }
            let waited = self.inbox.arrived.wait_timeout(callbacks, left);
            callbacks = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn converse(stream: &TcpStream, script: &dyn Script, memory: Option<&Inbox>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(request) = http::read(&mut reader)? {
        let callback = callback_of(request);
        let answer = script.answer(&callback);
        if let Some(inbox) = memory {
            inbox.callbacks().push(callback.clone());
            inbox.arrived.notify_all();
        }
        match answer {
            Answer::Json(status, body) => send(&mut writer, status, "", &body)?,
            Answer::Late(delay, status, body) => {
                thread::sleep(delay);
                send(&mut writer, status, "", &body)?;
            }
            Answer::Redirect(location) => {
                let field = format!("Location: {location}\r\n");
                send(&mut writer, 302, &field, &Value::Null)?;
            }
            Answer::Reset => return Ok(()),
            Answer::Endless => return babble(&mut writer),
            Answer::Octets(octets) => return Ok(writer.write_all(&octets)?),
            Answer::Dripping(pause, octets) => {
                for octet in octets {
                    thread::sleep(pause);
                    writer.write_all(&[octet])?;
                }
                return Ok(());
            }
        }
        script.answered(&callback);
    }
    Ok(())
}

fn callback_of(request: Message) -> Callback {
    let path = request.start.split(' ').nth(1).unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    Callback {
        name,
        body: request.json(),
        headers: request.headers,
        bytes: request.body,
    }
}

fn send(writer: &mut impl Write, status: u16, fields: &str, body: &Value) -> Result<()> {
    let body = body.to_string();
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} Scripted\r\nContent-Type: application/json\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
    );
    writer.write_all(text.as_bytes())?;
    Ok(())
}

/// Sends chunks until the other side has had enough.
fn babble(writer: &mut impl Write) -> Result<()> {
    writer.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    loop {
        writer.write_all(chunk.as_bytes())?;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{Answer, Application, Callback};
    use crate::http::Connection;

    #[test]
    fn a_callback_is_answered_by_the_script_and_remembered() {
        let application = Application::start(|callback: &Callback| {
            Answer::Json(201, json!({"heard": callback.name}))
        })
        .unwrap();
        let address = application.base_url()["http://".len()..].parse().unwrap();
        let mut connection = Connection::open(address).unwrap();
        let body = json!({"callId": 7});
        let reply = connection
            .request("POST", "/hooks/callHungup", None, Some(&body))
            .unwrap();
        assert_eq!(
            (reply.status, reply.body),
            (201, json!({"heard": "callHungup"}))
        );
        let heard = application.wait_for("callHungup", Duration::ZERO).unwrap();
        assert_eq!(heard.text("callId"), "7");
    }

    #[test]
    fn a_callback_that_never_comes_is_an_error_that_lists_the_others() {
        let application = Application::start(|_: &Callback| Answer::ok()).unwrap();
        let error = application
            .wait_for("callFailed", Duration::ZERO)
            .unwrap_err();
        assert!(error.to_string().contains("no callFailed"));
    }
}
