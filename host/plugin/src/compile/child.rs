//! The compiler's side: a process of its own that takes one order, gives one answer, and ends.

use super::Fingerprint;
use super::lines::lines;
use super::order::{Order, Task, places_of, write_answer};
use crate::engine::compile_settings;
use crate::guest::shortened;
use crate::verify::validate;
use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
use std::io::{Read, Write};
use std::process::ExitCode;
use wasmtime::Engine;

/// The component can't be compiled; why is on standard error.
pub(crate) const REFUSED: u8 = 2;
/// The component isn't valid; why is on standard error.
pub(crate) const MALFORMED: u8 = 4;
/// The order can't be carried out, whatever the component; why is on standard error.
pub(crate) const AT_FAULT: u8 = 3;

/// Bytes of what goes to standard error.
const MAX_WORDS_BYTES: usize = 4096;
/// Address space that a thread takes without filling it: its allocator's arena, and its stack.
const RESERVED_PER_THREAD_BYTES: u64 = 160 << 20;
/// Its three streams, and what the runtime reads about the machine.
const MAX_FILES: u64 = 32;
const MAX_THREADS: u64 = 256;

/// Checks or compiles one component: what [`Compiler::Child`](crate::Compiler::Child) starts has to call this first,
/// with its standard input and output, and end with what it gives. It lowers its own priority, limits its own CPU time,
/// memory and files, and ends at once when its input is closed: whoever ordered is gone, killed or not.
///
/// Nothing else may be running in the process: its limits are the process's.
pub fn compile_child(mut order: impl Read + Send + 'static, mut answer: impl Write) -> ExitCode {
    let (code, words) = match take(&mut order) {
        Ok(taken) => {
            end_with_the_host(order);
            match taken.threads.install(|| carry_out(&taken)) {
                Ok(artefact) => match write_answer(&mut answer, &artefact) {
                    Ok(()) => return ExitCode::SUCCESS,
                    Err(error) => (AT_FAULT, format!("the artefact can't be handed over: {error}")),
                },
                Err(refused) => refused,
            }
        }
        Err(words) => (AT_FAULT, words),
    };
    let line = words.replace(['\n', '\r'], " ");
    // Nobody may be left to read it.
    let _ = writeln!(std::io::stderr(), "{}", shortened(&line, MAX_WORDS_BYTES));
    ExitCode::from(code)
}

/// An order that can be carried out.
struct Taken {
    task: Task,
    component: Vec<u8>,
    engine: Engine,
    threads: rayon::ThreadPool,
}

/// Valid before it is compiled: what validation refuses is the author's, what the compiler refuses may be ours.
fn carry_out(taken: &Taken) -> Result<Vec<u8>, (u8, String)> {
    let sound = || validate(&taken.component).map_err(|why| (MALFORMED, why));
    match taken.task {
        Task::Validate => sound().map(|()| Vec::new()),
        Task::Lines => {
            let (places, component) = places_of(&taken.component).ok_or((AT_FAULT, "no places".to_owned()))?;
            serde_json::to_vec(&lines(component, &places)).map_err(|error| (AT_FAULT, error.to_string()))
        }
        Task::Compile => {
            sound()?;
            let compiled = taken.engine.precompile_component(&taken.component);
            compiled.map_err(|error| (REFUSED, format!("{error:#}")))
        }
    }
}

/// Takes the order, and prepares for it.
fn take(order: &mut impl Read) -> Result<Taken, String> {
    let head = Order::read(order).map_err(|error| error.to_string())?;
    let number_of_threads = head.threads.clamp(1, MAX_THREADS);
    limit(&head, number_of_threads).map_err(|error| format!("the compiler can't limit itself: {error}"))?;
    let engine = Engine::new(&compile_settings()).map_err(|error| format!("{error:#}"))?;
    if Fingerprint::of(&engine) != head.fingerprint {
        return Err("the compiler is of another build than the host".into());
    }
    let mut component = Vec::new();
    let got = order.take(head.component_bytes).read_to_end(&mut component).map_err(|error| error.to_string())?;
    if got as u64 != head.component_bytes {
        return Err("the component ended early".into());
    }
    let threads = rayon::ThreadPoolBuilder::new().num_threads(usize::try_from(number_of_threads).unwrap_or(1)).build();
    Ok(Taken { task: head.task, component, engine, threads: threads.map_err(|error| error.to_string())? })
}

fn limit(order: &Order, threads: u64) -> rustix::io::Result<()> {
    nice(10)?;
    // Where memory is short, this is what goes, and not the host. A wish: it may be refused.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let reserved = order.memory_bytes.saturating_add(threads.saturating_mul(RESERVED_PER_THREAD_BYTES));
    let limits = [
        // A second more before it is killed without a word.
        (Resource::Cpu, order.cpu_s, order.cpu_s.saturating_add(1)),
        (Resource::Data, order.memory_bytes, order.memory_bytes),
        (Resource::As, reserved, reserved),
        (Resource::Nofile, MAX_FILES, MAX_FILES),
        // It writes to its host and nowhere else.
        (Resource::Fsize, 0, 0),
        (Resource::Core, 0, 0),
    ];
    limits.into_iter().try_for_each(|(resource, current, maximum)| {
        // What the host itself is limited to can't be raised.
        let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        setrlimit(resource, Rlimit { current: Some(current.min(most)), maximum: Some(maximum.min(most)) })
    })
}

/// Ends the process when its input is closed. The kernel's signal at a parent's death wouldn't do: it comes when the
/// *thread* ends that started the child, and threads of an async runtime come and go.
fn end_with_the_host(mut order: impl Read + Send + 'static) {
    std::thread::spawn(move || {
        let mut byte = [0];
        // Nothing more is ever sent: whatever comes is the end.
        let _ = order.read(&mut byte);
        std::process::exit(i32::from(AT_FAULT));
    });
}
