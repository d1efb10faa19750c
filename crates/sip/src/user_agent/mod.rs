//! The user agent core: the one conductor of transactions and dialogs (RFC 3261 §8, §12–§15).
//!
//! | file | direction |
//! |---|---|
//! | `receive.rs` | a request comes in: checks, refusals, retransmissions, CANCEL, ACK |
//! | `in_dialog.rs` | a request inside a dialog: BYE, re-INVITE, UPDATE, PRACK, INFO |
//! | `response.rs` | a response to one of our requests |
//! | `inbound.rs` | a new INVITE, and commands that answer it |
//! | `outbound.rs` | commands that call, and where the call goes |
//! | `established.rs` | commands and refreshes on a leg that stands |
//! | `timeout.rs` | deadlines, and ways that broke |
//! | `compose.rs` | messages written |
//! | `snapshot.rs` | what a restart needs |
//! | `restore.rs`, `restore/` | legs of a former run are taken up |
//! | `leaving.rs` | ended legs, until they owe nothing |
//!
//! It never looks into a body, and it does not decide whether a call is welcome: that is the layer above,
//! which hears [`Event`]s and gives commands.

pub(crate) mod compose;
mod established;
mod in_dialog;
mod inbound;
mod leaving;
mod outbound;
mod receive;
mod response;
mod restore;
mod snapshot;
mod timeout;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

pub use self::outbound::{Invite, escape_user};
pub use self::restore::RestoreError;
pub use self::snapshot::LegSnapshot;
pub use crate::transaction::timing::Timing;

use self::leaving::Leaving;
use crate::deadlines::Deadlines;
use crate::dialog::session_timer::Policy;
use crate::event::{Commit, Event, EventKind, LegId, Locate, LocateId, Output, Transmit};
use crate::flow::{Flow, Transport};
use crate::hash::{HashedMap, KeyedHash, Tokens};
use crate::leg::{Leg, Stage};
use crate::time::Instant;
use crate::transaction::client::Client;
use crate::transaction::key::TransactionKey;
use crate::transaction::server_invite::ServerInvite;
use crate::transaction::tombstone::Tombstones;

/// The largest body taken, in octets; more is 413.
pub const MAX_BODY: usize = 32_768;
/// The longest Request-URI taken, in octets; more is 414.
pub const MAX_REQUEST_URI: usize = 2_048;
/// The largest header part taken, in octets; more is 513.
pub const MAX_HEAD: usize = 32_768;
/// Early dialogs kept for one INVITE; further forks are heard only when they answer.
pub const MAX_EARLY_DIALOGS: usize = 32;

/// The methods a peer may use, as Allow has them.
pub const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO";
/// The extensions we know, as Supported has them.
pub const SUPPORTED: &str = "100rel, timer";

/// One listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its transport.
    pub transport: Transport,
    /// The address peers reach it by, for Contact and Via.
    pub advertised: SocketAddr,
}

/// How a user agent behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Secret; tags, branches, Call-IDs and map keys come from it.
    pub key: [u8; 16],
    /// The sockets; [`Flow::listener`] counts in this list.
    pub listeners: Vec<Listener>,
    /// The value of Server and User-Agent.
    pub product: String,
    /// The session interval we ask for (RFC 4028), 600 s.
    pub session_expires: Duration,
    /// The shortest session interval we take, 90 s.
    pub min_session_expires: Duration,
    /// Timer values.
    pub timing: Timing,
}

/// What a leg looks like from outside.
#[derive(Clone, Copy, Debug)]
pub struct LegView<'u> {
    /// The Call-ID.
    pub call_id: &'u str,
    /// Our From or To value, with tag.
    pub local: &'u str,
    /// The peer's From or To value, with tag once known.
    pub remote: &'u str,
    /// The way the peer's messages come.
    pub flow: Flow,
    /// Whether a 2xx went out or came in.
    pub is_answered: bool,
    /// Whether the dialog is confirmed: ACK received or sent.
    pub is_confirmed: bool,
    /// The session interval agreed on, in seconds, once the call is answered.
    pub session_expires: Option<u32>,
}

/// How much there is of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Legs.
    pub legs: usize,
    /// Live transactions.
    pub transactions: usize,
    /// Finished transactions that still absorb copies.
    pub tombstones: usize,
    /// Filed deadlines, tombstones aside.
    pub deadlines: usize,
    /// Questions without an answer.
    pub locating: usize,
    /// Ended legs that still owe something.
    pub leaving: usize,
}

/// Whose deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Leg(LegId),
    Server(TransactionKey),
    Client(TransactionKey),
}

/// Who asked where a host is.
#[derive(Clone, Copy, Debug)]
enum Asker {
    Leg(LegId),
    Client(TransactionKey),
}

/// The user agent core.
#[derive(Debug)]
pub struct UserAgent {
    config: Config,
    /// The Contact value of each listener.
    contacts: Vec<String>,
    /// The sent-by of each listener.
    sent_by: Vec<String>,
    hash: KeyedHash,
    tokens: Tokens,
    legs: HashedMap<u64, Box<Leg>>,
    /// Legs with a response or a 2xx on its way: those a broken connection concerns at once.
    owing: BTreeSet<LegId>,
    leaving: Leaving,
    servers: HashedMap<u128, ServerInvite>,
    clients: HashedMap<u128, Client>,
    tombstones: Tombstones,
    locating: BTreeMap<LocateId, Asker>,
    last_locate: u64,
    deadlines: Deadlines<Due>,
    outputs: VecDeque<Output>,
    events: VecDeque<Event>,
    scratch: Vec<u8>,
}

impl UserAgent {
    /// A user agent without legs.
    pub fn new(config: Config) -> Self {
        let contacts = config.listeners.iter().map(compose::contact).collect();
        let sent_by = config
            .listeners
            .iter()
            .map(|l| l.advertised.to_string())
            .collect();
        Self {
            contacts,
            sent_by,
            hash: KeyedHash::new(&config.key),
            tokens: Tokens::new(&config.key),
            legs: HashedMap::default(),
            owing: BTreeSet::new(),
            leaving: Leaving::default(),
            servers: HashedMap::default(),
            clients: HashedMap::default(),
            tombstones: Tombstones::default(),
            locating: BTreeMap::new(),
            last_locate: 0,
            deadlines: Deadlines::default(),
            outputs: VecDeque::new(),
            events: VecDeque::new(),
            scratch: Vec::with_capacity(2_048),
            config,
        }
    }

    /// The next thing to do for the world.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The next thing the layer above should know.
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.events.is_empty() {
            self.settle_legs();
        }
        self.events.pop_front()
    }

    /// When `handle_timeout` wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines
            .next()
            .into_iter()
            .chain(self.tombstones.next_expiry())
            .min()
    }

    /// A leg from outside.
    pub fn leg(&self, leg: LegId) -> Option<LegView<'_>> {
        let leg = self.legs.get(&leg.0)?;
        Some(LegView {
            call_id: &leg.dialog.call_id,
            local: &leg.dialog.local,
            remote: &leg.dialog.remote,
            flow: leg.flow,
            is_answered: matches!(leg.stage, Stage::Established),
            is_confirmed: matches!(leg.stage, Stage::Established)
                && leg.owes_ack.is_none()
                && !leg.accepted.as_ref().is_some_and(|accepted| accepted.first),
            session_expires: leg.timer.agreed.map(|agreed| agreed.seconds),
        })
    }

    /// How much there is of everything.
    pub fn census(&self) -> Census {
        Census {
            legs: self.legs.len(),
            transactions: self.servers.len() + self.clients.len(),
            tombstones: self.tombstones.len(),
            deadlines: self.deadlines.len(),
            locating: self.locating.len(),
            leaving: self.leaving.len(),
        }
    }

    fn policy(&self) -> Policy {
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        Policy {
            interval: seconds(self.config.session_expires),
            minimum: seconds(self.config.min_session_expires),
        }
    }

    /// Takes a leg out, to work on it beside `self`; `put_leg` or `drop_leg` must follow.
    fn take_leg(&mut self, leg: LegId) -> Option<Box<Leg>> {
        self.legs.remove(&leg.0)
    }

    fn put_leg(&mut self, mut leg: Box<Leg>) {
        let wanted = leg.deadline();
        let mut filed = leg.filed;
        self.deadlines.file(Due::Leg(leg.id), &mut filed, wanted);
        leg.filed = filed;
        if leg.owes_response() {
            self.owing.insert(leg.id);
        } else {
            self.owing.remove(&leg.id);
        }
        self.legs.insert(leg.id.0, leg);
    }

    fn drop_leg(&mut self, leg: &Leg) {
        self.deadlines.remove(Due::Leg(leg.id), leg.filed);
        self.owing.remove(&leg.id);
        if let Some(locating) = leg.locating {
            self.locating.remove(&locating);
        }
        self.leaving.enter(leg.id);
    }

    fn put_server(&mut self, key: TransactionKey, mut server: ServerInvite) {
        let mut filed = server.filed;
        self.deadlines
            .file(Due::Server(key), &mut filed, server.deadline());
        server.filed = filed;
        if !server.is_proceeding() {
            self.leaving.owe(server.leg, key);
        }
        self.servers.insert(key.0, server);
    }

    fn take_server(&mut self, key: TransactionKey) -> Option<ServerInvite> {
        let mut server = self.servers.remove(&key.0)?;
        self.deadlines.remove(Due::Server(key), server.filed);
        server.filed = None;
        if !server.is_proceeding() {
            self.leaving.pay(server.leg, key);
        }
        Some(server)
    }

    fn put_client(&mut self, key: TransactionKey, mut client: Client) {
        let mut filed = client.filed;
        self.deadlines
            .file(Due::Client(key), &mut filed, client.deadline());
        client.filed = filed;
        self.leaving.owe(client.leg, key);
        self.clients.insert(key.0, client);
    }

    fn take_client(&mut self, key: TransactionKey) -> Option<Client> {
        let mut client = self.clients.remove(&key.0)?;
        self.deadlines.remove(Due::Client(key), client.filed);
        client.filed = None;
        self.leaving.pay(client.leg, key);
        Some(client)
    }

    fn tell(&mut self, leg: LegId, kind: EventKind) {
        self.events.push_back(Event { leg, kind });
    }

    fn transmit(&mut self, flow: Flow, bytes: Bytes, after: Commit, leg: Option<LegId>) {
        self.outputs.push_back(Output::Transmit(Transmit {
            flow,
            bytes,
            after,
            leg,
            retransmission: false,
        }));
    }

    fn retransmit(&mut self, flow: Flow, bytes: Bytes, after: Commit, leg: Option<LegId>) {
        self.outputs.push_back(Output::Transmit(Transmit {
            flow,
            bytes,
            after,
            leg,
            retransmission: true,
        }));
    }

    fn locate(&mut self, asker: Asker, question: Locate) -> LocateId {
        let id = question.id;
        self.locating.insert(id, asker);
        self.outputs.push_back(Output::Locate(question));
        id
    }

    fn next_locate_id(&mut self) -> LocateId {
        self.last_locate += 1;
        LocateId(self.last_locate)
    }
}
