//! How long a receiver asks to be left alone.

use crumb_domain::Timestamp;
use crumb_domain::delivery::MAX_RETRY_AFTER_SECONDS;
use jiff::fmt::rfc2822;

/// Seconds that a `Retry-After` header asks for, as a number of them or as an HTTP date;
/// none where it is neither. Not more than [`MAX_RETRY_AFTER_SECONDS`].
pub(crate) fn seconds(header: &str, now: Timestamp) -> Option<i64> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        // So many digits that no number holds them are very many seconds all the same.
        return Some(header.parse().unwrap_or(i64::MAX).min(MAX_RETRY_AFTER_SECONDS));
    }
    let moment = rfc2822::parse(header).ok()?.timestamp().as_microsecond();
    // The next whole second: not before the moment that was asked for.
    let left = moment.saturating_sub(now.micros()).div_euclid(1_000_000).saturating_add(1);
    Some(left.clamp(0, MAX_RETRY_AFTER_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(header: &str) -> Option<i64> {
        seconds(header, "2026-11-22T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_receiver_asks_in_seconds_or_by_date() {
        assert_eq!(at("120"), Some(120));
        assert_eq!(at(" 0 "), Some(0));
        assert_eq!(at("Sun, 22 Nov 2026 12:02:00 GMT"), Some(121));
        assert_eq!(at("Sun, 22 Nov 2026 11:00:00 GMT"), Some(0), "it is over");
    }

    #[test]
    fn nobody_asks_for_more_than_two_days() {
        assert_eq!(at("99999999999999999999999"), Some(MAX_RETRY_AFTER_SECONDS));
        assert_eq!(at("Tue, 22 Nov 2033 12:02:00 GMT"), Some(MAX_RETRY_AFTER_SECONDS));
    }

    #[test]
    fn anything_else_asks_for_nothing() {
        for header in ["", "soon", "-5", "1.5", "12:00", "Sun, 99 Nov 2026 12:02:00 GMT", "٣"] {
            assert_eq!(at(header), None, "{header}");
        }
    }
}
