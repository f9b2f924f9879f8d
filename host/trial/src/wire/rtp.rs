//! RTP, packet by packet.

use anyhow::{Context as _, Result, ensure};
use cordboard_media::Codec;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// PCMA.
const AUDIO: u8 = 8;
/// RFC 4733, as our offer says.
const EVENT: u8 = 101;
const FRAME: Duration = Duration::from_millis(20);

/// A packet as it came.
#[derive(Clone, Debug)]
pub struct Packet {
    /// When.
    pub at: Instant,
    /// Its source.
    pub ssrc: u32,
    /// Its number.
    pub sequence: u16,
    /// Its time, in samples.
    pub timestamp: u32,
    /// What it carries.
    pub payload_type: u8,
    /// Its sound.
    pub payload: Vec<u8>,
}

#[derive(Default)]
struct State {
    packets: Vec<Packet>,
    keys: VecDeque<u8>,
    tone: Option<f32>,
}

/// A socket that keeps what comes and sends silence, keys or a tone.
pub struct Rtp {
    socket: Arc<UdpSocket>,
    state: Arc<Mutex<State>>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Rtp {
    pub(super) fn open() -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(FRAME))?;
        Ok(Self { socket: Arc::new(socket), state: Arc::default(), over: Arc::default(), threads: Vec::new() })
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().map_or(0, |address| address.port())
    }

    pub(super) fn offer(&self) -> String {
        format!(
            "v=0\r\no=wire 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {} RTP/AVP {AUDIO} {EVENT}\r\na=rtpmap:{AUDIO} PCMA/8000\r\n\
             a=rtpmap:{EVENT} telephone-event/8000\r\na=fmtp:{EVENT} 0-15\r\na=ptime:20\r\n",
            self.port()
        )
    }

    pub(super) fn start(&mut self, answer: &str) -> Result<()> {
        let line = answer.lines().find_map(|line| line.strip_prefix("m=audio ")).context("no audio in the answer")?;
        let port: u16 = line.split(' ').next().unwrap_or_default().parse()?;
        ensure!(port != 0, "the audio is refused");
        let to = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        if self.threads.is_empty() {
            let (socket, state, over) = (self.socket.clone(), self.state.clone(), self.over.clone());
            self.threads.push(std::thread::spawn(move || hear(&socket, to, &state, &over)));
            let (socket, state, over) = (self.socket.clone(), self.state.clone(), self.over.clone());
            self.threads.push(std::thread::spawn(move || speak(&socket, to, &state, &over)));
        }
        Ok(())
    }

    /// Presses keys, one after the other.
    pub fn press(&self, keys: &str) {
        lock(&self.state).keys.extend(keys.bytes());
    }

    /// Sends this tone from now on instead of silence.
    pub fn hum(&self, hertz: Option<f32>) {
        lock(&self.state).tone = hertz;
    }

    /// Every packet so far.
    pub fn packets(&self) -> Vec<Packet> {
        lock(&self.state).packets.clone()
    }

    /// The sound so far, packet after packet.
    pub fn heard(&self) -> Vec<i16> {
        let state = lock(&self.state);
        let audio = state.packets.iter().filter(|packet| packet.payload_type == AUDIO);
        audio.flat_map(|packet| packet.payload.iter().map(|code| Codec::Pcma.decode(*code))).collect()
    }
}

impl Drop for Rtp {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // It can only have ended.
            let _ = thread.join();
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps what comes from the peer; a port has had owners before, whose peers may still send.
fn hear(socket: &UdpSocket, peer: SocketAddr, state: &Mutex<State>, over: &AtomicBool) {
    let mut buffer = [0; 2_048];
    while !over.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        if from == peer
            && let Some(packet) = buffer.get(..length).and_then(parse)
        {
            lock(state).packets.push(packet);
        }
    }
}

fn parse(bytes: &[u8]) -> Option<Packet> {
    let (head, payload) = bytes.split_at_checked(12)?;
    let [version, kind, s1, s0, t3, t2, t1, t0, c3, c2, c1, c0] = *head else { return None };
    // No extension, no contributing sources: the host sends neither.
    (version == 0x80).then(|| Packet {
        at: Instant::now(),
        ssrc: u32::from_be_bytes([c3, c2, c1, c0]),
        sequence: u16::from_be_bytes([s1, s0]),
        timestamp: u32::from_be_bytes([t3, t2, t1, t0]),
        payload_type: kind & 0x7f,
        payload: payload.to_vec(),
    })
}

/// What of a key is being sent: which, how many frames of it, and since which timestamp.
struct Key {
    event: u8,
    frames: u16,
    began: u32,
}

/// Frames of a key, of which the last three are its end; then as many of silence.
const KEY_FRAMES: u16 = 8;

fn speak(socket: &UdpSocket, to: SocketAddr, state: &Mutex<State>, over: &AtomicBool) {
    let (mut sequence, mut timestamp, mut pause, mut key) = (7_u16, 90_000_u32, 0, None::<Key>);
    let mut next = Instant::now();
    while !over.load(Ordering::Relaxed) {
        if key.is_none() && pause == 0 {
            let pressed = lock(state).keys.pop_front().and_then(event);
            key = pressed.map(|event| Key { event, frames: 0, began: timestamp });
        }
        let packet = match &mut key {
            Some(sent) => {
                sent.frames += 1;
                let end = sent.frames > KEY_FRAMES - 3;
                let duration = sent.frames.min(KEY_FRAMES - 2) * 160;
                let [high, low] = duration.to_be_bytes();
                let body = [sent.event, if end { 0x8a } else { 0x0a }, high, low];
                let packet = datagram(EVENT, sent.frames == 1, sequence, sent.began, &body);
                if sent.frames == KEY_FRAMES {
                    (key, pause) = (None, KEY_FRAMES);
                }
                packet
            }
            None => {
                pause = pause.saturating_sub(1);
                let tone = lock(state).tone;
                datagram(AUDIO, false, sequence, timestamp, &frame(tone, timestamp))
            }
        };
        // The other side may be gone already.
        let _ = socket.send_to(&packet, to);
        (sequence, timestamp) = (sequence.wrapping_add(1), timestamp.wrapping_add(160));
        next += FRAME;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn event(key: u8) -> Option<u8> {
    b"0123456789*#ABCD".iter().position(|known| *known == key).and_then(|at| u8::try_from(at).ok())
}

fn frame(tone: Option<f32>, timestamp: u32) -> Vec<u8> {
    let sample = |at: u32| {
        let angle = |hertz: f32| std::f32::consts::TAU * hertz * (timestamp.wrapping_add(at) % 8_000) as f32 / 8_000.0;
        Codec::Pcma.encode(tone.map_or(0, |hertz| (8_000.0 * angle(hertz).sin()) as i16))
    };
    (0..160).map(sample).collect()
}

fn datagram(kind: u8, marker: bool, sequence: u16, timestamp: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80, kind | if marker { 0x80 } else { 0 }];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(timestamp.to_be_bytes());
    bytes.extend(0x5749_5245_u32.to_be_bytes());
    bytes.extend(body);
    bytes
}

/// Checks that the packets are one stream without a gap: one source, each sequence number one more, each timestamp one
/// frame later.
///
/// # Errors
/// Where it isn't.
pub fn continuous(packets: &[Packet]) -> Result<()> {
    ensure!(!packets.is_empty(), "no packet came");
    for (at, pair) in packets.windows(2).enumerate() {
        let [before, after] = pair else { continue };
        let fits = after.ssrc == before.ssrc
            && after.sequence == before.sequence.wrapping_add(1)
            && after.timestamp == before.timestamp.wrapping_add(160);
        ensure!(
            fits,
            "packet {} of {}: source {:x}, sequence {}, timestamp {} follows source {:x}, sequence {}, timestamp {}",
            at + 1,
            packets.len(),
            after.ssrc,
            after.sequence,
            after.timestamp,
            before.ssrc,
            before.sequence,
            before.timestamp
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(ssrc: u32, sequence: u16, timestamp: u32) -> Packet {
        Packet { at: Instant::now(), ssrc, sequence, timestamp, payload_type: AUDIO, payload: Vec::new() }
    }

    #[test]
    fn gaps_are_found() {
        let good = [packet(1, 65_535, u32::MAX - 159), packet(1, 0, 0), packet(1, 1, 160)];
        assert!(continuous(&good).is_ok());
        for bad in [packet(2, 2, 320), packet(1, 3, 320), packet(1, 2, 480), packet(1, 1, 320)] {
            let packets = [good.as_slice(), &[bad]].concat();
            assert!(continuous(&packets).unwrap_err().to_string().starts_with("packet 3 of 4"));
        }
        assert!(continuous(&[]).is_err());
    }

    #[test]
    fn what_is_sent_is_read() {
        let bytes = datagram(EVENT, true, 3, 480, &[1, 2]);
        let read = parse(&bytes).unwrap();
        assert_eq!((read.payload_type, read.sequence, read.timestamp, read.payload), (EVENT, 3, 480, vec![1, 2]));
        assert!(parse(&bytes[..11]).is_none());
        assert_eq!((event(b'0'), event(b'#'), event(b'x')), (Some(0), Some(11), None));
    }
}
