//! Behaviours beneath the generated bindings: what no binding would ever do to its host.

use crate::bindings::cordboard::flow::conversation::Contact;
use crate::bindings::cordboard::flow::types::EndReason;
use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

#[link(wasm_import_module = "cordboard:flow/conversation@0.1.0")]
unsafe extern "C" {
    #[link_name = "[method]contact.attribute"]
    fn attribute(contact: u32, name: usize, bytes: usize, result: *mut u64);
    #[link_name = "[method]contact.say"]
    fn say(contact: u32, parts: usize, count: usize, result: *mut u64);
    #[link_name = "[method]contact.choose"]
    fn choose(contact: u32, name: usize, bytes: usize, weights: usize, count: usize, result: *mut u64);
    #[link_name = "[method]waiting.wait"]
    fn wait(place: u32, timeout_ms: u32, result: *mut u64);
    #[link_name = "[resource-drop]contact"]
    fn drop_contact(contact: u32);
    #[link_name = "[resource-drop]waiting"]
    fn drop_waiting(place: u32);
}

unsafe extern "C" {
    /// The C library's.
    fn socket(domain: i32, kind: i32, protocol: i32) -> i32;
}

/// What the host asks the guest for memory with does this from now on: 0 what it should, 1 memory that isn't there,
/// 2 trap, 3 call the host.
static REALLOC: AtomicU32 = AtomicU32::new(0);
/// Freeing this block does what `REALLOC` would.
static LAST: AtomicUsize = AtomicUsize::new(0);
static LAST_DOES: AtomicU32 = AtomicU32::new(0);
static CONTACT: AtomicU32 = AtomicU32::new(0);

struct Armed;

#[global_allocator]
static ALLOCATOR: Armed = Armed;

// SAFETY: it is the system's but for one block, at whose end the program does what it must not.
unsafe impl GlobalAlloc for Armed {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        #[allow(unsafe_code, reason = "the allocator's own contract")]
        unsafe {
            System.alloc(layout)
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if block as usize == LAST.load(Relaxed) {
            misbehave(LAST_DOES.load(Relaxed));
        }
        #[allow(unsafe_code, reason = "the allocator's own contract")]
        unsafe {
            System.dealloc(block, layout)
        }
    }
}

fn misbehave(how: u32) {
    match how {
        2 => core::arch::wasm32::unreachable(),
        3 => {
            let mut result = [0; 8];
            #[allow(unsafe_code, reason = "the arguments are sound; that the host may not be called here is the point")]
            unsafe {
                attribute(CONTACT.load(Relaxed), c"a".as_ptr() as usize, 1, result.as_mut_ptr())
            }
        }
        _ => {}
    }
}

/// Takes the place of the bindings' own, which is a weak symbol.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_bytes: usize, align: usize, bytes: usize) -> *mut u8 {
    match REALLOC.load(Relaxed) {
        0 => {}
        1 => return usize::MAX as *mut u8,
        how => misbehave(how),
    }
    let Ok(layout) = Layout::from_size_align(old_bytes, align) else { core::arch::wasm32::unreachable() };
    if bytes == 0 {
        return align as *mut u8;
    }
    #[allow(unsafe_code, reason = "the canonical ABI's own contract")]
    unsafe {
        if old_bytes > 0 {
            System.realloc(old, layout, bytes)
        } else {
            System.alloc(Layout::from_size_align_unchecked(bytes, align))
        }
    }
}

/// Goes as deep as the engine lets it, with nothing on its own stack; calls the host on the way if told to.
#[inline(never)]
fn deeper(depth: u64, contact: Option<&Contact>) -> u64 {
    static NEXT: fn(u64, Option<&Contact>) -> u64 = deeper;
    if let Some(contact) = contact {
        black_box(contact.id());
    }
    #[allow(unsafe_code, reason = "it reads a valid static; this keeps the compiler from making a loop of it")]
    let next = unsafe { std::ptr::read_volatile(&raw const NEXT) };
    next(depth + 1, contact).rotate_left(7) ^ depth
}

/// A text that does this when the host lets go of it.
fn last_words(does: u32) -> String {
    let text = String::from("last words").into_boxed_str().into_string();
    LAST_DOES.store(does, Relaxed);
    LAST.store(text.as_ptr() as usize, Relaxed);
    text
}

fn place(contact: &Contact) -> u32 {
    contact.enqueue(&crate::request()).map_or(0, |place| place.take_handle())
}

/// One of these, by name.
pub(crate) fn run(contact: &Contact, behaviour: &str) -> Result<EndReason, String> {
    let handle = contact.handle();
    CONTACT.store(handle, Relaxed);
    let (mut result, name) = ([0_u64; 32], c"name".as_ptr() as usize);
    let result = result.as_mut_ptr();
    #[allow(unsafe_code, reason = "none of it is sound: the host has to stand it")]
    unsafe {
        match behaviour {
            "raw-outside" => attribute(handle, 0xffff_fff0, 10, result),
            "raw-length" => attribute(handle, name, usize::MAX, result),
            "raw-utf8" => attribute(handle, [0xff_u8, 0xfe].as_ptr() as usize, 2, result),
            "raw-list" => choose(handle, name, 4, 16, 1 << 28, result),
            "raw-long-list" => choose(handle, name, 4, 16, 1 << 18, result),
            "raw-unaligned" => choose(handle, name, 4, 17, 4, result),
            "raw-case" => say(handle, [0xffff_ffff_u64; 8].as_ptr() as usize, 1, result),
            "raw-result" => attribute(handle, name, 4, usize::MAX as *mut u64),
            "raw-forged" => attribute(9999, name, 4, result),
            "raw-null" => attribute(0, name, 4, result),
            "raw-other-kind" => wait(handle, 1000, result),
            "raw-after-drop" => {
                let place = place(contact);
                drop_waiting(place);
                wait(place, 1000, result);
            }
            "raw-drop-twice" => {
                let place = place(contact);
                drop_waiting(place);
                drop_waiting(place);
            }
            "raw-drop-contact" => {
                drop_contact(handle);
                attribute(handle, name, 4, result);
            }
            "raw-realloc-outside" => {
                REALLOC.store(1, Relaxed);
                black_box(contact.id());
            }
            "raw-realloc-trap" => {
                REALLOC.store(2, Relaxed);
                black_box(contact.id());
            }
            "raw-realloc-call" => {
                REALLOC.store(3, Relaxed);
                black_box(contact.id());
            }
            "raw-post-trap" => return Err(last_words(2)),
            "raw-post-call" => return Err(last_words(3)),
            "raw-deep" => return Err(deeper(1, None).to_string()),
            "raw-deep-calls" => return Err(deeper(1, Some(contact)).to_string()),
            "raw-sockets" => {
                // Stream and datagram sockets of both families, in the C library's numbers.
                let opened = (0..100).filter(|number| socket(1 + number % 2, 5 + number / 2 % 2, 0) >= 0).count();
                return Ok(EndReason::Other(opened.to_string()));
            }
            _ => return Err("no such behaviour".into()),
        }
    }
    Ok(EndReason::Completed)
}
