//! SIPp calls us: the application decides, the protocol holds.

use std::time::Duration;

use hookswitch_rig::application::{Answer, Callback};
use hookswitch_rig::sipp::Transport;
use serde_json::json;

use crate::world::{World, statuses};

over_udp_and_tcp!(
    a_call_is_announced_rung_answered_and_hung_up_by_the_caller,
    the_application_hangs_up,
    the_reply_to_the_announcement_answers_the_call,
    a_caller_gives_up_while_it_rings,
    a_cancel_that_crosses_the_200_changes_nothing,
    a_refusal_by_the_application_is_busy,
    a_refusal_may_name_another_status,
    nobody_answers_in_time,
    an_application_that_is_silent_costs_the_call,
    without_a_codec_in_common_there_is_no_call,
    a_destination_nobody_has_is_not_found,
    a_late_offer_is_answered_in_the_ack,
    drills_answer_by_themselves,
    refusals_carry_what_the_rfc_asks_for,
    requests_for_nothing_we_have_are_481,
    a_merged_request_is_482,
);

fn a_call_is_announced_rung_answered_and_hung_up_by_the_caller(transport: Transport) {
    let world = World::new(transport);
    let caller = world.caller("uac_call_and_bye", "1001");
    let announced = world.hears("newRemoteCall");
    assert_eq!(announced.text("sourceUser"), "alice");
    assert_eq!(announced.text("destinationUri"), "sip:1001@acme.test");
    assert_eq!(announced.text("codec"), "PCMU");
    assert_eq!(announced.body["remoteRtpPort"], json!(40_000));
    assert_eq!(announced.body["telephoneEventPayloadType"], json!(101));
    world.rings_and_answers(&announced);
    let answered = world.hears("callAnswered");
    assert_eq!(answered.text("sessionReferenceId"), "order-7");
    assert_eq!(answered.text("remoteRtpIp"), "127.0.0.1");
    let messages = world.holds(caller);
    let got = statuses(&messages.received());
    assert_eq!(got, [100, 180, 200, 200]);
    let ended = world.ends_with("callHungup", "normal", "remote");
    assert_eq!(ended.text("q850Cause"), "16");
    world.heard_one_whole_story(&["newRemoteCall", "callAnswered", "callHungup"]);
}

fn the_application_hangs_up(transport: Transport) {
    let world = World::answering(transport);
    let caller = world.caller("uac_hung_up", "1001");
    let answered = world.hears("callAnswered");
    world.hangs_up(&answered.text("replyId"));
    world.holds(caller);
    world.ends_with("callHungup", "normal", "local");
}

fn the_reply_to_the_announcement_answers_the_call(transport: Transport) {
    let world = World::answering(transport);
    world.calls("uac_call_and_bye", "1001");
    world.ends_with("callHungup", "normal", "remote");
    world.heard_one_whole_story(&["newRemoteCall", "callAnswered", "callHungup"]);
}

fn a_caller_gives_up_while_it_rings(transport: Transport) {
    let world = World::new(transport);
    let caller = world.caller("uac_cancel", "1001");
    let announced = world.hears("newRemoteCall");
    let ringback = json!({"replyId": announced.text("replyId")});
    world.commands("sendremotecallringbackjwt", &ringback);
    world.holds(caller);
    let ended = world.ends_with("callHungup", "no_answer", "remote");
    assert_eq!(ended.text("sipStatus"), "487");
    world.heard_one_whole_story(&["newRemoteCall", "callHungup"]);
    let (status, code) = world.commands_in_vain("sendremotecallringbackjwt", &ringback);
    assert_eq!((status, code.as_str()), (409, "call_ended"));
}

fn a_cancel_that_crosses_the_200_changes_nothing(transport: Transport) {
    let world = World::answering(transport);
    world.calls("uac_cancel_after_200", "1001");
    world.ends_with("callHungup", "normal", "remote");
    world.heard_one_whole_story(&["newRemoteCall", "callAnswered", "callHungup"]);
}

fn a_refusal_by_the_application_is_busy(transport: Transport) {
    let world = World::new(transport);
    let caller = world.caller("uac_busy", "1001");
    let announced = world.hears("newRemoteCall");
    world.hangs_up(&announced.text("replyId"));
    world.holds(caller);
    let ended = world.ends_with("callHungup", "busy", "local");
    assert_eq!(ended.text("sipStatus"), "486");
}

fn a_refusal_may_name_another_status(transport: Transport) {
    let world = World::rejecting(transport, 603);
    world.calls("uac_declined", "1001");
    let ended = world.ends_with("callHungup", "rejected", "local");
    assert_eq!(ended.text("sipStatus"), "603");
}

fn nobody_answers_in_time(transport: Transport) {
    let world = World::new(transport);
    let path = "/v1/acme.test/settings";
    let settings = json!({"open": ["127.0.0.0/8"], "ringTimeout": 1});
    let reply = world.tenant.request("PUT", path, Some(&settings)).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.body);
    world.calls("uac_no_answer", "1001");
    world.ends_with("callHungup", "no_answer", "system");
}

fn an_application_that_is_silent_costs_the_call(transport: Transport) {
    let silence = |_: &Callback| Answer::Late(Duration::from_secs(60), 200, json!({}));
    let service = json!({"callbackTimeout": 1000});
    let world = World::with_options(transport, silence, &[], &service);
    world.calls("uac_application_silent", "1001");
}

fn without_a_codec_in_common_there_is_no_call(transport: Transport) {
    let world = World::answering(transport);
    world.calls("uac_not_acceptable", "1001");
    assert!(world.application.callbacks().is_empty());
}

fn a_destination_nobody_has_is_not_found(transport: Transport) {
    let service = json!({"destinationMatch": "^1001$"});
    let world = World::with_options(transport, |_: &Callback| Answer::ok(), &[], &service);
    world.calls("uac_not_found", "2002");
    assert!(world.application.callbacks().is_empty());
}

fn a_late_offer_is_answered_in_the_ack(transport: Transport) {
    let world = World::new(transport);
    let caller = world.caller("uac_late_offer", "1001");
    let announced = world.hears("newRemoteCall");
    assert_eq!(announced.body.get("codec"), None);
    assert_eq!(announced.body.get("remoteRtpPort"), None);
    world.rings_and_answers(&announced);
    let answered = world.hears("callAnswered");
    assert_eq!(answered.text("remoteRtpPort"), "40000");
    assert_eq!(answered.text("codec"), "PCMU");
    world.holds(caller);
}

fn drills_answer_by_themselves(transport: Transport) {
    let world = World::new(transport);
    world.calls("uac_call_and_bye", "drill-answer");
    world.calls("uac_busy", "drill-busy");
    world.calls("uac_busy", "drill-486-after-2s");
    world.calls("uac_hung_up", "drill-hangup-after-2s");
    world.calls("uac_cancel", "drill-noanswer");
    assert!(world.application.callbacks().is_empty());
}

fn refusals_carry_what_the_rfc_asks_for(transport: Transport) {
    let world = World::answering(transport);
    for scenario in [
        "uac_max_forwards",
        "uac_unknown_scheme",
        "uac_unknown_extension",
        "uac_unknown_body",
        "uac_unknown_encoding",
        "uac_accept_nothing",
        "uac_refused_method",
        "uac_unknown_method",
        "uac_unknown_event",
        "uac_refer",
        "uac_version",
        "uac_bad_cseq",
        "uac_bad_uri",
        "uac_options",
    ] {
        world.calls(scenario, "drill-answer");
    }
    assert!(world.application.callbacks().is_empty());
}

fn requests_for_nothing_we_have_are_481(transport: Transport) {
    let world = World::new(transport);
    world.calls("uac_unknown_dialog", "1001");
    world.calls("uac_unknown_transaction", "1001");
}

fn a_merged_request_is_482(transport: Transport) {
    let world = World::new(transport);
    world.calls("uac_merged", "drill-noanswer");
}
