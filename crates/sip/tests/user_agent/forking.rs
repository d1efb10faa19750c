//! An INVITE that a proxy forked: several early dialogs, several answers (RFC 3261 §13.2.2.4).

use hookswitch_sip::event::{EventKind, LegId};
use hookswitch_sip::message::HeaderName;

use crate::support::{Draft, Link, Phone, SDP, Stranger, header, ms, response, secs};

/// A phone calls a proxy behind which others ring.
fn forked() -> (Link, Phone, Stranger, String, LegId) {
    let link = Link::new();
    let (alice, proxy) = (link.phone("alice"), link.stranger("proxy"));
    let call = alice.calls_uri(&proxy.uri(), Some(SDP));
    link.runs(ms(20));
    let invite = proxy.last("INVITE");
    proxy.gets();
    (link, alice, proxy, invite, call)
}

fn more(tag: &str, proxy: &Stranger) -> String {
    format!("tag: {tag}\nContact: <sip:{tag}@{}>", proxy.address())
}

fn tag_of(text: &str) -> String {
    let to = header(text, HeaderName::To).unwrap();
    to.split("tag=").nth(1).unwrap().to_owned()
}

#[test]
fn the_first_answer_wins_and_the_second_is_ended() {
    let (link, alice, proxy, invite, _call) = forked();
    for tag in ["desk", "mobile"] {
        proxy.says(&alice, response(&invite, 180, &more(tag, &proxy), b""));
    }
    proxy.says(&alice, response(&invite, 200, &more("mobile", &proxy), SDP));
    let got = proxy.gets();
    assert_eq!(got.len(), 1);
    assert!(got[0].starts_with("ACK sip:mobile@"));
    proxy.says(&alice, response(&invite, 200, &more("desk", &proxy), SDP));
    let got = proxy.gets();
    assert_eq!(got.len(), 2);
    assert!(got[0].starts_with("ACK sip:desk@") && tag_of(&got[0]) == "desk");
    assert!(got[1].starts_with("BYE sip:desk@") && tag_of(&got[1]) == "desk");
    assert_eq!(header(&got[1], HeaderName::CSeq).unwrap(), "2 BYE");
    proxy.says(&alice, response(&invite, 200, &more("desk", &proxy), SDP));
    assert_eq!(proxy.got(), ["ACK"], "the BYE is under way");
    proxy.says(&alice, response(&got[1], 200, "", b""));
    let ringing = EventKind::Progress { status: 180 };
    assert_eq!(
        alice.heard(),
        [ringing.clone(), ringing, EventKind::Answered]
    );
    link.runs(secs(33));
    assert_eq!(alice.census().transactions, 0);
    assert_eq!(alice.census().legs, 1);
}

#[test]
fn the_bye_to_the_second_counts_above_its_pracks() {
    let (_link, alice, proxy, invite, _call) = forked();
    for (tag, rseq) in [("desk", 5), ("mobile", 9), ("desk", 6)] {
        let more = format!("{}\nRequire: 100rel\nRSeq: {rseq}", more(tag, &proxy));
        proxy.says(&alice, response(&invite, 183, &more, b""));
    }
    let highest = proxy
        .gets()
        .iter()
        .map(|prack| header(prack, HeaderName::CSeq).unwrap())
        .max()
        .unwrap();
    proxy.says(&alice, response(&invite, 200, &more("mobile", &proxy), SDP));
    proxy.says(&alice, response(&invite, 200, &more("desk", &proxy), SDP));
    let bye = header(&proxy.last("BYE"), HeaderName::CSeq).unwrap();
    assert!(bye > highest, "{bye} after {highest}");
}

#[test]
fn each_early_dialog_has_its_own_reliable_sequence() {
    let (_link, alice, proxy, invite, _call) = forked();
    for (tag, rseq) in [("desk", 100), ("mobile", 7), ("desk", 101), ("mobile", 8)] {
        let more = format!("{}\nRequire: 100rel\nRSeq: {rseq}", more(tag, &proxy));
        proxy.says(&alice, response(&invite, 183, &more, b""));
        let prack = proxy.last("PRACK");
        assert_eq!(tag_of(&prack), tag);
        assert_eq!(
            header(&prack, HeaderName::RAck).unwrap(),
            format!("{rseq} 1 INVITE")
        );
    }
}

#[test]
fn the_dialog_of_the_winner_is_used_and_the_others_are_gone() {
    let (link, alice, proxy, invite, _call) = forked();
    let route = "Record-Route: <sip:192.0.2.2:5080;lr>";
    proxy.says(&alice, response(&invite, 180, &more("desk", &proxy), b""));
    let answer = format!("{}\n{route}", more("mobile", &proxy));
    proxy.says(&alice, response(&invite, 200, &answer, SDP));
    proxy.gets();
    let late = Draft::new("INFO", &proxy, &alice).reversed(&invite, "desk");
    proxy.says(&alice, late.branch("desk").bytes());
    let fits = Draft::new("INFO", &proxy, &alice).reversed(&invite, "mobile");
    proxy.says(&alice, fits.branch("mobile").bytes());
    assert_eq!(proxy.got(), ["481 INFO", "200 INFO"]);
    link.runs(ms(20));
    assert!(
        link.last("ACK")
            .contains("Route: <sip:192.0.2.2:5080;lr>\r\n")
    );
}

#[test]
fn an_answer_that_crosses_the_cancel_is_ended_on_every_branch() {
    let (link, alice, proxy, invite, call) = forked();
    proxy.says(&alice, response(&invite, 180, &more("desk", &proxy), b""));
    alice.cancels(call);
    link.runs(ms(20));
    for tag in ["desk", "mobile"] {
        proxy.says(&alice, response(&invite, 200, &more(tag, &proxy), SDP));
    }
    assert_eq!(proxy.got(), ["CANCEL", "ACK", "BYE", "ACK", "BYE"]);
    let rejections = alice
        .heard()
        .into_iter()
        .filter(|kind| matches!(kind, EventKind::Rejected { .. }));
    assert_eq!(rejections.count(), 1);
}

#[test]
fn countless_forks_cost_no_memory() {
    let (_link, alice, proxy, invite, _call) = forked();
    for number in 0..100 {
        let more = more(&format!("fork{number}"), &proxy);
        let more = format!("{more}\nRequire: 100rel\nRSeq: 1");
        proxy.says(&alice, response(&invite, 183, &more, b""));
    }
    let mut pracks = proxy.gets();
    pracks.sort();
    pracks.dedup();
    assert_eq!(pracks.len(), 32, "as many early dialogs are kept");
    proxy.says(&alice, response(&invite, 200, &more("fork99", &proxy), SDP));
    assert_eq!(alice.heard().last(), Some(&EventKind::Answered));
}
