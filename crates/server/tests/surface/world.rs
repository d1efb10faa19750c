//! One server, one tenant, one application, and what tests say about them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use hookswitch_rig::application::{Answer, Application, Callback, Script};
use hookswitch_rig::phone::Phone;
use hookswitch_rig::server::{Server, Tenant};
use hookswitch_rig::sipp::{Call, Messages, Sipp, Transport};
use serde_json::{Value, json};

/// How long a callback may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// The tenant of every test.
pub(crate) const DOMAIN: &str = "acme.test";

/// The program under test.
pub(crate) fn hookswitch() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_hookswitch"))
}

/// Our scenario of that name.
pub(crate) fn scenario_file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/surface/sipp");
    folder.join(name).with_extension("xml")
}

/// The media a device offers or answers with.
pub(crate) fn device_media() -> Value {
    json!({
        "codec": "PCMU",
        "receiveIp": "127.0.0.1",
        "receivePort": 40_100,
        "telephoneEventPayloadType": 101,
    })
}

/// A server with a tenant whose application hears of every call.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) tenant: Tenant,
    pub(crate) application: Application,
    pub(crate) transport: Transport,
}

impl World {
    /// An application that takes every callback and leaves the calls to the test.
    pub(crate) fn new(transport: Transport) -> Self {
        Self::with_script(transport, |_: &Callback| Answer::ok())
    }

    /// An application that answers each call in its reply to the announcement.
    pub(crate) fn answering(transport: Transport) -> Self {
        Self::answering_with(transport, &[])
    }

    /// The same with further options of `serve`.
    pub(crate) fn answering_with(transport: Transport, options: &[&str]) -> Self {
        let script = |callback: &Callback| {
            if callback.name == "newRemoteCall" {
                let reply = json!({"ringback": {}, "answer": device_media()});
                Answer::Json(200, reply)
            } else {
                Answer::ok()
            }
        };
        Self::with_options(transport, script, options, &json!({}))
    }

    /// An application that refuses each call with a SIP status of its own.
    pub(crate) fn rejecting(transport: Transport, status: u16) -> Self {
        Self::with_script(transport, move |_: &Callback| {
            Answer::Json(200, json!({"hangup": {"sipStatus": status}}))
        })
    }

    /// An application that follows `script`.
    pub(crate) fn with_script(transport: Transport, script: impl Script) -> Self {
        Self::with_options(transport, script, &[], &json!({}))
    }

    /// The same with further options of `serve` and members of the service.
    pub(crate) fn with_options(
        transport: Transport,
        script: impl Script,
        options: &[&str],
        service: &Value,
    ) -> Self {
        let server = Server::start(hookswitch(), options).expect("the server starts");
        Self::around(server, transport, script, service)
    }

    /// A world whose server ends itself at a fail point.
    pub(crate) fn failing_at(transport: Transport, script: impl Script, point: &str) -> Self {
        let environment = [("HOOKSWITCH_FAIL_AT", point)];
        let server = Server::start_in(hookswitch(), &[], &environment);
        let server = server.expect("the server starts");
        Self::around(server, transport, script, &json!({}))
    }

    /// A world whose server runs with these environment variables.
    pub(crate) fn with_environment(
        transport: Transport,
        script: impl Script,
        environment: &[(&str, &str)],
        service: &Value,
    ) -> Self {
        let server = Server::start_in(hookswitch(), &[], environment);
        Self::around(
            server.expect("the server starts"),
            transport,
            script,
            service,
        )
    }

    fn around(server: Server, transport: Transport, script: impl Script, service: &Value) -> Self {
        let tenant = server.add_tenant(DOMAIN).expect("a tenant is added");
        let application = Application::start(script).expect("the application listens");
        tenant
            .add_service(&application.base_url(), service)
            .expect("the service is provisioned");
        Self {
            server,
            tenant,
            application,
            transport,
        }
    }

    /// Where SIP over the world's transport arrives.
    pub(crate) fn sip(&self) -> SocketAddr {
        match self.transport {
            Transport::Udp => self.server.udp,
            Transport::Tcp => self.server.tcp,
        }
    }

    /// A SIPp that follows our scenario of that name.
    pub(crate) fn sipp(&self, scenario: &str) -> Sipp {
        Sipp::scenario(scenario_file(scenario), self.transport)
            .key("domain", DOMAIN)
            .with(&["-d", "300"])
    }

    /// SIPp calls `user`; the test goes on meanwhile.
    pub(crate) fn caller(&self, scenario: &str, user: &str) -> Call {
        self.starts(self.sipp(scenario), user)
    }

    /// That SIPp calls `user`; the test goes on meanwhile.
    pub(crate) fn starts(&self, sipp: Sipp, user: &str) -> Call {
        sipp.call(user, self.sip()).expect("SIPp starts")
    }

    /// SIPp calls `user` and the scenario holds to its end.
    pub(crate) fn calls(&self, scenario: &str, user: &str) -> Messages {
        self.holds(self.caller(scenario, user))
    }

    /// The scenario of a running SIPp holds to its end.
    pub(crate) fn holds(&self, call: Call) -> Messages {
        call.finish()
            .unwrap_or_else(|error| panic!("{error:#}\nserver log:\n{}", self.server.log()))
    }

    /// A phone of our own that talks to the server.
    pub(crate) fn own_phone(&self) -> Phone {
        Phone::new(self.transport, self.sip()).expect("a port is free")
    }

    /// The power fails and comes back.
    pub(crate) fn crashes(&mut self) {
        self.server.kill().expect("the server is killed");
        self.starts_again();
    }

    /// The program is started again on its folder.
    pub(crate) fn starts_again(&mut self) {
        self.server.start_again().expect("the server starts again");
    }

    /// SIPp waits for our call.
    pub(crate) fn phone(&self, scenario: &str) -> Call {
        let phone = self.sipp(scenario).listen();
        phone.expect("SIPp listens")
    }

    /// The application places a call to `phone`; its reply.
    pub(crate) fn places_call_to(&self, phone: SocketAddr) -> Value {
        self.places_call(phone, &json!({}))
    }

    /// The same with further members of the request.
    pub(crate) fn places_call(&self, phone: SocketAddr, extra: &Value) -> Value {
        let mut body = device_media();
        let uri = format!("sip:bob@{phone};transport={}", self.transport);
        body["destinationUri"] = json!(uri);
        body["sourceUser"] = json!("1001");
        body["sessionReferenceId"] = json!("order-7");
        for (member, value) in extra.as_object().into_iter().flatten() {
            body[member] = value.clone();
        }
        self.commands("placeremotecalljwt", &body)
    }

    /// A command that is accepted; its reply.
    pub(crate) fn commands(&self, name: &str, body: &Value) -> Value {
        let reply = self.tenant.command(name, body).expect("REST answers");
        let is_done = reply.status == 200 && reply.body["success"] == json!(true);
        let (said, log) = (&reply.body, self.server.log());
        assert!(is_done, "{name}: {said}\nserver log:\n{log}");
        reply.body
    }

    /// A command that is refused; its status and code.
    pub(crate) fn commands_in_vain(&self, name: &str, body: &Value) -> (u16, String) {
        let reply = self.tenant.command(name, body).expect("REST answers");
        assert_eq!(
            reply.body["success"],
            json!(false),
            "{name}: {}",
            reply.body
        );
        let code = reply.body["code"].as_str().unwrap_or_default();
        (reply.status, code.to_owned())
    }

    /// Rings back and answers the announced call, as two commands.
    pub(crate) fn rings_and_answers(&self, announced: &Callback) {
        let reply_id = announced.text("replyId");
        self.commands("sendremotecallringbackjwt", &json!({"replyId": reply_id}));
        self.answers(announced);
    }

    /// Answers the announced call.
    pub(crate) fn answers(&self, announced: &Callback) {
        let mut body = device_media();
        body["replyId"] = json!(announced.text("replyId"));
        body["sessionReferenceId"] = json!("order-7");
        self.commands("answerremotecalljwt", &body);
    }

    /// Hangs up the call of that callback or reply.
    pub(crate) fn hangs_up(&self, reply_id: &str) {
        self.commands("hangupcalljwt", &json!({"replyId": reply_id}));
    }

    /// The callback of that name, which comes soon.
    pub(crate) fn hears(&self, name: &str) -> Callback {
        self.application
            .wait_for(name, SOON)
            .unwrap_or_else(|error| panic!("{error:#}\nserver log:\n{}", self.server.log()))
    }

    /// The `callNotify` about that event, which comes soon.
    pub(crate) fn hears_notify(&self, event: &str) -> Callback {
        let heard = self.application.wait_until(event, SOON, |callback| {
            callback.name == "callNotify" && callback.text("event") == event
        });
        heard.unwrap_or_else(|error| panic!("{error:#}\nserver log:\n{}", self.server.log()))
    }

    /// The newest call, once it is over in the books: on a slow disk its last message leaves first.
    pub(crate) fn finds_the_last_call(&self) -> Value {
        let path = format!("/v1/{DOMAIN}/calls?limit=1");
        let deadline = Instant::now() + SOON;
        loop {
            let calls = self.tenant.request("GET", &path, None).unwrap().body;
            let call = &calls["calls"][0];
            if call["state"] == json!("ended") {
                return call.clone();
            }
            let log = || self.server.log();
            assert!(
                Instant::now() < deadline,
                "no call is over: {calls}\n{}",
                log()
            );
            thread::yield_now();
        }
    }

    /// The last callback is the terminal one, there is one only, and `sequence` has no gap.
    pub(crate) fn heard_one_whole_story(&self, expected: &[&str]) {
        self.hears(expected[expected.len() - 1]);
        let heard = self.application.callbacks();
        let names: Vec<&str> = heard
            .iter()
            .map(|callback| callback.name.as_str())
            .collect();
        assert_eq!(names, expected);
        let sequence: Vec<u64> = heard
            .iter()
            .filter_map(|callback| callback.body["sequence"].as_u64())
            .collect();
        let counted: Vec<u64> = (1..).take(names.len()).collect();
        assert_eq!(sequence, counted);
    }

    /// What the application was told of each call, in the end: every event once by its number, each copy with the
    /// id and the body of the first, no number left out, and one terminal event, which is the last.
    pub(crate) fn told_stories(&self) -> Vec<Vec<String>> {
        let mut calls: Vec<(String, BTreeMap<u64, Callback>)> = Vec::new();
        for callback in self.application.callbacks() {
            let call = callback.text("sessionId");
            let place = calls.iter().position(|(id, _)| *id == call);
            let place = place.unwrap_or_else(|| {
                calls.push((call, BTreeMap::new()));
                calls.len() - 1
            });
            let sequence = callback.body["sequence"].as_u64().expect("a number");
            let first = calls[place].1.entry(sequence).or_insert(callback.clone());
            assert_eq!(first.header("webhook-id"), callback.header("webhook-id"));
            assert_eq!(first.body, callback.body, "a copy tells something else");
        }
        let told = calls.into_iter().map(|(_, events)| {
            let numbers: Vec<u64> = events.keys().copied().collect();
            let names: Vec<String> = events.into_values().map(|event| event.name).collect();
            // The announcement of a call is asked, not told: a crash right before it leaves it out.
            let first = numbers[0];
            assert!(first <= 2, "{numbers:?} {names:?}");
            let counted: Vec<u64> = (first..).take(numbers.len()).collect();
            assert_eq!(numbers, counted, "{names:?}");
            let is_terminal =
                |name: &&String| ["callHungup", "callFailed"].contains(&name.as_str());
            assert!(
                names.last().is_some_and(|name| is_terminal(&name)),
                "{names:?}"
            );
            assert_eq!(names.iter().filter(is_terminal).count(), 1, "{names:?}");
            names
        });
        told.collect()
    }

    /// One call was told, as `expected`, whatever came twice.
    pub(crate) fn told_one_story(&self, expected: &[&str]) {
        self.hears(expected[expected.len() - 1]);
        assert_eq!(self.told_stories(), [expected]);
    }

    /// The terminal callback of that name, with its class and SIP status.
    pub(crate) fn ends_with(&self, name: &str, class: &str, ended_by: &str) -> Callback {
        let ended = self.hears(name);
        assert_eq!(
            (ended.text("class").as_str(), ended.text("endedBy").as_str()),
            (class, ended_by),
            "{}",
            ended.body
        );
        ended
    }
}

/// The status codes of the responses among these messages, in order.
pub(crate) fn statuses(messages: &[&str]) -> Vec<u16> {
    let responses = messages
        .iter()
        .filter_map(|message| message.strip_prefix("SIP/2.0 "));
    let codes = responses.filter_map(|rest| rest.get(..3)?.parse().ok());
    codes.collect()
}
