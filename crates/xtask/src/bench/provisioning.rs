//! What REST provisioning carries on the embedded database: single reads and writes, and a bulk file beside live calls.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hookswitch_rig::server::{Server, Tenant};
use serde_json::json;

use super::application::{Mode, answering};
use super::load::{CALL, Load, Outcome};
use super::process::cpu_time;
use super::report::Row;

/// The tenant whose devices are read and written.
const DOMAIN: &str = "provisioned.test";
/// Connections that ask at the same time: half of what a domain may have under way.
const CONNECTIONS: usize = 16;
/// Devices that are read and written over and over.
const DEVICES: u64 = 10_000;
/// Devices in a bulk file.
const BULK: u64 = 100_000;
/// Live calls a second beside the bulk file.
const LIVE_RATE: u32 = 50;
/// How long a bulk file may take before it counts as stuck.
const STUCK: Duration = Duration::from_secs(300);

/// Reads and single writes a second, and what each costs.
pub(crate) fn single(server: &Server, seconds: u32) -> Result<Vec<Row>> {
    let tenant = server.add_tenant(DOMAIN)?;
    bulk(server, &tenant, "first", &file(DEVICES, |_| "deviceid"))?;
    let path = |number: u64| format!("/provisioning/device/{DOMAIN}/{}", id(number));
    let read = |number: u64| request("GET", &path(number), &tenant.token, "");
    let write = |number: u64| {
        let device =
            json!({"deviceId": id(number), "authType": "deviceid", "description": "a front door"});
        let path = format!("/provisioning/device/{DOMAIN}");
        request("PUT", &path, &tenant.token, &device.to_string())
    };
    let mut rows = run(server, "provisioning: a read", seconds, 15_000.0, read)?;
    rows.extend(run(
        server,
        "provisioning: a write",
        seconds,
        3_000.0,
        write,
    )?);
    Ok(rows)
}

/// 100,000 devices from a file of each kind, and what live calls feel of it.
pub(crate) fn files(server: &Server) -> Result<Vec<Row>> {
    answering(server, Mode::Reply)?;
    let tenant = server.add_tenant(DOMAIN)?;
    load(1).run("1001", server.udp)?;
    let quiet = load(10).run("1001", server.udp)?;
    let mut rows = vec![Row::new(
        "calls' p99 without a bulk file",
        quiet.percentile(0.99),
        "ms",
    )];
    for kind in ["deviceid", "credentials"] {
        let text = file(BULK, |_| kind);
        let cpu = cpu_time(server.id())?;
        let (took, busy) = thread::scope(|scope| -> Result<_> {
            let calls = scope.spawn(|| load(10).run("1001", server.udp));
            let took = bulk(server, &tenant, kind, &text)?;
            Ok((took, calls.join().expect("the load does not panic")?))
        })?;
        let cpu = cpu_time(server.id())? - cpu;
        let named = |what: &str| format!("bulk file of {BULK} {kind} devices: {what}");
        rows.push(
            Row::new(&named("time"), took.as_secs_f64(), "s")
                .at_most(30.0)
                .note(format!("CPU {:.1} s", cpu.as_secs_f64())),
        );
        rows.push(
            Row::new(&named("calls' p99 meanwhile"), busy.percentile(0.99), "ms")
                .note(format!("{LIVE_RATE}/s; {}", story(&busy))),
        );
        rows.push(Row::new(
            &named("longest commit since the start"),
            metric(server, "store_longest_commit_seconds")? * 1e3,
            "ms",
        ));
    }
    Ok(rows)
}

fn run(
    server: &Server,
    what: &str,
    seconds: u32,
    bar: f64,
    request: impl Fn(u64) -> String + Sync,
) -> Result<Vec<Row>> {
    let count = AtomicU64::new(0);
    let cpu = cpu_time(server.id())?;
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds.into());
    thread::scope(|scope| -> Result<()> {
        let ask = || -> Result<()> {
            let mut connection = Connection::open(server)?;
            while Instant::now() < until {
                let number = count.fetch_add(1, Ordering::Relaxed);
                connection.ask(&request(number % DEVICES))?;
            }
            Ok(())
        };
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(ask)).collect();
        for thread in threads {
            thread.join().expect("a customer does not panic")?;
        }
        Ok(())
    })?;
    let took = began.elapsed().as_secs_f64();
    let cpu = (cpu_time(server.id())? - cpu).as_secs_f64();
    let asked = number(count.into_inner());
    Ok(vec![
        Row::new(&format!("{what}: rate"), asked / took, "/s")
            .at_least(bar)
            .note(format!("{CONNECTIONS} connections")),
        Row::new(&format!("{what}: CPU"), cpu / asked * 1e6, "µs"),
    ])
}

/// A connection that costs the generator next to nothing: requests and replies are octets.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(server: &Server) -> Result<Self> {
        let stream = TcpStream::connect(server.http)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            stream,
            buffer: vec![0; 65_536],
        })
    }

    /// Sends a request and waits for its 200.
    fn ask(&mut self, request: &str) -> Result<()> {
        self.stream.write_all(request.as_bytes())?;
        let mut filled = 0;
        loop {
            let room = self.buffer.get_mut(filled..).context("a short reply")?;
            let count = self.stream.read(room)?;
            ensure!(count > 0, "the connection closed without an answer");
            filled += count;
            if is_whole(&self.buffer[..filled]) {
                break;
            }
        }
        let reply = &self.buffer[..filled];
        let shown = String::from_utf8_lossy(reply);
        ensure!(reply.starts_with(b"HTTP/1.1 200"), "{shown}");
        Ok(())
    }
}

/// Whether header and body of a reply are there.
fn is_whole(reply: &[u8]) -> bool {
    let Some(end) = reply.windows(4).position(|part| part == b"\r\n\r\n") else {
        return false;
    };
    let header = String::from_utf8_lossy(&reply[..end]).to_ascii_lowercase();
    let length = header
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse::<usize>().ok());
    length.is_some_and(|length| reply.len() >= end + 4 + length)
}

fn request(method: &str, path: &str, token: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn id(number: u64) -> String {
    format!("+4689{number:06}")
}

/// A CSV file of so many devices.
fn file(count: u64, kind: impl Fn(u64) -> &'static str) -> String {
    let mut text = "deviceId,authType,ha1\n".to_owned();
    for number in 0..count {
        let (id, kind) = (id(number), kind(number));
        let hash = match kind {
            "credentials" => format!("{number:032x}"),
            _ => String::new(),
        };
        writeln!(text, "{id},{kind},{hash}").expect("a String takes every write");
    }
    text
}

/// Sends a file and waits for the end of its job.
fn bulk(server: &Server, tenant: &Tenant, name: &str, text: &str) -> Result<Duration> {
    let path = format!("/provisioning/device/{DOMAIN}/bulk/{name}");
    let began = Instant::now();
    let head = request("PUT", &path, &tenant.token, text);
    let head = head.replacen("application/json", "text/csv", 1);
    Connection::open(server)?.ask(&head)?;
    loop {
        let reply = tenant.request("GET", &path, None)?;
        let status = &reply.body["status"];
        match status["status"].as_str() {
            Some("STARTED") => {}
            Some("COMPLETED") => return Ok(began.elapsed()),
            _ => anyhow::bail!("the bulk job ended as {}", reply.body),
        }
        ensure!(began.elapsed() < STUCK, "stuck: {status}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// One figure of `/metrics`.
fn metric(server: &Server, name: &str) -> Result<f64> {
    let mut stream = TcpStream::connect(server.http)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let line = text
        .lines()
        .find(|line| !line.starts_with('#') && line.contains(name))
        .with_context(|| format!("no metric {name}"))?;
    let figure = line.rsplit(' ').next().unwrap_or_default();
    Ok(figure.parse()?)
}

fn story(outcome: &Outcome) -> String {
    format!(
        "{} answered, {} failed, {} repeated",
        outcome.succeeded, outcome.failed, outcome.retransmissions
    )
}

fn load(seconds: u32) -> Load {
    Load {
        scenario: CALL,
        rate: LIVE_RATE,
        calls: LIVE_RATE * seconds,
        held: Duration::ZERO,
        is_timed: true,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::{file, is_whole};

    #[test]
    fn a_reply_is_whole_when_its_body_is_there() {
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"));
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{"));
        assert!(is_whole(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"));
    }

    #[test]
    fn the_largest_file_is_below_what_a_file_may_be() {
        assert!(file(super::BULK, |_| "credentials").len() < 10_000_000);
    }
}
