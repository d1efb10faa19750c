//! Lines in the log for calls that this node itself refused or gave up, where somebody has to mend something: the
//! destination is not in service yet, a sign-in is wrong, or where a call goes is unknown or not allowed.

use hookswitch_call::engine::Strange;
use hookswitch_call::outcome::{Class, EndedBy};
use hookswitch_call::record::{CallRecord, Direction};
use hookswitch_call::route::{Refusal, TraceStep};

use super::Outlet;

impl Outlet {
    /// Says what it was, once in a while for each kind of each tenant.
    pub(super) fn complain_of(&self, record: &CallRecord) {
        let Some((step, what)) = complaint(record) else {
            return;
        };
        let (domain, call) = (&record.identity.domain, record.identity.call);
        let about = format!("{domain} {} {what}", step.rule).into();
        if let Some(left_out) = self.complaints.due(&about) {
            let (user, why) = (&record.identity.source_user, &step.why);
            tracing::warn!(%domain, %call, left_out, from = ?user, why = %why, "{what}");
        }
    }
}

impl Outlet {
    /// Says who called a domain that nobody has. They are one thing: strangers choose what they name.
    pub fn complain_of_stranger(&self, strange: &Strange) {
        if let Some(left_out) = self.complaints.due(&"a call of nobody".into()) {
            let (host, source, why) = (&strange.host, strange.source, &strange.why);
            tracing::warn!(%host, %source, left_out, why = %why, "a call was refused: it is for no domain of this node");
        }
    }
}

/// What there is to complain of, and the step of the decision that says why.
fn complaint(record: &CallRecord) -> Option<(&TraceStep, &'static str)> {
    let outcome = record.outcome.as_ref()?;
    // A far end may answer the same.
    if outcome.ended_by != EndedBy::System {
        return None;
    }
    let step = record.trace.last()?;
    let is_outbound = record.identity.direction == Direction::Outbound;
    let what = match (&*step.rule, &*step.result) {
        (_, "refused") if outcome.sip_status == Refusal::NotInService.status() => {
            "a call was refused: its destination is not in service"
        }
        ("digest", "refused") if outcome.class == Class::Auth => {
            "a call was refused: its caller did not sign in"
        }
        ("call", "failed") if is_outbound && matches!(outcome.sip_status, 403 | 416 | 480) => {
            "a placed call was given up: where it goes is unknown or not allowed"
        }
        _ => return None,
    };
    Some((step, what))
}
