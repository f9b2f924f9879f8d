//! The conversation: who says what when. Every call of [`Conversation`] may wait; none needs a thread or a callback.

use crate::bindings::cordboard::flow::types::{
    Answer, Choice, ContactError, DigitsRule, EndReason, Interruption, LookupError, LookupKey, Profile, PromptPart,
    Question, QueueRequest, Treatment, TypeAhead, WaitStatus,
};
use crate::settings::{Customer, Settings};
use std::convert::Infallible;

const LOOKUP_TIMEOUT_MS: u32 = 1_500;
const SILENCE_TIMEOUT_MS: u32 = 5_000;
const KEY_TIMEOUT_MS: u32 = 3_000;
const ANNOUNCE_POSITION_EVERY_MS: u32 = 30_000;
/// After so long in the queue, the caller hears from us.
const WAIT_MS: u32 = 60_000;
/// So often a caller may be silent before we say goodbye.
const MAX_SILENT: u32 = 2;
/// At so many wrong keys or numbers, an agent takes over.
const MAX_WRONG: u32 = 3;

/// What the dialogue needs of the flow contract: the contact itself, or a test's script.
pub(crate) trait Conversation {
    /// A place in a queue.
    type Place;
    fn caller_number(&self) -> Option<String>;
    fn set_attribute(&self, name: &str, value: &str) -> Result<(), ContactError>;
    fn ring(&self) -> Result<(), ContactError>;
    fn say(&self, prompt: &[PromptPart]) -> Result<(), ContactError>;
    fn ask(&self, question: &Question) -> Result<Answer, ContactError>;
    fn lookup(&self, key: &LookupKey, timeout_ms: u32) -> Result<Option<Profile>, LookupError>;
    fn enqueue(&self, request: &QueueRequest) -> Result<Self::Place, ContactError>;
    fn wait(&self, place: &Self::Place, treatment: &Treatment, timeout_ms: u32) -> Result<WaitStatus, ContactError>;
    fn leave(&self, place: &Self::Place);
}

/// What leads out of self-service.
enum Exit {
    /// To an agent: asked for, or we could not help.
    Agent,
    /// Nobody answers any more.
    Silent,
    /// The contact is over, or the host refused a call.
    Contact(ContactError),
}

impl From<ContactError> for Exit {
    fn from(error: ContactError) -> Self {
        Self::Contact(error)
    }
}

/// What a directory answered.
enum Found {
    Customer(Customer),
    Nobody,
    /// It gave no answer: no reason to trouble the caller.
    Unknowable,
}

/// The conversation from its beginning to its end. To hang up is everybody's right, and no error.
///
/// # Errors
/// What the host refused, for its log; the caller is then helped by the safe flow.
pub(crate) fn run<C: Conversation>(c: &C, settings: &Settings) -> Result<EndReason, String> {
    let mut customer = None;
    let end = match self_service(c, settings, &mut customer) {
        Ok(never) => match never {},
        Err(Exit::Agent) => queue(c, settings, customer.as_ref()),
        Err(Exit::Silent) => c.say(&[text("Thank you for calling. Goodbye.")]).map(|()| EndReason::Completed),
        Err(Exit::Contact(error)) => Err(error),
    };
    match end {
        Ok(reason) => Ok(reason),
        Err(ContactError::Ended) => Ok(EndReason::Other("hung-up".into())),
        Err(ContactError::TakenOver) => Ok(EndReason::Other("taken-over".into())),
        Err(error) => Err(error.to_string()),
    }
}

/// Greeting, identification, menu; over and over until something leads out.
fn self_service<C: Conversation>(c: &C, s: &Settings, known: &mut Option<Customer>) -> Result<Infallible, Exit> {
    // The caller hears it ring while the directory is asked. `not-now`: another flow answered before.
    match c.ring() {
        Ok(()) | Err(ContactError::NotNow(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let found = match c.caller_number() {
        Some(number) => look_up(c, s, "phone", number)?,
        None => Found::Nobody,
    };
    c.say(&greeting(s, &found))?;
    let customer = known.insert(match found {
        Found::Customer(customer) => customer,
        Found::Nobody => ask_account(c, s)?,
        Found::Unknowable => return Err(Exit::Agent),
    });
    c.set_attribute("customer-id", &customer.id)?;
    for (name, value) in [("customer-name", &customer.name), ("tier", &customer.tier)] {
        if let Some(value) = value {
            c.set_attribute(name, value)?;
        }
    }
    let mut chosen: Vec<String> = Vec::new();
    loop {
        let choice = ask_patiently(c, main_menu())?;
        if choice != "repeat" && !chosen.contains(&choice) {
            chosen.push(choice.clone());
            c.set_attribute("chosen", &chosen.join(","))?;
        }
        match choice.as_str() {
            "balance" => c.say(&balance(customer))?,
            "payment" => c.say(&payment(customer))?,
            "agent" => return Err(Exit::Agent),
            _ => {}
        }
    }
}

fn look_up<C: Conversation>(c: &C, s: &Settings, kind: &str, value: String) -> Result<Found, Exit> {
    let key = LookupKey { directory: None, kind: kind.into(), value };
    match c.lookup(&key, LOOKUP_TIMEOUT_MS) {
        Ok(Some(profile)) => Ok(Found::Customer(Customer::new(&profile, &s.currency))),
        Ok(None) => Ok(Found::Nobody),
        Err(LookupError::Ended) => Err(ContactError::Ended.into()),
        Err(_) => Ok(Found::Unknowable),
    }
}

fn ask_account<C: Conversation>(c: &C, s: &Settings) -> Result<Customer, Exit> {
    for _ in 0..MAX_WRONG {
        let number = ask_patiently(c, account_number())?;
        match look_up(c, s, "account", number)? {
            Found::Customer(customer) => return Ok(customer),
            Found::Nobody => c.say(&[text("We could not find your account.")])?,
            Found::Unknowable => break,
        }
    }
    Err(Exit::Agent)
}

/// Asks until the answer is a choice or digits.
fn ask_patiently<C: Conversation>(c: &C, mut question: Question) -> Result<String, Exit> {
    let wording = question.prompt.clone();
    let (mut silent, mut wrong) = (0, 0);
    loop {
        let before = match c.ask(&question)? {
            Answer::Choice(answer) | Answer::Digits(answer) => return Ok(answer),
            Answer::Silence if silent == MAX_SILENT => return Err(Exit::Silent),
            Answer::Silence => {
                silent += 1;
                "Are you still there?"
            }
            Answer::NoMatch(_) | Answer::Text(_) => {
                wrong += 1;
                if wrong == MAX_WRONG {
                    return Err(Exit::Agent);
                }
                // Whoever is lost starts afresh: what else was typed meant something else.
                question.type_ahead = TypeAhead::Flush;
                "Sorry, I did not understand that."
            }
        };
        question.prompt = std::iter::once(text(before)).chain(wording.iter().cloned()).collect();
    }
}

/// From the place in the queue to the goodbye.
fn queue<C: Conversation>(c: &C, s: &Settings, customer: Option<&Customer>) -> Result<EndReason, ContactError> {
    let priority = s.priority(customer.and_then(|customer| customer.tier.as_deref()));
    let place = c.enqueue(&QueueRequest { queue: s.queue.clone(), priority, skills: Vec::new() })?;
    say_while_queued(c, "Please hold while we connect you to an agent.")?;
    let treatment = Treatment { music: None, announce_position_every_ms: ANNOUNCE_POSITION_EVERY_MS };
    let mut left_ms = s.max_wait_ms;
    while left_ms > 0 {
        let timeout_ms = left_ms.min(WAIT_MS);
        left_ms -= timeout_ms;
        match c.wait(&place, &treatment, timeout_ms)? {
            WaitStatus::StillWaiting(_) => {
                if say_while_queued(c, "All our agents are busy.")? == Heard::Cut {
                    // The next wait returns when the talk is over, however little time was left to wait.
                    left_ms = left_ms.max(WAIT_MS);
                }
            }
            WaitStatus::Talked(_) => return after_talk(c, s),
            WaitStatus::Lost(reason) => {
                say_while_queued(c, SORRY)?;
                return Ok(EndReason::Failed(reason));
            }
        }
    }
    // An agent who answers just now keeps the place: leaving does nothing then.
    c.leave(&place);
    match say_while_queued(c, SORRY)? {
        Heard::Whole => Ok(EndReason::Failed(format!("no agent within {} s", s.max_wait_ms / 1000))),
        Heard::Cut => match c.wait(&place, &treatment, WAIT_MS)? {
            WaitStatus::Talked(_) => after_talk(c, s),
            WaitStatus::StillWaiting(_) | WaitStatus::Lost(_) => Ok(EndReason::Failed("the agent was lost".into())),
        },
    }
}

const SORRY: &str = "Sorry. All our agents are busy. Thank you for calling. Goodbye.";

/// How much of what was said was heard.
#[derive(PartialEq)]
enum Heard {
    Whole,
    /// An agent answered: the next wait tells how the talk went.
    Cut,
}

fn say_while_queued<C: Conversation>(c: &C, what: &str) -> Result<Heard, ContactError> {
    match c.say(&[text(what)]) {
        Ok(()) => Ok(Heard::Whole),
        Err(ContactError::Interrupted(Interruption::Connected)) => Ok(Heard::Cut),
        Err(error) => Err(error),
    }
}

fn after_talk<C: Conversation>(c: &C, s: &Settings) -> Result<EndReason, ContactError> {
    if s.survey
        && let Answer::Choice(mark) = c.ask(&survey())?
    {
        c.set_attribute("survey", &mark)?;
        c.say(&[text("Thank you.")])?;
    }
    c.say(&[text("Thank you for calling. Goodbye.")])?;
    Ok(EndReason::Completed)
}

fn greeting(s: &Settings, found: &Found) -> Vec<PromptPart> {
    let hello = match found {
        Found::Customer(Customer { name: Some(name), .. }) => format!("Hello, {name}."),
        Found::Customer(_) | Found::Nobody | Found::Unknowable => "Hello.".into(),
    };
    [s.version_label.as_str(), &s.greeting, &hello].into_iter().filter(|part| !part.is_empty()).map(text).collect()
}

fn balance(customer: &Customer) -> Vec<PromptPart> {
    match &customer.balance {
        Some(money) => vec![text("Your balance is"), PromptPart::Money(money.clone())],
        None => vec![text("We could not find your account.")],
    }
}

fn payment(customer: &Customer) -> Vec<PromptPart> {
    let Some(money) = &customer.minimum_payment else {
        return vec![text("We could not find your account.")];
    };
    let mut prompt = vec![text("Your minimum payment is"), PromptPart::Money(money.clone())];
    if let Some(due) = customer.due {
        prompt.extend([PromptPart::PauseMs(300), text("Your payment is due on"), PromptPart::Date(due)]);
    }
    prompt
}

fn main_menu() -> Question {
    let wording = "To hear your balance, press 1. To hear your minimum payment, press 2. To repeat, press 9. \
                   To speak to an agent, press 0.";
    let choices = vec![
        choice("balance", "1", &["balance"]),
        choice("payment", "2", &["payment", "minimum payment"]),
        choice("repeat", "9", &["repeat"]),
        choice("agent", "0", &["agent", "operator"]),
    ];
    question("main-menu", wording, choices, None)
}

fn account_number() -> Question {
    let digits = DigitsRule { min: 1, max: 12, terminator: Some("#".into()) };
    question("account-number", "Please enter your account number, followed by the hash key.", Vec::new(), Some(digits))
}

fn survey() -> Question {
    let choices = ["1", "2", "3", "4", "5"].map(|mark| choice(mark, mark, &[mark]));
    question("survey", "How was your call? Press a number from one to five.", choices.into(), None)
}

fn question(id: &str, wording: &str, choices: Vec<Choice>, digits: Option<DigitsRule>) -> Question {
    Question {
        id: id.into(),
        prompt: vec![text(wording)],
        choices,
        digits,
        silence_timeout_ms: SILENCE_TIMEOUT_MS,
        key_timeout_ms: KEY_TIMEOUT_MS,
        type_ahead: TypeAhead::Keep,
        secret: false,
    }
}

fn choice(id: &str, key: &str, words: &[&str]) -> Choice {
    Choice { id: id.into(), key: Some(key.into()), words: words.iter().map(|&word| word.into()).collect() }
}

fn text(text: &str) -> PromptPart {
    PromptPart::Text(text.into())
}
