//! A flow for tests: the number dialled says how it behaves, well or badly. Never deployed.

#![allow(unsafe_code, reason = "the generated bindings")]
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only the exports use it"))]

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, clippy::expect_used)]
#[allow(clippy::indexing_slicing, clippy::panic)]
mod bindings {
    wit_bindgen::generate!({ path: "../../../../wit/flow/0.1.0", world: "cordboard:flow/flow", generate_all });
}

#[cfg(target_arch = "wasm32")]
mod raw;
mod tour;

use bindings::cordboard::flow::conversation::{Contact, Waiting};
use bindings::cordboard::flow::types::{
    Answer, Choice, DigitsRule, EndReason, LookupKey, PromptPart, Question, QueueRequest, TypeAhead, WaitStatus,
};
use bindings::wasi::config::store;
use bindings::wasi::logging::logging;
use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

struct Probe;

// A native linker doesn't take the names of the exports.
#[cfg(target_arch = "wasm32")]
bindings::export!(Probe with_types_in bindings);

impl bindings::exports::cordboard::flow::guest::Guest for Probe {
    fn run(contact: Contact) -> Result<EndReason, String> {
        let behaviour = contact.dialled().number.unwrap_or_default();
        match behaviour.as_str() {
            "loop" => spin(),
            "loop-after-call" => {
                contact.attribute("a");
                spin()
            }
            "alloc" => allocate(),
            "trap" => trap_here(),
            "recurse" => black_box(recurse(black_box(1))),
            "exit" => std::process::exit(3),
            "flood" => flood(&contact),
            "handles" => return handles(&contact),
            "huge" => return huge(&contact),
            "logs" => logs(),
            "err" => return Err("as asked".into()),
            "clock" => return clock(&contact),
            "inert" => return inert(&contact),
            "menu" => return menu(&contact),
            "secret" => return secret(&contact),
            "bad-key" => return bad_key(&contact),
            "queue" => return queue(&contact),
            "lookup" => return lookup(&contact),
            "config" => return config(&contact),
            "who" => return who(&contact),
            tour if tour.starts_with("tour") => return tour::run(&contact, tour),
            "values" => return values(&contact),
            "err-huge" => return Err("x".repeat(4 << 20)),
            "err-long" => return Err("ä".repeat(100_000)),
            "end-long" => {
                contact.end(&EndReason::Other("x".repeat(3 << 19)));
                return Ok(EndReason::Failed("y".repeat(3 << 19)));
            }
            "many-choices" => return many_choices(&contact),
            #[cfg(target_arch = "wasm32")]
            raw if raw.starts_with("raw-") => return raw::run(&contact, raw),
            _ => return steps(&contact, behaviour.parse().unwrap_or(1)),
        };
        Ok(EndReason::Completed)
    }
}

fn report(contact: &Contact, name: &str, value: &impl std::fmt::Debug) -> Result<(), String> {
    contact.set_attribute(name, &format!("{value:?}")).map_err(|error| format!("{error:?}"))
}

fn spin() -> u64 {
    let mut count: u64 = 0;
    loop {
        count = black_box(count.wrapping_add(1));
        if count == u64::MAX {
            return count;
        }
    }
}

fn allocate() -> u64 {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(black_box(vec![1; 1 << 20]));
        if kept.len() > 1 << 20 {
            return 0;
        }
    }
}

#[allow(clippy::panic, reason = "what it is for")]
fn trap_here() -> u64 {
    panic!("a probe traps")
}

#[allow(unconditional_recursion, reason = "what it is for")]
fn recurse(depth: u64) -> u64 {
    let space = black_box([depth; 64]);
    recurse(black_box(depth + 1)).wrapping_add(space.iter().sum())
}

fn flood(contact: &Contact) -> u64 {
    loop {
        contact.attribute("again");
    }
}

fn request() -> QueueRequest {
    QueueRequest { queue: "support".into(), priority: 0, skills: Vec::new() }
}

fn handles(contact: &Contact) -> Result<EndReason, String> {
    let mut places: Vec<Waiting> = Vec::new();
    loop {
        places.push(contact.enqueue(&request()).map_err(|error| format!("{error:?}"))?);
    }
}

fn huge(contact: &Contact) -> Result<EndReason, String> {
    let text = "x".repeat(16 << 20);
    contact.say(&[PromptPart::Text(text)]).map_err(|error| format!("{error:?}"))?;
    Ok(EndReason::Completed)
}

fn many_choices(contact: &Contact) -> Result<EndReason, String> {
    let choice = |number: u32| Choice { id: number.to_string(), key: None, words: vec![] };
    let choices = (0..20_000).map(choice).collect();
    Err(format!("{:?}", contact.ask(&Question { choices, ..question(None, false) })))
}

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "what is printed is logged")]
fn logs() -> u64 {
    println!("printed");
    eprintln!("complained");
    logging::log(logging::Level::Warn, "probe", &"long ".repeat(10_000));
    for number in 0..20_000 {
        logging::log(logging::Level::Info, "", &format!("line {number}"));
    }
    0
}

/// Reads clock and random numbers before and after a call and a sleep.
fn clock(contact: &Contact) -> Result<EndReason, String> {
    let read = |name: &str| {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros();
        // The keys of a hash map are drawn from the host's random numbers.
        let drawn = std::hash::BuildHasher::hash_one(&std::collections::hash_map::RandomState::new(), 1);
        report(contact, name, &(wall, drawn))
    };
    read("first")?;
    read("second")?;
    let began = Instant::now();
    std::thread::sleep(Duration::from_secs(3600));
    report(contact, "slept-s", &began.elapsed().as_secs())?;
    read("third")?;
    Ok(EndReason::Completed)
}

/// What it can see of the machine: nothing.
fn inert(contact: &Contact) -> Result<EndReason, String> {
    report(contact, "args", &std::env::args().count())?;
    report(contact, "vars", &std::env::vars().count())?;
    report(contact, "file", &std::fs::read("/etc/passwd").is_ok())?;
    report(contact, "write", &std::fs::write("probe", "x").is_ok())?;
    report(contact, "listen", &std::net::UdpSocket::bind("127.0.0.1:0").is_ok())?;
    report(contact, "connect", &std::net::TcpStream::connect("127.0.0.1:1").is_ok())?;
    let resolved = std::net::ToSocketAddrs::to_socket_addrs("localhost:1").is_ok();
    report(contact, "resolve", &resolved)?;
    Ok(EndReason::Completed)
}

fn question(digits: Option<DigitsRule>, secret: bool) -> Question {
    let choice = |id: &str, key: &str| Choice { id: id.into(), key: Some(key.into()), words: vec![id.into()] };
    let choices = if digits.is_some() { vec![] } else { vec![choice("sales", "1"), choice("agent", "0")] };
    Question {
        id: "main-menu".into(),
        prompt: vec![PromptPart::Text("press one".into()), PromptPart::Number(5), PromptPart::PauseMs(100)],
        choices,
        digits,
        silence_timeout_ms: 5000,
        key_timeout_ms: 2000,
        type_ahead: TypeAhead::Keep,
        secret,
    }
}

fn menu(contact: &Contact) -> Result<EndReason, String> {
    match contact.ask(&question(None, false)) {
        Ok(answer) => Ok(EndReason::Other(format!("{answer:?}"))),
        Err(error) => Err(format!("{error:?}")),
    }
}

fn secret(contact: &Contact) -> Result<EndReason, String> {
    let rule = DigitsRule { min: 4, max: 4, terminator: Some("#".into()) };
    match contact.ask(&question(Some(rule), true)) {
        Ok(Answer::Digits(digits)) => Ok(EndReason::Other(digits)),
        other => Err(format!("{other:?}")),
    }
}

fn bad_key(contact: &Contact) -> Result<EndReason, String> {
    let rule = DigitsRule { min: 1, max: 4, terminator: Some("##".into()) };
    Err(format!("{:?}", contact.ask(&question(Some(rule), false))))
}

fn queue(contact: &Contact) -> Result<EndReason, String> {
    let place = contact.enqueue(&request()).map_err(|error| format!("{error:?}"))?;
    loop {
        match place.wait(30_000).map_err(|error| format!("{error:?}"))? {
            WaitStatus::StillWaiting(_) => {}
            WaitStatus::Talked(talk) => return Ok(EndReason::Other(talk.agent)),
            WaitStatus::Lost(_) => {
                place.leave();
                return Ok(EndReason::Failed("lost".into()));
            }
        }
    }
}

fn lookup(contact: &Contact) -> Result<EndReason, String> {
    let key = LookupKey { directory: None, kind: "phone".into(), value: "+4912345".into() };
    Ok(EndReason::Other(format!("{:?}", contact.lookup(&key, 1000))))
}

fn config(contact: &Contact) -> Result<EndReason, String> {
    report(contact, "get", &store::get("greeting").ok().flatten())?;
    report(contact, "missing", &store::get("nothing").ok().flatten())?;
    report(contact, "all", &store::get_all().map(|all| all.len()).ok())?;
    Ok(EndReason::Completed)
}

/// Counts its runs in a stored value, and reports what it was told.
fn values(contact: &Contact) -> Result<EndReason, String> {
    let count = contact.load("runs");
    report(contact, "loaded", &count)?;
    let next = count.ok().flatten().and_then(|count| count.parse::<u32>().ok()).unwrap_or(0) + 1;
    report(contact, "stored", &contact.store("runs", Some(&next.to_string())))?;
    report(contact, "large", &contact.store("large", Some(&"x".repeat(8000))))?;
    report(contact, "removed", &contact.store("nothing", None))?;
    Ok(EndReason::Other("counted".into()))
}

fn who(contact: &Contact) -> Result<EndReason, String> {
    let text = format!("{} {:?} {}", contact.id(), contact.channel(), contact.origin().uri);
    Ok(EndReason::Other(text))
}

fn steps(contact: &Contact, count: u32) -> Result<EndReason, String> {
    for _ in 0..count {
        black_box(contact.attribute("a"));
    }
    Ok(EndReason::Completed)
}
