//! Asks: the application is asked what to do with a call, and its answer goes back to the call's shard.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hookswitch_call::command::AskAnswer;
use hookswitch_call::event::Event;
use hookswitch_call::id::CallId;
use hookswitch_store::{CallKey, DeliveryOutcome, DeliveryUpdate, UnixMicros};

use super::body::Keys;
use super::{CallbackCounts, Outlet, answer};
use crate::callback::Asked;
use crate::shard::{Input, ShardHandle};

/// One line in the log about a service's failing asks in so long.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);
/// Services whose complaints are told apart.
const COMPLAINTS_KEPT: usize = 1_024;

/// When each service was last complained about, and how often it was not.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<HashMap<Arc<str>, (Instant, u64)>>);

impl Complaints {
    /// Whether to write a line now; tells how many were left out since the last one.
    fn due(&self, service: &Arc<str>) -> Option<u64> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= COMPLAINTS_KEPT && !kept.contains_key(service) {
            kept.clear();
        }
        let now = Instant::now();
        match kept.get_mut(service) {
            Some((last, left_out)) if now - *last < COMPLAIN_EVERY => {
                *left_out += 1;
                None
            }
            Some((last, left_out)) => {
                *last = now;
                Some(std::mem::take(left_out))
            }
            None => {
                kept.insert(Arc::clone(service), (now, 0));
                Some(0)
            }
        }
    }
}

impl Outlet {
    /// Asks the application of a service; its answer goes to the shard.
    pub fn ask(self: &Arc<Self>, call: CallId, event: &Event, shard: &ShardHandle) {
        let target = self.target(event);
        let (Some(target), Some(callbacks)) = (target, self.callbacks.get()) else {
            let why = "the service of this call has no usable callback".to_owned();
            shard.put(Input::Asked {
                call,
                answer: AskAnswer::Refused { why },
            });
            return;
        };
        let asking = callbacks.ask(
            target,
            Self::delivery(event, self.writer.write(event, Keys::Shown)),
        );
        let (outlet, shard, sequence) = (Arc::clone(self), shard.clone(), event.sequence);
        let identity = Arc::clone(&event.identity);
        tokio::spawn(async move {
            let asked = asking.await;
            outlet.record(vec![settled(call, sequence, &asked)]);
            let answer = answer::read(&asked);
            match &answer {
                AskAnswer::Accepted(_) => CallbackCounts::add(&outlet.counts.asks_answered),
                AskAnswer::TimedOut { why }
                | AskAnswer::Refused { why }
                | AskAnswer::Disabled { why } => {
                    CallbackCounts::add(&outlet.counts.asks_failed);
                    let service = identity.service.clone().unwrap_or_default();
                    if let Some(left_out) = outlet.complaints.due(&service) {
                        let domain = &identity.domain;
                        tracing::warn!(%domain, %service, %call, left_out, why, "a call was refused for want of an answer");
                    }
                }
            }
            shard.put(Input::Asked { call, answer });
        });
    }
}

/// The ask is over: what its row in the outbox says then.
fn settled(call: CallId, sequence: u32, asked: &Asked) -> DeliveryUpdate {
    let (outcome, attempts, last_status, last_error) = match asked {
        Asked::Accepted { .. } => (
            DeliveryOutcome::Delivered(UnixMicros::now()),
            1,
            Some(200),
            None,
        ),
        Asked::Refused { status, why } => (
            DeliveryOutcome::Failed,
            1,
            Some(status.as_u16()),
            Some(why.clone()),
        ),
        Asked::Disabled => (
            DeliveryOutcome::Failed,
            1,
            Some(410),
            Some("callback_disabled".to_owned()),
        ),
        Asked::TimedOut { why, tries } => (
            DeliveryOutcome::Failed,
            *tries,
            why.status(),
            Some(why.to_string()),
        ),
    };
    DeliveryUpdate {
        call: CallKey(call.as_u128()),
        sequence,
        outcome,
        attempts,
        last_status,
        last_error,
        tries: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_service_gets_one_line_in_the_log_and_others_their_own() {
        let complaints = Complaints::default();
        let (one, other) = (Arc::from("one"), Arc::from("other"));
        assert_eq!(complaints.due(&one), Some(0));
        assert_eq!(complaints.due(&one), None);
        assert_eq!(complaints.due(&other), Some(0));
    }
}
