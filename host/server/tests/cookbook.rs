//! The cookbook's recipes are built as their readers would build them, and hold what their scripts say.

use anyhow::{Context as _, Result, ensure};
use cordboard_author::{Lang, Project, World, build, scaffold};
use cordboard_trial::binary;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const COOKBOOK: &str = include_str!("../../../docs/cookbook.md");

const COMING: &str = include_str!("../../../docs/coming-from.md");

/// A recipe: what the page shows below one heading.
struct Recipe<'a> {
    name: String,
    flow: &'a str,
    script: &'a str,
    manifest: Option<&'a str>,
}

/// The text of the first block of code in this language.
fn block<'a>(text: &'a str, language: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("```{language}\n"))?;
    Some(rest.split_once("\n```")?.0)
}

/// The example of the page for those who come from elsewhere, which has no script of its own.
fn of_those_who_come() -> Result<Recipe<'static>> {
    Ok(Recipe {
        name: "coming-from".into(),
        flow: block(COMING, "js").context("an example")?,
        script: "agents: [{id: \"7001\", answers_after: 1s, talks: 5s}]\n\
                 conversation: [hears: Welcome, asked: main-menu, presses: 0, talks_with: \"7001\"]\nends: completed\n",
        manifest: Some(r#"{"config": {"queue": {"type": "string"}}}"#),
    })
}

fn recipes() -> Vec<Recipe<'static>> {
    let sections = COOKBOOK.split("\n## ").skip(1);
    let recipe = |section: &'static str| {
        let title = section.lines().next()?.to_lowercase();
        let name = title.split(|c: char| !c.is_ascii_lowercase()).filter(|word| !word.is_empty());
        Some(Recipe {
            name: name.collect::<Vec<_>>().join("-"),
            flow: block(section, "js")?,
            script: block(section, "yaml")?,
            manifest: block(section, "json"),
        })
    };
    sections.filter_map(recipe).collect()
}

/// The recipe's flow, built in a folder of its own.
fn cooked(room: &Path, recipe: &Recipe<'_>) -> Result<Project> {
    let folder = scaffold(room, World::Flow, Lang::Js, &recipe.name)?.folder;
    std::fs::write(folder.join("main.js"), recipe.flow)?;
    std::fs::remove_dir_all(folder.join("tests"))?;
    std::fs::create_dir(folder.join("tests"))?;
    std::fs::write(folder.join("tests/recipe.yaml"), recipe.script)?;
    let path = folder.join("manifest.json");
    let mut manifest: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    let members = manifest.as_object_mut().context("an object")?;
    members.remove("config");
    let more: Value = serde_json::from_str(recipe.manifest.unwrap_or("{}"))?;
    members.extend(more.as_object().context("an object")?.clone());
    std::fs::write(&path, manifest.to_string())?;
    let project = Project::open(&folder)?;
    build(&project)?;
    Ok(project)
}

#[test]
fn every_recipe_holds_what_its_script_says() -> Result<()> {
    let mut recipes = recipes();
    let wanted = COOKBOOK.matches("```js\n").count();
    ensure!(recipes.len() == wanted && wanted >= 6, "{} recipes of {wanted} are whole", recipes.len());
    recipes.push(of_those_who_come()?);
    let room = tempfile::tempdir()?;
    for recipe in &recipes {
        let project = cooked(room.path(), recipe).with_context(|| recipe.name.clone())?;
        let mut simulate = Command::new(binary("cordboard")?);
        simulate.current_dir(&project.folder).args(["flow", "simulate", "tests"]).arg(project.component());
        simulate.arg("--manifest").arg(project.manifest()).arg("--cache").arg(room.path().join("cache"));
        let played = simulate.output()?;
        let said = [played.stdout, played.stderr].concat();
        ensure!(played.status.success(), "{}: {}", recipe.name, String::from_utf8_lossy(&said));
    }
    Ok(())
}
