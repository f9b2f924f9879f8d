//! `cordboard plugin`: what an author of plugins does without a host.

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use cordboard_author::{AuthorError, Facts, Finding, Lang, Project, Weight, World};
use std::path::{Path, PathBuf};

/// What a host takes, where its configuration says nothing else.
const MAX_UPLOAD_BYTES: usize = 64 << 20;

#[derive(Subcommand)]
pub(crate) enum PluginCommand {
    /// Begins a plugin in a new folder: a working example with the SDK and the contract.
    New(NewArguments),
    /// Builds the plugin of a folder to NAME.wasm.
    Build {
        /// The plugin's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Tells what a host will say to a plugin, what it needs, and what will surprise its author.
    Check(CheckArguments),
    /// Makes a key to sign plugins with; prints its public part, which a host has to trust.
    Keygen(KeygenArguments),
    /// Signs a component with its manifest; prints the signature, to be uploaded as the part `signature`.
    Sign(SignArguments),
}

#[derive(Args)]
pub(crate) struct NewArguments {
    /// What it is for: flow (a conversation), scorer (who suits whom), crm (who is calling), dialer (whom to call now),
    /// inspector (what is remarkable in a talk).
    #[arg(long, value_parser = |text: &str| text.parse::<World>())]
    world: World,
    /// What it is written in: rust, js, ts, python, c.
    #[arg(long, value_parser = |text: &str| text.parse::<Lang>())]
    lang: Lang,
    /// Its name, of small letters, digits and `-`; and that of its folder.
    name: String,
}

#[derive(Args)]
pub(crate) struct CheckArguments {
    /// The plugin's folder, or a component.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The manifest of a component that is in no plugin's folder.
    #[arg(long)]
    manifest: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct KeygenArguments {
    /// A new file for the secret key.
    file: PathBuf,
}

#[derive(Args)]
pub(crate) struct SignArguments {
    /// The secret key's file.
    #[arg(long)]
    key: PathBuf,
    /// The component.
    component: PathBuf,
    /// Its manifest.
    manifest: PathBuf,
}

pub(crate) fn run(command: &PluginCommand) -> Result<()> {
    match command {
        PluginCommand::New(arguments) => new(arguments),
        PluginCommand::Build { folder } => build(folder),
        PluginCommand::Check(arguments) => check(arguments),
        PluginCommand::Keygen(arguments) => keygen(arguments),
        PluginCommand::Sign(arguments) => sign(arguments),
    }
}

pub(crate) fn keygen(arguments: &KeygenArguments) -> Result<()> {
    cordboard::say(&cordboard::signing::generate(&arguments.file)?);
    Ok(())
}

pub(crate) fn sign(arguments: &SignArguments) -> Result<()> {
    cordboard::say(&cordboard::signing::sign(&arguments.key, &arguments.component, &arguments.manifest)?);
    Ok(())
}

fn new(arguments: &NewArguments) -> Result<()> {
    let NewArguments { world, lang, name } = arguments;
    let made = cordboard_author::scaffold(Path::new("."), *world, *lang, name)?;
    cordboard::say(&format!(
        "{name}: a {world} in {lang}, {} files. Begin with {name}/{}\nnext: cd {name} && cordboard plugin build",
        made.files.len(),
        lang.source()
    ));
    Ok(())
}

fn build(folder: &Path) -> Result<()> {
    let project = Project::open(folder)?;
    let built = cordboard_author::build(&project)?;
    let component = shown(&built.component);
    cordboard::say(&format!("{component}: {} KiB\nnext: cordboard plugin check", built.bytes.div_ceil(1024)));
    Ok(())
}

/// As short as it can be told from here.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

fn check(arguments: &CheckArguments) -> Result<()> {
    let project = if arguments.path.is_dir() { Some(Project::open(&arguments.path)?) } else { None };
    let component = project.as_ref().map_or_else(|| arguments.path.clone(), Project::component);
    if !component.is_file() {
        bail!("{} isn't there\nnext: make it with `cordboard plugin build`", shown(&component));
    }
    let manifest = match (&arguments.manifest, &project) {
        (Some(path), _) => Some(path.clone()),
        (None, Some(project)) => Some(project.manifest()),
        (None, None) => None,
    };
    let read = |path: &PathBuf| std::fs::read_to_string(path).with_context(|| path.display().to_string());
    let manifest = manifest.as_ref().map(read).transpose()?;
    let facts = cordboard_author::inspect(&component)?;
    let mut findings = verified(&component, manifest.as_deref())?;
    findings.extend(cordboard_author::look_through(&facts, manifest.as_deref(), project.as_ref()));
    cordboard::say(&report(&shown(&component), &facts, &findings));
    let errors = findings.iter().filter(|finding| finding.weight == Weight::Error).count();
    if errors > 0 {
        bail!("{errors} to put right before a host takes it");
    }
    Ok(())
}

/// What a host says to component and manifest: the very same code.
fn verified(component: &Path, manifest: Option<&str>) -> Result<Vec<Finding>> {
    let bytes = std::fs::read(component).map_err(|source| AuthorError::Io { path: component.to_owned(), source })?;
    let mut said = Vec::new();
    if let Err(error) = cordboard_plugin::verify(&bytes, MAX_UPLOAD_BYTES) {
        said.push(Finding::new(Weight::Error, format!("a host refuses it: {error}")));
    }
    if let Some(Err(error)) = manifest.map(|text| cordboard_plugin::Manifest::read(text.as_bytes())) {
        said.push(Finding::new(Weight::Error, format!("a host refuses its manifest: {error}")));
    }
    Ok(said)
}

fn report(component: &str, facts: &Facts, findings: &[Finding]) -> String {
    let ours = |name: &&String| name.starts_with("cordboard:") || name.starts_with("wasi:http/");
    let names = |names: Vec<&str>| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    let capabilities = names(facts.imports.iter().filter(ours).map(String::as_str).collect());
    let library = facts.imports.iter().filter(|name| !ours(name)).count();
    let mut lines = vec![
        format!("{component}: {} KiB, {}", facts.bytes.div_ceil(1024), facts.contract.as_deref().unwrap_or("no world")),
        format!("  imports   {capabilities}; and {library} of the language's library, which reach nothing"),
        format!(
            "  begins    with {} MiB of memory, {} core instances, {} tables of at most {} elements",
            facts.memory_mib(),
            facts.core_instances,
            facts.tables,
            facts.table_elements
        ),
        format!(
            "  code      {} functions, {} KiB{}",
            facts.functions,
            facts.code_bytes.div_ceil(1024),
            if facts.has_names { "" } else { "; without names, so a trap's stack will say little" }
        ),
    ];
    lines.extend(findings.iter().map(|finding| format!("  {finding}")));
    let wrong = findings.iter().any(|finding| finding.weight != Weight::Note);
    lines.push(if wrong { "  see above".into() } else { "  in order".to_owned() });
    lines.join("\n")
}
