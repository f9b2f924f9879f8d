//! `cordboard contact replay`: time travel through a contact, and where another version would part from it.

mod shown;
mod stepper;

use super::meant;
use crate::candidate::CandidateArguments;
use crate::remote::{HostArguments, list, text};
use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use cordboard_client::{Client, encoded};
use serde_json::{Value, json};
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

/// What a kept file is of.
const FORMAT: &str = "cordboard-contact-1";
/// No kept file is larger.
const MAX_FILE_BYTES: u64 = 256 << 20;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Which, as `contact list` has it; or `last`; or a file that `--save` wrote, which needs no host.
    id: String,
    #[command(flatten)]
    candidate: CandidateArguments,
    /// Keeps what was read in a new file, to be stepped through later without a host.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Prints all steps, as it also does where standard input is no terminal.
    #[arg(long)]
    all: bool,
    /// Steps by commands of standard input though it is no terminal.
    #[arg(long, conflicts_with = "all")]
    step: bool,
    /// Prints what the host said, for programs.
    #[arg(long, conflicts_with_all = ["all", "step"])]
    json: bool,
    #[command(flatten)]
    host: HostArguments,
}

/// A contact as it was read, and how going through it again went.
pub(super) struct Told {
    pub(super) steps: Value,
    pub(super) comparison: Value,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    arguments.candidate.check()?;
    if let Some(file) = arguments.save.as_ref().filter(|file| file.exists()) {
        bail!("{} is there already\nnext: name a new file", file.display());
    }
    let kept = Path::new(&arguments.id);
    let told = if kept.is_file() {
        let mut told = read(kept)?;
        if arguments.candidate.named() {
            told.comparison = compare_here(&told.steps, &arguments.candidate)?;
        }
        told
    } else {
        ask(&arguments.host.client()?, arguments)?
    };
    if let Some(file) = &arguments.save {
        let text = json!({ "format": FORMAT, "steps": told.steps, "comparison": told.comparison }).to_string();
        std::fs::write(file, text).with_context(|| file.display().to_string())?;
        cordboard::complain(&format!("kept in {}; what is in it is personal", file.display()));
    }
    if arguments.json {
        let all = json!({ "steps": told.steps, "comparison": told.comparison });
        cordboard::say(&serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    let travel = shown::travel(&told);
    if arguments.step || (!arguments.all && std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return stepper::run(&travel, std::io::stdin().lock());
    }
    cordboard::say(&travel.whole());
    Ok(())
}

fn ask(client: &Client, arguments: &Arguments) -> Result<Told> {
    let path = format!("/v1/contacts/{}", encoded(&meant(client, &arguments.id)?));
    // Before anything is uploaded: a contact that is gone needs no candidate.
    let frames = if arguments.save.is_some() { "?frames=true" } else { "" };
    let steps = client.get(&format!("{path}/steps{frames}"))?.value;
    let (body, _) = arguments.candidate.body(client)?;
    let comparison = client.post_json(&format!("{path}/compare"), &body)?.value;
    Ok(Told { steps, comparison })
}

/// Lets a plugin go through a kept contact in this process.
fn compare_here(steps: &Value, candidate: &CandidateArguments) -> Result<Value> {
    let kept = candidate.kept()?;
    let frames = list(steps, "/frames").iter().map(|frame| STANDARD.decode(frame.as_str().unwrap_or_default()));
    let frames: Vec<Vec<u8>> = frames.collect::<Result<_, _>>().context("its journal is not in base64")?;
    ensure!(!frames.is_empty(), "no journal was kept with it\nnext: keep it again with --save");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(cordboard_admin::comparison_json(runtime.block_on(kept.compare(&frames))?))
}

fn read(file: &Path) -> Result<Told> {
    let name = || file.display().to_string();
    let mut kept = String::new();
    std::fs::File::open(file).with_context(name)?.take(MAX_FILE_BYTES).read_to_string(&mut kept).with_context(name)?;
    let mut kept: Value = serde_json::from_str(&kept).with_context(|| format!("{} is no kept contact", name()))?;
    let format = text(&kept, "/format");
    ensure!(
        format == FORMAT,
        "{} is no contact that this version kept: its format is `{}`, not `{FORMAT}`\nnext: keep it again with --save",
        name(),
        crate::remote::one_line(format)
    );
    let mut part = |name: &str| kept.get_mut(name).map(Value::take).unwrap_or_default();
    Ok(Told { steps: part("steps"), comparison: part("comparison") })
}
