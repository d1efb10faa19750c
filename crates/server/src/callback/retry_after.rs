//! The `Retry-After` header (RFC 9110 §10.2.3): seconds, or an HTTP date.

use std::time::Duration;

use crate::calendar::days_since_epoch;

/// Reads a `Retry-After` value at a Unix time in seconds; nothing when it is malformed or past.
pub(super) fn parse(value: &str, unix: u64) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(
            value.parse().unwrap_or(u64::from(u32::MAX)),
        ));
    }
    let at = http_date(value, unix)?;
    at.checked_sub(unix)
        .filter(|left| *left > 0)
        .map(Duration::from_secs)
}

/// A date in any of the three forms a recipient accepts (RFC 9110 §5.6.7), as Unix seconds: IMF-fixdate
/// `Sun, 06 Nov 1994 08:49:37 GMT`, RFC 850 `Sunday, 06-Nov-94 08:49:37 GMT`, asctime `Sun Nov  6 08:49:37 1994`.
fn http_date(text: &str, now: u64) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let words: Vec<&str> = text
        .split([' ', '-'])
        .filter(|word| !word.is_empty())
        .collect();
    let (day, name, year, clock) = match *words.as_slice() {
        [weekday, day, name, year, clock, "GMT"] if weekday.ends_with(',') => {
            (day, name, year, clock)
        }
        [_, name, day, clock, year] => (day, name, year, clock),
        _ => return None,
    };
    let month = MONTHS.iter().position(|month| *month == name)? as u64 + 1;
    let day: u64 = day.parse().ok()?;
    let year = match (year.len(), year.parse::<u64>().ok()?) {
        (2, short) => of_this_time(short, now),
        (_, year) => year,
    };
    let mut clock = clock.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let valid = (1970..=9999).contains(&year)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    valid.then(|| days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// The year of two digits that is nearest, at most 50 years ahead.
fn of_this_time(short: u64, now: u64) -> u64 {
    let year = 1970 + now / 31_556_952;
    let near = year - year % 100 + short;
    if near > year + 50 { near - 100 } else { near }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_taken_as_they_are() {
        assert_eq!(parse("120", 0), Some(Duration::from_secs(120)));
        assert_eq!(parse(" 0 ", 0), Some(Duration::ZERO));
    }

    #[test]
    fn a_date_counts_from_now() {
        assert_eq!(
            http_date("Sun, 06 Nov 1994 08:49:37 GMT", 0),
            Some(784_111_777)
        );
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT", 0), Some(0));
        assert_eq!(
            http_date("Thu, 29 Feb 2024 12:00:00 GMT", 0),
            Some(1_709_208_000)
        );
        assert_eq!(
            parse("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_747),
            Some(Duration::from_secs(30))
        );
    }

    #[test]
    fn the_two_old_forms_of_a_date_are_understood() {
        for date in ["Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(
                parse(date, 784_111_747),
                Some(Duration::from_secs(30)),
                "{date}"
            );
        }
        let in_2026 = 1_795_267_333;
        assert_eq!(
            http_date("Saturday, 21-Nov-26 13:22:13 GMT", in_2026),
            Some(in_2026)
        );
    }

    #[test]
    fn nonsense_and_the_past_are_no_wish() {
        for value in [
            "",
            "-5",
            "soon",
            "1.5",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Foo 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse(value, 0), None, "{value}");
        }
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_800), None);
    }
}
