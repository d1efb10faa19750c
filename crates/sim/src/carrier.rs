//! A carrier: it forks, redirects, refuses, answers twice, and repeats itself until it is acknowledged.
//!
//! No user agent would write these messages, so it writes them itself, from the request and a tag.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use hookswitch_sip::flow::Flow;
use hookswitch_sip::message::{HeaderName, Message};
use hookswitch_sip::time::Instant;

use crate::SDP;
use crate::network::Place;
use crate::random::Random;

/// The first interval between repetitions, and the longest.
const INTERVALS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(4));
/// How often a final response is repeated.
const REPEATS: u8 = 10;

/// One INVITE and what became of it.
#[derive(Debug)]
struct Pending {
    invite: String,
    flow: Flow,
    /// A final response other than 2xx went out.
    is_refused: bool,
    /// The tags that answered.
    answered: BTreeSet<&'static str>,
    /// The tags whose final response was acknowledged.
    acknowledged: BTreeSet<&'static str>,
}

/// What it does at some time.
#[derive(Clone, Debug)]
enum Due {
    Say(u16, &'static str, &'static str),
    Repeat(Bytes, &'static str, Duration, u8),
    Bye(&'static str, u8),
}

/// A carrier.
#[derive(Debug)]
pub struct Carrier {
    random: Random,
    calls: BTreeMap<String, Pending>,
    agenda: BTreeMap<(Instant, u64), (String, Due)>,
    count: u64,
    outbox: Vec<(Flow, Bytes)>,
}

impl Carrier {
    /// A carrier without calls.
    pub const fn new(random: Random) -> Self {
        Self {
            random,
            calls: BTreeMap::new(),
            agenda: BTreeMap::new(),
            count: 0,
            outbox: Vec::new(),
        }
    }

    /// How others call it.
    pub fn uri() -> String {
        format!("sip:+49301234@{}", Place::Carrier.address())
    }

    /// When it wants to be woken.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.agenda.keys().next().map(|(at, _)| *at)
    }

    /// The next message.
    pub fn poll_message(&mut self) -> Option<(Flow, Bytes)> {
        (!self.outbox.is_empty()).then(|| self.outbox.remove(0))
    }

    fn later(&mut self, at: Instant, call: &str, due: Due) {
        self.count += 1;
        self.agenda.insert((at, self.count), (call.to_owned(), due));
    }

    /// A message came.
    pub fn handle_bytes(&mut self, now: Instant, flow: Flow, bytes: &[u8]) {
        let Ok(message) = Message::parse(bytes) else {
            return;
        };
        let Some(method) = message.method() else {
            return;
        };
        let call = message.call_id().unwrap_or_default().to_owned();
        let to = message.header(HeaderName::To).unwrap_or_default();
        let text = String::from_utf8_lossy(bytes).into_owned();
        match method.as_str() {
            "INVITE" if !to.contains("tag=") => self.invited(now, flow, &call, text),
            "INVITE" => self.say(flow, &response(&text, 200, "", SDP)),
            "ACK" => self.acknowledged(&call, to),
            "CANCEL" => self.cancelled(now, flow, &call, &text),
            _ => self.say(flow, &response(&text, 200, "", b"")),
        }
    }

    /// Its time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(entry) = self
            .agenda
            .first_entry()
            .filter(|entry| entry.key().0 <= now)
        {
            let (call, due) = entry.remove();
            match due {
                Due::Say(status, tag, more) => self.answer(now, &call, status, tag, more),
                Due::Repeat(bytes, tag, interval, left) => {
                    self.repeat(now, &call, bytes, tag, interval, left);
                }
                Due::Bye(tag, left) => self.bye(now, &call, tag, left),
            }
        }
    }

    fn say(&mut self, flow: Flow, text: &str) {
        self.outbox
            .push((flow, Bytes::copy_from_slice(text.as_bytes())));
    }

    fn invited(&mut self, now: Instant, flow: Flow, call: &str, invite: String) {
        let same_try = |pending: &Pending| cseq(&pending.invite) == cseq(&invite);
        if self.calls.get(call).is_some_and(same_try) {
            return;
        }
        let again = self.calls.contains_key(call);
        self.say(flow, &response(&invite, 100, "", b""));
        let pending = Pending {
            invite,
            flow,
            is_refused: false,
            answered: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
        };
        self.calls.insert(call.to_owned(), pending);
        let plan: &[(u64, u64, Due)] = match self.random.below(8) {
            0 => &[(
                0,
                3_000,
                Due::Say(302, "a", "Contact: <sip:elsewhere@192.0.2.77>"),
            )],
            1 => &[(0, 100, Due::Say(503, "a", "Retry-After: 5"))],
            2 => &[
                (0, 1_000, Due::Say(180, "a", "")),
                (1_000, 9_000, Due::Say(486, "a", "Reason: Q.850;cause=17")),
            ],
            3 => &[(0, 100, Due::Say(183, "a", ""))],
            4 if !again => &[(0, 500, Due::Say(422, "a", "Min-SE: 1800"))],
            5 => &[
                (0, 500, Due::Say(183, "a", "Require: 100rel\r\nRSeq: 11")),
                (500, 5_000, Due::Say(200, "a", "")),
                (6_000, 60_000, Due::Bye("a", 7)),
            ],
            _ => &[
                (0, 2_000, Due::Say(183, "a", "Require: 100rel\r\nRSeq: 1")),
                (0, 2_000, Due::Say(180, "b", "")),
                (0, 2_000, Due::Say(180, "c", "")),
                (1_000, 9_000, Due::Say(200, "a", "")),
                (1_000, 9_000, Due::Say(200, "b", "")),
            ],
        };
        for (least, most, due) in plan {
            let at = now + self.random.millis(*least, *most);
            self.later(at, call, due.clone());
        }
    }

    fn answer(
        &mut self,
        now: Instant,
        call: &str,
        status: u16,
        tag: &'static str,
        more: &'static str,
    ) {
        let Some(pending) = self
            .calls
            .get_mut(call)
            .filter(|pending| !pending.is_refused)
        else {
            return;
        };
        let is_final = status >= 200;
        pending.is_refused = status >= 300;
        if status < 300 && is_final {
            pending.answered.insert(tag);
        }
        let body: &[u8] = if matches!(status, 183 | 200) {
            SDP
        } else {
            b""
        };
        let text = response(
            &pending.invite,
            status,
            &format!("tag={tag}\r\n{more}"),
            body,
        );
        let flow = pending.flow;
        self.say(flow, &text);
        if is_final {
            let due = Due::Repeat(text.into(), tag, INTERVALS.0, REPEATS);
            self.later(now + INTERVALS.0, call, due);
        }
    }

    fn repeat(
        &mut self,
        now: Instant,
        call: &str,
        bytes: Bytes,
        tag: &'static str,
        interval: Duration,
        left: u8,
    ) {
        let Some(pending) = self.calls.get(call) else {
            return;
        };
        if pending.acknowledged.contains(tag) || left == 0 {
            return;
        }
        self.outbox.push((pending.flow, bytes.clone()));
        let interval = (interval * 2).min(INTERVALS.1);
        self.later(
            now + interval,
            call,
            Due::Repeat(bytes, tag, interval, left - 1),
        );
    }

    fn acknowledged(&mut self, call: &str, to: &str) {
        if let Some(pending) = self.calls.get_mut(call) {
            let tag = ["a", "b", "c"]
                .into_iter()
                .find(|tag| to.ends_with(&format!("tag={tag}")));
            pending.acknowledged.extend(tag);
        }
    }

    fn cancelled(&mut self, now: Instant, flow: Flow, call: &str, text: &str) {
        self.say(flow, &response(text, 200, "tag=a", b""));
        // Sometimes an answer is on its way already and comes all the same.
        let obeys = self.random.percent(70);
        if obeys
            && self
                .calls
                .get(call)
                .is_some_and(|pending| pending.answered.is_empty())
        {
            self.answer(now, call, 487, "a", "");
        } else {
            let at = now + self.random.millis(10, 3_000);
            self.later(at, call, Due::Say(180, "c", ""));
        }
    }

    fn bye(&mut self, now: Instant, call: &str, tag: &'static str, left: u8) {
        let Some(pending) = self.calls.get(call) else {
            return;
        };
        if !pending.acknowledged.contains(tag) || left == 0 {
            return;
        }
        let flow = pending.flow;
        let text = bye(&pending.invite, tag);
        self.say(flow, &text);
        self.later(now + INTERVALS.1, call, Due::Bye(tag, left - 1));
    }
}

fn cseq(text: &str) -> Option<u32> {
    Some(Message::parse(text.as_bytes()).ok()?.cseq().ok()?.number)
}

/// A response to `request`; `more` may begin with `tag=` and its To tag.
fn response(request: &str, status: u16, more: &str, body: &[u8]) -> String {
    let Ok(message) = Message::parse(request.as_bytes()) else {
        return String::new();
    };
    let (tag, more) = match more.strip_prefix("tag=") {
        Some(rest) => rest.split_once("\r\n").unwrap_or((rest, "")),
        None => ("", more),
    };
    let value = |name| message.header(name).unwrap_or_default();
    let via = value(HeaderName::Via);
    let to = value(HeaderName::To);
    let tag = if tag.is_empty() || to.contains("tag=") {
        String::new()
    } else {
        format!(";tag={tag}")
    };
    let contact = Place::Carrier.address();
    let more = if more.is_empty() {
        String::new()
    } else {
        format!("{more}\r\n")
    };
    let content = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    let contact = if more.contains("Contact:") {
        String::new()
    } else {
        format!("Contact: <sip:gw@{contact}>\r\n")
    };
    format!(
        "SIP/2.0 {status} Carrier\r\nVia: {via}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{contact}{more}{content}Content-Length: {}\r\n\r\n{}",
        value(HeaderName::From),
        value(HeaderName::CallId),
        value(HeaderName::CSeq),
        body.len(),
        String::from_utf8_lossy(body)
    )
}

fn bye(invite: &str, tag: &str) -> String {
    let Ok(message) = Message::parse(invite.as_bytes()) else {
        return String::new();
    };
    let value = |name| message.header(name).unwrap_or_default();
    let target = value(HeaderName::Contact).trim_matches(['<', '>']);
    format!(
        "BYE {target} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKbye{tag}{};rport\r\nMax-Forwards: 70\r\nFrom: {};tag={tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 7 BYE\r\nContent-Length: 0\r\n\r\n",
        Place::Carrier.address(),
        value(HeaderName::CallId),
        value(HeaderName::To),
        value(HeaderName::From),
        value(HeaderName::CallId),
    )
}
