//! The dialogue against a scripted person: what was said and done, line by line.

use crate::bindings::cordboard::flow::types::{
    Answer, Attribute, ContactError, EndReason, Interruption, LookupError, LookupKey, Place, Profile, PromptPart,
    Question, QueueRequest, Talk, TalkEnd, Treatment, TypeAhead, WaitStatus,
};
use crate::dialogue::{Conversation, run};
use crate::settings::{Customer, Settings};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// A person, a directory and a queue that do what the test says.
#[derive(Default)]
struct Scripted {
    number: Option<&'static str>,
    /// `None`: the directory fails.
    directory: Option<Vec<(&'static str, Profile)>>,
    /// When they run out, the person hangs up.
    answers: RefCell<VecDeque<Answer>>,
    waits: RefCell<VecDeque<WaitStatus>>,
    /// After so many calls, the person has hung up.
    hangs_up_after: Option<usize>,
    /// What the host says to `ring`.
    ring: Option<ContactError>,
    /// The agent answers while the flow speaks in the queue.
    agent_cuts: bool,
    /// The agent answers while the flow says this.
    cut_at: Option<&'static str>,
    calls: Cell<usize>,
    queued: Cell<bool>,
    log: RefCell<Vec<String>>,
    texts: RefCell<Vec<String>>,
}

impl Scripted {
    fn call(&self, line: String) -> Result<(), ContactError> {
        let calls = self.calls.get();
        self.calls.set(calls + 1);
        self.log.borrow_mut().push(line);
        if self.hangs_up_after.is_some_and(|after| calls >= after) { Err(ContactError::Ended) } else { Ok(()) }
    }

    fn prompt(&self, prompt: &[PromptPart]) -> String {
        let texts = prompt.iter().filter_map(|part| match part {
            PromptPart::Text(text) => Some(text.clone()),
            _ => None,
        });
        self.texts.borrow_mut().extend(texts);
        spoken(prompt)
    }

    fn run(&self, settings: &[(&str, &str)]) -> Result<EndReason, String> {
        run(self, &self::settings(settings))
    }

    /// Everything after the first line in which `from` occurs, that line included.
    fn since(&self, from: &str) -> Vec<String> {
        self.log.borrow().iter().skip_while(|line| !line.contains(from)).cloned().collect()
    }
}

impl Conversation for Scripted {
    type Place = ();

    fn caller_number(&self) -> Option<String> {
        self.number.map(str::to_owned)
    }
    fn set_attribute(&self, name: &str, value: &str) -> Result<(), ContactError> {
        self.call(format!("set {name}={value}"))
    }
    fn ring(&self) -> Result<(), ContactError> {
        self.call("ring".into())?;
        self.ring.clone().map_or(Ok(()), Err)
    }
    fn say(&self, prompt: &[PromptPart]) -> Result<(), ContactError> {
        let said = self.prompt(prompt);
        let cut = self.queued.get() && (self.agent_cuts || self.cut_at.is_some_and(|what| said.contains(what)));
        self.call(format!("say {said}"))?;
        if cut { Err(ContactError::Interrupted(Interruption::Connected)) } else { Ok(()) }
    }
    fn ask(&self, question: &Question) -> Result<Answer, ContactError> {
        let keep = if question.type_ahead == TypeAhead::Keep { "" } else { " afresh" };
        self.call(format!("ask {}{keep}: {}", question.id, self.prompt(&question.prompt)))?;
        self.answers.borrow_mut().pop_front().ok_or(ContactError::Ended)
    }
    fn lookup(&self, key: &LookupKey, timeout_ms: u32) -> Result<Option<Profile>, LookupError> {
        assert_eq!(timeout_ms, 1_500);
        let line = format!("{} {}", key.kind, key.value);
        self.call(format!("lookup {line}")).map_err(|_| LookupError::Ended)?;
        let people = self.directory.as_ref().ok_or_else(|| LookupError::Unavailable("down".into()))?;
        Ok(people.iter().find(|(key, _)| *key == line).map(|(_, profile)| profile.clone()))
    }
    fn enqueue(&self, request: &QueueRequest) -> Result<(), ContactError> {
        self.call(format!("enqueue {} at {}", request.queue, request.priority))?;
        self.queued.set(true);
        Ok(())
    }
    fn wait(&self, (): &(), treatment: &Treatment, timeout_ms: u32) -> Result<WaitStatus, ContactError> {
        assert_eq!(treatment.announce_position_every_ms, 30_000);
        self.call(format!("wait {timeout_ms}"))?;
        let status = self.waits.borrow_mut().pop_front().ok_or(ContactError::Ended)?;
        self.queued.set(matches!(status, WaitStatus::StillWaiting(_)));
        Ok(status)
    }
    fn leave(&self, (): &()) {
        self.log.borrow_mut().push("leave".into());
        // Who talks keeps the place.
        self.queued.set(self.cut_at.is_some());
    }
}

fn spoken(prompt: &[PromptPart]) -> String {
    let part = |part: &PromptPart| match part {
        PromptPart::Text(text) => text.clone(),
        PromptPart::Money(money) => format!("[{} {}]", money.minor, money.currency),
        PromptPart::Date(date) => format!("[{}-{}-{}]", date.year, date.month, date.day),
        PromptPart::PauseMs(_) => "…".into(),
        other => format!("{other:?}"),
    };
    prompt.iter().map(part).collect::<Vec<_>>().join(" ")
}

fn settings(pairs: &[(&str, &str)]) -> Settings {
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Settings::read(&pairs).unwrap()
}

fn profile(fields: &[(&str, &str)]) -> Profile {
    let fields = fields.iter().map(|(name, value)| Attribute { name: (*name).into(), value: (*value).into() });
    Profile { id: "1001".into(), display_name: Some("Ada Lovelace".into()), fields: fields.collect() }
}

fn ada() -> Profile {
    profile(&[
        ("balance_minor", "123456"),
        ("currency", "EUR"),
        ("minimum_payment_minor", "2500"),
        ("due_date", "2026-12-24"),
        ("tier", "gold"),
    ])
}

fn choose(id: &str) -> Answer {
    Answer::Choice(id.into())
}

fn calling(answers: &[Answer]) -> Scripted {
    Scripted {
        number: Some("+15550001"),
        directory: Some(vec![("phone +15550001", ada()), ("account 1001", ada())]),
        answers: RefCell::new(answers.iter().cloned().collect()),
        ..Scripted::default()
    }
}

/// The same person from a telephone that nobody knows.
fn from_elsewhere(answers: &[Answer]) -> Scripted {
    Scripted { number: Some("+15559999"), ..calling(answers) }
}

fn still_waiting() -> WaitStatus {
    WaitStatus::StillWaiting(Place { position: 2, waiting: 3, estimate_ms: None, waited_ms: 60_000 })
}

fn talked() -> WaitStatus {
    WaitStatus::Talked(Talk { agent: "grace".into(), talked_ms: 42_000, ended_by: TalkEnd::Agent })
}

const MENU: &str = "To hear your balance, press 1. To hear your minimum payment, press 2. To repeat, press 9. \
                    To speak to an agent, press 0.";
const ACCOUNT: &str = "Please enter your account number, followed by the hash key.";
const GOODBYE: &str = "say Thank you for calling. Goodbye.";

fn hung_up() -> Result<EndReason, String> {
    Ok(EndReason::Other("hung-up".into()))
}

#[test]
fn a_known_caller_serves_herself() {
    let call = calling(&[choose("balance"), choose("repeat"), choose("payment"), choose("balance")]);
    assert_eq!(call.run(&[("greeting", "Welcome."), ("version-label", "Version two.")]), hung_up());
    assert_eq!(
        *call.log.borrow(),
        [
            "ring",
            "lookup phone +15550001",
            "say Version two. Welcome. Hello, Ada Lovelace.",
            "set customer-id=1001",
            "set customer-name=Ada Lovelace",
            "set tier=gold",
            &format!("ask main-menu: {MENU}"),
            "set chosen=balance",
            "say Your balance is [123456 EUR]",
            &format!("ask main-menu: {MENU}"),
            &format!("ask main-menu: {MENU}"),
            "set chosen=balance,payment",
            "say Your minimum payment is [2500 EUR] … Your payment is due on [2026-12-24]",
            &format!("ask main-menu: {MENU}"),
            "say Your balance is [123456 EUR]",
            &format!("ask main-menu: {MENU}"),
        ]
    );
}

#[test]
fn an_agent_gets_the_attributes_before_the_contact_and_the_survey_comes_after() {
    let call = calling(&[choose("balance"), choose("agent"), choose("5")]);
    call.waits.borrow_mut().extend([still_waiting(), talked()]);
    assert_eq!(call.run(&[("queue", "service")]), Ok(EndReason::Completed));
    assert_eq!(
        call.since("chosen=balance,agent"),
        [
            "set chosen=balance,agent",
            "enqueue service at 10",
            "say Please hold while we connect you to an agent.",
            "wait 60000",
            "say All our agents are busy.",
            "wait 60000",
            "ask survey: How was your call? Press a number from one to five.",
            "set survey=5",
            "say Thank you.",
            GOODBYE,
        ]
    );
}

#[test]
fn a_survey_left_unanswered_or_switched_off_is_no_trouble() {
    for (survey, answer, asked) in
        [("on", Answer::Silence, true), ("on", Answer::NoMatch("7".into()), true), ("off", choose("5"), false)]
    {
        let call = calling(&[choose("agent"), answer]);
        call.waits.borrow_mut().extend([talked()]);
        assert_eq!(call.run(&[("survey", survey)]), Ok(EndReason::Completed));
        assert_eq!(call.since("ask survey").len(), if asked { 2 } else { 0 });
        assert_eq!(call.log.borrow().last().map(String::as_str), Some(GOODBYE));
    }
}

#[test]
fn an_agent_who_answers_while_we_speak_is_no_error() {
    let call = Scripted { agent_cuts: true, ..calling(&[choose("agent"), Answer::Silence]) };
    call.waits.borrow_mut().extend([still_waiting(), talked()]);
    assert_eq!(call.run(&[]), Ok(EndReason::Completed));
}

#[test]
fn silence_is_asked_about_twice() {
    let call = calling(&[Answer::Silence, Answer::Silence, Answer::Silence]);
    assert_eq!(call.run(&[]), Ok(EndReason::Completed));
    let again = format!("ask main-menu: Are you still there? {MENU}");
    assert_eq!(call.since("ask"), [format!("ask main-menu: {MENU}").as_str(), &again, &again, GOODBYE]);
}

#[test]
fn three_wrong_keys_lead_to_an_agent() {
    let wrong = Answer::NoMatch("7".into());
    let call = calling(&[wrong.clone(), Answer::Text("what?".into()), wrong]);
    assert_eq!(call.run(&[]), hung_up());
    let again = format!("ask main-menu afresh: Sorry, I did not understand that. {MENU}");
    assert_eq!(call.since("ask").get(1..4), Some(&[again.clone(), again, "enqueue default at 10".into()][..]));
}

#[test]
fn an_unknown_caller_is_asked_for_the_account() {
    let call = from_elsewhere(&[Answer::Digits("99".into()), Answer::Digits("1001".into())]);
    assert_eq!(call.run(&[]), hung_up());
    assert_eq!(
        call.since("say"),
        [
            "say Welcome to Cordboard bank. Hello.",
            &format!("ask account-number: {ACCOUNT}"),
            "lookup account 99",
            "say We could not find your account.",
            &format!("ask account-number: {ACCOUNT}"),
            "lookup account 1001",
            "set customer-id=1001",
            "set customer-name=Ada Lovelace",
            "set tier=gold",
            &format!("ask main-menu: {MENU}"),
        ]
    );
}

#[test]
fn who_cannot_be_identified_gets_an_agent() {
    let three = [Answer::Digits("97".into()), Answer::Digits("98".into()), Answer::Digits("99".into())];
    for (call, expect) in [
        (from_elsewhere(&three), "lookup account 99"),
        (Scripted { number: None, ..calling(&three) }, "lookup account 99"),
        (Scripted { directory: None, ..calling(&[]) }, "lookup phone +15550001"),
        (Scripted { directory: None, number: None, ..calling(&three) }, "lookup account 97"),
    ] {
        assert_eq!(call.run(&[]), hung_up());
        let since = call.since(expect);
        assert!(since.len() <= 6 && since.contains(&"enqueue default at 0".to_owned()), "{since:?}");
    }
}

#[test]
fn an_agent_who_answers_at_the_last_moment_is_talked_to() {
    for (cut_at, leaves) in [("All our agents are busy.", false), ("Sorry.", true)] {
        let call = Scripted { cut_at: Some(cut_at), ..calling(&[choose("agent"), choose("5")]) };
        call.waits.borrow_mut().extend([still_waiting(), talked()]);
        assert_eq!(call.run(&[("max-wait-s", "60")]), Ok(EndReason::Completed), "{cut_at}");
        assert!(call.log.borrow().contains(&"set survey=5".to_owned()));
        assert_eq!(call.log.borrow().contains(&"leave".to_owned()), leaves);
    }
}

#[test]
fn waiting_has_an_end() {
    let call = calling(&[choose("agent")]);
    call.waits.borrow_mut().extend([still_waiting(), still_waiting()]);
    assert_eq!(call.run(&[("max-wait-s", "90")]), Ok(EndReason::Failed("no agent within 90 s".into())));
    let sorry = "say Sorry. All our agents are busy. Thank you for calling. Goodbye.";
    let busy = "say All our agents are busy.";
    assert_eq!(call.since("wait"), ["wait 60000", busy, "wait 30000", busy, "leave", sorry]);

    let call = calling(&[choose("agent")]);
    call.waits.borrow_mut().extend([WaitStatus::Lost("queue closed".into())]);
    assert_eq!(call.run(&[]), Ok(EndReason::Failed("queue closed".into())));
    assert_eq!(call.since("wait"), ["wait 60000", sorry]);
}

#[test]
fn to_hang_up_is_no_error_wherever_it_happens() {
    let call = |hangs_up_after| {
        let call = Scripted { hangs_up_after, ..from_elsewhere(&[Answer::Digits("1001".into()), choose("balance")]) };
        call.answers.borrow_mut().extend([choose("agent"), choose("3")]);
        call.waits.borrow_mut().extend([still_waiting(), talked()]);
        (call.run(&[]), call.calls.get())
    };
    let (whole, calls) = call(None);
    assert_eq!(whole, Ok(EndReason::Completed));
    for after in 0..calls {
        assert_eq!(call(Some(after)), (hung_up(), after + 1), "after {after} calls");
    }
}

#[test]
fn an_answered_call_goes_on_and_a_refusal_is_told() {
    let ring = |error| Scripted { ring: Some(error), ..calling(&[]) }.run(&[]);
    assert_eq!(ring(ContactError::NotNow("answered".into())), hung_up());
    assert_eq!(ring(ContactError::TakenOver), Ok(EndReason::Other("taken-over".into())));
    let refused = ring(ContactError::Limit("entries".into())).unwrap_err();
    assert!(refused.contains("entries"), "{refused}");
}

#[test]
fn garbled_fields_are_as_good_as_none() {
    let long = "x".repeat(101);
    let fields = [("balance_minor", "12.5"), ("minimum_payment_minor", "7"), ("currency", "eur"), ("due_date", "soon")];
    let customer = Customer::new(&Profile { display_name: Some(long), ..profile(&fields) }, "USD");
    assert_eq!((&customer.name, &customer.balance, customer.due.is_none()), (&None, &None, true));
    let money = customer.minimum_payment.unwrap();
    assert_eq!((money.minor, money.currency.as_str()), (7, "USD"));
    for due in ["2026-13-01", "2026-00-01", "2026-01-32", "2026-01", "2026-01-01-01", "-1-1-1", "70000-01-01"] {
        assert_eq!(Customer::new(&profile(&[("due_date", due)]), "USD").due, None, "{due}");
    }
    let call = Scripted { directory: Some(vec![("phone +15550001", profile(&[]))]), ..calling(&[choose("balance")]) };
    assert_eq!(call.run(&[]), hung_up());
    assert_eq!(call.since("say We could not").len(), 2);
}

#[test]
fn wrong_settings_name_their_key() {
    for (key, value) in [
        ("currency", "dollars"),
        ("survey", "yes"),
        ("max-wait-s", "0"),
        ("max-wait-s", "86401"),
        ("tier-priority", "gold"),
        ("tier-priority", "gold:1001"),
    ] {
        let error = Settings::read(&[(key.into(), value.into())]).unwrap_err();
        assert!(error.contains(key), "{key}: {error}");
    }
    let settings = settings(&[("tier-priority", " gold : 7 , "), ("unknown", "x")]);
    assert_eq!([Some("gold"), Some("silver"), None].map(|tier| settings.priority(tier)), [7, 0, 0]);
}

/// What the stock recordings leave out of a text; they are matched from the left, the longest first.
fn unrecorded(text: &str) -> Vec<String> {
    let recorded: Vec<&str> = include_str!("../../../prompts/en/index.toml")
        .lines()
        .filter_map(|line| line.strip_prefix('"')?.split_once("\" = ").map(|(phrase, _)| phrase))
        .collect();
    let word = |word: &str| match word {
        "0" => "zero".to_owned(),
        "1" => "one".to_owned(),
        "2" => "two".to_owned(),
        "9" => "nine".to_owned(),
        other => other.to_lowercase(),
    };
    let words: Vec<String> = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(word).collect();
    let (mut left, mut missing) = (&words[..], Vec::new());
    while !left.is_empty() {
        let longest = (1..=left.len()).rev().find(|&count| recorded.contains(&left[..count].join(" ").as_str()));
        if longest.is_none() {
            missing.push(left[0].clone());
        }
        left = &left[longest.unwrap_or(1)..];
    }
    missing
}

#[test]
fn every_word_is_recorded() {
    assert_eq!(unrecorded("Hello, qwerty Ada"), ["qwerty"]);
    let self_service = [Answer::Silence, Answer::NoMatch("7".into()), choose("balance"), choose("payment")];
    let calls = [
        from_elsewhere(&[Answer::Digits("9".into()), Answer::Digits("1001".into()), choose("agent"), choose("5")]),
        calling(&[&self_service[..], &[choose("agent")]].concat()),
    ];
    calls[0].waits.borrow_mut().extend([still_waiting(), talked()]);
    calls[1].waits.borrow_mut().extend([WaitStatus::Lost("closed".into())]);
    for call in calls {
        call.run(&[("version-label", "Version two.")]).unwrap();
        for text in call.texts.borrow().iter() {
            assert_eq!(unrecorded(text), [""; 0], "{text}");
        }
        assert!(call.texts.borrow().len() > 5);
    }
}
