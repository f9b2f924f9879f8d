//! The contract's reference, a page for each world and version, made of the WIT text. What is said there is said once: here it is
//! only laid out.
//!
//! This reads our own WIT, a thing a line, and no other; a line it can't place is an error, so that nothing is left out unseen.

use crate::tree::Tree;
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Where the pages are.
pub(crate) const ROOM: &str = "docs/contract";

/// The WIT text of a world and version, told by its path: `wit/flow/0.2.0/flow.wit`.
pub(crate) fn is_source(path: &str) -> bool {
    matches!(path.split('/').collect::<Vec<_>>()[..], ["wit", world, _, file] if file.strip_suffix(".wit") == Some(world))
}

/// Writes the pages anew.
pub(crate) fn write(tree: &Tree) -> Result<()> {
    let mut sources = Vec::new();
    for world in folders(&tree.root.join("wit"))? {
        for version in folders(&tree.root.join("wit").join(&world))? {
            let path = format!("wit/{world}/{version}/{world}.wit");
            sources.push((path.clone(), std::fs::read_to_string(tree.root.join(&path)).context(path)?));
        }
    }
    let room = tree.root.join(ROOM);
    std::fs::create_dir_all(&room).with_context(|| room.display().to_string())?;
    for (path, page) in pages(&sources)? {
        let path = tree.root.join(path);
        std::fs::write(&path, page).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn folders(path: &std::path::Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).with_context(|| path.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The pages of these WIT texts, by their paths below the root.
pub(crate) fn pages(sources: &[(String, String)]) -> Result<BTreeMap<String, String>> {
    let mut pages = BTreeMap::new();
    let mut index = String::from(
        "# The contract\n\nWhat plugins and hosts say to each other, world by world, as the WIT texts have it. Made by `cargo xtask \
         contract`.\n\n| contract | |\n|---|---|\n",
    );
    for (path, text) in sources {
        let document = read(text).with_context(|| path.clone())?;
        let name = document.package.trim_start_matches("cordboard:").replace('@', "-");
        let about = document.docs.first().map_or("", |line| line.as_str());
        writeln!(index, "| [`{}`]({name}.md) | {} |", document.package, about.split(": ").last().unwrap_or(about))?;
        pages.insert(format!("{ROOM}/{name}.md"), document.page(path)?);
    }
    pages.insert(format!("{ROOM}/README.md"), index);
    Ok(pages)
}

/// A WIT file.
#[derive(Debug, Default)]
struct Document {
    package: String,
    docs: Vec<String>,
    blocks: Vec<Block>,
}

/// An interface, a type, a resource or a world.
#[derive(Debug)]
struct Block {
    /// `interface`, `record`, `variant`, `enum`, `resource`, `type`, `world`.
    kind: String,
    name: String,
    docs: Vec<String>,
    items: Vec<Item>,
}

/// A field, a case, a function, an import or an export.
#[derive(Debug)]
struct Item {
    name: String,
    /// Of a function beginning with `func(`; empty if a case carries nothing.
    form: String,
    docs: Vec<String>,
}

fn read(text: &str) -> Result<Document> {
    let mut document = Document::default();
    let (mut docs, mut open, mut using) = (Vec::new(), Vec::new(), false);
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if using || line.starts_with("use ") {
            // Names from elsewhere in the same file.
            using = !line.ends_with(';');
        } else if let Some(words) = line.strip_prefix("///") {
            docs.push(words.trim().to_owned());
        } else if let Some(package) = line.strip_prefix("package ") {
            document.package = package.trim_end_matches(';').to_owned();
            document.docs = std::mem::take(&mut docs);
        } else if let Some((kind, name)) = line.strip_suffix(" {").and_then(|block| block.split_once(' ')) {
            open.push(document.blocks.len());
            let (kind, name) = (kind.to_owned(), name.to_owned());
            document.blocks.push(Block { kind, name, docs: std::mem::take(&mut docs), items: Vec::new() });
        } else if line == "}" {
            open.pop().with_context(|| format!("line {}: nothing is open", at + 1))?;
        } else if let Some((name, form)) =
            line.strip_prefix("type ").and_then(|it| it.trim_end_matches(';').split_once(" = "))
        {
            let item = Item { name: String::new(), form: form.into(), docs: Vec::new() };
            let docs = std::mem::take(&mut docs);
            document.blocks.push(Block { kind: "type".into(), name: name.into(), docs, items: vec![item] });
        } else if !line.is_empty() {
            let block = open.last().and_then(|at: &usize| document.blocks.get_mut(*at));
            let item = item(line, std::mem::take(&mut docs));
            let (Some(block), Some(item)) = (block, item) else { bail!("line {}: `{line}` can't be placed", at + 1) };
            block.items.push(item);
        }
    }
    Ok(document)
}

/// `name: form,`, `name(form),`, `name,`, `import name;`.
fn item(line: &str, docs: Vec<String>) -> Option<Item> {
    let line = line.strip_suffix([',', ';'])?;
    let of = |name: &str, form: &str| Some(Item { name: name.into(), form: form.into(), docs });
    if let Some((word @ ("import" | "export"), name)) = line.split_once(' ') {
        return of(name, word);
    }
    if let Some((name, form)) = line.split_once(": ") {
        return of(name, form);
    }
    match line.split_once('(') {
        Some((name, form)) => of(name, form.strip_suffix(')')?),
        None => of(line, ""),
    }
}

impl Document {
    fn page(&self, path: &str) -> Result<String> {
        let mut page = format!("# {}\n\n", self.package);
        writeln!(page, "Made of [`{path}`](../../{path}), which counts, by `cargo xtask contract`.\n")?;
        paragraphs(&mut page, &self.docs)?;
        let (worlds, others): (Vec<_>, Vec<_>) = self.blocks.iter().partition(|block| block.kind == "world");
        for block in worlds {
            let names = |word: &str| {
                let of = block.items.iter().filter(|item| item.form == word);
                of.map(|item| format!("`{}`", item.name)).collect::<Vec<_>>().join(", ")
            };
            writeln!(
                page,
                "The world `{}` imports {}, and exports {}.\n",
                block.name,
                names("import"),
                names("export")
            )?;
        }
        for block in others {
            let level = if block.kind == "interface" { "##" } else { "###" };
            writeln!(page, "{level} {} `{}`\n", block.kind, block.name)?;
            paragraphs(&mut page, &block.docs)?;
            self.items(&mut page, block)?;
        }
        Ok(page.trim_end().to_owned() + "\n")
    }

    fn items(&self, page: &mut String, block: &Block) -> Result<()> {
        let (functions, others): (Vec<_>, Vec<_>) = block.items.iter().partition(|item| item.form.starts_with("func("));
        if block.kind == "type" {
            for item in &others {
                writeln!(page, "{}\n", self.linked(&item.form))?;
            }
        } else if !others.is_empty() {
            let (what, form) = if block.kind == "record" { ("field", "type") } else { ("case", "carries") };
            writeln!(page, "| {what} | {form} | |\n|---|---|---|")?;
            for item in others {
                let docs = item.docs.join(" ").replace('|', "\\|");
                writeln!(page, "| `{}` | {} | {docs} |", item.name, self.linked(&item.form))?;
            }
            page.push('\n');
        }
        for item in functions {
            writeln!(page, "#### `{}`\n", item.name)?;
            writeln!(page, "{}\n", self.linked(&item.form))?;
            paragraphs(page, &item.docs)?;
        }
        Ok(())
    }

    /// A type or signature with ways to the types of this page that it names.
    fn linked(&self, form: &str) -> String {
        if form.is_empty() {
            return String::new();
        }
        let named = |block: &&Block| {
            let mut words = form.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            block.kind != "interface" && block.kind != "world" && words.any(|word| word == block.name)
        };
        let links: Vec<String> = self
            .blocks
            .iter()
            .filter(named)
            .map(|block| format!("[{}](#{}-{})", block.name, block.kind, block.name))
            .collect();
        let links = if links.is_empty() { String::new() } else { format!(" ({})", links.join(", ")) };
        format!("`{form}`{links}")
    }
}

/// Doc lines as paragraphs and lists, as they are.
fn paragraphs(page: &mut String, docs: &[String]) -> Result<()> {
    for line in docs {
        writeln!(page, "{line}")?;
    }
    if !docs.is_empty() {
        page.push('\n');
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIT: &str = "/// The tea contract: how strong?\n///\n/// More.\npackage cordboard:tea@0.1.0;\n\ninterface types {\n    \
                       /// A cup.\n    record cup {\n        /// In ml | or so.\n        size: u32,\n        of: list<leaf>,\n    }\n\n    \
                       variant leaf {\n        green,\n        /// Named.\n        other(string),\n    }\n    type cups = list<cup>;\n}\n\n\
                       interface guest {\n    use types.{\n        cup, cups,\n    };\n    /// Pours.\n    pour: func(cup: cup) -> \
                       result<cups, string>;\n}\n\nworld tea {\n    import types;\n    export guest;\n}\n";

    #[test]
    fn a_page_has_all_there_is() {
        let pages = pages(&[("wit/tea/0.1.0/tea.wit".into(), WIT.into())]).unwrap();
        let page = &pages["docs/contract/tea-0.1.0.md"];
        for part in [
            "# cordboard:tea@0.1.0\n",
            "The tea contract: how strong?\n\nMore.\n",
            "The world `tea` imports `types`, and exports `guest`.",
            "### record `cup`\n\nA cup.\n",
            "| `size` | `u32` | In ml \\| or so. |\n| `of` | `list<leaf>` ([leaf](#variant-leaf)) |  |",
            "| `green` |  |  |\n| `other` | `string` | Named. |",
            "### type `cups`\n\n`list<cup>` ([cup](#record-cup))",
            "#### `pour`\n\n`func(cup: cup) -> result<cups, string>` ([cup](#record-cup), [cups](#type-cups))\n\nPours.\n",
        ] {
            assert!(page.contains(part), "{part}\n---\n{page}");
        }
        assert!(pages["docs/contract/README.md"].contains("| [`cordboard:tea@0.1.0`](tea-0.1.0.md) | how strong? |"));
    }

    #[test]
    fn what_cannot_be_placed_is_an_error() {
        for wit in ["a: u32,", "interface a {\n    what is this\n}", "}"] {
            assert!(pages(&[("a.wit".into(), wit.into())]).is_err(), "{wit}");
        }
    }
}
