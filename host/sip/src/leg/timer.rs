//! Session timers (RFC 4028): whether the other side still knows of the call.

use crate::wire::Message;
use std::time::Duration;

/// The least we take, and the least there may be (RFC 4028 §5).
pub(crate) const MIN_SE_S: u32 = 90;
/// What we ask for ourselves (RFC 4028 §4 recommends it).
const INTERVAL_S: u32 = 1_800;

/// An agreed session interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionTimer {
    pub(crate) interval_s: u32,
    /// Whether we refresh; else the other side does.
    pub(crate) ours: bool,
    /// Whether the other side knows the extension, so that it may be required.
    supported: bool,
}

impl SessionTimer {
    /// What a request (INVITE, re-INVITE, UPDATE) of the other side leads to. `None`: no timer.
    ///
    /// # Errors
    /// The least interval, for a 422.
    pub(crate) fn asked(request: &Message) -> Result<Option<Self>, u32> {
        let supported = supports(request);
        let Some((interval_s, refresher)) = request.get("Session-Expires").and_then(read) else {
            // It asks for none; if it knows the extension we keep watch ourselves (§9).
            return Ok(supported.then_some(Self { interval_s: INTERVAL_S, ours: true, supported }));
        };
        if interval_s < MIN_SE_S {
            // §9: 422 is only for those who can understand it.
            return if supported { Err(MIN_SE_S) } else { Ok(None) };
        }
        // §9, table 2: who doesn't know the extension can't refresh.
        let ours = refresher == Some(Refresher::Uas) || !supported;
        Ok(Some(Self { interval_s, ours, supported }))
    }

    /// Adds our wish to an INVITE or UPDATE of ours.
    pub(crate) fn ask(request: &mut Message, interval_s: u32, min_s: u32) {
        request.push("Session-Expires", interval_s.to_string());
        if min_s > MIN_SE_S {
            request.push("Min-SE", min_s.to_string());
        }
    }

    /// The interval that our first INVITE asks for.
    pub(crate) fn wished_s(min_s: u32) -> u32 {
        INTERVAL_S.max(min_s)
    }

    /// What a 2xx to our request agreed on.
    pub(crate) fn granted(answer: &Message) -> Option<Self> {
        let (interval_s, refresher) = answer.get("Session-Expires").and_then(read)?;
        // §7.2: a refresher must be named; if not, it is safe to refresh ourselves.
        let ours = refresher != Some(Refresher::Uas);
        // What is too brief to be true is not followed below the least there may be.
        Some(Self { interval_s: interval_s.max(MIN_SE_S), ours, supported: true })
    }

    /// Adds the agreement to a 2xx of ours.
    pub(crate) fn tell(&self, reply: &mut Message) {
        let refresher = if self.ours { "uas" } else { "uac" };
        reply.push("Session-Expires", format!("{};refresher={refresher}", self.interval_s));
        if !self.ours && self.supported {
            reply.push("Require", "timer");
        }
    }

    /// When to act, from the last refresh on: refresh at half the interval, or give up shortly before its end (§10).
    pub(crate) fn due(&self, second: Duration) -> Duration {
        let s = if self.ours { self.interval_s / 2 } else { self.interval_s - (self.interval_s / 3).min(32) };
        second.saturating_mul(s)
    }

    /// When the session is over if no refresh succeeded.
    pub(crate) fn end(&self, second: Duration) -> Duration {
        second.saturating_mul(self.interval_s)
    }
}

/// The Min-SE of a 422, within reason.
pub(crate) fn min_se(answer: &Message) -> Option<u32> {
    let (least, _) = answer.get("Min-SE").and_then(read)?;
    (MIN_SE_S..=86_400).contains(&least).then_some(least)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Refresher {
    Uac,
    Uas,
}

fn read(value: &str) -> Option<(u32, Option<Refresher>)> {
    let mut parts = value.split(';').map(str::trim);
    let seconds = parts.next().filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))?;
    let refresher = parts.find_map(|part| match part.split_once('=') {
        Some((name, who)) if name.trim().eq_ignore_ascii_case("refresher") => Some(who.trim()),
        Some(_) | None => None,
    });
    let refresher = match refresher {
        Some(who) if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
        Some(who) if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
        Some(_) | None => None,
    };
    Some((seconds.parse().unwrap_or(u32::MAX), refresher))
}

fn supports(message: &Message) -> bool {
    message.tokens("Supported").any(|tag| tag.eq_ignore_ascii_case("timer"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[test]
    fn what_is_asked_decides_who_refreshes() {
        type Asked = Result<Option<(u32, bool)>, u32>;
        let table: &[(Option<&str>, bool, Asked)] = &[
            (None, false, Ok(None)),
            (None, true, Ok(Some((1_800, true)))),
            (Some("1800"), true, Ok(Some((1_800, false)))),
            (Some("1800"), false, Ok(Some((1_800, true)))),
            (Some("300;refresher=uas"), true, Ok(Some((300, true)))),
            (Some("300 ; Refresher = UAC"), true, Ok(Some((300, false)))),
            (Some("89"), true, Err(90)),
            (Some("89"), false, Ok(None)),
            (Some("nonsense"), false, Ok(None)),
            (Some("99999999999"), true, Ok(Some((u32::MAX, false)))),
        ];
        for (expires, supported, expected) in table {
            let mut request = wire::request("INVITE", "sip:a@b");
            if let Some(expires) = expires {
                request.push("Session-Expires", *expires);
            }
            if *supported {
                request.push("Supported", "100rel, Timer");
            }
            let asked = SessionTimer::asked(&request).map(|timer| timer.map(|timer| (timer.interval_s, timer.ours)));
            assert_eq!(asked, *expected, "{expires:?} {supported}");
        }
    }

    #[test]
    fn an_answer_is_followed_but_never_below_the_least() {
        let granted = |value: &str| {
            let mut answer = wire::request("INVITE", "sip:a@b");
            answer.push("Session-Expires", value);
            SessionTimer::granted(&answer).map(|timer| (timer.interval_s, timer.ours))
        };
        assert_eq!(granted("600;refresher=uac"), Some((600, true)));
        assert_eq!(granted("600;refresher=uas"), Some((600, false)));
        assert_eq!(granted("600"), Some((600, true)));
        assert_eq!(granted("1;refresher=uac"), Some((90, true)));
        assert_eq!(granted(""), None);
    }

    #[test]
    fn the_watch_ends_before_the_session() {
        let second = Duration::from_secs(1);
        let theirs = SessionTimer { interval_s: 90, ours: false, supported: true };
        assert_eq!(theirs.due(second), Duration::from_secs(60));
        let theirs = SessionTimer { interval_s: 1_800, ..theirs };
        assert_eq!(theirs.due(second), Duration::from_secs(1_768));
        let ours = SessionTimer { ours: true, ..theirs };
        assert_eq!(ours.due(second), Duration::from_secs(900));
    }
}
