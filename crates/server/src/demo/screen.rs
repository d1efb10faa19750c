//! The ladder as it happens: application, server and phone side by side.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hookswitch_call::id::CallId;
use tokio::sync::mpsc;

use crate::shard::{Line, LineKind};

/// Columns between two life lines.
const GAP: usize = 34;

/// How long lines are gathered, to be drawn in the order of their times.
const GATHER: Duration = Duration::from_millis(60);

/// What was drawn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) sip: usize,
    pub(super) rest: usize,
    /// Calls drawn to their end.
    pub(super) ended: usize,
}

/// The drawing.
#[derive(Clone)]
pub(super) struct Screen {
    state: Arc<Mutex<State>>,
}

struct State {
    colour: bool,
    began: Option<u64>,
    totals: Totals,
}

impl Screen {
    /// Draws every line that comes.
    pub(super) fn start(
        mut lines: mpsc::UnboundedReceiver<(CallId, Line)>,
        phone: SocketAddr,
    ) -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let screen = Self {
            state: Arc::new(Mutex::new(State {
                colour,
                began: None,
                totals: Totals::default(),
            })),
        };
        let drawing = screen.clone();
        let phone = phone.to_string();
        tokio::spawn(async move {
            while let Some((_, first)) = lines.recv().await {
                // A command is reported when it is answered: what it caused may be here before it.
                tokio::time::sleep(GATHER).await;
                let mut gathered = vec![first];
                while let Ok((_, line)) = lines.try_recv() {
                    gathered.push(line);
                }
                gathered.sort_by_key(|line| line.at);
                for line in &gathered {
                    drawing.draw(line, &phone);
                }
            }
        });
        screen
    }

    /// A headline with the names of the three sides below.
    pub(super) fn title(&self, text: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let bold = if state.colour {
            ("\x1b[1m", "\x1b[0m")
        } else {
            ("", "")
        };
        state.began = None;
        let names = format!(
            "{:>10}   {:<width$}{:<width$}{}",
            "",
            "application",
            "hookswitch",
            "phone",
            width = GAP
        );
        put(&format!("\n{}{text}{}", bold.0, bold.1));
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            put(&names);
        }
    }

    pub(super) fn totals(&self) -> Totals {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .totals
    }

    /// Returns when so many calls are drawn to their end.
    pub(super) async fn finishes(&self, calls: usize) {
        while self.totals().ended < calls {
            tokio::time::sleep(GATHER).await;
        }
        tokio::time::sleep(2 * GATHER).await;
    }

    fn draw(&self, line: &Line, phone: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let began = *state.began.get_or_insert(line.at);
        let (colour, left) = match line.kind {
            LineKind::Sip => {
                state.totals.sip += 1;
                ("\x1b[36m", false)
            }
            LineKind::Rest => {
                state.totals.rest += 1;
                ("\x1b[33m", true)
            }
            LineKind::Callback => ("\x1b[35m", true),
        };
        if line.kind == LineKind::Callback && line.peer.ends_with("/callHungup") {
            state.totals.ended += 1;
        }
        debug_assert!(left || line.peer == phone, "the demo has one phone");
        // To the right: from the application to us, or from us to the phone.
        let rightward = line.received == left;
        let arrow = arrow(&label(line), rightward);
        let blank = format!("|{:width$}", "", width = GAP - 1);
        let (first, second) = if left {
            (format!("|{arrow}"), blank)
        } else {
            (blank, format!("|{arrow}"))
        };
        let millis = line.at.saturating_sub(began) / 1_000;
        let (on, off) = if state.colour {
            (colour, "\x1b[0m")
        } else {
            ("", "")
        };
        put(&format!("{millis:>7} ms   {on}{first}{second}|{off}"));
    }
}

/// What stands on the arrow.
fn label(line: &Line) -> String {
    match line.kind {
        LineKind::Sip => {
            let first = line.text.lines().next().unwrap_or("");
            match first.strip_prefix("SIP/2.0 ") {
                Some(status) => status.to_owned(),
                None => first.split(' ').next().unwrap_or("").to_owned(),
            }
        }
        LineKind::Rest | LineKind::Callback => {
            let name = line.peer.rsplit('/').next().unwrap_or(&line.peer);
            match line.status {
                Some(status) => format!("{name} {status}"),
                None => name.to_owned(),
            }
        }
    }
}

fn arrow(label: &str, rightward: bool) -> String {
    let room = GAP - 1;
    let label: String = label.chars().take(room - 6).collect();
    let dashes = room - 1 - label.chars().count() - 2;
    let (before, after) = ("-".repeat(dashes / 2), "-".repeat(dashes - dashes / 2));
    if rightward {
        format!("{before} {label} {after}>")
    } else {
        format!("<{before} {label} {after}")
    }
}

/// One line on stdout; a reader that went away is no error.
pub(super) fn put(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arrow_spans_the_gap() {
        for label in [
            "ACK",
            "200 OK",
            "sendremotecallringbackjwt 200",
            &"x".repeat(100),
        ] {
            for rightward in [true, false] {
                assert_eq!(arrow(label, rightward).chars().count(), GAP - 1, "{label}");
            }
        }
    }
}
