//! The power fails in each state a call can be in, and comes back: what the phone and the application see then.
//!
//! The table of ARCHITECTURE.md names the test of each row here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hookswitch_rig::application::{Answer, Callback};
use hookswitch_rig::phone::{Heard, Phone, SDP};
use hookswitch_rig::sipp::Transport;
use serde_json::json;

use crate::world::{DOMAIN, SOON, World, device_media};

over_udp_and_tcp!(
    an_offered_call_is_refused_with_500,
    a_ringing_call_is_refused_with_500,
    a_200_without_ack_is_repeated_until_the_ack,
    a_confirmed_call_answers_its_peer,
    a_confirmed_call_is_hung_up_by_rest,
    an_invite_that_nobody_answered_comes_once_more_and_is_cancelled,
    a_phone_that_rings_is_released,
    a_phone_that_answers_meanwhile_is_hung_up,
    a_cancelled_call_is_cancelled_again,
    a_refusal_without_ack_comes_again,
    a_bye_without_answer_comes_again,
    a_repeated_200_gets_the_ack_of_the_former_run,
);

/// A tell's pause after failed tries, and what a slow machine adds.
const LONG: Duration = Duration::from_secs(40);
/// A whole refresh period after a restart, and what a slow machine adds.
const REFRESHED: Duration = Duration::from_secs(75);

fn hears(world: &World, phone: &mut Phone, what: &str, is_it: impl Fn(&Heard) -> bool) -> Heard {
    phone
        .hears(what, SOON, is_it)
        .unwrap_or_else(|error| panic!("{error:#}\nserver log:\n{}", world.server.log()))
}

fn hears_request(world: &World, phone: &mut Phone, method: &str) -> Heard {
    hears(world, phone, method, |heard| heard.is_request(method))
}

fn hears_response(world: &World, phone: &mut Phone, status: u16, method: &str) -> Heard {
    let what = format!("{status} to {method}");
    hears(world, phone, &what, |heard| {
        heard.is_response(status, method)
    })
}

/// A phone whose call was answered and acknowledged.
fn confirmed_caller(world: &World) -> (Phone, Callback) {
    let mut phone = world.own_phone();
    phone.invites("1001", DOMAIN).unwrap();
    let answer = hears_response(world, &mut phone, 200, "INVITE");
    phone.acknowledges(&answer).unwrap();
    let answered = world.hears("callAnswered");
    (phone, answered)
}

/// A phone that rings, called by the application; its INVITE and the reply to the command.
fn ringing_phone(world: &World) -> (Phone, Heard, String) {
    let mut phone = world.own_phone();
    let placed = world.places_call_to(phone.address());
    let invite = hears_request(world, &mut phone, "INVITE");
    phone.answers(&invite, 180).unwrap();
    world.hears_notify("ringing");
    let reply_id = placed["replyId"].as_str().expect("a replyId");
    (phone, invite, reply_id.to_owned())
}

fn an_offered_call_is_refused_with_500(transport: Transport) {
    let mut world = World::new(transport);
    let mut phone = world.own_phone();
    phone.invites("1001", DOMAIN).unwrap();
    let announced = world.hears("newRemoteCall");
    world.crashes();
    let refusal = hears_response(&world, &mut phone, 500, "INVITE");
    phone.acknowledges_refusal(&refusal).unwrap();
    world.ends_with("callHungup", "internal", "system");
    world.told_one_story(&["newRemoteCall", "callHungup"]);
    let reply_id = json!({"replyId": announced.text("replyId")});
    let late = world.commands_in_vain("hangupcalljwt", &reply_id);
    assert_eq!(late, (409, "call_ended".to_owned()));
}

fn a_ringing_call_is_refused_with_500(transport: Transport) {
    let mut world = World::new(transport);
    let mut phone = world.own_phone();
    let invite = phone.invites("1001", DOMAIN).unwrap();
    let announced = world.hears("newRemoteCall");
    let reply_id = json!({"replyId": announced.text("replyId")});
    world.commands("sendremotecallringbackjwt", &reply_id);
    hears_response(&world, &mut phone, 180, "INVITE");
    world.crashes();
    let refusal = hears_response(&world, &mut phone, 500, "INVITE");
    phone.repeats(&invite).unwrap();
    let again = hears_response(&world, &mut phone, 500, "INVITE");
    assert_eq!(again.text, refusal.text);
    phone.acknowledges_refusal(&refusal).unwrap();
    world.told_one_story(&["newRemoteCall", "callHungup"]);
}

fn a_200_without_ack_is_repeated_until_the_ack(transport: Transport) {
    let mut world = World::answering(transport);
    let mut phone = world.own_phone();
    phone.invites("1001", DOMAIN).unwrap();
    let answer = hears_response(&world, &mut phone, 200, "INVITE");
    world.crashes();
    let again = hears_response(&world, &mut phone, 200, "INVITE");
    assert_eq!(again.text, answer.text);
    phone.acknowledges(&again).unwrap();
    world.hears("callAnswered");
    phone.sends("BYE", None).unwrap();
    hears_response(&world, &mut phone, 200, "BYE");
    world.told_one_story(&["newRemoteCall", "callAnswered", "callHungup"]);
}

fn a_confirmed_call_answers_its_peer(transport: Transport) {
    let mut world = World::answering(transport);
    let (mut phone, _) = confirmed_caller(&world);
    world.crashes();
    phone.sends("OPTIONS", None).unwrap();
    hears_response(&world, &mut phone, 200, "OPTIONS");
    phone
        .sends("INVITE", Some(&SDP.replace("40000", "40002")))
        .unwrap();
    let answer = hears_response(&world, &mut phone, 200, "INVITE");
    phone.acknowledges(&answer).unwrap();
    assert_eq!(
        world.hears_notify("reInvite").text("remoteRtpPort"),
        "40002"
    );
    world.crashes();
    phone.sends("BYE", None).unwrap();
    hears_response(&world, &mut phone, 200, "BYE");
    world.ends_with("callHungup", "normal", "remote");
    world.told_one_story(&["newRemoteCall", "callAnswered", "callNotify", "callHungup"]);
}

fn a_confirmed_call_is_hung_up_by_rest(transport: Transport) {
    let mut world = World::answering(transport);
    let (mut phone, answered) = confirmed_caller(&world);
    world.crashes();
    world.hangs_up(&answered.text("replyId"));
    let bye = hears_request(&world, &mut phone, "BYE");
    assert!(bye.cseq() >= 1_000, "{}", bye.text);
    phone.answers(&bye, 200).unwrap();
    world.ends_with("callHungup", "normal", "local");
    world.told_one_story(&["newRemoteCall", "callAnswered", "callHungup"]);
}

fn an_invite_that_nobody_answered_comes_once_more_and_is_cancelled(transport: Transport) {
    let mut world = World::new(transport);
    let mut phone = world.own_phone();
    world.places_call_to(phone.address());
    let invite = hears_request(&world, &mut phone, "INVITE");
    world.crashes();
    let again = hears_request(&world, &mut phone, "INVITE");
    assert_eq!(again.branch(), invite.branch());
    phone.answers(&again, 180).unwrap();
    is_released(&world, &mut phone, &again);
    world.told_one_story(&["callFailed"]);
}

fn a_phone_that_rings_is_released(transport: Transport) {
    let mut world = World::new(transport);
    let (mut phone, invite, reply_id) = ringing_phone(&world);
    world.crashes();
    is_released(&world, &mut phone, &invite);
    world.told_one_story(&["callNotify", "callFailed"]);
    let late = world.commands_in_vain("hangupcalljwt", &json!({"replyId": reply_id}));
    assert_eq!(late, (409, "call_ended".to_owned()));
}

/// CANCEL comes for `invite`, which then ends with 487.
fn is_released(world: &World, phone: &mut Phone, invite: &Heard) {
    let cancel = hears_request(world, phone, "CANCEL");
    assert_eq!(cancel.branch(), invite.branch());
    phone.answers(&cancel, 200).unwrap();
    phone.answers(invite, 487).unwrap();
    let ack = hears_request(world, phone, "ACK");
    assert_eq!(ack.branch(), invite.branch());
    world.hears("callFailed");
}

fn a_phone_that_answers_meanwhile_is_hung_up(transport: Transport) {
    let mut world = World::new(transport);
    let (mut phone, invite, _) = ringing_phone(&world);
    world.crashes();
    hears_request(&world, &mut phone, "CANCEL");
    phone.answers(&invite, 200).unwrap();
    hears_request(&world, &mut phone, "ACK");
    let bye = hears_request(&world, &mut phone, "BYE");
    phone.answers(&bye, 200).unwrap();
    world
        .application
        .wait_until("an end", SOON, |callback| {
            ["callFailed", "callHungup"].contains(&callback.name.as_str())
        })
        .unwrap();
    assert_eq!(world.told_stories().len(), 1);
}

fn a_cancelled_call_is_cancelled_again(transport: Transport) {
    let mut world = World::new(transport);
    let (mut phone, invite, reply_id) = ringing_phone(&world);
    world.hangs_up(&reply_id);
    hears_request(&world, &mut phone, "CANCEL");
    world.crashes();
    is_released(&world, &mut phone, &invite);
    world.told_one_story(&["callNotify", "callFailed"]);
}

fn a_refusal_without_ack_comes_again(transport: Transport) {
    let mut world = World::rejecting(transport, 603);
    let mut phone = world.own_phone();
    phone.invites("1001", DOMAIN).unwrap();
    let refusal = hears_response(&world, &mut phone, 603, "INVITE");
    world.hears("callHungup");
    world.crashes();
    let again = hears_response(&world, &mut phone, 603, "INVITE");
    assert_eq!(again.text, refusal.text);
    phone.acknowledges_refusal(&again).unwrap();
    world.told_one_story(&["newRemoteCall", "callHungup"]);
}

fn a_bye_without_answer_comes_again(transport: Transport) {
    let mut world = World::answering(transport);
    let (mut phone, answered) = confirmed_caller(&world);
    world.hangs_up(&answered.text("replyId"));
    let bye = hears_request(&world, &mut phone, "BYE");
    world.hears("callHungup");
    world.crashes();
    let again = hears_request(&world, &mut phone, "BYE");
    assert_eq!((again.branch(), again.cseq()), (bye.branch(), bye.cseq()));
    phone.answers(&again, 200).unwrap();
    world.told_one_story(&["newRemoteCall", "callAnswered", "callHungup"]);
}

fn a_repeated_200_gets_the_ack_of_the_former_run(transport: Transport) {
    let mut world = World::new(transport);
    let (mut phone, invite, _) = ringing_phone(&world);
    phone.answers(&invite, 200).unwrap();
    let ack = hears_request(&world, &mut phone, "ACK");
    let answered = world.hears("callAnswered");
    world.crashes();
    phone.answers(&invite, 200).unwrap();
    let again = hears_request(&world, &mut phone, "ACK");
    assert_eq!(again.cseq(), ack.cseq());
    world.hangs_up(&answered.text("replyId"));
    let bye = hears_request(&world, &mut phone, "BYE");
    phone.answers(&bye, 200).unwrap();
    world.told_one_story(&["callNotify", "callAnswered", "callHungup"]);
}

/// Over TCP SIPp does not outlive its connection; the phones above do.
#[test]
fn a_call_of_sipp_goes_on_through_two_crashes() {
    let mut world = World::answering(Transport::Udp);
    let caller = world.caller("uac_hung_up", "1001");
    let answered = world.hears("callAnswered");
    world.crashes();
    world.crashes();
    world.hangs_up(&answered.text("replyId"));
    world.holds(caller);
    world.ends_with("callHungup", "normal", "local");
    world.told_one_story(&["newRemoteCall", "callAnswered", "callHungup"]);
}

#[test]
fn a_phone_of_sipp_goes_on_through_two_crashes() {
    let mut world = World::new(Transport::Udp);
    let phone = world.phone("uas_hung_up");
    world.places_call_to(phone.address);
    let answered = world.hears("callAnswered");
    world.crashes();
    world.crashes();
    world.hangs_up(&answered.text("replyId"));
    world.holds(phone);
    world.ends_with("callHungup", "normal", "local");
    world.told_one_story(&["callNotify", "callAnswered", "callHungup"]);
}

#[test]
fn a_200_that_is_never_acknowledged_ends_in_a_bye() {
    let mut world = World::answering(Transport::Udp);
    let mut phone = world.own_phone();
    phone.invites("1001", DOMAIN).unwrap();
    hears_response(&world, &mut phone, 200, "INVITE");
    world.crashes();
    let is_bye = |heard: &Heard| heard.is_request("BYE");
    let bye = phone.hears("BYE", REFRESHED, is_bye).unwrap();
    phone.answers(&bye, 200).unwrap();
    world.ends_with("callHungup", "unreachable", "system");
    world.told_one_story(&["newRemoteCall", "callHungup"]);
}

#[test]
fn a_bye_that_nobody_heard_is_noticed_by_the_refresh() {
    let mut world = World::answering(Transport::Udp);
    let (mut phone, _) = confirmed_caller(&world);
    world.server.kill().unwrap();
    phone.sends("BYE", None).unwrap();
    world.starts_again();
    let is_refresh = |heard: &Heard| heard.is_request("UPDATE") || heard.is_request("INVITE");
    let refresh = phone.hears("a refresh", REFRESHED, is_refresh).unwrap();
    phone.answers(&refresh, 481).unwrap();
    world.ends_with("callHungup", "unreachable", "system");
    world.told_one_story(&["newRemoteCall", "callAnswered", "callHungup"]);
}

#[test]
fn a_caller_of_the_examples_answers_the_refresh_and_hangs_up() {
    let mut world = World::answering(Transport::Udp);
    let caller = world.sipp("uac_call_and_bye").with(&["-d", "70000"]);
    let caller = world.starts(caller.timeout(REFRESHED), "1001");
    world.hears("callAnswered");
    world.crashes();
    let messages = world.holds(caller);
    let is_refresh = |message: &&str| message.starts_with("UPDATE ");
    assert!(messages.received().iter().any(is_refresh));
    world.ends_with("callHungup", "normal", "remote");
}

#[test]
fn calls_find_their_shards_when_there_are_more_of_them() {
    const CALLS: usize = 6;
    let mut world = World::answering(Transport::Udp);
    let mut phones: Vec<Phone> = (0..CALLS).map(|_| world.own_phone()).collect();
    for phone in &mut phones {
        phone.invites("1001", DOMAIN).unwrap();
        let answer = hears_response(&world, phone, 200, "INVITE");
        phone.acknowledges(&answer).unwrap();
    }
    for phone in &phones {
        let is_its = |callback: &Callback| {
            callback.name == "callAnswered" && callback.text("callId") == phone.call_id()
        };
        world
            .application
            .wait_until("callAnswered", SOON, is_its)
            .unwrap();
    }
    world.server.options(&["--shards", "3"]);
    world.crashes();
    for phone in &mut phones {
        phone.sends("BYE", None).unwrap();
        hears_response(&world, phone, 200, "BYE");
    }
    for phone in &phones {
        let is_its = |callback: &Callback| {
            callback.name == "callHungup" && callback.text("callId") == phone.call_id()
        };
        world
            .application
            .wait_until("callHungup", SOON, is_its)
            .unwrap();
    }
    assert_eq!(world.told_stories().len(), CALLS);
}

#[test]
fn what_an_application_missed_it_is_told_after_the_restart() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let script = move |callback: &Callback| {
        let is_asked = callback.name == "newRemoteCall";
        match is_asked || up.load(Ordering::Relaxed) {
            true => Answer::Json(200, json!({"answer": device_media()})),
            false => Answer::Json(503, json!({})),
        }
    };
    let mut world = World::with_script(Transport::Udp, script);
    let (mut phone, missed) = confirmed_caller(&world);
    phone.sends("BYE", None).unwrap();
    hears_response(&world, &mut phone, 200, "BYE");
    world.server.kill().unwrap();
    is_up.store(true, Ordering::Relaxed);
    world.starts_again();
    world.application.wait_for("callHungup", LONG).unwrap();
    let told = world.application.callbacks();
    let tries = told
        .iter()
        .filter(|heard| heard.name == missed.name)
        .count();
    assert!(tries > 1, "{} was told once and refused", missed.name);
    world.told_one_story(&["newRemoteCall", "callAnswered", "callHungup"]);
}
