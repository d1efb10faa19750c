//! Deadlines that came.

use hookswitch_sip::event::Rejection;
use hookswitch_sip::time::Now;

use super::ending::phrase_of;
use super::{Due, Engine};
use crate::call::Call;
use crate::id::CallId;
use crate::outcome::{Class, EndedBy, Outcome};
use crate::record::CallState;
use crate::route::TraceStep;

/// Deadlines looked after in one go, so that a great many of them keep nobody from being heard; the rest is due still.
const DUE_AT_A_TIME: usize = 256;

impl Engine {
    /// Does what is due, so much of it at a time: while [`Engine::poll_timeout`] lies in the past there is more.
    pub fn handle_timeout(&mut self, now: Now) {
        self.present = now.instant;
        let mut room = DUE_AT_A_TIME;
        while room > 0
            && let Some(due) = self.deadlines.pop_due(now.instant)
        {
            room -= 1;
            match due {
                Due::Call(call) => self.call_due(now, call),
                Due::Drill(leg) => self.drill_due(now, leg),
            }
        }
        // Calls first: what gives up now does not ring once more.
        if room > 0 {
            self.agent.handle_timeout(now);
        }
        self.settle(now, None);
        self.forget(now);
        self.collect(now);
        self.write_leisurely(now);
    }

    fn call_due(&mut self, now: Now, id: CallId) {
        let Some(mut call) = self.take_call(id) else {
            return;
        };
        call.filed = None;
        match call.state {
            CallState::Answered | CallState::Confirmed
                if call.over_at().is_some_and(|at| at <= now.instant) =>
            {
                self.end_at_limit(now, call);
            }
            CallState::Offered | CallState::Ringing if call.rings_until <= now.instant => {
                self.stop_ringing(now, call);
            }
            CallState::Offered if call.asked_until.is_some_and(|at| at <= now.instant) => {
                self.stop_asking(now, call);
            }
            _ => self.put_call(call),
        }
    }

    /// No answer of the application came. As long as the database did not take the call, nobody asked it either.
    fn stop_asking(&mut self, now: Now, mut call: Box<Call>) {
        let (step, rejection, class) = if self.may_be_unwritten(call.opened) {
            let why =
                "the database did not take the call in time, so its application was not asked";
            let step = TraceStep::new("store", "away", why);
            (step, self.unavailable(), Class::Internal)
        } else {
            let step = TraceStep::new("ask", "failed", "no reply to newRemoteCall came back");
            (step, Rejection::new(504), Class::UpstreamError)
        };
        call.note(step);
        let status = rejection.status;
        let outcome =
            Outcome::failed(EndedBy::System, status, phrase_of(status, "")).of_class(class);
        self.refuse_call(now, call, &rejection, outcome);
    }

    /// Nobody answered in time.
    fn stop_ringing(&mut self, now: Now, mut call: Box<Call>) {
        call.note(TraceStep::new("ring", "timeout", "nobody answered in time"));
        if call.is_inbound() {
            let outcome =
                Outcome::failed(EndedBy::System, 480, phrase_of(480, "")).of_class(Class::NoAnswer);
            self.refuse_call(now, call, &Rejection::new(480), outcome);
        } else {
            let outcome = Outcome::failed(EndedBy::System, 408, phrase_of(408, ""));
            self.give_up(now, &mut call, outcome);
            self.put_call(call);
        }
    }

    fn end_at_limit(&mut self, now: Now, mut call: Box<Call>) {
        call.note(TraceStep::new(
            "duration",
            "limit",
            "the call lasted as long as calls may",
        ));
        self.part(now, call.leg);
        let outcome = Outcome::hung_up(EndedBy::System, call.lasted(now)).of_class(Class::Policy);
        self.finish(now, call, outcome);
    }
}
