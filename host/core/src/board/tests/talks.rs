//! Agent and person talk, and part (journal rule 22).

use super::*;
use crate::flow::{Talk, TalkEnd, Treatment};
use crate::record::VisitOutcome;

#[test]
fn a_call_from_the_first_ring_to_the_record() {
    let mut desk = Desk::new();
    desk.seat(agent("ada", &[]));
    let call = desk.call();
    assert_eq!(desk.request(call, Request::Say(text("Hello"))), None);
    assert!(desk.wanted(|effect| matches!(effect, Effect::AnswerLeg(_))), "the first `say` answers (rule 21)");
    desk.give(Input::LegAnswered(call.leg));
    desk.played(call.leg);
    assert_eq!(desk.reply(call), Some(Reply::Done));
    let place = desk.enqueue(call, 0);
    let (who, _, leg) = desk.rung().remove(0);
    assert_eq!(who, agent_id("ada"));
    desk.pass(3000);
    assert_eq!(desk.request(call, wait(place, 60_000)), None);
    desk.give(Input::LegAnswered(leg));
    assert!(desk.wanted(|effect| matches!(effect, Effect::Bridge(a, b) if *a == call.leg && *b == leg)));
    // The wait's time bounds waiting, not talking.
    desk.pass(100_000);
    assert_eq!(desk.reply(call), None);
    desk.hang_up(leg);
    let talk = Talk { agent: agent_id("ada"), talked_ms: 100_000, ended_by: TalkEnd::Agent };
    assert_eq!(desk.reply(call), Some(Reply::Waited(WaitStatus::Talked(talk))));
    assert!(desk.wanted(|effect| matches!(effect, Effect::Unbridge(..))));
    desk.returns(call, FlowEnd::Completed);
    assert!(desk.wanted(|effect| matches!(effect, Effect::HangUpLeg(leg) if *leg == call.leg)));
    let record = desk.record(call);
    assert_eq!((record.end.clone(), record.visits.len()), (EndReason::Completed, 1));
    assert_eq!(record.visits[0].outcome, VisitOutcome::Answered { agent: agent_id("ada"), talked_ms: 100_000 });
    assert!(record.journal_durable);
    assert_eq!(desk.board.contact_count(), 0);
    assert!(matches!(desk.state("ada"), AgentState::Ready { .. }));
}
