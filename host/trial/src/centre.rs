//! A centre that is set up: over the admin API alone, as an operator would.

use crate::api::Api;
use crate::process::{Bank, Host, HostOptions};
use crate::stream::Stream;
use anyhow::{Context as _, Result, ensure};
use cordboard_phone::{Phone, PhoneConfig};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The number that reception answers.
pub const RECEPTION: &str = "100";
/// The queue that reception and the safe flow send people to.
pub const SUPPORT: &str = "support";
/// How long anything may take that is only a matter of the machine.
const LIMIT: Duration = Duration::from_secs(30);

/// A host, and the bank that its directory asks.
pub struct Centre {
    /// The host.
    pub host: Host,
    /// The bank.
    pub bank: Bank,
    /// A client of the host's admin API.
    pub api: Api,
    options: HostOptions,
    // Dropped last: the children write here.
    _folder: Option<TempDir>,
}

impl Centre {
    /// Starts host and bank in a temporary folder, with nothing set up. Of `options`, the data folder is chosen here.
    ///
    /// # Errors
    /// One of them can't start.
    pub fn start(options: HostOptions) -> Result<Self> {
        let folder = TempDir::new()?;
        let options = HostOptions { data: folder.path().join("data"), ..options };
        let centre = Self::start_in(options, folder.path())?;
        Ok(Self { _folder: Some(folder), ..centre })
    }

    /// Starts host and bank, the bank with its log in this folder.
    ///
    /// # Errors
    /// One of them can't start.
    pub fn start_in(options: HostOptions, logs: &Path) -> Result<Self> {
        let bank = Bank::start(logs.join("bank.log"))?;
        let host = Host::start(&options)?;
        let api = host.api();
        Ok(Self { host, bank, api, options, _folder: None })
    }

    /// A centre where reception answers at [`RECEPTION`]: see [`Centre::set_up`].
    ///
    /// # Errors
    /// It can't start, or something is refused.
    pub fn ready() -> Result<Self> {
        let centre = Self::start(HostOptions::default())?;
        centre.set_up()?;
        Ok(centre)
    }

    /// Uploads and deploys the stock plugins, and joins them: reception asks the bank, its queue asks the scorer.
    ///
    /// # Errors
    /// Something is refused.
    pub fn set_up(&self) -> Result<()> {
        let api = &self.api;
        let crm = api.upload("http-crm")?;
        api.deploy("bank", &crm, json!({ "base-url": self.bank.url() }), &[self.bank.url()])?;
        let scorer = api.upload("skills-scorer")?;
        api.deploy("skills", &scorer, json!({}), &[])?;
        self.queue(SUPPORT, json!({ "scorer": "skills" }))?;
        api.put("/v1/settings", self.settings(json!({ "default_directory": "bank" }))?)?;
        let flow = api.upload("reception")?;
        api.deploy("reception", &flow, json!({ "queue": SUPPORT }), &[])?;
        self.entry_point("main", &[RECEPTION], "reception")
    }

    /// The settings as they are, with these keys changed.
    ///
    /// # Errors
    /// They can't be read.
    pub fn settings(&self, changes: Value) -> Result<Value> {
        let mut settings = merged(self.api.get("/v1/settings")?, changes);
        settings.as_object_mut().and_then(|settings| settings.remove("revision"));
        Ok(settings)
    }

    /// Sets a queue up: quick offers, no wrap-up, and what `keys` say.
    ///
    /// # Errors
    /// It is refused.
    pub fn queue(&self, name: &str, keys: Value) -> Result<()> {
        let standard = json!({ "offer_timeout_ms": 20_000, "wrap_up_ms": 0, "music": "hold-music" });
        self.api.put(&format!("/v1/queues/{name}"), merged(standard, keys)).map(drop)
    }

    /// Lets a deployment answer numbers, with [`SUPPORT`] as the safe flow's queue.
    ///
    /// # Errors
    /// It is refused.
    pub fn entry_point(&self, name: &str, numbers: &[&str], deployment: &str) -> Result<()> {
        let body = json!({ "numbers": numbers, "deployment": deployment, "fallback_queue": SUPPORT });
        self.api.put(&format!("/v1/entry-points/{name}"), body).map(drop)
    }

    /// The host's events from now on.
    ///
    /// # Errors
    /// The stream can't be opened.
    pub fn events(&self) -> Result<Stream> {
        self.host.events()
    }

    /// The host's events from behind this number, as far as it keeps them.
    ///
    /// # Errors
    /// The stream can't be opened.
    pub fn events_after(&self, after: u64) -> Result<Stream> {
        self.host.events_after(after)
    }

    /// Adds an agent who is ready as soon as the phone is registered, and registers it; recordings go to `recordings`.
    ///
    /// # Errors
    /// It is refused, or not ready in time.
    pub async fn agent(&self, id: &str, name: &str, skills: Value, recordings: Option<PathBuf>) -> Result<Phone> {
        self.api.agent(id, name, skills)?;
        self.register(id, recordings).await
    }

    /// Registers the phone of an agent who was added, and waits until the agent is ready.
    ///
    /// # Errors
    /// It is refused, or not ready in time.
    pub async fn register(&self, id: &str, recordings: Option<PathBuf>) -> Result<Phone> {
        let phone =
            Phone::start(PhoneConfig { password: Some(format!("secret-{id}")), recordings, ..self.phone(id, None)? })
                .await?;
        phone.register(Duration::from_secs(300)).await?;
        self.until_agent(id, "ready")?;
        Ok(phone)
    }

    /// A phone with this number, which calls as a trunk does.
    ///
    /// # Errors
    /// It can't start.
    pub async fn caller(&self, number: &str, name: Option<&str>, recordings: Option<PathBuf>) -> Result<Phone> {
        Ok(Phone::start(PhoneConfig { recordings, ..self.phone(number, name)? }).await?)
    }

    fn phone(&self, user: &str, name: Option<&str>) -> Result<PhoneConfig> {
        Ok(PhoneConfig {
            bind: "127.0.0.1:0".parse()?,
            server: self.host.sip(),
            user: user.into(),
            display_name: name.map(Into::into),
            password: None,
            recordings: None,
        })
    }

    /// Waits until an agent is in this state.
    ///
    /// # Errors
    /// The agent isn't in time.
    pub fn until_agent(&self, id: &str, state: &str) -> Result<Value> {
        self.api.until(&format!("/v1/agents/{id}"), LIMIT, |agent| {
            agent.get("state").and_then(Value::as_str) == Some(state)
        })
    }

    /// The record of an ended contact.
    ///
    /// # Errors
    /// There is none in time.
    pub fn record(&self, contact: &str) -> Result<Value> {
        let ended = |found: &Value| found.get("ended_at").is_some_and(|ended| !ended.is_null());
        self.api.until(&format!("/v1/contacts/{contact}"), LIMIT, ended)
    }

    /// The journal's entries.
    ///
    /// # Errors
    /// It can't be read.
    pub fn journal(&self, contact: &str) -> Result<Vec<Value>> {
        let journal = self.api.get(&format!("/v1/contacts/{contact}/journal"))?;
        let entries = journal.get("entries").and_then(Value::as_array).context("a journal has entries")?;
        Ok(entries.clone())
    }

    /// Stops the host as an operator would, and starts it again in the same data folder. Its ports change.
    ///
    /// # Errors
    /// It doesn't stop or start.
    pub fn restart(self) -> Result<Self> {
        let Self { host, bank, options, _folder, .. } = self;
        host.stop()?;
        Self::again(bank, options, _folder)
    }

    /// Kills the host as a power cut would, and starts it again in the same data folder.
    ///
    /// # Errors
    /// It can't be killed or started.
    pub fn crash(self) -> Result<Self> {
        let Self { host, bank, options, _folder, .. } = self;
        host.kill()?;
        Self::again(bank, options, _folder)
    }

    /// Starts a host again that has ended.
    ///
    /// # Errors
    /// It can't start.
    pub fn revive(self) -> Result<Self> {
        let Self { bank, options, _folder, .. } = self;
        Self::again(bank, options, _folder)
    }

    fn again(bank: Bank, options: HostOptions, folder: Option<TempDir>) -> Result<Self> {
        let host = Host::start(&options)?;
        let api = host.api();
        Ok(Self { host, bank, api, options, _folder: folder })
    }

    /// The host's data folder.
    pub fn data(&self) -> &Path {
        &self.options.data
    }

    /// Checks that the host still runs.
    ///
    /// # Errors
    /// It ended; the text has the end of its log.
    pub fn alive(&mut self) -> Result<()> {
        ensure!(self.host.alive(), "the host is gone; its log:\n{}", self.host.log_tail());
        Ok(())
    }
}

/// An object with the keys of another put in.
fn merged(mut object: Value, changes: Value) -> Value {
    if let (Some(object), Value::Object(changes)) = (object.as_object_mut(), changes) {
        object.extend(changes);
    }
    object
}

/// Asks again and again until there is an answer, or until the time is over: then the last refusal.
///
/// # Errors
/// What the last try said.
pub fn tried<T>(limit: Duration, mut ask: impl FnMut() -> Result<T>) -> Result<T> {
    let until = Instant::now() + limit;
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(error) if Instant::now() >= until => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
