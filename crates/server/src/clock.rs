//! The present, as the core takes it.

use std::time::SystemTime;

use hookswitch_sip::time::{Instant, Now};

/// A clock; copies of it agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: std::time::Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self {
            epoch: std::time::Instant::now(),
        }
    }

    /// The present on both axes.
    pub fn now(&self) -> Now {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Now {
            instant: Instant::from_micros(
                u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX),
            ),
            unix_micros: u64::try_from(since.as_micros()).unwrap_or(u64::MAX),
        }
    }
}
