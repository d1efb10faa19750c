//! A phone of the tests' own: it says exactly what it is told to, on a socket that outlives the server's.
//!
//! SIPp plays whole scenarios; this plays what lies between two lives of the server. It repeats nothing by itself.

mod line;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::sipp::Transport;
use line::{Line, Way};

/// A SIP message as it was heard.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The whole message.
    pub text: String,
    way: Way,
}

impl Heard {
    /// The first line.
    pub fn start(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        self.text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The method: of a request its own, of a response that of its CSeq.
    pub fn method(&self) -> &str {
        self.field("CSeq").split(' ').nth(1).unwrap_or_default()
    }

    /// Whether this is a request of that method.
    pub fn is_request(&self, method: &str) -> bool {
        self.status().is_none() && self.method() == method
    }

    /// Whether this is a response of that status to that method.
    pub fn is_response(&self, status: u16, method: &str) -> bool {
        self.status() == Some(status) && self.method() == method
    }

    /// The value of the first header field of that name; empty when there is none.
    pub fn field(&self, name: &str) -> &str {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value.trim())
    }

    /// The number of its CSeq.
    pub fn cseq(&self) -> u32 {
        let number = self.field("CSeq").split(' ').next();
        number.and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    /// The `branch` of its topmost Via.
    pub fn branch(&self) -> &str {
        parameter(self.field("Via"), "branch")
    }
}

/// A phone in one call at a time.
#[derive(Debug)]
pub struct Phone {
    line: Line,
    server: SocketAddr,
    call_id: String,
    local: String,
    remote: String,
    target: String,
    cseq: u32,
    branches: u32,
    heard: Vec<Heard>,
}

impl Phone {
    /// A phone that will talk to `server`.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn new(transport: Transport, server: SocketAddr) -> Result<Self> {
        let line = Line::open(transport)?;
        let address = line.address;
        Ok(Self {
            line,
            server,
            call_id: format!("{}-{}", std::process::id(), address.port()),
            local: format!("<sip:alice@{address}>;tag=phone{}", address.port()),
            remote: String::new(),
            target: String::new(),
            cseq: 0,
            branches: 0,
            heard: Vec::new(),
        })
    }

    /// Where this phone is called.
    pub fn address(&self) -> SocketAddr {
        self.line.address
    }

    /// Its Call-ID, once it called or was called.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Calls `user` of `domain` and returns the INVITE.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn invites(&mut self, user: &str, domain: &str) -> Result<String> {
        self.target = format!("sip:{user}@{domain}");
        self.remote = format!("<{}>", self.target);
        self.sends("INVITE", Some(SDP))
    }

    /// Sends a request of the call, within its dialog once there is one, and returns it.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn sends(&mut self, method: &str, body: Option<&str>) -> Result<String> {
        self.cseq += 1;
        self.branches += 1;
        let (cseq, branch) = (self.cseq, self.branches);
        let branch = format!("z9hG4bKphone{}x{branch}", self.line.address.port());
        self.sends_as(method, cseq, &branch, body)
    }

    /// Acknowledges a 2xx.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn acknowledges(&mut self, answer: &Heard) -> Result<String> {
        self.joins(answer);
        self.branches += 1;
        let branch = format!("z9hG4bKphone{}x{}", self.line.address.port(), self.branches);
        self.sends_as("ACK", answer.cseq(), &branch, None)
    }

    /// Acknowledges a refusal of `invite` (RFC 3261 §17.1.1.3).
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn acknowledges_refusal(&mut self, refusal: &Heard) -> Result<String> {
        let branch = refusal.branch().to_owned();
        let to = std::mem::replace(&mut self.remote, refusal.field("To").to_owned());
        let sent = self.sends_as("ACK", refusal.cseq(), &branch, None);
        self.remote = to;
        sent
    }

    /// Sends bytes that were sent before.
    ///
    /// # Errors
    /// When they cannot be sent.
    pub fn repeats(&mut self, message: &str) -> Result<()> {
        self.line.send(self.server, message)
    }

    /// Answers a request the way it came, or over a new connection when that broke; with an SDP body in a 2xx or 183 to INVITE.
    ///
    /// # Errors
    /// When the answer cannot be sent.
    pub fn answers(&mut self, request: &Heard, status: u16) -> Result<()> {
        if request.is_request("INVITE") {
            self.called(request);
        }
        let fields: String = ["Via", "From", "Call-ID", "CSeq"]
            .iter()
            .map(|name| format!("{name}: {}\r\n", request.field(name)))
            .collect();
        let to = request.field("To");
        let tag = match parameter(to, "tag") {
            "" => format!(";tag=phone{}", self.line.address.port()),
            _ => String::new(),
        };
        let contact = self.contact();
        let carries = request.is_request("INVITE") && (status == 183 || status / 100 == 2);
        let body = if carries { SDP } else { "" };
        let kind = if carries {
            "Content-Type: application/sdp\r\n"
        } else {
            ""
        };
        let length = body.len();
        let text = format!(
            "SIP/2.0 {status} Said\r\n{fields}To: {to}{tag}\r\nContact: {contact}\r\n{ALLOW}{kind}Content-Length: {length}\r\n\r\n{body}"
        );
        self.line.answer(&request.way, self.server, &text)
    }

    /// The first message that `is_it` takes and no earlier call of this took, now or within `patience`.
    ///
    /// # Errors
    /// When it does not come; the message lists what came instead.
    pub fn hears(
        &mut self,
        what: &str,
        patience: Duration,
        is_it: impl Fn(&Heard) -> bool,
    ) -> Result<Heard> {
        if let Some(place) = self.heard.iter().position(&is_it) {
            return Ok(self.heard.remove(place));
        }
        let deadline = std::time::Instant::now() + patience;
        loop {
            let next = self.line.next(deadline).with_context(|| {
                let lines: Vec<&str> = self.heard.iter().map(Heard::start).collect();
                format!("no {what} within {patience:?}; heard {lines:?}")
            })?;
            let heard = Heard {
                text: next.0,
                way: next.1,
            };
            if is_it(&heard) {
                return Ok(heard);
            }
            self.heard.push(heard);
        }
    }

    /// What was heard so far and asked for by nobody.
    pub fn unclaimed(&mut self) -> Vec<Heard> {
        while let Ok((text, way)) = self.line.next(std::time::Instant::now()) {
            self.heard.push(Heard { text, way });
        }
        std::mem::take(&mut self.heard)
    }

    /// Cancels the INVITE it sent (RFC 3261 §9.1).
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn cancels(&mut self, invite: &str) -> Result<String> {
        let branch = parameter(invite, "branch").to_owned();
        self.sends_as("CANCEL", self.cseq, &branch, None)
    }

    /// Notes the dialog that an answer makes for the caller.
    fn joins(&mut self, answer: &Heard) {
        self.remote = answer.field("To").to_owned();
        self.target = target_of(answer);
    }

    /// Notes the dialog that an INVITE makes for the called side.
    fn called(&mut self, invite: &Heard) {
        invite.field("Call-ID").clone_into(&mut self.call_id);
        invite.field("From").clone_into(&mut self.remote);
        self.target = target_of(invite);
        if parameter(invite.field("To"), "tag").is_empty() {
            let port = self.line.address.port();
            self.local = format!("{};tag=phone{port}", invite.field("To"));
        }
    }

    fn contact(&self) -> String {
        let (address, transport) = (self.line.address, self.line.transport);
        format!("<sip:alice@{address};transport={transport}>")
    }

    fn sends_as(
        &mut self,
        method: &str,
        cseq: u32,
        branch: &str,
        body: Option<&str>,
    ) -> Result<String> {
        let via = self.line.transport.parameter().to_uppercase();
        let kind = if body.is_some() {
            "Content-Type: application/sdp\r\n"
        } else {
            ""
        };
        let body = body.unwrap_or_default();
        let text = format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/{via} {};rport;branch={branch}\r\nMax-Forwards: 70\r\n\
             From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContact: {}\r\n{ALLOW}{kind}\
             Content-Length: {}\r\n\r\n{body}",
            self.target,
            self.line.address,
            self.local,
            self.remote,
            self.call_id,
            self.contact(),
            body.len(),
        );
        self.line.send(self.server, &text)?;
        Ok(text)
    }
}

/// The media a phone offers and answers with.
pub const SDP: &str = "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";

const ALLOW: &str = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\r\n";

fn target_of(message: &Heard) -> String {
    let contact = message.field("Contact");
    let uri = contact.split(['<', '>']).nth(1).unwrap_or(contact);
    uri.to_owned()
}

/// The value of the first `name=` parameter in `text`; empty when there is none.
fn parameter<'t>(text: &'t str, name: &str) -> &'t str {
    let marker = format!(";{name}=");
    let value = text.split_once(&marker).map(|(_, rest)| rest);
    value
        .and_then(|value| value.split([';', ',', ' ', '\r', '>']).next())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn two_phones_talk_over_udp_and_tcp() {
        for transport in [Transport::Udp, Transport::Tcp] {
            let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
            let mut bob = Phone::new(transport, nowhere).unwrap();
            let mut alice = Phone::new(transport, bob.address()).unwrap();
            bob.server = alice.address();
            alice.invites("bob", "example.com").unwrap();
            let is_invite = |heard: &Heard| heard.is_request("INVITE");
            let invite = bob.hears("INVITE", SOON, is_invite).unwrap();
            bob.answers(&invite, 200).unwrap();
            let is_answer = |heard: &Heard| heard.is_response(200, "INVITE");
            let answer = alice.hears("200", SOON, is_answer).unwrap();
            assert_eq!(
                parameter(answer.field("To"), "tag"),
                format!("phone{}", bob.address().port())
            );
            alice.acknowledges(&answer).unwrap();
            let ack = bob
                .hears("ACK", SOON, |heard| heard.is_request("ACK"))
                .unwrap();
            assert_eq!((ack.cseq(), ack.field("Call-ID")), (1, alice.call_id()));
            bob.sends("BYE", None).unwrap();
            let bye = alice
                .hears("BYE", SOON, |heard| heard.is_request("BYE"))
                .unwrap();
            alice.answers(&bye, 200).unwrap();
            let is_over = |heard: &Heard| heard.is_response(200, "BYE");
            bob.hears("200 to BYE", SOON, is_over).unwrap();
            assert!(bob.unclaimed().is_empty());
        }
    }

    #[test]
    fn what_does_not_come_is_an_error_that_lists_the_others() {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut phone = Phone::new(Transport::Udp, nowhere).unwrap();
        let error = phone.hears("INVITE", Duration::ZERO, |_| true).unwrap_err();
        assert!(error.to_string().contains("no INVITE"));
    }
}
