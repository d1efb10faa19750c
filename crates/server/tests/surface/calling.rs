//! We call SIPp through `placeremotecall`: what the called side does reaches the application.

use hookswitch_rig::sipp::{Sipp, Transport};
use serde_json::json;

use crate::world::{World, statuses};

over_udp_and_tcp!(
    a_placed_call_rings_is_answered_and_hung_up_by_us,
    the_called_side_hangs_up,
    a_ringing_call_is_cancelled,
    a_200_that_crosses_our_cancel_is_acknowledged_and_hung_up,
    nobody_answers_before_the_ring_timeout,
    the_called_side_is_busy,
    the_called_side_declines_with_a_reason_of_its_own,
    a_redirect_is_not_followed_unasked,
    an_unavailable_side_fails_the_call,
    two_answers_of_a_forked_call_leave_one,
    nobody_listens_there,
);

fn a_placed_call_rings_is_answered_and_hung_up_by_us(transport: Transport) {
    let world = World::new(transport);
    let phone = world.phone("uas_hung_up");
    let placed = world.places_call_to(phone.address);
    world.hears_notify("ringing");
    let answered = world.hears("callAnswered");
    assert_eq!(answered.body["callId"], placed["callId"]);
    assert_eq!(answered.text("remoteRtpPort"), "41000");
    assert_eq!(answered.text("sessionReferenceId"), "order-7");
    world.hangs_up(&answered.text("replyId"));
    let messages = world.holds(phone);
    let invite = messages.received()[0];
    assert!(invite.contains("m=audio 40100 RTP/AVP 0"), "{invite}");
    assert!(invite.contains("1001@acme.test"), "{invite}");
    let ended = world.ends_with("callHungup", "normal", "local");
    assert_eq!(ended.text("sourceUser"), "1001");
    world.heard_one_whole_story(&["callNotify", "callAnswered", "callHungup"]);
}

fn the_called_side_hangs_up(transport: Transport) {
    let world = World::new(transport);
    let phone = world.phone("uas_call_and_bye");
    world.places_call_to(phone.address);
    world.holds(phone);
    world.ends_with("callHungup", "normal", "remote");
    world.heard_one_whole_story(&["callNotify", "callAnswered", "callHungup"]);
}

fn a_ringing_call_is_cancelled(transport: Transport) {
    let world = World::new(transport);
    let phone = world.phone("uas_cancelled");
    let placed = world.places_call_to(phone.address);
    world.hears_notify("ringing");
    world.hangs_up(placed["replyId"].as_str().unwrap());
    world.holds(phone);
    let failed = world.ends_with("callFailed", "no_answer", "local");
    assert_eq!(failed.text("sipStatus"), "487");
    world.heard_one_whole_story(&["callNotify", "callFailed"]);
}

fn a_200_that_crosses_our_cancel_is_acknowledged_and_hung_up(transport: Transport) {
    let world = World::new(transport);
    let phone = world.phone("uas_200_crosses_cancel");
    let placed = world.places_call_to(phone.address);
    world.hears_notify("ringing");
    world.hangs_up(placed["replyId"].as_str().unwrap());
    world.holds(phone);
    world.ends_with("callFailed", "no_answer", "local");
    world.heard_one_whole_story(&["callNotify", "callFailed"]);
}

fn nobody_answers_before_the_ring_timeout(transport: Transport) {
    let world = World::new(transport);
    let phone = world.phone("uas_cancelled");
    world.places_call(phone.address, &json!({"ringTimeout": 1}));
    world.holds(phone);
    let failed = world.ends_with("callFailed", "no_answer", "system");
    assert_eq!(failed.text("sipStatus"), "408");
}

fn the_called_side_is_busy(transport: Transport) {
    let world = World::new(transport);
    let phone = world.phone("uas_busy");
    world.places_call_to(phone.address);
    world.holds(phone);
    let failed = world.ends_with("callFailed", "busy", "remote");
    assert_eq!(failed.text("sipStatus"), "486");
    assert_eq!(failed.text("sipReason"), "Busy Here");
    assert_eq!(failed.text("q850Cause"), "17");
}

fn the_called_side_declines_with_a_reason_of_its_own(transport: Transport) {
    let world = World::new(transport);
    let phone = world.phone("uas_declined");
    world.places_call_to(phone.address);
    world.holds(phone);
    let failed = world.ends_with("callFailed", "rejected", "remote");
    assert_eq!(failed.text("sipStatus"), "603");
    assert_eq!(failed.text("q850Cause"), "21");
    assert_eq!(failed.text("q850Text"), "call rejected");
}

fn a_redirect_is_not_followed_unasked(transport: Transport) {
    let world = World::new(transport);
    let phone = world.phone("uas_redirect");
    world.places_call_to(phone.address);
    let messages = world.holds(phone);
    assert_eq!(statuses(&messages.sent()), [302]);
    let failed = world.ends_with("callFailed", "rejected", "remote");
    assert_eq!(failed.text("sipStatus"), "302");
}

fn an_unavailable_side_fails_the_call(transport: Transport) {
    let world = World::new(transport);
    let phone = world.phone("uas_unavailable");
    world.places_call_to(phone.address);
    world.holds(phone);
    let failed = world.hears("callFailed");
    assert_eq!(failed.text("sipStatus"), "503");
    world.heard_one_whole_story(&["callFailed"]);
}

fn two_answers_of_a_forked_call_leave_one(transport: Transport) {
    let world = World::new(transport);
    let phone = world.phone("uas_two_200s");
    world.places_call_to(phone.address);
    world.holds(phone);
    world.ends_with("callHungup", "normal", "remote");
    world.heard_one_whole_story(&["callAnswered", "callHungup"]);
}

fn nobody_listens_there(transport: Transport) {
    let world = World::new(transport);
    let port = hookswitch_rig::program::free_port().unwrap();
    world.places_call_to(([127, 0, 0, 1], port).into());
    let patience = std::time::Duration::from_secs(45);
    let failed = world.application.wait_for("callFailed", patience);
    let failed = failed.expect("the call fails");
    let class = failed.text("class");
    assert!(
        ["unreachable", "no_answer"].contains(&class.as_str()),
        "{}",
        failed.body
    );
    world.heard_one_whole_story(&["callFailed"]);
}

#[test]
fn a_repeated_200_is_acknowledged_again() {
    let world = World::new(Transport::Udp);
    let phone: Sipp = world.sipp("uas_200_repeated").with(&["-nr"]);
    let phone = phone.listen().expect("SIPp listens");
    world.places_call_to(phone.address);
    world.holds(phone);
    world.heard_one_whole_story(&["callAnswered", "callHungup"]);
}
