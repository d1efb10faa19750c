//! Commands that call: our INVITE, where it goes, and how it is given up.

use bytes::Bytes;

use super::compose::{Request, obvious_hop};
use super::{Asker, UserAgent};
use crate::auth::{Credentials, DigestClient};
use crate::dialog::session_timer::SessionTimer;
use crate::dialog::{Dialog, host_text, is_sips, next_hop_of};
use crate::event::{CommandRefused, Commit, EventKind, LegId, Locate, LocateFailure, LocateId};
use crate::flow::{Flow, Transport};
use crate::hash::Hex;
use crate::leg::{Calling, Draft, Leg, Stage, Waiting};
use crate::message::{HeaderName, Message, Scheme, Uri};
use crate::time::Now;
use crate::transaction::client::{Client, Purpose};
use crate::transaction::key::TransactionKey;

/// What an INVITE of ours says.
#[derive(Clone, Debug)]
pub struct Invite<'i> {
    /// The Call-ID, from `draw_call_id`.
    pub call_id: String,
    /// The Request-URI and, with it, the way: `sip:` or `sips:`.
    pub target: &'i str,
    /// The user part of From; characters a user part may not have are escaped.
    pub from_user: &'i str,
    /// The host part of From.
    pub from_domain: &'i str,
    /// The display name of From.
    pub display: Option<&'i str>,
    /// The SDP offer; without one the peer offers and `acknowledge` answers.
    pub body: Option<&'i [u8]>,
    /// Additional header fields.
    pub headers: Vec<(HeaderName, String)>,
}

impl UserAgent {
    /// A new Call-ID.
    pub fn draw_call_id(&mut self) -> String {
        format!("{:032x}", self.tokens.draw())
    }

    /// Calls. The way is asked for with [`crate::event::Output::Locate`]; what comes of it are events.
    pub fn invite(&mut self, invite: &Invite<'_>, after: Commit) -> LegId {
        self.invite_as(invite, None, after)
    }

    /// The same, with what answers a 401 or 407 (RFC 3261 §22.2, §22.3).
    pub fn invite_as(
        &mut self,
        invite: &Invite<'_>,
        credentials: Option<Credentials>,
        after: Commit,
    ) -> LegId {
        let tag = self.tokens.draw_short();
        let id = LegId(tag);
        let user = escape_user(invite.from_user);
        let display = invite.display.map(quoted).unwrap_or_default();
        let local = format!(
            "{display}<sip:{user}@{}>;tag={}",
            invite.from_domain,
            Hex::new(tag).as_str()
        );
        let plain_target = invite.target.split('?').next().unwrap_or(invite.target);
        let policy = self.policy();
        let dialog = Dialog {
            call_id: invite.call_id.as_str().into(),
            local: local.into(),
            remote: format!("<{plain_target}>").into(),
            remote_tag: "".into(),
            local_cseq: 0,
            remote_cseq: None,
            target: plain_target.into(),
            routes: Box::default(),
            allows_update: false,
            may_repeat: false,
            restored: false,
        };
        let draft = Draft {
            body: invite.body.map(Bytes::copy_from_slice),
            headers: invite.headers.clone(),
            interval: policy.interval,
            minimum: policy.minimum,
            after,
        };
        let calling = Calling {
            draft,
            key: None,
            spare: Vec::new(),
            early: Vec::new(),
            cancelled: None,
            cancel_sent: false,
            silent: false,
            raised_interval: 0,
            digest: credentials.map(DigestClient::new),
            restored: false,
        };
        let mut leg = Box::new(Leg {
            id,
            is_client: true,
            flow: nowhere(),
            next_hop: None,
            dialog,
            stage: Stage::Calling(Box::new(calling)),
            accepted: None,
            reoffer: None,
            timer: SessionTimer::default(),
            local_body: invite.body.map(Bytes::copy_from_slice).unwrap_or_default(),
            owes_ack: None,
            acknowledged: None,
            farewell: None,
            waiting: Vec::new(),
            locating: None,
            hop_moved: false,
            filed: None,
        });
        match self.question(plain_target, None) {
            Some(question) => {
                leg.locating = Some(self.locate(Asker::Leg(id), question));
                self.put_leg(leg);
            }
            None => {
                self.fail(id, 416, "the target is not a sip or sips URI");
                self.leaving.enter(id);
            }
        }
        id
    }

    /// What to ask about the host of a URI.
    fn question(&mut self, uri: &str, known_peer: Option<Flow>) -> Option<Locate> {
        let uri = Uri::parse(uri).ok()?;
        let secure = match uri.scheme {
            Scheme::Sip => false,
            Scheme::Sips => true,
            _ => return None,
        };
        let transport = match uri.transport() {
            Some(token) => match Transport::from_token(token) {
                None if secure => Some(Transport::Tls),
                known => Some(known?),
            },
            None => None,
        };
        Some(Locate {
            id: self.next_locate_id(),
            host: host_text(&uri.host),
            port: uri.port,
            transport,
            secure,
            known_peer,
        })
    }

    /// The answer to a [`Locate`]: the flows to try in order.
    pub fn handle_located(
        &mut self,
        now: Now,
        id: LocateId,
        result: Result<Vec<Flow>, LocateFailure>,
    ) {
        match self.locating.remove(&id) {
            Some(Asker::Leg(leg)) => self.leg_located(now, leg, result),
            Some(Asker::Client(key)) => self.client_located(now, key, result),
            None => {}
        }
    }

    fn leg_located(&mut self, now: Now, id: LegId, result: Result<Vec<Flow>, LocateFailure>) {
        let Some(mut leg) = self.take_leg(id) else {
            return;
        };
        leg.locating = None;
        let in_dialog = matches!(leg.stage, Stage::Established);
        let needs_tls = is_sips(leg.dialog.addressing().next_hop);
        let flows = match result {
            Ok(flows) if !flows.is_empty() => flows,
            _ if in_dialog && needs_tls && !leg.flow.transport.is_secure() => {
                if leg.farewell.is_some() {
                    return self.put_leg(leg);
                }
                if leg.is_parting() {
                    return self.drop_leg(&leg);
                }
                return self.lose(
                    now,
                    leg,
                    503,
                    "the peer wants TLS and cannot be reached by it",
                );
            }
            // A Contact nobody may reach, as behind a NAT: the peer's own address is the better guess.
            Err(LocateFailure::Forbidden(_) | LocateFailure::NotFound(_)) | Ok(_) if in_dialog => {
                vec![leg.flow]
            }
            Ok(_) => return self.fail_leg(&leg, 480, "the host has no address"),
            Err(LocateFailure::NotFound(why)) => return self.fail_leg(&leg, 480, &why),
            Err(LocateFailure::Forbidden(why)) => return self.fail_leg(&leg, 403, &why),
        };
        if in_dialog {
            leg.next_hop = flows.first().copied();
            if std::mem::take(&mut leg.hop_moved) {
                leg.next_hop = None;
                if self.hop(&mut leg).is_none() {
                    return self.put_leg(leg);
                }
            }
            self.send_waiting(now, leg);
            return;
        }
        let Stage::Calling(calling) = &mut leg.stage else {
            self.put_leg(leg);
            return;
        };
        calling.spare = flows;
        calling.spare.reverse();
        self.send_invite(now, leg);
    }

    /// Sends the INVITE to the next address there is.
    pub(super) fn send_invite(&mut self, now: Now, mut leg: Box<Leg>) {
        let Stage::Calling(calling) = &mut leg.stage else {
            return self.put_leg(leg);
        };
        let Some(flow) = calling.spare.pop() else {
            return self.fail_leg(&leg, 503, "no address of the host could be reached");
        };
        let key = TransactionKey(self.tokens.draw() & !(1 << 127));
        calling.key = Some(key);
        leg.flow = flow;
        let cseq = leg.dialog.next_cseq();
        let interval = calling.draft.interval.to_string();
        let minimum = calling.draft.minimum.to_string();
        let mut headers: Vec<(HeaderName, &str)> = vec![
            (HeaderName::SessionExpires, interval.as_str()),
            (HeaderName::MinSe, minimum.as_str()),
        ];
        headers.extend(
            calling
                .draft
                .headers
                .iter()
                .map(|(name, value)| (*name, value.as_str())),
        );
        let request = Request {
            method: "INVITE",
            cseq,
            headers: &headers,
            body: calling.draft.body.as_deref(),
        };
        let bytes = self.compose_request(flow, key, &leg.dialog, &request);
        let after = calling.draft.after;
        self.start_client(now, leg.id, Purpose::Invite, cseq, flow, key, bytes, after);
        self.put_leg(leg);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a client transaction"
    )]
    pub(super) fn start_client(
        &mut self,
        now: Now,
        leg: LegId,
        purpose: Purpose,
        cseq: u32,
        flow: Flow,
        key: TransactionKey,
        bytes: Bytes,
        after: Commit,
    ) {
        self.transmit(flow, bytes.clone(), after, Some(leg));
        let timing = self.config.timing;
        let client = Client::new(now.instant, &timing, leg, purpose, cseq, flow, bytes, after);
        let key = if purpose == Purpose::Cancel {
            key.of_cancel()
        } else {
            key
        };
        self.put_client(key, client);
    }

    /// Gives a call up before its final response: by CANCEL, and [`EventKind::Rejected`] tells how that went. When
    /// the peer was silent until now, `Rejected` comes at once; whatever the peer still says is cancelled, or ended
    /// by BYE, unheard (RFC 3261 §9.1).
    ///
    /// # Errors
    /// No such leg, or already answered.
    pub fn cancel(
        &mut self,
        now: Now,
        leg: LegId,
        reason: Option<&str>,
    ) -> Result<(), CommandRefused> {
        let mut taken = self.take_leg(leg).ok_or(CommandRefused::Gone)?;
        let Stage::Calling(calling) = &mut taken.stage else {
            self.put_leg(taken);
            return Err(CommandRefused::State);
        };
        if calling.cancelled.is_some() {
            self.put_leg(taken);
            return Ok(());
        }
        let Some(key) = calling.key else {
            self.fail_leg(&taken, 487, "cancelled before the INVITE was sent");
            return Ok(());
        };
        calling.cancelled = Some(reason.map(Into::into));
        calling.spare.clear();
        let timing = self.config.timing;
        if self
            .clients
            .get(&key.0)
            .is_some_and(|client| !client.is_proceeding())
            && let Some(mut client) = self.take_client(key)
        {
            client.handle_given_up(now.instant, &timing);
            self.put_client(key, client);
            calling.silent = true;
            self.put_leg(taken);
            self.fail(leg, 487, "cancelled before the peer said anything");
            return Ok(());
        }
        self.try_cancel(now, &mut taken);
        self.put_leg(taken);
        Ok(())
    }

    /// Sends CANCEL when it is wanted, allowed and not sent yet.
    pub(super) fn try_cancel(&mut self, now: Now, leg: &mut Leg) {
        let Stage::Calling(calling) = &mut leg.stage else {
            return;
        };
        let (Some(reason), Some(key), false) =
            (&calling.cancelled, calling.key, calling.cancel_sent)
        else {
            return;
        };
        let Some(client) = self
            .clients
            .get(&key.0)
            .filter(|client| client.is_proceeding())
        else {
            return;
        };
        let (cseq, flow, request) = (client.cseq, client.flow, client.request.clone());
        let reason = reason.clone();
        calling.cancel_sent = true;
        let Ok(invite) = Message::parse(&request) else {
            return;
        };
        let bytes = self.compose_cancel(&invite, reason.as_deref());
        self.start_client(
            now,
            leg.id,
            Purpose::Cancel,
            cseq,
            flow,
            key,
            bytes,
            Commit(0),
        );
        let timing = self.config.timing;
        if let Some(mut client) = self.take_client(key) {
            client.handle_cancelled(now.instant, &timing);
            self.put_client(key, client);
        }
    }

    /// Sends the ACK with the answer, when the peer's 2xx carried the offer.
    ///
    /// # Errors
    /// No such leg, or nothing to acknowledge.
    pub fn acknowledge(&mut self, leg: LegId, body: &[u8]) -> Result<(), CommandRefused> {
        let mut taken = self.take_leg(leg).ok_or(CommandRefused::Gone)?;
        let Some(cseq) = taken.owes_ack.take() else {
            self.put_leg(taken);
            return Err(CommandRefused::State);
        };
        let body = Bytes::copy_from_slice(body);
        taken.local_body = body.clone();
        self.send_ack(&mut taken, cseq, body);
        self.put_leg(taken);
        Ok(())
    }

    /// ACK for a 2xx: a request of its own inside the dialog (RFC 3261 §13.2.2.4).
    pub(super) fn send_ack(&mut self, leg: &mut Leg, cseq: u32, body: Bytes) {
        leg.acknowledged = Some((cseq, body.clone()));
        let Some(flow) = self.hop(leg) else {
            leg.waiting.push(Waiting::Ack { cseq, body });
            return;
        };
        let key = TransactionKey(self.tokens.draw() & !(1 << 127));
        let content = (!body.is_empty()).then_some(&body[..]);
        let request = Request {
            method: "ACK",
            cseq,
            headers: &[],
            body: content,
        };
        let bytes = self.compose_request(flow, key, &leg.dialog, &request);
        self.transmit(flow, bytes, Commit(0), Some(leg.id));
    }

    /// The way to the dialog's next hop; asks for it when nobody knows.
    pub(super) fn hop(&mut self, leg: &mut Leg) -> Option<Flow> {
        if leg.next_hop.is_some() {
            return leg.next_hop;
        }
        let hop_uri = leg.dialog.addressing().next_hop.to_owned();
        if let Some(flow) = next_hop_of(&hop_uri).and_then(|uri| obvious_hop(leg.flow, &uri)) {
            leg.next_hop = Some(flow);
            return leg.next_hop;
        }
        if leg.locating.is_none() {
            match self.question(&hop_uri, Some(leg.flow)) {
                Some(question) => leg.locating = Some(self.locate(Asker::Leg(leg.id), question)),
                None => leg.next_hop = Some(leg.flow),
            }
        }
        leg.next_hop
    }

    /// The next hop is known: everything that waited for it goes out.
    fn send_waiting(&mut self, now: Now, mut leg: Box<Leg>) {
        for waiting in std::mem::take(&mut leg.waiting) {
            match waiting {
                Waiting::Ack { cseq, body } => self.send_ack(&mut leg, cseq, body),
                Waiting::Reinvite { body } => self.send_reinvite(now, &mut leg, body),
                Waiting::Refresh => self.send_refresh(now, &mut leg),
                Waiting::Bye { reason } => {
                    self.part(now, leg, reason.as_deref());
                    return;
                }
            }
        }
        self.put_leg(leg);
    }

    /// A request whose connection broke found another way.
    fn client_located(
        &mut self,
        now: Now,
        key: TransactionKey,
        result: Result<Vec<Flow>, LocateFailure>,
    ) {
        let Some(client) = self.take_client(key) else {
            return;
        };
        match result.ok().and_then(|flows| flows.first().copied()) {
            Some(flow) => self.resend(now, key, &client, flow),
            None => self.client_failed(now, key, &client, 503),
        }
    }

    pub(super) fn resend(&mut self, now: Now, key: TransactionKey, client: &Client, flow: Flow) {
        let timing = self.config.timing;
        let bytes = self.readdressed(client, key, flow);
        self.transmit(flow, bytes.clone(), client.after, Some(client.leg));
        let fresh = Client::new(
            now.instant,
            &timing,
            client.leg,
            client.purpose,
            client.cseq,
            flow,
            bytes,
            client.after,
        );
        self.put_client(key, fresh);
    }

    /// The request for another way: the Via names the transport and the socket it leaves by.
    fn readdressed(&self, client: &Client, key: TransactionKey, flow: Flow) -> Bytes {
        let is_same =
            flow.transport == client.flow.transport && flow.listener == client.flow.listener;
        let old = self.via(client.flow, key);
        let text = client.request.as_ref();
        match text
            .windows(old.len())
            .position(|part| part == old.as_bytes())
        {
            Some(at) if !is_same => {
                let new = self.via(flow, key);
                [&text[..at], new.as_bytes(), &text[at + old.len()..]]
                    .concat()
                    .into()
            }
            _ => client.request.clone(),
        }
    }

    /// Asks for another way to the next hop of a request whose connection broke.
    pub(super) fn relocate(&mut self, now: Now, key: TransactionKey, client: Client) {
        let next_hop = Message::parse(&client.request).ok().and_then(|request| {
            let route = request
                .addresses(HeaderName::Route)
                .next()
                .and_then(Result::ok);
            route
                .map(|route| route.uri)
                .or(request.request_uri())
                .map(str::to_owned)
        });
        let question = next_hop.and_then(|uri| self.question(&uri, Some(client.flow)));
        match question {
            Some(question) => {
                self.locate(Asker::Client(key), question);
                self.put_client(key, client);
            }
            None => self.client_failed(now, key, &client, 503),
        }
    }

    pub(super) fn fail(&mut self, leg: LegId, status: u16, why: &str) {
        self.tell(
            leg,
            EventKind::Rejected {
                status,
                local: true,
                why: why.to_owned(),
            },
        );
    }

    pub(super) fn fail_leg(&mut self, leg: &Leg, status: u16, why: &str) {
        self.drop_leg(leg);
        if !leg.is_silent() {
            self.fail(leg.id, status, why);
        }
    }
}

/// A flow that leads nowhere: the place of one not known yet.
fn nowhere() -> Flow {
    let peer = std::net::SocketAddr::from(([0, 0, 0, 0], 0));
    Flow {
        transport: Transport::Udp,
        listener: 0,
        peer,
        connection: 0,
    }
}

/// The user part with everything escaped that RFC 3261 §25.1 does not let stand.
pub fn escape_user(user: &str) -> String {
    let mut out = String::with_capacity(user.len());
    for byte in user.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte);
        if plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn quoted(display: &str) -> String {
    let mut out = String::with_capacity(display.len() + 3);
    out.push('"');
    for character in display.chars().filter(|c| !c.is_control()) {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push_str("\" ");
    out
}
