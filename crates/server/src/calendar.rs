//! Days of the Gregorian calendar, in UTC: what clocks write and people read. Time zones and leap seconds do not exist here.

/// Days from 1970-01-01 to a date, counted in years that begin in March; `year` is 1970 or later, `month` and `day` begin at 1.
pub(crate) const fn days_since_epoch(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let before_year = 365 * year + year / 4 - year / 100 + year / 400;
    before_year + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// Year, month and day of a Unix time in seconds.
pub(crate) const fn date_of(unix: u64) -> (u64, u64, u64) {
    let days = unix / 86_400 + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let (month, later) = if march_month < 10 {
        (march_month + 3, 0)
    } else {
        (march_month - 9, 1)
    };
    (era * 400 + year + later, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_days_are_each_others_inverse() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (16_677, (2015, 8, 30)),
            (19_782, (2024, 2, 29)),
            (20_453, (2025, 12, 31)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(days_since_epoch(date.0, date.1, date.2), days, "{date:?}");
            assert_eq!(date_of(days * 86_400 + 86_399), date, "{days}");
        }
        for days in 0..60_000 {
            let (year, month, day) = date_of(days * 86_400);
            assert_eq!(days_since_epoch(year, month, day), days);
        }
    }
}
