//! {{name}}: greets callers by name, tells their balance, and hands over to an agent on request.

use cordboard_sdk::config;
use cordboard_sdk::flow::*;

struct {{Name}};
cordboard_sdk::flow!({{Name}});

impl Flow for {{Name}} {
    fn run(contact: &Contact) -> Result<End> {
        let customer = find(contact)?;
        contact.say(greeting(customer.as_ref()))?;
        loop {
            match contact.insist(menu(), 3)?.as_deref() {
                Some("balance") => contact.say(balance(customer.as_ref()))?,
                Some("agent") => return talk_to_agent(contact),
                Some(_) => {}
                None => {
                    contact.say("Thank you for calling. Goodbye.")?;
                    return Ok(End::Failed("no answer at the menu".into()));
                }
            }
        }
    }
}

fn menu() -> Question {
    Question::menu("main-menu", "To hear your balance, press 1. To speak to an agent, press 0.")
        .choice("balance", "1", ["balance"])
        .choice("agent", "0", ["agent", "operator"])
        .silence(5.s())
}

/// Who is calling, if the directory knows. That it doesn't answer is no reason to turn anybody away.
fn find(contact: &Contact) -> Result<Option<Profile>> {
    let Some(number) = contact.origin().number else { return Ok(None) };
    let profile = match contact.lookup(Lookup::phone(number).within(1500.ms())) {
        Ok(profile) => profile,
        Err(Error::Lookup(_)) => None,
        Err(error) => return Err(error),
    };
    if let Some(profile) = &profile {
        // Agents see it on their screens, scorers and records have it too.
        contact.set("customer-id", &profile.id)?;
    }
    Ok(profile)
}

fn greeting(customer: Option<&Profile>) -> Prompt {
    match customer.and_then(|customer| customer.display_name.as_deref()) {
        Some(name) => format!("Hello, {name}.").into(),
        None => "Hello.".into(),
    }
}

fn balance(customer: Option<&Profile>) -> Prompt {
    let Some(money) = customer.and_then(|customer| customer.money("balance_minor", "USD")) else {
        return "We could not find your account.".into();
    };
    let balance = prompt!("Your balance is", money);
    match customer.and_then(|customer| customer.date("due_date")) {
        Some(due) => balance.then(pause(300.ms())).then("Your payment is due on").then(due),
        None => balance,
    }
}

fn talk_to_agent(contact: &Contact) -> Result<End> {
    let queue = config::get_or("queue", "default");
    // Whoever leaves this function without a talk leaves the queue.
    let place = contact.enqueue(queue)?.announcing(30.s());
    place.say("Please hold while we connect you to an agent.")?;
    match place.wait(10.minutes())? {
        Waited::Talked(_) => {}
        Waited::StillWaiting(_) => {
            place.leave();
            contact.say("Sorry. All our agents are busy. Goodbye.")?;
            return Ok(End::Failed("no agent within 10 minutes".into()));
        }
        Waited::Lost(why) => {
            contact.say("Sorry. All our agents are busy. Goodbye.")?;
            return Ok(End::Failed(why));
        }
    }
    contact.say("Thank you for calling. Goodbye.")?;
    Ok(End::Completed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_sdk::flow::testing::Person;

    fn ada() -> Person {
        let fields = [("balance_minor", "123456"), ("currency", "EUR"), ("due_date", "2026-12-24")];
        let profile = Profile::new("1001", Some("Ada Lovelace"), &fields);
        Person::new().from("+15550001").known_by("phone", "+15550001", profile)
    }

    #[test]
    fn a_customer_hears_the_balance_and_talks_to_an_agent() {
        let talk = ada().press("1").press("0").talks_with("7001").meets::<{{Name}}>();
        assert_eq!(talk.end, Ok(End::Completed));
        assert_eq!(talk.attributes["customer-id"], "1001");
        assert!(talk.log.contains(&"say Hello, Ada Lovelace.".into()), "{:#?}", talk.log);
        assert!(
            talk.log.contains(&"say Your balance is 123456 EUR … Your payment is due on 2026-12-24".into()),
            "{:#?}",
            talk.log
        );
        assert!(talk.log.contains(&"enqueue default".into()), "{:#?}", talk.log);
    }

    #[test]
    fn the_directory_may_fail_and_the_caller_may_be_silent() {
        let person = ada().directory_fails(LookupError::Timeout).silent().silent().silent();
        let talk = person.meets::<{{Name}}>();
        assert_eq!(talk.end, Ok(End::Failed("no answer at the menu".into())));
    }

    #[test]
    fn who_waits_in_vain_leaves_the_queue() {
        let talk = ada().press("0").waits_in_vain().meets::<{{Name}}>();
        assert!(talk.log.contains(&"leave".into()), "{:#?}", talk.log);
    }
}
