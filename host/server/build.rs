//! Makes a table of the recorded phrases, so that the program speaks without any file beside it.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../prompts/en").canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let index: toml::Table = fs::read_to_string(folder.join("index.toml"))?.parse()?;
    let phrases = index.get("phrases").and_then(toml::Value::as_table).ok_or("index.toml has no [phrases]")?;
    let mut table = String::from(
        "/// Name, phrase, WAV of every recording that is part of the program.\nstatic RECORDED_PHRASES: &[(&str, &str, &[u8])] = &[\n",
    );
    for (phrase, file) in phrases {
        let file = file.as_str().ok_or("index.toml: a file name is no string")?;
        let name = file.trim_end_matches(".wav");
        writeln!(table, "    ({name:?}, {phrase:?}, include_bytes!({:?})),", folder.join(file))?;
    }
    table.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("recorded_phrases.rs"), table)?;
    Ok(())
}
