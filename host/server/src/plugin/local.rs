//! What an author does without a host: begins, builds, checks, tests and signs.

use super::{CheckArguments, KeygenArguments, NewArguments, SignArguments, TestArguments};
use anyhow::{Context as _, Result, bail, ensure};
use cordboard_author::{AuthorError, Facts, Finding, Project, Weight, World};
use std::path::{Path, PathBuf};

/// What a host takes, where its configuration says nothing else.
const MAX_UPLOAD_BYTES: usize = 64 << 20;

pub(crate) fn keygen(arguments: &KeygenArguments) -> Result<()> {
    cordboard::say(&cordboard::signing::generate(&arguments.file)?);
    Ok(())
}

pub(crate) fn sign(arguments: &SignArguments) -> Result<()> {
    cordboard::say(&cordboard::signing::sign(&arguments.key, &arguments.component, &arguments.manifest)?);
    Ok(())
}

pub(super) fn new(arguments: &NewArguments) -> Result<()> {
    let NewArguments { world, lang, name } = arguments;
    let made = cordboard_author::scaffold(Path::new("."), *world, *lang, name)?;
    cordboard::say(&format!(
        "{name}: a {world} in {lang}, {} files. Begin with {name}/{}\nnext: cd {name} && cordboard plugin build",
        made.files.len(),
        lang.source()
    ));
    Ok(())
}

pub(super) fn build(folder: &Path) -> Result<()> {
    let project = Project::open(folder)?;
    let built = cordboard_author::build(&project)?;
    let component = shown(&built.component);
    cordboard::say(&format!("{component}: {} KiB\nnext: cordboard plugin check", built.bytes.div_ceil(1024)));
    Ok(())
}

/// As short as it can be told from here.
pub(super) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

/// A component with its manifest, looked through.
pub(super) struct Examined {
    pub(super) component: PathBuf,
    /// Its file.
    pub(super) manifest: Option<PathBuf>,
    pub(super) facts: Facts,
    findings: Vec<Finding>,
}

impl Examined {
    /// What keeps a host from taking it, or will surprise; empty if there is nothing of the kind.
    pub(super) fn remarks(&self) -> String {
        let remarks = self.findings.iter().filter(|finding| finding.weight != Weight::Note);
        remarks.map(|finding| format!("  {finding}")).collect::<Vec<_>>().join("\n")
    }

    /// # Errors
    /// A host won't take it.
    pub(super) fn fit(&self) -> Result<()> {
        match self.findings.iter().filter(|finding| finding.weight == Weight::Error).count() {
            0 => Ok(()),
            errors => bail!("{errors} to put right before a host takes it"),
        }
    }
}

/// Looks through the plugin of a folder, or a component with its manifest: the one that is named, or `NAME.json` or
/// `manifest.json` beside it if `beside`.
pub(super) fn examine(path: &Path, manifest: Option<&Path>, beside: bool) -> Result<Examined> {
    let project = if path.is_dir() { Some(Project::open(path)?) } else { None };
    let component = project.as_ref().map_or_else(|| path.to_owned(), Project::component);
    if !component.is_file() {
        bail!("{} isn't there\nnext: make it with `cordboard plugin build`", shown(&component));
    }
    let near = [component.with_extension("json"), component.with_file_name("manifest.json")];
    let manifest = match (manifest, &project) {
        (Some(path), _) => Some(path.to_owned()),
        (None, Some(project)) => Some(project.manifest()),
        (None, None) => near.into_iter().find(|near| beside && near.is_file()),
    };
    let read = |path: &PathBuf| std::fs::read_to_string(path).with_context(|| path.display().to_string());
    let text = manifest.as_ref().map(read).transpose()?;
    let facts = cordboard_author::inspect(&component)?;
    let mut findings = verified(&component, text.as_deref())?;
    findings.extend(cordboard_author::look_through(&facts, text.as_deref(), project.as_ref()));
    Ok(Examined { component, manifest, facts, findings })
}

pub(super) fn check(arguments: &CheckArguments) -> Result<()> {
    let examined = examine(&arguments.path, arguments.manifest.as_deref(), false)?;
    cordboard::say(&report(&shown(&examined.component), &examined.facts, &examined.findings));
    examined.fit()
}

/// Plays all scripts of a plugin. True if all held, or there is nothing that scripts could play.
pub(super) fn test(arguments: &TestArguments) -> Result<bool> {
    let project = Project::open(&arguments.folder)?;
    if project.world != World::Flow {
        cordboard::say(&format!(
            "{}: nothing to play. Scripts play flows; what a {} answers is scripted there, and this one is tried by its \
             language's own tests and by a host, which tries it before it serves\nnext: cordboard plugin check",
            project.name, project.world
        ));
        return Ok(true);
    }
    let (scripts, component) = (project.folder.join("tests"), project.component());
    ensure!(
        scripts.is_dir(),
        "{} isn't there: nothing to play\nnext: write a conversation down there; docs/conversation-scripts.md says how",
        shown(&scripts)
    );
    ensure!(component.is_file(), "{} isn't there\nnext: make it with `cordboard plugin build`", shown(&component));
    if let Some(newer) = super::sources::newer_than(&project, &component) {
        cordboard::complain(&format!(
            "{} is older than {}: what is played is not what is written\nnext: cordboard plugin build",
            shown(&component),
            shown(&newer)
        ));
    }
    let mut simulation =
        cordboard::simulate::Arguments::of(Path::new(&shown(&scripts)), &component, &project.manifest());
    simulation.show(arguments.transcript);
    cordboard::simulate::run(&simulation)
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
