//! baresip as an agent's phone and as a caller: a foreign stack for registration, digest, offer and answer, RTP and
//! telephone-events.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, bail, ensure};
use cordboard_trial::{Centre, RECEPTION, Wire, recorded, sound_ms, tone_ms, tried};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
const CALLER_HZ: f32 = 440.0;
const BARESIP_HZ: f32 = 950.0;

/// Whether baresip is left out, as the tests' owner asked. Missing without being left out is a failure.
fn left_out() -> bool {
    std::env::var_os("CORDBOARD_WITHOUT_PEERS").is_some()
}

/// A running baresip. It says a tone of [`BARESIP_HZ`] and writes down what it hears.
struct Baresip {
    child: Child,
    control: SocketAddr,
    folder: PathBuf,
}

impl Drop for Baresip {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Baresip {
    fn start(folder: &Path, account: &str) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        // Nobody else takes the port between here and there, as good as ever: ports are handed out in turn.
        let control = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let tone = cordboard_media::Clip::tone(BARESIP_HZ, 60_000, 8_000);
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut wav = hound::WavWriter::create(folder.join("tone.wav"), spec)?;
        tone.samples().iter().try_for_each(|sample| wav.write_sample(*sample))?;
        wav.finalize()?;
        let modules = modules()?;
        let config = format!(
            "poll_method epoll\nsip_listen 127.0.0.1:0\nnet_interface 127.0.0.1\ncall_max_calls 4\n\
             module_path {modules}\naudio_player aubridge,nil\naudio_alert aubridge,nil\n\
             audio_source aufile,{folder}/tone.wav\nsnd_path {folder}\nctrl_tcp_listen {control}\n\
             module ctrl_tcp.so\nmodule g711.so\nmodule aubridge.so\nmodule aufile.so\nmodule sndfile.so\n\
             module_app account.so\nmodule_app menu.so\n",
            modules = modules.display(),
            folder = folder.display(),
        );
        std::fs::write(folder.join("config"), config)?;
        std::fs::write(folder.join("accounts"), format!("{account}\n"))?;
        std::fs::write(folder.join("contacts"), "")?;
        let log = File::create(folder.join("log"))?;
        let child = Command::new("baresip")
            .arg("-f")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("no `baresip`: on Debian, apt-get install baresip-core")?;
        Ok(Self { child, control, folder: folder.into() })
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Gives a command over its control socket: netstrings of JSON.
    fn command(&self, command: &str, params: &str) -> Result<()> {
        let mut socket = tried(SOON, || Ok(TcpStream::connect(self.control)?))?;
        socket.set_read_timeout(Some(SOON))?;
        let text = json!({ "command": command, "params": params, "token": command }).to_string();
        socket.write_all(format!("{}:{text},", text.len()).as_bytes())?;
        loop {
            let answer = netstring(&mut socket)?;
            if answer["response"] == true {
                ensure!(answer["ok"] == true, "{command}: {answer}\n{}", self.log());
                return Ok(());
            }
        }
    }

    /// What it heard in its latest call, once `fits` accepts it.
    fn heard(&self, fits: impl Fn(&[i16]) -> Result<()>) -> Result<()> {
        tried(Duration::from_secs(20), || {
            let mut dumps = Vec::new();
            for file in std::fs::read_dir(&self.folder)? {
                let name = file?.file_name().to_string_lossy().into_owned();
                if name.starts_with("dump-") && name.ends_with("-dec.wav") {
                    dumps.push(name);
                }
            }
            let dump = dumps.into_iter().max().with_context(|| format!("no dump; {}", self.log()))?;
            recorded(&self.folder.join(dump), &fits)
        })
    }
}

fn netstring(socket: &mut TcpStream) -> Result<Value> {
    let mut length = 0_usize;
    loop {
        let mut octet = [0];
        socket.read_exact(&mut octet)?;
        match octet {
            [b':'] => break,
            [digit @ b'0'..=b'9'] if length < 1 << 20 => length = length * 10 + usize::from(digit - b'0'),
            other => bail!("no netstring: {other:?}"),
        }
    }
    let mut text = vec![0; length + 1];
    socket.read_exact(&mut text)?;
    text.pop();
    Ok(serde_json::from_slice(&text)?)
}

/// Where Debian keeps them, on this kind of machine or another.
fn modules() -> Result<PathBuf> {
    let known =
        ["/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules", "/usr/local/lib/baresip/modules"];
    let found = known.into_iter().map(PathBuf::from).find(|folder| folder.join("g711.so").exists());
    found.context("no baresip modules: on Debian, apt-get install baresip-core")
}

#[test]
fn baresip_is_an_agent_and_both_hear_each_other() -> Result<()> {
    if left_out() {
        return Ok(());
    }
    let centre = Centre::ready()?;
    centre.api.agent("201", "Bea", json!({ "banking": 9 }))?;
    let folder = centre.data().with_extension("baresip");
    let server = centre.host.sip();
    let account = format!(
        "<sip:201@{server};transport=udp>;auth_user=201;auth_pass=secret-201;regint=60;answermode=auto;dtmfmode=rtpevent"
    );
    let phone = Baresip::start(&folder, &account)?;
    centre.until_agent("201", "ready").with_context(|| phone.log())?;

    let mut events = centre.events()?;
    let wire = Wire::open(server, "+15550001")?;
    let mut call = wire.call(RECEPTION)?;
    call.answered(SOON)?;
    let contact = events.call_of("+15550001", SOON)?;
    events.wait_for("contact.asked", &contact, SOON)?;
    call.rtp.press("0");
    events.wait_for("contact.connected", &contact, SOON).with_context(|| phone.log())?;
    let before = call.rtp.heard().len();
    call.rtp.hum(Some(CALLER_HZ));
    tried(SOON, || {
        let heard = tone_ms(call.rtp.heard().get(before..).unwrap_or_default(), BARESIP_HZ);
        ensure!(heard >= 3_000, "the caller heard {heard} ms of baresip; {}", phone.log());
        Ok(())
    })?;
    // The agent hangs up: the survey follows.
    phone.command("hangup", "")?;
    events.wait(SOON, |told| told.contact() == contact && told.text("/question") == "survey")?;
    call.rtp.press("4");
    call.until_ended(SOON)?;
    phone.heard(|samples| {
        let heard = tone_ms(samples, CALLER_HZ);
        ensure!(heard >= 1_500, "baresip heard {heard} ms of the caller");
        Ok(())
    })?;
    let record = centre.record(&contact)?;
    ensure!(record["attributes"]["survey"] == "4" && record["visits"][0]["agent"] == "201", "{record}");
    Ok(())
}

#[test]
fn baresip_calls_presses_keys_and_hears_prompts() -> Result<()> {
    if left_out() {
        return Ok(());
    }
    let centre = Centre::ready()?;
    let server = centre.host.sip();
    let folder = centre.data().with_extension("baresip");
    let account = format!("<sip:+15550001@{server};transport=udp>;regint=0;dtmfmode=rtpevent;audio_codecs=PCMU/8000/1");
    let phone = Baresip::start(&folder, &account)?;
    let mut events = centre.events()?;
    phone.command("dial", &format!("sip:{RECEPTION}@{server}"))?;
    let contact = events.call_of("+15550001", SOON).with_context(|| phone.log())?;
    events.wait_for("contact.asked", &contact, SOON).with_context(|| phone.log())?;
    phone.command("sndcode", "1")?;
    events.wait(SOON, |told| told.contact() == contact && told.text("/text").starts_with("Your balance"))?;
    let pressed = events.of(&contact).iter().filter(|told| told.kind() == "contact.pressed").count();
    ensure!(pressed == 1, "one key is {pressed}");
    events.wait(SOON, |told| {
        told.contact() == contact && told.kind() == "contact.asked" && told.text("/text").starts_with("To hear")
    })?;
    phone.command("hangup", "")?;
    let record = centre.record(&contact)?;
    ensure!(record["end"]["reason"] == "hung-up" && record["choices"][0]["answer"] == "balance", "{record}");
    phone.heard(|samples| {
        let heard = sound_ms(samples);
        ensure!(heard >= 2_000, "baresip heard {heard} ms of prompts");
        Ok(())
    })
}
