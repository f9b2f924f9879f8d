//! Places in queues: their order, what is heard, how they end.

use super::*;
use crate::flow::{Place, Treatment};
use crate::record::VisitOutcome;

#[test]
fn a_wait_tells_the_place_when_its_time_has_passed() {
    let mut desk = Desk::new();
    let first = desk.answered_call();
    let second = desk.answered_call();
    desk.enqueue(first, 0);
    let place = desk.enqueue(second, 0);
    desk.request(second, wait(place, 1000));
    desk.pass(1000);
    let expected = Place { position: 2, waiting: 2, estimate_ms: None, waited_ms: 1000 };
    assert_eq!(waited(desk.reply(second)), WaitStatus::StillWaiting(expected));
}

#[test]
fn the_order_is_priority_then_age() {
    let mut desk = Desk::new();
    let calls: Vec<_> = [0, 5, 0, 5]
        .into_iter()
        .map(|priority| {
            desk.pass(10);
            let call = desk.answered_call();
            desk.enqueue(call, priority);
            call.id
        })
        .collect();
    desk.seat(agent("ada", &[]));
    let mut served = vec![];
    for _ in 0..4 {
        let (_, contact, leg) = *desk.rung().last().unwrap();
        served.push(contact);
        desk.give(Input::LegAnswered(leg));
        desk.taken();
        desk.hang_up(leg);
    }
    assert_eq!(served, [calls[1], calls[3], calls[0], calls[2]]);
    let figures = desk.board.queues()[0].figures;
    assert_eq!((figures.offered, figures.answered, figures.answered_in_time), (4, 4, 4));
}

#[test]
fn rule_7_an_hours_wait_is_one_entry() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    let place = desk.enqueue(call, 0);
    let treatment = Some(Treatment { music: None, announce_position_every_ms: 30_000 });
    desk.request(call, Request::Wait { waiting: place, treatment, timeout_ms: 3_600_000 });
    let entries = desk.last_entry(call);
    assert_eq!(desk.playing(call.leg).unwrap().1, Prompt(vec![PromptPart::Recording("hold music".into())]));
    desk.pass(30_000);
    let said = Prompt(vec![
        PromptPart::Text("You are number".into()),
        PromptPart::Number(1),
        PromptPart::Text("in the queue.".into()),
    ]);
    assert_eq!(desk.playing(call.leg).unwrap().1, said);
    desk.played(call.leg);
    assert_eq!(desk.playing(call.leg).unwrap().1, Prompt(vec![PromptPart::Recording("hold music".into())]));
    desk.pass(3_569_000);
    assert_eq!(desk.last_entry(call), entries);
    desk.pass(1000);
    assert!(matches!(waited(desk.reply(call)), WaitStatus::StillWaiting(_)));
    assert!(desk.wanted(|effect| matches!(effect, Effect::StopPlay { .. })), "the music ends with the wait");
}

#[test]
fn music_that_cannot_be_played_is_not_tried_again_and_again() {
    let mut desk = Desk::new();
    let call = desk.answered_call();
    let place = desk.enqueue(call, 0);
    let treatment = Some(Treatment { music: Some("gone".into()), announce_position_every_ms: 0 });
    desk.request(call, Request::Wait { waiting: place, treatment, timeout_ms: 60_000 });
    desk.played(call.leg);
    desk.taken();
    desk.pass(59_000);
    assert!(desk.playing(call.leg).is_none());
}

#[test]
fn a_full_queue_is_a_limit() {
    let mut desk = Desk::new();
    desk.give(Input::PutQueue(Queue { max_waiting: 1, ..queue("support") }));
    let (first, second) = (desk.answered_call(), desk.answered_call());
    let place = desk.enqueue(first, 0);
    assert!(matches!(desk.request(first, enqueue("support", 0)), Some(Reply::Failed(ContactError::NotNow(_)))));
    assert!(matches!(desk.request(second, enqueue("support", 0)), Some(Reply::Failed(ContactError::Limit(_)))));
    for _ in 0..2 {
        assert_eq!(desk.request(first, Request::Leave { waiting: place }), Some(Reply::Done), "twice does nothing");
    }
    desk.enqueue(second, 0);
}

#[test]
fn places_end_as_the_table_says() {
    for (how, outcome) in [
        ("hang up", VisitOutcome::Abandoned),
        ("leave", VisitOutcome::Left),
        ("return", VisitOutcome::Left),
        ("end", VisitOutcome::Left),
        ("operator", VisitOutcome::Left),
        ("remove", VisitOutcome::Lost("the queue `support` was removed".into())),
    ] {
        let mut desk = Desk::new();
        let call = desk.answered_call();
        let place = desk.enqueue(call, 0);
        match how {
            "hang up" => desk.hang_up(call.leg),
            "leave" => assert_eq!(desk.request(call, Request::Leave { waiting: place }), Some(Reply::Done)),
            "return" => desk.returns(call, FlowEnd::Completed),
            "end" => assert_eq!(desk.request(call, Request::End(FlowEnd::Completed)), Some(Reply::Done)),
            "operator" => desk.give(Input::EndContact(call.id)),
            _ => {
                desk.give(Input::RemoveQueue(queue_name("support")));
                assert!(matches!(waited(desk.request(call, wait(place, 1000))), WaitStatus::Lost(_)));
            }
        }
        desk.hang_up(call.leg);
        desk.returns(call, FlowEnd::Completed);
        let visits = &desk.record(call).visits;
        assert_eq!(visits.iter().map(|visit| &visit.outcome).collect::<Vec<_>>(), [&outcome], "{how}");
        assert!(desk.board.queues().iter().all(|view| view.waiting == 0));
    }
}

#[test]
fn a_queue_that_goes_away_ends_the_wait() {
    let mut desk = Desk::new();
    desk.seat(agent("ada", &[]));
    let call = desk.answered_call();
    let place = desk.enqueue(call, 0);
    desk.request(call, wait(place, 10_000));
    desk.give(Input::RemoveQueue(queue_name("support")));
    assert!(matches!(waited(desk.reply(call)), WaitStatus::Lost(_)));
    assert!(matches!(desk.state("ada"), AgentState::Ready { .. }), "the offer was withdrawn");
}

#[test]
fn an_estimate_needs_a_pace() {
    let mut desk = Desk::new();
    desk.seat(agent("ada", &[]));
    for _ in 0..4 {
        let call = desk.answered_call();
        desk.enqueue(call, 0);
        let leg = desk.rung()[0].2;
        desk.give(Input::LegAnswered(leg));
        desk.pass(60_000);
        desk.hang_up(leg);
        desk.returns(call, FlowEnd::Completed);
    }
    desk.wants("ada", WantedState::NotReady { reason: "break".into() });
    let call = desk.answered_call();
    let place = desk.enqueue(call, 0);
    desk.request(call, wait(place, 100));
    desk.pass(100);
    let WaitStatus::StillWaiting(place) = waited(desk.reply(call)) else { panic!("not waiting") };
    assert_eq!(place.estimate_ms, Some(60_025), "four answers in four minutes");
}
