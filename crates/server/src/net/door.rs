//! The door before the shards: every message is looked at once, without parsing it, and gets its shard and its lane,
//! or a refusal, or nothing.
//!
//! What costs the node nothing any more comes first: ACKs to stateless refusals, silenced sources. New calls are
//! refused while their shard is late; copies of those it has, and everything inside dialogs, always pass.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use hookswitch_call::id::shard_of_call_id;
use hookswitch_sip::flow::Flow;
use hookswitch_sip::hash::KeyedHash;
use hookswitch_sip::stateless::{Glance, Refusal};

use super::Outgoing;
use super::inbox::{self, Arrival, Arrivals, Inbox, Kind, Newcomer, Received};
use super::sources::{OFFENCE, PROBE, Sources, Standing};
use crate::brake::Brakes;

/// Retry-After of a refusal for want of capacity, in seconds: the least, and how far it is spread.
const RETRY_AFTER: (u32, u32) = (5, 11);

/// The way to all shards.
pub struct Inboxes {
    hash: KeyedHash,
    shards: Vec<Arc<Inbox>>,
    sources: Arc<Sources>,
    brakes: Arc<Brakes>,
    received: AtomicU64,
}

impl fmt::Debug for Inboxes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inboxes")
    }
}

/// What becomes of a message.
#[derive(Debug)]
enum Verdict {
    /// It goes to that shard.
    Pass(usize, Kind),
    /// It is over, or was never any of our business.
    Gone,
    /// It is refused here.
    Refused(Outgoing),
    /// Its source is not listened to.
    Silenced,
}

/// What a stream does after one of its messages.
#[derive(Debug)]
pub(super) enum Next {
    /// Reads on.
    Read,
    /// Sends this and reads on.
    Answer(Bytes),
    /// Closes.
    Close,
}

impl Inboxes {
    /// Inboxes with room for `room` messages of each lane; `key` is the one calls are spread by.
    pub fn new(
        key: &[u8; 16],
        shards: u16,
        room: usize,
        sources: Arc<Sources>,
        brakes: Arc<Brakes>,
    ) -> (Self, Vec<Arrivals>) {
        let (shards, arrivals) = (0..shards.max(1)).map(|_| inbox::inbox(room)).unzip();
        let inboxes = Self {
            hash: KeyedHash::new(key),
            shards,
            sources,
            brakes,
            received: AtomicU64::new(0),
        };
        (inboxes, arrivals)
    }

    /// Takes a datagram that the network had at `at`. What is to be answered without a shard is added to `answers`.
    /// There is no room for it where its sender repeats it, as on any network.
    pub fn put(
        &self,
        flow: Flow,
        bytes: &[u8],
        at: Instant,
        now: Instant,
        answers: &mut Vec<Outgoing>,
    ) {
        match self.judge(flow, bytes, at, now) {
            Verdict::Pass(shard, kind) => {
                let bytes = Bytes::copy_from_slice(bytes);
                let received = Received {
                    flow,
                    bytes,
                    at,
                    kind,
                };
                if received.is_stale(now) {
                    self.brakes.stale.hit(now);
                } else if self.shards[shard]
                    .put(Arrival::Message(received), at)
                    .is_err()
                {
                    self.brakes.inbox.hit(now);
                }
            }
            Verdict::Refused(answer) => answers.push(answer),
            Verdict::Gone | Verdict::Silenced => {}
        }
    }

    /// Takes a message of a stream and waits for room, so that the stream is not read meanwhile: nobody would repeat
    /// it.
    pub(super) async fn put_patiently(&self, flow: Flow, bytes: Bytes) -> Next {
        let now = Instant::now();
        match self.judge(flow, &bytes, now, now) {
            Verdict::Pass(shard, kind) => {
                let received = Received {
                    flow,
                    bytes,
                    at: now,
                    kind,
                };
                self.shards[shard]
                    .put_patiently(Arrival::Message(received), now)
                    .await;
                Next::Read
            }
            Verdict::Refused(answer) => Next::Answer(answer.bytes),
            Verdict::Gone => Next::Read,
            Verdict::Silenced => Next::Close,
        }
    }

    fn judge(&self, flow: Flow, bytes: &[u8], at: Instant, now: Instant) -> Verdict {
        self.received.fetch_add(1, Ordering::Relaxed);
        let source = flow.peer.ip();
        let Some(glance) = Glance::of(bytes).filter(Glance::has_via) else {
            // Nothing but line ends keeps a NAT open.
            if bytes.iter().any(|byte| !matches!(byte, b'\r' | b'\n')) {
                self.brakes.garbage.hit(now);
                self.sources.offended(source, OFFENCE, now);
            }
            return Verdict::Gone;
        };
        let shard = self.shard_of(&glance);
        if glance.is_response() {
            return Verdict::Pass(shard, Kind::Inside);
        }
        if glance.acknowledges_refusal(&self.hash) {
            return Verdict::Gone;
        }
        match self.sources.standing(source, now) {
            Standing::Open => {}
            Standing::Silenced => {
                self.brakes.silenced.hit(now);
                return Verdict::Silenced;
            }
            Standing::Slowed(_) if glance.is("ACK") || glance.is("CANCEL") => {}
            Standing::Slowed(seconds) => {
                self.brakes.slowed.hit(now);
                self.sources.offended(source, OFFENCE, now);
                return self.refuse(&glance, flow, Refusal::unavailable(seconds));
            }
        }
        let kind = self.kind(&glance);
        match kind {
            Kind::NewCall(fingerprint) => {
                let brake = match self.shards[shard].newcomer(fingerprint, at, now) {
                    Newcomer::Known => return Verdict::Pass(shard, Kind::Inside),
                    Newcomer::Waiting => return Verdict::Gone,
                    Newcomer::Welcome => return Verdict::Pass(shard, kind),
                    Newcomer::Late => &self.brakes.late,
                    Newcomer::Full => &self.brakes.inbox,
                };
                brake.hit(now);
                self.refuse(&glance, flow, self.unavailable(&glance))
            }
            Kind::Inside if glance.is("OPTIONS") && !glance.is_in_dialog() => {
                self.sources.offended(source, PROBE, now);
                Verdict::Pass(shard, kind)
            }
            _ => Verdict::Pass(shard, kind),
        }
    }

    fn kind(&self, glance: &Glance<'_>) -> Kind {
        if glance.starts_a_call() {
            return Kind::NewCall(glance.fingerprint(&self.hash));
        }
        // They end or carry something on, and cost next to nothing where they do not.
        let belongs = ["ACK", "CANCEL", "BYE", "PRACK", "OPTIONS"];
        if glance.is_in_dialog() || belongs.iter().any(|method| glance.is(method)) {
            return Kind::Inside;
        }
        Kind::Other
    }

    fn refuse(&self, glance: &Glance<'_>, flow: Flow, refusal: Refusal) -> Verdict {
        let mut out = Vec::with_capacity(512);
        match glance.refuse(flow, refusal, &self.hash, &mut out) {
            Some(flow) => Verdict::Refused(Outgoing {
                flow,
                bytes: out.into(),
            }),
            None => Verdict::Gone,
        }
    }

    fn unavailable(&self, glance: &Glance<'_>) -> Refusal {
        let (least, spread) = RETRY_AFTER;
        Refusal::unavailable(least + glance.spread(&self.hash, spread))
    }

    /// The 503 of a new call that the shard has no place for.
    pub fn refuse_call(&self, received: &Received) -> Option<Outgoing> {
        let glance = Glance::of(&received.bytes)?;
        match self.refuse(&glance, received.flow, self.unavailable(&glance)) {
            Verdict::Refused(answer) => Some(answer),
            _ => None,
        }
    }

    /// The answer to a request that cannot be read, where somebody can be answered.
    pub fn refusal_of(&self, flow: Flow, bytes: &[u8], refusal: Refusal) -> Option<Outgoing> {
        match self.refuse(&Glance::of(bytes)?, flow, refusal) {
            Verdict::Refused(answer) => Some(answer),
            _ => None,
        }
    }

    /// A message led nowhere.
    pub fn offended(&self, received: &Received, now: Instant) {
        self.sources.offended(received.flow.peer.ip(), OFFENCE, now);
    }

    /// What a message brought tells of its source: a call makes a good peer, a refusal an offender.
    pub fn learn(&self, received: &Received, sent: &[Outgoing], now: Instant) {
        let source = received.flow.peer.ip();
        for outgoing in sent.iter().filter(|out| out.flow.peer.ip() == source) {
            match outgoing.bytes.strip_prefix(b"SIP/2.0 ".as_slice()) {
                Some([b'1', ..]) => self.sources.welcome(source, now),
                Some([b'2', ..])
                    if Glance::of(&received.bytes).is_some_and(|it| it.is_in_dialog()) =>
                {
                    self.sources.welcome(source, now);
                }
                Some(rest) if rest.get(..3).is_some_and(leads_nowhere) => {
                    self.sources.offended(source, OFFENCE, now);
                }
                _ => {}
            }
        }
    }

    /// Whom we send requests to is a peer of a call: one we placed, or one that goes on.
    pub fn learn_from_requests(&self, sent: &[Outgoing], now: Instant) {
        for outgoing in sent {
            if !outgoing.bytes.starts_with(b"SIP/2.0 ") {
                self.sources.welcome(outgoing.flow.peer.ip(), now);
            }
        }
    }

    /// A message without a Call-ID goes to the first shard, whose parser finds the words for the refusal.
    fn shard_of(&self, glance: &Glance<'_>) -> usize {
        let shards = u16::try_from(self.shards.len()).unwrap_or(u16::MAX);
        if shards == 1 {
            return 0;
        }
        glance.call_id().map_or(0, |call_id| {
            usize::from(shard_of_call_id(&self.hash, call_id, shards))
        })
    }

    /// Tells every shard that a way broke.
    pub fn fail(&self, flow: Flow) {
        let now = Instant::now();
        for shard in &self.shards {
            // It has a place always.
            let _ = shard.put(Arrival::FlowFailed(flow), now);
        }
    }

    /// Who sends.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The limits and what they held back.
    pub fn brakes(&self) -> &Brakes {
        &self.brakes
    }

    /// Messages that came in.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

/// Whether a status says that the request had no business here, unlike one that says what became of a call.
fn leads_nowhere(status: &[u8]) -> bool {
    const STATUSES: [&[u8]; 14] = [
        b"400", b"401", b"403", b"404", b"405", b"407", b"414", b"416", b"420", b"481", b"489",
        b"501", b"505", b"513",
    ];
    STATUSES.contains(&status)
}

#[cfg(test)]
mod tests;
