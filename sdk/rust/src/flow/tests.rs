//! The layer over the contract, against the test host.

use super::testing::{Person, Talked};
use super::*;

/// A flow that is one closure's worth of calls.
macro_rules! run {
    ($person:expr, |$contact:ident| $body:expr) => {{
        struct Tried;
        impl Flow for Tried {
            fn run($contact: &Contact) -> Result<End> {
                $body
            }
        }
        let talked: Talked = $person.meets::<Tried>();
        talked
    }};
}

fn menu() -> Question {
    Question::menu("main", "Press 1.").choice("balance", "1", ["balance"]).choice("agent", "0", ["agent"])
}

#[test]
fn answers_are_those_of_the_question() {
    for (person, expected) in [
        (Person::new().press("1"), Answer::Choice("balance".into())),
        (Person::new().say("agent"), Answer::Choice("agent".into())),
        (Person::new().say("what"), Answer::Text("what".into())),
        (Person::new().press("7"), Answer::NoMatch("7".into())),
        (Person::new().silent(), Answer::Silence),
    ] {
        let talked = run!(person, |contact| Ok(End::Other(format!("{:?}", contact.ask(menu())?))));
        assert_eq!(talked.end, Ok(End::Other(format!("{expected:?}"))));
        assert_eq!(talked.log, ["ask main: Press 1."]);
    }
}

#[test]
fn insisting_asks_again_with_a_reason() {
    let person = Person::new().silent().press("7").press("0");
    let talked = run!(person, |contact| {
        let answer = contact.insist(menu(), 3)?;
        Ok(End::Other(answer.unwrap_or_default()))
    });
    assert_eq!(talked.end, Ok(End::Other("agent".into())));
    assert_eq!(
        talked.log,
        [
            "ask main: Press 1.",
            "ask main: Are you still there? Press 1.",
            "ask main: Sorry, I did not understand that. Press 1."
        ]
    );
    let talked = run!(Person::new().silent().silent(), |contact| match contact.insist(menu(), 2)? {
        Some(_) => Ok(End::Completed),
        None => Ok(End::Failed("silent".into())),
    });
    assert_eq!(talked.end, Ok(End::Failed("silent".into())));
}

#[test]
fn digits_keep_to_their_rule() {
    for (keys, expected) in [
        ("1001#", "Answer::Digits(\"1001\")"),
        ("1", "Answer::NoMatch(\"1\")"),
        ("12345", "Answer::NoMatch(\"12345\")"),
    ] {
        let talked = run!(Person::new().press(keys), |contact| {
            let question = Question::digits("account", "Your account?", 2, 4).secret().afresh();
            Ok(End::Other(format!("{:?}", contact.ask(question)?)))
        });
        assert_eq!(talked.end, Ok(End::Other(expected.into())));
    }
}

#[test]
fn hanging_up_is_an_end_and_other_errors_are_the_safe_flows() {
    let talked = run!(Person::new(), |contact| {
        contact.ask(menu())?;
        Ok(End::Completed)
    });
    assert_eq!(talked.end, Ok(End::Other("hung-up".into())));
    let talked = run!(Person::new(), |_contact| Err("no such day".into()));
    assert_eq!(talked.end, Err("no such day".into()));
    let down = Person::new().directory_fails(LookupError::Timeout);
    let talked = run!(down, |contact| {
        contact.lookup(("phone", "+15550001"))?;
        Ok(End::Completed)
    });
    assert_eq!(talked.end, Err("look-up: LookupError::Timeout".into()));
}

#[test]
fn people_are_known_by_their_keys() {
    let ada = Profile::new(
        "1001",
        Some("Ada"),
        &[("balance_minor", "1234"), ("currency", "EUR"), ("due_date", "2026-12-24"), ("odd", "x")],
    );
    assert_eq!(ada.money("balance_minor", "USD"), Some(Money::new(1234, "EUR")));
    assert_eq!(ada.money("odd", "USD"), None);
    assert_eq!(ada.date("due_date"), Some(Date::new(2026, 12, 24)));
    let person = Person::new().from("+15550001").known_by("phone", "+15550001", ada);
    let talked = run!(person, |contact| {
        let number = contact.origin().number.unwrap_or_default();
        let known = contact.lookup(Lookup::phone(number).within(1500.ms()))?;
        let unknown = contact.lookup(Lookup::account("7"))?;
        contact.set("customer", known.map(|profile| profile.id).unwrap_or_default())?;
        Ok(if unknown.is_none() { End::Completed } else { End::Failed("known".into()) })
    });
    assert_eq!(talked.end, Ok(End::Completed));
    assert_eq!(talked.log, ["lookup phone +15550001", "lookup account 7", "set customer=1001"]);
    assert_eq!(talked.attributes["customer"], "1001");
}

#[test]
fn a_place_is_left_unless_it_is_over() {
    let queueing = |person: Person| {
        run!(person, |contact| {
            let place = contact.enqueue(Queue::named("sales").priority(5).skill("german", 3))?.announcing(30.s());
            if place.say("Please hold.")? == Heard::Cut {
                contact.set("cut", "yes")?;
            }
            Ok(End::Other(format!("{:?}", matches!(place.wait(10.minutes())?, Waited::Talked(_)))))
        })
    };
    let start = ["enqueue sales at 5", "say Please hold."];
    let talked = queueing(Person::new().talks_with("7001"));
    assert_eq!(talked.log, [start.as_slice(), &["wait 600000 ms"]].concat(), "after a talk there is nothing to leave");
    let talked = queueing(Person::new().waits_in_vain());
    assert_eq!(talked.log, [start.as_slice(), &["wait 600000 ms", "leave"]].concat());
    let talked = queueing(Person::new());
    assert_eq!(talked.log, [start.as_slice(), &["wait 600000 ms"]].concat(), "who hangs up has left");
    assert_eq!(talked.end, Ok(End::Other("hung-up".into())));
    let talked = queueing(Person::new().agent_answers_meanwhile().talks_with("7001"));
    assert_eq!(talked.log, [start.as_slice(), &["set cut=yes", "wait 600000 ms"]].concat());
}

#[test]
fn a_place_that_could_not_be_waited_in_is_left() {
    let talked = run!(Person::new(), |contact| {
        let waited = contact.enqueue("sales")?.wait(120.minutes());
        assert_eq!(waited, Err(Error::Invalid("timeout-ms".into())));
        contact.enqueue("support")?;
        Ok(End::Completed)
    });
    assert_eq!(talked.log, ["enqueue sales", "wait 7200000 ms", "leave", "enqueue support", "leave"]);
}

#[test]
fn draws_and_stored_values() {
    let talked = run!(Person::new().draws(1).stored("open", "yes"), |contact| {
        let drawn = contact.choose("greeting", &[("short", 9), ("long", 1)])?;
        contact.store("last", drawn).map_err(Error::from)?;
        let open = contact.load("open").map_err(Error::from)?;
        contact.forget("open")?;
        Ok(End::Other(format!("{drawn} {open:?}")))
    });
    assert_eq!(talked.end, Ok(End::Other("long Some(\"yes\")".into())));
    assert_eq!(talked.log, ["choose greeting", "store last=long", "store open=nothing"]);
}

#[test]
fn back_ends_answer_in_their_order_and_only_what_is_wanted() {
    let place = "POST https://shop.example/orders";
    let person = Person::new()
        .serves(place, Err(FetchError::Busy))
        .serves(place, Ok(FetchResponse::new(201, "ok").with("Location", "/orders/1").with("server", "x")));
    let talked = run!(person, |contact| {
        let order = || {
            Fetch::post("https://shop.example/orders")
                .json("{}")
                .secret("authorization", "Bearer ", "shop-token")
                .wants("location")
                .within(2.s())
        };
        let first = contact.fetch(order());
        assert!(matches!(&first, Err(Error::Fetch(error)) if !error.may_be_done()), "{first:?}");
        let made = contact.fetch(order())?;
        assert_eq!((made.is_success(), made.text().as_str(), made.header("Location")), (true, "ok", Some("/orders/1")));
        assert_eq!(made.header("server"), None, "nobody wanted it");
        assert_eq!(contact.fetch(order()).map(|again| again.status), Ok(201), "the last one goes on");
        contact.fetch(Fetch::get("https://elsewhere.example/"))?;
        Ok(End::Completed)
    });
    assert_eq!(talked.end, Err("fetch: FetchError::NotGranted".into()));
    assert_eq!(talked.log[2..], [format!("fetch {place}"), "fetch GET https://elsewhere.example/".into()]);
    let sent = &talked.fetched[0];
    assert_eq!((sent.timeout_ms, sent.request.body.as_deref()), (2000, Some(b"{}".as_slice())));
    assert_eq!(Fetch::new("OPTIONS", "https://a/").method(), "OPTIONS");
}

#[test]
fn a_person_who_is_gone_ends_a_request_like_any_call() {
    let person = Person::new().serves("GET https://a/", Err(FetchError::Ended));
    let talked = run!(person, |contact| contact.fetch(Fetch::get("https://a/")).map(|_| End::Completed));
    assert_eq!(talked.end, Ok(End::Other("hung-up".into())));
}
