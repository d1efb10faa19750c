//! Session timers (RFC 4028): how long a silent session is believed in, and who proves it alive.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::message::{HeaderName, Message, Refresher};
use crate::time::Instant;

/// What two sides agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Agreement {
    /// The session interval in seconds.
    pub(crate) seconds: u32,
    /// Whether refreshing is our job.
    pub(crate) we_refresh: bool,
    /// Whether the peer knows session timers at all.
    pub(crate) peer_knows: bool,
}

/// A running timer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SessionTimer {
    pub(crate) agreed: Option<Agreement>,
    /// The largest Min-SE heard in the dialog, in seconds.
    pub(crate) floor: u32,
    pub(crate) refresh_at: Option<Instant>,
    pub(crate) expires_at: Option<Instant>,
}

impl SessionTimer {
    /// Starts anew, at the agreement and at each refresh.
    pub(crate) fn start(&mut self, now: Instant, agreed: Agreement) {
        self.agreed = Some(agreed);
        self.restart(now);
    }

    /// Remembers the largest Min-SE of the dialog: our refreshes repeat it (RFC 4028 §7.4).
    pub(crate) fn hear(&mut self, message: &Message<'_>) {
        self.floor = self.floor.max(message.min_se().unwrap_or(0));
    }

    /// The session was refreshed now.
    pub(crate) fn restart(&mut self, now: Instant) {
        let Some(agreed) = self.agreed else { return };
        let interval = Duration::from_secs(u64::from(agreed.seconds));
        self.refresh_at = agreed.we_refresh.then(|| now + interval / 2);
        // §10: BYE a little before the end, a third of the interval or 32 s.
        let margin = Duration::from_secs(32).min(interval / 3);
        self.expires_at = Some(now + interval.saturating_sub(margin));
    }

    /// When something has to be done next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.refresh_at.into_iter().chain(self.expires_at).min()
    }
}

/// Our own wishes, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) interval: u32,
    pub(crate) minimum: u32,
}

fn knows_timer(message: &Message<'_>) -> bool {
    let listed = |name| {
        message
            .tokens(name)
            .any(|token| token.eq_ignore_ascii_case("timer"))
    };
    listed(HeaderName::Supported) || listed(HeaderName::Require)
}

/// A request that asks for less than we allow.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooSmall;

/// The server's side: what our 2xx says (RFC 4028 §9).
pub(crate) fn agree_as_server(
    request: &Message<'_>,
    policy: Policy,
) -> Result<Agreement, TooSmall> {
    let peer_knows = knows_timer(request);
    let Some(Ok(wish)) = request.session_expires() else {
        let floor = request.min_se().unwrap_or(0).max(policy.minimum);
        return Ok(Agreement {
            seconds: policy.interval.max(floor),
            we_refresh: !peer_knows,
            peer_knows,
        });
    };
    if wish.seconds < policy.minimum {
        if peer_knows {
            return Err(TooSmall);
        }
        // A proxy asked for it and the caller would not understand 422: raise it ourselves.
        return Ok(Agreement {
            seconds: policy.minimum,
            we_refresh: true,
            peer_knows,
        });
    }
    let floor = request.min_se().unwrap_or(0).max(policy.minimum);
    let seconds = wish.seconds.min(policy.interval).max(floor);
    let we_refresh = match wish.refresher {
        Some(refresher) => refresher == Refresher::Uas || !peer_knows,
        None => !peer_knows,
    };
    Ok(Agreement {
        seconds,
        we_refresh,
        peer_knows,
    })
}

/// The client's side: what the peer's 2xx says (RFC 4028 §7.2). `asked` is the interval we proposed.
pub(crate) fn agree_as_client(answer: &Message<'_>, asked: u32) -> Agreement {
    match answer.session_expires() {
        Some(Ok(agreed)) => Agreement {
            seconds: agreed.seconds.max(1),
            we_refresh: agreed.refresher != Some(Refresher::Uas),
            peer_knows: true,
        },
        // The peer does not know them: we prove the session alive ourselves.
        _ => Agreement {
            seconds: asked,
            we_refresh: true,
            peer_knows: false,
        },
    }
}

/// The Session-Expires value of a 2xx we send.
pub(crate) fn server_value(agreed: Agreement) -> String {
    format!(
        "{};refresher={}",
        agreed.seconds,
        if agreed.we_refresh { "uas" } else { "uac" }
    )
}

/// The Session-Expires value of a refresh we send as the client of that transaction.
pub(crate) fn client_value(agreed: Agreement) -> String {
    format!(
        "{};refresher={}",
        agreed.seconds,
        if agreed.we_refresh { "uac" } else { "uas" }
    )
}
