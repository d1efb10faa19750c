//! One call with a crash in it: a phone and an application that do what they would do anyway, whatever happens between.

use std::time::{Duration, Instant};

use hookswitch_rig::application::{Answer, Callback};
use hookswitch_rig::phone::{Heard, Phone};
use hookswitch_rig::sipp::Transport;
use serde_json::{Value, json};

use crate::world::{DOMAIN, World, device_media};

/// How long the phone listens before anybody looks whether the server still lives.
const LOOK: Duration = Duration::from_millis(20);
/// How often a 2xx without ACK is repeated (RFC 3261 §13.3.1.4).
const T1: Duration = Duration::from_millis(500);
/// A crash, a start, and what a slow machine adds.
const LONG: Duration = Duration::from_secs(40);

/// The world of one call, and how far its phone is.
pub(super) struct Play {
    world: World,
    phone: Phone,
    point: String,
    has_crashed: bool,
    /// The session of the call that the application placed.
    placed: Option<Value>,
    /// The phone's own INVITE while it has no final response.
    calling: Option<String>,
    /// When that INVITE, of which nothing was heard yet, was sent last.
    unheard_since: Option<Instant>,
    /// The INVITEs it rings for.
    ringing: Vec<Heard>,
    /// The INVITE it answered with a 2xx that has no ACK yet, and when it said so last.
    answered: Option<(Heard, Instant)>,
    /// It has heard or given a 2xx, and no BYE since.
    is_talking: bool,
}

impl Play {
    /// An application that answers in its reply to the announcement.
    pub(super) fn of_an_answering_application(transport: Transport, point: &str) -> Self {
        let script = |callback: &Callback| match callback.name.as_str() {
            "newRemoteCall" => Answer::Json(200, json!({"ringback": {}, "answer": device_media()})),
            _ => Answer::ok(),
        };
        Self::new(World::failing_at(transport, script, point), point)
    }

    /// An application that takes every callback.
    pub(super) fn of_a_silent_application(transport: Transport, point: &str) -> Self {
        let script = |_: &Callback| Answer::ok();
        Self::new(World::failing_at(transport, script, point), point)
    }

    fn new(world: World, point: &str) -> Self {
        let phone = world.own_phone();
        Self {
            world,
            phone,
            point: point.to_owned(),
            has_crashed: false,
            placed: None,
            calling: None,
            unheard_since: None,
            ringing: Vec::new(),
            answered: None,
            is_talking: false,
        }
    }

    /// The phone calls the service.
    pub(super) fn phone_calls(&mut self) {
        self.calling = Some(self.phone.invites("1001", DOMAIN).unwrap());
        self.unheard_since = Some(Instant::now());
        self.until("the INVITE has its final response", |play| {
            play.calling.is_none()
        });
    }

    /// The application calls the phone, which answers once its ringing was told.
    pub(super) fn application_calls(&mut self) {
        let mut body = device_media();
        let (phone, transport) = (self.phone.address(), self.world.transport);
        body["destinationUri"] = json!(format!("sip:bob@{phone};transport={transport}"));
        body["sourceUser"] = json!("1001");
        let reply = loop {
            let tenant = &self.world.tenant;
            match tenant.command_once("the call", "placeremotecalljwt", &body) {
                Ok(reply) => break reply,
                Err(_) => self.goes_on(),
            }
        };
        assert_eq!(reply.status, 200, "{}", reply.body);
        self.placed = Some(reply.body["sessionId"].clone());
        self.until("the phone rings or the call has failed", |play| {
            !play.ringing.is_empty() || play.has_been_told("callFailed")
        });
        self.until("the ringing is told or over", |play| {
            play.ringing.is_empty() || play.rings_audibly().is_some()
        });
        if let Some(place) = self.rings_audibly() {
            let invite = self.ringing.remove(place);
            while_there_is_somebody(self.phone.answers(&invite, 200));
            self.answered = Some((invite, Instant::now()));
            self.is_talking = true;
        }
    }

    /// An INVITE whose ringing the application was told of.
    fn rings_audibly(&self) -> Option<usize> {
        let told = self.world.application.callbacks();
        self.ringing.iter().position(|invite| {
            let call_id = invite.field("Call-ID");
            told.iter()
                .any(|callback| callback.name == "callNotify" && callback.text("callId") == call_id)
        })
    }

    /// The application hangs up what was answered.
    pub(super) fn is_hung_up_when_answered(&mut self) {
        self.until("the answer is told or all is over", |play| {
            play.has_been_told("callAnswered") || play.has_ended()
        });
        let Some(answered) = self.told("callAnswered") else {
            return;
        };
        let reply_id = json!({"replyId": answered.text("replyId")});
        let (status, reply) = self.commands("hangupcalljwt", &reply_id);
        // The one before the crash was carried out already.
        assert!(
            status == 200 || (self.has_crashed && status == 409),
            "{status} {reply}"
        );
    }

    /// The server crashed once; every call has its one end; the phone neither rings nor talks. What was ordered under one
    /// key, however often, is one call.
    pub(super) fn is_over(&mut self) {
        self.until("a crash is over", |play| {
            play.has_crashed && play.has_ended()
        });
        if let Some(placed) = &self.placed {
            for callback in self.world.application.callbacks() {
                assert_eq!(callback.body["sessionId"], *placed, "{}", self.point);
            }
        }
        self.world.told_stories();
    }

    /// Every call was told its end, and the phone neither rings nor talks.
    fn has_ended(&self) -> bool {
        let told = self.world.application.callbacks();
        let ended = |call: &Callback| {
            told.iter().any(|callback| {
                callback.text("sessionId") == call.text("sessionId") && is_terminal(callback)
            })
        };
        self.ringing.is_empty() && !self.is_talking && !told.is_empty() && told.iter().all(ended)
    }

    /// A command until it is answered, by whichever life of the server.
    fn commands(&mut self, name: &str, body: &Value) -> (u16, Value) {
        loop {
            match self.world.tenant.command(name, body) {
                Ok(reply) => return (reply.status, reply.body),
                Err(_) => self.goes_on(),
            }
        }
    }

    fn has_been_told(&self, name: &str) -> bool {
        self.told(name).is_some()
    }

    fn told(&self, name: &str) -> Option<Callback> {
        let told = self.world.application.callbacks();
        told.into_iter().find(|callback| callback.name == name)
    }

    /// Life goes on until `is_so`.
    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + LONG;
        while !is_so(self) {
            assert!(
                Instant::now() < deadline,
                "{}: not {what}\n{}",
                self.point,
                self.story()
            );
            self.goes_on();
        }
    }

    /// The phone answers what comes; a server that ended itself is started again, and an INVITE without an answer is
    /// repeated to it.
    fn goes_on(&mut self) {
        while let Ok(heard) = self.phone.hears("anything", LOOK, |_| true) {
            self.hears(&heard);
        }
        if let Some((invite, at)) = &mut self.answered
            && at.elapsed() >= T1
        {
            *at = Instant::now();
            while_there_is_somebody(self.phone.answers(&invite.clone(), 200));
        }
        if !self.has_crashed && self.world.server.has_ended().unwrap() {
            self.has_crashed = true;
            self.world.starts_again();
            if let Some(invite) = &self.calling {
                self.phone.repeats(invite).unwrap();
            }
        }
        if let (Some(invite), Some(at), Transport::Udp) =
            (&self.calling, &mut self.unheard_since, self.world.transport)
            && at.elapsed() >= T1
        {
            *at = Instant::now();
            while_there_is_somebody(self.phone.repeats(invite));
        }
    }

    fn hears(&mut self, heard: &Heard) {
        if heard.status().is_some() && heard.method() == "INVITE" {
            self.unheard_since = None;
        }
        match (heard.status(), heard.method()) {
            (Some(200..=299), "INVITE") => {
                self.is_talking |= self.calling.take().is_some();
                while_there_is_somebody(self.phone.acknowledges(heard));
            }
            (Some(300..), "INVITE") => {
                self.calling = None;
                while_there_is_somebody(self.phone.acknowledges_refusal(heard));
            }
            (None, "INVITE") if self.is_talking => {
                while_there_is_somebody(self.phone.answers(heard, 200));
            }
            (None, "INVITE") => {
                while_there_is_somebody(self.phone.answers(heard, 180));
                self.ringing
                    .retain(|invite| invite.branch() != heard.branch());
                self.ringing.push(heard.clone());
            }
            (None, "CANCEL") => {
                while_there_is_somebody(self.phone.answers(heard, 200));
                let is_its = |invite: &Heard| invite.branch() == heard.branch();
                if let Some(place) = self.ringing.iter().position(is_its) {
                    let invite = self.ringing.remove(place);
                    while_there_is_somebody(self.phone.answers(&invite, 487));
                }
            }
            (None, "BYE") => {
                self.is_talking = false;
                self.answered = None;
                while_there_is_somebody(self.phone.answers(heard, 200));
            }
            (None, "ACK") => self.answered = None,
            (Some(_), _) => {}
            (None, _) => while_there_is_somebody(self.phone.answers(heard, 200)),
        }
    }

    /// What the server said.
    pub(super) fn log(&self) -> String {
        self.world.server.log()
    }

    fn story(&self) -> String {
        let told = self.world.application.callbacks();
        let told: Vec<_> = told.iter().map(|callback| &callback.name).collect();
        let (ringing, talking) = (self.ringing.len(), self.is_talking);
        let crashed = self.has_crashed;
        format!(
            "crashed {crashed}, ringing {ringing}, talking {talking}, told {told:?}\nserver log:\n{}",
            self.world.server.log()
        )
    }
}

/// What a phone sends while the server is down goes nowhere; its repetitions, or those of the server, make up for it.
fn while_there_is_somebody<T>(sent: anyhow::Result<T>) {
    drop(sent);
}

fn is_terminal(callback: &Callback) -> bool {
    ["callHungup", "callFailed"].contains(&callback.name.as_str())
}
