//! Sessions that talk to each other over the loopback.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use cordboard_media::{Clip, MediaConfig, MediaEvent, MediaHandle, MediaPlane, PlaySource, SessionId, SessionStats};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Generous, since machines are slow at times; nothing waits for it in vain.
pub const LIMIT: Duration = Duration::from_secs(15);

pub struct Plane {
    pub media: MediaHandle,
    pub events: mpsc::Receiver<MediaEvent>,
}

pub fn plane(config: MediaConfig) -> Plane {
    let (to, events) = mpsc::channel(10_000);
    Plane { media: MediaPlane::start(config, to).unwrap(), events }
}

/// Two sessions that agreed and were started: the first offered.
pub fn connect(a: &MediaHandle, b: &MediaHandle) -> (SessionId, SessionId) {
    let (offering, answering) = (a.open().unwrap(), b.open().unwrap());
    let offer = a.create_offer(offering).unwrap();
    let answer = b.accept_offer(answering, offer.as_bytes()).unwrap();
    a.accept_answer(offering, answer.as_bytes()).unwrap();
    a.start(offering);
    b.start(answering);
    (offering, answering)
}

pub fn tone(hertz: f32, ms: u32, repeat: bool) -> PlaySource {
    PlaySource { clips: vec![Arc::new(Clip::tone(hertz, ms, 8_000))], repeat }
}

impl Plane {
    /// The next event that is wanted.
    pub fn wait<T>(&mut self, what: &str, mut wanted: impl FnMut(&MediaEvent) -> Option<T>) -> T {
        let end = Instant::now() + LIMIT;
        while Instant::now() < end {
            match self.events.try_recv() {
                Ok(event) => {
                    if let Some(found) = wanted(&event) {
                        return found;
                    }
                }
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
        panic!("{what}: not within {LIMIT:?}");
    }

    /// So many digits of a session.
    pub fn digits(&mut self, session: SessionId, count: usize) -> String {
        let mut digits = String::new();
        self.wait("digits", |event| {
            if let MediaEvent::Digit { session: at, digit, .. } = event
                && *at == session
            {
                digits.push(*digit);
            }
            (digits.len() == count).then(|| digits.clone())
        })
    }
}

pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < end, "{what}: not within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn heard(media: &MediaHandle, session: SessionId, ms: u64) {
    let before = media.stats(session).unwrap().heard_ms;
    until("sound", || media.stats(session).unwrap().heard_ms >= before + ms);
}

pub fn stats(media: &MediaHandle, session: SessionId) -> SessionStats {
    media.stats(session).unwrap()
}
