//! Someone who types commands.

use crate::centre::Centre;
use crate::process::binary;
use anyhow::{Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Someone at a terminal: a folder of their own, and nothing in the environment but which host is meant and who they are.
pub struct Terminal<'c> {
    home: TempDir,
    centre: &'c Centre,
}

impl<'c> Terminal<'c> {
    /// Someone with an empty folder, whose login name is `tester`.
    ///
    /// # Errors
    /// There is no room for the folder.
    pub fn new(centre: &'c Centre) -> Result<Self> {
        Ok(Self { home: TempDir::new()?, centre })
    }

    /// Their folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The program with these words, not started yet.
    ///
    /// # Errors
    /// The program isn't built.
    pub fn command(&self, words: &[&str]) -> Result<Command> {
        let mut command = Command::new(binary("cordboard")?);
        command.args(words).current_dir(self.home.path()).stdin(Stdio::null());
        // Tools that were fetched are found where they are, a client.toml of whoever tests isn't.
        command.env_remove("CORDBOARD_TOKEN").env("XDG_CONFIG_HOME", self.home.path());
        command.env_remove("CORDBOARD_OPERATOR").env("USER", "tester");
        command.env("CORDBOARD_HOST", self.centre.host.admin());
        command.env("CORDBOARD_TOKEN_FILE", self.centre.data().join("admin-token"));
        Ok(command)
    }

    /// What it said, and its exit code.
    ///
    /// # Errors
    /// It can't be started, or shows the token.
    pub fn types(&self, words: &[&str]) -> Result<(i32, String)> {
        let output = self.command(words)?.output()?;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(!text.contains(self.centre.host.token()), "the token is shown: {text}");
        Ok((output.status.code().unwrap_or(-1), text))
    }

    /// What it said, where it ends with this code and says all of this.
    ///
    /// # Errors
    /// It doesn't.
    pub fn ends(&self, words: &[&str], code: i32, says: &[&str]) -> Result<String> {
        let (ended, text) = self.types(words)?;
        let found = says.iter().all(|part| text.contains(part));
        ensure!(ended == code && found, "{words:?}: {ended}, not {code} {says:?}: {text}");
        Ok(text)
    }

    /// What it said, where it succeeds and says all of this.
    ///
    /// # Errors
    /// It doesn't.
    pub fn done(&self, words: &[&str], says: &[&str]) -> Result<String> {
        self.ends(words, 0, says)
    }

    /// Where it fails, saying all of this and what to do next.
    ///
    /// # Errors
    /// It doesn't.
    pub fn fails(&self, words: &[&str], says: &[&str]) -> Result<()> {
        let text = self.ends(words, 1, says)?;
        ensure!(text.contains("\nnext: "), "{words:?} doesn't say what to do next: {text}");
        Ok(())
    }
}
