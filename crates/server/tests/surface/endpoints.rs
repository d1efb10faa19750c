//! Endpoints that are hardly any: an ask that gets nothing of use costs its call 504 within its budget, and a tell is
//! told again until it is taken.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hookswitch_rig::application::{Answer, Callback};
use hookswitch_rig::program::free_port;
use hookswitch_rig::sipp::Transport;
use serde_json::{Value, json};

use crate::world::{SOON, World, device_media};

/// A budget that makes three tries in a moment.
const BUDGET: Duration = Duration::from_millis(1_500);

/// The service of an application at another URL than its own, or at its own.
fn service(url: Option<String>) -> Value {
    let mut service = json!({"callbackTimeout": BUDGET.as_millis()});
    if let Some(url) = url {
        service["callbackBaseUrl"] = json!(url);
    }
    service
}

/// The call gets its 504, and not long after the budget.
fn costs_the_call(answer: &Answer, url: Option<String>) {
    let answer = answer.clone();
    let script = move |_: &Callback| answer.clone();
    let world = World::with_options(Transport::Udp, script, &[], &service(url));
    let began = Instant::now();
    world.calls("uac_application_silent", "1001");
    assert!(began.elapsed() < BUDGET + SOON, "{:?}", began.elapsed());
    // The server is well, and says why in the record.
    let call = world.finds_the_last_call();
    assert_eq!(call["outcome"]["sipStatus"], json!(504), "{call}");
}

#[test]
fn nobody_listens() {
    let url = format!("http://127.0.0.1:{}", free_port().unwrap());
    costs_the_call(&Answer::ok(), Some(url));
}

#[test]
fn somebody_listens_who_does_not_speak_tls() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // A server that never heard of TLS takes the greeting for a bad request.
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    costs_the_call(&Answer::ok(), Some(format!("https://{address}")));
}

#[test]
fn the_reply_is_no_http() {
    costs_the_call(
        &Answer::Octets(b"\x16\x03\x01\x00\x02\x02\x28 220 smtp ready\r\n".to_vec()),
        None,
    );
}

#[test]
fn the_reply_comes_octet_by_octet() {
    let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_vec();
    costs_the_call(&Answer::Dripping(Duration::from_millis(100), reply), None);
}

#[test]
fn the_connection_ends_in_the_middle_of_the_reply() {
    let reply =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{\"ans";
    costs_the_call(&Answer::Octets(reply.to_vec()), None);
}

#[test]
fn the_header_of_the_reply_has_no_end() {
    let field = b"X-Filler: nothing but filler\r\n".repeat(40_000);
    let reply = [b"HTTP/1.1 200 OK\r\n".as_slice(), &field].concat();
    costs_the_call(&Answer::Octets(reply), None);
}

#[test]
fn an_application_that_fails_twice_is_in_time_at_the_third_try() {
    let tries = AtomicUsize::new(0);
    let script = move |callback: &Callback| match callback.name.as_str() {
        "newRemoteCall" if tries.fetch_add(1, Ordering::Relaxed) < 2 => {
            Answer::Json(500, json!({}))
        }
        "newRemoteCall" => Answer::Json(200, json!({"answer": device_media()})),
        _ => Answer::ok(),
    };
    let world = World::with_options(Transport::Udp, script, &[], &service(None));
    world.calls("uac_call_and_bye", "1001");
    world.ends_with("callHungup", "normal", "remote");
    world.told_one_story(&["newRemoteCall", "callAnswered", "callHungup"]);
    assert_eq!(world.application.callbacks().len(), 5, "two tries in vain");
}

#[test]
fn a_tell_comes_again_no_sooner_than_retry_after_says() {
    const PAUSE: Duration = Duration::from_secs(3);
    let ends = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ends);
    let script = move |callback: &Callback| match callback.name.as_str() {
        "newRemoteCall" => Answer::Json(200, json!({"answer": device_media()})),
        "callHungup" => {
            let mut seen = seen.lock().unwrap();
            seen.push(Instant::now());
            match seen.len() {
                1 => Answer::Octets(
                    b"HTTP/1.1 503 Later\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n".to_vec(),
                ),
                _ => Answer::ok(),
            }
        }
        _ => Answer::ok(),
    };
    let world = World::with_options(Transport::Udp, script, &[], &service(None));
    world.calls("uac_call_and_bye", "1001");
    let again = world
        .application
        .wait_until("second callHungup", SOON + PAUSE, |heard| {
            heard.name == "callHungup" && ends.lock().unwrap().len() > 1
        });
    again.expect("it comes again");
    let ends = ends.lock().unwrap();
    let pause = ends[1] - ends[0];
    assert!(pause >= PAUSE, "after {pause:?}");
    world.told_one_story(&["newRemoteCall", "callAnswered", "callHungup"]);
}
