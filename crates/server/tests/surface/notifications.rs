//! What devices do and service alarms, at the endpoints and topics that the notification settings name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use hookswitch_rig::application::{Answer, Application, Callback};
use hookswitch_rig::sipp::Transport;
use hookswitch_server::sigv4::{self, Authorization};
use serde_json::{Value, json};

use crate::world::{DOMAIN, SOON, World, device_media};

const TOPIC: &str = "arn:aws:sns:eu-north-1:123456789012:events";

/// Writes the notification settings; the status, and why not.
fn sets(world: &World, settings: &Value) -> (u16, Value) {
    let path = format!("/provisioning/notificationsettings/{DOMAIN}");
    let reply = world.tenant.request("PUT", &path, Some(settings)).unwrap();
    (reply.status, reply.body)
}

/// The notifications are wanted at that URL.
fn wants(world: &World, url: &str) {
    let settings = json!({
        "useHttpEvents": true,
        "sipEventsRestEndpoint": format!("{url}/events"),
        "alarmEventsRestEndpoint": format!("{url}/alarms"),
    });
    let (status, body) = sets(world, &settings);
    assert_eq!(status, 200, "{body}");
}

fn answering(callback: &Callback) -> Answer {
    match callback.name.as_str() {
        "newRemoteCall" => Answer::Json(200, json!({"answer": device_media()})),
        _ => Answer::ok(),
    }
}

/// Every state that was told, in order of time.
fn states(endpoint: &Application) -> Vec<String> {
    let heard = endpoint.callbacks().into_iter();
    let events = heard.filter(|heard| heard.name == "events");
    let bodies =
        events.flat_map(|heard| heard.body["body"].as_array().cloned().unwrap_or_default());
    bodies
        .map(|event| event["state"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// The events of a call that ended are among them.
fn tells_the_end(heard: &Callback) -> bool {
    heard.name == "events" && heard.body.to_string().contains("\"terminated\"")
}

/// The call was told to its end.
fn hears_the_end(world: &World, endpoint: &Application) -> Callback {
    let heard = endpoint.wait_until("a terminated call", SOON, tells_the_end);
    heard.unwrap_or_else(|error| panic!("{error:#}\nserver log:\n{}", world.server.log()))
}

#[test]
fn the_endpoint_hears_what_a_device_does() {
    let world = World::with_script(Transport::Udp, answering);
    let endpoint = Application::start(|_: &Callback| Answer::ok()).unwrap();
    wants(&world, &endpoint.base_url());
    world.calls("uac_call_and_bye", "1001");
    let told = hears_the_end(&world, &endpoint);
    assert_eq!(states(&endpoint), ["trying", "confirmed", "terminated"]);
    assert_eq!(told.text("event"), "SIPDEVICEMONITORING");
    assert_eq!(told.header("webhook-id"), Some(&*told.text("webhookId")));
    let events = told.body["body"].as_array().unwrap();
    let last = events.last().unwrap();
    assert_eq!(last["device"], json!("1001"));
    assert_eq!(last["direction"], json!("recipient"));
    assert_eq!(
        (&last["class"], &last["sipStatus"]),
        (&json!("normal"), &json!(200))
    );
    let ended = world.hears("callHungup");
    assert_eq!(last["callId"], json!(ended.text("callId")));
}

#[test]
fn what_an_endpoint_missed_comes_again_also_after_a_crash() {
    let mut world = World::with_script(Transport::Udp, answering);
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    // What comes first is taken, or the end of the call would wait behind it.
    let endpoint = Application::start(move |heard: &Callback| {
        match up.load(Ordering::Relaxed) || !tells_the_end(heard) {
            true => Answer::ok(),
            false => Answer::Json(500, json!({})),
        }
    });
    let endpoint = endpoint.unwrap();
    wants(&world, &endpoint.base_url());
    world.calls("uac_call_and_bye", "1001");
    let missed = hears_the_end(&world, &endpoint);
    world.crashes();
    is_up.store(true, Ordering::Relaxed);
    // What came in vain may have come several times; what comes now is taken.
    let copies = |endpoint: &Application| {
        let heard = endpoint.callbacks().into_iter();
        let ids = heard.filter(|heard| heard.header("webhook-id") == missed.header("webhook-id"));
        ids.collect::<Vec<_>>()
    };
    let (before, began) = (copies(&endpoint).len(), Instant::now());
    while copies(&endpoint).len() == before {
        let log = || world.server.log();
        assert!(began.elapsed() < 2 * SOON, "nothing comes again\n{}", log());
        std::thread::yield_now();
    }
    assert!(
        copies(&endpoint)
            .iter()
            .all(|copy| copy.bytes == missed.bytes),
        "the same delivery"
    );
}

#[test]
fn an_application_that_is_gone_is_an_alarm_until_it_is_back() {
    let world = World::with_script(Transport::Udp, |_: &Callback| Answer::Json(410, json!({})));
    let endpoint = Application::start(|_: &Callback| Answer::ok()).unwrap();
    wants(&world, &endpoint.base_url());
    world.calls("uac_no_answer", "1001");
    let hears = |state: &str| {
        let heard = endpoint.wait_until(state, SOON, |heard| {
            heard.name == "alarms" && heard.body["body"][0]["state"] == json!(state)
        });
        heard.unwrap_or_else(|error| panic!("{error:#}\nserver log:\n{}", world.server.log()))
    };
    let raised = hears("raised");
    assert_eq!(raised.text("event"), "SERVICEALARM");
    let alarm = &raised.body["body"][0];
    assert_eq!(alarm["alarm"], json!("callbackDisabled"));
    let callback = alarm["callbackId"].as_str().unwrap();
    let path = format!("/v1/{DOMAIN}/callbacks/{callback}/enable");
    let reply = world.tenant.request("POST", &path, None).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(hears("cleared").body["sequence"], json!(2));
}

/// The members of a form.
fn form(bytes: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(bytes).into_owned().collect()
}

#[test]
fn a_topic_gets_signed_messages() {
    let sns = Application::start(|_: &Callback| Answer::ok()).unwrap();
    let environment = [
        ("HOOKSWITCH_SNS_ENDPOINT", &*sns.base_url()),
        ("HOOKSWITCH_SNS_REGION", "eu-north-1"),
        ("HOOKSWITCH_SNS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("HOOKSWITCH_SNS_SECRET_ACCESS_KEY", "SECRETEXAMPLE"),
    ];
    let world = World::with_environment(Transport::Udp, answering, &environment, &json!({}));
    let abroad = TOPIC.replace("eu-north-1", "us-east-1");
    let (status, _) = sets(&world, &json!({"sipEventsTopic": abroad}));
    assert_eq!(status, 400, "another region");
    let (status, body) = sets(&world, &json!({"sipEventsTopic": TOPIC}));
    assert_eq!(status, 200, "{body}");
    world.calls("uac_call_and_bye", "1001");
    let published = sns.wait_until("a terminated call", SOON, |heard| {
        String::from_utf8_lossy(&heard.bytes).contains("terminated")
    });
    let published =
        published.unwrap_or_else(|error| panic!("{error:#}\nserver log:\n{}", world.server.log()));
    let members = form(&published.bytes);
    let member = |name: &str| {
        let found = members.iter().find(|(member, _)| member == name);
        found.map_or("", |(_, value)| value)
    };
    assert_eq!((member("Action"), member("TopicArn")), ("Publish", TOPIC));
    let message: Value = serde_json::from_str(member("Message")).unwrap();
    assert_eq!(message["event"], json!("SIPDEVICEMONITORING"));
    let mut request = http::Request::post("/").body(()).unwrap().into_parts().0;
    for (name, value) in &published.headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers.insert(name, value.parse().unwrap());
    }
    let signature = Authorization::of(&request).unwrap();
    assert_eq!(signature.access_key_id, "AKIDEXAMPLE");
    assert_eq!(
        (signature.target.service, signature.target.region),
        ("sns", "eu-north-1")
    );
    let hash = sigv4::hash(&published.bytes);
    assert!(signature.is_made_with("SECRETEXAMPLE", &request, &hash));
    assert!(!world.server.log().contains("SECRETEXAMPLE"));
}

#[test]
fn a_topic_is_refused_by_a_node_that_cannot_publish_to_it() {
    let world = World::new(Transport::Udp);
    let (status, body) = sets(&world, &json!({"alarmTopic": TOPIC}));
    assert_eq!(
        (status, &body["errors"][0]["pointer"]),
        (400, &json!("/alarmTopic"))
    );
    let why = body["errors"][0]["detail"].as_str().unwrap();
    assert!(why.contains("--sns-region"), "{why}");
}
