//! Lines in the log about what callers and applications do wrong again and again: each thing has one once in a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One line in the log about one thing in so long.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);
/// Things whose complaints are told apart.
const COMPLAINTS_KEPT: usize = 1_024;

/// When each thing was last complained about, and how often it was not.
#[derive(Debug, Default)]
pub(crate) struct Complaints(Mutex<HashMap<Arc<str>, (Instant, u64)>>);

impl Complaints {
    /// Whether to write a line now; tells how many were left out since the last one.
    pub(crate) fn due(&self, about: &Arc<str>) -> Option<u64> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= COMPLAINTS_KEPT && !kept.contains_key(about) {
            kept.clear();
        }
        let now = Instant::now();
        match kept.get_mut(about) {
            Some((last, left_out)) if now - *last < COMPLAIN_EVERY => {
                *left_out += 1;
                None
            }
            Some((last, left_out)) => {
                *last = now;
                Some(std::mem::take(left_out))
            }
            None => {
                kept.insert(Arc::clone(about), (now, 0));
                Some(0)
            }
        }
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
