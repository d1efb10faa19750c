//! Deadlines that came, and ways that broke.

use super::compose::fallback_flow;
use super::{Due, UserAgent};
use crate::dialog::reliable;
use crate::event::{Commit, EventKind, LegId, Rejection};
use crate::flow::Flow;
use crate::leg::{AcceptedDue, Leg, Reoffer, Stage};
use crate::message::Message;
use crate::time::Now;
use crate::transaction::client::{self, Client, Purpose};
use crate::transaction::key::TransactionKey;
use crate::transaction::server_invite;
use crate::transaction::tombstone::Tombstone;

/// Deadlines looked after in one go, so that a great many of them keep nobody from being heard; the rest is due still.
const DUE_AT_A_TIME: usize = 256;

impl UserAgent {
    /// Does what is due, so much of it at a time: while [`UserAgent::poll_timeout`] lies in the past there is more.
    pub fn handle_timeout(&mut self, now: Now) {
        self.tombstones.expire(now.instant);
        for _ in 0..DUE_AT_A_TIME {
            let Some(due) = self.deadlines.pop_due(now.instant) else {
                return;
            };
            match due {
                Due::Leg(leg) => self.leg_due(now, leg),
                Due::Server(key) => self.server_due(now, key),
                Due::Client(key) => self.client_due(now, key),
            }
        }
    }

    fn leg_due(&mut self, now: Now, id: LegId) {
        let Some(mut leg) = self.take_leg(id) else {
            return;
        };
        leg.filed = None;
        if let Stage::Offered(offered) = &mut leg.stage {
            if offered.held_answer.is_none()
                && offered.expires_at.is_some_and(|at| at <= now.instant)
            {
                self.put_leg(leg);
                let rejection = Rejection::new(487).because("Expired");
                if self.reject(now, id, &rejection).is_ok() {
                    self.tell(id, EventKind::Cancelled);
                }
                return;
            }
            if let Some(unacknowledged) = &mut offered.unacknowledged {
                let due = unacknowledged.handle_timeout(now.instant);
                let back = self.servers.get(&offered.key.0).map(|server| server.flow);
                match due {
                    reliable::Due::Retransmit(response) => {
                        if let Some(back) = back {
                            self.retransmit(back, response, Commit(0), Some(id));
                        }
                    }
                    reliable::Due::GaveUp => {
                        self.put_leg(leg);
                        let rejection = Rejection::new(504).because("No PRACK");
                        if self.reject(now, id, &rejection).is_ok() {
                            let why = "the reliable provisional response got no PRACK".to_owned();
                            self.tell(id, EventKind::Lost { why, status: 504 });
                        }
                        return;
                    }
                    reliable::Due::Nothing => {}
                }
            }
            if offered
                .repeat
                .as_ref()
                .is_some_and(|repeat| repeat.at <= now.instant)
            {
                self.ring_again(now, &mut leg);
            }
        }
        if let Some(accepted) = &mut leg.accepted {
            match accepted.handle_timeout(now.instant, &self.config.timing) {
                AcceptedDue::Retransmit => {
                    let (flow, response, after) =
                        (accepted.flow, accepted.response.clone(), accepted.after);
                    self.retransmit(flow, response, after, Some(id));
                }
                AcceptedDue::GaveUp => return self.give_up_on_ack(now, leg),
                AcceptedDue::Nothing => {}
            }
        }
        if matches!(leg.stage, Stage::Established) {
            if leg.timer.expires_at.is_some_and(|at| at <= now.instant) {
                return self.lose(now, leg, 408, "the session timer ran out without a refresh");
            }
            let glare = match leg.reoffer.as_deref() {
                Some(Reoffer::Glare {
                    retry_at,
                    body,
                    refresh,
                }) if *retry_at <= now.instant => Some((body.clone(), *refresh)),
                _ => None,
            };
            if let Some((body, refresh)) = glare {
                if refresh {
                    self.send_refresh(now, &mut leg);
                } else {
                    self.send_reinvite(now, &mut leg, body);
                }
            } else if leg.timer.refresh_at.is_some_and(|at| at <= now.instant) {
                if leg.reoffer.is_none() && leg.accepted.is_none() {
                    self.send_refresh(now, &mut leg);
                } else {
                    // Another offer is under way: it refreshes, or we come back.
                    leg.timer.refresh_at = Some(now.instant + self.config.timing.t2);
                }
            }
        }
        self.put_leg(leg);
    }

    fn server_due(&mut self, now: Now, key: TransactionKey) {
        let Some(mut server) = self.take_server(key) else {
            return;
        };
        match server.handle_timeout(now.instant, &self.config.timing) {
            server_invite::Due::Retransmit(response) => {
                self.retransmit(server.flow, response, server.after, Some(server.leg));
                self.put_server(key, server);
            }
            server_invite::Due::GaveUp => {}
            server_invite::Due::Nothing => self.put_server(key, server),
        }
    }

    fn client_due(&mut self, now: Now, key: TransactionKey) {
        let Some(mut client) = self.take_client(key) else {
            return;
        };
        match client.handle_timeout(now.instant, &self.config.timing) {
            client::Due::Retransmit => {
                self.retransmit(
                    client.flow,
                    client.request.clone(),
                    client.after,
                    Some(client.leg),
                );
                self.put_client(key, client);
            }
            client::Due::GaveUp => self.client_failed(now, key, &client, 408),
            client::Due::Nothing => self.put_client(key, client),
        }
    }

    /// A request of ours got no response (408), or no way to its peer (503).
    pub(super) fn client_failed(
        &mut self,
        now: Now,
        key: TransactionKey,
        client: &Client,
        status: u16,
    ) {
        let why = if status == 408 {
            "no response came"
        } else {
            "the connection to the peer failed"
        };
        let Some(mut leg) = self.take_leg(client.leg) else {
            return;
        };
        match client.purpose {
            Purpose::Invite => {
                let Stage::Calling(calling) = &leg.stage else {
                    return self.put_leg(leg);
                };
                if calling.key != Some(key) {
                    return self.put_leg(leg);
                }
                // A 2xx that comes later still gets its ACK and BYE.
                let stone = Tombstone::Accepted(client.leg);
                let patience = self.config.timing.patience();
                self.tombstones.put_long(now.instant, key, stone, patience);
                self.abandon_offer(now, &mut leg);
                let Stage::Calling(calling) = &mut leg.stage else {
                    return self.put_leg(leg);
                };
                let early = std::mem::take(&mut calling.early);
                if calling.restored {
                    return self.give_up_restored(now, &leg, early, client);
                }
                let Stage::Calling(calling) = &mut leg.stage else {
                    return self.put_leg(leg);
                };
                if calling.cancelled.is_some() {
                    return self.fail_leg(&leg, 487, "cancelled; the peer never confirmed it");
                }
                if calling.spare.is_empty() {
                    return self.fail_leg(&leg, status, why);
                }
                self.send_invite(now, leg);
            }
            Purpose::Reinvite | Purpose::RefreshInvite | Purpose::RefreshUpdate => {
                if leg.farewell.is_some() || leg.is_parting() {
                    return self.put_leg(leg);
                }
                self.lose(now, leg, status, why);
            }
            Purpose::Cancel | Purpose::Bye | Purpose::Prack => self.put_leg(leg),
        }
    }

    /// A connection broke, or none could be made: what is on its way looks for another one.
    pub fn handle_flow_failure(&mut self, now: Now, flow: Flow) {
        if flow.connection != 0 {
            self.respond_elsewhere(flow);
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "sorted before anything depends on the order"
        )]
        let mut keys: Vec<u128> = self
            .clients
            .iter()
            .filter(|(_, client)| goes_by(client.flow, flow))
            .map(|(key, _)| *key)
            .collect();
        keys.sort_unstable();
        for key in keys.into_iter().map(TransactionKey) {
            let Some(mut client) = self.take_client(key) else {
                continue;
            };
            if client.purpose == Purpose::Invite && client.is_proceeding() {
                // The callee has the call; its final response opens a connection (RFC 3261 §18.2.2).
                client.flow.connection = 0;
                self.put_client(key, client);
                continue;
            }
            if client.purpose == Purpose::Cancel && flow.connection != 0 {
                let again = Flow {
                    connection: 0,
                    ..client.flow
                };
                self.resend(now, key, &client, again);
                continue;
            }
            let in_dialog = client.purpose != Purpose::Invite && client.purpose != Purpose::Cancel;
            if in_dialog && flow.connection != 0 {
                if let Some(leg) = self.legs.get_mut(&client.leg.0) {
                    leg.next_hop = None;
                    if leg.flow == flow {
                        leg.flow.connection = 0;
                    }
                }
                self.relocate(now, key, client);
            } else {
                self.client_failed(now, key, &client, 503);
            }
        }
    }

    /// Responses on their way by a connection that is closed go to the address of Via (RFC 3261 §18.2.2).
    fn respond_elsewhere(&mut self, broken: Flow) {
        #[expect(
            clippy::disallowed_methods,
            reason = "sorted before anything depends on the order"
        )]
        let mut keys: Vec<u128> = self
            .servers
            .iter()
            .filter(|(_, server)| server.flow == broken)
            .map(|(key, _)| *key)
            .collect();
        keys.sort_unstable();
        for key in keys {
            self.move_server(key);
        }
        let owing: Vec<LegId> = self.owing.iter().copied().collect();
        for id in owing {
            if let Some(mut leg) = self.take_leg(id) {
                self.move_leg(&mut leg, broken);
                self.put_leg(leg);
            }
        }
    }

    fn move_server(&mut self, key: u128) {
        let Some(server) = self.servers.get_mut(&key) else {
            return;
        };
        let last = server.handle_copy();
        let invite = self
            .legs
            .get(&server.leg.0)
            .and_then(|leg| match &leg.stage {
                Stage::Offered(offered) => Some(offered.invite.clone()),
                _ => None,
            });
        // The response has the Via of its request.
        let way = last
            .as_ref()
            .or(invite.as_ref())
            .and_then(|bytes| fallback_of(server.flow, bytes));
        let Some(way) = way else { return };
        server.flow = way;
        let (leg, after) = (server.leg, server.after);
        if let Some(response) = last {
            self.retransmit(way, response, after, Some(leg));
        }
    }

    fn move_leg(&mut self, leg: &mut Leg, broken: Flow) {
        if let Some(accepted) = leg.accepted.as_mut()
            && accepted.flow == broken
            && let Some(way) = fallback_of(broken, &accepted.response)
        {
            accepted.flow = way;
            let (response, after) = (accepted.response.clone(), accepted.after);
            self.retransmit(way, response, after, Some(leg.id));
        }
        if let Some(farewell) = leg.farewell.as_mut()
            && farewell.flow == broken
            && let Some(way) = fallback_of(broken, &farewell.request)
        {
            farewell.flow = way;
        }
        if let Some(Reoffer::Theirs { flow, request, .. }) = leg.reoffer.as_deref_mut()
            && *flow == broken
            && let Some(way) = fallback_of(broken, request)
        {
            *flow = way;
        }
        if leg.next_hop == Some(broken) {
            leg.next_hop = None;
        }
        if leg.flow == broken {
            leg.flow.connection = 0;
        }
    }
}

fn fallback_of(flow: Flow, bytes: &[u8]) -> Option<Flow> {
    fallback_flow(flow, &Message::parse(bytes).ok()?)
}

/// Whether a request that went by `used` is hit when `broken` breaks: one for any connection to the peer is.
fn goes_by(used: Flow, broken: Flow) -> bool {
    let is_any = used.connection == 0;
    let same_peer = used.transport == broken.transport && used.peer == broken.peer;
    used == broken || (is_any && same_peer && used.transport.is_reliable())
}
