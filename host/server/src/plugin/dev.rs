//! `cordboard plugin dev`: a plugin is rebuilt, tested, pushed and deployed whenever its sources change.
//!
//! Folders are looked at rather than watched: a plugin's sources are few, and this works on every file system. One thing is
//! done after the other, so there are never two builds at once; what changes meanwhile is seen when it is over.

use super::deploy::{Serving, push_and_serve};
use super::push::Packed;
use super::sources::stamps;
use crate::remote::HostArguments;
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use cordboard_author::{Project, World};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often sources are looked at.
const LOOKS_EVERY: Duration = Duration::from_millis(200);
/// Sources have been left alone for so long before a build begins: an editor writes several files, or one in several steps.
const SETTLES: Duration = Duration::from_millis(400);

#[derive(Args)]
pub(crate) struct Arguments {
    /// The plugin's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Signs it with this secret key.
    #[arg(long)]
    key: Option<PathBuf>,
    #[command(flatten)]
    serving: Serving,
    #[command(flatten)]
    host: HostArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let mut project = Project::open(&arguments.folder)?;
    let mut serving = arguments.serving.clone();
    // Calls in progress go over, unless that is not wanted.
    serving.migrate = project.world == World::Flow && !serving.pin;
    let wanted = serving.wanted()?;
    let client = arguments.host.client()?;
    // A host that isn't there, or lets nobody in, is told now rather than after the first build.
    client.get("/v1/status")?;
    let mut built = None;
    cordboard::say(&format!(
        "{}: watching {} for {}; Ctrl-C ends it",
        project.name,
        project.folder.display(),
        client.host()
    ));
    loop {
        let seen = settled(&project, built.as_ref());
        let began = Instant::now();
        let done = once(&arguments.folder, arguments.key.as_deref(), |packed| {
            push_and_serve(&client, packed, &serving, &wanted, "plugin dev")
        });
        match done {
            Ok(()) => {
                cordboard::say(&format!("serving, after {:.1} s; waiting for changes", began.elapsed().as_secs_f64()))
            }
            Err(error) => {
                cordboard::complain(&crate::told(&error));
                cordboard::complain(&format!("{} is as it was; waiting for changes", client.host()));
            }
        }
        built = Some(seen);
        if let Ok(reread) = Project::open(&arguments.folder) {
            project = reread;
        }
    }
}

type Seen = std::collections::BTreeMap<PathBuf, (Option<std::time::SystemTime>, u64)>;

/// Waits until the sources are others than those built last, and have been left alone.
fn settled(project: &Project, built: Option<&Seen>) -> Seen {
    let mut seen = stamps(project);
    let Some(built) = built else { return seen };
    let mut since = Instant::now();
    loop {
        if &seen != built && since.elapsed() >= SETTLES {
            return seen;
        }
        std::thread::sleep(LOOKS_EVERY);
        let now = stamps(project);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
    }
}

/// Builds, tests, and hands over; stops at what fails first. Build and test are programs of their own: what they take is
/// given back, and Ctrl-C ends them.
fn once(folder: &Path, key: Option<&Path>, serve: impl FnOnce(&Packed) -> Result<()>) -> Result<()> {
    step("build", folder)?;
    step("test", folder)?;
    serve(&Packed::read(folder, None, key)?)
}

fn step(name: &str, folder: &Path) -> Result<()> {
    let program = std::env::current_exe().context("this program can't be found")?;
    let mut command = Command::new(program);
    let ended = command.args(["plugin", name]).arg(folder).stderr(Stdio::inherit()).output();
    let ended = ended.context("it can't be run again")?;
    // What to do next is done here.
    let said = String::from_utf8_lossy(&ended.stdout);
    said.lines().filter(|line| !line.starts_with("next: ")).for_each(cordboard::say);
    ensure!(
        ended.status.success(),
        "{name} failed, see above\nnext: put it right; it is tried again when a file changes"
    );
    Ok(())
}
