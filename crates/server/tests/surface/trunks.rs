//! Calls from and over trunks, with SIPp as the other side of them, and a call to what is not in service yet.

use std::net::SocketAddr;
use std::thread;
use std::time::Instant;

use hookswitch_rig::application::{Answer, Application, Callback};
use hookswitch_rig::server::{Server, Tenant};
use hookswitch_rig::sipp::{Call, Messages, Sipp, Transport};
use hookswitch_sip::auth::{Algorithm, Ha1, Proof};
use serde_json::{Value, json};

use crate::world::{DOMAIN, SOON, device_media, hookswitch, scenario_file};

over_udp_and_tcp!(
    a_trunk_proves_itself_by_digest,
    a_trunk_is_known_by_the_network_the_operator_granted,
    a_call_over_a_trunk_answers_its_407,
    a_call_to_an_alarm_bridge_is_refused_with_its_reason_on_record,
);

/// A server that lets nobody in because of where it comes from, and a tenant whose application answers each call.
struct World {
    server: Server,
    tenant: Tenant,
    application: Application,
    transport: Transport,
}

impl World {
    fn new(transport: Transport) -> Self {
        let options = [
            "--callback-allow",
            "127.0.0.0/8",
            "--sip-allow",
            "127.0.0.0/8",
        ];
        let server = Server::start_among_strangers(hookswitch(), &options).unwrap();
        let tenant = server.add_tenant(DOMAIN).unwrap();
        let application = Application::start(|callback: &Callback| match callback.name.as_str() {
            "newRemoteCall" => Answer::Json(200, json!({"answer": device_media()})),
            _ => Answer::ok(),
        });
        let application = application.unwrap();
        let service = json!({"destinationMatch": "^100"});
        tenant
            .add_service(&application.base_url(), &service)
            .unwrap();
        Self {
            server,
            tenant,
            application,
            transport,
        }
    }

    fn provisions(&self, path: &str, body: &Value) -> Value {
        let path = path.replace("{domain}", DOMAIN);
        let reply = self.tenant.request("POST", &path, Some(body)).unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.body
    }

    /// A trunk to `target`, whose secret is the MD5 hash that SIPp can answer to.
    fn adds_trunk(&self, target: SocketAddr) {
        let trunk = json!({
            "destinationTarget": target.to_string(), "destinationTransport": self.transport.parameter(),
            "destinationMatch": "^\\+46", "destinationRewrite": "/^\\+46/0/",
            "sourceNetworks": ["127.0.0.0/8"], "userName": "acme", "realm": "carrier.test",
            "ha1": Algorithm::Md5.ha1("acme", "carrier.test", "sesame"),
        });
        self.provisions("/provisioning/trunk/{domain}", &trunk);
    }

    fn sipp(&self, scenario: &str) -> Sipp {
        Sipp::scenario(scenario_file(scenario), self.transport)
            .key("domain", DOMAIN)
            .with(&["-d", "300"])
    }

    fn calls(&self, sipp: Sipp, user: &str) -> Messages {
        let sip = match self.transport {
            Transport::Udp => self.server.udp,
            Transport::Tcp => self.server.tcp,
        };
        self.holds(sipp.call(user, sip).unwrap())
    }

    fn holds(&self, call: Call) -> Messages {
        call.finish()
            .unwrap_or_else(|error| panic!("{error:#}\nserver log:\n{}", self.server.log()))
    }

    fn hears(&self, name: &str) -> Callback {
        self.application
            .wait_for(name, SOON)
            .unwrap_or_else(|error| panic!("{error:#}\nserver log:\n{}", self.server.log()))
    }

    /// The trace of the newest call.
    fn trace(&self) -> String {
        let path = format!("/v1/{DOMAIN}/calls");
        // A refused call is written down after its response has left.
        let deadline = Instant::now() + SOON;
        let call = loop {
            let reply = self.tenant.request("GET", &path, None).unwrap();
            if let Some(call) = reply.body["calls"][0]["id"].as_str() {
                break call.to_owned();
            }
            assert!(Instant::now() < deadline, "no record of the call came");
            thread::yield_now();
        };
        let path = format!("/v1/{DOMAIN}/calls/{call}");
        let reply = self.tenant.request("GET", &path, None).unwrap();
        reply.body["call"].to_string()
    }
}

fn anywhere() -> SocketAddr {
    ([127, 0, 0, 1], 9).into()
}

fn a_trunk_proves_itself_by_digest(transport: Transport) {
    let world = World::new(transport);
    world.adds_trunk(anywhere());
    let caller = world.sipp("uac_trunk_digest");
    let proof = [
        "-au",
        "acme",
        "-ap",
        "sesame",
        "-auth_uri",
        "1001@acme.test",
    ];
    world.calls(caller.with(&proof), "1001");
    let offered = world.hears("newRemoteCall");
    assert_eq!(offered.text("sourceUser"), "+46700000001");
    world.hears("callHungup");
    let trace = world.trace();
    assert!(
        trace.contains("the digest credentials are those of trunk"),
        "{trace}"
    );
}

fn a_trunk_is_known_by_the_network_the_operator_granted(transport: Transport) {
    let world = World::new(transport);
    world.adds_trunk(anywhere());
    let granted = ["domain", "network", "add", DOMAIN, "127.0.0.0/8"];
    world.server.command(&granted).unwrap();
    world.calls(world.sipp("uac_call_and_bye"), "1001");
    world.hears("callHungup");
    let trace = world.trace();
    assert!(trace.contains("is in sourceNetworks of trunk"), "{trace}");
}

fn a_call_over_a_trunk_answers_its_407(transport: Transport) {
    let world = World::new(transport);
    let carrier = world.sipp("uas_trunk_407").listen().unwrap();
    world.adds_trunk(carrier.address);
    let mut place = device_media();
    place["destinationUri"] = json!(format!("sip:+46890510@{DOMAIN}"));
    place["sourceUser"] = json!("1001");
    let reply = world.tenant.command("placeremotecalljwt", &place).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.body);
    let answered = world.hears("callAnswered");
    let hangup = json!({"replyId": answered.text("replyId")});
    world.tenant.command("hangupcalljwt", &hangup).unwrap();
    let messages = world.holds(carrier);
    let invites = messages.received();
    let mut asked = invites.iter().filter(|text| text.starts_with("INVITE "));
    let (first, second) = (asked.next().unwrap(), asked.next().unwrap());
    assert!(!first.contains("Authorization"), "{first}");
    let value = second
        .lines()
        .find_map(|line| line.strip_prefix("Proxy-Authorization: "));
    let proof = Proof::parse(value.unwrap()).unwrap();
    let uri = second.split(' ').nth(1).unwrap();
    let ha1 = Ha1::of("acme", "carrier.test", "sesame");
    assert!(proof.is_right("INVITE", uri, b"", &ha1), "{second}");
    let trace = world.trace();
    assert!(trace.contains("destinationRewrite"), "{trace}");
}

fn a_call_to_an_alarm_bridge_is_refused_with_its_reason_on_record(transport: Transport) {
    let world = World::new(transport);
    let bridge = json!({"name": "alarms", "destinationMatch": "^112$", "protocol": "scaip"});
    world.provisions("/provisioning/alarmbridge/{domain}", &bridge);
    let granted = ["domain", "network", "add", DOMAIN, "127.0.0.0/8"];
    world.server.command(&granted).unwrap();
    world.calls(world.sipp("uac_not_in_service"), "112");
    let record = world.trace();
    assert!(
        record.contains("alarmbridge is not in service on this node yet"),
        "{record}"
    );
    let log = world.server.log();
    assert!(log.contains("its destination is not in service"), "{log}");
}
