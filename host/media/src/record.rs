//! Recordings: a thread of their own writes them, so that a slow disk costs sound in the file and never on the line.
//!
//! One bounded queue serves a whole plane. A frame that doesn't fit is dropped, counted, and becomes silence in the
//! file, which therefore keeps its time. Headers are brought up to date every second.

use crate::codec::{Frame, SAMPLE_RATE_HZ, SILENCE};
use crate::event::{MediaEvent, RecordingPaths, SessionId};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Messages that may wait: ten seconds of eight sessions.
const QUEUE: usize = 4_096;
/// Silence written for lost frames at most, in one go: a minute.
const MAX_MISSING: u32 = 3_000;

/// What a tick adds to a recording. Inline, since a box would be an allocation per packet.
#[expect(clippy::large_enum_variant)]
pub(crate) enum RecordItem {
    Sound { heard: Frame, said: Frame },
    Stop,
}

/// To the writer; inline for the same reason.
#[expect(clippy::large_enum_variant)]
pub(crate) enum Message {
    Start { id: u64, session: SessionId, paths: RecordingPaths },
    Item { id: u64, missing: u32, item: RecordItem },
}

/// A session's way to its recording.
pub(crate) struct Tap {
    id: u64,
    missing: u32,
    to: SyncSender<Message>,
}

impl Tap {
    pub(crate) fn new(id: u64, to: SyncSender<Message>) -> Self {
        Self { id, missing: 0, to }
    }

    /// False if the queue is full. A stop must be tried again then.
    pub(crate) fn send(&mut self, item: RecordItem) -> bool {
        let full = matches!(
            self.to.try_send(Message::Item { id: self.id, missing: self.missing, item }),
            Err(TrySendError::Full(_))
        );
        self.missing = if full { self.missing + 1 } else { 0 };
        !full
    }
}

/// Starts the writer. It ends when every sender is gone.
pub(crate) fn start(events: tokio::sync::mpsc::Sender<MediaEvent>) -> std::io::Result<SyncSender<Message>> {
    let (to, from) = sync_channel(QUEUE);
    std::thread::Builder::new().name("media-record".into()).spawn(move || write_all(&from, &events))?;
    Ok(to)
}

struct Recording {
    session: SessionId,
    heard: Option<Writer>,
    said: Option<Writer>,
    frames: u64,
}

type Writer = hound::WavWriter<BufWriter<File>>;

fn write_all(from: &Receiver<Message>, events: &tokio::sync::mpsc::Sender<MediaEvent>) {
    let mut recordings = BTreeMap::new();
    for message in from.iter() {
        let (session, outcome) = match message {
            Message::Start { id, session, paths } => {
                (session, Recording::start(session, &paths).map(|started| drop(recordings.insert(id, started))))
            }
            Message::Item { id, missing, item: RecordItem::Sound { heard, said } } => {
                let Some(recording) = recordings.get_mut(&id) else { continue };
                let (session, outcome) = (recording.session, recording.add(missing, &heard, &said));
                if outcome.is_err() {
                    recordings.remove(&id);
                }
                (session, outcome)
            }
            Message::Item { id, item: RecordItem::Stop, .. } => {
                let Some(recording) = recordings.remove(&id) else { continue };
                (recording.session, recording.finish())
            }
        };
        if let Err(cause) = outcome {
            tracing::warn!(session = session.0, %cause, "a recording failed");
            let _full = events.try_send(MediaEvent::RecordingFailed { session, reason: cause.to_string() });
        }
    }
    for recording in recordings.into_values() {
        if let Err(cause) = recording.finish() {
            tracing::warn!(%cause, "a recording can't be finished");
        }
    }
}

impl Recording {
    fn start(session: SessionId, paths: &RecordingPaths) -> hound::Result<Self> {
        let open = |path: &Option<_>| path.as_deref().map(create).transpose();
        Ok(Self { session, heard: open(&paths.heard)?, said: open(&paths.said)?, frames: 0 })
    }

    fn add(&mut self, missing: u32, heard: &Frame, said: &Frame) -> hound::Result<()> {
        for (writer, frame) in [(&mut self.heard, heard), (&mut self.said, said)] {
            let Some(writer) = writer else { continue };
            for frame in (0..missing.min(MAX_MISSING)).map(|_| &SILENCE).chain([frame]) {
                frame.iter().try_for_each(|sample| writer.write_sample(*sample))?;
            }
            if self.frames % 50 == 49 {
                writer.flush()?;
            }
        }
        self.frames += 1;
        Ok(())
    }

    fn finish(self) -> hound::Result<()> {
        [self.heard, self.said].into_iter().flatten().try_for_each(Writer::finalize)
    }
}

fn create(path: &Path) -> hound::Result<Writer> {
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels: 1, sample_rate: SAMPLE_RATE_HZ, bits_per_sample: 16, sample_format };
    hound::WavWriter::create(path, spec)
}
