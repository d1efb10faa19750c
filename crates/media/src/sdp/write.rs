//! Our own descriptions, written in one pass.

use std::io::Write as _;
use std::net::IpAddr;

use crate::{Crypto, Direction, Origin};

/// Writes a description line by line.
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// Begins with everything above the first m-line.
    pub(crate) fn begin(address: IpAddr, origin: Origin, time: &str) -> Self {
        let family = match address {
            IpAddr::V4(_) => "IP4",
            IpAddr::V6(_) => "IP6",
        };
        let Origin { session, version } = origin;
        let mut writer = Writer {
            out: Vec::with_capacity(320),
        };
        writer.line(format_args!(
            "v=0\r\no=- {session} {version} IN {family} {address}\r\ns=-\r\nc=IN {family} {address}"
        ));
        writer.line(format_args!("t={}", one_line(time)));
        writer
    }

    /// The m-line of the one stream in use.
    pub(crate) fn audio(&mut self, port: u16, profile: &str, payload_type: u8, event: Option<u8>) {
        match event {
            Some(event) => self.line(format_args!(
                "m=audio {port} {profile} {payload_type} {event}"
            )),
            None => self.line(format_args!("m=audio {port} {profile} {payload_type}")),
        }
    }

    /// The m-line of a stream that is not used; one format is enough (RFC 3264 section 6).
    pub(crate) fn refused(&mut self, kind: &str, profile: &str, format: &str) {
        self.line(format_args!("m={kind} 0 {profile} {format}"));
    }

    pub(crate) fn encoding(&mut self, payload_type: u8, name: &str) {
        self.line(format_args!("a=rtpmap:{payload_type} {name}/8000"));
    }

    pub(crate) fn telephone_event(&mut self, payload_type: u8) {
        self.encoding(payload_type, "telephone-event");
        self.line(format_args!("a=fmtp:{payload_type} 0-15"));
    }

    pub(crate) fn ptime(&mut self, milliseconds: u16) {
        self.line(format_args!("a=ptime:{milliseconds}"));
    }

    pub(crate) fn direction(&mut self, direction: Direction) {
        self.line(format_args!("a={}", direction.as_str()));
    }

    pub(crate) fn crypto(&mut self, tag: u32, crypto: &Crypto) {
        let (suite, config) = (one_line(&crypto.suite), one_line(&crypto.config));
        self.line(format_args!("a=crypto:{tag} {suite} {config}"));
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.out
            .write_fmt(line)
            .expect("writing into memory does not fail");
        self.out.extend_from_slice(b"\r\n");
    }
}

/// The text up to its first control character: a field can never become a second line.
fn one_line(text: &str) -> &str {
    text.split(|c: char| c.is_control())
        .next()
        .unwrap_or_default()
}
