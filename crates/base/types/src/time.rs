use std::fmt;
use std::str::FromStr;

use jiff::civil;
use serde::{Deserialize, Serialize};

use crate::TypeError;

const DAY_MS: i64 = 86_400_000;
/// The last second that jiff can print: a day and some hours before the end of year 9999, so that every
/// time zone has a place. The short ways below say nothing of what lies behind it.
const LAST_PRINTED: Timestamp = Timestamp(253_402_207_200_000);

/// Milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The first and the last instant that have a four-digit year.
    pub const RANGE: (Timestamp, Timestamp) = (Timestamp(-62_135_596_800_000), Timestamp(253_402_300_799_999));

    /// Midnight UTC at the start of a civil date.
    pub fn from_date(date: civil::Date) -> Timestamp {
        let days = date.since(civil::date(1970, 1, 1)).map(|span| i64::from(span.get_days())).unwrap_or(0);
        Timestamp(days * DAY_MS)
    }

    /// Reads `YYYY-MM-DD` (midnight UTC) or an RFC 3339 date and time.
    pub fn parse(text: &str) -> Result<Timestamp, TypeError> {
        if let Some(time) = usual(text.as_bytes()) {
            return Ok(time);
        }
        Timestamp::parse_any(text)
    }

    fn parse_any(text: &str) -> Result<Timestamp, TypeError> {
        let wrong = || TypeError::Time {
            text: text.chars().take(64).collect(),
            expected: "a date (YYYY-MM-DD) or an RFC 3339 date and time",
        };
        let time = if text.len() == 10 {
            Timestamp::from_date(text.parse::<civil::Date>().map_err(|_| wrong())?)
        } else {
            Timestamp(text.parse::<jiff::Timestamp>().map_err(|_| wrong())?.as_millisecond())
        };
        if time < Timestamp::RANGE.0 || time > Timestamp::RANGE.1 {
            return Err(wrong());
        }
        Ok(time)
    }

    /// Whether this instant has a form in RFC 3339 that is read back as it.
    pub fn is_printable(self) -> bool {
        Timestamp::RANGE.0 <= self && self <= LAST_PRINTED
    }

    /// The UTC date of this instant (clamped to four-digit years).
    pub fn date(self) -> civil::Date {
        let clamped = self.clamp(Timestamp::RANGE.0, Timestamp::RANGE.1);
        jiff::Timestamp::from_millisecond(clamped.0)
            .map(|time| time.to_zoned(jiff::tz::TimeZone::UTC).date())
            .unwrap_or(civil::Date::ZERO)
    }

    /// Whole days since 1970-01-01, rounded down.
    pub fn day(self) -> i64 {
        self.0.div_euclid(DAY_MS)
    }

    /// Whole seconds since 1970-01-01, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with milliseconds only where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clamped = (*self).clamp(Timestamp::RANGE.0, Timestamp::RANGE.1);
        let (text, len) = printed(clamped);
        if clamped <= LAST_PRINTED
            && let Ok(text) = std::str::from_utf8(&text[..len])
        {
            return f.write_str(text);
        }
        match jiff::Timestamp::from_millisecond(clamped.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

/// The instant of the usual spellings, `2026-01-31`, `2026-01-31T23:59:59Z` and `2026-01-31T23:59:59.123Z`;
/// none of any other.
/// Every event has a time: the general way costs more than all the rest of reading it.
fn usual(text: &[u8]) -> Option<Timestamp> {
    let (&[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2], clock) = text.split_first_chunk::<10>()? else { return None };
    let (year, month, day) = (number([y1, y2, y3, y4])?, number([m1, m2])?, number([d1, d2])?);
    let millis = match *clock {
        [] => 0,
        [b'T', h1, h2, b':', m1, m2, b':', s1, s2, ref fraction @ .., b'Z'] => {
            let (hour, minute, second) = (number([h1, h2])?, number([m1, m2])?, number([s1, s2])?);
            let millis = match *fraction {
                [] => 0,
                [b'.', a] => number([a, b'0', b'0'])?,
                [b'.', a, b] => number([a, b, b'0'])?,
                [b'.', a, b, c] => number([a, b, c])?,
                _ => return None,
            };
            if hour > 23 || minute > 59 || second > 59 {
                return None;
            }
            ((hour * 60 + minute) * 60 + second) * 1000 + millis
        }
        _ => return None,
    };
    let days = match month {
        2 => 28 + i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year == 0 || day == 0 || day > days {
        return None;
    }
    // Howard Hinnant, "chrono-compatible low-level date algorithms": years begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_era = year % 400 * 365 + year % 400 / 4 - year % 400 / 100 + (153 * month + 2) / 5 + day - 1;
    let days = year / 400 * 146_097 + of_era - 719_468;
    Some(Timestamp(days * DAY_MS + millis)).filter(|time| *time <= LAST_PRINTED)
}

fn number<const COUNT: usize>(digits: [u8; COUNT]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

/// An instant of a four-digit year as `2026-01-31T23:59:59.123Z`, without what is zero at the end of its
/// fraction, and how long that is.
fn printed(time: Timestamp) -> ([u8; 24], usize) {
    // The inverse of what `usual` computes; from March of year 0 on, no number is negative.
    let days = (time.day() + 719_468) as u64;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year + u64::from(month > 9);
    let month = if month > 9 { month - 9 } else { month + 3 };
    let second = time.seconds().rem_euclid(86_400) as u64;
    let millis = time.0.rem_euclid(1000) as u64;
    let mut text = *b"0000-00-00T00:00:00.000Z";
    for (place, value) in [
        (0, year / 100),
        (2, year % 100),
        (5, month),
        (8, day),
        (11, second / 3600),
        (14, second / 60 % 60),
        (17, second % 60),
    ] {
        text[place] += (value / 10) as u8;
        text[place + 1] += (value % 10) as u8;
    }
    for (place, value) in [(20, millis / 100), (21, millis / 10 % 10), (22, millis % 10)] {
        text[place] += value as u8;
    }
    let end = match millis {
        0 => 19,
        _ if millis.is_multiple_of(100) => 21,
        _ if millis.is_multiple_of(10) => 22,
        _ => 23,
    };
    text[end] = b'Z';
    (text, end + 1)
}

/// How often epochs close: a calendar month or year, or a fixed length from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// Calendar months in UTC.
    Month,
    /// Calendar years in UTC.
    Year,
    /// A fixed number of milliseconds, aligned to 1970-01-01T00:00:00Z.
    Fixed(i64),
}

impl Period {
    /// The number of the period that contains `time`; period 0 contains 1970-01-01.
    pub fn index(self, time: Timestamp) -> i64 {
        match self {
            Period::Fixed(length) => time.0.div_euclid(length),
            Period::Month => {
                let date = time.date();
                (i64::from(date.year()) - 1970) * 12 + i64::from(date.month()) - 1
            }
            Period::Year => i64::from(time.date().year()) - 1970,
        }
    }

    /// The first instant of period `index` (clamped to four-digit years).
    pub fn start(self, index: i64) -> Timestamp {
        let (year, month) = match self {
            Period::Fixed(length) => return Timestamp(index.saturating_mul(length)),
            Period::Month => (1970 + index.div_euclid(12), index.rem_euclid(12) + 1),
            Period::Year => (1970 + index, 1),
        };
        let year = year.clamp(1, 9999) as i16;
        Timestamp::from_date(civil::date(year, month as i8, 1))
    }
}

impl FromStr for Period {
    type Err = TypeError;

    /// `month`, `year`, or a number with `s`, `m`, `h` or `d`.
    fn from_str(text: &str) -> Result<Period, TypeError> {
        match text {
            "month" => return Ok(Period::Month),
            "year" => return Ok(Period::Year),
            _ => {}
        }
        let wrong = || TypeError::Time {
            text: text.chars().take(64).collect(),
            expected: "`month`, `year`, or a whole number with `s`, `m`, `h` or `d` (such as `7d`)",
        };
        let unit = match text.chars().last() {
            Some('s') => 1000,
            Some('m') => 60_000,
            Some('h') => 3_600_000,
            Some('d') => DAY_MS,
            _ => return Err(wrong()),
        };
        let count: i64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
        match count.checked_mul(unit) {
            Some(length) if count > 0 && length <= 200 * 366 * DAY_MS => Ok(Period::Fixed(length)),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Period::Month => write!(f, "month"),
            Period::Year => write!(f, "year"),
            Period::Fixed(length) if length % DAY_MS == 0 => write!(f, "{}d", length / DAY_MS),
            Period::Fixed(length) if length % 3_600_000 == 0 => write!(f, "{}h", length / 3_600_000),
            Period::Fixed(length) if length % 60_000 == 0 => write!(f, "{}m", length / 60_000),
            Period::Fixed(length) => write!(f, "{}s", length / 1000),
        }
    }
}

impl Serialize for Period {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Period, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Period {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^(month|year|[1-9][0-9]*[smhd])$",
            "description": "A calendar `month` or `year`, or a whole number with `s`, `m`, `h` or `d`."
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the general way prints.
    fn printed_by_jiff(time: Timestamp) -> String {
        jiff::Timestamp::from_millisecond(time.0).map_or_else(|_| time.0.to_string(), |time| time.to_string())
    }

    /// Every day of four-digit years, and what is beside them.
    #[test]
    fn the_short_ways_know_every_day() {
        for day in Timestamp::RANGE.0.day()..=LAST_PRINTED.day() {
            let time = Timestamp(day * DAY_MS);
            let text = time.to_string();
            assert_eq!(text, printed_by_jiff(time));
            assert_eq!(usual(text.as_bytes()), Some(time));
            assert_eq!(usual(&text.as_bytes()[..10]), Some(time));
        }
        for text in ["0000-12-31", "2023-02-29", "2023-04-31", "2023-00-10", "2023-13-10", "2023-01-00", "2023-01-32"] {
            assert_eq!(usual(text.as_bytes()), None, "{text}");
            assert!(Timestamp::parse_any(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_short_ways_end_where_jiff_does() {
        for (text, printed) in [
            ("9999-12-30", "9999-12-30T00:00:00Z"),
            ("9999-12-30T22:00:00Z", "9999-12-30T22:00:00Z"),
            ("9999-12-31", "253402214400000"),
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), printed);
        }
        assert!(Timestamp::parse("9999-12-30T22:00:01Z").is_err());
    }

    proptest! {
        #[test]
        fn the_short_ways_agree_with_the_general_ones(
            millisecond in Timestamp::RANGE.0.0..=Timestamp::RANGE.1.0,
            step in prop_oneof![Just(1), Just(10), Just(100), Just(1000)],
            place in 0usize..24,
            byte in prop_oneof![b'0'..=b'9', b' '..=b'~'],
        ) {
            let time = Timestamp(millisecond.div_euclid(step) * step);
            let text = time.to_string();
            prop_assert_eq!(&text, &printed_by_jiff(time));
            if time <= LAST_PRINTED {
                prop_assert_eq!(Timestamp::parse(&text).unwrap(), time);
            }
            let mut other = text.into_bytes();
            if let Some(at) = other.get_mut(place) {
                *at = byte;
            }
            let other = String::from_utf8(other).unwrap();
            let general = Timestamp::parse_any(&other).map_err(|error| error.to_string());
            prop_assert_eq!(Timestamp::parse(&other).map_err(|error| error.to_string()), general.clone());
            if let Some(found) = usual(other.as_bytes()) {
                prop_assert_eq!(Ok(found), general);
            }
        }
    }

    #[test]
    fn months_before_and_after_1970() {
        for (text, index) in [("1969-12-31", -1), ("1970-01-01", 0), ("1872-11-30", -1166), ("1990-02-28", 241)] {
            let time = Timestamp::parse(text).unwrap();
            assert_eq!(Period::Month.index(time), index, "{text}");
            assert!(Period::Month.start(index) <= time && time < Period::Month.start(index + 1), "{text}");
        }
        assert_eq!(Period::Month.start(241).to_string(), "1990-02-01T00:00:00Z");
    }

    #[test]
    fn periods_print_as_they_are_read() {
        for text in ["month", "year", "7d", "36h", "90m", "45s"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        for text in ["", "d", "0d", "-1d", "1w", "9999999999d", "é"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn dates_out_of_range_are_refused() {
        for text in ["2023-02-30", "23-01-01", "not a date", "-000001-01-01T00:00:00Z", "+010000-01-01T00:00:00Z"] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }
}
