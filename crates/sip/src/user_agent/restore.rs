//! Legs of a former run are taken up: what they owe goes out at once, what stands goes on.

mod calling;

use std::time::Duration;

use bytes::Bytes;

use super::compose::{Reply, fallback_flow, response_flow};
use super::receive::merge_key;
use super::snapshot::{AcceptedSnapshot, OfferedSnapshot, Owed, StageSnapshot, Standing};
use super::{LegSnapshot, UserAgent};
use crate::dialog::Dialog;
use crate::dialog::session_timer::SessionTimer;
use crate::event::{Commit, LegId};
use crate::flow::{Flow, Transport};
use crate::leg::{Accepted, Leg, Reoffer, Stage};
use crate::message::{Message, Method};
use crate::time::Now;
use crate::transaction::client::{Client, Purpose};
use crate::transaction::key::{TransactionKey, cancelled_key, client_key, server_key};
use crate::transaction::server_invite::ServerInvite;
use crate::transaction::tombstone::Tombstone;

/// Requests of the former run that the snapshot does not know took fewer CSeq numbers than this.
const CSEQ_LEAP: u32 = 1_000;
/// The highest CSeq number (RFC 3261 §8.1.1.5).
const CSEQ_MAX: u32 = (1 << 31) - 1;
/// Every dialog that stands is refreshed within this time, spread by its leg's id.
const REFRESHED_WITHIN: Duration = Duration::from_secs(60);

/// Why a leg cannot be taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The leg is here already.
    #[error("the leg is here already")]
    Taken,
    /// A stored message does not read as what it was.
    #[error("a stored message is damaged")]
    Damaged,
    /// Nothing listens on the transport of the leg any more.
    #[error("nothing listens on {0}, which the leg goes by")]
    NoListener(Transport),
}

impl UserAgent {
    /// Takes up a leg of a former run, whose id stays the same. What it owes goes out at once, after `after`. An
    /// INVITE of the peer is refused with 500 and only [`crate::event::EventKind::Settled`] follows; one of ours is
    /// given up as by `cancel`; a dialog goes on, with CSeq raised by 1,000 and a refresh within 60 s.
    ///
    /// # Errors
    /// A leg with this id, a damaged snapshot, or no listener for its transport: then nothing was taken up.
    pub fn restore(
        &mut self,
        now: Now,
        snapshot: LegSnapshot,
        after: Commit,
    ) -> Result<LegId, RestoreError> {
        let id = snapshot.id();
        if self.legs.contains_key(&id.0) || self.leaving.contains(id) {
            return Err(RestoreError::Taken);
        }
        match snapshot.stage {
            StageSnapshot::Offered(offered) => self.restore_offered(now, id, &offered)?,
            StageSnapshot::Confirmed(standing) => {
                self.restore_confirmed(now, id, *standing)?;
            }
            StageSnapshot::Accepted(accepted, standing) => {
                self.restore_accepted(now, id, accepted, *standing)?;
            }
            StageSnapshot::Parting(reason, standing) => {
                let mut leg = self.restore_standing(now, id, *standing)?;
                leg.reoffer = None;
                self.part(now, leg, reason.as_deref());
            }
            StageSnapshot::Calling(calling) => self.restore_calling(now, id, *calling)?,
            StageSnapshot::Leaving(owed) => self.restore_leaving(now, id, owed)?,
        }
        self.hold(id, after);
        Ok(id)
    }

    /// The way as this run has it: connections are gone, and sockets may stand in another order.
    fn revived(&self, flow: Flow) -> Result<Flow, RestoreError> {
        let listeners = &self.config.listeners;
        let fits = |place: &usize| {
            listeners
                .get(*place)
                .is_some_and(|listener| listener.transport == flow.transport)
        };
        let place = [usize::from(flow.listener)]
            .into_iter()
            .chain(0..listeners.len())
            .find(fits)
            .and_then(|place| u16::try_from(place).ok());
        Ok(Flow {
            listener: place.ok_or(RestoreError::NoListener(flow.transport))?,
            connection: 0,
            ..flow
        })
    }

    fn restore_offered(
        &mut self,
        now: Now,
        id: LegId,
        offered: &OfferedSnapshot,
    ) -> Result<(), RestoreError> {
        let source = self.revived(offered.source)?;
        let invite = Message::parse(&offered.invite).map_err(|_| RestoreError::Damaged)?;
        let key = self.invite_key(&invite)?;
        let back = fallback_flow(source, &invite).unwrap_or(response_flow(source, &invite));
        let reply = Reply {
            status: 500,
            to_tag: Some(id.0),
            ..Reply::default()
        };
        let response = self.compose_response(source, &invite, &reply);
        self.transmit(back, response.clone(), Commit(0), Some(id));
        self.refused(now, id, key, back, response);
        let merged = merge_key(self.local_tag(&invite));
        let life = self.config.timing.patience();
        self.tombstones
            .put_long(now.instant, merged, Tombstone::Merged, life);
        self.leaving.enter(id);
        Ok(())
    }

    /// A 2xx of ours is repeated from now on until its ACK, or for 64·T1.
    fn restore_accepted(
        &mut self,
        now: Now,
        id: LegId,
        snapshot: AcceptedSnapshot,
        standing: Standing,
    ) -> Result<(), RestoreError> {
        let bytes = snapshot.response;
        let response = Message::parse(&bytes).map_err(|_| RestoreError::Damaged)?;
        let key = self.invite_key(&response)?;
        let back = self.revived(snapshot.back)?;
        let back = fallback_flow(back, &response).unwrap_or(back);
        let mut leg = self.restore_standing(now, id, standing)?;
        let timing = self.config.timing;
        let mut accepted = Accepted::new(
            now.instant,
            &timing,
            bytes.clone(),
            back,
            snapshot.cseq,
            Commit(0),
            snapshot.first,
            snapshot.offered,
        );
        accepted.closing = snapshot
            .closing
            .map(|reason| reason.map(String::into_boxed_str));
        leg.accepted = Some(Box::new(accepted));
        self.retransmit(back, bytes.clone(), Commit(0), Some(id));
        let merged = merge_key(self.local_tag(&response));
        for (key, stone) in [(key, Tombstone::Absorb(id)), (merged, Tombstone::Merged)] {
            self.tombstones
                .put_long(now.instant, key, stone, timing.patience());
        }
        self.put_leg(leg);
        Ok(())
    }

    /// What an ended leg has unfinished is said again as it was.
    fn restore_leaving(
        &mut self,
        now: Now,
        id: LegId,
        owed: Vec<Owed>,
    ) -> Result<(), RestoreError> {
        let (mut refusals, mut byes) = (Vec::new(), Vec::new());
        for owed in owed {
            match owed {
                Owed::Refusal(bytes, back) => {
                    let response = Message::parse(&bytes).map_err(|_| RestoreError::Damaged)?;
                    let key = self.invite_key(&response)?;
                    let back = self.revived(back)?;
                    let back = fallback_flow(back, &response).unwrap_or(back);
                    refusals.push((key, back, bytes.clone()));
                }
                Owed::Bye(bytes, flow) => {
                    let (key, cseq) = request_key(&bytes, Method::Bye)?;
                    byes.push((key, cseq, self.revived(flow)?, bytes));
                }
            }
        }
        for (key, back, response) in refusals {
            self.retransmit(back, response.clone(), Commit(0), Some(id));
            self.refused(now, id, key, back, response);
        }
        let timing = self.config.timing;
        for (key, cseq, flow, bytes) in byes {
            let client = Client::new(
                now.instant,
                &timing,
                id,
                Purpose::Bye,
                cseq,
                flow,
                bytes.clone(),
                Commit(0),
            );
            if flow.transport.is_reliable() {
                // Its connection may have been the peer's own, at a port nobody listens on.
                self.relocate(now, key, client);
            } else {
                self.retransmit(flow, bytes, Commit(0), Some(id));
                self.put_client(key, client);
            }
        }
        self.leaving.enter(id);
        Ok(())
    }

    /// The refusal of an INVITE is repeated until its ACK.
    fn refused(&mut self, now: Now, id: LegId, key: TransactionKey, back: Flow, response: Bytes) {
        let mut server = ServerInvite::new(id, back);
        server.handle_refusal(now.instant, &self.config.timing, response);
        // Two legs may have had the same INVITE, one after the other: then one refusal serves both.
        drop(self.take_server(key));
        self.put_server(key, server);
    }

    /// The key of the peer's INVITE, from itself or a response to it.
    fn invite_key(&self, message: &Message<'_>) -> Result<TransactionKey, RestoreError> {
        let via = message.via().map_err(|_| RestoreError::Damaged)?;
        Ok(cancelled_key(&self.hash, message, &via))
    }

    fn restore_confirmed(
        &mut self,
        now: Now,
        id: LegId,
        mut standing: Standing,
    ) -> Result<(), RestoreError> {
        let owes_ack = standing.owes_ack.take();
        let offered = standing.offered.take();
        let mut leg = self.restore_standing(now, id, standing)?;
        if let Some(cseq) = owes_ack {
            // The offer in the peer's 2xx is lost, and so is the answer.
            self.send_ack(&mut leg, cseq, Bytes::new());
            let why = "the restart came before the answer to the peer's offer";
            self.lose(now, leg, 500, why);
            return Ok(());
        }
        if let Some((bytes, back)) = offered {
            let request = Message::parse(&bytes).map_err(|_| RestoreError::Damaged)?;
            let via = request.via().map_err(|_| RestoreError::Damaged)?;
            let key = server_key(&self.hash, &request, &via);
            let back = self.revived(back)?;
            let back = fallback_flow(back, &request).unwrap_or(back);
            let invite = request.method() == Some(Method::Invite);
            let later = self.later();
            leg.dialog.may_repeat = false;
            self.refuse_offer(now, id, key, back, invite, &request, &later);
        }
        self.put_leg(leg);
        Ok(())
    }

    fn restore_standing(
        &mut self,
        now: Now,
        id: LegId,
        standing: Standing,
    ) -> Result<Box<Leg>, RestoreError> {
        let flow = self.revived(standing.flow)?;
        let spread = u64::try_from(REFRESHED_WITHIN.as_micros()).unwrap_or(u64::MAX);
        let refresh_at = now.instant + Duration::from_micros(id.0 % spread);
        let left = standing
            .expires_unix_micros
            .map_or(0, |at| at.saturating_sub(now.unix_micros));
        // Whoever refreshed it until now, the first refresh has time to be answered.
        let expires_at = (now.instant + Duration::from_micros(left))
            .max(refresh_at + self.config.timing.patience() * 2);
        let timer = SessionTimer {
            agreed: standing.agreed,
            floor: standing.floor,
            refresh_at: Some(refresh_at),
            expires_at: Some(expires_at),
        };
        let reoffer = standing.offering.map(|body| {
            Box::new(Reoffer::Glare {
                retry_at: refresh_at,
                body,
                refresh: false,
            })
        });
        Ok(Box::new(Leg {
            id,
            is_client: standing.is_client,
            flow,
            next_hop: None,
            dialog: leaped(standing.dialog),
            stage: Stage::Established,
            accepted: None,
            reoffer,
            timer,
            local_body: standing.local_body,
            owes_ack: None,
            acknowledged: standing.acknowledged,
            farewell: None,
            waiting: Vec::new(),
            locating: None,
            hop_moved: false,
            filed: None,
        }))
    }
}

/// The dialog as a restart takes it up: what the snapshot does not know took CSeq numbers too, on both sides.
fn leaped(mut dialog: Dialog) -> Dialog {
    dialog.local_cseq = dialog.local_cseq.saturating_add(CSEQ_LEAP).min(CSEQ_MAX);
    dialog.may_repeat = true;
    dialog.restored = true;
    dialog
}

/// Transaction key and CSeq number of a request of ours.
fn request_key(bytes: &[u8], method: Method<'_>) -> Result<(TransactionKey, u32), RestoreError> {
    let parse = || {
        let request = Message::parse(bytes).ok()?;
        let key = client_key(request.via().ok()?.branch()?, method)?;
        Some((key, request.cseq().ok()?.number))
    };
    parse().ok_or(RestoreError::Damaged)
}
