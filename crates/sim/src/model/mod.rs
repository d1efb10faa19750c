//! The reference model of a call: what a customer and the owner of a phone may observe, and nothing of how it is done.
//!
//! It is told every callback, every command with its reply, and every SIP message at a phone's socket, and it panics
//! at the first that may not be. It never looks into the engine. What it demands:
//!
//! | file | |
//! |---|---|
//! | `story.rs` | the callbacks of a call: which, in which order, how often; exactly one is the last |
//! | `orders.rs` | what may be replied to a command, by what its sender could know when it sent it |
//! | `phones.rs` | what a phone must have seen: nobody is left ringing, nobody in a call the other side has ended |

mod orders;
mod phones;
mod story;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hookswitch_call::CallId;
use hookswitch_call::command::{AskAnswer, Command, CommandError, CommandReply, RequestId};
use hookswitch_call::event::Event;
use hookswitch_sip::time::Instant;

use self::orders::Order;
use self::phones::Phones;
use self::story::Story;

/// How long after the last event of a call, and after the last start of the node, its phones may still be in it.
const RELEASED_WITHIN: Duration = Duration::from_secs(45);
/// How long after a phone's end of a call, and after the last start of the node, the customer may not know of it: the
/// session refresh that notices comes within 60 s of a start, and needs 32 s to fail.
const NOTICED_WITHIN: Duration = Duration::from_secs(150);

/// What the world is like, as far as it excuses anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Excuses {
    /// The network may keep two sides from ever hearing of each other's end, or change what they say.
    pub bad_network: bool,
    /// Writes may be refused.
    pub bad_disk: bool,
}

/// Everything observed, and what may follow.
#[derive(Debug)]
pub struct Model {
    excuses: Excuses,
    stories: BTreeMap<CallId, Story>,
    orders: BTreeMap<RequestId, Order>,
    phones: Phones,
    started_at: Instant,
}

impl Model {
    /// A model of a world where nothing happened yet.
    pub const fn new(excuses: Excuses) -> Self {
        Self {
            excuses,
            stories: BTreeMap::new(),
            orders: BTreeMap::new(),
            phones: Phones::new(),
            started_at: Instant::from_micros(0),
        }
    }

    /// The node was started (again).
    pub fn handle_start(&mut self, now: Instant) {
        self.started_at = now;
        self.stories.values_mut().for_each(Story::handle_start);
    }

    /// A callback reached the application.
    pub fn handle_callback(&mut self, now: Instant, event: &Arc<Event>) {
        let story = self.stories.entry(event.identity.call).or_default();
        story.handle_event(now, event);
    }

    /// A command was sent.
    pub fn handle_command(&mut self, request: RequestId, command: &Command) {
        let known = orders::call_of(command).and_then(|call| self.stories.get_mut(&call));
        let order = Order::new(command, known);
        self.orders.insert(request, order);
    }

    /// The reply to a command came.
    pub fn handle_reply(
        &mut self,
        request: RequestId,
        result: &Result<CommandReply, CommandError>,
    ) {
        let order = self.orders.remove(&request);
        let order = order.unwrap_or_else(|| panic!("a second reply to {request:?}: {result:?}"));
        if let Ok(CommandReply::Placed { call, sip_call_id }) = result {
            self.stories
                .entry(*call)
                .or_default()
                .handle_placed(sip_call_id);
        }
        let story = order.call().and_then(|call| self.stories.get_mut(&call));
        order.judge(result, story, self.excuses);
    }

    /// The application replied to `newRemoteCall`.
    pub fn handle_asked(&mut self, call: CallId, answer: &AskAnswer) {
        let AskAnswer::Accepted(accepted) = answer else {
            return;
        };
        if let (Some(story), Some(answer)) = (self.stories.get_mut(&call), &accepted.answer) {
            story.handle_answer_ordered(answer);
        }
    }

    /// The call a command is for.
    pub fn call_of(&self, request: RequestId) -> Option<CallId> {
        self.orders.get(&request)?.call()
    }

    /// What a command's reply is kept under.
    pub fn idempotency_key_of(&self, request: RequestId) -> Option<&Arc<str>> {
        self.orders.get(&request)?.idempotency_key()
    }

    /// Whether a command came with the key of the domain.
    pub fn is_ours(&self, request: RequestId) -> bool {
        self.orders.get(&request).is_some_and(Order::is_ours)
    }

    /// How many calls were heard of.
    pub fn size(&self) -> u64 {
        u64::try_from(self.stories.len()).unwrap_or(u64::MAX)
    }

    /// The connection that should have brought a reply broke, or 503 said that the reply cannot be had now.
    pub fn handle_no_reply(&mut self, request: RequestId) {
        self.orders.remove(&request);
    }

    /// A phone sent a message.
    pub fn handle_sent(&mut self, now: Instant, phone: usize, bytes: &[u8]) {
        self.phones.handle_message(now, phone, bytes, true);
    }

    /// A phone received a message.
    pub fn handle_received(&mut self, now: Instant, phone: usize, bytes: &[u8]) {
        self.phones.handle_message(now, phone, bytes, false);
    }

    /// Nobody looks at a phone any more.
    pub fn handle_death(&mut self, phone: usize) {
        self.phones.handle_death(phone);
    }

    /// Every call the application heard of.
    pub fn calls(&self) -> Vec<CallId> {
        self.stories.keys().copied().collect()
    }

    /// How often each direction, status and row of events was observed, to see that a test means something.
    pub fn tally(&self) -> BTreeMap<String, usize> {
        let mut tally = BTreeMap::new();
        for story in self.stories.values() {
            *tally.entry(story.told()).or_default() += 1;
        }
        tally
    }

    /// In the middle of things: both sides of every call agree on whether it is over, some time after it is.
    pub fn check_agreement(&self, now: Instant) {
        if self.excuses.bad_network || self.excuses.bad_disk {
            return;
        }
        let since = |at: Instant| now - at.max(self.started_at);
        for view in self.phones.alive() {
            let stories = || self.stories_of(&view.call_id);
            // A copy of an INVITE that outlives a restart makes a second call, and a phone is in two dialogs then.
            if stories().count() > 1 {
                continue;
            }
            let told = stories().count() > 0;
            let over = stories().map(Story::ended_at).collect::<Option<Vec<_>>>();
            if view.is_held() {
                let Some(over) = over else { continue };
                let over = over.into_iter().max().unwrap_or(view.since);
                assert!(
                    since(over.max(view.since)) < RELEASED_WITHIN,
                    "left behind in a call that is over: {view:?}"
                );
            } else if view.is_over() && told {
                assert!(
                    over.is_some() || since(view.since) < NOTICED_WITHIN,
                    "the customer never heard of the end of {view:?}"
                );
            }
        }
    }

    /// When everything is over: every call has had its one last event, and every command its reply.
    pub fn check_closed(&self) {
        for (call, story) in &self.stories {
            assert!(story.ended_at().is_some(), "{call} never ended: {story:?}");
        }
        let unanswered: Vec<_> = self.orders.values().collect();
        assert!(
            unanswered.is_empty(),
            "commands without reply: {unanswered:?}"
        );
        if self.excuses.bad_network {
            return;
        }
        for view in self.phones.all().filter(|view| view.must_be_told()) {
            let told = self.stories_of(&view.call_id).count();
            assert!(told > 0, "nobody was told of {view:?}");
        }
    }

    /// Where nothing was lost and nobody failed, both sides tell the same story. Returns how many were compared.
    pub fn compare(&self) -> usize {
        let mut compared = 0;
        for view in self.phones.all().filter(|view| view.is_caller) {
            let Some(story) = self.stories_of(&view.call_id).next() else {
                continue;
            };
            let Some(outcome) = story.outcome() else {
                continue;
            };
            compared += 1;
            match view.status {
                200 => assert!(story.was_answered(), "{view:?}: {story:?}"),
                0 => {}
                status => assert_eq!(outcome.sip_status, status, "{view:?}: {story:?}"),
            }
        }
        compared
    }

    fn stories_of(&self, sip_call_id: &str) -> impl Iterator<Item = &Story> {
        self.stories
            .values()
            .filter(move |story| story.sip_call_id() == Some(sip_call_id))
    }
}
