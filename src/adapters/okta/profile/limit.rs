//! Okta's rate limits: how long an answer tells us to stop asking.

use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode, header::DATE};
use jiff::fmt::rfc2822;

const REMAINING: HeaderName = HeaderName::from_static("x-rate-limit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-rate-limit-reset");

/// The pause after a refusal that names no time, or one that has passed.
const LEAST: Duration = Duration::from_secs(1);

/// Okta's windows have a minute; a longer pause is a mistake of somebody's clock.
const MOST: Duration = Duration::from_mins(2);

/// How long to stop asking after this answer, at `now_ms` milliseconds since 1970; `None` where there is no need.
pub(super) fn pause(status: StatusCode, headers: &HeaderMap, now_ms: u64) -> Option<Duration> {
    let refused = status == StatusCode::TOO_MANY_REQUESTS;
    let used_up = number(headers, &REMAINING) == Some(0);
    if !refused && !used_up {
        return None;
    }
    // Okta's own clock, where it says: ours may be wrong.
    let now = date_ms(headers).unwrap_or(now_ms);
    let reset = number(headers, &RESET).map(|seconds| seconds.saturating_mul(1000));
    let left = Duration::from_millis(reset.map_or(0, |reset| reset.saturating_sub(now)));
    Some(left.clamp(LEAST, MOST))
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn date_ms(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let time = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    u64::try_from(time.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn check(status: u16, headers: &[(&'static str, &str)], expect: Option<u64>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a header's value"));
        }
        let status = StatusCode::from_u16(status).expect("a status");
        let found = pause(status, &map, NOW * 1000);
        assert_eq!(
            found,
            expect.map(Duration::from_secs),
            "{status} {headers:?}"
        );
    }

    #[test]
    fn asking_stops_until_the_reset() {
        let in_30 = "1700000030";
        check(200, &[], None);
        check(
            200,
            &[
                ("x-rate-limit-remaining", "1"),
                ("x-rate-limit-reset", in_30),
            ],
            None,
        );
        check(
            200,
            &[
                ("x-rate-limit-remaining", "0"),
                ("x-rate-limit-reset", in_30),
            ],
            Some(30),
        );
        check(429, &[("x-rate-limit-reset", in_30)], Some(30));
        check(429, &[], Some(1));
        check(429, &[("x-rate-limit-reset", "soon")], Some(1));
        check(429, &[("x-rate-limit-reset", "1600000000")], Some(1));
        check(
            429,
            &[("x-rate-limit-reset", "18446744073709551615")],
            Some(120),
        );
        check(503, &[("x-rate-limit-remaining", "7")], None);
    }

    #[test]
    fn okta_is_believed_about_its_own_time() {
        let date = "Tue, 14 Nov 2023 22:23:20 GMT"; // ten minutes ahead of us
        check(
            429,
            &[("x-rate-limit-reset", "1700000630"), ("date", date)],
            Some(30),
        );
    }
}
