//! A registry for components: the distribution project's own program, as Debian packages it.

use anyhow::{Context as _, Result, ensure};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to be ready.
const READY: Duration = Duration::from_secs(60);

/// A running `docker-registry`, with its data in a folder. It ends with its owner.
pub struct Registry {
    child: Child,
    address: String,
    data: PathBuf,
}

impl Registry {
    /// Starts one on a free port of this machine, and waits until it is ready. With a line of `htpasswd` (bcrypt) it lets only
    /// that user in.
    ///
    /// # Errors
    /// It can't start.
    pub fn start(folder: &Path, htpasswd: Option<&str>) -> Result<Self> {
        let (data, log) = (folder.join("data"), folder.join("registry.log"));
        let mut config = format!(
            "version: 0.1\nlog: {{level: info}}\nhttp: {{addr: \"127.0.0.1:0\"}}\n\
             storage: {{filesystem: {{rootdirectory: {data:?}}}}}\n"
        );
        if let Some(line) = htpasswd {
            let file = folder.join("htpasswd");
            std::fs::write(&file, format!("{line}\n"))?;
            config += &format!("auth: {{htpasswd: {{realm: trial, path: {file:?}}}}}\n");
        }
        let file = folder.join("registry.yml");
        std::fs::write(&file, config)?;
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("docker-registry can't be started: Debian's package of that name has it")?;
        let mut registry = Self { child, address: String::new(), data };
        let until = Instant::now() + READY;
        while registry.address.is_empty() {
            let text = std::fs::read_to_string(&log)?;
            let line = text.lines().find_map(|line| line.split_once("listening on "));
            registry.address = line.and_then(|(_, rest)| rest.split(['"', ' ']).next()).unwrap_or_default().to_owned();
            ensure!(Instant::now() < until, "docker-registry is not ready; its log:\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(registry)
    }

    /// Where it listens: `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The file that keeps a blob, by its 64 hex digits.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let start = digest.get(..2).unwrap_or_default();
        self.data.join("docker/registry/v2/blobs/sha256").join(start).join(digest).join("data")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
