//! Applications that behave badly, and the proof that callbacks come from us.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookswitch_rig::application::{Answer, Application, Callback};
use hookswitch_rig::program::LOOPBACK;
use hookswitch_rig::sipp::Transport;
use serde_json::{Value, json};
use tokio_rustls::rustls::{self, pki_types};

use crate::world::{SOON, World};

/// A budget that makes three tries in a moment.
fn impatient() -> Value {
    json!({"callbackTimeout": 1500})
}

fn world_with(script: impl Fn(&Callback) -> Answer + Send + Sync + 'static) -> World {
    World::with_options(Transport::Udp, script, &[], &impatient())
}

#[test]
fn each_callback_carries_a_standard_webhooks_signature() {
    let world = World::answering(Transport::Udp);
    world.calls("uac_call_and_bye", "1001");
    world.hears("callHungup");
    let secret = world.tenant.webhook_secret.strip_prefix("whsec_").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(secret).unwrap());
    for callback in world.application.callbacks() {
        let header = |name| callback.header(name).unwrap_or_default().to_owned();
        let mut signed = format!("{}.{}.", header("webhook-id"), header("webhook-timestamp"));
        signed.push_str(std::str::from_utf8(&callback.bytes).unwrap());
        let signature = header("webhook-signature");
        let signature = STANDARD
            .decode(signature.strip_prefix("v1,").unwrap())
            .unwrap();
        hmac::verify(&key, signed.as_bytes(), &signature).expect("our signature");
        assert_eq!(header("webhook-id"), callback.text("webhookId"));
        assert_ne!(header("traceparent"), "");
    }
}

#[test]
fn an_application_that_fails_is_asked_three_times() {
    let world = world_with(|_| Answer::Json(500, json!({})));
    world.calls("uac_application_silent", "1001");
    let asked = world.application.callbacks();
    let asked: Vec<&Callback> = asked
        .iter()
        .filter(|heard| heard.name == "newRemoteCall")
        .collect();
    assert_eq!(asked.len(), 3);
    assert!(
        asked.iter().all(|again| again.bytes == asked[0].bytes),
        "the same delivery"
    );
}

#[test]
fn a_connection_that_is_cut_costs_the_call() {
    let world = world_with(|_| Answer::Reset);
    world.calls("uac_application_silent", "1001");
}

#[test]
fn an_endless_reply_is_cut_off() {
    let world = world_with(|_| Answer::Endless);
    world.calls("uac_application_silent", "1001");
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Application::start(|_: &Callback| Answer::ok()).unwrap();
    let location = format!("{}/newRemoteCall", elsewhere.base_url());
    let world = world_with(move |_| Answer::Redirect(location.clone()));
    world.calls("uac_application_silent", "1001");
    assert!(elsewhere.callbacks().is_empty());
}

#[test]
fn a_certificate_nobody_signed_is_not_trusted() {
    let listener = TcpListener::bind((LOOPBACK, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let identity = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = pki_types::PrivatePkcs8KeyDer::from(identity.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.der().clone()], key.into())
        .unwrap();
    let config = Arc::new(config);
    let (sender, handshakes) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            while tls.is_handshaking() && tls.complete_io(&mut stream).is_ok() {}
            if sender.send(tls.is_handshaking()).is_err() {
                return;
            }
        }
    });
    let mut service = impatient();
    service["callbackBaseUrl"] = json!(format!("https://{address}"));
    let script = |_: &Callback| Answer::ok();
    let world = World::with_options(Transport::Udp, script, &[], &service);
    world.calls("uac_application_silent", "1001");
    assert!(
        handshakes.recv_timeout(SOON).unwrap(),
        "no handshake was completed"
    );
    assert!(world.application.callbacks().is_empty());
}

#[test]
fn a_final_refusal_of_the_application_is_480_at_once() {
    let world = world_with(|_| Answer::Json(404, json!({})));
    world.calls("uac_no_answer", "1001");
    let asked = world.application.callbacks();
    assert_eq!(
        asked
            .iter()
            .filter(|heard| heard.name == "newRemoteCall")
            .count(),
        1
    );
}

#[test]
fn a_service_that_is_gone_is_not_called_again_until_enabled() {
    let world = world_with(|_| Answer::Json(410, json!({})));
    world.calls("uac_no_answer", "1001");
    world.calls("uac_no_answer", "1001");
    assert_eq!(world.application.callbacks().len(), 1);
}

#[test]
fn the_next_entry_of_rest_authentication_is_tried_on_401() {
    let entry = |secret: &str| json!({"type": "HS256", "secret": secret, "sub": secret});
    let mut service = impatient();
    service["restAuthentication"] = json!([
        entry("the first secret, long enough to be taken"),
        entry("the second secret, long enough to be taken"),
    ]);
    let script = |callback: &Callback| {
        let token = callback.header("authorization").unwrap_or_default();
        let claims = token.split('.').nth(1).unwrap_or_default();
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims);
        if String::from_utf8_lossy(&claims.unwrap_or_default()).contains("the second") {
            Answer::Json(200, json!({"hangup": {"sipStatus": 486}}))
        } else {
            Answer::Json(401, json!({}))
        }
    };
    let world = World::with_options(Transport::Udp, script, &[], &service);
    world.calls("uac_busy", "1001");
    assert!(world.application.callbacks().len() >= 2);
}

#[test]
fn a_slow_customer_does_not_delay_another() {
    let slow = |callback: &Callback| {
        if callback.name == "newRemoteCall" {
            Answer::Json(200, json!({"answer": crate::world::device_media()}))
        } else {
            Answer::Late(Duration::from_secs(8), 200, json!({}))
        }
    };
    let world = World::with_options(
        Transport::Udp,
        slow,
        &[],
        &json!({"destinationMatch": "^1"}),
    );
    let quick = Application::start(|_: &Callback| Answer::ok()).unwrap();
    let service = json!({"destinationMatch": "^2", "name": "quick"});
    world
        .tenant
        .add_service(&quick.base_url(), &service)
        .unwrap();
    let held = world.caller("uac_call_and_bye", "1001");
    world.hears("callAnswered");
    let began = Instant::now();
    let caller = world.caller("uac_busy", "2002");
    let announced = quick.wait_for("newRemoteCall", SOON).unwrap();
    world.hangs_up(&announced.text("replyId"));
    world.holds(caller);
    quick.wait_for("callHungup", SOON).unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );
    world.holds(held);
}
