//! What the application replied to `newRemoteCall`.

use hookswitch_sip::event::Rejection;
use hookswitch_sip::time::Now;

use super::Engine;
use super::command::check_hangup;
use crate::call::Call;
use crate::command::{Accepted, AskAnswer};
use crate::id::CallId;
use crate::outcome::{Class, EndedBy, Outcome};
use crate::route::TraceStep;

impl Engine {
    /// The end of an ask. Once a command for the call came, or the call is over, only the session reference of the
    /// reply still counts.
    pub fn handle_asked(&mut self, now: Now, call: CallId, answer: AskAnswer) {
        self.present = now.instant;
        let Some(call) = self.take_call(call) else {
            return;
        };
        match answer {
            AskAnswer::Accepted(accepted) => self.ask_accepted(now, call, *accepted),
            AskAnswer::TimedOut { why } => self.ask_failed(now, call, 504, why),
            AskAnswer::Refused { why } | AskAnswer::Disabled { why } => {
                self.ask_failed(now, call, 480, why);
            }
        }
        self.settle(now, None);
        self.collect(now);
    }

    fn ask_accepted(&mut self, now: Now, mut call: Box<Call>, accepted: Accepted) {
        let asked = call.asked_until.take().is_some();
        let named = call.session_reference_id.is_none() && accepted.session_reference_id.is_some();
        if named {
            call.session_reference_id = accepted.session_reference_id;
        }
        let faulty = accepted.fault.is_some();
        if let Some(fault) = accepted.fault {
            call.note(TraceStep::new("reply", "ignored", fault));
        }
        let result = if !asked {
            Ok(())
        } else if let Some(hangup) = accepted.hangup {
            match check_hangup(&hangup) {
                Ok(()) => {
                    self.hang_up(now, call, &hangup);
                    return;
                }
                Err(error) => Err(error),
            }
        } else if let Some(answer) = accepted.answer {
            if let Some(media) = accepted.ringback {
                // It rings for as long as the answer takes; a caller that cannot hear it is answered all the same.
                let _ = self.ring_back(now, &mut call, media);
            }
            self.answer(now, &mut call, answer)
        } else if let Some(media) = accepted.ringback {
            self.ring_back(now, &mut call, media)
        } else {
            Ok(())
        };
        if let Err(error) = &result {
            // A command on board that cannot be carried out has nobody to tell but the record.
            call.note(TraceStep::new("reply", "refused", error.reason.clone()));
        }
        if named || faulty || result.is_err() {
            self.refresh_later(&call);
        }
        self.put_call(call);
    }

    fn ask_failed(&mut self, now: Now, mut call: Box<Call>, status: u16, why: String) {
        if call.asked_until.take().is_none() || !call.is_pending() {
            return self.put_call(call);
        }
        call.note(TraceStep::new("ask", "failed", why));
        let phrase = super::ending::phrase_of(status, "");
        let outcome =
            Outcome::failed(EndedBy::System, status, phrase).of_class(Class::UpstreamError);
        self.refuse_call(now, call, &Rejection::new(status), outcome);
    }
}
