//! A line in the log for calls and MESSAGEs to a destination that is not in service yet.

use hookswitch_call::record::CallRecord;
use hookswitch_call::route::Refusal;

use super::Outlet;

impl Outlet {
    /// Says which destination it was, once in a while for each kind of each tenant.
    pub(super) fn complain_of_unserved(&self, record: &CallRecord) {
        let is_refused = record
            .outcome
            .as_ref()
            .is_some_and(|outcome| outcome.sip_status == Refusal::NotInService.status());
        let (true, Some(step)) = (is_refused, record.trace.last()) else {
            return;
        };
        // A far end may answer 501 as well.
        if step.result != "refused" {
            return;
        }
        let (domain, call) = (&record.identity.domain, record.identity.call);
        let kind = format!("{domain} {}", step.rule).into();
        if let Some(left_out) = self.complaints.due(&kind) {
            let why = &step.why;
            tracing::warn!(%domain, %call, left_out, why = %why, "a call was refused: its destination is not in service");
        }
    }
}
