//! A conversation with a stop of every kind, for replays: the configuration's `mode` makes it a version that goes on
//! from it (`more`), means something else by its keys (`swapped`), or fails (`loop`, `trap`, `trap-after-key`, `hog`,
//! `loop-after-key`, `hog-after-key`), or takes its time (`slow-after-key`).

use crate::bindings::cordboard::flow::conversation::Contact;
use crate::bindings::cordboard::flow::types::{
    Answer, Choice, DigitsRule, EndReason, LookupKey, PromptPart, Question, QueueRequest, TypeAhead, WaitStatus,
};
use crate::bindings::wasi::config::store;
use crate::bindings::wasi::logging::logging;
use std::hint::black_box;

type Outcome<T> = Result<T, String>;

fn text<E: std::fmt::Debug>(error: E) -> String {
    format!("{error:?}")
}

/// The dialled number is `tour-` and where it stops first: `say`, `ask`, `digits`, `pause`, `lookup` or `queue`.
pub(crate) fn run(contact: &Contact, dialled: &str) -> Outcome<EndReason> {
    let mode = store::get("mode").ok().flatten().unwrap_or_else(|| "plain".into());
    logging::log(logging::Level::Info, "tour", "begins");
    match mode.as_str() {
        "loop" => drop(crate::spin()),
        "hog" => drop(crate::allocate()),
        "trap" => drop(crate::trap_here()),
        _ => {}
    }
    contact.answer().map_err(text)?;
    contact.set_attribute("tour", dialled).map_err(text)?;
    match dialled.strip_prefix("tour-").unwrap_or_default() {
        "say" => contact
            .say(&[PromptPart::Text(format!("In words of {mode}.")), PromptPart::PauseMs(9_000)])
            .map_err(text)?,
        "pause" => contact.pause(600_000).map_err(text)?,
        "short" => contact.pause(1_500).map_err(text)?,
        "lookup" => {
            let key = LookupKey { directory: None, kind: "phone".into(), value: "1".into() };
            // Whatever comes of it.
            let _ = contact.lookup(&key, 3_000);
        }
        "queue" => queue(contact)?,
        "digits" => {
            if let Answer::Digits(typed) = contact.ask(&account(&mode)).map_err(text)? {
                contact.set_attribute("typed", &typed).map_err(text)?;
            }
        }
        _ => {}
    }
    menus(contact, &mode)
}

/// Asks until somebody chooses to end.
fn menus(contact: &Contact, mode: &str) -> Outcome<EndReason> {
    loop {
        let answer = contact.ask(&menu(mode)).map_err(text)?;
        match mode {
            "loop-after-key" => drop(crate::spin()),
            "trap-after-key" => drop(crate::trap_here()),
            "hog-after-key" => drop(crate::allocate()),
            "slow-after-key" => dawdle(),
            _ => {}
        }
        logging::log(logging::Level::Info, "tour", &format!("{mode} was answered"));
        let Answer::Choice(id) = answer else { continue };
        contact.set_attribute("answered-by", mode).map_err(text)?;
        contact.set_attribute("chose", &id).map_err(text)?;
        match id.as_str() {
            "end" => return Ok(EndReason::Other(mode.into())),
            "agent" => queue(contact)?,
            _ => {}
        }
    }
}

/// Some million steps: longer than a flow should take, and not for ever.
fn dawdle() {
    for step in 0..30_000_000u64 {
        black_box(step);
    }
}

fn menu(mode: &str) -> Question {
    let choice = |id: &str, key: &str| Choice { id: id.into(), key: Some(key.into()), words: vec![] };
    let (balance, agent) = if mode == "swapped" { ("2", "1") } else { ("1", "2") };
    let mut choices = vec![choice("balance", balance), choice("agent", agent), choice("end", "9")];
    if mode == "more" {
        choices.push(choice("card", "3"));
    }
    question("main-menu", choices, None, mode)
}

fn account(mode: &str) -> Question {
    question("account", vec![], Some(DigitsRule { min: 4, max: 6, terminator: Some("#".into()) }), mode)
}

fn question(id: &str, choices: Vec<Choice>, digits: Option<DigitsRule>, mode: &str) -> Question {
    Question {
        id: id.into(),
        prompt: vec![PromptPart::Text(format!("Asked in words of {mode}.")), PromptPart::PauseMs(200)],
        choices,
        digits,
        silence_timeout_ms: 60_000,
        key_timeout_ms: 10_000,
        type_ahead: TypeAhead::Keep,
        secret: false,
    }
}

fn queue(contact: &Contact) -> Outcome<()> {
    let request = QueueRequest { queue: "support".into(), priority: 0, skills: vec![] };
    let place = contact.enqueue(&request).map_err(text)?;
    while let WaitStatus::StillWaiting(_) = place.wait(600_000).map_err(text)? {}
    Ok(())
}
