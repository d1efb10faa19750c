//! Times as clients write them.

/// Times below this are seconds since 1970, the others milliseconds: it is the year 5138 in the one and 1973 in the other.
const FIRST_IN_MILLIS: u64 = 100_000_000_000;

/// The first microsecond since 1970 of a time in seconds or milliseconds.
pub(crate) fn first_micro(time: u64) -> u64 {
    time.saturating_mul(scale(time))
}

/// The first microsecond behind the second or millisecond that is named.
pub(crate) fn behind(time: u64) -> u64 {
    time.saturating_add(1).saturating_mul(scale(time))
}

const fn scale(time: u64) -> u64 {
    if time < FIRST_IN_MILLIS {
        1_000_000
    } else {
        1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_in_seconds_and_in_milliseconds() {
        assert_eq!(first_micro(1_763_731_200), 1_763_731_200_000_000);
        assert_eq!(behind(1_763_731_200), 1_763_731_201_000_000);
        assert_eq!(first_micro(1_763_731_200_005), 1_763_731_200_005_000);
        assert_eq!(behind(1_763_731_200_005), 1_763_731_200_006_000);
        assert_eq!(
            (first_micro(u64::MAX), behind(u64::MAX)),
            (u64::MAX, u64::MAX)
        );
    }
}
