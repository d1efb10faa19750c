//! How many file descriptors the process may hold.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the limit to the hard one; the answer is what may be held now.
pub fn raise_limit() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return usize::MAX;
    };
    let now = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(error) => {
            tracing::warn!(%error, "the limit of file descriptors cannot be raised");
            soft
        }
    };
    if now < ENOUGH {
        tracing::warn!(
            limit = now,
            "few file descriptors: raise the hard limit (ulimit -Hn, LimitNOFILE=) for more connections"
        );
    }
    usize::try_from(now).unwrap_or(usize::MAX)
}

/// What every connection the limits allow may need.
const ENOUGH: u64 = 40_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let raised = raise_limit();
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!((soft, u64::try_from(raised).unwrap()), (hard, hard));
    }
}
