//! What a restart needs of a leg.

use serde::{Deserialize, Serialize};

use super::UserAgent;
use crate::dialog::Dialog;
use crate::dialog::session_timer::Agreement;
use crate::event::LegId;
use crate::flow::Flow;
use crate::leg::{Leg, Stage};
use crate::time::Now;

/// Everything work inside the dialog needs after a restart; times are Unix times in microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegSnapshot {
    id: u64,
    is_client: bool,
    flow: Flow,
    dialog: Dialog,
    stage: StageSnapshot,
    agreed: Option<Agreement>,
    expires_unix_micros: Option<u64>,
    local_body: Vec<u8>,
    acknowledged: Option<(u32, Vec<u8>)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum StageSnapshot {
    /// The peer's INVITE, to be answered 500 after a restart.
    Offered {
        invite: Vec<u8>,
        back: Option<Flow>,
    },
    /// Our INVITE, to be cancelled.
    Calling {
        invite: Vec<u8>,
    },
    /// Our 2xx waits for ACK.
    Accepted {
        response: Vec<u8>,
        back: Flow,
        cseq: u32,
    },
    Confirmed,
}

impl UserAgent {
    /// The snapshot of a leg.
    pub fn snapshot(&self, now: Now, leg: LegId) -> Option<LegSnapshot> {
        let leg = self.legs.get(&leg.0)?;
        let until = |at: crate::time::Instant| {
            let left = u64::try_from((at - now.instant).as_micros()).unwrap_or(u64::MAX);
            now.unix_micros.saturating_add(left)
        };
        Some(LegSnapshot {
            id: leg.id.0,
            is_client: leg.is_client,
            flow: leg.flow,
            dialog: leg.dialog.clone(),
            stage: self.stage_snapshot(leg),
            agreed: leg.timer.agreed,
            expires_unix_micros: leg.timer.expires_at.map(until),
            local_body: leg.local_body.to_vec(),
            acknowledged: leg
                .acknowledged
                .as_ref()
                .map(|(cseq, body)| (*cseq, body.to_vec())),
        })
    }

    fn stage_snapshot(&self, leg: &Leg) -> StageSnapshot {
        match (&leg.stage, &leg.accepted) {
            (Stage::Offered(offered), _) => StageSnapshot::Offered {
                invite: offered.invite.to_vec(),
                back: self.servers.get(&offered.key.0).map(|server| server.flow),
            },
            (Stage::Calling(calling), _) => StageSnapshot::Calling {
                invite: calling
                    .key
                    .and_then(|key| self.clients.get(&key.0))
                    .map(|client| client.request.to_vec())
                    .unwrap_or_default(),
            },
            (Stage::Established, Some(accepted)) => StageSnapshot::Accepted {
                response: accepted.response.to_vec(),
                back: accepted.flow,
                cseq: accepted.cseq,
            },
            (Stage::Established, None) => StageSnapshot::Confirmed,
        }
    }
}
