//! Numbers as people read them.

use std::time::Duration;

/// `1234567` as `1 234 567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A number of bytes with a decimal unit, three significant digits.
pub(crate) fn bytes(number: u64) -> String {
    scaled(number as f64, &["B", "kB", "MB", "GB", "TB", "PB"])
}

/// A rate in bytes per second.
pub(crate) fn bytes_rate(number: u64, time: Duration) -> String {
    format!("{}/s", bytes(per_second(number, time) as u64))
}

/// How many a second; a time of zero counts as a microsecond.
pub(crate) fn per_second(number: u64, time: Duration) -> f64 {
    number as f64 / time.as_secs_f64().max(1e-6)
}

/// A duration with a fitting unit, three significant digits.
pub(crate) fn duration(time: Duration) -> String {
    let micros = time.as_micros() as f64;
    if micros < 1_000_000.0 {
        return scaled(micros, &["µs", "ms"]);
    }
    let seconds = time.as_secs_f64();
    if seconds < 60.0 {
        return format!("{} s", three_digits(seconds));
    }
    let whole = time.as_secs();
    format!("{} min {:02} s", whole / 60, whole % 60)
}

fn scaled(mut value: f64, units: &[&str]) -> String {
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let unit_name = units.get(unit).copied().unwrap_or_default();
    if unit == 0 {
        return format!("{value:.0} {unit_name}");
    }
    format!("{} {unit_name}", three_digits(value))
}

fn three_digits(value: f64) -> String {
    match value {
        v if v < 9.995 => format!("{v:.2}"),
        v if v < 99.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_scaled() {
        assert_eq!(count(0), "0");
        assert_eq!(count(123), "123");
        assert_eq!(count(1_234_567), "1 234 567");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_250_000), "1.25 MB");
        assert_eq!(bytes(999_999), "1.00 MB");
        assert_eq!(bytes_rate(500, Duration::from_millis(500)), "1.00 kB/s");
    }

    #[test]
    fn durations_have_a_fitting_unit() {
        assert_eq!(duration(Duration::from_micros(12)), "12 µs");
        assert_eq!(duration(Duration::from_micros(1500)), "1.50 ms");
        assert_eq!(duration(Duration::from_millis(2340)), "2.34 s");
        assert_eq!(duration(Duration::from_secs(61)), "1 min 01 s");
    }
}
