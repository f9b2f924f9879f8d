//! A guest that failed: how, and where in its program.

use super::port::{Parted, Unheard};
use crate::guest::{CpuSpent, Guest, StepDeadline, shortened};
use cordboard_core::flow::RunEnd;
use cordboard_core::note::StackFrame;
use wasmtime::component::ResourceTableError;
use wasmtime::{Store, WasmBacktrace, WasmCoreDump};

/// Text of a trap or an error that is passed on, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 8192;
/// A function's name, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// Whether the pool was exhausted.
pub(crate) fn no_room(error: &wasmtime::Error) -> bool {
    error.is::<wasmtime::PoolConcurrencyLimitError>()
}

/// What instantiation failed at: there was no room, or the guest's own start code failed.
pub(super) fn not_started<R: Send + 'static>(store: &Store<Guest<R>>, error: &wasmtime::Error) -> Option<RunEnd> {
    if no_room(error) {
        return Some(RunEnd::NoRoom(format!("no room for another instance: {error:#}")));
    }
    if store.data().limit_hit().is_some()
        || error.is::<StepDeadline>()
        || error.is::<CpuSpent>()
        || error.is::<wasmtime::Trap>()
    {
        return ended(store, error);
    }
    Some(RunEnd::NotStarted(shortened(&format!("{error:#}"), MAX_TEXT_BYTES)))
}

/// How a guest that failed ended. A limit is what it is called if one was hit: the trap that follows is its echo.
pub(super) fn ended<R: Send + 'static>(store: &Store<Guest<R>>, error: &wasmtime::Error) -> Option<RunEnd> {
    if error.is::<Unheard>() {
        return None;
    }
    if let Some(parted) = error.downcast_ref::<Parted>() {
        return Some(RunEnd::Diverged(parted.0.clone()));
    }
    Some(failure(store.data().limit_hit(), error))
}

/// The same for any world.
pub(crate) fn failure(limit_hit: Option<&str>, error: &wasmtime::Error) -> RunEnd {
    if error.is::<StepDeadline>() {
        return RunEnd::Deadline;
    }
    if let Some(spent) = error.downcast_ref::<CpuSpent>() {
        return RunEnd::Limit(spent.to_string());
    }
    if let Some(limit) = limit_hit {
        return RunEnd::Limit(limit.to_owned());
    }
    if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
        return RunEnd::Limit(format!("handles: {}", error.root_cause()));
    }
    // The engine keeps this error's type to itself; its version is pinned, and a test holds on to the text.
    if error.root_cause().to_string().contains("fuel allocated for hostcalls") {
        return RunEnd::Limit("bytes handed over in one host call: more than there may be".into());
    }
    let mut text = error.root_cause().to_string();
    for frame in stack(error) {
        text.push_str("\n  in ");
        text.push_str(&frame.function);
    }
    RunEnd::Trap(shortened(&text, MAX_TEXT_BYTES))
}

/// The calls that had not returned, the latest first: as many as the engine keeps, which is 20. Names only: what a guest
/// says of its lines is looked up elsewhere, where it can be stopped.
pub(super) fn stack(error: &wasmtime::Error) -> Vec<StackFrame> {
    let dump = || error.downcast_ref::<WasmCoreDump>().map(WasmCoreDump::frames);
    let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).or_else(dump);
    let frame = |frame: &wasmtime::FrameInfo| StackFrame {
        function: match frame.func_name() {
            Some(name) => shortened(&format!("{:#}", rustc_demangle::demangle(name)), MAX_NAME_BYTES),
            None => format!("function {}", frame.func_index()),
        },
        offset: frame.module_offset().map(|offset| offset as u64),
        lines: Vec::new(),
    };
    frames.unwrap_or_default().iter().map(frame).collect()
}

/// The guest as it was when it failed, in the standard form of wasm core dumps; none if it failed outside its program.
pub(super) fn core_dump<R: Send + 'static>(store: &mut Store<Guest<R>>, error: &wasmtime::Error) -> Option<Vec<u8>> {
    error.downcast_ref::<WasmCoreDump>().map(|dump| dump.serialize(store, "flow"))
}
