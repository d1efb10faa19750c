//! Asks: the application is asked what to do with a call, and its answer goes back to the call's shard.

use std::sync::Arc;

use bytes::Bytes;
use hookswitch_call::command::AskAnswer;
use hookswitch_call::event::Event;
use hookswitch_call::id::CallId;
use hookswitch_store::{CallKey as StoredCall, DeliveryOutcome, DeliveryUpdate};

use super::body::Keys;
use super::{CallbackCounts, Outlet, answer, cursor};
use crate::callback::{Answered, Asked, CallKey, TellResult, Told, TryError};
use crate::shard::{Input, ShardHandle};

impl Outlet {
    /// Asks the application of a service, with the body that was written with the event where it is at hand; its
    /// answer goes to the shard.
    pub fn ask(
        self: &Arc<Self>,
        call: CallId,
        event: &Event,
        body: Option<Bytes>,
        shard: &ShardHandle,
    ) {
        let target = self.target(event);
        let (Some(target), Some(callbacks)) = (target, self.callbacks.get()) else {
            let why = "the service of this call has no usable callback".to_owned();
            shard.put(Input::Asked {
                call,
                answer: AskAnswer::Refused { why },
            });
            return;
        };
        let body = body.unwrap_or_else(|| self.writer.write(event, Keys::Shown).into());
        let delivery = Self::delivery(event, body);
        let webhook_id = Arc::clone(&delivery.webhook_id);
        let asking = callbacks.ask(target, delivery);
        let (outlet, shard, sequence) = (Arc::clone(self), shard.clone(), event.sequence);
        let (identity, callbacks) = (Arc::clone(&event.identity), Arc::clone(callbacks));
        tokio::spawn(async move {
            let answered = asking.await;
            let answer = answer::read(&answered.asked);
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
            let settled = settled(call, sequence, webhook_id, answered);
            callbacks.report(settled).await;
        });
    }

    /// Keeps asks as failed that never left: their calls were given up before the database took them.
    pub fn never_asked(&self, events: &[Arc<Event>]) {
        let never = |event: &Arc<Event>| DeliveryUpdate {
            call: StoredCall(event.identity.call.as_u128()),
            sequence: event.sequence,
            outcome: DeliveryOutcome::Failed,
            attempts: 0,
            last_status: None,
            last_error: Some("the call was over before the database took it".to_owned()),
            tries: Vec::new(),
        };
        if !events.is_empty() {
            self.submit(events.iter().map(never).collect(), || ());
        }
    }
}

/// The ask is over: what its row in the outbox says then.
fn settled(call: CallId, sequence: u32, webhook_id: Arc<str>, answered: Answered) -> TellResult {
    let (told, status, error) = match answered.asked {
        Asked::Accepted { .. } => {
            let status = answered.tries.last().and_then(|tried| tried.status);
            (Told::Delivered, status, None)
        }
        Asked::Refused { status, .. } => {
            let code = Some(status.as_u16());
            (Told::Failed, code, Some(TryError::Status(status)))
        }
        Asked::Disabled => (Told::Failed, Some(410), Some(TryError::SwitchedOff)),
        Asked::TimedOut { why, .. } => (Told::Failed, why.status(), Some(why)),
    };
    TellResult {
        cursor: cursor(call, sequence),
        webhook_id,
        call: CallKey(call.as_u128()),
        sequence: u64::from(sequence),
        told,
        status,
        error,
        attempts: u32::try_from(answered.tries.len()).unwrap_or(u32::MAX),
        tries: answered.tries,
        is_ask: true,
    }
}
