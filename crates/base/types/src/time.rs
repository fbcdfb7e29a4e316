use std::fmt;
use std::str::FromStr;

use jiff::civil;
use serde::{Deserialize, Serialize};

use crate::TypeError;

const DAY_MS: i64 = 86_400_000;

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
        match jiff::Timestamp::from_millisecond(clamped.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
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
    use super::*;

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
