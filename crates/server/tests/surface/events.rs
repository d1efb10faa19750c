//! Events followed as they happen.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use hookswitch_rig::sipp::Transport;
use serde_json::Value;

use crate::world::{SOON, World};

/// An open stream of events, line by line.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(world: &World, more: &str) -> Self {
        let mut stream = TcpStream::connect(world.server.http).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        write!(
            stream,
            "GET /v1/acme.test/events HTTP/1.1\r\nHost: hookswitch\r\nAuthorization: Bearer {}\r\n\
             Accept: text/event-stream\r\n{more}\r\n",
            world.tenant.token
        )
        .unwrap();
        Self(BufReader::new(stream))
    }

    /// The next line that begins so, without its beginning.
    fn next(&mut self, beginning: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the stream ended");
            if let Some(rest) = line.trim_end().strip_prefix(beginning) {
                return rest.to_owned();
            }
        }
    }
}

#[test]
fn a_stream_follows_a_call_goes_on_after_a_crash_and_ends_with_the_node() {
    let mut world = World::answering(Transport::Udp);
    let mut stream = Stream::open(&world, "");
    assert!(stream.next("HTTP/1.1 ").starts_with("200"));
    world.calls("uac_call_and_bye", "1001");
    let first = stream.next("id: ");
    let event: Value = serde_json::from_str(&stream.next("data: ")).unwrap();
    assert_eq!(event["event"], "newRemoteCall");
    assert_eq!(event["body"]["sequence"], 1);
    assert_eq!(stream.next("event: "), "callAnswered");
    world.server.kill().unwrap();
    world.server.start_again().unwrap();
    let mut stream = Stream::open(&world, &format!("Last-Event-ID: {first}\r\n"));
    assert_eq!(stream.next("event: "), "callAnswered");
    assert_eq!(stream.next("event: "), "callHungup");
    world.server.signal("TERM").unwrap();
    assert_eq!(stream.next("event: "), "closing");
    assert_eq!(world.server.wait().unwrap(), 0);
}
