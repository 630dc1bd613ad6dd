//! Points in time as the command line takes them: RFC 3339, epoch milliseconds, or relative.

use crate::types::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};

/// Reads a point in time: `2026-11-20T10:00:00Z`, `2026-11-20 10:00` (in the local zone of `now`),
/// `1763632800000` (ms since 1970) or `-1h30m` (before `now`).
pub(crate) fn parse(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(epoch_ms) = text.parse::<u64>() {
        return i64::try_from(epoch_ms)
            .map(Timestamp::new)
            .map_err(|_| format!("{text:?} is too far in the future"));
    }
    if text == "now" {
        return Ok(Timestamp::new(now.timestamp().as_millisecond()));
    }
    if text.starts_with(['-', '+']) {
        let span: Span = text.parse().map_err(|error| {
            format!("{text:?} is not a relative time such as -1h, -30m or -2d12h: {error}")
        })?;
        let then = now
            .checked_add(span)
            .map_err(|error| format!("{text:?} leads out of the calendar: {error}"))?;
        return Ok(Timestamp::new(then.timestamp().as_millisecond()));
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp::new(instant.as_millisecond()));
    }
    let civil: DateTime = text.parse().map_err(|_| {
        format!(
            "{text:?} is no time; give RFC 3339 (2026-11-20T10:00:00Z), milliseconds since 1970 \
             or a relative time (-1h)"
        )
    })?;
    let zone: TimeZone = now.time_zone().clone();
    civil
        .to_zoned(zone)
        .map(|then| Timestamp::new(then.timestamp().as_millisecond()))
        .map_err(|error| format!("{text:?}: {error}"))
}

/// A record's timestamp in RFC 3339 with milliseconds, UTC; empty if it has none.
pub(crate) fn format(timestamp: Timestamp) -> String {
    if timestamp == Timestamp::NONE {
        return String::new();
    }
    match jiff::Timestamp::from_millisecond(timestamp.get()) {
        Ok(instant) => format!("{instant:.3}"),
        Err(_) => format!("{timestamp} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<i64, String> {
        let now: Zoned = "2026-11-20T12:00:00+01:00[Europe/Vienna]"
            .parse()
            .expect("a valid time");
        parse(text, &now).map(Timestamp::get)
    }

    #[test]
    fn all_forms_name_the_same_moment() {
        let moment = 1_795_168_800_000; // 2026-11-20T10:00:00Z
        assert_eq!(parsed("2026-11-20T10:00:00Z"), Ok(moment));
        assert_eq!(parsed("2026-11-20T11:00:00+01:00"), Ok(moment));
        assert_eq!(parsed("2026-11-20 11:00"), Ok(moment));
        assert_eq!(parsed("1795168800000"), Ok(moment));
        assert_eq!(parsed("-1h"), Ok(moment));
        assert_eq!(parsed("-30m"), Ok(moment + 1_800_000));
        assert_eq!(parsed("-1d"), Ok(moment + 3_600_000 - 86_400_000));
        assert_eq!(parsed("now"), Ok(moment + 3_600_000));
    }

    #[test]
    fn errors_name_the_text_and_the_forms() {
        assert!(parsed("yesterday").is_err_and(|e| e.contains("yesterday") && e.contains("-1h")));
        assert!(parsed("-1 parsec").is_err_and(|e| e.contains("-30m")));
        assert!(parsed("-999999999y").is_err());
    }

    #[test]
    fn timestamps_are_told_with_milliseconds() {
        assert_eq!(
            format(Timestamp::new(1_795_168_800_005)),
            "2026-11-20T10:00:00.005Z"
        );
        assert_eq!(format(Timestamp::NONE), "");
    }
}
