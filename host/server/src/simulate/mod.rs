//! `cordboard flow simulate`: plays conversation scripts in virtual time.

mod host;
mod playing;

use crate::prompts::PromptLibrary;
use crate::say;
use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use cordboard_core::flow::Prompt;
use cordboard_plugin::Manifest;
use cordboard_script::{Case, Report, Script, Speech, Spoken, timeline};
use playing::{Job, Outcome};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is to be simulated, and how.
#[derive(Args)]
pub struct Arguments {
    /// Scripts, or folders with `.yaml` files; the last one is the flow's component.
    #[arg(required = true, num_args = 2.., value_names = ["SCRIPT", "PLUGIN"])]
    files: Vec<PathBuf>,
    /// The flow's manifest. Default: the file beside the component that ends in `.json` instead of `.wasm`, if there is one.
    #[arg(long)]
    manifest: Option<PathBuf>,
    /// A configuration value, over what scripts say: `NAME=VALUE`.
    #[arg(long, value_name = "NAME=VALUE")]
    config: Vec<String>,
    /// Configuration values from a JSON object, under what scripts say.
    #[arg(long, value_name = "FILE")]
    config_file: Option<PathBuf>,
    /// Another flow, for `safe_flow` and for flows that go on as another: `NAME=PLUGIN`.
    #[arg(long, value_name = "NAME=PLUGIN")]
    with: Vec<String>,
    /// Plays every conversation so often, and compares.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    repeat: u32,
    /// Shows every conversation, not only those that failed.
    #[arg(long)]
    transcript: bool,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
    /// Conversations at once. Default: sixteen for each processor.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    jobs: Option<u32>,
    /// Where compiled plugins are kept. Default: `cordboard` in `$XDG_CACHE_HOME`, or in `~/.cache`.
    #[arg(long, env = "CORDBOARD_CACHE_DIR")]
    cache: Option<PathBuf>,
}

impl Arguments {
    /// What a folder of scripts has, played with a plugin, each once.
    pub fn of(scripts: &Path, component: &Path, manifest: &Path) -> Self {
        Self {
            files: vec![scripts.to_owned(), component.to_owned()],
            manifest: Some(manifest.to_owned()),
            config: Vec::new(),
            config_file: None,
            with: Vec::new(),
            repeat: 1,
            transcript: false,
            json: false,
            jobs: None,
            cache: std::env::var_os("CORDBOARD_CACHE_DIR").map(PathBuf::from),
        }
    }

    /// Whether every conversation is shown, not only those that failed.
    pub fn show(&mut self, transcript: bool) {
        self.transcript = transcript;
    }
}

/// A component with its manifest.
pub(crate) struct Plugin {
    pub(crate) path: PathBuf,
    pub(crate) component: Arc<[u8]>,
    pub(crate) manifest: Manifest,
}

/// A script's case, with the names that reports have.
struct Conversation {
    script: String,
    case: Arc<Case>,
}

/// The longest component that is read.
const MAX_COMPONENT_BYTES: u64 = 256 << 20;

/// A plugin host of this process, which keeps what it compiles as simulations do.
pub(crate) fn plugin_host() -> Result<cordboard_plugin::PluginHost> {
    host::start(None, 1)
}

/// Plays the scripts. True if all expectations held.
///
/// # Errors
/// A script or a plugin is wrong: nothing was played.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let Some((plugin, scripts)) = arguments.files.split_last() else { bail!("a script and a plugin are needed") };
    let conversations = read_scripts(scripts)?;
    let plugin = Plugin::read(plugin, arguments.manifest.as_deref())?;
    let others = arguments.with.iter().map(|with| other(with)).collect::<Result<BTreeMap<_, _>>>()?;
    let configs = configs(arguments, &plugin, &conversations)?;
    for conversation in &conversations {
        check(conversation, &plugin, &others)?;
    }
    let jobs = arguments.jobs.unwrap_or_else(|| 16 * host::processors());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let played = runtime.block_on(async {
        let host = host::start(arguments.cache.clone(), jobs)?;
        let stages = host::stages(&host, &plugin, &others, &configs, Arc::new(Library(PromptLibrary::new()?))).await?;
        let work: Vec<Job> = conversations
            .iter()
            .zip(&configs)
            .filter_map(|(conversation, config)| {
                Some(Job { case: Arc::clone(&conversation.case), stage: stages.get(config)?.clone() })
            })
            .collect();
        let began = Instant::now();
        let outcomes = playing::all(work, arguments.repeat, jobs).await?;
        anyhow::Ok((outcomes, began.elapsed()))
    });
    // What still runs is nobody's business any more.
    runtime.shutdown_background();
    let (outcomes, took) = played?;
    tell(arguments, &conversations, &outcomes, took);
    Ok(outcomes.iter().all(Outcome::held))
}

fn read_scripts(paths: &[PathBuf]) -> Result<Vec<Conversation>> {
    let mut conversations = Vec::new();
    for path in scripts_in(paths)? {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(&path).with_context(|| shown.clone())?;
        let script = Script::read(&text)
            .map_err(|error| anyhow::anyhow!("{shown}:{}:{}: {}", error.line, error.column, error.reason))?;
        let of = |case| Conversation { script: shown.clone(), case: Arc::new(case) };
        conversations.extend(script.cases.into_iter().map(of));
    }
    ensure!(!conversations.is_empty(), "there are no scripts: a folder without `.yaml` files");
    Ok(conversations)
}

/// The files named, and those in the folders named, by name.
fn scripts_in(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path).with_context(|| path.display().to_string())? {
            let file = entry?.path();
            if file.extension().is_some_and(|end| end == "yaml" || end == "yml") {
                found.push(file);
            }
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

impl Plugin {
    fn read(path: &Path, manifest: Option<&Path>) -> Result<Self> {
        let shown = || path.display().to_string();
        let bytes = std::fs::metadata(path).with_context(shown)?.len();
        ensure!(bytes <= MAX_COMPONENT_BYTES, "{}: {bytes} bytes are no component", shown());
        let component = std::fs::read(path).with_context(shown)?;
        let beside = path.with_extension("json");
        let manifest = match manifest {
            Some(given) => Some(given),
            None => beside.exists().then_some(beside.as_path()),
        };
        let manifest = match manifest {
            Some(manifest) => {
                let shown = || manifest.display().to_string();
                Manifest::read(&std::fs::read(manifest).with_context(shown)?).with_context(shown)?
            }
            None => Manifest::none(),
        };
        Ok(Self { path: path.to_owned(), component: component.into(), manifest })
    }
}

fn pair(text: &str) -> Result<(&str, &str)> {
    text.split_once('=').filter(|(name, _)| !name.is_empty()).with_context(|| format!("`{text}` is not NAME=…"))
}

fn other(with: &str) -> Result<(String, Plugin)> {
    let (name, path) = pair(with).context("--with")?;
    cordboard_core::ids::DeploymentName::new(name).context("--with")?;
    ensure!(!matches!(name, "flow" | "nobody"), "--with: the name `{name}` is taken");
    Ok((name.to_owned(), Plugin::read(Path::new(path), None)?))
}

type Config = Vec<(String, String)>;

/// The configuration of each conversation: the file's values, under the script's, under the command line's.
fn configs(arguments: &Arguments, plugin: &Plugin, conversations: &[Conversation]) -> Result<Vec<Config>> {
    let mut below: BTreeMap<String, String> = BTreeMap::new();
    if let Some(path) = &arguments.config_file {
        let shown = || path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(shown)?;
        below = serde_json::from_str(&text).context("not a JSON object of texts").with_context(shown)?;
    }
    let mut above = BTreeMap::new();
    for text in &arguments.config {
        let (name, value) = pair(text).context("--config")?;
        above.insert(name.to_owned(), value.to_owned());
    }
    let of = |conversation: &Conversation| {
        let mut config = below.clone();
        config.extend(conversation.case.config.iter().cloned());
        config.extend(above.clone());
        plugin.manifest.check_config(&config).with_context(|| conversation.title())?;
        Ok(config.into_iter().collect())
    };
    conversations.iter().map(of).collect()
}

fn check(conversation: &Conversation, plugin: &Plugin, others: &BTreeMap<String, Plugin>) -> Result<()> {
    if let Some(missing) = conversation.case.other_flows().find(|name| !others.contains_key(name.as_str())) {
        bail!("{}: the flow `{missing}` is needed: --with {missing}=PLUGIN", conversation.title());
    }
    let directories = conversation.case.directories();
    if let Some(name) = others.keys().find(|name| directories.iter().any(|directory| directory.as_str() == **name)) {
        bail!("{}: `{name}` is a directory that the script answers for, so --with can't give it", conversation.title());
    }
    let sends = plugin.manifest.wants.iter().any(|want| matches!(want, cordboard_plugin::Want::Egress { .. }));
    ensure!(
        conversation.case.backend.is_empty() || sends,
        "{}: it has a `backend`, and the plugin's manifest wants no requests (`egress`); a host would refuse them all. Is \
         `--manifest` missing?",
        conversation.title()
    );
    let wants = plugin.manifest.wants.iter().any(|want| matches!(want, cordboard_plugin::Want::StoredValues { .. }));
    ensure!(
        (conversation.case.values.is_none() && conversation.case.values_fail.is_none()) || wants,
        "{}: it has stored `values`, which the plugin's manifest doesn't want (`stored-values`); a host would refuse \
         every use of them. Is `--manifest` missing?",
        conversation.title()
    );
    Ok(())
}

impl Conversation {
    fn title(&self) -> String {
        self.case.name.as_ref().map_or_else(|| self.script.clone(), |name| format!("{}: {name}", self.script))
    }
}

/// The recorded phrases that are part of the program: they last as long as they do on a call.
struct Library(PromptLibrary);

impl Speech for Library {
    fn spoken(&self, prompt: &Prompt) -> Spoken {
        let rendered = self.0.render(prompt);
        let ms: u128 = rendered.clips.iter().map(|clip| clip.duration().as_millis()).sum();
        Spoken { ms: u64::try_from(ms).unwrap_or(u64::MAX), missing: rendered.missing }
    }
}

fn tell(arguments: &Arguments, conversations: &[Conversation], outcomes: &[Outcome], took: Duration) {
    let reports = conversations.iter().zip(outcomes).map(|(conversation, outcome)| Report {
        script: &conversation.script,
        case: conversation.case.name.as_deref(),
        moments: &outcome.played.moments,
        difference: outcome.difference(),
        lasted_ms: outcome.played.lasted_ms,
    });
    if arguments.json {
        let all: Vec<_> = reports.map(|report| report.json()).collect();
        let passed = outcomes.iter().all(Outcome::held);
        say(&serde_json::json!({ "passed": passed, "conversations": all }).to_string());
        return;
    }
    let mut out = String::new();
    for report in reports {
        out += &report.text();
        if arguments.transcript && report.held() {
            out += &timeline(report.moments);
        }
    }
    let held = outcomes.iter().filter(|outcome| outcome.held()).count();
    let (all, virtual_ms) = outcomes.iter().fold((0_u64, 0_u64), |(all, ms), outcome| {
        (all + u64::from(outcome.times), ms + outcome.played.lasted_ms * u64::from(outcome.times))
    });
    let seconds = took.as_secs_f64();
    // Writing to a text doesn't fail.
    let _ = write!(out, "{held} held, {} failed", outcomes.len() - held);
    if arguments.repeat > 1 {
        let rate = all as f64 / seconds.max(1e-6);
        let _ = write!(out, "; {all} conversations in {seconds:.2} s, {rate:.0} a second");
    }
    let _ = write!(out, " ({:.1} min of calls)", virtual_ms as f64 / 60_000.0);
    say(&out);
}
