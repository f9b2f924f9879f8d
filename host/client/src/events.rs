//! A host's live stream: server-sent events.

use serde_json::Value;
use std::io::{self, BufRead as _, BufReader, Read};
use ureq::{Body, http::Response};

/// The longest line that is read, in bytes.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// An event: a CloudEvent with its number.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What `Last-Event-ID` takes; none where the stream only tells of itself.
    pub id: Option<String>,
    /// The CloudEvent.
    pub value: Value,
}

/// A stream of events. It ends with the host, or when it was to.
pub struct Events {
    lines: BufReader<Box<dyn Read + Send>>,
}

impl Events {
    pub(crate) fn new(response: Response<Body>) -> Self {
        Self::of(Box::new(response.into_body().into_with_config().limit(u64::MAX).reader()))
    }

    fn of(reader: Box<dyn Read + Send>) -> Self {
        Self { lines: BufReader::new(reader) }
    }

    /// Waits for the next one; none at the end. What is no event of ours is left out.
    ///
    /// # Errors
    /// The stream breaks.
    pub fn wait(&mut self) -> io::Result<Option<Event>> {
        let (mut id, mut data, mut line) = (None, None, Vec::new());
        loop {
            line.clear();
            if Read::take(&mut self.lines, MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            let text = line.trim_ascii_end();
            if text.is_empty() {
                match data.take() {
                    Some(value) => return Ok(Some(Event { id, value })),
                    None => id = None,
                }
            } else if let Some(rest) = text.strip_prefix(b"id:") {
                id = std::str::from_utf8(rest.trim_ascii_start()).ok().map(str::to_owned);
            } else if let Some(rest) = text.strip_prefix(b"data:") {
                data = serde_json::from_slice(rest).ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(text: &str) -> Vec<Event> {
        let mut events = Events::of(Box::new(io::Cursor::new(text.as_bytes().to_vec())));
        std::iter::from_fn(|| events.wait().unwrap()).collect()
    }

    #[test]
    fn a_stream_is_read_event_by_event() {
        let text = ": open\nretry: 1000\n\nid: 7\nevent: a\ndata: {\"n\": 1}\n\n: alive\n\ndata: {\"n\":2}\r\n\r\n";
        let event = |id: Option<&str>, n: u64| Event { id: id.map(Into::into), value: json!({ "n": n }) };
        assert_eq!(told(text), [event(Some("7"), 1), event(None, 2)]);
    }

    #[test]
    fn what_is_no_event_or_has_no_end_does_no_harm() {
        assert_eq!(told("id: 1\ndata: nonsense\n\ndata"), []);
        let endless = format!("data: \"{}\"\n\ndata: 3\n\n", "x".repeat(3 << 20));
        assert_eq!(told(&endless), [Event { id: None, value: json!(3) }]);
    }
}
