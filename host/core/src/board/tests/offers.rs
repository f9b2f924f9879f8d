//! Offers to agents: told before they ring, one at a time, and what becomes of them.

use super::*;
use crate::board::LegFailure;
use crate::decision::LeftOut;
use crate::record::OfferResult;

#[test]
fn the_screen_pop_is_told_before_the_phone_rings() {
    let mut desk = Desk::new();
    desk.seat(agent("ada", &[]));
    let call = desk.answered_call();
    desk.request(call, Request::SetAttribute("tier".into(), "gold".into()));
    desk.enqueue(call, 0);
    let effects = desk.taken();
    let pop = effects.iter().position(|effect| match effect {
        Effect::Tell(event) => {
            matches!(&event.what, What::ScreenPop { attributes, .. } if attributes["tier"] == "gold")
        }
        _ => false,
    });
    let ring = effects.iter().position(|effect| matches!(effect, Effect::CallAgent { timeout_ms: 20_000, .. }));
    assert!(pop.unwrap() < ring.unwrap());
    assert!(matches!(desk.state("ada"), AgentState::Reserved { contact } if contact == call.id));
}

#[test]
fn an_offer_that_fails_goes_to_the_next_agent() {
    for (result, reason) in [
        (OfferResult::TimedOut, "missed-offer"),
        (OfferResult::Declined, "declined-offer"),
        (OfferResult::Unreachable, "unreachable"),
    ] {
        let mut desk = Desk::new();
        desk.seat(agent("ada", &[]));
        desk.pass(1);
        desk.seat(agent("ben", &[]));
        let call = desk.answered_call();
        let place = desk.enqueue(call, 0);
        desk.request(call, wait(place, 600_000));
        desk.give(Input::Tick);
        let first = desk.board.legs.keys().next_back().copied().unwrap();
        match result {
            OfferResult::TimedOut => desk.pass(20_000),
            OfferResult::Declined => desk.give(Input::LegFailed(first, LegFailure::Declined)),
            _ => desk.give(Input::LegFailed(first, LegFailure::Unreachable)),
        }
        assert_eq!(desk.state("ada"), AgentState::NotReady { reason: reason.into() });
        let (next, contact, leg) = desk.rung().remove(0);
        assert_eq!((next, contact), (agent_id("ben"), call.id));
        assert_eq!(
            desk.wanted(|effect| matches!(effect, Effect::HangUpLeg(leg) if *leg == first)),
            result == OfferResult::TimedOut
        );
        desk.give(Input::LegAnswered(leg));
        // What comes late of the first offer is stale.
        desk.give(Input::LegAnswered(first));
        desk.hang_up(leg);
        desk.returns(call, FlowEnd::Completed);
        let offers = &desk.record(call).visits[0].offers;
        let results: Vec<_> = offers.iter().map(|offer| (offer.agent.as_str(), offer.result)).collect();
        assert_eq!(results, [("ada", result), ("ben", OfferResult::Answered)]);
    }
}

#[test]
fn a_want_of_room_costs_no_agent_their_turn() {
    let mut desk = Desk::new();
    desk.seat(agent("ada", &[]));
    let ready = desk.state("ada");
    desk.pass(500);
    let call = desk.answered_call();
    desk.enqueue(call, 0);
    let leg = desk.rung()[0].2;
    desk.taken();
    desk.give(Input::LegFailed(leg, LegFailure::Local));
    assert_eq!(desk.state("ada"), ready);
    assert!(desk.rung().is_empty(), "not at once: there is no room now");
    desk.pass(1_000);
    assert_eq!(desk.rung().len(), 1);
}

#[test]
fn a_want_of_room_in_one_queue_is_not_tried_again_at_once_in_another() {
    let mut desk = Desk::new();
    desk.give(Input::PutQueue(queue("sales")));
    let (first, second) = (desk.answered_call(), desk.answered_call());
    desk.enqueue(first, 0);
    desk.request(second, enqueue("sales", 0));
    desk.taken();
    desk.seat(agent("ada", &[]));
    let rung = desk.rung();
    assert_eq!(rung.len(), 1);
    desk.taken();
    desk.give(Input::LegFailed(rung[0].2, LegFailure::Local));
    assert!(desk.rung().is_empty());
    assert!(matches!(desk.state("ada"), AgentState::Ready { .. }));
    desk.pass(1_000);
    assert_eq!(desk.rung().len(), 1);
}

#[test]
fn who_asks_to_go_on_while_it_rings_goes_on() {
    let mut desk = Desk::new();
    desk.seat(agent("ada", &[]));
    let call = desk.answered_call();
    desk.enqueue(call, 0);
    desk.wants("ada", WantedState::Ready);
    desk.pass(20_000);
    assert!(matches!(desk.state("ada"), AgentState::Ready { .. }));
}

#[test]
fn an_offer_that_fails_gives_the_first_in_turn_another_agent_at_once() {
    let mut desk = Desk::new();
    desk.seat(agent("ada", &[]));
    let (first, second) = (desk.answered_call(), desk.answered_call());
    desk.enqueue(first, 5);
    let leg = desk.rung()[0].2;
    let skilled = QueueRequest { queue: "support".into(), priority: 0, skills: vec![need("french", 1)] };
    desk.request(second, Request::Enqueue(skilled));
    // Nobody suits the second: the queue looks no further for now.
    desk.seat(agent("ben", &[]));
    desk.taken();
    desk.give(Input::LegFailed(leg, LegFailure::Declined));
    let rung = desk.rung();
    assert_eq!((rung.len(), &rung[0].0, rung[0].1), (1, &agent_id("ben"), first.id));
}

#[test]
fn a_caller_who_gives_up_lets_the_agent_go() {
    let mut desk = Desk::new();
    desk.seat(agent("ada", &[]));
    let since = desk.state("ada");
    desk.pass(500);
    let call = desk.answered_call();
    desk.enqueue(call, 0);
    let leg = desk.rung()[0].2;
    desk.pass(2000);
    desk.hang_up(call.leg);
    assert!(desk.wanted(|effect| matches!(effect, Effect::HangUpLeg(hung) if *hung == leg)));
    assert_eq!(desk.state("ada"), since, "ready since as long as before");
    assert!(desk.told().iter().any(|what| matches!(what, What::OfferEnded { result: OfferResult::Withdrawn, .. })));
    let figures = desk.board.queues()[0].figures;
    assert_eq!((figures.offered, figures.abandoned, figures.answered), (1, 1, 0));
}

#[test]
fn who_missed_a_contact_is_not_offered_it_again_at_once() {
    let mut desk = Desk::new();
    desk.seat(agent("ada", &[]));
    let call = desk.answered_call();
    desk.enqueue(call, 0);
    let leg = desk.rung()[0].2;
    desk.taken();
    desk.give(Input::LegFailed(leg, LegFailure::Declined));
    desk.wants("ada", WantedState::Ready);
    assert!(desk.rung().is_empty(), "no loop at the network's speed");
    desk.pass(4_999);
    assert!(desk.rung().is_empty());
    desk.pass(1);
    assert_eq!(desk.rung().len(), 1);
}

#[test]
fn skills_and_levels_decide_who_may_serve() {
    let mut desk = Desk::new();
    desk.give(Input::PutQueue(Queue { skills: vec![need("billing", 3)], ..queue("support") }));
    desk.seat(agent("low", &[("billing", 2), ("french", 9)]));
    desk.seat(agent("none", &[]));
    desk.seat(Agent { queues: vec![queue_name("other")], ..agent("other", &[("billing", 9), ("french", 9)]) });
    desk.seat(agent("right", &[("billing", 3)]));
    desk.seat(agent("best", &[("billing", 3), ("french", 5)]));
    let call = desk.answered_call();
    let request = QueueRequest { queue: "support".into(), priority: 0, skills: vec![need("french", 5)] };
    desk.request(call, Request::Enqueue(request));
    assert_eq!(desk.rung()[0].0, agent_id("best"));
    let skill = |name: &str| LeftOut::Skill(name.into());
    let expected = [
        (agent_id("low"), skill("billing")),
        (agent_id("none"), skill("billing")),
        (agent_id("other"), LeftOut::Queue),
        (agent_id("right"), skill("french")),
    ];
    assert_eq!(desk.decisions[0].left_out, expected);
}

#[test]
fn the_longest_idle_is_served_first_without_a_scorer() {
    let mut desk = Desk::new();
    desk.seat(agent("zoe", &[]));
    desk.pass(1000);
    desk.seat(agent("ada", &[]));
    let call = desk.answered_call();
    desk.enqueue(call, 0);
    assert_eq!(desk.rung()[0].0, agent_id("zoe"));
    assert_eq!(desk.decisions[0].assigned, [(call.id, agent_id("zoe"))]);
}

#[test]
fn a_call_waits_until_somebody_is_ready() {
    let mut desk = Desk::new();
    desk.give(Input::PutAgent(agent("ada", &[])));
    let call = desk.answered_call();
    desk.enqueue(call, 0);
    desk.pass(60_000);
    assert!(desk.rung().is_empty() && desk.decisions.is_empty());
    desk.give(Input::PhoneRegistered(agent_id("ada")));
    assert_eq!(desk.rung().len(), 1);
}

#[test]
fn an_agent_who_hangs_up_before_the_line_is_up_has_declined() {
    let mut desk = Desk::new();
    desk.seat(agent("ada", &[]));
    let call = desk.call();
    desk.enqueue(call, 0);
    let leg = desk.rung()[0].2;
    desk.give(Input::LegAnswered(leg));
    desk.hang_up(leg);
    desk.give(Input::LegAnswered(call.leg));
    assert!(!desk.wanted(|effect| matches!(effect, Effect::Bridge(..))));
    assert_eq!(desk.board.contact(call.id).unwrap().state, "queued");
}
