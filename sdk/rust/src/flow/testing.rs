//! A flow under test: natively, against a person, a directory and a queue that do what the test says.
//!
//! ```
//! use cordboard_sdk::flow::{testing::Person, *};
//!
//! struct Greeter;
//! impl Flow for Greeter {
//!     fn run(contact: &Contact) -> Result<End> {
//!         contact.say("Hello.")?;
//!         Ok(End::Completed)
//!     }
//! }
//!
//! let talk = Person::new().meets::<Greeter>();
//! assert_eq!(talk.end, Ok(End::Completed));
//! assert_eq!(talk.log, ["say Hello."]);
//! ```

use super::line::{Line, Queued};
use super::{
    Address, Answer, Attribute, Channel, Contact, ContactError, EndReason, Fetch, FetchError, FetchRequest,
    FetchResponse, Flow, Interruption, LookupError, LookupKey, Position, Profile, PromptPart, QueueRequest,
    RawQuestion, RejectCause, Talk, TalkEnd, Treatment, ValueError, WaitStatus, end,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// What the person does at the next question.
#[derive(Clone, Debug)]
enum Doing {
    Press(String),
    Say(String),
    Nothing,
}

/// Who calls, and the world around: what is said here happens in this order. When nothing is left to be done, the person
/// hangs up.
#[derive(Clone, Debug, Default)]
pub struct Person {
    number: Option<String>,
    dialled: Option<String>,
    attributes: BTreeMap<String, String>,
    doings: VecDeque<Doing>,
    waits: VecDeque<WaitStatus>,
    known: Vec<(String, String, Profile)>,
    /// None: there is a directory.
    directory_fails: Option<LookupError>,
    answers_meanwhile: bool,
    /// By method and URL, in this order; the last one of a place goes on.
    served: Vec<(String, Result<FetchResponse, FetchError>)>,
    fetched: Vec<Fetch>,
    values: BTreeMap<String, String>,
    draws: VecDeque<u32>,
    queued: bool,
    log: Vec<String>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Talked {
    /// How the flow ended, as the host hears it.
    pub end: Result<EndReason, String>,
    /// Every call, one a line: `say Hello.`, `ask main-menu: …`, `lookup phone +15550001`, `set tier=gold`, `enqueue sales`,
    /// `wait 600000 ms`, `fetch GET https://shop.example/hours`, `leave`.
    pub log: Vec<String>,
    /// The contact's attributes at the end.
    pub attributes: BTreeMap<String, String>,
    /// The requests that were sent, whole.
    pub fetched: Vec<Fetch>,
}

impl Person {
    /// Someone who calls without a number, in a world where nobody is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls from this number.
    #[must_use]
    pub fn from(mut self, number: &str) -> Self {
        self.number = Some(number.into());
        self
    }

    /// Has dialled this number.
    #[must_use]
    pub fn dials(mut self, number: &str) -> Self {
        self.dialled = Some(number.into());
        self
    }

    /// The contact has this attribute from the beginning.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// Presses these keys at the next question.
    #[must_use]
    pub fn press(mut self, keys: &str) -> Self {
        self.doings.push_back(Doing::Press(keys.into()));
        self
    }

    /// Says or writes this at the next question.
    #[must_use]
    pub fn say(mut self, words: &str) -> Self {
        self.doings.push_back(Doing::Say(words.into()));
        self
    }

    /// Is silent at the next question.
    #[must_use]
    pub fn silent(mut self) -> Self {
        self.doings.push_back(Doing::Nothing);
        self
    }

    /// The directory knows somebody by this key.
    #[must_use]
    pub fn known_by(mut self, kind: &str, value: &str, profile: Profile) -> Self {
        self.known.push((kind.into(), value.into(), profile));
        self
    }

    /// The directory gives no answer.
    #[must_use]
    pub fn directory_fails(mut self, with: LookupError) -> Self {
        self.directory_fails = Some(with);
        self
    }

    /// A back-end gives this response, or none: `serves("GET https://shop.example/hours", Ok(FetchResponse::new(200, "9-17")))`.
    /// Said again for the same place it is the response to the next request, and the last one goes on. All other places are
    /// [`FetchError::NotGranted`].
    #[must_use]
    pub fn serves(mut self, place: &str, answer: Result<FetchResponse, FetchError>) -> Self {
        self.served.push((place.into(), answer));
        self
    }

    /// At the next wait nobody is free.
    #[must_use]
    pub fn waits_in_vain(mut self) -> Self {
        let place = Position { position: 1, waiting: 1, estimate_ms: None, waited_ms: 0 };
        self.waits.push_back(WaitStatus::StillWaiting(place));
        self
    }

    /// At the next wait the person talks with this agent, who hangs up.
    #[must_use]
    pub fn talks_with(mut self, agent: &str) -> Self {
        let talk = Talk { agent: agent.into(), talked_ms: 60_000, ended_by: TalkEnd::Agent };
        self.waits.push_back(WaitStatus::Talked(talk));
        self
    }

    /// At the next wait the queue is closed.
    #[must_use]
    pub fn queue_closes(mut self) -> Self {
        self.waits.push_back(WaitStatus::Lost("closed".into()));
        self
    }

    /// An agent answers while the flow speaks to the waiting person.
    #[must_use]
    pub fn agent_answers_meanwhile(mut self) -> Self {
        self.answers_meanwhile = true;
        self
    }

    /// The next draw gives the option at this index; the first one if nothing is said.
    #[must_use]
    pub fn draws(mut self, index: u32) -> Self {
        self.draws.push_back(index);
        self
    }

    /// The tenant has this stored value.
    #[must_use]
    pub fn stored(mut self, key: &str, value: &str) -> Self {
        self.values.insert(key.into(), value.into());
        self
    }

    /// Lets the flow talk with this person.
    pub fn meets<F: Flow>(self) -> Talked {
        let state = Rc::new(RefCell::new(self));
        let end = end(F::run(&Contact::new(Scripted(Rc::clone(&state)))));
        let state = state.borrow();
        Talked { end, log: state.log.clone(), attributes: state.attributes.clone(), fetched: state.fetched.clone() }
    }

    fn answer(&mut self, question: &RawQuestion) -> Option<Answer> {
        let by = |fits: &dyn Fn(&super::Choice) -> bool| {
            question.choices.iter().find(|choice| fits(choice)).map(|choice| Answer::Choice(choice.id.clone()))
        };
        Some(match self.doings.pop_front()? {
            Doing::Nothing => Answer::Silence,
            Doing::Say(words) => by(&|choice| choice.words.contains(&words)).unwrap_or(Answer::Text(words)),
            Doing::Press(keys) => by(&|choice| choice.key.as_ref() == Some(&keys)).unwrap_or_else(|| {
                let Some(rule) = &question.digits else { return Answer::NoMatch(keys) };
                let end = rule.terminator.as_deref().unwrap_or_default();
                let typed = if end.is_empty() { &keys } else { keys.strip_suffix(end).unwrap_or(&keys) };
                let fits = (usize::from(rule.min)..=usize::from(rule.max)).contains(&typed.len());
                if fits { Answer::Digits(typed.to_owned()) } else { Answer::NoMatch(keys.clone()) }
            }),
        })
    }
}

impl Profile {
    /// Somebody for a test's directory.
    pub fn new(id: &str, display_name: Option<&str>, fields: &[(&str, &str)]) -> Self {
        let field = |(name, value): &(&str, &str)| Attribute { name: (*name).into(), value: (*value).into() };
        let fields = fields.iter().map(field).collect();
        Self { id: id.into(), display_name: display_name.map(str::to_owned), fields }
    }
}

/// The text of a prompt, as a person would read it.
fn spoken(prompt: &[PromptPart]) -> String {
    let part = |part: &PromptPart| match part {
        PromptPart::Text(text) => text.clone(),
        PromptPart::Recording(name) => format!("<{name}>"),
        PromptPart::Number(number) => number.to_string(),
        PromptPart::Digits(digits) => digits.clone(),
        PromptPart::Money(money) => format!("{} {}", money.minor, money.currency),
        PromptPart::Date(date) => format!("{}-{:02}-{:02}", date.year, date.month, date.day),
        PromptPart::PauseMs(_) => "…".into(),
    };
    prompt.iter().map(part).collect::<Vec<_>>().join(" ")
}

struct Scripted(Rc<RefCell<Person>>);

type Done = Result<(), ContactError>;

impl Scripted {
    fn note(&self, line: impl Into<String>) -> Done {
        self.0.borrow_mut().log.push(line.into());
        Ok(())
    }

    fn speak(&self, line: String) -> Done {
        self.note(line)?;
        let mut person = self.0.borrow_mut();
        let cut = person.queued && std::mem::take(&mut person.answers_meanwhile);
        if cut { Err(ContactError::Interrupted(Interruption::Connected)) } else { Ok(()) }
    }
}

impl Line for Scripted {
    fn id(&self) -> String {
        "test".into()
    }
    fn channel(&self) -> Channel {
        Channel::Voice
    }
    fn origin(&self) -> Address {
        address(&self.0.borrow().number)
    }
    fn dialled(&self) -> Address {
        address(&self.0.borrow().dialled)
    }
    fn attribute(&self, name: &str) -> Option<String> {
        self.0.borrow().attributes.get(name).cloned()
    }
    fn set_attribute(&self, name: &str, value: &str) -> Done {
        self.0.borrow_mut().attributes.insert(name.into(), value.into());
        self.note(format!("set {name}={value}"))
    }
    fn ring(&self) -> Done {
        self.note("ring")
    }
    fn answer(&self) -> Done {
        self.note("answer")
    }
    fn reject(&self, cause: RejectCause) -> Done {
        self.note(format!("reject {cause:?}"))
    }
    fn redirect(&self, target: &str) -> Done {
        self.note(format!("redirect {target}"))
    }
    fn say(&self, prompt: &[PromptPart]) -> Done {
        self.speak(format!("say {}", spoken(prompt)))
    }
    fn start_playing(&self, prompt: &[PromptPart], repeat: bool) -> Done {
        self.note(format!("{} {}", if repeat { "repeat" } else { "play" }, spoken(prompt)))
    }
    fn stop_playing(&self) -> Done {
        self.note("stop playing")
    }
    fn ask(&self, question: &RawQuestion) -> Result<Answer, ContactError> {
        self.speak(format!("ask {}: {}", question.id, spoken(&question.prompt)))?;
        self.0.borrow_mut().answer(question).ok_or(ContactError::Ended)
    }
    fn pause(&self, duration_ms: u32) -> Done {
        self.note(format!("pause {duration_ms} ms"))
    }
    fn lookup(&self, key: &LookupKey, _timeout_ms: u32) -> Result<Option<Profile>, LookupError> {
        let mut person = self.0.borrow_mut();
        person.log.push(format!("lookup {} {}", key.kind, key.value));
        if let Some(error) = &person.directory_fails {
            return Err(error.clone());
        }
        let found = person.known.iter().find(|(kind, value, _)| *kind == key.kind && *value == key.value);
        Ok(found.map(|(_, _, profile)| profile.clone()))
    }
    fn fetch(&self, request: &FetchRequest, timeout_ms: u32) -> Result<FetchResponse, FetchError> {
        let sent = Fetch { request: request.clone(), timeout_ms };
        let place = format!("{} {}", sent.method(), sent.url());
        let mut person = self.0.borrow_mut();
        person.log.push(format!("fetch {place}"));
        person.fetched.push(sent);
        let mut fits = (0..).zip(&person.served).filter(|(_, (of, _))| *of == place).map(|(at, _)| at);
        let (next, more) = (fits.next(), fits.next().is_some());
        let answer = match next {
            Some(next) if more => Some(person.served.remove(next)),
            Some(next) => person.served.get(next).cloned(),
            None => None,
        };
        let (_, answer) = answer.ok_or(FetchError::NotGranted)?;
        let wanted = |name: &str| request.wanted_headers.iter().any(|one| one.eq_ignore_ascii_case(name));
        answer.map(|mut response| {
            response.headers.retain(|header| wanted(&header.name));
            response
        })
    }
    fn load(&self, key: &str) -> Result<Option<String>, ValueError> {
        Ok(self.0.borrow().values.get(key).cloned())
    }
    fn store(&self, key: &str, value: Option<&str>) -> Result<(), ValueError> {
        let mut person = self.0.borrow_mut();
        person.log.push(format!("store {key}={}", value.unwrap_or("nothing")));
        match value {
            Some(value) => person.values.insert(key.into(), value.into()),
            None => person.values.remove(key),
        };
        Ok(())
    }
    fn choose(&self, name: &str, _weights: &[u32]) -> Result<u32, ContactError> {
        self.note(format!("choose {name}"))?;
        Ok(self.0.borrow_mut().draws.pop_front().unwrap_or(0))
    }
    fn enqueue(&self, request: &QueueRequest) -> Result<Box<dyn Queued>, ContactError> {
        if self.0.borrow().queued {
            return Err(ContactError::NotNow("another place is held".into()));
        }
        let at = if request.priority == 0 { String::new() } else { format!(" at {}", request.priority) };
        self.note(format!("enqueue {}{at}", request.queue))?;
        self.0.borrow_mut().queued = true;
        Ok(Box::new(ScriptedPlace(Rc::clone(&self.0))))
    }
    fn continue_as(&self, deployment: &str, _attributes: &[Attribute]) -> Done {
        self.note(format!("continue as {deployment}"))
    }
    fn end(&self, reason: &EndReason) {
        self.0.borrow_mut().log.push(format!("end {reason:?}"));
    }
}

fn address(number: &Option<String>) -> Address {
    let uri = format!("sip:{}@test.invalid", number.as_deref().unwrap_or("anonymous"));
    Address { uri, number: number.clone(), display_name: None }
}

struct ScriptedPlace(Rc<RefCell<Person>>);

impl Queued for ScriptedPlace {
    fn wait(&self, timeout_ms: u32) -> Result<WaitStatus, ContactError> {
        let mut person = self.0.borrow_mut();
        person.log.push(format!("wait {timeout_ms} ms"));
        if !(100..=3_600_000).contains(&timeout_ms) {
            return Err(ContactError::Invalid("timeout-ms".into()));
        }
        let status = person.waits.pop_front().ok_or(ContactError::Ended)?;
        person.queued = matches!(status, WaitStatus::StillWaiting(_));
        Ok(status)
    }
    fn wait_with(&self, _treatment: &Treatment, timeout_ms: u32) -> Result<WaitStatus, ContactError> {
        self.wait(timeout_ms)
    }
    fn leave(&self) {
        let mut person = self.0.borrow_mut();
        person.queued = false;
        person.log.push("leave".into());
    }
}
