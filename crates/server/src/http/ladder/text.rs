//! A ladder drawn with characters.

use std::fmt::Write as _;

use hookswitch_api::ladder::{LadderEntry, LadderKind};

/// Characters between two lifelines.
const GAP: usize = 40;
/// Characters before the first lifeline.
const MARGIN: usize = 14;
/// Characters an arrow has for its label.
const LABEL: usize = GAP - 8;

/// Draws a ladder: time runs down, one lifeline for each who took part.
pub fn draw(entries: &[LadderEntry]) -> String {
    let parties = parties(entries);
    let mut drawing = String::new();
    let mut heading = " ".repeat(MARGIN);
    for party in &parties {
        let name = clip(if party == "node" { "hookswitch" } else { party }, GAP - 2);
        let _ = write!(heading, "{name:<GAP$}");
    }
    drawing.push_str(heading.trim_end());
    drawing.push('\n');
    for entry in entries {
        let at = |name: &str| parties.iter().position(|party| party == name).unwrap_or(0);
        let line = arrow(&parties, at(&entry.from), at(&entry.to), &label(entry));
        #[expect(
            clippy::cast_precision_loss,
            reason = "a call's microseconds are far below 2^52"
        )]
        let millis = entry.offset as f64 / 1_000.0;
        let _ = write!(drawing, "{millis:>11.3}   {}", line.trim_end());
        if let Some(took) = entry.took {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a reply's microseconds are far below 2^52"
            )]
            let took = took as f64 / 1_000.0;
            let _ = write!(drawing, "  {took:.1} ms");
        }
        if let Some(error) = &entry.error {
            let _ = write!(drawing, "  {}", clip(error, 120));
        }
        drawing.push('\n');
    }
    drawing
}

/// The application, the node, then every SIP peer in the order of appearance.
fn parties(entries: &[LadderEntry]) -> Vec<String> {
    let mut parties = vec!["application".to_owned(), "node".to_owned()];
    for name in entries.iter().flat_map(|entry| [&entry.from, &entry.to]) {
        if !parties.contains(name) {
            parties.push(name.clone());
        }
    }
    parties
}

/// What stands on the arrow: only the name is ever cut, never what came of it.
fn label(entry: &LadderEntry) -> String {
    let mut outcome = String::new();
    let mut name = entry.summary.as_str();
    if entry.kind != LadderKind::Sip {
        name = exchange(name);
        if let Some(status) = entry.status {
            let _ = write!(outcome, " → {status}");
        }
    }
    if entry.repeated {
        outcome.push_str(" (again)");
    }
    let room = LABEL.saturating_sub(outcome.chars().count());
    clip(name, room) + &outcome
}

/// The name of a command or callback: the last part of the path in `POST <url>`.
fn exchange(summary: &str) -> &str {
    let url = summary.strip_prefix("POST ").unwrap_or(summary);
    let path = url.split(['?', '#']).next().unwrap_or(url);
    match path.trim_end_matches('/').rsplit('/').next() {
        None | Some("") => summary,
        Some(name) => name,
    }
}

/// One line with every lifeline and an arrow from one to another.
fn arrow(parties: &[String], from: usize, to: usize, label: &str) -> String {
    let mut line: Vec<char> = vec![' '; (parties.len() - 1) * GAP + 1];
    for index in 0..parties.len() {
        line[index * GAP] = '│';
    }
    let (left, right) = (from.min(to) * GAP, from.max(to) * GAP);
    if left == right {
        let text: Vec<char> = format!(" {label}").chars().collect();
        line.truncate(left + 1);
        line.extend(text);
        return line.into_iter().collect();
    }
    for place in &mut line[left + 1..right] {
        *place = '─';
    }
    if from < to {
        line[right - 1] = '▶';
    } else {
        line[left + 1] = '◀';
    }
    let text: Vec<char> = format!(" {label} ").chars().collect();
    let start = left + (right - left - text.len()) / 2 + 1;
    line.splice(start..start + text.len(), text);
    line.into_iter().collect()
}

fn clip(text: &str, length: usize) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    if text.chars().count() <= length {
        return clean.collect();
    }
    clean.take(length - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookswitch_api::ladder::LadderDirection;

    fn entry(offset: u64, kind: LadderKind, from: &str, to: &str, summary: &str) -> LadderEntry {
        LadderEntry {
            at: 1_000_000 + offset,
            offset,
            kind,
            direction: LadderDirection::In,
            from: from.to_owned(),
            to: to.to_owned(),
            summary: summary.to_owned(),
            status: None,
            took: None,
            repeated: false,
            error: None,
            text: None,
        }
    }

    #[test]
    fn a_ladder_is_drawn_with_a_lifeline_for_each_who_took_part() {
        let peer = "udp:192.0.2.1:5060";
        let entries = [
            entry(
                0,
                LadderKind::Sip,
                peer,
                "node",
                "INVITE sip:1001@acme.example.com",
            ),
            LadderEntry {
                status: Some(200),
                took: Some(2_500),
                ..entry(
                    400,
                    LadderKind::Callback,
                    "node",
                    "application",
                    "POST http://127.0.0.1:43077/calls/newRemoteCall",
                )
            },
            LadderEntry {
                repeated: true,
                ..entry(12_345, LadderKind::Sip, "node", peer, "180 Ringing")
            },
        ];
        let expected = "\
\u{20}             application                             hookswitch                              udp:192.0.2.1:5060
      0.000   │                                       │◀── INVITE sip:1001@acme.example.com ──│
      0.400   │◀──────── newRemoteCall → 200 ─────────│                                       │  2.5 ms
     12.345   │                                       │───────── 180 Ringing (again) ────────▶│
";
        assert_eq!(draw(&entries), expected, "\n{}", draw(&entries));
    }

    #[test]
    fn a_name_and_what_came_of_it_are_never_cut_off() {
        let base = format!("https://app.example.com/{}", "hooks/".repeat(20));
        let drawn = |kind, summary: &str, status, repeated| {
            let (from, to) = match kind {
                LadderKind::Callback => ("node", "application"),
                _ => ("application", "node"),
            };
            draw(&[LadderEntry {
                status,
                repeated,
                ..entry(0, kind, from, to, summary)
            }])
        };
        let told = |drawing: &str, what: &str| assert!(drawing.contains(what), "{drawing}");
        let url = format!("POST {base}callHungup");
        told(
            &drawn(LadderKind::Callback, &url, Some(503), true),
            "─ callHungup → 503 (again) ─",
        );
        told(
            &drawn(LadderKind::Callback, &format!("{url}?a=b/c"), None, false),
            "─ callHungup ─",
        );
        let command = "POST /sendremotecallringback";
        told(
            &drawn(LadderKind::Rest, command, Some(409), false),
            "─ sendremotecallringback → 409 ─",
        );
        let endless = format!("POST https://app.example.com/{}", "x".repeat(99));
        told(
            &drawn(LadderKind::Callback, &endless, Some(200), false),
            "x… → 200 ─",
        );
    }

    #[test]
    fn control_characters_of_a_peer_never_reach_the_terminal() {
        let evil = entry(
            0,
            LadderKind::Sip,
            "udp:192.0.2.1:5060",
            "node",
            "INVITE \u{1b}[31m",
        );
        assert!(!draw(&[evil]).contains('\u{1b}'));
    }
}
