//! What a user agent whose owner accepts calls answers to the messages of RFC 4475 and RFC 5118.

use hookswitch_sip::message::{HeaderName, Message};

use crate::support::{Link, header, secs};

struct Row {
    name: String,
    bytes: Vec<u8>,
    is_request: bool,
    expected: String,
}

fn rows() -> Vec<Row> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/torture");
    let row = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        Row {
            name: columns[1].to_owned(),
            bytes: std::fs::read(format!("{folder}/{}", columns[4])).unwrap(),
            is_request: columns[7] == "request",
            expected: columns[8].to_owned(),
        }
    };
    include_str!("../torture/index.tsv")
        .lines()
        .skip(1)
        .map(row)
        .collect()
}

/// The final statuses the index allows; nothing means anything.
fn allowed(row: &Row) -> Vec<u16> {
    let numbers = row.expected.split(|c: char| !c.is_ascii_digit());
    let mut statuses: Vec<u16> = numbers
        .filter(|word| word.len() == 3)
        .filter_map(|word| word.parse().ok())
        .collect();
    if row.expected.contains("handled") {
        let message = Message::parse(&row.bytes).unwrap();
        let in_dialog = message.to().is_ok_and(|to| to.tag().is_some());
        // A To tag names a dialog nobody here has (RFC 3261 §12.2.2).
        statuses.push(if in_dialog { 481 } else { 200 });
    }
    // Nobody registers here, so the index's remarks about bindings do not apply.
    if row.bytes.starts_with(b"REGISTER") && !row.expected.starts_with("400") {
        statuses = vec![405];
    }
    statuses
}

/// The final response to one message, if any came.
fn answer_to(row: &Row) -> Option<String> {
    let link = Link::new();
    let (alice, bob) = (link.stranger("alice"), link.phone("bob"));
    bob.sets(|bob| bob.picks_up = true);
    alice.says(&bob, &row.bytes);
    let is_final = |text: &String| {
        let status = Message::parse(text.as_bytes())
            .ok()
            .and_then(|m| m.status());
        status.is_some_and(|status| status >= 200)
    };
    let finals: Vec<String> = alice.gets().into_iter().filter(is_final).collect();
    assert!(finals.len() <= 1, "{}: {finals:#?}", row.name);
    link.is_quiet_after(secs(150));
    finals.into_iter().next()
}

#[test]
fn every_torture_message_gets_the_answer_of_the_index() {
    let rows = rows();
    assert_eq!(rows.len(), 62);
    for row in rows {
        let answer = answer_to(&row);
        if !row.is_request {
            assert_eq!(answer, None, "{}", row.name);
            continue;
        }
        let allowed = allowed(&row);
        if allowed.is_empty() {
            assert!(row.expected.starts_with("any"), "{}", row.name);
            continue;
        }
        let answer = answer.unwrap_or_else(|| panic!("{} is not answered", row.name));
        let status = Message::parse(answer.as_bytes()).unwrap().status().unwrap();
        assert!(
            allowed.contains(&status),
            "{}: {status}, not {allowed:?}",
            row.name
        );
    }
}

#[test]
fn refusals_name_what_would_be_taken() {
    for (name, field, value) in [
        (
            "bext01",
            HeaderName::Unsupported,
            "nothingSupportsThis, nothingSupportsThisEither",
        ),
        ("invut", HeaderName::Accept, "application/sdp"),
        ("sdp01", HeaderName::Accept, "application/sdp"),
    ] {
        let row = rows().into_iter().find(|row| row.name == name).unwrap();
        let answer = answer_to(&row).unwrap();
        assert_eq!(header(&answer, field).as_deref(), Some(value), "{name}");
    }
}
