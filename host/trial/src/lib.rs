//! A whole centre on loopback: the real program, the fake bank, phones, and a client of the admin API. The demo, the
//! end-to-end tests and the benchmarks share it.
//!
//! The host and the bank are child processes on free ports of 127.0.0.1 and end with their owner; phones run in the
//! process that needs them. [`Wire`] is a caller that knows nothing of our own signalling and media rooms and keeps
//! every packet, so that both can be judged by it.

mod api;
mod artefacts;
mod centre;
mod process;
mod registry;
mod sound;
mod stream;
mod terminal;
pub mod tour;
mod wire;

pub use api::{Api, Problem};
pub use centre::{Centre, RECEPTION, SUPPORT, tried};
pub use process::{Bank, Host, HostOptions, binary, plugin};
pub use registry::Registry;
pub use sound::{recorded, sound_ms, tone_ms, window};
pub use stream::{Stream, Told};
pub use terminal::Terminal;
pub use wire::{Message, Packet, Rtp, Wire, WireCall, continuous};

use anyhow::{Context as _, Result, anyhow};

/// One case of a test: its name, and what it does.
pub type Case = (&'static str, fn(&Centre) -> Result<()>);

/// Runs cases at the same time, each on a thread of its own: calls mostly wait.
///
/// # Errors
/// All that went wrong, by case, with the end of the host's log.
pub fn together(centre: &Centre, cases: &[Case]) -> Result<()> {
    let failures: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = cases.iter().map(|(name, case)| (name, scope.spawn(move || case(centre)))).collect();
        let ended = running.into_iter().map(|(name, thread)| {
            let done =
                thread.join().unwrap_or_else(|_| Err(anyhow!("it panicked"))).with_context(|| (*name).to_owned());
            done.err().map(|error| format!("{error:#}"))
        });
        ended.flatten().collect()
    });
    match failures.is_empty() {
        true => Ok(()),
        false => Err(anyhow!("{}\nthe host's log:\n{}", failures.join("\n"), centre.host.log_tail())),
    }
}

/// Milliseconds since the epoch of a UTC time as the API writes it: `2026-11-25T03:36:20.123Z` (RFC 3339).
///
/// # Errors
/// It is of another form.
pub fn millis(time: &str) -> Result<u64> {
    let wrong = || anyhow!("`{time}` is no time");
    let number =
        |from: usize, to: usize| time.get(from..to).and_then(|part| part.parse::<u64>().ok()).ok_or_else(wrong);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = (number(11, 13)? * 60 + number(14, 16)?) * 60 + number(17, 19)?;
    let fraction = time.get(19..).and_then(|rest| rest.strip_prefix('.')?.strip_suffix('Z')).unwrap_or("0");
    let ms = format!("{fraction:0<3}").get(..3).and_then(|part| part.parse::<u64>().ok()).ok_or_else(wrong)?;
    // Days since the epoch, years beginning in March (Hinnant).
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
    Ok((days * 86_400 + seconds) * 1_000 + ms)
}

#[cfg(test)]
mod tests {
    use super::millis;

    #[test]
    fn times_are_read() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59.5Z", 951_868_799_500),
            ("2026-11-25T03:36:20.123Z", 1_795_577_780_123),
            ("2026-11-25T03:36:20.123456Z", 1_795_577_780_123),
        ] {
            assert_eq!(millis(text).unwrap(), expected, "{text}");
        }
        assert!(millis("yesterday").is_err());
    }
}
