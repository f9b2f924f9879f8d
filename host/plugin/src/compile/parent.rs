//! The host's side: starts the compiler, hands it a component, and never waits for it beyond its deadline.

use super::child::{MALFORMED, REFUSED};
use super::order::{ANSWER_HEAD_BYTES, Order, artefact};
use crate::error::{LoadError, UploadError};
use crate::guest::shortened;
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// Bytes of what a compiler says that are passed on.
const MAX_WORDS_BYTES: usize = 4096;
/// What the allocator says when the memory limit is met.
const OUT_OF_MEMORY: &str = "memory allocation of";

/// Where a compilation has to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) timeout: Duration,
    pub(crate) artefact_bytes: usize,
}

/// Has an order carried out in a child process. It is killed when its time is over, when it says more than it may, and
/// when this future is dropped.
pub(crate) async fn compile(
    program: &Path,
    args: &[String],
    order: Order,
    component: &[u8],
    bounds: Bounds,
) -> Result<Vec<u8>, LoadError> {
    let mut child = Command::new(program)
        .args(args)
        // Nothing of the host's: no environment, no folder, no file (all of ours are closed on exec), no terminal's
        // signals.
        .env_clear()
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(LoadError::CompilerStart)?;
    let exchanged = tokio::time::timeout(bounds.timeout, exchange(&mut child, order, component, bounds)).await;
    let Ok(Ok((status, answer, words))) = exchanged else {
        // Gone before anything else is started. That it can't be killed any more means that it is gone already.
        let _ = child.kill().await;
        return Err(match exchanged {
            Ok(Err(error)) => error,
            _ => LoadError::CompileTimeout { after_ms: bounds.timeout.as_millis() },
        });
    };
    if !status.success() {
        return Err(failure(status, &words));
    }
    artefact(answer).ok_or_else(|| LoadError::CompilerAnswer("it isn't an artefact".into()))
}

async fn exchange(
    child: &mut Child,
    order: Order,
    component: &[u8],
    bounds: Bounds,
) -> Result<(ExitStatus, Vec<u8>, String), LoadError> {
    let unusable = |error: std::io::Error| LoadError::CompilerAnswer(error.to_string());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(LoadError::CompilerAnswer("its streams are gone".into()));
    };
    let send = async {
        // A compiler that doesn't listen to the end has its reasons: they come with its words or its status.
        let sent = async {
            stdin.write_all(&order.head()).await?;
            stdin.write_all(component).await
        };
        let _ = sent.await;
    };
    let max_bytes = bounds.artefact_bytes.saturating_add(ANSWER_HEAD_BYTES);
    let answer = async {
        match read(stdout, max_bytes + 1).await {
            Ok(answer) if answer.len() > max_bytes => Err(LoadError::CompileLimit("room")),
            Ok(answer) => Ok(answer),
            Err(error) => Err(unusable(error)),
        }
    };
    let words = async { read(stderr, MAX_WORDS_BYTES).await.map_err(unusable) };
    // Its input stays open until here: closed, it is the sign that the host is gone.
    let ((), answer, words) = tokio::try_join!(
        async {
            send.await;
            Ok(())
        },
        answer,
        words
    )?;
    let status = child.wait().await.map_err(unusable)?;
    drop(stdin);
    Ok((status, answer, String::from_utf8_lossy(&words).into_owned()))
}

async fn read(from: impl AsyncRead + Unpin, max_bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(max_bytes as u64).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// Why it ended without an artefact.
fn failure(status: ExitStatus, words: &str) -> LoadError {
    let words = shortened(words.trim(), MAX_WORDS_BYTES);
    let signal = |signal: Signal| status.signal() == Some(signal.as_raw());
    if status.code() == Some(i32::from(REFUSED)) {
        return LoadError::Compile(words);
    }
    if status.code() == Some(i32::from(MALFORMED)) {
        return LoadError::Refused(UploadError::Malformed(words));
    }
    if signal(Signal::XCPU) {
        return LoadError::CompileLimit("CPU time");
    }
    if signal(Signal::ABORT) && words.contains(OUT_OF_MEMORY) {
        return LoadError::CompileLimit("memory");
    }
    LoadError::CompilerDied(if words.is_empty() { status.to_string() } else { format!("{status}: {words}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::{Fingerprint, Task};
    use std::time::Instant;

    /// What a shell that takes the compiler's place comes to.
    async fn shell(script: &str, timeout_ms: u64) -> Result<Vec<u8>, LoadError> {
        let component = vec![0; 300_000];
        let order = Order {
            task: Task::Compile,
            fingerprint: Fingerprint([0; 32]),
            cpu_s: 1,
            memory_bytes: 0,
            threads: 1,
            component_bytes: component.len() as u64,
        };
        let bounds = Bounds { timeout: Duration::from_millis(timeout_ms), artefact_bytes: 100_000 };
        compile(Path::new("/bin/sh"), &["-c".into(), script.into()], order, &component, bounds).await
    }

    /// What it comes to when it has all the time it wants.
    async fn failed(script: &str) -> LoadError {
        shell(script, 60_000).await.expect_err(script)
    }

    fn alive(pid: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        // A zombie is dead.
        stat.rsplit(") ").next().is_some_and(|state| !state.is_empty() && !state.starts_with('Z'))
    }

    async fn until(so: impl Fn() -> bool) {
        let wait = async {
            while !so() {
                tokio::time::sleep(Duration::from_millis(2)).await
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap();
    }

    #[tokio::test]
    async fn one_that_dies_says_how() {
        assert!(matches!(failed("exit 7").await, LoadError::CompilerDied(how) if how.contains('7')));
        let died = failed("echo stack overflow >&2; kill -SEGV $$").await;
        assert!(matches!(died, LoadError::CompilerDied(how) if how.contains("stack overflow") && how.contains("11")));
        assert!(matches!(failed("kill -KILL $$").await, LoadError::CompilerDied(_)));
        assert!(matches!(failed("kill -XCPU $$").await, LoadError::CompileLimit("CPU time")));
        let hog = "echo memory allocation of 9 bytes failed >&2; kill -ABRT $$";
        assert!(matches!(failed(hog).await, LoadError::CompileLimit("memory")));
    }

    #[tokio::test]
    async fn one_that_refuses_is_quoted_in_bounds() {
        assert!(matches!(failed("echo too deep >&2; exit 2").await, LoadError::Compile(why) if why == "too deep"));
        let malformed = failed("echo bad section >&2; exit 4").await;
        assert!(matches!(malformed, LoadError::Refused(UploadError::Malformed(why)) if why == "bad section"));
        let flood = failed("yes 'it is bad' | head -c 1000000 >&2; exit 2").await;
        assert!(matches!(flood, LoadError::Compile(why) if why.len() <= MAX_WORDS_BYTES && why.contains("bad")));
    }

    #[tokio::test]
    async fn one_that_says_what_is_no_artefact_is_not_believed() {
        for script in ["true", "echo hello", "cat /bin/sh | head -c 90000", "printf cbartf01", "exec cat | head -c 200"]
        {
            assert!(matches!(failed(script).await, LoadError::CompilerAnswer(_)), "{script}");
        }
        // An artefact, as far as its frame goes: that is all which is looked at here.
        let framed = shell(r"printf 'cbartf01\000\000\000\000\000\000\000\003abc'", 60_000).await;
        assert_eq!(framed.unwrap(), b"abc");
    }

    #[tokio::test]
    async fn one_that_says_too_much_is_killed() {
        assert!(matches!(failed("exec yes").await, LoadError::CompileLimit("room")));
    }

    #[tokio::test]
    async fn one_that_takes_too_long_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let script = format!("echo $$ > {}; exec sleep 1000", pid.display());
        let began = Instant::now();
        let error = shell(&script, 300).await.unwrap_err();
        assert!(matches!(error, LoadError::CompileTimeout { after_ms: 300 }), "{error}");
        assert!(began.elapsed() < Duration::from_secs(30));
        assert!(!alive(&std::fs::read_to_string(&pid).unwrap()));
    }

    #[tokio::test]
    async fn one_nobody_waits_for_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let script = format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000", pid.display());
        let compiling = tokio::spawn(async move { shell(&script, 60_000).await });
        until(|| pid.exists()).await;
        let number = std::fs::read_to_string(&pid).unwrap();
        assert!(alive(&number));
        compiling.abort();
        until(|| !alive(&number)).await;
    }

    #[tokio::test]
    async fn it_gets_nothing_of_the_hosts() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let LoadError::Compile(found) = failed("env >&2; ls -l /proc/$$/fd >&2; pwd >&2; exit 2").await else {
            panic!()
        };
        assert!(!found.contains(&file.path().display().to_string()), "{found}");
        assert!(found.contains("pipe:") && found.ends_with("\n/"), "{found}");
        let environment: Vec<&str> = found.lines().take_while(|line| !line.starts_with("total")).collect();
        // What a shell sets by itself.
        let own = |line: &&str| ["PWD=", "OLDPWD=", "SHLVL=", "_="].iter().any(|own| line.starts_with(own));
        assert!(environment.iter().all(own), "{found}");
    }

    #[tokio::test]
    async fn one_that_is_not_there_is_told() {
        let bounds = Bounds { timeout: Duration::from_secs(60), artefact_bytes: 1 };
        let order = Order {
            task: Task::Validate,
            fingerprint: Fingerprint([0; 32]),
            cpu_s: 1,
            memory_bytes: 0,
            threads: 1,
            component_bytes: 0,
        };
        let error = compile(Path::new("/nowhere/cordboard"), &[], order, b"", bounds).await.unwrap_err();
        assert!(matches!(error, LoadError::CompilerStart(_)), "{error}");
    }
}
