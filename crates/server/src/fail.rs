//! Fail points: places where a test build ends itself as a power cut would.
//!
//! `HOOKSWITCH_FAIL_AT="after_commit:2"` aborts the program when that point is passed for the second time; without a
//! count, for the first. `after_commit:2:panic` panics there, as a fault of the program would. A release build has none
//! of this.

/// A place before or after something that the world can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailPoint {
    /// A write is about to be handed to the database.
    BeforeCommit,
    /// A write is durable, and nothing that waited for it left yet.
    AfterCommit,
    /// A SIP message is about to leave.
    BeforeSend,
    /// A SIP message left.
    AfterSend,
    /// `newRemoteCall` is about to be asked.
    BeforeAsk,
    /// The application answered it, and nobody here knows yet.
    AfterAsk,
    /// An event is about to be told.
    BeforeTell,
    /// An application took an event, and the outbox does not say so yet.
    AfterTell,
    /// A command is about to be answered.
    BeforeReply,
    /// The answer of a command is on its way.
    AfterReply,
}

impl FailPoint {
    /// Notes that the place is passed, and ends the program there when it was asked to.
    #[inline]
    pub(crate) fn pass(self) {
        #[cfg(debug_assertions)]
        armed::pass(self);
    }

    /// Whether messages have to leave one by one, so that each can be counted.
    #[inline]
    pub(crate) fn counts_messages() -> bool {
        #[cfg(debug_assertions)]
        return armed::counts_messages();
        #[cfg(not(debug_assertions))]
        false
    }
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::FailPoint;

    const VARIABLE: &str = "HOOKSWITCH_FAIL_AT";

    /// Where the program ends, and how often it still passes there before.
    #[derive(Debug)]
    pub(super) struct Armed {
        point: FailPoint,
        left: AtomicU32,
        pub(super) panics: bool,
    }

    static ARMED: LazyLock<Option<Armed>> = LazyLock::new(|| {
        let wanted = std::env::var(VARIABLE).ok()?;
        let armed = Armed::parse(&wanted);
        assert!(armed.is_some(), "{VARIABLE}={wanted} names no fail point");
        armed
    });

    impl Armed {
        pub(super) fn parse(wanted: &str) -> Option<Self> {
            let (wanted, panics) = match wanted.strip_suffix(":panic") {
                Some(point) => (point, true),
                None => (wanted, false),
            };
            let (name, count) = wanted.split_once(':').unwrap_or((wanted, "1"));
            let point = match name {
                "before_commit" => FailPoint::BeforeCommit,
                "after_commit" => FailPoint::AfterCommit,
                "before_send" => FailPoint::BeforeSend,
                "after_send" => FailPoint::AfterSend,
                "before_ask" => FailPoint::BeforeAsk,
                "after_ask" => FailPoint::AfterAsk,
                "before_tell" => FailPoint::BeforeTell,
                "after_tell" => FailPoint::AfterTell,
                "before_reply" => FailPoint::BeforeReply,
                "after_reply" => FailPoint::AfterReply,
                _ => return None,
            };
            let left = count.parse().ok().filter(|count| *count > 0)?;
            let left = AtomicU32::new(left);
            Some(Self {
                point,
                left,
                panics,
            })
        }

        /// Whether this passing is the one.
        pub(super) fn is_due(&self, point: FailPoint) -> bool {
            self.point == point && self.left.fetch_sub(1, Ordering::Relaxed) == 1
        }
    }

    pub(super) fn pass(point: FailPoint) {
        if let Some(armed) = ARMED.as_ref().filter(|armed| armed.is_due(point)) {
            assert!(!armed.panics, "{VARIABLE} wants it");
            std::process::abort();
        }
    }

    pub(super) fn counts_messages() -> bool {
        let of_messages = [FailPoint::BeforeSend, FailPoint::AfterSend];
        ARMED
            .as_ref()
            .is_some_and(|armed| of_messages.contains(&armed.point))
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::FailPoint;
    use super::armed::Armed;

    #[test]
    fn a_point_is_due_at_its_count_and_never_again() {
        let armed = Armed::parse("after_tell:2").unwrap();
        let due: Vec<bool> = (0..4).map(|_| armed.is_due(FailPoint::AfterTell)).collect();
        assert_eq!(due, [false, true, false, false]);
        assert!(!armed.is_due(FailPoint::BeforeTell));
        assert!(
            Armed::parse("before_send")
                .unwrap()
                .is_due(FailPoint::BeforeSend)
        );
        let panics = Armed::parse("after_tell:2:panic").unwrap();
        assert!(panics.panics && !armed.panics);
        assert!(Armed::parse("nowhere").is_none() && Armed::parse("after_ask:0").is_none());
    }
}
