//! What happens inside a call: changes of media, sessions kept alive, requests out of order.

use std::time::Duration;

use hookswitch_rig::sipp::Transport;
use serde_json::json;

use crate::world::World;

over_udp_and_tcp!(
    changes_by_the_caller_are_answered_at_once_and_reported,
    changes_by_the_called_side_are_answered_at_once_and_reported,
    a_change_without_a_common_codec_leaves_the_call_up,
    the_caller_may_require_reliable_ringing,
    a_prack_for_nothing_is_481,
    reliable_ringing_of_the_called_side_is_acknowledged,
    a_short_session_interval_is_422_and_the_next_one_taken,
    a_422_of_the_called_side_is_followed,
    a_lower_cseq_is_500,
    a_lower_cseq_of_the_called_side_is_500,
    we_keep_the_session_alive_with_update,
    two_reinvites_at_once_are_both_refused_and_ours_comes_again,
);

/// Half a session interval of 90 s passes in these, in real time.
const HALF_A_SESSION: Duration = Duration::from_secs(75);

fn changes_by_the_caller_are_answered_at_once_and_reported(transport: Transport) {
    let world = World::answering(transport);
    let caller = world.caller("uac_reinvite_update_info", "1001");
    let held = world.hears_notify("reInvite");
    assert_eq!(held.text("remoteRtpPort"), "40002");
    assert_eq!(held.text("direction"), "sendonly");
    let resumed = world.hears_notify("update");
    assert_eq!(resumed.text("remoteRtpPort"), "40004");
    world.holds(caller);
    world.ends_with("callHungup", "normal", "remote");
    let story = [
        "newRemoteCall",
        "callAnswered",
        "callNotify",
        "callNotify",
        "callHungup",
    ];
    world.heard_one_whole_story(&story);
}

fn changes_by_the_called_side_are_answered_at_once_and_reported(transport: Transport) {
    let world = World::new(transport);
    let phone = world.phone("uas_reinvite_update_info");
    world.places_call_to(phone.address);
    assert_eq!(
        world.hears_notify("reInvite").text("remoteRtpPort"),
        "41002"
    );
    assert_eq!(world.hears_notify("update").text("remoteRtpPort"), "41004");
    world.holds(phone);
    world.ends_with("callHungup", "normal", "remote");
}

fn a_change_without_a_common_codec_leaves_the_call_up(transport: Transport) {
    let world = World::answering(transport);
    world.calls("uac_reinvite_refused", "1001");
    world.ends_with("callHungup", "normal", "remote");
}

fn the_caller_may_require_reliable_ringing(transport: Transport) {
    let world = World::new(transport);
    let caller = world.caller("uac_prack", "1001");
    let announced = world.hears("newRemoteCall");
    world.rings_and_answers(&announced);
    world.holds(caller);
    world.ends_with("callHungup", "normal", "remote");
}

fn a_prack_for_nothing_is_481(transport: Transport) {
    let world = World::new(transport);
    let caller = world.caller("uac_prack_unknown", "1001");
    let announced = world.hears("newRemoteCall");
    let ringback = json!({"replyId": announced.text("replyId")});
    world.commands("sendremotecallringbackjwt", &ringback);
    world.holds(caller);
}

fn reliable_ringing_of_the_called_side_is_acknowledged(transport: Transport) {
    let world = World::new(transport);
    let phone = world.phone("uas_prack");
    world.places_call_to(phone.address);
    let ringing = world.hears_notify("ringing");
    assert_eq!(ringing.text("remoteRtpPort"), "41000");
    let answered = world.hears("callAnswered");
    world.hangs_up(&answered.text("replyId"));
    world.holds(phone);
}

fn a_short_session_interval_is_422_and_the_next_one_taken(transport: Transport) {
    let world = World::answering(transport);
    world.calls("uac_session_timer", "1001");
    let answered = world.hears("callAnswered");
    assert_ne!(answered.text("callingPartyExpires"), "");
}

fn a_422_of_the_called_side_is_followed(transport: Transport) {
    let world = World::new(transport);
    let phone = world.phone("uas_session_timer");
    world.places_call_to(phone.address);
    let answered = world.hears("callAnswered");
    world.hangs_up(&answered.text("replyId"));
    world.holds(phone);
}

fn a_lower_cseq_is_500(transport: Transport) {
    let world = World::new(transport);
    world.calls("uac_low_cseq", "drill-answer");
}

fn a_lower_cseq_of_the_called_side_is_500(transport: Transport) {
    let world = World::new(transport);
    let phone = world.phone("uas_low_cseq");
    world.places_call_to(phone.address);
    world.holds(phone);
}

fn we_keep_the_session_alive_with_update(transport: Transport) {
    let world = World::answering(transport);
    let caller = world
        .sipp("uac_refreshed_by_update")
        .timeout(HALF_A_SESSION);
    world.holds(world.starts(caller, "1001"));
    world.ends_with("callHungup", "normal", "remote");
}

fn two_reinvites_at_once_are_both_refused_and_ours_comes_again(transport: Transport) {
    let world = World::new(transport);
    let phone = world.sipp("uas_glare").timeout(HALF_A_SESSION);
    let phone = phone.listen().expect("SIPp listens");
    world.places_call_to(phone.address);
    world.holds(phone);
    world.ends_with("callHungup", "normal", "remote");
}
