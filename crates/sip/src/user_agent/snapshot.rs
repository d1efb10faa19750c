//! What a restart needs of a leg.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::UserAgent;
use crate::dialog::Dialog;
use crate::dialog::session_timer::Agreement;
use crate::event::LegId;
use crate::flow::Flow;
use crate::leg::{Accepted, Calling, Leg, Offered, Reoffer, Stage, Waiting};
use crate::message::Message;
use crate::time::{Instant, Now};
use crate::transaction::client::{Client, Purpose};
use crate::transaction::key::TransactionKey;

/// Everything a leg needs after a restart; times are Unix times in microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegSnapshot {
    pub(super) id: u64,
    pub(super) stage: StageSnapshot,
}

/// How far the leg was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StageSnapshot {
    Offered(OfferedSnapshot),
    Calling(Box<CallingSnapshot>),
    /// A 2xx of ours waits for its ACK.
    Accepted(AcceptedSnapshot, Box<Standing>),
    Confirmed(Box<Standing>),
    /// Our BYE waits for the address of the next hop; its Reason value, if any.
    Parting(Option<String>, Box<Standing>),
    /// Ended, with what is unfinished.
    Leaving(Vec<Owed>),
}

/// The peer's INVITE, to be answered 500.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OfferedSnapshot {
    pub(super) invite: Bytes,
    pub(super) source: Flow,
}

/// Our INVITE, to be cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CallingSnapshot {
    pub(super) dialog: Dialog,
    /// The INVITE and its way, once it is sent.
    pub(super) sent: Option<(Bytes, Flow)>,
    /// Whether a provisional response came.
    pub(super) heard: bool,
    pub(super) offers: bool,
    pub(super) early: Vec<Dialog>,
    pub(super) cancelled: Option<Option<String>>,
    pub(super) silent: bool,
}

/// A 2xx of ours without ACK.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AcceptedSnapshot {
    pub(super) response: Bytes,
    pub(super) back: Flow,
    pub(super) cseq: u32,
    pub(super) first: bool,
    pub(super) offered: bool,
    pub(super) closing: Option<Option<String>>,
}

/// A dialog that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    pub(super) is_client: bool,
    pub(super) flow: Flow,
    pub(super) dialog: Dialog,
    pub(super) agreed: Option<Agreement>,
    pub(super) floor: u32,
    pub(super) expires_unix_micros: Option<u64>,
    pub(super) local_body: Bytes,
    pub(super) acknowledged: Option<(u32, Bytes)>,
    pub(super) owes_ack: Option<u32>,
    /// The offer of our re-INVITE without final response.
    pub(super) offering: Option<Bytes>,
    /// The peer's offer without answer, and the way of its response.
    pub(super) offered: Option<(Bytes, Flow)>,
}

/// An unfinished transaction of an ended leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Owed {
    /// Our refusal of an INVITE, without ACK.
    Refusal(Bytes, Flow),
    /// Our BYE, without final response.
    Bye(Bytes, Flow),
}

impl LegSnapshot {
    /// Whether the layer above heard the leg's end already, so that after a restart it only settles.
    pub fn is_over(&self) -> bool {
        match &self.stage {
            StageSnapshot::Calling(calling) => calling.silent,
            StageSnapshot::Parting(..) | StageSnapshot::Leaving(_) => true,
            _ => false,
        }
    }

    /// The leg, the same in every run.
    pub const fn id(&self) -> LegId {
        LegId(self.id)
    }
}

impl UserAgent {
    /// The snapshot of a leg; none when there is nothing a restart would have to do for it.
    pub fn snapshot(&self, now: Now, leg: LegId) -> Option<LegSnapshot> {
        let stage = match self.legs.get(&leg.0) {
            Some(leg) => self.stage_snapshot(now, leg),
            None => None,
        };
        let stage = match stage {
            Some(stage) => stage,
            None => StageSnapshot::Leaving(self.owed(leg)?),
        };
        Some(LegSnapshot { id: leg.0, stage })
    }

    fn stage_snapshot(&self, now: Now, leg: &Leg) -> Option<StageSnapshot> {
        if leg.farewell.is_some() {
            // Its BYE is repeated until it is answered, with 481 after a restart.
            return None;
        }
        Some(match (&leg.stage, &leg.accepted) {
            (Stage::Offered(offered), _) => StageSnapshot::Offered(self.offered(leg, offered)),
            (Stage::Calling(calling), _) => {
                StageSnapshot::Calling(Box::new(self.calling(leg, calling)))
            }
            (Stage::Established, Some(accepted)) => {
                let accepted = AcceptedSnapshot::of(accepted);
                StageSnapshot::Accepted(accepted, Box::new(self.standing(now, leg)))
            }
            (Stage::Established, None) => {
                let standing = Box::new(self.standing(now, leg));
                let bye = leg.waiting.iter().find_map(|waiting| match waiting {
                    Waiting::Bye { reason } => Some(reason),
                    _ => None,
                });
                match bye {
                    Some(reason) => {
                        StageSnapshot::Parting(reason.as_deref().map(str::to_owned), standing)
                    }
                    None => StageSnapshot::Confirmed(standing),
                }
            }
        })
    }

    fn offered(&self, leg: &Leg, offered: &Offered) -> OfferedSnapshot {
        let server = self.servers.get(&offered.key.0);
        OfferedSnapshot {
            invite: offered.invite.clone(),
            source: server.map_or(leg.flow, |server| server.source),
        }
    }

    fn calling(&self, leg: &Leg, calling: &Calling) -> CallingSnapshot {
        let client = calling.key.and_then(|key| self.clients.get(&key.0));
        let early = calling.early.iter().map(|early| early.dialog.clone());
        let reason = |reason: &Option<Box<str>>| reason.as_deref().map(str::to_owned);
        CallingSnapshot {
            dialog: leg.dialog.clone(),
            sent: client.map(|client| (client.request.clone(), client.flow)),
            heard: client.is_some_and(Client::is_proceeding),
            offers: calling.draft.body.is_some(),
            early: early.collect(),
            cancelled: calling.cancelled.as_ref().map(reason),
            silent: calling.silent,
        }
    }

    fn standing(&self, now: Now, leg: &Leg) -> Standing {
        let until = |at: Instant| {
            let left = u64::try_from((at - now.instant).as_micros()).unwrap_or(u64::MAX);
            now.unix_micros.saturating_add(left)
        };
        let acknowledged = leg.acknowledged.as_ref();
        let (offering, offered) = match leg.reoffer.as_deref() {
            Some(Reoffer::Theirs { request, flow, .. }) => (None, Some((request.clone(), *flow))),
            Some(Reoffer::Ours { key }) => {
                let client = key.and_then(|key| self.clients.get(&key.0));
                let client = client.filter(|client| client.purpose == Purpose::Reinvite);
                let sent = client.and_then(|client| Message::parse(&client.request).ok());
                (sent.map(|sent| Bytes::copy_from_slice(sent.body())), None)
            }
            Some(Reoffer::Glare { body, refresh, .. }) => ((!refresh).then(|| body.clone()), None),
            None => (None, None),
        };
        let waiting = || {
            leg.waiting.iter().find_map(|waiting| match waiting {
                Waiting::Reinvite { body } => Some(body.clone()),
                _ => None,
            })
        };
        Standing {
            is_client: leg.is_client,
            flow: leg.flow,
            dialog: leg.dialog.clone(),
            agreed: leg.timer.agreed,
            floor: leg.timer.floor,
            expires_unix_micros: leg.timer.expires_at.map(until),
            local_body: leg.local_body.clone(),
            acknowledged: acknowledged.map(|(cseq, body)| (*cseq, body.clone())),
            owes_ack: leg.owes_ack,
            offering: offering.or_else(waiting),
            offered,
        }
    }

    /// What an ended leg has unfinished that a restart has to go on with.
    fn owed(&self, leg: LegId) -> Option<Vec<Owed>> {
        let owed = |key: TransactionKey| {
            if let Some(client) = self.clients.get(&key.0) {
                let is_bye = client.purpose == Purpose::Bye;
                return is_bye.then(|| Owed::Bye(client.request.clone(), client.flow));
            }
            let server = self.servers.get(&key.0)?;
            Some(Owed::Refusal(server.handle_copy()?, server.flow))
        };
        let owed: Vec<Owed> = self.leaving.owed_by(leg).filter_map(owed).collect();
        (!owed.is_empty()).then_some(owed)
    }
}

impl AcceptedSnapshot {
    fn of(accepted: &Accepted) -> Self {
        let reason = |reason: &Option<Box<str>>| reason.as_deref().map(str::to_owned);
        Self {
            response: accepted.response.clone(),
            back: accepted.flow,
            cseq: accepted.cseq,
            first: accepted.first,
            offered: accepted.offered,
            closing: accepted.closing.as_ref().map(reason),
        }
    }
}
