//! Durations as the reference writes them: Go's `time.ParseDuration`.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDuration {
    /// Not a number and a unit.
    #[error("is not a duration; write a number and a unit, for example 24h, 90s or 1h30m")]
    Form,
    /// Beyond centuries.
    #[error("is longer than can be counted")]
    TooLong,
}

/// Reads one or more numbers with units (`h`, `m`, `s`, `ms`, `us`, `µs`, `ns`), fractions allowed; never negative.
///
/// Source: <https://pkg.go.dev/time#ParseDuration>.
///
/// # Errors
/// What is wrong with the text, as a phrase that continues it.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut nanos: u128 = 0;
    while {
        let (part, next) = next_part(rest)?;
        nanos = nanos.checked_add(part).ok_or(InvalidDuration::TooLong)?;
        rest = next;
        !rest.is_empty()
    } {}
    // Go's Duration is an i64 of nanoseconds, about 292 years.
    let nanos = u64::try_from(nanos).ok().filter(|nanos| i64::try_from(*nanos).is_ok());
    nanos.map(Duration::from_nanos).ok_or(InvalidDuration::TooLong)
}

/// Nanoseconds of the first number and unit, and what follows.
fn next_part(text: &str) -> Result<(u128, &str), InvalidDuration> {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = text.split_at(digits(text));
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(InvalidDuration::Form);
    }
    let (unit, rest) = rest.split_at(rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len()));
    let unit: u128 = match unit {
        "ns" => 1,
        // Both code points that look like a micro sign.
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(InvalidDuration::Form),
    };
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| InvalidDuration::TooLong)? };
    // Nine digits are a nanosecond of a second; more of an hour are below it, too.
    let fraction = fraction.get(..fraction.len().min(15)).unwrap_or_default();
    let scale = 10_u128.pow(u32::try_from(fraction.len()).unwrap_or_default());
    let fraction: u128 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| InvalidDuration::Form)? };
    Ok((u128::from(whole) * unit + fraction * unit / scale, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, want) in [
            ("24h", Ok(Duration::from_hours(24))),
            ("1h30m", Ok(Duration::from_mins(90))),
            ("1.5h", Ok(Duration::from_mins(90))),
            (".5s", Ok(Duration::from_millis(500))),
            ("+2s", Ok(Duration::from_secs(2))),
            ("100ms", Ok(Duration::from_millis(100))),
            ("7us", Ok(Duration::from_micros(7))),
            ("7µs", Ok(Duration::from_micros(7))),
            ("1ns", Ok(Duration::from_nanos(1))),
            ("0", Ok(Duration::ZERO)),
            ("0.0000000000000000001h", Ok(Duration::ZERO)),
            ("24", Err(InvalidDuration::Form)),
            ("", Err(InvalidDuration::Form)),
            ("h", Err(InvalidDuration::Form)),
            (".s", Err(InvalidDuration::Form)),
            ("-1s", Err(InvalidDuration::Form)),
            ("1d", Err(InvalidDuration::Form)),
            ("1 h", Err(InvalidDuration::Form)),
            ("1h ", Err(InvalidDuration::Form)),
            ("99999999h", Err(InvalidDuration::TooLong)),
            ("99999999999999999999s", Err(InvalidDuration::TooLong)),
        ] {
            assert_eq!(parse_duration(text), want, "{text:?}");
        }
    }
}
