//! The live event stream, read as a client would: server-sent events with a CloudEvent each.

use anyhow::{Result, bail};
use serde_json::Value;
use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead as _, BufReader};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// One event as it was told.
#[derive(Clone, Debug)]
pub struct Told {
    /// When it was read.
    pub read_at: Instant,
    /// The CloudEvent.
    pub event: Value,
}

impl Told {
    /// Its type without the prefix `cordboard.`, e.g. `contact.offered`.
    pub fn kind(&self) -> &str {
        let kind = self.event.get("type").and_then(Value::as_str).unwrap_or_default();
        kind.strip_prefix("cordboard.").unwrap_or(kind)
    }

    /// Its contact.
    pub fn contact(&self) -> &str {
        self.event.get("subject").and_then(Value::as_str).unwrap_or_default()
    }

    /// A member of its data, by JSON pointer.
    pub fn data(&self, pointer: &str) -> &Value {
        self.event.get("data").and_then(|data| data.pointer(pointer)).unwrap_or(&Value::Null)
    }

    /// The same as text.
    pub fn text(&self, pointer: &str) -> &str {
        self.data(pointer).as_str().unwrap_or_default()
    }
}

/// The stream, read on a thread of its own.
pub struct Stream {
    received: mpsc::Receiver<Told>,
    seen: VecDeque<Told>,
    /// Contacts that [`Stream::call_of`] has given out.
    known: BTreeSet<String>,
}

impl Stream {
    /// Opens the stream of this path, from behind the event of this number or from now on; it is open when this returns.
    pub(crate) fn open((base, token): (&str, &str), path: &str, after: Option<u64>) -> Result<Self> {
        let mut request = ureq::get(format!("{base}{path}"))
            .header("authorization", format!("Bearer {token}"))
            .header("accept", "text/event-stream");
        if let Some(after) = after {
            request = request.header("last-event-id", after.to_string());
        }
        let response = request.call()?;
        let (tell, received) = mpsc::channel();
        std::thread::spawn(move || {
            let reader = BufReader::new(response.into_body().into_reader());
            for line in reader.lines().map_while(Result::ok) {
                let event = line.strip_prefix("data:").and_then(|data| serde_json::from_str(data.trim()).ok());
                if let Some(event) = event
                    && tell.send(Told { read_at: Instant::now(), event }).is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { received, seen: VecDeque::new(), known: BTreeSet::new() })
    }

    /// Waits for an event that fits, those that came before included; what was read stays to be found by others.
    ///
    /// # Errors
    /// None came in time; the text lists what did.
    pub fn wait(&mut self, limit: Duration, mut fits: impl FnMut(&Told) -> bool) -> Result<Told> {
        if let Some(told) = self.seen.iter().find(|told| fits(told)) {
            return Ok(told.clone());
        }
        let until = Instant::now() + limit;
        loop {
            match self.received.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(told) => {
                    let found = fits(&told);
                    self.seen.push_back(told.clone());
                    if found {
                        return Ok(told);
                    }
                }
                Err(RecvTimeoutError::Timeout) => bail!("no such event in time; there were:\n{}", self.listed()),
                Err(RecvTimeoutError::Disconnected) => bail!("the stream ended; there were:\n{}", self.listed()),
            }
        }
    }

    /// Waits for an event of this kind about this contact.
    ///
    /// # Errors
    /// As [`Stream::wait`].
    pub fn wait_for(&mut self, kind: &str, contact: &str, limit: Duration) -> Result<Told> {
        self.wait(limit, |told| told.kind() == kind && told.contact() == contact)
    }

    /// The contact of the next call from this number: each is given out once.
    ///
    /// # Errors
    /// There is none in time.
    pub fn call_of(&mut self, number: &str, limit: Duration) -> Result<String> {
        let known = std::mem::take(&mut self.known);
        let fits = |told: &Told| {
            let fresh = !known.contains(told.contact());
            fresh && told.kind() == "contact.offered" && told.text("/origin/number") == number
        };
        let found = self.wait(limit, fits).map(|told| told.contact().to_owned());
        self.known = known;
        self.known.extend(found.as_ref().ok().cloned());
        found
    }

    /// What was told of a contact so far, in order.
    pub fn of(&mut self, contact: &str) -> Vec<Told> {
        self.so_far().iter().filter(|told| told.contact() == contact).cloned().collect()
    }

    /// All that was read so far, without waiting.
    pub fn so_far(&mut self) -> &VecDeque<Told> {
        self.seen.extend(self.received.try_iter());
        &self.seen
    }

    /// All that was read so far, without waiting, and forgets it.
    pub fn take(&mut self) -> VecDeque<Told> {
        self.so_far();
        std::mem::take(&mut self.seen)
    }

    /// Forgets what was read so far.
    pub fn forget(&mut self) {
        self.take();
    }

    fn listed(&self) -> String {
        let lines: Vec<String> = self.seen.iter().map(|told| told.event.to_string()).collect();
        lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n")
    }
}
