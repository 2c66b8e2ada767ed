//! The two old forms of an HTTP date, which recipients must read as well (RFC 9110, 5.6.7). The weekday is not looked
//! at: it says nothing more.

use jiff::civil;
use jiff::tz::TimeZone;
use weir_config::UnixSeconds;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// `Sunday, 06-Nov-94 08:49:37 GMT` (RFC 850) or `Sun Nov  6 08:49:37 1994` (asctime), in seconds since 1970.
pub(super) fn old(text: &str, now: UnixSeconds) -> Option<i64> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    match words.as_slice() {
        [_weekday, date, time, "GMT"] => {
            let mut parts = date.split('-');
            let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
            two_digits(year).and_then(|year| near(year, day, month, time, now))
        }
        [_weekday, month, day, time, year] => at(year.parse().ok()?, month, day, time),
        _ => None,
    }
}

fn two_digits(year: &str) -> Option<i16> {
    year.parse().ok().filter(|_| year.len() == 2)
}

/// The year with these last digits that is not more than 50 years ahead: of those the last.
fn near(year: i16, day: &str, month: &str, time: &str, now: UnixSeconds) -> Option<i64> {
    let present = jiff::Timestamp::from_second(now.0).ok()?.to_zoned(TimeZone::UTC);
    let horizon = present.checked_add(jiff::Span::new().years(50)).ok()?;
    let last = horizon.year() - (horizon.year() - year).rem_euclid(100);
    let within = |at: &i64| *at <= horizon.timestamp().as_second();
    [last, last - 100].into_iter().find_map(|year| at(year, month, day, time).filter(within))
}

fn at(year: i16, month: &str, day: &str, time: &str) -> Option<i64> {
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
    let mut clock = time.splitn(3, ':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let day = day.parse().ok()?;
    let second = second.min(59); // a leap second
    let at = civil::DateTime::new(year, i8::try_from(month).ok()? + 1, day, hour, minute, second, 0).ok()?;
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str, now: &str) -> Option<String> {
        let now = UnixSeconds(now.parse::<jiff::Timestamp>().unwrap().as_second());
        Some(jiff::Timestamp::from_second(old(text, now)?).unwrap().to_string())
    }

    #[test]
    fn s1_9_a_year_of_two_digits_is_at_most_fifty_years_ahead() {
        for (text, now, expected) in [
            ("Sunday, 06-Nov-94 08:49:37 GMT", "2026-05-28T00:00:00Z", "1994-11-06T08:49:37Z"),
            ("Thursday, 28-May-26 20:27:10 GMT", "2026-05-28T20:26:40Z", "2026-05-28T20:27:10Z"),
            ("Friday, 01-Jan-27 00:00:05 GMT", "2026-12-31T23:59:59Z", "2027-01-01T00:00:05Z"),
            ("Friday, 01-Jan-00 00:00:05 GMT", "2099-12-31T23:59:59Z", "2100-01-01T00:00:05Z"),
            ("Monday, 27-May-76 00:00:00 GMT", "2026-05-28T00:00:00Z", "2076-05-27T00:00:00Z"),
            ("Monday, 29-May-76 00:00:00 GMT", "2026-05-28T00:00:00Z", "1976-05-29T00:00:00Z"),
            ("Sun Nov  6 08:49:37 1994", "2026-05-28T00:00:00Z", "1994-11-06T08:49:37Z"),
            ("Sun Nov 16 08:49:60 1994", "2026-05-28T00:00:00Z", "1994-11-16T08:49:59Z"),
        ] {
            assert_eq!(seconds(text, now).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "soon",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sunday, 31-Feb-94 08:49:37 GMT",
            "Sunday, 06-Nox-94 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49 GMT",
            "Sunday, 06-Nov-94 25:49:37 GMT",
            "Sun Nov 6 08:49:37",
            "a b c d e",
        ] {
            assert_eq!(seconds(text, "2026-05-28T00:00:00Z"), None, "{text}");
        }
    }
}
