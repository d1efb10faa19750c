//! INVITEs a former run sent are given up, and what they may have started at the peer is ended.

use bytes::Bytes;

use super::super::UserAgent;
use super::super::snapshot::CallingSnapshot;
use super::{RestoreError, leaped, request_key};
use crate::dialog::session_timer::SessionTimer;
use crate::event::{Commit, LegId};
use crate::leg::{Calling, Draft, Early, Leg, Stage};
use crate::message::Method;
use crate::time::Now;
use crate::transaction::client::{Client, Purpose};
use crate::transaction::key::TransactionKey;

impl UserAgent {
    /// Our INVITE is given up: CANCEL as soon as the peer says something, for which the INVITE is said again.
    pub(super) fn restore_calling(
        &mut self,
        now: Now,
        id: LegId,
        snapshot: CallingSnapshot,
    ) -> Result<(), RestoreError> {
        let Some((bytes, flow)) = snapshot.sent else {
            self.leaving.enter(id);
            if !snapshot.silent {
                self.fail(id, 487, "the restart came before the INVITE was sent");
            }
            return Ok(());
        };
        let (key, cseq) = request_key(&bytes, Method::Invite)?;
        let flow = self.revived(flow)?;
        let timing = self.config.timing;
        let mut client = Client::new(
            now.instant,
            &timing,
            id,
            Purpose::Invite,
            cseq,
            flow,
            bytes.clone(),
            Commit(0),
        );
        if snapshot.heard {
            client.handle_provisional(now.instant, &timing);
        } else {
            self.retransmit(flow, bytes, Commit(0), Some(id));
        }
        self.put_client(key, client);
        let policy = self.policy();
        let early = snapshot.early.into_iter().map(|dialog| Early {
            dialog: leaped(dialog),
            last_rseq: None,
            answered: false,
        });
        let calling = Calling {
            draft: Draft {
                body: snapshot.offers.then(Bytes::new),
                headers: Vec::new(),
                interval: policy.interval,
                minimum: policy.minimum,
                after: Commit(0),
            },
            key: Some(key),
            spare: Vec::new(),
            early: early.collect(),
            cancelled: Some(snapshot.cancelled.flatten().map(String::into_boxed_str)),
            cancel_sent: false,
            silent: snapshot.silent,
            raised_interval: 0,
            digest: None,
            restored: true,
        };
        let mut leg = Box::new(Leg {
            id,
            is_client: true,
            flow,
            next_hop: None,
            dialog: leaped(snapshot.dialog),
            stage: Stage::Calling(Box::new(calling)),
            accepted: None,
            reoffer: None,
            timer: SessionTimer::default(),
            local_body: Bytes::new(),
            owes_ack: None,
            acknowledged: None,
            farewell: None,
            waiting: Vec::new(),
            locating: None,
            hop_moved: false,
            filed: None,
        });
        self.try_cancel(now, &mut leg);
        self.put_leg(leg);
        Ok(())
    }

    /// The peer has no INVITE to cancel: of a former run's, it was answered or refused meanwhile, or never came.
    pub(in crate::user_agent) fn receive_cancel_unknown(
        &mut self,
        now: Now,
        cancel: TransactionKey,
        id: LegId,
    ) {
        let key = cancel.of_cancel();
        let restored = self.legs.get(&id.0).is_some_and(
            |leg| matches!(&leg.stage, Stage::Calling(calling) if calling.restored && calling.key == Some(key)),
        );
        if restored && let Some(client) = self.take_client(key) {
            self.client_failed(now, key, &client, 481);
        }
    }

    /// The end of a former run's INVITE without final response. Where the former run saw an answer it had no time to
    /// write down, the BYE to the early dialog ends what stands at the peer (RFC 3261 §15).
    pub(in crate::user_agent) fn give_up_restored(
        &mut self,
        now: Now,
        leg: &Leg,
        early: Vec<Early>,
        invite: &Client,
    ) {
        for early in early {
            self.send_bye(now, leg.id, invite.flow, early.dialog);
        }
        if invite.is_proceeding() {
            self.fail_leg(
                leg,
                487,
                "given up by a restart; the peer never confirmed it",
            );
        } else {
            self.fail_leg(leg, 408, "given up by a restart; no response came");
        }
    }
}
