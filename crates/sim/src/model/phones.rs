//! The phones' side, from the messages at their sockets.

use std::collections::{BTreeMap, BTreeSet};

use hookswitch_sip::message::{HeaderName, Message, Method};
use hookswitch_sip::time::Instant;

/// How far a call is for a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// An INVITE went out or came in; nobody rings.
    Calling,
    Ringing,
    Talking,
    Over,
}

/// A phone's view of one call.
#[derive(Debug)]
pub(super) struct View {
    pub(super) phone: usize,
    pub(super) call_id: String,
    pub(super) is_caller: bool,
    /// The final status of the call's INVITE, 0 before.
    pub(super) status: u16,
    /// When its stage changed.
    pub(super) since: Instant,
    stage: Stage,
    /// Drills have no application.
    is_drill: bool,
    /// Its owner gave it up, and waits for nobody.
    is_given_up: bool,
    /// It ever rang or was answered.
    was_held: bool,
}

impl View {
    /// Its owner hears or makes it ring, or talks.
    pub(super) fn is_held(&self) -> bool {
        !self.is_drill && !self.is_given_up && matches!(self.stage, Stage::Ringing | Stage::Talking)
    }

    pub(super) fn is_over(&self) -> bool {
        !self.is_drill && (self.stage == Stage::Over || self.is_given_up)
    }

    /// Whether its application must have been told of it.
    pub(super) const fn must_be_told(&self) -> bool {
        !self.is_drill && (self.was_held || !self.is_caller)
    }

    fn moves(&mut self, now: Instant, stage: Stage) {
        if self.stage != stage && self.stage != Stage::Over {
            self.stage = stage;
            self.since = now;
        }
        self.was_held |= matches!(stage, Stage::Ringing | Stage::Talking);
    }
}

/// Every phone's view of every call.
#[derive(Debug)]
pub(super) struct Phones {
    views: BTreeMap<(usize, String), View>,
    dead: BTreeSet<usize>,
}

impl Phones {
    pub(super) const fn new() -> Self {
        Self {
            views: BTreeMap::new(),
            dead: BTreeSet::new(),
        }
    }

    pub(super) fn handle_death(&mut self, phone: usize) {
        self.dead.insert(phone);
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &View> {
        self.views.values()
    }

    /// The views of phones that live.
    pub(super) fn alive(&self) -> impl Iterator<Item = &View> {
        self.all().filter(|view| !self.dead.contains(&view.phone))
    }

    pub(super) fn handle_message(&mut self, now: Instant, phone: usize, bytes: &[u8], sent: bool) {
        let Ok(message) = Message::parse(bytes) else {
            return;
        };
        let Ok(call_id) = message.call_id() else {
            return;
        };
        let key = (phone, call_id.to_owned());
        match (message.method(), message.status()) {
            (Some(Method::Invite), _) if !has_to_tag(&message) => {
                let uri = message.request_uri().unwrap_or_default();
                self.views.entry(key).or_insert_with(|| View {
                    phone,
                    call_id: call_id.to_owned(),
                    is_caller: sent,
                    status: 0,
                    since: now,
                    stage: Stage::Calling,
                    is_drill: uri.contains("drill-"),
                    is_given_up: false,
                    was_held: false,
                });
            }
            (Some(Method::Bye), _) => {
                if let Some(view) = self.views.get_mut(&key) {
                    view.moves(now, Stage::Over);
                }
            }
            (Some(Method::Cancel), _) if sent => {
                if let Some(view) = self.views.get_mut(&key) {
                    view.is_given_up = true;
                }
            }
            (None, Some(status)) => {
                let is_invite = message
                    .cseq()
                    .is_ok_and(|cseq| cseq.method == Method::Invite);
                let view = self.views.get_mut(&key).filter(|_| is_invite);
                // Responses to the phone's own calls come in, to calls of others go out.
                if let Some(view) = view.filter(|view| view.is_caller != sent) {
                    view.handle_status(now, status);
                }
            }
            _ => {}
        }
    }
}

impl View {
    fn handle_status(&mut self, now: Instant, status: u16) {
        // What comes after the answer belongs to later offers inside the call.
        if matches!(self.stage, Stage::Talking | Stage::Over) {
            return;
        }
        match status {
            // Tried again with a longer interval.
            100 | 422 => {}
            101..=199 => self.moves(now, Stage::Ringing),
            200..=299 => {
                self.status = 200;
                self.moves(now, Stage::Talking);
            }
            _ => {
                self.status = status;
                self.moves(now, Stage::Over);
            }
        }
    }
}

fn has_to_tag(message: &Message<'_>) -> bool {
    message
        .header(HeaderName::To)
        .is_some_and(|to| to.contains("tag="))
}
