//! Child processes: the host and the bank.

use crate::api::Api;
use crate::artefacts::Shared;
use crate::stream::Stream;
use anyhow::{Context as _, Result, bail, ensure};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a program may take to be ready. Generous: test machines are small and busy.
const READY: Duration = Duration::from_secs(120);

/// The path of one of the workspace's programs: beside the running one, or where `CORDBOARD_BIN_DIR` says.
///
/// # Errors
/// It is not there: the text says how to build it.
pub fn binary(name: &str) -> Result<PathBuf> {
    let folder = match std::env::var_os("CORDBOARD_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let mut folder = std::env::current_exe()?;
            folder.pop();
            if folder.ends_with("deps") {
                folder.pop();
            }
            folder
        }
    };
    let path = folder.join(name);
    ensure!(path.exists(), "{} is missing: `cargo build --workspace` makes it", path.display());
    Ok(path)
}

/// The path of a built plugin: in `target/plugins`, or where `CORDBOARD_PLUGINS_DIR` says.
///
/// # Errors
/// It is not there: the text says how to build it.
pub fn plugin(name: &str) -> Result<PathBuf> {
    let folder = match std::env::var_os("CORDBOARD_PLUGINS_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins"),
    };
    let path = folder.join(format!("{name}.wasm"));
    ensure!(path.exists(), "{} is missing: `cargo xtask plugins` makes it", path.display());
    Ok(path)
}

/// A child that is ended with its owner, by its pid.
struct Running {
    child: Child,
    name: &'static str,
    log: PathBuf,
}

impl Running {
    fn start(name: &'static str, mut command: Command, log: PathBuf) -> Result<(Self, mpsc::Receiver<String>)> {
        let errors = File::create(&log).with_context(|| log.display().to_string())?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().with_context(|| format!("can't start {name}"))?;
        let output = child.stdout.take().context("no standard output")?;
        let (lines, received) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // The owner stops listening once the program is ready; it is read on so that it never blocks.
                let _ = lines.send(line);
            }
        });
        Ok((Self { child, name, log }, received))
    }

    /// Reads lines until one fits.
    fn line<T>(&mut self, lines: &mpsc::Receiver<String>, mut fits: impl FnMut(&str) -> Option<T>) -> Result<T> {
        let until = Instant::now() + READY;
        loop {
            match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(found) = fits(&line) {
                        return Ok(found);
                    }
                }
                Err(_) => bail!("{} is not ready; its log:\n{}", self.name, self.log_tail()),
            }
        }
    }

    fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(40)..).unwrap_or_default().join("\n")
    }

    fn ended(&mut self, limit: Duration) -> Result<std::process::ExitStatus> {
        let until = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(Instant::now() < until, "{} did not end in time; its log:\n{}", self.name, self.log_tail());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a host is started.
#[derive(Clone, Debug, Default)]
pub struct HostOptions {
    /// Its data folder.
    pub data: PathBuf,
    /// More configuration: TOML tables other than `[sip]`, `[media]` and `[admin]`, which are set to free ports.
    pub config: String,
    /// More keys of `[sip]`.
    pub sip: String,
    /// Where its log goes; beside the data folder if none.
    pub log: Option<PathBuf>,
    /// It compiles all plugins itself; else it has what hosts of other tests compiled.
    pub cold: bool,
}

/// A running `cordboard serve`.
pub struct Host {
    running: Running,
    sip: SocketAddr,
    admin: String,
    token: String,
    data: PathBuf,
    shared: Option<Shared>,
}

impl Drop for Host {
    fn drop(&mut self) {
        // What isn't taken back is compiled once more.
        if let Some(shared) = &self.shared {
            let _ = shared.take_back(&self.data);
        }
    }
}

impl Host {
    /// Starts a host and waits until it is ready.
    ///
    /// # Errors
    /// It can't start; the text has the end of its log.
    pub fn start(options: &HostOptions) -> Result<Self> {
        std::fs::create_dir_all(&options.data)?;
        let config = options.data.with_extension("toml");
        std::fs::write(
            &config,
            format!(
                "data_dir = {:?}\n[sip]\nbind = \"127.0.0.1:0\"\n{}\n[media]\nports = [0, 0]\n[admin]\nbind = \"127.0.0.1:0\"\n{}\n",
                options.data, options.sip, options.config
            ),
        )?;
        let program = binary("cordboard")?;
        let shared = if options.cold { None } else { Shared::of(&program).ok() };
        if let Some(shared) = &shared {
            // What isn't lent is compiled.
            let _ = shared.lend(&options.data);
        }
        let mut command = Command::new(program);
        command.arg("serve").arg("--config").arg(&config);
        let log = options.log.clone().unwrap_or_else(|| options.data.with_extension("log"));
        let (mut running, lines) = Running::start("cordboard", command, log)?;
        let sip = running.line(&lines, |line| line.strip_prefix("sip ").map(|rest| rest.trim().parse()))??;
        let admin = running.line(&lines, |line| line.strip_prefix("admin ").map(|rest| rest.trim().to_owned()))?;
        running.line(&lines, |line| (line == "ready").then_some(()))?;
        let token = std::fs::read_to_string(options.data.join("admin-token"))?.trim().to_owned();
        Ok(Self { running, sip, admin, token, data: options.data.clone(), shared })
    }

    /// Where it takes SIP.
    pub fn sip(&self) -> SocketAddr {
        self.sip
    }

    /// Its admin API's base URL.
    pub fn admin(&self) -> &str {
        &self.admin
    }

    /// The admin token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A client of its admin API.
    pub fn api(&self) -> Api {
        Api::new(&self.admin, &self.token)
    }

    /// Its events from now on.
    ///
    /// # Errors
    /// The stream can't be opened.
    pub fn events(&self) -> Result<Stream> {
        Stream::open((&self.admin, &self.token), "/v1/events", None)
    }

    /// Its events from behind this number, as far as it keeps them. Of another run's number, 0 say: all it keeps.
    ///
    /// # Errors
    /// The stream can't be opened.
    pub fn events_after(&self, after: u64) -> Result<Stream> {
        Stream::open((&self.admin, &self.token), "/v1/events", Some(after))
    }

    /// What its plugins log, from now on.
    ///
    /// # Errors
    /// The stream can't be opened.
    pub fn logs(&self) -> Result<Stream> {
        Stream::open((&self.admin, &self.token), "/v1/logs", None)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.running.child.id()
    }

    /// The end of its log, for failures.
    pub fn log_tail(&self) -> String {
        self.running.log_tail()
    }

    /// Whether it still runs.
    pub fn alive(&mut self) -> bool {
        matches!(self.running.child.try_wait(), Ok(None))
    }

    /// Sends SIGTERM: new calls are refused, running ones may end.
    ///
    /// # Errors
    /// There is no `kill`.
    pub fn terminate(&self) -> Result<()> {
        let status = Command::new("kill").arg("-TERM").arg(self.pid().to_string()).status()?;
        ensure!(status.success(), "kill: {status}");
        Ok(())
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// It hasn't within this time.
    pub fn ended(&mut self, limit: Duration) -> Result<std::process::ExitStatus> {
        self.running.ended(limit)
    }

    /// Stops it as an operator would, and waits.
    ///
    /// # Errors
    /// It doesn't end, or not with success.
    pub fn stop(mut self) -> Result<()> {
        self.terminate()?;
        let status = self.ended(Duration::from_secs(30))?;
        ensure!(status.success(), "cordboard ended with {status}; its log:\n{}", self.running.log_tail());
        Ok(())
    }

    /// Kills it, as a power cut would.
    ///
    /// # Errors
    /// It can't be killed.
    pub fn kill(mut self) -> Result<()> {
        self.running.child.kill()?;
        self.running.child.wait()?;
        Ok(())
    }
}

/// A running fake bank.
pub struct Bank {
    _running: Running,
    url: String,
}

impl Bank {
    /// Starts the bank and waits until it is ready.
    ///
    /// # Errors
    /// It can't start.
    pub fn start(log: PathBuf) -> Result<Self> {
        let mut command = Command::new(binary("fake-bank")?);
        command.args(["--listen", "127.0.0.1:0"]);
        let (mut running, lines) = Running::start("fake-bank", command, log)?;
        let url = running.line(&lines, |line| line.strip_prefix("listening on ").map(|rest| rest.trim().to_owned()))?;
        Ok(Self { _running: running, url })
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it was asked, as JSON.
    ///
    /// # Errors
    /// It doesn't answer.
    pub fn requests(&self) -> Result<String> {
        Ok(ureq::get(format!("{}/requests", self.url)).call()?.body_mut().read_to_string()?)
    }

    /// Makes it misbehave: `none`, `delay`, `hang`, `error`, `garbage`, `huge`.
    ///
    /// # Errors
    /// It doesn't answer.
    pub fn fault(&self, mode: &str) -> Result<()> {
        let body = serde_json::json!({ "mode": mode, "ms": 500 });
        ureq::put(format!("{}/fault", self.url)).send_json(body)?;
        Ok(())
    }
}
