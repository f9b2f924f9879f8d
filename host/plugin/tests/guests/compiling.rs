//! Components are compiled in a child process, and never twice.

use crate::common::{Run, agreeable, host_with, spec, start, until, version};
use crate::hostile_components::bomb;
use cordboard_core::flow::{FlowEnd, RunEnd};
use cordboard_plugin::{Compiler, LoadError, LoadSpec, LoadedInfo, PluginConfig, PluginHost};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The real compiler, in a process of its own.
fn child() -> Compiler {
    Compiler::Child { program: env!("CARGO_BIN_EXE_cordboard-compile").into(), args: Vec::new() }
}

/// One that only fails.
fn broken() -> Compiler {
    shell("echo no compiler here >&2; exit 9")
}

fn shell(script: &str) -> Compiler {
    Compiler::Child { program: "/bin/sh".into(), args: vec!["-c".into(), script.into()] }
}

fn host(compiler: Compiler, folder: Option<&Path>) -> PluginHost {
    let folder = folder.map(Path::to_owned);
    host_with(|settings: &mut PluginConfig| (settings.compiler, settings.artefact_dir) = (compiler, folder))
}

async fn load(host: &PluginHost, guest: &str) -> Result<LoadedInfo, LoadError> {
    host.load(version(guest), spec(guest, &[])).await
}

async fn works(host: &PluginHost) {
    let ran = Run::new(host, version("probe-flow"), start("3", 1)).finish(agreeable).await;
    assert_eq!((ran.end, ran.requests.len()), (RunEnd::Returned(FlowEnd::Completed), 3));
}

fn artefacts(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "cwasm")).collect()
}

#[tokio::test]
async fn what_the_child_compiled_runs() {
    let host = host(child(), None);
    let info = load(&host, "probe-flow").await.unwrap();
    assert!(!info.from_cache);
    works(&host).await;
    load(&host, "probe-scorer").await.unwrap();
    load(&host, "probe-crm").await.unwrap();
}

#[tokio::test]
async fn after_a_restart_nothing_compiles_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = host(child(), Some(folder.path()));
    assert!(!load(&first, "probe-flow").await.unwrap().from_cache);
    assert!(!load(&first, "reception").await.unwrap().from_cache);
    // The same component with another configuration is another version, and the same code.
    let greeter = first.load(version("greeter"), spec("probe-flow", &[("greeting", "hello")])).await.unwrap();
    assert!(greeter.from_cache);
    drop(first);
    let second = host(broken(), Some(folder.path()));
    for guest in ["probe-flow", "reception"] {
        assert!(load(&second, guest).await.unwrap().from_cache, "{guest}");
    }
    works(&second).await;
    assert!(matches!(load(&second, "probe-crm").await, Err(LoadError::CompilerDied(_))), "that one is new");
}

#[tokio::test]
async fn an_artefact_that_is_not_what_this_host_made_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let make = || host(child(), Some(folder.path()));
    assert!(!load(&make(), "probe-flow").await.unwrap().from_cache);
    let path = artefacts(folder.path()).pop().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut tampered = whole.clone();
    *tampered.last_mut().unwrap() ^= 1;
    let other = tempfile::tempdir().unwrap();
    assert!(!load(&host(child(), Some(other.path())), "probe-flow").await.unwrap().from_cache);
    let foreign = std::fs::read(artefacts(other.path()).pop().unwrap()).unwrap();
    let bare = whole[104..].to_vec();
    for (what, body) in [
        ("tampered", tampered),
        ("truncated", whole[..whole.len() / 2].to_vec()),
        ("another host's", foreign),
        ("without its head", bare),
        ("empty", Vec::new()),
    ] {
        std::fs::write(&path, &body).unwrap();
        let host = make();
        assert!(!load(&host, "probe-flow").await.unwrap().from_cache, "{what}");
        works(&host).await;
        assert!(load(&make(), "probe-flow").await.unwrap().from_cache, "{what}: it took its place");
    }
    std::fs::remove_file(folder.path().join("key")).unwrap();
    assert!(!load(&make(), "probe-flow").await.unwrap().from_cache, "the key is another one");
}

#[tokio::test]
async fn without_a_place_to_keep_them_components_still_load() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let host = host(child(), Some(&file));
    assert!(!load(&host, "probe-flow").await.unwrap().from_cache);
    works(&host).await;
}

#[tokio::test]
async fn what_a_compiler_may_do_has_bounds_and_each_has_its_error() {
    let timeout = host_with(|settings| {
        (settings.compiler, settings.compile_timeout_ms) = (shell("exec sleep 1000"), 50);
    });
    assert!(matches!(load(&timeout, "probe-flow").await, Err(LoadError::CompileTimeout { after_ms: 50 })));
    // The turn is free again.
    assert!(matches!(load(&timeout, "probe-crm").await, Err(LoadError::CompileTimeout { .. })));
    assert!(matches!(load(&host(shell("exec yes"), None), "probe-flow").await, Err(LoadError::CompileLimit("room"))));
    assert!(matches!(load(&host(broken(), None), "probe-flow").await, Err(LoadError::CompilerDied(_))));
    // Native code of another program, in the right frame.
    let framed = r"printf 'cbartf01\000\000\000\000\000\000\000\004\177ELF'";
    assert!(matches!(load(&host(shell(framed), None), "probe-flow").await, Err(LoadError::CompilerAnswer(_))));
    let nowhere = Compiler::Child { program: "/nowhere/cordboard".into(), args: Vec::new() };
    assert!(matches!(load(&host(nowhere, None), "probe-flow").await, Err(LoadError::CompilerStart(_))));
}

#[tokio::test]
async fn a_load_nobody_waits_for_any_more_leaves_no_compiler_behind() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let host = host(shell(&format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000", pid.display())), None);
    let waiting = tokio::spawn({
        let host = host.clone();
        async move { load(&host, "probe-flow").await.map(drop) }
    });
    until("the compiler runs", || pid.exists()).await;
    waiting.abort();
    let number = std::fs::read_to_string(&pid).unwrap();
    let gone = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", number.trim())).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    };
    until("the compiler is gone", gone).await;
}

/// The order that a host sends before a component that takes minutes to compile: 80 bytes.
async fn order() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("order");
    let host = host(shell(&format!("head -c 80 > {0}.new; mv {0}.new {0}", path.display())), None);
    let spec = LoadSpec { component: bomb().into(), ..spec("probe-flow", &[]) };
    assert!(host.load(version("bomb"), spec).await.is_err());
    std::fs::read(path).unwrap()
}

/// The compiler with that order, and its component.
fn compiling(order: &[u8]) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cordboard-compile"));
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // One that ends before it has all is as good.
    let _ = child.stdin.as_mut().unwrap().write_all(&[order, &bomb()].concat());
    child
}

/// Its exit code, or the signal that ended it, once it has ended.
async fn ended(mut child: Child) -> (Option<i32>, Option<i32>) {
    let status = std::cell::Cell::new(None);
    let child = std::cell::RefCell::new(&mut child);
    until("the compiler has ended", || {
        status.set(child.borrow_mut().try_wait().unwrap());
        status.get().is_some()
    })
    .await;
    let status = status.get().unwrap();
    (status.code(), status.signal())
}

#[tokio::test]
async fn a_compiler_whose_host_is_gone_ends_although_it_is_not_done() {
    let mut child = compiling(&order().await);
    let proc = PathBuf::from(format!("/proc/{}", child.id()));
    let read = |file: &str| std::fs::read_to_string(proc.join(file)).unwrap();
    // It is at work, and as it should be: of low priority, within its limits, with half the processors.
    until("it compiles", || read("limits").lines().any(|line| line.starts_with("Max core file size        0 "))).await;
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    until("its threads are there", || std::fs::read_dir(proc.join("task")).unwrap().count() >= 3).await;
    assert!(std::fs::read_dir(proc.join("task")).unwrap().count() <= 2 + (processors / 2).max(1));
    let stat = read("stat");
    let nice: i32 = stat.rsplit(") ").next().unwrap().split(' ').nth(16).unwrap().parse().unwrap();
    assert!(nice >= 10, "{stat}");
    assert!(read("limits").lines().any(|line| line.starts_with("Max data size             4294967296 ")));
    // Whatever ends the host, a kill as well, closes this.
    drop(child.stdin.take());
    assert_eq!(ended(child).await, (Some(3), None));
}

#[tokio::test]
async fn a_compiler_that_needs_too_much_is_ended_by_the_kernel() {
    let mut order = order().await;
    order[48..56].copy_from_slice(&1_u64.to_be_bytes());
    assert_eq!(ended(compiling(&order)).await, (None, Some(24)), "SIGXCPU");
    order[48..56].copy_from_slice(&600_u64.to_be_bytes());
    order[56..64].copy_from_slice(&(16_u64 << 20).to_be_bytes());
    let mut child = compiling(&order);
    let mut words = child.stderr.take().unwrap();
    assert_eq!(ended(child).await, (None, Some(6)), "SIGABRT");
    let words = std::io::read_to_string(&mut words).unwrap();
    assert!(words.contains("memory allocation of"), "{words}");
}

#[tokio::test]
async fn a_compiler_refuses_what_is_no_order_of_its_host() {
    let order = order().await;
    let foreign = [&order[..8], &[0; 32], &order[40..]].concat();
    for (what, order) in [("nothing", &[][..]), ("half an order", &order[..50]), ("another build's", &foreign)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cordboard-compile"));
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(order).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{what}");
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(words.lines().count(), 1, "{what}: {words}");
    }
}
